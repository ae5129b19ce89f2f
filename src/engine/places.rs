//! Where every bid of the engine is, by its id.
//!
//! Many small maps in place of a large one: a map that grows moves all it has, and a thousand places are
//! moved while nobody notices, a million are not.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use super::ids::{AuctionSlot, BidId};

/// Where a bid is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BidPlace {
    pub(super) slot: AuctionSlot,
    pub(super) index: u32,
}

/// See the module. Only ever looked up, so no order shows.
#[derive(Debug, Clone)]
pub(super) struct BidPlaces {
    maps: Vec<FxHashMap<BidId, BidPlace>>,
}

impl Default for BidPlaces {
    fn default() -> Self {
        Self { maps: vec![FxHashMap::default(); 1 << u8::BITS] }
    }
}

impl BidPlaces {
    pub(super) fn get(&self, bid: &BidId) -> Option<BidPlace> {
        self.maps[map_of(bid)].get(bid).copied()
    }

    pub(super) fn insert(&mut self, bid: BidId, place: BidPlace) {
        self.maps[map_of(&bid)].insert(bid, place);
    }

    /// Makes room for so many more, if their ids are spread as they should be.
    pub(super) fn reserve(&mut self, count: usize) {
        let each = count / self.maps.len();
        // Some maps get more than their share, by a few standard deviations.
        let each = each + 4 * each.isqrt();
        self.maps.iter_mut().for_each(|map| map.reserve(each));
    }

    #[inline]
    pub(super) fn entry(&mut self, bid: BidId) -> Entry<'_, BidId, BidPlace> {
        self.maps[map_of(&bid)].entry(bid)
    }
}

/// An id's map, by its last byte: ids are random in it, or count.
#[inline]
fn map_of(bid: &BidId) -> usize {
    let [.., last] = bid.0.as_bytes();
    usize::from(*last)
}
