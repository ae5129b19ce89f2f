//! What would come of one more bid, or of some bids fewer, if the auction ended now. Nothing changes.
//!
//! The index answers at once where the new bid's part follows from the price alone. At the margin, under caps,
//! and without some of the bids, the sale is cleared as at the close: one pass over all bids for each question.

use super::answer::Rejection;
use super::auction::{Auction, demand};
use super::bids::{Bids, Wanted};
use super::ids::{AuctionId, AuctionSlot, BidId};
use super::machine::Engine;
use crate::clearing::{self, Allocation, Bid, BidSource, PriceRule, Want};
use crate::units::{Money, PriceTicks, QuantityLots};

/// A bid that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imagined {
    /// Lots wanted.
    pub quantity: QuantityLots,
    /// Highest price; `None` for a price taker.
    pub price: Option<PriceTicks>,
}

/// What would come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Supposed {
    /// The clearing price; `None` where nothing would sell.
    pub price: Option<PriceTicks>,
    /// Lots the imagined bid would win.
    pub filled: QuantityLots,
    /// What they would cost, before any rounding to a settlement currency.
    pub payment: Money,
}

/// The live bids without some, and one more.
struct Altered<'a> {
    bids: &'a Bids,
    /// Sorted.
    without: &'a [u32],
    more: Option<Bid>,
}

impl BidSource for Altered<'_> {
    fn for_each(&self, mut visit: impl FnMut(&Bid)) {
        for index in 0..self.bids.count() {
            if self.bids.is_live(index) && self.without.binary_search(&index).is_err() {
                visit(&self.bids.for_clearing(index));
            }
        }
        self.more.iter().for_each(visit);
    }
}

impl Engine {
    /// What each imagined bid would bring alone, besides the live bids without those of `without`. A quantity of 0
    /// imagines no bid, and tells the price alone.
    pub fn what_if(
        &self,
        auction: AuctionId,
        imagined: &[Imagined],
        without: &[BidId],
    ) -> Result<Vec<Supposed>, Rejection> {
        let slot = self.slot_of(auction)?;
        let auction = self.at(slot);
        if auction.status.is_final() {
            return Err(auction.wrong_status("asked what would come of a bid"));
        }
        let without = self.places_of(slot, without)?;
        imagined.iter().map(|&bid| auction.suppose(bid, &without)).collect()
    }

    fn places_of(&self, slot: AuctionSlot, bids: &[BidId]) -> Result<Vec<u32>, Rejection> {
        let places = bids.iter().map(|bid| self.place_of(bid).filter(|place| place.slot == slot));
        let places = places.map(|place| place.map(|place| place.index).ok_or(Rejection::BidNotFound));
        let mut places = places.collect::<Result<Vec<u32>, Rejection>>()?;
        places.sort_unstable();
        Ok(places)
    }
}

impl Auction {
    fn suppose(&self, imagined: Imagined, without: &[u32]) -> Result<Supposed, Rejection> {
        if imagined.quantity.0 != 0 {
            self.judge_terms(Self::wanted_by(imagined))?;
        }
        if without.is_empty()
            && let Some(supposed) = self.suppose_at_once(imagined)
        {
            return Ok(supposed);
        }
        let more = (imagined.quantity.0 != 0).then_some(Bid {
            price: imagined.price,
            want: Want::Quantity(imagined.quantity),
            seq: u64::MAX,
            bidder: u32::MAX,
            is_phantom: false,
        });
        let altered = Altered { bids: &self.bids, without, more };
        let unclear = Rejection::InvalidBid { field: "quantity", why: "with it there is too much to count" };
        let clearing = clearing::clear(&self.terms.sale, &altered).map_err(|_| unclear)?;
        let (filled, payment) = match &altered.more {
            Some(bid) => (clearing.fill(bid), clearing.payment(bid).whole),
            None => (QuantityLots(0), Money(0)),
        };
        Ok(Supposed { price: clearing.price, filled, payment })
    }

    fn wanted_by(imagined: Imagined) -> Wanted {
        let Imagined { quantity, price } = imagined;
        Wanted { quantity, price, is_marginal: false, is_phantom: false }
    }

    /// The answer where it follows from the price.
    fn suppose_at_once(&self, imagined: Imagined) -> Option<Supposed> {
        let sale = &self.terms.sale;
        let limit = imagined.price?;
        if !sale.is_ordinary()
            || sale.min_revenue.is_some()
            || sale.allocation == Allocation::ProRataDemand
            || imagined.quantity.0 == 0
        {
            return None;
        }
        let quote = self.index.as_ref()?.quote_if_added(demand(Self::wanted_by(imagined))).ok()?;
        if !quote.is_sale() {
            return Some(Supposed { price: None, filled: QuantityLots(0), payment: Money(0) });
        }
        let counted = sale.supply.ceiling().map_or(limit, |ceiling| limit.min(ceiling));
        let price = Some(quote.price);
        if counted < quote.price {
            return Some(Supposed { price, filled: QuantityLots(0), payment: Money(0) });
        }
        let paid = if sale.price_rule == PriceRule::PayAsBid { counted } else { quote.price };
        let (filled, payment) = (imagined.quantity, paid.times(imagined.quantity));
        (counted > quote.price).then_some(Supposed { price, filled, payment })
    }
}
