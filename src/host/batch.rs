//! One turn of the sequencer: what goes to the log, and what leaves once it is there.

use sha2::{Digest, Sha256};

use super::frame::{ConnectionKey, FrameHeader, HEADER_BYTES};
use super::request::{Outcome, Waiter};
use crate::engine::Event;
use crate::log;
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

    /// How many there are.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// The frames from the `first`th on, in order.
    pub fn from(&self, first: usize) -> impl Iterator<Item = &[u8]> {
        self.iter().skip(first)
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

/// Who asked in a turn, and the correlation of each request: they hear of it if the log fails.
#[derive(Debug, Default)]
pub struct Regrets {
    extras: Vec<u8>,
    entries: Vec<(ConnectionKey, usize)>,
}

impl Regrets {
    /// Notes a request.
    pub fn note(&mut self, connection: ConnectionKey, extra: &[u8]) {
        self.extras.extend_from_slice(extra);
        self.entries.push((connection, self.extras.len()));
    }

    /// The requests in order: connection, and members for its reply.
    pub fn iter(&self) -> impl Iterator<Item = (ConnectionKey, &[u8])> {
        let starts = std::iter::once(0).chain(self.entries.iter().map(|entry| entry.1));
        starts.zip(&self.entries).map(|(start, &(connection, end))| (connection, &self.extras[start..end]))
    }

    fn clear(&mut self) {
        self.extras.clear();
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
    /// The commands that changed something; none means that the log need not know.
    pub log: log::Batch,
    /// Of its events; goes into `log` when the turn ends.
    pub digest: EventDigest,
    /// For the ring, once durable.
    pub frames: Frames,
    /// If the log fails: who hears of it instead of `frames`.
    pub regrets: Regrets,
    /// Callers, and what they hear once it is durable.
    pub waiters: Vec<(Waiter, Outcome)>,
    /// Whether some of it was read from the engine while the log was well. Then it holds only if all that was logged
    /// before it is durable, even where it logs nothing itself: the answer to a question, or to a repeated bid.
    pub is_of_memory: bool,
}

impl Batch {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.log.is_empty() && self.frames.is_empty() && self.waiters.is_empty()
    }

    /// Makes it fit for another turn, keeping its buffers.
    pub fn clear(&mut self) {
        self.log.clear();
        self.digest = EventDigest::default();
        self.frames.clear();
        self.regrets.clear();
        self.waiters.clear();
        self.is_of_memory = false;
    }
}
