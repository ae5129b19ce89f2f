//! The engine against a model that is written to be obvious: on random histories both must give the same answers,
//! refusals, events and states, and at the close the shares of a clearing over a fresh book.

mod engine_support;

use engine_support::LIMITS;
use engine_support::history::{Act, Script, acts, histories, who};
use engine_support::model::Model;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use walras::engine::{Acceptances, Answer, BidRef, Command, Engine, EngineLimits, Event, Fact, Rejection};
use walras::units::{Money, QuantityLots, TimeUs};

/// Both engines side by side, and one that only counts the bids it accepts.
struct Pair {
    engine: Engine,
    counting: Engine,
    model: Model,
}

impl Pair {
    fn new(limits: EngineLimits) -> Self {
        Self { engine: Engine::new(limits), counting: Engine::new(limits), model: Model::new(limits) }
    }

    /// Applies a command to both and compares everything that shows.
    fn apply(&mut self, command: &Command, now: TimeUs) -> Result<Answer, Rejection> {
        let before = self.engine.digest();
        let mut events = Vec::new();
        let answer = self.engine.apply(command, now, &mut events);
        let (expected, expected_events) = self.model.apply(command, now);
        assert_eq!(answer, expected, "{command:?}");
        assert_eq!(events, expected_events, "{command:?}");
        if answer.is_err() {
            assert!(events.is_empty(), "a refused command has no events: {command:?}");
        }
        if events.is_empty() {
            assert_eq!(self.engine.digest(), before, "without events nothing changes: {command:?}");
        }
        assert!(events.len() <= 256, "a command has at most 256 events");
        self.compare_states(now);
        self.compare_counting(command, now, &answer, events);
        answer
    }

    /// Places the bids without events for them: all else must be the same.
    fn compare_counting(
        &mut self,
        command: &Command,
        now: TimeUs,
        answer: &Result<Answer, Rejection>,
        mut events: Vec<Event>,
    ) {
        let mut told = Vec::new();
        let found = match command {
            Command::SubmitBid(bid) => {
                events.retain(|event| !matches!(event.fact, Fact::BidAccepted(_)));
                let placed = self.counting.place(&bid.wish(), now, Acceptances::Counted, &mut told);
                placed
                    .map(|placed| Answer::Bid(self.counting.accepted(placed)))
                    .map_err(|rejection| *rejection)
            }
            other => self.counting.apply(other, now, &mut told),
        };
        assert_eq!(&found, answer, "{command:?}");
        assert_eq!(told, events, "{command:?}");
        assert_eq!(self.counting.digest(), self.engine.digest(), "{command:?}");
    }

    fn compare_states(&self, now: TimeUs) {
        assert_eq!(self.engine.auction_count(), self.model.auctions.len());
        for (place, auction) in self.model.auctions.iter().enumerate() {
            let slot = self.engine.slot(auction.id).expect("the model has it");
            assert_eq!(self.engine.state(slot, now), self.model.state(place, now));
        }
    }

    /// Applies what the schedule wants.
    fn catch_up(&mut self, script: &mut Script) {
        while let Some(command) = script.due(&self.engine) {
            let is_settlement = matches!(command, Command::SettlementDeadline { .. });
            assert!(!is_settlement, "settlements of the model's histories are never started");
            self.apply(&command, script.now).expect("what is due is taken");
        }
        assert!(self.engine.next_due().is_none_or(|due| due > script.now));
    }

    fn play(&mut self, script: &mut Script, history: &[Act]) {
        for act in history {
            if script.wait(act) {
                self.catch_up(script);
            }
            if let Some(command) = script.command(act) {
                let _ = self.apply(&command, script.now);
            }
        }
    }

    /// Compares what owners see of their bids, and the pages of results.
    fn compare_bids(&self, now: TimeUs) {
        for (place, auction) in self.model.auctions.iter().enumerate() {
            let slot = self.engine.slot(auction.id).expect("the model has it");
            let mut won = 0;
            for (index, bid) in auction.bids.iter().enumerate() {
                let view = self.engine.bid(&BidRef::Id(bid.id), &bid.party).expect("the owner sees it");
                assert_eq!(view.status, self.model.status_of(place, index));
                assert_eq!((view.bid.quantity, view.bid.price), (bid.quantity, bid.price));
                let in_book = auction.in_book(bid);
                let filled = match &auction.result {
                    Some(result) if bid.is_live() => result.fill(&in_book),
                    _ => QuantityLots(0),
                };
                assert_eq!(view.filled, filled);
                won += u32::from(filled.0 > 0);
                if let Some(result) = auction.result.as_ref().filter(|_| bid.is_live()) {
                    assert_eq!(view.payment, result.payment(&in_book).whole);
                    assert_eq!(view.at_margin, Some(result.is_at_margin(&in_book)));
                }
                let stranger = engine_support::party("stranger");
                let foreign = self.engine.bid(&BidRef::Id(bid.id), &stranger);
                assert_eq!(foreign, Err(Rejection::BidNotFound));
            }
            let mut live: Vec<_> = auction.bids.iter().filter(|bid| bid.is_live()).collect();
            live.sort_by_key(|bid| bid.seq);
            let mut shown = Vec::new();
            let mut next = Some(0);
            while let Some(from) = next {
                let page = self.engine.live_bids(slot, from, 2);
                shown.extend(page.bids.into_iter().map(|bid| bid.bid));
                next = page.next;
            }
            assert_eq!(shown, live.iter().map(|bid| bid.id).collect::<Vec<_>>());
            self.compare_pages(place, won, now);
        }
    }

    fn compare_pages(&self, place: usize, won: u32, now: TimeUs) {
        let auction = &self.model.auctions[place];
        for number in 0..3 {
            let party = who(number);
            let own: Vec<_> =
                auction.bids.iter().filter(|bid| bid.party == party).map(|bid| bid.id).collect();
            let mut shown = Vec::new();
            let mut after = None;
            loop {
                let (page, next) =
                    self.engine.bids(auction.id, &party, after, 2).expect("the auction exists");
                shown.extend(page.iter().map(|view| view.bid.bid));
                after = next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(shown, own);
        }
        let Some(result) = &auction.result else {
            assert!(self.engine.result(auction.id, None, None, 100, now).is_err());
            return;
        };
        let mut lots = 0;
        let mut money = Money(0);
        let mut count = 0;
        let mut after = None;
        loop {
            let page = self.engine.result(auction.id, None, after, 3, now).expect("there is a result");
            for allocation in &page.allocations {
                lots += allocation.filled.0;
                money.0 += allocation.payment.0;
                count += 1;
            }
            after = page.next_after;
            if after.is_none() {
                assert_eq!(page.summary.total_allocated, result.total_allocated);
                if auction.terms.sale.money_unit.is_none() {
                    assert_eq!(money, page.summary.total_revenue, "the seller gets what is paid");
                }
                break;
            }
        }
        assert_eq!((lots, count), (result.total_allocated.0, won));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_go_as_in_the_model(history in histories(120)) {
        let mut pair = Pair::new(LIMITS);
        let mut script = Script::new();
        pair.play(&mut script, &history);
        pair.compare_bids(script.now);
    }

    #[test]
    fn limits_hold_as_in_the_model(history in prop::collection::vec(acts(), 0..120)) {
        let mut pair = Pair::new(EngineLimits { active_auctions_max: 1, bids_per_auction_max: 6 });
        let mut script = Script::new();
        pair.play(&mut script, &history);
        pair.compare_bids(script.now);
    }
}

#[test]
fn the_model_itself_sees_fills_kills_and_refusals() {
    // A guard against histories that never get anywhere: what the properties above compare must happen in them.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    for _ in 0..300 {
        let history = histories(120).new_tree(&mut runner).expect("a history").current();
        let mut model = Model::new(LIMITS);
        let mut engine = Engine::new(LIMITS);
        let mut script = Script::new();
        for act in &history {
            let mut commands = Vec::new();
            if script.wait(act) {
                while let Some(command) = script.due(&engine) {
                    engine.apply(&command, script.now, &mut Vec::new()).expect("what is due is taken");
                    commands.push(command);
                }
            }
            if let Some(command) = script.command(act) {
                let _ = engine.apply(&command, script.now, &mut Vec::new());
                commands.push(command);
            }
            for command in commands {
                let (answer, events) = model.apply(&command, script.now);
                if let Err(rejection) = answer {
                    *seen.entry(variant(&rejection)).or_default() += 1;
                }
                for event in events {
                    *seen.entry(variant(&event.fact)).or_default() += 1;
                }
            }
        }
        for (place, auction) in model.auctions.iter().enumerate() {
            for index in 0..auction.bids.len() {
                *seen.entry(variant(&model.status_of(place, index))).or_default() += 1;
            }
        }
    }
    for wanted in [
        "AuctionNotOpen",
        "AuctionEnded",
        "AuctionLocked",
        "CancelNotAllowed",
        "InvalidBid",
        "BelowMinQuantity",
        "BidTooLow",
        "BidLimit",
        "DuplicateBidId",
        "WrongStatus",
        "BidNotFound",
        "AuctionNotFound",
        "AuctionCreated",
        "AuctionOpened",
        "AuctionHalted",
        "AuctionResumed",
        "AuctionExtended",
        "BidAccepted",
        "BidCancelled",
        "BidAmended",
        "AuctionCompleted",
        "AuctionCancelled",
        "Filled",
        "Partial",
        "Unfilled",
        "Killed",
        "Cancelled",
    ] {
        assert!(seen.get(wanted).is_some_and(|count| *count >= 5), "{wanted} hardly ever happens: {seen:?}");
    }
}

/// The name of a variant.
fn variant(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}
