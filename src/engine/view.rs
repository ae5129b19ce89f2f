//! Answers to questions: what the engine shows of itself without changing.

use std::sync::Arc;

use super::event::{ResultSummary, SettlementFact};
use super::ids::{AuctionSlot, BidId, Party};
use super::state::AuctionState;
use crate::units::{Money, PriceTicks, QuantityLots, TimeUs};

/// Terms and state of an auction.
#[derive(Debug, Clone)]
pub struct AuctionInfo {
    /// Its place.
    pub slot: AuctionSlot,
    /// Its state now.
    pub state: AuctionState,
    /// The resolved terms, canonical JSON.
    pub terms_json: Arc<str>,
    /// Who created it.
    pub creator: Party,
    /// When.
    pub created_at: TimeUs,
}

/// A page of an auction's live bids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveBids {
    /// The bids, in time priority.
    pub bids: Vec<LiveBid>,
    /// Where the next page begins, if there is one.
    pub next: Option<usize>,
}

/// A live bid as everybody may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveBid {
    /// Its id.
    pub bid: BidId,
    /// Lots wanted.
    pub quantity: QuantityLots,
    /// Highest price; `None` for a price taker.
    pub price: Option<PriceTicks>,
    /// Whether it only takes part in price discovery.
    pub is_phantom: bool,
    /// When it was accepted.
    pub at: TimeUs,
    /// The event that made it what it is: its acceptance, or its last amendment.
    pub offset: u64,
}

/// A page of a result.
#[derive(Debug, Clone)]
pub struct ResultPage {
    /// The auction.
    pub auction: AuctionInfo,
    /// The result in numbers.
    pub summary: ResultSummary,
    /// Allocations of this page: bid, owner, lots, payment, whether at the margin.
    pub allocations: Vec<Allocation>,
    /// The last bid's id if more follow.
    pub next_after: Option<BidId>,
}

/// What one bid won.
#[derive(Debug, Clone)]
pub struct Allocation {
    /// The bid.
    pub bid: BidId,
    /// Its owner.
    pub party: Party,
    /// The owner's own id for it.
    pub client_bid_id: Option<Arc<str>>,
    /// Lots won.
    pub filled: QuantityLots,
    /// What they cost.
    pub payment: Money,
    /// Whether it ended at the margin.
    pub at_margin: bool,
}

/// A settlement and what it moves.
#[derive(Debug, Clone)]
pub struct SettlementView {
    /// The auction settled, for grids and names.
    pub auction: AuctionInfo,
    /// Where the settlement stands.
    pub state: SettlementFact,
    /// When it started.
    pub started_at: TimeUs,
    /// When it ended, if it has.
    pub ended_at: Option<TimeUs>,
    /// The participants, and what each has said (`None`: nothing yet).
    pub participants: Vec<(Party, Option<bool>)>,
    /// What each party's account changes by, whoever carries it out.
    pub obligations: Vec<NetObligation>,
    /// The trade as double-entry postings, once carried out by the ledger; each asset sums to zero.
    pub postings: Vec<Posting>,
}

/// All changes of one party's accounts together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetObligation {
    /// Who.
    pub party: Party,
    /// Money received, less money paid, in tick × lot units.
    pub money: i128,
    /// Lots received, less lots given.
    pub lots: i128,
}

/// One posting: a change of one party's account in one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Whose account.
    pub party: Party,
    /// In what.
    pub asset: Asset,
    /// By how much: lots, or money in tick × lot units (rounded down to the terms' `money_unit`, if any).
    pub amount: i128,
}

/// What is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asset {
    /// The settlement currency.
    Money,
    /// What is sold.
    Lots,
}
