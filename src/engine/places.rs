//! Where every bid of the engine is, by its id.
//!
//! The ids themselves stand in their auctions' columns, so a table holds places alone, each with 32 bits of its id's hash,
//! and whoever looks something up says whether it is the one. That is half of what a map would take, and leaves one
//! cache line to be waited for where a map has two: see [`BidPlaces::look_ahead`].
//!
//! Many small tables in place of a large one: a table that grows moves all it has, and a thousand places are
//! moved while nobody notices, a million are not.

use super::ids::{AuctionSlot, BidId};
use crate::prefetch::prefetch;

/// Where a bid is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BidPlace {
    pub(super) slot: AuctionSlot,
    pub(super) index: u32,
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
        self.tables[table].find(hash, is_it)
    }

    /// Enters a bid that is not there.
    pub(super) fn insert(&mut self, bid: &BidId, place: BidPlace) {
        let (table, hash) = hash(bid);
        self.tables[table].insert(hash, place);
    }

    /// Makes room for so many more, if their ids are spread as they should be.
    pub(super) fn reserve(&mut self, count: usize) {
        let each = count / self.tables.len();
        // Some tables get more than their share, by a few standard deviations.
        let each = each + 4 * each.isqrt();
        self.tables.iter_mut().for_each(|table| table.reserve(each));
    }

    /// Has the line fetched where this bid will be looked for and entered. Whoever does that for many before the first is
    /// looked for waits once and not for each.
    #[inline]
    pub(super) fn look_ahead(&self, bid: &BidId) {
        let (table, hash) = hash(bid);
        self.tables[table].look_ahead(hash);
    }
}

/// An id's table, by its last byte, and its hash there: ids are random, or count.
#[inline]
fn hash(bid: &BidId) -> (usize, u32) {
    let [.., last] = bid.0.as_bytes();
    let (high, low) = bid.0.as_u64_pair();
    let mixed = (high ^ low).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (usize::from(*last), (mixed >> u32::BITS) as u32)
}

/// An open table: an entry stands at the place that its hash's first bits name, or at the next ones that were free.
#[derive(Debug, Clone, Default)]
struct Table {
    /// A power of two, or none.
    entries: Vec<Entry>,
    count: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u32,
    slot: AuctionSlot,
    /// [`FREE`] where there is none.
    index: u32,
}

/// No bid: an auction never has so many.
const FREE: u32 = u32::MAX;
/// Entries of a table that was empty.
const FIRST_ENTRIES: usize = 8;

impl Table {
    fn find(&self, hash: u32, is_it: impl Fn(BidPlace) -> bool) -> Option<BidPlace> {
        let mut at = self.home(hash);
        loop {
            let &Entry { hash: other, slot, index } = self.entries.get(at)?;
            if index == FREE {
                return None;
            }
            let place = BidPlace { slot, index };
            if other == hash && is_it(place) {
                return Some(place);
            }
            at = self.after(at);
        }
    }

    fn insert(&mut self, hash: u32, BidPlace { slot, index }: BidPlace) {
        self.reserve(1);
        self.put(Entry { hash, slot, index });
        self.count += 1;
    }

    fn put(&mut self, entry: Entry) {
        let mut at = self.home(entry.hash);
        while self.entries[at].index != FREE {
            at = self.after(at);
        }
        self.entries[at] = entry;
    }

    /// Room for so many more, with a quarter left free.
    fn reserve(&mut self, more: usize) {
        let wanted = self.count + more;
        if wanted <= self.entries.len() / 4 * 3 {
            return;
        }
        let length = (wanted * 4).div_ceil(3).next_power_of_two().max(FIRST_ENTRIES);
        let free = Entry { hash: 0, slot: AuctionSlot(0), index: FREE };
        let old = std::mem::replace(&mut self.entries, vec![free; length]);
        old.into_iter().filter(|entry| entry.index != FREE).for_each(|entry| self.put(entry));
    }

    #[inline]
    fn look_ahead(&self, hash: u32) {
        if let Some(entry) = self.entries.get(self.home(hash)) {
            prefetch(entry);
        }
    }

    #[inline]
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.entries.len() as u64) >> u32::BITS) as usize
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.entries.len() - 1)
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
        fn places_are_a_map(steps in prop::collection::vec((ids(), any::<bool>()), 0..3000), room in 0_usize..5000) {
            let (mut places, mut model, mut ids) = (BidPlaces::default(), HashMap::new(), Vec::new());
            for (count, (id, is_entered)) in steps.iter().enumerate() {
                let bid = BidId(Uuid::from_u128(*id));
                if count == steps.len() / 2 {
                    places.reserve(room);
                }
                let found = places.find(&bid, |place| ids[place.index as usize] == bid);
                prop_assert_eq!(found, model.get(&bid).copied());
                if *is_entered && found.is_none() {
                    let place = BidPlace { slot: AuctionSlot(*id as u32 % 7), index: ids.len() as u32 };
                    places.look_ahead(&bid);
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
