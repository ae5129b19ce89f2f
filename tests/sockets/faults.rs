//! When it is our fault, or the machine's: a queue that is full, a log that failed, an
//! assertion that did not hold. Everybody who asked is told, and the process lives.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use serde_json::{Value, json};
use walras::log::testing::{Fault, SimDisk};
use walras::server::identity::{Identity, Refused, Verify};
use walras::units::TimeUs;

use crate::support::{AUCTION, PATIENCE, Place, World, bid, named};

/// Holds the sequencer until the sender goes.
fn hold(world: &World) -> Sender<()> {
    let (release, wait) = bounded::<()>(0);
    let (tell, told) = bounded(1);
    world.host.visit(move |_, _| {
        let _ = tell.send(());
        let _ = wait.recv();
    });
    told.recv_timeout(PATIENCE).expect("the sequencer is there");
    release
}

#[test]
pub fn a_full_queue_answers_after_a_quarter_of_a_second() {
    let world = World::with(|making| making.host.intake_requests_max = 3);
    world.open_auction();
    let mut client = world.trader("alice");
    let mut other = world.trader("bob");
    let release = hold(&world);
    for number in 1..=3 {
        client.say(named(bid(number, 2.0), &format!("b-{number}")));
    }
    client.settle();
    // There is no room: these wait, and their connection is not read.
    client.say(named(bid(4, 2.0), "b-4"));
    client.say(named(bid(5, 2.0), "b-5"));
    other.assert_alive();
    other.say(json!({"type": "get_auction", "auction_id": AUCTION, "correlation_id": "q"}));
    // Whoever is served later has been heard later.
    world.connect();
    world.advance(Duration::from_millis(249));
    world.connect();
    world.advance(Duration::from_millis(1));
    let rejected = client.expect("bid_rejected");
    assert_eq!(rejected["payload"]["code"], "SERVICE_UNAVAILABLE");
    assert_eq!(rejected["payload"]["client_bid_id"], "b-4");
    assert_eq!((&rejected["payload"]["quantity"], &rejected["payload"]["price"]), (&json!(4.0), &json!(2.0)));
    let refused = other.expect("error");
    assert_eq!(
        (&refused["error"]["code"], &refused["correlation_id"]),
        (&json!("SERVICE_UNAVAILABLE"), &json!("q"))
    );
    drop(release);
    let accepted: Vec<Value> =
        (0..4).map(|_| client.expect("bid_accepted")["payload"]["client_bid_id"].clone()).collect();
    assert_eq!(accepted, ["b-1", "b-2", "b-3", "b-5"], "what waited less is carried out, in order");
    client.say(named(bid(4, 2.0), "b-4"));
    assert_eq!(client.expect("bid_accepted")["payload"].get("duplicate"), None, "the refused id is free");
}

#[test]
fn after_a_failed_sync_the_outcome_is_unknown_and_nothing_more_is_taken() {
    let disk = SimDisk::new(64 << 20);
    let world = World::with(|making| making.log = Place::Disk(disk.clone()));
    world.open_auction();
    let mut watcher = world.subscriber("watcher", "bids");
    let mut client = world.trader("alice");
    client.say(bid(1, 2.0));
    client.expect("bid_accepted");
    watcher.expect("new_bid");
    let next = disk.operations().len() as u64;
    for operation in next..next + 8 {
        disk.fail_at(operation, Fault::Broken);
    }
    let mut lost = named(bid(2, 2.0), "lost");
    lost["correlation_id"] = "c-lost".into();
    client.say(lost);
    let unknown = client.expect("error");
    assert_eq!(unknown["error"]["code"], "SERVICE_UNAVAILABLE");
    assert!(unknown["error"]["message"].as_str().is_some_and(|text| text.contains("unknown")), "{unknown}");
    assert_eq!(unknown["correlation_id"], "c-lost");
    for refused in [named(bid(3, 2.0), "late"), named(bid(3, 2.3), "late")] {
        client.say(refused);
        let rejected = client.expect("bid_rejected");
        assert_eq!(rejected["payload"]["code"], "SERVICE_UNAVAILABLE");
        assert_eq!(
            (&rejected["payload"]["client_bid_id"], &rejected["payload"]["quantity"]),
            (&json!("late"), &json!(3.0))
        );
    }
    client.say(json!({"type": "get_bids", "auction_id": AUCTION}));
    client.refused("SERVICE_UNAVAILABLE");
    assert_eq!(watcher.all(), [] as [Value; 0], "nothing that the log may have lost is ever told");
    let operator = world.operator();
    world
        .call(&operator, "GET", &format!("/v1/auctions/{AUCTION}"), Value::Null)
        .refusal(503, "SERVICE_UNAVAILABLE");
    let ready = world.send("GET", "/health/ready", &[], b"").expect(503);
    assert!(ready["reason"].as_str().is_some_and(|why| why.contains("the log failed")), "{ready}");

    // What is durable can still be resumed from.
    let mut back = world.trader("watcher");
    let subscribed = back.subscribe("bids", json!({"since": {"epoch": "test", "offset": 0}}));
    assert_eq!(subscribed["payload"]["recovered"], true);
    assert_eq!(back.expect("new_bid")["payload"]["quantity"], 1.0);
    back.assert_alive();
}

#[test]
pub fn a_failed_assertion_of_the_engine_is_told_as_our_fault() {
    let world = World::start();
    world.open_auction();
    let mut watcher = world.subscriber("watcher", "bids");
    let mut client = world.trader("alice");
    client.say(bid(1, 2.0));
    client.expect("bid_accepted");
    watcher.expect("new_bid");

    // A bid in the very turn of the failure: it was applied, and is forgotten with the turn.
    let release = hold(&world);
    let mut doomed = bid(2, 2.0);
    doomed["correlation_id"] = "doomed".into();
    client.say(doomed);
    client.settle();
    world.host.visit(|_, _| panic!("on purpose"));
    drop(release);
    let told = client.expect("error");
    assert_eq!((&told["error"]["code"], &told["correlation_id"]), (&json!("INTERNAL"), &json!("doomed")));

    for message in [
        bid(3, 2.0),
        json!({"type": "get_auction", "auction_id": AUCTION}),
        json!({"type": "cancel_all"}),
        json!({"type": "subscribe", "channel": "auction", "auction_id": AUCTION}),
    ] {
        client.say(message);
        client.refused("INTERNAL");
    }
    client.say(json!({"type": "list_subscriptions"}));
    assert_eq!(client.expect("subscriptions")["payload"]["subscriptions"], json!([]));
    assert_eq!(watcher.all(), [] as [Value; 0]);
    watcher.assert_alive();
    let operator = world.operator();
    world.call(&operator, "GET", &format!("/v1/auctions/{AUCTION}"), Value::Null).refusal(500, "INTERNAL");
    let ready = world.send("GET", "/health/ready", &[], b"").expect(503);
    assert!(ready["reason"].as_str().is_some_and(|why| why.contains("on purpose")), "{ready}");
    world.host.stop();
}

/// Fails at one token, as a program's own code may.
struct Brittle(Arc<dyn Verify>);

impl Verify for Brittle {
    fn verify(&self, token: &str, now: TimeUs) -> Result<Identity, Refused> {
        assert_ne!(token, "breaks it", "on purpose");
        self.0.verify(token, now)
    }
}

#[test]
pub fn whoever_verifies_tokens_may_fail_without_harm_to_others() {
    let world = World::with(|making| {
        let known = walras::server::auth::Authenticator::load(&making.config, making.tokens).expect("a key");
        making.verify = Some(Arc::new(Brittle(Arc::new(known))));
    });
    let mut other = world.trader("bob");
    let mut client = world.connect();
    client.say(json!({"type": "auth", "token": "Bearer breaks it", "correlation_id": "c"}));
    let told = client.expect("error");
    assert_eq!((&told["error"]["code"], &told["correlation_id"]), (&json!("INTERNAL"), &json!("c")));
    assert_eq!(client.closed(), 1011);
    other.assert_alive();
    world.trader("alice").assert_alive();
    world.call("breaks it", "GET", "/v1/auctions", Value::Null).refusal(500, "INTERNAL");
}
