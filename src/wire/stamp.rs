//! Timestamps: UTC, RFC 3339, `Z`, always three fractional digits.
//!
//! The text of the last second is kept, since most moments written after each
//! other share it. Microseconds are cut, not rounded: a stamp is never ahead of
//! its moment. Years outside 0000 to 9999 are shown as the nearest end of that range.

use jiff::tz::Offset;

use crate::units::TimeUs;

/// A writer of timestamps that remembers the last second it wrote.
#[derive(Debug)]
pub(super) struct Stamp {
    second: i64,
    /// `"2024-01-01T00:00:30.000Z"` with its quotes.
    text: [u8; 26],
}

const SECOND_MIN: i64 = -62_167_219_200;
const SECOND_MAX: i64 = 253_402_300_799;
const FRACTION_AT: usize = 21;

impl Default for Stamp {
    fn default() -> Self {
        Self { second: 0, text: *b"\"1970-01-01T00:00:00.000Z\"" }
    }
}

impl Stamp {
    /// The moment's text, in quotes.
    #[inline]
    pub fn quoted(&mut self, time: TimeUs) -> &[u8; 26] {
        let mut second = time.0.div_euclid(1_000_000);
        let mut ms = (time.0.rem_euclid(1_000_000) / 1000) as u32;
        if !(SECOND_MIN..=SECOND_MAX).contains(&second) {
            (second, ms) = if second < SECOND_MIN { (SECOND_MIN, 0) } else { (SECOND_MAX, 999) };
        }
        if second != self.second {
            self.turn(second);
        }
        for (digit, unit) in [100, 10, 1].into_iter().enumerate() {
            self.text[FRACTION_AT + digit] = b'0' + (ms / unit % 10) as u8;
        }
        &self.text
    }

    /// Another second: the date only where the day differs too.
    fn turn(&mut self, second: i64) {
        const DAY: i64 = 86_400;
        if second.div_euclid(DAY) != self.second.div_euclid(DAY) {
            let timestamp = jiff::Timestamp::from_second(second).unwrap_or_default();
            let date = Offset::UTC.to_datetime(timestamp).date();
            let year = date.year().unsigned_abs();
            self.pair(1, u32::from(year / 100));
            self.pair(3, u32::from(year % 100));
            self.pair(6, u32::from(date.month().unsigned_abs()));
            self.pair(9, u32::from(date.day().unsigned_abs()));
        }
        let of_day = second.rem_euclid(DAY) as u32;
        self.pair(12, of_day / 3600);
        self.pair(15, of_day / 60 % 60);
        self.pair(18, of_day % 60);
        self.second = second;
    }

    fn pair(&mut self, at: usize, number: u32) {
        self.text[at] = b'0' + (number / 10) as u8;
        self.text[at + 1] = b'0' + (number % 10) as u8;
    }
}
