//! Exact fractions: the parameters of a supply schedule in ticks and lots, and straight lines through them.

use super::fixed_point::Whole;
use super::supply::Offered;
use crate::units::{Decimal, Grid, QuantityLots};

/// A fraction that is not negative, in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ratio {
    /// Below `2^127`.
    pub numerator: u128,
    /// From 1 to `2^127`.
    pub denominator: u128,
}

impl Ratio {
    /// A number that is not negative; `None` if it is.
    pub fn of(number: Decimal) -> Option<Self> {
        let numerator = u128::try_from(number.mantissa()).ok()?;
        Self::reduced(numerator, 10_u128.checked_pow(number.scale())?)
    }

    /// How many steps of a grid a number is; `None` if it is negative or takes more than 127 bits.
    pub fn on_grid(number: Decimal, grid: Grid) -> Option<Self> {
        let mantissa = u128::try_from(number.mantissa()).ok()?;
        let step = Self::reduced(mantissa, u128::from(grid.mantissa().unsigned_abs()))?;
        let power = 10_u128.checked_pow(grid.scale().abs_diff(number.scale()))?;
        if grid.scale() >= number.scale() {
            let power = Self::reduced(power, step.denominator)?;
            Self::reduced(step.numerator.checked_mul(power.numerator)?, power.denominator)
        } else {
            let power = Self::reduced(step.numerator, power)?;
            Self::reduced(power.numerator, power.denominator.checked_mul(step.denominator)?)
        }
    }

    fn reduced(numerator: u128, denominator: u128) -> Option<Self> {
        let (mut left, mut right) = (numerator, denominator);
        while right != 0 {
            (left, right) = (right, left % right);
        }
        let (numerator, denominator) = (numerator / left, denominator / left);
        (numerator.max(denominator) < 1 << 127).then_some(Self { numerator, denominator })
    }

    pub fn is_zero(self) -> bool {
        self.numerator == 0
    }

    pub fn is_above(self, other: Self) -> bool {
        wide(self.numerator, other.denominator) > wide(other.numerator, self.denominator)
    }

    /// Rounded down; `None` beyond 63 bits.
    pub fn floor(self) -> Option<i64> {
        i64::try_from(self.numerator / self.denominator).ok()
    }

    /// Rounded up; `None` beyond 63 bits.
    pub fn ceil(self) -> Option<i64> {
        i64::try_from(self.numerator.div_ceil(self.denominator)).ok()
    }

    /// As a supply in lots.
    pub fn offered(self) -> Offered {
        offered(&Whole::from_u128(self.numerator), &Whole::from_u128(self.denominator))
    }
}

/// The product of two 128-bit numbers.
pub(super) fn wide(left: u128, right: u128) -> Whole {
    product(&Whole::from_u128(left), right)
}

/// A product that is known to fit.
pub(super) fn product(left: &Whole, right: u128) -> Whole {
    left.checked_mul(&Whole::from_u128(right)).expect("parameters leave room in 768 bits")
}

/// A sum that is known to fit.
pub(super) fn sum(left: &Whole, right: &Whole) -> Whole {
    left.checked_add(right).expect("parameters leave room in 768 bits")
}

/// A fraction of lots, rounded down, and whether it is whole.
pub(super) fn offered(numerator: &Whole, denominator: &Whole) -> Offered {
    let (lots, rest) = numerator.div_rem(denominator);
    match lots.to_u64().and_then(|lots| i64::try_from(lots).ok()) {
        Some(lots) => Offered { lots: QuantityLots(lots), is_whole: rest.is_zero() },
        None => Offered::BEYOND,
    }
}

/// A straight line over the ticks, `(slope (p - origin) + plus - minus) / denominator`.
///
/// Each part is below `2^640`, so that adding them up stays within [`Whole`].
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub origin: i64,
    pub slope: Whole,
    pub plus: Whole,
    pub minus: Whole,
    pub denominator: Whole,
}

impl Line {
    /// `k (p - floor) / (ceiling - floor)`, counted from a tick that is not below the floor.
    pub fn between(factor: Ratio, floor: Ratio, ceiling: Ratio, origin: i64) -> Option<Self> {
        let span = wide(ceiling.numerator, floor.denominator)
            .checked_sub(&wide(floor.numerator, ceiling.denominator))?;
        let above = wide(u128::try_from(origin).ok()?, floor.denominator)
            .checked_sub(&Whole::from_u128(floor.numerator))?;
        let scale = wide(factor.numerator, ceiling.denominator);
        Some(Self {
            origin,
            slope: product(&scale, floor.denominator),
            plus: scale.checked_mul(&above)?,
            minus: Whole::ZERO,
            denominator: product(&span, factor.denominator),
        })
    }

    /// `k (p - reference) / reference`, counted from 0.
    pub fn about(factor: Ratio, reference: Ratio) -> Self {
        Self {
            origin: 0,
            slope: wide(factor.numerator, reference.denominator),
            plus: Whole::ZERO,
            minus: wide(factor.numerator, reference.numerator),
            denominator: wide(factor.denominator, reference.numerator),
        }
    }

    /// `base (1 + self)`.
    pub fn scaled_one_plus(self, base: Ratio) -> Self {
        let times = |part: &Whole| product(part, base.numerator);
        Self {
            origin: self.origin,
            slope: times(&self.slope),
            plus: times(&sum(&self.plus, &self.denominator)),
            minus: times(&self.minus),
            denominator: product(&self.denominator, base.denominator),
        }
    }

    /// The numerator's parts at a tick that is not below the origin: what counts up, and what counts down.
    pub fn numerator(&self, tick: i64) -> (Whole, Whole) {
        let above = u128::try_from(tick - self.origin).expect("ticks are not below the origin");
        (sum(&product(&self.slope, above), &self.plus), self.minus)
    }
}

/// A linear supply: exact, and where its numbers are small in 128 bits.
#[derive(Debug, Clone)]
pub(super) struct Linear {
    line: Line,
    /// Slope, plus, minus and denominator, where each fits.
    small: Option<[u128; 4]>,
}

impl Linear {
    pub fn new(line: Line) -> Self {
        let common = line.slope.gcd(line.plus).gcd(line.minus).gcd(line.denominator);
        let reduced = |part: &Whole| part.div_rem(&common).0.to_u128();
        let small = || {
            let (slope, plus) = (reduced(&line.slope)?, reduced(&line.plus)?);
            Some([slope, plus, reduced(&line.minus)?, reduced(&line.denominator)?])
        };
        let small = small();
        Self { line, small }
    }

    /// The supply at a tick that is not below the line's origin; nothing where the line is below 0.
    pub fn at(&self, tick: i64) -> Offered {
        self.at_small(tick).unwrap_or_else(|| {
            let (plus, minus) = self.line.numerator(tick);
            let numerator = plus.checked_sub(&minus);
            numerator.map_or(Offered::NOTHING, |numerator| offered(&numerator, &self.line.denominator))
        })
    }

    fn at_small(&self, tick: i64) -> Option<Offered> {
        let [slope, plus, minus, denominator] = self.small?;
        let above = u128::try_from(tick - self.line.origin).ok()?;
        let numerator = slope.checked_mul(above)?.checked_add(plus)?;
        let Some(numerator) = numerator.checked_sub(minus) else { return Some(Offered::NOTHING) };
        let (lots, rest) = match (u64::try_from(numerator), u64::try_from(denominator)) {
            (Ok(numerator), Ok(denominator)) => {
                (u128::from(numerator / denominator), u128::from(numerator % denominator))
            }
            _ => (numerator / denominator, numerator % denominator),
        };
        Some(match i64::try_from(lots) {
            Ok(lots) => Offered { lots: QuantityLots(lots), is_whole: rest == 0 },
            Err(_) => Offered::BEYOND,
        })
    }
}
