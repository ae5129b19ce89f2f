//! Reading a log on disk while it grows.

use std::sync::Arc;

use super::BatchReader;
use super::cursor::Cursor;
use super::error::{Damage, LogError};
use super::format::{BatchHeader, Broken};
use super::names::{Hash, Position};
use super::segment::{SEGMENT_HEADER_BYTES, Segment};
use super::shared::Shared;
use super::stored::StoredBatch;
use super::walk::corrupt;

pub(super) struct Reader {
    shared: Arc<Shared>,
    cursor: Cursor,
    /// Where the next batch starts.
    position: Position,
    /// The chain before the next batch, once one was seen.
    chain: Option<Hash>,
}

impl Reader {
    pub fn new(shared: Arc<Shared>, from: Position) -> Result<Self, LogError> {
        let durable = shared.durable_position();
        if from > durable {
            return Err(LogError::Misplaced { expected: from, end: durable });
        }
        let segment = segment_of(&shared, from)?;
        let offset_bytes = segment.landmark(from);
        let mut cursor = Cursor::new(Arc::clone(&segment), shared.log_id);
        cursor.go_to(segment, offset_bytes);
        let mut reader = Self { shared, cursor, position: Position::START, chain: None };
        reader.seek(from)?;
        Ok(reader)
    }

    /// Passes the batches that end at or before `from`.
    fn seek(&mut self, from: Position) -> Result<(), LogError> {
        let header = self.cursor.segment.header;
        if self.cursor.offset_bytes == SEGMENT_HEADER_BYTES {
            self.chain = Some(header.chain);
            self.position = header.base;
        } else {
            // A landmark is the start of a batch that was durable or accepted, so its header can be read.
            self.position = self.header_here()?.position;
        }
        while self.position < from {
            let header = self.header_here()?;
            if header.end() > from {
                break;
            }
            self.cursor.skip(&header);
            self.position = header.end();
            self.chain = Some(header.chain);
        }
        Ok(())
    }

    fn header_here(&mut self) -> Result<BatchHeader, LogError> {
        let peeked = self.cursor.peek().map_err(|error| self.reading(error))?;
        peeked.map_err(|broken| self.damaged(broken))
    }

    fn reading(&self, error: std::io::Error) -> LogError {
        LogError::io(format!("reading {}", self.cursor.segment.name), error)
    }

    fn damaged(&self, broken: Broken) -> LogError {
        corrupt(Damage {
            file: self.cursor.segment.name.clone(),
            offset_bytes: self.cursor.offset_bytes + broken.offset as u64,
            position: self.position,
            what: broken.what.to_owned(),
        })
    }

    /// Goes on to the next segment if the one at hand holds nothing from `position` on.
    fn turn_page(&mut self) -> Result<(), LogError> {
        let number = self.cursor.segment.header.number;
        let segments = self.shared.segments.read();
        let after = segments.partition_point(|segment| segment.header.number <= number);
        match segments.get(after) {
            // Trimmed from under this reader: the one after the next may begin later than where it stands.
            Some(next) if next.header.base > self.position && after == 0 => {
                Err(LogError::Trimmed { start: next.header.base })
            }
            Some(next) if next.header.base == self.position => {
                let next = Arc::clone(next);
                drop(segments);
                self.cursor.go_to(next, SEGMENT_HEADER_BYTES);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The segment that holds `position`, or the last one.
fn segment_of(shared: &Shared, position: Position) -> Result<Arc<Segment>, LogError> {
    let segments = shared.segments.read();
    let after = segments.partition_point(|segment| segment.header.base <= position);
    match after.checked_sub(1) {
        Some(index) => Ok(Arc::clone(&segments[index])),
        None => Err(LogError::Trimmed { start: segments[0].header.base }),
    }
}

impl BatchReader for Reader {
    fn next(&mut self) -> Result<Option<StoredBatch<'_>>, LogError> {
        if self.position >= self.shared.durable_position() {
            return Ok(None);
        }
        self.turn_page()?;
        let header = self.header_here()?;
        if header.position != self.position || self.chain.is_some_and(|chain| chain != header.previous) {
            return Err(
                self.damaged(Broken { offset: 0, what: "the batch does not follow the one before it" })
            );
        }
        let taken = self.cursor.take(header).map_err(|error| self.reading(error))?;
        taken.map_err(|broken| self.damaged(broken))?;
        self.position = header.end();
        self.chain = Some(header.chain);
        Ok(Some(self.cursor.batch()))
    }
}
