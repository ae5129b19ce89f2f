//! Bids: one by one, by the million from arrays, taken back, changed, asked about.

use std::ops::Range;
use std::sync::Arc;

use uuid::Uuid;

use super::auctions::{look, other_answer, party, ticks};
use super::boundary::{Room, bad_length};
use super::engine::{Engine, refused};
use super::live_types::{
    WALRAS_BID_CANCELLED, WALRAS_BID_FILLED, WALRAS_BID_KILLED, WALRAS_BID_PARTIAL, WALRAS_BID_PENDING,
    WALRAS_BID_UNFILLED, WALRAS_STANDING_ABOVE, WALRAS_STANDING_AT_MARGIN, WALRAS_STANDING_BELOW,
    walras_bid_view, walras_receipt,
};
use super::status::{Fault, WALRAS_BAD_ARGUMENT, WALRAS_OK};
use super::types::{WALRAS_BID_MARGINAL, WALRAS_BID_PHANTOM, WALRAS_NO_PRICE, walras_id, walras_int128};
use crate::engine::{
    AcceptedBid, AmendBid, Answer, AuctionId, BidId, BidRef, BidStatus, BidWish, CancelBid, Command,
    Imagined, Party, Standing,
};
use crate::host::{Refused, Turn};
use crate::limits::CLIENT_BID_ID_BYTES_MAX;
use crate::units::{PriceTicks, QuantityLots};
use crate::wire::decode::is_client_bid_id;

/// How many bids of a batch one turn takes: others wait meanwhile.
const TURN_BIDS_MAX: usize = 4096;
/// How many are made ready at once.
const CHUNK_BIDS: usize = 64;

/// One bid as it is asked for.
#[derive(Clone, Copy)]
pub(super) struct Wish {
    pub price_ticks: i64,
    pub quantity_lots: i64,
    pub flags: u32,
}

fn wished<'a>(
    auction: AuctionId,
    party: &'a Party,
    wish: Wish,
    client_bid_id: Option<&'a Arc<str>>,
    received_at_us: i64,
) -> BidWish<'a> {
    BidWish {
        auction,
        party,
        bidder: None,
        bid: BidId(Uuid::nil()),
        salt: [0; 16],
        quantity: QuantityLots(wish.quantity_lots),
        price: (wish.price_ticks != WALRAS_NO_PRICE).then_some(PriceTicks(wish.price_ticks)),
        client_bid_id,
        is_marginal: wish.flags & WALRAS_BID_MARGINAL != 0,
        is_phantom: wish.flags & WALRAS_BID_PHANTOM != 0,
        received_at_us,
    }
}

fn check_flags(flags: u32) -> Result<(), Fault> {
    if flags & !(WALRAS_BID_MARGINAL | WALRAS_BID_PHANTOM) == 0 {
        return Ok(());
    }
    Err(Fault::new(WALRAS_BAD_ARGUMENT, "a bid has an unknown flag"))
}

fn check_client_bid_id(id: &str) -> Result<(), Fault> {
    if is_client_bid_id(id) {
        return Ok(());
    }
    let why = format!("must be 1 to {CLIENT_BID_ID_BYTES_MAX} of A-Z a-z 0-9 _ . : -");
    Err(Fault::invalid("client_bid_id", why))
}

/// Submits one bid.
pub(super) fn submit(
    engine: &Engine,
    auction: walras_id,
    bidder: &str,
    wish: Wish,
    client_bid_id: Option<&str>,
) -> Result<walras_receipt, Fault> {
    check_flags(wish.flags)?;
    client_bid_id.map_or(Ok(()), check_client_bid_id)?;
    let (bidder, client_bid_id) = (party(bidder)?, client_bid_id.map(Into::into));
    engine.enter(|turn| {
        let mut bid = wished(auction.auction(), &bidder, wish, client_bid_id.as_ref(), turn.now().0);
        let mut told = None;
        turn.place_all(std::slice::from_mut(&mut bid), |engine, _, placed| {
            told = Some(placed.map(|placed| receipt(&engine.accepted(placed))).map_err(|why| refused(*why)));
        });
        told.unwrap_or_else(|| Err(other_answer()))
    })?
}

fn receipt(accepted: &AcceptedBid) -> walras_receipt {
    walras_receipt {
        bid: walras_id::of(accepted.bid.bid.0),
        offset: accepted.offset,
        at_us: accepted.at.0,
        current_price_ticks: accepted.bid.current_price.0,
        standing: standing_number(accepted.bid.standing),
        status: status_number(accepted.status),
        is_repeated: u32::from(accepted.duplicate),
        priority_kept: 0,
    }
}

fn standing_number(standing: Standing) -> i32 {
    match standing {
        Standing::Above => WALRAS_STANDING_ABOVE,
        Standing::AtMargin => WALRAS_STANDING_AT_MARGIN,
        Standing::Below => WALRAS_STANDING_BELOW,
    }
}

pub(super) fn status_number(status: BidStatus) -> i32 {
    match status {
        BidStatus::Pending => WALRAS_BID_PENDING,
        BidStatus::Cancelled => WALRAS_BID_CANCELLED,
        BidStatus::Filled => WALRAS_BID_FILLED,
        BidStatus::Partial => WALRAS_BID_PARTIAL,
        BidStatus::Unfilled => WALRAS_BID_UNFILLED,
        BidStatus::Killed => WALRAS_BID_KILLED,
    }
}

/// Texts behind each other.
pub(super) struct Texts<'a> {
    bytes: &'a str,
    offsets: &'a [u64],
}

impl<'a> Texts<'a> {
    /// Checks that the offsets rise from 0 to the end, and cut between characters.
    pub fn new(bytes: &'a str, offsets: &'a [u64]) -> Result<Self, Fault> {
        let cuts = |&offset: &u64| usize::try_from(offset).is_ok_and(|offset| bytes.is_char_boundary(offset));
        let fits = offsets.first() == Some(&0)
            && offsets.last() == Some(&(bytes.len() as u64))
            && offsets.is_sorted()
            && offsets.iter().all(cuts);
        if fits {
            Ok(Self { bytes, offsets })
        } else {
            Err(bad_length("the offsets of texts do not fit them"))
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The `index`th.
    pub fn at(&self, index: usize) -> &'a str {
        &self.bytes[self.offsets[index] as usize..self.offsets[index + 1] as usize]
    }
}

/// Many bids for one auction.
pub(super) struct Orders<'a> {
    pub prices: &'a [i64],
    pub quantities: &'a [i64],
    pub flags: Option<&'a [u8]>,
    pub parties: Texts<'a>,
    pub party_indexes: Option<&'a [u32]>,
    pub client_bid_ids: Option<Texts<'a>>,
}

/// Where the answers go.
#[derive(Default)]
pub(super) struct Answers<'a> {
    pub statuses: Option<Room<'a, i32>>,
    pub bids: Option<Room<'a, walras_id>>,
    pub offsets: Option<Room<'a, u64>>,
    pub path_prices: Option<Room<'a, i64>>,
    pub path_demand: Option<Room<'a, i64>>,
}

impl Orders<'_> {
    /// Checks all that does not depend on the engine, and gives the parties.
    fn check(&self) -> Result<Vec<Party>, Fault> {
        let parties: Result<Vec<Party>, Fault> =
            (0..self.parties.count()).map(|index| party(self.parties.at(index))).collect();
        let parties = parties?;
        let is_party = |index: &u32| (*index as usize) < parties.len();
        if !self
            .party_indexes
            .map_or(self.prices.is_empty() || !parties.is_empty(), |all| all.iter().all(is_party))
        {
            return Err(bad_length("a bid's party is not among the parties"));
        }
        self.flags.into_iter().flatten().try_for_each(|&flags| check_flags(flags.into()))?;
        if let Some(ids) = &self.client_bid_ids {
            let given = (0..ids.count()).map(|index| ids.at(index)).filter(|id| !id.is_empty());
            given.into_iter().try_for_each(check_client_bid_id)?;
        }
        Ok(parties)
    }

    /// Whose bid it is, among the parties.
    #[inline]
    fn party_index(&self, index: usize) -> usize {
        self.party_indexes.map_or(0, |indexes| indexes[index] as usize)
    }

    fn wish(&self, index: usize) -> Wish {
        Wish {
            price_ticks: self.prices[index],
            quantity_lots: self.quantities[index],
            flags: self.flags.map_or(0, |flags| flags[index].into()),
        }
    }

    /// The bidders' own names for a run of bids; none if no bid of all has one.
    fn client_bid_ids(&self, indexes: Range<usize>) -> Vec<Option<Arc<str>>> {
        let Some(ids) = &self.client_bid_ids else { return Vec::new() };
        indexes.map(|index| Some(ids.at(index)).filter(|id| !id.is_empty()).map(Into::into)).collect()
    }
}

/// Submits bids in order, each judged alone; how many were accepted. Others may come between two turns.
pub(super) fn submit_many(
    engine: &Engine,
    auction: walras_id,
    orders: &Orders<'_>,
    mut answers: Answers<'_>,
) -> Result<u64, Fault> {
    let parties = orders.check()?;
    look(engine, auction, |_, _| Ok(()))?;
    // By party, its number in the auction, from its first bid on.
    let mut bidders = vec![None; parties.len()];
    let (mut next, mut accepted) = (0, 0);
    while next < orders.prices.len() {
        engine.enter(|turn| {
            let end = orders.prices.len().min(next + TURN_BIDS_MAX);
            while next < end && !turn.is_full() {
                let indexes = next..end.min(next + CHUNK_BIDS);
                let names = orders.client_bid_ids(indexes.clone());
                let named = |index: usize| names.get(index - next).and_then(Option::as_ref);
                let wish = |index| {
                    let (party, now_us) = (orders.party_index(index), turn.now().0);
                    let wish = orders.wish(index);
                    let wish = wished(auction.auction(), &parties[party], wish, named(index), now_us);
                    BidWish { bidder: bidders[party], ..wish }
                };
                let mut bids: Vec<BidWish<'_>> = indexes.clone().map(wish).collect();
                turn.place_all(&mut bids, |engine, place, placed| {
                    let index = next + place;
                    match placed {
                        Ok(bid) => {
                            accepted += 1;
                            bidders[orders.party_index(index)].get_or_insert_with(|| engine.bidder_of(bid));
                            answers.accepted(index, engine.placed(bid));
                        }
                        Err(why) => answers.refused(index, *why),
                    }
                    answers.path(index, engine, auction.auction());
                });
                next = indexes.end;
            }
        })?;
    }
    Ok(accepted)
}

fn status_of(why: Refused) -> i32 {
    match why {
        Refused::Rejected(rejection) => super::status::of_rejection(&rejection),
        unavailable => refused(unavailable).status,
    }
}

impl Answers<'_> {
    #[inline]
    fn accepted(&mut self, index: usize, (bid, offset): (BidId, u64)) {
        put(&mut self.bids, index, || walras_id::of(bid.0));
        put(&mut self.offsets, index, || offset);
        put(&mut self.statuses, index, || WALRAS_OK);
    }

    #[cold]
    fn refused(&mut self, index: usize, why: Refused) {
        put(&mut self.bids, index, || walras_id::of(Uuid::nil()));
        put(&mut self.offsets, index, || 0);
        put(&mut self.statuses, index, || status_of(why));
    }

    /// The price and the demand above it after a bid.
    #[inline]
    fn path(&mut self, index: usize, engine: &crate::engine::Engine, auction: AuctionId) {
        if (self.path_prices.is_some() || self.path_demand.is_some())
            && let Some(slot) = engine.slot(auction)
        {
            let quote = engine.quote(slot);
            put(&mut self.path_prices, index, || quote.price.0);
            put(&mut self.path_demand, index, || quote.demand_above.0);
        }
    }
}

#[inline]
fn put<T>(room: &mut Option<Room<'_, T>>, index: usize, value: impl FnOnce() -> T) {
    if let Some(room) = room {
        room[index].write(value());
    }
}

/// How a bid is named: by its id, or by its owner's own id in an auction.
pub(super) fn bid_ref(bid: walras_id, client_bid_id: Option<&str>) -> Result<BidRef, Fault> {
    match client_bid_id {
        None => Ok(BidRef::Id(BidId(bid.uuid()))),
        Some(id) => {
            check_client_bid_id(id)?;
            Ok(BidRef::Client { auction: bid.auction(), client_bid_id: id.into() })
        }
    }
}

/// The owner: as named, or of a bid named by its id whoever it is.
fn owner(turn: &Turn<'_>, bid: &BidRef, named: Option<&Party>) -> Result<Party, Fault> {
    match (named, bid) {
        (Some(party), _) => Ok(party.clone()),
        (None, BidRef::Id(id)) => {
            let missing = || Fault::from(crate::engine::Rejection::BidNotFound);
            turn.engine().owner(*id).cloned().ok_or_else(missing)
        }
        (None, BidRef::Client { .. }) => {
            Err(Fault::new(WALRAS_BAD_ARGUMENT, "a client_bid_id means nothing without its party"))
        }
    }
}

/// Takes a bid back.
pub(super) fn cancel(engine: &Engine, bid: BidRef, by: Option<&str>) -> Result<walras_receipt, Fault> {
    let by = by.map(party).transpose()?;
    let answer = engine.enter(|turn| {
        let party = owner(turn, &bid, by.as_ref())?;
        let cancel = CancelBid { bid, party, received_at_us: turn.now().0 };
        turn.command(Command::CancelBid(cancel)).map_err(refused)
    })??;
    match answer {
        Answer::Cancelled { bid, cancelled_at, offset, again, .. } => Ok(walras_receipt {
            bid: walras_id::of(bid.0),
            offset,
            at_us: cancelled_at.0,
            current_price_ticks: WALRAS_NO_PRICE,
            standing: WALRAS_STANDING_BELOW,
            status: WALRAS_BID_CANCELLED,
            is_repeated: u32::from(again),
            priority_kept: 0,
        }),
        _ => Err(other_answer()),
    }
}

/// Changes a bid. `None` leaves a number as it is.
pub(super) fn amend(
    engine: &Engine,
    bid: BidRef,
    by: Option<&str>,
    price: Option<i64>,
    quantity: Option<i64>,
) -> Result<walras_receipt, Fault> {
    let by = by.map(party).transpose()?;
    let (price, quantity) = (price.map(PriceTicks), quantity.map(QuantityLots));
    let answer = engine.enter(|turn| {
        let party = owner(turn, &bid, by.as_ref())?;
        let amend = AmendBid { bid, party, quantity, price, received_at_us: turn.now().0 };
        turn.command(Command::AmendBid(amend)).map_err(refused)
    })??;
    match answer {
        Answer::Amended { bid, priority_kept, offset, at, .. } => Ok(walras_receipt {
            bid: walras_id::of(bid.bid.0),
            offset,
            at_us: at.0,
            current_price_ticks: bid.current_price.0,
            standing: standing_number(bid.standing),
            status: WALRAS_BID_PENDING,
            is_repeated: 0,
            priority_kept: u32::from(priority_kept),
        }),
        _ => Err(other_answer()),
    }
}

/// Takes all of a party's bids back, in one auction or in all; how many there were.
pub(super) fn cancel_all(engine: &Engine, by: &str, auction: Option<walras_id>) -> Result<u64, Fault> {
    let (party, auction) = (party(by)?, auction.map(walras_id::auction));
    match engine.command(Command::CancelAll { party, auction })? {
        Answer::CancelledAll { bids, .. } => Ok(bids.len() as u64),
        _ => Err(other_answer()),
    }
}

/// Asks about a bid.
pub(super) fn query(engine: &Engine, bid: BidRef, by: Option<&str>) -> Result<walras_bid_view, Fault> {
    let by = by.map(party).transpose()?;
    let view = engine.enter(|turn| {
        let party = owner(turn, &bid, by.as_ref())?;
        turn.engine().bid(&bid, &party).map_err(Fault::from)
    })??;
    Ok(walras_bid_view {
        bid: walras_id::of(view.bid.bid.0),
        auction: walras_id::of(view.auction.0),
        price_ticks: ticks(view.bid.price),
        quantity_lots: view.bid.quantity.0,
        filled_lots: view.filled.0,
        payment: walras_int128::new(view.payment.0),
        current_price_ticks: view.bid.current_price.0,
        at_us: view.at.0,
        offset: view.offset,
        status: status_number(view.status),
        standing: standing_number(view.bid.standing),
    })
}

/// Where the answers to imagined bids go.
pub(super) struct Supposed<'a> {
    pub prices: Option<Room<'a, i64>>,
    pub filled: Option<Room<'a, i64>>,
    pub payments: Option<Room<'a, walras_int128>>,
}

/// What would come of each imagined bid alone.
pub(super) fn what_if(
    engine: &Engine,
    auction: walras_id,
    prices: &[i64],
    quantities: &[i64],
    without: &[walras_id],
    mut out: Supposed<'_>,
) -> Result<(), Fault> {
    let imagined: Vec<Imagined> = prices
        .iter()
        .zip(quantities)
        .map(|(&price, &quantity)| Imagined {
            quantity: QuantityLots(quantity),
            price: (price != WALRAS_NO_PRICE).then_some(PriceTicks(price)),
        })
        .collect();
    let without: Vec<BidId> = without.iter().map(|bid| BidId(bid.uuid())).collect();
    let supposed = engine.enter(|turn| turn.engine().what_if(auction.auction(), &imagined, &without))??;
    for (index, supposed) in supposed.iter().enumerate() {
        put(&mut out.prices, index, || ticks(supposed.price));
        put(&mut out.filled, index, || supposed.filled.0);
        put(&mut out.payments, index, || walras_int128::new(supposed.payment.0));
    }
    Ok(())
}
