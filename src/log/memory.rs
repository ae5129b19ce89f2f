//! The log of durability `Memory`: the same positions, chains and refusals, and nothing outside this process.
//!
//! Bounded: when its bytes are used up it is full, like a disk, and trimming makes room.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::file_log::check;
use super::format::{BatchHeader, Span, decode_header, decode_records, encode, stored_bytes};
use super::{
    Batch, BatchReader, Durability, Epoch, Heads, Log, LogError, LogHandle, LogId, Position, Space,
    StoredBatch, Term, Ticket, Urgency,
};

/// The part of the bytes that only urgent batches may use.
const RESERVED_PART: usize = 16;
/// The part of the ordinary bytes below which space is low.
const LOW_PART: usize = 8;

/// A log that lives as long as this value.
pub struct MemoryLog {
    shared: Arc<Shared>,
    heads: Heads,
    buffer: Vec<u8>,
}

struct Shared {
    epoch: Epoch,
    bytes_max: usize,
    durable: Arc<AtomicU64>,
    held: Mutex<Held>,
}

struct Held {
    start: Position,
    end: Position,
    bytes: usize,
    batches: VecDeque<(Position, Arc<[u8]>)>,
}

const LOG_ID: LogId = LogId(*b"a log in memory\0");

impl MemoryLog {
    /// An empty log that holds up to `bytes_max`, of which a sixteenth is reserved for urgent batches. `epoch` must
    /// be new at every start, since every start in memory begins another history.
    pub fn new(epoch: Epoch, bytes_max: usize) -> Self {
        let held = Held { start: Position::START, end: Position::START, bytes: 0, batches: VecDeque::new() };
        let shared =
            Shared { epoch, bytes_max, durable: Arc::new(AtomicU64::new(0)), held: Mutex::new(held) };
        Self { shared: Arc::new(shared), heads: Heads::start(), buffer: Vec::new() }
    }

    /// Counts the records that are durable.
    pub(super) fn durable_counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.shared.durable)
    }
}

impl Log for MemoryLog {
    fn submit(&mut self, term: Term, expected: Position, batch: &Batch) -> Result<Ticket, LogError> {
        check(&self.heads, term, expected, batch)?;
        let mut held = self.shared.held.lock();
        let room_bytes = match batch.urgency {
            Urgency::Ordinary => self.shared.ordinary_bytes_max(),
            Urgency::Urgent => self.shared.bytes_max,
        };
        if held.bytes + stored_bytes(batch) > room_bytes {
            return Err(LogError::Full);
        }
        encode(batch, term, held.end, LOG_ID, &mut self.heads, &mut self.buffer);
        held.batches.push_back((expected, Arc::from(self.buffer.as_slice())));
        held.bytes += self.buffer.len();
        held.end = self.heads.position;
        // Pairs with the load in `Snapshots::write`.
        self.shared.durable.store(held.end.0, Ordering::Release);
        Ok(Ticket { end: held.end })
    }

    fn end(&self) -> Position {
        self.heads.position
    }

    fn heads(&self) -> &Heads {
        &self.heads
    }

    fn handle(&self) -> Arc<dyn LogHandle> {
        Arc::new(MemoryHandle(Arc::clone(&self.shared)))
    }

    fn close(self: Box<Self>) -> Result<(), LogError> {
        Ok(())
    }
}

impl Shared {
    fn ordinary_bytes_max(&self) -> usize {
        self.bytes_max - self.bytes_max / RESERVED_PART
    }
}

struct MemoryHandle(Arc<Shared>);

impl LogHandle for MemoryHandle {
    fn wait(&self, _ticket: Ticket) -> Result<Position, LogError> {
        Ok(self.durable())
    }

    fn durable(&self) -> Position {
        self.0.held.lock().end
    }

    fn start(&self) -> Position {
        self.0.held.lock().start
    }

    fn read(&self, from: Position) -> Result<Box<dyn BatchReader>, LogError> {
        let held = self.0.held.lock();
        if from > held.end {
            return Err(LogError::Misplaced { expected: from, end: held.end });
        }
        if from < held.start {
            return Err(LogError::Trimmed { start: held.start });
        }
        let after = held.batches.partition_point(|(position, _)| *position <= from);
        let position = if from == held.end { held.end } else { held.batches[after - 1].0 };
        Ok(Box::new(MemoryReader {
            shared: Arc::clone(&self.0),
            position,
            bytes: Arc::default(),
            header: None,
            spans: Vec::new(),
        }))
    }

    fn settle(&self) -> Result<(), LogError> {
        Ok(())
    }

    fn trim(&self, to: Position) -> Result<(), LogError> {
        let mut held = self.0.held.lock();
        while held.batches.front().is_some_and(|_| held.second_start() <= to) {
            if let Some((_, bytes)) = held.batches.pop_front() {
                held.bytes -= bytes.len();
            }
            held.start = held.batches.front().map_or(held.end, |(position, _)| *position);
        }
        Ok(())
    }

    fn space(&self) -> Space {
        let bytes = self.0.held.lock().bytes;
        let ordinary = self.0.ordinary_bytes_max();
        if bytes >= ordinary {
            Space::ReservedOnly
        } else if bytes > ordinary - ordinary / LOW_PART {
            Space::Low
        } else {
            Space::Ample
        }
    }

    fn maintain(&self) -> Result<Space, LogError> {
        Ok(self.space())
    }

    fn epoch(&self) -> Epoch {
        self.0.epoch.clone()
    }

    fn durability(&self) -> Durability {
        Durability::Memory
    }
}

impl Held {
    /// Where the second batch held starts: what `start` becomes when the first one goes.
    fn second_start(&self) -> Position {
        self.batches.get(1).map_or(self.end, |(position, _)| *position)
    }
}

struct MemoryReader {
    shared: Arc<Shared>,
    position: Position,
    bytes: Arc<[u8]>,
    header: Option<BatchHeader>,
    spans: Vec<Span>,
}

impl BatchReader for MemoryReader {
    fn next(&mut self) -> Result<Option<StoredBatch<'_>>, LogError> {
        {
            let held = self.shared.held.lock();
            if self.position < held.start {
                return Err(LogError::Trimmed { start: held.start });
            }
            let index = held.batches.partition_point(|(position, _)| *position < self.position);
            let Some((_, bytes)) = held.batches.get(index) else { return Ok(None) };
            self.bytes = Arc::clone(bytes);
        }
        let header = decode_header(&self.bytes, LOG_ID).expect("memory holds only whole batches");
        decode_records(&self.bytes, &header, &mut self.spans).expect("memory holds only whole batches");
        self.position = header.end();
        let header = self.header.insert(header);
        Ok(Some(StoredBatch::new(header, &self.spans, &self.bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Continues, Hash, StreamId, record_hash};

    fn log(bytes_max: usize) -> MemoryLog {
        MemoryLog::new(Epoch::new("e1").expect("a valid name"), bytes_max)
    }

    fn batch(streams: &[u8]) -> Batch {
        let mut batch = Batch::new();
        for stream in streams {
            batch.push(StreamId([*stream; 16]), &[*stream; 100]);
        }
        batch
    }

    #[test]
    fn a_stream_is_chained_alone_and_all_batches_together() {
        let mut log = log(1 << 20);
        let _ = log.submit(Term(1), Position(0), &batch(&[1, 2, 1])).expect("there is room");
        let ticket = log.submit(Term(1), Position(3), &batch(&[2])).expect("there is room");
        assert_eq!(log.wait(ticket).expect("memory never fails"), Position(4));
        let first = record_hash(Hash::ZERO, StreamId([1; 16]), Continues::Yes, &[1; 100]);
        let second = record_hash(first, StreamId([1; 16]), Continues::Yes, &[1; 100]);
        assert_eq!(log.stream_head(&StreamId([1; 16])), Some(second));
        let mut heads = Heads::start();
        let mut reader = log.handle().read(Position(0)).expect("nothing was trimmed");
        while let Some(batch) = reader.next().expect("nothing was trimmed") {
            heads.accept(&batch).expect("the chains hold");
        }
        assert_eq!(&heads, log.heads());
    }

    #[test]
    fn urgent_batches_fit_where_ordinary_ones_are_refused_until_trimmed() {
        let mut log = log(16_000);
        let mut urgent = batch(&[9]);
        urgent.urgency = Urgency::Urgent;
        let mut end = Position(0);
        while let Ok(ticket) = log.submit(Term(1), end, &batch(&[1])) {
            end = ticket.end;
        }
        assert!(matches!(log.submit(Term(1), end, &batch(&[1])), Err(LogError::Full)));
        end = log.submit(Term(1), end, &urgent).expect("the reserve takes it").end;
        log.handle().trim(end).expect("memory never fails");
        assert_eq!(log.handle().start(), end);
        assert!(log.submit(Term(1), end, &batch(&[1])).is_ok());
    }

    #[test]
    fn a_lower_term_and_a_wrong_place_are_refused() {
        let mut log = log(1 << 20);
        let _ = log.submit(Term(2), Position(0), &batch(&[1])).expect("there is room");
        let fenced = log.submit(Term(1), Position(1), &batch(&[1]));
        assert!(matches!(fenced, Err(LogError::Fenced { term: Term(2) })));
        let misplaced = log.submit(Term(2), Position(0), &batch(&[1]));
        assert!(matches!(misplaced, Err(LogError::Misplaced { end: Position(1), .. })));
        assert!(matches!(log.submit(Term(2), Position(1), &Batch::new()), Err(LogError::Invalid { .. })));
    }
}
