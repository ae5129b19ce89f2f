//! The live price against the clearing itself: after every add, cancel and amend, what the demand index says is
//! what a whole clearing of the same bids says, and neither needs an allocation for a bid.

use std::collections::BTreeMap;

use allocation_counter::measure;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use walras::clearing::{
    Bid, BidKind, Curve, Demand, DemandIndex, Outcome, PriceRule, Schedule, Shape, StepPoint, Supply, Terms,
    Undersubscribed, Want, clear,
};
use walras::units::{Decimal, Grid, PriceTicks, QuantityLots};

fn decimal(number: i64, scale: u32) -> Decimal {
    Decimal::new(number.into(), scale).expect("a small number")
}

fn supply_of(shape: Shape, bounds: Option<(i64, i64)>) -> Supply {
    let one = Grid::parse("1").expect("a grid");
    let [price_floor, price_ceiling] =
        [bounds.map(|bounds| bounds.0), bounds.map(|bounds| bounds.1)].map(|it| it.map(|it| decimal(it, 0)));
    Supply::new(Schedule { shape, price_floor, price_ceiling }, one, one).expect("a valid schedule")
}

fn supply() -> impl Strategy<Value = Supply> {
    let curve = |base: i64, factor: i64| Curve {
        base_quantity: decimal(base, 1),
        elasticity_factor: decimal(factor, 1),
        reference_price: None,
    };
    let curved = (select(vec![0, 1, 2]), 1_i64..900, 0_i64..30).prop_map(move |(kind, base, factor)| {
        let curve = curve(base, factor);
        let shape =
            [Shape::Linear(curve), Shape::Exponential(curve), Shape::Logarithmic(curve)][kind].clone();
        supply_of(shape, Some((2, 40)))
    });
    let steps = proptest::collection::vec((1_i64..12, 0_i64..40), 1..5).prop_map(|rises| {
        let (mut price, mut quantity) = (0, 0);
        let rise = |(by, more)| {
            price += by;
            quantity += more;
            StepPoint { price: decimal(price, 0), quantity: decimal(quantity, 0) }
        };
        supply_of(Shape::Step { points: rises.into_iter().map(rise).collect() }, None)
    });
    prop_oneof![
        (0_i64..1500).prop_map(|tenths| supply_of(Shape::Fixed { quantity: decimal(tenths, 1) }, None)),
        steps,
        curved,
    ]
}

fn terms() -> impl Strategy<Value = Terms> {
    let rules = select(vec![PriceRule::Lab, PriceRule::Hrb, PriceRule::Mid, PriceRule::PayAsBid]);
    let policies =
        select(vec![Undersubscribed::Reserve, Undersubscribed::LowestBid, Undersubscribed::Cancel]);
    (supply(), 0_i64..20, rules, policies).prop_map(|(supply, reserve, price_rule, undersubscribed)| Terms {
        price_rule,
        undersubscribed,
        ..Terms::new(PriceTicks(reserve), supply)
    })
}

#[derive(Debug, Clone)]
enum Step {
    Add(Demand),
    Cancel(Index),
    Amend(Index, Demand),
}

fn step() -> impl Strategy<Value = Step> {
    let price = prop_oneof![8 => (20_i64..60).prop_map(|price| Some(PriceTicks(price))), 1 => Just(None)];
    let kind = prop_oneof![9 => Just(BidKind::Real), 1 => Just(BidKind::Phantom)];
    let demand = (price, 1_i64..40, kind).prop_map(|(price, lots, kind)| Demand {
        price,
        lots: QuantityLots(lots),
        kind,
    });
    prop_oneof![
        5 => demand.clone().prop_map(Step::Add),
        2 => any::<Index>().prop_map(Step::Cancel),
        1 => (any::<Index>(), demand).prop_map(|(index, demand)| Step::Amend(index, demand)),
    ]
}

/// Live bids, each under its number, beside the index.
struct Sale {
    terms: Terms,
    index: DemandIndex,
    live: BTreeMap<u64, Demand>,
    next: u64,
}

impl Sale {
    fn new(terms: Terms) -> Self {
        Self { index: DemandIndex::new(terms.pricing()), terms, live: BTreeMap::new(), next: 0 }
    }

    fn take(&mut self, step: &Step) {
        let chosen = |index: &Index| {
            let place = index.index(self.live.len().max(1));
            self.live.iter().nth(place).map(|(&seq, &demand)| (seq, demand))
        };
        match step {
            Step::Add(demand) => self.enter(*demand),
            Step::Cancel(index) => {
                if let Some((seq, demand)) = chosen(index) {
                    self.index.remove(demand).expect("it is live");
                    self.live.remove(&seq);
                }
            }
            Step::Amend(index, new) => {
                if let Some((seq, old)) = chosen(index) {
                    self.index.amend(old, *new).expect("both are valid");
                    self.live.remove(&seq);
                    self.live.insert(self.next, *new);
                    self.next += 1;
                }
            }
        }
    }

    fn enter(&mut self, demand: Demand) {
        self.index.add(demand).expect("a valid bid");
        self.live.insert(self.next, demand);
        self.next += 1;
    }

    fn bids(&self) -> Vec<Bid> {
        let bid = |(&seq, demand): (&u64, &Demand)| Bid {
            price: demand.price,
            want: Want::Quantity(demand.lots),
            seq,
            bidder: seq as u32,
            is_phantom: demand.kind == BidKind::Phantom,
        };
        self.live.iter().map(bid).collect()
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let clearing = clear(&self.terms, &self.bids()).expect("valid bids");
        let quote = self.index.quote();
        prop_assert_eq!(quote.outcome, clearing.outcome);
        prop_assert_eq!(quote.price, clearing.indicative_price);
        prop_assert_eq!(self.index.current_price(), clearing.indicative_price);
        prop_assert_eq!(quote.is_sale().then_some(quote.price), clearing.price);
        prop_assert_eq!(quote.supply.lots, clearing.supply);
        prop_assert_eq!(i128::from(quote.demand_above.0), clearing.demand_above);
        prop_assert_eq!(i128::from(quote.demand_at_or_above.0), clearing.demand_at_or_above);
        prop_assert_eq!(quote.allocated, clearing.total_allocated);
        prop_assert_eq!(i128::from(quote.marginal_demand.0), clearing.marginal_demand);
        if clearing.price.is_some() {
            prop_assert_eq!(i128::from(quote.marginal_available.0), clearing.marginal_available);
            prop_assert_eq!((self.index.lo(), self.index.hi()), clearing.interval);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn after_every_operation_the_index_says_what_a_clearing_says(
        terms in terms(), steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut sale = Sale::new(terms);
        sale.check()?;
        for step in &steps {
            sale.take(step);
            sale.check()?;
        }
    }

    #[test]
    fn as_long_as_nobody_cancels_the_price_of_a_sold_out_sale_never_falls(
        terms in terms(), steps in proptest::collection::vec(step(), 1..60),
    ) {
        // While demand is short `lowest_bid` follows the lowest bid, which may fall.
        let terms = Terms { undersubscribed: Undersubscribed::Reserve, ..terms };
        let mut sale = Sale::new(terms);
        let mut price = sale.index.current_price();
        for step in &steps {
            let Step::Add(demand) = step else { continue };
            sale.enter(Demand { kind: BidKind::Real, ..*demand });
            prop_assert!(sale.index.current_price() >= price);
            price = sale.index.current_price();
        }
    }
}

/// Bids over a thousand ticks, in an order that looks random.
fn demand(number: u64) -> Demand {
    let random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let (price, lots) = (20 + random % 1_000, 1 + random % 97);
    Demand { price: Some(PriceTicks(price as i64)), lots: QuantityLots(lots as i64), kind: BidKind::Real }
}

#[test]
fn a_bid_costs_no_allocation_and_no_memory_of_its_own() {
    let terms = Terms::new(PriceTicks(20), supply_of(Shape::Fixed { quantity: decimal(1_000_000, 0) }, None));
    let mut index = DemandIndex::new(terms.pricing());
    (0..10_000).for_each(|number| index.add(demand(number)).expect("a valid bid"));
    let mut prices = Vec::with_capacity(300_000);
    let counted = measure(|| {
        for number in 10_000..100_000 {
            index.add(demand(number)).expect("a valid bid");
            prices.push(index.current_price());
            prices.push(index.price_if_added(demand(number)).expect("a valid bid"));
            assert!(index.price_to_win(QuantityLots(5)).is_some());
        }
        for number in 0..50_000 {
            index.remove(demand(number)).expect("a live bid");
            prices.push(index.current_price());
        }
    });
    assert_eq!(counted.count_total, 0, "of 230,000 operations");
    assert_eq!(index.quote().outcome, Outcome::Cleared);
    assert!(prices.iter().max() > prices.iter().min(), "the price moved");
}
