//! One turn of the sequencer: what goes to the log, and what leaves once it is there.

use sha2::{Digest, Sha256};

use super::frame::{FrameHeader, HEADER_BYTES};
use super::request::{Outcome, Waiter};
use crate::engine::Event;
use crate::units::TimeUs;
use crate::wire::Message;

/// Frames behind each other in one buffer, as they will stand in the ring.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Frames {
    /// Adds a frame of `message` and returns its bytes.
    pub fn push(&mut self, header: &FrameHeader, message: &Message, extra: &[u8]) -> &[u8] {
        self.push_parts(header, message.head(), message.tail(), extra)
    }

    /// Adds a frame without a message.
    pub fn push_silent(&mut self, header: &FrameHeader) {
        self.push_parts(header, &[], &[], &[]);
    }

    /// Adds a frame from its parts and returns its bytes.
    pub fn push_parts(&mut self, header: &FrameHeader, head: &[u8], tail: &[u8], extra: &[u8]) -> &[u8] {
        let start = self.bytes.len();
        self.bytes.reserve(HEADER_BYTES + head.len() + tail.len() + extra.len());
        self.bytes.extend_from_slice(&header.encode(head.len(), tail.len(), extra.len()));
        self.bytes.extend_from_slice(head);
        self.bytes.extend_from_slice(tail);
        self.bytes.extend_from_slice(extra);
        self.ends.push(self.bytes.len());
        &self.bytes[start..]
    }

    /// The frames in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(self.ends.iter()).map(|(start, &end)| &self.bytes[start..end])
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All frames' bytes together.
    pub fn byte_count(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets all, keeping the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

/// Commands as they will stand in the log.
#[derive(Debug, Default)]
pub struct Records {
    bytes: Vec<u8>,
    entries: Vec<([u8; 16], usize)>,
}

impl Records {
    /// Adds a record of `stream`; `write` appends its bytes.
    pub fn push(&mut self, stream: [u8; 16], write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.entries.push((stream, self.bytes.len()));
    }

    /// The records in order: stream and bytes.
    pub fn iter(&self) -> impl Iterator<Item = ([u8; 16], &[u8])> {
        let starts = std::iter::once(0).chain(self.entries.iter().map(|entry| entry.1));
        starts.zip(&self.entries).map(|(start, &(stream, end))| (stream, &self.bytes[start..end]))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }
}

/// A digest over the events of a batch, kept in its log header: a replay that gives other events is found out.
#[derive(Debug, Default, Clone)]
pub struct EventDigest {
    hash: Sha256,
    count: u64,
}

impl EventDigest {
    /// Takes one more event in.
    pub fn add(&mut self, event: &Event) {
        event.feed(&mut |bytes| self.hash.update(bytes));
        self.count += 1;
    }

    /// The digest of all events taken in; zeroes for none.
    pub fn finish(&self) -> [u8; 32] {
        if self.count == 0 { [0; 32] } else { self.hash.clone().finalize().into() }
    }
}

/// Everything one turn brought about.
#[derive(Default)]
pub struct Batch {
    /// The turn's number, from 1.
    pub number: u64,
    /// The time all its commands were stamped with.
    pub time: TimeUs,
    /// For the log; none means that nothing changed.
    pub records: Records,
    /// Whether to write the batch though it has no record: the log's own sign of life.
    pub is_sign_of_life: bool,
    /// Whether it may use the segment that is kept back for closes, cancels and settlement.
    pub is_urgent: bool,
    /// Of its events.
    pub digest: EventDigest,
    /// For the ring, once durable.
    pub frames: Frames,
    /// If the log fails: what each connection that asked hears instead of `frames`.
    pub regrets: Frames,
    /// Callers, and what they hear once it is durable.
    pub waiters: Vec<(Waiter, Outcome)>,
}

impl Batch {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.records.count() == 0 && !self.is_sign_of_life && self.frames.is_empty() && self.waiters.is_empty()
    }

    /// Makes it fit for another turn, keeping its buffers.
    pub fn clear(&mut self) {
        self.records.clear();
        self.is_sign_of_life = false;
        self.is_urgent = false;
        self.digest = EventDigest::default();
        self.frames.clear();
        self.regrets.clear();
        self.waiters.clear();
    }
}
