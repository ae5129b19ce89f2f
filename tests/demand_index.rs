//! The demand index after every single operation, against a scan of all prices by the definitions.

use num_bigint::BigInt;
use proptest::prelude::*;
use proptest::sample::Index;
use walras::clearing::{
    BidKind, Curve, Demand, DemandError, DemandIndex, Outcome, PriceRule, Pricing, Quote, Schedule, Shape,
    StepPoint, Supply, Undersubscribed,
};
use walras::units::{Decimal, Grid, Money, PriceTicks, QuantityLots};

/// All bids in a list; every answer is read off the rules, price by price.
#[derive(Clone)]
struct Oracle {
    pricing: Pricing,
    live: Vec<Demand>,
    /// Prices that may matter: every one, or those at which anything changes.
    candidates: Candidates,
}

#[derive(Clone)]
enum Candidates {
    Every,
    /// Prices at which supply rises, besides those with bids.
    Listed(Vec<i64>),
}

impl Oracle {
    fn r(&self) -> i64 {
        self.pricing.lowest().0
    }

    fn top(&self) -> i64 {
        let limits = self.live.iter().filter_map(|bid| bid.price).map(|price| price.0);
        self.pricing.supply.ceiling().map_or(limits.max().unwrap_or(self.r()), |ceiling| ceiling.0)
    }

    fn level(&self, bid: &Demand) -> i64 {
        let ceiling = self.pricing.supply.ceiling().map_or(i64::MAX, |ceiling| ceiling.0);
        bid.price.map_or(self.top(), |price| price.0.min(ceiling))
    }

    /// Demand for which the level holds.
    fn sum(&self, real_only: bool, holds: impl Fn(i64) -> bool) -> i128 {
        let bids = self.live.iter().filter(|bid| !real_only || bid.kind == BidKind::Real);
        bids.filter(|bid| holds(self.level(bid))).map(|bid| i128::from(bid.lots.0)).sum()
    }

    fn d(&self, p: i64) -> i128 {
        self.sum(false, |level| level >= p)
    }

    fn d_above(&self, p: i64) -> i128 {
        self.sum(false, |level| level > p)
    }

    fn prices(&self) -> Vec<i64> {
        let (r, top) = (self.r(), self.top());
        match &self.candidates {
            Candidates::Every => (r..=top).collect(),
            Candidates::Listed(listed) => {
                let levels = self.live.iter().map(|bid| self.level(bid));
                let all = levels.chain(listed.iter().copied()).chain([r, top]);
                let near = all.flat_map(|p| [p.saturating_sub(1), p, p.saturating_add(1)]);
                let mut prices: Vec<_> = near.filter(|p| (r..=top).contains(p)).collect();
                prices.sort_unstable();
                prices.dedup();
                prices
            }
        }
    }

    fn interval(&self) -> (i64, i64) {
        let supply = |p| self.pricing.supply.at(PriceTicks(p));
        let prices = self.prices();
        let lo = *prices.iter().find(|&&p| supply(p).has_room_for(self.d_above(p))).unwrap();
        // Where nothing is wanted nothing is reached.
        let reached =
            prices.iter().rev().find(|&&p| p > lo && self.d(p) > 0 && supply(p).is_reached_by(self.d(p)));
        (lo, reached.copied().unwrap_or(lo))
    }

    fn quote(&self) -> Quote {
        let supply = |p| self.pricing.supply.at(PriceTicks(p));
        let (lo, hi) = self.interval();
        let is_short = !supply(self.r()).is_reached_by(self.d(self.r()));
        let price = match (is_short, self.pricing.undersubscribed) {
            (true, Undersubscribed::LowestBid) => {
                let real = self.live.iter().filter(|bid| bid.kind == BidKind::Real && bid.price.is_some());
                real.map(|bid| self.level(bid)).min().unwrap_or(self.r())
            }
            (true, _) => self.r(),
            (false, _) => match self.pricing.rule {
                PriceRule::Lab | PriceRule::PayAsBid => hi,
                PriceRule::Hrb => lo,
                PriceRule::Mid => ((i128::from(lo) + i128::from(hi)) / 2) as i64,
            },
        };
        let allocated = self.sum(true, |level| level >= price).min(i128::from(supply(price).lots.0));
        let outcome = match (allocated, is_short, self.pricing.undersubscribed) {
            (0, _, _) => Outcome::NoSale,
            (_, true, Undersubscribed::Cancel) => Outcome::Cancelled,
            (_, true, _) => Outcome::Undersubscribed,
            (_, false, _) => Outcome::Cleared,
        };
        let sells = matches!(outcome, Outcome::Cleared | Outcome::Undersubscribed);
        let (price, allocated) = if sells { (price, allocated) } else { (self.r(), 0) };
        let lots = |lots: i128| QuantityLots(lots.try_into().unwrap());
        let above = self.sum(true, |level| level > price);
        Quote {
            outcome,
            price: PriceTicks(price),
            supply: supply(price),
            demand_above: lots(self.d_above(price)),
            demand_at_or_above: lots(self.d(price)),
            allocated: lots(allocated),
            marginal_demand: lots(self.sum(true, |level| level == price)),
            marginal_available: lots((allocated - above).max(0)),
        }
    }

    fn with(&self, demand: Demand) -> Self {
        let mut copy = self.clone();
        copy.live.push(demand);
        copy
    }

    fn judge(&self, demand: Demand) -> Result<(), DemandError> {
        if demand.price.is_some_and(|price| price.0 < self.r()) {
            return Err(DemandError::BelowReserve);
        }
        let total: i128 = self.with(demand).live.iter().map(|bid| i128::from(bid.lots.0)).sum();
        if total > i128::from(i64::MAX) { Err(DemandError::Overflow) } else { Ok(()) }
    }

    /// Whether a bid at this price would be filled whole, whoever comes first among equals.
    fn wins_whole(&self, price: i64, lots: QuantityLots) -> bool {
        let bid = Demand { price: Some(PriceTicks(price)), lots, kind: BidKind::Real };
        if self.judge(bid).is_err() {
            return false;
        }
        let with = self.with(bid);
        let quote = with.quote();
        let sells = matches!(quote.outcome, Outcome::Cleared | Outcome::Undersubscribed);
        let level = with.level(&bid);
        let fits = quote.marginal_demand <= quote.marginal_available;
        sells && (level > quote.price.0 || (level == quote.price.0 && fits))
    }

    fn revenue(&self) -> Money {
        let quote = self.quote();
        if self.pricing.rule != PriceRule::PayAsBid {
            return quote.price.times(quote.allocated);
        }
        let real = || self.live.iter().filter(|bid| bid.kind == BidKind::Real);
        let takers: i128 = real().filter(|bid| bid.price.is_none()).map(|bid| i128::from(bid.lots.0)).sum();
        let to_takers = takers.min(quote.allocated.0.into());
        let mut limits: Vec<_> = real().filter(|bid| bid.price.is_some()).collect();
        limits.sort_by_key(|bid| std::cmp::Reverse(self.level(bid)));
        let to_limits = i128::from(quote.allocated.0) - to_takers;
        let (mut left, mut paid) = (to_limits, 0);
        for bid in limits {
            let lots = left.min(bid.lots.0.into());
            paid += lots * i128::from(self.level(bid));
            left -= lots;
        }
        let average = if to_limits > 0 {
            i128::try_from(BigInt::from(paid) * to_takers / to_limits).unwrap()
        } else {
            to_takers * i128::from(quote.price.0)
        };
        Money(paid + average)
    }
}

#[derive(Debug, Clone)]
enum Step {
    Add(Demand),
    Cancel(Index),
    Amend(Index, Demand),
}

#[derive(Debug, Clone, Copy)]
struct Ranges {
    price_max: i64,
    lots_max: i64,
    cancels: u32,
    takers: u32,
    phantoms: u32,
}

fn demand(ranges: Ranges) -> impl Strategy<Value = Demand> {
    let price = prop_oneof![
        20 => (0..=ranges.price_max).prop_map(|price| Some(PriceTicks(price))),
        ranges.takers => Just(None),
    ];
    let kind = prop_oneof![9 => Just(BidKind::Real), ranges.phantoms => Just(BidKind::Phantom)];
    (price, 1..=ranges.lots_max, kind).prop_map(|(price, lots, kind)| Demand {
        price,
        lots: QuantityLots(lots),
        kind,
    })
}

fn steps(ranges: Ranges, count: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => demand(ranges).prop_map(Step::Add),
        2 * ranges.cancels => any::<Index>().prop_map(Step::Cancel),
        ranges.cancels => (any::<Index>(), demand(ranges)).prop_map(|(index, demand)| Step::Amend(index, demand)),
    ];
    proptest::collection::vec(step, 1..count)
}

fn decimal(number: i64, scale: u32) -> Decimal {
    Decimal::new(number.into(), scale).unwrap()
}

fn supply_of(shape: Shape, floor: Option<i64>, ceiling: Option<i64>) -> Supply {
    supply_if_valid(shape, floor, ceiling).unwrap()
}

fn supply_if_valid(shape: Shape, floor: Option<i64>, ceiling: Option<i64>) -> Option<Supply> {
    let one = Grid::parse("1").unwrap();
    let bound = |price: Option<i64>| price.map(|price| decimal(price, 0));
    Supply::new(Schedule { shape, price_floor: bound(floor), price_ceiling: bound(ceiling) }, one, one).ok()
}

/// Supplies over prices up to a few dozen ticks, whole and not, flat and rising.
fn supply() -> impl Strategy<Value = Supply> {
    let bounds = (proptest::option::of(0_i64..12), proptest::option::of(13_i64..50));
    let curve = |(base, factor, reference): (i64, i64, Option<i64>)| Curve {
        base_quantity: decimal(base, 1),
        elasticity_factor: decimal(factor, 1),
        reference_price: reference.map(|price| decimal(price, 0)),
    };
    let curve = (1_i64..400, 0_i64..30, proptest::option::of(1_i64..40)).prop_map(curve);
    let shape = prop_oneof![
        3 => (0_i64..80).prop_map(|quantity| Shape::Fixed { quantity: decimal(quantity, 0) }),
        1 => (0_i64..800).prop_map(|quantity| Shape::Fixed { quantity: decimal(quantity, 1) }),
        3 => proptest::collection::vec((1_i64..12, 0_i64..30), 1..5).prop_map(|rises| {
            let (mut price, mut quantity) = (-1, 0);
            let rise = |(by, more)| {
                price += by;
                quantity += more;
                StepPoint { price: decimal(price, 0), quantity: decimal(quantity, 0) }
            };
            Shape::Step { points: rises.into_iter().map(rise).collect() }
        }),
        2 => curve.clone().prop_map(Shape::Linear),
        1 => curve.clone().prop_map(Shape::Exponential),
        1 => curve.prop_map(Shape::Logarithmic),
        1 => (0_i64..800, 1_i64..40, 0_i64..30).prop_map(|(max, saturation, exponent)| Shape::Power {
            max_quantity: decimal(max, 1),
            saturation_price: decimal(saturation, 0),
            exponent: decimal(exponent, 1),
        }),
    ];
    (shape, bounds).prop_filter_map("too much", |(shape, (floor, ceiling))| match &shape {
        Shape::Linear(curve) | Shape::Exponential(curve) | Shape::Logarithmic(curve)
            if curve.reference_price.is_none() =>
        {
            supply_if_valid(shape, Some(floor.unwrap_or(3)), Some(ceiling.unwrap_or(40)))
        }
        _ => supply_if_valid(shape, floor, ceiling),
    })
}

fn pricing(supply: impl Strategy<Value = Supply>, reserve_max: i64) -> impl Strategy<Value = Pricing> {
    let rule =
        prop::sample::select(vec![PriceRule::Lab, PriceRule::Hrb, PriceRule::Mid, PriceRule::PayAsBid]);
    let policy = prop::sample::select(vec![
        Undersubscribed::Reserve,
        Undersubscribed::LowestBid,
        Undersubscribed::Cancel,
    ]);
    (supply, 0..=reserve_max, rule, policy).prop_map(|(supply, reserve, rule, undersubscribed)| Pricing {
        reserve: PriceTicks(reserve).min(supply.ceiling().unwrap_or(PriceTicks(reserve))),
        supply,
        rule,
        undersubscribed,
    })
}

/// Takes a step on both, which must agree whether it is taken.
fn take(step: &Step, index: &mut DemandIndex, oracle: &mut Oracle) {
    match step {
        Step::Add(demand) => {
            let expected = oracle.judge(*demand);
            assert_eq!(index.add(*demand), expected);
            if expected.is_ok() {
                oracle.live.push(*demand);
            }
        }
        Step::Cancel(which) if !oracle.live.is_empty() => {
            let gone = oracle.live.swap_remove(which.index(oracle.live.len()));
            assert_eq!(index.remove(gone), Ok(()));
        }
        Step::Amend(which, new) if !oracle.live.is_empty() => {
            let place = which.index(oracle.live.len());
            let old = oracle.live.swap_remove(place);
            let expected = oracle.judge(*new);
            assert_eq!(index.amend(old, *new), expected);
            oracle.live.push(if expected.is_ok() { *new } else { old });
        }
        Step::Cancel(_) | Step::Amend(..) => {}
    }
}

fn check_state(index: &DemandIndex, oracle: &Oracle) {
    let (lo, hi) = oracle.interval();
    assert_eq!((index.lo().0, index.hi().0), (lo, hi), "interval");
    let quote = oracle.quote();
    assert_eq!(index.quote(), quote);
    assert_eq!(index.current_price(), quote.price);
    for price in [0, lo - 1, lo, hi, hi.saturating_add(1), oracle.top(), i64::MAX].map(PriceTicks) {
        assert_eq!(i128::from(index.demand_at_or_above(price).0), oracle.d(price.0), "D at {price:?}");
        assert_eq!(i128::from(index.demand_above(price).0), oracle.d_above(price.0), "D+ at {price:?}");
        let real = oracle.sum(true, |level| level >= price.0);
        assert_eq!(i128::from(index.real_demand_at_or_above(price).0), real, "real D at {price:?}");
    }
}

fn check_questions(index: &DemandIndex, oracle: &Oracle, asked: Demand, other: &Supply) {
    let expected = oracle.judge(asked).map(|()| oracle.with(asked).quote());
    assert_eq!(index.quote_if_added(asked), expected, "with {asked:?}");
    let same_bounds =
        other.floor() == oracle.pricing.supply.floor() && other.ceiling() == oracle.pricing.supply.ceiling();
    let mut under_other = oracle.clone();
    under_other.pricing.supply = other.clone();
    assert_eq!(index.revenue_at(other), same_bounds.then(|| under_other.revenue()), "revenue");
    assert_eq!(index.revenue_at(&oracle.pricing.supply), Some(oracle.revenue()), "revenue as it is");
}

/// The answer wins, and nothing lower does.
fn check_price_to_win(index: &DemandIndex, oracle: &Oracle, lots: QuantityLots) {
    let top = oracle.pricing.supply.ceiling().map_or(oracle.top() + 40, |ceiling| ceiling.0);
    let expected = (oracle.r()..=top).find(|&price| oracle.wins_whole(price, lots));
    match index.price_to_win(lots) {
        Some(price) if price.0 > top => assert_eq!(expected, None),
        found => assert_eq!(found.map(|price| price.0), expected, "to win {lots:?}"),
    }
}

fn small(cancels: u32, takers: u32, phantoms: u32) -> Ranges {
    Ranges { price_max: 60, lots_max: 30, cancels, takers, phantoms }
}

fn run(
    pricing: Pricing,
    candidates: Candidates,
    steps: &[Step],
    mut check: impl FnMut(&DemandIndex, &Oracle),
) {
    let mut index = DemandIndex::new(pricing.clone());
    let mut oracle = Oracle { pricing, live: Vec::new(), candidates };
    check(&index, &oracle);
    for step in steps {
        take(step, &mut index, &mut oracle);
        check(&index, &oracle);
    }
    // Emptied again it is as new.
    while let Some(bid) = oracle.live.pop() {
        index.remove(bid).unwrap();
        check(&index, &oracle);
        assert_eq!(index.remove(Demand { lots: QuantityLots(i64::MAX), ..bid }), Err(DemandError::NotThere));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_price_is_right_after_every_operation(pricing in pricing(supply(), 20), steps in steps(small(1, 0, 0), 30)) {
        run(pricing, Candidates::Every, &steps, check_state);
    }

    #[test]
    fn the_price_is_right_with_price_takers_and_phantoms(
        pricing in pricing(supply(), 20), steps in steps(small(1, 3, 2), 30),
    ) {
        run(pricing, Candidates::Every, &steps, check_state);
    }

    #[test]
    fn questions_are_answered_as_if_it_were_done(
        pricing in pricing(supply(), 20), steps in steps(small(1, 3, 1), 16), other in supply(),
        asked in proptest::collection::vec(demand(small(0, 3, 2)), 40),
    ) {
        let mut asked = asked.into_iter().cycle();
        run(pricing, Candidates::Every, &steps, |index, oracle| {
            check_questions(index, oracle, asked.next().unwrap(), &other);
        });
    }

    #[test]
    fn the_price_to_win_wins_and_nothing_lower_does(
        pricing in pricing(supply(), 20), steps in steps(small(1, 3, 0), 12), lots in 1_i64..60,
    ) {
        run(pricing, Candidates::Every, &steps, |index, oracle| {
            check_price_to_win(index, oracle, QuantityLots(lots));
        });
    }

    #[test]
    fn without_cancels_the_interval_only_rises(pricing in pricing(supply(), 20), steps in steps(small(0, 2, 1), 40)) {
        let (mut lo, mut hi) = (PriceTicks(0), PriceTicks(0));
        let mut index = DemandIndex::new(pricing);
        for step in &steps {
            if let Step::Add(demand) = step {
                let _refused = index.add(*demand);
                prop_assert!(index.lo() >= lo && index.hi() >= hi);
                (lo, hi) = (index.lo(), index.hi());
            }
        }
    }
}

/// Prices around the ends of nodes of every size, up to 9·10^17, and quantities up to 10^18.
fn extreme_demand() -> impl Strategy<Value = Demand> {
    let far = (0_u32..60, -2_i64..3).prop_map(|(bits, by)| ((1_i64 << bits) + by).max(0));
    let price = prop_oneof![
        4 => far,
        1 => (0_i64..3).prop_map(|by| 900_000_000_000_000_000 - by),
        1 => Just(i64::MAX),
        2 => 0_i64..200,
    ];
    let price = prop_oneof![12 => price.prop_map(|price| Some(PriceTicks(price))), 1 => Just(None)];
    let lots = prop_oneof![3 => 1_i64..100, 1 => 900_000_000_000_000_000_i64..1_000_000_000_000_000_001];
    let kind = prop_oneof![9 => Just(BidKind::Real), 1 => Just(BidKind::Phantom)];
    (price, lots, kind).prop_map(|(price, lots, kind)| Demand { price, lots: QuantityLots(lots), kind })
}

fn extreme_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => extreme_demand().prop_map(Step::Add),
        2 => any::<Index>().prop_map(Step::Cancel),
        1 => (any::<Index>(), extreme_demand()).prop_map(|(index, demand)| Step::Amend(index, demand)),
    ];
    proptest::collection::vec(step, 1..60)
}

/// Fixed and step supplies, small and huge, and the prices at which they rise.
fn extreme_supply() -> impl Strategy<Value = (Supply, Vec<i64>)> {
    let quantity = || prop_oneof![2 => 1_i64..300, 1 => 1_i64..4_000_000_000_000_000_000];
    let fixed = quantity().prop_map(|quantity| (Shape::Fixed { quantity: decimal(quantity, 0) }, vec![]));
    let point =
        (0_u32..59, -1_i64..2, quantity()).prop_map(|(bits, by, quantity)| ((1 << bits) + by, quantity));
    let step = proptest::collection::btree_map(0_i64..900_000_000_000_000_000, quantity(), 0..3);
    let step = (step, point).prop_map(|(mut points, (price, quantity))| {
        points.insert(price, quantity);
        let mut quantities: Vec<_> = points.values().copied().collect();
        quantities.sort_unstable();
        let prices: Vec<_> = points.into_keys().collect();
        let points = prices.iter().zip(quantities);
        let points = points
            .map(|(&price, quantity)| StepPoint { price: decimal(price, 0), quantity: decimal(quantity, 0) });
        (Shape::Step { points: points.collect() }, prices)
    });
    let ceiling = proptest::option::weighted(0.3, (1_u32..60).prop_map(|bits| 1_i64 << bits));
    (prop_oneof![fixed, step], ceiling)
        .prop_map(|((shape, rises), ceiling)| (supply_of(shape, None, ceiling), rises))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn far_prices_and_huge_quantities_clear_right_or_are_refused(
        (supply, rises) in extreme_supply(), base in pricing(Just(supply_of(Shape::Fixed { quantity: decimal(1, 0) }, None, None)), 70),
        steps in extreme_steps(), asked in proptest::collection::vec(extreme_demand(), 130),
    ) {
        let other = supply.clone();
        let ceiling = supply.ceiling().map_or(i64::MAX, |ceiling| ceiling.0);
        let pricing = Pricing { supply, reserve: PriceTicks(base.reserve.0.min(ceiling)), ..base };
        let mut asked = asked.into_iter().cycle();
        run(pricing, Candidates::Listed(rises), &steps, |index, oracle| {
            check_state(index, oracle);
            check_questions(index, oracle, asked.next().unwrap(), &other);
        });
    }
}

#[test]
fn a_lone_bid_far_up_costs_a_page() {
    // With memory for every tick in between this would not end.
    let supply = supply_of(Shape::Fixed { quantity: decimal(10, 0) }, None, None);
    let mut index = DemandIndex::new(Pricing {
        supply,
        reserve: PriceTicks(0),
        rule: PriceRule::Lab,
        undersubscribed: Undersubscribed::Reserve,
    });
    let bid = |price| Demand { price: Some(PriceTicks(price)), lots: QuantityLots(10), kind: BidKind::Real };
    for price in [5, 1_000_000_000, 900_000_000_000_000_000, i64::MAX] {
        index.add(bid(price)).unwrap();
        assert_eq!((index.hi(), index.quote().allocated), (PriceTicks(price), QuantityLots(10)));
    }
    assert_eq!(index.lo(), PriceTicks(900_000_000_000_000_000));
    assert_eq!(index.price_to_win(QuantityLots(1)), None);
    for price in [i64::MAX, 900_000_000_000_000_000, 1_000_000_000, 5] {
        assert_eq!(index.current_price(), PriceTicks(price));
        index.remove(bid(price)).unwrap();
    }
    assert_eq!(index.quote().outcome, Outcome::NoSale);
}

#[test]
fn what_is_wrong_is_refused_and_changes_nothing() {
    let supply = supply_of(Shape::Fixed { quantity: decimal(10, 0) }, Some(5), None);
    let mut index = DemandIndex::new(Pricing {
        supply,
        reserve: PriceTicks(2),
        rule: PriceRule::Lab,
        undersubscribed: Undersubscribed::Reserve,
    });
    let bid = |price, lots| Demand {
        price: Some(PriceTicks(price)),
        lots: QuantityLots(lots),
        kind: BidKind::Real,
    };
    index.add(bid(7, 12)).unwrap();
    let before = index.quote();
    assert_eq!(index.add(bid(4, 1)), Err(DemandError::BelowReserve));
    assert_eq!(index.add(bid(7, 0)), Err(DemandError::NotPositive));
    assert_eq!(index.add(bid(7, i64::MAX - 11)), Err(DemandError::Overflow));
    assert_eq!(index.remove(bid(7, 13)), Err(DemandError::NotThere));
    assert_eq!(index.remove(bid(8, 1)), Err(DemandError::NotThere));
    assert_eq!(index.remove(Demand { kind: BidKind::Phantom, ..bid(7, 1) }), Err(DemandError::NotThere));
    assert_eq!(index.remove(Demand { price: None, ..bid(7, 1) }), Err(DemandError::NotThere));
    assert_eq!(index.amend(bid(7, 12), bid(4, 1)), Err(DemandError::BelowReserve));
    assert_eq!(index.amend(bid(8, 12), bid(9, 1)), Err(DemandError::NotThere));
    assert_eq!(index.price_if_added(bid(4, 1)), Err(DemandError::BelowReserve));
    assert_eq!(index.quote(), before);
    assert_eq!(index.add(bid(7, i64::MAX - 12)), Ok(()));
    assert_eq!(index.demand_at_or_above(PriceTicks(0)), QuantityLots(i64::MAX));
}
