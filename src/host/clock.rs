//! Where time comes from. Everything that waits or stamps asks a [`Clock`], so
//! that tests and simulations can move it by hand.
//!
//! The system clock is read once, at start; from there time runs with the
//! machine's monotonic clock. It never goes backwards, and a step of the wall
//! clock does not move an auction's end: it is only reported.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use crate::units::TimeUs;

/// A step of the system clock larger than this is reported.
pub const STEP_REPORTED_US: i64 = 500_000;

/// A source of time that never goes backwards.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> TimeUs;
    /// How long to sleep until `moment`; `None` where only a call of the listeners can bring it about.
    fn sleep_until(&self, moment: TimeUs) -> Option<Duration>;
    /// Calls `listener` whenever time jumps. A clock that only flows never calls.
    fn listen(&self, listener: Arc<dyn Fn() + Send + Sync>);
    /// Makes sure that no time before `moment` is ever given: a log's last time is the floor.
    fn raise_to(&self, moment: TimeUs);
    /// How far the system's wall clock has stepped away from this clock, in microseconds.
    fn step_us(&self) -> i64;
    /// Takes the system's wall clock over, unless that would go backwards. Only while nothing depends on the flow.
    fn follow(&self);
}

/// The machine's time.
pub struct SystemClock {
    /// What people set and daemons correct.
    wall: Box<dyn Fn() -> TimeUs + Send + Sync>,
    started: Instant,
    /// Wall time at `started`, in microseconds; moves only by `follow` and `raise_to`.
    anchor_us: AtomicI64,
    /// The greatest time given, so that moving the anchor back never shows.
    last_us: AtomicI64,
}

impl SystemClock {
    /// Anchors the flow of time at the wall clock's present.
    pub fn new() -> Self {
        Self::with_wall(|| TimeUs(wall_us()))
    }

    /// The same beside another wall clock than the system's: one that a test steps.
    pub fn with_wall(wall: impl Fn() -> TimeUs + Send + Sync + 'static) -> Self {
        let now = wall().0;
        Self {
            wall: Box::new(wall),
            started: Instant::now(),
            anchor_us: AtomicI64::new(now),
            last_us: AtomicI64::new(now),
        }
    }

    fn flowing_us(&self) -> i64 {
        let elapsed_us = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.anchor_us.load(Ordering::Relaxed).saturating_add(elapsed_us)
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> TimeUs {
        let flowing_us = self.flowing_us();
        // Relaxed: one word, and its own order of modification is all that "never backwards" needs.
        let before_us = self.last_us.fetch_max(flowing_us, Ordering::Relaxed);
        TimeUs(before_us.max(flowing_us))
    }

    fn sleep_until(&self, moment: TimeUs) -> Option<Duration> {
        let left_us = moment.0.saturating_sub(self.now().0);
        Some(Duration::from_micros(u64::try_from(left_us).unwrap_or(0)))
    }

    fn listen(&self, _listener: Arc<dyn Fn() + Send + Sync>) {}

    fn raise_to(&self, moment: TimeUs) {
        let behind_us = moment.0.saturating_sub(self.flowing_us());
        if behind_us > 0 {
            self.anchor_us.fetch_add(behind_us, Ordering::Relaxed);
        }
        self.last_us.fetch_max(moment.0, Ordering::Relaxed);
    }

    fn step_us(&self) -> i64 {
        (self.wall)().0.saturating_sub(self.flowing_us())
    }

    fn follow(&self) {
        let step_us = self.step_us();
        if step_us > 0 {
            self.anchor_us.fetch_add(step_us, Ordering::Relaxed);
        }
    }
}

fn wall_us() -> i64 {
    // Before 1970 there were no auctions here: such a clock counts from 0.
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

/// A clock that stands still until it is moved.
pub struct ManualClock {
    now_us: AtomicI64,
    listeners: Mutex<Vec<Arc<dyn Fn() + Send + Sync>>>,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: TimeUs) -> Self {
        Self { now_us: AtomicI64::new(now.0), listeners: Mutex::new(Vec::new()) }
    }

    /// Moves time on and wakes all who wait for it.
    pub fn advance(&self, by: Duration) {
        let by_us = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.raise_to(TimeUs(self.now().0.saturating_add(by_us)));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> TimeUs {
        // Acquire pairs with the AcqRel of `raise_to`: who sees the new time sees what was done before it.
        TimeUs(self.now_us.load(Ordering::Acquire))
    }

    fn sleep_until(&self, moment: TimeUs) -> Option<Duration> {
        (moment <= self.now()).then_some(Duration::ZERO)
    }

    fn listen(&self, listener: Arc<dyn Fn() + Send + Sync>) {
        self.listeners.lock().push(listener);
    }

    fn raise_to(&self, moment: TimeUs) {
        self.now_us.fetch_max(moment.0, Ordering::AcqRel);
        let listeners = self.listeners.lock().clone();
        for listener in listeners {
            listener();
        }
    }

    fn step_us(&self) -> i64 {
        0
    }

    fn follow(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raised_clock_never_shows_less_again() {
        let clock = SystemClock::new();
        let ahead = TimeUs(clock.now().0 + 3_600_000_000);
        clock.raise_to(ahead);
        assert!(clock.now() >= ahead);
        clock.follow();
        assert!(clock.now() >= ahead);
        assert!(clock.step_us() < -3_000_000_000, "the wall clock is now an hour behind");
    }

    #[test]
    fn a_manual_clock_tells_its_listeners() {
        let clock = ManualClock::new(TimeUs(5));
        let heard = Arc::new(AtomicI64::new(0));
        let count = heard.clone();
        clock.listen(Arc::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        }));
        clock.advance(Duration::from_millis(2));
        assert_eq!(clock.now(), TimeUs(2005));
        assert_eq!(heard.load(Ordering::Relaxed), 1);
        assert_eq!(clock.sleep_until(TimeUs(2006)), None);
        assert_eq!(clock.sleep_until(TimeUs(2005)), Some(Duration::ZERO));
    }
}
