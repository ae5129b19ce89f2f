//! The bids of one auction, column by column, in the order they were accepted.
//!
//! A bid is its index here, for good: nothing is ever removed, so repetitions are
//! recognised for the auction's life. The ordinary bid costs some 55 bytes, 16 more where
//! its bidder named it; what only few bids have (an amendment, a cancellation) stands in tables beside the columns.

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::column::Column;
use super::event::Standing;
use super::receipts::{Receipt, Receipts};
use super::time_order::TimeOrder;
use crate::clearing;
use crate::units::{PriceTicks, QuantityLots, TimeUs};

const PRICE_TAKER: u8 = 1;
const MARGINAL: u8 = 1 << 1;
const PHANTOM: u8 = 1 << 2;
const CANCELLED: u8 = 1 << 3;
const AMENDED: u8 = 1 << 4;
/// Two bits: the bid's standing when it was accepted.
const STANDING_SHIFT: u32 = 5;
const AT_MARGIN: u8 = 1 << 7;

/// What a bidder asks for: what makes two bids with one `client_bid_id` the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) quantity: QuantityLots,
    pub(super) price: Option<PriceTicks>,
    pub(super) is_marginal: bool,
    pub(super) is_phantom: bool,
}

/// What the last amendment of a bid left, and what the bid was before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Amended {
    pub(super) first_quantity: QuantityLots,
    pub(super) first_price: Option<PriceTicks>,
    /// The largest quantity ever shown.
    pub(super) shown: QuantityLots,
    pub(super) at: TimeUs,
    pub(super) offset: u64,
    pub(super) priority_kept: bool,
}

/// When a bid was taken back, and by which event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cancelled {
    pub(super) at: TimeUs,
    pub(super) offset: u64,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Bids {
    pub(super) receipts: Receipts,
    pub(super) bidders: Column<u32>,
    pub(super) quantities: Column<QuantityLots>,
    /// 0 for a price taker.
    pub(super) prices: Column<PriceTicks>,
    pub(super) flags: Column<u8>,
    /// As far as the last bid that has one.
    client_ids: Column<Option<Arc<str>>>,
    /// The bidder's next bid, or [`NONE`].
    pub(super) next_of_bidder: Column<u32>,
    /// Who comes first at the same price.
    pub(super) time_order: TimeOrder,
    pub(super) amended: FxHashMap<u32, Amended>,
    pub(super) cancelled: FxHashMap<u32, Cancelled>,
    pub(super) by_client_id: ClientIds,
}

/// No bid.
pub(super) const NONE: u32 = u32::MAX;

impl Bids {
    pub(super) fn count(&self) -> u32 {
        self.receipts.count()
    }

    /// Enters a bid behind all others, with where it stood and its bidder's name for it, and returns its index.
    pub(super) fn push(
        &mut self,
        bidder: u32,
        wanted: Wanted,
        receipt: Receipt,
        standing: Standing,
        client_id: Option<&Arc<str>>,
    ) -> u32 {
        let index = self.count();
        let Wanted { quantity, price, is_marginal, is_phantom } = wanted;
        let mut flags = (standing as u8) << STANDING_SHIFT;
        for (is_set, flag) in [(price.is_none(), PRICE_TAKER), (is_marginal, MARGINAL), (is_phantom, PHANTOM)]
        {
            flags |= if is_set { flag } else { 0 };
        }
        self.receipts.push(receipt);
        self.bidders.push(bidder);
        self.quantities.push(quantity);
        self.prices.push(price.unwrap_or_default());
        self.flags.push(flags);
        if let Some(client_id) = client_id {
            self.by_client_id.insert(bidder, client_id, index);
            self.push_client_id(index, client_id.clone());
        }
        self.next_of_bidder.push(NONE);
        index
    }

    /// Makes what follows from the columns: the names. `false` if the columns cannot be right. Whose next bid is which is
    /// left to the bidders.
    pub(super) fn rebuild(&mut self) -> bool {
        self.next_of_bidder = Column::filled(NONE, self.count() as usize);
        for (client_id, index) in self.client_ids.iter().zip(0..) {
            if let Some(client_id) = client_id {
                self.by_client_id.insert(self.bidders[index as usize], client_id, index);
            }
        }
        let is_marked = |index: u32| self.flags[index as usize] & CANCELLED != 0;
        (0..self.count()).all(|index| is_marked(index) == self.cancelled.contains_key(&index))
    }

    /// The bid that a bidder named so.
    pub(super) fn named(&self, bidder: u32, client_id: &str) -> Option<u32> {
        self.by_client_id.find(bidder, client_id, |index| self.has_name(index, bidder, client_id))
    }

    /// The bid's name by its bidder.
    #[inline]
    pub(super) fn client_id(&self, index: u32) -> Option<&Arc<str>> {
        self.client_ids.get(index as usize)?.as_ref()
    }

    /// Notes the name of a bid behind all that have one.
    pub(super) fn push_client_id(&mut self, index: u32, client_id: Arc<str>) {
        while self.client_ids.len() < index as usize {
            self.client_ids.push(None);
        }
        self.client_ids.push(Some(client_id));
    }

    fn has_name(&self, index: u32, bidder: u32, client_id: &str) -> bool {
        let at = index as usize;
        self.bidders[at] == bidder && self.client_id(index).map(AsRef::as_ref) == Some(client_id)
    }

    pub(super) fn is_live(&self, index: u32) -> bool {
        self.flags[index as usize] & CANCELLED == 0
    }

    pub(super) fn is_phantom(&self, index: u32) -> bool {
        self.flags[index as usize] & PHANTOM != 0
    }

    pub(super) fn price(&self, index: u32) -> Option<PriceTicks> {
        let is_taker = self.flags[index as usize] & PRICE_TAKER != 0;
        (!is_taker).then_some(self.prices[index as usize])
    }

    /// What the bid asks for, as last amended.
    pub(super) fn wanted(&self, index: u32) -> Wanted {
        let flags = self.flags[index as usize];
        Wanted {
            quantity: self.quantities[index as usize],
            price: self.price(index),
            is_marginal: flags & MARGINAL != 0,
            is_phantom: flags & PHANTOM != 0,
        }
    }

    /// What the bid asked for when it was accepted.
    pub(super) fn wanted_first(&self, index: u32) -> Wanted {
        let wanted = self.wanted(index);
        match self.amended.get(&index) {
            Some(first) => Wanted { quantity: first.first_quantity, price: first.first_price, ..wanted },
            None => wanted,
        }
    }

    /// Where the bid stood when it was accepted.
    pub(super) fn first_standing(&self, index: u32) -> Standing {
        match self.flags[index as usize] >> STANDING_SHIFT & 0b11 {
            0 => Standing::Above,
            1 => Standing::AtMargin,
            _ => Standing::Below,
        }
    }

    /// The largest quantity that was ever shown for the bid.
    pub(super) fn shown(&self, index: u32) -> QuantityLots {
        self.amended.get(&index).map_or(self.quantities[index as usize], |amended| amended.shown)
    }

    pub(super) fn cancel(&mut self, index: u32, cancelled: Cancelled) {
        self.flags[index as usize] |= CANCELLED;
        self.cancelled.insert(index, cancelled);
    }

    /// Changes a live bid; it takes a new place in time unless its priority is kept.
    pub(super) fn amend(&mut self, index: u32, wanted: Wanted, at: TimeUs, offset: u64, priority_kept: bool) {
        let first = self.wanted_first(index);
        let shown = self.shown(index).max(wanted.quantity);
        let place = index as usize;
        self.quantities[place] = wanted.quantity;
        self.prices[place] = wanted.price.unwrap_or_default();
        self.flags[place] &= !PRICE_TAKER;
        self.flags[place] |= AMENDED | if wanted.price.is_none() { PRICE_TAKER } else { 0 };
        if !priority_kept {
            self.time_order.move_behind(index, self.count());
        }
        let amended = Amended {
            first_quantity: first.quantity,
            first_price: first.price,
            shown,
            at,
            offset,
            priority_kept,
        };
        self.amended.insert(index, amended);
    }

    /// The places in time that the bids have taken.
    pub(super) fn place_count(&self) -> usize {
        self.time_order.place_count(self.count())
    }

    /// Live bids in time priority, with their places, from a place on.
    pub(super) fn live_from(&self, place: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.time_order.iter_from(place, self.count()).filter(|&(_, index)| self.is_live(index))
    }

    pub(super) fn mark_at_margin(&mut self, index: u32) {
        self.flags[index as usize] |= AT_MARGIN;
    }

    /// Whether the bid's price was the clearing price, once there is one.
    pub(super) fn is_at_margin(&self, index: u32) -> bool {
        self.flags[index as usize] & AT_MARGIN != 0
    }

    /// The bid as the clearing sees it.
    pub(super) fn for_clearing(&self, index: u32) -> clearing::Bid {
        clearing::Bid {
            price: self.price(index),
            want: clearing::Want::Quantity(self.quantities[index as usize]),
            seq: self.time_order.rank(index),
            bidder: self.bidders[index as usize],
            is_phantom: self.is_phantom(index),
        }
    }
}

/// Bids by the names that their bidders gave them.
///
/// Names come from outside, so their hash is keyed by a secret (a bid's salt): nobody can choose names that
/// collide. Nothing is ever iterated or removed, hence no order or hash shows in what the engine does.
#[derive(Debug, Clone, Default)]
pub(super) struct ClientIds {
    /// The key of the hash; 0 until the first name.
    pub(super) seed: u128,
    places: FxHashMap<u64, u32>,
}

impl ClientIds {
    /// Sets the key of the hash, as long as there are no names.
    pub(super) fn offer_seed(&mut self, salt: [u8; 16]) {
        if self.places.is_empty() {
            self.seed = u128::from_le_bytes(salt);
        }
    }

    fn insert(&mut self, bidder: u32, name: &str, index: u32) {
        let mut key = self.hash(bidder, name);
        while self.places.contains_key(&key) {
            key = key.wrapping_add(1);
        }
        self.places.insert(key, index);
    }

    fn find(&self, bidder: u32, name: &str, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mut key = self.hash(bidder, name);
        loop {
            let index = *self.places.get(&key)?;
            if is_it(index) {
                return Some(index);
            }
            key = key.wrapping_add(1);
        }
    }

    fn hash(&self, bidder: u32, name: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write_u128(self.seed);
        hasher.write_u32(bidder);
        hasher.write(name.as_bytes());
        hasher.finish()
    }
}
