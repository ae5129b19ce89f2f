//! What time alone brings about: starts, ends and settlement deadlines, earliest first.
//!
//! The schedule only says what to apply. The host turns it into commands, which stand in
//! the log like all others; a replay reads them there and never asks the schedule.

use std::collections::BTreeSet;

use super::command::{CloseReason, Command};
use super::ids::{AuctionSlot, SettlementId};
use super::machine::Engine;
use super::state::AuctionStatus;
use super::terms::{End, OnOutage};
use crate::units::TimeUs;

/// After an outage at least this much of an auction is left, if its terms extend it.
pub(super) const OUTAGE_REST_US: i64 = 60_000_000;

/// What a due moment is for. At one moment of one auction, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Matter {
    /// The auction starts or ends.
    Lifecycle,
    /// Its settlement goes on.
    Settlement,
}

/// All due moments. Ties go to the auction created first.
#[derive(Debug, Clone, Default)]
pub(super) struct Schedule {
    moments: BTreeSet<(TimeUs, AuctionSlot, Matter)>,
    /// What each auction has in `moments`.
    entered: Vec<[Option<TimeUs>; 2]>,
}

impl Schedule {
    fn set(&mut self, slot: AuctionSlot, matter: Matter, moment: Option<TimeUs>) {
        let place = slot.0 as usize;
        if self.entered.len() <= place {
            self.entered.resize(place + 1, [None; 2]);
        }
        let entered = &mut self.entered[place][matter as usize];
        if *entered == moment {
            return;
        }
        if let Some(old) = *entered {
            self.moments.remove(&(old, slot, matter));
        }
        if let Some(new) = moment {
            self.moments.insert((new, slot, matter));
        }
        *entered = moment;
    }
}

impl Engine {
    /// When the schedule next wants a command applied.
    pub fn next_due(&self) -> Option<TimeUs> {
        self.schedule.moments.first().map(|moment| moment.0)
    }

    /// What the schedule wants applied at or before `now`, earliest first; to be asked again after
    /// each command. A close comes with a nil settlement id for the host to fill in.
    pub fn due(&self, now: TimeUs) -> Option<Command> {
        let &(_, slot, matter) = self.schedule.moments.first().filter(|moment| moment.0 <= now)?;
        let auction = &self.auctions[slot.0 as usize];
        Some(match matter {
            Matter::Lifecycle if auction.status == AuctionStatus::Scheduled => {
                Command::OpenAuction { auction: auction.id }
            }
            Matter::Lifecycle => Command::CloseAuction {
                auction: auction.id,
                reason: CloseReason::Schedule,
                settlement: SettlementId(uuid::Uuid::nil()),
            },
            Matter::Settlement => {
                let settlement = auction.settlement.as_ref().expect("only a settlement enters a deadline");
                Command::SettlementDeadline { settlement: settlement.id, number: settlement.deadline_number }
            }
        })
    }

    /// What is to be applied, in this order and before anything that is due, after a server was away
    /// from `away_since` until `now`.
    ///
    /// Auctions whose start was missed open. Then `on_outage` is carried out for those whose end fell into the outage
    /// or, where it extends them, comes less than 60 s after it; those that close regardless do so when
    /// they are due.
    pub fn after_outage(&self, away_since: TimeUs, now: TimeUs) -> Vec<Command> {
        let outage_ms = u64::try_from(now.0.saturating_sub(away_since.0) / 1000).unwrap_or(0);
        let mut opening = Vec::new();
        let mut moving = Vec::new();
        for auction in &self.auctions {
            let missed_start = auction.status == AuctionStatus::Scheduled
                && auction.terms.starts_at.is_some_and(|starts_at| starts_at <= now);
            if missed_start {
                opening.push(Command::OpenAuction { auction: auction.id });
            } else if !auction.is_running() {
                continue;
            }
            let Some(ends_at) = auction.ends_at else { continue };
            let is_struck = match auction.terms.on_outage {
                OnOutage::Extend => ends_at.0.saturating_sub(now.0) < OUTAGE_REST_US,
                OnOutage::Cancel => ends_at <= now,
                OnOutage::Close => false,
            };
            if is_struck {
                moving.push(Command::ExtendForOutage { auction: auction.id, outage_ms });
            }
        }
        opening.append(&mut moving);
        opening
    }

    /// Keeps the schedule true after a change of an auction.
    pub(super) fn reschedule(&mut self, slot: AuctionSlot) {
        let auction = &self.auctions[slot.0 as usize];
        let lifecycle = match auction.status {
            AuctionStatus::Scheduled => auction.terms.starts_at,
            AuctionStatus::Active | AuctionStatus::Halted => auction.ends_at,
            AuctionStatus::Completed | AuctionStatus::Cancelled => None,
        };
        let settlement = auction.settlement.as_ref().and_then(|settlement| settlement.deadline);
        self.schedule.set(slot, Matter::Lifecycle, lifecycle);
        self.schedule.set(slot, Matter::Settlement, settlement);
    }
}

/// When an auction that starts at `start` ends.
pub(super) fn end_after(start: TimeUs, end: End) -> Option<TimeUs> {
    match end {
        End::Open => None,
        End::After { duration_ms } => {
            Some(TimeUs(start.0.saturating_add(super::auction::millis(duration_ms))))
        }
        End::At(moment) => Some(moment),
    }
}
