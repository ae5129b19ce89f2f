//! A data folder or a backup looked at from outside: replayed, or one auction taken
//! out of it. Nothing is changed, and a server may be writing to the folder.

use std::path::Path;

use super::HostError;
use super::recovery::{AuctionReplay, Replayer, Source};
use crate::engine::{AuctionId, AuctionSlot, Engine, EngineLimits};
use crate::log::{self, BatchReader, Position, StreamId};

/// No bounds: a log was written under those of its server.
const NO_LIMITS: EngineLimits =
    EngineLimits { active_auctions_max: u32::MAX, bids_per_auction_max: u32::MAX - 1 };

/// What a replay gave.
pub struct Replayed {
    /// The engine after the last record.
    pub engine: Engine,
    /// Where the replay began: 0, or the position of the snapshot that stands for what was removed.
    pub began_at: Position,
    /// The position after the last record.
    pub end: Position,
    /// How many commands were applied.
    pub command_count: u64,
}

/// Runs the log of a folder again, from its first record where that is still held, and checks that every batch
/// gives the events that it gave at first.
pub fn replay(path: &Path) -> Result<Replayed, HostError> {
    let mut reader = log::read_folder(path)?;
    let snapshot = if reader.start() == Position::START { None } else { log::newest_snapshot(path)? };
    let began_at = snapshot.as_ref().map_or(Position::START, |snapshot| snapshot.heads.position);
    let mut replayer = Replayer::begin(snapshot, NO_LIMITS)?;
    while let Some(batch) = reader.next()? {
        if batch.position() >= began_at {
            replayer.apply(&batch)?;
        }
    }
    Ok(Replayed {
        end: replayer.heads.position,
        engine: replayer.engine,
        began_at,
        command_count: replayer.command_count,
    })
}

/// Runs one auction of a folder again, from its archive if it has one. `None` if the folder does not know it.
pub fn replay_auction(path: &Path, auction: AuctionId) -> Result<Option<Engine>, HostError> {
    let stream = StreamId(*auction.0.as_bytes());
    let source = match log::read_archive(path, stream)? {
        Some(archive) => Source::Archive(archive),
        None => Source::Log(Box::new(log::read_folder(path)?)),
    };
    let mut replay = AuctionReplay::new(source, stream, NO_LIMITS);
    while replay.step()?.is_some() {}
    let engine = replay.into_engine();
    let is_there = engine.auction_count() > 0 && engine.auction_id(AuctionSlot(0)) == auction;
    Ok(is_there.then_some(engine))
}
