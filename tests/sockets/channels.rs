//! Who follows what, and gets it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{AUCTION, Client, World, bid, named};

const OTHER: &str = "11111111-2222-4333-8444-555555555555";
const NOWHERE: &str = "99999999-9999-4999-8999-999999999999";

fn world() -> World {
    let world = World::start();
    world.open_auction();
    world
}

fn kinds(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["type"].as_str().expect("a type")).collect()
}

/// Waits until everybody before `client` has been served: a bid of its own comes back.
fn offsets(messages: &[Value]) -> Vec<u64> {
    messages.iter().filter_map(|message| message["payload"]["offset"].as_u64()).collect()
}

#[test]
fn each_channel_confirms_and_tells_its_present_state() {
    let world = world();
    world.put_prices("ETH", "2500.0");
    let mut client = world.trader("alice");
    let subscribed = client.subscribe("auction", json!({}));
    assert_eq!(subscribed["payload"]["channel"], "auction");
    assert_eq!(subscribed["payload"]["auction_id"], AUCTION);
    assert_eq!(subscribed["payload"]["epoch"], "test");
    let state = client.expect("auction_update");
    assert_eq!(state["payload"]["status"], "active");
    assert_eq!(state["payload"]["supply_available"], 1000.0);
    assert_eq!(state["payload"]["time_remaining_ms"], 3_600_000);

    client.say(json!({"type": "subscribe", "channel": "market_data"}));
    assert_eq!(client.expect("subscribed")["payload"]["auction_id"], "global");
    assert_eq!(client.expect("price_update")["payload"]["prices"]["usd"], 2500.0);
    client.subscribe("settlement", json!({}));
    client.subscribe("bids", json!({"snapshot": true}));
    assert_eq!(client.expect("bids_snapshot")["payload"]["bids"], json!([]));
    client.say(json!({"type": "list_subscriptions", "correlation_id": "l"}));
    let listed = client.expect("subscriptions");
    let channels: Vec<&Value> = listed["payload"]["subscriptions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["channel"])
        .collect();
    assert_eq!(channels, ["auction", "market_data", "settlement", "bids"]);
}

#[test]
fn bids_reach_followers_once_in_order_and_the_bidder_by_its_reply_first() {
    let world = world();
    let mut watcher = world.subscriber("watcher", "bids");
    watcher.say(json!({"type": "subscribe", "channel": "bids"}));
    watcher.expect("subscribed");
    let mut bidder = world.subscriber("bob", "bids");
    let mut second = world.subscriber("bob", "bids");
    let mut elsewhere = world.trader("bob");
    for number in 0..20 {
        bidder.say(named(bid(number + 1, 2.5), &format!("b-{number}")));
    }
    for number in 1..=20 {
        let accepted = bidder.expect("bid_accepted");
        assert_eq!(accepted["payload"]["client_bid_id"], format!("b-{}", number - 1));
        let public = bidder.expect("new_bid");
        assert_eq!(public["payload"]["offset"], accepted["payload"]["offset"]);
        assert_eq!(public["payload"].get("client_bid_id"), None, "nobody learns whose it is");
        assert_eq!(watcher.expect("new_bid")["payload"]["quantity"], number as f64, "once");
        assert_eq!(kinds(&[second.message(), second.message()]), ["bid_accepted", "new_bid"]);
    }
    assert_eq!(kinds(&elsewhere.all()), [] as [&str; 0], "it follows nothing");
}

#[test]
fn filters_leave_out_what_was_not_asked_for() {
    let world = world();
    let mut large = world.trader("watcher");
    large.subscribe("bids", json!({"min_quantity": 100}));
    let mut others = world.trader("bob");
    others.subscribe("bids", json!({"include_own": false}));
    let mut spread = world.trader("spread");
    spread.say(json!({"type": "subscribe", "channel": "bids", "min_quantity": 99.5}));
    spread.expect("subscribed");
    let mut alice = world.trader("alice");
    for quantity in [99, 100, 101] {
        others.say(bid(quantity, 1.0));
        others.expect("bid_accepted");
        alice.say(bid(quantity, 2.0));
        alice.expect("bid_accepted");
        assert_eq!(others.expect("new_bid")["payload"]["price"], 2.0, "not its own");
    }
    let seen = |client: &mut Client| -> Vec<Value> {
        client.all().iter().map(|message| message["payload"]["quantity"].clone()).collect()
    };
    assert_eq!(seen(&mut large), [100.0, 100.0, 101.0, 101.0]);
    assert_eq!(seen(&mut spread), [100.0, 100.0, 101.0, 101.0], "options at the top level, all auctions");
}

#[test]
fn all_auctions_are_one_subscription_without_duplicates() {
    let world = world();
    let mut client = world.trader("alice");
    client.say(json!({"type": "subscribe", "channel": "auction", "auction_id": "global"}));
    client.expect("subscribed");
    client.expect("auction_update");
    client.subscribe("auction", json!({"interval_ms": 0}));
    client.expect("auction_update");
    world.create(OTHER, json!({}));
    assert_eq!(client.expect("auction_created")["payload"]["auction_id"], OTHER);
    let update = client.expect("auction_update");
    assert_eq!(update["payload"]["auction_id"], OTHER);
    let mut bidder = world.trader("bob");
    bidder.say(bid(1, 1.0));
    bidder.expect("bid_accepted");
    assert_eq!(client.expect("auction_update")["payload"]["total_bids"], 1);
    assert_eq!(client.all(), [] as [Value; 0], "the one to all auctions leaves this one to the other");
    world.cancel(OTHER);
    assert_eq!(client.expect("auction_cancelled")["payload"]["auction_id"], OTHER);
}

#[test]
fn unsubscribing_ends_it_and_may_be_repeated() {
    let world = world();
    let mut client = world.subscriber("alice", "bids");
    for _ in 0..2 {
        client.say(
            json!({"type": "unsubscribe", "channel": "bids", "auction_id": AUCTION, "correlation_id": "u"}),
        );
        let ended = client.expect("unsubscribed");
        assert_eq!(
            ended["payload"],
            json!({"channel": "bids", "auction_id": AUCTION, "reason": "requested"})
        );
        assert_eq!(ended["correlation_id"], "u");
    }
    let mut bidder = world.subscriber("bob", "bids");
    bidder.say(bid(1, 1.0));
    bidder.until("new_bid");
    assert_eq!(client.all(), [] as [Value; 0]);
    client.say(json!({"type": "unsubscribe", "channel": "bids", "auction_id": "global"}));
    assert_eq!(client.expect("unsubscribed")["payload"]["auction_id"], "global");
}

#[test]
pub fn what_cannot_be_followed_is_refused_with_its_reason() {
    let world = world();
    world.create(OTHER, json!({}));
    world.close(OTHER);
    let mut client = world.trader("alice");
    let mut refused = |message: Value, code: &str| {
        client.say(message);
        client.refused(code)
    };
    let subscribe = |channel: &str, auction: &str| json!({"type": "subscribe", "channel": channel, "auction_id": auction});
    assert_eq!(refused(subscribe("weather", AUCTION), "SUBSCRIPTION_FAILED"), json!({"channel": "weather"}));
    assert_eq!(refused(subscribe("bids", NOWHERE), "AUCTION_NOT_FOUND"), json!({"auction_id": NOWHERE}));
    assert_eq!(refused(subscribe("bids", "no id"), "AUCTION_NOT_FOUND"), json!({"auction_id": "no id"}));
    let ended = refused(subscribe("auction", OTHER), "SUBSCRIPTION_FAILED");
    assert_eq!((&ended["auction_id"], &ended["status"]), (&json!(OTHER), &json!("completed")));
    assert!(ended.get("completed_at").is_some() && ended.get("clearing_price").is_some(), "{ended}");
    let mut wrong = subscribe("bids", AUCTION);
    wrong["options"] = json!({"include_own": "yes"});
    assert_eq!(refused(wrong, "SUBSCRIPTION_FAILED")["option"], "include_own");
    client.say(subscribe("settlement", OTHER));
    client.expect("subscribed");
}

#[test]
fn the_fifty_first_subscription_is_refused_and_a_freed_place_can_be_used() {
    let world = World::start();
    let id = |number: usize| format!("00000000-0000-4000-8000-{number:012}");
    for number in 0..26 {
        world.create(&id(number), json!({}));
    }
    let mut client = world.trader("alice");
    for number in 0..25 {
        for channel in ["auction", "bids"] {
            client.say(json!({"type": "subscribe", "channel": channel, "auction_id": id(number)}));
            client.until("subscribed");
        }
    }
    let one_more = json!({"type": "subscribe", "channel": "bids", "auction_id": id(25)});
    client.say(one_more.clone());
    assert_eq!(client.until("error")["error"]["details"], json!({"max": 50}));
    client.say(json!({"type": "subscribe", "channel": "bids", "auction_id": id(3), "min_quantity": 5}));
    client.until("subscribed");
    world.close(&id(7));
    assert_eq!(client.until("auction_complete")["payload"]["auction_id"], id(7));
    client.until("unsubscribed");
    client.until("unsubscribed");
    client.say(one_more);
    client.until("subscribed");
}

#[test]
fn an_end_comes_at_once_ends_subscriptions_and_tells_bidders_what_they_won() {
    let world = world();
    let mut watcher = world.trader("watcher");
    for channel in ["auction", "bids", "settlement"] {
        watcher.subscribe(channel, json!({"interval_ms": 60_000}));
    }
    let mut bidder = world.trader("bob");
    bidder.say(named(bid(10, 5.0), "b-1"));
    bidder.expect("bid_accepted");
    world.close(AUCTION);
    let own = bidder.expect("auction_complete");
    assert_eq!(own["payload"]["own_allocations"][0]["client_bid_id"], "b-1");
    let told: Vec<Value> = std::iter::repeat_with(|| watcher.message())
        .skip_while(|message| message["type"] != "new_bid")
        .take_while(|message| message["type"] != "settlement_started")
        .collect();
    let kinds = kinds(&told);
    let end = kinds.iter().position(|kind| *kind == "auction_complete").expect("the end is told");
    assert!(kinds[..end].contains(&"auction_update"), "what was held back goes before it: {kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == "unsubscribed").count(), 2);
    assert!(told[end]["payload"].get("own_allocations").is_none());
    watcher.say(json!({"type": "list_subscriptions"}));
    let listed = watcher.until("subscriptions");
    assert_eq!(listed["payload"]["subscriptions"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["payload"]["subscriptions"][0]["channel"], "settlement");
}

#[test]
fn state_comes_at_most_once_in_its_interval_and_the_latest_wins() {
    let world = world();
    let mut fast = world.trader("fast");
    fast.subscribe("auction", json!({"interval_ms": 0}));
    let mut slow = world.trader("slow");
    slow.subscribe("auction", json!({}));
    for client in [&mut fast, &mut slow] {
        client.expect("auction_update");
    }
    let mut bidder = world.trader("bob");
    for number in 1..=5 {
        bidder.say(bid(number, 1.0));
        bidder.expect("bid_accepted");
        assert_eq!(fast.expect("auction_update")["payload"]["total_bids"], number);
    }
    assert_eq!(slow.expect("auction_update")["payload"]["total_bids"], 1, "the first after a quiet time");
    assert_eq!(slow.all(), [] as [Value; 0]);
    world.advance(Duration::from_millis(99));
    assert_eq!(slow.all(), [] as [Value; 0]);
    world.advance(Duration::from_millis(1));
    assert_eq!(slow.expect("auction_update")["payload"]["total_bids"], 5);
    world.advance(Duration::from_secs(1));
    let update = slow.expect("auction_update");
    assert_eq!(update["payload"]["time_remaining_ms"], 3_600_000 - 1_100, "once a second in any case");
}

#[test]
fn market_data_is_told_by_token() {
    let world = world();
    let mut all = world.trader("all");
    all.say(json!({"type": "subscribe", "channel": "market_data", "options": {"interval_ms": 0}}));
    all.expect("subscribed");
    let mut one = world.trader("one");
    one.say(json!({"type": "subscribe", "channel": "market_data", "token": "BTC", "interval_ms": 0}));
    one.expect("subscribed");
    for token in ["ETH", "BTC"] {
        world.put_prices(token, "1.5");
        assert_eq!(all.expect("price_update")["payload"]["token"], token);
    }
    assert_eq!(one.expect("price_update")["payload"]["token"], "BTC");
    assert_eq!(one.all(), [] as [Value; 0]);
}

#[test]
fn a_token_for_some_auctions_and_channels_shows_no_others() {
    let world = world();
    world.create(OTHER, json!({}));
    let token = world.token_with("alice", &["read", "write", "subscribe"], |claims| {
        claims.auctions = Some(vec![OTHER.to_owned()]);
        claims.channels = Some(vec!["bids".to_owned(), "auction".to_owned()]);
    });
    let mut client = world.sign_in(&token);
    for (channel, auction, details) in [
        ("bids", AUCTION, json!({"auction_id": AUCTION})),
        ("settlement", OTHER, json!({"channel": "settlement"})),
    ] {
        client.say(json!({"type": "subscribe", "channel": channel, "auction_id": auction}));
        assert_eq!(client.refused("PERMISSION_DENIED"), details);
    }
    client.say(bid(1, 1.0));
    assert_eq!(client.refused("PERMISSION_DENIED"), json!({"auction_id": AUCTION}));
    client.say(json!({"type": "subscribe", "channel": "bids"}));
    client.expect("subscribed");
    let mut bob = world.trader("bob");
    for auction in [AUCTION, OTHER] {
        let mut message = bid(4, 1.5);
        message["auction_id"] = auction.into();
        bob.say(message);
        bob.expect("bid_accepted");
    }
    assert_eq!(client.expect("new_bid")["payload"]["auction_id"], OTHER);
    assert_eq!(client.all(), [] as [Value; 0]);
}

#[test]
fn who_comes_back_gets_exactly_what_was_missed() {
    let world = world();
    let mut first = world.subscriber("alice", "bids");
    let mut bidder = world.trader("bob");
    for number in 1..=3 {
        bidder.say(bid(number, 1.0));
        bidder.expect("bid_accepted");
    }
    let seen: Vec<Value> = (0..3).map(|_| first.expect("new_bid")).collect();
    let last = seen[0]["payload"]["offset"].as_u64().expect("an offset");
    drop(first);
    let mut second = world.trader("alice");
    let subscribed = second.subscribe("bids", json!({"since": {"epoch": "test", "offset": last}}));
    assert_eq!(subscribed["payload"]["recovered"], true);
    bidder.say(bid(4, 1.0));
    bidder.expect("bid_accepted");
    let told: Vec<Value> = (0..3).map(|_| second.expect("new_bid")).collect();
    assert_eq!(offsets(&told), [last + 1, last + 2, last + 3]);
    let replayed: Vec<bool> = told.iter().map(|message| message.get("replayed").is_some()).collect();
    assert_eq!(replayed, [true, true, false]);
    let mut stranger = world.trader("alice");
    let subscribed = stranger.subscribe("bids", json!({"since": {"epoch": "another", "offset": last}}));
    assert_eq!(subscribed["payload"]["recovered"], false);
}

#[test]
fn a_long_past_comes_in_parts_to_one_who_reads_slowly() {
    let world = World::start();
    world.create(AUCTION, json!({"max_bids_per_bidder": 10_000}));
    let mut bidder = world.sign_in(&world.token_with("bob", &["read", "write"], |claims| {
        claims.limits = Some(json!("unlimited"));
    }));
    for batch in 0..40 {
        let bids: Vec<Value> =
            (1..=100).map(|number| json!({"quantity": number, "price": 1.0 + f64::from(batch)})).collect();
        bidder.say(json!({"type": "submit_bids", "auction_id": AUCTION, "bids": bids}));
        bidder.expect("bids_result");
    }
    let mut client = world.trader("alice");
    client.subscribe("bids", json!({"since": {"epoch": "test", "offset": 0}}));
    for offset in 2..=4001_u64 {
        let message = client.expect("new_bid");
        assert_eq!(message["payload"]["offset"], offset, "{message}");
    }
    bidder.say(bid(1, 99.0));
    bidder.expect("bid_accepted");
    assert_eq!(client.expect("new_bid")["payload"]["price"], 99.0);
}

#[test]
pub fn a_settlement_is_affirmed_over_the_socket() {
    let world = world();
    let everything = ["read", "write", "subscribe", "settle"];
    let mut alice = world.sign_in(&world.token("alice", &everything));
    let mut seller = world.sign_in(&world.token("seller", &everything));
    let mut stranger = world.sign_in(&world.token("eve", &everything));
    let mut watcher = world.subscriber("watcher", "settlement");
    alice.say(bid(10, 5.0));
    alice.expect("bid_accepted");
    world.close(AUCTION);
    let started = watcher.expect("settlement_started")["payload"].clone();
    assert_eq!((&started["phase"], &started["participants_total"]), (&json!("consensus"), &json!(2)));
    let affirm = |hash: &str| json!({"type": "settlement_affirm", "settlement_id": started["settlement_id"], "hash": hash, "agree": true});
    let hash = started["hash"].as_str().expect("a hash");
    alice.until("auction_complete");
    alice.say(affirm(&"0".repeat(64)));
    alice.refused("SETTLEMENT_CONFLICT");
    stranger.say(affirm(hash));
    stranger.refused("PERMISSION_DENIED");
    alice.say(affirm(hash));
    assert_eq!(alice.expect("settlement_affirmed")["payload"]["agree"], true);
    assert_eq!(watcher.expect("settlement_progress")["payload"]["participants_agreed"], 1);
    seller.say(affirm(hash));
    seller.expect("settlement_affirmed");
    let complete = watcher.until("settlement_complete");
    assert_eq!(complete["payload"]["settlement_id"], started["settlement_id"]);
    assert_eq!(complete["payload"]["execution_path"], json!(["ledger"]));

    // Who comes later is told how it ended.
    let mut late = world.subscriber("late", "settlement");
    assert_eq!(late.expect("settlement_complete")["payload"], complete["payload"]);
}
