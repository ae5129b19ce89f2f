//! What one connection could not be sent at once.
//!
//! Frames that the socket took in part wait as they are. Everything behind them waits
//! without its number: state that was overtaken by newer state is dropped, and leaves no
//! hole in the `sequence` of what is sent in the end.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::outbox::{Content, Parts, frame_end, write_frame, write_numbered};
use super::settings::QueueLimits;

/// Which state a message tells: newer state of the same key replaces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StateKey(pub u64);

impl StateKey {
    /// Not state: it is never replaced.
    pub const NONE: Self = Self(0);
}

/// A connection's queue. It exists only while the peer is slower than we are.
#[derive(Debug, Default)]
pub struct Backlog {
    /// Whole frames; those before `sent` are on their way.
    frames: Vec<u8>,
    sent: usize,
    /// Entries behind each other; those before `taken` are done.
    queue: Vec<u8>,
    taken: usize,
    message_count: usize,
    /// State that waits for the queue to shrink, in the order in which it first came.
    states: Vec<(StateKey, Vec<u8>)>,
    state_bytes: usize,
    /// What the shard's total knows of this queue.
    accounted: usize,
}

/// How full a queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// Within its bounds.
    Within,
    /// Beyond them.
    Beyond,
}

/// Entry: kind, lengths of head and of the rest, bytes.
const ENTRY_HEADER_BYTES: usize = 9;
const NUMBERED: u8 = u8::MAX;
/// Most bytes made into frames at a time.
const FRAMES_BYTES: usize = 64 * 1024;

impl Backlog {
    /// Starts with frames of which the socket took the first `sent` bytes.
    pub fn hold(&mut self, frames: &[u8], sent: usize) {
        debug_assert!(self.frames.is_empty(), "frames wait only once");
        self.frames.extend_from_slice(frames);
        self.sent = sent;
    }

    /// Adds what came since.
    pub fn push(&mut self, content: Content<'_>, limits: &QueueLimits) -> Fill {
        let is_tight = self.byte_count() * 4 >= limits.connection_bytes_max
            || self.message_count * 4 >= limits.connection_messages_max;
        match content {
            Content::Numbered(parts, state) if state != StateKey::NONE && is_tight => {
                self.push_state(parts, state);
            }
            Content::Numbered(parts, _) => {
                write_entry(NUMBERED, parts.head, [parts.tail, parts.extra], &mut self.queue);
                self.message_count += 1;
            }
            Content::Frame(opcode, payload) => {
                write_entry(opcode, payload, [&[], &[]], &mut self.queue);
                self.message_count += 1;
            }
        }
        let is_beyond = self.byte_count() > limits.connection_bytes_max
            || self.message_count > limits.connection_messages_max;
        if is_beyond { Fill::Beyond } else { Fill::Within }
    }

    fn push_state(&mut self, parts: Parts<'_>, state: StateKey) {
        let mut entry = Vec::new();
        write_entry(NUMBERED, parts.head, [parts.tail, parts.extra], &mut entry);
        self.state_bytes += entry.len();
        match self.states.iter_mut().find(|(key, _)| *key == state) {
            Some((_, older)) => self.state_bytes -= std::mem::replace(older, entry).len(),
            None => {
                self.states.push((state, entry));
                self.message_count += 1;
            }
        }
    }

    /// Bytes that can be sent now; empty when there are none left. Numbers are given from `sequence` on.
    pub fn sendable(&mut self, sequence: &mut u64, limits: &QueueLimits) -> &[u8] {
        if self.sent == self.frames.len() {
            self.frames.clear();
            self.sent = 0;
            if (self.queue.len() - self.taken) * 4 < limits.connection_bytes_max {
                for (_, entry) in self.states.drain(..) {
                    self.queue.extend_from_slice(&entry);
                }
                self.state_bytes = 0;
            }
            while self.frames.len() < FRAMES_BYTES && self.taken < self.queue.len() {
                self.take_entry(sequence);
            }
            if self.taken * 2 >= self.queue.len() {
                self.queue.drain(..self.taken);
                self.taken = 0;
            }
        }
        &self.frames[self.sent..]
    }

    fn take_entry(&mut self, sequence: &mut u64) {
        let (kind, head, rest) = read_entry(&self.queue[self.taken..]);
        if kind == NUMBERED {
            *sequence += 1;
            write_numbered(Parts { head, tail: rest, extra: &[] }, *sequence, &mut self.frames);
        } else {
            write_frame(kind, head, &mut self.frames);
        }
        self.taken += ENTRY_HEADER_BYTES + head.len() + rest.len();
        self.message_count -= 1;
    }

    /// Notes that the socket took so many of the sendable bytes.
    pub fn advance(&mut self, sent: usize) {
        self.sent += sent;
    }

    /// How much of the frames that are on their way has been taken.
    pub fn sent_bytes(&self) -> usize {
        self.sent
    }

    /// Whether all that was sendable has been sent.
    pub fn is_between_frames(&self) -> bool {
        self.sent == self.frames.len()
    }

    /// Drops everything but the frame that the socket has in part.
    pub fn cut(&mut self) {
        let end = frame_end(&self.frames, self.sent);
        self.frames.truncate(end);
        *self = Self {
            frames: std::mem::take(&mut self.frames),
            sent: self.sent,
            accounted: self.accounted,
            ..Self::default()
        };
    }

    /// Bytes that wait.
    pub fn byte_count(&self) -> usize {
        self.frames.len() - self.sent + self.queue.len() - self.taken + self.state_bytes
    }

    /// Brings the total of all queues up to date with this one.
    pub fn account(&mut self, totals: &QueueTotals) {
        let bytes = self.byte_count();
        totals.add(self.accounted, bytes);
        self.accounted = bytes;
    }

    /// Takes this queue out of the total.
    pub fn release(&mut self, totals: &QueueTotals) {
        totals.add(self.accounted, 0);
        self.accounted = 0;
    }
}

fn write_entry(kind: u8, head: &[u8], rest: [&[u8]; 2], out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(&(head.len() as u32).to_le_bytes());
    out.extend_from_slice(&((rest[0].len() + rest[1].len()) as u32).to_le_bytes());
    out.extend_from_slice(head);
    out.extend_from_slice(rest[0]);
    out.extend_from_slice(rest[1]);
}

fn read_entry(queue: &[u8]) -> (u8, &[u8], &[u8]) {
    let length = |at: usize| {
        let bytes = queue[at..].first_chunk().expect("an entry starts with its header");
        u32::from_le_bytes(*bytes) as usize
    };
    let (head, rest) = (length(1), length(5));
    let start = ENTRY_HEADER_BYTES;
    (queue[0], &queue[start..start + head], &queue[start + head..start + head + rest])
}

/// Bytes that wait on all connections of all shards.
#[derive(Debug)]
pub struct QueueTotals {
    bytes: AtomicUsize,
    /// By shard, its largest queue when it last looked.
    largest: Box<[AtomicUsize]>,
}

impl QueueTotals {
    /// For so many shards.
    pub fn new(shards: u16) -> Self {
        Self { bytes: AtomicUsize::new(0), largest: (0..shards).map(|_| AtomicUsize::new(0)).collect() }
    }

    /// How many bytes wait.
    pub fn bytes(&self) -> usize {
        // Relaxed, here and below: figures that stand alone; being a turn late does no harm.
        self.bytes.load(Ordering::Relaxed)
    }

    fn add(&self, before: usize, after: usize) {
        if after >= before {
            self.bytes.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.bytes.fetch_sub(before - after, Ordering::Relaxed);
        }
    }

    /// Tells the others this shard's largest queue, and whether it is the largest of all.
    pub fn offer(&self, shard: u16, largest: usize) -> bool {
        self.largest[usize::from(shard)].store(largest, Ordering::Relaxed);
        largest > 0 && self.largest.iter().all(|other| other.load(Ordering::Relaxed) <= largest)
    }
}

#[cfg(test)]
mod tests;
