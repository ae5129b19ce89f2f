//! What the one who asked hears, and why a wish was refused.

use std::sync::Arc;

use super::event::{BidFact, Standing};
use super::ids::{AuctionId, AuctionSlot, BidId, SettlementId};
use crate::units::{Money, PriceTicks, QuantityLots, TimeUs};

/// The answer to an accepted command. Its events carry the same facts to everybody else.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The auction exists. `created` is false where an idempotency key named an earlier one.
    Created {
        /// Its place.
        slot: AuctionSlot,
        /// Whether this command made it.
        created: bool,
    },
    /// The bid stands, or a known `client_bid_id` was sent again.
    Bid(AcceptedBid),
    /// One entry per bid of `SubmitBids`, in order.
    Bids(Vec<Result<AcceptedBid, Rejection>>),
    /// The bid is gone; `again` if it already was.
    Cancelled {
        /// Which auction.
        auction: AuctionId,
        /// Which bid.
        bid: BidId,
        /// The owner's own id for it.
        client_bid_id: Option<Arc<str>>,
        /// When it was taken back.
        cancelled_at: TimeUs,
        /// The event that did it.
        offset: u64,
        /// Whether it had been taken back before.
        again: bool,
    },
    /// The bid changed.
    Amended {
        /// Which auction.
        auction: AuctionId,
        /// The bid as it is now.
        bid: BidFact,
        /// Whether it kept its time priority.
        priority_kept: bool,
        /// The event that did it.
        offset: u64,
        /// When.
        at: TimeUs,
    },
    /// These bids are gone.
    CancelledAll {
        /// Which bids, in the order they were placed.
        bids: Vec<BidId>,
        /// Whether some are left: the wish is to be repeated.
        more: bool,
    },
    /// The command was carried out; the auction's or settlement's state says the rest.
    Done,
    /// The settlement took note; `again` if the same had been said before.
    Affirmed {
        /// Which settlement.
        settlement: SettlementId,
        /// Whether the same had been said before.
        again: bool,
    },
}

/// A bid's acceptance, as first given; it is repeated unchanged for a repeated `client_bid_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedBid {
    /// Where.
    pub auction: AuctionId,
    /// Its place in this engine, for the grids.
    pub slot: AuctionSlot,
    /// The bid as accepted.
    pub bid: BidFact,
    /// When it was accepted.
    pub at: TimeUs,
    /// The event of its acceptance.
    pub offset: u64,
    /// What has become of it (always pending at first).
    pub status: BidStatus,
    /// Whether this is a repetition.
    pub duplicate: bool,
}

/// What has become of a bid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BidStatus {
    /// The auction runs.
    Pending,
    /// Taken back.
    Cancelled,
    /// Won whole.
    Filled,
    /// Won in part.
    Partial,
    /// Won nothing.
    Unfilled,
    /// Removed by the kill rule for all-or-none bids.
    Killed,
}

/// All that its owner may know of a bid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BidView {
    /// Where.
    pub auction: AuctionId,
    /// The bid as it stands; `current_price` and `standing` as of now.
    pub bid: BidFact,
    /// What has become of it.
    pub status: BidStatus,
    /// Lots won, 0 until the close.
    pub filled: QuantityLots,
    /// What they cost, 0 until the close.
    pub payment: Money,
    /// Whether it ended at the margin; `None` until the close.
    pub at_margin: Option<bool>,
    /// When it was accepted.
    pub at: TimeUs,
    /// The event of its acceptance.
    pub offset: u64,
}

/// Why a command was refused. Variants stand in the order in which they are checked.
/// A refused command leaves no trace in the state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message says what its fields are")]
pub enum Rejection {
    #[error("no auction {auction}", auction = .auction.0)]
    AuctionNotFound { auction: AuctionId },
    #[error("auction {auction} exists already", auction = .auction.0)]
    AuctionExists { auction: AuctionId },
    #[error("{field} is invalid: {why}")]
    InvalidTerms { field: &'static str, why: &'static str },
    #[error("no such bid")]
    BidNotFound,
    #[error("no settlement {settlement}", settlement = .settlement.0)]
    SettlementNotFound { settlement: SettlementId },
    #[error("the auction has not opened or is halted")]
    AuctionNotOpen { auction: AuctionId, status: super::AuctionStatus },
    #[error("the auction ended")]
    AuctionEnded { auction: AuctionId, ended_at: TimeUs, received_at: TimeUs, sequenced_at: TimeUs },
    #[error("in the last {lock_ms} ms bids may only be placed or raised")]
    AuctionLocked { auction: AuctionId, lock_ms: u64 },
    #[error("this auction takes no cancellations")]
    CancelNotAllowed { auction: AuctionId },
    #[error("{field} is invalid: {why}")]
    InvalidBid { field: &'static str, why: &'static str },
    #[error("the quantity is below the auction's minimum")]
    BelowMinQuantity { quantity: QuantityLots, min: QuantityLots },
    #[error("the price is below the reserve")]
    BidTooLow { price: PriceTicks, reserve: PriceTicks },
    #[error("the party has {max} live bids, the most this auction allows")]
    BidLimit { max: u32 },
    #[error("this client_bid_id names another bid of yours")]
    DuplicateBidId { client_bid_id: Arc<str>, bid: BidId },
    #[error("{what} is at its limit of {max}")]
    CapacityReached { what: &'static str, max: u64 },
    #[error("the auction is {status}, so it cannot be {wish}")]
    WrongStatus { auction: AuctionId, status: super::AuctionStatus, wish: &'static str },
    #[error("only participants of the settlement may affirm it")]
    NotAParticipant { settlement: SettlementId },
    #[error("who has to pay in a settlement does not report that it was carried out")]
    ReportsOnItself { settlement: SettlementId },
    #[error("the hash is not that of this settlement's allocations")]
    WrongHash { settlement: SettlementId, hash: [u8; 32] },
    #[error("the participant has already said the opposite")]
    AlreadyAffirmed { settlement: SettlementId },
    #[error("the settlement is not waiting for that")]
    SettlementNotWaiting { settlement: SettlementId, phase: super::SettlementPhase },
}

impl Standing {
    /// The word of the wire protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::AtMargin => "at_margin",
            Self::Below => "below",
        }
    }
}
