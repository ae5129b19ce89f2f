//! The demand index: all live demand of one sale, and its clearing price after every change.

use std::collections::BTreeMap;

use super::price::{Outcome, PriceRule, Quote, Undersubscribed};
use super::supply::{Offered, Supply};
use crate::units::{Money, PriceTicks, QuantityLots};

/// What decides the price of a sale, given its demand.
#[derive(Debug, Clone, PartialEq)]
pub struct Pricing {
    /// What is offered at each price.
    pub supply: Supply,
    /// The seller's lowest price. Not negative.
    pub reserve: PriceTicks,
    /// Which price of the clearing interval counts.
    pub rule: PriceRule,
    /// What happens when demand is short.
    pub undersubscribed: Undersubscribed,
}

impl Pricing {
    /// The lowest price of the sale: the reserve, or the schedule's floor if that is higher.
    pub fn lowest(&self) -> PriceTicks {
        self.supply.floor().map_or(self.reserve, |floor| floor.max(self.reserve))
    }
}

/// Whether a bid is filled or only takes part in finding the price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum BidKind {
    /// Counts, and is filled.
    #[default]
    Real,
    /// Counts for the price, is never filled.
    Phantom,
}

/// One bid as the index sees it: so many lots at any price up to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// The highest price; `None` for a price taker. Above the ceiling it counts as the ceiling.
    pub price: Option<PriceTicks>,
    /// How many lots. Positive.
    pub lots: QuantityLots,
    /// Whether it is filled.
    pub kind: BidKind,
}

/// Why the index does not take a change. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DemandError {
    /// The limit is below the lowest price of the sale.
    #[error("the limit is below the lowest price of the sale")]
    BelowReserve,
    /// The quantity is not positive.
    #[error("the quantity is not positive")]
    NotPositive,
    /// All demand together would leave 64 bits.
    #[error("all demand together would leave the range of quantities")]
    Overflow,
    /// More would be taken away than is there.
    #[error("no such demand to take away")]
    NotThere,
}

/// All live demand of one sale, by price, with the clearing price kept current.
///
/// One index is one side of a market. It knows quantities per price, not bids: whoever owns the bids adds
/// and removes them here. No operation allocates for a bid as such, only for a range of prices
/// that had no demand before.
#[derive(Debug, Clone)]
pub struct DemandIndex {
    pricing: Pricing,
    lowest: PriceTicks,
    levels: BTreeMap<i64, [i64; 2]>,
    takers: [i64; 2],
}

impl DemandIndex {
    /// An index without demand.
    pub fn new(pricing: Pricing) -> Self {
        let lowest = pricing.lowest();
        Self { pricing, lowest, levels: BTreeMap::new(), takers: [0; 2] }
    }

    /// What decides the price.
    pub fn pricing(&self) -> &Pricing {
        &self.pricing
    }

    /// The lowest price of the sale, `r` of the rules.
    pub fn lowest(&self) -> PriceTicks {
        self.lowest
    }

    /// Adds one bid's demand; the price is current afterwards.
    pub fn add(&mut self, demand: Demand) -> Result<(), DemandError> {
        if demand.lots.0 <= 0 {
            return Err(DemandError::NotPositive);
        }
        if demand.price.is_some_and(|price| price < self.lowest) {
            return Err(DemandError::BelowReserve);
        }
        let total = self.sum(self.lowest.0, 2);
        if total + i128::from(demand.lots.0) > i128::from(i64::MAX) {
            return Err(DemandError::Overflow);
        }
        *self.level(demand) += demand.lots.0;
        Ok(())
    }

    /// Takes one bid's demand away; the price is current afterwards.
    pub fn remove(&mut self, demand: Demand) -> Result<(), DemandError> {
        if demand.lots.0 <= 0 {
            return Err(DemandError::NotPositive);
        }
        let level = self.level(demand);
        if *level < demand.lots.0 {
            return Err(DemandError::NotThere);
        }
        *level -= demand.lots.0;
        self.levels.retain(|_, level| *level != [0, 0]);
        Ok(())
    }

    /// Puts one bid's new demand in place of its old; both or neither.
    pub fn amend(&mut self, old: Demand, new: Demand) -> Result<(), DemandError> {
        self.remove(old)?;
        self.add(new).inspect_err(|_| self.add(old).expect("it was there before"))
    }

    /// The lowest price at which all bids above it fit, `p_lo` of the rules.
    pub fn lo(&self) -> PriceTicks {
        let mut tick = self.lowest.0;
        while !self.offered(tick).has_room_for(self.sum(tick + 1, 2)) {
            tick += 1;
        }
        PriceTicks(tick)
    }

    /// The highest price at which demand is still at least the supply, `p_hi` of the rules; [`lo`](Self::lo)
    /// where there is no such price. Prices above every bid do not count.
    pub fn hi(&self) -> PriceTicks {
        let lo = self.lo().0;
        let top = self.top().max(lo);
        let hi = (lo..=top).rev().find(|&tick| self.offered(tick).is_reached_by(self.sum(tick, 2)));
        PriceTicks(hi.unwrap_or(lo))
    }

    /// The price if the sale ended now; the lowest price of the sale while nothing sells.
    pub fn current_price(&self) -> PriceTicks {
        self.quote().price
    }

    /// Everything that can be said about the sale if it ended now.
    pub fn quote(&self) -> Quote {
        let total = self.sum(self.lowest.0, 2);
        let is_short = !self.offered(self.lowest.0).is_reached_by(total);
        let (lo, hi) = (self.lo().0, self.hi().0);
        let price = match (is_short, self.pricing.undersubscribed, self.pricing.rule) {
            (true, Undersubscribed::LowestBid, _) => {
                self.levels.iter().find(|level| level.1[0] > 0).map_or(self.lowest.0, |level| *level.0)
            }
            (true, _, _) => self.lowest.0,
            (false, _, PriceRule::Hrb) => lo,
            (false, _, PriceRule::Mid) => ((i128::from(lo) + i128::from(hi)) / 2) as i64,
            (false, _, PriceRule::Lab | PriceRule::PayAsBid) => hi,
        };
        let allocated = self.sum(price, 1).min(i128::from(self.offered(price).lots.0)) as i64;
        let outcome = match (allocated, is_short, self.pricing.undersubscribed) {
            (0, _, _) => Outcome::NoSale,
            (_, true, Undersubscribed::Cancel) => Outcome::Cancelled,
            (_, true, _) => Outcome::Undersubscribed,
            (_, false, _) => Outcome::Cleared,
        };
        let sells = matches!(outcome, Outcome::Cleared | Outcome::Undersubscribed);
        let (price, allocated) = if sells { (price, allocated) } else { (self.lowest.0, 0) };
        let above = self.sum(price + 1, 1) as i64;
        Quote {
            outcome,
            price: PriceTicks(price),
            supply: self.offered(price),
            demand_above: QuantityLots(self.sum(price + 1, 2) as i64),
            demand_at_or_above: QuantityLots(self.sum(price, 2) as i64),
            allocated: QuantityLots(allocated),
            marginal_demand: QuantityLots(self.sum(price, 1) as i64 - above),
            marginal_available: QuantityLots((allocated - above).max(0)),
        }
    }

    /// Lots wanted at or above a price, phantoms included.
    pub fn demand_at_or_above(&self, price: PriceTicks) -> QuantityLots {
        QuantityLots(self.sum(price.0, 2) as i64)
    }

    /// Lots wanted above a price, phantoms included.
    pub fn demand_above(&self, price: PriceTicks) -> QuantityLots {
        QuantityLots(self.sum(price.0.saturating_add(1), 2) as i64)
    }

    /// Lots real bids want at or above a price.
    pub fn real_demand_at_or_above(&self, price: PriceTicks) -> QuantityLots {
        QuantityLots(self.sum(price.0, 1) as i64)
    }

    /// Lots of the real price takers.
    pub fn price_takers(&self) -> QuantityLots {
        QuantityLots(self.takers[0])
    }

    /// What the price would be with one more bid.
    pub fn price_if_added(&self, demand: Demand) -> Result<PriceTicks, DemandError> {
        let mut copy = self.clone();
        copy.add(demand)?;
        Ok(copy.current_price())
    }

    /// The lowest limit at which a new bid of this many lots would be filled whole if the sale ended now, whoever
    /// comes first among equals; `None` where no limit would.
    ///
    /// Phantoms count as rivals; all-or-none, caps and `pro_rata_demand` are not considered.
    pub fn price_to_win(&self, lots: QuantityLots) -> Option<PriceTicks> {
        let last = self.pricing.supply.ceiling().map_or(self.top() + 1, |ceiling| ceiling.0);
        let wins = |tick: &i64| {
            let rivals = if *tick > self.top() {
                i128::from(self.takers[0] + self.takers[1])
            } else {
                self.sum(*tick, 2)
            };
            self.offered(*tick).has_room_for(rivals + i128::from(lots.0))
        };
        (self.lowest.0..=last).find(wins).map(PriceTicks)
    }

    /// What the seller would earn if the sale ended now with another supply, before any rounding to a settlement
    /// currency; `None` where that supply has another floor or ceiling.
    pub fn revenue_at(&self, supply: &Supply) -> Option<Money> {
        let own = &self.pricing.supply;
        if supply.floor() != own.floor() || supply.ceiling() != own.ceiling() {
            return None;
        }
        let mut copy = self.clone();
        copy.pricing.supply = supply.clone();
        let quote = copy.quote();
        Some(quote.price.times(quote.allocated))
    }

    fn offered(&self, tick: i64) -> Offered {
        self.pricing.supply.at(PriceTicks(tick))
    }

    /// The highest price known: where price takers count.
    fn top(&self) -> i64 {
        let highest = self.levels.last_key_value().map_or(self.lowest.0, |level| *level.0);
        self.pricing.supply.ceiling().map_or(highest, |ceiling| ceiling.0)
    }

    /// Demand at or above a tick, of real bids only (`kinds` 1) or of all (2).
    fn sum(&self, tick: i64, kinds: usize) -> i128 {
        let levels = self.levels.range(tick..).flat_map(|level| &level.1[..kinds]);
        let takers = self.takers[..kinds].iter().filter(|_| tick <= self.top());
        levels.chain(takers).map(|&lots| i128::from(lots)).sum()
    }

    fn level(&mut self, demand: Demand) -> &mut i64 {
        let kind = usize::from(demand.kind == BidKind::Phantom);
        let ceiling = self.pricing.supply.ceiling();
        match demand.price {
            None => &mut self.takers[kind],
            Some(price) => {
                let price = ceiling.map_or(price, |ceiling| price.min(ceiling));
                &mut self.levels.entry(price.0).or_default()[kind]
            }
        }
    }
}
