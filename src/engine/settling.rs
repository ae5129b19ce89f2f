//! The commands about settlements, and how a settlement's facts become its auction's events.

use super::answer::{Answer, Rejection};
use super::auction::{Auction, Turn};
use super::command::{AffirmSettlement, ReportSettlement};
use super::event::{Event, EventAuction, Fact, SettlementChange, SettlementFact};
use super::ids::{AuctionId, AuctionSlot, Party, SettlementId};
use super::machine::Engine;
use super::settlement::{Facts, Settlement, Told};
use super::terms::{SettlementStart, SettlementTerms};
use super::view::SettlementView;
use crate::units::TimeUs;

impl Engine {
    pub(super) fn affirm(
        &mut self,
        wish: &AffirmSettlement,
        turn: &mut Turn<'_>,
    ) -> Result<Answer, Rejection> {
        let again = self.settle(wish.settlement, turn, |settlement, terms, now, facts| {
            settlement.affirm(wish, terms, now, facts)
        })?;
        Ok(Answer::Affirmed { settlement: wish.settlement, again })
    }

    pub(super) fn report(
        &mut self,
        report: &ReportSettlement,
        turn: &mut Turn<'_>,
    ) -> Result<Answer, Rejection> {
        self.settle(report.settlement, turn, |settlement, _, now, facts| {
            settlement.report(report, now, facts)
        })?;
        Ok(Answer::Done)
    }

    pub(super) fn settlement_deadline(
        &mut self,
        settlement: SettlementId,
        number: u32,
        turn: &mut Turn<'_>,
    ) -> Result<Answer, Rejection> {
        self.settle(settlement, turn, |settlement, terms, now, facts| {
            settlement.deadline(number, terms, now, facts);
            Ok(())
        })?;
        Ok(Answer::Done)
    }

    pub(super) fn execute(&mut self, auction: AuctionId, turn: &mut Turn<'_>) -> Result<Answer, Rejection> {
        let slot = self.slot_of(auction)?;
        let id = self.at(slot).settlement.as_ref().map(|settlement| settlement.id);
        let id = id.ok_or_else(|| self.at(slot).wrong_status("settled"))?;
        self.settle(id, turn, |settlement, terms, now, facts| settlement.start(terms, now, facts))?;
        Ok(Answer::Done)
    }

    /// Changes a settlement, and tells what came of it.
    fn settle<T>(
        &mut self,
        settlement: SettlementId,
        turn: &mut Turn<'_>,
        change: impl FnOnce(&mut Settlement, &SettlementTerms, TimeUs, &mut Facts) -> Result<T, Rejection>,
    ) -> Result<T, Rejection> {
        let slot =
            *self.settlement_slots.get(&settlement).ok_or(Rejection::SettlementNotFound { settlement })?;
        let auction = &mut self.auctions[slot.0 as usize];
        let answer = auction.settle(turn, change)?;
        self.reschedule(slot);
        Ok(answer)
    }

    /// The settlement of an auction.
    pub fn settlement(&self, auction: AuctionId, now: TimeUs) -> Result<SettlementView, Rejection> {
        let auction = self.at(self.slot_of(auction)?);
        let settlement = auction.settlement.as_ref().ok_or_else(|| auction.wrong_status("settled"))?;
        let state = match &settlement.told {
            Some(told) => told.fact.clone(),
            None => settlement.fact(SettlementChange::Started),
        };
        Ok(SettlementView {
            auction: auction.info(now),
            state,
            started_at: settlement.started_at,
            ended_at: settlement.ended_at,
            participants: settlement.participants.iter().map(|it| (it.party.clone(), it.said)).collect(),
            obligations: auction.net_obligations(),
            postings: auction.posted(),
        })
    }

    /// Where an auction's settlement stands; the change is the newest that everybody is told. `None` before it
    /// starts.
    pub fn settlement_state(&self, slot: AuctionSlot) -> Option<&SettlementFact> {
        self.at(slot).settlement.as_ref()?.told.as_ref().map(|told| &told.fact)
    }

    /// The newest settlement event of an auction that everybody is told.
    pub fn settlement_event(&self, slot: AuctionSlot) -> Option<Event> {
        let auction = self.at(slot);
        let told = auction.settlement.as_ref()?.told.as_ref()?;
        let place = EventAuction { slot, id: auction.id, offset: told.offset };
        Some(Event { auction: Some(place), at: told.at, fact: Fact::Settlement(told.fact.clone()) })
    }

    /// Whether a party won something in the sale that is being settled, and so has to pay.
    pub fn owes(&self, settlement: SettlementId, party: &Party) -> bool {
        let Some(&slot) = self.settlement_slots.get(&settlement) else { return false };
        let auction = self.at(slot);
        let winners = auction.outcome.iter().flat_map(|outcome| &outcome.obligations);
        winners.into_iter().any(|winner| auction.bidders.of(winner.bidder).party == *party)
    }

    /// What the host of an auction's settlement is asked for and has not answered yet. It is the newest event of
    /// that auction: nothing else happens to it until the host answers or time runs out.
    pub fn open_request(&self, slot: AuctionSlot) -> Option<Event> {
        let auction = self.at(slot);
        let settlement = auction.settlement.as_ref()?;
        let at = settlement.request?.asked_at();
        let place = EventAuction { slot, id: auction.id, offset: self.offset(slot) };
        Some(Event { auction: Some(place), at, fact: Fact::Settlement(settlement.requested()) })
    }

    /// What hosts have been asked for and have not answered yet, by auction: to be asked again under the same step
    /// after a restart. The change of each is `Requested`.
    pub fn open_requests(&self) -> impl Iterator<Item = (AuctionSlot, SettlementFact)> + '_ {
        self.auctions.iter().filter_map(|auction| {
            let settlement = auction.settlement.as_ref()?;
            settlement.request?;
            Some((auction.slot, settlement.requested()))
        })
    }
}

impl Auction {
    /// Begins the settlement of a sale that sold something, and says whether there is one.
    pub(super) fn begin_settlement(&mut self, id: SettlementId, turn: &mut Turn<'_>) -> bool {
        if self.outcome.as_ref().is_none_or(|outcome| outcome.summary.total_allocated.0 == 0) {
            return false;
        }
        // Sees to it that the postings balance before anybody can rely on the result.
        self.postings();
        self.settlement = Some(Settlement::new(id, self.allocations_hash(), self.participants(), turn.now));
        if self.terms.settlement.start == SettlementStart::Auto {
            let started =
                self.settle(turn, |settlement, terms, now, facts| settlement.start(terms, now, facts));
            started.expect("a new settlement can be started");
        }
        true
    }

    fn settle<T>(
        &mut self,
        turn: &mut Turn<'_>,
        change: impl FnOnce(&mut Settlement, &SettlementTerms, TimeUs, &mut Facts) -> Result<T, Rejection>,
    ) -> Result<T, Rejection> {
        let mut facts = Facts::new();
        let settlement = self.settlement.as_mut().expect("the caller found the settlement here");
        let answer = change(settlement, &self.terms.settlement, turn.now, &mut facts)?;
        for fact in facts {
            let told = fact.change.is_public().then(|| fact.clone());
            let offset = self.tell(turn, Fact::Settlement(fact));
            if let (Some(fact), Some(settlement)) = (told, &mut self.settlement) {
                settlement.told = Some(Told { offset, at: turn.now, fact });
            }
        }
        Ok(answer)
    }
}
