//! The result of a sale: its figures, and what any one bid won and pays.
//!
//! A [`Clearing`] does not hold the bids. It holds the price and, for each class of bids, the few numbers from
//! which one bid's lots follow, so [`Clearing::fill`] takes the same time for the millionth bid as for
//! the first, and a result is streamed by passing over the bids once more.

use super::allocation::Share;
use super::bid::{Bid, Want};
use super::caps::Cut;
use super::interval::Market;
use super::payment::{Average, Payment};
use super::price::Outcome;
use crate::units::{Money, PriceTicks, QuantityLots};

/// Why a set of bids cannot be cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClearError {
    /// Entry should have refused this bid: it wants nothing, its limit is below the lowest price of the sale, its
    /// budget might have to buy at a price of 0 or buys more than 2^63 lots, or it is a budget in a sale with
    /// a cap per bidder.
    #[error("bid {seq} is not valid in this sale")]
    InvalidBid {
        /// Which.
        seq: u64,
    },
    /// Two bids have one sequence number, so that neither is the earlier.
    #[error("two bids have the sequence number {seq}")]
    DuplicateSeq {
        /// Which.
        seq: u64,
    },
    /// Rounding awards up gives more lots than can be counted.
    #[error("more lots would be awarded than can be counted")]
    Overflow,
}

/// What one bidder won and pays, rounded to the settlement currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BidderAward {
    /// Who, as in [`Bid::bidder`].
    pub bidder: u32,
    /// Lots won by all of its bids.
    pub lots: QuantityLots,
    /// What it pays for them.
    pub payment: Payment,
}

/// The result of a sale.
#[derive(Debug, Clone, PartialEq)]
pub struct Clearing {
    /// How it ended.
    pub outcome: Outcome,
    /// The clearing price; `None` when nothing sells.
    pub price: Option<PriceTicks>,
    /// The lowest and highest price at which supply and demand meet, `[p_lo, p_hi]`.
    pub interval: (PriceTicks, PriceTicks),
    /// The clearing price, or the lowest price of the sale when nothing sells: all figures below are as of here.
    pub indicative_price: PriceTicks,
    /// Supply in whole lots.
    pub supply: QuantityLots,
    /// Lots wanted at or above the price, phantoms included.
    pub demand_at_or_above: i128,
    /// Lots wanted above the price, phantoms included.
    pub demand_above: i128,
    /// Lots that real bids want at exactly the price.
    pub marginal_demand: i128,
    /// Lots there are for them.
    pub marginal_available: i128,
    /// Lots sold.
    pub total_allocated: QuantityLots,
    /// Supply that is not sold.
    pub unsold: QuantityLots,
    /// Lots sold beyond the supply: the rounding of `treasury`.
    pub oversold: QuantityLots,
    /// What all payments come to.
    pub revenue: Payment,
    /// Real bids, killed ones included.
    pub total_bids: u64,
    /// What they want at the lowest price of the sale, before caps.
    pub total_quantity: i128,
    /// Phantom bids.
    pub phantom_bids: u64,
    /// Sequence numbers of the bids that all-or-none removed: by round, within a round by number.
    pub killed: Vec<u64>,
    /// Every winner's lots and rounded payment, in order of their first winning bid, where the terms have a money unit.
    pub bidders: Vec<BidderAward>,
    pub(super) rules: Rules,
}

/// What decides the lots and the payment of one bid.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rules {
    pub market: Market,
    pub price: i64,
    /// Whether anything is sold.
    pub sells: bool,
    pub takers: Share,
    pub above: Share,
    pub at: Share,
    /// Bids that do not count as they were placed, by sequence number.
    pub cuts: Vec<Cut>,
    pub pays_own_price: bool,
    /// The average price of limit bids sold, where each pays its own.
    pub average: Option<Average>,
}

impl Rules {
    #[inline(always)]
    pub fn fill(&self, bid: &Bid) -> u64 {
        if !self.sells || bid.is_phantom {
            return 0;
        }
        let wanted = self.wanted(bid);
        if bid.price.is_none() {
            return self.takers.lots(wanted, bid.seq);
        }
        let level = self.market.level(bid);
        if level == self.price {
            return self.at.lots(wanted, bid.seq);
        }
        match self.above {
            // A mask, since nothing foresees whether the next bid is above the price.
            Share::All => wanted & u64::from(level > self.price).wrapping_neg(),
            share if level > self.price => share.lots(wanted, bid.seq),
            _ => 0,
        }
    }

    #[inline]
    fn wanted(&self, bid: &Bid) -> u64 {
        if !self.cuts.is_empty()
            && let Ok(index) = self.cuts.binary_search_by_key(&bid.seq, |cut| cut.seq)
        {
            return self.cuts[index].lots;
        }
        match bid.want {
            Want::Quantity(quantity) => quantity.0.unsigned_abs(),
            Want::Budget(_) => u64::try_from(bid.want.lots_at(PriceTicks(self.price))).unwrap_or(0),
        }
    }

    #[inline]
    pub fn payment(&self, bid: &Bid, lots: u64) -> Payment {
        let lots = i128::from(lots);
        let is_budget = matches!(bid.want, Want::Budget(_));
        if !self.pays_own_price || is_budget {
            return Payment::from_whole(Money(i128::from(self.price) * lots));
        }
        match (bid.price, self.average) {
            (None, Some(average)) => average.times(lots),
            (None, None) => Payment::from_whole(Money(i128::from(self.price) * lots)),
            (Some(_), _) => Payment::from_whole(Money(i128::from(self.market.level(bid)) * lots)),
        }
    }
}

impl Clearing {
    /// The price that divides the bids with a limit, if there is one: those above it get all they want, those below it
    /// nothing, all pay that price, and only a bid at it, or without a limit, has to be asked about by itself.
    pub fn divide(&self) -> Option<PriceTicks> {
        let rules = &self.rules;
        // At the ceiling, higher limits count as equal.
        let is_below_ceiling = rules.price < rules.market.ceiling;
        let is_plain = rules.sells && !rules.pays_own_price && rules.cuts.is_empty();
        (is_plain && is_below_ceiling && rules.above == Share::All).then_some(PriceTicks(rules.price))
    }

    /// The lots that one of the bids won. Constant time, but for a search among the bids that caps or the kill
    /// rule touched.
    #[inline(always)]
    pub fn fill(&self, bid: &Bid) -> QuantityLots {
        QuantityLots(self.rules.fill(bid) as i64)
    }

    /// What one of the bids pays for the lots it won, before rounding to a settlement currency.
    #[inline]
    pub fn payment(&self, bid: &Bid) -> Payment {
        self.rules.payment(bid, self.rules.fill(bid))
    }

    /// All bids with the lots they won and what they pay for them, in the order given.
    pub fn fills<'a>(
        &'a self,
        bids: impl IntoIterator<Item = &'a Bid> + 'a,
    ) -> impl Iterator<Item = (&'a Bid, QuantityLots, Payment)> + 'a {
        bids.into_iter().map(|bid| {
            let lots = self.rules.fill(bid);
            (bid, QuantityLots(lots as i64), self.rules.payment(bid, lots))
        })
    }

    /// Whether a sale took place and a bid's price is exactly the clearing price.
    pub fn is_at_margin(&self, bid: &Bid) -> bool {
        self.rules.sells && self.rules.market.level(bid) == self.rules.price
    }

    /// Whether all-or-none removed the bid.
    pub fn is_killed(&self, bid: &Bid) -> bool {
        let is_cut = |seq: u64| self.rules.cuts.binary_search_by_key(&seq, |cut| cut.seq).is_ok();
        !self.killed.is_empty() && is_cut(bid.seq)
    }
}
