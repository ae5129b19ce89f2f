//! Holding state back: the latest wins, and a group of subscribers gets each kind at
//! most once in its interval.
//!
//! The first state after a quiet interval goes out at once; what comes sooner waits for
//! the interval's end, and only the last of it is sent. What waits is kept once for all
//! groups.

use rustc_hash::FxHashMap;

use super::backlog::StateKey;
use super::outbox::Parts;
use super::session::Topic;
use super::timers::Timers;
use crate::host::{ConnectionKey, FrameHeader};
use crate::units::TimeUs;

/// One kind of state for one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gate {
    /// The group's topic.
    pub topic: Topic,
    /// The group's interval, in milliseconds.
    pub interval_ms: u16,
    /// Which state.
    pub key: StateKey,
}

#[derive(Debug, Clone, Copy)]
struct Opening {
    /// When it last let something through.
    at: TimeUs,
    is_waiting: bool,
}

/// A state that waits.
#[derive(Debug)]
pub struct Held {
    /// To whom it goes.
    pub header: FrameHeader,
    head: Vec<u8>,
    tail: Vec<u8>,
    /// How many gates wait for it. Kept true at every step, whether or not anybody stands behind them.
    waiting: u32,
}

impl Held {
    /// Its message.
    pub fn parts(&self) -> Parts<'_> {
        Parts { head: &self.head, tail: &self.tail, extra: &[] }
    }
}

/// All gates of a shard.
#[derive(Debug)]
pub struct States {
    openings: FxHashMap<Gate, Opening>,
    held: FxHashMap<StateKey, Held>,
    timers: Timers<Gate>,
}

/// Whether state passes a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Now.
    Open,
    /// Later; the state must be kept with `hold`.
    Shut,
}

impl States {
    /// No gates.
    pub fn new(now: TimeUs) -> Self {
        Self { openings: FxHashMap::default(), held: FxHashMap::default(), timers: Timers::new(now) }
    }

    /// A state comes to a gate.
    pub fn arrive(&mut self, gate: Gate, now: TimeUs) -> Passage {
        if gate.interval_ms == 0 {
            return Passage::Open;
        }
        let interval_us = i64::from(gate.interval_ms) * 1000;
        let closed = Opening { at: TimeUs(i64::MIN / 2), is_waiting: false };
        let opening = self.openings.entry(gate).or_insert(closed);
        let due = TimeUs(opening.at.0 + interval_us);
        if due <= now {
            let was_waiting = std::mem::replace(opening, Opening { at: now, is_waiting: false }).is_waiting;
            if was_waiting {
                self.passed(gate.key);
            }
            return Passage::Open;
        }
        if !opening.is_waiting {
            opening.is_waiting = true;
            self.timers.set(due, gate);
            let nothing = || Held {
                header: FrameHeader::reply(ConnectionKey(0)),
                head: Vec::new(),
                tail: Vec::new(),
                waiting: 0,
            };
            self.held.entry(gate.key).or_insert_with(nothing).waiting += 1;
        }
        Passage::Shut
    }

    /// Keeps a state for the gates that wait, in place of an older one.
    pub fn hold(&mut self, key: StateKey, header: FrameHeader, parts: Parts<'_>) {
        let Some(held) = self.held.get_mut(&key) else { return };
        held.header = header;
        held.head.clear();
        held.head.extend_from_slice(parts.head);
        held.tail.clear();
        held.tail.extend_from_slice(parts.tail);
    }

    /// When the next gate opens.
    pub fn next_due(&self) -> Option<TimeUs> {
        self.timers.next_due()
    }

    /// Gates that open now and that something waits for: each must be followed by `passed`.
    pub fn open(&mut self, now: TimeUs) -> Vec<Gate> {
        let mut open = Vec::new();
        let openings = &mut self.openings;
        self.timers.expire(now, |gate| {
            if let Some(opening) = openings.get_mut(&gate).filter(|opening| opening.is_waiting) {
                *opening = Opening { at: now, is_waiting: false };
                open.push(gate);
            }
        });
        // The order of timers is no order; tests and people want one.
        open.sort_unstable();
        open
    }

    /// The state that waits under this key.
    pub fn held(&self, key: StateKey) -> Option<&Held> {
        self.held.get(&key)
    }

    /// A gate that waited for a state has let it through.
    pub fn passed(&mut self, key: StateKey) {
        if let Some(held) = self.held.get_mut(&key) {
            held.waiting -= 1;
            if held.waiting == 0 {
                self.held.remove(&key);
            }
        }
    }

    /// Opens a gate for good; whether something waited there, and then `passed` must follow.
    pub fn remove(&mut self, gate: Gate) -> bool {
        self.openings.remove(&gate).is_some_and(|opening| opening.is_waiting)
    }

    /// Forgets gates that have let nothing through for a minute, longer than any interval.
    pub fn tidy(&mut self, now: TimeUs) {
        const QUIET_US: i64 = 61_000_000;
        self.openings.retain(|_, opening| opening.is_waiting || now.0 - opening.at.0 < QUIET_US);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Channel;

    fn gate(interval_ms: u16, key: u64) -> Gate {
        Gate { topic: Topic { channel: Channel::Auction, slot: None }, interval_ms, key: StateKey(key) }
    }

    fn hold(states: &mut States, key: u64, text: &str) {
        let parts = Parts { head: text.as_bytes(), tail: b"", extra: b"" };
        states.hold(StateKey(key), FrameHeader::reply(ConnectionKey(0)), parts);
    }

    #[test]
    fn the_first_goes_at_once_and_the_last_of_an_interval_at_its_end() {
        let mut states = States::new(TimeUs(0));
        let slow = gate(100, 1);
        assert_eq!(states.arrive(slow, TimeUs(1_000)), Passage::Open);
        for (at, text) in [(2_000, "first"), (50_000, "second"), (100_999, "third")] {
            assert_eq!(states.arrive(slow, TimeUs(at)), Passage::Shut);
            hold(&mut states, 1, text);
            assert_eq!(states.open(TimeUs(at)), []);
        }
        assert_eq!(states.next_due(), Some(TimeUs(101_000)));
        assert_eq!(states.open(TimeUs(101_000)), [slow]);
        assert_eq!(states.held(StateKey(1)).map(|held| held.parts().head), Some(&b"third"[..]));
        states.passed(StateKey(1));
        assert!(states.held(StateKey(1)).is_none());
        assert_eq!(
            states.arrive(slow, TimeUs(200_999)),
            Passage::Shut,
            "an interval starts when it was sent"
        );
        assert_eq!(states.arrive(slow, TimeUs(201_000)), Passage::Open);
        assert_eq!(states.open(TimeUs(400_000)), [], "what came at the interval's end took the wait over");
    }

    #[test]
    fn each_group_and_each_kind_has_its_own_interval() {
        let mut states = States::new(TimeUs(0));
        assert_eq!(states.arrive(gate(0, 1), TimeUs(0)), Passage::Open);
        assert_eq!(states.arrive(gate(0, 1), TimeUs(0)), Passage::Open, "no interval, no waiting");
        for gate in [gate(10, 1), gate(20, 1), gate(10, 2)] {
            assert_eq!(states.arrive(gate, TimeUs(0)), Passage::Open);
            assert_eq!(states.arrive(gate, TimeUs(1)), Passage::Shut);
        }
        hold(&mut states, 1, "one");
        hold(&mut states, 2, "two");
        assert_eq!(states.open(TimeUs(10_000)), [gate(10, 1), gate(10, 2)]);
        states.passed(StateKey(1));
        states.passed(StateKey(2));
        assert!(states.held(StateKey(1)).is_some() && states.held(StateKey(2)).is_none());
        assert!(states.remove(gate(20, 1)));
        states.passed(StateKey(1));
        assert!(states.held(StateKey(1)).is_none());
        assert_eq!(states.open(TimeUs(20_000)), []);
    }

    #[test]
    fn quiet_gates_are_forgotten() {
        let mut states = States::new(TimeUs(0));
        states.arrive(gate(10, 1), TimeUs(0));
        states.tidy(TimeUs(60_000_000));
        assert_eq!(states.openings.len(), 1);
        states.tidy(TimeUs(61_000_000));
        assert!(states.openings.is_empty());
    }
}
