//! Who may come in, how, and for how long.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{AUCTION, Client, World, bid};

#[test]
fn signs_in_by_message_and_says_what_holds() {
    let world = World::start();
    let mut client = world.connect();
    let token = world.token("alice", &["read", "write", "subscribe"]);
    client.say(json!({"type": "auth", "token": format!("Bearer {token}"), "correlation_id": "c1"}));
    let welcome = client.expect("auth_success");
    assert_eq!(welcome["permissions"], json!(["read", "write", "subscribe"]));
    assert_eq!(welcome["payload"], json!({}));
    assert_eq!(welcome["correlation_id"], "c1");
    assert_eq!(welcome["heartbeat_interval_ms"], 30_000);
    assert_eq!(welcome["server_time"], "2024-01-01T00:00:00.000Z");
    assert_eq!(welcome["expires_at"], "2024-01-02T00:00:00.000Z");
    assert_eq!(
        welcome["limits"],
        json!({"messages_per_second": 100, "subscriptions": 50, "connections": 10, "message_bytes": 65536})
    );
    let again = world.sign_in(&token);
    drop(again);
    for id in ["client_id", "connection_id"] {
        assert!(uuid::Uuid::parse_str(welcome[id].as_str().expect("an id")).is_ok());
    }
}

#[test]
fn signs_in_by_the_header_of_the_handshake() {
    let world = World::start();
    let header = format!("bearer {}", world.token("alice", &["read"]));
    let mut client = Client::connect(world.address(), &[("Authorization", &header)]);
    assert_eq!(client.expect("auth_success")["permissions"], json!(["read"]));
    let mut client = Client::connect(world.address(), &[("Authorization", "Bearer nonsense")]);
    client.expect("auth_failure");
    client.say(json!({"type": "auth", "token": world.token("alice", &["read"])}));
    client.expect("auth_success");
}

#[test]
fn messages_behind_an_auth_wait_for_its_verdict() {
    let world = World::start();
    world.open_auction();
    let mut client = world.connect();
    let token = world.token("alice", &["read", "write", "subscribe"]);
    let mut bytes = Vec::new();
    for message in [json!({"type": "auth", "token": token}), bid(1, 2.0), json!({"type": "ping"})] {
        bytes.extend(crate::support::frame(
            crate::support::Opcode::Text,
            true,
            message.to_string().as_bytes(),
        ));
    }
    client.send_raw(&bytes);
    client.expect("auth_success");
    let kinds: Vec<Value> =
        [client.message(), client.message()].map(|message| message["type"].clone()).into();
    assert!(kinds.contains(&json!("bid_accepted")) && kinds.contains(&json!("pong")), "{kinds:?}");
}

#[test]
pub fn anything_before_sign_in_is_refused_and_the_third_wrong_token_is_the_last() {
    let world = World::start();
    let mut watcher = world.trader("watcher");
    let mut client = world.connect();
    client.say(json!({"type": "subscribe", "channel": "auction", "correlation_id": "c"}));
    client.refused("AUTH_REQUIRED");
    for _ in 0..3 {
        client.say(json!({"type": "auth", "token": "Bearer wrong"}));
        let failure = client.expect("auth_failure");
        assert_eq!(failure["error"], "Invalid token");
        assert_eq!(failure["code"], "AUTH_FAILED");
        assert_eq!(failure["payload"], json!({"code": "AUTH_FAILED", "message": "Invalid token"}));
    }
    assert_eq!(client.closed(), 4402);
    watcher.assert_alive();
}

#[test]
fn a_token_beyond_8_kib_is_refused() {
    let world = World::start();
    let mut client = world.connect();
    client.say(json!({"type": "auth", "token": "x".repeat(60_000)}));
    client.expect("auth_failure");
    client.assert_refused_until_signed_in();
}

#[test]
pub fn nobody_signed_in_within_five_seconds_ends_with_4401() {
    let world = World::start();
    let mut client = world.connect();
    let mut other = world.connect();
    world.advance(Duration::from_micros(4_999_999));
    client.settle();
    other.say(json!({"type": "auth", "token": world.token("alice", &["read"])}));
    other.expect("auth_success");
    world.advance(Duration::from_micros(1));
    client.refused("AUTH_REQUIRED");
    assert_eq!(client.closed(), 4401);
    other.assert_alive();
}

#[test]
fn a_second_auth_refreshes_and_ends_what_is_no_longer_allowed() {
    let world = World::start();
    world.open_auction();
    let mut client = world.trader("alice");
    client.subscribe("bids", json!({}));
    client.say(json!({"type": "auth", "token": world.token("bob", &["read"])}));
    client.expect("auth_failure");
    client.say(bid(1, 1.0));
    client.until("bid_accepted");

    let viewer = world.token_with("alice", &["read"], |_| {});
    client.say(json!({"type": "auth", "token": viewer}));
    assert_eq!(client.until("auth_success")["permissions"], json!(["read"]));
    let ended = client.expect("unsubscribed");
    assert_eq!(ended["payload"], json!({"channel": "bids", "auction_id": AUCTION, "reason": "permission"}));
    client.say(bid(1, 1.0));
    assert_eq!(client.refused("PERMISSION_DENIED"), json!({"permission": "write"}));
}

#[test]
pub fn a_token_is_warned_of_before_its_end_and_closed_after_it() {
    let world = World::start();
    let token = world.token_with("alice", &["read"], |claims| {
        claims.exp =
            walras::server::jwt::NumericDate::from_seconds(crate::support::START_US / 1_000_000 + 120);
    });
    let mut client = world.sign_in(&token);
    world.advance_with(&mut [&mut client], Duration::from_secs(59));
    assert_eq!(client.all(), [] as [Value; 0]);
    world.advance(Duration::from_secs(1));
    let warning = client.expect("auth_expiring");
    assert_eq!(warning["payload"]["expires_at"], "2024-01-01T00:02:00.000Z");
    world.advance_with(&mut [&mut client], Duration::from_secs(60 + 24));
    client.assert_alive();
    world.advance(Duration::from_secs(1));
    client.refused("TOKEN_EXPIRED");
    assert_eq!(client.closed(), 4419);
}

#[test]
pub fn an_eleventh_connection_is_turned_away_unless_an_older_one_is_dead() {
    let world = World::with(|making| making.server.shards = 2);
    let token = world.token("alice", &["read"]);
    let mut clients: Vec<Client> = (0..10).map(|_| world.sign_in(&token)).collect();
    let mut late = world.connect();
    late.say(json!({"type": "auth", "token": token}));
    assert_eq!(late.refused("RATE_LIMITED"), json!({"max": 10}));
    assert_eq!(late.closed(), 4429);
    let mut other = world.sign_in(&world.token("bob", &["read"]));
    other.assert_alive();

    // One of them hangs up without a word: its place is free at once.
    drop(clients.remove(4));
    clients.push(world.sign_in(&token));

    // Another goes silent: it does not answer the ping that it gets within half a minute.
    let mut silent = clients.remove(7);
    for _ in 0..3 {
        world.advance(Duration::from_secs(20));
        for client in &mut clients {
            client.settle();
        }
    }
    clients.push(world.sign_in(&token));
    assert_eq!(silent.closed(), 4408);
    for client in &mut clients {
        client.assert_alive();
    }
}

#[test]
fn what_a_token_subscribes_to_starts_by_itself() {
    let world = World::start();
    world.open_auction();
    let token = world.token_with("alice", &["read", "subscribe"], |claims| {
        claims.subs = vec![json!({"channel": "bids", "auction_id": AUCTION})];
    });
    let mut client = world.sign_in(&token);
    assert_eq!(client.expect("subscribed")["payload"]["channel"], "bids");
    world.trader("bob").say(bid(5, 7.5));
    assert_eq!(client.expect("new_bid")["payload"]["price"], 7.5);
}

impl Client {
    fn assert_refused_until_signed_in(&mut self) {
        self.say(json!({"type": "list_subscriptions"}));
        self.refused("AUTH_REQUIRED");
    }
}
