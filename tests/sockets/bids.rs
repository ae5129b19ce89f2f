//! What bidders say, and every code with which they are refused.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{AUCTION, Client, World, bid, named};

const NOWHERE: &str = "99999999-9999-4999-8999-999999999999";

fn world() -> World {
    let world = World::start();
    world.open_auction();
    world
}

/// Bids and gives the code of the refusal.
fn rejected(client: &mut Client, bid: Value) -> Value {
    client.say(bid);
    let rejected = client.expect("bid_rejected");
    assert!(rejected["payload"]["message"].is_string() && rejected["payload"]["details"].is_object());
    rejected["payload"].clone()
}

#[test]
pub fn bids_are_refused_with_the_code_that_comes_first() {
    let world = World::start();
    let terms =
        json!({"reserve_price": 2, "max_bids_per_bidder": 2, "lock_ms": 10_000, "duration_ms": 60_000});
    world.create(AUCTION, terms);
    let later = "11111111-2222-4333-8444-555555555555";
    world.create(later, json!({"starts_at": "2024-01-01T00:01:00Z"}));
    let mut client = world.trader("alice");

    let mut early = bid(1, 1.0);
    early["auction_id"] = later.into();
    assert_eq!(rejected(&mut client, early)["code"], "AUCTION_NOT_OPEN");
    let off_grid = rejected(&mut client, named(bid(1, 1.3), "x"));
    assert_eq!(off_grid["code"], "INVALID_BID");
    assert_eq!(off_grid["details"]["nearest"], 1.5);
    assert_eq!(off_grid["client_bid_id"], "x");
    assert_eq!(rejected(&mut client, bid(1, 1.0))["code"], "BID_TOO_LOW");
    client.say(named(bid(1, 3.0), "a"));
    let accepted = client.expect("bid_accepted");
    client.say(named(bid(1, 3.0), "a"));
    assert_eq!(client.expect("bid_accepted")["payload"]["duplicate"], true);
    assert_eq!(rejected(&mut client, named(bid(2, 3.0), "a"))["code"], "DUPLICATE_BID_ID");
    client.say(bid(1, 3.0));
    client.expect("bid_accepted");
    assert_eq!(rejected(&mut client, bid(1, 3.0))["code"], "BID_LIMIT");

    world.advance_with(&mut [&mut client], Duration::from_secs(55));
    client.say(json!({"type": "cancel_bid", "bid_id": accepted["payload"]["bid_id"]}));
    client.refused("AUCTION_LOCKED");
    world.advance(Duration::from_secs(5));
    client.until("auction_complete");
    assert_eq!(rejected(&mut client, bid(1, 3.0))["code"], "AUCTION_ENDED");
    client.say(json!({"type": "cancel_bid", "bid_id": accepted["payload"]["bid_id"]}));
    client.refused("AUCTION_ENDED");
}

#[test]
pub fn what_is_not_there_is_not_found() {
    let world = world();
    let token = world.token("alice", &["read", "write", "subscribe", "settle"]);
    let mut client = world.sign_in(&token);
    let mut refused = |message: Value, code: &str| {
        client.say(message);
        client.refused(code)
    };
    for id in [NOWHERE, "no id"] {
        let mut lost = named(bid(1, 1.0), "b-1");
        lost["auction_id"] = id.into();
        let details = refused(lost, "AUCTION_NOT_FOUND");
        assert_eq!(details, json!({"auction_id": id, "client_bid_id": "b-1"}));
        for kind in ["get_auction", "get_bids", "cancel_all"] {
            refused(json!({"type": kind, "auction_id": id}), "AUCTION_NOT_FOUND");
        }
        for kind in ["cancel_bid", "get_bid"] {
            refused(json!({"type": kind, "bid_id": id}), "BID_NOT_FOUND");
            refused(json!({"type": kind, "auction_id": AUCTION, "client_bid_id": "b-9"}), "BID_NOT_FOUND");
        }
        let amend = json!({"type": "amend_bid", "bid_id": id, "payload": {"price": 2.0}});
        refused(amend, "BID_NOT_FOUND");
        let affirm =
            json!({"type": "settlement_affirm", "settlement_id": id, "hash": "00".repeat(32), "agree": true});
        refused(affirm, "SETTLEMENT_NOT_FOUND");
    }
}

#[test]
pub fn each_right_is_needed_for_what_it_is_for() {
    let world = world();
    let mut viewer = world.sign_in(&world.token("viewer", &["read"]));
    let mut writer = world.sign_in(&world.token("writer", &["write"]));
    let refused = |client: &mut Client, message: Value, permission: &str| {
        client.say(message);
        assert_eq!(client.refused("PERMISSION_DENIED"), json!({"permission": permission}));
    };
    refused(&mut viewer, bid(1, 1.0), "write");
    refused(&mut viewer, json!({"type": "cancel_all"}), "write");
    refused(&mut viewer, json!({"type": "set_cancel_on_disconnect", "enabled": true}), "write");
    refused(&mut viewer, json!({"type": "subscribe", "channel": "auction"}), "subscribe");
    let affirm = json!({"type": "settlement_affirm", "settlement_id": NOWHERE, "hash": "00".repeat(32), "agree": true});
    refused(&mut viewer, affirm, "settle");
    refused(&mut writer, json!({"type": "get_auction", "auction_id": AUCTION}), "read");
    let mut phantom = bid(1, 1.0);
    phantom["payload"]["is_phantom"] = true.into();
    refused(&mut writer, phantom, "phantom");
    writer.say(bid(1, 1.0));
    writer.expect("bid_accepted");
}

#[test]
fn several_bids_are_answered_together_in_order() {
    let world = world();
    let mut watcher = world.subscriber("watcher", "bids");
    let mut client = world.trader("alice");
    let bids = json!([
        {"quantity": 1, "price": 1.0, "client_bid_id": "one"},
        {"quantity": 1, "price": 1.3},
        {"quantity": -4, "price": 1.0},
        {"quantity": 2, "price": 1.0, "client_bid_id": "one"},
        {"quantity": 3, "price": 2.0},
    ]);
    client.say(json!({"type": "submit_bids", "auction_id": AUCTION, "bids": bids, "correlation_id": "all"}));
    let result = client.expect("bids_result");
    assert_eq!(result["correlation_id"], "all");
    let results = result["payload"]["results"].as_array().expect("results");
    let verdicts: Vec<&Value> =
        results.iter().map(|result| result.get("code").unwrap_or(&result["status"])).collect();
    assert_eq!(verdicts, ["pending", "INVALID_BID", "INVALID_BID", "DUPLICATE_BID_ID", "pending"]);
    assert_eq!(results[1]["details"]["field"], "price");
    assert_eq!(results[2]["details"]["field"], "quantity");
    let seen: Vec<Value> = [watcher.expect("new_bid"), watcher.expect("new_bid")]
        .map(|bid| bid["payload"]["quantity"].clone())
        .into();
    assert_eq!(seen, [1.0, 3.0]);
    client
        .say(json!({"type": "submit_bids", "auction_id": NOWHERE, "bids": [{"quantity": 1, "price": 1.0}]}));
    client.refused("AUCTION_NOT_FOUND");
}

#[test]
fn a_bid_is_amended_cancelled_and_asked_for() {
    let world = world();
    let mut watcher = world.subscriber("watcher", "bids");
    let mut client = world.subscriber("alice", "bids");
    client.say(named(bid(10, 3.0), "mine"));
    let bid_id = client.expect("bid_accepted")["payload"]["bid_id"].clone();
    client.expect("new_bid");
    client.say(
        json!({"type": "amend_bid", "bid_id": bid_id, "payload": {"quantity": 8}, "correlation_id": "a"}),
    );
    let amended = client.expect("bid_amended");
    assert_eq!(
        (&amended["payload"]["quantity"], &amended["payload"]["priority_kept"]),
        (&json!(8.0), &json!(true))
    );
    assert_eq!(amended["correlation_id"], "a");
    client.say(json!({"type": "amend_bid", "bid_id": bid_id, "payload": {"price": 3.3}}));
    let details = client.refused("INVALID_BID");
    assert_eq!(
        (&details["nearest"], &details["bid_id"]),
        (&json!(3.5), &bid_id),
        "the bid itself stands: {details}"
    );
    client.say(json!({"type": "get_bid", "auction_id": AUCTION, "client_bid_id": "mine"}));
    assert_eq!(client.expect("bid")["payload"]["quantity"], 8.0);
    for again in [false, true] {
        client.say(json!({"type": "cancel_bid", "auction_id": AUCTION, "client_bid_id": "mine"}));
        let cancelled = client.expect("bid_cancelled");
        assert_eq!(cancelled["payload"]["status"], "cancelled", "again: {again}");
    }
    client.say(json!({"type": "get_bids", "auction_id": AUCTION}));
    assert_eq!(client.expect("bids")["payload"]["bids"][0]["status"], "cancelled");
    let told: Vec<Value> = (0..3).map(|_| watcher.message()["type"].clone()).collect();
    assert_eq!(told, ["new_bid", "bid_amended", "bid_cancelled"]);
    assert_eq!(watcher.all(), [] as [Value; 0]);
}

#[test]
fn all_bids_are_cancelled_at_once() {
    let world = world();
    let mut watcher = world.subscriber("watcher", "bids");
    let mut client = world.trader("alice");
    for number in 1..=3 {
        client.say(bid(number, 1.0));
        client.expect("bid_accepted");
    }
    client.say(json!({"type": "cancel_all", "auction_id": AUCTION}));
    let cancelled = client.expect("bids_cancelled");
    assert_eq!(cancelled["payload"]["count"], 3);
    for _ in 0..3 {
        watcher.until("bid_cancelled");
    }
    client.say(json!({"type": "get_auction", "auction_id": AUCTION}));
    let info = client.expect("auction_info");
    assert_eq!(info["payload"]["total_bids"], 0, "{info}");
}

/// Bids on a connection that asks for its bids to be cancelled, and gives the bid's id.
fn with_cancel_on_disconnect(client: &mut Client, grace_ms: u64) {
    client.say(bid(1, 1.0));
    client.expect("bid_accepted");
    client.say(json!({"type": "set_cancel_on_disconnect", "enabled": true, "grace_ms": grace_ms}));
    let set = client.expect("cancel_on_disconnect");
    assert_eq!(set["payload"], json!({"enabled": true, "grace_ms": grace_ms}));
    client
        .say(json!({"type": "submit_bids", "auction_id": AUCTION, "bids": [{"quantity": 2, "price": 1.0}]}));
    client.expect("bids_result");
}

#[test]
fn a_broken_connections_bids_are_cancelled_at_once_or_after_its_grace() {
    let world = World::with(|making| making.server.shards = 2);
    world.open_auction();
    let mut watcher = world.subscriber("watcher", "bids");
    let mut client = world.trader("alice");
    with_cancel_on_disconnect(&mut client, 0);
    drop(client);
    for quantity in [1, 2] {
        assert_eq!(watcher.expect("new_bid")["payload"]["quantity"], f64::from(quantity));
    }
    watcher.expect("bid_cancelled");
    watcher.expect("bid_cancelled");

    let mut client = world.trader("alice");
    with_cancel_on_disconnect(&mut client, 5_000);
    watcher.expect("new_bid");
    watcher.expect("new_bid");
    drop(client);
    world.connections_fall_to(1);
    world.advance(Duration::from_millis(4_000));
    assert_eq!(watcher.all(), [] as [Value; 0]);
    world.advance(Duration::from_millis(1_000));
    watcher.expect("bid_cancelled");
    watcher.expect("bid_cancelled");
}

#[test]
fn coming_back_in_time_or_logging_out_keeps_the_bids() {
    let world = world();
    let mut watcher = world.subscriber("watcher", "bids");
    let mut client = world.trader("alice");
    with_cancel_on_disconnect(&mut client, 5_000);
    drop(client);
    world.connections_fall_to(1);
    let mut back = world.trader("alice");
    back.say(json!({"type": "set_cancel_on_disconnect", "enabled": true, "grace_ms": 0}));
    back.expect("cancel_on_disconnect");
    world.advance(Duration::from_secs(10));
    watcher.expect("new_bid");
    watcher.expect("new_bid");
    assert_eq!(watcher.all(), [] as [Value; 0]);

    // They are this connection's now: when it breaks, they go.
    drop(back);
    watcher.expect("bid_cancelled");
    watcher.expect("bid_cancelled");

    let mut client = world.trader("alice");
    with_cancel_on_disconnect(&mut client, 0);
    client.send_frame(crate::support::Opcode::Close, true, &1000_u16.to_be_bytes());
    assert!(matches!(client.next(), crate::support::Incoming::Close(1000, _)));
    watcher.expect("new_bid");
    watcher.expect("new_bid");
    world.advance(Duration::from_secs(10));
    assert_eq!(watcher.all(), [] as [Value; 0]);
}

#[test]
fn numbers_are_taken_exactly_or_told_the_nearest_that_would_do() {
    let world = World::start();
    world.create(AUCTION, json!({"tick_size": "0.01", "lot_size": "0.1"}));
    let mut client = world.trader("alice");
    let with = |quantity: &str, price: &str| {
        format!(
            r#"{{"type":"submit_bid","auction_id":"{AUCTION}","payload":{{"quantity":{quantity},"price":{price}}}}}"#
        )
    };
    for (quantity, price, taken) in [
        ("100", "1e2", (100.0, 100.0)),
        ("\"0.1\"", "\"2706.93\"", (0.1, 2706.93)),
        ("0.30000000000000004", "2706.9300000000003", (0.3, 2706.93)),
        ("1.0e1", "0.010", (10.0, 0.01)),
        ("5", "0", (5.0, 0.0)),
    ] {
        client.send_text(with(quantity, price));
        let accepted = client.expect("bid_accepted")["payload"].clone();
        assert_eq!((&accepted["quantity"], &accepted["price"]), (&json!(taken.0), &json!(taken.1)));
    }
    for (quantity, price, field, nearest) in [
        ("1", "10.005", "price", json!(10.01)),
        ("1", "\"2706.9300000000003\"", "price", json!(2706.93)),
        ("0.05", "1", "quantity", json!(0.1)),
        ("0", "1", "quantity", json!(0.1)),
        ("-3", "1", "quantity", json!(0.1)),
        ("1", "-0.01", "price", json!(0.0)),
        ("1", "1e30", "price", json!(1e16)),
    ] {
        client.send_text(with(quantity, price));
        let rejected = client.expect("bid_rejected")["payload"].clone();
        assert_eq!(
            (&rejected["code"], &rejected["details"]["field"]),
            (&json!("INVALID_BID"), &json!(field)),
            "{rejected}"
        );
        assert_eq!(rejected["details"]["nearest"].as_f64(), nearest.as_f64(), "{rejected}");
    }
    world.advance(Duration::from_secs(10));
    for (quantity, price) in [
        ("1", "1e999"),
        ("01", "1"),
        ("+1", "1"),
        ("1", "-0"),
        ("1", "NaN"),
        ("1", "null"),
        ("true", "1"),
        ("[1]", "1"),
    ] {
        client.send_text(with(quantity, price));
        client.refused("INVALID_MESSAGE");
    }
    client.assert_alive();
}

#[test]
fn what_would_change_a_bids_meaning_is_refused_and_price_takers_need_the_terms() {
    let world = World::start();
    world.create(AUCTION, json!({"allow_price_takers": true, "allow_phantom_bids": true}));
    let plain = "11111111-2222-4333-8444-555555555555";
    world.create(plain, json!({}));
    let token = world.token("alice", &["read", "write", "subscribe", "phantom"]);
    let mut client = world.sign_in(&token);
    let mut watcher = world.subscriber("watcher", "bids");
    for (member, value) in [
        ("side", json!("sell")),
        ("budget", json!(100)),
        ("stop_price", json!(1)),
        ("expires_at", json!("2024-01-01T00:00:30Z")),
        ("time_in_force", json!("IOC")),
        ("post_only", json!(true)),
        ("order_type", json!("iceberg")),
    ] {
        let mut odd = bid(1, 1.0);
        odd["payload"][member] = value;
        let details = rejected(&mut client, odd);
        assert_eq!(
            (&details["code"], &details["details"]["field"]),
            (&json!("INVALID_BID"), &json!(member)),
            "{details}"
        );
    }
    let market = |auction: &str| json!({"type": "submit_bid", "auction_id": auction, "payload": {"quantity": 5, "order_type": "market"}});
    client.say(market(AUCTION));
    assert_eq!(client.expect("bid_accepted")["payload"]["price"], Value::Null);
    let shown = watcher.expect("new_bid");
    assert_eq!(
        (&shown["payload"]["price"], &shown["payload"]["order_type"]),
        (&Value::Null, &json!("market"))
    );
    assert_eq!(rejected(&mut client, market(plain))["code"], "INVALID_BID");
    let mut priced = market(AUCTION);
    priced["payload"]["price"] = json!(1.0);
    client.say(priced);
    assert!(["error", "bid_rejected"].contains(&client.message()["type"].as_str().expect("a type")));

    let mut phantom = bid(7, 3.0);
    phantom["payload"]["is_phantom"] = json!(true);
    client.say(phantom.clone());
    client.expect("bid_accepted");
    assert_eq!(watcher.expect("new_bid")["payload"]["is_phantom"], true);
    phantom["auction_id"] = plain.into();
    assert_eq!(rejected(&mut client, phantom)["code"], "INVALID_BID");
    assert_eq!(world.live_bids(), 1, "a phantom is none of the bids");
}

#[test]
fn own_bids_are_listed_page_by_page() {
    let world = world();
    let mut client = world.trader("alice");
    let mut other = world.trader("bob");
    let mut ids = Vec::new();
    for lots in 1..=7 {
        client.say(bid(lots, 1.0));
        ids.push(client.expect("bid_accepted")["payload"]["bid_id"].clone());
        other.say(bid(lots, 1.0));
        other.expect("bid_accepted");
    }
    let mut listed = Vec::new();
    let mut after = Value::Null;
    loop {
        client.say(json!({"type": "get_bids", "auction_id": AUCTION, "after": after, "limit": 3}));
        let page = client.expect("bids")["payload"].clone();
        listed.extend(page["bids"].as_array().expect("a list").iter().map(|bid| bid["bid_id"].clone()));
        after = page["next_after"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(listed, ids);
    for limit in [json!(0), json!(101), json!("many")] {
        client.say(json!({"type": "get_bids", "auction_id": AUCTION, "limit": limit}));
        client.refused("INVALID_MESSAGE");
    }
    client.say(json!({"type": "get_bids", "auction_id": AUCTION, "after": NOWHERE}));
    client.refused("BID_NOT_FOUND");
}
