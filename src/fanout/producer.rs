//! The one writer of a ring.
//!
//! Records are staged, which nobody sees, and committed, which is one store for any number of them.
//! The producer keeps a cached bound up to which it may write and looks at the gates only when that is used up.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_utils::Backoff;

use super::shared::{Cursor, Shared};
use super::sync::{Ordering::Relaxed, Ordering::Release, fence};
use super::words::{self, Header, WORD_BYTES, record_words};

/// How far ahead the producer claims words, so that the counter which un-gated readers look at changes seldom.
const CLAIM_WORDS_AHEAD_MAX: u64 = 1024;
/// How long the producer sleeps at a time when spinning and yielding did not make room.
const NAP: Duration = Duration::from_micros(50);

/// Why a record could not be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Longer than [`Ring::record_bytes_max`](super::Ring::record_bytes_max): it never fits.
    #[error("a record of {bytes} bytes does not fit, the bound is {bytes_max}")]
    TooLong {
        /// Bytes of the record.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// Gated readers have not read enough yet, or too much is staged: commit, or try later.
    #[error("no room: gated readers are a whole ring behind")]
    NoRoom,
}

/// Publishes records. There is one for each ring.
pub struct Producer {
    shared: Arc<Shared>,
    /// Ends what readers can see.
    published: u64,
    /// Ends what is staged.
    staged: u64,
    /// The number of the next record that is staged.
    number: u64,
    /// The number of the first record that readers cannot see.
    published_number: u64,
    /// Copy of the shared counter; `claimed <= allowed`.
    claimed: u64,
    /// Up to here gates and readers allowed writing when they were last looked at.
    allowed: u64,
    claim_ahead: u64,
    record_bytes_max: usize,
}

impl Producer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let claim_ahead = (shared.capacity_words() / 16).min(CLAIM_WORDS_AHEAD_MAX);
        let record_bytes_max = shared.record_bytes_max();
        Self {
            shared,
            published: 0,
            staged: 0,
            number: 0,
            published_number: 0,
            claimed: 0,
            allowed: 0,
            claim_ahead,
            record_bytes_max,
        }
    }

    /// Publishes a record made of `parts` at once, together with all that is staged.
    /// Gives the cursor behind it. On failure nothing changes.
    #[inline(always)]
    pub fn try_publish(&mut self, parts: &[&[u8]]) -> Result<Cursor, PublishError> {
        self.stage(parts)?;
        Ok(self.commit())
    }

    /// As [`try_publish`](Self::try_publish), but waits for gated readers as long as `patience`: it spins, then
    /// yields, then sleeps in short naps. What is staged is committed before waiting.
    pub fn publish(&mut self, parts: &[&[u8]], patience: Duration) -> Result<Cursor, PublishError> {
        match self.try_publish(parts) {
            Err(PublishError::NoRoom) => {
                self.commit();
                let bytes = parts.iter().map(|part| part.len()).sum();
                self.wait_for_room(record_words(bytes) * WORD_BYTES, patience)?;
                self.try_publish(parts)
            }
            done => done,
        }
    }

    /// Appends a record made of `parts` that nobody sees before it is committed.
    /// Gives the cursor behind it. On failure nothing changes.
    // Inlined so that the number of parts is known: a third less instructions for one part.
    #[inline(always)]
    pub fn stage(&mut self, parts: &[&[u8]]) -> Result<Cursor, PublishError> {
        let bytes = parts.iter().map(|part| part.len()).sum();
        if bytes > self.record_bytes_max {
            return Err(PublishError::TooLong { bytes, bytes_max: self.record_bytes_max });
        }
        let words = record_words(bytes);
        let end = self.staged + words as u64;
        // One word more than the record: the number of the one that follows it.
        if end >= self.claimed {
            self.claim(end + 1)?;
        }
        let start = self.shared.index(self.staged);
        let ring = &self.shared.words;
        ring[start].store(Header::new(bytes, self.number).0, Relaxed);
        match ring.get(start + 1..start + words) {
            Some(run) => words::store(run, parts),
            None => words::store_wrapped(ring, start + 1, parts),
        }
        self.staged = end;
        self.number = self.number.wrapping_add(1);
        Ok(Cursor(end))
    }

    /// Makes all that is staged visible, with one store. Gives the cursor behind it.
    #[inline]
    pub fn commit(&mut self) -> Cursor {
        if self.staged != self.published {
            self.shared.word(self.staged).store(Header::new(0, self.number).0, Relaxed);
            self.publish_to(self.staged, self.number);
        }
        Cursor(self.published)
    }

    /// Makes what is staged visible up to `cursor`, for instance as far as it is durable.
    /// Does nothing when it is visible already.
    ///
    /// # Panics
    /// When no record that is still staged ends there.
    pub fn commit_to(&mut self, cursor: Cursor) {
        if cursor.0 == self.staged {
            self.commit();
        } else if cursor.0 > self.published {
            let (mut end, mut number) = (self.published, self.published_number);
            while end < cursor.0 && end < self.staged {
                end += Header(self.shared.word(end).load(Relaxed)).words() as u64;
                number += 1;
            }
            assert_eq!(end, cursor.0, "a commit ends where a staged record ends");
            // The word at the cursor is the next staged record's header, which has its number.
            self.publish_to(end, number);
        }
    }

    /// Forgets the staged records.
    pub fn discard(&mut self) {
        // The word at `published` keeps its meaning: the number of the record that starts there.
        self.number = self.published_number;
        self.staged = self.published;
    }

    /// Whether records that take `bytes` of ring together (see [`footprint_bytes`](super::footprint_bytes))
    /// can be staged now.
    pub fn has_room(&mut self, bytes: usize) -> bool {
        let end = self.staged + bytes.div_ceil(WORD_BYTES) as u64 + 1;
        end <= self.allowed || end <= self.look_at_gates()
    }

    /// Waits for gated readers until [`has_room`](Self::has_room) holds, as long as `patience`.
    /// What is staged keeps its place, and is not room.
    pub fn wait_for_room(&mut self, bytes: usize, patience: Duration) -> Result<(), PublishError> {
        if self.has_room(bytes) {
            return Ok(());
        }
        let started_at = Instant::now();
        let backoff = Backoff::new();
        while started_at.elapsed() < patience {
            if backoff.is_completed() {
                thread::park_timeout(NAP);
            } else {
                backoff.snooze();
            }
            if self.has_room(bytes) {
                return Ok(());
            }
        }
        Err(PublishError::NoRoom)
    }

    /// Where the newest visible record ends.
    pub fn head(&self) -> Cursor {
        Cursor(self.published)
    }

    /// How many records were published since the ring was made, those that are staged included.
    pub fn record_count(&self) -> u64 {
        self.number
    }

    fn publish_to(&mut self, end: u64, number: u64) {
        (self.published, self.published_number) = (end, number);
        // Pairs with the acquire loads in `reader` and in `Shared::newest`: the words before `end`,
        // and the one at it, are there.
        self.shared.published.store(end, Release);
    }

    /// Announces that words up to `end` will be written.
    #[cold]
    fn claim(&mut self, end: u64) -> Result<(), PublishError> {
        if end > self.allowed && end > self.look_at_gates() {
            return Err(PublishError::NoRoom);
        }
        self.claimed = (end + self.claim_ahead).min(self.allowed);
        self.shared.claimed.store(self.claimed, Relaxed);
        // Pairs with the acquire fence in `Shared::was_intact`: who sees a word written from here on sees the claim.
        fence(Release);
        Ok(())
    }

    fn look_at_gates(&mut self) -> u64 {
        let allowed = self.shared.slowest_gate(self.published) + self.shared.capacity_words();
        // What was allowed stays allowed: a reader that just joins may show an old position for a moment.
        self.allowed = self.allowed.max(allowed);
        self.allowed
    }
}
