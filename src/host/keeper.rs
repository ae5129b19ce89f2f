//! The thread that looks after what the log leaves behind: room ahead of need,
//! snapshots so that a start is quick, an archive for each auction that is over, and
//! the removal of what both cover.
//!
//! A snapshot is made here from the last one and the log, never from the live
//! engine, so it costs the sequencer nothing and proves the replay on the way.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::HostError;
use super::recovery::{Replayer, is_over};
use super::shared::Shared;
use crate::engine::{AuctionSlot, Engine, EngineLimits};
use crate::log::{Archives, Durability, LogHandle, Position, Snapshots, StreamId};

/// How often the log's room is looked after.
const INTERVAL: Duration = Duration::from_secs(1);

/// An auction that is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    /// Its stream.
    pub stream: StreamId,
    /// The batch with its last record; it is archived once that is durable.
    pub batch: u64,
}

/// See the module.
pub(super) struct Keeper {
    pub log: Arc<dyn LogHandle>,
    pub snapshots: Snapshots,
    pub archives: Archives,
    pub shared: Arc<Shared>,
    pub limits: EngineLimits,
    /// A snapshot is due after this many records.
    pub snapshot_records: u64,
    /// Where the newest snapshot stands.
    pub snapshot_at: Position,
    /// Auctions that are over and not yet archived.
    pub ended: Vec<Ended>,
    /// Tells of auctions that are over; closed when the host stops.
    pub news: Receiver<Ended>,
}

impl Keeper {
    /// Works until the host stops.
    pub fn run(mut self) {
        loop {
            match self.news.recv_timeout(INTERVAL) {
                Ok(ended) => {
                    self.ended.push(ended);
                    self.ended.extend(self.news.try_iter());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if let Err(error) = self.tend() {
                tracing::warn!(%error, "the log's snapshots and archives could not be looked after");
            }
        }
    }

    fn tend(&mut self) -> Result<(), HostError> {
        if self.shared.is_frozen() {
            return Ok(());
        }
        let space = self.log.maintain()?;
        self.shared.set_space(space);
        if self.log.durability() == Durability::Memory {
            // Nothing is read back: what clients resume from stands in the history.
            self.ended.clear();
            return Ok(self.log.trim(self.log.durable())?);
        }
        self.archive()?;
        if self.log.durable().0 - self.snapshot_at.0 >= self.snapshot_records {
            self.snapshot()?;
        }
        Ok(())
    }

    /// Seals the auctions whose last record is durable by now.
    fn archive(&mut self) -> Result<(), HostError> {
        let durable_batch = self.shared.durable_batch();
        let ready = self.ended.iter().filter(|ended| ended.batch <= durable_batch);
        let streams: Vec<StreamId> = ready.map(|ended| ended.stream).collect();
        if !streams.is_empty() {
            self.archives.collect(&*self.log, self.log.start(), &streams)?;
            tracing::debug!(count = streams.len(), "auctions were archived");
            self.ended.retain(|ended| ended.batch > durable_batch);
        }
        Ok(())
    }

    fn snapshot(&mut self) -> Result<(), HostError> {
        let mut replayer = Replayer::begin(self.snapshots.latest()?, self.limits)?;
        replayer.catch_up(&*self.log)?;
        let mut bytes = Vec::new();
        replayer.engine.snapshot(&mut bytes);
        self.log.settle()?;
        self.snapshots.write(&replayer.heads, &bytes)?;
        self.snapshot_at = replayer.heads.position;
        tracing::info!(position = self.snapshot_at.0, bytes = bytes.len(), "a snapshot was made");
        let needed = self.first_needed(&replayer.engine)?;
        Ok(self.log.trim(needed.min(self.snapshots.covered()))?)
    }

    /// Where the first record stands that an auction without an archive needs: its past must stay readable.
    fn first_needed(&self, engine: &Engine) -> Result<Position, HostError> {
        let slots = (0..engine.auction_count()).map(|slot| AuctionSlot(slot as u32));
        let streams = slots.map(|slot| StreamId(*engine.auction_id(slot).0.as_bytes()));
        let archived: HashSet<StreamId> = self.archives.list()?.into_iter().collect();
        let unarchived: HashSet<StreamId> = streams.filter(|stream| !archived.contains(stream)).collect();
        if unarchived.is_empty() {
            return Ok(self.log.durable());
        }
        let mut reader = self.log.read(self.log.start())?;
        while let Some(batch) = reader.next()? {
            if let Some(record) = batch.records().find(|record| unarchived.contains(&record.stream)) {
                return Ok(record.position);
            }
        }
        Ok(self.log.durable())
    }
}

/// The auctions of a recovered engine that are over and have no archive: the last run ended before it made them.
pub(super) fn unarchived(engine: &Engine, archives: &Archives) -> Result<Vec<Ended>, HostError> {
    let archived = archives.list()?;
    let slots = (0..engine.auction_count()).map(|slot| AuctionSlot(slot as u32));
    let over = slots.filter(|&slot| is_over(engine, slot));
    let streams = over.map(|slot| StreamId(*engine.auction_id(slot).0.as_bytes()));
    let missing = streams.filter(|stream| !archived.contains(stream));
    Ok(missing.map(|stream| Ended { stream, batch: 0 }).collect())
}
