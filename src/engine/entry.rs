//! Bids in, changed, and out: the checks in their order, and what each brings about.
//!
//! A repetition of a known `client_bid_id` with the same terms is answered before
//! every check. While halted an auction takes no bids and no amendments, but bids may
//! be taken back: nobody is held to a bid in a market that does not move.

use super::answer::{AcceptedBid, Answer, Rejection};
use super::auction::{Acceptances, Auction, Turn, demand};
use super::bids::{Cancelled, Wanted};
use super::command::{AmendBid, BidRef, BidWish, BidderPlace, CancelBid, SubmitBid};
use super::event::{Event, Fact};
use super::ids::{AuctionId, AuctionSlot, BidId, Party};
use super::machine::Engine;
use super::places::BidPlace;
use super::receipts::Receipt;
use crate::clearing::DemandError;
use crate::limits::{CANCEL_ALL_BIDS_MAX, PRICE_TICKS_MAX, QUANTITY_LOTS_MAX};
use crate::units::TimeUs;

/// Where a bid stands that was placed, and whether that was before. Good for the engine that gave it out.
// One word, so that what becomes of a bid stays in registers: the slot, the mark of a repetition, the index.
#[derive(Debug, Clone, Copy)]
pub struct PlacedBid(u64);

impl PlacedBid {
    fn new(slot: AuctionSlot, index: u32, is_repeated: bool) -> Self {
        Self(u64::from(slot.0) << 33 | u64::from(is_repeated) << 32 | u64::from(index))
    }

    fn slot(self) -> AuctionSlot {
        AuctionSlot((self.0 >> 33) as u32)
    }

    fn index(self) -> u32 {
        self.0 as u32
    }

    fn is_repeated(self) -> bool {
        self.0 >> 32 & 1 != 0
    }
}

/// Most places in time that the bids of one auction ever take: amendments may take new ones.
const PLACES_MAX: usize = u32::MAX as usize - 1;

impl Engine {
    /// Places one bid, as [`Self::apply`] with a [`Command::SubmitBid`](super::Command::SubmitBid) does. The answer is
    /// left to be looked up: not everybody wants all of it.
    pub fn place(
        &mut self,
        wish: &BidWish<'_>,
        now: TimeUs,
        acceptances: Acceptances,
        events: &mut Vec<Event>,
    ) -> Result<PlacedBid, Box<Rejection>> {
        self.submit(wish, &mut Turn { now, events, acceptances })
    }

    /// The id of a bid that was placed, and the event of its acceptance.
    #[inline]
    pub fn placed(&self, placed: PlacedBid) -> (BidId, u64) {
        let receipts = &self.at(placed.slot()).bids.receipts;
        (receipts.id(placed.index()), receipts.offset(placed.index()))
    }

    /// Whose a bid is that was placed.
    pub fn bidder_of(&self, placed: PlacedBid) -> BidderPlace {
        let slot = placed.slot();
        BidderPlace { slot, number: self.at(slot).bids.bidders[placed.index() as usize] }
    }

    /// Says which bids are placed next, which lets them be placed faster and changes nothing.
    pub fn look_ahead<'a>(&self, bids: impl Iterator<Item = &'a BidId>) {
        self.bid_places.look_ahead(bids);
    }

    // A refusal is boxed for the same reason for which a placed bid is one word.
    pub(super) fn submit(
        &mut self,
        wish: &BidWish<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<PlacedBid, Box<Rejection>> {
        let slot = wish.bidder.map_or_else(|| self.slot_of(wish.auction), |bidder| Ok(bidder.slot))?;
        let bids_max = self.limits.bids_per_auction_max;
        let auction = &self.auctions[slot.0 as usize];
        debug_assert_eq!(auction.id, wish.auction, "another auction's place");
        let bidder =
            wish.bidder.map_or_else(|| auction.bidders.find(wish.party), |bidder| Some(bidder.number));
        debug_assert_eq!(bidder, auction.bidders.find(wish.party), "another party's number");
        let known = auction.known(bidder, wish);
        if let Some(index) = known
            && auction.bids.wanted_first(index) == wish.wanted()
        {
            return Ok(PlacedBid::new(slot, index, true));
        }
        auction.judge_bid(bidder, wish, turn)?;
        if let (Some(index), Some(client_bid_id)) = (known, wish.client_bid_id) {
            let bid = auction.bids.receipts.id(index);
            return Err(Rejection::DuplicateBidId { client_bid_id: client_bid_id.clone(), bid }.into());
        }
        if auction.bids.count() >= bids_max {
            let max = u64::from(bids_max);
            return Err(Rejection::CapacityReached { what: "the number of the auction's bids", max }.into());
        }
        let auctions = &self.auctions;
        let vacancy = self
            .bid_places
            .vacancy(&wish.bid, |place| is_of(auctions, place, &wish.bid))
            .ok_or(Rejection::InvalidBid { field: "bid_id", why: "it names another bid" })?;
        let auction = &mut self.auctions[slot.0 as usize];
        let ends_at = auction.ends_at;
        let index = auction.enter(bidder, wish, turn)?;
        let is_extended = auction.ends_at != ends_at;
        self.bid_places.fill(vacancy, BidPlace { slot, index });
        if is_extended {
            self.reschedule(slot);
        }
        Ok(PlacedBid::new(slot, index, false))
    }

    /// Each bid is judged on its own, in order; only an auction that does not exist refuses them all.
    pub(super) fn submit_all(
        &mut self,
        wishes: &[SubmitBid],
        turn: &mut Turn<'_>,
    ) -> Result<Answer, Rejection> {
        if let Some(first) = wishes.first() {
            self.slot_of(first.auction)?;
        }
        self.look_ahead(wishes.iter().map(|wish| &wish.bid));
        let submit = |wish: &SubmitBid| {
            let placed = self.submit(&wish.wish(), turn).map_err(|rejection| *rejection)?;
            Ok(self.accepted(placed))
        };
        Ok(Answer::Bids(wishes.iter().map(submit).collect()))
    }

    /// The answer to a bid that was placed, now or before.
    // Inlined: see `Auction::tell`.
    #[inline(always)]
    pub fn accepted(&self, placed: PlacedBid) -> AcceptedBid {
        self.auctions[placed.slot().0 as usize].accepted(placed.index(), placed.is_repeated())
    }

    pub(super) fn cancel(&mut self, wish: &CancelBid, turn: &mut Turn<'_>) -> Result<Answer, Rejection> {
        let BidPlace { slot, index } = self.own_bid(&wish.bid, &wish.party)?;
        let auction = &mut self.auctions[slot.0 as usize];
        let again = !auction.bids.is_live(index);
        if !again {
            auction.judge_not_ended(turn.now, wish.received_at_us)?;
            auction.judge_lowering(turn.now)?;
            auction.take_back(index, turn);
        }
        let Cancelled { at, offset } = auction.bids.cancelled[&index];
        let answer = Answer::Cancelled {
            auction: auction.id,
            bid: auction.bids.receipts.id(index),
            client_bid_id: auction.bids.client_id(index).cloned(),
            cancelled_at: at,
            offset,
            again,
        };
        self.reschedule(slot);
        Ok(answer)
    }

    /// At most [`CANCEL_ALL_BIDS_MAX`] bids at once; the answer says whether some are left. Without an
    /// auction, those that take no cancellations now are passed over.
    pub(super) fn cancel_all(
        &mut self,
        party: &Party,
        auction: Option<AuctionId>,
        turn: &mut Turn<'_>,
    ) -> Result<Answer, Rejection> {
        let slots = match auction {
            Some(auction) => {
                let slot = self.slot_of(auction)?;
                let auction = &self.auctions[slot.0 as usize];
                auction.judge_not_ended(turn.now, turn.now.0)?;
                auction.judge_lowering(turn.now)?;
                slot.0..slot.0 + 1
            }
            None => 0..self.auctions.len() as u32,
        };
        let mut bids = Vec::new();
        let mut more = false;
        for slot in slots {
            let auction = &mut self.auctions[slot as usize];
            let is_open = auction.is_running()
                && auction.judge_not_ended(turn.now, turn.now.0).is_ok()
                && auction.judge_lowering(turn.now).is_ok();
            let Some(bidder) = auction.bidders.find(party).filter(|_| is_open) else { continue };
            let own = &auction.bidders.of(bidder).bids;
            let count = own.len().min(CANCEL_ALL_BIDS_MAX - bids.len());
            more |= count < own.len();
            let chosen: Vec<u32> = own[..count].to_vec();
            for index in chosen {
                // An extension that an earlier one brought about may have unlocked, never locked.
                auction.take_back(index, turn);
                bids.push(auction.bids.receipts.id(index));
            }
            self.reschedule(AuctionSlot(slot));
        }
        Ok(Answer::CancelledAll { bids, more })
    }

    pub(super) fn amend(&mut self, wish: &AmendBid, turn: &mut Turn<'_>) -> Result<Answer, Rejection> {
        let BidPlace { slot, index } = self.own_bid(&wish.bid, &wish.party)?;
        let auction = &mut self.auctions[slot.0 as usize];
        if !auction.bids.is_live(index) {
            return Err(Rejection::BidNotFound);
        }
        let old = auction.bids.wanted(index);
        let new = Wanted {
            quantity: wish.quantity.unwrap_or(old.quantity),
            price: wish.price.or(old.price),
            ..old
        };
        let answer = if new == old && auction.is_running() {
            auction.amended(index)
        } else {
            auction.judge_open(turn.now, wish.received_at_us)?;
            if is_lowered(old, new) {
                auction.judge_lowering(turn.now)?;
            }
            auction.judge_terms(new)?;
            if auction.bids.place_count() >= PLACES_MAX {
                let max = PLACES_MAX as u64;
                return Err(Rejection::CapacityReached {
                    what: "the number of the auction's amendments",
                    max,
                });
            }
            auction.change(index, new, turn)?
        };
        self.reschedule(slot);
        Ok(answer)
    }

    /// Where the bid of this id is.
    pub(super) fn place_of(&self, bid: &BidId) -> Option<BidPlace> {
        self.bid_places.find(bid, |place| is_of(&self.auctions, place, bid))
    }

    /// Finds a bid by either of its names; a foreign one is as unknown as none.
    pub(super) fn own_bid(&self, bid: &BidRef, party: &Party) -> Result<BidPlace, Rejection> {
        let place = match bid {
            BidRef::Id(bid) => self.place_of(bid),
            BidRef::Client { auction, client_bid_id } => self.slot(*auction).and_then(|slot| {
                let auction = &self.auctions[slot.0 as usize];
                let index = auction.bids.named(auction.bidders.find(party)?, client_bid_id)?;
                Some(BidPlace { slot, index })
            }),
        };
        let place = place.ok_or(Rejection::BidNotFound)?;
        let auction = &self.auctions[place.slot.0 as usize];
        let owner = auction.bidders.of(auction.bids.bidders[place.index as usize]);
        if owner.party == *party { Ok(place) } else { Err(Rejection::BidNotFound) }
    }

    /// The place of one of a party's bids in an auction, by the engine's id.
    pub(super) fn own_bid_in(&self, slot: AuctionSlot, bid: BidId, party: &Party) -> Result<u32, Rejection> {
        let place = self.own_bid(&BidRef::Id(bid), party)?;
        if place.slot == slot { Ok(place.index) } else { Err(Rejection::BidNotFound) }
    }
}

impl Auction {
    fn known(&self, bidder: Option<u32>, wish: &BidWish<'_>) -> Option<u32> {
        let client_bid_id = wish.client_bid_id?;
        self.bids.named(bidder?, client_bid_id)
    }

    /// The checks from `AuctionNotOpen` to `BidLimit`.
    fn judge_bid(&self, bidder: Option<u32>, wish: &BidWish<'_>, turn: &Turn<'_>) -> Result<(), Rejection> {
        self.judge_open(turn.now, wish.received_at_us)?;
        self.judge_terms(wish.wanted())?;
        let max = self.terms.max_bids_per_bidder;
        let live = bidder.map_or(0, |bidder| self.bidders.of(bidder).bids.len());
        if live >= max as usize {
            return Err(Rejection::BidLimit { max });
        }
        Ok(())
    }

    /// What a bid asks for, against what the auction takes.
    pub(super) fn judge_terms(&self, wanted: Wanted) -> Result<(), Rejection> {
        let invalid = |field, why| Err(Rejection::InvalidBid { field, why });
        let Wanted { quantity, price, is_phantom, .. } = wanted;
        if quantity.0 <= 0 {
            return invalid("quantity", "it must be above 0");
        }
        if quantity.0 > QUANTITY_LOTS_MAX {
            return invalid("quantity", "it is too large");
        }
        if price.is_some_and(|price| price.0 < 0) {
            return invalid("price", "it must not be below 0");
        }
        if price.is_some_and(|price| price.0 > PRICE_TICKS_MAX) {
            return invalid("price", "it is too high");
        }
        if price.is_none() && !self.terms.allow_price_takers {
            return invalid("order_type", "this auction takes no bids without a price");
        }
        if is_phantom && !self.terms.allow_phantom_bids {
            return invalid("is_phantom", "this auction takes no phantom bids");
        }
        if let Some(min) = self.terms.sale.min_bid_quantity.filter(|min| quantity < *min) {
            return Err(Rejection::BelowMinQuantity { quantity, min });
        }
        let reserve = self.terms.sale.lowest_price();
        match price {
            Some(price) if price < reserve => Err(Rejection::BidTooLow { price, reserve }),
            _ => Ok(()),
        }
    }

    /// Enters a bid that passed every check. `bidder` is its party's number, if it has one already.
    fn enter(
        &mut self,
        bidder: Option<u32>,
        wish: &BidWish<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<u32, Rejection> {
        let wanted = wish.wanted();
        let index = self.index.as_mut().expect("a running auction has its index");
        // With no sale the quote stands at the lowest price, and nobody bids below that.
        let is_below_quote =
            index.is_below_lo(wanted.price) && wanted.price.is_some_and(|price| price < self.quote.price);
        index.add(demand(wanted)).map_err(not_taken)?;
        let price_before = self.quote.price;
        if !is_below_quote {
            self.requote();
        }
        self.totals.count(wanted);
        let bidder = bidder.unwrap_or_else(|| self.bidders.number(wish.party));
        self.bids.by_client_id.offer_seed(wish.salt);
        let standing = self.standing(wanted.price);
        let (at, offset, current_price) = (turn.now, self.offset + 1, self.quote.price);
        let receipt = Receipt { id: wish.bid, at, offset, current_price };
        let index = self.bids.push(bidder, wanted, receipt, standing, wish.client_bid_id);
        self.bidders.add(bidder, index, &mut self.bids);
        let told = match turn.acceptances {
            Acceptances::Told => {
                let fact = self.fact(index);
                self.tell(turn, Fact::BidAccepted(fact))
            }
            Acceptances::Counted => {
                self.offset += 1;
                self.offset
            }
        };
        assert_eq!(told, offset, "a bid knows the event of its acceptance");
        self.extend_if_moved(turn, price_before);
        Ok(index)
    }

    /// Takes a live bid out.
    fn take_back(&mut self, index: u32, turn: &mut Turn<'_>) {
        let wanted = self.bids.wanted(index);
        let demand_index = self.index.as_mut().expect("a running auction has its index");
        demand_index.remove(demand(wanted)).expect("a live bid's demand is in the index");
        let price_before = self.quote.price;
        self.requote();
        self.totals.discount(wanted);
        let bidder = self.bids.bidders[index as usize];
        self.bidders.remove(bidder, index);
        let fact = Fact::BidCancelled {
            bid: self.bids.receipts.id(index),
            party: self.bidders.of(bidder).key,
            client_bid_id: self.bids.client_id(index).cloned(),
            shown: self.bids.shown(index),
            is_phantom: wanted.is_phantom,
        };
        let offset = self.tell(turn, fact);
        self.bids.cancel(index, Cancelled { at: turn.now, offset });
        self.extend_if_moved(turn, price_before);
    }

    /// Changes a live bid that passed every check.
    fn change(&mut self, index: u32, new: Wanted, turn: &mut Turn<'_>) -> Result<Answer, Rejection> {
        let old = self.bids.wanted(index);
        let demand_index = self.index.as_mut().expect("a running auction has its index");
        demand_index.amend(demand(old), demand(new)).map_err(not_taken)?;
        let price_before = self.quote.price;
        self.requote();
        self.totals.discount(old);
        self.totals.count(new);
        let priority_kept = new.price == old.price && new.quantity < old.quantity;
        self.bids.amend(index, new, turn.now, self.offset + 1, priority_kept);
        let fact = Fact::BidAmended { bid: self.fact(index), priority_kept, shown: self.bids.shown(index) };
        self.tell(turn, fact);
        let answer = self.amended(index);
        self.extend_if_moved(turn, price_before);
        Ok(answer)
    }

    /// The bid as its last amendment left it; a wish that changes nothing is answered so too.
    fn amended(&self, index: u32) -> Answer {
        let (offset, at, priority_kept) = match self.bids.amended.get(&index) {
            Some(last) => (last.offset, last.at, last.priority_kept),
            None => {
                let receipts = &self.bids.receipts;
                (receipts.offset(index), receipts.at(index), true)
            }
        };
        Answer::Amended { auction: self.id, bid: self.fact(index), priority_kept, offset, at }
    }
}

/// Whether a place is the bid's of this id.
#[inline]
fn is_of(auctions: &[Auction], place: BidPlace, bid: &BidId) -> bool {
    auctions[place.slot.0 as usize].bids.receipts.id(place.index) == *bid
}

impl BidWish<'_> {
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            quantity: self.quantity,
            price: self.price,
            is_marginal: self.is_marginal,
            is_phantom: self.is_phantom,
        }
    }
}

/// Whether a change asks for less, or offers less: a price taker offers more than any limit.
fn is_lowered(old: Wanted, new: Wanted) -> bool {
    let is_price_lower = match (old.price, new.price) {
        (Some(old), Some(new)) => new < old,
        (None, Some(_)) => true,
        (_, None) => false,
    };
    is_price_lower || new.quantity < old.quantity
}

/// What the index does not take although every check was passed.
fn not_taken(error: DemandError) -> Rejection {
    match error {
        DemandError::Overflow => {
            Rejection::CapacityReached { what: "the auction's demand in lots", max: i64::MAX as u64 }
        }
        DemandError::BelowReserve => {
            Rejection::InvalidBid { field: "price", why: "it is below the lowest price of the sale" }
        }
        DemandError::NotPositive | DemandError::NotThere => {
            Rejection::InvalidBid { field: "quantity", why: "it must be above 0" }
        }
    }
}
