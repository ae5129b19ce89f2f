//! The whole state as bytes, and back: `restore(snapshot(engine))` goes on exactly as `engine` would.
//!
//! The bytes are canonical: equal states give equal bytes, so their SHA-256 is the state's digest. What
//! follows from the rest (maps, sums, the price of a running auction) is not written but rebuilt.

use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

use super::auction::{Auction, Totals, demand};
use super::bidders::Bidders;
use super::bids::{Amended, Bids, Cancelled};
use super::bytes::{BytesError, Read, Reader, Writer};
use super::event::ResultSummary;
use super::ids::{AuctionId, AuctionSlot, BidId, Party};
use super::machine::{Engine, EngineLimits};
use super::market::{Market, MarketEntry};
use super::outcome::{Obligation, Outcome, Won};
use super::places::BidPlace;
use super::receipts::Receipt;
use super::state::AuctionStatus;
use super::terms::Terms;
use super::time_order::TimeOrder;
use crate::clearing::{self, DemandIndex, Quote};
use crate::units::QuantityLots;

/// Grows whenever the form changes.
const FORMAT: u32 = 1;

const STATUSES: [AuctionStatus; 5] = [
    AuctionStatus::Scheduled,
    AuctionStatus::Active,
    AuctionStatus::Halted,
    AuctionStatus::Completed,
    AuctionStatus::Cancelled,
];
const OUTCOMES: [clearing::Outcome; 4] = [
    clearing::Outcome::Cleared,
    clearing::Outcome::Undersubscribed,
    clearing::Outcome::NoSale,
    clearing::Outcome::Cancelled,
];

impl Engine {
    /// SHA-256 of the whole state in its canonical form.
    pub fn digest(&self) -> [u8; 32] {
        let mut bytes = Vec::new();
        self.snapshot(&mut bytes);
        Sha256::digest(&bytes).into()
    }

    /// Appends the whole state.
    pub fn snapshot(&self, out: &mut Vec<u8>) {
        let out = &mut Writer(out);
        out.u32(FORMAT);
        write_market(out, &self.market);
        out.list(&self.auctions, write_auction);
    }

    /// The engine whose state these bytes are. Limits are not part of a state.
    pub fn restore(bytes: &[u8], limits: EngineLimits) -> Result<Self, BytesError> {
        let mut input = Reader(bytes);
        match input.u32()? {
            FORMAT => {}
            found => return Err(BytesError::Format { found }),
        }
        let mut engine = Self::new(limits);
        engine.market = read_market(&mut input)?;
        for slot in 0..input.count(64)? as u32 {
            let auction = read_auction(&mut input, AuctionSlot(slot))?;
            engine.adopt(auction);
        }
        input.finish()?;
        Ok(engine)
    }

    /// Takes in an auction that was read, as the one with the next slot.
    fn adopt(&mut self, auction: Auction) {
        let slot = auction.slot;
        self.auction_slots.insert(auction.id, slot);
        if let Some(key) = &auction.idempotency_key {
            self.creations.insert((auction.creator.clone(), key.clone()), slot);
        }
        for (bid, index) in auction.bids.receipts.ids().zip(0..) {
            self.bid_places.insert(bid, BidPlace { slot, index });
        }
        if let Some(settlement) = &auction.settlement {
            self.settlement_slots.insert(settlement.id, slot);
        }
        self.open_count += u32::from(!auction.status.is_final());
        self.auctions.push(auction);
        self.reschedule(slot);
    }
}

fn write_market(out: &mut Writer<'_>, market: &Market) {
    for entries in [&market.prices, &market.order_books] {
        out.count(entries.len());
        for (name, entry) in entries {
            out.text(name);
            out.text(&entry.payload);
            out.time(entry.at);
        }
    }
}

fn read_market(input: &mut Reader<'_>) -> Read<Market> {
    let entry = |input: &mut Reader<'_>| {
        Ok((input.text()?, MarketEntry { payload: input.text()?, at: input.time()? }))
    };
    let prices = input.list(16, entry)?.into_iter().collect();
    let order_books = input.list(16, entry)?.into_iter().collect();
    Ok(Market { prices, order_books })
}

fn write_auction(out: &mut Writer<'_>, auction: &Auction) {
    out.id(auction.id.0);
    out.party(&auction.creator);
    out.time(auction.created_at);
    out.option(auction.idempotency_key.as_deref(), |out, key| out.text(key));
    auction.terms.to_bytes(out.0);
    out.text(&auction.terms_json);
    out.choice(&STATUSES, &auction.status);
    out.u64(auction.offset);
    out.option(auction.ends_at, Writer::time);
    out.u32(auction.extensions);
    out.count(auction.bidders.iter().count());
    for bidder in auction.bidders.iter() {
        out.party(&bidder.party);
    }
    write_bids(out, &auction.bids);
    if auction.status.is_final() {
        write_quote(out, &auction.quote);
    }
    out.option(auction.outcome.as_ref(), write_outcome);
    out.option(auction.settlement.as_ref(), |out, settlement| settlement.write(out));
}

fn read_auction(input: &mut Reader<'_>, slot: AuctionSlot) -> Read<Auction> {
    let id = AuctionId(input.id()?);
    let creator = input.party()?;
    let created_at = input.time()?;
    let idempotency_key = input.option(Reader::text)?;
    let terms = Terms::read(input)?;
    let terms_json = input.text()?;
    let status = input.choice(&STATUSES, "a status")?;
    let offset = input.u64()?;
    let ends_at = input.option(Reader::time)?;
    let extensions = input.u32()?;
    let parties = input.list(4, Reader::party)?;
    let mut bids = read_bids(input, parties.len(), offset)?;
    let quote = if status.is_final() { Some(read_quote(input, &terms)?) } else { None };
    let outcome = input.option(|input| read_outcome(input, &bids))?;
    let settlement = input.option(super::settlement::Settlement::read)?;
    let (index, totals) = read_demand(&terms, &bids)?;
    let mut auction = Auction {
        slot,
        id,
        creator,
        created_at,
        idempotency_key,
        terms,
        terms_json,
        status,
        offset,
        ends_at,
        extensions,
        bidders: rebuild_bidders(&parties, &mut bids, outcome.as_ref()),
        bids,
        totals,
        quote: quote.unwrap_or_else(|| index.quote()),
        index: Some(index).filter(|_| !status.is_final()),
        outcome,
        settlement,
    };
    auction.requote();
    Ok(auction)
}

fn read_demand(terms: &Terms, bids: &Bids) -> Read<(DemandIndex, Totals)> {
    let mut index = DemandIndex::new(terms.sale.pricing());
    let mut totals = Totals::default();
    for bid in (0..bids.count()).filter(|&bid| bids.is_live(bid)) {
        let wanted = bids.wanted(bid);
        index.add(demand(wanted)).map_err(|_| BytesError::Wrong { what: "a bid" })?;
        totals.count(wanted);
    }
    Ok((index, totals))
}

fn rebuild_bidders(parties: &[Party], bids: &mut Bids, outcome: Option<&Outcome>) -> Bidders {
    let mut bidders = Bidders::default();
    for party in parties {
        bidders.number(party);
    }
    for index in 0..bids.count() {
        let bidder = bids.bidders[index as usize];
        bidders.add(bidder, index, bids);
        if outcome.map_or(!bids.is_live(index), |outcome| !outcome.has_won(index)) {
            bidders.remove(bidder, index);
        }
    }
    bidders
}

/// A bid's fixed part: id, bidder, quantity, price, flags, priority, time, offset, price after it.
const BID_BYTES: usize = 16 + 4 + 8 + 8 + 1 + 4 + 8 + 8 + 8;

fn write_bids(out: &mut Writer<'_>, bids: &Bids) {
    out.u128(bids.by_client_id.seed);
    let (count, receipts) = (bids.count(), &bids.receipts);
    out.count(count as usize);
    out.0.reserve(count as usize * (BID_BYTES + 1));
    for (index, place) in (0..count).zip(bids.time_order.places(count)) {
        let at = index as usize;
        out.id(receipts.id(index).0);
        out.u32(bids.bidders[at]);
        out.i64(bids.quantities[at].0);
        out.i64(bids.prices[at].0);
        out.byte(bids.flags[at]);
        out.u32(place);
        out.time(receipts.at(index));
        out.u64(receipts.offset(index));
        out.i64(receipts.current_price(index).0);
        out.option(bids.client_id(index), |out, client_id| out.text(client_id));
    }
    out.count(bids.place_count());
    out.list(&sorted(&bids.amended), |out, (index, amended)| {
        out.u32(*index);
        out.i64(amended.first_quantity.0);
        out.option(amended.first_price, |out, price| out.i64(price.0));
        out.i64(amended.shown.0);
        out.time(amended.at);
        out.u64(amended.offset);
        out.flag(amended.priority_kept);
    });
    out.list(&sorted(&bids.cancelled), |out, (index, cancelled)| {
        out.u32(*index);
        out.time(cancelled.at);
        out.u64(cancelled.offset);
    });
}

fn sorted<T: Copy>(table: &FxHashMap<u32, T>) -> Vec<(u32, T)> {
    let mut entries: Vec<(u32, T)> = table.iter().map(|(&index, &entry)| (index, entry)).collect();
    entries.sort_unstable_by_key(|entry| entry.0);
    entries
}

fn read_bids(input: &mut Reader<'_>, bidder_count: usize, offset: u64) -> Read<Bids> {
    let mut bids = Bids::default();
    bids.by_client_id.seed = input.u128()?;
    let count = input.count(BID_BYTES + 1)?;
    let mut places = Vec::with_capacity(count);
    for index in 0..count {
        let id = BidId(input.id()?);
        bids.bidders.push(input.u32()?);
        bids.quantities.push(input.lots()?);
        bids.prices.push(input.price()?);
        bids.flags.push(input.byte()?);
        places.push(input.u32()?);
        let (at, offset, current_price) = (input.time()?, input.u64()?, input.price()?);
        bids.receipts.push(Receipt { id, at, offset, current_price });
        if let Some(client_id) = input.option(Reader::text)? {
            bids.push_client_id(index as u32, client_id);
        }
    }
    let place_count = input.u32()? as usize;
    // Each place in time was taken by an event, the first one by a bid.
    let may_be = place_count >= count && place_count as u64 <= offset && (count > 0 || place_count == 0);
    let order = may_be.then(|| TimeOrder::with_places(&places, place_count)).flatten();
    bids.time_order = order.ok_or(BytesError::Wrong { what: "the order of the bids" })?;
    let amendments = input.list(38, read_amended)?;
    if !are_rising(&amendments, count) {
        return Err(BytesError::Wrong { what: "an amendment" });
    }
    bids.amended.extend(amendments);
    let cancellations =
        input.list(20, |input| Ok((input.u32()?, Cancelled { at: input.time()?, offset: input.u64()? })))?;
    if !are_rising(&cancellations, count) {
        return Err(BytesError::Wrong { what: "a cancellation" });
    }
    bids.cancelled.extend(cancellations);
    let are_known = bids.bidders.iter().all(|&bidder| (bidder as usize) < bidder_count);
    if !are_known || !bids.rebuild() {
        return Err(BytesError::Wrong { what: "a bid" });
    }
    Ok(bids)
}

/// Whether the entries are of bids that there are, in order and each once.
fn are_rising<T>(entries: &[(u32, T)], bid_count: usize) -> bool {
    entries.is_sorted_by(|(before, _), (after, _)| before < after)
        && entries.last().is_none_or(|(last, _)| (*last as usize) < bid_count)
}

fn read_amended(input: &mut Reader<'_>) -> Read<(u32, Amended)> {
    let index = input.u32()?;
    let amended = Amended {
        first_quantity: input.lots()?,
        first_price: input.option(Reader::price)?,
        shown: input.lots()?,
        at: input.time()?,
        offset: input.u64()?,
        priority_kept: input.flag()?,
    };
    Ok((index, amended))
}

fn write_quote(out: &mut Writer<'_>, quote: &Quote) {
    out.choice(&OUTCOMES, &quote.outcome);
    out.i64(quote.price.0);
    for lots in [
        quote.demand_above,
        quote.demand_at_or_above,
        quote.allocated,
        quote.marginal_demand,
        quote.marginal_available,
    ] {
        out.i64(lots.0);
    }
}

fn read_quote(input: &mut Reader<'_>, terms: &Terms) -> Read<Quote> {
    let outcome = input.choice(&OUTCOMES, "an outcome")?;
    let price = input.price()?;
    Ok(Quote {
        outcome,
        price,
        supply: terms.sale.supply.at(price),
        demand_above: input.lots()?,
        demand_at_or_above: input.lots()?,
        allocated: input.lots()?,
        marginal_demand: input.lots()?,
        marginal_available: input.lots()?,
    })
}

fn write_outcome(out: &mut Writer<'_>, outcome: &Outcome) {
    let summary = &outcome.summary;
    out.option(summary.clearing_price, |out, price| out.i64(price.0));
    out.i64(summary.total_allocated.0);
    out.u64(summary.total_bids);
    out.i64(summary.total_quantity.0);
    out.i128(summary.total_revenue.0);
    out.list(outcome.winners(), |out, &index| {
        let won = outcome.of(index);
        out.u32(index);
        out.i64(won.filled.0);
        out.i128(won.payment.0);
    });
    out.list(outcome.killed(), |out, &index| out.u32(index));
    out.list(&outcome.obligations, |out, obligation| {
        out.u32(obligation.bidder);
        out.i64(obligation.lots.0);
        out.i128(obligation.money.0);
    });
}

fn read_outcome(input: &mut Reader<'_>, bids: &Bids) -> Read<Outcome> {
    let summary = ResultSummary {
        clearing_price: input.option(Reader::price)?,
        total_allocated: input.lots()?,
        total_bids: input.u64()?,
        total_quantity: QuantityLots(input.i64()?),
        total_revenue: input.money()?,
    };
    let winners =
        input.list(28, |input| Ok((input.u32()?, Won { filled: input.lots()?, payment: input.money()? })))?;
    let killed = input.list(4, Reader::u32)?;
    let obligations = input.list(28, |input| {
        Ok(Obligation { bidder: input.u32()?, lots: input.lots()?, money: input.money()? })
    })?;
    let bidder_count = bids.bidders.iter().max().map_or(0, |&last| last + 1);
    let mut is_named = vec![false; bids.count() as usize];
    let mut indexes = winners.iter().map(|winner| winner.0).chain(killed.iter().copied());
    // A bid has one end.
    let is_new = |index: u32| match is_named.get_mut(index as usize) {
        Some(is_named) => !std::mem::replace(is_named, true),
        None => false,
    };
    let are_known =
        indexes.all(is_new) && obligations.iter().all(|obligation| obligation.bidder < bidder_count);
    if !are_known {
        return Err(BytesError::Wrong { what: "a result" });
    }
    Ok(Outcome::new(summary, winners, killed, obligations, bids.count()))
}
