//! The market's rules of one sale, from JSON.

use super::super::fields::{Fields, TermsError, steps_of};
use super::supply;
use crate::clearing::{self, Allocation, AwardLimit, MoneyTerm, PriceRule, Shape, Supply, Undersubscribed};
use crate::units::wide::Wide;
use crate::units::{Decimal, Grid, MoneyGrid, PriceTicks, QuantityLots};

/// The keys of a sale's rules.
pub(super) const SALE_KEYS: &[&str] = &[
    "mode",
    "type",
    "tick_size",
    "lot_size",
    "reserve_price",
    "supply",
    "supply_schedule",
    "price_rule",
    "undersubscribed",
    "allocation",
    "allow_partial_fills",
    "max_quantity_per_bidder",
    "max_award_fraction",
    "net_long",
    "min_bid_quantity",
    "award_multiple",
    "award_minimum",
    "min_revenue",
    "money_unit",
    "max_bids_per_bidder",
    "allow_price_takers",
    "allow_phantom_bids",
    "allow_cancel",
];

pub(super) const PRICE_RULES: &[(&str, PriceRule)] = &[
    ("lab", PriceRule::Lab),
    ("hrb", PriceRule::Hrb),
    ("mid", PriceRule::Mid),
    ("pay_as_bid", PriceRule::PayAsBid),
];
pub(super) const UNDERSUBSCRIBED: &[(&str, Undersubscribed)] = &[
    ("reserve", Undersubscribed::Reserve),
    ("lowest_bid", Undersubscribed::LowestBid),
    ("cancel", Undersubscribed::Cancel),
];
pub(super) const ALLOCATIONS: &[(&str, Allocation)] = &[
    ("pro_rata", Allocation::ProRata),
    ("price_time", Allocation::PriceTime),
    ("size_time", Allocation::SizeTime),
    ("pro_rata_demand", Allocation::ProRataDemand),
    ("treasury", Allocation::Treasury),
];

/// The rules of a sale, with the grids they were read on.
#[derive(Debug, Clone, PartialEq)]
pub struct SaleTerms {
    /// Grid of prices.
    pub tick: Grid,
    /// Grid of quantities.
    pub lot: Grid,
    /// The rules. `net_long` is empty: bidders have names here, and numbers only beside their bids.
    pub sale: clearing::Terms,
    /// What bidders hold already, by name, in the order written.
    pub net_long: Vec<(String, QuantityLots)>,
}

impl SaleTerms {
    /// The grid of money.
    pub fn money(&self) -> MoneyGrid {
        self.tick.times(self.lot)
    }
}

/// Takes the rules of the sale out of the fields.
pub(super) fn read(fields: &mut Fields) -> Result<SaleTerms, TermsError> {
    fields.word("mode", &[("sale", ())])?;
    fields.word("type", &[("uniform_price", ())])?;
    let tick = grid(fields, "tick_size", "0.01")?;
    let lot = grid(fields, "lot_size", "0.000001")?;
    let reserve = PriceTicks(fields.steps("reserve_price", tick)?.unwrap_or(0));
    let supply = read_supply(fields, tick, lot)?;
    if supply.ceiling().is_some_and(|ceiling| ceiling < reserve) {
        return Err(fields.error("reserve_price", "must not be above the supply's price_ceiling"));
    }
    let mut sale = clearing::Terms::new(reserve, supply);
    sale.price_rule = fields.word("price_rule", PRICE_RULES)?.unwrap_or_default();
    sale.undersubscribed = fields.word("undersubscribed", UNDERSUBSCRIBED)?.unwrap_or_default();
    sale.allocation = fields.word("allocation", ALLOCATIONS)?.unwrap_or_default();
    sale.allow_partial_fills = fields.boolean("allow_partial_fills")?.unwrap_or(true);
    if !sale.allow_partial_fills
        && matches!(sale.allocation, Allocation::ProRataDemand | Allocation::Treasury)
    {
        let problem = "cannot be false with the allocation `pro_rata_demand` or `treasury`";
        return Err(fields.error("allow_partial_fills", problem));
    }
    sale.max_quantity_per_bidder = fields.positive_steps("max_quantity_per_bidder", lot)?.map(QuantityLots);
    sale.max_award = read_award_limit(fields, &sale.supply, lot)?;
    sale.min_bid_quantity = fields.steps("min_bid_quantity", lot)?.map(QuantityLots);
    sale.award_multiple = fields.positive_steps("award_multiple", lot)?.map(QuantityLots);
    sale.award_minimum = fields.steps("award_minimum", lot)?.map(QuantityLots);
    let money = tick.times(lot);
    let stated = fields.decimal("min_revenue")?;
    sale.min_revenue = money_term(fields, "min_revenue", stated, money)?;
    let stated = fields.positive_decimal("money_unit")?;
    sale.money_unit = money_term(fields, "money_unit", stated, money)?;
    let net_long = read_net_long(fields, lot)?;
    Ok(SaleTerms { tick, lot, sale, net_long })
}

fn grid(fields: &mut Fields, key: &str, default: &str) -> Result<Grid, TermsError> {
    let step = match fields.positive_decimal(key)? {
        Some(step) => step,
        None => return Ok(Grid::parse(default).expect("the defaults are grids")),
    };
    let problem = "must have at most 18 significant and at most 36 fractional digits";
    Grid::new(step).ok_or_else(|| fields.error(key, problem))
}

fn read_supply(fields: &mut Fields, tick: Grid, lot: Grid) -> Result<Supply, TermsError> {
    let own = fields.object("supply", supply::KEYS)?;
    let companion = fields.object("supply_schedule", supply::KEYS)?;
    let (key, members) = match (own, companion) {
        (Some(_), Some(_)) => {
            return Err(fields.error("supply_schedule", "says the same as `supply`: give one"));
        }
        (Some(members), None) => ("supply", members),
        (None, Some(members)) => ("supply_schedule", members),
        (None, None) => return Err(fields.missing("supply")),
    };
    let schedule = supply::read(members)?;
    Supply::new(schedule, tick, lot).map_err(|error| {
        let below = error.field.strip_prefix("supply").unwrap_or(&error.field);
        TermsError::new(format!("{key}{below}"), error.problem)
    })
}

fn read_award_limit(
    fields: &mut Fields,
    supply: &Supply,
    lot: Grid,
) -> Result<Option<AwardLimit>, TermsError> {
    let Some(fraction) = fields.positive_decimal("max_award_fraction")? else { return Ok(None) };
    // Above 1 is a mantissa above the power of ten of its scale.
    let is_at_most_one = 10_i128.checked_pow(fraction.scale()).is_none_or(|one| fraction.mantissa() <= one);
    if !is_at_most_one {
        return Err(fields.error("max_award_fraction", "must be at most 1"));
    }
    let base = match &supply.schedule().shape {
        Shape::Fixed { quantity } => *quantity,
        Shape::Step { points } => points.last().map_or(Decimal::ZERO, |point| point.quantity),
        Shape::Linear(curve) | Shape::Exponential(curve) | Shape::Logarithmic(curve) => curve.base_quantity,
        Shape::Power { max_quantity, .. } => *max_quantity,
    };
    Ok(Some(AwardLimit { fraction, lots: fraction_of(fraction, base, lot) }))
}

/// A fraction of a quantity in whole lots, rounded down, both not negative.
fn fraction_of(fraction: Decimal, base: Decimal, lot: Grid) -> QuantityLots {
    let mut above = wide(fraction.mantissa()).checked_mul(&wide(base.mantissa()));
    for _ in 0..lot.scale() {
        above = above.and_then(|above| above.checked_mul(&wide(10)));
    }
    let mut below = Some(wide(i128::from(lot.mantissa())));
    for _ in 0..fraction.scale() + base.scale() {
        below = below.and_then(|below| below.checked_mul(&wide(10)));
    }
    let (above, below) = above.zip(below).expect("three 38-digit numbers fit 512 bits");
    let lots = above.div_rem(&below).0.to_u128().and_then(|lots| i64::try_from(lots).ok());
    QuantityLots(lots.unwrap_or(i64::MAX))
}

fn wide(number: i128) -> Wide<8> {
    Wide::from_u128(number.unsigned_abs())
}

fn money_term(
    fields: &Fields,
    key: &str,
    stated: Option<Decimal>,
    money: MoneyGrid,
) -> Result<Option<MoneyTerm>, TermsError> {
    let Some(stated) = stated else { return Ok(None) };
    let problem = if stated.is_negative() { "must not be negative" } else { "is out of range" };
    MoneyTerm::new(stated, money).map(Some).ok_or_else(|| fields.error(key, problem))
}

fn read_net_long(fields: &mut Fields, lot: Grid) -> Result<Vec<(String, QuantityLots)>, TermsError> {
    let reading = fields.reading();
    let path = fields.at("net_long");
    let members = match fields.take("net_long") {
        None => return Ok(Vec::new()),
        Some(super::super::document::Value::Object(members)) => members,
        Some(other) => {
            return Err(TermsError::new(path, format!("expected an object, not {}", other.kind())));
        }
    };
    let read = members.into_iter().map(|(bidder, value)| {
        let lots = steps_of(&value, lot, reading, &format!("{path}.{bidder}"))?;
        Ok((bidder.into_owned(), QuantityLots(lots)))
    });
    read.collect()
}
