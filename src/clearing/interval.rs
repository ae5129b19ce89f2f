//! The clearing interval of a whole set of bids, from nothing: `p_lo` and `p_hi` of the rules.
//!
//! Demand above a price falls as the price rises and supply does not, so the lowest price with room is the
//! end of a descent: bids are summed into a few thousand buckets of prices, those in the bucket where demand
//! first fits are gathered and summed into buckets again, until a bucket is one tick. That is two passes over
//! all bids whatever the range of prices, mostly, and never a comparison of bids. Budgets ask for other
//! quantities at every price, so with them the price is found by bisection, a pass over the bids each time.

use std::ops::AddAssign;

use super::bid::{Bid, BidSource, Want};
use super::supply::Supply;
use super::{ClearError, Terms};
use crate::units::{Money, PriceTicks, QuantityLots};

/// The most buckets of one pass, as a power of two: their sums stay in the first-level cache.
const BUCKET_BITS_MAX: u32 = 12;

/// Where bids count: the lowest price of the sale, and the price at which price takers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Market {
    /// `r` of the rules.
    pub lowest: i64,
    /// `c` of the rules, `i64::MAX` without one.
    pub ceiling: i64,
    /// The ceiling, or the highest limit, or the lowest price of the sale.
    pub top: i64,
}

impl Market {
    /// The price at which a bid counts.
    #[inline]
    pub fn level(&self, bid: &Bid) -> i64 {
        match bid.price {
            Some(price) => price.0.min(self.ceiling),
            None => self.top,
        }
    }

    /// The lowest limit of a real bid.
    pub fn lowest_real(&self, bids: &(impl BidSource + ?Sized)) -> Option<PriceTicks> {
        let mut lowest = None;
        bids.for_each(|bid| {
            if !bid.is_phantom && bid.price.is_some() {
                let level = self.level(bid);
                lowest = Some(lowest.map_or(level, |lowest: i64| lowest.min(level)));
            }
        });
        lowest.map(PriceTicks)
    }
}

/// What one pass over the bids learns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Survey {
    pub market: Market,
    pub bid_count: u64,
    pub phantom_count: u64,
    /// Lots wanted at the lowest price of the sale, by all and by real bids.
    pub demand: i128,
    pub real_demand: i128,
    pub has_budgets: bool,
    pub has_price_takers: bool,
}

impl Survey {
    /// Looks at every bid once and refuses what entry should have refused.
    #[inline(never)]
    pub fn new(terms: &Terms, bids: &(impl BidSource + ?Sized)) -> Result<Self, ClearError> {
        let lowest = terms.lowest_price().0;
        let has_cap = terms.bidder_cap().is_some();
        let mut odd = OddBids { lowest, has_cap, highest: lowest, ..OddBids::default() };
        // Sums that a loop over a million bids touches are variables of their own: they stay in registers.
        let (mut limit_count, mut limit_demand) = (0_u64, 0_i128);
        let mut highest = lowest;
        bids.for_each(|bid| match (bid.price, bid.want) {
            (Some(PriceTicks(price)), Want::Quantity(QuantityLots(lots)))
                if !bid.is_phantom && lots > 0 && price >= lowest =>
            {
                limit_count += 1;
                limit_demand += i128::from(lots);
                highest = highest.max(price);
            }
            (price, Want::Quantity(quantity)) => odd.add_quantity(bid.seq, price, quantity, bid.is_phantom),
            (price, Want::Budget(money)) => odd.add_budget(bid.seq, price, money, bid.is_phantom),
        });
        if let Some(seq) = odd.invalid {
            return Err(ClearError::InvalidBid { seq });
        }
        let ceiling = terms.supply.ceiling();
        let top = ceiling.map_or(highest.max(odd.highest), |ceiling| ceiling.0);
        let real_demand = limit_demand + odd.real_demand;
        Ok(Self {
            market: Market { lowest, ceiling: ceiling.map_or(i64::MAX, |ceiling| ceiling.0), top },
            bid_count: limit_count + odd.real_count + odd.phantom_count,
            phantom_count: odd.phantom_count,
            demand: real_demand + odd.phantom_demand,
            real_demand,
            has_budgets: odd.has_budgets,
            has_price_takers: odd.has_price_takers,
        })
    }

    /// Whether demand at the lowest price is short of the supply there.
    pub fn is_short(&self, supply: &Supply) -> bool {
        !supply.at(PriceTicks(self.market.lowest)).is_reached_by(self.demand)
    }
}

/// What a survey learns from the bids that are not a limit and a quantity: price takers, budgets, phantoms, and
/// those that entry should have refused.
#[derive(Default)]
struct OddBids {
    lowest: i64,
    has_cap: bool,
    real_count: u64,
    phantom_count: u64,
    real_demand: i128,
    phantom_demand: i128,
    highest: i64,
    has_budgets: bool,
    has_price_takers: bool,
    /// The first that is not valid.
    invalid: Option<u64>,
}

// These take values and are said to be cold, so that the loop that calls them keeps all of the other bids in registers.
impl OddBids {
    #[cold]
    fn add_quantity(
        &mut self,
        seq: u64,
        price: Option<PriceTicks>,
        quantity: QuantityLots,
        is_phantom: bool,
    ) {
        self.add(seq, price, i128::from(quantity.0), quantity.0 > 0, is_phantom);
    }

    #[cold]
    fn add_budget(&mut self, seq: u64, price: Option<PriceTicks>, money: Money, is_phantom: bool) {
        self.has_budgets = true;
        let lots = Want::Budget(money).lots_at(PriceTicks(self.lowest));
        let is_countable = self.lowest > 0 && lots <= i128::from(i64::MAX);
        self.add(seq, price, lots, is_countable && money.0 > 0 && !self.has_cap, is_phantom);
    }

    fn add(&mut self, seq: u64, price: Option<PriceTicks>, lots: i128, is_valid: bool, is_phantom: bool) {
        if !is_valid || price.is_some_and(|price| price.0 < self.lowest) {
            self.invalid = self.invalid.or(Some(seq));
            return;
        }
        self.has_price_takers |= price.is_none();
        self.highest = self.highest.max(price.map_or(self.lowest, |price| price.0));
        if is_phantom {
            self.phantom_count += 1;
            self.phantom_demand += lots;
            return;
        }
        self.real_count += 1;
        self.real_demand += lots;
    }
}

/// The bids in a range of prices, and the demand above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vicinity {
    low: i64,
    high: i64,
    /// Lots wanted above `high`.
    pub above: i128,
    pub bids: Vec<NearBid>,
}

/// A bid for a quantity, at the price at which it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NearBid {
    pub level: i64,
    pub lots: u64,
    pub seq: u64,
    pub is_taker: bool,
}

impl Vicinity {
    /// Whether the price is in the range.
    pub fn covers(&self, price: PriceTicks) -> bool {
        (self.low..=self.high).contains(&price.0)
    }
}

/// `[p_lo, p_hi]` of a sale that is not short of demand, and the bids around `p_lo` if they were gathered.
pub(super) fn interval(
    survey: &Survey,
    supply: &Supply,
    bids: &(impl BidSource + ?Sized),
) -> ((PriceTicks, PriceTicks), Option<Vicinity>) {
    if survey.has_budgets {
        let (lo, hi) = interval_by_bisection(survey.market, supply, bids);
        return ((PriceTicks(lo), PriceTicks(hi)), None);
    }
    let descent = Descent { market: survey.market, supply, bids, bid_count: survey.bid_count };
    let fits_64_bits = survey.demand <= i128::from(u64::MAX);
    let Floor { lo, above, near } =
        if fits_64_bits { descent.lowest::<u64>() } else { descent.lowest::<u128>() };
    ((PriceTicks(lo), PriceTicks(descent.highest(lo, above))), near)
}

/// Where a descent ends.
struct Floor {
    /// `p_lo`.
    lo: i64,
    /// The demand above it.
    above: i128,
    /// The bids that the last but one bucket held.
    near: Option<Vicinity>,
}

/// A sum of lots: 64 bits where all demand together fits.
trait Lots: Copy + Default + AddAssign + From<u64> + Into<u128> {}
impl Lots for u64 {}
impl Lots for u128 {}

struct Descent<'a, B: ?Sized> {
    market: Market,
    supply: &'a Supply,
    bids: &'a B,
    bid_count: u64,
}

impl<B: BidSource + ?Sized> Descent<'_, B> {
    #[inline(never)]
    fn lowest<L: Lots>(&self) -> Floor {
        let market = self.market;
        let Market { lowest: mut low, top: mut high, .. } = market;
        // Demand above `high`, which has room there; below `low` there is no room.
        let mut above = 0_i128;
        let mut near: Option<Vicinity> = None;
        let bucket_bits = (self.bid_count.max(1).ilog2() + 2).clamp(6, BUCKET_BITS_MAX);
        loop {
            let span = high.abs_diff(low);
            let shift = (u64::BITS - span.leading_zeros()).saturating_sub(bucket_bits);
            let mut sums = vec![L::default(); (span >> shift) as usize + 1];
            let mut add = |level: i64, lots: u64| {
                if let Some(sum) = sums.get_mut((level.wrapping_sub(low) as u64 >> shift) as usize) {
                    *sum += lots.into();
                }
            };
            match &near {
                None => self.bids.for_each(|bid| add(market.level(bid), quantity(bid))),
                Some(near) => near.bids.iter().for_each(|bid| add(bid.level, bid.lots)),
            }
            let (bucket, demand_above, demand_inside) =
                self.bucket_with_room(&mut sums, |bucket| last_tick(low, high, bucket, shift), above);
            (low, high) = (low + ((bucket as i64) << shift), last_tick(low, high, bucket, shift));
            above += demand_above;
            if shift == 0 {
                return Floor { lo: low, above, near };
            }
            if demand_inside == 0 {
                let has_room = |tick: i64| self.supply.at(PriceTicks(tick)).has_room_for(above);
                return Floor { lo: first_tick(low, high, has_room), above, near };
            }
            near = Some(Vicinity { low, high, above, bids: self.collect(near, low, high) });
        }
    }

    /// The lowest bucket at whose last tick demand fits; the demand in the buckets above it, and in it.
    fn bucket_with_room<L: Lots>(
        &self,
        sums: &mut [L],
        last_tick: impl Fn(usize) -> i64,
        above: i128,
    ) -> (usize, i128, i128) {
        let mut total = L::default();
        for sum in sums.iter_mut().rev() {
            let own = std::mem::replace(sum, total);
            total += own;
        }
        let demand_above = |bucket: usize| Into::<u128>::into(sums[bucket]) as i128;
        let has_room = |bucket: i64| {
            let bucket = bucket as usize;
            let supply = self.supply.at(PriceTicks(last_tick(bucket)));
            supply.has_room_for(above + demand_above(bucket))
        };
        let bucket = first_tick(0, sums.len() as i64 - 1, has_room) as usize;
        let at_or_above = bucket.checked_sub(1).map_or(Into::<u128>::into(total) as i128, demand_above);
        (bucket, demand_above(bucket), at_or_above - demand_above(bucket))
    }

    fn collect(&self, near: Option<Vicinity>, low: i64, high: i64) -> Vec<NearBid> {
        if let Some(Vicinity { mut bids, .. }) = near {
            bids.retain(|bid| (low..=high).contains(&bid.level));
            return bids;
        }
        let market = self.market;
        let mut inside = Vec::new();
        self.bids.for_each(|bid| {
            let level = market.level(bid);
            // One comparison tells whether a price is in a range.
            if level.wrapping_sub(low) as u64 <= high.abs_diff(low) {
                let (lots, is_taker) = (quantity(bid), bid.price.is_none());
                keep(&mut inside, NearBid { level, lots, seq: bid.seq, is_taker });
            }
        });
        inside
    }

    /// `p_hi`: above `p_lo` only where demand meets a flat part of the supply exactly, and then no higher
    /// than the lowest bid above.
    fn highest(&self, lo: i64, above: i128) -> i64 {
        let is_reached = |tick: i64| self.supply.at(PriceTicks(tick)).is_reached_by(above);
        if above == 0 || lo >= self.market.top || !is_reached(lo + 1) {
            return lo;
        }
        let mut next = self.market.top;
        self.bids.for_each(|bid| {
            let level = self.market.level(bid);
            if level > lo {
                next = next.min(level);
            }
        });
        last_true(lo + 1, next, is_reached)
    }
}

/// Said to be cold, so that the loop that calls it has its registers for the bids that are not near.
#[cold]
fn keep(bids: &mut Vec<NearBid>, bid: NearBid) {
    bids.push(bid);
}

fn interval_by_bisection(market: Market, supply: &Supply, bids: &(impl BidSource + ?Sized)) -> (i64, i64) {
    let demand = |tick: i64, from: i64| {
        let mut sum = 0_i128;
        bids.for_each(|bid| {
            if market.level(bid) >= from {
                sum += bid.want.lots_at(PriceTicks(tick));
            }
        });
        sum
    };
    let above = |tick: i64| tick.checked_add(1).map_or(0, |next| demand(tick, next));
    let lo =
        first_tick(market.lowest, market.top, |tick| supply.at(PriceTicks(tick)).has_room_for(above(tick)));
    let is_reached = |tick: i64| supply.at(PriceTicks(tick)).is_reached_by(demand(tick, tick));
    if above(lo) == 0 || lo >= market.top || !is_reached(lo + 1) {
        return (lo, lo);
    }
    (lo, last_true(lo + 1, market.top, is_reached))
}

#[inline]
fn quantity(bid: &Bid) -> u64 {
    match bid.want {
        Want::Quantity(quantity) => quantity.0 as u64,
        Want::Budget(_) => 0,
    }
}

/// The last tick of a bucket, the range being `low..=high`.
fn last_tick(low: i64, high: i64, bucket: usize, shift: u32) -> i64 {
    let last = i128::from(low) + ((bucket as i128 + 1) << shift) - 1;
    last.min(i128::from(high)) as i64
}

/// The first of `low..=high` for which `holds`, which then holds for all after it; `high` if none does.
pub(super) fn first_tick(mut low: i64, mut high: i64, mut holds: impl FnMut(i64) -> bool) -> i64 {
    while low < high {
        let middle = low + ((high - low) >> 1);
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// The last of `low..=high` for which `holds`, which holds for `low` and for all up to the last.
fn last_true(mut low: i64, mut high: i64, mut holds: impl FnMut(i64) -> bool) -> i64 {
    while low < high {
        let middle = high - ((high - low) >> 1);
        if holds(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}
