//! A bidder with a memory: what it asked for, what it was told, and what it has yet to
//! find out. Each life of the server is one connection that resumes where the last broke.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use uuid::Uuid;

use super::book::{CHANNELS, Cancel, Fact, Figures, Market, State, Stream, Wish, count, id};
use super::server::Place;
use super::server::wire::{Connection, Gone};

/// Requests that may wait for their answers.
const OUTSTANDING_MAX: usize = 6;
/// Bids go to this many of the newest auctions.
const AUCTIONS_IN_USE: usize = 4;

pub struct Trader {
    pub name: String,
    pub token: String,
    random: StdRng,
    next: u64,
    /// By `client_bid_id`.
    pub wishes: BTreeMap<String, Wish>,
    /// The channels it follows, by name.
    pub streams: BTreeMap<&'static str, Stream>,
    pub epoch: Option<String>,
    /// The channels whose subscription this connection has confirmed.
    following: BTreeSet<&'static str>,
    /// Requests without an answer yet, by correlation.
    outstanding: BTreeMap<String, Asked>,
}

#[derive(Debug, Clone)]
struct Asked {
    client_bid_id: String,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// The bid itself, for the first time or again.
    Bid,
    /// The id of a bid with other terms.
    OtherTerms,
    Cancel,
}

impl Trader {
    pub fn new(index: usize, seed: u64, place: &Place) -> Self {
        let name = format!("trader-{index}");
        // Each follows one channel or two, so that every combination is there.
        let followed = CHANNELS.into_iter().enumerate().filter(|(bit, _)| (index % 6 + 1) >> bit & 1 == 1);
        Self {
            token: place.token(&name, &["read", "write", "subscribe"]),
            name,
            random: StdRng::seed_from_u64(seed),
            next: 0,
            wishes: BTreeMap::new(),
            streams: followed.map(|(_, channel)| (channel, Stream::default())).collect(),
            epoch: None,
            following: BTreeSet::new(),
            outstanding: BTreeMap::new(),
        }
    }

    /// Bids and listens until the server is gone.
    pub fn live(&mut self, address: SocketAddr, market: &Market, figures: &Figures) {
        let Ok(mut connection) = Connection::open(address, &self.token) else { return };
        let _ = self.work(&mut connection, market, figures);
    }

    fn work(&mut self, connection: &mut Connection, market: &Market, figures: &Figures) -> Result<(), Gone> {
        self.resume(connection, figures)?;
        self.repeat_unknown(connection)?;
        loop {
            while self.outstanding.len() < OUTSTANDING_MAX && self.random.random_bool(0.7) {
                self.act(connection, market)?;
            }
            while let Some(message) = connection.hear_within(Duration::from_millis(2))? {
                self.take(&message, figures);
            }
        }
    }

    /// Follows the channels again, each from where it was left.
    fn resume(&mut self, connection: &mut Connection, figures: &Figures) -> Result<(), Gone> {
        self.following.clear();
        let epoch = match &self.epoch {
            Some(epoch) => epoch.clone(),
            None => connection.epoch()?,
        };
        for (channel, stream) in &self.streams {
            let offsets =
                stream.facts.keys().map(|&auction| (auction.to_string(), stream.last(auction).into()));
            let offsets: serde_json::Map<String, Value> = offsets.collect();
            let since = json!({"epoch": epoch, "offsets": offsets});
            connection.say(&json!({"type": "subscribe", "channel": channel, "since": since}))?;
            count(&figures.resumed);
        }
        Ok(())
    }

    /// Sends again what was never answered: the same ids, the same terms.
    pub fn repeat_unknown(&mut self, connection: &mut Connection) -> Result<(), Gone> {
        self.outstanding.clear();
        let open: Vec<(String, What)> = self
            .wishes
            .iter()
            .filter_map(|(client_bid_id, wish)| {
                let what = match (&wish.state, wish.cancel) {
                    (State::Unknown, _) => What::Bid,
                    (State::Accepted { .. }, Cancel::Asked) => What::Cancel,
                    _ => return None,
                };
                Some((client_bid_id.clone(), what))
            })
            .collect();
        for (client_bid_id, what) in open {
            self.ask(connection, &client_bid_id, what)?;
        }
        Ok(())
    }

    fn act(&mut self, connection: &mut Connection, market: &Market) -> Result<(), Gone> {
        let known = self
            .wishes
            .iter()
            .filter(|(_, wish)| matches!(wish.state, State::Accepted { .. }))
            .map(|(client_bid_id, _)| client_bid_id)
            .choose(&mut self.random)
            .cloned();
        match (self.random.random_range(0..100), known) {
            (0..14, Some(known)) => self.ask(connection, &known, What::Bid),
            (14..18, Some(known)) => self.ask(connection, &known, What::OtherTerms),
            (18..36, Some(known)) => self.ask(connection, &known, What::Cancel),
            _ => self.bid(connection, market),
        }
    }

    fn bid(&mut self, connection: &mut Connection, market: &Market) -> Result<(), Gone> {
        let newest = market.newest(AUCTIONS_IN_USE);
        let Some(&auction) = newest.iter().choose(&mut self.random) else { return Ok(()) };
        self.next += 1;
        let client_bid_id = format!("{}:{}", self.name, self.next);
        // From 4.5: below the reserve of 10 some are refused; and some quarters are off the grid of halves.
        let off_grid = if self.random.random_bool(0.04) { 0.25 } else { 0.0 };
        let price = f64::from(self.random.random_range(9..140_u32)) / 2.0 + off_grid;
        let quantity = self.random.random_range(1..40);
        let wish = Wish { auction, quantity, price, state: State::Unknown, cancel: Cancel::None };
        self.wishes.insert(client_bid_id.clone(), wish);
        self.ask(connection, &client_bid_id, What::Bid)?;
        // The impatient ask twice before the answer.
        if self.random.random_bool(0.1) { self.ask(connection, &client_bid_id, What::Bid) } else { Ok(()) }
    }

    fn ask(&mut self, connection: &mut Connection, client_bid_id: &str, what: What) -> Result<(), Gone> {
        self.next += 1;
        let correlation = format!("{}", self.next);
        let wish = self.wishes.get_mut(client_bid_id).expect("it is kept");
        let quantity = wish.quantity + u64::from(what == What::OtherTerms);
        let message = match what {
            What::Bid | What::OtherTerms => json!({
                "type": "submit_bid", "auction_id": wish.auction, "correlation_id": correlation,
                "payload": {"quantity": quantity, "price": wish.price, "client_bid_id": client_bid_id},
            }),
            What::Cancel => {
                if wish.cancel == Cancel::None {
                    wish.cancel = Cancel::Asked;
                }
                json!({
                    "type": "cancel_bid", "auction_id": wish.auction, "correlation_id": correlation,
                    "client_bid_id": client_bid_id,
                })
            }
        };
        self.outstanding.insert(correlation, Asked { client_bid_id: client_bid_id.to_owned(), what });
        connection.say(&message)
    }

    /// Whether every request was answered.
    pub fn is_answered(&self) -> bool {
        self.outstanding.is_empty()
    }

    /// Takes one message from the server.
    pub fn take(&mut self, message: &Value, figures: &Figures) {
        let asked = message["correlation_id"].as_str().and_then(|word| self.outstanding.remove(word));
        match (message["type"].as_str(), asked) {
            (Some("subscribed"), _) => self.subscribed(&message["payload"]),
            (Some("bid_accepted"), asked) => self.accepted(&message["payload"], asked.as_ref(), figures),
            (Some("bid_rejected"), Some(asked)) => self.rejected(&message["payload"], &asked, figures),
            (Some("bid_cancelled"), Some(asked)) => {
                let wish = self.wishes.get_mut(&asked.client_bid_id).expect("it is kept");
                if wish.cancel != Cancel::Done {
                    count(&figures.cancelled);
                }
                wish.cancel = Cancel::Done;
                self.fact(message, Told::InReply);
            }
            (Some("error"), Some(asked)) => self.failed(message, &asked),
            (Some("error" | "bid_rejected" | "rate_limit"), None) => panic!("{}: {message}", self.name),
            _ => self.fact(message, Told::ToAll),
        }
    }

    fn subscribed(&mut self, payload: &Value) {
        let epoch = payload["epoch"].as_str().expect("an epoch").to_owned();
        assert_eq!(payload["recovered"], true, "{}: {payload}", self.name);
        assert!(self.epoch.as_ref().is_none_or(|known| epoch == *known), "kill -9 loses no history");
        self.epoch = Some(epoch);
        self.following.extend(CHANNELS.into_iter().filter(|channel| payload["channel"] == *channel));
    }

    fn accepted(&mut self, payload: &Value, asked: Option<&Asked>, figures: &Figures) {
        let client_bid_id = payload["client_bid_id"].as_str().expect("each bid has one");
        let wish = self.wishes.get_mut(client_bid_id).expect("only own bids are acknowledged");
        let now = State::Accepted {
            bid: id(&payload["bid_id"]),
            offset: payload["offset"].as_u64().expect("an offset"),
        };
        let is_repeat = payload["duplicate"] == true;
        match &wish.state {
            State::Accepted { .. } => {
                assert_eq!(now, wish.state, "{client_bid_id} is one bid for ever");
                if let Some(asked) = asked {
                    assert_eq!(asked.what, What::Bid, "{client_bid_id}: other terms were taken");
                    assert!(is_repeat, "{client_bid_id} was taken a second time: {payload}");
                    count(&figures.repeated);
                }
            }
            State::Unknown => {
                count(&figures.accepted);
                if is_repeat {
                    count(&figures.settled_later);
                }
                assert_eq!(payload["quantity"].as_f64(), Some(wish.quantity as f64), "{payload}");
                assert_eq!(payload["price"].as_f64(), Some(wish.price), "{payload}");
                wish.state = now;
            }
            State::Rejected(code) => panic!("{client_bid_id} was refused ({code}) and is there: {payload}"),
        }
    }

    fn rejected(&mut self, payload: &Value, asked: &Asked, figures: &Figures) {
        let code = payload["code"].as_str().expect("a code").to_owned();
        let wish = self.wishes.get_mut(&asked.client_bid_id).expect("it is kept");
        match (&wish.state, asked.what) {
            (State::Accepted { .. }, What::OtherTerms) => {
                let expected = ["DUPLICATE_BID_ID", "AUCTION_ENDED"].contains(&code.as_str());
                assert!(expected, "{payload}");
            }
            (State::Unknown | State::Rejected(_), What::Bid) => {
                let is_reason = ["AUCTION_ENDED", "INVALID_BID", "BID_TOO_LOW"].contains(&code.as_str());
                assert!(is_reason, "{payload}");
                if wish.state == State::Unknown {
                    count(&figures.rejected);
                }
                wish.state = State::Rejected(code);
            }
            (state, what) => panic!("{}: {state:?}, {what:?}: {payload}", asked.client_bid_id),
        }
    }

    fn failed(&mut self, message: &Value, asked: &Asked) {
        let code = message["error"]["code"].as_str();
        assert_eq!((asked.what, code), (What::Cancel, Some("AUCTION_ENDED")), "{}: {message}", self.name);
        let wish = self.wishes.get_mut(&asked.client_bid_id).expect("it is kept");
        if wish.cancel == Cancel::Asked {
            wish.cancel = Cancel::TooLate;
        }
    }

    fn fact(&mut self, message: &Value, told: Told) {
        let Some((channel, fact)) = Fact::of(message) else { return };
        let Some(stream) = self.streams.get_mut(channel) else { return };
        // Bidders are told how their auctions ended, whether they follow them or not.
        let is_notice = !self.following.contains(channel);
        match told {
            Told::InReply => drop(stream.own.insert((fact.auction, fact.offset), fact)),
            Told::ToAll if is_notice => drop(stream.own.insert((fact.auction, fact.offset), fact)),
            // Its state, sent anew behind the facts of the channel, is no fact.
            Told::ToAll if is_present_state(channel, message, stream, &fact) => {}
            Told::ToAll => stream.push(fact, &self.name),
        }
    }
}

/// How a fact came.
enum Told {
    InReply,
    ToAll,
}

/// On `settlement` the latest fact is repeated as the present state behind a replay.
pub fn is_present_state(channel: &str, message: &Value, stream: &Stream, fact: &Fact) -> bool {
    let is_known = stream.facts.get(&fact.auction).and_then(|facts| facts.last()) == Some(fact);
    channel == "settlement" && message["replayed"] != true && is_known
}

/// A bid of a trader that must be there, for the checks.
impl Trader {
    pub fn wishes_in(&self, auction: Uuid) -> impl Iterator<Item = (&String, &Wish)> {
        self.wishes.iter().filter(move |(_, wish)| wish.auction == auction)
    }
}
