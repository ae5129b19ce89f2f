//! What the producer and all readers share: the words, the counters, the gates.
//!
//! Positions count words since the start and only grow; a word's place in the array is its
//! position modulo the capacity. Three rules carry everything else:
//!
//! - records below `published` are complete, and the word at `published` already holds the number of
//!   the record that will start there, so a reader can join anywhere a record ends;
//! - no word at or beyond `claimed` was ever written: a copy of the words from `p` on is good if
//!   `claimed <= p + capacity` still holds after copying;
//! - `claimed` never passes `published + capacity`, nor any gate + `capacity`.

use std::sync::Arc;

use crossbeam_utils::CachePadded;

use super::producer::Producer;
use super::reader::{GatedReader, Reader};
use super::sync::{
    AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, Ordering::SeqCst, fence,
};
use super::words::{self, Header, LENGTH_MAX, WORD_BYTES};

/// A gate that nobody holds.
const FREE: u64 = u64::MAX;
const CAPACITY_WORDS_MIN: usize = 8;

/// How a ring is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Bytes of records, headers and padding held at a time: rounded up to a power of two, at least 64.
    pub capacity_bytes: usize,
    /// How many gated readers there can be at a time.
    pub gated_readers_max: usize,
}

impl Default for Settings {
    /// 16 MiB: 20 ms of two million 400-byte records a second. 64 gated readers.
    fn default() -> Self {
        Self { capacity_bytes: 16 << 20, gated_readers_max: 64 }
    }
}

/// A place between two records. It counts 8-byte words since the ring was made and only grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor(pub(super) u64);

impl Cursor {
    /// The place as a number, for logs and metrics.
    pub fn position(self) -> u64 {
        self.0
    }

    /// Bytes of ring from `earlier` to here, headers and padding included; 0 if it is not earlier.
    pub fn bytes_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) * WORD_BYTES as u64
    }
}

/// Bytes of ring that a record of so many bytes takes, with its header and padding.
pub fn footprint_bytes(record_bytes: usize) -> usize {
    words::record_words(record_bytes) * WORD_BYTES
}

/// Makes a ring: its one producer, and the handle by which readers join.
pub fn ring(settings: Settings) -> (Producer, Ring) {
    let shared = Arc::new(Shared::new(settings));
    (Producer::new(Arc::clone(&shared)), Ring { shared })
}

/// By this readers join a ring, from any thread, while the producer runs.
#[derive(Clone)]
pub struct Ring {
    shared: Arc<Shared>,
}

impl Ring {
    /// A reader that the producer waits for, from now on. It must keep reading: the ring stands still
    /// when it does not. `None` when all gates are taken. Dropping it frees its gate.
    pub fn gated_reader(&self) -> Option<GatedReader> {
        GatedReader::join(Arc::clone(&self.shared))
    }

    /// A reader that nobody waits for, from now on. There can be any number of them.
    pub fn reader(&self) -> Reader {
        Reader::join(Arc::clone(&self.shared))
    }

    /// Where the newest record ends.
    pub fn head(&self) -> Cursor {
        // Only a figure: nothing is read by it.
        Cursor(self.shared.published.load(Relaxed))
    }

    /// How far the slowest gated reader is behind the newest record, in bytes; 0 without one.
    pub fn gated_lag_bytes_max(&self) -> u64 {
        // Only a figure: gates may move while it is taken.
        let published = self.shared.published.load(Relaxed);
        let slowest = self.shared.gates.iter().map(|gate| gate.load(Relaxed)).min();
        slowest.map_or(0, |slowest| published.saturating_sub(slowest)) * WORD_BYTES as u64
    }

    /// Bytes of records, headers and padding that the ring holds.
    pub fn capacity_bytes(&self) -> usize {
        self.shared.words.len() * WORD_BYTES
    }

    /// The longest record that can be published, in bytes.
    pub fn record_bytes_max(&self) -> usize {
        self.shared.record_bytes_max()
    }
}

pub(super) struct Shared {
    pub(super) words: Box<[AtomicU64]>,
    /// Ends what may have been written, published or not. Only the producer stores.
    pub(super) claimed: CachePadded<AtomicU64>,
    /// Ends what can be read. Only the producer stores.
    pub(super) published: CachePadded<AtomicU64>,
    /// Up to where each gated reader has read, or `FREE`.
    pub(super) gates: Box<[CachePadded<AtomicU64>]>,
}

impl Shared {
    fn new(settings: Settings) -> Self {
        let words = settings.capacity_bytes.div_ceil(WORD_BYTES).next_power_of_two().max(CAPACITY_WORDS_MIN);
        Self {
            // All zero, so the first word is a header with number 0, as the first rule wants. Written one by one, so
            // that the memory is there before the first record and not a page at a time under load.
            words: (0..words).map(|_| AtomicU64::new(std::hint::black_box(0))).collect(),
            claimed: CachePadded::new(AtomicU64::new(0)),
            published: CachePadded::new(AtomicU64::new(0)),
            gates: (0..settings.gated_readers_max).map(|_| CachePadded::new(AtomicU64::new(FREE))).collect(),
        }
    }

    pub(super) fn capacity_words(&self) -> u64 {
        self.words.len() as u64
    }

    pub(super) fn record_bytes_max(&self) -> usize {
        (self.words.len() * WORD_BYTES / 4).min(LENGTH_MAX)
    }

    /// Where the word at `position` lies.
    #[inline]
    pub(super) fn index(&self, position: u64) -> usize {
        position as usize & (self.words.len() - 1)
    }

    /// The word at `position`.
    #[inline]
    pub(super) fn word(&self, position: u64) -> &AtomicU64 {
        &self.words[self.index(position)]
    }

    /// Copies words out as bytes. They mean nothing if the producer may have claimed them meanwhile.
    #[inline]
    pub(super) fn copy_out(&self, position: u64, bytes: &mut [u8]) {
        let start = self.index(position);
        let end = start + bytes.len() / WORD_BYTES;
        if let Some(run) = self.words.get(start..end) {
            words::load(run, bytes);
        } else {
            let run = &self.words[start..];
            let (before, after) = bytes.split_at_mut(run.len() * WORD_BYTES);
            words::load(run, before);
            words::load(&self.words[..end - self.words.len()], after);
        }
    }

    /// Whether what was just copied from `position` on is whole: the producer has not claimed it since.
    pub(super) fn was_intact(&self, position: u64) -> bool {
        // Pairs with the release fence in `Producer::claim`: had the copy seen a word that was written
        // after it, `claimed` would be seen grown as well.
        fence(Acquire);
        self.claimed.load(Relaxed) <= position + self.capacity_words()
    }

    /// Where the newest record ends, and the header word found there: it has the next record's number.
    pub(super) fn newest(&self) -> (u64, Header) {
        loop {
            // Pairs with the store in `Producer::commit`: the header word is at least as new.
            let position = self.published.load(Acquire);
            let header = Header(self.word(position).load(Relaxed));
            // The producer must have gone all around meanwhile for another turn to be needed.
            if self.was_intact(position) {
                return (position, header);
            }
        }
    }

    /// Takes a free gate; the producer will not pass the words from the returned position on.
    pub(super) fn open_gate(&self) -> Option<(usize, u64)> {
        // Any position not later than `published` will do here; it only holds the producer back.
        let before = self.published.load(Relaxed);
        // Relaxed is enough with the fence that follows.
        let is_taken =
            |gate: &CachePadded<AtomicU64>| gate.compare_exchange(FREE, before, Relaxed, Relaxed).is_ok();
        let gate = self.gates.iter().position(is_taken)?;
        // Pairs with the fence in `slowest_gate`. Either the producer's next scan sees this gate, or its
        // last scan came before, and then the load below sees what was published by then, behind which
        // that scan let the producer write nothing. It also pairs with `close_gate`: what the last holder read
        // it read before this reader's stores, which are all that the producer may see of this gate.
        fence(SeqCst);
        // Pairs with the store in `Producer::publish_to`, as each load of `published` that leads to reading.
        let position = self.published.load(Acquire);
        self.move_gate(gate, position);
        Some((gate, position))
    }

    /// Tells the producer that everything before `position` was read.
    pub(super) fn move_gate(&self, gate: usize, position: u64) {
        // Pairs with the loads in `slowest_gate`: the reads come before the writes that follow.
        self.gates[gate].store(position, Release);
    }

    pub(super) fn close_gate(&self, gate: usize) {
        // Pairs as `move_gate` does, and with the exchange and the fence in `open_gate`.
        self.gates[gate].store(FREE, Release);
    }

    /// The earliest position that some gated reader still needs, `published` at the latest.
    pub(super) fn slowest_gate(&self, published: u64) -> u64 {
        // Pairs with the fence in `open_gate`, see there.
        fence(SeqCst);
        // Pairs with `move_gate` and `close_gate`.
        self.gates.iter().map(|gate| gate.load(Acquire)).fold(published, u64::min)
    }
}
