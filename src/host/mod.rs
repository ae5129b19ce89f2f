//! One engine and one order: intake queue, sequencer, log, ring, replay. What
//! the server and embedding hosts share; it knows no sockets and no sessions.
//!
//! Requests enter one bounded queue; the sequencer gives them their place and
//! their time, applies them, and hands each turn to the log. When a turn is durable
//! its frames enter the fan-out ring and its callers are answered, in that order
//! for everybody. A caller in the same process may run a turn itself: [`Host::enter`].

pub mod audit;
mod batch;
mod bids;
mod clock;
mod committer;
mod directory;
mod embed;
mod fault;
mod figures;
mod frame;
mod history;
mod ids;
mod intake;
mod keeper;
mod placing;
mod presence;
mod publish;
mod queries;
mod rebuild;
mod recent;
mod recording;
mod recovery;
mod refusals;
mod replies;
mod request;
mod resume;
mod sequencer;
mod shared;
mod states;
mod subscribe;
mod turns;
mod wanted;

use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{TrySendError, bounded, unbounded};
use parking_lot::Mutex;

pub use clock::{Clock, ManualClock, SystemClock};
pub use directory::{Directory, DirectoryEntry};
pub use embed::{Follower, Memory};
pub use figures::{Figures, Marks, MessageKind};
pub use frame::{ConnectionKey, Delivery, Frame, FrameHeader, HEADER_BYTES};
pub use ids::{Ids, RandomIds, SeededIds};
pub use presence::Presence;
pub use publish::{pair_key, token_key};
pub use request::{
    AmendText, BatchBid, Body, Found, NumberText, OpenRequests, Origin, Outcome, OwnBids, Query, Request,
    Since, Snapshot, Subscribe, UnreadableBid, Waiter,
};
pub use shared::{Readiness, ShardWaker};
pub use turns::{Closed, Refused, Turn};

use committer::Committer;
use intake::{Exit, Inlet, Intake, Sink};
use keeper::Keeper;
use rebuild::Rebuilder;
use recording::Recording;
use recovery::{Past, Replayer};
use sequencer::{Parts, Sequencer};
use shared::Shared;
use states::Publishing;
use subscribe::CatchUps;
use turns::Turns;

use crate::engine::{Engine, EngineLimits};
use crate::fanout::{self, GatedReader, Reader, Ring};
use crate::log::{Durability, LogError, LogHandle, Opened, Position, Term};
use crate::units::TimeUs;

/// Turns that may wait for the committer while it syncs.
const TURNS_WAITING_MAX: usize = 2;

/// How a host is made.
#[derive(Debug, Clone, Copy)]
pub struct HostConfig {
    /// Bounds of the engine.
    pub engine: EngineLimits,
    /// Requests that may wait for the sequencer.
    pub intake_requests_max: usize,
    /// Size of the fan-out ring.
    pub ring_bytes: usize,
    /// Memory for recent facts, by which clients resume without touching the log; a start fills it again.
    pub history_bytes: usize,
    /// A snapshot is made after this many records, so that a start need not replay more than about twice as many.
    pub snapshot_records: u64,
    /// Whether events are encoded before anybody has come to hear them.
    pub encoding: Encoding,
}

/// When events are encoded for the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Always, and recent facts are kept for clients that resume: what a server does.
    Always,
    /// Only while somebody reads the ring. Facts that nobody heard can be had from the log alone.
    WhileHeard,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            engine: EngineLimits { active_auctions_max: 1_000, bids_per_auction_max: 10_000_000 },
            intake_requests_max: 16_384,
            ring_bytes: 16 << 20,
            history_bytes: 64 << 20,
            snapshot_records: 250_000,
            encoding: Encoding::Always,
        }
    }
}

/// Why a host cannot start.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The log cannot be used.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A record of the log is not one that this version can apply.
    #[error("the log's record at position {position} cannot be applied: {why}")]
    Unreadable {
        /// Its place.
        position: u64,
        /// What is wrong with it.
        why: String,
    },
    /// Replaying the log gave other events than were given at first.
    #[error("the batch at position {position} gives other events than when it was written")]
    Diverged {
        /// Its place.
        position: u64,
    },
    /// The system gave no thread.
    #[error("no thread could be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// A running host. Dropping it stops it as [`stop`](Self::stop) does.
pub struct Host {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    turns: Arc<Turns>,
    intake: Inlet,
    requests: Exit,
    ring: Ring,
    log: Arc<dyn LogHandle>,
    epoch: Arc<str>,
    encoding: Encoding,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Host {
    /// Replays the log and starts to serve.
    pub fn start(
        config: HostConfig,
        opened: Opened,
        clock: Arc<dyn Clock>,
        ids: Box<dyn Ids>,
    ) -> Result<Arc<Self>, HostError> {
        let Opened { log, snapshots, archives, .. } = opened;
        let handle = log.handle();
        let snapshot = snapshots.latest()?;
        let snapshot_at = snapshot.as_ref().map_or(Position::START, |snapshot| snapshot.heads.position);
        let mut replayer = Replayer::begin(snapshot, config.engine)?;
        let history = recent::replay(&mut replayer, &*handle, config.history_bytes)?;
        let Replayer { engine, heads, alive_at, command_count, .. } = replayer;
        tracing::info!(commands = command_count, "the log is replayed");
        if let Some(alive_at) = alive_at {
            clock.raise_to(alive_at);
        }
        let shared = Arc::new(Shared::new());
        shared.set_space(handle.space());
        let settings = fanout::Settings { capacity_bytes: config.ring_bytes, ..fanout::Settings::default() };
        let (producer, ring) = fanout::ring(settings);
        let (intake, requests) = intake::queue(config.intake_requests_max);
        let (tell, news) = unbounded();
        let term = Term(log.heads().term.0 + 1);
        let committer = Committer::new(log, term, producer, Arc::clone(&shared));
        let mut threads = Vec::new();
        let sink = start_sink(handle.durability(), committer, &mut threads)?;
        let keeper = Keeper {
            log: Arc::clone(&handle),
            snapshots,
            archives: archives.clone(),
            shared: Arc::clone(&shared),
            limits: config.engine,
            snapshot_records: config.snapshot_records,
            snapshot_at,
            ended: keeper::unarchived(&engine, &archives)?,
            news,
        };
        threads.push(spawn("walras-keeper", move || keeper.run())?);
        let past = Arc::new(Past::new(Arc::clone(&handle), archives, config.engine));
        let (rebuilder, thread) = Rebuilder::start(past, intake.clone(), subscribe::CATCH_UPS_MAX)?;
        threads.push(thread);
        let epoch: Arc<str> = handle.epoch().as_str().into();
        let after_outage =
            alive_at.map_or_else(Vec::new, |alive_at| engine.after_outage(alive_at, clock.now()));
        let mut sequencer = Sequencer::new(Parts {
            engine,
            clock: Arc::clone(&clock),
            ids,
            shared: Arc::clone(&shared),
            history,
            catch_ups: CatchUps::default(),
            epoch: Arc::clone(&epoch),
            rebuilder: Some(rebuilder),
            heads: heads.streams().into_iter().collect(),
            publishing: Publishing::at_first(config.encoding),
            recording: Recording::Logged,
            sink,
            keeper: tell,
        });
        sequencer.start(after_outage);
        let turns = Arc::new(Turns::new(sequencer, Arc::clone(&clock), Arc::clone(&shared), intake.clone()));
        let requests = Exit::new(requests);
        let threads = Mutex::new(threads);
        let encoding = config.encoding;
        let host =
            Self { shared, clock, turns, intake, requests, ring, log: handle, epoch, encoding, threads };
        host.ensure_thread()?;
        Ok(Arc::new(host))
    }

    /// Starts the thread that takes requests from the queue, unless it runs.
    fn ensure_thread(&self) -> Result<(), HostError> {
        let Some(requests) = self.requests.take() else { return Ok(()) };
        let turns = Arc::clone(&self.turns);
        self.threads.lock().push(spawn("walras-sequencer", move || turns.run(&requests))?);
        let nudge = self.intake.clone();
        self.clock.listen(Arc::new(move || nudge.nudge()));
        Ok(())
    }

    /// Hands a request to the sequencer; gives it back when the queue is full or the host has stopped.
    #[expect(
        clippy::result_large_err,
        reason = "the request itself comes back, to be parked and tried again"
    )]
    pub fn try_submit(&self, request: Request) -> Result<(), Request> {
        let outcome = self.try_enqueue(request);
        self.ring();
        outcome
    }

    /// Like [`try_submit`](Self::try_submit), for the requests of a run: they may lie in the queue until
    /// [`ring`](Self::ring), which wakes the sequencer once for all of them.
    #[expect(
        clippy::result_large_err,
        reason = "the request itself comes back, to be parked and tried again"
    )]
    pub fn try_enqueue(&self, request: Request) -> Result<(), Request> {
        self.intake.try_push(Intake::Request(request)).map_err(|error| match error {
            TrySendError::Full(Intake::Request(request))
            | TrySendError::Disconnected(Intake::Request(request)) => request,
            TrySendError::Full(_) | TrySendError::Disconnected(_) => unreachable!("a request was sent"),
        })
    }

    /// Wakes the sequencer if it sleeps.
    pub fn ring(&self) {
        self.intake.ring();
    }

    /// Like [`ring`](Self::ring), for a shard that has added all it has. If that is little and the sequencer sleeps, it is
    /// carried out right here, which spares two hand-overs between threads. `has_read_all` is asked whether the caller
    /// has read the ring to its end.
    /// Whether something was carried out.
    pub fn ring_or_carry_out(&self, has_read_all: impl FnOnce() -> bool) -> bool {
        if self.intake.is_slept_through()
            && let Some(outlet) = self.requests.outlet()
            && self.turns.try_short_turn(&outlet, has_read_all)
        {
            return true;
        }
        self.ring();
        false
    }

    /// Runs `visit` with the engine, on the sequencer's thread, at its place in the order. `false` if the host has
    /// stopped. The engine may be ahead of what is durable; `visit` must be quick and must not block.
    pub fn visit(&self, visit: impl FnOnce(&Engine, TimeUs) + Send + 'static) -> bool {
        self.intake.send(Intake::Visit(Box::new(visit)))
    }

    /// Runs a turn on the calling thread, at its place in the order, after all that is due by now. When it
    /// returns, what the turn did is as durable as the log promises. `work` must not block, nor enter again.
    pub fn enter<T>(&self, work: impl FnOnce(&mut Turn<'_>) -> T) -> Result<T, Closed> {
        self.turns.enter(work)
    }

    /// Adds a shard: `waker` is called once for each published batch. `None` when there are too many, or
    /// no thread could be started to serve them.
    pub fn attach(&self, waker: ShardWaker) -> Option<GatedReader> {
        self.ensure_thread().ok()?;
        self.turns.adjust(|sequencer| {
            let reader = self.ring.gated_reader()?;
            sequencer.publish_for(Publishing { is_heard: true, keeps_history: true });
            self.shared.add_waker(waker);
            Some(reader)
        })
    }

    /// Adds a reader that holds nobody back. `waker` is called once for each published batch.
    pub fn follow(&self, waker: ShardWaker) -> Reader {
        self.turns.adjust(|sequencer| {
            sequencer.publish_for(Publishing { is_heard: true, ..sequencer.publishing });
            self.shared.add_waker(waker);
            self.ring.reader()
        })
    }

    /// The waker's shard or reader has gone. Where nobody is left, nothing more is encoded if that was agreed.
    pub fn leave(&self, waker: &ShardWaker) {
        self.turns.adjust(|sequencer| {
            if !self.shared.remove_waker(waker) {
                sequencer.publish_for(Publishing::at_first(self.encoding));
            }
        });
    }

    /// Waits until everything that came before is carried out, durable and published.
    pub fn drain(&self) -> Result<(), Closed> {
        if self.requests.is_taken() {
            let (tell, told) = bounded(1);
            let visited = self.visit(move |_, _| {
                let _ = tell.send(());
            });
            if visited {
                // A queue that ends meanwhile tells nothing; the turn below says why.
                let _ = told.recv();
            }
        }
        self.enter(|_| ())
    }

    /// What is known of auctions without asking.
    pub fn directory(&self) -> &Directory {
        &self.shared.directory
    }

    /// Which parties are connected.
    pub fn presence(&self) -> &Presence {
        &self.shared.presence
    }

    /// The name of this history.
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// What an acknowledgement survives.
    pub fn durability(&self) -> Durability {
        self.log.durability()
    }

    /// Whether work is taken.
    pub fn readiness(&self) -> Readiness {
        self.shared.readiness()
    }

    /// The host's time.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// From now on [`readiness`](Self::readiness) says that the host is being stopped. Work is still taken.
    pub fn start_draining(&self) {
        self.shared.start_draining();
    }

    /// Carries out what is in the queue, closes the log in good order, and ends. Afterwards nothing is taken.
    pub fn stop(&self) {
        match self.requests.take() {
            Some(_) => self.turns.adjust(Sequencer::end),
            None => {
                self.intake.send(Intake::Stop);
            }
        }
        for thread in self.threads.lock().drain(..) {
            // A thread that panicked has said so; the others must still be waited for.
            let _ = thread.join();
        }
        self.shared.end();
    }

    /// Whether [`stop`](Self::stop) has done its work: nothing more will come through the ring.
    pub fn is_stopped(&self) -> bool {
        self.shared.is_ended()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where there is a sync to wait for, it is waited for on a thread of its own.
fn start_sink(
    durability: Durability,
    committer: Committer,
    threads: &mut Vec<JoinHandle<()>>,
) -> Result<Sink, HostError> {
    match durability {
        Durability::Os | Durability::Memory => Ok(Sink::Inline(Box::new(committer))),
        Durability::Fsync => {
            let (batches, waiting) = bounded(TURNS_WAITING_MAX);
            let (give_back, used) = bounded(2 * TURNS_WAITING_MAX);
            let work = move || committer.serve(&waiting, &give_back);
            threads.push(spawn("walras-committer", work)?);
            Ok(Sink::Thread { batches, used })
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, HostError> {
    Ok(std::thread::Builder::new().name(name.to_owned()).spawn(work)?)
}
