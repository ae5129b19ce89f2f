//! What the writer, those who wait and those who read share of a log on disk.
//!
//! One sync serves everything written before it began: whoever waits first does it
//! for all, while the writer goes on. The first failure freezes the log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};

use super::error::LogError;
use super::files::Files;
use super::folder::DurableMark;
use super::format::LogId;
use super::names::{Durability, Epoch, Position, Space, Ticket};
use super::pool::{Pool, Use, making};
use super::reader::Reader;
use super::segment::Segment;
use super::snapshot::Snapshots;
use super::{BatchReader, LogHandle};

pub(super) struct Shared {
    pub files: Arc<dyn Files>,
    pub log_id: LogId,
    pub epoch: Epoch,
    pub durability: Durability,
    pub pool: Pool,
    pub snapshots: Snapshots,
    /// In order; the last one is being written. Never empty.
    pub segments: RwLock<Vec<Arc<Segment>>>,
    /// As durable as promised; readers go up to here.
    pub durable: AtomicU64,
    /// On the disk, whatever was promised.
    pub on_disk: Arc<AtomicU64>,
    pub written: Mutex<Written>,
    pub sync_turn: Mutex<DurableMark>,
    pub frozen: OnceLock<Arc<str>>,
}

/// What was written and not yet synced.
pub(super) struct Written {
    pub end: Position,
    pub unsynced: Vec<Arc<Segment>>,
}

impl Shared {
    pub fn durable_position(&self) -> Position {
        // Pairs with the stores in `publish`: whoever sees the position sees what was written before it.
        Position(self.durable.load(Ordering::Acquire))
    }

    /// Without syncs the writer publishes too, and may be further on.
    pub fn publish(&self, durable: Position) {
        self.durable.fetch_max(durable.0, Ordering::Release);
    }

    /// Fails if an earlier failure froze the log.
    pub fn check_alive(&self) -> Result<(), LogError> {
        match self.frozen.get() {
            Some(cause) => Err(LogError::Frozen { cause: Arc::clone(cause) }),
            None => Ok(()),
        }
    }

    /// Freezes the log for `error`, unless it is frozen already, and gives the error back.
    pub fn freeze(&self, error: LogError) -> LogError {
        self.frozen.get_or_init(|| Arc::from(error.to_string()));
        error
    }

    /// Syncs everything written so far.
    pub fn sync(&self) -> Result<Position, LogError> {
        let mark = self.sync_turn.lock();
        self.sync_in_turn(&mark)
    }

    /// Syncs the segment that the log will begin with: nobody may have waited for its header yet, without which what
    /// is left opens no more.
    fn sync_first(&self, segment: &Segment) -> Result<(), LogError> {
        // In turn, since the system tells only one of two that a sync has failed.
        let _turn = self.sync_turn.lock();
        self.check_alive()?;
        self.sync_segment(segment)
    }

    fn sync_segment(&self, segment: &Segment) -> Result<(), LogError> {
        let failed = |error| self.freeze(LogError::io(format!("syncing {}", segment.name), error));
        segment.file.sync().map_err(failed)
    }

    fn sync_in_turn(&self, mark: &DurableMark) -> Result<Position, LogError> {
        self.check_alive()?;
        let (end, segments) = {
            let mut written = self.written.lock();
            (written.end, std::mem::take(&mut written.unsynced))
        };
        segments.iter().try_for_each(|segment| self.sync_segment(segment))?;
        // Only whoever has the turn stores this, so it never goes back.
        self.on_disk.store(end.0, Ordering::Release);
        self.publish(end);
        mark.write(end).map_err(|error| self.freeze(LogError::io("writing the durable mark", error)))?;
        Ok(end)
    }
}

impl LogHandle for Handle {
    fn wait(&self, ticket: Ticket) -> Result<Position, LogError> {
        let shared = &*self.0;
        let durable = shared.durable_position();
        if durable >= ticket.end {
            return Ok(durable);
        }
        let mark = shared.sync_turn.lock();
        // Another's sync may have served this ticket while we waited for our turn.
        let durable = shared.durable_position();
        if durable >= ticket.end {
            return Ok(durable);
        }
        shared.check_alive()?;
        let end = shared.written.lock().end;
        if ticket.end > end {
            return Err(LogError::Misplaced { expected: ticket.end, end });
        }
        shared.sync_in_turn(&mark)
    }

    fn durable(&self) -> Position {
        self.0.durable_position()
    }

    fn settle(&self) -> Result<(), LogError> {
        let shared = &*self.0;
        if shared.on_disk.load(Ordering::Acquire) >= shared.durable_position().0 {
            return Ok(());
        }
        shared.sync().map(drop)
    }

    fn start(&self) -> Position {
        self.0.segments.read()[0].header.base
    }

    fn read(&self, from: Position) -> Result<Box<dyn BatchReader>, LogError> {
        Ok(Box::new(Reader::new(Arc::clone(&self.0), from)?))
    }

    fn trim(&self, to: Position) -> Result<(), LogError> {
        let shared = &*self.0;
        let to = to.min(shared.snapshots.covered());
        let (doomed, first) = {
            let segments = shared.segments.read();
            let count = segments[1..].iter().take_while(|segment| segment.header.base <= to).count();
            (segments[..count].to_vec(), Arc::clone(&segments[count]))
        };
        if !doomed.is_empty() {
            shared.sync_first(&first)?;
        }
        for segment in doomed {
            // The file goes before it is forgotten, and for good before the next one: a crash leaves no gap.
            shared
                .files
                .remove(&segment.name)
                .and_then(|()| shared.files.sync_names())
                .map_err(|error| LogError::io(format!("removing {}", segment.name), error))?;
            shared.segments.write().remove(0);
        }
        Ok(())
    }

    fn space(&self) -> Space {
        self.0.pool.space()
    }

    fn maintain(&self) -> Result<Space, LogError> {
        let shared = &*self.0;
        shared.check_alive()?;
        let active = {
            let segments = shared.segments.read();
            Arc::clone(segments.last().expect("a log has a segment"))
        };
        let half_full = active.written_bytes() > active.capacity_bytes / 2;
        shared.pool.maintain(if half_full { Use::HalfFull } else { Use::Less }).map_err(making)
    }

    fn epoch(&self) -> Epoch {
        self.0.epoch.clone()
    }

    fn durability(&self) -> Durability {
        self.0.durability
    }
}

/// The part of a log on disk that any thread may use.
pub(super) struct Handle(pub Arc<Shared>);
