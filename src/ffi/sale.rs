//! The pure clearing: terms read once, and sales cleared from columns of numbers into columns of numbers.
//!
//! Bids are never copied where they stand in ticks and lots: the clearing passes over the caller's arrays.

use std::mem::MaybeUninit;

use super::boundary::{Room, bad_length};
use super::columns::{Columns, Refused};
use super::handles::{Forking, Kind, Table};
use super::status::{Fault, WALRAS_BUFFER_TOO_SMALL, WALRAS_INTERNAL, WALRAS_INVALID_BID};
use super::types::{
    WALRAS_MARK_AT_MARGIN, WALRAS_MARK_KILLED, WALRAS_NO_PRICE, WALRAS_OUTCOME_CANCELLED,
    WALRAS_OUTCOME_CLEARED, WALRAS_OUTCOME_NO_SALE, WALRAS_OUTCOME_UNDERSUBSCRIBED, walras_clearing,
    walras_grids, walras_int128,
};
use crate::clearing::{self, Bid, BidSource, ClearError, Clearing, Outcome};
use crate::units::{Grid, PriceTicks, QuantityLots};
use crate::wire::auction_json::{Auction, write_result};
use crate::wire::terms::{SaleTerms, parse_sale};

/// All terms that C holds.
pub(super) static TERMS: Table<Terms> = Table::new(Kind::Terms, Forking::Survives);

/// The terms of a sale, with `net_long` resolved to the numbers of bidders.
pub(super) struct Terms {
    pub(super) read: SaleTerms,
}

impl Terms {
    pub fn read(json: &str) -> Result<Self, Fault> {
        let mut read = parse_sale(json.as_bytes())?;
        for (number, (_, lots)) in read.net_long.iter().enumerate() {
            read.sale.net_long.insert(number as u32, *lots);
        }
        Ok(Self { read })
    }

    pub fn grids(&self) -> walras_grids {
        grids(self.read.tick, self.read.lot)
    }

    /// The lowest price at which the sale can clear.
    pub fn lowest_price_ticks(&self) -> i64 {
        self.read.sale.lowest_price().0
    }

    /// Supply at each price, in lots.
    pub fn supply(&self, prices_ticks: &[i64], lots_out: Room<'_, i64>) {
        for (price, lots) in prices_ticks.iter().zip(lots_out) {
            lots.write(self.read.sale.supply.at(PriceTicks(*price)).lots.0);
        }
    }
}

pub(super) fn grids(tick: Grid, lot: Grid) -> walras_grids {
    walras_grids {
        tick_mantissa: tick.mantissa(),
        lot_mantissa: lot.mantissa(),
        tick_scale: tick.scale(),
        lot_scale: lot.scale(),
    }
}

/// Where the parts of one result go; all are checked to be as long as the bids.
#[derive(Default)]
pub(super) struct Fills<'a> {
    pub lots: Option<Room<'a, i64>>,
    pub payments: Option<Room<'a, walras_int128>>,
    pub marks: Option<Room<'a, u8>>,
    pub bidders: Option<Room<'a, u32>>,
    pub bidder_lots: Option<Room<'a, i64>>,
    pub bidder_payments: Option<Room<'a, walras_int128>>,
    pub bidders_capacity: u64,
}

impl<'a> Fills<'a> {
    /// Takes the room of the first `count` bids off.
    fn split_off_front(&mut self, count: usize) -> Self {
        Self {
            lots: front(&mut self.lots, count),
            payments: front(&mut self.payments, count),
            marks: front(&mut self.marks, count),
            ..Self::default()
        }
    }
}

fn front<'a, T>(room: &mut Option<Room<'a, T>>, count: usize) -> Option<Room<'a, T>> {
    let (taken, rest) = room.take()?.split_at_mut(count);
    *room = Some(rest);
    Some(taken)
}

/// Clears one sale.
pub(super) fn clear(
    terms: &Terms,
    bids: &Columns<'_>,
    mut fills: Fills<'_>,
) -> Result<walras_clearing, Fault> {
    let (clearing, refused) = clear_judged(&terms.read, bids, fills.marks.is_none())?;
    if clearing.bidders.len() as u64 > fills.bidders_capacity
        && (fills.bidders.is_some() || fills.bidder_lots.is_some() || fills.bidder_payments.is_some())
    {
        let winners = clearing.bidders.len();
        return Err(Fault::new(WALRAS_BUFFER_TOO_SMALL, format!("there are {winners} winners")));
    }
    put_bidders(&clearing, &mut fills);
    let are_exact = put_fills(&clearing, bids, &refused, fills);
    Ok(figures(&clearing, refused.count(), are_exact))
}

/// Clears the bids that the sale takes. Mostly these are all, and then a pass to judge them is spared.
fn clear_judged(
    terms: &SaleTerms,
    bids: &Columns<'_>,
    fails_at_once: bool,
) -> Result<(Clearing, Refused), Fault> {
    if bids.are_judged_by_clearing(terms) {
        match clearing::clear(&terms.sale, &bids.all()) {
            Ok(clearing) => return Ok((clearing, Refused::NONE)),
            Err(ClearError::InvalidBid { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let refused = bids.refused(terms, fails_at_once)?;
    let clearing = clearing::clear(&terms.sale, &bids.without(&refused))?;
    Ok((clearing, refused))
}

fn put_bidders(clearing: &Clearing, fills: &mut Fills<'_>) {
    for (index, award) in clearing.bidders.iter().enumerate() {
        put(&mut fills.bidders, index, award.bidder);
        put(&mut fills.bidder_lots, index, award.lots.0);
        put(&mut fills.bidder_payments, index, walras_int128::new(award.payment.whole.0));
    }
}

#[inline]
fn put<T>(room: &mut Option<Room<'_, T>>, index: usize, value: T) {
    if let Some(room) = room {
        room[index].write(value);
    }
}

/// Writes each bid's part; whether all payments are whole.
fn put_fills(clearing: &Clearing, bids: &Columns<'_>, refused: &Refused, fills: Fills<'_>) -> bool {
    let Fills { mut lots, mut payments, mut marks, .. } = fills;
    let mut are_exact = clearing.revenue.part == 0;
    if lots.is_none() && payments.is_none() && marks.is_none() {
        return are_exact;
    }
    if let (Some(lots), Some(marks)) = (&mut lots, &mut marks)
        && refused.count() == 0
        && put_fills_by_price(clearing, bids, lots, marks, payments.as_deref_mut())
    {
        return are_exact;
    }
    let mut index = 0;
    bids.all().for_each(|bid| {
        let code = refused.code(index);
        let award = clearing.fills([bid]).next().filter(|(_, won, _)| code == 0 && won.0 > 0);
        let (won, paid) = award.map_or((0, 0), |(_, won, payment)| {
            are_exact &= payment.part == 0;
            (won.0, payment.whole.0)
        });
        put(&mut lots, index, won);
        put(&mut payments, index, walras_int128::new(paid));
        if let Some(marks) = &mut marks {
            let mut mark = code;
            if code == 0 && clearing.is_at_margin(bid) {
                mark |= WALRAS_MARK_AT_MARGIN;
            }
            if code == 0 && clearing.is_killed(bid) {
                mark |= WALRAS_MARK_KILLED;
            }
            marks[index].write(mark);
        }
        index += 1;
    });
    are_exact
}

/// The same for the usual sale, where only a bid at the clearing price has to be looked at; `false` if it is none.
fn put_fills_by_price(
    clearing: &Clearing,
    bids: &Columns<'_>,
    lots_out: &mut [MaybeUninit<i64>],
    marks_out: &mut [MaybeUninit<u8>],
    mut payments_out: Option<Room<'_, walras_int128>>,
) -> bool {
    let (Some((prices, quantities)), Some(price)) = (bids.plain(), clearing.divide()) else { return false };
    marks_out.fill(MaybeUninit::new(0));
    for (index, ((&limit, &quantity), lots)) in prices.iter().zip(quantities).zip(lots_out).enumerate() {
        let mut won = std::hint::select_unpredictable(limit > price.0, quantity, 0);
        if limit == price.0 || limit == WALRAS_NO_PRICE {
            won = fill_and_mark(clearing, &bids.bid(index), &mut marks_out[index]);
        }
        lots.write(won);
        put(&mut payments_out, index, walras_int128::new(price.times(QuantityLots(won)).0));
    }
    true
}

/// Said to be cold, so that the loop that calls it keeps its registers for the other bids.
#[cold]
fn fill_and_mark(clearing: &Clearing, bid: &Bid, mark_out: &mut MaybeUninit<u8>) -> i64 {
    if clearing.is_at_margin(bid) {
        mark_out.write(WALRAS_MARK_AT_MARGIN);
    }
    clearing.fill(bid).0
}

pub(super) fn outcome_number(outcome: Outcome) -> i32 {
    match outcome {
        Outcome::Cleared => WALRAS_OUTCOME_CLEARED,
        Outcome::Undersubscribed => WALRAS_OUTCOME_UNDERSUBSCRIBED,
        Outcome::NoSale => WALRAS_OUTCOME_NO_SALE,
        Outcome::Cancelled => WALRAS_OUTCOME_CANCELLED,
    }
}

fn figures(clearing: &Clearing, refused_count: u64, are_exact: bool) -> walras_clearing {
    walras_clearing {
        outcome: outcome_number(clearing.outcome),
        payments_are_exact: u32::from(are_exact),
        price_ticks: clearing.price.map_or(WALRAS_NO_PRICE, |price| price.0),
        price_low_ticks: clearing.interval.0.0,
        price_high_ticks: clearing.interval.1.0,
        indicative_price_ticks: clearing.indicative_price.0,
        supply_lots: clearing.supply.0,
        allocated_lots: clearing.total_allocated.0,
        unsold_lots: clearing.unsold.0,
        oversold_lots: clearing.oversold.0,
        demand_at_or_above_lots: walras_int128::new(clearing.demand_at_or_above),
        demand_above_lots: walras_int128::new(clearing.demand_above),
        marginal_demand_lots: walras_int128::new(clearing.marginal_demand),
        marginal_available_lots: walras_int128::new(clearing.marginal_available),
        total_quantity_lots: walras_int128::new(clearing.total_quantity),
        revenue: walras_int128::new(clearing.revenue.whole.0),
        bid_count: clearing.total_bids,
        phantom_count: clearing.phantom_bids,
        refused_count,
        killed_count: clearing.killed.len() as u64,
        bidder_count: clearing.bidders.len() as u64,
    }
}

/// Clears many sales under the same terms. Sale `i` has the bids from `offsets[i]` to before `offsets[i + 1]`.
pub(super) fn clear_many(
    terms: &Terms,
    offsets: &[u64],
    bids: &Columns<'_>,
    threads: u32,
    mut fills: Fills<'_>,
    mut clearings: Room<'_, walras_clearing>,
) -> Result<(), Fault> {
    check_offsets(offsets, bids.count())?;
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = if threads == 0 { cores() } else { threads as usize };
    let shares = shares(offsets, threads.clamp(1, THREADS_MAX).min(clearings.len().max(1)));
    std::thread::scope(|scope| {
        let mut running = Vec::new();
        for share in shares {
            let count = (offsets[share.end] - offsets[share.start]) as usize;
            let own_fills = fills.split_off_front(count);
            let (own_clearings, rest) = std::mem::take(&mut clearings).split_at_mut(share.len());
            clearings = rest;
            let work = move || clear_share(terms, offsets, share, bids, own_fills, own_clearings);
            running
                .push(std::thread::Builder::new().name("walras-clear".to_owned()).spawn_scoped(scope, work));
        }
        for thread in running {
            let thread = thread.map_err(|error| {
                Fault::new(super::status::WALRAS_SYSTEM, format!("no thread could be started: {error}"))
            })?;
            thread.join().map_err(|_| Fault::new(WALRAS_INTERNAL, "a clearing thread failed"))??;
        }
        Ok(())
    })
}

/// Most threads of one call.
const THREADS_MAX: usize = 256;

fn check_offsets(offsets: &[u64], count: usize) -> Result<(), Fault> {
    let fits = offsets.first() == Some(&0) && offsets.last() == Some(&(count as u64)) && offsets.is_sorted();
    if fits { Ok(()) } else { Err(bad_length("offsets must rise from 0 to the number of bids")) }
}

/// Runs of sales with about as many bids each.
fn shares(offsets: &[u64], threads: usize) -> Vec<std::ops::Range<usize>> {
    let sales = offsets.len() - 1;
    let bids = offsets[sales];
    let mut starts: Vec<usize> = (1..threads as u64)
        .map(|share| offsets.partition_point(|&offset| offset < bids / threads as u64 * share).min(sales))
        .collect();
    starts.insert(0, 0);
    starts.push(sales);
    starts.windows(2).map(|pair| pair[0]..pair[1]).collect()
}

fn clear_share(
    terms: &Terms,
    offsets: &[u64],
    share: std::ops::Range<usize>,
    bids: &Columns<'_>,
    mut fills: Fills<'_>,
    clearings: &mut [MaybeUninit<walras_clearing>],
) -> Result<(), Fault> {
    for (sale, clearing_out) in share.zip(clearings) {
        let own = bids.range(offsets[sale] as usize..offsets[sale + 1] as usize);
        let own_fills = fills.split_off_front(own.count());
        let cleared = clear(terms, &own, own_fills)
            .map_err(|fault| Fault::new(fault.status, format!("sale {sale}: {}", fault.message)))?;
        clearing_out.write(cleared);
    }
    Ok(())
}

/// The failure of a call that has nowhere to tell that a bid was refused.
pub(super) fn refused_bid(index: usize, why: &str) -> Fault {
    Fault::new(
        WALRAS_INVALID_BID,
        format!("bid {index} is refused ({why}), and there are no marks to tell it"),
    )
}

/// Clears a whole auction given as one document.
pub(super) fn clear_document(json: &str) -> Result<Vec<u8>, Fault> {
    let auction = Auction::read(json.as_bytes())?;
    let clearing = auction.clear()?;
    let mut line = Vec::new();
    write_result(&auction, &clearing, &mut line)
        .map_err(|error| Fault::new(WALRAS_INTERNAL, error.to_string()))?;
    Ok(line)
}
