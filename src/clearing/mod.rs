//! The rule of the sale.

mod allocation;
mod bid;
mod caps;
mod clear;
mod demand;
mod demand_pool;
mod demand_search;
mod demand_tree;
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
mod view;
mod what_if;

pub use bid::{Bid, BidSource, Want};
pub use clear::clear;
pub use demand::{BidKind, Demand, DemandError, Pricing};
pub use index::DemandIndex;
pub use payment::{MoneyRatio, MoneyTerm, Payment};
pub use price::{Outcome, PriceRule, Quote, Undersubscribed};
pub use result::{BidderAward, ClearError, Clearing};
pub use supply::{Curve, Offered, Schedule, Shape, StepPoint, Supply, SupplyError};
pub use terms::{Allocation, AwardLimit, Terms};
