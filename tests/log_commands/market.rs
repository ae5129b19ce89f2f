//! A small market: an operator and some bidders, who wait for each answer.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::server::wire::{Answer, Connection, rest};
use super::server::{Place, Server};

pub const AUCTION: &str = "550e8400-e29b-41d4-a716-446655440000";

/// A server with one open auction.
pub struct Market {
    pub server: Server,
    pub operator: String,
}

impl Market {
    pub fn open(place: &Place) -> Self {
        let market = Self::again(place);
        market.create(AUCTION);
        market
    }

    /// A server on what is there already.
    pub fn again(place: &Place) -> Self {
        let operator = place.token("operator", &["read", "operate"]);
        Self { server: Server::start(place), operator }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub fn create(&self, auction: &str) {
        let terms = json!({
            "auction_id": auction, "supply": {"type": "step", "points": [[10, 50], [60, 300]]},
            "reserve_price": 10, "tick_size": "0.5", "lot_size": "1",
            "settlement": {"affirm_timeout_ms": 1},
        });
        let answer = self.call("POST", "/v1/auctions", &terms);
        assert_eq!(answer.status, 201, "{answer:?}");
    }

    pub fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        rest(self.address(), &self.operator, (method, path), None, body).expect("it lives")
    }

    /// The same call under an `Idempotency-Key`.
    pub fn call_once(&self, key: &str, path: &str, body: &Value) -> Answer {
        rest(self.address(), &self.operator, ("POST", path), Some(key), body).expect("it lives")
    }

    pub fn close(&self) -> Value {
        let closed = self.call("POST", &format!("/v1/auctions/{AUCTION}/close"), &Value::Null);
        assert_eq!(closed.status, 200, "{closed:?}");
        self.call("GET", &format!("/v1/auctions/{AUCTION}/result"), &Value::Null).body
    }
}

/// Somebody who bids.
pub struct Bidder {
    pub connection: Connection,
    name: String,
    count: u64,
}

impl Bidder {
    pub fn new(place: &Place, market: &Market, name: &str) -> Self {
        let token = place.token(name, &["read", "write", "subscribe"]);
        let connection = Connection::open(market.address(), &token).expect("it lives");
        Self { connection, name: name.to_owned(), count: 0 }
    }

    /// Bids and gives the acknowledgement.
    pub fn bid(&mut self, quantity: u64, price: f64) -> Value {
        self.count += 1;
        let client_bid_id = format!("{}-{}", self.name, self.count);
        self.ask(json!({
            "type": "submit_bid", "auction_id": AUCTION,
            "payload": {"quantity": quantity, "price": price, "client_bid_id": client_bid_id},
        }))
    }

    /// Asks and gives the answer, other messages passed over.
    pub fn ask(&mut self, mut message: Value) -> Value {
        message["correlation_id"] = "this".into();
        self.connection.say(&message).expect("it lives");
        loop {
            let answer = self.connection.hear().expect("it lives");
            if answer["correlation_id"] == "this" {
                return answer;
            }
        }
    }

    /// Resumes the auction's bids and gives what `subscribed` says.
    pub fn resume(&mut self, epoch: &str, offset: u64) -> Value {
        let since = json!({"epoch": epoch, "offset": offset});
        let subscribe =
            json!({"type": "subscribe", "channel": "bids", "auction_id": AUCTION, "since": since});
        self.ask(subscribe)["payload"].clone()
    }
}

/// Three bidders' bids, one of them taken back.
pub fn trade(place: &Place, market: &Market) {
    for (name, first) in [("ann", 20), ("bob", 31), ("cem", 47)] {
        let mut bidder = Bidder::new(place, market, name);
        for step in 0..8 {
            let accepted = bidder.bid(10 + step, f64::from(first) + 2.5 * step as f64);
            assert_eq!(accepted["type"], "bid_accepted", "{accepted}");
        }
        let cancel =
            json!({"type": "cancel_bid", "auction_id": AUCTION, "client_bid_id": format!("{name}-3")});
        assert_eq!(bidder.ask(cancel)["type"], "bid_cancelled");
    }
}
