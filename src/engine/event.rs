//! Facts: what applying a command brought about, in order.
//!
//! Every event belongs to one auction and carries its `offset`, the event's
//! number in that auction, counted from 1 without gaps. Market data belongs to no
//! auction and has no offset. One event may become several messages.

use std::sync::Arc;

use super::command::{CloseReason, SettlementStep};
use super::ids::{AuctionId, AuctionSlot, BidId, Party, PartyKey, SettlementId};
use super::state::AuctionState;
use crate::units::{Money, PriceTicks, QuantityLots, TimeUs};

/// One fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its auction; `None` for market data.
    pub auction: Option<EventAuction>,
    /// When it was sequenced.
    pub at: TimeUs,
    /// What happened.
    pub fact: Fact,
}

/// The auction part of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventAuction {
    /// Place in this engine.
    pub slot: AuctionSlot,
    /// Id on the wire.
    pub id: AuctionId,
    /// Number of this event in its auction, from 1.
    pub offset: u64,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// An auction exists now; `state` is as of its creation.
    AuctionCreated {
        /// The auction's state at that moment.
        state: AuctionState,
    },
    /// A scheduled auction takes bids now.
    AuctionOpened,
    /// No bids until resumed.
    AuctionHalted {
        /// Why, for people.
        reason: Arc<str>,
    },
    /// Bids again.
    AuctionResumed,
    /// The end moved.
    AuctionExtended {
        /// The new end.
        ends_at: TimeUs,
        /// What moved it.
        cause: ExtensionCause,
    },
    /// A bid stands.
    BidAccepted(BidFact),
    /// A bid was taken back.
    BidCancelled {
        /// Which bid.
        bid: BidId,
        /// Its owner.
        party: PartyKey,
        /// The owner's own id for it.
        client_bid_id: Option<Arc<str>>,
        /// The largest quantity ever shown for it, for filters.
        shown: QuantityLots,
        /// Whether it was a phantom.
        is_phantom: bool,
    },
    /// A bid changed.
    BidAmended {
        /// The bid as it is now.
        bid: BidFact,
        /// Whether it kept its time priority.
        priority_kept: bool,
        /// The largest quantity ever shown for it, for filters.
        shown: QuantityLots,
    },
    /// The sale is over and final.
    AuctionCompleted {
        /// The result in numbers.
        result: ResultSummary,
        /// Who ended it.
        reason: CloseReason,
    },
    /// The auction was called off; nothing was sold.
    AuctionCancelled {
        /// Why.
        reason: CancelReason,
    },
    /// A settlement began, or changed phase or count, or ended.
    Settlement(SettlementFact),
    /// New prices of a token.
    PricesPut {
        /// The token.
        token: Arc<str>,
        /// The payload's JSON.
        payload: Arc<str>,
    },
    /// A new order book of a pair.
    OrderBookPut {
        /// The pair.
        token_pair: Arc<str>,
        /// The payload's JSON.
        payload: Arc<str>,
    },
}

/// A bid as the world may know it after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BidFact {
    /// Its id.
    pub bid: BidId,
    /// Its owner.
    pub party: PartyKey,
    /// The owner's own id for it.
    pub client_bid_id: Option<Arc<str>>,
    /// Lots wanted.
    pub quantity: QuantityLots,
    /// Highest price; `None` for a price taker.
    pub price: Option<PriceTicks>,
    /// The bidder's analytics mark.
    pub is_marginal: bool,
    /// Whether it only takes part in price discovery.
    pub is_phantom: bool,
    /// The indicative price after this event.
    pub current_price: PriceTicks,
    /// Where the bid stands at that price.
    pub standing: Standing,
}

/// Where a bid stands against the indicative price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It would be filled whole.
    Above,
    /// It would share what is left.
    AtMargin,
    /// It would get nothing.
    Below,
}

/// What moved an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtensionCause {
    /// The indicative price changed shortly before the end.
    PriceChange,
    /// The server was away.
    Outage,
}

/// Why nothing was sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelReason {
    /// An operator's words.
    Operator(Arc<str>),
    /// `undersubscribed: "cancel"` and there was less demand than supply.
    Undersubscribed,
    /// `min_revenue` was missed.
    MinRevenue,
    /// `on_outage: "cancel"`.
    Outage,
}

/// The result of a sale in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultSummary {
    /// `None` when nothing sells.
    pub clearing_price: Option<PriceTicks>,
    /// Lots sold.
    pub total_allocated: QuantityLots,
    /// Live real bids at the close.
    pub total_bids: u64,
    /// Their quantities at or above the reserve.
    pub total_quantity: QuantityLots,
    /// What all winners pay together.
    pub total_revenue: Money,
}

/// See [`Fact::Settlement`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettlementFact {
    /// Which settlement.
    pub settlement: SettlementId,
    /// What changed.
    pub change: SettlementChange,
    /// Where it stands now.
    pub phase: SettlementPhase,
    /// How many participants have agreed.
    pub participants_agreed: u32,
    /// How many there are.
    pub participants_total: u32,
    /// The next deadline: by then this phase ends, or its step is asked for again. `None` while it waits for
    /// an operator to start it; once it has ended, when it did.
    pub estimated_completion: Option<TimeUs>,
    /// SHA-256 of the canonical allocation list.
    pub hash: [u8; 32],
}

/// What changed in a settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettlementChange {
    /// It began.
    Started,
    /// Phase or count moved.
    Progressed,
    /// A participant spoke (also counted by a `Progressed` event of its own, if the count moved).
    Affirmed {
        /// Who.
        party: Party,
        /// Agreement or objection.
        agree: bool,
    },
    /// An executor is asked to perform a step; asked again under the same number after a restart.
    Requested {
        /// Which step.
        step: SettlementStep,
        /// Which attempt, from 1.
        attempt: u32,
        /// By when the report is due.
        due: TimeUs,
    },
    /// Everything was carried out.
    Completed {
        /// What was burned.
        gas_used: u64,
        /// The executor's account of the way.
        execution_path: Vec<Arc<str>>,
    },
    /// Everything reserved was given back.
    RolledBack {
        /// Why.
        reason: Arc<str>,
    },
    /// It ended without effect.
    Failed {
        /// Why.
        reason: Arc<str>,
    },
}

/// Where a settlement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettlementPhase {
    /// Waiting for an operator (`start: "manual"`).
    Pending,
    /// Participants affirm the result.
    Consensus,
    /// The executor holds money and lots.
    Reserve,
    /// The executor moves them.
    Execute,
    /// Done.
    Complete,
    /// Ended without effect.
    Failed,
    /// Ended with all holds given back.
    RolledBack,
}

impl SettlementPhase {
    /// The word of the wire protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Consensus => "consensus",
            Self::Reserve => "reserve",
            Self::Execute => "execute",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::RolledBack => "rolled_back",
        }
    }
}
