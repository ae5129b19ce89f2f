//! Bids as the clearing sees them, and where it reads them from.
//!
//! The clearing never stores bids: it passes over a [`BidSource`] a few times and
//! afterwards answers for one bid at a time. So an auction may hold its bids in
//! whatever form it likes, and nothing is copied for the ordinary rules.

use crate::units::{Money, PriceTicks, QuantityLots};

/// One live bid. Entry has checked it: see [`super::ClearError::InvalidBid`] for what must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bid {
    /// Highest price; `None` for a price taker.
    pub price: Option<PriceTicks>,
    /// What it wants.
    pub want: Want,
    /// Time priority, lower first; different for every bid of a sale.
    pub seq: u64,
    /// Whose it is: any number that is the same for the same bidder.
    pub bidder: u32,
    /// Whether it only takes part in price discovery.
    pub is_phantom: bool,
}

/// What a bid wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// This many lots, at any price up to the limit; above 0.
    Quantity(QuantityLots),
    /// As many whole lots as this much money buys; above 0.
    Budget(Money),
}

impl Want {
    /// Lots wanted at a price. At a price of 0 a budget buys nothing that could be counted: 0.
    #[inline]
    pub fn lots_at(self, price: PriceTicks) -> i128 {
        match self {
            Self::Quantity(quantity) => i128::from(quantity.0),
            Self::Budget(money) => money.0.checked_div(i128::from(price.0)).unwrap_or(0),
        }
    }
}

/// A set of live bids that can be passed over again and again.
pub trait BidSource {
    /// Calls `visit` with each bid once; the same bids every time, in the same order.
    fn for_each(&self, visit: impl FnMut(&Bid));
}

impl BidSource for [Bid] {
    #[inline]
    fn for_each(&self, visit: impl FnMut(&Bid)) {
        self.iter().for_each(visit);
    }
}

impl<const N: usize> BidSource for [Bid; N] {
    #[inline]
    fn for_each(&self, visit: impl FnMut(&Bid)) {
        self.iter().for_each(visit);
    }
}

impl BidSource for Vec<Bid> {
    #[inline]
    fn for_each(&self, visit: impl FnMut(&Bid)) {
        self.iter().for_each(visit);
    }
}
