//! Coming back: what was missed follows without hole or duplicate, on every channel,
//! from memory or from the log, for one auction or for all.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{AUCTION, Client, Opcode, Place, World, bid, named};

const OTHER: &str = "11111111-2222-4333-8444-555555555555";

/// A message without what a replay changes.
fn told(message: &Value) -> Value {
    let mut told = message.clone();
    let members = told.as_object_mut().expect("an object");
    members.remove("sequence");
    members.remove("replayed");
    told
}

fn is_fact(message: &Value) -> bool {
    let kind = message["type"].as_str().expect("a type");
    kind != "auction_update" && kind != "pong" && message["payload"].get("offset").is_some()
}

/// A short life of an auction: bids, an amendment, a cancellation, its end, its settlement.
fn live(world: &World, bidder: &mut Client) {
    bidder.say(named(bid(600, 5.0), "a"));
    bidder.say(named(bid(700, 6.0), "b"));
    bidder.say(named(bid(10, 4.0), "c"));
    bidder.say(json!({"type": "amend_bid", "auction_id": AUCTION, "client_bid_id": "a", "payload": {"quantity": 500}}));
    bidder.say(json!({"type": "cancel_bid", "auction_id": AUCTION, "client_bid_id": "c"}));
    bidder.until("bid_cancelled");
    world.close(AUCTION);
    let hash = loop {
        let reply = world.call(&world.operator(), "GET", &format!("/v1/settlements/{AUCTION}"), Value::Null);
        if let Some(hash) = reply.body["hash"].as_str() {
            break hash.to_owned();
        }
    };
    for party in ["bob", "seller"] {
        let token = world.token(party, &["read", "settle"]);
        let path = format!("/v1/settlements/{AUCTION}/affirm");
        world.call(&token, "POST", &path, json!({"hash": hash, "agree": true})).expect(200);
    }
}

/// What a watcher of these channels heard live, by offset.
fn heard(client: &mut Client) -> Vec<Value> {
    client.all().iter().filter(|message| is_fact(message)).map(told).collect()
}

#[test]
fn a_bidder_that_was_away_at_the_end_hears_what_it_won() {
    let world = World::start();
    world.open_auction();
    let mut stays = world.trader("bob");
    let mut leaves = world.trader("eve");
    for (client, quantity) in [(&mut stays, 10), (&mut leaves, 20)] {
        client.say(named(bid(quantity, 5.0), "mine"));
        client.until("bid_accepted");
    }
    let mut watcher = world.subscriber("watcher", "auction");
    leaves.send_frame(Opcode::Close, true, &1000_u16.to_be_bytes());
    assert_eq!(leaves.closed(), 1000, "it is known to be gone");
    world.close(AUCTION);
    let public = watcher.until("auction_complete");
    let heard = stays.until("auction_complete");
    assert_eq!(heard["payload"]["own_allocations"][0]["quantity"], 10.0);

    let mut back = world.trader("eve");
    back.subscribe("auction", json!({"since": {"epoch": "test", "offset": 2}}));
    let mut own = back.until("auction_complete");
    assert_eq!(own["replayed"], true);
    assert_eq!(own["payload"]["own_allocations"][0]["quantity"], 20.0);
    own["payload"].as_object_mut().expect("an object").remove("own_allocations");
    assert_eq!(told(&own), told(&public), "all but its own part is what everybody heard");
}

#[test]
fn each_channel_tells_again_exactly_what_it_told_live() {
    let world = World::start();
    world.open_auction();
    for channel in ["auction", "bids", "settlement"] {
        let mut watcher = world.subscriber("watcher", channel);
        watcher.say(json!({"type": "ping"}));
        watcher.until("pong");
        if channel != "auction" {
            continue;
        }
        let mut others: BTreeMap<&str, Client> =
            ["bids", "settlement"].map(|channel| (channel, world.subscriber("watcher", channel))).into();
        live(&world, &mut world.trader("bob"));
        let mut live: BTreeMap<&str, Vec<Value>> =
            others.iter_mut().map(|(&channel, client)| (channel, heard(client))).collect();
        live.insert("auction", heard(&mut watcher));
        assert_eq!(live["auction"].len(), 1, "{live:?}");
        assert_eq!(live["bids"].len(), 5);
        assert_eq!(live["settlement"].len(), 6, "started, two of agreement, two of phases, complete");

        // From where the watchers began, and from every place in between.
        for (channel, facts) in &live {
            for offset in
                std::iter::once(1).chain(facts.iter().filter_map(|fact| fact["payload"]["offset"].as_u64()))
            {
                let mut late = world.trader("watcher");
                let subscribed =
                    late.subscribe(channel, json!({"since": {"epoch": "test", "offset": offset}}));
                assert_eq!(subscribed["payload"]["recovered"], true);
                let again = late.all();
                let wanted: Vec<Value> = facts
                    .iter()
                    .filter(|fact| fact["payload"]["offset"].as_u64() > Some(offset))
                    .cloned()
                    .collect();
                let replayed: Vec<&Value> =
                    again.iter().filter(|message| message.get("replayed") == Some(&json!(true))).collect();
                assert_eq!(
                    replayed.iter().map(|message| told(message)).collect::<Vec<_>>(),
                    wanted,
                    "{channel} {offset}"
                );
                let rest: Vec<&Value> =
                    again.iter().filter(|message| message.get("replayed").is_none()).collect();
                assert_eq!(rest.len(), 1, "and then how things stand: {rest:?}");
                match *channel {
                    "settlement" => assert_eq!(rest[0]["type"], "settlement_complete"),
                    _ => assert_eq!(
                        (&rest[0]["type"], &rest[0]["payload"]["reason"]),
                        (&json!("unsubscribed"), &json!("auction_completed"))
                    ),
                }
            }
        }
        return;
    }
}

#[test]
fn a_cancelled_auction_is_told_again_and_ends_with_its_own_reason() {
    let world = World::start();
    world.open_auction();
    world.cancel(AUCTION);
    let mut late = world.trader("late");
    let subscribed = late.subscribe("auction", json!({"since": {"epoch": "test", "offset": 1}}));
    assert_eq!(subscribed["payload"]["recovered"], true);
    let cancelled = late.expect("auction_cancelled");
    assert_eq!((&cancelled["payload"]["reason"], &cancelled["replayed"]), (&json!("a test"), &json!(true)));
    assert_eq!(late.expect("unsubscribed")["payload"]["reason"], "auction_cancelled");
    late.say(json!({"type": "list_subscriptions"}));
    assert_eq!(late.expect("subscriptions")["payload"]["subscriptions"], json!([]));
}

#[test]
fn one_subscription_to_all_auctions_resumes_each_where_it_was() {
    let world = World::start();
    world.open_auction();
    world.create(OTHER, json!({}));
    let mut bidder = world.trader("bob");
    let mut place = |auction: &str, lots: u64| {
        let mut message = bid(lots, 2.0);
        message["auction_id"] = auction.into();
        bidder.say(message);
        bidder.expect("bid_accepted")["payload"]["offset"].as_u64().expect("an offset")
    };
    let seen = place(AUCTION, 1);
    place(AUCTION, 2);
    place(OTHER, 3);
    let mut client = world.trader("alice");
    client.say(json!({"type": "subscribe", "channel": "bids",
        "since": {"epoch": "test", "offsets": {AUCTION: seen, OTHER: 0}}}));
    let subscribed = client.expect("subscribed");
    assert_eq!(
        (&subscribed["payload"]["recovered"], &subscribed["payload"]["offset"]),
        (&json!(true), &Value::Null)
    );
    place(OTHER, 4);
    let lots: Vec<Value> = (0..3).map(|_| client.expect("new_bid")["payload"]["quantity"].clone()).collect();
    assert_eq!(lots, [2.0, 3.0, 4.0]);
    assert_eq!(client.all(), [] as [Value; 0]);
}

#[test]
fn options_stand_nested_or_at_the_top_and_filter_the_past_as_the_present() {
    let world = World::start();
    world.open_auction();
    let mut bidder = world.subscriber("bob", "bids");
    for lots in [50, 150, 250] {
        bidder.say(bid(lots, 2.0));
        bidder.until("new_bid");
    }
    let since = json!({"epoch": "test", "offset": 0});
    for message in [
        json!({"type": "subscribe", "channel": "bids", "auction_id": AUCTION, "since": since, "min_quantity": "100"}),
        json!({"type": "subscribe", "channel": "bids", "auction_id": AUCTION, "options": {"since": since, "min_quantity": 100}}),
    ] {
        let mut client = world.trader("alice");
        client.say(message);
        client.expect("subscribed");
        let lots: Vec<Value> =
            client.all().iter().map(|message| message["payload"]["quantity"].clone()).collect();
        assert_eq!(lots, [150.0, 250.0]);
        let mut own = world.trader("bob");
        own.subscribe("bids", json!({"since": since, "include_own": false}));
        let told = own.all();
        assert!(told.iter().all(|message| message["type"] != "new_bid"), "{told:?}");
    }
}

#[test]
fn nobody_resumes_from_a_place_that_never_was() {
    let world = World::start();
    world.open_auction();
    world.trader("bob").say(bid(5, 2.0));
    let mut client = world.trader("alice");
    for since in [json!({"epoch": "test", "offset": 99}), json!({"epoch": "before", "offset": 1})] {
        let subscribed = client.subscribe("bids", json!({"since": since}));
        assert_eq!(subscribed["payload"]["recovered"], false, "{since}");
        client.all();
    }
    for wrong in
        [json!({"epoch": "test"}), json!({"offset": 1}), json!("here"), json!({"epoch": 5, "offset": 1})]
    {
        client.say(json!({"type": "subscribe", "channel": "bids", "auction_id": AUCTION, "since": wrong}));
        assert_eq!(client.refused("SUBSCRIPTION_FAILED")["option"], "since", "{wrong}");
    }
}

#[test]
fn many_who_come_back_from_beyond_memory_get_everything_from_the_log() {
    const BIDS: u64 = 9_000;
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::with(|making| {
        making.log = Place::Folder(folder.path().join("data"));
        making.host.history_bytes = 1;
    });
    world.create(AUCTION, json!({"max_bids_per_bidder": 100_000}));
    let unlimited = world.token_with("busy", &["write"], |claims| claims.limits = Some(json!("unlimited")));
    let mut bidder = world.sign_in(&unlimited);
    for _ in 0..BIDS / 100 {
        let bids: Vec<Value> = (1..=100).map(|lots| json!({"quantity": lots, "price": 1.0})).collect();
        bidder.say(json!({"type": "submit_bids", "auction_id": AUCTION, "bids": bids}));
        bidder.expect("bids_result");
    }
    let mut clients: Vec<Client> = (0..4)
        .map(|number| {
            let mut client = world.trader(&format!("watcher-{number}"));
            client.say(json!({"type": "subscribe", "channel": "bids", "auction_id": AUCTION,
                "since": {"epoch": "test", "offset": 1}}));
            client
        })
        .collect();
    // One of them goes away before its turn has come; nobody waits for it.
    drop(clients.pop());
    world.advance(Duration::from_millis(1));
    bidder.say(bid(7, 9.0));
    bidder.expect("bid_accepted");
    for client in &mut clients {
        assert_eq!(client.expect("subscribed")["payload"]["recovered"], true);
        for offset in 2..=BIDS + 2 {
            let message = client.expect("new_bid");
            assert_eq!(message["payload"]["offset"], offset, "{message}");
        }
    }
}
