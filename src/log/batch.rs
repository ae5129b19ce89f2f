//! What is appended: records in the order in which they happened, one batch at a time.
//!
//! A batch is one unit of durability: after a crash all of its records are there
//! or none. It is meant to be filled, submitted, cleared and filled again, so
//! that appending allocates nothing once its buffers have grown.

use super::names::{Hash, StreamId, Urgency};

/// Whether more records of the stream may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Continues {
    /// The stream goes on.
    Yes,
    /// This is the stream's last record: the log forgets the stream's head. A later record under the same name
    /// starts a new chain.
    No,
}

/// One batch being made.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Wall time in microseconds since 1970, as the caller decided it.
    pub time_us: u64,
    /// Digest of what the batch's records led to, checked by the caller on replay. Opaque to the log.
    pub digest: Hash,
    /// Whether the batch may use the reserve.
    pub urgency: Urgency,
    entries: Vec<Entry>,
    payloads: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    stream: StreamId,
    end: usize,
    continues: Continues,
}

/// One record of a batch being made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draft<'a> {
    pub stream: StreamId,
    pub continues: Continues,
    pub payload: &'a [u8],
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties it and keeps its buffers. Time, digest and urgency go back to their defaults.
    pub fn clear(&mut self) {
        self.time_us = 0;
        self.digest = Hash::ZERO;
        self.urgency = Urgency::Ordinary;
        self.entries.clear();
        self.payloads.clear();
    }

    /// Adds a record to `stream`.
    pub fn push(&mut self, stream: StreamId, payload: &[u8]) {
        self.push_with(stream, Continues::Yes, |bytes| bytes.extend_from_slice(payload));
    }

    /// Adds the record that ends `stream`.
    pub fn push_last(&mut self, stream: StreamId, payload: &[u8]) {
        self.push_with(stream, Continues::No, |bytes| bytes.extend_from_slice(payload));
    }

    /// Adds a record whose payload `write` appends to the buffer it is given; what the buffer held stays.
    pub fn push_with(&mut self, stream: StreamId, continues: Continues, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.payloads.len();
        write(&mut self.payloads);
        assert!(self.payloads.len() >= start, "a record's writer only appends");
        self.entries.push(Entry { stream, end: self.payloads.len(), continues });
    }

    /// How many records it has.
    pub fn record_count(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has no record.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The size of all payloads together.
    pub fn payload_bytes(&self) -> usize {
        self.payloads.len()
    }

    pub(super) fn drafts(&self) -> impl Iterator<Item = Draft<'_>> {
        let mut start = 0;
        self.entries.iter().map(move |entry| {
            let payload = &self.payloads[start..entry.end];
            start = entry.end;
            Draft { stream: entry.stream, continues: entry.continues, payload }
        })
    }
}
