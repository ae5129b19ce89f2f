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

/// Writes the bytes of `parts` behind each other into `run`, which is as long as they are, rounded up to words.
#[inline(always)]
pub(super) fn store(mut run: &[AtomicU64], parts: &[&[u8]]) {
    // Bytes that do not fill a word yet, in the low end.
    let (mut partial, mut partial_bytes) = (0, 0);
    for &part in parts {
        let mut part = part;
        if partial_bytes > 0 {
            // Fill the word that the last part left unfinished, so that the bulk goes word by word.
            partial |= first_word(part) << (8 * partial_bytes);
            let Some(rest) = part.get(WORD_BYTES - partial_bytes..) else {
                partial_bytes += part.len();
                continue;
            };
            let (word, later) = run.split_first().expect(MEASURED);
            word.store(partial, Relaxed);
            (part, run) = (rest, later);
        }
        let (whole, rest) = part.as_chunks::<WORD_BYTES>();
        let (now, later) = run.split_at(whole.len());
        store_words(now, whole);
        run = later;
        (partial, partial_bytes) = (short_word(rest), rest.len());
    }
    if partial_bytes > 0 {
        run.first().expect(MEASURED).store(partial, Relaxed);
    }
}

const MEASURED: &str = "a record is measured before it is written";

#[inline]
fn store_words(words: &[AtomicU64], bytes: &[[u8; WORD_BYTES]]) {
    let (words, words_rest) = words.as_chunks::<STRIDE>();
    let (bytes, bytes_rest) = bytes.as_chunks::<STRIDE>();
    for (words, bytes) in words.iter().zip(bytes) {
        for (word, &bytes) in words.iter().zip(bytes) {
            word.store(u64::from_le_bytes(bytes), Relaxed);
        }
    }
    for (word, &bytes) in words_rest.iter().zip(bytes_rest) {
        word.store(u64::from_le_bytes(bytes), Relaxed);
    }
}

/// As [`store`], around the end of the array: one record in each turn of the ring, so it may take its time.
#[cold]
pub(super) fn store_wrapped(ring: &[AtomicU64], start: usize, parts: &[&[u8]]) {
    let mut words = ring[start..].iter().chain(ring);
    let mut bytes = parts.iter().copied().flatten();
    while let Some(&first) = bytes.next() {
        let mut word = u64::from(first);
        for (at, &byte) in (1..).zip(bytes.by_ref().take(WORD_BYTES - 1)) {
            word |= u64::from(byte) << (8 * at);
        }
        words.next().expect(MEASURED).store(word, Relaxed);
    }
}

/// The first eight bytes as a word; missing ones are zero.
#[inline]
fn first_word(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(&word) => u64::from_le_bytes(word),
        None => short_word(bytes),
    }
}

/// Less than eight bytes as a word; missing ones are zero.
#[inline]
fn short_word(bytes: &[u8]) -> u64 {
    let count = bytes.len();
    if let (Some(&low), Some(&high)) = (bytes.first_chunk(), bytes.last_chunk()) {
        // The two may overlap, where they agree.
        u64::from(u32::from_le_bytes(low)) | u64::from(u32::from_le_bytes(high)) << (8 * (count - 4))
    } else if count > 0 {
        // One, two or three bytes: the first, the middle and the last may be the same one.
        let byte = |at: usize| u64::from(bytes[at]) << (8 * at);
        byte(0) | byte(count / 2) | byte(count - 1)
    } else {
        0
    }
}

/// Copies words out as bytes; `bytes` must be exactly as long.
#[inline]
pub(super) fn load(words: &[AtomicU64], bytes: &mut [u8]) {
    debug_assert_eq!(words.len() * WORD_BYTES, bytes.len());
    let (bytes, _) = bytes.as_chunks_mut::<WORD_BYTES>();
    let (words, words_rest) = words.as_chunks::<STRIDE>();
    let (bytes, bytes_rest) = bytes.as_chunks_mut::<STRIDE>();
    for (words, bytes) in words.iter().zip(bytes) {
        for (word, bytes) in words.iter().zip(bytes) {
            *bytes = word.load(Relaxed).to_le_bytes();
        }
    }
    for (word, bytes) in words_rest.iter().zip(bytes_rest) {
        *bytes = word.load(Relaxed).to_le_bytes();
    }
}
