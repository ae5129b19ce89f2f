//! The one thread that owns the engine: it gives every command its place and its
//! time, applies it, and hands the turn's batch on to the log.
//!
//! Time is read once a turn. What the schedule wants at or before that time is
//! applied first, so a bid that is stamped at or after an auction's end finds it
//! closed. A turn ends when nothing waits or its bounds are reached.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;
use rustc_hash::FxHashMap;

use super::batch::Batch;
use super::clock::Clock;
use super::directory::DirectoryEntry;
use super::history::History;
use super::ids::Ids;
use super::intake::{Intake, Outlet, Sink};
use super::keeper::Ended;
use super::publish::NOBODY;
use super::rebuild::Rebuilder;
use super::recovery::{LIFE_STREAM, is_over};
use super::request::{Body, Origin, Outcome, Query, Request};
use super::shared::Shared;
use super::subscribe::CatchUps;
use crate::engine::{
    Answer, AuctionId, AuctionSlot, AuctionStatus, Command, Engine, Event, Fact, Party, Rejection,
};
use crate::log::{Continues, Hash, Space, StreamId, Urgency, record_hash};
use crate::units::TimeUs;
use crate::wire::{self, Grids, Message};

/// Most requests in one turn.
const TURN_REQUESTS_MAX: usize = 1024;
/// A turn ends when its frames take this much.
const TURN_FRAME_BYTES_MAX: usize = 2 << 20;
/// Active auctions tell their state at least this often.
const STATE_INTERVAL_US: i64 = 1_000_000;
/// While an auction is active the log shows a sign of life at least this often, so that an outage can be measured.
const SIGN_OF_LIFE_US: i64 = 5_000_000;

/// The sequencer's state.
pub(super) struct Sequencer {
    pub(super) engine: Engine,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Box<dyn Ids>,
    pub(super) shared: Arc<Shared>,
    pub(super) history: History,
    pub(super) catch_ups: CatchUps,
    pub(super) epoch: Arc<str>,
    pub(super) rebuilder: Rebuilder,
    pub(super) batch: Batch,
    pub(super) message: Message,
    /// Room for a reply's extra members.
    pub(super) extra: Vec<u8>,
    pub(super) events: Vec<Event>,
    /// Auctions whose state changed this turn.
    dirty: Vec<AuctionSlot>,
    /// Auctions that take or may take bids, and when each last told its state.
    active: Vec<(AuctionSlot, TimeUs)>,
    /// The batch in which each auction ended, for those that ended since the start.
    ended_in: FxHashMap<AuctionSlot, u64>,
    /// The hash of each stream's newest record.
    heads: FxHashMap<StreamId, Hash>,
    logged_at: TimeUs,
    step_reported_us: i64,
    intake: Outlet,
    sink: Option<Sink>,
    /// Hears of auctions that are over.
    keeper: Sender<Ended>,
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
    pub(super) rebuilder: Rebuilder,
    pub(super) heads: FxHashMap<StreamId, Hash>,
    pub(super) intake: Outlet,
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
            heads: parts.heads,
            batch: Batch { number: 1, ..Batch::default() },
            message: Message::default(),
            extra: Vec::new(),
            events: Vec::new(),
            dirty: Vec::new(),
            active: Vec::new(),
            logged_at: now,
            step_reported_us: 0,
            intake: parts.intake,
            sink: Some(parts.sink),
            keeper: parts.keeper,
        };
        for slot in (0..this.engine.auction_count()).map(|slot| AuctionSlot(slot as u32)) {
            this.list(slot);
            if !this.engine.status(slot).is_final() {
                this.active.push((slot, now));
            }
        }
        this
    }

    /// Applies the commands of a start, then runs until stopped; what is in the queue by then is still carried out.
    /// An assertion that fails on the way is our fault: the thread lives on and says so to everybody.
    pub(super) fn run(mut self, first_commands: Vec<Command>) {
        // After a failure nothing of the engine is looked at again.
        let ended = catch_unwind(AssertUnwindSafe(|| self.serve(first_commands)));
        if let Err(panic) = ended {
            self.fail(&*panic);
            self.serve_faulty();
        }
        if let Some(Sink::Inline(committer)) = self.sink.take() {
            committer.close();
        }
    }

    fn serve(&mut self, first_commands: Vec<Command>) {
        let now = self.clock.now();
        for command in first_commands {
            self.command(Origin::Nobody, command, now);
        }
        self.finish_turn(now);
        loop {
            let first = self.wait();
            let now = self.clock.now();
            self.watch_clock();
            self.apply_due(now);
            let mut is_stopping = first.is_some_and(|first| self.take(first, now));
            for _ in 0..TURN_REQUESTS_MAX {
                if self.batch.frames.byte_count() > TURN_FRAME_BYTES_MAX {
                    break;
                }
                let Some(next) = self.intake.try_next() else { break };
                is_stopping |= self.take(next, now);
            }
            self.tell_states(now);
            self.finish_turn(now);
            if is_stopping && self.intake.is_empty() {
                break;
            }
        }
    }

    /// The next item of the queue, whenever it comes.
    pub(super) fn next_intake(&self) -> Intake {
        loop {
            if let Some(next) = self.intake.wait(None) {
                return next;
            }
        }
    }

    fn wait(&self) -> Option<Intake> {
        let patience = self.next_deadline().and_then(|deadline| self.clock.sleep_until(deadline));
        if patience == Some(Duration::ZERO) {
            return self.intake.try_next();
        }
        self.intake.wait(patience)
    }

    fn next_deadline(&self) -> Option<TimeUs> {
        if self.shared.is_frozen() {
            return None;
        }
        let told_first = self.active.iter().map(|&(_, told_at)| TimeUs(told_at.0 + STATE_INTERVAL_US)).min();
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
    fn take(&mut self, intake: Intake, now: TimeUs) -> bool {
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
            Body::Command(command) => self.command(origin, command, now),
        }
    }

    /// Gives a command its ids, applies it, and puts its reply and its events into the batch.
    pub(super) fn command(&mut self, origin: Origin, mut command: Command, now: TimeUs) {
        if let Some(reason) = self.lacks_space(&command) {
            return self.refuse_unseen(origin, &Body::Command(command), reason, now);
        }
        if let Command::CancelAll { party, auction } = command {
            return self.cancel_all(origin, &party, auction, now);
        }
        self.fill_in(&mut command);
        let mut events = std::mem::take(&mut self.events);
        let outcome = self.apply(&command, &mut events, now);
        self.reply(origin, &command, outcome, &events, now);
        self.events = events;
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
        // The engine changes nothing without an event, so what has none need not be logged.
        if let Some(first) = events.first() {
            self.record(command, first);
        }
        for event in &*events {
            self.batch.digest.add(event);
            self.note(event, now);
        }
        outcome
    }

    /// Takes all of a party's bids back: one command for each auction and each hundred bids, so that a record
    /// belongs to one auction and no command brings about too much.
    fn cancel_all(&mut self, origin: Origin, party: &Party, auction: Option<AuctionId>, now: TimeUs) {
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
        let command = Command::CancelAll { party: party.clone(), auction };
        let outcome = outcome.map(|bids| Answer::CancelledAll { bids, more: false });
        self.reply(origin, &command, outcome, &[], now);
    }

    /// Why a command must wait for space on the disk, if it must.
    pub(super) fn lacks_space(&self, command: &Command) -> Option<&'static str> {
        match (self.shared.space(), command) {
            (Space::Low | Space::ReservedOnly, Command::CreateAuction(_)) => {
                Some("the disk runs low: no new auctions are taken")
            }
            (
                Space::ReservedOnly,
                Command::SubmitBid(_)
                | Command::SubmitBids(_)
                | Command::AmendBid(_)
                | Command::PutPrices { .. }
                | Command::PutOrderBook { .. },
            ) => Some("the disk is full: no new bids are taken"),
            _ => None,
        }
    }

    pub(super) fn fill_in(&mut self, command: &mut Command) {
        match command {
            Command::SubmitBid(bid) => {
                bid.bid = self.ids.bid();
                bid.salt = self.ids.salt();
            }
            Command::SubmitBids(bids) => {
                for bid in bids {
                    bid.bid = self.ids.bid();
                    bid.salt = self.ids.salt();
                }
            }
            Command::CreateAuction(create) if create.auction.0.is_nil() => {
                create.auction = self.ids.auction()
            }
            Command::CloseAuction { settlement, .. } if settlement.0.is_nil() => {
                *settlement = self.ids.settlement();
            }
            _ => {}
        }
    }

    fn record(&mut self, command: &Command, first: &Event) {
        if !matches!(
            command,
            Command::CreateAuction(_) | Command::SubmitBid(_) | Command::SubmitBids(_) | Command::AmendBid(_)
        ) {
            self.batch.log.urgency = Urgency::Urgent;
        }
        let stream = stream_of(first);
        let is_last = first.auction.is_some_and(|auction| is_over(&self.engine, auction.slot));
        let continues = if is_last { Continues::No } else { Continues::Yes };
        let head = self.heads.entry(stream).or_insert(Hash::ZERO);
        self.batch.log.push_with(stream, continues, |bytes| {
            let start = bytes.len();
            wire::record::encode(command, bytes);
            *head = record_hash(*head, stream, continues, &bytes[start..]);
        });
        if is_last {
            // The keeper ends only after this thread.
            let _ = self.keeper.send(Ended { stream, batch: self.batch.number });
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
    fn note(&mut self, event: &Event, now: TimeUs) {
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

    /// Puts the state of each auction that changed, or has been silent for a second, into the batch.
    fn tell_states(&mut self, now: TimeUs) {
        if self.shared.is_frozen() {
            self.dirty.clear();
            return;
        }
        self.batch.is_of_memory = true;
        let mut dirty = std::mem::take(&mut self.dirty);
        for (slot, told_at) in &self.active {
            if now.0 - told_at.0 >= STATE_INTERVAL_US && self.engine.status(*slot) == AuctionStatus::Active {
                dirty.push(*slot);
            }
        }
        dirty.sort_unstable();
        dirty.dedup();
        for &slot in &dirty {
            if !self.engine.status(slot).is_final() {
                self.tell_state(slot, now);
            }
        }
        for (_, told_at) in self.active.iter_mut().filter(|(slot, told_at)| {
            now.0 - told_at.0 >= STATE_INTERVAL_US || dirty.binary_search(slot).is_ok()
        }) {
            *told_at = now;
        }
        dirty.clear();
        self.dirty = dirty;
        if !self.active.is_empty() && now.0 - self.logged_at.0 >= SIGN_OF_LIFE_US && self.batch.log.is_empty()
        {
            self.batch.log.push(LIFE_STREAM, &[]);
        }
    }

    pub(super) fn finish_turn(&mut self, now: TimeUs) {
        if self.batch.is_empty() {
            return;
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

/// The stream of a command's record: its auction's, or the nil stream for market data.
fn stream_of(first: &Event) -> StreamId {
    StreamId(first.auction.map_or([0; 16], |auction| *auction.id.0.as_bytes()))
}
