//! The plain ways, beside which the index stands: bids that are sorted and scanned, and a map of price levels.

use std::collections::BTreeMap;

use walras::clearing::{Demand, Pricing};
use walras::units::{PriceTicks, QuantityLots};

use super::{Columns, Contender};

/// Where a scan from the highest price down ends: the first level that does not fit whole. Supply is fixed.
fn scan(levels: impl Iterator<Item = (i64, i64)>, lots_on_offer: i64) -> i64 {
    let mut left = lots_on_offer;
    for (price, lots) in levels {
        left -= lots;
        if left <= 0 {
            return price;
        }
    }
    0
}

/// A `BTreeMap` of levels.
pub(super) struct Levels {
    pub(super) lots: BTreeMap<i64, i64>,
    pub(super) lots_on_offer: i64,
}

impl Contender for Levels {
    const NAME: &'static str = "btree";

    fn new(pricing: Pricing) -> Self {
        Self { lots: BTreeMap::new(), lots_on_offer: pricing.supply.at(PriceTicks(0)).lots.0 }
    }

    fn add(&mut self, demand: Demand) {
        *self.lots.entry(limit(&demand)).or_default() += demand.lots.0;
    }

    fn remove(&mut self, demand: Demand) {
        let level = self.lots.get_mut(&limit(&demand)).expect("a live bid");
        *level -= demand.lots.0;
        if *level == 0 {
            self.lots.remove(&limit(&demand));
        }
    }

    fn price(&mut self) -> i64 {
        scan(self.lots.iter().rev().map(|(&price, &lots)| (price, lots)), self.lots_on_offer)
    }
}

/// All bids in a `Vec`, the first come first; whoever asks for the price sorts a copy.
pub(super) struct Bids {
    bids: Vec<(i64, i64)>,
    lots_on_offer: i64,
}

impl Contender for Bids {
    const NAME: &'static str = "sort";

    fn new(pricing: Pricing) -> Self {
        Self { bids: Vec::new(), lots_on_offer: pricing.supply.at(PriceTicks(0)).lots.0 }
    }

    fn add(&mut self, demand: Demand) {
        self.bids.push((limit(&demand), demand.lots.0));
    }

    fn remove(&mut self, demand: Demand) {
        let bid = (limit(&demand), demand.lots.0);
        let place = self.bids.iter().position(|&each| each == bid).expect("a live bid");
        self.bids.swap_remove(place);
    }

    fn price(&mut self) -> i64 {
        let mut sorted = self.bids.clone();
        sorted.sort_unstable();
        scan(sorted.into_iter().rev(), self.lots_on_offer)
    }
}

/// At which price a bid counts.
pub(super) fn limit(demand: &Demand) -> i64 {
    demand.price.map_or(i64::MAX, |price| price.0)
}

/// The price with one more bid, which is taken back.
pub(super) fn price_with(levels: &mut Levels, demand: Demand) -> i64 {
    levels.add(demand);
    let price = levels.price();
    levels.remove(demand);
    price
}

/// The same in the plain way: sort, scan, largest remainders at the margin.
pub(super) fn cleared_plainly(
    lots_on_offer: i64,
    columns: &Columns,
    won: &mut Vec<QuantityLots>,
) -> PriceTicks {
    let mut order: Vec<(PriceTicks, u32)> = columns.prices.iter().copied().zip(0..).collect();
    order.sort_unstable_by_key(|&(price, number)| (std::cmp::Reverse(price), number));
    won.clear();
    won.resize(order.len(), QuantityLots(0));
    let (mut left, mut price, mut start) = (lots_on_offer, PriceTicks(0), 0);
    while start < order.len() && left > 0 {
        price = order[start].0;
        let count = order[start..].iter().take_while(|entry| entry.0 == price).count();
        let level = &order[start..start + count];
        let lots_of = |entry: &(PriceTicks, u32)| columns.quantities[entry.1 as usize].0;
        let wanted: i64 = level.iter().map(lots_of).sum();
        let given = wanted.min(left);
        let mut remainders = Vec::with_capacity(count);
        let mut rest = given;
        for entry in level {
            let product = i128::from(given) * i128::from(lots_of(entry));
            let share = (product / i128::from(wanted)) as i64;
            won[entry.1 as usize] = QuantityLots(share);
            rest -= share;
            remainders.push((std::cmp::Reverse(product % i128::from(wanted)), entry.1));
        }
        remainders.sort_unstable();
        remainders[..rest as usize].iter().for_each(|entry| won[entry.1 as usize].0 += 1);
        left -= given;
        start += count;
    }
    price
}
