//! What is read: a batch as it was stored, checked, and its records.

use super::batch::Continues;
use super::format::{BatchHeader, Span, record_fields};
use super::names::{Hash, Position, StreamId, Term};

/// A stored batch whose checksums and hashes were found right.
#[derive(Debug, Clone, Copy)]
pub struct StoredBatch<'a> {
    header: &'a BatchHeader,
    spans: &'a [Span],
    bytes: &'a [u8],
}

/// One record of a stored batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredRecord<'a> {
    /// Its place in the log.
    pub position: Position,
    /// The stream it belongs to.
    pub stream: StreamId,
    /// The hash of the record before it in its stream; [`Hash::ZERO`] if it is the first.
    pub previous: Hash,
    /// Its own hash, the stream's head from here on.
    pub hash: Hash,
    /// Whether the stream goes on.
    pub continues: Continues,
    /// What was appended.
    pub payload: &'a [u8],
}

impl<'a> StoredBatch<'a> {
    pub(super) fn new(header: &'a BatchHeader, spans: &'a [Span], bytes: &'a [u8]) -> Self {
        Self { header, spans, bytes }
    }

    /// It as stored.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The position of its first record.
    pub fn position(&self) -> Position {
        self.header.position
    }

    /// The position after its last record.
    pub fn end(&self) -> Position {
        self.header.end()
    }

    /// The term it was written under.
    pub fn term(&self) -> Term {
        self.header.term
    }

    /// Its wall time in microseconds since 1970, as the writer gave it.
    pub fn time_us(&self) -> u64 {
        self.header.time_us
    }

    /// The digest the writer gave.
    pub fn digest(&self) -> Hash {
        self.header.digest
    }

    /// The log's chain before it.
    pub fn previous(&self) -> Hash {
        self.header.previous
    }

    /// The log's chain after it.
    pub fn chain(&self) -> Hash {
        self.header.chain
    }

    /// How many records it has, at least one.
    pub fn record_count(&self) -> usize {
        self.spans.len()
    }

    /// Its records in order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = StoredRecord<'a>> + use<'a> {
        let (bytes, first) = (self.bytes, self.header.position);
        self.spans.iter().enumerate().map(move |(index, span)| {
            let (stream, previous, continues, payload) = record_fields(bytes, span);
            let position = first.after(index as u64);
            StoredRecord { position, stream, previous, hash: span.hash, continues, payload }
        })
    }
}
