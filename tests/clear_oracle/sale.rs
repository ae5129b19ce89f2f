//! Random sales: few ticks and few lots, so that everything that can coincide does.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_traits::Zero;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use walras::clearing::{
    Allocation, AwardLimit, Bid, Curve, MoneyTerm, PriceRule, Schedule, Shape, StepPoint, Supply, Terms,
    Undersubscribed, Want,
};
use walras::units::{Decimal, Grid, Money, PriceTicks, QuantityLots};

use super::oracle::{BigRational, rational};

/// What is on offer: quantities in halves of a lot, so that supply is not always whole.
#[derive(Debug, Clone)]
pub enum Offer {
    Fixed { halves: i64 },
    Steps { halves_from: Vec<(i64, i64)> },
    Linear { base_halves: i64, factor_tenths: i64 },
    Exponential { base_halves: i64, factor_tenths: i64 },
    Logarithmic { base_halves: i64, factor_tenths: i64 },
    Square { max_halves: i64, saturation: i64 },
}

/// One bid.
#[derive(Debug, Clone)]
pub struct Wish {
    /// `None` for a price taker.
    pub limit: Option<i64>,
    /// Lots, or money.
    pub amount: i64,
    pub is_budget: bool,
    pub seq: u64,
    pub bidder: u32,
    pub is_phantom: bool,
}

/// A sale and its bids.
#[derive(Debug, Clone)]
pub struct Sale {
    pub reserve: i64,
    pub bounds: Option<(i64, i64)>,
    pub offer: Offer,
    pub price_rule: PriceRule,
    pub undersubscribed: Undersubscribed,
    pub allocation: Allocation,
    pub allow_partial_fills: bool,
    pub max_quantity: Option<i64>,
    pub max_award_percent: Option<i64>,
    pub net_long: BTreeMap<u32, i64>,
    pub award_multiple: Option<i64>,
    pub award_minimum: Option<i64>,
    pub min_revenue_tenths: Option<i64>,
    pub money_unit_tenths: Option<i64>,
    pub wishes: Vec<Wish>,
}

impl Sale {
    pub fn lowest(&self) -> i64 {
        self.bounds.map_or(self.reserve, |bounds| bounds.0.max(self.reserve))
    }

    pub fn limit(&self, wish: &Wish) -> Option<i64> {
        wish.limit.map(|limit| self.bounds.map_or(limit, |bounds| limit.min(bounds.1)))
    }

    /// Where price takers count.
    pub fn top(&self) -> i64 {
        let highest = self.wishes.iter().filter_map(|wish| wish.limit).max().unwrap_or(self.lowest());
        self.bounds.map_or(highest, |bounds| bounds.1)
    }

    /// Supply at a price, not rounded.
    pub fn supply(&self, price: i64) -> BigRational {
        let half = |halves: i64| BigRational::new(halves.into(), 2.into());
        if self.bounds.is_some_and(|bounds| price < bounds.0) {
            return BigRational::zero();
        }
        let price = self.bounds.map_or(price, |bounds| price.min(bounds.1));
        match &self.offer {
            Offer::Fixed { halves } => half(*halves),
            Offer::Steps { halves_from } => {
                let reached = halves_from.iter().rfind(|step| step.0 <= price);
                reached.map_or_else(BigRational::zero, |step| half(step.1))
            }
            Offer::Linear { base_halves, factor_tenths } => {
                let (floor, ceiling) = self.bounds.expect("curves have bounds");
                let t = BigRational::new((price - floor).into(), (ceiling - floor).into());
                half(*base_halves) * (rational(1) + BigRational::new((*factor_tenths).into(), 10.into()) * t)
            }
            Offer::Square { max_halves, saturation } => {
                let share = BigRational::new(price.min(*saturation).into(), (*saturation).into());
                half(*max_halves) * &share * &share
            }
            Offer::Exponential { .. } | Offer::Logarithmic { .. } => {
                // Irrational nearly everywhere; compared with big numbers where supply itself is tested.
                let offered = self.clearing_supply().at(PriceTicks(price));
                let part = if offered.is_whole { rational(0) } else { half(1) };
                rational(offered.lots.0) + part
            }
        }
    }

    /// Demand at or above a limit, at a price; phantoms included.
    pub fn demand(&self, price: i64, from: i64) -> BigInt {
        let counts = |wish: &&Wish| self.limit(wish).unwrap_or(self.top()) >= from;
        self.wishes.iter().filter(counts).map(|wish| wish.lots(price)).sum()
    }

    /// The same sale without caps, all-or-none, budgets and other prices than the ends of the interval.
    pub fn with_ordinary_rules(mut self) -> Self {
        self.max_quantity = None;
        self.max_award_percent = None;
        self.allow_partial_fills = true;
        self.undersubscribed = Undersubscribed::Reserve;
        self.min_revenue_tenths = None;
        if self.price_rule != PriceRule::Hrb {
            self.price_rule = PriceRule::Lab;
        }
        for wish in &mut self.wishes {
            wish.is_budget = false;
        }
        self
    }

    fn clearing_supply(&self) -> Supply {
        let halves = |halves: i64| Decimal::new(i128::from(halves) * 5, 1).expect("few digits");
        let whole = |number: i64| Decimal::new(number.into(), 0).expect("few digits");
        let curve = |base_halves: i64, factor_tenths: i64| Curve {
            base_quantity: halves(base_halves),
            elasticity_factor: Decimal::new(factor_tenths.into(), 1).expect("few digits"),
            reference_price: None,
        };
        let shape = match &self.offer {
            Offer::Fixed { halves: quantity } => Shape::Fixed { quantity: halves(*quantity) },
            Offer::Steps { halves_from } => Shape::Step {
                points: halves_from
                    .iter()
                    .map(|&(price, quantity)| StepPoint { price: whole(price), quantity: halves(quantity) })
                    .collect(),
            },
            Offer::Linear { base_halves, factor_tenths } => {
                Shape::Linear(curve(*base_halves, *factor_tenths))
            }
            Offer::Exponential { base_halves, factor_tenths } => {
                Shape::Exponential(curve(*base_halves, *factor_tenths))
            }
            Offer::Logarithmic { base_halves, factor_tenths } => {
                Shape::Logarithmic(curve(*base_halves, *factor_tenths))
            }
            Offer::Square { max_halves, saturation } => Shape::Power {
                max_quantity: halves(*max_halves),
                saturation_price: whole(*saturation),
                exponent: whole(2),
            },
        };
        let (price_floor, price_ceiling) = self.bounds.map(|(low, high)| (whole(low), whole(high))).unzip();
        let one = Grid::parse("1").expect("1 is a step");
        Supply::new(Schedule { shape, price_floor, price_ceiling }, one, one).expect("the schedule is valid")
    }

    /// What the fraction allows, in lots.
    pub fn max_award(&self) -> Option<i64> {
        let halves = match &self.offer {
            Offer::Fixed { halves } => *halves,
            Offer::Steps { halves_from } => halves_from.last().expect("there are steps").1,
            Offer::Linear { base_halves, .. }
            | Offer::Exponential { base_halves, .. }
            | Offer::Logarithmic { base_halves, .. } => *base_halves,
            Offer::Square { max_halves, .. } => *max_halves,
        };
        self.max_award_percent.map(|percent| halves * percent / 200)
    }

    pub fn as_clearing_takes_it(&self) -> (Terms, Vec<Bid>) {
        let one = Grid::parse("1").expect("1 is a step").times(Grid::parse("1").expect("1 is a step"));
        let tenths = |tenths: i64| {
            let stated = Decimal::new(tenths.into(), 1).expect("few digits");
            MoneyTerm::new(stated, one).expect("a small amount")
        };
        let award_limit = |lots: i64| AwardLimit { fraction: Decimal::ONE, lots: QuantityLots(lots) };
        let mut terms = Terms::new(PriceTicks(self.reserve), self.clearing_supply());
        terms.price_rule = self.price_rule;
        terms.undersubscribed = self.undersubscribed;
        terms.allocation = self.allocation;
        terms.allow_partial_fills = self.allow_partial_fills;
        terms.max_quantity_per_bidder = self.max_quantity.map(QuantityLots);
        terms.max_award = self.max_award().map(award_limit);
        terms.net_long = self.net_long.iter().map(|(&bidder, &lots)| (bidder, QuantityLots(lots))).collect();
        terms.award_multiple = self.award_multiple.map(QuantityLots);
        terms.award_minimum = self.award_minimum.map(QuantityLots);
        terms.min_revenue = self.min_revenue_tenths.map(tenths);
        terms.money_unit = self.money_unit_tenths.map(tenths);
        let bid = |wish: &Wish| Bid {
            price: wish.limit.map(PriceTicks),
            want: if wish.is_budget {
                Want::Budget(Money(wish.amount.into()))
            } else {
                Want::Quantity(QuantityLots(wish.amount))
            },
            seq: wish.seq,
            bidder: wish.bidder,
            is_phantom: wish.is_phantom,
        };
        (terms, self.wishes.iter().map(bid).collect())
    }
}

impl Wish {
    /// Lots wanted at a price.
    pub fn lots(&self, price: i64) -> BigInt {
        if self.is_budget { BigInt::from(self.amount) / BigInt::from(price) } else { self.amount.into() }
    }
}

fn offers() -> impl Strategy<Value = (Option<(i64, i64)>, Offer)> {
    let bounds = || (0_i64..8, 1_i64..16).prop_map(|(floor, span)| (floor, floor + span));
    let halves = 0_i64..160;
    let steps = vec((0_i64..5, 0_i64..60), 1..5).prop_map(|steps| {
        let (mut price, mut halves) = (-1, 0);
        let rise = |(price_step, halves_step): (i64, i64)| {
            price += 1 + price_step;
            halves += halves_step;
            (price, halves)
        };
        Offer::Steps { halves_from: steps.into_iter().map(rise).collect() }
    });
    let curve = (0_i64..80, 0_i64..40, 0..3_u8).prop_map(|(base_halves, factor_tenths, kind)| match kind {
        0 => Offer::Linear { base_halves, factor_tenths },
        1 => Offer::Exponential { base_halves, factor_tenths },
        _ => Offer::Logarithmic { base_halves, factor_tenths },
    });
    let square =
        (0_i64..200, 1_i64..20).prop_map(|(max_halves, saturation)| Offer::Square { max_halves, saturation });
    prop_oneof![
        4 => (option::weighted(0.2, bounds()), halves.prop_map(|halves| Offer::Fixed { halves })),
        3 => (option::weighted(0.2, bounds()), steps),
        3 => (bounds().prop_map(Some), curve),
        1 => (option::weighted(0.2, bounds()), square),
    ]
}

fn price_rules() -> impl Strategy<Value = PriceRule> {
    prop_oneof![
        3 => Just(PriceRule::Lab),
        2 => Just(PriceRule::Hrb),
        1 => Just(PriceRule::Mid),
        2 => Just(PriceRule::PayAsBid),
    ]
}

fn allocations() -> impl Strategy<Value = Allocation> {
    prop_oneof![
        4 => Just(Allocation::ProRata),
        2 => Just(Allocation::PriceTime),
        2 => Just(Allocation::SizeTime),
        2 => Just(Allocation::ProRataDemand),
        2 => Just(Allocation::Treasury),
    ]
}

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    let limit = option::weighted(0.88, 0_i64..24);
    let wish = (limit, 1_i64..40, 0..100_u8, 0_u32..5, prop::bool::weighted(0.1));
    (vec(wish, 0..14), 0..100_u8, 0..100_u8).prop_map(|(wishes, taker_share, budget_share)| {
        // Half of the sales have no price takers, most have no budgets.
        let (has_takers, has_budgets) = (taker_share < 50, budget_share < 25);
        let wish = |(seq, (limit, amount, budget, bidder, is_phantom))| {
            let limit: Option<i64> = limit;
            let is_budget = has_budgets && budget < 60;
            let amount = if is_budget { amount * 9 } else { amount };
            let limit = if has_takers { limit } else { Some(limit.unwrap_or(9)) };
            Wish { limit, amount, is_budget, seq: seq as u64, bidder, is_phantom }
        };
        wishes.into_iter().enumerate().map(wish).collect()
    })
}

/// Sales in which every rule may meet every other.
pub fn sales() -> impl Strategy<Value = Sale> {
    let undersubscribed = prop_oneof![
        3 => Just(Undersubscribed::Reserve),
        2 => Just(Undersubscribed::LowestBid),
        1 => Just(Undersubscribed::Cancel),
    ];
    let rules = (price_rules(), undersubscribed, allocations(), prop::bool::weighted(0.7));
    let caps = (
        option::weighted(0.15, 1_i64..60),
        option::weighted(0.1, 1_i64..101),
        prop::collection::btree_map(0_u32..5, 0_i64..30, 0..2),
    );
    let money = (
        option::weighted(0.3, 1_i64..12),
        option::weighted(0.3, 0_i64..12),
        option::weighted(0.15, 0_i64..4000),
        option::weighted(0.3, 1_i64..60),
    );
    (0_i64..10, offers(), rules, caps, money, wishes()).prop_map(
        |(reserve, (bounds, offer), rules, caps, money, wishes)| {
            let (price_rule, undersubscribed, allocation, allow_partial_fills) = rules;
            let (max_quantity, max_award_percent, net_long) = caps;
            let (award_multiple, award_minimum, min_revenue_tenths, money_unit_tenths) = money;
            let shares = matches!(allocation, Allocation::ProRataDemand | Allocation::Treasury);
            let mut sale = Sale {
                reserve: bounds.map_or(reserve, |bounds| reserve.min(bounds.1)),
                bounds,
                offer,
                price_rule,
                undersubscribed,
                allocation,
                allow_partial_fills: allow_partial_fills || shares,
                max_quantity,
                max_award_percent,
                net_long,
                award_multiple,
                award_minimum,
                min_revenue_tenths,
                money_unit_tenths,
                wishes,
            };
            let lowest = sale.lowest();
            let has_cap = sale.max_quantity.is_some() || sale.max_award_percent.is_some();
            for wish in &mut sale.wishes {
                wish.limit = wish.limit.map(|limit| limit.max(lowest));
                wish.is_budget &= lowest > 0 && !has_cap;
            }
            sale
        },
    )
}

/// Sales with prices up to 9e17 ticks and quantities up to 1e18 lots.
pub fn wide_sales() -> impl Strategy<Value = Sale> {
    let price = 0_i64..=900_000_000_000_000_000;
    let lots = 1_i64..=1_000_000_000_000_000_000;
    let wish = (option::weighted(0.9, price.clone()), lots.clone(), 0_u32..4);
    let rules =
        (price_rules(), allocations(), prop::bool::weighted(0.8), option::weighted(0.2, lots.clone()));
    (price, lots, vec(wish, 0..40), rules).prop_map(|(reserve, supply, wishes, rules)| {
        let (price_rule, allocation, allow_partial_fills, max_quantity) = rules;
        let shares = matches!(allocation, Allocation::ProRataDemand | Allocation::Treasury);
        let wish = |(seq, (limit, amount, bidder)): (usize, (Option<i64>, i64, u32))| Wish {
            limit: limit.map(|limit| limit.max(reserve)),
            amount,
            is_budget: false,
            seq: seq as u64,
            bidder,
            is_phantom: false,
        };
        Sale {
            reserve,
            bounds: None,
            offer: Offer::Steps { halves_from: vec![(0, supply / 2 * 2), (reserve / 2 + 1, supply * 2)] },
            price_rule,
            undersubscribed: Undersubscribed::Reserve,
            allocation,
            allow_partial_fills: allow_partial_fills || shares,
            max_quantity,
            max_award_percent: None,
            net_long: BTreeMap::new(),
            award_multiple: None,
            award_minimum: None,
            min_revenue_tenths: None,
            money_unit_tenths: None,
            wishes: wishes.into_iter().enumerate().map(wish).collect(),
        }
    })
}

/// A sale of so many lots at so high a reserve.
pub fn plain_terms(reserve: i64, lots: i64) -> Terms {
    let one = Grid::parse("1").expect("1 is a step");
    let quantity = Decimal::new(lots.into(), 0).expect("few digits");
    let schedule = Schedule { shape: Shape::Fixed { quantity }, price_floor: None, price_ceiling: None };
    Terms::new(PriceTicks(reserve), Supply::new(schedule, one, one).expect("the schedule is valid"))
}

/// A real bid of a bidder of its own.
pub fn plain_bid(price: i64, lots: i64, seq: u64) -> Bid {
    let want = Want::Quantity(QuantityLots(lots));
    Bid { price: Some(PriceTicks(price)), want, seq, bidder: seq as u32, is_phantom: false }
}
