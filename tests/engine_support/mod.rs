//! What the engine's tests share: terms, commands and an engine with a clock that the test moves.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod history;
pub mod model;

use std::sync::Arc;

use uuid::Uuid;
use walras::clearing::{self, Schedule, Shape, StepPoint, Supply};
use walras::engine::{
    AmendBid, Answer, AuctionId, AuctionSlot, BidId, BidRef, CancelBid, CloseReason, Command, CreateAuction,
    End, Engine, EngineLimits, Event, Executor, Fact, OnOutage, Party, RULES_VERSION, Rejection,
    SettlementChange, SettlementId, SettlementStart, SettlementTerms, SubmitBid, Terms, TimeoutPolicy,
};
use walras::units::{Decimal, Grid, PriceTicks, QuantityLots, TimeUs};

pub const LIMITS: EngineLimits = EngineLimits { active_auctions_max: 100, bids_per_auction_max: 10_000 };

/// A moment, in milliseconds after the tests' beginning of time.
pub fn at(ms: i64) -> TimeUs {
    TimeUs(1_700_000_000_000_000 + ms * 1000)
}

pub fn grid(step: &str) -> Grid {
    Grid::parse(step).expect("a grid")
}

pub fn decimal(number: i64) -> Decimal {
    Decimal::new(i128::from(number), 0).expect("a small number")
}

pub fn auction(number: u128) -> AuctionId {
    AuctionId(Uuid::from_u128(0xA000 + number))
}

pub fn bid(number: u128) -> BidId {
    BidId(Uuid::from_u128(0xB000_0000 + number))
}

pub fn settlement(number: u128) -> SettlementId {
    SettlementId(Uuid::from_u128(0x5000 + number))
}

pub fn party(name: &str) -> Party {
    Party(name.into())
}

/// A fixed supply on whole ticks and lots.
pub fn fixed(quantity: i64) -> Supply {
    supply(Shape::Fixed { quantity: decimal(quantity) })
}

/// A supply in steps: from each price on so many lots altogether.
pub fn steps(points: &[(i64, i64)]) -> Supply {
    let point =
        |&(price, quantity): &(i64, i64)| StepPoint { price: decimal(price), quantity: decimal(quantity) };
    supply(Shape::Step { points: points.iter().map(point).collect() })
}

pub fn supply(shape: Shape) -> Supply {
    let schedule = Schedule { shape, price_floor: None, price_ceiling: None };
    Supply::new(schedule, grid("1"), grid("1")).expect("a supply")
}

/// A supply between two prices.
pub fn between(shape: Shape, floor: i64, ceiling: i64) -> Supply {
    let schedule =
        Schedule { shape, price_floor: Some(decimal(floor)), price_ceiling: Some(decimal(ceiling)) };
    Supply::new(schedule, grid("1"), grid("1")).expect("a supply")
}

/// A sale of `supply` from price 10 on, open-ended, settled by the ledger when somebody says so.
pub fn terms(supply: Supply) -> Terms {
    Terms {
        tick: grid("1"),
        lot: grid("1"),
        sale: clearing::Terms::new(PriceTicks(10), supply),
        name: None,
        metadata: None,
        seller: party("seller"),
        starts_at: None,
        end: End::Open,
        lock_ms: 0,
        extend_window_ms: 0,
        extend_ms: 0,
        max_extensions: 0,
        on_outage: OnOutage::Extend,
        max_bids_per_bidder: 100,
        allow_price_takers: false,
        allow_phantom_bids: false,
        allow_cancel: true,
        settlement: SettlementTerms {
            participants: None,
            quorum_ppm: 670_000,
            affirm_timeout_ms: 30_000,
            timeout_policy: TimeoutPolicy::Affirm,
            executor: Executor::Ledger,
            start: SettlementStart::Manual,
        },
        rules_version: RULES_VERSION,
    }
}

pub fn create(number: u128, terms: Terms) -> Command {
    Command::CreateAuction(Box::new(CreateAuction {
        auction: auction(number),
        creator: party("operator"),
        terms_json: format!("{{\"test\":{number}}}").into(),
        terms,
        idempotency_key: None,
    }))
}

/// A bid of `who`; its id is `number`.
pub fn submit(auction_number: u128, who: &str, number: u128, quantity: i64, price: i64) -> SubmitBid {
    SubmitBid {
        auction: auction(auction_number),
        party: party(who),
        bid: bid(number),
        salt: [7; 16],
        quantity: QuantityLots(quantity),
        price: Some(PriceTicks(price)),
        client_bid_id: None,
        is_marginal: false,
        is_phantom: false,
        received_at_us: 0,
    }
}

pub fn named(wish: SubmitBid, client_bid_id: &str) -> SubmitBid {
    SubmitBid { client_bid_id: Some(client_bid_id.into()), ..wish }
}

pub fn cancel(who: &str, number: u128) -> Command {
    let bid = BidRef::Id(bid(number));
    Command::CancelBid(CancelBid { bid, party: party(who), received_at_us: 0 })
}

pub fn amend(who: &str, number: u128, quantity: Option<i64>, price: Option<i64>) -> Command {
    Command::AmendBid(AmendBid {
        bid: BidRef::Id(bid(number)),
        party: party(who),
        quantity: quantity.map(QuantityLots),
        price: price.map(PriceTicks),
        received_at_us: 0,
    })
}

pub fn close(number: u128) -> Command {
    Command::CloseAuction {
        auction: auction(number),
        reason: CloseReason::Operator,
        settlement: settlement(number),
    }
}

/// An engine, a clock that the test moves, and all events so far.
pub struct Bench {
    pub engine: Engine,
    pub now: TimeUs,
    pub events: Vec<Event>,
}

impl Bench {
    pub fn new() -> Self {
        Self { engine: Engine::new(LIMITS), now: at(0), events: Vec::new() }
    }

    /// A bench with auction 1 under these terms.
    pub fn with(terms: Terms) -> Self {
        let mut bench = Self::new();
        bench.must(&create(1, terms));
        bench
    }

    pub fn apply(&mut self, command: &Command) -> Result<Answer, Rejection> {
        self.engine.apply(command, self.now, &mut self.events)
    }

    /// Applies what must be taken.
    pub fn must(&mut self, command: &Command) -> Answer {
        self.apply(command).unwrap_or_else(|rejection| panic!("{command:?} is refused: {rejection}"))
    }

    /// Applies what must be refused, and sees to it that no trace is left.
    pub fn refused(&mut self, command: &Command) -> Rejection {
        let (digest, count) = (self.engine.digest(), self.events.len());
        let rejection = self.apply(command).expect_err("the command is refused");
        assert_eq!(self.engine.digest(), digest, "a refused command leaves no trace in the state");
        assert_eq!(self.events.len(), count, "a refused command has no events");
        rejection
    }

    pub fn submit(&mut self, wish: SubmitBid) -> Answer {
        self.must(&Command::SubmitBid(wish))
    }

    /// Moves the clock to a moment, applying what is due on the way as a host would: at its time at the earliest.
    pub fn advance_to(&mut self, moment: TimeUs) {
        while let Some(due) = self.engine.next_due().filter(|due| *due <= moment) {
            self.now = self.now.max(due);
            let mut command = self.engine.due(self.now).expect("something is due");
            fill_in(&mut command);
            self.must(&command);
        }
        self.now = moment;
    }

    pub fn slot(&self, number: u128) -> AuctionSlot {
        self.engine.slot(auction(number)).expect("the auction exists")
    }

    pub fn facts(&self) -> Vec<&Fact> {
        self.events.iter().map(|event| &event.fact).collect()
    }

    pub fn last(&self) -> &Fact {
        &self.events.last().expect("there are events").fact
    }

    pub fn settlement_changes(&self) -> Vec<&SettlementChange> {
        let facts = self.facts().into_iter();
        facts
            .filter_map(|fact| match fact {
                Fact::Settlement(settlement) => Some(&settlement.change),
                _ => None,
            })
            .collect()
    }
}

/// Gives a scheduled close the id of its settlement, as a host does.
pub fn fill_in(command: &mut Command) {
    if let Command::CloseAuction { auction, settlement, .. } = command
        && settlement.0.is_nil()
    {
        *settlement = SettlementId(Uuid::from_u128(auction.0.as_u128() ^ 0xF000));
    }
}

pub fn text(text: &str) -> Arc<str> {
    text.into()
}
