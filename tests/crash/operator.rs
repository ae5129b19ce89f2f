//! The operator: makes, closes and calls off auctions over REST, each creation under an
//! `Idempotency-Key` that is repeated until it is answered.

use std::net::SocketAddr;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use uuid::Uuid;

use super::book::{Market, id};
use super::server::Place;
use super::server::wire::{Gone, rest};

/// Auctions that run at once.
const RUNNING_MAX: usize = 6;

pub struct Operator {
    random: StdRng,
    pub token: String,
    pub created: Vec<Creation>,
    /// Ends that were acknowledged: the auction and its status.
    pub ended: Vec<(Uuid, &'static str)>,
}

/// One wish to make an auction.
pub struct Creation {
    pub key: String,
    terms: Value,
    attempts: u32,
    /// Once it is known.
    pub auction: Option<Uuid>,
}

impl Operator {
    pub fn new(seed: u64, place: &Place) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            token: place.token("operator", &["read", "operate"]),
            created: Vec::new(),
            ended: Vec::new(),
        }
    }

    /// Works until the server is gone.
    pub fn live(&mut self, address: SocketAddr, market: &Market) {
        while self.step(address, market).is_ok() {
            // Auctions come over the whole life of a server, not all at its beginning.
            super::pause(Duration::from_millis(self.random.random_range(20..200)));
        }
    }

    fn step(&mut self, address: SocketAddr, market: &Market) -> Result<(), Gone> {
        self.settle_open_creations(address, market)?;
        let running: Vec<Uuid> =
            self.list(address)?.iter().filter(|auction| is_running(auction)).map(auction_id).collect();
        if running.len() < RUNNING_MAX {
            let (key, terms) = (format!("key-{}", self.created.len()), random_terms(&mut self.random));
            self.created.push(Creation { key, terms, attempts: 0, auction: None });
            self.settle_open_creations(address, market)?;
        }
        if running.len() >= RUNNING_MAX || self.random.random_bool(0.1) {
            let Some(&auction) = running.first() else { return Ok(()) };
            let (wish, status) = match self.random.random_bool(0.8) {
                true => ("close", "completed"),
                false => ("cancel", "cancelled"),
            };
            self.end(address, auction, wish, status)?;
        }
        Ok(())
    }

    /// Ends an auction; that its own end came first is fine.
    pub fn end(
        &mut self,
        address: SocketAddr,
        auction: Uuid,
        wish: &str,
        status: &'static str,
    ) -> Result<(), Gone> {
        let path = format!("/v1/auctions/{auction}/{wish}");
        let answer = rest(address, &self.token, ("POST", &path), None, &Value::Null)?;
        match answer.status {
            200 => self.ended.push((auction, status)),
            409 => assert_eq!(answer.body["error"]["code"], "AUCTION_ENDED", "{answer:?}"),
            _ => panic!("{answer:?}"),
        }
        Ok(())
    }

    /// Repeats the creations that were not answered.
    pub fn settle_open_creations(&mut self, address: SocketAddr, market: &Market) -> Result<(), Gone> {
        // Some that were answered are repeated as well.
        let again = self.random.random_range(0..10 * self.created.len().max(1));
        for (index, creation) in self.created.iter_mut().enumerate() {
            if creation.auction.is_some() && index != again {
                continue;
            }
            creation.attempts += 1;
            let call = ("POST", "/v1/auctions");
            let answer = rest(address, &self.token, call, Some(&creation.key), &creation.terms)?;
            assert_eq!(answer.status, 201, "{answer:?}");
            let auction = id(&answer.body["auction_id"]);
            match creation.auction {
                Some(known) => assert_eq!((auction, answer.is_replayed), (known, true), "{answer:?}"),
                None => assert!(creation.attempts > 1 || !answer.is_replayed, "{answer:?}"),
            }
            creation.auction = Some(auction);
            market.add(auction);
        }
        Ok(())
    }

    /// Every auction that the server knows.
    pub fn list(&self, address: SocketAddr) -> Result<Vec<Value>, Gone> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!("/v1/auctions?limit=100{after}");
            let answer = rest(address, &self.token, ("GET", &path), None, &Value::Null)?;
            assert_eq!(answer.status, 200, "{answer:?}");
            all.extend(answer.body["auctions"].as_array().expect("a list").iter().cloned());
            match answer.body["next_after"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return Ok(all),
            }
        }
    }
}

pub fn is_running(auction: &Value) -> bool {
    matches!(auction["status"].as_str(), Some("active" | "scheduled" | "halted"))
}

pub fn auction_id(auction: &Value) -> Uuid {
    id(&auction["auction_id"])
}

fn random_terms(random: &mut StdRng) -> Value {
    let on_outage = ["close", "close", "close", "cancel", "extend"][random.random_range(0..5)];
    let allocation = if random.random_bool(0.5) { "pro_rata" } else { "price_time" };
    let supply = match random.random_bool(0.5) {
        true => json!({"type": "fixed", "quantity": random.random_range(20..400)}),
        false => json!({"type": "step", "points": [[10, 50], [60, 300]]}),
    };
    json!({
        "supply": supply,
        "reserve_price": 10, "tick_size": "0.5", "lot_size": "1",
        "duration_ms": random.random_range(200..4_000),
        "on_outage": on_outage,
        "allocation": allocation,
        "max_bids_per_bidder": 100_000,
        "settlement": {"affirm_timeout_ms": random.random_range(1..400)},
    })
}
