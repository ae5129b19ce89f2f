//! Questions: what the engine shows of itself without changing.
//!
//! Listings come in pages, so that no question takes long however many bids there are.

use sha2::{Digest, Sha256};

use super::answer::{BidView, Rejection};
use super::auction::Auction;
use super::bids::NONE;
use super::command::BidRef;
use super::event::ResultSummary;
use super::ids::{AuctionId, AuctionSlot, BidId, Party, PartyKey};
use super::machine::Engine;
use super::market::Market;
use super::places::BidPlace;
use super::state::{AuctionState, AuctionStatus};
use super::terms::Terms;
use super::view::{Allocation, AuctionInfo, LiveBid, LiveBids, ResultPage};
use crate::clearing::{BidKind, Demand, DemandIndex, Supply};
use crate::limits::PAGE_ENTRIES_MAX;
use crate::units::{Money, PriceTicks, QuantityLots, TimeUs};

/// About auctions. A slot is the engine's own: one that it never gave out panics.
impl Engine {
    /// How many auctions there are; their slots are the numbers below.
    pub fn auction_count(&self) -> usize {
        self.auctions.len()
    }

    /// An auction's place.
    pub fn slot(&self, auction: AuctionId) -> Option<AuctionSlot> {
        self.auction_slots.get(&auction).copied()
    }

    /// An auction's name on the wire.
    pub fn auction_id(&self, slot: AuctionSlot) -> AuctionId {
        self.at(slot).id
    }

    /// What was agreed when the auction was created.
    pub fn terms(&self, slot: AuctionSlot) -> &Terms {
        &self.at(slot).terms
    }

    /// SHA-256 of the canonical JSON of the terms.
    pub fn terms_hash(&self, slot: AuctionSlot) -> [u8; 32] {
        Sha256::digest(self.at(slot).terms_json.as_bytes()).into()
    }

    /// Where the auction is in its life.
    pub fn status(&self, slot: AuctionSlot) -> AuctionStatus {
        self.at(slot).status
    }

    /// The number of the auction's last event.
    pub fn offset(&self, slot: AuctionSlot) -> u64 {
        self.at(slot).offset
    }

    /// The moment from which the auction took nothing any more, once it has ended.
    pub fn ended_at(&self, slot: AuctionSlot) -> Option<TimeUs> {
        let auction = self.at(slot);
        auction.ends_at.filter(|_| auction.status.is_final())
    }

    /// What `auction_update` says now.
    pub fn state(&self, slot: AuctionSlot, now: TimeUs) -> AuctionState {
        self.at(slot).state(now)
    }

    /// Terms and state.
    pub fn info(&self, slot: AuctionSlot, now: TimeUs) -> AuctionInfo {
        self.at(slot).info(now)
    }

    /// Auctions in the order they were created, those after `after`; and the last one's id if more follow.
    /// An unknown `after` gives none.
    pub fn auctions(
        &self,
        after: Option<AuctionId>,
        limit: usize,
        now: TimeUs,
    ) -> (Vec<AuctionInfo>, Option<AuctionId>) {
        let first = match after.map(|after| self.slot(after)) {
            None => 0,
            Some(Some(slot)) => slot.0 as usize + 1,
            Some(None) => self.auctions.len(),
        };
        let (page, more) = page(self.auctions[first..].iter(), limit);
        let next = page.last().filter(|_| more).map(|auction| auction.id);
        (page.into_iter().map(|auction| auction.info(now)).collect(), next)
    }

    /// Who has, or had, bids in an auction, in the order of their first ones.
    pub fn parties_with_bids(&self, slot: AuctionSlot) -> impl Iterator<Item = PartyKey> + '_ {
        self.at(slot).bidders.iter().map(|bidder| bidder.key)
    }

    /// The latest market data.
    pub fn market(&self) -> &Market {
        &self.market
    }

    pub(super) fn at(&self, slot: AuctionSlot) -> &Auction {
        &self.auctions[slot.0 as usize]
    }
}

/// About prices. All are `None` once the auction has ended.
impl Engine {
    /// What the indicative price would be with one more real bid; `price` `None` is a price taker.
    /// `None` also for a bid that the auction could not take.
    pub fn price_if_added(
        &self,
        slot: AuctionSlot,
        price: Option<PriceTicks>,
        lots: QuantityLots,
    ) -> Option<PriceTicks> {
        let demand = Demand { price, lots, kind: BidKind::Real };
        self.index(slot)?.price_if_added(demand).ok()
    }

    /// The lowest limit at which a new bid of this many lots would be filled whole if the auction ended now.
    pub fn price_to_win(&self, slot: AuctionSlot, lots: QuantityLots) -> Option<PriceTicks> {
        self.index(slot)?.price_to_win(lots)
    }

    /// The indicative price that one more lot wanted at any price would bring.
    pub fn next_price_up(&self, slot: AuctionSlot) -> Option<PriceTicks> {
        self.price_if_added(slot, None, QuantityLots(1))
    }

    /// What the seller would earn if the auction ended now with another supply of the same floor and ceiling, before
    /// any rounding to a settlement currency.
    pub fn revenue_at(&self, slot: AuctionSlot, supply: &Supply) -> Option<Money> {
        self.index(slot)?.revenue_at(supply)
    }

    fn index(&self, slot: AuctionSlot) -> Option<&DemandIndex> {
        self.at(slot).index.as_ref()
    }
}

/// About bids.
impl Engine {
    /// All that its owner may know of a bid.
    pub fn bid(&self, bid: &BidRef, party: &Party) -> Result<BidView, Rejection> {
        let BidPlace { slot, index } = self.own_bid(bid, party)?;
        Ok(self.at(slot).bid_view(index))
    }

    /// A party's bids in an auction in the order they were placed, those after `after`; and the last
    /// one's id if more follow.
    pub fn bids(
        &self,
        auction: AuctionId,
        party: &Party,
        after: Option<BidId>,
        limit: usize,
    ) -> Result<(Vec<BidView>, Option<BidId>), Rejection> {
        let slot = self.slot_of(auction)?;
        let auction = self.at(slot);
        let first = match after {
            Some(after) => auction.bids.next_of_bidder[self.own_bid_in(slot, after, party)? as usize],
            None => auction.bidders.find(party).map_or(NONE, |bidder| auction.bidders.of(bidder).first),
        };
        let some = |index: u32| (index != NONE).then_some(index);
        let own =
            std::iter::successors(some(first), |&index| some(auction.bids.next_of_bidder[index as usize]));
        let (page, more) = page(own, limit);
        let next = page.last().filter(|_| more).map(|&index| auction.bids.receipts.id(index));
        Ok((page.into_iter().map(|index| auction.bid_view(index)).collect(), next))
    }

    /// A page of the live bids in time priority, beginning at the place `from` (0, or the `next` of the page before).
    /// Bids placed or amended between two pages are found on later ones.
    pub fn live_bids(&self, slot: AuctionSlot, from: usize, limit: usize) -> LiveBids {
        let bids = &self.at(slot).bids;
        let mut live = bids.live_from(u32::try_from(from).unwrap_or(u32::MAX));
        let page: Vec<_> = live.by_ref().take(limit).collect();
        let next = live.next().map(|(place, _)| place as usize);
        let bids = page.into_iter().map(|(_, index)| {
            let wanted = bids.wanted(index);
            let offset = bids.amended.get(&index).map_or(bids.receipts.offset(index), |last| last.offset);
            LiveBid {
                bid: bids.receipts.id(index),
                quantity: wanted.quantity,
                price: wanted.price,
                is_phantom: wanted.is_phantom,
                at: bids.receipts.at(index),
                offset,
            }
        });
        LiveBids { bids: bids.collect(), next }
    }
}

/// About results.
impl Engine {
    /// The result in numbers, once there is one.
    pub fn result_summary(&self, slot: AuctionSlot) -> Option<&ResultSummary> {
        self.at(slot).outcome.as_ref().map(|outcome| &outcome.summary)
    }

    /// The result of a completed auction: what each bid won, of one party or of all, in the order the bids
    /// were placed, those after `after`. Bids that won nothing are not listed.
    pub fn result(
        &self,
        auction: AuctionId,
        party: Option<&Party>,
        after: Option<BidId>,
        limit: usize,
        now: TimeUs,
    ) -> Result<ResultPage, Rejection> {
        let slot = self.slot_of(auction)?;
        let auction = self.at(slot);
        let outcome = auction.outcome.as_ref().ok_or_else(|| auction.wrong_status("asked for its result"))?;
        let won = match party {
            Some(party) => {
                auction.bidders.find(party).map_or(&[][..], |bidder| &auction.bidders.of(bidder).bids)
            }
            None => outcome.winners(),
        };
        let first = match after {
            None => 0,
            Some(after) => {
                let place = self.place_of(&after).filter(|place| place.slot == slot);
                let index = place.ok_or(Rejection::BidNotFound)?.index;
                won.partition_point(|&winner| winner <= index)
            }
        };
        let (page, more) = page(won[first..].iter().copied(), limit);
        let next_after = page.last().filter(|_| more).map(|&index| auction.bids.receipts.id(index));
        Ok(ResultPage {
            auction: auction.info(now),
            summary: outcome.summary.clone(),
            allocations: page.into_iter().map(|index| auction.allocation(index)).collect(),
            next_after,
        })
    }

    /// The first `limit` allocations of a party, and whether there are more.
    pub fn allocations_of(
        &self,
        slot: AuctionSlot,
        party: PartyKey,
        limit: usize,
    ) -> (Vec<Allocation>, bool) {
        let auction = self.at(slot);
        let bidder = auction.bidders.by_key(party).filter(|_| auction.outcome.is_some());
        let won = bidder.map_or(&[][..], |bidder| &auction.bidders.of(bidder).bids);
        let (page, more) = page(won.iter().copied(), limit);
        (page.into_iter().map(|index| auction.allocation(index)).collect(), more)
    }
}

impl Auction {
    pub(super) fn info(&self, now: TimeUs) -> AuctionInfo {
        AuctionInfo {
            slot: self.slot,
            state: self.state(now),
            terms_json: self.terms_json.clone(),
            creator: self.creator.clone(),
            created_at: self.created_at,
        }
    }

    fn bid_view(&self, index: u32) -> BidView {
        let won = self.outcome.as_ref().map(|outcome| outcome.of(index));
        BidView {
            auction: self.id,
            bid: self.fact(index),
            status: self.bid_status(index),
            filled: won.map_or(QuantityLots(0), |won| won.filled),
            payment: won.map_or(Money(0), |won| won.payment),
            at_margin: won.map(|_| self.bids.is_at_margin(index)),
            at: self.bids.receipts.at(index),
            offset: self.bids.receipts.offset(index),
        }
    }

    fn allocation(&self, index: u32) -> Allocation {
        let won = self.outcome.as_ref().expect("only a result has winners").of(index);
        Allocation {
            bid: self.bids.receipts.id(index),
            party: self.bidders.of(self.bids.bidders[index as usize]).party.clone(),
            client_bid_id: self.bids.client_id(index).cloned(),
            filled: won.filled,
            payment: won.payment,
            at_margin: self.bids.is_at_margin(index),
        }
    }
}

/// At most `limit` of these, and at most a page; and whether there are more.
fn page<T>(mut items: impl Iterator<Item = T>, limit: usize) -> (Vec<T>, bool) {
    let page = items.by_ref().take(limit.min(PAGE_ENTRIES_MAX)).collect();
    (page, items.next().is_some())
}
