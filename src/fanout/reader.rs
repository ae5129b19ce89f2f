//! The readers of a ring: those the producer waits for, and those it does not.
//!
//! Both copy records out, one by one or in runs, and never write what others read, their gate apart.

use std::sync::Arc;

use super::records::{Cut, Records};
use super::shared::{Cursor, Shared};
use super::sync::{Ordering::Acquire, Ordering::Relaxed};
use super::words::{Header, WORD_BYTES};

/// A reader was overtaken by the producer. It now stands behind the newest record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{missed} records were overwritten before they were read")]
pub struct Overrun {
    /// How many records it will never see, exactly.
    pub missed: u64,
}

/// A reader that the producer waits for.
pub struct GatedReader {
    place: Place,
    gate: usize,
}

/// A reader that the producer does not wait for.
pub struct Reader {
    place: Place,
}

impl GatedReader {
    pub(super) fn join(shared: Arc<Shared>) -> Option<Self> {
        let (gate, position) = shared.open_gate()?;
        let number = Header(shared.word(position).load(Relaxed)).number_from(0);
        Some(Self { place: Place { shared, position, number }, gate })
    }

    /// Copies the next record into `into`, replacing what is there. Gives its length, or `None` when all is read.
    pub fn read(&mut self, into: &mut Vec<u8>) -> Option<usize> {
        let available_words = self.place.available_words();
        if available_words == 0 {
            return None;
        }
        let ahead = self.place.copy_one(available_words, into);
        self.advance(ahead);
        Some(into.len())
    }

    /// Appends records to `into`: as many as there are, as long as they take at most `budget_bytes`
    /// there, but at least one. Gives how many; 0 when all is read.
    pub fn read_many(&mut self, into: &mut Records, budget_bytes: usize) -> usize {
        let available_words = self.place.available_words();
        if available_words == 0 {
            return 0;
        }
        let before = self.place.number;
        let copied = self.place.copy_many(available_words, into, budget_bytes);
        let ahead = self.place.keep(into, copied);
        self.advance(ahead);
        (self.place.number - before) as usize
    }

    fn advance(&mut self, ahead: Ahead) {
        self.place.advance(ahead);
        self.place.shared.move_gate(self.gate, self.place.position);
    }

    /// Where it stands.
    pub fn cursor(&self) -> Cursor {
        Cursor(self.place.position)
    }

    /// How far it is behind the newest record, in bytes of ring.
    pub fn lag_bytes(&self) -> u64 {
        self.place.lag_bytes()
    }

    /// The number of the record it reads next; records are numbered from 0.
    pub fn next_number(&self) -> u64 {
        self.place.number
    }
}

impl Drop for GatedReader {
    fn drop(&mut self) {
        self.place.shared.close_gate(self.gate);
    }
}

impl Reader {
    pub(super) fn join(shared: Arc<Shared>) -> Self {
        let (position, header) = shared.newest();
        Self { place: Place { shared, position, number: header.number_from(0) } }
    }

    /// Copies the next record into `into`, replacing what is there. Gives its length, or `None` when all is read.
    /// After [`Overrun`] it goes on with the newest record, and `into` means nothing.
    pub fn read(&mut self, into: &mut Vec<u8>) -> Result<Option<usize>, Overrun> {
        let available_words = self.readable_words()?;
        if available_words == 0 {
            return Ok(None);
        }
        let ahead = self.place.copy_one(available_words, into);
        if !self.place.shared.was_intact(self.place.position) {
            return Err(self.overrun());
        }
        self.place.advance(ahead);
        Ok(Some(into.len()))
    }

    /// Appends records to `into`: as many as there are, as long as they take at most `budget_bytes`
    /// there, but at least one. Gives how many; 0 when all is read.
    /// After [`Overrun`] it goes on with the newest record, and nothing was appended.
    pub fn read_many(&mut self, into: &mut Records, budget_bytes: usize) -> Result<usize, Overrun> {
        let available_words = self.readable_words()?;
        if available_words == 0 {
            return Ok(0);
        }
        let copied = self.place.copy_many(available_words, into, budget_bytes);
        if !self.place.shared.was_intact(self.place.position) {
            return Err(self.overrun());
        }
        let before = self.place.number;
        let ahead = self.place.keep(into, copied);
        self.place.advance(ahead);
        Ok((self.place.number - before) as usize)
    }

    /// Words that can be read, unless they are known to be overwritten.
    #[inline]
    fn readable_words(&mut self) -> Result<u64, Overrun> {
        let available_words = self.place.available_words();
        if available_words < self.place.shared.capacity_words() {
            Ok(available_words)
        } else {
            Err(self.overrun())
        }
    }

    #[cold]
    fn overrun(&mut self) -> Overrun {
        let (position, header) = self.place.shared.newest();
        let before = self.place.number;
        self.place.advance(Ahead { position, header });
        Overrun { missed: self.place.number - before }
    }

    /// Where it stands.
    pub fn cursor(&self) -> Cursor {
        Cursor(self.place.position)
    }

    /// How far it is behind the newest record, in bytes of ring; beyond the capacity it is overrun.
    pub fn lag_bytes(&self) -> u64 {
        self.place.lag_bytes()
    }

    /// The number of the record it reads next, if it is not overrun; records are numbered from 0.
    pub fn next_number(&self) -> u64 {
        self.place.number
    }
}

/// Where a reader stands: always where a record starts or will start.
struct Place {
    shared: Arc<Shared>,
    position: u64,
    number: u64,
}

/// A later place and the header word found there.
struct Ahead {
    position: u64,
    header: Header,
}

impl Place {
    fn advance(&mut self, ahead: Ahead) {
        self.position = ahead.position;
        self.number = ahead.header.number_from(self.number);
    }

    fn lag_bytes(&self) -> u64 {
        // Only a figure: nothing is read by it.
        (self.shared.published.load(Relaxed) - self.position) * WORD_BYTES as u64
    }

    /// Words that can be read.
    #[inline]
    fn available_words(&self) -> u64 {
        // Pairs with the store in `Producer::publish_to`: the words before it are there, and the one at it.
        self.shared.published.load(Acquire) - self.position
    }

    /// Copies the next record; if the reader was overrun, something that means nothing.
    #[inline]
    fn copy_one(&self, available_words: u64, into: &mut Vec<u8>) -> Ahead {
        let header = Header(self.shared.word(self.position).load(Relaxed));
        // An overrun reader may find any length; it must only not reach beyond the ring.
        let words = header.words().min(available_words as usize);
        into.resize((words - 1) * WORD_BYTES, 0);
        self.shared.copy_out(self.position + 1, into);
        into.truncate(header.bytes());
        let position = self.position + words as u64;
        Ahead { position, header: Header(self.shared.word(position).load(Relaxed)) }
    }

    /// Copies words up to the newest record or the budget, at least one record, and one word more.
    #[inline]
    fn copy_many(&self, available_words: u64, into: &mut Records, budget_bytes: usize) -> Copied {
        let mut copied = Copied { words: available_words as usize, cut: Cut::BetweenRecords };
        if copied.words * WORD_BYTES > budget_bytes {
            let first = Header(self.shared.word(self.position).load(Relaxed)).words();
            copied.words = (budget_bytes / WORD_BYTES).max(first).min(copied.words);
            copied.cut = Cut::Anywhere;
        }
        self.shared.copy_out(self.position, into.spare((copied.words + 1) * WORD_BYTES));
        copied
    }

    /// Takes the whole records among those copied.
    fn keep(&self, into: &mut Records, copied: Copied) -> Ahead {
        let (taken_bytes, header) = into.keep(copied.words * WORD_BYTES, copied.cut);
        Ahead { position: self.position + (taken_bytes / WORD_BYTES) as u64, header }
    }
}

/// What was copied to a buffer.
struct Copied {
    words: usize,
    cut: Cut,
}
