//! The rule of the sale.

mod allocation;
mod bid;
mod caps;
mod clear;
mod fixed_point;
mod index;
mod interval;
mod kill;
mod payment;
mod price;
mod result;
mod supply;
mod supply_build;
mod supply_curve;
mod supply_memo;
mod supply_ratio;
mod terms;

pub use bid::{Bid, BidSource, Want};
pub use clear::clear;
pub use index::{BidKind, Demand, DemandError, DemandIndex, Pricing};
pub use payment::{MoneyRatio, MoneyTerm, Payment};
pub use price::{Outcome, PriceRule, Quote, Undersubscribed};
pub use result::{BidderAward, ClearError, Clearing};
pub use supply::{Curve, Offered, Schedule, Shape, StepPoint, Supply, SupplyError};
pub use terms::{Allocation, AwardLimit, Terms};
