//! Bids: the public stream, the owner's replies, listings and snapshots.
//!
//! What goes to everybody never names the bidder: `client_bid_id`, `is_marginal` and
//! `standing` stand only in the owner's messages.

use super::{Place, Replay};
use crate::engine::{AcceptedBid, AuctionId, BidFact, BidId, BidStatus, BidView, LiveBid};
use crate::units::{PriceTicks, QuantityLots, TimeUs};
use crate::wire::json::Json;
use crate::wire::{Grids, Message, Refusal};

/// Most bid ids that one `bids_cancelled` names.
pub const BATCH_IDS_MAX: usize = 1000;
/// Most bids in one part of a `bids_snapshot`: they fit a message of 64 KiB.
pub const SNAPSHOT_BIDS_MAX: usize = 256;

/// To whom a bid's change is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// To everybody on the bid stream.
    Public,
    /// To the bid's owner.
    Owner,
}

/// A bid that was refused, with its numbers as far as they could be read.
#[derive(Debug, Clone, Copy)]
pub struct RejectedBid<'a> {
    /// Where.
    pub auction: AuctionId,
    /// The bidder's own id for it.
    pub client_bid_id: Option<&'a str>,
    /// The quantity asked for.
    pub quantity: RejectedValue<'a>,
    /// The price offered.
    pub price: RejectedValue<'a>,
    /// Why it was refused.
    pub refusal: &'a Refusal,
}

/// A number of a refused bid.
#[derive(Debug, Clone, Copy)]
pub enum RejectedValue<'a> {
    /// A price on the grid, or none.
    Price(Option<PriceTicks>, Grids),
    /// A quantity on the grid.
    Quantity(QuantityLots, Grids),
    /// A JSON value: a number's text, or `null`.
    Json(&'a str),
}

/// One bid's fate in `bids_result`.
#[derive(Debug, Clone, Copy)]
pub enum BatchEntry<'a> {
    /// It stands.
    Accepted(&'a AcceptedBid, Grids),
    /// It was refused.
    Rejected(&'a RejectedBid<'a>),
}

/// A bid that changed.
#[derive(Debug, Clone, Copy)]
pub struct BidAmendment<'a> {
    /// The bid as it is now.
    pub bid: &'a BidFact,
    /// Whether it kept its time priority.
    pub priority_kept: bool,
    /// To whom it is told.
    pub shown: Shown,
}

/// A bid that was taken back.
#[derive(Debug, Clone, Copy)]
pub struct BidCancellation<'a> {
    /// Which bid.
    pub bid: BidId,
    /// The owner's own id for it; `None` in the public message.
    pub client_bid_id: Option<&'a str>,
}

/// Which part of a snapshot a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotPart {
    /// Which auction.
    pub auction: AuctionId,
    /// The part's number, from 0.
    pub index: u32,
    /// Whether no part follows.
    pub is_last: bool,
    /// The last event the snapshot includes.
    pub offset: u64,
    /// When it was taken.
    pub at: TimeUs,
}

/// A bid stands, told to everybody.
pub fn new_bid(message: &mut Message, place: &Place, grids: Grids, bid: &BidFact) {
    let json = message.begin("new_bid", place.at);
    public_members(json, place, grids, bid);
    json.raw(r#","current_price":"#);
    json.price(grids, bid.current_price);
    message.end_fact(place);
}

/// A bid stands, told to its owner; the same again for a repeated `client_bid_id`.
pub fn bid_accepted(message: &mut Message, grids: Grids, accepted: &AcceptedBid, replay: Replay) {
    let json = message.begin("bid_accepted", accepted.at);
    json.raw("{");
    accepted_members(json, grids, accepted);
    json.raw("}");
    let place = Place { auction: accepted.auction, offset: accepted.offset, at: accepted.at, replay };
    message.end_placed(&place);
}

/// A bid was refused, told to the bidder alone.
pub fn bid_rejected(message: &mut Message, now: TimeUs, rejected: &RejectedBid<'_>) {
    let json = message.begin("bid_rejected", now);
    json.raw(r#"{"auction_id":"#);
    json.id(rejected.auction.0);
    rejected_members(json, rejected);
    json.raw(r#","timestamp":"#);
    json.time(now);
    json.raw("}");
    message.end_payload();
}

/// A bid was taken back.
pub fn bid_cancelled(message: &mut Message, place: &Place, cancelled: &BidCancellation<'_>) {
    let json = message.begin("bid_cancelled", place.at);
    json.raw(r#"{"bid_id":"#);
    json.id(cancelled.bid.0);
    json.raw(r#","auction_id":"#);
    json.id(place.auction.0);
    json.raw(r#","status":"cancelled","cancelled_at":"#);
    json.time(place.at);
    client_bid_id_member(json, cancelled.client_bid_id);
    message.end_fact(place);
}

/// A bid changed.
pub fn bid_amended(message: &mut Message, place: &Place, grids: Grids, amendment: &BidAmendment<'_>) {
    let bid = amendment.bid;
    let json = message.begin("bid_amended", place.at);
    public_members(json, place, grids, bid);
    json.raw(r#","priority_kept":"#);
    json.flag(amendment.priority_kept);
    json.raw(r#","current_price":"#);
    json.price(grids, bid.current_price);
    if amendment.shown == Shown::Owner {
        json.raw(r#","is_marginal":"#);
        json.flag(bid.is_marginal);
        json.raw(r#","standing":"#);
        json.text(bid.standing.as_str());
        client_bid_id_member(json, bid.client_bid_id.as_deref());
    }
    message.end_fact(place);
}

/// These bids are gone. At most [`BATCH_IDS_MAX`] are named; `count` counts all.
pub fn bids_cancelled(message: &mut Message, now: TimeUs, bids: &[BidId]) {
    let json = message.begin("bids_cancelled", now);
    json.raw(r#"{"count":"#);
    json.count(bids.len() as u64);
    json.raw(r#","bid_ids":["#);
    for (index, bid) in bids.iter().take(BATCH_IDS_MAX).enumerate() {
        json.raw(if index == 0 { "" } else { "," });
        json.id(bid.0);
    }
    json.raw("]");
    if bids.len() > BATCH_IDS_MAX {
        json.raw(r#","bid_ids_more":true"#);
    }
    json.raw("}");
    message.end_payload();
}

/// What became of each bid of a `submit_bids`, in order.
pub fn bids_result<'a>(
    message: &mut Message,
    now: TimeUs,
    auction: AuctionId,
    entries: impl IntoIterator<Item = BatchEntry<'a>>,
) {
    let json = message.begin("bids_result", now);
    json.raw(r#"{"auction_id":"#);
    json.id(auction.0);
    json.raw(r#","results":["#);
    for (index, entry) in entries.into_iter().enumerate() {
        json.raw(if index == 0 { "{" } else { ",{" });
        match entry {
            BatchEntry::Accepted(accepted, grids) => accepted_members(json, grids, accepted),
            BatchEntry::Rejected(rejected) => {
                json.raw(r#""status":"rejected""#);
                rejected_members(json, rejected);
            }
        }
        json.raw("}");
    }
    json.raw("]}");
    message.end_payload();
}

/// All that its owner may know of a bid.
pub fn bid(message: &mut Message, now: TimeUs, grids: Grids, view: &BidView) {
    let json = message.begin("bid", now);
    view_object(json, grids, view);
    message.end_payload();
}

/// A page of the asking party's bids in one auction.
pub fn bids(
    message: &mut Message,
    now: TimeUs,
    auction: AuctionId,
    grids: Grids,
    page: (&[BidView], Option<BidId>),
) {
    let (views, next_after) = page;
    let json = message.begin("bids", now);
    json.raw(r#"{"auction_id":"#);
    json.id(auction.0);
    json.raw(r#","bids":["#);
    for (index, view) in views.iter().enumerate() {
        json.raw(if index == 0 { "" } else { "," });
        view_object(json, grids, view);
    }
    json.raw(r#"],"next_after":"#);
    match next_after {
        Some(bid) => json.id(bid.0),
        None => json.raw("null"),
    }
    json.raw("}");
    message.end_payload();
}

/// Live bids in time priority: at most [`SNAPSHOT_BIDS_MAX`] are taken from `bids`.
pub fn bids_snapshot<'a>(
    message: &mut Message,
    part: &SnapshotPart,
    grids: Grids,
    bids: impl IntoIterator<Item = &'a LiveBid>,
) {
    let json = message.begin("bids_snapshot", part.at);
    json.raw(r#"{"auction_id":"#);
    json.id(part.auction.0);
    json.raw(r#","bids":["#);
    for (index, bid) in bids.into_iter().take(SNAPSHOT_BIDS_MAX).enumerate() {
        json.raw(if index == 0 { r#"{"bid_id":"# } else { r#",{"bid_id":"# });
        json.id(bid.bid.0);
        terms_members(json, grids, bid.quantity, bid.price);
        json.raw(r#","timestamp":"#);
        json.time(bid.at);
        json.raw(r#","is_phantom":"#);
        json.flag(bid.is_phantom);
        json.raw("}");
    }
    json.raw(r#"],"part":"#);
    json.count(u64::from(part.index));
    json.raw(r#","last":"#);
    json.flag(part.is_last);
    json.raw(r#","offset":"#);
    json.count(part.offset);
    json.raw("}");
    message.end_payload();
}

/// What everybody may know of a bid, from the opening brace on.
#[inline]
fn public_members(json: &mut Json, place: &Place, grids: Grids, bid: &BidFact) {
    json.raw(r#"{"bid_id":"#);
    json.id(bid.bid.0);
    json.raw(r#","auction_id":"#);
    json.id(place.auction.0);
    terms_members(json, grids, bid.quantity, bid.price);
    json.raw(r#","timestamp":"#);
    json.time(place.at);
    json.raw(if bid.is_phantom { r#","is_phantom":true"# } else { r#","is_phantom":false"# });
}

/// Quantity and price; a price taker's price is `null` and says so.
#[inline]
fn terms_members(json: &mut Json, grids: Grids, quantity: QuantityLots, price: Option<PriceTicks>) {
    json.raw(r#","quantity":"#);
    json.quantity(grids, quantity);
    json.raw(r#","price":"#);
    match price {
        Some(price) => json.price(grids, price),
        None => json.raw(r#"null,"order_type":"market""#),
    }
}

fn client_bid_id_member(json: &mut Json, client_bid_id: Option<&str>) {
    if let Some(client_bid_id) = client_bid_id {
        json.raw(r#","client_bid_id":"#);
        json.text(client_bid_id);
    }
}

fn accepted_members(json: &mut Json, grids: Grids, accepted: &AcceptedBid) {
    let bid = &accepted.bid;
    json.raw(r#""bid_id":"#);
    json.id(bid.bid.0);
    json.raw(r#","auction_id":"#);
    json.id(accepted.auction.0);
    client_bid_id_member(json, bid.client_bid_id.as_deref());
    json.raw(r#","status":"#);
    json.text(status_word(accepted.status));
    terms_members(json, grids, bid.quantity, bid.price);
    json.raw(r#","is_marginal":"#);
    json.flag(bid.is_marginal);
    json.raw(r#","timestamp":"#);
    json.time(accepted.at);
    json.raw(r#","offset":"#);
    json.count(accepted.offset);
    json.raw(r#","current_price":"#);
    json.price(grids, bid.current_price);
    json.raw(r#","standing":"#);
    json.text(bid.standing.as_str());
    if bid.is_phantom {
        json.raw(r#","is_phantom":true"#);
    }
    if accepted.duplicate {
        json.raw(r#","duplicate":true"#);
    }
}

fn rejected_members(json: &mut Json, rejected: &RejectedBid<'_>) {
    client_bid_id_member(json, rejected.client_bid_id);
    json.raw(r#","quantity":"#);
    rejected_value(json, rejected.quantity);
    json.raw(r#","price":"#);
    rejected_value(json, rejected.price);
    json.raw(",");
    rejected.refusal.members(json);
}

fn rejected_value(json: &mut Json, value: RejectedValue<'_>) {
    match value {
        RejectedValue::Price(price, grids) => json.price_or_null(grids, price),
        RejectedValue::Quantity(quantity, grids) => json.quantity(grids, quantity),
        RejectedValue::Json(value) => json.raw(value),
    }
}

fn view_object(json: &mut Json, grids: Grids, view: &BidView) {
    let bid = &view.bid;
    json.raw(r#"{"bid_id":"#);
    json.id(bid.bid.0);
    json.raw(r#","auction_id":"#);
    json.id(view.auction.0);
    client_bid_id_member(json, bid.client_bid_id.as_deref());
    json.raw(r#","status":"#);
    json.text(status_word(view.status));
    terms_members(json, grids, bid.quantity, bid.price);
    json.raw(r#","filled_quantity":"#);
    json.quantity(grids, view.filled);
    json.raw(r#","payment":"#);
    json.money(grids, view.payment);
    json.raw(r#","at_margin":"#);
    match view.at_margin {
        Some(at_margin) => json.flag(at_margin),
        None => json.raw("null"),
    }
    json.raw(r#","is_marginal":"#);
    json.flag(bid.is_marginal);
    json.raw(r#","timestamp":"#);
    json.time(view.at);
    json.raw(r#","offset":"#);
    json.count(view.offset);
    if bid.is_phantom {
        json.raw(r#","is_phantom":true"#);
    }
    json.raw("}");
}

fn status_word(status: BidStatus) -> &'static str {
    match status {
        BidStatus::Pending => "pending",
        BidStatus::Cancelled => "cancelled",
        BidStatus::Filled => "filled",
        BidStatus::Partial => "partial",
        BidStatus::Unfilled => "unfilled",
        BidStatus::Killed => "killed",
    }
}
