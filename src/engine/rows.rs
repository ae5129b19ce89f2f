//! An auction's bids, bidders and curves as its host may know them: never for the wire.

use super::answer::BidStatus;
use super::auction::demand;
use super::ids::{AuctionSlot, BidId, Party, PartyKey};
use super::machine::Engine;
use crate::clearing::Quote;
use crate::units::{Money, PriceTicks, QuantityLots, TimeUs};

/// One bid with all that its auction knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BidRow<'a> {
    /// Its id.
    pub bid: BidId,
    /// The number of its owner among the auction's bidders.
    pub bidder: u32,
    /// The owner's own id for it.
    pub client_bid_id: Option<&'a str>,
    /// Lots wanted.
    pub quantity: QuantityLots,
    /// Highest price; `None` for a price taker.
    pub price: Option<PriceTicks>,
    /// Lots won, 0 until the close.
    pub filled: QuantityLots,
    /// What they cost.
    pub payment: Money,
    /// When it was accepted.
    pub at: TimeUs,
    /// The event of its acceptance.
    pub offset: u64,
    /// What has become of it.
    pub status: BidStatus,
    /// The bidder's analytics mark.
    pub is_marginal: bool,
    /// Whether it only takes part in price discovery.
    pub is_phantom: bool,
    /// Whether it ended at the margin.
    pub at_margin: bool,
}

impl Engine {
    /// How many bids an auction has accepted, those taken back included.
    pub fn bid_count(&self, slot: AuctionSlot) -> u32 {
        self.at(slot).bids.count()
    }

    /// All bids that an auction has accepted, in the order they were placed, from the `first`th on.
    pub fn bid_rows(&self, slot: AuctionSlot, first: u32) -> impl Iterator<Item = BidRow<'_>> {
        let auction = self.at(slot);
        (first..auction.bids.count()).map(move |index| {
            let place = index as usize;
            let wanted = auction.bids.wanted(index);
            let won = auction.outcome.as_ref().map(|outcome| outcome.of(index));
            BidRow {
                bid: auction.bids.receipts.id(index),
                bidder: auction.bids.bidders[place],
                client_bid_id: auction.bids.client_id(index).map(AsRef::as_ref),
                quantity: wanted.quantity,
                price: wanted.price,
                filled: won.map_or(QuantityLots(0), |won| won.filled),
                payment: won.map_or(Money(0), |won| won.payment),
                at: auction.bids.receipts.at(index),
                offset: auction.bids.receipts.offset(index),
                status: auction.bid_status(index),
                is_marginal: wanted.is_marginal,
                is_phantom: wanted.is_phantom,
                at_margin: auction.bids.is_at_margin(index),
            }
        })
    }

    /// The bidders of an auction by their numbers, from the `first`th on.
    pub fn bidders(&self, slot: AuctionSlot, first: u32) -> impl Iterator<Item = &Party> {
        self.at(slot).bidders.iter().skip(first as usize).map(|bidder| &bidder.party)
    }

    /// Who has this key among the bidders of an auction.
    pub fn bidder_by_key(&self, slot: AuctionSlot, key: PartyKey) -> Option<&Party> {
        let bidders = &self.at(slot).bidders;
        bidders.by_key(key).map(|number| &bidders.of(number).party)
    }

    /// Whose bid it is.
    pub fn owner(&self, bid: BidId) -> Option<&Party> {
        let place = self.place_of(&bid)?;
        let auction = self.at(place.slot);
        Some(&auction.bidders.of(auction.bids.bidders[place.index as usize]).party)
    }

    /// Everything that can be said about the sale if it ended now; once it has ended, about its result.
    pub fn quote(&self, slot: AuctionSlot) -> &Quote {
        &self.at(slot).quote
    }

    /// Lots that live bids want at or above each of these prices, phantoms and price takers included.
    pub fn demand_curve(&self, slot: AuctionSlot, prices: &[PriceTicks]) -> Vec<QuantityLots> {
        let auction = self.at(slot);
        if let Some(index) = &auction.index {
            return prices.iter().map(|&price| index.demand_at_or_above(price)).collect();
        }
        let live = (0..auction.bids.count()).filter(|&index| auction.bids.is_live(index));
        let mut wanted: Vec<_> = live.map(|index| demand(auction.bids.wanted(index))).collect();
        wanted
            .sort_unstable_by_key(|demand| std::cmp::Reverse(demand.price.map_or(i64::MAX, |price| price.0)));
        let mut above = 0;
        let sums: Vec<(i64, i64)> = wanted
            .iter()
            .map(|demand| {
                // The index let in no more demand than 64 bits hold.
                above += demand.lots.0;
                (demand.price.map_or(i64::MAX, |price| price.0), above)
            })
            .collect();
        let at_or_above = |price: &PriceTicks| match sums.partition_point(|&(limit, _)| limit >= price.0) {
            0 => QuantityLots(0),
            count => QuantityLots(sums[count - 1].1),
        };
        prices.iter().map(at_or_above).collect()
    }

    /// What is on offer at each of these prices.
    pub fn supply_curve(&self, slot: AuctionSlot, prices: &[PriceTicks]) -> Vec<QuantityLots> {
        let supply = &self.at(slot).terms.sale.supply;
        prices.iter().map(|&price| supply.at(price).lots).collect()
    }
}
