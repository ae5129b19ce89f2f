//! The settlement of one result: a state machine driven by commands and deadlines.

use super::answer::{Answer, Rejection};
use super::auction::{Auction, Turn, millis};
use super::command::{AffirmSettlement, ReportSettlement};
use super::engine::Engine;
use super::event::{Fact, SettlementChange, SettlementFact, SettlementPhase};
use super::ids::{AuctionId, SettlementId};
use super::view::{AuctionInfo, SettlementView};
use crate::units::TimeUs;

/// The newest fact that everybody is told, and its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) offset: u64,
    pub(super) at: TimeUs,
    pub(super) fact: SettlementFact,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Settlement {
    pub(super) id: SettlementId,
    pub(super) deadline: Option<TimeUs>,
    pub(super) deadline_number: u32,
    pub(super) told: Option<Told>,
    started_at: TimeUs,
}

impl Settlement {
    pub(super) fn view(&self, auction: AuctionInfo) -> SettlementView {
        SettlementView {
            auction,
            state: self.told.clone().expect("a settlement was told when it began").fact,
            started_at: self.started_at,
            ended_at: None,
            participants: Vec::new(),
            postings: Vec::new(),
        }
    }
}

impl Auction {
    pub(super) fn begin_settlement(&mut self, id: SettlementId, turn: &mut Turn<'_>) -> bool {
        if self.outcome.as_ref().is_none_or(|outcome| outcome.summary.total_allocated.0 == 0) {
            return false;
        }
        let deadline = TimeUs(turn.now.0.saturating_add(millis(self.terms.settlement.affirm_timeout_ms)));
        let fact = SettlementFact {
            settlement: id,
            change: SettlementChange::Started,
            phase: SettlementPhase::Consensus,
            participants_agreed: 0,
            participants_total: 0,
            estimated_completion: Some(deadline),
            hash: [0; 32],
        };
        let offset = self.tell(turn, Fact::Settlement(fact.clone()));
        let told = Some(Told { offset, at: turn.now, fact });
        self.settlement =
            Some(Settlement { id, deadline: None, deadline_number: 0, told, started_at: turn.now });
        true
    }
}

impl Engine {
    pub(super) fn affirm(
        &mut self,
        wish: &AffirmSettlement,
        _turn: &mut Turn<'_>,
    ) -> Result<Answer, Rejection> {
        Err(Rejection::SettlementNotFound { settlement: wish.settlement })
    }

    pub(super) fn execute(&mut self, auction: AuctionId, _turn: &mut Turn<'_>) -> Result<Answer, Rejection> {
        Err(Rejection::AuctionNotFound { auction })
    }

    pub(super) fn report(
        &mut self,
        wish: &ReportSettlement,
        _turn: &mut Turn<'_>,
    ) -> Result<Answer, Rejection> {
        Err(Rejection::SettlementNotFound { settlement: wish.settlement })
    }

    pub(super) fn settlement_deadline(
        &mut self,
        settlement: SettlementId,
        _number: u32,
        _turn: &mut Turn<'_>,
    ) -> Result<Answer, Rejection> {
        Err(Rejection::SettlementNotFound { settlement })
    }
}
