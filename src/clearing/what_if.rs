//! Questions to the demand index that change nothing: the price with one more bid, the price that wins,
//! what another supply would earn.

use super::Outcome;
use super::demand::{BidKind, Demand, DemandError};
use super::index::{DemandIndex, Level};
use super::price::{PriceRule, Quote, Undersubscribed};
use super::supply::Supply;
use super::view::{Extra, View};
use crate::units::{Money, PriceTicks, QuantityLots};

impl DemandIndex {
    /// What the price would be with one more bid. Fails where adding that bid would.
    pub fn price_if_added(&self, demand: Demand) -> Result<PriceTicks, DemandError> {
        self.quote_if_added(demand).map(|quote| quote.price)
    }

    /// Everything that could be said with one more bid. Fails where adding that bid would.
    pub fn quote_if_added(&self, demand: Demand) -> Result<Quote, DemandError> {
        let key = self.key_of(demand)?;
        let lots = demand.lots.0;
        self.total().checked_add(lots).ok_or(DemandError::Overflow)?;
        let is_real = demand.kind == BidKind::Real;
        let extra = match key {
            Some(key) => Extra { key, lots, floating: 0, is_real, is_limit: demand.price.is_some() },
            None => Extra { key: 0, lots: 0, floating: lots, is_real, is_limit: false },
        };
        let view = View { extra, ..self.view() };
        let mut lo = self.lo;
        let floats = self.floating() > 0 || key.is_none();
        match key {
            Some(key) if !floats && key < lo.key => {}
            Some(key) if !floats && key == lo.key => lo.at += lots,
            Some(_) if !floats && lo.supply.has_room_for(i128::from(lo.above) + i128::from(lots)) => {
                lo.above += lots
            }
            Some(key) if !floats => lo = self.lo_with(key, lots).unwrap_or_else(|| view.lo()),
            _ => lo = view.lo(),
        }
        Ok(view.quote(lo))
    }

    /// `lo` with one more bid above it, if that is near.
    fn lo_with(&self, limit: u64, lots: i64) -> Option<Level> {
        let extra = |key: u64| if key < limit { lots } else { 0 };
        let has_room = |key: u64, above: i64| {
            self.supply_at(key).has_room_for(i128::from(above) + i128::from(extra(key)))
        };
        let level = self.walk(&mut self.near.clone(), self.lo, has_room)?;
        let at = level.at + if level.key == limit { lots } else { 0 };
        Some(Level { above: level.above + extra(level.key), at, ..level })
    }

    /// The lowest limit at which a new bid of this many lots would be filled whole if the sale ended now, whoever
    /// comes first among equals; `None` where no limit would, or no such bid would be taken.
    ///
    /// Phantoms count as rivals; all-or-none, caps and `pro_rata_demand` are not considered.
    pub fn price_to_win(&self, lots: QuantityLots) -> Option<PriceTicks> {
        let with_all = self.total().checked_add(lots.0).filter(|_| lots.0 > 0)?;
        let is_short = !self.at_lowest.is_reached_by(with_all.into());
        if is_short && self.pricing.undersubscribed == Undersubscribed::Cancel {
            return None;
        }
        // The bid wins whole at the lowest price where all demand at or above it finds room. At p + 1 that
        // demand is the demand above p. Price takers come first at every price.
        if self.at_lowest.has_room_for(with_all.into()) {
            return Some(self.lowest());
        }
        let highest = self.ceiling.unwrap_or(i64::MAX.abs_diff(self.lowest));
        let last = highest.checked_sub(1)?;
        let view = self.view();
        let floating = self.floating();
        let always = i128::from(floating) + i128::from(lots.0);
        let has_room = |key, above| view.supply_at(key + 1).has_room_for(i128::from(above) + always);
        if !has_room(last, 0) {
            return None;
        }
        if floating == 0
            && let Some(key) = self.winner_near(|key, above| key <= last && has_room(key, above))
        {
            return Some(self.price(key + 1));
        }
        let found = self.all.first_fit(last, has_room);
        has_room(found.key, found.above).then(|| self.price(found.key + 1))
    }

    /// The lowest key at which there is room for one more bid that counts above every key, if that is near `lo`:
    /// below the key before `lo` there is no room even for the demand there is.
    fn winner_near(&self, has_room: impl Fn(u64, i64) -> bool) -> Option<u64> {
        let before = self.lo.key.checked_sub(1);
        if let Some(before) = before.filter(|&before| has_room(before, self.lo.above + self.lo.at)) {
            return Some(before);
        }
        self.walk(&mut self.near.clone(), self.lo, has_room).map(|level| level.key)
    }

    /// What the seller would earn if the sale ended now with another supply, before any rounding to a settlement
    /// currency; `None` where that supply has another floor or ceiling.
    ///
    /// Bids above the price count as filled whole. Under `pay_as_bid` this takes a step for each price at
    /// which something is sold, and price takers pay the average, all of them together rounded down.
    pub fn revenue_at(&self, supply: &Supply) -> Option<Money> {
        let own = &self.pricing.supply;
        if supply.floor() != own.floor() || supply.ceiling() != own.ceiling() {
            return None;
        }
        let view = View { supply, at_lowest: supply.at(self.lowest()), ..self.view() };
        let quote = view.quote(view.lo());
        match (quote.outcome, self.pricing.rule) {
            (Outcome::NoSale | Outcome::Cancelled, _) => Some(Money(0)),
            (_, PriceRule::PayAsBid) => Some(self.limits_paid(&quote)),
            (_, PriceRule::Lab | PriceRule::Hrb | PriceRule::Mid) => Some(quote.price.times(quote.allocated)),
        }
    }

    /// What everybody pays who pays its own limit.
    fn limits_paid(&self, quote: &Quote) -> Money {
        let tree = self.real.as_deref().unwrap_or(&self.all);
        let to_takers = self.price_takers().0.min(quote.allocated.0);
        let to_limits = quote.allocated.0 - to_takers;
        let (mut left, mut paid) = (to_limits, 0_i128);
        let mut level = tree.last();
        while let Some(key) = level.filter(|_| left > 0) {
            let takers = if self.ceiling == Some(key) { self.price_takers().0 } else { 0 };
            let lots = (tree.at(key) - takers).min(left);
            paid += self.price(key).times(QuantityLots(lots)).0;
            left -= lots;
            level = tree.previous(key);
        }
        let by_takers = if to_limits == 0 {
            quote.price.times(QuantityLots(to_takers)).0
        } else {
            average_times(paid, to_limits, to_takers)
        };
        Money(paid + by_takers)
    }
}

/// `paid / lots × times`, rounded down; exact although the product may leave 128 bits.
fn average_times(paid: i128, lots: i64, times: i64) -> i128 {
    let (lots, times) = (i128::from(lots), i128::from(times));
    (paid / lots) * times + (paid % lots) * times / lots
}
