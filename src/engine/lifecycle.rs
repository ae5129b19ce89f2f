//! From creation to close: the commands that move an auction through its life.
//!
//! `scheduled` (only with a start time) → `active` ⇄ `halted` → `completed` or
//! `cancelled`. A halted auction keeps its end, and its close comes all the same.

use std::sync::Arc;

use super::answer::{Answer, Rejection};
use super::auction::{Auction, Totals, Turn, millis};
use super::bidders::Bidders;
use super::bids::Bids;
use super::command::{CloseReason, CreateAuction};
use super::event::{CancelReason, ExtensionCause, Fact};
use super::ids::{AuctionId, AuctionSlot, SettlementId};
use super::machine::Engine;
use super::schedule::{OUTAGE_REST_US, end_after};
use super::state::AuctionStatus;
use super::terms::{OnOutage, RULES_VERSION};
use crate::clearing::DemandIndex;
use crate::units::{QuantityLots, TimeUs};

impl Engine {
    pub(super) fn create(&mut self, wish: &CreateAuction, turn: &mut Turn<'_>) -> Result<Answer, Rejection> {
        let key = wish.idempotency_key.as_ref().map(|key| (wish.creator.clone(), key.clone()));
        if let Some(&slot) = key.as_ref().and_then(|key| self.creations.get(key)) {
            let known = &self.auctions[slot.0 as usize];
            if known.terms_json == wish.terms_json {
                return Ok(Answer::Created { slot, created: false });
            }
            return Err(Rejection::AuctionExists { auction: known.id });
        }
        if self.slot(wish.auction).is_some() {
            return Err(Rejection::AuctionExists { auction: wish.auction });
        }
        judge_terms(wish, turn.now)?;
        let max = self.limits.active_auctions_max;
        if self.open_count >= max || self.auctions.len() >= u32::MAX as usize {
            return Err(Rejection::CapacityReached {
                what: "the number of active auctions",
                max: max.into(),
            });
        }
        let slot = AuctionSlot(self.auctions.len() as u32);
        let mut auction = Auction::new(slot, wish, turn.now);
        let state = auction.state(turn.now);
        let offset = auction.tell(turn, Fact::AuctionCreated { state: state.clone() });
        debug_assert_eq!(offset, 1);
        if let Some(Fact::AuctionCreated { state }) = turn.events.last_mut().map(|event| &mut event.fact) {
            state.offset = offset;
        }
        self.auctions.push(auction);
        self.open_count += 1;
        self.auction_slots.insert(wish.auction, slot);
        if let Some(key) = key {
            self.creations.insert(key, slot);
        }
        self.reschedule(slot);
        Ok(Answer::Created { slot, created: true })
    }

    pub(super) fn open(&mut self, auction: AuctionId, turn: &mut Turn<'_>) -> Result<Answer, Rejection> {
        let auction = self.auction_mut(auction)?;
        let starts_at = auction.terms.starts_at.unwrap_or(turn.now);
        if auction.status != AuctionStatus::Scheduled || turn.now < starts_at {
            return Err(auction.wrong_status("opened"));
        }
        auction.status = AuctionStatus::Active;
        auction.tell(turn, Fact::AuctionOpened);
        let slot = auction.slot;
        self.reschedule(slot);
        Ok(Answer::Done)
    }

    pub(super) fn halt(
        &mut self,
        auction: AuctionId,
        reason: &Arc<str>,
        turn: &mut Turn<'_>,
    ) -> Result<Answer, Rejection> {
        let auction = self.auction_mut(auction)?;
        if auction.status != AuctionStatus::Active {
            return Err(auction.wrong_status("halted"));
        }
        auction.status = AuctionStatus::Halted;
        auction.tell(turn, Fact::AuctionHalted { reason: reason.clone() });
        Ok(Answer::Done)
    }

    pub(super) fn resume(&mut self, auction: AuctionId, turn: &mut Turn<'_>) -> Result<Answer, Rejection> {
        let auction = self.auction_mut(auction)?;
        if auction.status != AuctionStatus::Halted {
            return Err(auction.wrong_status("resumed"));
        }
        auction.status = AuctionStatus::Active;
        auction.tell(turn, Fact::AuctionResumed);
        Ok(Answer::Done)
    }

    /// Carries out `on_outage` (see [`Engine::after_outage`]): the end moves, or the auction is called off.
    pub(super) fn outage(
        &mut self,
        auction: AuctionId,
        outage_ms: u64,
        turn: &mut Turn<'_>,
    ) -> Result<Answer, Rejection> {
        let auction = self.auction_mut(auction)?;
        let slot = auction.slot;
        let (true, Some(ends_at)) = (auction.is_running(), auction.ends_at) else {
            return Err(auction.wrong_status("extended"));
        };
        match auction.terms.on_outage {
            OnOutage::Extend => {
                let moved = ends_at.0.saturating_add(millis(outage_ms));
                let ends_at = TimeUs(moved.max(turn.now.0.saturating_add(OUTAGE_REST_US)));
                auction.ends_at = Some(ends_at);
                auction.tell(turn, Fact::AuctionExtended { ends_at, cause: ExtensionCause::Outage });
            }
            OnOutage::Cancel => self.call_off(slot, CancelReason::Outage, turn),
            OnOutage::Close => return Err(auction.wrong_status("extended")),
        }
        self.reschedule(slot);
        Ok(Answer::Done)
    }

    pub(super) fn cancel_auction(
        &mut self,
        auction: AuctionId,
        reason: &Arc<str>,
        turn: &mut Turn<'_>,
    ) -> Result<Answer, Rejection> {
        let auction = self.auction_mut(auction)?;
        if auction.status.is_final() {
            return Err(auction.wrong_status("cancelled"));
        }
        let slot = auction.slot;
        self.call_off(slot, CancelReason::Operator(reason.clone()), turn);
        Ok(Answer::Done)
    }

    pub(super) fn close(
        &mut self,
        auction: AuctionId,
        reason: CloseReason,
        settlement: SettlementId,
        turn: &mut Turn<'_>,
    ) -> Result<Answer, Rejection> {
        let is_id_taken = self.settlement_slots.contains_key(&settlement);
        let auction = self.auction_mut(auction)?;
        let is_early = reason == CloseReason::Schedule && auction.ends_at.is_none_or(|end| turn.now < end);
        if !auction.is_running() || is_early {
            return Err(auction.wrong_status("closed"));
        }
        if is_id_taken {
            return Err(Rejection::InvalidTerms {
                field: "settlement_id",
                why: "it names another settlement",
            });
        }
        let slot = auction.slot;
        match auction.clear() {
            Err(reason) => self.call_off(slot, reason, turn),
            Ok(outcome) => {
                auction.end(AuctionStatus::Completed, turn.now);
                auction.complete(outcome, reason, turn);
                if auction.begin_settlement(settlement, turn) {
                    self.settlement_slots.insert(settlement, slot);
                }
                self.open_count -= 1;
                self.reschedule(slot);
            }
        }
        Ok(Answer::Done)
    }

    fn call_off(&mut self, slot: AuctionSlot, reason: CancelReason, turn: &mut Turn<'_>) {
        let auction = &mut self.auctions[slot.0 as usize];
        auction.end(AuctionStatus::Cancelled, turn.now);
        auction.tell(turn, Fact::AuctionCancelled { reason });
        self.open_count -= 1;
        self.reschedule(slot);
    }

    fn auction_mut(&mut self, auction: AuctionId) -> Result<&mut Auction, Rejection> {
        let slot = self.slot_of(auction)?;
        Ok(&mut self.auctions[slot.0 as usize])
    }
}

impl Auction {
    fn new(slot: AuctionSlot, wish: &CreateAuction, now: TimeUs) -> Self {
        let terms = wish.terms.clone();
        let index = DemandIndex::new(terms.sale.pricing());
        let starts_at = terms.starts_at.filter(|starts_at| *starts_at > now);
        let status = if starts_at.is_some() { AuctionStatus::Scheduled } else { AuctionStatus::Active };
        Self {
            slot,
            id: wish.auction,
            creator: wish.creator.clone(),
            created_at: now,
            idempotency_key: wish.idempotency_key.clone(),
            status,
            offset: 0,
            ends_at: end_after(starts_at.unwrap_or(now), terms.end),
            extensions: 0,
            bids: Bids::default(),
            bidders: Bidders::default(),
            totals: Totals::default(),
            quote: index.quote(),
            index: Some(index),
            outcome: None,
            settlement: None,
            terms,
            terms_json: wish.terms_json.clone(),
        }
    }

    /// Takes on a final status. The end becomes the moment from which nothing was taken any more.
    fn end(&mut self, status: AuctionStatus, now: TimeUs) {
        self.status = status;
        self.ends_at = Some(self.ends_at.map_or(now, |scheduled| scheduled.min(now)));
        self.index = None;
        if status == AuctionStatus::Cancelled {
            self.quote.allocated = QuantityLots(0);
            self.quote.marginal_available = QuantityLots(0);
        }
    }

    pub(super) fn wrong_status(&self, wish: &'static str) -> Rejection {
        Rejection::WrongStatus { auction: self.id, status: self.status, wish }
    }
}

fn judge_terms(wish: &CreateAuction, now: TimeUs) -> Result<(), Rejection> {
    let terms = &wish.terms;
    let invalid = |field, why| Err(Rejection::InvalidTerms { field, why });
    if terms.rules_version != RULES_VERSION {
        return invalid("rules_version", "it is not a version that this program knows");
    }
    if terms.settlement.quorum_ppm > 1_000_000 {
        return invalid("settlement.quorum", "it must be at most 1");
    }
    // Rounded payments are whole tick × lot units then.
    if terms.sale.money_unit.is_some_and(|unit| unit.ratio.numerator != 1 && unit.ratio.denominator != 1) {
        return invalid(
            "money_unit",
            "it must be a whole multiple, or a whole part, of tick_size × lot_size",
        );
    }
    if !terms.sale.net_long.is_empty() {
        return invalid("net_long", "a live auction does not know what bidders hold");
    }
    let starts_at = terms.starts_at.map_or(now, |starts_at| starts_at.max(now));
    if end_after(starts_at, terms.end).is_some_and(|ends_at| ends_at <= starts_at) {
        return invalid("ends_at", "it must come after the start");
    }
    if terms.max_bids_per_bidder == 0 {
        return invalid("max_bids_per_bidder", "it must be above 0");
    }
    Ok(())
}
