//! The demand index: all live demand of one sale, and its clearing price after every change.
//!
//! What a price needs is the demand above it. The index keeps `lo`, the lowest price at which that finds room
//! in the supply, the demand above it and the demand at it. A bid below `lo` changes none of them; one at or
//! above it changes a sum; only when the sums no longer hold `lo` in place does it move: to the next
//! price with demand, a few times, and if that is not enough by one descent of the tree of sums.
//! Between two bids demand is the same and only supply changes, so there `lo` is found by bisection.
//!
//! Prices are keys in here, counted from the lowest price of the sale.

use super::demand::{BidKind, Demand, DemandError, Pricing};
use super::demand_search::{Found, Near};
use super::demand_tree::SumTree;
use super::price::Quote;
use super::supply::Offered;
use super::view::{Extra, View};
use crate::units::{PriceTicks, QuantityLots};

/// How many prices with demand `lo` passes before the tree is asked instead.
const WALK_STEPS_MAX: u32 = 8;

/// All live demand of one sale, by price, with the clearing price kept current.
///
/// One index is one side of a market. It knows quantities per price, not bids: whoever owns the bids adds
/// and removes them here. No operation allocates for a bid as such, only for a range of prices
/// that had no demand before, and none takes longer for there being more bids.
#[derive(Debug, Clone)]
pub struct DemandIndex {
    pub(super) pricing: Pricing,
    pub(super) lowest: i64,
    /// The key of the ceiling.
    pub(super) ceiling: Option<u64>,
    /// All demand, price takers included where there is a ceiling for them to count at.
    pub(super) all: SumTree,
    /// The same without phantoms, from the first phantom on.
    pub(super) real: Option<Box<SumTree>>,
    /// Price takers by kind.
    takers: [i64; 2],
    pub(super) lo: Level,
    /// Where the tree has last been looked at around `lo`.
    pub(super) near: Near,
    /// What is offered at the lowest price.
    pub(super) at_lowest: Offered,
    is_fixed: bool,
}

/// `lo`, and what is known there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    pub key: u64,
    /// Demand above it.
    pub above: i64,
    /// Demand at it, but for price takers without a ceiling.
    pub at: i64,
    pub supply: Offered,
}

impl DemandIndex {
    /// An index without demand. A ceiling below the lowest price counts as that.
    pub fn new(pricing: Pricing) -> Self {
        let lowest = pricing.lowest();
        let ceiling =
            pricing.supply.ceiling().map(|ceiling| ceiling.0.saturating_sub(lowest.0).max(0) as u64);
        let at_lowest = pricing.supply.at(lowest);
        let is_fixed = pricing.supply.is_fixed();
        Self {
            pricing,
            lowest: lowest.0,
            ceiling,
            all: SumTree::new(),
            real: None,
            takers: [0; 2],
            lo: Level { key: 0, above: 0, at: 0, supply: at_lowest },
            near: Near::default(),
            at_lowest,
            is_fixed,
        }
    }

    /// What decides the price.
    pub fn pricing(&self) -> &Pricing {
        &self.pricing
    }

    /// The lowest price of the sale, `r` of the rules.
    pub fn lowest(&self) -> PriceTicks {
        PriceTicks(self.lowest)
    }

    /// Adds one bid's demand; the price is current afterwards.
    pub fn add(&mut self, demand: Demand) -> Result<(), DemandError> {
        let key = self.key_of(demand)?;
        let lots = demand.lots.0;
        self.total().checked_add(lots).ok_or(DemandError::Overflow)?;
        if demand.kind == BidKind::Phantom && self.real.is_none() {
            self.real = Some(Box::new(self.all.clone()));
        }
        if demand.price.is_none() {
            self.takers[demand.kind as usize] += lots;
        }
        let Some(key) = key else {
            self.settle();
            return Ok(());
        };
        let lifts_takers = self.floating() > 0 && key > self.top();
        self.all.add(key, lots);
        if demand.kind == BidKind::Real
            && let Some(real) = &mut self.real
        {
            real.add(key, lots);
        }
        if lifts_takers {
            self.settle();
        } else if key > self.lo.key {
            self.lo.above += lots;
            if self.lo.above > self.lo.supply.lots.0 {
                self.rise();
            }
        } else if key == self.lo.key {
            self.lo.at += lots;
        }
        Ok(())
    }

    /// Whether a bid at this price may come or go and change nothing at [`lo`](Self::lo) or above, nor make the sale
    /// short: `lo` is above it, and so not the lowest price of all.
    #[inline]
    pub fn is_below_lo(&self, price: Option<PriceTicks>) -> bool {
        price.is_some_and(|price| price < self.lo())
    }

    /// Takes one bid's demand away; the price is current afterwards.
    pub fn remove(&mut self, demand: Demand) -> Result<(), DemandError> {
        let key = self.key_of(demand)?;
        self.take(demand, key)?;
        let lots = demand.lots.0;
        let Some(key) = key else {
            self.settle();
            return Ok(());
        };
        if self.floating() > 0 && key >= self.top() {
            self.settle();
        } else if key > self.lo.key {
            self.lo.above -= lots;
            self.fall();
        } else if key == self.lo.key {
            self.lo.at -= lots;
            self.fall();
        }
        Ok(())
    }

    /// Takes demand out of the sums; all of it or, if it is not there, nothing.
    fn take(&mut self, demand: Demand, key: Option<u64>) -> Result<(), DemandError> {
        let lots = demand.lots.0;
        if demand.price.is_none() {
            if self.takers[demand.kind as usize] < lots {
                return Err(DemandError::NotThere);
            }
            self.takers[demand.kind as usize] -= lots;
        }
        let Some(key) = key else { return Ok(()) };
        let is_there = match (&mut self.real, demand.kind) {
            // A price taker's lots are known to be there, and the others' are not for a bid with a limit.
            (None, BidKind::Real) => {
                let kept = if self.ceiling == Some(key) { self.takers[0] } else { 0 };
                self.all.remove(key, lots, kept)
            }
            (None, BidKind::Phantom) => false,
            (Some(real), BidKind::Real) => {
                let kept = if self.ceiling == Some(key) { self.takers[0] } else { 0 };
                real.remove(key, lots, kept) && self.all.remove(key, lots, 0)
            }
            (Some(real), BidKind::Phantom) => {
                let takers = if self.ceiling == Some(key) { self.takers[1] } else { 0 };
                let kept = real.at(key) + takers;
                self.all.remove(key, lots, kept)
            }
        };
        if is_there { Ok(()) } else { Err(DemandError::NotThere) }
    }

    /// Puts one bid's new demand in place of its old; both or neither.
    pub fn amend(&mut self, old: Demand, new: Demand) -> Result<(), DemandError> {
        self.key_of(new)?;
        let rest = self.total().checked_sub(old.lots.0).ok_or(DemandError::NotThere)?;
        rest.checked_add(new.lots.0).ok_or(DemandError::Overflow)?;
        self.remove(old)?;
        self.add(new)
    }

    /// The lowest price at which all bids above it fit, `p_lo` of the rules.
    pub fn lo(&self) -> PriceTicks {
        self.price(self.lo.key)
    }

    /// The highest price at which demand is still at least the supply, `p_hi` of the rules; [`lo`](Self::lo)
    /// where there is no such price. Prices above every bid do not count.
    pub fn hi(&self) -> PriceTicks {
        let view = self.view();
        self.price(view.hi(self.lo))
    }

    /// The price if the sale ended now; the lowest price of the sale while nothing sells.
    #[inline]
    pub fn current_price(&self) -> PriceTicks {
        self.quote().price
    }

    /// Everything that can be said about the sale if it ended now.
    #[inline(always)]
    pub fn quote(&self) -> Quote {
        self.view().quote(self.lo)
    }

    /// Lots wanted at or above a price, phantoms included.
    pub fn demand_at_or_above(&self, price: PriceTicks) -> QuantityLots {
        let key = self.key_at(price);
        QuantityLots(key.map_or(self.total(), |key| self.view().at_or_above(key)))
    }

    /// Lots wanted above a price, phantoms included.
    pub fn demand_above(&self, price: PriceTicks) -> QuantityLots {
        let key = self.key_at(price);
        QuantityLots(key.map_or(self.total(), |key| self.view().above(key)))
    }

    /// Lots real bids want at or above a price.
    pub fn real_demand_at_or_above(&self, price: PriceTicks) -> QuantityLots {
        let key = self.key_at(price).unwrap_or(0);
        QuantityLots(self.view().real_at_or_above(key))
    }

    /// Lots of the real price takers.
    pub fn price_takers(&self) -> QuantityLots {
        QuantityLots(self.takers[BidKind::Real as usize])
    }

    pub(super) fn view(&self) -> View<'_> {
        View { index: self, supply: &self.pricing.supply, at_lowest: self.at_lowest, extra: Extra::NONE }
    }

    /// The price takers that count at the highest price known, for want of a ceiling.
    #[inline]
    pub(super) fn floating(&self) -> i64 {
        if self.ceiling.is_some() { 0 } else { self.takers[0] + self.takers[1] }
    }

    /// Those of them that are real.
    #[inline]
    pub(super) fn real_floating(&self) -> i64 {
        if self.ceiling.is_some() { 0 } else { self.takers[0] }
    }

    #[inline]
    pub(super) fn total(&self) -> i64 {
        self.all.total() + self.floating()
    }

    /// The highest price known: where price takers count.
    pub(super) fn top(&self) -> u64 {
        self.ceiling.or_else(|| self.all.last()).unwrap_or(0)
    }

    #[inline]
    pub(super) fn price(&self, key: u64) -> PriceTicks {
        PriceTicks(self.lowest.saturating_add_unsigned(key))
    }

    #[inline]
    pub(super) fn supply_at(&self, key: u64) -> Offered {
        self.pricing.supply.at(self.price(key))
    }

    /// Where a demand counts; `Ok(None)` at the highest price known.
    #[inline]
    pub(super) fn key_of(&self, demand: Demand) -> Result<Option<u64>, DemandError> {
        let Some(price) = demand.price else {
            let is_positive = demand.lots.0 > 0;
            return if is_positive { Ok(self.ceiling) } else { Err(DemandError::NotPositive) };
        };
        if price.0 < self.lowest {
            return Err(DemandError::BelowReserve);
        }
        if demand.lots.0 <= 0 {
            return Err(DemandError::NotPositive);
        }
        let key = price.0.abs_diff(self.lowest);
        Ok(Some(self.ceiling.map_or(key, |ceiling| key.min(ceiling))))
    }

    /// The key of a price that need not be one of a bid; `None` below the lowest.
    fn key_at(&self, price: PriceTicks) -> Option<u64> {
        (price.0 >= self.lowest).then(|| price.0.abs_diff(self.lowest))
    }

    /// The lots of a tree at a key without the price takers among them.
    fn limits_at(&self, tree: &SumTree, key: u64, takers: i64) -> i64 {
        tree.at(key) - if self.ceiling == Some(key) { takers } else { 0 }
    }

    /// Whether a real bid at the ceiling has a limit, and is not a price taker.
    pub(super) fn has_real_limit_at_ceiling(&self) -> bool {
        let tree = self.real.as_deref().unwrap_or(&self.all);
        self.ceiling.is_some_and(|ceiling| self.limits_at(tree, ceiling, self.takers[0]) > 0)
    }

    /// Moves `lo` up to where the demand above it has room again.
    fn rise(&mut self) {
        if self.floating() > 0 {
            return self.settle();
        }
        let mut near = self.near;
        let found =
            self.walk(&mut near, self.lo, |key, above| self.supply_at(key).has_room_for(above.into()));
        self.near = near;
        match found {
            Some(level) => self.lo = level,
            None => self.settle(),
        }
    }

    /// The lowest key from a level's on at which there is room for the demand above it; `None` if that is many prices
    /// away. Where there is room there is at every higher price.
    #[inline]
    pub(super) fn walk(
        &self,
        near: &mut Near,
        from: Level,
        has_room: impl Fn(u64, i64) -> bool,
    ) -> Option<Level> {
        let Level { mut key, mut above, mut at, .. } = from;
        for _ in 0..=WALK_STEPS_MAX {
            if has_room(key, above) {
                return Some(Level { key, above, at, supply: self.supply_at(key) });
            }
            let (next, at_next) = self.all.level_above(near, key)?;
            if next - key > 1 && has_room(next - 1, above) {
                let key = first_key(key + 1, next - 1, |key| has_room(key, above));
                return Some(Level { key, above, at: 0, supply: self.supply_at(key) });
            }
            (key, above, at) = (next, above - at_next, at_next);
        }
        None
    }

    /// Moves `lo` down as far as the demand above it has room.
    #[inline]
    fn fall(&mut self) {
        let Level { key, above, at, .. } = self.lo;
        let may_fall = key > 0 && self.supply_at(key - 1).has_room_for(i128::from(above) + i128::from(at));
        if may_fall {
            self.fall_from_here();
        }
    }

    fn fall_from_here(&mut self) {
        if self.floating() > 0 {
            return self.settle();
        }
        let mut near = self.near;
        let Level { key: mut lo, mut above, mut at, .. } = self.lo;
        for step in 0..=WALK_STEPS_MAX {
            let with_lo = above + at;
            if lo == 0 || !self.supply_at(lo - 1).has_room_for(with_lo.into()) {
                if step > 0 {
                    self.lo = Level { key: lo, above, at, supply: self.supply_at(lo) };
                }
                return;
            }
            let (last, at_last) = self.all.level_below(&mut near, lo).unwrap_or((0, 0));
            self.near = near;
            let has_room = |key: u64| self.supply_at(key).has_room_for(with_lo.into());
            if !self.is_fixed && !has_room(last) {
                return self.set_empty_lo(first_key(last + 1, lo - 1, has_room), with_lo);
            }
            (lo, above, at) = (last, with_lo, at_last);
        }
        self.settle();
    }

    /// Finds `lo` from nothing.
    #[cold]
    fn settle(&mut self) {
        let view = self.view();
        let Found { key, above } = view.first_with_room(0, self.top());
        self.lo = Level { key, above, at: self.all.at(key), supply: self.supply_at(key) };
    }

    /// Puts `lo` where nobody bids.
    fn set_empty_lo(&mut self, key: u64, above: i64) {
        self.lo = Level { key, above, at: 0, supply: self.supply_at(key) };
    }
}

/// The first of `low..=high` that holds, where all after the first do, the last among them.
fn first_key(mut low: u64, mut high: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}
