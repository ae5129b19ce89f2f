//! The clearing interval of a whole set of bids, from nothing: `p_lo` and `p_hi` of the rules.
//!
//! Demand above a price falls as the price rises and supply does not, so the lowest price with room is the
//! end of a descent: bids are summed into a few thousand buckets of prices, the bucket where demand
//! first fits is cut into buckets again, until a bucket is one tick. That is one pass for any
//! price range that has about as many ticks as buckets, two for a million ticks, five at most, and
//! never a comparison of bids. Budgets ask for other quantities at every price, so with them
//! the price is found by bisection, a pass over the bids each time.

use std::ops::AddAssign;

use super::bid::{Bid, BidSource, Want};
use super::supply::Supply;
use super::{ClearError, Terms};
use crate::units::PriceTicks;

/// The most buckets of one pass, as a power of two: their sums stay in the second-level cache.
const BUCKET_BITS_MAX: u32 = 14;

/// Where bids count: the lowest price of the sale, and the price at which price takers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Market {
    /// `r` of the rules.
    pub lowest: i64,
    /// `c` of the rules.
    pub ceiling: Option<i64>,
    /// The ceiling, or the highest limit, or the lowest price of the sale.
    pub top: i64,
}

impl Market {
    /// The price at which a bid counts.
    #[inline]
    pub fn level(&self, bid: &Bid) -> i64 {
        match bid.price {
            Some(price) => self.ceiling.map_or(price.0, |ceiling| price.0.min(ceiling)),
            None => self.top,
        }
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
    /// The lowest limit of a real bid.
    pub lowest_real: Option<i64>,
    pub has_budgets: bool,
    pub has_price_takers: bool,
}

impl Survey {
    /// Looks at every bid once and refuses what entry should have refused.
    pub fn new(terms: &Terms, bids: &(impl BidSource + ?Sized)) -> Result<Self, ClearError> {
        let lowest = terms.lowest_price().0;
        let ceiling = terms.supply.ceiling().map(|ceiling| ceiling.0);
        let market = Market { lowest, ceiling, top: ceiling.unwrap_or(lowest) };
        let mut survey = Self {
            market,
            bid_count: 0,
            phantom_count: 0,
            demand: 0,
            real_demand: 0,
            lowest_real: None,
            has_budgets: false,
            has_price_takers: false,
        };
        let has_cap = terms.bidder_cap().is_some();
        // Sums that a loop over a million bids touches are variables of their own: they stay in registers.
        let (mut bid_count, mut highest, mut lowest_real) = (0_u64, lowest, i64::MAX);
        let (mut real_demand, mut phantom_demand) = (0_i128, 0_i128);
        let mut real_limit_count = 0_u64;
        let mut invalid = None;
        bids.for_each(|bid| {
            let lots = match bid.want {
                Want::Quantity(quantity) => i128::from(quantity.0),
                Want::Budget(_) => {
                    survey.has_budgets = true;
                    bid.want.lots_at(PriceTicks(lowest))
                }
            };
            let is_budget = matches!(bid.want, Want::Budget(money) if money.0 > 0 && lowest > 0 && !has_cap);
            let is_valid = (lots > 0 || is_budget) && lots <= i128::from(i64::MAX);
            let price = bid.price.map_or(lowest, |price| price.0);
            if !is_valid || price < lowest {
                invalid = invalid.or(Some(bid.seq));
                return;
            }
            bid_count += 1;
            highest = highest.max(price);
            survey.has_price_takers |= bid.price.is_none();
            if bid.is_phantom {
                survey.phantom_count += 1;
                phantom_demand += lots;
                return;
            }
            real_demand += lots;
            if bid.price.is_some() {
                real_limit_count += 1;
                lowest_real = lowest_real.min(price);
            }
        });
        (survey.bid_count, survey.real_demand) = (bid_count, real_demand);
        survey.demand = real_demand + phantom_demand;
        if let Some(seq) = invalid {
            return Err(ClearError::InvalidBid { seq });
        }
        survey.market.top = ceiling.unwrap_or(highest);
        survey.lowest_real =
            (real_limit_count > 0).then_some(ceiling.map_or(lowest_real, |c| c.min(lowest_real)));
        Ok(survey)
    }

    /// Whether demand at the lowest price is short of the supply there.
    pub fn is_short(&self, supply: &Supply) -> bool {
        !supply.at(PriceTicks(self.market.lowest)).is_reached_by(self.demand)
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
    fn lowest<L: Lots>(&self) -> Floor {
        let Market { lowest: mut low, top: mut high, .. } = self.market;
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
                None => self.bids.for_each(|bid| add(self.market.level(bid), quantity(bid))),
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
        let mut inside = Vec::new();
        self.bids.for_each(|bid| {
            let level = self.market.level(bid);
            if (low..=high).contains(&level) {
                let (lots, is_taker) = (quantity(bid), bid.price.is_none());
                inside.push(NearBid { level, lots, seq: bid.seq, is_taker });
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
