//! Where an auction stands: its status, and the numbers that `auction_update` tells.

use std::fmt;

use super::ids::AuctionId;
use crate::units::{PriceTicks, QuantityLots, TimeUs};

/// Where an auction is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuctionStatus {
    /// It has a start time that has not come.
    Scheduled,
    /// It takes bids.
    Active,
    /// It takes none until resumed.
    Halted,
    /// It has its result.
    Completed,
    /// It was called off.
    Cancelled,
}

impl AuctionStatus {
    /// The word of the wire protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Active => "active",
            Self::Halted => "halted",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing can change any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }
}

impl fmt::Display for AuctionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What `auction_update` says, at one moment (section 2.1 of the clearing rules).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuctionState {
    /// Which auction.
    pub auction: AuctionId,
    /// Where it is in its life.
    pub status: AuctionStatus,
    /// The price if it closed now; the reserve while nothing sells; final after completion.
    pub current_price: PriceTicks,
    /// Live real bids.
    pub total_bids: u64,
    /// Their quantities at or above the reserve.
    pub total_quantity: QuantityLots,
    /// What would be offered at the current price.
    pub supply_available: QuantityLots,
    /// When it ends, as far as is known: `None` while open-ended. Once it has ended, when it did.
    pub ends_at: Option<TimeUs>,
    /// When this was computed.
    pub at: TimeUs,
    /// The last event it includes.
    pub offset: u64,
    /// Lots that would be sold.
    pub matched: QuantityLots,
    /// Demand less supply at the current price; negative where supply is left.
    pub imbalance: i128,
    /// Lots at the margin: those there are for them, and those wanted. Zero wanted: no marginal bids.
    pub marginal: (QuantityLots, QuantityLots),
    /// Live phantom bids.
    pub phantom_bids: u64,
}
