//! The words of the price: which price an interval gives, what happens when demand is short,
//! and a quote, which is everything one moment says.

use super::supply::Offered;
use crate::units::{PriceTicks, QuantityLots};

/// Which price of the clearing interval everybody pays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum PriceRule {
    /// The top: the lowest accepted bid.
    #[default]
    Lab,
    /// The bottom: the highest rejected bid.
    Hrb,
    /// The middle, rounded down to a tick.
    Mid,
    /// Each pays its own limit; the top is reported.
    PayAsBid,
}

/// What happens when less is wanted than offered at the lowest price of the sale.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Undersubscribed {
    /// Everybody pays the lowest price of the sale.
    #[default]
    Reserve,
    /// Everybody pays the lowest limit of a live real bid (the lowest price of the sale if there is none).
    LowestBid,
    /// Nothing is sold.
    Cancel,
}

/// How a sale ends, or would end now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Supply was all wanted, at the lowest price of the sale at least.
    Cleared,
    /// Less was wanted than offered; sold all the same.
    Undersubscribed,
    /// Nothing was wanted, or nothing offered.
    NoSale,
    /// Less was wanted than offered, and the terms call the sale off.
    Cancelled,
}

/// Everything that can be said about the sale if it ended now.
///
/// While nothing sells, everything is as of the lowest price of the sale, and nothing is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// How it would end.
    pub outcome: Outcome,
    /// The price; the lowest price of the sale while nothing sells.
    pub price: PriceTicks,
    /// What is offered at that price.
    pub supply: Offered,
    /// Lots wanted above that price, phantoms included.
    pub demand_above: QuantityLots,
    /// Lots wanted at or above that price, phantoms included.
    pub demand_at_or_above: QuantityLots,
    /// Lots real bids would be given.
    pub allocated: QuantityLots,
    /// Lots real bids want at exactly that price.
    pub marginal_demand: QuantityLots,
    /// Lots there are for them.
    pub marginal_available: QuantityLots,
}

impl Quote {
    /// Whether anything would be sold.
    pub fn is_sale(&self) -> bool {
        matches!(self.outcome, Outcome::Cleared | Outcome::Undersubscribed)
    }
}
