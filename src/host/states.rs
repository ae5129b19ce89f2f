//! What is told without being asked: for whom events are encoded at all, the state of auctions that changed, and the
//! log's signs of life.

use super::Encoding;
use super::recording::Recording;
use super::recovery::LIFE_STREAM;
use super::sequencer::Sequencer;
use crate::engine::{AuctionSlot, AuctionStatus};
use crate::units::TimeUs;

/// Active auctions tell their state at least this often.
pub(super) const STATE_INTERVAL_US: i64 = 1_000_000;
/// While an auction is active the log shows a sign of life at least this often, so that an outage can be measured.
const SIGN_OF_LIFE_US: i64 = 5_000_000;

/// For whom events are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Publishing {
    /// Whether anybody reads the ring. While nobody does, nothing is encoded.
    pub is_heard: bool,
    /// Whether recent facts are kept for clients that resume.
    pub keeps_history: bool,
}

impl Publishing {
    pub fn at_first(encoding: Encoding) -> Self {
        let always = encoding == Encoding::Always;
        Self { is_heard: always, keeps_history: always }
    }
}

impl Sequencer {
    /// From now on events are encoded for whoever this says. Facts before this moment are not in the history.
    pub(super) fn publish_for(&mut self, publishing: Publishing) {
        if publishing.keeps_history && !(self.publishing.keeps_history && self.publishing.is_heard) {
            for slot in (0..self.engine.auction_count()).map(|slot| AuctionSlot(slot as u32)) {
                let offset = self.engine.offset(slot);
                if self.history.last_in(slot, u64::MAX) != offset {
                    self.history.begin_after(slot, offset);
                }
            }
        }
        self.publishing = publishing;
    }

    /// Puts the state of each auction that changed, or has been silent for a second, into the batch.
    pub(super) fn tell_states(&mut self, now: TimeUs) {
        if self.shared.is_frozen() {
            self.dirty.clear();
            return;
        }
        self.show_life(now);
        if !self.publishing.is_heard {
            self.dirty.clear();
            return;
        }
        self.batch.is_of_memory = true;
        let mut dirty = std::mem::take(&mut self.dirty);
        for (slot, told_at) in &self.active {
            if now.0 - told_at.0 >= STATE_INTERVAL_US && self.engine.status(*slot) == AuctionStatus::Active {
                dirty.push(*slot);
            }
        }
        dirty.sort_unstable();
        dirty.dedup();
        for &slot in &dirty {
            if !self.engine.status(slot).is_final() {
                self.tell_state(slot, now);
            }
        }
        for (_, told_at) in self.active.iter_mut().filter(|(slot, told_at)| {
            now.0 - told_at.0 >= STATE_INTERVAL_US || dirty.binary_search(slot).is_ok()
        }) {
            *told_at = now;
        }
        dirty.clear();
        self.dirty = dirty;
    }

    /// Lets the log show that time went on.
    fn show_life(&mut self, now: TimeUs) {
        let is_silent = now.0 - self.logged_at.0 >= SIGN_OF_LIFE_US && self.batch.log.is_empty();
        if is_silent && !self.active.is_empty() && self.recording == Recording::Logged {
            self.batch.log.push(LIFE_STREAM, &[]);
        }
    }
}
