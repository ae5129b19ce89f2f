//! Ticks, lots and money as types of their own, and exact decimals.
//!
//! A price is a whole number of ticks, a quantity a whole number of lots, and
//! money their product. Nothing here, or above it, is ever a float: text is
//! read into whole numbers on a [`Grid`] and written from them. Arithmetic is
//! checked: what leaves the range is `None`, never a wrapped number.

mod decimal;
mod digits;
mod grid;
mod money;
pub(crate) mod wide;

pub use decimal::Decimal;
pub use grid::{Grid, GridError, Reading};
pub use money::MoneyGrid;

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

impl PriceTicks {
    /// The price this many ticks higher; `None` beyond 64 bits.
    pub fn checked_add(self, ticks: i64) -> Option<Self> {
        self.0.checked_add(ticks).map(Self)
    }

    /// The price this many ticks lower; `None` beyond 64 bits.
    pub fn checked_sub(self, ticks: i64) -> Option<Self> {
        self.0.checked_sub(ticks).map(Self)
    }

    /// What `quantity` costs at this price. Two 64-bit numbers always fit.
    pub fn times(self, quantity: QuantityLots) -> Money {
        Money(i128::from(self.0) * i128::from(quantity.0))
    }
}

impl QuantityLots {
    /// The sum; `None` beyond 64 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference; `None` beyond 64 bits.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The sum of all; `None` as soon as it leaves 64 bits.
    pub fn checked_sum(quantities: impl IntoIterator<Item = Self>) -> Option<Self> {
        quantities.into_iter().try_fold(Self(0), Self::checked_add)
    }
}

impl Money {
    /// The sum; `None` beyond 128 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference; `None` beyond 128 bits.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The sum of all; `None` as soon as it leaves 128 bits.
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self(0), Self::checked_add)
    }
}
