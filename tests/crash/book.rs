//! What the clients remember: auctions, bids, facts, figures.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value};
use uuid::Uuid;

/// The channels whose facts are compared.
pub const CHANNELS: [&str; 3] = ["bids", "auction", "settlement"];

/// The auctions that were acknowledged, the newest last.
#[derive(Default)]
pub struct Market {
    auctions: Mutex<Vec<Uuid>>,
}

impl Market {
    pub fn add(&self, auction: Uuid) {
        let mut auctions = self.auctions.lock().expect("no panic");
        if !auctions.contains(&auction) {
            auctions.push(auction);
        }
    }

    /// The newest `count`: where bids go.
    pub fn newest(&self, count: usize) -> Vec<Uuid> {
        let auctions = self.auctions.lock().expect("no panic");
        auctions[auctions.len().saturating_sub(count)..].to_vec()
    }

    pub fn all(&self) -> Vec<Uuid> {
        self.auctions.lock().expect("no panic").clone()
    }
}

/// One wish to bid, by its `client_bid_id`.
#[derive(Debug, Clone)]
pub struct Wish {
    pub auction: Uuid,
    pub quantity: u64,
    /// In JSON's words, so that what is off the grid can be said too.
    pub price: f64,
    pub state: State,
    pub cancel: Cancel,
}

/// What is known of a bid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Sent, and not answered.
    Unknown,
    /// Acknowledged.
    Accepted { bid: Uuid, offset: u64 },
    /// Refused.
    Rejected(String),
}

/// What is known of a bid's cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    None,
    /// Sent, and not answered.
    Asked,
    /// Acknowledged.
    Done,
    /// The auction had ended.
    TooLate,
}

/// One message that every follower of a channel gets, without what is each one's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub auction: Uuid,
    pub offset: u64,
    pub text: String,
}

impl Fact {
    /// The channel and the fact in a message, if it is one.
    pub fn of(message: &Value) -> Option<(&'static str, Self)> {
        let channel = match message["type"].as_str()? {
            "new_bid" | "bid_cancelled" => "bids",
            "auction_created" | "auction_complete" | "auction_cancelled" => "auction",
            "settlement_started" | "settlement_progress" | "settlement_complete" | "settlement_failed" => {
                "settlement"
            }
            _ => return None,
        };
        let auction = id(&message["payload"]["auction_id"]);
        let offset = message["payload"]["offset"].as_u64().expect("facts carry an offset");
        Some((channel, Self { auction, offset, text: shared(message).to_string() }))
    }
}

/// The message without what differs from one receiver or telling to the next.
fn shared(message: &Value) -> Value {
    let mut members: Map<String, Value> = message.as_object().expect("an object").clone();
    for own in ["sequence", "replayed", "correlation_id"] {
        members.remove(own);
    }
    let payload = members.get_mut("payload").and_then(Value::as_object_mut).expect("an object");
    for own in ["client_bid_id", "own_allocations", "own_allocations_more"] {
        payload.remove(own);
    }
    Value::Object(members)
}

pub fn id(value: &Value) -> Uuid {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("an id, not {value}"))
}

/// A channel as one client heard it over all its connections.
#[derive(Debug, Default)]
pub struct Stream {
    /// In the order they came, each auction's in the order of offsets.
    pub facts: BTreeMap<Uuid, Vec<Fact>>,
    /// Facts told to the client alone, in the reply to its own request.
    pub own: BTreeMap<(Uuid, u64), Fact>,
}

impl Stream {
    pub fn last(&self, auction: Uuid) -> u64 {
        self.facts.get(&auction).and_then(|facts| facts.last()).map_or(0, |fact| fact.offset)
    }

    /// Takes the next one; it must be new and later than all before.
    pub fn push(&mut self, fact: Fact, who: &str) {
        let last = self.last(fact.auction);
        assert!(fact.offset > last, "{who} heard {last} before, now again {}: {}", fact.offset, fact.text);
        self.facts.entry(fact.auction).or_default().push(fact);
    }

    /// All facts of an auction, those of own replies at their places.
    pub fn whole(&self, auction: Uuid) -> Vec<Fact> {
        let mut all: BTreeMap<u64, Fact> = BTreeMap::new();
        for (place, fact) in self.own.range((auction, 0)..=(auction, u64::MAX)) {
            all.insert(place.1, fact.clone());
        }
        for fact in self.facts.get(&auction).into_iter().flatten() {
            let own = all.insert(fact.offset, fact.clone());
            assert!(own.is_none_or(|own| own == *fact), "a reply and its replay differ: {}", fact.text);
        }
        all.into_values().collect()
    }
}

/// What happened, for the last line.
#[derive(Default)]
pub struct Figures {
    pub kills: AtomicU64,
    pub kills_at_start: AtomicU64,
    pub accepted: AtomicU64,
    pub cancelled: AtomicU64,
    pub rejected: AtomicU64,
    pub repeated: AtomicU64,
    pub settled_later: AtomicU64,
    pub resumed: AtomicU64,
    pub compared: AtomicU64,
    pub cleared: AtomicU64,
}

impl Figures {
    pub fn sentence(&self) -> String {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        format!(
            "{} kills and {} while starting: {} bids and {} cancels acknowledged, lost 0; {} refused; {} repeats \
             answered as at first; {} of unknown outcome found out later; {} streams resumed, {} facts compared; \
             {} auctions cleared again",
            of(&self.kills),
            of(&self.kills_at_start),
            of(&self.accepted),
            of(&self.cancelled),
            of(&self.rejected),
            of(&self.repeated),
            of(&self.settled_later),
            of(&self.resumed),
            of(&self.compared),
            of(&self.cleared),
        )
    }
}

/// Counts one more.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
