//! The sequencer owns the engine: it gives every command its place and its time,
//! applies it, and hands the turn's batch on to the log.
//!
//! Time is read once a turn. What the schedule wants at or before that time is
//! applied first, so a bid that is stamped at or after an auction's end finds it
//! closed. Who runs a turn, and when it ends, is the business of [`super::turns`].

use std::sync::Arc;

use crossbeam_channel::Sender;
use rustc_hash::FxHashMap;

use super::batch::Batch;
use super::clock::Clock;
use super::directory::DirectoryEntry;
use super::frame::ConnectionKey;
use super::history::History;
use super::ids::Ids;
use super::intake::{Intake, Sink};
use super::keeper::Ended;
use super::publish::{End, NOBODY};
use super::rebuild::Rebuilder;
use super::recording::Recording;
use super::request::{Body, Origin, Outcome, Query, Request};
use super::shared::Shared;
use super::states::{Publishing, STATE_INTERVAL_US};
use super::subscribe::CatchUps;
use super::turns::Refused;
use crate::engine::{
    Answer, AuctionId, AuctionSlot, BidId, Command, Engine, Event, Fact, Party, Rejection, SubmitBid,
};
use crate::log::{Hash, StreamId};
use crate::units::TimeUs;
use crate::wire::{self, Grids, Message};

/// The sequencer's state.
pub(super) struct Sequencer {
    pub(super) engine: Engine,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Box<dyn Ids>,
    pub(super) shared: Arc<Shared>,
    pub(super) history: History,
    pub(super) catch_ups: CatchUps,
    pub(super) epoch: Arc<str>,
    /// `None` where there is no log to rebuild from, and once nothing is taken any more.
    pub(super) rebuilder: Option<Rebuilder>,
    pub(super) batch: Batch,
    pub(super) message: Message,
    /// Room for a reply's extra members.
    pub(super) extra: Vec<u8>,
    pub(super) events: Vec<Event>,
    /// Auctions whose state changed this turn.
    pub(super) dirty: Vec<AuctionSlot>,
    /// Auctions that take or may take bids, and when each last told its state.
    pub(super) active: Vec<(AuctionSlot, TimeUs)>,
    /// The batch in which each auction ended, for those that ended since the start.
    ended_in: FxHashMap<AuctionSlot, u64>,
    /// How the sales ended whose end was kept in the history as it happened.
    pub(super) ends: FxHashMap<AuctionSlot, End>,
    /// The hash of each stream's newest record.
    pub(super) heads: FxHashMap<StreamId, Hash>,
    pub(super) logged_at: TimeUs,
    step_reported_us: i64,
    pub(super) publishing: Publishing,
    pub(super) recording: Recording,
    /// Whether an assertion has failed: nothing of the engine is looked at again.
    pub(super) is_faulty: bool,
    /// An item of the queue that a shard's turn left to the thread. It comes before all others.
    pub(super) set_aside: Option<Intake>,
    /// Until when the thread sleeps, unless it is called.
    sleeps_until: TimeUs,
    /// `None` once nothing is taken any more.
    sink: Option<Sink>,
    /// Hears of auctions that are over.
    pub(super) keeper: Option<Sender<Ended>>,
}

/// What a sequencer is made of.
pub(super) struct Parts {
    pub(super) engine: Engine,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Box<dyn Ids>,
    pub(super) shared: Arc<Shared>,
    pub(super) history: History,
    pub(super) catch_ups: CatchUps,
    pub(super) epoch: Arc<str>,
    pub(super) rebuilder: Option<Rebuilder>,
    pub(super) heads: FxHashMap<StreamId, Hash>,
    pub(super) publishing: Publishing,
    pub(super) recording: Recording,
    pub(super) sink: Sink,
    pub(super) keeper: Sender<Ended>,
}

impl Sequencer {
    pub(super) fn new(parts: Parts) -> Self {
        let now = parts.clock.now();
        let mut this = Self {
            engine: parts.engine,
            clock: parts.clock,
            ids: parts.ids,
            shared: parts.shared,
            history: parts.history,
            catch_ups: parts.catch_ups,
            epoch: parts.epoch,
            rebuilder: parts.rebuilder,
            ended_in: FxHashMap::default(),
            ends: FxHashMap::default(),
            heads: parts.heads,
            batch: Batch { number: 1, ..Batch::default() },
            message: Message::default(),
            extra: Vec::new(),
            events: Vec::new(),
            dirty: Vec::new(),
            active: Vec::new(),
            logged_at: now,
            step_reported_us: 0,
            publishing: parts.publishing,
            recording: parts.recording,
            is_faulty: false,
            set_aside: None,
            sleeps_until: TimeUs(i64::MAX),
            sink: Some(parts.sink),
            keeper: Some(parts.keeper),
        };
        for slot in (0..this.engine.auction_count()).map(|slot| AuctionSlot(slot as u32)) {
            this.list(slot);
            if !this.engine.status(slot).is_final() {
                this.active.push((slot, now));
            }
        }
        this
    }

    /// Applies the commands of a start, in a turn of their own.
    pub(super) fn start(&mut self, commands: Vec<Command>) {
        let now = self.clock.now();
        for command in commands {
            self.command(Origin::Nobody, command, now);
        }
        self.finish_turn(now);
    }

    /// What comes before all else in a turn.
    pub(super) fn begin_turn(&mut self, now: TimeUs) {
        self.watch_clock();
        self.apply_due(now);
    }

    /// Whether nothing is taken any more.
    pub(super) fn is_over(&self) -> bool {
        self.sink.is_none()
    }

    /// Whether batches become durable on another thread.
    pub(super) fn is_committed_elsewhere(&self) -> bool {
        matches!(self.sink, Some(Sink::Thread { .. }))
    }

    /// Whether all is well, nothing is due by now, and a turn can be ended without waiting for another thread.
    pub(super) fn is_idle(&self, now: TimeUs) -> bool {
        let has_room = match &self.sink {
            Some(Sink::Inline(_)) => true,
            Some(Sink::Thread { batches, .. }) => !batches.is_full(),
            None => false,
        };
        has_room
            && !self.is_faulty
            && !self.shared.is_frozen()
            && self.set_aside.is_none()
            && self.next_deadline().is_none_or(|deadline| deadline > now)
    }

    /// Closes the log in good order and takes nothing any more.
    pub(super) fn end(&mut self) {
        (self.keeper, self.rebuilder) = (None, None);
        // Nobody wants any more what is being rebuilt for them.
        self.catch_ups = CatchUps::default();
        if let Some(Sink::Inline(committer)) = self.sink.take() {
            committer.close();
        }
    }

    /// Notes until when the thread sleeps.
    pub(super) fn fall_asleep(&mut self) -> Option<TimeUs> {
        let deadline = self.next_deadline();
        self.sleeps_until = deadline.unwrap_or(TimeUs(i64::MAX));
        deadline
    }

    /// Whether something is due before the thread wakes by itself.
    pub(super) fn is_due_before_waking(&self) -> bool {
        self.next_deadline().is_some_and(|deadline| deadline < self.sleeps_until)
    }

    fn next_deadline(&self) -> Option<TimeUs> {
        if self.shared.is_frozen() {
            return None;
        }
        let listening = self.active.iter().filter(|_| self.publishing.is_heard);
        let told_first = listening.map(|&(_, told_at)| TimeUs(told_at.0 + STATE_INTERVAL_US)).min();
        [self.engine.next_due(), told_first].into_iter().flatten().min()
    }

    /// Reports a step of the wall clock instead of following it while an auction runs.
    fn watch_clock(&mut self) {
        let step_us = self.clock.step_us();
        if self.active.is_empty() {
            self.clock.follow();
        } else if (step_us - self.step_reported_us).abs() > super::clock::STEP_REPORTED_US {
            tracing::warn!(
                step_ms = step_us / 1000,
                "the system clock stepped; running auctions keep their time"
            );
            self.step_reported_us = step_us;
        }
    }

    /// Applies what the schedule wants, earliest first.
    fn apply_due(&mut self, now: TimeUs) {
        while !self.shared.is_frozen() {
            let Some(command) = self.engine.due(now) else { break };
            let nobody = Request { origin: Origin::Nobody, correlation: None, body: Body::Command(command) };
            self.request(nobody, now);
        }
    }

    /// Takes one item of the queue; whether it says to stop.
    pub(super) fn take(&mut self, intake: Intake, now: TimeUs) -> bool {
        self.batch.is_of_memory |= !self.shared.is_frozen();
        match intake {
            Intake::Request(request) => self.request(request, now),
            Intake::Nudge => {}
            Intake::Rebuilt(rebuilt) => self.go_on_with_rebuilt(rebuilt, now),
            Intake::Visit(visit) => visit(&self.engine, now),
            Intake::Stop => return true,
        }
        false
    }

    fn request(&mut self, request: Request, now: TimeUs) {
        let Request { origin, correlation, body } = request;
        self.extra.clear();
        if let Some(correlation) = &correlation {
            wire::correlation(correlation, &mut self.extra);
        }
        if let Origin::Connection(connection) = origin {
            self.batch.regrets.note(connection, &self.extra);
        }
        match body {
            Body::Query(Query::Continue { ticket }) => self.go_on(origin, ticket, now),
            Body::Query(Query::Forget) => self.forget(&origin),
            Body::Query(Query::Subscribe(subscribe)) => self.subscribe(origin, subscribe, now),
            _ if self.shared.is_frozen() => {
                self.refuse_unseen(origin, &body, "the log failed; the server must be restarted", now);
            }
            Body::Query(query) => self.query(origin, query, now),
            Body::Batch(bids) => self.batch_bids(origin, bids, now),
            Body::Unreadable(bid) => self.unreadable(origin, &bid, now),
            Body::Amend(amend) => self.amend(origin, amend, now),
            Body::Report { by, report } => self.executor_report(origin, &by, report, now),
            Body::Command(command) => self.command(origin, command, now),
        }
    }

    /// Carries a command out, and puts its reply and its events into the batch.
    pub(super) fn command(&mut self, origin: Origin, command: Command, now: TimeUs) {
        if let Some(reason) = self.lacks_space(&command) {
            return self.refuse_unseen(origin, &Body::Command(command), reason, now);
        }
        let outcome = self.carry_out(origin.connection(), command, now);
        if let Origin::Waiter(waiter) = origin {
            self.batch.waiters.push((waiter, Self::outcome(outcome)));
        }
    }

    /// Carries a command of the turn's own caller out.
    pub(super) fn take_command(&mut self, command: Command, now: TimeUs) -> Result<Answer, Refused> {
        if let Some(reason) = self.lacks_space(&command) {
            return Err(Refused::Unavailable(reason));
        }
        self.extra.clear();
        self.carry_out(ConnectionKey(0), command, now).map_err(Refused::Rejected)
    }

    /// Gives a command its ids, applies it, and puts what it brought about into the batch, with a reply to
    /// `connection`.
    fn carry_out(
        &mut self,
        connection: ConnectionKey,
        mut command: Command,
        now: TimeUs,
    ) -> Result<Answer, Rejection> {
        if let Command::CancelAll { party, auction } = &command {
            let outcome = self.cancel_all(party, *auction, now);
            self.reply(connection, &command, &outcome, &[], now);
            return outcome;
        }
        self.fill_in(&mut command);
        let mut events = std::mem::take(&mut self.events);
        let outcome = self.apply(&command, &mut events, now);
        self.reply(connection, &command, &outcome, &events, now);
        self.events = events;
        outcome
    }

    /// Applies a command and notes it for the log.
    pub(super) fn apply(
        &mut self,
        command: &Command,
        events: &mut Vec<Event>,
        now: TimeUs,
    ) -> Result<Answer, Rejection> {
        events.clear();
        let outcome = self.engine.apply(command, now, events);
        if self.recording == Recording::Logged {
            self.record(command, events);
        }
        self.note(events, now);
        outcome
    }

    /// Takes all of a party's bids back: one command for each auction and each hundred bids, so that a record
    /// belongs to one auction and no command brings about too much.
    fn cancel_all(
        &mut self,
        party: &Party,
        auction: Option<AuctionId>,
        now: TimeUs,
    ) -> Result<Answer, Rejection> {
        let auctions = match auction {
            Some(auction) => vec![auction],
            None => self.active.iter().map(|&(slot, _)| self.engine.auction_id(slot)).collect(),
        };
        let mut events = std::mem::take(&mut self.events);
        let mut outcome = Ok(Vec::new());
        for id in auctions {
            loop {
                let command = Command::CancelAll { party: party.clone(), auction: Some(id) };
                let applied = self.apply(&command, &mut events, now);
                self.publish_all(&events, NOBODY);
                match (applied, &mut outcome) {
                    (Ok(Answer::CancelledAll { bids, more }), Ok(all)) => {
                        all.extend(bids);
                        if more {
                            continue;
                        }
                    }
                    // Of all auctions, those that take no cancellations are passed over.
                    (Err(rejection), _) if auction.is_some() => outcome = Err(rejection),
                    _ => {}
                }
                break;
            }
        }
        self.events = events;
        outcome.map(|bids| Answer::CancelledAll { bids, more: false })
    }

    /// A bid's id and salt, in this order: what a seed gives hangs on it.
    pub(super) fn name_bid(&mut self) -> (BidId, [u8; 16]) {
        let bid = self.ids.bid();
        (bid, self.ids.salt())
    }

    fn fill_in_bid(&mut self, bid: &mut SubmitBid) {
        (bid.bid, bid.salt) = self.name_bid();
    }

    pub(super) fn fill_in(&mut self, command: &mut Command) {
        match command {
            Command::SubmitBid(bid) => self.fill_in_bid(bid),
            Command::SubmitBids(bids) => bids.iter_mut().for_each(|bid| self.fill_in_bid(bid)),
            Command::CreateAuction(create) if create.auction.0.is_nil() => {
                create.auction = self.ids.auction()
            }
            Command::CloseAuction { settlement, .. } if settlement.0.is_nil() => {
                *settlement = self.ids.settlement();
            }
            _ => {}
        }
    }

    /// The auction's last event that may be told: while the log is well all of memory, else what is durable.
    pub(super) fn tellable_offset(&self, slot: AuctionSlot) -> u64 {
        if self.shared.is_frozen() {
            self.history.last_in(slot, self.shared.durable_batch())
        } else {
            self.engine.offset(slot)
        }
    }

    /// Whether the auction is over, as far as may be told.
    pub(super) fn is_tellably_final(&self, slot: AuctionSlot) -> bool {
        let may_be_told = !self.shared.is_frozen()
            || self.ended_in.get(&slot).is_none_or(|batch| *batch <= self.shared.durable_batch());
        may_be_told && self.engine.status(slot).is_final()
    }

    /// The hash of the newest record of an auction.
    pub(super) fn head(&self, slot: AuctionSlot) -> Option<[u8; 32]> {
        let stream = StreamId(*self.engine.auction_id(slot).0.as_bytes());
        self.heads.get(&stream).map(|head| head.0)
    }

    /// Keeps the sequencer's own lists true.
    pub(super) fn note(&mut self, events: &[Event], now: TimeUs) {
        events.iter().for_each(|event| self.note_event(event, now));
    }

    fn note_event(&mut self, event: &Event, now: TimeUs) {
        let Some(auction) = event.auction else { return };
        if matches!(event.fact, Fact::AuctionCreated { .. }) {
            self.list(auction.slot);
            self.active.push((auction.slot, now));
        }
        if matches!(event.fact, Fact::AuctionCompleted { .. } | Fact::AuctionCancelled { .. }) {
            self.active.retain(|&(slot, _)| slot != auction.slot);
            self.ended_in.insert(auction.slot, self.batch.number);
        }
        if self.dirty.last() != Some(&auction.slot) {
            self.dirty.push(auction.slot);
        }
    }

    fn list(&self, slot: AuctionSlot) {
        let terms = self.engine.terms(slot);
        let grids = Grids { tick: terms.tick, lot: terms.lot };
        self.shared.directory.add(DirectoryEntry { slot, id: self.engine.auction_id(slot), grids });
    }

    pub(super) fn finish_turn(&mut self, now: TimeUs) {
        if self.batch.is_empty() {
            // Nothing of an empty turn may mark the next one as read from memory: what that refuses is refused for sure.
            return self.batch.clear();
        }
        self.batch.log.time_us = now.0.cast_unsigned();
        self.batch.log.digest = crate::log::Hash(self.batch.digest.finish());
        if !self.batch.log.is_empty() {
            self.logged_at = now;
        }
        let number = self.batch.number + 1;
        match self.sink.as_mut() {
            Some(Sink::Inline(committer)) => {
                committer.commit(std::slice::from_mut(&mut self.batch));
                self.batch.clear();
            }
            Some(Sink::Thread { batches, used }) => {
                let empty = used.try_recv().unwrap_or_default();
                let full = std::mem::replace(&mut self.batch, empty);
                if batches.send(full).is_err() {
                    self.shared.freeze("the committer is gone".to_owned());
                }
            }
            None => {}
        }
        self.batch.number = number;
    }

    /// What a command's outcome means for a caller that waits.
    pub(super) fn outcome(outcome: Result<Answer, Rejection>) -> Outcome {
        match outcome {
            Ok(answer) => Outcome::Done(answer),
            Err(rejection) => Outcome::Rejected(rejection),
        }
    }
}
