//! Money: amounts in tick × lot units, read, written and rounded exactly.

use super::Money;
use super::decimal::Decimal;
use super::digits::{Digits, POWERS_OF_TEN};
use super::grid::{Grid, GridError, shortest};
use super::wide::Wide;

/// The grid of money: one tick times one lot is `mantissa / 10^scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MoneyGrid {
    mantissa: u128,
    scale: u32,
}

/// Wide enough for any amount (127 bits) times any grid's digits (126) times a power of ten of a scale (240).
type Amount = Wide<8>;

impl MoneyGrid {
    pub(super) fn new(mantissa: u128, scale: u32) -> Self {
        let (mut mantissa, mut scale) = (mantissa, scale);
        while scale > 0 && mantissa.is_multiple_of(10) {
            mantissa /= 10;
            scale -= 1;
        }
        Self { mantissa, scale }
    }

    /// How much money a text is, exactly, in JSON's grammar for numbers. Fails as [`Grid::read`] does.
    pub fn read(self, text: &str) -> Result<Money, GridError> {
        let digits = Digits::scan(text).ok_or(GridError::Unreadable)?;
        if digits.significand == 0 {
            return Ok(Money(0));
        }
        // The number is `significand × 10^shift` in units of 10^-scale.
        let shift = digits.exponent.saturating_add(i64::from(self.scale));
        if i64::from(digits.kept).saturating_add(shift) > 78 {
            return Err(GridError::out_of_range(text));
        }
        let numerator = Amount::from_u128(digits.significand).checked_mul(&power_of_ten(shift.max(0) as u32));
        let numerator = numerator.expect("78 digits fit");
        let mantissa = Amount::from_u128(self.mantissa);
        // From 78 fractional digits on, 38 digits are less than half of anything.
        let denominator =
            mantissa.checked_mul(&power_of_ten((-shift).clamp(0, 78) as u32)).expect("385 bits fit");
        let (count, rest) = numerator.div_rem(&denominator);
        let off = digits.is_cut || !rest.is_zero();
        let is_past_half = rest.shifted_left(1) >= denominator;
        let count = count.to_u128().and_then(|count| i128::try_from(count).ok());
        let count = count.and_then(|count| count.checked_add(i128::from(is_past_half)));
        let count = count.ok_or_else(|| GridError::out_of_range(text))?;
        let count = Money(if digits.negative { -count } else { count });
        if off {
            return Err(GridError::off_grid(text, self.display(Money(1)), self.display(count)));
        }
        Ok(count)
    }

    /// Writes an amount as the wire does: the shortest exact decimal with at least one fractional digit
    /// and no exponent.
    pub fn write(self, amount: Money, out: &mut Vec<u8>) {
        if amount.0 < 0 {
            out.push(b'-');
        }
        let units = self.units(amount.0.unsigned_abs());
        let (whole, fraction) = match (units.to_u128(), POWERS_OF_TEN.get(self.scale as usize)) {
            (Some(units), Some(power)) => ((units / power).to_string(), (units % power).to_string()),
            _ => {
                let (whole, fraction) = units.div_rem(&power_of_ten(self.scale));
                (decimal_text(whole), decimal_text(fraction))
            }
        };
        out.extend_from_slice(whole.as_bytes());
        out.push(b'.');
        let zeros = (self.scale as usize).saturating_sub(fraction.len());
        let digits = fraction.trim_end_matches('0');
        if digits.is_empty() {
            out.push(b'0');
        } else {
            out.resize(out.len() + zeros, b'0');
            out.extend_from_slice(digits.as_bytes());
        }
    }

    /// The shortest exact decimal of an amount, as results print it: `48.5`, `100`.
    pub fn display(self, amount: Money) -> String {
        let mut out = Vec::with_capacity(40);
        self.write(amount, &mut out);
        shortest(out)
    }

    /// The amount as a number of its own; `None` where that takes more than 38 digits.
    pub fn decimal(self, amount: Money) -> Option<Decimal> {
        let units = self.units(amount.0.unsigned_abs()).to_u128()?;
        let units = i128::try_from(units).ok()?;
        Decimal::new(if amount.0 < 0 { -units } else { units }, self.scale)
    }

    /// How many whole units of a settlement currency an amount that is not negative contains, rounded
    /// down; `None` if the amount is negative or the count leaves 127 bits.
    pub fn whole_units(self, amount: Money, unit: Grid) -> Option<i128> {
        let amount = u128::try_from(amount.0).ok()?;
        let numerator = self.units(amount).checked_mul(&power_of_ten(unit.scale()))?;
        let unit_digits = Amount::from_u128(u128::from(unit.mantissa().unsigned_abs()));
        let denominator = unit_digits.checked_mul(&power_of_ten(self.scale))?;
        let count = numerator.div_rem(&denominator).0.to_u128()?;
        i128::try_from(count).ok()
    }

    /// The amount in units of 10^-scale.
    fn units(self, amount: u128) -> Amount {
        let units = Amount::from_u128(amount).checked_mul(&Amount::from_u128(self.mantissa));
        units.expect("two 128-bit numbers fit 512 bits")
    }
}

/// `10^exponent`, for exponents up to 153.
fn power_of_ten(exponent: u32) -> Amount {
    let mut power = Amount::from_u128(1);
    let mut left = exponent;
    while left > 0 {
        let step = left.min(38);
        let factor = Amount::from_u128(POWERS_OF_TEN[step as usize]);
        power = power.checked_mul(&factor).expect("10^153 fits 512 bits");
        left -= step;
    }
    power
}

fn decimal_text(mut number: Amount) -> String {
    const CHUNK_DIGITS: usize = 19;
    const CHUNK: u64 = 10_u64.pow(CHUNK_DIGITS as u32);
    let mut chunks = Vec::new();
    while !number.is_zero() {
        let (rest, chunk) = number.div_rem_small(CHUNK);
        chunks.push(chunk);
        number = rest;
    }
    let mut text = chunks.pop().unwrap_or(0).to_string();
    for chunk in chunks.iter().rev() {
        text.push_str(&format!("{chunk:0>CHUNK_DIGITS$}"));
    }
    text
}
