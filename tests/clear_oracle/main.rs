//! The clearing against a slow, obvious oracle, on random sales under every combination of rules, and
//! the properties that any clearing has.

mod oracle;
mod sale;

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_traits::Zero;
use oracle::{BigRational, Expected, rational};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use sale::{Sale, sales, wide_sales};
use walras::clearing::{
    Allocation, Bid, ClearError, Clearing, Outcome, Payment, PriceRule, Terms, Undersubscribed, Want, clear,
};
use walras::units::{Money, PriceTicks, QuantityLots};

/// Tens of thousands in a release run, some thousands where the compiler does not help.
const CASES: u32 = if cfg!(debug_assertions) { 3_000 } else { 80_000 };

fn config() -> Config {
    Config { max_shrink_iters: 20_000, ..Config::with_cases(CASES) }
}

fn exact(payment: &Payment) -> BigRational {
    let part = BigRational::new(payment.part.into(), payment.parts.into());
    BigRational::from_integer(payment.whole.0.into()) + part
}

fn check(sale: &Sale) -> Result<(), TestCaseError> {
    let (terms, bids) = sale.as_clearing_takes_it();
    let expected = Expected::of(sale);
    let clearing = clear(&terms, &bids);
    let clearing = match (clearing, &expected.outcome) {
        (Ok(clearing), _) => clearing,
        (Err(error), _) => return Err(TestCaseError::fail(format!("{error}; expected {expected:?}"))),
    };
    prop_assert_eq!(clearing.outcome, expected.outcome);
    prop_assert_eq!(clearing.price.map(|price| price.0), expected.price);
    prop_assert_eq!((clearing.interval.0.0, clearing.interval.1.0), expected.interval);
    prop_assert_eq!(clearing.indicative_price.0, expected.indicative_price);
    prop_assert_eq!(BigInt::from(clearing.supply.0), expected.supply.clone());
    prop_assert_eq!(BigInt::from(clearing.demand_at_or_above), expected.demand_at_or_above.clone());
    prop_assert_eq!(BigInt::from(clearing.demand_above), expected.demand_above.clone());
    prop_assert_eq!(BigInt::from(clearing.marginal_demand), expected.marginal_demand.clone());
    prop_assert_eq!(BigInt::from(clearing.marginal_available), expected.marginal_available.clone());
    prop_assert_eq!(&clearing.killed, &expected.killed);
    prop_assert_eq!(clearing.total_bids, expected.total_bids);
    prop_assert_eq!(BigInt::from(clearing.total_quantity), expected.total_quantity.clone());
    let mut sold = BigInt::zero();
    for (bid, lots, payment) in clearing.fills(&bids) {
        let (expected_lots, expected_payment) = expected.awards[&bid.seq].clone();
        prop_assert_eq!(BigInt::from(lots.0), expected_lots, "lots of {:?}", bid);
        prop_assert_eq!(exact(&payment), expected_payment, "payment of {:?}", bid);
        prop_assert_eq!(clearing.fill(bid), lots);
        prop_assert_eq!(clearing.payment(bid), payment);
        prop_assert_eq!(clearing.is_killed(bid), expected.killed.contains(&bid.seq));
        sold += lots.0;
    }
    prop_assert_eq!(BigInt::from(clearing.total_allocated.0), sold);
    prop_assert_eq!(exact(&clearing.revenue), expected.revenue.clone());
    let bidders: BTreeMap<u32, (BigInt, BigRational)> = clearing
        .bidders
        .iter()
        .map(|award| (award.bidder, (award.lots.0.into(), exact(&award.payment))))
        .collect();
    prop_assert_eq!(&bidders, &expected.bidders);
    let unsold = clearing.supply.0 - clearing.total_allocated.0;
    prop_assert_eq!(clearing.unsold.0, unsold.max(0));
    prop_assert_eq!(clearing.oversold.0, (-unsold).max(0));
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_figure_is_the_oracles(sale in sales()) {
        check(&sale)?;
    }

    #[test]
    fn the_order_of_the_bids_makes_no_difference(sale in sales(), turn in 0_usize..8) {
        let (terms, mut bids) = sale.as_clearing_takes_it();
        let one = clear(&terms, &bids).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let turn = turn.min(bids.len());
        bids.rotate_left(turn);
        let mut other = clear(&terms, &bids).map_err(|error| TestCaseError::fail(error.to_string()))?;
        other.bidders.sort_by_key(|award| award.bidder);
        let mut sorted = one.clone();
        sorted.bidders.sort_by_key(|award| award.bidder);
        prop_assert_eq!(sorted, other);
    }

    #[test]
    fn nothing_is_made_or_lost_and_nobody_pays_above_the_bid(sale in sales()) {
        let (terms, bids) = sale.as_clearing_takes_it();
        let clearing = clear(&terms, &bids).map_err(|error| TestCaseError::fail(error.to_string()))?;
        holds_for_every_clearing(&terms, &bids, &clearing)?;
    }

    #[test]
    fn exactly_one_price_satisfies_the_certificate(sale in sales().prop_map(Sale::with_ordinary_rules)) {
        let (terms, bids) = sale.as_clearing_takes_it();
        let clearing = clear(&terms, &bids).map_err(|error| TestCaseError::fail(error.to_string()))?;
        if let Some(price) = clearing.price {
            let last = sale.top() + 3;
            let holds = (sale.lowest()..=last).filter(|&tick| certificate(&sale, tick, terms.price_rule));
            prop_assert_eq!(holds.collect::<Vec<_>>(), vec![price.0]);
        }
    }

    #[test]
    fn prices_and_quantities_near_the_end_of_their_range_clear_right(sale in wide_sales()) {
        let (terms, bids) = sale.as_clearing_takes_it();
        let clearing = clear(&terms, &bids).map_err(|error| TestCaseError::fail(error.to_string()))?;
        holds_for_every_clearing(&terms, &bids, &clearing)?;
        if terms.is_ordinary()
            && matches!(terms.price_rule, PriceRule::Lab | PriceRule::Hrb)
            && let Some(price) = clearing.price
            && terms.undersubscribed == Undersubscribed::Reserve
        {
            prop_assert!(certificate(&sale, price.0, terms.price_rule));
        }
    }
}

/// The four inequalities of the clearing certificate.
fn certificate(sale: &Sale, tick: i64, rule: PriceRule) -> bool {
    let demand = |tick: i64| BigRational::from_integer(sale.demand(tick, tick));
    let above = BigRational::from_integer(sale.demand(tick, tick + 1));
    let supply = |tick: i64| sale.supply(tick);
    let is_lowest = tick == sale.lowest();
    let is_cut = is_lowest || demand(tick) > supply(tick - 1);
    let fits = above <= supply(tick);
    match rule {
        PriceRule::Hrb => fits && is_cut,
        _ => fits && (is_cut || demand(tick) >= supply(tick)) && above < supply(tick + 1),
    }
}

fn holds_for_every_clearing(terms: &Terms, bids: &[Bid], clearing: &Clearing) -> Result<(), TestCaseError> {
    let sells = matches!(clearing.outcome, Outcome::Cleared | Outcome::Undersubscribed);
    prop_assert_eq!(clearing.price.is_some(), sells);
    let mut sold = 0_i128;
    let mut paid = BigRational::zero();
    let mut by_bidder: BTreeMap<u32, i128> = BTreeMap::new();
    for bid in bids {
        let lots = clearing.fill(bid).0;
        let payment = exact(&clearing.payment(bid));
        prop_assert!(lots >= 0);
        prop_assert!(!bid.is_phantom || lots == 0, "a phantom won {lots}");
        match bid.want {
            Want::Quantity(wanted) => prop_assert!(lots <= wanted.0),
            Want::Budget(budget) => {
                prop_assert!(payment <= BigRational::from_integer(budget.0.into()));
            }
        }
        if let Some(limit) = bid.price {
            prop_assert!(payment <= rational(limit.0) * rational(lots), "{:?} pays {}", bid, payment);
        }
        if !terms.allow_partial_fills
            && let Want::Quantity(wanted) = bid.want
        {
            prop_assert!(lots == 0 || lots == wanted.0);
        }
        sold += i128::from(lots);
        paid += payment;
        *by_bidder.entry(bid.bidder).or_default() += i128::from(lots);
    }
    prop_assert_eq!(sold, i128::from(clearing.total_allocated.0));
    let may_oversell = terms.allocation == Allocation::Treasury;
    prop_assert!(clearing.total_allocated <= clearing.supply || may_oversell);
    if terms.money_unit.is_none() {
        prop_assert_eq!(exact(&clearing.revenue), paid);
    } else {
        let rounded: BigRational = clearing.bidders.iter().map(|award| exact(&award.payment)).sum();
        prop_assert_eq!(exact(&clearing.revenue), rounded.clone());
        prop_assert!(rounded <= paid);
    }
    if let Some(cap) = terms.bidder_cap() {
        for (bidder, lots) in by_bidder {
            let held = terms.net_long.get(&bidder).map_or(0, |held| held.0);
            prop_assert!(lots <= i128::from((cap.0 - held).max(0)), "bidder {bidder} won {lots}");
        }
    }
    if sells && terms.allocation == Allocation::ProRata && terms.is_ordinary() {
        shares_are_within_one_lot(bids, clearing)?;
    }
    if sells && terms.is_ordinary() && terms.allocation != Allocation::ProRataDemand {
        nobody_above_is_left_out_and_no_volume_is_lost(terms, bids, clearing)?;
    }
    Ok(())
}

/// At the margin each limit bid's lots are less than one from its quota of what price takers leave.
fn shares_are_within_one_lot(bids: &[Bid], clearing: &Clearing) -> Result<(), TestCaseError> {
    let price = clearing.indicative_price;
    let margin = || bids.iter().filter(|bid| !bid.is_phantom && clearing.is_at_margin(bid));
    let to_takers: i64 = margin().filter(|bid| bid.price.is_none()).map(|bid| clearing.fill(bid).0).sum();
    let limits = || margin().filter(|bid| bid.price.is_some());
    let wanted: i128 = limits().map(|bid| bid.want.lots_at(price)).sum();
    for bid in limits().filter(|_| wanted > 0) {
        let available = BigInt::from(clearing.marginal_available) - to_takers;
        let quota = BigRational::new(available * bid.want.lots_at(price), wanted.into());
        let difference = rational(clearing.fill(bid).0) - quota;
        prop_assert!(
            difference > rational(-1) && difference < rational(1),
            "{:?} is {} off",
            bid,
            difference
        );
    }
    Ok(())
}

fn nobody_above_is_left_out_and_no_volume_is_lost(
    terms: &Terms,
    bids: &[Bid],
    clearing: &Clearing,
) -> Result<(), TestCaseError> {
    let price = clearing.indicative_price;
    let ceiling = terms.supply.ceiling().unwrap_or(PriceTicks(i64::MAX));
    for bid in bids.iter().filter(|bid| !bid.is_phantom) {
        let Some(limit) = bid.price else { continue };
        if limit.min(ceiling) > price {
            prop_assert_eq!(i128::from(clearing.fill(bid).0), bid.want.lots_at(price));
        }
    }
    let has_only_real_quantities =
        bids.iter().all(|bid| !bid.is_phantom && matches!(bid.want, Want::Quantity(_)));
    if has_only_real_quantities && terms.allocation != Allocation::Treasury {
        let volume = |tick: PriceTicks| {
            let limit = |bid: &Bid| bid.price.map_or(ceiling, |limit| limit.min(ceiling));
            let demand: i128 =
                bids.iter().filter(|bid| limit(bid) >= tick).map(|bid| bid.want.lots_at(tick)).sum();
            demand.min(i128::from(terms.supply.at(tick).lots.0))
        };
        let limits = bids.iter().filter_map(|bid| bid.price).map(|limit| limit.min(ceiling));
        let around = limits.flat_map(|limit| [limit, PriceTicks((limit.0 - 1).max(terms.lowest_price().0))]);
        let best = around.map(volume).max().unwrap_or(0);
        prop_assert!(i128::from(clearing.total_allocated.0) >= best, "{best} could be sold");
    }
    Ok(())
}

/// Without this the tests above might hold because nothing happens in their sales.
#[test]
fn random_sales_reach_every_corner_of_the_rules() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..2_000 {
        let sale = sales().new_tree(&mut runner).expect("sales can be made").current();
        let (terms, bids) = sale.as_clearing_takes_it();
        let clearing = clear(&terms, &bids).expect("the sale is valid");
        let sells = clearing.price.is_some();
        let won = |count: fn(&Bid) -> bool| bids.iter().any(|bid| count(bid) && clearing.fill(bid).0 > 0);
        let is_rationed = clearing.marginal_available < clearing.marginal_demand;
        let corners = [
            ("cleared", clearing.outcome == Outcome::Cleared),
            ("undersubscribed", clearing.outcome == Outcome::Undersubscribed),
            ("no sale", clearing.outcome == Outcome::NoSale),
            ("cancelled", clearing.outcome == Outcome::Cancelled),
            ("an interval", clearing.interval.0 < clearing.interval.1 && sells),
            ("rationing", sells && is_rationed && clearing.marginal_available > 0),
            ("a margin without lots", sells && is_rationed && clearing.marginal_available == 0),
            ("kills", !clearing.killed.is_empty() && sells),
            ("several kills", clearing.killed.len() > 2),
            ("kills beside a cap", !clearing.killed.is_empty() && terms.bidder_cap().is_some()),
            ("a cap", terms.bidder_cap().is_some() && terms.allow_partial_fills && sells),
            ("oversold", clearing.oversold.0 > 0),
            ("price takers", won(|bid| bid.price.is_none())),
            ("budgets", won(|bid| matches!(bid.want, Want::Budget(_)))),
            ("phantoms push lots out", clearing.phantom_bids > 0 && clearing.unsold.0 > 0 && sells),
            ("parts of a unit", clearing.revenue.part > 0),
            ("rounded payments", clearing.bidders.len() > 1),
        ];
        for (corner, is_reached) in corners {
            *seen.entry(corner).or_default() += u32::from(is_reached);
        }
    }
    for (corner, count) in seen {
        assert!(count >= 5, "{corner}: {count} of 2000 sales");
    }
}

#[test]
fn shares_of_the_margin_are_within_one_lot_of_their_quotas() {
    let terms = sale::plain_terms(5, 1_000_003);
    let bids: Vec<Bid> =
        (0..1_000).map(|seq| sale::plain_bid(7, 1_000 + (seq * 7919) % 2_003, seq as u64)).collect();
    let clearing = clear(&terms, &bids).expect("the bids are valid");
    let wanted: i64 = bids.iter().map(|bid| bid.want.lots_at(PriceTicks(7)) as i64).sum();
    assert_eq!(clearing.total_allocated, QuantityLots(1_000_003));
    for bid in &bids {
        let quota = rational(1_000_003) * BigRational::from_integer(bid.want.lots_at(PriceTicks(7)).into())
            / rational(wanted);
        let difference = rational(clearing.fill(bid).0) - quota;
        assert!(difference > rational(-1) && difference < rational(1));
    }
}

#[test]
fn two_bids_with_one_number_are_refused_where_their_order_matters() {
    let terms = sale::plain_terms(5, 10);
    let bids = [sale::plain_bid(7, 7, 3), sale::plain_bid(7, 7, 3), sale::plain_bid(7, 7, 4)];
    assert_eq!(clear(&terms, &bids), Err(ClearError::DuplicateSeq { seq: 3 }));
}

#[test]
fn what_entry_should_have_refused_is_refused() {
    let terms = sale::plain_terms(5, 10);
    for (price, lots) in [(4, 1), (5, 0), (5, -1), (-5, 1)] {
        let bids = [sale::plain_bid(9, 5, 0), sale::plain_bid(price, lots, 1)];
        assert_eq!(clear(&terms, &bids), Err(ClearError::InvalidBid { seq: 1 }), "{lots} at {price}");
    }
    let budget = Bid { want: Want::Budget(Money(100)), ..sale::plain_bid(9, 5, 1) };
    assert!(clear(&terms, &[budget]).is_ok());
    let with_cap = Terms { max_quantity_per_bidder: Some(QuantityLots(50)), ..terms };
    assert_eq!(clear(&with_cap, &[budget]), Err(ClearError::InvalidBid { seq: 1 }), "a budget beside a cap");
}

#[test]
fn awards_rounded_up_beyond_all_counting_are_an_error() {
    let mut terms = sale::plain_terms(1, i64::MAX - 1);
    terms.allocation = Allocation::Treasury;
    let bids: Vec<Bid> = (0..1_000_000).map(|seq| sale::plain_bid(7, i64::MAX, seq)).collect();
    assert_eq!(clear(&terms, &bids), Err(ClearError::Overflow));
}
