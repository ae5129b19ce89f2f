//! Wishes: everything that may change the engine's state, complete in itself.
//!
//! Ids, salts and texts that decide anything are already in the command when it
//! reaches the engine, so that replaying the log rebuilds the same state. What
//! only matters to the one who asked (correlation id, connection) stays outside.

use std::sync::Arc;

use super::ids::{AuctionId, AuctionSlot, BidId, Party, SettlementId};
use super::terms::Terms;
use crate::units::{PriceTicks, QuantityLots};

/// One wish. The log holds exactly the commands that were not refused.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Open (or schedule) an auction.
    CreateAuction(Box<CreateAuction>),
    /// Place one bid.
    SubmitBid(SubmitBid),
    /// Place up to 100 bids of one party in one auction, each judged on its own, in order.
    SubmitBids(Vec<SubmitBid>),
    /// Take a bid back.
    CancelBid(CancelBid),
    /// Change quantity, price or both of a live bid.
    AmendBid(AmendBid),
    /// Take all of a party's live bids back, in one auction or in all.
    CancelAll {
        /// Whose bids.
        party: Party,
        /// Where; `None` means every auction.
        auction: Option<AuctionId>,
    },
    /// The scheduled start of an auction.
    OpenAuction {
        /// Which auction.
        auction: AuctionId,
    },
    /// The end of an auction: price, allocation, settlement.
    CloseAuction {
        /// Which auction.
        auction: AuctionId,
        /// By whom.
        reason: CloseReason,
        /// Id for the settlement that this close may start.
        settlement: SettlementId,
    },
    /// Call an auction off: nothing is sold.
    CancelAuction {
        /// Which auction.
        auction: AuctionId,
        /// Why, for people: at most 256 bytes.
        reason: Arc<str>,
    },
    /// Stop taking bids until resumed; the end stays where it is.
    HaltAuction {
        /// Which auction.
        auction: AuctionId,
        /// Why, for people: at most 256 bytes.
        reason: Arc<str>,
    },
    /// Take bids again.
    ResumeAuction {
        /// Which auction.
        auction: AuctionId,
    },
    /// Do what the terms' `on_outage` says because the server was away: move the end, or call the auction
    /// off. See `Engine::after_outage`.
    ExtendForOutage {
        /// Which auction.
        auction: AuctionId,
        /// How long the server was away.
        outage_ms: u64,
    },
    /// New prices of a token, as they will be published.
    PutPrices {
        /// The token, 1 to 64 bytes.
        token: Arc<str>,
        /// The canonical JSON text of the payload.
        payload: Arc<str>,
    },
    /// A new order book of a token pair.
    PutOrderBook {
        /// The pair, 1 to 64 bytes.
        token_pair: Arc<str>,
        /// The canonical JSON text of the payload.
        payload: Arc<str>,
    },
    /// A participant agrees or objects to a result.
    AffirmSettlement(AffirmSettlement),
    /// Start a settlement whose terms say `start: "manual"`.
    ExecuteSettlement {
        /// The auction whose result is to be settled.
        auction: AuctionId,
    },
    /// An external executor reports on a step it was asked for.
    ReportSettlement(ReportSettlement),
    /// A settlement's deadline has come (consensus, or an executor's step).
    SettlementDeadline {
        /// Which settlement.
        settlement: SettlementId,
        /// The deadline's number within the settlement, so that an old one does nothing.
        number: u32,
    },
}

/// See [`Command::CreateAuction`].
#[derive(Debug, Clone, PartialEq)]
pub struct CreateAuction {
    /// The auction's id, chosen by the creator or generated.
    pub auction: AuctionId,
    /// Who creates it; also the seller unless the terms name one.
    pub creator: Party,
    /// The resolved terms.
    pub terms: Terms,
    /// The canonical JSON of the resolved terms; `terms_hash` is its SHA-256.
    pub terms_json: Arc<str>,
    /// `Idempotency-Key` of the request, if any: a second create with it answers as the first.
    pub idempotency_key: Option<Arc<str>>,
}

/// See [`Command::SubmitBid`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmitBid {
    /// Where.
    pub auction: AuctionId,
    /// Whose bid.
    pub party: Party,
    /// Id for the bid if it is accepted.
    pub bid: BidId,
    /// Random bytes committed with the bid, for later proofs.
    pub salt: [u8; 16],
    /// Lots wanted.
    pub quantity: QuantityLots,
    /// Highest price, or `None` for a price taker.
    pub price: Option<PriceTicks>,
    /// The bidder's own name for the bid, unique per party and auction.
    pub client_bid_id: Option<Arc<str>>,
    /// An analytics mark: stored, echoed, never used.
    pub is_marginal: bool,
    /// Whether the bid only takes part in price discovery (1.9 of the clearing rules).
    pub is_phantom: bool,
    /// When the bytes arrived, in microseconds since 1970.
    pub received_at_us: i64,
}

/// A party's number in one auction, for good. Good for the engine that gave it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BidderPlace {
    pub(super) slot: AuctionSlot,
    pub(super) number: u32,
}

/// A bid to be placed: a [`SubmitBid`], borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BidWish<'a> {
    /// Where.
    pub auction: AuctionId,
    /// Whose bid.
    pub party: &'a Party,
    /// Where that is, if [`Engine::bidder_of`](super::Engine::bidder_of) has told it of another bid of this party in this
    /// auction: spares looking both up.
    pub bidder: Option<BidderPlace>,
    /// Id for the bid if it is accepted.
    pub bid: BidId,
    /// Random bytes committed with the bid.
    pub salt: [u8; 16],
    /// Lots wanted.
    pub quantity: QuantityLots,
    /// Highest price, or `None` for a price taker.
    pub price: Option<PriceTicks>,
    /// The bidder's own name for the bid.
    pub client_bid_id: Option<&'a Arc<str>>,
    /// An analytics mark.
    pub is_marginal: bool,
    /// Whether the bid only takes part in price discovery.
    pub is_phantom: bool,
    /// When the bytes arrived, in microseconds since 1970.
    pub received_at_us: i64,
}

impl SubmitBid {
    /// The same, borrowed.
    #[inline]
    pub fn wish(&self) -> BidWish<'_> {
        BidWish {
            auction: self.auction,
            party: &self.party,
            bidder: None,
            bid: self.bid,
            salt: self.salt,
            quantity: self.quantity,
            price: self.price,
            client_bid_id: self.client_bid_id.as_ref(),
            is_marginal: self.is_marginal,
            is_phantom: self.is_phantom,
            received_at_us: self.received_at_us,
        }
    }
}

impl BidWish<'_> {
    /// The same, to be kept.
    pub fn to_submit_bid(&self) -> SubmitBid {
        SubmitBid {
            auction: self.auction,
            party: self.party.clone(),
            bid: self.bid,
            salt: self.salt,
            quantity: self.quantity,
            price: self.price,
            client_bid_id: self.client_bid_id.cloned(),
            is_marginal: self.is_marginal,
            is_phantom: self.is_phantom,
            received_at_us: self.received_at_us,
        }
    }
}

/// How a bid is named by its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BidRef {
    /// By the engine's id.
    Id(BidId),
    /// By the owner's own id within an auction.
    Client {
        /// The auction.
        auction: AuctionId,
        /// The owner's id.
        client_bid_id: Arc<str>,
    },
}

/// See [`Command::CancelBid`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelBid {
    /// Which bid.
    pub bid: BidRef,
    /// Who asks; must own it.
    pub party: Party,
    /// When the bytes arrived, in microseconds since 1970.
    pub received_at_us: i64,
}

/// See [`Command::AmendBid`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmendBid {
    /// Which bid.
    pub bid: BidRef,
    /// Who asks; must own it.
    pub party: Party,
    /// The new quantity, if it changes.
    pub quantity: Option<QuantityLots>,
    /// The new price, if it changes.
    pub price: Option<PriceTicks>,
    /// When the bytes arrived, in microseconds since 1970.
    pub received_at_us: i64,
}

/// Why an auction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// Its time was up.
    Schedule,
    /// An operator closed it.
    Operator,
}

/// See [`Command::AffirmSettlement`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AffirmSettlement {
    /// Which settlement.
    pub settlement: SettlementId,
    /// Who speaks.
    pub party: Party,
    /// The SHA-256 of the allocation list that the party has seen.
    pub hash: [u8; 32],
    /// Whether the party agrees.
    pub agree: bool,
    /// An objection's reason, for people: at most 256 bytes.
    pub reason: Option<Arc<str>>,
}

/// A step that an executor performs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SettlementStep {
    /// Hold money and lots.
    Prepare,
    /// Move them.
    Commit,
    /// Let the holds go.
    Abort,
}

/// See [`Command::ReportSettlement`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSettlement {
    /// Which settlement.
    pub settlement: SettlementId,
    /// Which step.
    pub step: SettlementStep,
    /// Whether it was done.
    pub ok: bool,
    /// What was burned, if anything.
    pub gas_used: u64,
    /// The executor's own account of the way.
    pub execution_path: Vec<Arc<str>>,
    /// Why it failed, for people: at most 256 bytes.
    pub reason: Option<Arc<str>>,
}
