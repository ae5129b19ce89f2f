//! One wheel of timers for everything that waits on a shard.
//!
//! Nine levels of 64 slots cover all of time: a timer lies at the level of the highest
//! digit (in base 64, in ticks of about a millisecond) in which it differs from now, and
//! moves down as that digit comes round. Setting costs a push, an idle wheel nothing.
//! Timers are not taken back: whoever set one too many finds that it is not due yet.

use crate::units::TimeUs;

const LEVELS: usize = 9;
const SLOTS: usize = 64;
const SLOT_BITS: u32 = 6;
const TICK_BITS: u32 = 10;

/// Timers named by `K`.
#[derive(Debug)]
pub struct Timers<K> {
    /// The tick up to which everything due has been given out.
    current: u64,
    /// `LEVELS` × `SLOTS` slots.
    slots: Vec<Vec<Timer<K>>>,
    /// By level, which slots hold timers.
    occupied: [u64; LEVELS],
}

#[derive(Debug, Clone, Copy)]
struct Timer<K> {
    due: TimeUs,
    key: K,
}

impl<K: Copy> Timers<K> {
    /// A wheel without timers.
    pub fn new(now: TimeUs) -> Self {
        let slots = std::iter::repeat_with(Vec::new).take(LEVELS * SLOTS).collect();
        Self { current: tick(now), slots, occupied: [0; LEVELS] }
    }

    /// Sets a timer. One that is due already is given out by the next `expire`.
    pub fn set(&mut self, due: TimeUs, key: K) {
        let at = tick(due).max(self.current);
        let level = (63 - (at ^ self.current | 1).leading_zeros()) / SLOT_BITS;
        let slot = at >> (level * SLOT_BITS) & (SLOTS as u64 - 1);
        self.occupied[level as usize] |= 1 << slot;
        self.slots[level as usize * SLOTS + slot as usize].push(Timer { due, key });
    }

    /// When `expire` has something to do next.
    pub fn next_due(&self) -> Option<TimeUs> {
        let (level, slot, start) = self.earliest()?;
        if level > 0 {
            return Some(TimeUs((start << TICK_BITS) as i64));
        }
        self.slots[slot].iter().map(|timer| timer.due).min()
    }

    /// Gives out everything that is due at `now`, in no particular order.
    pub fn expire(&mut self, now: TimeUs, mut each: impl FnMut(K)) {
        let target = tick(now).max(self.current);
        while let Some((level, slot, start)) = self.earliest().filter(|&(_, _, start)| start <= target) {
            self.current = self.current.max(start);
            self.occupied[level] &= !(1 << (slot % SLOTS));
            let mut waiting = Vec::new();
            for timer in std::mem::take(&mut self.slots[slot]) {
                if timer.due <= now {
                    each(timer.key);
                } else {
                    waiting.push(timer);
                }
            }
            for timer in waiting.iter() {
                self.set(timer.due, timer.key);
            }
            if level == 0 && !waiting.is_empty() {
                // They are due within this very tick.
                break;
            }
        }
        self.current = target;
    }

    /// The first slot with timers: level, index, and the tick at which it starts.
    fn earliest(&self) -> Option<(usize, usize, u64)> {
        let level = self.occupied.iter().position(|&slots| slots != 0)?;
        let shift = level as u32 * SLOT_BITS;
        let slot = self.occupied[level].trailing_zeros() as usize;
        // Slots of a level lie ahead of now and share its higher digits.
        let above = self.current.checked_shr(shift + SLOT_BITS).unwrap_or(0);
        let start = (above << SLOT_BITS | slot as u64) << shift;
        Some((level, level * SLOTS + slot, start))
    }
}

fn tick(time: TimeUs) -> u64 {
    u64::try_from(time.0).unwrap_or(0) >> TICK_BITS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Set(i64),
        Pass(i64),
    }

    fn spans() -> impl Strategy<Value = i64> {
        prop_oneof![0_i64..3_000, 0_i64..10_000_000, 0_i64..1 << 45]
    }

    proptest! {
        #[test]
        fn gives_out_exactly_what_is_due(
            steps in proptest::collection::vec(
                prop_oneof![spans().prop_map(Step::Set), spans().prop_map(Step::Pass)], 1..200),
            start in 0_i64..1 << 50,
        ) {
            let mut now = TimeUs(start);
            let mut timers = Timers::new(now);
            let mut model: BTreeSet<(TimeUs, usize)> = BTreeSet::new();
            for (key, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Set(ahead) => {
                        let due = TimeUs(now.0 + ahead);
                        timers.set(due, key);
                        model.insert((due, key));
                    }
                    Step::Pass(span) => {
                        now.0 += span;
                        let mut given = BTreeSet::new();
                        timers.expire(now, |key| { given.insert(key); });
                        let waiting = model.split_off(&(TimeUs(now.0 + 1), 0));
                        let expected: BTreeSet<usize> = model.into_iter().map(|(_, key)| key).collect();
                        prop_assert_eq!(given, expected);
                        model = waiting;
                    }
                }
                let first = model.first().map(|&(due, _)| due);
                prop_assert_eq!(timers.next_due().is_some(), first.is_some());
                prop_assert!(timers.next_due() <= first, "never later than the first");
            }
        }
    }

    #[test]
    fn waking_when_told_reaches_a_distant_timer_in_few_steps() {
        let mut timers = Timers::new(TimeUs(1_700_000_000_000_000));
        let due = TimeUs(1_700_000_000_000_000 + 86_400_000_000);
        timers.set(due, ());
        let (mut wakes, mut fired) = (0, false);
        while let Some(now) = timers.next_due() {
            timers.expire(now, |()| fired = true);
            wakes += 1;
        }
        assert!(fired && wakes <= LEVELS, "{wakes}");
    }
}
