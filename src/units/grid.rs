//! Exact decimals on a grid: texts become whole numbers of steps and back, without floats.

use std::fmt;

use super::decimal::Decimal;
use super::digits::{Digits, POWERS_OF_TEN};
use super::money::MoneyGrid;

/// The most fractional digits of a step.
const SCALE_MAX: u32 = 36;
/// The longest text that an error repeats, in characters.
const VALUE_CHARS_MAX: usize = 64;
/// From how many significant digits on a program's number may be an artefact, and to how many it is rounded.
const PROGRAM_DIGITS: u32 = 15;

/// A step, as an exact decimal: prices lie on multiples of a tick, quantities on multiples of a lot.
///
/// Always in lowest terms: equal steps are equal values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grid {
    /// The step is `mantissa / 10^scale`; the mantissa is positive.
    mantissa: i64,
    scale: u32,
}

/// How a number's text is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Exactly, or not at all.
    Exact,
    /// As a JSON number of a program: 16 or more significant digits are rounded to 15
    /// and taken if that lies on the grid.
    ProgramNumber,
}

/// Why a text is no count on a grid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    /// Not a decimal number.
    #[error("not a decimal number")]
    Unreadable,
    /// Off the grid.
    #[error("{value} is not a multiple of {grid}; the nearest is {nearest}")]
    OffGrid {
        /// What was given, at most 64 characters.
        value: String,
        /// The step.
        grid: String,
        /// The nearest multiple.
        nearest: String,
    },
    /// Beyond what can be represented.
    #[error("{value} is out of range")]
    OutOfRange {
        /// What was given, at most 64 characters.
        value: String,
    },
}

impl GridError {
    pub(super) fn out_of_range(text: &str) -> Self {
        Self::OutOfRange { value: shortened(text) }
    }

    pub(super) fn off_grid(text: &str, grid: String, nearest: String) -> Self {
        Self::OffGrid { value: shortened(text), grid, nearest }
    }
}

/// The most of a text that an error repeats. Numbers are ASCII, so bytes are characters.
fn shortened(text: &str) -> String {
    text.chars().take(VALUE_CHARS_MAX).collect()
}

/// Where a number lies on a grid, signs aside.
enum Place {
    On(i64),
    Off { nearest: i64 },
    Beyond,
}

impl Grid {
    /// Reads a step: a positive exact decimal such as `0.01`, `1`, `0.005`, `1e-6`, `100`.
    ///
    /// Fails with [`GridError::Unreadable`] on what is no decimal number, and with [`GridError::OutOfRange`]
    /// if it is not positive, has more than 36 fractional digits, or its digits leave 64 bits.
    pub fn parse(text: &str) -> Result<Self, GridError> {
        Self::new(Decimal::parse(text)?).ok_or_else(|| GridError::out_of_range(text))
    }

    /// The grid of this step; `None` if it is not positive, has more than 36 fractional digits, or its
    /// digits leave 64 bits.
    pub fn new(step: Decimal) -> Option<Self> {
        let mantissa = i64::try_from(step.mantissa()).ok()?;
        (mantissa > 0 && step.scale() <= SCALE_MAX).then_some(Self { mantissa, scale: step.scale() })
    }

    /// The step.
    pub fn step(self) -> Decimal {
        Decimal::new(i128::from(self.mantissa), self.scale).expect("a step has at most 36 fractional digits")
    }

    /// The digits of the step, as a whole number: 5 for `0.005`. Positive.
    pub fn mantissa(self) -> i64 {
        self.mantissa
    }

    /// How many digits of the step are fractional: 3 for `0.005`.
    pub fn scale(self) -> u32 {
        self.scale
    }

    /// How many steps a text is, exactly.
    ///
    /// Takes JSON's grammar for numbers (`100`, `100.0`, `1e2`, `-3`), no negative zero, and never more work than
    /// the text is long, whatever its exponent. The three failures are those of [`GridError`]; counts stay
    /// within ±`i64::MAX`.
    pub fn read(self, text: &str, reading: Reading) -> Result<i64, GridError> {
        if let Some(count) = self.read_plain(text.as_bytes()) {
            return Ok(count);
        }
        let digits = Digits::scan(text).ok_or(GridError::Unreadable)?;
        let signed = |count: i64| if digits.negative { -count } else { count };
        let nearest = match self.place(&digits) {
            Place::On(count) => return Ok(signed(count)),
            Place::Beyond => return Err(GridError::out_of_range(text)),
            Place::Off { nearest } => signed(nearest),
        };
        if reading == Reading::ProgramNumber
            && digits.kept > PROGRAM_DIGITS
            && let Place::On(count) = self.place(&digits.rounded(PROGRAM_DIGITS))
        {
            return Ok(signed(count));
        }
        Err(GridError::off_grid(text, self.to_string(), self.display(nearest)))
    }

    /// The way of nearly all numbers: at most 18 digits, no exponent, on the grid. `None` says nothing.
    fn read_plain(self, text: &[u8]) -> Option<i64> {
        let (negative, digits) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        if digits.len() > 19 || self.scale > 18 {
            return None;
        }
        let mut number = 0_i64;
        let mut point = digits.len();
        for (index, &byte) in digits.iter().enumerate() {
            match byte {
                b'0'..=b'9' => number = number.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?,
                b'.' if point == digits.len() && index > 0 && index + 1 < digits.len() => point = index,
                _ => return None,
            }
        }
        if point == 0 || (digits[0] == b'0' && point > 1) || (negative && number == 0) {
            return None;
        }
        let fraction = digits.len().saturating_sub(point + 1) as u32;
        let in_units = if fraction <= self.scale {
            number.checked_mul(POWERS_OF_TEN_64[(self.scale - fraction) as usize])?
        } else {
            let power = POWERS_OF_TEN_64[(fraction - self.scale) as usize];
            (number % power == 0).then_some(number / power)?
        };
        let count = if self.mantissa == 1 {
            in_units
        } else {
            (in_units % self.mantissa == 0).then_some(in_units / self.mantissa)?
        };
        Some(if negative { -count } else { count })
    }

    fn place(self, digits: &Digits) -> Place {
        let mantissa = u128::from(self.mantissa.unsigned_abs());
        // The number is `significand × 10^shift` in units of 10^-scale.
        let shift = digits.exponent.saturating_add(i64::from(self.scale));
        let twice = if shift >= 0 {
            // From 39 digits on the count leaves 64 bits, since the step's digits do not.
            if i64::from(digits.kept) + shift > 38 {
                return Place::Beyond;
            }
            let units = digits.significand * POWERS_OF_TEN[shift as usize];
            if !digits.is_cut && units.is_multiple_of(mantissa) {
                return i64::try_from(units / mantissa).map_or(Place::Beyond, Place::On);
            }
            units * 2 + u128::from(digits.first_cut >= 5)
        } else {
            // The last digit is not 0 and lies below the grid's: never on it.
            match POWERS_OF_TEN.get(-shift as usize) {
                Some(power) => {
                    2 * (digits.significand / power) + u128::from(2 * (digits.significand % power) >= *power)
                }
                None => 0,
            }
        };
        let nearest = (twice + mantissa) / (2 * mantissa);
        i64::try_from(nearest).map_or(Place::Beyond, |nearest| Place::Off { nearest })
    }

    /// Writes a count of steps as the wire does: the shortest exact decimal with at least one fractional
    /// digit and no exponent (`100.0`, `48.5`, `-0.25`).
    pub fn write(self, count: i64, out: &mut Vec<u8>) {
        if count < 0 {
            out.push(b'-');
        }
        let magnitude = count.unsigned_abs();
        match (magnitude.checked_mul(self.mantissa.unsigned_abs()), self.scale) {
            (Some(units), scale @ 0..=18) => {
                let power = POWERS_OF_TEN_64[scale as usize].unsigned_abs();
                write_parts(units / power, units % power, scale as usize, out);
            }
            _ => self.write_wide(magnitude, out),
        }
    }

    /// The same where 64 bits are not enough.
    #[cold]
    fn write_wide(self, magnitude: u64, out: &mut Vec<u8>) {
        let units = u128::from(magnitude) * u128::from(self.mantissa.unsigned_abs());
        let power = POWERS_OF_TEN[self.scale as usize];
        out.extend_from_slice((units / power).to_string().as_bytes());
        let fraction = format!("{:0>width$}", units % power, width = self.scale as usize);
        let digits = fraction.trim_end_matches('0');
        out.push(b'.');
        out.extend_from_slice(if digits.is_empty() { b"0" } else { digits.as_bytes() });
    }

    /// The shortest exact decimal of a count of steps, as results print it: `48.5`, `100`.
    pub fn display(self, count: i64) -> String {
        let mut out = Vec::with_capacity(24);
        self.write(count, &mut out);
        shortest(out)
    }

    /// The count of steps as a number of its own; `None` where that takes more than 38 digits.
    pub fn decimal(self, count: i64) -> Option<Decimal> {
        Decimal::new(i128::from(count) * i128::from(self.mantissa), self.scale)
    }

    /// The grid of money where this is the grid of prices and `lot` that of quantities.
    pub fn times(self, lot: Self) -> MoneyGrid {
        MoneyGrid::new(
            u128::from(self.mantissa.unsigned_abs()) * u128::from(lot.mantissa.unsigned_abs()),
            self.scale + lot.scale,
        )
    }
}

impl fmt::Display for Grid {
    /// The step's shortest exact text: `0.01`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.step().fmt(f)
    }
}

/// The powers of ten that fit 63 bits, `10^0` to `10^18`.
const POWERS_OF_TEN_64: [i64; 19] = {
    let mut powers = [1_i64; 19];
    let mut index = 1;
    while index < powers.len() {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

/// Writes `whole.fraction`, the fraction having `scale` digits of which trailing zeros go, but never all.
fn write_parts(whole: u64, fraction: u64, scale: usize, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    out.extend_from_slice(buffer.format(whole).as_bytes());
    if fraction == 0 {
        out.extend_from_slice(b".0");
        return;
    }
    // A point and 18 digits at most, filled from the right.
    let mut digits = [b'0'; 19];
    let mut rest = fraction;
    let mut place = scale;
    while rest > 0 {
        digits[place] = b'0' + (rest % 10) as u8;
        rest /= 10;
        place -= 1;
    }
    digits[0] = b'.';
    let mut end = scale;
    while digits[end] == b'0' {
        end -= 1;
    }
    out.extend_from_slice(&digits[..=end]);
}

/// The wire form without its `.0`.
pub(super) fn shortest(mut wire: Vec<u8>) -> String {
    if wire.ends_with(b".0") {
        wire.truncate(wire.len() - 2);
    }
    String::from_utf8(wire).expect("digits are ASCII")
}
