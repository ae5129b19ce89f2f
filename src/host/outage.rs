//! What becomes of auctions whose end fell into, or near, a time when the server was
//! away. Their terms decide (`on_outage`); what is done stands in the log like any
//! other command.

use crate::engine::{AuctionSlot, AuctionStatus, CloseReason, Command, Engine, OnOutage, SettlementId};
use crate::units::TimeUs;

/// An end this close to the present counts as touched by the outage.
const NEAR_END_US: i64 = 60_000_000;

/// The commands that a start after an outage begins with, in the order of the auctions.
/// `alive_at` is the log's last sign of life.
pub(super) fn commands(engine: &Engine, alive_at: Option<TimeUs>, now: TimeUs) -> Vec<Command> {
    let Some(alive_at) = alive_at else { return Vec::new() };
    let outage_ms = (now.0.saturating_sub(alive_at.0).max(0) / 1000).unsigned_abs();
    let slots = (0..engine.auction_count()).map(|slot| AuctionSlot(slot as u32));
    let touched = slots.filter(|&slot| {
        let is_running = matches!(engine.status(slot), AuctionStatus::Active | AuctionStatus::Halted);
        is_running && engine.ends_at(slot).is_some_and(|ends_at| ends_at.0 < now.0 + NEAR_END_US)
    });
    touched
        .map(|slot| {
            let auction = engine.auction_id(slot);
            match engine.terms(slot).on_outage {
                OnOutage::Extend => Command::ExtendForOutage { auction, outage_ms },
                OnOutage::Close => Command::CloseAuction {
                    auction,
                    reason: CloseReason::Schedule,
                    settlement: SettlementId(uuid::Uuid::nil()),
                },
                OnOutage::Cancel => Command::CancelAuction { auction, reason: "outage".into() },
            }
        })
        .collect()
}
