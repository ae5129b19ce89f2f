//! The whole book of an auction with its bidders' names: for audits, never for the wire.

use std::sync::Arc;

use super::ids::{AuctionSlot, BidId, Party};
use super::machine::Engine;
use crate::units::{PriceTicks, QuantityLots};

/// One bid that was live at the end, or is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookEntry {
    /// Its id.
    pub bid: BidId,
    /// Its owner.
    pub party: Party,
    /// The owner's own id for it.
    pub client_bid_id: Option<Arc<str>>,
    /// Lots wanted.
    pub quantity: QuantityLots,
    /// Highest price; `None` for a price taker.
    pub price: Option<PriceTicks>,
    /// Its place in time: a lower one comes first.
    pub priority: u32,
    /// The bidder's analytics mark.
    pub is_marginal: bool,
    /// Whether it only takes part in price discovery.
    pub is_phantom: bool,
}

impl Engine {
    /// The bids of an auction that were not taken back, in the order they were placed.
    pub fn book(&self, slot: AuctionSlot) -> impl Iterator<Item = BookEntry> + '_ {
        let auction = self.at(slot);
        let bids = &auction.bids;
        let places = (0..bids.count()).zip(bids.time_order.places(bids.count()));
        places.filter(|&(index, _)| bids.is_live(index)).map(move |(index, place)| {
            let wanted = bids.wanted(index);
            BookEntry {
                bid: bids.receipts.id(index),
                party: auction.bidders.of(bids.bidders[index as usize]).party.clone(),
                client_bid_id: bids.client_id(index).cloned(),
                quantity: wanted.quantity,
                price: wanted.price,
                priority: place,
                is_marginal: wanted.is_marginal,
                is_phantom: wanted.is_phantom,
            }
        })
    }
}
