//! Exact numbers as text: a decimal where one exists, else a fraction in lowest terms.

use crate::clearing::Payment;
use crate::units::wide::Wide;
use crate::units::{Decimal, Grid, Money, MoneyGrid};

/// Holds a payment's parts (127 bits each) times a grid's digits (126) and powers of ten (240).
type Number = Wide<8>;

/// The shortest exact decimal of a quantity, of any size.
pub fn lots(lots: i128, lot: Grid) -> String {
    match i64::try_from(lots) {
        Ok(lots) => lot.display(lots),
        Err(_) => Grid::parse("1").expect("1 is a step").times(lot).display(Money(lots)),
    }
}

/// A payment in the currency of the sale: the shortest exact decimal, or where there is none a fraction.
pub fn payment(payment: &Payment, tick: Grid, lot: Grid) -> String {
    let money: MoneyGrid = tick.times(lot);
    if payment.part == 0 {
        return money.display(payment.whole);
    }
    let mantissa = u128::from(tick.mantissa().unsigned_abs()) * u128::from(lot.mantissa().unsigned_abs());
    let parts = Number::from_u128(payment.parts);
    let whole = Number::from_u128(payment.whole.0.unsigned_abs());
    let sum = times(&whole, &parts).checked_add(&Number::from_u128(payment.part));
    let numerator = times(&sum.expect("254 bits and 127"), &Number::from_u128(mantissa));
    fraction(numerator, payment.parts, tick.scale() + lot.scale())
}

/// `above / below`, both not negative.
pub(super) fn ratio(above: i128, below: i128) -> String {
    fraction(Number::from_u128(above.unsigned_abs()), below.unsigned_abs(), 0)
}

/// `numerator / (denominator × 10^scale)`.
fn fraction(numerator: Number, denominator: u128, scale: u32) -> String {
    let rest = numerator.div_rem(&Number::from_u128(denominator)).1.to_u128();
    let divisor = greatest_common_divisor(rest.expect("below a 128-bit divisor"), denominator);
    let mut numerator = numerator.div_rem(&Number::from_u128(divisor)).0;
    let mut denominator = denominator / divisor;
    let (twos, others) = strip(denominator, 2);
    let (fives, others) = strip(others, 5);
    if others == 1 {
        for _ in twos..fives {
            numerator = times_small(&numerator, 2);
        }
        for _ in fives..twos {
            numerator = times_small(&numerator, 5);
        }
        return decimal(numerator, scale + twos.max(fives));
    }
    // What powers of 2 and 5 the numerator shares with the power of ten is cancelled too.
    let (mut twos_left, mut fives_left) = (scale, scale);
    cancel(&mut numerator, 2, &mut twos_left);
    cancel(&mut numerator, 5, &mut fives_left);
    let mut below = Number::from_u128(std::mem::take(&mut denominator));
    for _ in 0..twos_left {
        below = times_small(&below, 2);
    }
    for _ in 0..fives_left {
        below = times_small(&below, 5);
    }
    format!("{}/{}", digits(numerator), digits(below))
}

fn times(left: &Number, right: &Number) -> Number {
    left.checked_mul(right).expect("the factors are bounded to fit")
}

fn times_small(number: &Number, factor: u128) -> Number {
    times(number, &Number::from_u128(factor))
}

fn greatest_common_divisor(left: u128, right: u128) -> u128 {
    let (mut divisor, mut rest) = (right, left);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    divisor
}

/// How often a factor divides a number, and what is left without it.
fn strip(mut number: u128, factor: u128) -> (u32, u128) {
    let mut count = 0;
    while number.is_multiple_of(factor) {
        number /= factor;
        count += 1;
    }
    (count, number)
}

/// Divides by a factor as often as it goes without rest, at most `left` times.
fn cancel(number: &mut Number, factor: u64, left: &mut u32) {
    while *left > 0 {
        let (quotient, rest) = number.div_rem_small(factor);
        if rest != 0 {
            return;
        }
        *number = quotient;
        *left -= 1;
    }
}

fn decimal(units: Number, scale: u32) -> String {
    let digits = format!("{:0>width$}", digits(units), width = scale as usize + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
    match fraction.trim_end_matches('0') {
        "" => whole.into(),
        fraction => format!("{whole}.{fraction}"),
    }
}

fn digits(mut number: Number) -> String {
    const CHUNK_DIGITS: usize = 19;
    let mut chunks = Vec::new();
    while !number.is_zero() {
        let (rest, chunk) = number.div_rem_small(10_u64.pow(CHUNK_DIGITS as u32));
        chunks.push(chunk);
        number = rest;
    }
    let mut text = chunks.pop().unwrap_or(0).to_string();
    for chunk in chunks.iter().rev() {
        text.push_str(&format!("{chunk:0>CHUNK_DIGITS$}"));
    }
    text
}

/// Whether two texts are the same number: decimals or fractions, however written. `None` if one is no number.
pub(super) fn same_number(left: &str, right: &str) -> Option<bool> {
    let (left, right) = (Fraction::parse(left)?, Fraction::parse(right)?);
    let (up, down) = (left.above.checked_mul(&right.below)?, right.above.checked_mul(&left.below)?);
    Some(up == down && (left.is_negative == right.is_negative || up.is_zero()))
}

struct Fraction {
    is_negative: bool,
    above: Number,
    below: Number,
}

impl Fraction {
    fn parse(text: &str) -> Option<Self> {
        let (above, below) = text.split_once('/').unwrap_or((text, "1"));
        let (above, below) = (Decimal::parse(above).ok()?, Decimal::parse(below).ok()?);
        if below.mantissa() <= 0 {
            return None;
        }
        let scaled = |number: Decimal, scale: u32| {
            let mantissa = Number::from_u128(number.mantissa().unsigned_abs());
            (0..scale).try_fold(mantissa, |number, _| number.checked_mul(&Number::from_u128(10)))
        };
        let is_negative = above.is_negative();
        Some(Self { is_negative, above: scaled(above, below.scale())?, below: scaled(below, above.scale())? })
    }
}
