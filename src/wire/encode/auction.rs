//! The auction's own messages, and the bodies that describe auctions and results.

use sha2::{Digest, Sha256};

use super::Place;
use crate::engine::{
    Allocation, AuctionId, AuctionInfo, AuctionState, CancelReason, CloseReason, ResultPage, ResultSummary,
};
use crate::limits::MESSAGE_BYTES_MAX;
use crate::units::{PriceTicks, TimeUs};
use crate::wire::json::Json;
use crate::wire::{Grids, Message};

/// What `auction_complete` tells beside the numbers of the result.
#[derive(Debug, Clone, Copy)]
pub struct CompletedAuction<'a> {
    /// The result in numbers.
    pub result: &'a ResultSummary,
    /// Who ended it.
    pub reason: CloseReason,
    /// SHA-256 of the canonical terms.
    pub terms_hash: &'a [u8; 32],
    /// The hash chain's value of the log at the close, where there is a log.
    pub log_head: Option<&'a [u8; 32]>,
    /// The reader's own allocations, for a bidder's copy.
    pub own: Option<OwnAllocations<'a>>,
}

/// A bidder's own part of a result: at most 100 allocations.
#[derive(Debug, Clone, Copy)]
pub struct OwnAllocations<'a> {
    /// The first of them, in the order the bids were placed.
    pub allocations: &'a [Allocation],
    /// Whether there are more.
    pub more: bool,
}

/// An auction exists now.
pub fn auction_created(message: &mut Message, place: &Place, grids: Grids, state: &AuctionState) {
    let json = message.begin("auction_created", place.at);
    state_members(json, grids, state, None);
    message.end_fact(place);
}

/// The auction's state, as of `state.at`. `next_price_up` is the price that one more lot wanted above
/// everything would bring, where it was asked for.
pub fn auction_update(
    message: &mut Message,
    grids: Grids,
    state: &AuctionState,
    next_price_up: Option<PriceTicks>,
) {
    let json = message.begin("auction_update", state.at);
    state_members(json, grids, state, next_price_up);
    state_end(json, state);
    message.end_payload();
}

/// The sale is over and final.
pub fn auction_complete(
    message: &mut Message,
    place: &Place,
    grids: Grids,
    completed: &CompletedAuction<'_>,
) {
    let json = message.begin("auction_complete", place.at);
    json.raw(r#"{"auction_id":"#);
    json.id(place.auction.0);
    json.raw(r#","status":"completed""#);
    summary_members(json, grids, completed.result);
    json.raw(r#","completed_at":"#);
    json.time(place.at);
    json.raw(r#","terms_hash":"#);
    json.hash(completed.terms_hash);
    json.raw(r#","log_head":"#);
    match completed.log_head {
        Some(head) => json.hash(head),
        None => json.raw("null"),
    }
    json.raw(r#","reason":"#);
    json.text(match completed.reason {
        CloseReason::Schedule => "schedule",
        CloseReason::Operator => "operator",
    });
    if let Some(own) = completed.own {
        json.raw(r#","own_allocations":["#);
        for (index, allocation) in own.allocations.iter().enumerate() {
            json.raw(if index == 0 { "{" } else { ",{" });
            allocation_members(json, grids, allocation);
            json.raw("}");
        }
        json.raw("]");
        if own.more {
            json.raw(r#","own_allocations_more":true"#);
        }
    }
    message.end_fact(place);
}

/// The auction was called off; nothing was sold.
pub fn auction_cancelled(message: &mut Message, place: &Place, reason: &CancelReason) {
    let json = message.begin("auction_cancelled", place.at);
    json.raw(r#"{"auction_id":"#);
    json.id(place.auction.0);
    json.raw(r#","status":"cancelled","reason":"#);
    json.text(match reason {
        CancelReason::Operator(words) => words,
        CancelReason::Undersubscribed => "undersubscribed",
        CancelReason::MinRevenue => "min_revenue",
        CancelReason::Outage => "outage",
    });
    json.raw(r#","cancelled_at":"#);
    json.time(place.at);
    message.end_fact(place);
}

/// Longest terms that are sent over a WebSocket: the rest of the message fits beside them.
const TERMS_BYTES_SENT_MAX: usize = MESSAGE_BYTES_MAX - 4_096;

/// Whether terms are shown whatever their length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermsShown {
    /// They are.
    Whole,
    /// Only if the message stays within its bound; otherwise `"terms_omitted": true` says so.
    IfTheyFit,
}

/// Terms and state of an auction.
pub fn auction_info(message: &mut Message, grids: Grids, info: &AuctionInfo, shown: TermsShown) {
    let json = message.begin("auction_info", info.state.at);
    info_object(json, grids, info, shown);
    message.end_payload();
}

/// A page of auctions, each as in `auction_info`; `next_after` asks for the next page.
pub fn auctions<'a>(
    message: &mut Message,
    now: TimeUs,
    page: impl IntoIterator<Item = (Grids, &'a AuctionInfo)>,
    next_after: Option<AuctionId>,
) {
    let json = message.begin("auctions", now);
    json.raw(r#"{"auctions":["#);
    for (index, (grids, info)) in page.into_iter().enumerate() {
        json.raw(if index == 0 { "" } else { "," });
        info_object(json, grids, info, TermsShown::Whole);
    }
    json.raw(r#"],"next_after":"#);
    match next_after {
        Some(id) => json.id(id.0),
        None => json.raw("null"),
    }
    json.raw("}");
    message.end_payload();
}

/// The result of a completed auction with a page of its allocations.
pub fn result(message: &mut Message, grids: Grids, page: &ResultPage) {
    let info = &page.auction;
    let json = message.begin("result", info.state.at);
    json.raw(r#"{"auction_id":"#);
    json.id(info.state.auction.0);
    json.raw(r#","status":"#);
    json.text(info.state.status.as_str());
    summary_members(json, grids, &page.summary);
    json.raw(r#","terms_hash":"#);
    json.hash(&Sha256::digest(info.terms_json.as_bytes()).into());
    json.raw(r#","allocations":["#);
    for (index, allocation) in page.allocations.iter().enumerate() {
        json.raw(if index == 0 { "{" } else { ",{" });
        allocation_members(json, grids, allocation);
        json.raw(r#","bidder":"#);
        json.text(&allocation.party.0);
        json.raw(r#","at_margin":"#);
        json.flag(allocation.at_margin);
        json.raw("}");
    }
    json.raw(r#"],"next_after":"#);
    match page.next_after {
        Some(bid) => json.id(bid.0),
        None => json.raw("null"),
    }
    json.raw(r#","offset":"#);
    json.count(info.state.offset);
    json.raw("}");
    message.end_payload();
}

/// The members of a state, from the opening brace, without `offset` and the closing brace.
fn state_members(json: &mut Json, grids: Grids, state: &AuctionState, next_price_up: Option<PriceTicks>) {
    json.raw(r#"{"auction_id":"#);
    json.id(state.auction.0);
    json.raw(r#","status":"#);
    json.text(state.status.as_str());
    json.raw(r#","current_price":"#);
    json.price(grids, state.current_price);
    json.raw(r#","total_bids":"#);
    json.count(state.total_bids);
    json.raw(r#","total_quantity":"#);
    json.quantity(grids, state.total_quantity);
    json.raw(r#","time_remaining_ms":"#);
    match state.ends_at {
        _ if state.status.is_final() => json.raw("0"),
        Some(ends_at) => json.count((ends_at.0.saturating_sub(state.at.0).max(0) / 1000).unsigned_abs()),
        None => json.raw("null"),
    }
    json.raw(r#","supply_available":"#);
    json.quantity(grids, state.supply_available);
    json.raw(r#","ends_at":"#);
    json.time_or_null(state.ends_at);
    json.raw(r#","matched_quantity":"#);
    json.quantity(grids, state.matched);
    json.raw(r#","imbalance_quantity":"#);
    json.quantity_sum(grids, state.imbalance.saturating_abs());
    json.raw(match state.imbalance.signum() {
        1 => r#","imbalance_side":"demand","marginal_fill_ratio":"#,
        -1 => r#","imbalance_side":"supply","marginal_fill_ratio":"#,
        _ => r#","imbalance_side":null,"marginal_fill_ratio":"#,
    });
    let (available, wanted) = state.marginal;
    json.ratio_or_null(available.0, wanted.0);
    json.raw(r#","cover_ratio":"#);
    json.ratio_or_null(state.total_quantity.0, state.supply_available.0);
    if let Some(price) = next_price_up {
        json.raw(r#","next_price_up":"#);
        json.price(grids, price);
    }
    json.raw(r#","phantom_bids":"#);
    json.count(state.phantom_bids);
}

fn state_end(json: &mut Json, state: &AuctionState) {
    json.raw(r#","offset":"#);
    json.count(state.offset);
    json.raw("}");
}

fn info_object(json: &mut Json, grids: Grids, info: &AuctionInfo, shown: TermsShown) {
    state_members(json, grids, &info.state, None);
    json.raw(r#","creator":"#);
    json.text(&info.creator.0);
    json.raw(r#","created_at":"#);
    json.time(info.created_at);
    json.raw(r#","terms":"#);
    if shown == TermsShown::Whole || info.terms_json.len() <= TERMS_BYTES_SENT_MAX {
        json.raw(&info.terms_json);
    } else {
        json.raw(r#"null,"terms_omitted":true"#);
    }
    json.raw(r#","terms_hash":"#);
    json.hash(&Sha256::digest(info.terms_json.as_bytes()).into());
    state_end(json, &info.state);
}

fn summary_members(json: &mut Json, grids: Grids, summary: &ResultSummary) {
    json.raw(r#","clearing_price":"#);
    json.price_or_null(grids, summary.clearing_price);
    json.raw(r#","total_allocated":"#);
    json.quantity(grids, summary.total_allocated);
    json.raw(r#","total_bids":"#);
    json.count(summary.total_bids);
    json.raw(r#","total_quantity":"#);
    json.quantity(grids, summary.total_quantity);
    json.raw(r#","total_revenue":"#);
    json.money(grids, summary.total_revenue);
}

fn allocation_members(json: &mut Json, grids: Grids, allocation: &Allocation) {
    json.raw(r#""bid_id":"#);
    json.id(allocation.bid.0);
    if let Some(client_bid_id) = &allocation.client_bid_id {
        json.raw(r#","client_bid_id":"#);
        json.text(client_bid_id);
    }
    json.raw(r#","quantity":"#);
    json.quantity(grids, allocation.filled);
    json.raw(r#","payment":"#);
    json.money(grids, allocation.payment);
}
