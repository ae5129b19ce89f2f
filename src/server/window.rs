//! Counting events in a sliding window of time, exactly, for next to nothing while
//! little happens: the last event stands in the struct itself, stamps of more are
//! kept only while a burst lasts.

use std::collections::VecDeque;

use crate::units::TimeUs;

/// How much may happen in which span. An event of weight `n` counts as `n` events at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Events in any span.
    pub events_max: u32,
    /// Length of the span, in microseconds.
    pub span_us: i64,
}

/// What happened within the last span. A span includes its start and not its end: an
/// event stops counting exactly `span_us` after it.
#[derive(Debug, Clone, Default)]
pub struct Window {
    /// The last event, if there is one and `burst` is empty.
    last: Option<(TimeUs, u32)>,
    /// Times and weights, oldest first, once two times share a span.
    burst: Option<Box<Burst>>,
}

#[derive(Debug, Clone, Default)]
struct Burst {
    stamps: VecDeque<(TimeUs, u32)>,
    sum: u64,
}

impl Window {
    /// Counts an event of this weight if the bound allows it; otherwise says how many
    /// microseconds until it would, or `None` if never, and counts nothing.
    pub fn admit(&mut self, weight: u32, bound: Bound, now: TimeUs) -> Result<(), Option<i64>> {
        self.forget(bound, now);
        if weight > bound.events_max {
            return Err(None);
        }
        let room = u64::from(bound.events_max) - u64::from(weight);
        let mut sum = self.sum();
        if sum <= room {
            self.push(weight, now);
            return Ok(());
        }
        for (at, weight) in self.stamps() {
            sum -= u64::from(weight);
            if sum <= room {
                return Err(Some(at.0 + bound.span_us - now.0));
            }
        }
        Err(None)
    }

    /// Counts an event in any case and gives how many there are in the span, this one included.
    pub fn count(&mut self, bound: Bound, now: TimeUs) -> u64 {
        self.forget(bound, now);
        self.push(1, now);
        self.sum()
    }

    /// Gives memory back once nothing counts any more.
    pub fn rest(&mut self, bound: Bound, now: TimeUs) {
        self.forget(bound, now);
    }

    /// Whether nothing counts, as of the last call that was told the time.
    pub fn is_empty(&self) -> bool {
        self.last.is_none() && self.burst.is_none()
    }

    fn sum(&self) -> u64 {
        match &self.burst {
            Some(burst) => burst.sum,
            None => self.last.map_or(0, |(_, weight)| u64::from(weight)),
        }
    }

    fn stamps(&self) -> impl Iterator<Item = (TimeUs, u32)> {
        self.last.into_iter().chain(self.burst.iter().flat_map(|burst| burst.stamps.iter().copied()))
    }

    fn forget(&mut self, bound: Bound, now: TimeUs) {
        let is_over = |at: TimeUs| now.0 - at.0 >= bound.span_us;
        if self.last.is_some_and(|(at, _)| is_over(at)) {
            self.last = None;
        }
        if let Some(burst) = &mut self.burst {
            while let Some(&(_, weight)) = burst.stamps.front().filter(|(at, _)| is_over(*at)) {
                burst.stamps.pop_front();
                burst.sum -= u64::from(weight);
            }
            if burst.stamps.is_empty() {
                self.burst = None;
            }
        }
    }

    fn push(&mut self, weight: u32, now: TimeUs) {
        let Some(burst) = &mut self.burst else {
            match &mut self.last {
                None => self.last = Some((now, weight)),
                Some((at, sum)) if *at == now => *sum += weight,
                Some(_) => {
                    let stamps: VecDeque<_> = self.last.take().into_iter().chain([(now, weight)]).collect();
                    let sum = stamps.iter().map(|&(_, weight)| u64::from(weight)).sum();
                    self.burst = Some(Box::new(Burst { stamps, sum }));
                }
            }
            return;
        };
        burst.sum += u64::from(weight);
        match burst.stamps.back_mut() {
            Some((at, sum)) if *at == now => *sum += weight,
            _ => burst.stamps.push_back((now, weight)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn admits_exactly_what_a_plain_list_of_events_would(
            steps in proptest::collection::vec((0_i64..60, 1_u32..4), 1..200),
            events_max in 1_u32..8,
        ) {
            let bound = Bound { events_max, span_us: 100 };
            let mut window = Window::default();
            let mut now = TimeUs(1_000);
            let mut admitted: Vec<TimeUs> = Vec::new();
            for (step, weight) in steps {
                now.0 += step;
                let counting = |at: i64| admitted.iter().filter(|event| at - event.0 < 100).count() as u32;
                let fits = |at: i64| counting(at) + weight <= events_max;
                let expected = if weight > events_max {
                    Err(None)
                } else if fits(now.0) {
                    Ok(())
                } else {
                    Err((1..=100).find(|&wait| fits(now.0 + wait)))
                };
                prop_assert_eq!(window.admit(weight, bound, now), expected);
                if expected.is_ok() {
                    admitted.extend(std::iter::repeat_n(now, weight as usize));
                }
            }
        }
    }

    #[test]
    fn keeps_no_stamps_while_quiet() {
        let bound = Bound { events_max: 100, span_us: 1_000_000 };
        let mut window = Window::default();
        for at in [0, 10, 20] {
            assert_eq!(window.admit(1, bound, TimeUs(at)), Ok(()));
        }
        assert!(window.burst.is_some());
        window.rest(bound, TimeUs(1_000_020));
        assert!(window.burst.is_none());
        assert!(size_of::<Window>() <= 32);
    }
}
