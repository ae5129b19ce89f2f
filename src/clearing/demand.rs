//! What the demand index is told, and what it needs to know to find a price.

use super::price::{PriceRule, Undersubscribed};
use super::supply::Supply;
use crate::units::{PriceTicks, QuantityLots};

/// What decides the price of a sale, given its demand.
#[derive(Debug, Clone, PartialEq)]
pub struct Pricing {
    /// What is offered at each price.
    pub supply: Supply,
    /// The seller's lowest price. Not negative.
    pub reserve: PriceTicks,
    /// Which price of the clearing interval counts.
    pub rule: PriceRule,
    /// What happens when demand is short.
    pub undersubscribed: Undersubscribed,
}

impl Pricing {
    /// The lowest price of the sale: the reserve, or the schedule's floor if that is higher.
    pub fn lowest(&self) -> PriceTicks {
        self.supply.floor().map_or(self.reserve, |floor| floor.max(self.reserve))
    }
}

/// Whether a bid is filled or only takes part in finding the price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum BidKind {
    /// Counts, and is filled.
    #[default]
    Real,
    /// Counts for the price, is never filled.
    Phantom,
}

/// One bid as the index sees it: so many lots at any price up to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// The highest price; `None` for a price taker. Above the ceiling it counts as the ceiling.
    pub price: Option<PriceTicks>,
    /// How many lots. Positive.
    pub lots: QuantityLots,
    /// Whether it is filled.
    pub kind: BidKind,
}

/// Why the index does not take a change. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DemandError {
    /// The limit is below the lowest price of the sale.
    #[error("the limit is below the lowest price of the sale")]
    BelowReserve,
    /// The quantity is not positive.
    #[error("the quantity is not positive")]
    NotPositive,
    /// All demand together would leave 64 bits.
    #[error("all demand together would leave the range of quantities")]
    Overflow,
    /// More would be taken away than is there.
    #[error("no such demand to take away")]
    NotThere,
}
