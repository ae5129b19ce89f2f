//! Ticks, lots and money as types of their own, and exact decimals.
//!
//! A price is a whole number of ticks, a quantity a whole number of lots, and
//! money their product. Nothing here, or above it, is ever a float: text is
//! read into whole numbers on a [`Grid`] and written from them.

mod grid;

pub use grid::{Grid, GridError, Reading};

/// A price in whole ticks of its auction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PriceTicks(pub i64);

/// A quantity in whole lots of its auction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuantityLots(pub i64);

/// An amount of money in tick × lot units of its auction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(pub i128);

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeUs(pub i64);
