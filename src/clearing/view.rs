//! A look at the demand index: as it is, or with one more bid, or with another supply.
//!
//! Everything that follows from `lo` is worked out here, the clearing interval, the price under each
//! rule, what would be sold. A look with one more bid adds that bid to every sum it asks for, so
//! that nothing has to change for a question.

use super::demand_search::Found;
use super::index::{DemandIndex, Level};
use super::price::{Outcome, PriceRule, Quote, Undersubscribed};
use super::supply::{Offered, Supply};
use crate::units::QuantityLots;

/// What is looked at.
pub(super) struct View<'a> {
    pub index: &'a DemandIndex,
    pub supply: &'a Supply,
    /// What is offered at the lowest price.
    pub at_lowest: Offered,
    pub extra: Extra,
}

/// One more bid than there is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extra {
    /// Lots at a price: its key, and how many; 0 for none.
    pub key: u64,
    pub lots: i64,
    /// Lots at the highest price known.
    pub floating: i64,
    pub is_real: bool,
    /// Whether its price is a limit, and not the ceiling at which a price taker counts.
    pub is_limit: bool,
}

impl Extra {
    pub const NONE: Self = Self { key: 0, lots: 0, floating: 0, is_real: true, is_limit: false };
}

impl View<'_> {
    #[inline]
    pub fn supply_at(&self, key: u64) -> Offered {
        self.supply.at(self.index.price(key))
    }

    /// The highest price known: where price takers without a ceiling count.
    pub fn top(&self) -> u64 {
        let top = self.index.top();
        if self.extra.lots > 0 { top.max(self.extra.key) } else { top }
    }

    #[inline]
    fn total(&self) -> i64 {
        self.index.total() + self.extra.lots + self.extra.floating
    }

    #[inline]
    fn floating(&self) -> i64 {
        self.index.floating() + self.extra.floating
    }

    /// Demand above a key.
    pub fn above(&self, key: u64) -> i64 {
        let extra = if self.extra.key > key { self.extra.lots } else { 0 };
        let floating = self.floating();
        let floating = if floating > 0 && key < self.top() { floating } else { 0 };
        self.index.all.above(key) + extra + floating
    }

    /// Demand at or above a key.
    pub fn at_or_above(&self, key: u64) -> i64 {
        key.checked_sub(1).map_or(self.total(), |below| self.above(below))
    }

    /// Demand of real bids at or above a key.
    pub fn real_at_or_above(&self, key: u64) -> i64 {
        let Some(real) = &self.index.real else {
            return if self.extra.is_real {
                self.at_or_above(key)
            } else {
                self.at_or_above_without_extra(key)
            };
        };
        let extra = self.real_extra();
        let floating = self.index.real_floating() + extra.floating;
        let Some(below) = key.checked_sub(1) else { return real.total() + floating + extra.lots };
        let lots = if extra.key > below { extra.lots } else { 0 };
        real.above(below) + lots + if floating > 0 && below < self.top() { floating } else { 0 }
    }

    /// The same where the one more bid is the first phantom: it only moves where price takers count.
    fn at_or_above_without_extra(&self, key: u64) -> i64 {
        let floating = self.index.floating();
        let Some(below) = key.checked_sub(1) else { return self.index.total() };
        self.index.all.above(below) + if floating > 0 && below < self.top() { floating } else { 0 }
    }

    fn real_extra(&self) -> Extra {
        if self.extra.is_real { self.extra } else { Extra::NONE }
    }

    /// The lowest key, `last` at most, at which the demand above has room, and that demand.
    ///
    /// `more` lots count above every key; the view's own extra at a price does not count.
    pub fn first_with_room(&self, more: i64, last: u64) -> Found {
        let floating = self.floating();
        let always = floating + more;
        let fits = |key, above| self.supply_at(key).has_room_for(i128::from(above) + i128::from(always));
        let found = self.index.all.first_fit(last, fits);
        let floats_above = floating > 0 && found.key < self.top();
        Found { key: found.key, above: found.above + if floats_above { floating } else { 0 } }
    }

    /// `lo` with the one more bid there is in this view.
    pub fn lo(&self) -> Level {
        let Extra { key, lots, .. } = self.extra;
        let top = self.top();
        let found = if lots == 0 {
            self.first_with_room(0, top)
        } else {
            // Below its price the bid counts above every key, at its price and higher above none.
            let below = self.first_with_room(lots, key);
            if below.key < key {
                Found { key: below.key, above: below.above + lots }
            } else {
                let beyond = self.first_with_room(0, top).key.max(key);
                Found { key: beyond, above: self.above(beyond) }
            }
        };
        self.level(found)
    }

    /// What is known at a key, the demand above it being known.
    pub fn level(&self, found: Found) -> Level {
        let Found { key, above } = found;
        let extra = if self.extra.key == key { self.extra.lots } else { 0 };
        Level { key, above, at: self.index.all.at(key) + extra, supply: self.supply_at(key) }
    }

    /// `p_hi`: above `lo` only where demand meets a flat part of the supply exactly, and then no higher than
    /// the lowest bid above.
    #[inline]
    pub fn hi(&self, lo: Level) -> u64 {
        let meets = lo.above > 0 && lo.supply.is_whole && lo.supply.lots.0 == lo.above;
        if meets { self.end_of_flat(lo) } else { lo.key }
    }

    #[cold]
    fn end_of_flat(&self, lo: Level) -> u64 {
        let mut next = self.index.all.next(lo.key);
        if self.extra.lots > 0 && self.extra.key > lo.key {
            next = Some(next.map_or(self.extra.key, |next| next.min(self.extra.key)));
        }
        let mut high = next.expect("there is demand above");
        let mut low = lo.key;
        while low < high {
            let middle = high - (high - low) / 2;
            if self.supply_at(middle) == lo.supply {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        low
    }

    /// The lowest limit of a real bid.
    fn lowest_real(&self) -> Option<u64> {
        let real = self.index.real.as_deref().unwrap_or(&self.index.all).first();
        let extra = Some(self.extra).filter(|extra| extra.is_real && extra.is_limit).map(|extra| extra.key);
        // Where there is a ceiling price takers count there, but have no limit.
        let real =
            real.filter(|&key| Some(key) != self.index.ceiling || self.index.has_real_limit_at_ceiling());
        real.into_iter().chain(extra).min()
    }

    /// Everything that follows from `lo`.
    // Inlined: a quote is long, and is made where it goes instead of copied there.
    #[inline(always)]
    pub fn quote(&self, lo: Level) -> Quote {
        let is_short = !self.at_lowest.is_reached_by(self.total().into());
        let pricing = &self.index.pricing;
        let key = if is_short {
            match pricing.undersubscribed {
                Undersubscribed::LowestBid => self.lowest_real().unwrap_or(0),
                Undersubscribed::Reserve | Undersubscribed::Cancel => 0,
            }
        } else {
            match pricing.rule {
                PriceRule::Hrb => lo.key,
                PriceRule::Mid => self.middle(lo.key, self.hi(lo)),
                PriceRule::Lab | PriceRule::PayAsBid => self.hi(lo),
            }
        };
        let stand = self.stand(key, lo);
        let allocated = stand.real_at_or_above.min(stand.supply.lots.0);
        let outcome = match (allocated, is_short, pricing.undersubscribed) {
            (0, _, _) => Outcome::NoSale,
            (_, true, Undersubscribed::Cancel) => Outcome::Cancelled,
            (_, true, Undersubscribed::Reserve | Undersubscribed::LowestBid) => Outcome::Undersubscribed,
            (_, false, _) => Outcome::Cleared,
        };
        let (key, stand, allocated) = match outcome {
            Outcome::Cleared | Outcome::Undersubscribed => (key, stand, allocated),
            Outcome::NoSale | Outcome::Cancelled => (0, self.stand(0, lo), 0),
        };
        Quote {
            outcome,
            price: self.index.price(key),
            supply: stand.supply,
            demand_above: QuantityLots(stand.above),
            demand_at_or_above: QuantityLots(stand.at_or_above),
            allocated: QuantityLots(allocated),
            marginal_demand: QuantityLots(stand.real_at_or_above - stand.real_above),
            marginal_available: QuantityLots((allocated - stand.real_above).max(0)),
        }
    }

    /// The middle of two prices, rounded down to a tick.
    fn middle(&self, low: u64, high: u64) -> u64 {
        let sum = i128::from(self.index.price(low).0) + i128::from(self.index.price(high).0);
        ((sum >> 1) - i128::from(self.index.lowest)) as u64
    }

    /// Demand and supply at a key, without asking the tree where `lo` says it all.
    #[inline]
    fn stand(&self, key: u64, lo: Level) -> Stand {
        let is_plain = self.index.real.is_none() && self.extra.is_real;
        if key != lo.key || !is_plain || self.floating() > 0 {
            return self.stand_anywhere(key);
        }
        let at_or_above = lo.above + lo.at;
        Stand {
            supply: lo.supply,
            above: lo.above,
            at_or_above,
            real_above: lo.above,
            real_at_or_above: at_or_above,
        }
    }

    #[cold]
    fn stand_anywhere(&self, key: u64) -> Stand {
        Stand {
            supply: self.supply_at(key),
            above: self.above(key),
            at_or_above: self.at_or_above(key),
            real_above: self.real_at_or_above(key + 1),
            real_at_or_above: self.real_at_or_above(key),
        }
    }
}

/// Demand and supply at one price.
#[derive(Clone, Copy)]
struct Stand {
    supply: Offered,
    above: i64,
    at_or_above: i64,
    real_above: i64,
    real_at_or_above: i64,
}
