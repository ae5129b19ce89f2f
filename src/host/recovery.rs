//! The engine from its log: at start, for the next snapshot, and for a thread that
//! retells an auction's past.
//!
//! Commands are applied at the times they were first applied at. What they bring
//! about must have the digest that stands in each batch's header: a replay that
//! gives other events is not the same history, and refuses to start.

use std::sync::Arc;

use super::HostError;
use super::batch::EventDigest;
use crate::engine::{AuctionId, AuctionSlot, AuctionStatus, Engine, EngineLimits, Event, SettlementPhase};
use crate::log::{
    ArchiveReader, Archives, BatchReader, Hash, Heads, LogHandle, Position, Snapshot, StoredBatch, StreamId,
};
use crate::units::TimeUs;
use crate::wire;

/// The stream of the log's signs of life: empty records that say no more than that time went on.
pub(super) const LIFE_STREAM: StreamId = StreamId([0xff; 16]);

/// An engine on its way through the log.
pub(super) struct Replayer {
    /// The engine after the last batch.
    pub engine: Engine,
    /// The log's chains there.
    pub heads: Heads,
    /// When the log last showed a sign of life; `None` for an empty one.
    pub alive_at: Option<TimeUs>,
    /// How many commands were applied since the snapshot.
    pub command_count: u64,
    events: Vec<Event>,
}

impl Replayer {
    /// Begins at a snapshot, or before the first record.
    pub fn begin(snapshot: Option<Snapshot>, limits: EngineLimits) -> Result<Self, HostError> {
        let (engine, heads, alive_at) = match snapshot {
            None => (Engine::new(limits), Heads::start(), None),
            Some(snapshot) => {
                let position = snapshot.heads.position.0;
                let unreadable = |why: String| HostError::Unreadable { position, why };
                let engine = Engine::restore(&snapshot.bytes, limits)
                    .map_err(|error| unreadable(format!("the snapshot: {error}")))?;
                let alive_at = TimeUs(snapshot.heads.time_us.cast_signed());
                (engine, snapshot.heads, Some(alive_at))
            }
        };
        Ok(Self { engine, heads, alive_at, command_count: 0, events: Vec::new() })
    }

    /// Replays all that is durable.
    pub fn catch_up(&mut self, log: &dyn LogHandle) -> Result<(), HostError> {
        self.catch_up_telling(log, |_, _, _| ())
    }

    /// Replays all that is durable, and gives the events of each record to `tell`, with the engine right after them
    /// and the place of the record.
    pub fn catch_up_telling(
        &mut self,
        log: &dyn LogHandle,
        mut tell: impl FnMut(&Engine, &[Event], (Position, Hash)),
    ) -> Result<(), HostError> {
        let mut reader = log.read(self.heads.position)?;
        let end = log.durable();
        while self.heads.position < end {
            let Some(batch) = reader.next()? else { break };
            self.apply_telling(&batch, &mut tell)?;
        }
        Ok(())
    }

    /// Applies the batch that follows.
    pub fn apply(&mut self, batch: &StoredBatch<'_>) -> Result<(), HostError> {
        self.apply_telling(batch, &mut |_, _, _| ())
    }

    fn apply_telling(
        &mut self,
        batch: &StoredBatch<'_>,
        tell: &mut impl FnMut(&Engine, &[Event], (Position, Hash)),
    ) -> Result<(), HostError> {
        let position = batch.position().0;
        self.heads
            .accept(batch)
            .map_err(|error| HostError::Unreadable { position, why: error.to_string() })?;
        let now = TimeUs(batch.time_us().cast_signed());
        let mut digest = EventDigest::default();
        for record in batch.records().filter(|record| record.stream != LIFE_STREAM) {
            self.events.clear();
            apply(&mut self.engine, record.position, record.payload, now, &mut self.events)?;
            self.events.iter().for_each(|event| digest.add(event));
            tell(&self.engine, &self.events, (record.position, record.hash));
            self.command_count += 1;
        }
        if Hash(digest.finish()) != batch.digest() {
            return Err(HostError::Diverged { position });
        }
        self.alive_at = Some(now);
        Ok(())
    }
}

fn apply(
    engine: &mut Engine,
    position: Position,
    payload: &[u8],
    now: TimeUs,
    events: &mut Vec<Event>,
) -> Result<(), HostError> {
    let unreadable = |why: String| HostError::Unreadable { position: position.0, why };
    let command = wire::record::decode(payload).map_err(|error| unreadable(error.to_string()))?;
    engine.apply(&command, now, events).map_err(|rejection| unreadable(rejection.to_string()))?;
    Ok(())
}

/// Whether nothing can happen in an auction any more: it has ended, and what it settles is settled.
pub(super) fn is_over(engine: &Engine, slot: AuctionSlot) -> bool {
    let settled = engine.settlement_state(slot).is_none_or(|fact| {
        matches!(
            fact.phase,
            SettlementPhase::Complete | SettlementPhase::Failed | SettlementPhase::RolledBack
        )
    });
    match engine.status(slot) {
        AuctionStatus::Completed => settled,
        AuctionStatus::Cancelled => true,
        AuctionStatus::Scheduled | AuctionStatus::Active | AuctionStatus::Halted => false,
    }
}

/// The past as log and archives hold it, for threads that retell it.
pub(super) struct Past {
    log: Arc<dyn LogHandle>,
    archives: Archives,
    limits: EngineLimits,
}

impl Past {
    pub fn new(log: Arc<dyn LogHandle>, archives: Archives, limits: EngineLimits) -> Self {
        Self { log, archives, limits }
    }

    /// A replay of one auction from its beginning. Where neither holds that any more, its first step fails.
    pub fn of_auction(&self, auction: AuctionId) -> Result<AuctionReplay, HostError> {
        let stream = StreamId(*auction.0.as_bytes());
        let source = match self.archives.read(stream)? {
            Some(archive) => Source::Archive(archive),
            None => Source::Log(self.log.read(self.log.start())?),
        };
        Ok(AuctionReplay::new(source, stream, self.limits))
    }
}

/// One auction being replayed.
pub(super) struct AuctionReplay {
    source: Source,
    stream: StreamId,
    engine: Engine,
    events: Vec<(Event, Hash)>,
}

pub(super) enum Source {
    /// The log, from which the auction's records are picked.
    Log(Box<dyn BatchReader>),
    /// The auction's own archive.
    Archive(ArchiveReader),
}

/// What one step brought about in the auction.
pub(super) struct Step<'a> {
    /// The engine after it.
    pub engine: &'a Engine,
    /// The auction's events, each with the hash of the record behind it.
    pub events: &'a [(Event, Hash)],
}

impl AuctionReplay {
    pub fn new(source: Source, stream: StreamId, limits: EngineLimits) -> Self {
        Self { source, stream, engine: Engine::new(limits), events: Vec::new() }
    }

    /// The engine as far as it has come.
    pub fn into_engine(self) -> Engine {
        self.engine
    }

    /// Some more of the auction; `None` at the end of what is durable.
    pub fn step(&mut self) -> Result<Option<Step<'_>>, HostError> {
        self.events.clear();
        let mut events = Vec::new();
        match &mut self.source {
            Source::Log(reader) => {
                let Some(batch) = reader.next()? else { return Ok(None) };
                let now = TimeUs(batch.time_us().cast_signed());
                for record in batch.records().filter(|record| record.stream == self.stream) {
                    events.clear();
                    apply(&mut self.engine, record.position, record.payload, now, &mut events)?;
                    self.events.extend(events.drain(..).map(|event| (event, record.hash)));
                }
            }
            Source::Archive(archive) => {
                let Some(record) = archive.next_record()? else { return Ok(None) };
                let now = TimeUs(record.time_us.cast_signed());
                apply(&mut self.engine, record.position, record.payload, now, &mut events)?;
                self.events.extend(events.drain(..).map(|event| (event, record.hash)));
            }
        }
        Ok(Some(Step { engine: &self.engine, events: &self.events }))
    }
}
