//! How much a connection may say: messages a second, exactly; what is told about the
//! excess; and when patience ends.

use crate::server::window::{Bound, Window};
use crate::units::TimeUs;

const SECOND_US: i64 = 1_000_000;
/// Notices about excess that nobody asked for, in any second.
const NOTICES: Bound = Bound { events_max: 10, span_us: SECOND_US };
/// Invalid messages within ten seconds after which the connection is closed.
const INVALID_MAX: u64 = 20;
const INVALID_SPAN_US: i64 = 10 * SECOND_US;
/// A flood is ten times what is allowed, and at least this many messages a second, …
const FLOOD_FACTOR: u32 = 10;
/// … for so many seconds on end.
const FLOOD_SECONDS: u8 = 3;

/// What a connection has said lately.
#[derive(Debug, Default)]
pub struct Rates {
    accepted: Window,
    /// When the second being counted began.
    second_at: TimeUs,
    count: u32,
    /// Full seconds before this one that were floods.
    flooded_seconds: u8,
    /// Kept only by connections that make trouble.
    trouble: Option<Box<Trouble>>,
}

#[derive(Debug, Default)]
struct Trouble {
    notices: Window,
    invalid: Window,
}

/// Whether a connection's patience is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may go on.
    Bearable,
    /// It must be closed.
    TooMuch,
}

impl Rates {
    /// Counts a message that came in, whatever becomes of it. Without a limit nothing is a flood.
    pub fn hear(&mut self, per_second_max: Option<u32>, now: TimeUs) -> Verdict {
        let Some(allowed) = per_second_max else { return Verdict::Bearable };
        let flood = allowed.saturating_mul(FLOOD_FACTOR);
        let elapsed_us = now.0 - self.second_at.0;
        if elapsed_us >= SECOND_US {
            let was_flooded = self.count > flood && elapsed_us < 2 * SECOND_US;
            self.flooded_seconds = if was_flooded { self.flooded_seconds + 1 } else { 0 };
            self.second_at =
                if elapsed_us < 2 * SECOND_US { TimeUs(self.second_at.0 + SECOND_US) } else { now };
            self.count = 0;
        }
        self.count += 1;
        if self.count > flood && self.flooded_seconds + 1 >= FLOOD_SECONDS {
            Verdict::TooMuch
        } else {
            Verdict::Bearable
        }
    }

    /// Takes a message that counts as `weight`, or says in how many milliseconds it would be taken.
    pub fn accept(&mut self, weight: u32, per_second_max: Option<u32>, now: TimeUs) -> Result<(), u64> {
        let Some(events_max) = per_second_max else { return Ok(()) };
        let bound = Bound { events_max, span_us: SECOND_US };
        self.accepted.admit(weight, bound, now).map_err(|wait_us| {
            // What never fits is told to come back after a whole second.
            (wait_us.unwrap_or(SECOND_US) as u64).div_ceil(1000)
        })
    }

    /// Whether one more notice may be sent that nobody waits for.
    pub fn may_notify(&mut self, now: TimeUs) -> bool {
        self.trouble.get_or_insert_default().notices.admit(1, NOTICES, now).is_ok()
    }

    /// Counts a message that could not be read.
    pub fn invalid(&mut self, now: TimeUs) -> Verdict {
        let bound = Bound { events_max: u32::MAX, span_us: INVALID_SPAN_US };
        let count = self.trouble.get_or_insert_default().invalid.count(bound, now);
        if count >= INVALID_MAX { Verdict::TooMuch } else { Verdict::Bearable }
    }

    /// Gives back the memory of what no longer counts.
    pub fn rest(&mut self, now: TimeUs) {
        self.accepted.rest(NOTICES, now);
        if let Some(trouble) = &mut self.trouble {
            trouble.notices.rest(NOTICES, now);
            trouble.invalid.rest(Bound { events_max: u32::MAX, span_us: INVALID_SPAN_US }, now);
            if trouble.notices.is_empty() && trouble.invalid.is_empty() {
                self.trouble = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUIDE: Option<u32> = Some(100);

    #[test]
    fn the_hundred_and_first_message_waits_until_the_first_is_a_second_old() {
        let mut rates = Rates::default();
        for message in 0..100 {
            assert_eq!(rates.accept(1, GUIDE, TimeUs(message * 5_000)), Ok(()));
        }
        assert_eq!(rates.accept(1, GUIDE, TimeUs(500_000)), Err(500));
        assert_eq!(rates.accept(1, GUIDE, TimeUs(999_999)), Err(1));
        assert_eq!(rates.accept(1, GUIDE, TimeUs(1_000_000)), Ok(()));
        assert_eq!(rates.accept(1, GUIDE, TimeUs(1_000_000)), Err(5));
    }

    #[test]
    fn a_batch_counts_each_of_its_bids() {
        let mut rates = Rates::default();
        assert_eq!(rates.accept(99, GUIDE, TimeUs(0)), Ok(()));
        assert_eq!(rates.accept(2, GUIDE, TimeUs(1)), Err(1000));
        assert_eq!(rates.accept(1, GUIDE, TimeUs(1)), Ok(()));
        assert_eq!(rates.accept(101, GUIDE, TimeUs(2)), Err(1000));
        assert_eq!(rates.accept(500, None, TimeUs(2)), Ok(()));
    }

    #[test]
    fn three_seconds_of_flood_are_too_much_and_two_are_not() {
        let flood = |rates: &mut Rates, second: i64, count: i64| {
            (0..count)
                .map(|index| rates.hear(GUIDE, TimeUs(second * SECOND_US + index * 900)))
                .find(|verdict| *verdict == Verdict::TooMuch)
        };
        let mut rates = Rates::default();
        for second in [0, 1] {
            assert_eq!(flood(&mut rates, second, 1001), None);
        }
        assert_eq!(flood(&mut rates, 2, 1000), None, "exactly a thousand is no flood");
        assert_eq!(flood(&mut rates, 3, 1001), None);
        assert_eq!(flood(&mut rates, 4, 1001), None);
        assert_eq!(flood(&mut rates, 5, 1001), Some(Verdict::TooMuch));
        let mut rates = Rates::default();
        for second in [0, 2, 4, 6] {
            assert_eq!(flood(&mut rates, second, 1001), None, "every other second");
        }
    }

    #[test]
    fn twenty_invalid_messages_within_ten_seconds_are_too_much() {
        let mut rates = Rates::default();
        for index in 0..19 {
            assert_eq!(rates.invalid(TimeUs(index * 500_000)), Verdict::Bearable);
        }
        assert_eq!(rates.invalid(TimeUs(10 * SECOND_US)), Verdict::Bearable, "the first no longer counts");
        assert_eq!(rates.invalid(TimeUs(10 * SECOND_US + 1)), Verdict::TooMuch);
        rates.rest(TimeUs(60 * SECOND_US));
        assert!(rates.trouble.is_none());
    }

    #[test]
    fn ten_notices_a_second_are_enough() {
        let mut rates = Rates::default();
        let told = (0..1000).filter(|&ms| rates.may_notify(TimeUs(ms * 1000))).count();
        assert_eq!(told, 10);
        assert!(rates.may_notify(TimeUs(SECOND_US)));
    }
}
