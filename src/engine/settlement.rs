//! The settlement of one result: a state machine driven by what participants and executors
//! say, and by deadlines.
//!
//! ```text
//! pending → consensus → reserve → execute → complete
//!               │          │         │
//!               ▼          ▼         ▼
//!            failed     failed   rolled back
//!                          └─────────┘  (after an abort)
//! ```
//!
//! Consensus is agreement on the result by those who must perform, not Byzantine consensus. The built-in
//! ledger carries a settlement out in one step. A host is asked: to prepare, and then to commit. A definite
//! no, or silence about the preparation, leads to an abort; silence about a commit never does, since it may
//! have been carried out: the host is asked again, ever more slowly, until it answers.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::answer::Rejection;
use super::command::{AffirmSettlement, ReportSettlement, SettlementStep};
use super::event::{SettlementChange, SettlementFact, SettlementPhase};
use super::ids::{Party, SettlementId};
use super::terms::{Executor, SettlementTerms, TimeoutPolicy};
use crate::units::TimeUs;

/// How long the first request of a step may take; each further one twice as long.
const STEP_TIMEOUT_US: i64 = 30_000_000;
/// The longest that a request of a step may take.
const STEP_TIMEOUT_US_MAX: i64 = 3_600_000_000;
/// How often a host is asked to prepare, and to abort, before its silence is taken for an answer.
const ATTEMPTS_MAX: u32 = 4;

/// One who must affirm the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Participant {
    pub(super) party: Party,
    pub(super) said: Option<bool>,
}

/// A step that a host was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) step: SettlementStep,
    pub(super) attempt: u32,
    pub(super) due: TimeUs,
}

/// The newest fact that everybody is told, and its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) offset: u64,
    pub(super) at: TimeUs,
    pub(super) fact: SettlementFact,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settlement {
    pub(super) id: SettlementId,
    pub(super) phase: SettlementPhase,
    /// SHA-256 of the canonical allocation list.
    pub(super) hash: [u8; 32],
    pub(super) participants: Vec<Participant>,
    places: FxHashMap<Party, usize>,
    agreed: u32,
    objected: u32,
    pub(super) started_at: TimeUs,
    pub(super) ended_at: Option<TimeUs>,
    pub(super) deadline: Option<TimeUs>,
    /// Counts the deadlines there have been.
    pub(super) deadline_number: u32,
    pub(super) request: Option<Request>,
    /// What was reported of each step, in the order of [`SettlementStep`].
    pub(super) reports: [Option<bool>; 3],
    pub(super) gas_used: u64,
    pub(super) execution_path: Vec<Arc<str>>,
    /// Why it is being aborted.
    pub(super) abort_reason: Option<Arc<str>>,
    pub(super) told: Option<Told>,
}

/// What a change brings about, in order.
pub(super) type Facts = Vec<SettlementFact>;

impl Settlement {
    /// A settlement that waits to be started.
    pub(super) fn new(id: SettlementId, hash: [u8; 32], participants: Vec<Party>, now: TimeUs) -> Self {
        Self {
            id,
            phase: SettlementPhase::Pending,
            hash,
            places: participants.iter().cloned().zip(0..).collect(),
            participants: participants.into_iter().map(|party| Participant { party, said: None }).collect(),
            agreed: 0,
            objected: 0,
            started_at: now,
            ended_at: None,
            deadline: None,
            deadline_number: 0,
            request: None,
            reports: [None; 3],
            gas_used: 0,
            execution_path: Vec::new(),
            abort_reason: None,
            told: None,
        }
    }

    /// Starts it.
    pub(super) fn start(
        &mut self,
        terms: &SettlementTerms,
        now: TimeUs,
        facts: &mut Facts,
    ) -> Result<(), Rejection> {
        if self.phase != SettlementPhase::Pending {
            return Err(self.not_waiting());
        }
        self.phase = SettlementPhase::Consensus;
        self.started_at = now;
        self.set_deadline(Some(later(now, super::auction::millis(terms.affirm_timeout_ms))));
        facts.push(self.fact(SettlementChange::Started));
        if self.needed(terms) == 0 {
            self.reserve(terms, now, facts);
        }
        Ok(())
    }

    /// A participant agrees or objects. `Ok(true)`: it had said so before.
    pub(super) fn affirm(
        &mut self,
        wish: &AffirmSettlement,
        terms: &SettlementTerms,
        now: TimeUs,
        facts: &mut Facts,
    ) -> Result<bool, Rejection> {
        let settlement = self.id;
        let place = *self.places.get(&wish.party).ok_or(Rejection::NotAParticipant { settlement })?;
        if wish.hash != self.hash {
            return Err(Rejection::WrongHash { settlement, hash: self.hash });
        }
        match self.participants[place].said {
            Some(said) if said == wish.agree => return Ok(true),
            Some(_) => return Err(Rejection::AlreadyAffirmed { settlement }),
            None => {}
        }
        if self.phase != SettlementPhase::Consensus {
            return Err(self.not_waiting());
        }
        self.note(place, wish.agree);
        facts.push(self.fact(SettlementChange::Affirmed { party: wish.party.clone(), agree: wish.agree }));
        if wish.agree {
            facts.push(self.fact(SettlementChange::Progressed));
        }
        let (total, objected) = (self.participants.len() as u32, self.objected);
        if self.agreed >= self.needed(terms) {
            self.reserve(terms, now, facts);
        } else if total - objected < self.needed(terms) {
            let why = wish.reason.as_deref().map_or(String::new(), |reason| format!(": {reason}"));
            let reason = format!("{objected} of {total} participants object{why}");
            self.fail(reason.into(), now, facts);
        }
        Ok(false)
    }

    /// A deadline has come. An old one, or one before its time, does nothing.
    pub(super) fn deadline(&mut self, number: u32, terms: &SettlementTerms, now: TimeUs, facts: &mut Facts) {
        if number != self.deadline_number || self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        if let Some(request) = self.request {
            return self.ask_again(request, now, facts);
        }
        match terms.timeout_policy {
            TimeoutPolicy::Affirm => self.reserve(terms, now, facts),
            TimeoutPolicy::Fail => {
                let (agreed, needed) = (self.agreed, self.needed(terms));
                let reason = format!("{agreed} participants agreed in time where {needed} are needed");
                self.fail(reason.into(), now, facts);
            }
        }
    }

    /// A host reports on a step. A report that was given before changes nothing.
    pub(super) fn report(
        &mut self,
        report: &ReportSettlement,
        now: TimeUs,
        facts: &mut Facts,
    ) -> Result<(), Rejection> {
        if self.reports[report.step as usize] == Some(report.ok) {
            return Ok(());
        }
        if self.request.is_none_or(|request| request.step != report.step) {
            return Err(self.not_waiting());
        }
        self.reports[report.step as usize] = Some(report.ok);
        self.gas_used = self.gas_used.saturating_add(report.gas_used);
        self.execution_path.extend(report.execution_path.iter().cloned());
        let why = report.reason.clone();
        match (report.step, report.ok) {
            (SettlementStep::Prepare, true) => {
                self.phase = SettlementPhase::Execute;
                self.ask(SettlementStep::Commit, 1, now);
                facts.push(self.fact(SettlementChange::Progressed));
                facts.push(self.requested());
            }
            (SettlementStep::Prepare, false) => {
                self.fail(why.unwrap_or("the executor cannot prepare".into()), now, facts);
            }
            (SettlementStep::Commit, true) => self.complete(now, facts),
            (SettlementStep::Commit, false) => {
                self.abort(why.unwrap_or("the executor cannot commit".into()), now, facts);
            }
            (SettlementStep::Abort, true) => {
                let reason = self.abort_reason.clone().expect("an abort has a reason");
                self.end(SettlementPhase::RolledBack, now);
                facts.push(self.fact(SettlementChange::RolledBack { reason }));
            }
            (SettlementStep::Abort, false) => {
                let reason = self.abort_reason.clone().expect("an abort has a reason");
                let why = why.as_deref().unwrap_or("no reason given");
                self.fail(format!("{reason}; its holds were not let go: {why}").into(), now, facts);
            }
        }
        Ok(())
    }

    /// Keeps what a participant has said.
    pub(super) fn note(&mut self, place: usize, agree: bool) {
        self.participants[place].said = Some(agree);
        if agree {
            self.agreed += 1;
        } else {
            self.objected += 1;
        }
    }

    /// How many must agree.
    fn needed(&self, terms: &SettlementTerms) -> u32 {
        let total = self.participants.len() as u64;
        (total * u64::from(terms.quorum_ppm)).div_ceil(1_000_000).min(total) as u32
    }

    /// The result is agreed on: it is carried out.
    fn reserve(&mut self, terms: &SettlementTerms, now: TimeUs, facts: &mut Facts) {
        self.phase = SettlementPhase::Reserve;
        match terms.executor {
            Executor::Ledger => {
                self.set_deadline(Some(now));
                facts.push(self.fact(SettlementChange::Progressed));
                self.phase = SettlementPhase::Execute;
                facts.push(self.fact(SettlementChange::Progressed));
                self.execution_path.push("ledger".into());
                self.complete(now, facts);
            }
            Executor::Host => {
                self.ask(SettlementStep::Prepare, 1, now);
                facts.push(self.fact(SettlementChange::Progressed));
                facts.push(self.requested());
            }
        }
    }

    fn ask_again(&mut self, request: Request, now: TimeUs, facts: &mut Facts) {
        let may_ask = request.step == SettlementStep::Commit || request.attempt < ATTEMPTS_MAX;
        match request.step {
            _ if may_ask => {
                self.ask(request.step, request.attempt.saturating_add(1), now);
                facts.push(self.requested());
            }
            SettlementStep::Abort => {
                let reason = self.abort_reason.clone().expect("an abort has a reason");
                self.fail(format!("{reason}; it did not confirm the abort either").into(), now, facts);
            }
            SettlementStep::Prepare | SettlementStep::Commit => {
                self.abort("the executor did not answer".into(), now, facts);
            }
        }
    }

    fn abort(&mut self, reason: Arc<str>, now: TimeUs, facts: &mut Facts) {
        self.abort_reason = Some(reason);
        self.ask(SettlementStep::Abort, 1, now);
        facts.push(self.requested());
    }

    fn ask(&mut self, step: SettlementStep, attempt: u32, now: TimeUs) {
        let due = later(now, timeout_us(attempt));
        self.request = Some(Request { step, attempt, due });
        self.set_deadline(Some(due));
    }

    pub(super) fn requested(&self) -> SettlementFact {
        let Request { step, attempt, due } = self.request.expect("a step was just asked for");
        self.fact(SettlementChange::Requested { step, attempt, due })
    }

    fn complete(&mut self, now: TimeUs, facts: &mut Facts) {
        assert!(self.abort_reason.is_none(), "what is being rolled back never completes");
        self.end(SettlementPhase::Complete, now);
        let (gas_used, execution_path) = (self.gas_used, self.execution_path.clone());
        facts.push(self.fact(SettlementChange::Completed { gas_used, execution_path }));
    }

    fn fail(&mut self, reason: Arc<str>, now: TimeUs, facts: &mut Facts) {
        self.end(SettlementPhase::Failed, now);
        facts.push(self.fact(SettlementChange::Failed { reason }));
    }

    fn end(&mut self, phase: SettlementPhase, now: TimeUs) {
        assert!(self.ended_at.is_none(), "a settlement ends once");
        self.phase = phase;
        self.ended_at = Some(now);
        self.request = None;
        self.set_deadline(None);
    }

    fn set_deadline(&mut self, deadline: Option<TimeUs>) {
        self.deadline = deadline;
        self.deadline_number += 1;
    }

    /// A fact as of now.
    pub(super) fn fact(&self, change: SettlementChange) -> SettlementFact {
        SettlementFact {
            settlement: self.id,
            change,
            phase: self.phase,
            participants_agreed: self.agreed,
            participants_total: self.participants.len() as u32,
            estimated_completion: self.deadline.or(self.ended_at),
            hash: self.hash,
        }
    }

    fn not_waiting(&self) -> Rejection {
        Rejection::SettlementNotWaiting { settlement: self.id, phase: self.phase }
    }
}

impl Request {
    /// When it was made.
    pub(super) fn asked_at(self) -> TimeUs {
        TimeUs(self.due.0.saturating_sub(timeout_us(self.attempt)))
    }
}

impl SettlementChange {
    /// Whether everybody is told of it.
    pub(super) fn is_public(&self) -> bool {
        match self {
            Self::Started
            | Self::Progressed
            | Self::Completed { .. }
            | Self::RolledBack { .. }
            | Self::Failed { .. } => true,
            Self::Affirmed { .. } | Self::Requested { .. } => false,
        }
    }
}

/// How long a request of a step may take.
fn timeout_us(attempt: u32) -> i64 {
    (STEP_TIMEOUT_US << (attempt - 1).min(16)).min(STEP_TIMEOUT_US_MAX)
}

fn later(now: TimeUs, by_us: i64) -> TimeUs {
    TimeUs(now.0.saturating_add(by_us))
}
