//! How much a client may say: the sliding second, what is told about the excess, and the
//! flood that ends a connection.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{AUCTION, Client, Opcode, World, bid, frame, named};

/// Sends so many pings in one piece.
fn ping(client: &mut Client, count: usize) {
    let ping = frame(Opcode::Text, true, br#"{"type":"ping"}"#);
    client.send_raw(&ping.repeat(count));
}

/// How many messages of each kind have come.
fn counts(messages: &[Value]) -> (usize, usize) {
    let of = |kind: &str| messages.iter().filter(|message| message["type"] == kind).count();
    (of("pong"), of("rate_limit"))
}

#[test]
pub fn the_hundred_and_first_message_in_a_second_is_not_executed() {
    let world = World::start();
    world.open_auction();
    let mut watcher = world.subscriber("watcher", "bids");
    let mut client = world.trader("alice");
    world.advance(Duration::from_secs(1));
    ping(&mut client, 60);
    assert_eq!(counts(&client.all()), (60, 0));
    world.advance(Duration::from_millis(400));
    ping(&mut client, 45);
    let messages = client.all();
    assert_eq!(counts(&messages), (40, 5));
    let notice = messages.last().expect("a notice");
    assert_eq!(
        notice["error"],
        json!({"code": "RATE_LIMITED", "message": "Message rate limit exceeded", "retry_after": 600})
    );
    assert_eq!(notice["payload"], json!({}));

    // A pong is free, and an order is always answered, by its own id.
    client.say(json!({"type": "pong"}));
    assert_eq!(client.all(), [] as [Value; 0]);
    client.say(named(bid(1, 2.0), "b-1"));
    let refused = client.expect("rate_limit");
    assert_eq!(refused["error"]["details"]["client_bid_id"], "b-1", "{refused}");
    client.say(
        json!({"type": "cancel_bid", "auction_id": AUCTION, "client_bid_id": "b-1", "correlation_id": "c-1"}),
    );
    assert_eq!(client.expect("rate_limit")["correlation_id"], "c-1");
    assert_eq!(watcher.all(), [] as [Value; 0], "nothing of it was executed");

    // The window slides: after `retry_after` the sixty are over and the forty still count.
    world.advance(Duration::from_millis(599));
    client.say(json!({"type": "ping", "correlation_id": "early"}));
    assert_eq!(client.expect("rate_limit")["error"]["retry_after"], 1);
    world.advance(Duration::from_millis(1));
    ping(&mut client, 61);
    assert_eq!(counts(&client.all()), (60, 1));
}

#[test]
fn a_hundred_bids_in_one_message_count_as_a_hundred() {
    let world = World::start();
    world.open_auction();
    let mut client = world.trader("alice");
    world.advance(Duration::from_secs(1));
    let bids: Vec<Value> = (1..=60).map(|lots| json!({"quantity": lots, "price": 1.0})).collect();
    let message = json!({"type": "submit_bids", "auction_id": AUCTION, "bids": bids});
    client.say(message.clone());
    client.expect("bids_result");
    client.say(message.clone());
    assert_eq!(client.expect("rate_limit")["error"]["retry_after"], 1000);
    ping(&mut client, 41);
    assert_eq!(counts(&client.all()), (40, 1), "a message that was too much counts for nothing");
    world.advance(Duration::from_secs(1));
    client.say(message);
    let result = client.expect("bids_result");
    let verdicts = result["payload"]["results"].as_array().expect("results");
    assert_eq!(verdicts.iter().filter(|verdict| verdict["code"] == "BID_LIMIT").count(), 20);
}

#[test]
fn notices_that_nobody_asked_for_come_at_most_ten_times_a_second() {
    let world = World::start();
    let mut client = world.trader("alice");
    world.advance(Duration::from_secs(1));
    ping(&mut client, 300);
    assert_eq!(counts(&client.all()), (100, 10));
    world.advance(Duration::from_secs(1));
    ping(&mut client, 150);
    assert_eq!(counts(&client.all()), (100, 10));
}

#[test]
pub fn more_than_a_thousand_messages_a_second_for_three_seconds_end_with_4430() {
    let world = World::start();
    let mut other = world.trader("bob");
    let mut client = world.trader("alice");
    for second in 1..=2 {
        world.advance(Duration::from_secs(1));
        ping(&mut client, 1001);
        assert_eq!(counts(&client.all()), (100, 10), "second {second}");
    }
    world.advance(Duration::from_secs(1));
    ping(&mut client, 1000);
    assert_eq!(counts(&client.all()), (100, 10), "a thousand are borne");
    ping(&mut client, 1);
    assert_eq!(client.closed(), 4430);
    other.assert_alive();
}

#[test]
fn a_token_may_raise_its_holders_limits() {
    let world = World::start();
    let unlimited = world.token_with("bot", &["read", "subscribe"], |claims| {
        claims.limits = Some(json!("unlimited"));
    });
    let mut client = world.connect();
    client.say(json!({"type": "auth", "token": unlimited}));
    let welcome = client.expect("auth_success");
    assert_eq!(welcome["limits"]["messages_per_second"], Value::Null);
    for _ in 0..4 {
        ping(&mut client, 1500);
        assert_eq!(counts(&client.all()), (1500, 0));
        world.advance(Duration::from_secs(1));
    }
    let few = world.token_with("few", &["read", "subscribe"], |claims| {
        claims.limits = Some(json!({"connections": 1, "messages_per_second": 3, "subscriptions": 1}));
    });
    let mut client = world.sign_in(&few);
    client.say(json!({"type": "subscribe", "channel": "market_data"}));
    client.expect("subscribed");
    client.say(json!({"type": "subscribe", "channel": "auction"}));
    assert_eq!(client.refused("SUBSCRIPTION_FAILED"), json!({"max": 1}));
    ping(&mut client, 2);
    assert_eq!(counts(&client.all()), (0, 2), "the sign-in was the first of three");
    let mut second = world.connect();
    second.say(json!({"type": "auth", "token": few}));
    second.refused("RATE_LIMITED");
    assert_eq!(second.closed(), 4429);
}
