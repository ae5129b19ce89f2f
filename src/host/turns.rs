//! Whose turn it is. The sequencer stands behind one lock; the order of taking it is the order of everything.
//!
//! Usually its own thread takes it, for all that waits in the queue. A caller that embeds the host may take it instead
//! and run a turn on its own thread, which spares it two hand-overs between threads; so may a shard that has a bid or two
//! while the thread sleeps. Either way a turn reads the clock once, does what is due before anything else, and ends with
//! its batch on the way to the log and the ring.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::bounded;
use parking_lot::Mutex;

use super::clock::Clock;
use super::ids::Ids;
use super::intake::{Inlet, Outlet};
use super::request::{Found, Outcome, Query};
use super::sequencer::Sequencer;
use super::shared::Shared;
use crate::engine::{Answer, BidWish, Command, Engine, PlacedBid, Rejection};
use crate::units::TimeUs;

/// Most requests in one turn.
const TURN_REQUESTS_MAX: usize = 1024;
/// Most requests in a turn that a shard takes: it has connections to see to, and more are better carried out beside it.
const SHORT_TURN_REQUESTS_MAX: usize = 8;
/// A turn ends when its frames take this much.
const TURN_FRAME_BYTES_MAX: usize = 2 << 20;

/// The sequencer, and what it takes to run it from any thread.
pub(super) struct Turns {
    sequencer: Mutex<Sequencer>,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
    /// Wakes the thread when a caller's turn has made something due earlier.
    nudge: Inlet,
}

/// Why a turn could not be had, or what it did cannot be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// The host was stopped.
    Stopped,
    /// The log failed, or an assertion did: nothing is taken any more.
    Frozen {
        /// What failed.
        reason: String,
    },
    /// One of them failed under this turn: whether it was carried out shows after a restart.
    Unknown {
        /// What failed.
        reason: String,
    },
}

/// Why a wish was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The market's rules.
    Rejected(Rejection),
    /// The host takes no such thing now. For people.
    Unavailable(&'static str),
}

/// A caller's turn: the engine is its own until it ends.
pub struct Turn<'a> {
    sequencer: &'a mut Sequencer,
    now: TimeUs,
}

impl Turn<'_> {
    /// The time of everything in this turn.
    pub fn now(&self) -> TimeUs {
        self.now
    }

    /// The engine as it is now.
    pub fn engine(&self) -> &Engine {
        &self.sequencer.engine
    }

    /// Carries a wish out. Its ids that are nil are given now.
    pub fn command(&mut self, command: Command) -> Result<Answer, Refused> {
        self.sequencer.take_command(command, self.now)
    }

    /// Places bids in order, each judged alone, and tells of each what became of it. Their ids are given now.
    pub fn place_all(
        &mut self,
        bids: &mut [BidWish<'_>],
        tell: impl FnMut(&Engine, usize, Result<PlacedBid, Box<Refused>>),
    ) {
        self.sequencer.place_all(bids, self.now, tell);
    }

    /// Answers a question.
    pub fn ask(&self, query: &Query) -> Result<Found, Rejection> {
        self.sequencer.find(query, self.now)
    }

    /// Tells those who follow the ring, and nobody else, something of the caller's own: a JSON value.
    pub fn announce(&mut self, payload: &str) {
        self.sequencer.announce(payload, self.now);
    }

    /// A source of ids that goes on as the host's own would from here.
    pub fn fork_ids(&self) -> Box<dyn Ids> {
        self.sequencer.ids.fork()
    }

    /// Whether the turn has done as much as one should: the rest is better left to another.
    pub fn is_full(&self) -> bool {
        self.sequencer.batch.frames.byte_count() > TURN_FRAME_BYTES_MAX
    }
}

impl Turns {
    pub fn new(sequencer: Sequencer, clock: Arc<dyn Clock>, shared: Arc<Shared>, nudge: Inlet) -> Self {
        Self { sequencer: Mutex::new(sequencer), clock, shared, nudge }
    }

    /// Runs a turn on the calling thread. When it returns, what the turn did is as durable as the log promises.
    pub fn enter<T>(&self, work: impl FnOnce(&mut Turn<'_>) -> T) -> Result<T, Closed> {
        let mut sequencer = self.sequencer.lock();
        if sequencer.is_over() {
            return Err(Closed::Stopped);
        }
        if let Some(reason) = self.failure(&sequencer) {
            return Err(Closed::Frozen { reason });
        }
        let now = self.clock.now();
        let turn = AssertUnwindSafe(|| {
            sequencer.begin_turn(now);
            sequencer.batch.is_of_memory = true;
            let value = work(&mut Turn { sequencer: &mut sequencer, now });
            sequencer.tell_states(now);
            value
        });
        // After a failed assertion nothing of the engine is looked at again.
        let value = match catch_unwind(turn) {
            Ok(value) => value,
            Err(panic) => {
                sequencer.fail(&*panic);
                return Err(Closed::Unknown { reason: self.failure(&sequencer).unwrap_or_default() });
            }
        };
        let durable = sequencer.is_committed_elsewhere().then(|| {
            let (tell, told) = bounded(1);
            let waiter = Box::new(move |outcome| drop(tell.send(outcome)));
            sequencer.batch.waiters.push((waiter, Outcome::Done(Answer::Done)));
            told
        });
        sequencer.finish_turn(now);
        if sequencer.is_due_before_waking() {
            self.nudge.nudge();
        }
        drop(sequencer);
        let is_durable = durable.is_none_or(|told| matches!(told.recv(), Ok(Outcome::Done(_))));
        if is_durable && !self.shared.is_frozen() {
            return Ok(value);
        }
        Err(Closed::Unknown { reason: self.shared.freeze_reason().unwrap_or_default() })
    }

    /// Changes the sequencer between two turns.
    pub fn adjust<T>(&self, work: impl FnOnce(&mut Sequencer) -> T) -> T {
        work(&mut self.sequencer.lock())
    }

    /// Takes turns with what comes through the queue until told to stop; what came before is still
    /// carried out. An assertion that fails on the way is our fault: the thread lives on and says so to everybody.
    pub fn run(&self, intake: &Outlet) {
        let mut deadline = self.adjust(Sequencer::fall_asleep);
        loop {
            self.wait(intake, deadline);
            let mut sequencer = self.sequencer.lock();
            if sequencer.is_faulty {
                drop(sequencer);
                return self.run_faulty(intake);
            }
            let turn = AssertUnwindSafe(|| self.turn(&mut sequencer, intake));
            match catch_unwind(turn) {
                // Those who have not stopped asking by now may go on for ever.
                Ok(is_stopping) if is_stopping => return sequencer.end(),
                Ok(_) => deadline = sequencer.fall_asleep(),
                Err(panic) => sequencer.fail(&*panic),
            }
        }
    }

    /// One turn with what waits in the queue; whether it said to stop.
    fn turn(&self, sequencer: &mut Sequencer, intake: &Outlet) -> bool {
        let now = self.clock.now();
        let mut is_stopping = false;
        sequencer.begin_turn(now);
        for _ in 0..TURN_REQUESTS_MAX {
            if sequencer.batch.frames.byte_count() > TURN_FRAME_BYTES_MAX {
                break;
            }
            let Some(next) = sequencer.set_aside.take().or_else(|| intake.try_next()) else { break };
            is_stopping |= sequencer.take(next, now);
        }
        sequencer.tell_states(now);
        sequencer.finish_turn(now);
        is_stopping
    }

    /// Runs a short turn on a shard's thread with the few requests that wait, if the sequencer's own thread has nothing
    /// to do with it. Whether nothing is left to do.
    ///
    /// A shard gates the ring that its turn publishes into. So it must have read all of it, as it says once nobody else
    /// can publish, and what is not sure to be small is left to the thread.
    pub fn try_short_turn(&self, intake: &Outlet, has_read_all: impl FnOnce() -> bool) -> bool {
        if intake.count() > SHORT_TURN_REQUESTS_MAX {
            return false;
        }
        let Some(mut sequencer) = self.sequencer.try_lock() else { return false };
        let now = self.clock.now();
        if !sequencer.is_idle(now) || !has_read_all() {
            return false;
        }
        let turn = AssertUnwindSafe(|| short_turn(&mut sequencer, intake, now));
        if let Err(panic) = catch_unwind(turn) {
            sequencer.fail(&*panic);
            return false;
        }
        if sequencer.set_aside.is_some() || sequencer.is_due_before_waking() {
            self.nudge.nudge();
        }
        intake.is_empty()
    }

    fn run_faulty(&self, intake: &Outlet) {
        let mut is_stopping = false;
        while !is_stopping {
            let next = self.adjust(|sequencer| sequencer.set_aside.take().or_else(|| intake.try_next()));
            match next {
                Some(next) => is_stopping = self.adjust(|sequencer| sequencer.take_faulty(next)),
                None => intake.wait(None),
            }
        }
        self.adjust(Sequencer::end);
    }

    fn wait(&self, intake: &Outlet, deadline: Option<TimeUs>) {
        let patience = deadline.and_then(|deadline| self.clock.sleep_until(deadline));
        if patience != Some(Duration::ZERO) {
            intake.wait(patience);
        }
    }

    /// What failed, if anything did.
    fn failure(&self, sequencer: &Sequencer) -> Option<String> {
        if sequencer.is_faulty { self.shared.fault() } else { self.shared.freeze_reason() }
    }
}

/// A turn with what is short of the next few requests.
fn short_turn(sequencer: &mut Sequencer, intake: &Outlet, now: TimeUs) {
    sequencer.begin_turn(now);
    for _ in 0..SHORT_TURN_REQUESTS_MAX {
        let Some(next) = intake.try_next() else { break };
        if !next.is_short() {
            sequencer.set_aside = Some(next);
            break;
        }
        sequencer.take(next, now);
    }
    sequencer.tell_states(now);
    sequencer.finish_turn(now);
}
