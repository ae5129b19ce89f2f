//! The rule of the sale.

mod bid;
mod index;
mod payment;
mod price;
mod supply;
mod terms;

pub use bid::{Bid, BidSource, Want};
pub use index::{BidKind, Demand, DemandError, DemandIndex, Pricing};
pub use payment::{MoneyRatio, Payment};
pub use price::{Outcome, PriceRule, Quote, Undersubscribed};
pub use supply::{Curve, Offered, Schedule, Shape, StepPoint, Supply, SupplyError};
pub use terms::{Allocation, AwardLimit, Terms};
