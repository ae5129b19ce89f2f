//! The text of a decimal number, taken apart: sign, digits, power of ten.
//!
//! The grammar is JSON's (`-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`), and a
//! negative zero is no number. One pass over the text, whatever its exponent says:
//! at most [`KEPT_DIGITS_MAX`] digits are kept, of the rest only what rounding needs.

/// How many significant digits are kept; `10^38` fits 128 bits.
pub(super) const KEPT_DIGITS_MAX: u32 = 38;

/// A number `± significand × 10^exponent`, and what was cut off below the significand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digits {
    pub negative: bool,
    /// The leading digits, without trailing zeros; 0 only if the number is 0.
    pub significand: u128,
    /// How many digits the significand has (0 for 0).
    pub kept: u32,
    /// The power of ten of the significand's last digit.
    pub exponent: i64,
    /// The first digit that was cut off.
    pub first_cut: u8,
    /// Whether a digit other than 0 was cut off.
    pub is_cut: bool,
}

impl Digits {
    /// Takes a text apart; `None` if it is no decimal number.
    pub fn scan(text: &str) -> Option<Self> {
        let mut scanner = Scanner { bytes: text.as_bytes(), place: 0 };
        let negative = scanner.take(b'-');
        let mut collected = Collected::default();
        let leading_zero = scanner.peek() == Some(b'0');
        let whole = scanner.digits(|digit| collected.push(digit));
        if whole == 0 || (leading_zero && whole > 1) {
            return None;
        }
        let mut exponent = 0_i64;
        if scanner.take(b'.') {
            let fraction = scanner.digits(|digit| collected.push(digit));
            if fraction == 0 {
                return None;
            }
            exponent -= fraction;
        }
        if scanner.take(b'e') || scanner.take(b'E') {
            exponent += scanner.exponent()?;
        }
        if scanner.place != scanner.bytes.len() {
            return None;
        }
        collected.finish(negative, exponent)
    }

    /// Rounded to this many digits, half away from zero. Only for numbers that have more.
    pub fn rounded(self, digit_count: u32) -> Self {
        let dropped = self.kept - digit_count;
        let unit = POWERS_OF_TEN[dropped as usize];
        let mut significand = (self.significand + unit / 2) / unit;
        let mut exponent = self.exponent + i64::from(dropped);
        while significand.is_multiple_of(10) {
            significand /= 10;
            exponent += 1;
        }
        let kept = digit_count_of(significand);
        Self { significand, kept, exponent, first_cut: 0, is_cut: false, ..self }
    }
}

/// The powers of ten that fit 128 bits, `10^0` to `10^38`.
pub(super) const POWERS_OF_TEN: [u128; 39] = {
    let mut powers = [1_u128; 39];
    let mut index = 1;
    while index < powers.len() {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

/// How many decimal digits a number has (0 for 0).
pub(super) fn digit_count_of(number: u128) -> u32 {
    number.checked_ilog10().map_or(0, |log| log + 1)
}

struct Scanner<'a> {
    bytes: &'a [u8],
    place: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.place).copied()
    }

    fn take(&mut self, wanted: u8) -> bool {
        let is_there = self.peek() == Some(wanted);
        self.place += usize::from(is_there);
        is_there
    }

    /// Hands on a run of digits and says how many there were.
    fn digits(&mut self, mut push: impl FnMut(u8)) -> i64 {
        let start = self.place;
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            push(byte - b'0');
            self.place += 1;
        }
        (self.place - start) as i64
    }

    /// A power of ten, held within ±10^12: beyond any text's length, so the number stays absurd.
    fn exponent(&mut self) -> Option<i64> {
        let negative = self.take(b'-');
        if !negative {
            self.take(b'+');
        }
        let mut value = 0_i64;
        let count = self.digits(|digit| value = (value * 10 + i64::from(digit)).min(1_000_000_000_000));
        (count > 0).then_some(if negative { -value } else { value })
    }
}

/// Digits as they come; zeros wait until a digit other than 0 follows.
#[derive(Default)]
struct Collected {
    significand: u128,
    kept: u32,
    /// Zeros behind the last kept digit.
    zeros: i64,
    /// Digits cut off.
    cut: i64,
    first_cut: u8,
    is_cut: bool,
}

impl Collected {
    fn push(&mut self, digit: u8) {
        if self.cut > 0 {
            self.cut += 1;
            self.is_cut |= digit != 0;
        } else if digit == 0 {
            self.zeros += i64::from(self.kept > 0);
        } else if i64::from(self.kept) + self.zeros + 1 > i64::from(KEPT_DIGITS_MAX) {
            // Zeros that still fit belong to the significand: the cut is behind the 38th digit.
            let room = i64::from(KEPT_DIGITS_MAX - self.kept);
            self.significand *= POWERS_OF_TEN[room as usize];
            self.kept = KEPT_DIGITS_MAX;
            let zeros_cut = self.zeros - room;
            self.first_cut = if zeros_cut == 0 { digit } else { 0 };
            self.cut = zeros_cut + 1;
            self.zeros = 0;
            self.is_cut = true;
        } else {
            self.significand = self.significand * POWERS_OF_TEN[self.zeros as usize + 1] + u128::from(digit);
            self.kept += self.zeros as u32 + 1;
            self.zeros = 0;
        }
    }

    fn finish(self, negative: bool, exponent: i64) -> Option<Digits> {
        if self.significand == 0 {
            return (!negative).then_some(Digits {
                negative,
                significand: 0,
                kept: 0,
                exponent: 0,
                first_cut: 0,
                is_cut: false,
            });
        }
        Some(Digits {
            negative,
            significand: self.significand,
            kept: self.kept,
            exponent: exponent + self.zeros + self.cut,
            first_cut: self.first_cut,
            is_cut: self.is_cut,
        })
    }
}
