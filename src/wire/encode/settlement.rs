//! Settlements: the channel's messages, the executor's requests, the REST view.

use std::sync::Arc;

use super::Place;
use crate::engine::{
    Asset, Posting, ResultSummary, SettlementFact, SettlementId, SettlementStep, SettlementView,
};
use crate::units::{Money, TimeUs};
use crate::wire::json::Json;
use crate::wire::{Grids, Message};

/// What `settlement_complete` tells beside the settlement itself.
#[derive(Debug, Clone, Copy)]
pub struct CompletedSettlement<'a> {
    /// The result that was settled.
    pub result: &'a ResultSummary,
    /// What was burned.
    pub gas_used: u64,
    /// The executor's account of the way.
    pub execution_path: &'a [Arc<str>],
}

/// What a participant said, or an executor reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Affirmation {
    /// Of which settlement.
    pub settlement: SettlementId,
    /// Whether it agreed, or the step was done.
    pub agree: bool,
}

/// A step that an executor is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepRequest {
    /// Which step.
    pub step: SettlementStep,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// By when the report is due.
    pub due: TimeUs,
}

/// A settlement began; it started at `place.at`.
pub fn settlement_started(message: &mut Message, place: &Place, fact: &SettlementFact) {
    let json = message.begin("settlement_started", place.at);
    json.raw(r#"{"settlement_id":"#);
    json.id(fact.settlement.0);
    json.raw(r#","auction_id":"#);
    json.id(place.auction.0);
    json.raw(r#","status":"started","phase":"#);
    json.text(fact.phase.as_str());
    json.raw(r#","hash":"#);
    json.hash(&fact.hash);
    json.raw(r#","participants_total":"#);
    json.count(u64::from(fact.participants_total));
    json.raw(r#","started_at":"#);
    json.time(place.at);
    json.raw(r#","estimated_completion":"#);
    json.time_or_null(fact.estimated_completion);
    message.end_fact(place);
}

/// Phase or count of agreement moved.
pub fn settlement_progress(message: &mut Message, place: &Place, fact: &SettlementFact) {
    let json = message.begin("settlement_progress", place.at);
    json.raw(r#"{"settlement_id":"#);
    json.id(fact.settlement.0);
    json.raw(r#","phase":"#);
    json.text(fact.phase.as_str());
    json.raw(r#","participants_agreed":"#);
    json.count(u64::from(fact.participants_agreed));
    json.raw(r#","participants_total":"#);
    json.count(u64::from(fact.participants_total));
    json.raw(r#","estimated_completion":"#);
    json.time_or_null(fact.estimated_completion);
    json.raw(r#","auction_id":"#);
    json.id(place.auction.0);
    message.end_fact(place);
}

/// Everything was carried out.
pub fn settlement_complete(
    message: &mut Message,
    place: &Place,
    grids: Grids,
    fact: &SettlementFact,
    completed: &CompletedSettlement<'_>,
) {
    let json = message.begin("settlement_complete", place.at);
    json.raw(r#"{"settlement_id":"#);
    json.id(fact.settlement.0);
    json.raw(r#","auction_id":"#);
    json.id(place.auction.0);
    json.raw(r#","status":"completed","clearing_price":"#);
    json.price_or_null(grids, completed.result.clearing_price);
    json.raw(r#","total_allocated":"#);
    json.quantity(grids, completed.result.total_allocated);
    json.raw(r#","total_revenue":"#);
    json.money(grids, completed.result.total_revenue);
    json.raw(r#","gas_used":"#);
    json.count(completed.gas_used);
    json.raw(r#","execution_path":["#);
    for (index, step) in completed.execution_path.iter().enumerate() {
        json.raw(if index == 0 { "" } else { "," });
        json.text(step);
    }
    json.raw(r#"],"settled_at":"#);
    json.time(place.at);
    message.end_fact(place);
}

/// The settlement ended without effect; its `phase` says whether holds were given back.
pub fn settlement_failed(message: &mut Message, place: &Place, fact: &SettlementFact, reason: &str) {
    let json = message.begin("settlement_failed", place.at);
    json.raw(r#"{"settlement_id":"#);
    json.id(fact.settlement.0);
    json.raw(r#","auction_id":"#);
    json.id(place.auction.0);
    json.raw(r#","status":"failed","phase":"#);
    json.text(fact.phase.as_str());
    json.raw(r#","reason":"#);
    json.text(reason);
    json.raw(r#","failed_at":"#);
    json.time(place.at);
    message.end_fact(place);
}

/// An executor is asked to perform a step: for connections that may `settle`.
pub fn settlement_request(
    message: &mut Message,
    place: &Place,
    fact: &SettlementFact,
    request: &StepRequest,
) {
    let json = message.begin("settlement_request", place.at);
    json.raw(r#"{"settlement_id":"#);
    json.id(fact.settlement.0);
    json.raw(r#","auction_id":"#);
    json.id(place.auction.0);
    json.raw(r#","step":"#);
    json.text(step_word(request.step));
    json.raw(r#","attempt":"#);
    json.count(u64::from(request.attempt));
    json.raw(r#","due":"#);
    json.time(request.due);
    json.raw(r#","hash":"#);
    json.hash(&fact.hash);
    message.end_fact(place);
}

/// The settlement took note of what a participant said or an executor reported, told to that one.
pub fn settlement_affirmed(message: &mut Message, now: TimeUs, affirmation: Affirmation) {
    let json = message.begin("settlement_affirmed", now);
    json.raw(r#"{"settlement_id":"#);
    json.id(affirmation.settlement.0);
    json.raw(r#","agree":"#);
    json.flag(affirmation.agree);
    json.raw("}");
    message.end_payload();
}

/// A settlement with its participants and postings.
pub fn settlement(message: &mut Message, now: TimeUs, grids: Grids, view: &SettlementView) {
    let json = message.begin("settlement", now);
    let state = &view.state;
    json.raw(r#"{"settlement_id":"#);
    json.id(state.settlement.0);
    json.raw(r#","auction_id":"#);
    json.id(view.auction.state.auction.0);
    json.raw(r#","phase":"#);
    json.text(state.phase.as_str());
    json.raw(r#","hash":"#);
    json.hash(&state.hash);
    json.raw(r#","participants_agreed":"#);
    json.count(u64::from(state.participants_agreed));
    json.raw(r#","participants_total":"#);
    json.count(u64::from(state.participants_total));
    json.raw(r#","started_at":"#);
    json.time(view.started_at);
    json.raw(r#","estimated_completion":"#);
    json.time_or_null(state.estimated_completion);
    json.raw(r#","ended_at":"#);
    json.time_or_null(view.ended_at);
    json.raw(r#","participants":["#);
    for (index, (party, said)) in view.participants.iter().enumerate() {
        json.raw(if index == 0 { r#"{"party":"# } else { r#",{"party":"# });
        json.text(&party.0);
        json.raw(match said {
            None => r#","agree":null}"#,
            Some(true) => r#","agree":true}"#,
            Some(false) => r#","agree":false}"#,
        });
    }
    json.raw(r#"],"obligations":["#);
    for (index, net) in view.obligations.iter().enumerate() {
        json.raw(if index == 0 { r#"{"party":"# } else { r#",{"party":"# });
        json.text(&net.party.0);
        json.raw(r#","money":"#);
        json.money(grids, Money(net.money));
        json.raw(r#","lots":"#);
        json.quantity_sum(grids, net.lots);
        json.raw("}");
    }
    json.raw(r#"],"postings":["#);
    for (index, posting) in view.postings.iter().enumerate() {
        json.raw(if index == 0 { "" } else { "," });
        posting_object(json, grids, posting);
    }
    json.raw("]}");
    message.end_payload();
}

fn posting_object(json: &mut Json, grids: Grids, posting: &Posting) {
    json.raw(r#"{"party":"#);
    json.text(&posting.party.0);
    match posting.asset {
        Asset::Money => {
            json.raw(r#","asset":"money","amount":"#);
            json.money(grids, Money(posting.amount));
        }
        Asset::Lots => {
            json.raw(r#","asset":"lots","amount":"#);
            json.quantity_sum(grids, posting.amount);
        }
    }
    json.raw("}");
}

fn step_word(step: SettlementStep) -> &'static str {
    match step {
        SettlementStep::Prepare => "prepare",
        SettlementStep::Commit => "commit",
        SettlementStep::Abort => "abort",
    }
}
