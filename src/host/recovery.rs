//! The engine from its log: at start, and for a thread that retells an auction's past.
//!
//! Commands are applied at the times they were first applied at. What they bring
//! about must have the digest that stands in each batch's header: a replay that
//! gives other events is not the same history, and refuses to start.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::HostError;
use super::batch::EventDigest;
use crate::engine::{AuctionId, Engine, EngineLimits, Event};
use crate::log::{BatchReader, Continues, Hash, LogHandle, Position, StreamId, record_hash};
use crate::units::TimeUs;
use crate::wire;

/// The stream of the log's signs of life: empty records that say no more than that time went on.
pub(super) const LIFE_STREAM: StreamId = StreamId([0xff; 16]);

/// What a replay of the whole log leaves.
pub(super) struct Recovered {
    /// The engine after the last command.
    pub engine: Engine,
    /// The hash of each stream's newest record.
    pub heads: FxHashMap<StreamId, Hash>,
    /// When the log last showed a sign of life; `None` for an empty one.
    pub alive_at: Option<TimeUs>,
    /// How many commands were applied.
    pub command_count: u64,
}

/// Replays all that is durable.
pub(super) fn recover(log: &dyn LogHandle, limits: EngineLimits) -> Result<Recovered, HostError> {
    let mut reader = log.read(log.start())?;
    let mut out = Recovered {
        engine: Engine::new(limits),
        heads: FxHashMap::default(),
        alive_at: None,
        command_count: 0,
    };
    let mut events = Vec::new();
    while let Some(batch) = reader.next()? {
        let now = TimeUs(batch.time_us().cast_signed());
        let mut digest = EventDigest::default();
        for record in batch.records() {
            if record.stream == LIFE_STREAM {
                continue;
            }
            out.heads.insert(record.stream, record.hash);
            events.clear();
            apply(&mut out.engine, record.position, record.payload, now, &mut events)?;
            events.iter().for_each(|event| digest.add(event));
            out.command_count += 1;
        }
        if Hash(digest.finish()) != batch.digest() {
            return Err(HostError::Diverged { position: batch.position().0 });
        }
        out.alive_at = Some(now);
    }
    Ok(out)
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

/// The past as the log holds it, for threads that retell it.
pub(super) struct Past {
    log: Arc<dyn LogHandle>,
    limits: EngineLimits,
}

impl Past {
    pub fn new(log: Arc<dyn LogHandle>, limits: EngineLimits) -> Self {
        Self { log, limits }
    }

    /// A replay of one auction from its beginning; `None` where the log no longer holds that.
    pub fn of_auction(&self, auction: AuctionId) -> Result<Option<AuctionReplay>, HostError> {
        if self.log.start() != Position::START {
            return Ok(None);
        }
        Ok(Some(AuctionReplay {
            reader: self.log.read(Position::START)?,
            stream: StreamId(*auction.0.as_bytes()),
            engine: Engine::new(self.limits),
            events: Vec::new(),
            head: Hash::ZERO,
        }))
    }
}

/// One auction being replayed, a batch at a time.
pub(super) struct AuctionReplay {
    reader: Box<dyn BatchReader>,
    stream: StreamId,
    engine: Engine,
    events: Vec<(Event, Hash)>,
    head: Hash,
}

/// What one batch brought about in the auction.
pub(super) struct Step<'a> {
    /// The engine after the batch.
    pub engine: &'a Engine,
    /// The auction's events, each with the hash of the record behind it.
    pub events: &'a [(Event, Hash)],
}

impl AuctionReplay {
    /// The next batch; `None` at the end of what is durable.
    pub fn step(&mut self) -> Result<Option<Step<'_>>, HostError> {
        let Some(batch) = self.reader.next()? else { return Ok(None) };
        let now = TimeUs(batch.time_us().cast_signed());
        self.events.clear();
        let mut events = Vec::new();
        for record in batch.records().filter(|record| record.stream == self.stream) {
            events.clear();
            apply(&mut self.engine, record.position, record.payload, now, &mut events)?;
            self.head = record_hash(self.head, self.stream, Continues::Yes, record.payload);
            let head = self.head;
            self.events.extend(events.drain(..).map(|event| (event, head)));
        }
        Ok(Some(Step { engine: &self.engine, events: &self.events }))
    }
}
