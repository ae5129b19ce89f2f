//! What is paid: exact amounts, and rounding them down to a settlement currency.
//!
//! Price × lots is a whole number of tick × lot units, but an average price need not be a
//! whole number of ticks, and a currency's unit need not be a whole number of such units.
//! A [`Payment`] is therefore a mixed number; where neither happens its fraction is 0.

use std::cmp::Ordering;

use crate::units::wide::Wide;
use crate::units::{Decimal, Money, MoneyGrid};

/// Two 128-bit numbers, multiplied.
type Product = Wide<4>;

/// An exact amount that is not negative: `whole + part / parts` tick × lot units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payment {
    /// The whole units.
    pub whole: Money,
    /// Above the line of the fraction, below `parts`.
    pub part: u128,
    /// Below the line of the fraction, not 0. The fraction need not be in lowest terms.
    pub parts: u128,
}

/// An exact amount of money that need not be whole in tick × lot units: `numerator / denominator` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MoneyRatio {
    /// Above the line, below 2^127.
    pub numerator: u128,
    /// Below the line, above 0 and below 2^127.
    pub denominator: u128,
}

/// An amount of money that the terms state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoneyTerm {
    /// As stated, in the currency of the sale.
    pub stated: Decimal,
    /// The same in tick × lot units.
    pub ratio: MoneyRatio,
}

impl MoneyTerm {
    /// Puts a stated amount on the grid of money; `None` if it is negative, or if its ratio leaves 127 bits.
    pub fn new(stated: Decimal, grid: MoneyGrid) -> Option<Self> {
        let step = grid.decimal(Money(1))?;
        let mantissa = u128::try_from(stated.mantissa()).ok()?;
        let (mut numerator, mut denominator) = lowest_terms(mantissa, step.mantissa().unsigned_abs());
        for _ in stated.scale()..step.scale() {
            (numerator, denominator) = lowest_terms_times_ten(numerator, denominator)?;
        }
        for _ in step.scale()..stated.scale() {
            (denominator, numerator) = lowest_terms_times_ten(denominator, numerator)?;
        }
        let fits = numerator < 1 << 127 && denominator < 1 << 127;
        fits.then_some(Self { stated, ratio: MoneyRatio { numerator, denominator } })
    }
}

/// A fraction in lowest terms; the denominator is not 0.
fn lowest_terms(numerator: u128, denominator: u128) -> (u128, u128) {
    let (mut divisor, mut rest) = (denominator, numerator);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    (numerator / divisor, denominator / divisor)
}

/// Ten times a fraction, in lowest terms; `None` beyond 128 bits.
fn lowest_terms_times_ten(numerator: u128, denominator: u128) -> Option<(u128, u128)> {
    let (ten, denominator) = lowest_terms(10, denominator);
    Some((numerator.checked_mul(ten)?, denominator))
}

impl Payment {
    /// Nothing.
    pub const ZERO: Self = Self::from_whole(Money(0));

    /// A whole number of tick × lot units.
    pub const fn from_whole(whole: Money) -> Self {
        Self { whole, part: 0, parts: 1 }
    }

    /// The sum. Of two amounts with fractions, both must have the same divisor, as all of one sale have.
    /// `None` beyond 127 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let whole = self.whole.checked_add(other.whole)?;
        if other.part == 0 {
            return Some(Self { whole, ..self });
        }
        if self.part == 0 {
            return Some(Self { whole, ..other });
        }
        debug_assert_eq!(self.parts, other.parts, "payments of one sale share a divisor");
        let part = self.part.checked_add(other.part)?;
        if part < self.parts {
            return Some(Self { whole, part, parts: self.parts });
        }
        Some(Self { whole: whole.checked_add(Money(1))?, part: part - self.parts, parts: self.parts })
    }

    /// Rounded down to a whole number of `unit`s; `None` beyond 127 bits.
    pub fn rounded_down(self, unit: MoneyRatio) -> Option<Self> {
        let MoneyRatio { numerator, denominator } = unit;
        let whole = u128::try_from(self.whole.0).ok()?;
        if denominator == 1 {
            let whole = i128::try_from(whole - whole % numerator).ok()?;
            return Some(Self::from_whole(Money(whole)));
        }
        // The amount in units of 1 / denominator, rounded down; then a multiple of the numerator of them.
        let part = product(self.part, denominator).div_rem(&Product::from_u128(self.parts)).0;
        let amount = product(whole, denominator).checked_add(&part)?;
        let rest = amount.div_rem(&Product::from_u128(numerator)).1;
        let (whole, part) = amount.checked_sub(&rest)?.div_rem(&Product::from_u128(denominator));
        let whole = i128::try_from(whole.to_u128()?).ok()?;
        Some(Self { whole: Money(whole), part: part.to_u128()?, parts: denominator })
    }

    /// Whether this is less than an amount.
    pub fn is_below(self, amount: MoneyRatio) -> bool {
        let (whole, rest) = (amount.numerator / amount.denominator, amount.numerator % amount.denominator);
        match u128::try_from(self.whole.0).unwrap_or(0).cmp(&whole) {
            Ordering::Less => true,
            Ordering::Greater => false,
            Ordering::Equal => product(self.part, amount.denominator) < product(rest, self.parts),
        }
    }
}

/// An average price: what was paid for `lots` lots, per lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Average {
    ticks: i128,
    rest: i128,
    lots: i128,
}

impl Average {
    /// `None` without lots.
    pub fn new(paid: i128, lots: i128) -> Option<Self> {
        (lots > 0).then(|| Self { ticks: paid / lots, rest: paid % lots, lots })
    }

    /// What this many lots cost at the average; lots and the average's lots are below 2^63.
    pub fn times(self, lots: i128) -> Payment {
        let rest = self.rest * lots;
        Payment {
            whole: Money(self.ticks * lots + rest / self.lots),
            part: (rest % self.lots).unsigned_abs(),
            parts: self.lots.unsigned_abs(),
        }
    }
}

fn product(left: u128, right: u128) -> Product {
    let product = Product::from_u128(left).checked_mul(&Product::from_u128(right));
    product.expect("two 128-bit numbers fit 256 bits")
}
