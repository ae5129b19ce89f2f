//! The result of a sale, kept so that each bid's part is found at once.

use super::answer::BidStatus;
use super::auction::{Auction, Turn};
use super::command::CloseReason;
use super::event::{CancelReason, Fact, ResultSummary, Standing};
use crate::clearing;
use crate::units::{Money, QuantityLots};

/// What one bid won.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Won {
    pub(super) filled: QuantityLots,
    pub(super) payment: Money,
    pub(super) at_margin: bool,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) summary: ResultSummary,
    /// The bids that won something, by index.
    winners: Vec<u32>,
    /// What each of them won.
    won: Vec<Won>,
}

impl Outcome {
    pub(super) fn winners(&self) -> &[u32] {
        &self.winners
    }

    pub(super) fn of(&self, index: u32) -> Won {
        match self.winners.binary_search(&index) {
            Ok(place) => self.won[place],
            Err(_) => Won { filled: QuantityLots(0), payment: Money(0), at_margin: false },
        }
    }

    pub(super) fn status(&self, index: u32, wanted: QuantityLots) -> BidStatus {
        match self.of(index).filled {
            QuantityLots(0) => BidStatus::Unfilled,
            filled if filled == wanted => BidStatus::Filled,
            _ => BidStatus::Partial,
        }
    }
}

impl Auction {
    /// Clears the sale over the live bids; the error is why nothing may be sold.
    pub(super) fn clear(&self) -> Result<Outcome, CancelReason> {
        let quote = &self.quote;
        if quote.outcome == clearing::Outcome::Cancelled {
            return Err(CancelReason::Undersubscribed);
        }
        let mut left = quote.allocated.0;
        let mut won = Vec::new();
        for at_margin in [false, true] {
            for (_, index) in self.bids.live_from(0) {
                let standing = self.standing(self.bids.price(index));
                if self.bids.is_phantom(index)
                    || standing != if at_margin { Standing::AtMargin } else { Standing::Above }
                {
                    continue;
                }
                let filled = QuantityLots(self.bids.quantities[index as usize].0.min(left));
                left -= filled.0;
                if filled.0 > 0 {
                    won.push((index, Won { filled, payment: quote.price.times(filled), at_margin }));
                }
            }
        }
        won.sort_unstable_by_key(|winner| winner.0);
        let total_revenue = Money(won.iter().map(|winner| winner.1.payment.0).sum());
        Ok(Outcome {
            summary: ResultSummary {
                clearing_price: quote.is_sale().then_some(quote.price),
                total_allocated: quote.allocated,
                total_bids: self.totals.real_bids,
                total_quantity: QuantityLots(self.totals.real_lots),
                total_revenue,
            },
            winners: won.iter().map(|winner| winner.0).collect(),
            won: won.iter().map(|winner| winner.1).collect(),
        })
    }

    /// Makes a result final.
    pub(super) fn complete(&mut self, outcome: Outcome, reason: CloseReason, turn: &mut Turn<'_>) {
        for bidder in self.bidders.iter_mut() {
            bidder.bids.retain(|index| outcome.winners.binary_search(index).is_ok());
        }
        self.tell(turn, Fact::AuctionCompleted { result: outcome.summary.clone(), reason });
        self.outcome = Some(outcome);
    }
}
