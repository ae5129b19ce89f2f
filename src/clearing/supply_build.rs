//! From a schedule's decimals to its form on ticks and lots: every check a schedule must pass.

use super::supply::{Curve, Offered, Schedule, Shape, StepPoint, SupplyError};
use super::supply_curve::{Curved, Law};
use super::supply_ratio::{Line, Linear, Ratio};
use crate::units::{Decimal, Grid, PriceTicks, QuantityLots};

/// The largest factor or exponent of a curve; anything sensible is far below.
const FACTOR_MAX: u128 = 1_000_000_000;

/// A schedule on its grids.
#[derive(Debug)]
pub(super) struct Built {
    pub form: Form,
    pub floor: Option<PriceTicks>,
    pub ceiling: Option<PriceTicks>,
    pub nominal: QuantityLots,
}

/// How supply is found from the floor to the ceiling.
#[derive(Debug)]
pub(super) enum Form {
    Fixed(Offered),
    /// From each of these ticks on, in rising order.
    Steps(Box<[(i64, Offered)]>),
    Linear(Box<Linear>),
    Curved(Box<Curved>),
}

fn error(field: impl Into<String>, problem: &'static str) -> SupplyError {
    SupplyError { field: field.into(), problem }
}

impl Built {
    pub fn new(schedule: &Schedule, tick: Grid, lot: Grid) -> Result<Self, SupplyError> {
        let builder = Builder { schedule, tick, lot };
        let range = builder.range()?;
        let (form, nominal) = match &schedule.shape {
            Shape::Fixed { quantity } => {
                let quantity = builder.lots("supply.quantity", *quantity)?;
                (Form::Fixed(quantity.offered()), quantity)
            }
            Shape::Step { points } => builder.steps(points)?,
            Shape::Linear(curve) => builder.linear(curve, &range)?,
            Shape::Exponential(curve) => builder
                .curve(curve, &range, |factor| Ok(Law::Exponential(builder.line(curve, factor, &range)?)))?,
            Shape::Logarithmic(curve) => {
                builder.curve(curve, &range, |factor| builder.logarithmic(curve, factor, &range))?
            }
            Shape::Power { max_quantity, saturation_price, exponent } => {
                builder.power(*max_quantity, *saturation_price, *exponent, &range)?
            }
        };
        let nominal = QuantityLots(nominal.floor().expect("checked with the quantity"));
        let price = |price: Option<Bound>| price.map(|price| PriceTicks(price.1));
        Ok(Self { form, floor: price(range.floor), ceiling: price(range.ceiling), nominal })
    }
}

/// Floor and ceiling as they were stated, each with its tick on the inside.
struct Range {
    floor: Option<Bound>,
    ceiling: Option<Bound>,
}

/// A price as it was stated, and its tick.
type Bound = (Ratio, i64);

struct Builder<'a> {
    schedule: &'a Schedule,
    tick: Grid,
    lot: Grid,
}

impl Builder<'_> {
    fn range(&self) -> Result<Range, SupplyError> {
        let beyond = |field| move || error(field, "is beyond all prices");
        let floor = |price| {
            let price = self.ticks("supply.price_floor", price)?;
            Ok((price, price.ceil().ok_or_else(beyond("supply.price_floor"))?))
        };
        let ceiling = |price| {
            let price = self.ticks("supply.price_ceiling", price)?;
            Ok((price, price.floor().ok_or_else(beyond("supply.price_ceiling"))?))
        };
        let floor = self.schedule.price_floor.map(floor).transpose()?;
        let ceiling = self.schedule.price_ceiling.map(ceiling).transpose()?;
        if let (Some(floor), Some(ceiling)) = (floor, ceiling) {
            if floor.0.is_above(ceiling.0) {
                return Err(error("supply.price_ceiling", "is below the floor"));
            }
            if floor.1 > ceiling.1 {
                return Err(error("supply.price_ceiling", "no tick lies between the floor and it"));
            }
        }
        Ok(Range { floor, ceiling })
    }

    fn steps(&self, points: &[StepPoint]) -> Result<(Form, Ratio), SupplyError> {
        let mut steps = Vec::with_capacity(points.len());
        let mut last: Option<(Ratio, Ratio)> = None;
        for (index, point) in points.iter().enumerate() {
            let field = format!("supply.points[{index}]");
            let price = self.ticks(&field, point.price)?;
            let quantity = self.lots(&field, point.quantity)?;
            if let Some((last_price, last_quantity)) = last {
                if !price.is_above(last_price) {
                    return Err(error(field, "price does not rise"));
                }
                if last_quantity.is_above(quantity) {
                    return Err(error(field, "quantity decreases"));
                }
            }
            let tick = price.ceil().ok_or_else(|| error(field, "price is beyond all prices"))?;
            steps.push((tick, quantity.offered()));
            last = Some((price, quantity));
        }
        let (_, nominal) = last.ok_or_else(|| error("supply.points", "has no point"))?;
        Ok((Form::Steps(steps.into()), nominal))
    }

    fn linear(&self, curve: &Curve, range: &Range) -> Result<(Form, Ratio), SupplyError> {
        let base = self.lots("supply.base_quantity", curve.base_quantity)?;
        let factor = ratio("supply.elasticity_factor", curve.elasticity_factor)?;
        let line = self.line(curve, factor, range)?;
        Ok((Form::Linear(Box::new(Linear::new(line.scaled_one_plus(base)))), base))
    }

    /// An exponential or logarithmic schedule, whose law is made from its factor.
    fn curve(
        &self,
        curve: &Curve,
        range: &Range,
        law: impl FnOnce(Ratio) -> Result<Law, SupplyError>,
    ) -> Result<(Form, Ratio), SupplyError> {
        let base = self.lots("supply.base_quantity", curve.base_quantity)?;
        let factor = factor("supply.elasticity_factor", curve.elasticity_factor)?;
        let law = law(factor)?;
        if factor.is_zero() {
            return Ok((Form::Fixed(base.offered()), base));
        }
        let base_price = match self.reference(curve)? {
            Some(reference) => reference,
            None => bounds(range)?.0.0,
        };
        let base_tick = base_price.floor().filter(|_| base_price.denominator == 1);
        Ok((curved(base, law, base_tick, range), base))
    }

    fn logarithmic(&self, curve: &Curve, factor: Ratio, range: &Range) -> Result<Law, SupplyError> {
        Ok(match self.reference(curve)? {
            Some(reference) => Law::LogarithmicAbout { factor, reference },
            None => Law::Logarithmic(self.line(curve, factor, range)?),
        })
    }

    fn power(
        &self,
        max_quantity: Decimal,
        saturation_price: Decimal,
        exponent: Decimal,
        range: &Range,
    ) -> Result<(Form, Ratio), SupplyError> {
        let base = self.lots("supply.max_quantity", max_quantity)?;
        let saturation = self.ticks("supply.saturation_price", saturation_price)?;
        if saturation.is_zero() {
            return Err(error("supply.saturation_price", "must be above 0"));
        }
        let exponent = factor("supply.exponent", exponent)?;
        if exponent.is_zero() {
            return Ok((Form::Fixed(base.offered()), base));
        }
        let law = Law::Power { exponent, saturation };
        Ok((curved(base, law, None, range), base))
    }

    /// The `k t` or `k x` of a curve.
    fn line(&self, curve: &Curve, factor: Ratio, range: &Range) -> Result<Line, SupplyError> {
        if let Some(reference) = self.reference(curve)? {
            return Ok(Line::about(factor, reference));
        }
        let ((floor, origin), (ceiling, _)) = bounds(range)?;
        let flat = || error("supply.price_ceiling", "must be above the floor");
        if !ceiling.is_above(floor) {
            return Err(flat());
        }
        Line::between(factor, floor, ceiling, origin).ok_or_else(flat)
    }

    fn reference(&self, curve: &Curve) -> Result<Option<Ratio>, SupplyError> {
        let Some(price) = curve.reference_price else { return Ok(None) };
        let reference = self.ticks("supply.reference_price", price)?;
        if reference.is_zero() {
            return Err(error("supply.reference_price", "must be above 0"));
        }
        Ok(Some(reference))
    }

    fn ticks(&self, field: &str, price: Decimal) -> Result<Ratio, SupplyError> {
        if price.is_negative() {
            return Err(error(field, "price is negative"));
        }
        Ratio::on_grid(price, self.tick).ok_or_else(|| error(field, "price has too many digits"))
    }

    fn lots(&self, field: &str, quantity: Decimal) -> Result<Ratio, SupplyError> {
        if quantity.is_negative() {
            return Err(error(field, "quantity is negative"));
        }
        let lots = Ratio::on_grid(quantity, self.lot);
        let lots = lots.ok_or_else(|| error(field, "quantity has too many digits"))?;
        if lots.offered() == Offered::BEYOND {
            return Err(error(field, "quantity is more lots than can be represented"));
        }
        Ok(lots)
    }
}

fn curved(base: Ratio, law: Law, base_tick: Option<i64>, range: &Range) -> Form {
    let origin = range.floor.map_or(0, |floor| floor.1);
    Form::Curved(Box::new(Curved::new(base, law, base_tick, origin)))
}

/// Floor and ceiling of a curve that needs both.
fn bounds(range: &Range) -> Result<(Bound, Bound), SupplyError> {
    let floor = range.floor.ok_or_else(|| error("supply.price_floor", "is missing"))?;
    let ceiling = range.ceiling.ok_or_else(|| error("supply.price_ceiling", "is missing"))?;
    Ok((floor, ceiling))
}

fn ratio(field: &str, number: Decimal) -> Result<Ratio, SupplyError> {
    if number.is_negative() {
        return Err(error(field, "is negative"));
    }
    Ratio::of(number).ok_or_else(|| error(field, "has too many digits"))
}

fn factor(field: &str, number: Decimal) -> Result<Ratio, SupplyError> {
    let ratio = ratio(field, number)?;
    if ratio.is_above(Ratio { numerator: FACTOR_MAX, denominator: 1 }) {
        return Err(error(field, "is above 1000000000"));
    }
    Ok(ratio)
}
