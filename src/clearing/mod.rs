//! The rule of the sale.

mod index;
mod price;
mod supply;

pub use index::{BidKind, Demand, DemandError, DemandIndex, Pricing};
pub use price::{Outcome, PriceRule, Quote, Undersubscribed};
pub use supply::{Curve, Offered, Schedule, Shape, StepPoint, Supply, SupplyError};

/// The market's rules of one sale.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {}
