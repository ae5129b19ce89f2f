//! The recent facts of every auction, as frames, for clients that resume.
//!
//! Frames lie behind each other in chunks shared by all auctions; the oldest chunk
//! goes when the bound is reached. What no longer stands here is rebuilt from the
//! log by [`super::rebuild`].

use std::collections::VecDeque;

use crate::engine::AuctionSlot;

/// A chunk's size; a frame larger than the rest of a chunk starts the next.
const CHUNK_BYTES: usize = 1 << 20;

/// Recent frames, bounded in bytes.
#[derive(Debug)]
pub struct History {
    chunks: VecDeque<Vec<u8>>,
    /// The number of `chunks[0]`.
    first_chunk: u64,
    chunks_max: usize,
    auctions: Vec<Shelf>,
}

/// One auction's frames.
#[derive(Debug, Default)]
struct Shelf {
    entries: VecDeque<Entry>,
    /// All facts with a greater offset are here.
    complete_after: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: u64,
    batch: u64,
    chunk: u64,
    start: u32,
    length: u32,
}

impl History {
    /// Holds up to about `bytes_max` bytes of frames.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            chunks: VecDeque::new(),
            first_chunk: 0,
            chunks_max: (bytes_max / CHUNK_BYTES).max(2),
            auctions: Vec::new(),
        }
    }

    /// Keeps a fact's frame. Frames of one auction come in the order of their offsets.
    pub fn keep(&mut self, slot: AuctionSlot, offset: u64, batch: u64, frame: &[u8]) {
        if self.chunks.back().is_none_or(|chunk| chunk.len() + frame.len() > CHUNK_BYTES) {
            self.start_chunk(frame.len());
        }
        let chunk = self.first_chunk + self.chunks.len() as u64 - 1;
        let Some(bytes) = self.chunks.back_mut() else { return };
        let entry = Entry { offset, batch, chunk, start: bytes.len() as u32, length: frame.len() as u32 };
        bytes.extend_from_slice(frame);
        self.shelf(slot).entries.push_back(entry);
    }

    /// Says that facts up to `offset` happened before this history began: a replay at start keeps none.
    pub fn begin_after(&mut self, slot: AuctionSlot, offset: u64) {
        let shelf = self.shelf(slot);
        shelf.entries.clear();
        shelf.complete_after = offset;
    }

    /// The least offset after which nothing is missing here.
    pub fn complete_after(&self, slot: AuctionSlot) -> u64 {
        self.auctions.get(slot.0 as usize).map_or(0, |shelf| shelf.complete_after)
    }

    /// The last fact of those in batches up to `batch_max`, as far as this history knows.
    pub fn last_in(&self, slot: AuctionSlot, batch_max: u64) -> u64 {
        let Some(shelf) = self.auctions.get(slot.0 as usize) else { return 0 };
        let count = shelf.entries.partition_point(|entry| entry.batch <= batch_max);
        let last = count.checked_sub(1).and_then(|last| shelf.entries.get(last));
        last.map_or(shelf.complete_after, |entry| entry.offset)
    }

    /// The frames of facts after `offset`, in order, with their offsets; only those of batches up to `batch_max`.
    pub fn after(
        &self,
        slot: AuctionSlot,
        offset: u64,
        batch_max: u64,
    ) -> impl Iterator<Item = (u64, &[u8])> {
        let entries = self.auctions.get(slot.0 as usize).map(|shelf| &shelf.entries);
        let start = entries.map_or(0, |entries| entries.partition_point(|entry| entry.offset <= offset));
        let rest = entries.into_iter().flat_map(move |entries| entries.range(start..));
        rest.take_while(move |entry| entry.batch <= batch_max).filter_map(|entry| {
            let chunk = self.chunks.get(usize::try_from(entry.chunk.checked_sub(self.first_chunk)?).ok()?)?;
            Some((entry.offset, &chunk[entry.start as usize..][..entry.length as usize]))
        })
    }

    fn start_chunk(&mut self, least: usize) {
        let mut chunk = if self.chunks.len() >= self.chunks_max {
            self.first_chunk += 1;
            self.forget_old_entries();
            self.chunks.pop_front().unwrap_or_default()
        } else {
            Vec::new()
        };
        chunk.clear();
        chunk.reserve(CHUNK_BYTES.max(least));
        self.chunks.push_back(chunk);
    }

    /// Drops entries of the chunk that goes. Once a megabyte of frames, so a walk over all auctions is cheap enough.
    fn forget_old_entries(&mut self) {
        for shelf in &mut self.auctions {
            while let Some(entry) = shelf.entries.front().filter(|entry| entry.chunk < self.first_chunk) {
                shelf.complete_after = shelf.complete_after.max(entry.offset);
                shelf.entries.pop_front();
            }
        }
    }

    fn shelf(&mut self, slot: AuctionSlot) -> &mut Shelf {
        let index = slot.0 as usize;
        if index >= self.auctions.len() {
            self.auctions.resize_with(index + 1, Shelf::default);
        }
        &mut self.auctions[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_here_is_complete_and_what_is_gone_is_said() {
        let mut history = History::new(4 << 20);
        let frame = vec![7; 1000];
        for offset in 1..=10_000 {
            history.keep(AuctionSlot((offset % 3) as u32), offset, offset, &frame);
        }
        for slot in (0..3).map(AuctionSlot) {
            let complete_after = history.complete_after(slot);
            assert!(complete_after > 5_000, "about 4 MB of 10 MB stay");
            let kept: Vec<u64> =
                history.after(slot, complete_after, u64::MAX).map(|(offset, _)| offset).collect();
            let expected: Vec<u64> =
                (complete_after + 1..=10_000).filter(|offset| offset % 3 == u64::from(slot.0)).collect();
            assert_eq!(kept, expected);
        }
        assert_eq!(
            history.after(AuctionSlot(1), 9_990, 9_995).count(),
            2,
            "9991 and 9994; 9997 is not durable"
        );
    }

    #[test]
    fn an_auction_that_began_before_says_where() {
        let mut history = History::new(1 << 20);
        history.begin_after(AuctionSlot(2), 40);
        assert_eq!(history.complete_after(AuctionSlot(2)), 40);
        assert_eq!(history.complete_after(AuctionSlot(9)), 0);
        assert_eq!(history.after(AuctionSlot(2), 40, u64::MAX).count(), 0);
    }
}
