//! The supply schedule: how much the seller offers at each price, exact at every tick.
//!
//! A [`Schedule`] is what the terms of an auction say, in decimals of their own; a [`Supply`] is
//! the same put on the auction's ticks and lots, checked, and ready to be asked for any price.
//! It never decreases with the price. No floats and no library functions take part, so
//! every machine gets the same lots at every tick.

use std::sync::Arc;

use super::supply_build::{Built, Form};
use crate::units::{Decimal, Grid, PriceTicks, QuantityLots};

/// A supply schedule as the terms state it: prices and quantities are decimals, not yet ticks and lots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// How supply depends on the price.
    pub shape: Shape,
    /// Nothing is offered below this price. Curves need it unless they have a `reference_price`.
    pub price_floor: Option<Decimal>,
    /// Supply stays what it is here at all higher prices. Curves need it unless they have a `reference_price`.
    pub price_ceiling: Option<Decimal>,
}

/// How supply depends on the price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// The same at every price.
    Fixed {
        /// How much.
        quantity: Decimal,
    },
    /// The quantity of the last point at or below the price; nothing below the first.
    Step {
        /// At least one, prices rising, quantities not falling.
        points: Vec<StepPoint>,
    },
    /// `base (1 + k t)`, or `base (1 + k x)`.
    Linear(Curve),
    /// `base e^(k t)`, or `base e^(k x)`.
    Exponential(Curve),
    /// `base (1 + ln(1 + k t))`, or `base (1 + k ln(p / reference))`.
    Logarithmic(Curve),
    /// `max min(1, p / saturation)^exponent`.
    Power {
        /// The most that is ever offered.
        max_quantity: Decimal,
        /// From this price on all of it is offered. Positive.
        saturation_price: Decimal,
        /// Not negative.
        exponent: Decimal,
    },
}

/// One step of a supply schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepPoint {
    /// From this price on …
    pub price: Decimal,
    /// … this much is offered altogether.
    pub quantity: Decimal,
}

/// The numbers of a curve.
///
/// Without `reference_price`, `t = (p - floor) / (ceiling - floor)`; with it, `x = (p - reference) / reference`,
/// floor and ceiling are optional, and where the formula is negative nothing is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Curve {
    /// What is offered at the floor, or at the reference price.
    pub base_quantity: Decimal,
    /// The `k` of the formulas. Not negative.
    pub elasticity_factor: Decimal,
    /// The price at which exactly the base is offered.
    pub reference_price: Option<Decimal>,
}

/// Why a schedule is refused: `supply.points[2]: quantity decreases`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct SupplyError {
    /// Where, as a path into the terms.
    pub field: String,
    /// What is wrong there, for people.
    pub problem: &'static str,
}

/// What is offered at one price.
///
/// Supply need not be a whole number of lots. Demand is, so two facts decide every comparison:
/// `demand <= supply` is `demand <= lots`, and `demand >= supply` is `demand >= lots` where supply is
/// whole and `demand > lots` where it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
    /// Supply rounded down to whole lots. More than `i64::MAX` lots are given as `i64::MAX`, not whole,
    /// which compares right with every demand there can be.
    pub lots: QuantityLots,
    /// Whether supply is exactly `lots`.
    pub is_whole: bool,
}

impl Offered {
    /// Nothing at all.
    pub const NOTHING: Self = Self { lots: QuantityLots(0), is_whole: true };

    /// More than can be represented.
    pub(super) const BEYOND: Self = Self { lots: QuantityLots(i64::MAX), is_whole: false };

    /// Whether this much demand is at least the supply, the supply not being rounded.
    pub fn is_reached_by(self, demand: i128) -> bool {
        let lots = i128::from(self.lots.0);
        if self.is_whole { demand >= lots } else { demand > lots }
    }

    /// Whether this much demand finds room in the supply.
    pub fn has_room_for(self, demand: i128) -> bool {
        demand <= i128::from(self.lots.0)
    }
}

/// A supply schedule on the ticks and lots of its auction. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Supply {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    schedule: Schedule,
    tick: Grid,
    lot: Grid,
    built: Built,
}

impl PartialEq for Supply {
    fn eq(&self, other: &Self) -> bool {
        let terms = |supply: &Self| (supply.inner.tick, supply.inner.lot);
        terms(self) == terms(other) && self.inner.schedule == other.inner.schedule
    }
}

impl Eq for Supply {}

impl Supply {
    /// Checks a schedule and puts it on the grids of its auction.
    ///
    /// Prices and quantities need not lie on the grids: supply is exact at every tick all the same. The error
    /// names the field, as a path that starts with `supply`.
    pub fn new(schedule: Schedule, tick: Grid, lot: Grid) -> Result<Self, SupplyError> {
        let built = Built::new(&schedule, tick, lot)?;
        let supply = Self { inner: Arc::new(Inner { schedule, tick, lot, built }) };
        if supply.ceiling().is_some_and(|ceiling| supply.at(ceiling) == Offered::BEYOND) {
            return Err(SupplyError {
                field: "supply.price_ceiling".into(),
                problem: "more lots are offered there than can be represented",
            });
        }
        Ok(supply)
    }

    /// What is offered at a price: 0 below the floor, and above the ceiling what is offered there.
    ///
    /// Exact, and never less than at any lower price. Curves cost a fraction of a microsecond the first time a
    /// price is asked for, and are remembered near the floor.
    #[inline]
    pub fn at(&self, price: PriceTicks) -> Offered {
        match self.inner.built.form {
            Form::Fixed(offered) if self.inner.built.floor.is_none() => offered,
            _ => self.at_any(price),
        }
    }

    fn at_any(&self, price: PriceTicks) -> Offered {
        let Built { form, floor, ceiling, .. } = &self.inner.built;
        if floor.is_some_and(|floor| price < floor) {
            return Offered::NOTHING;
        }
        let tick = ceiling.map_or(price, |ceiling| price.min(ceiling)).0.max(0);
        match form {
            Form::Fixed(offered) => *offered,
            Form::Steps(steps) => {
                let reached = steps.partition_point(|step| step.0 <= tick);
                reached.checked_sub(1).map_or(Offered::NOTHING, |last| steps[last].1)
            }
            Form::Linear(linear) => linear.at(tick),
            Form::Curved(curved) => curved.at(tick),
        }
    }

    /// Whether the same is offered at every price from the floor on.
    pub fn is_fixed(&self) -> bool {
        matches!(self.inner.built.form, Form::Fixed(_))
    }

    /// The lowest tick at which anything may be offered, where the schedule has a floor.
    pub fn floor(&self) -> Option<PriceTicks> {
        self.inner.built.floor
    }

    /// The highest tick of a sale, where the schedule has a ceiling: limits above it count as this.
    pub fn ceiling(&self) -> Option<PriceTicks> {
        self.inner.built.ceiling
    }

    /// The quantity that names the size of the sale (`quantity`, that of the last step, `base_quantity`,
    /// `max_quantity`), rounded down to lots: what an award fraction is a fraction of.
    pub fn nominal(&self) -> QuantityLots {
        self.inner.built.nominal
    }

    /// What the terms said.
    pub fn schedule(&self) -> &Schedule {
        &self.inner.schedule
    }
}
