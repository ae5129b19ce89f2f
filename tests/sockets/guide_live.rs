//! The guide's example messages from a real server whose clock and ids are the guide's:
//! the same keys in the same order, the same number formats, the same values.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;
use walras::engine::{AuctionId, BidId, SettlementId};
use walras::host::{Ids, SeededIds};

use crate::guide::{authentication, blocks, received};
use crate::ordered_json::Json;
use crate::support::{AUCTION, Client, World, bid};

const ISSUER: &str = "https://auction.example.com";
/// How many bids the guide's `auction_update` counts.
const BIDS: u64 = 127;

/// The guide's ids: its bid is the 128th.
struct GuideIds {
    others: SeededIds,
    bids: u64,
}

impl Ids for GuideIds {
    fn auction(&mut self) -> AuctionId {
        self.others.auction()
    }

    fn bid(&mut self) -> BidId {
        self.bids += 1;
        if self.bids == BIDS + 1 {
            BidId(Uuid::from_u128(0x660e8400_e29b_41d4_a716_446655440001))
        } else {
            self.others.bid()
        }
    }

    fn settlement(&mut self) -> SettlementId {
        SettlementId(Uuid::from_u128(0x770e8400_e29b_41d4_a716_446655440002))
    }

    fn salt(&mut self) -> [u8; 16] {
        self.others.salt()
    }

    fn correlation(&mut self) -> Uuid {
        self.others.correlation()
    }
}

/// The guide's auction at the moment of its first example: thirty seconds of a minute have passed.
fn guide_world() -> World {
    let world = World::with(|making| {
        making.ids = Box::new(GuideIds { others: SeededIds::new(1), bids: 0 });
        making.config.auth.issuer = Some(ISSUER.to_owned());
    });
    let settlers: Vec<String> = (1..=10).map(|number| format!("settler-{number}")).collect();
    world.create(
        AUCTION,
        json!({
            "supply": {"type": "fixed", "quantity": 10_000}, "reserve_price": 10, "duration_ms": 60_000,
            "max_bids_per_bidder": 1_000, "settlement": {"participants": settlers, "affirm_timeout_ms": 15_000},
        }),
    );
    // 15,000 in all; the first of them alone takes the whole supply at 48.5.
    world.place(AUCTION, "large", 10_000, 97);
    for _ in 0..125 {
        world.place(AUCTION, "small", 39, 80);
    }
    world.place(AUCTION, "small", 125, 80);
    world
}

fn sign_in(world: &World, subject: &str, permissions: &[&str]) -> Client {
    let mut client = world.connect();
    let token = world.token_with(subject, permissions, |claims| claims.iss = Some(ISSUER.to_owned()));
    client.say(json!({"type": "auth", "token": format!("Bearer {token}")}));
    client.expect("auth_success");
    client
}

/// The guide's example of this type.
fn example(kind: &str) -> Json {
    let mut found = received().into_iter().filter(|example| example.text("type") == Some(kind));
    let example = found.next().unwrap_or_else(|| panic!("the guide shows {kind}"));
    assert!(found.next().is_none(), "once");
    example
}

/// The last message that a client got has all of the guide's example, in its order and form.
fn assert_as_shown(client: &Client, kind: &str) {
    let (example, ours) = (example(kind), Json::parse(&client.text));
    assert_eq!(example.missing_from(&ours), None, "\n{example}\nagainst\n{ours}");
}

/// Brings a connection's `sequence` to this number.
fn count_up_to(client: &mut Client, sequence: u64) {
    loop {
        client.say(json!({"type": "ping"}));
        if client.expect("pong")["sequence"] == sequence {
            return;
        }
    }
}

fn numbered(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn the_examples_of_an_auction_and_its_bids_come_out_as_shown() {
    let world = guide_world();
    let mut watcher = sign_in(&world, "watcher", &["read", "subscribe"]);
    let mut bidder = sign_in(&world, "bidder", &["write"]);
    let mut follower = sign_in(&world, "follower", &["read", "subscribe"]);
    follower.subscribe("bids", json!({}));
    world.advance_with(&mut [&mut watcher, &mut bidder, &mut follower], Duration::from_secs(30));
    count_up_to(&mut watcher, 40);
    watcher.subscribe("auction", json!({}));
    watcher.expect("auction_update");
    assert_as_shown(&watcher, "auction_update");
    count_up_to(&mut follower, 42);
    world.advance(Duration::from_secs(1));
    bidder.say(bid(100, 52.0));
    bidder.expect("bid_accepted");
    follower.expect("new_bid");
    assert_as_shown(&follower, "new_bid");
}

#[test]
fn the_example_of_a_settlement_comes_out_as_shown() {
    let world = guide_world();
    let mut settlers: Vec<Client> =
        (1..=7).map(|number| sign_in(&world, &format!("settler-{number}"), &["settle"])).collect();
    let mut watcher = sign_in(&world, "watcher", &["read", "subscribe"]);
    watcher.subscribe("settlement", json!({}));
    let mut all: Vec<&mut Client> = settlers.iter_mut().chain([&mut watcher]).collect();
    world.advance_with(&mut all, Duration::from_secs(59));
    count_up_to(&mut watcher, 36);
    world.advance(Duration::from_secs(1));
    let started = watcher.expect("settlement_started")["payload"].clone();
    assert_eq!(started["settlement_id"], "770e8400-e29b-41d4-a716-446655440002");
    for settler in &mut settlers {
        settler.say(json!({"type": "settlement_affirm", "settlement_id": started["settlement_id"],
            "hash": started["hash"], "agree": true}));
        settler.expect("settlement_affirmed");
        watcher.expect("settlement_progress");
    }
    assert_as_shown(&watcher, "settlement_progress");
}

#[test]
fn the_examples_of_signing_in_errors_and_limits_come_out_as_shown() {
    let world = guide_world();
    world.close(AUCTION);
    let mut client = world.connect();
    // As it stands in the guide, the token is none.
    client.send_text(authentication()[0].1);
    client.expect("auth_failure");
    assert_as_shown(&client, "auth_failure");
    let subject = "550e8400-e29b-41d4-a716-446655440000";
    let permissions = ["read", "write", "subscribe"];
    let token = world.token_with(subject, &permissions, |claims| claims.iss = Some(ISSUER.to_owned()));
    client.say(json!({"type": "auth", "token": format!("Bearer {token}")}));
    client.expect("auth_success");
    assert_as_shown(&client, "auth_success");

    client.say(json!({"type": "subscribe", "channel": "auction", "auction_id": AUCTION,
        "correlation_id": "aa0e8400-e29b-41d4-a716-446655440005"}));
    client.expect("error");
    assert_as_shown(&client, "error");

    world.advance(Duration::from_secs(1));
    for _ in 0..100 {
        client.say(json!({"type": "ping"}));
        client.expect("pong");
    }
    client.say(json!({"type": "ping"}));
    client.expect("rate_limit");
    assert_as_shown(&client, "rate_limit");
}

#[test]
fn the_wscat_lines_and_the_bid_of_the_guide_are_taken_as_they_stand() {
    let world = guide_world();
    let mut client = sign_in(&world, "alice", &["read", "write", "subscribe"]);
    let lines: Vec<&str> =
        blocks("bash").into_iter().flat_map(str::lines).filter(|line| line.starts_with('{')).collect();
    assert_eq!(numbered(lines[1])["type"], "subscribe");
    client.send_text(lines[1]);
    assert_eq!(client.expect("subscribed")["payload"]["auction_id"], AUCTION);
    assert_eq!(client.expect("auction_update")["payload"]["total_bids"], BIDS);
    client.say(json!({"type": "submit_bid", "auction_id": AUCTION,
        "payload": {"quantity": 100.0, "price": 50.0, "is_marginal": false}}));
    let accepted = client.until("bid_accepted");
    assert_eq!(accepted["payload"]["bid_id"], "660e8400-e29b-41d4-a716-446655440001");
    client.send_text(r#"{"type": "cancel_bid", "bid_id": "660e8400-e29b-41d4-a716-446655440001"}"#);
    assert_eq!(client.until("bid_cancelled")["payload"]["status"], "cancelled");
}
