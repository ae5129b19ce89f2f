//! Where the chains stand at one position: the log's own and each stream's.
//!
//! Everyone who walks a log carries one: the writer, recovery, whoever makes
//! snapshots. It refuses a batch that does not continue what it has seen.

use rustc_hash::FxHashMap;

use super::batch::Continues;
use super::names::{Hash, Position, StreamId, Term};
use super::stored::StoredBatch;

/// Where the chains stand before the record at `position`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heads {
    /// How many records were seen.
    pub position: Position,
    /// The last batch's term.
    pub term: Term,
    /// The last batch's time, in microseconds since 1970.
    pub time_us: u64,
    /// The chain over all batches.
    pub chain: Hash,
    streams: FxHashMap<StreamId, Hash>,
    knows: Knows,
}

/// Whether the streams of earlier records are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Knows {
    /// All of them: a stream that is not there has not begun.
    All,
    /// Only what was seen since some position: a stream that is not there may have begun earlier.
    Some,
}

/// How a batch fails to continue the chains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainBreak {
    /// It belongs elsewhere.
    #[error("the batch is for position {found}, expected {expected}")]
    Position {
        /// The position of the batch.
        found: Position,
        /// Where the chain stands.
        expected: Position,
    },
    /// It follows another batch than the last one.
    #[error("the batch does not follow the one before it")]
    Log,
    /// One of its records follows another record of its stream than the last one.
    #[error("the record at position {position} does not follow the one before it in stream {stream}")]
    Stream {
        /// The record's position.
        position: Position,
        /// The record's stream.
        stream: StreamId,
    },
    /// It is older than the last one.
    #[error("the batch has term {found} after term {seen}")]
    Term {
        /// The batch's term.
        found: Term,
        /// The highest seen.
        seen: Term,
    },
}

impl Default for Heads {
    fn default() -> Self {
        Self::start()
    }
}

impl Heads {
    /// Before the first record of a log.
    pub fn start() -> Self {
        Self {
            position: Position::START,
            term: Term(0),
            time_us: 0,
            chain: Hash::ZERO,
            streams: FxHashMap::default(),
            knows: Knows::All,
        }
    }

    /// In the middle of a log of which only the chain is known: the first record seen of a stream is believed.
    pub(super) fn middle(position: Position, term: Term, time_us: u64, chain: Hash) -> Self {
        Self { position, term, time_us, chain, streams: FxHashMap::default(), knows: Knows::Some }
    }

    /// At a position of which everything is known.
    pub(super) fn whole(self, streams: impl IntoIterator<Item = (StreamId, Hash)>) -> Self {
        Self { streams: streams.into_iter().collect(), knows: Knows::All, ..self }
    }

    /// The hash of the stream's newest record, if it has begun and not ended.
    pub fn stream(&self, stream: &StreamId) -> Option<Hash> {
        self.streams.get(stream).copied()
    }

    /// How many streams have begun and not ended.
    pub fn stream_count(&self) -> usize {
        self.streams.len()
    }

    /// The streams that have begun and not ended, by name, each with the hash of its newest record.
    pub fn streams(&self) -> Vec<(StreamId, Hash)> {
        let mut streams: Vec<_> = self.streams.iter().map(|(stream, hash)| (*stream, *hash)).collect();
        streams.sort_unstable();
        streams
    }

    /// Moves past `batch` if it continues the chains; changes nothing if it does not.
    pub fn accept(&mut self, batch: &StoredBatch<'_>) -> Result<(), ChainBreak> {
        if batch.position() != self.position {
            return Err(ChainBreak::Position { found: batch.position(), expected: self.position });
        }
        if batch.previous() != self.chain {
            return Err(ChainBreak::Log);
        }
        if batch.term() < self.term {
            return Err(ChainBreak::Term { found: batch.term(), seen: self.term });
        }
        self.accept_records(batch)?;
        self.position = batch.end();
        self.term = batch.term();
        self.time_us = batch.time_us();
        self.chain = batch.chain();
        Ok(())
    }

    fn accept_records(&mut self, batch: &StoredBatch<'_>) -> Result<(), ChainBreak> {
        let mut before = Vec::with_capacity(batch.record_count());
        for record in batch.records() {
            let head = self.stream(&record.stream);
            let follows = match (head, self.knows) {
                (Some(head), _) => record.previous == head,
                (None, Knows::All) => record.previous == Hash::ZERO,
                (None, Knows::Some) => true,
            };
            if !follows {
                self.put_back(before);
                return Err(ChainBreak::Stream { position: record.position, stream: record.stream });
            }
            before.push((record.stream, head));
            self.put(record.stream, record.hash, record.continues);
        }
        Ok(())
    }

    fn put_back(&mut self, before: Vec<(StreamId, Option<Hash>)>) {
        for (stream, head) in before.into_iter().rev() {
            match head {
                Some(head) => self.streams.insert(stream, head),
                None => self.streams.remove(&stream),
            };
        }
    }

    pub(super) fn put(&mut self, stream: StreamId, hash: Hash, continues: Continues) {
        match continues {
            Continues::Yes => self.streams.insert(stream, hash),
            Continues::No => self.streams.remove(&stream),
        };
    }
}
