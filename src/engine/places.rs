//! Where every bid of the engine is, by its id.
//!
//! The ids themselves stand in their auctions' columns, so a table holds places alone, each with 32 bits of its id's hash,
//! and whoever looks something up says whether it is the one. That is half of what a map would take, and one
//! cache line to be waited for where a map has two.
//!
//! Many small tables in place of a large one. A table that grows moves all it has, and a thousand places are moved while
//! nobody notices, a million are not. And an id's first byte says which table is its own: ids made one after
//! another may share it, and then their places lie close enough for the processor to reach them all at once.

use super::ids::{AuctionSlot, BidId};
use super::memory::room_for;

/// Where a bid is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BidPlace {
    pub(super) slot: AuctionSlot,
    pub(super) index: u32,
}

/// Where a bid is to be entered.
#[derive(Debug)]
pub(super) struct Vacancy {
    table: usize,
    bucket: usize,
    hash: u32,
}

/// See the module. Only ever looked up, so no order shows.
#[derive(Debug, Clone)]
pub(super) struct BidPlaces {
    tables: Vec<Table>,
}

impl Default for BidPlaces {
    fn default() -> Self {
        Self { tables: vec![Table::default(); 1 << u8::BITS] }
    }
}

impl BidPlaces {
    /// The place that is the bid's, as `is_it` says of those that may be.
    pub(super) fn find(&self, bid: &BidId, is_it: impl Fn(BidPlace) -> bool) -> Option<BidPlace> {
        let (table, hash) = hash(bid);
        self.tables[table].search(hash, is_it).ok()
    }

    /// Where a bid is to be entered that is not there, as `is_it` says of those that may be it; `None` if it is.
    #[inline]
    pub(super) fn vacancy(&mut self, bid: &BidId, is_it: impl Fn(BidPlace) -> bool) -> Option<Vacancy> {
        let (table, hash) = hash(bid);
        self.tables[table].make_room();
        let bucket = self.tables[table].search(hash, is_it).err()?;
        Some(Vacancy { table, bucket, hash })
    }

    /// Enters a bid at its vacancy; nothing was entered since that was found.
    #[inline]
    pub(super) fn fill(&mut self, vacancy: Vacancy, place: BidPlace) {
        let table = &mut self.tables[vacancy.table];
        table.buckets[vacancy.bucket].push(vacancy.hash, place);
        table.count += 1;
    }

    /// Enters a bid that is not there.
    pub(super) fn insert(&mut self, bid: &BidId, place: BidPlace) {
        if let Some(vacancy) = self.vacancy(bid, |_| false) {
            self.fill(vacancy, place);
        }
    }

    /// Has the lines fetched where these will be looked for and entered, all at once: one after another, each would be
    /// waited for.
    pub(super) fn look_ahead<'a>(&self, bids: impl Iterator<Item = &'a BidId>) {
        let first_looks = bids.map(|bid| {
            let (table, hash) = hash(bid);
            self.tables[table].first_look(hash)
        });
        std::hint::black_box(first_looks.fold(0, u32::wrapping_add));
    }
}

/// An id's table, and its hash there.
#[inline]
fn hash(bid: &BidId) -> (usize, u32) {
    let [first, ..] = bid.0.as_bytes();
    let (high, low) = bid.0.as_u64_pair();
    let mixed = (high ^ low).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (usize::from(*first), (mixed >> u32::BITS) as u32)
}

/// An open table of buckets, each a line of the cache: an entry stands in the bucket that its hash names, or in the next one
/// that was not full. None is ever taken out, so a bucket that is not full ends a search.
#[derive(Debug, Clone, Default)]
struct Table {
    buckets: Vec<Bucket>,
    count: usize,
}

/// Entries of a bucket: what fits a line.
const BUCKET: usize = 5;

#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Bucket {
    hashes: [u32; BUCKET],
    slots: [u32; BUCKET],
    indexes: [u32; BUCKET],
    count: u32,
}

const _: () = assert!(size_of::<Bucket>() == 64, "a line of the cache");

impl Table {
    /// The entry that is looked for, or else the bucket where it would be once there is room.
    #[inline]
    fn search(&self, hash: u32, is_it: impl Fn(BidPlace) -> bool) -> Result<BidPlace, usize> {
        let mut at = self.home(hash);
        loop {
            let Some(bucket) = self.buckets.get(at) else { return Err(at) };
            let mut hits = bucket.hits(hash);
            while hits != 0 {
                let place = bucket.at(hits.trailing_zeros() as usize);
                if is_it(place) {
                    return Ok(place);
                }
                hits &= hits - 1;
            }
            if !bucket.is_full() {
                return Err(at);
            }
            at = self.after(at);
        }
    }

    /// Makes sure of a free bucket, for one more.
    #[inline]
    fn make_room(&mut self) {
        // One entry of a bucket is left free, as a mean.
        if self.count >= self.buckets.len() * (BUCKET - 1) {
            self.grow();
        }
    }

    fn put(&mut self, hash: u32, place: BidPlace) {
        let mut at = self.home(hash);
        while self.buckets[at].is_full() {
            at = self.after(at);
        }
        self.buckets[at].push(hash, place);
    }

    #[cold]
    fn grow(&mut self) {
        let length = (self.buckets.len() * 2).max(2);
        let old = std::mem::replace(&mut self.buckets, room_for(length));
        self.buckets.resize(length, Bucket::default());
        for bucket in &old {
            for index in 0..bucket.count as usize {
                self.put(bucket.hashes[index], bucket.at(index));
            }
        }
    }

    #[inline]
    fn first_look(&self, hash: u32) -> u32 {
        self.buckets.get(self.home(hash)).map_or(0, |bucket| bucket.count)
    }

    #[inline]
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.buckets.len() as u64) >> u32::BITS) as usize
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.buckets.len() { 0 } else { at + 1 }
    }
}

impl Bucket {
    #[inline]
    fn is_full(&self) -> bool {
        self.count as usize == BUCKET
    }

    #[inline]
    fn at(&self, index: usize) -> BidPlace {
        BidPlace { slot: AuctionSlot(self.slots[index]), index: self.indexes[index] }
    }

    #[inline]
    fn push(&mut self, hash: u32, BidPlace { slot, index }: BidPlace) {
        let at = self.count as usize;
        (self.hashes[at], self.slots[at], self.indexes[at]) = (hash, slot.0, index);
        self.count += 1;
    }

    /// The entries with this hash, a bit each.
    #[inline]
    fn hits(&self, hash: u32) -> u32 {
        // All are compared, whatever the count: nothing foresees it.
        let equal = |at: usize| u32::from(self.hashes[at] == hash) << at;
        let hits = (0..BUCKET).fold(0, |hits, at| hits | equal(at));
        hits & ((1 << self.count) - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    /// Ids that count, ids that are spread, and ids that differ where no hash looks: high and low half alike.
    fn ids() -> impl Strategy<Value = u128> {
        let twins = (0_u64..40).prop_map(|half| u128::from(half) << 64 | u128::from(half));
        prop_oneof![0_u128..2000, any::<u128>(), twins]
    }

    proptest! {
        #[test]
        fn places_are_a_map(steps in prop::collection::vec((ids(), any::<bool>()), 0..3000)) {
            let (mut places, mut model, mut ids) = (BidPlaces::default(), HashMap::new(), Vec::new());
            for (id, is_entered) in &steps {
                let bid = BidId(Uuid::from_u128(*id));
                let found = places.find(&bid, |place| ids[place.index as usize] == bid);
                prop_assert_eq!(found, model.get(&bid).copied());
                if *is_entered && found.is_none() {
                    places.look_ahead([bid].iter());
                    let place = BidPlace { slot: AuctionSlot(*id as u32 % 7), index: ids.len() as u32 };
                    places.insert(&bid, place);
                    model.insert(bid, place);
                    ids.push(bid);
                }
            }
            for (bid, place) in model {
                prop_assert_eq!(places.find(&bid, |place| ids[place.index as usize] == bid), Some(place));
            }
        }
    }
}
