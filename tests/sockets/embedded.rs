//! The whole server through the C face: a host creates an auction, remote clients bid, the host sees every bid, closes,
//! and reads the allocation.
#![allow(unsafe_code, reason = "the calls of C are unsafe by nature")]

use std::ffi::c_char;
use std::net::SocketAddr;
use std::ptr::{null, null_mut};

use serde_json::json;
use walras::ffi::*;

use crate::ffi_support::*;
use crate::support::Client;

const PATIENCE_MS: i32 = 20_000;
const ID: &str = "550e8400-e29b-41d4-a716-446655440000";

struct Server(*mut walras_server);

impl Drop for Server {
    fn drop(&mut self) {
        // SAFETY: anything may be freed.
        unsafe { walras_server_free(self.0) };
    }
}

impl Server {
    fn try_start(engine: &Engine, options: &str) -> Result<Self, walras_status> {
        let mut server = null_mut();
        let (options, bytes) = text(options);
        // SAFETY: the text is as long as it says.
        let status = unsafe { walras_server_start(engine.0, options, bytes, &mut server) };
        if status == WALRAS_OK { Ok(Self(server)) } else { Err(status) }
    }

    fn start(engine: &Engine, options: &str) -> Self {
        Self::try_start(engine, options).unwrap_or_else(|status| panic!("{status}: {}", last_error()))
    }

    fn address(&self) -> SocketAddr {
        let mut port = 0;
        // SAFETY: the place is writable.
        ok(unsafe { walras_server_port(self.0, &mut port) });
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn token(&self, options: &str) -> String {
        let (options, bytes) = text(options);
        // SAFETY: the text is as long as it says, the places writable.
        given(|token, token_bytes| unsafe { walras_token(self.0, options, bytes, token, token_bytes) })
    }

    fn sign_in(&self, token: &str) -> Client {
        let mut client = Client::connect(self.address(), &[]);
        client.say(json!({"type": "auth", "token": format!("Bearer {token}")}));
        client.expect("auth_success");
        client
    }
}

fn terms() -> String {
    TERMS.replacen('{', &format!(r#"{{"auction_id":"{ID}","#), 1)
}

#[test]
fn remote_clients_bid_on_an_auction_that_the_host_runs() {
    let engine = Engine::new("");
    let auction = engine.create(&terms());
    let subscriber = engine.subscribe(r#"{"channels":["bids"]}"#);
    let server = Server::start(&engine, r#"{"development":true,"drain_ms":50}"#);
    let (mut ann, mut bob) = (server.sign_in("test-token:ann"), server.sign_in("test-token:bob"));
    bob.subscribe("auction", json!({ "auction_id": ID }));
    let payload = |quantity, price| json!({"quantity": quantity, "price": price});
    ann.say(json!({"type": "submit_bid", "auction_id": ID, "payload": payload(600.0, 15.0)}));
    ann.until("bid_accepted");
    let (first, _) = subscriber.poll(8, PATIENCE_MS);
    assert_eq!(first.len(), 1);
    assert_eq!((first[0].event.price_ticks, first[0].event.quantity_lots), (1500, 600));
    // SAFETY: the ids are readable, the places writable.
    let name = given(|name, bytes| unsafe {
        walras_auction_bidder(engine.0, &auction, &first[0].event.party_key, name, bytes)
    });
    assert!(name.contains("ann"), "{name}");
    engine.submit(auction, "host", 1200, 700, None).expect("the host bids, too");
    bob.say(json!({"type": "submit_bid", "auction_id": ID, "payload": payload(100.0, 11.0)}));
    bob.until("bid_accepted");
    engine.close(auction);
    let complete = bob.until("auction_complete");
    assert_eq!(complete["payload"]["clearing_price"], 12.0);
    assert_eq!(complete["payload"]["total_allocated"], 1000.0);
    let won = engine.rows(auction, WALRAS_BIDS_WON);
    let lots: Vec<i64> = won.iter().map(|row| row.filled_lots).collect();
    assert_eq!(lots, [600, 400], "one order for remote and local bids");
    // SAFETY: the handle is good.
    ok(unsafe { walras_server_stop(server.0) });
    assert_eq!(ann.until("server_notice")["payload"]["code"], "DRAINING");
    let mut port = 0;
    // SAFETY: the place is writable.
    assert_eq!(unsafe { walras_server_port(server.0, &mut port) }, WALRAS_STOPPED);
    let again = engine.create(TERMS);
    engine.submit(again, "host", 1200, 1, None).expect("the engine goes on");
    assert_eq!(subscriber.drain().len(), 3, "the host's, bob's, and the new one");
}

#[test]
fn a_client_that_comes_back_hears_what_it_missed_while_only_the_host_was_there() {
    let engine = Engine::new(r#"{"clock":"manual","start_time_us":1704067200000000,"seed":1}"#);
    let auction = engine.create(&terms());
    engine.submit(auction, "ann", 1500, 1, None).expect("a good bid");
    let server = Server::start(&engine, r#"{"development":true,"drain_ms":0}"#);
    let mut client = server.sign_in("test-token:bob");
    let subscribed = client.subscribe("bids", json!({ "auction_id": ID }));
    let epoch = subscribed["payload"]["epoch"].as_str().expect("an epoch").to_owned();
    engine.submit(auction, "ann", 1501, 1, None).expect("a good bid");
    engine.submit(auction, "ann", 1502, 1, None).expect("a good bid");
    let mut back = server.sign_in("test-token:bob");
    back.say(json!({"type": "subscribe", "channel": "bids", "auction_id": ID,
                    "options": {"since": {"epoch": epoch, "offset": 3}}}));
    assert_eq!(back.until("subscribed")["payload"]["recovered"], true);
    assert_eq!(back.until("new_bid")["payload"]["offset"], 4);
    let mut early = server.sign_in("test-token:bob");
    early.say(json!({"type": "subscribe", "channel": "bids", "auction_id": ID,
                     "options": {"since": {"epoch": epoch, "offset": 1}}}));
    assert_eq!(early.until("subscribed")["payload"]["recovered"], false, "nobody heard the first bid");
}

#[test]
fn tokens_are_made_for_the_server_at_hand_or_for_another() {
    let engine = Engine::new("");
    let server = Server::start(&engine, "");
    let token = server.token(r#"{"subject":"alice","roles":["trader"]}"#);
    let mut alice = server.sign_in(&token);
    alice.say(json!({"type": "get_auction", "auction_id": ID}));
    alice.refused("AUCTION_NOT_FOUND");
    let mut mallory = Client::connect(server.address(), &[]);
    mallory.say(json!({"type": "auth", "token": "Bearer test-token"}));
    mallory.expect("auth_failure");
    let make = |server: *const walras_server, options: &str| {
        let (mut token, mut token_bytes): (*const c_char, u64) = (null(), 0);
        let (options, bytes) = text(options);
        // SAFETY: the text is as long as it says, the places writable.
        unsafe { walras_token(server, options, bytes, &mut token, &mut token_bytes) }
    };
    assert_eq!(make(server.0, r#"{"subject":"alice","roles":["king"]}"#), WALRAS_INVALID_MESSAGE);
    assert_eq!(make(null(), r#"{"subject":"alice"}"#), WALRAS_INVALID_MESSAGE, "no secret");
    assert_eq!(make(null(), r#"{"subject":"alice","secret":"short"}"#), WALRAS_INVALID_MESSAGE);
    let secret = "0123456789abcdef0123456789abcdef";
    assert_eq!(make(null(), &format!(r#"{{"subject":"alice","secret":"{secret}"}}"#)), WALRAS_OK);
    let other = Server::start(&engine, &format!(r#"{{"auth":{{"hs256_secret":"{secret}"}}}}"#));
    let options = format!(r#"{{"subject":"bo","secret":"{secret}"}}"#);
    let (wish, wish_bytes) = text(&options);
    // SAFETY: the text is as long as it says, the places writable.
    let token = given(|token, bytes| unsafe { walras_token(null(), wish, wish_bytes, token, bytes) });
    other.sign_in(&token);
}

#[test]
fn wrong_options_are_told_and_a_freed_engine_serves_nobody() {
    let engine = Engine::new("");
    for (options, told) in [
        (r#"{"lisen":"127.0.0.1:0"}"#, "listen"),
        (r#"{"data":"/tmp"}"#, "engine"),
        (r#"{"shards":"many"}"#, "shards"),
        (r#"{"development":1}"#, "development"),
        ("[]", "options"),
    ] {
        assert_eq!(Server::try_start(&engine, options).err(), Some(WALRAS_INVALID_MESSAGE), "{options}");
        assert!(last_error().contains(told), "{options}: {}", last_error());
    }
    let server = Server::start(&engine, r#"{"development":true}"#);
    let taken = format!(r#"{{"development":true,"listen":"127.0.0.1:{}"}}"#, server.address().port());
    assert_eq!(Server::try_start(&engine, &taken).err(), Some(WALRAS_SYSTEM), "the port is taken");
    let mut client = server.sign_in("test-token");
    engine.create(&terms());
    drop(engine);
    client.say(json!({"type": "get_auction", "auction_id": ID}));
    client.refused("SERVICE_UNAVAILABLE");
}
