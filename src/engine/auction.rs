//! One auction at work: its terms, bids and price, from opening to result.
//!
//! Everything an auction does depends on its own commands alone, so that its
//! archive replays without the others. The price is kept current by the demand
//! index; caps and the kill rule for all-or-none bids are applied at the close only.

use std::sync::Arc;

use super::answer::{AcceptedBid, BidStatus, Rejection};
use super::bidders::Bidders;
use super::bids::{Bids, Wanted};
use super::event::{BidFact, Event, EventAuction, Fact, Standing};
use super::ids::{AuctionId, AuctionSlot, Party};
use super::outcome::Outcome;
use super::settlement::Settlement;
use super::state::{AuctionState, AuctionStatus};
use super::terms::Terms;
use crate::clearing::{BidKind, Demand, DemandIndex, Quote};
use crate::units::{PriceTicks, QuantityLots, TimeUs};

/// The command being applied: its time, and where its events go.
pub(super) struct Turn<'a> {
    pub(super) now: TimeUs,
    pub(super) events: &'a mut Vec<Event>,
    pub(super) acceptances: Acceptances,
}

/// Whether each bid that is placed is an event for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptances {
    /// It is.
    Told,
    /// It is counted like one, and nothing more: neither a log nor a listener is there. All other events are told.
    Counted,
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Auction {
    pub(super) slot: AuctionSlot,
    pub(super) id: AuctionId,
    pub(super) creator: Party,
    pub(super) created_at: TimeUs,
    pub(super) idempotency_key: Option<Arc<str>>,
    pub(super) terms: Terms,
    pub(super) terms_json: Arc<str>,
    pub(super) status: AuctionStatus,
    /// The number of its last event.
    pub(super) offset: u64,
    /// When it ends, as long as that is not left to an operator; final once it has ended.
    pub(super) ends_at: Option<TimeUs>,
    /// How often the end was moved by a change of the price.
    pub(super) extensions: u32,
    pub(super) bids: Bids,
    pub(super) bidders: Bidders,
    pub(super) totals: Totals,
    /// Live demand; gone once the auction has ended.
    pub(super) index: Option<DemandIndex>,
    pub(super) quote: Quote,
    pub(super) outcome: Option<Outcome>,
    pub(super) settlement: Option<Settlement>,
}

/// Counts over live bids.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) real_bids: u64,
    pub(super) real_lots: i64,
    pub(super) phantom_bids: u64,
}

impl Totals {
    pub(super) fn count(&mut self, wanted: Wanted) {
        if wanted.is_phantom {
            self.phantom_bids += 1;
        } else {
            self.real_bids += 1;
            self.real_lots += wanted.quantity.0;
        }
    }

    pub(super) fn discount(&mut self, wanted: Wanted) {
        if wanted.is_phantom {
            self.phantom_bids -= 1;
        } else {
            self.real_bids -= 1;
            self.real_lots -= wanted.quantity.0;
        }
    }
}

impl Auction {
    /// Appends an event and returns its number.
    // Inlined, like `fact` and `accepted`: what they make is long, and is made where it goes instead of copied there.
    #[inline(always)]
    pub(super) fn tell(&mut self, turn: &mut Turn<'_>, fact: Fact) -> u64 {
        self.offset += 1;
        let auction = EventAuction { slot: self.slot, id: self.id, offset: self.offset };
        turn.events.push(Event { auction: Some(auction), at: turn.now, fact });
        self.offset
    }

    /// Whether commands that place or change bids are taken at all: the first checks of every one.
    pub(super) fn judge_open(&self, now: TimeUs, received_at_us: i64) -> Result<(), Rejection> {
        match self.status {
            AuctionStatus::Scheduled | AuctionStatus::Halted => {
                Err(Rejection::AuctionNotOpen { auction: self.id, status: self.status })
            }
            AuctionStatus::Active | AuctionStatus::Completed | AuctionStatus::Cancelled => {
                self.judge_not_ended(now, received_at_us)
            }
        }
    }

    /// Whether the auction still runs. Time alone ends it, even before its close has been applied.
    pub(super) fn judge_not_ended(&self, now: TimeUs, received_at_us: i64) -> Result<(), Rejection> {
        match self.ends_at {
            Some(ended_at) if self.status.is_final() || (self.is_running() && now >= ended_at) => {
                Err(Rejection::AuctionEnded {
                    auction: self.id,
                    ended_at,
                    received_at: TimeUs(received_at_us),
                    sequenced_at: now,
                })
            }
            _ => Ok(()),
        }
    }

    /// Whether bids may be taken back or lowered now.
    pub(super) fn judge_lowering(&self, now: TimeUs) -> Result<(), Rejection> {
        let lock_us = millis(self.terms.lock_ms);
        if lock_us > 0 && self.ends_at.is_some_and(|ends_at| now.0 >= ends_at.0.saturating_sub(lock_us)) {
            return Err(Rejection::AuctionLocked { auction: self.id, lock_ms: self.terms.lock_ms });
        }
        if !self.terms.allow_cancel {
            return Err(Rejection::CancelNotAllowed { auction: self.id });
        }
        Ok(())
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(self.status, AuctionStatus::Active | AuctionStatus::Halted)
    }

    /// Brings the price up to date after a change of the index.
    pub(super) fn requote(&mut self) {
        if let Some(index) = &self.index {
            self.quote = index.quote();
        }
    }

    /// Moves the end if the price has changed close to it.
    pub(super) fn extend_if_moved(&mut self, turn: &mut Turn<'_>, price_before: PriceTicks) {
        let Some(ends_at) = self.ends_at else { return };
        let window_us = millis(self.terms.extend_window_ms);
        let is_near = window_us > 0 && turn.now.0 >= ends_at.0.saturating_sub(window_us);
        let by_us = millis(self.terms.extend_ms);
        if !is_near
            || by_us == 0
            || self.quote.price == price_before
            || self.extensions >= self.terms.max_extensions
        {
            return;
        }
        let ends_at = TimeUs(ends_at.0.saturating_add(by_us));
        self.ends_at = Some(ends_at);
        self.extensions += 1;
        self.tell(turn, Fact::AuctionExtended { ends_at, cause: super::ExtensionCause::PriceChange });
    }

    /// Where a bid stands at the current price.
    pub(super) fn standing(&self, price: Option<PriceTicks>) -> Standing {
        let Some(limit) = price else {
            let takers = self.index.as_ref().map_or(QuantityLots(0), DemandIndex::price_takers);
            let fit = takers <= self.quote.supply.lots;
            return if fit { Standing::Above } else { Standing::AtMargin };
        };
        let limit = self.terms.sale.supply.ceiling().map_or(limit, |ceiling| limit.min(ceiling));
        match limit.cmp(&self.quote.price) {
            std::cmp::Ordering::Greater => Standing::Above,
            std::cmp::Ordering::Equal => Standing::AtMargin,
            std::cmp::Ordering::Less => Standing::Below,
        }
    }

    /// A bid as it is now, at the present price.
    #[inline(always)]
    pub(super) fn fact(&self, index: u32) -> BidFact {
        let wanted = self.bids.wanted(index);
        BidFact {
            bid: self.bids.receipts.id(index),
            party: self.bidders.of(self.bids.bidders[index as usize]).key,
            client_bid_id: self.bids.client_id(index).cloned(),
            quantity: wanted.quantity,
            price: wanted.price,
            is_marginal: wanted.is_marginal,
            is_phantom: wanted.is_phantom,
            current_price: self.quote.price,
            standing: self.standing(wanted.price),
        }
    }

    /// A bid's acceptance as it was first answered.
    #[inline(always)]
    pub(super) fn accepted(&self, index: u32, duplicate: bool) -> AcceptedBid {
        let first = self.bids.wanted_first(index);
        AcceptedBid {
            auction: self.id,
            slot: self.slot,
            bid: BidFact {
                quantity: first.quantity,
                price: first.price,
                current_price: self.bids.receipts.current_price(index),
                standing: self.bids.first_standing(index),
                ..self.fact(index)
            },
            at: self.bids.receipts.at(index),
            offset: self.bids.receipts.offset(index),
            status: self.bid_status(index),
            duplicate,
        }
    }

    /// What has become of a bid.
    pub(super) fn bid_status(&self, index: u32) -> BidStatus {
        if !self.bids.is_live(index) {
            return BidStatus::Cancelled;
        }
        match &self.outcome {
            Some(outcome) => outcome.status(index, self.bids.quantities[index as usize]),
            None if self.status == AuctionStatus::Cancelled => BidStatus::Unfilled,
            None => BidStatus::Pending,
        }
    }

    /// What `auction_update` says now.
    pub(super) fn state(&self, now: TimeUs) -> AuctionState {
        let quote = &self.quote;
        AuctionState {
            auction: self.id,
            status: self.status,
            current_price: quote.price,
            total_bids: self.totals.real_bids,
            total_quantity: QuantityLots(self.totals.real_lots),
            supply_available: quote.supply.lots,
            ends_at: self.ends_at,
            at: now,
            offset: self.offset,
            matched: quote.allocated,
            imbalance: i128::from(quote.demand_at_or_above.0) - i128::from(quote.supply.lots.0),
            marginal: (quote.marginal_available, quote.marginal_demand),
            phantom_bids: self.totals.phantom_bids,
        }
    }
}

/// A bid's demand as the index counts it.
pub(super) fn demand(wanted: Wanted) -> Demand {
    Demand {
        price: wanted.price,
        lots: wanted.quantity,
        kind: if wanted.is_phantom { BidKind::Phantom } else { BidKind::Real },
    }
}

/// Microseconds in so many milliseconds, as far as they can be counted.
pub(super) fn millis(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1000)
}
