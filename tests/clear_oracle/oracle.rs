//! The rules, followed to the letter and without haste: prices tick by tick, caps lot by lot, kills round by
//! round, shares by sorting, amounts in big rationals. It shares no line with what it judges.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_rational::Ratio;
use num_traits::{ToPrimitive, Zero};
use walras::clearing::{Allocation, Outcome, PriceRule, Undersubscribed};

use super::sale::{Sale, Wish};

/// An exact number.
pub type BigRational = Ratio<BigInt>;

pub fn rational(number: i64) -> BigRational {
    BigRational::from_integer(number.into())
}

/// What a clearing must say.
#[derive(Debug)]
pub struct Expected {
    pub outcome: Outcome,
    pub price: Option<i64>,
    pub interval: (i64, i64),
    pub indicative_price: i64,
    pub supply: BigInt,
    pub demand_at_or_above: BigInt,
    pub demand_above: BigInt,
    pub marginal_demand: BigInt,
    pub marginal_available: BigInt,
    pub killed: Vec<u64>,
    pub total_bids: u64,
    pub total_quantity: BigInt,
    /// Lots and exact payment, by sequence number.
    pub awards: BTreeMap<u64, (BigInt, BigRational)>,
    /// Winners' lots and rounded payments.
    pub bidders: BTreeMap<u32, (BigInt, BigRational)>,
    pub revenue: BigRational,
}

impl Expected {
    pub fn of(placed: &Sale) -> Self {
        let mut sale = placed.clone();
        let mut killed = strike(&mut sale);
        while !sale.allow_partial_fills {
            let round = passed_over(&sale);
            if round.is_empty() {
                break;
            }
            sale.wishes.retain(|wish| !round.contains(&wish.seq));
            killed.extend(round);
        }
        let mut expected = Self::without_kills(&sale);
        expected.killed = killed;
        let real = placed.wishes.iter().filter(|wish| !wish.is_phantom);
        expected.total_bids = real.clone().count() as u64;
        expected.total_quantity = real.map(|wish| lots_at(wish, placed.lowest())).sum();
        for wish in &placed.wishes {
            expected.awards.entry(wish.seq).or_insert_with(|| (BigInt::zero(), rational(0)));
        }
        expected
    }

    fn without_kills(sale: &Sale) -> Self {
        let (interval, price, is_short) = position(sale);
        let mut expected = Self {
            outcome: Outcome::NoSale,
            price: None,
            interval,
            indicative_price: sale.lowest(),
            supply: BigInt::zero(),
            demand_at_or_above: BigInt::zero(),
            demand_above: BigInt::zero(),
            marginal_demand: BigInt::zero(),
            marginal_available: BigInt::zero(),
            killed: Vec::new(),
            total_bids: 0,
            total_quantity: BigInt::zero(),
            awards: BTreeMap::new(),
            bidders: BTreeMap::new(),
            revenue: rational(0),
        };
        let allocated = real_demand(sale, price, price).min(supply_lots(sale, price));
        expected.outcome = match (allocated.is_zero(), is_short, sale.undersubscribed) {
            (true, _, _) => Outcome::NoSale,
            (false, true, Undersubscribed::Cancel) => Outcome::Cancelled,
            (false, true, _) => Outcome::Undersubscribed,
            (false, false, _) => Outcome::Cleared,
        };
        if matches!(expected.outcome, Outcome::Cleared | Outcome::Undersubscribed) {
            expected.sell(sale, price);
        }
        let at = expected.indicative_price;
        expected.supply = supply_lots(sale, at);
        expected.demand_at_or_above = sale.demand(at, at);
        expected.demand_above = sale.demand(at, at + 1);
        expected.marginal_demand = real_demand(sale, at, at) - real_demand(sale, at, at + 1);
        expected
    }

    fn sell(&mut self, sale: &Sale, price: i64) {
        let won = allot(sale, price);
        let awards = pay(sale, price, &won);
        let revenue = self.charge(sale, &awards);
        let least = sale.min_revenue_tenths.map(|tenths| BigRational::new(tenths.into(), 10.into()));
        if least.is_some_and(|least| revenue < least) {
            self.bidders.clear();
            self.outcome = Outcome::Cancelled;
            return;
        }
        self.revenue = revenue;
        self.price = Some(price);
        self.indicative_price = price;
        let allocated = real_demand(sale, price, price).min(supply_lots(sale, price));
        self.marginal_available = (allocated - real_demand(sale, price, price + 1)).max(BigInt::zero());
        self.awards = awards;
    }

    /// What the seller gets.
    fn charge(&mut self, sale: &Sale, awards: &BTreeMap<u64, (BigInt, BigRational)>) -> BigRational {
        let Some(unit) = sale.money_unit_tenths else {
            return awards.values().map(|award| award.1.clone()).sum();
        };
        let unit = BigRational::new(unit.into(), 10.into());
        for wish in &sale.wishes {
            let (lots, payment) = awards[&wish.seq].clone();
            if !lots.is_zero() {
                let bidder = self.bidders.entry(wish.bidder).or_insert_with(|| (BigInt::zero(), rational(0)));
                bidder.0 += lots;
                bidder.1 += payment;
            }
        }
        for award in self.bidders.values_mut() {
            award.1 = (award.1.clone() / &unit).floor() * &unit;
        }
        self.bidders.values().map(|award| award.1.clone()).sum()
    }
}

fn lots_at(wish: &Wish, price: i64) -> BigInt {
    if price == 0 && wish.is_budget { BigInt::zero() } else { wish.lots(price) }
}

fn supply_lots(sale: &Sale, price: i64) -> BigInt {
    sale.supply(price).floor().to_integer()
}

/// What real bids with a limit of at least `from` want at a price.
fn real_demand(sale: &Sale, price: i64, from: i64) -> BigInt {
    let counts = |wish: &&Wish| !wish.is_phantom && sale.limit(wish).unwrap_or(sale.top()) >= from;
    sale.wishes.iter().filter(counts).map(|wish| lots_at(wish, price)).sum()
}

/// Strikes what is beyond the caps, lot by lot; gives the numbers of bids killed for it.
fn strike(sale: &mut Sale) -> Vec<u64> {
    let cap = match (sale.max_quantity, sale.max_award()) {
        (None, None) => return Vec::new(),
        (quantity, award) => quantity.unwrap_or(i64::MAX).min(award.unwrap_or(i64::MAX)),
    };
    // Best first: price takers, then high limits, then early ones.
    let ceiling = sale.bounds.map_or(i64::MAX, |bounds| bounds.1);
    let best = |wish: &Wish| (wish.limit.is_some(), Reverse(wish.limit.map(|l| l.min(ceiling))), wish.seq);
    sale.wishes.sort_by_key(best);
    let bidders: Vec<u32> = sale.wishes.iter().map(|wish| wish.bidder).collect();
    let mut killed = Vec::new();
    for bidder in bidders {
        let cap = (cap - sale.net_long.get(&bidder).copied().unwrap_or(0)).max(0);
        let is_own = |wish: &Wish| wish.bidder == bidder && !wish.is_phantom;
        if sale.allow_partial_fills {
            while sale.wishes.iter().filter(|wish| is_own(wish)).map(|wish| wish.amount).sum::<i64>() > cap {
                let worst = sale.wishes.iter_mut().rfind(|wish| is_own(wish) && wish.amount > 0);
                worst.expect("something is beyond the cap").amount -= 1;
            }
        } else {
            let mut taken = 0;
            for wish in sale.wishes.iter_mut().filter(|wish| is_own(wish)) {
                if taken + wish.amount <= cap {
                    taken += wish.amount;
                } else if !killed.contains(&wish.seq) {
                    killed.push(wish.seq);
                }
            }
        }
    }
    killed.sort();
    sale.wishes.retain(|wish| wish.amount > 0 && !killed.contains(&wish.seq));
    sale.wishes.sort_by_key(|wish| wish.seq);
    killed
}

/// Interval and price, and whether demand is short: scanned tick by tick.
fn position(sale: &Sale) -> ((i64, i64), i64, bool) {
    let lowest = sale.lowest();
    let demand = |tick: i64| BigRational::from_integer(demand_of(sale, tick, tick));
    if demand(lowest) < sale.supply(lowest) {
        let limits = sale.wishes.iter().filter(|wish| !wish.is_phantom).filter_map(|wish| sale.limit(wish));
        let price = match sale.undersubscribed {
            Undersubscribed::LowestBid => limits.min().unwrap_or(lowest),
            _ => lowest,
        };
        return ((lowest, lowest), price, true);
    }
    let above = |tick: i64| BigRational::from_integer(demand_of(sale, tick, tick + 1));
    let lo = (lowest..).find(|&tick| above(tick) <= sale.supply(tick)).expect("all bids end somewhere");
    // Prices above every bid do not count: nobody would buy there.
    let last = if above(lo).is_zero() { lo } else { sale.top() };
    let hi = (lo..=last).rfind(|&tick| demand(tick) >= sale.supply(tick)).unwrap_or(lo);
    let price = match sale.price_rule {
        PriceRule::Hrb => lo,
        PriceRule::Mid => (lo + hi) / 2,
        PriceRule::Lab | PriceRule::PayAsBid => hi,
    };
    ((lo, hi), price, false)
}

fn demand_of(sale: &Sale, price: i64, from: i64) -> BigInt {
    let counts = |wish: &&Wish| sale.limit(wish).unwrap_or(sale.top()) >= from;
    sale.wishes.iter().filter(counts).map(|wish| lots_at(wish, price)).sum()
}

/// The real bids at a price, price takers first, then in the order of the allocation's priority.
fn margin(sale: &Sale, price: i64) -> Vec<&Wish> {
    let counts = |wish: &&Wish| !wish.is_phantom && sale.limit(wish).unwrap_or(sale.top()) == price;
    let mut margin: Vec<&Wish> = sale.wishes.iter().filter(counts).collect();
    let by_size = sale.allocation == Allocation::SizeTime;
    margin.sort_by_key(|wish| {
        let size = if by_size { lots_at(wish, price) } else { BigInt::zero() };
        (wish.limit.is_some(), Reverse(size), wish.seq)
    });
    margin
}

/// One round of the kill rule.
fn passed_over(sale: &Sale) -> Vec<u64> {
    let (_, price, is_short) = position(sale);
    let supply = supply_lots(sale, price);
    if is_short || supply.is_zero() {
        return Vec::new();
    }
    let mut left = supply - real_demand(sale, price, price + 1);
    let mut passed = Vec::new();
    for wish in margin(sale, price) {
        let lots = lots_at(wish, price);
        if lots <= left {
            left -= lots;
        } else {
            passed.push(wish.seq);
        }
    }
    passed.sort();
    passed
}

/// Lots of every bid.
fn allot(sale: &Sale, price: i64) -> BTreeMap<u64, BigInt> {
    let mut won: BTreeMap<u64, BigInt> = sale.wishes.iter().map(|wish| (wish.seq, BigInt::zero())).collect();
    let allocated = real_demand(sale, price, price).min(supply_lots(sale, price));
    let level = |wish: &Wish| sale.limit(wish).unwrap_or(sale.top());
    let real = || sale.wishes.iter().filter(|wish| !wish.is_phantom);
    let (sharing, available): (Vec<&Wish>, BigInt) = if sale.allocation == Allocation::ProRataDemand {
        (real().filter(|wish| level(wish) >= price).collect(), allocated)
    } else {
        let mut left = allocated;
        for wish in real().filter(|wish| level(wish) > price) {
            won.insert(wish.seq, lots_at(wish, price));
            left -= lots_at(wish, price);
        }
        (margin(sale, price), left)
    };
    let (takers, limits): (Vec<&Wish>, Vec<&Wish>) =
        sharing.into_iter().partition(|wish| wish.limit.is_none());
    let for_takers = takers.iter().map(|wish| lots_at(wish, price)).sum::<BigInt>().min(available.clone());
    share(sale, price, &takers, for_takers.clone(), &mut won);
    share(sale, price, &limits, available - for_takers, &mut won);
    won
}

/// Shares lots among bids by the allocation.
fn share(sale: &Sale, price: i64, bids: &[&Wish], available: BigInt, won: &mut BTreeMap<u64, BigInt>) {
    let wanted: BigInt = bids.iter().map(|wish| lots_at(wish, price)).sum();
    if wanted.is_zero() {
        return;
    }
    let quota = |wish: &Wish| BigRational::new(&available * lots_at(wish, price), wanted.clone());
    match sale.allocation {
        Allocation::PriceTime | Allocation::SizeTime => {
            let mut queue = bids.to_vec();
            queue.sort_by_key(|wish| wish.seq);
            if sale.allocation == Allocation::SizeTime {
                queue.sort_by_key(|wish| Reverse(lots_at(wish, price)));
            }
            let mut left = available.clone();
            for wish in queue {
                let lots = lots_at(wish, price).min(left.clone());
                left -= &lots;
                won.insert(wish.seq, lots);
            }
        }
        Allocation::ProRata | Allocation::ProRataDemand => {
            let mut left = available.clone();
            for wish in bids {
                let lots = quota(wish).floor().to_integer();
                left -= &lots;
                won.insert(wish.seq, lots);
            }
            let mut by_remainder = bids.to_vec();
            by_remainder.sort_by_key(|wish| (Reverse(quota(wish) - quota(wish).floor()), wish.seq));
            let count = left.to_usize().expect("fewer are left over than there are bids");
            for wish in &by_remainder[..count] {
                *won.get_mut(&wish.seq).expect("every bid has a share") += 1;
            }
        }
        Allocation::Treasury => {
            let hundredths = (BigRational::new(available.clone() * 10_000, wanted.clone())).ceil();
            let fraction = hundredths / rational(10_000);
            let multiple = rational(sale.award_multiple.unwrap_or(1));
            for wish in bids {
                let exact = &fraction * BigRational::from_integer(lots_at(wish, price));
                let least = rational(sale.award_minimum.unwrap_or(0)).max(exact);
                let award = (least / &multiple).ceil() * &multiple;
                let award = if fraction.is_zero() { rational(0) } else { award };
                won.insert(wish.seq, award.to_integer().min(lots_at(wish, price)));
            }
        }
    }
}

/// What every bid pays for what it won.
fn pay(sale: &Sale, price: i64, won: &BTreeMap<u64, BigInt>) -> BTreeMap<u64, (BigInt, BigRational)> {
    let lots = |wish: &Wish| BigRational::from_integer(won[&wish.seq].clone());
    let own_price = |wish: &Wish| match sale.limit(wish) {
        Some(limit) if !wish.is_budget => rational(limit),
        _ => rational(price),
    };
    let limits = || sale.wishes.iter().filter(|wish| wish.limit.is_some());
    let sold: BigRational = limits().map(lots).sum();
    let paid: BigRational = limits().map(|wish| own_price(wish) * lots(wish)).sum();
    let average = if sold.is_zero() { rational(price) } else { paid / sold };
    let payment = |wish: &Wish| match (sale.price_rule, wish.limit) {
        (PriceRule::PayAsBid, Some(_)) => own_price(wish) * lots(wish),
        (PriceRule::PayAsBid, None) if !wish.is_budget => &average * lots(wish),
        _ => rational(price) * lots(wish),
    };
    sale.wishes.iter().map(|wish| (wish.seq, (won[&wish.seq].clone(), payment(wish)))).collect()
}
