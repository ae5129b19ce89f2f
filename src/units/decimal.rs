//! An exact decimal number: what a parameter of an auction is before it is put on a grid.

use std::fmt;

use super::digits::{Digits, POWERS_OF_TEN};
use super::grid::GridError;

/// The most fractional digits of a decimal.
const SCALE_MAX: u32 = 38;

/// An exact decimal number of at most 38 digits, `mantissa / 10^scale`.
///
/// Always in lowest terms: equal numbers are equal values, whatever text they came from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Decimal {
    mantissa: i128,
    scale: u32,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self { mantissa: 0, scale: 0 };
    /// One.
    pub const ONE: Self = Self { mantissa: 1, scale: 0 };

    /// Reads `100`, `-0.5`, `1e-6`; exactly, or not at all.
    ///
    /// Fails with [`GridError::Unreadable`] on anything but a decimal number in JSON's grammar, and with
    /// [`GridError::OutOfRange`] if it takes more than 38 digits or 38 fractional digits.
    pub fn parse(text: &str) -> Result<Self, GridError> {
        let digits = Digits::scan(text).ok_or(GridError::Unreadable)?;
        Self::from_digits(digits).ok_or_else(|| GridError::out_of_range(text))
    }

    /// The number `mantissa / 10^scale`; `None` where it has no such form in 38 digits.
    pub fn new(mantissa: i128, scale: u32) -> Option<Self> {
        let (mut mantissa, mut scale) = (mantissa, scale);
        while scale > 0 && mantissa % 10 == 0 && mantissa != 0 {
            mantissa /= 10;
            scale -= 1;
        }
        if mantissa == 0 {
            return Some(Self::ZERO);
        }
        let fits = mantissa.unsigned_abs() < POWERS_OF_TEN[38] && scale <= SCALE_MAX;
        fits.then_some(Self { mantissa, scale })
    }

    fn from_digits(digits: Digits) -> Option<Self> {
        if digits.is_cut {
            return None;
        }
        let significand = i128::try_from(digits.significand).ok()?;
        let (magnitude, scale) = if digits.exponent < 0 {
            (significand, u32::try_from(-digits.exponent).ok()?)
        } else {
            let power = POWERS_OF_TEN.get(usize::try_from(digits.exponent).ok()?)?;
            (significand.checked_mul(i128::try_from(*power).ok()?)?, 0)
        };
        Self::new(if digits.negative { -magnitude } else { magnitude }, scale)
    }

    /// The digits, as a whole number: `1.50` has 15.
    pub fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// How many of the digits are fractional, at most 38: `1.50` has 1.
    pub fn scale(self) -> u32 {
        self.scale
    }

    /// Whether it is below zero.
    pub fn is_negative(self) -> bool {
        self.mantissa < 0
    }
}

impl fmt::Display for Decimal {
    /// The shortest exact text, without exponent: `48.5`, `100`, `-0.000001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let magnitude = self.mantissa.unsigned_abs();
        if self.scale == 0 {
            return write!(f, "{sign}{magnitude}");
        }
        let power = POWERS_OF_TEN[self.scale as usize];
        let (whole, fraction) = (magnitude / power, magnitude % power);
        write!(f, "{sign}{whole}.{fraction:0>width$}", width = self.scale as usize)
    }
}
