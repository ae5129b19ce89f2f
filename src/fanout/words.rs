//! Bytes to words and back: how records lie in the ring's array of atomic words.
//!
//! A record is one header word (its length in the low 20 bits, its running number above)
//! and its bytes, little-endian, padded with zeros to whole words. All accesses are relaxed:
//! order between threads is made by the counters in `shared`, never by the words themselves.

use super::sync::{AtomicU64, Ordering::Relaxed};

/// Bytes of a word.
pub(super) const WORD_BYTES: usize = 8;
/// Words moved per turn of the copying loops.
const STRIDE: usize = 8;

const LENGTH_BITS: u32 = 20;
const LENGTH_MASK: u64 = (1 << LENGTH_BITS) - 1;
const NUMBER_MASK: u64 = u64::MAX >> LENGTH_BITS;

/// The longest record a header can describe, in bytes.
pub(super) const LENGTH_MAX: usize = LENGTH_MASK as usize;

/// The first word of a record.
#[derive(Clone, Copy)]
pub(super) struct Header(pub(super) u64);

impl Header {
    pub(super) fn new(bytes: usize, number: u64) -> Self {
        debug_assert!(bytes <= LENGTH_MAX);
        Self(number << LENGTH_BITS | bytes as u64)
    }

    /// Bytes of the record, padding left out.
    pub(super) fn bytes(self) -> usize {
        (self.0 & LENGTH_MASK) as usize
    }

    /// Words of the record, header included.
    pub(super) fn words(self) -> usize {
        record_words(self.bytes())
    }

    /// The record's full number, given a number at or before it. Headers keep the low 44 bits,
    /// so the two may be at most 2^44 apart: at a million records a second, 200 days.
    pub(super) fn number_from(self, earlier: u64) -> u64 {
        earlier.wrapping_add((self.0 >> LENGTH_BITS).wrapping_sub(earlier) & NUMBER_MASK)
    }
}

/// Words of a record of so many bytes, header included.
pub(super) fn record_words(bytes: usize) -> usize {
    1 + bytes.div_ceil(WORD_BYTES)
}

/// Writes bytes into a run of words that may wrap around the end of the array.
pub(super) struct Writer<'a> {
    run: &'a [AtomicU64],
    wrapped: &'a [AtomicU64],
    /// Bytes that do not fill a word yet, in the low end.
    partial: u64,
    partial_bytes: usize,
}

impl<'a> Writer<'a> {
    /// A writer into `run`, and when that is full into `wrapped`.
    pub(super) fn new(run: &'a [AtomicU64], wrapped: &'a [AtomicU64]) -> Self {
        Self { run, wrapped, partial: 0, partial_bytes: 0 }
    }

    /// Appends one part of a record.
    #[inline]
    pub(super) fn push(&mut self, mut part: &[u8]) {
        if self.partial_bytes > 0 {
            // Fill the word that the last part left unfinished, so that the bulk goes word by word.
            let word = self.partial | first_word(part) << (8 * self.partial_bytes);
            let wanting = WORD_BYTES - self.partial_bytes;
            if part.len() < wanting {
                self.partial = word;
                self.partial_bytes += part.len();
                return;
            }
            part = &part[wanting..];
            self.put(word);
        }
        let whole = part.len() / WORD_BYTES;
        let (bulk, rest) = part.split_at(whole * WORD_BYTES);
        if whole <= self.run.len() {
            let (now, later) = self.run.split_at(whole);
            store(now, bulk);
            self.run = later;
        } else {
            let (before, after) = bulk.split_at(self.run.len() * WORD_BYTES);
            store(self.run, before);
            let (now, later) = self.wrapped.split_at(whole - self.run.len());
            store(now, after);
            (self.run, self.wrapped) = (later, &[]);
        }
        self.partial = first_word(rest);
        self.partial_bytes = rest.len();
    }

    /// Writes the last word, padded with zeros.
    #[inline]
    pub(super) fn finish(mut self) {
        if self.partial_bytes > 0 {
            let word = self.partial;
            self.put(word);
        }
    }

    #[inline]
    fn put(&mut self, word: u64) {
        if self.run.is_empty() {
            (self.run, self.wrapped) = (self.wrapped, &[]);
        }
        let (first, rest) = self.run.split_first().expect("a record was measured before it is written");
        first.store(word, Relaxed);
        self.run = rest;
    }
}

/// The first eight bytes as a word; missing ones are zero.
#[inline]
fn first_word(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(&word) => u64::from_le_bytes(word),
        None => bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

#[inline]
fn store(words: &[AtomicU64], bytes: &[u8]) {
    let (bulk, rest) = words.as_chunks::<STRIDE>();
    let (from_bulk, from_rest) = bytes.split_at(bulk.len() * STRIDE * WORD_BYTES);
    let (from_bulk, _) = from_bulk.as_chunks::<{ STRIDE * WORD_BYTES }>();
    for (words, bytes) in bulk.iter().zip(from_bulk) {
        let (bytes, _) = bytes.as_chunks::<WORD_BYTES>();
        for (word, &bytes) in words.iter().zip(bytes) {
            word.store(u64::from_le_bytes(bytes), Relaxed);
        }
    }
    for (word, &bytes) in rest.iter().zip(from_rest.as_chunks::<WORD_BYTES>().0) {
        word.store(u64::from_le_bytes(bytes), Relaxed);
    }
}

/// Copies words out as bytes; `bytes` must be exactly as long.
#[inline]
pub(super) fn load(words: &[AtomicU64], bytes: &mut [u8]) {
    debug_assert_eq!(words.len() * WORD_BYTES, bytes.len());
    let (bulk, rest) = words.as_chunks::<STRIDE>();
    let (into_bulk, into_rest) = bytes.split_at_mut(bulk.len() * STRIDE * WORD_BYTES);
    let (into_bulk, _) = into_bulk.as_chunks_mut::<{ STRIDE * WORD_BYTES }>();
    for (words, bytes) in bulk.iter().zip(into_bulk) {
        let (bytes, _) = bytes.as_chunks_mut::<WORD_BYTES>();
        for (word, bytes) in words.iter().zip(bytes) {
            *bytes = word.load(Relaxed).to_le_bytes();
        }
    }
    for (word, bytes) in rest.iter().zip(into_rest.as_chunks_mut::<WORD_BYTES>().0) {
        *bytes = word.load(Relaxed).to_le_bytes();
    }
}
