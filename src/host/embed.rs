//! A host for a process that embeds it: in memory without a log, with callers' turns alone until a server comes.

use std::sync::Arc;

use crossbeam_channel::unbounded;
use parking_lot::Mutex;

use super::committer::Committer;
use super::history::History;
use super::ids::Ids;
use super::intake::{self, Exit, Sink};
use super::recording::Recording;
use super::sequencer::{Parts, Sequencer};
use super::shared::{ShardWaker, Shared};
use super::states::Publishing;
use super::subscribe::CatchUps;
use super::turns::Turns;
use super::{Clock, Host, HostConfig, HostError};
use crate::engine::Engine;
use crate::fanout::{self, Overrun, Reader, Records};
use crate::log::{self, Durability, Fresh, Options, Term};

/// Bytes of a log that nothing is ever written to.
const NO_LOG_BYTES: usize = 4096;

/// What a host in memory begins with.
pub struct Memory {
    /// The state.
    pub engine: Engine,
    /// The name of its history, and of a log that it does not keep.
    pub fresh: Fresh,
    /// Whether time flows by itself, so that a thread must see to what becomes due.
    pub is_timed: bool,
}

impl Host {
    /// A host without log: its state is gone when it stops. Without `is_timed` nothing happens but in a caller's
    /// turns, until the first shard is attached.
    pub fn in_memory(
        config: HostConfig,
        memory: Memory,
        clock: Arc<dyn Clock>,
        ids: Box<dyn Ids>,
    ) -> Result<Arc<Self>, HostError> {
        let Memory { engine, fresh, is_timed } = memory;
        let options =
            Options { durability: Durability::Memory, memory_bytes_max: NO_LOG_BYTES, ..Options::default() };
        let opened = log::open("".as_ref(), options, fresh)?;
        let handle = opened.log.handle();
        let shared = Arc::new(Shared::new());
        let settings = fanout::Settings { capacity_bytes: config.ring_bytes, ..fanout::Settings::default() };
        let (producer, ring) = fanout::ring(settings);
        let (intake, requests) = intake::queue(config.intake_requests_max);
        // Nobody archives what no log holds.
        let (keeper, _) = unbounded();
        let epoch: Arc<str> = handle.epoch().as_str().into();
        let committer = Committer::new(opened.log, Term(1), producer, Arc::clone(&shared));
        let sequencer = Sequencer::new(Parts {
            engine,
            clock: Arc::clone(&clock),
            ids,
            shared: Arc::clone(&shared),
            history: History::new(config.history_bytes),
            catch_ups: CatchUps::default(),
            epoch: Arc::clone(&epoch),
            rebuilder: None,
            heads: Default::default(),
            publishing: Publishing::at_first(config.encoding),
            recording: Recording::Unlogged,
            sink: Sink::Inline(Box::new(committer)),
            keeper,
        });
        let turns = Arc::new(Turns::new(sequencer, Arc::clone(&clock), Arc::clone(&shared), intake.clone()));
        let requests = Exit::new(requests);
        let threads = Mutex::default();
        let encoding = config.encoding;
        let host =
            Self { shared, clock, turns, intake, requests, ring, log: handle, epoch, encoding, threads };
        if is_timed {
            host.ensure_thread()?;
        }
        Ok(Arc::new(host))
    }
}

/// A reader of a host's ring that nobody waits for. Dropping it takes its waker away.
pub struct Follower {
    host: Arc<Host>,
    reader: Reader,
    waker: ShardWaker,
}

impl Follower {
    /// Follows `host` from now on.
    pub fn new(host: Arc<Host>, waker: ShardWaker) -> Self {
        let reader = host.follow(Arc::clone(&waker));
        Self { host, reader, waker }
    }

    /// As [`Reader::read_many`].
    pub fn read_many(&mut self, into: &mut Records, budget_bytes: usize) -> Result<usize, Overrun> {
        self.reader.read_many(into, budget_bytes)
    }

    /// Whose ring it is.
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.host.leave(&self.waker);
    }
}
