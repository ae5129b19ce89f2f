//! The writing end of a log on disk.

use std::io;
use std::sync::Arc;

use super::batch::Batch;
use super::chain::Heads;
use super::error::LogError;
use super::files::{Access, Files, write_all_at};
use super::folder::Run;
use super::format::{LogId, encode, stored_bytes};
use super::names::{Durability, Position, Term, Ticket, Urgency};
use super::segment::{SEGMENT_HEADER_BYTES, Segment, SegmentHeader, segment_name};
use super::shared::{Handle, Shared};
use super::{Log, LogHandle};

pub(super) struct FileLog {
    shared: Arc<Shared>,
    heads: Heads,
    active: Arc<Segment>,
    offset_bytes: u64,
    buffer: Vec<u8>,
    /// What was on the disk when the log was opened: all that a log that never syncs can vouch for.
    opened_at: Position,
    _lock: Box<dyn Send + Sync>,
}

/// Refuses what can never be appended after `heads`.
pub(super) fn check(heads: &Heads, term: Term, expected: Position, batch: &Batch) -> Result<(), LogError> {
    if term < heads.term {
        return Err(LogError::Fenced { term: heads.term });
    }
    if expected != heads.position {
        return Err(LogError::Misplaced { expected, end: heads.position });
    }
    let invalid = |reason| Err(LogError::Invalid { reason });
    if batch.is_empty() {
        return invalid("it has no record");
    }
    if stored_bytes(batch) > super::format::BATCH_BYTES_MAX {
        return invalid("it is larger than any batch may be");
    }
    if batch.time_us < heads.time_us {
        return invalid("its time is before that of the last batch");
    }
    Ok(())
}

impl FileLog {
    pub fn new(shared: Arc<Shared>, heads: Heads, lock: Box<dyn Send + Sync>) -> Self {
        let active = Arc::clone(shared.segments.read().last().expect("a log has a segment"));
        let offset_bytes = active.written_bytes();
        let opened_at = heads.position;
        Self { shared, heads, active, offset_bytes, buffer: Vec::new(), opened_at, _lock: lock }
    }

    /// What a batch written now may say to be on the disk.
    fn vouched(&self) -> Position {
        match self.shared.durability {
            Durability::Fsync => self.shared.durable_position(),
            Durability::Os | Durability::Memory => self.opened_at,
        }
    }

    /// Makes sure that `bytes` more may be written into the segment in use, beginning the next one if need be.
    fn make_room(&mut self, bytes: u64, urgency: Urgency) -> Result<(), LogError> {
        let shared = Arc::clone(&self.shared);
        let failed = |error| shared.freeze(super::pool::making(error));
        if self.offset_bytes + bytes <= self.active.capacity_bytes {
            return match shared.pool.admits(urgency).map_err(failed)? {
                true => Ok(()),
                false => Err(LogError::Full),
            };
        }
        let Some(spare) = shared.pool.take(urgency).map_err(failed)? else { return Err(LogError::Full) };
        let number = self.active.header.number + 1;
        let header = SegmentHeader {
            log_id: shared.log_id,
            number,
            base: self.heads.position,
            durable: self.vouched(),
            term: self.heads.term,
            time_us: self.heads.time_us,
            chain: self.heads.chain,
        };
        let segment = begin_segment(&*shared.files, &spare, header).map_err(|error| {
            shared.freeze(LogError::io(format!("beginning {}", segment_name(number)), error))
        })?;
        self.active = Arc::new(segment);
        self.offset_bytes = SEGMENT_HEADER_BYTES;
        shared.segments.write().push(Arc::clone(&self.active));
        Ok(())
    }

    /// Says to readers and to whoever syncs that the buffer was written; its batch stands at `position`.
    fn publish(&mut self, position: Position) {
        self.active.remember(position, self.offset_bytes);
        self.offset_bytes += self.buffer.len() as u64;
        self.active.set_written(self.offset_bytes);
        let mut written = self.shared.written.lock();
        written.end = self.heads.position;
        if written.unsynced.last().is_none_or(|last| !Arc::ptr_eq(last, &self.active)) {
            written.unsynced.push(Arc::clone(&self.active));
        }
        drop(written);
        if self.shared.durability != Durability::Fsync {
            self.shared.publish(self.heads.position);
        }
    }
}

/// Turns the spare file into the segment that `header` describes. It has its name for good before anything is
/// written into it: a crash that took the name back would leave a spare that is not all zeros.
pub(super) fn begin_segment(files: &dyn Files, spare: &str, header: SegmentHeader) -> io::Result<Segment> {
    let file = files.open(spare, Access::Write)?;
    files.rename(spare, &segment_name(header.number))?;
    files.sync_names()?;
    write_all_at(&*file, 0, &header.encode())?;
    let capacity_bytes = file.len_bytes()?;
    Ok(Segment::new(header, file, capacity_bytes, SEGMENT_HEADER_BYTES))
}

/// The header of a log's first segment.
pub(super) fn first_header(log_id: LogId) -> SegmentHeader {
    let heads = Heads::start();
    SegmentHeader {
        log_id,
        number: 1,
        base: heads.position,
        durable: heads.position,
        term: heads.term,
        time_us: heads.time_us,
        chain: heads.chain,
    }
}

impl Log for FileLog {
    fn submit(&mut self, term: Term, expected: Position, batch: &Batch) -> Result<Ticket, LogError> {
        self.shared.check_alive()?;
        check(&self.heads, term, expected, batch)?;
        let bytes = stored_bytes(batch) as u64;
        if bytes > self.shared.pool.segment_bytes() - SEGMENT_HEADER_BYTES {
            return Err(LogError::Invalid { reason: "it is larger than a segment" });
        }
        self.make_room(bytes, batch.urgency)?;
        let position = self.heads.position;
        encode(batch, term, self.vouched(), self.shared.log_id, &mut self.heads, &mut self.buffer);
        write_all_at(&*self.active.file, self.offset_bytes, &self.buffer).map_err(|error| {
            self.shared.freeze(LogError::io(format!("writing {}", self.active.name), error))
        })?;
        self.publish(position);
        Ok(Ticket { end: self.heads.position })
    }

    fn end(&self) -> Position {
        self.heads.position
    }

    fn heads(&self) -> &Heads {
        &self.heads
    }

    fn handle(&self) -> Arc<dyn LogHandle> {
        Arc::new(Handle(Arc::clone(&self.shared)))
    }

    fn close(self: Box<Self>) -> Result<(), LogError> {
        let end = self.shared.sync()?;
        debug_assert_eq!(end, self.heads.position);
        Run::Closed { end, chain: self.heads.chain }.write(&*self.shared.files)
    }
}
