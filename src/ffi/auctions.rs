//! Auctions: created, operated, and asked about.

use std::sync::Arc;

use uuid::Uuid;

use super::boundary::Room;
use super::engine::Engine;
use super::live_types::{
    WALRAS_AUCTION_ACTIVE, WALRAS_AUCTION_CANCELLED, WALRAS_AUCTION_COMPLETED, WALRAS_AUCTION_HALTED,
    WALRAS_AUCTION_SCHEDULED, WALRAS_BID_AT_MARGIN, WALRAS_BIDS_ALL, WALRAS_BIDS_LIVE, WALRAS_BIDS_WON,
    WALRAS_NO_TIME, walras_auction_state, walras_bid_row, walras_result,
};
use super::sale::{grids, outcome_number};
use super::status::{Fault, WALRAS_BAD_ARGUMENT, WALRAS_INTERNAL};
use super::types::{
    WALRAS_BID_MARGINAL, WALRAS_BID_PHANTOM, WALRAS_NO_PRICE, walras_grids, walras_id, walras_int128,
};
use crate::engine::{
    Answer, AuctionId, AuctionSlot, AuctionStatus, BidRow, BidStatus, CloseReason, Command, CreateAuction,
    Party, PartyKey, Rejection, SettlementId,
};
use crate::host::Turn;
use crate::limits::{PARTY_BYTES_MAX, TEXT_BYTES_MAX};
use crate::units::{PriceTicks, QuantityLots};
use crate::wire::encode::TermsShown;
use crate::wire::terms::{LiveDefaults, parse_live};
use crate::wire::{self, Grids, Message, encode};

impl walras_id {
    pub(super) fn of(id: Uuid) -> Self {
        Self { bytes: *id.as_bytes() }
    }

    pub(super) fn uuid(self) -> Uuid {
        Uuid::from_bytes(self.bytes)
    }

    pub(super) fn auction(self) -> AuctionId {
        AuctionId(self.uuid())
    }
}

/// A party's name, checked.
pub(super) fn party(name: &str) -> Result<Party, Fault> {
    if (1..=PARTY_BYTES_MAX).contains(&name.len()) {
        return Ok(Party(name.into()));
    }
    Err(Fault::invalid("party", format!("must be 1 to {PARTY_BYTES_MAX} bytes long")))
}

/// A reason for people, checked.
pub(super) fn reason(text: &str) -> Result<Arc<str>, Fault> {
    if text.len() <= TEXT_BYTES_MAX {
        return Ok(text.into());
    }
    Err(Fault::invalid("reason", format!("must be at most {TEXT_BYTES_MAX} bytes long")))
}

/// Creates an auction; its id, and whether this call made it.
pub(super) fn create(
    engine: &Engine,
    creator: &str,
    terms: &str,
    idempotency_key: Option<&str>,
) -> Result<(walras_id, bool), Fault> {
    let creator = party(creator)?;
    if idempotency_key.is_some_and(|key| !(1..=PARTY_BYTES_MAX).contains(&key.len())) {
        let why = format!("must be 1 to {PARTY_BYTES_MAX} bytes long");
        return Err(Fault::invalid("idempotency_key", why));
    }
    let read = parse_live(terms.as_bytes(), &LiveDefaults { seller: creator.clone() })?;
    let command = Command::CreateAuction(Box::new(CreateAuction {
        auction: read.auction_id.unwrap_or(AuctionId(Uuid::nil())),
        creator,
        terms: read.terms,
        terms_json: read.canonical.into(),
        idempotency_key: idempotency_key.map(Into::into),
    }));
    let created = engine.enter(|turn| {
        let answer = turn.command(command)?;
        let Answer::Created { slot, created } = answer else { return Ok(None) };
        Ok(Some((walras_id::of(turn.engine().auction_id(slot).0), created)))
    })?;
    created.map_err(super::engine::refused)?.ok_or_else(other_answer)
}

pub(super) fn close(engine: &Engine, auction: walras_id) -> Result<(), Fault> {
    let settlement = SettlementId(Uuid::nil());
    let reason = CloseReason::Operator;
    engine.command(Command::CloseAuction { auction: auction.auction(), reason, settlement }).map(drop)
}

pub(super) fn cancel(engine: &Engine, auction: walras_id, why: &str) -> Result<(), Fault> {
    let reason = reason(why)?;
    engine.command(Command::CancelAuction { auction: auction.auction(), reason }).map(drop)
}

pub(super) fn halt(engine: &Engine, auction: walras_id, why: &str) -> Result<(), Fault> {
    let reason = reason(why)?;
    engine.command(Command::HaltAuction { auction: auction.auction(), reason }).map(drop)
}

pub(super) fn resume(engine: &Engine, auction: walras_id) -> Result<(), Fault> {
    engine.command(Command::ResumeAuction { auction: auction.auction() }).map(drop)
}

/// Looks at one auction.
pub(super) fn look<T>(
    engine: &Engine,
    auction: walras_id,
    work: impl FnOnce(&Turn<'_>, AuctionSlot) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let auction = auction.auction();
    engine.enter(|turn| match turn.engine().slot(auction) {
        Some(slot) => work(turn, slot),
        None => Err(Rejection::AuctionNotFound { auction }.into()),
    })?
}

/// The id of the auction that was created as the `index`th, from 0.
pub(super) fn at(engine: &Engine, index: u64) -> Result<walras_id, Fault> {
    let found = engine.enter(|turn| {
        let is_there = index < turn.engine().auction_count() as u64;
        is_there.then(|| turn.engine().auction_id(AuctionSlot(index as u32)))
    })?;
    let missing = || Fault::new(WALRAS_BAD_ARGUMENT, "there are not so many auctions");
    found.map(|id| walras_id::of(id.0)).ok_or_else(missing)
}

pub(super) fn auction_grids(engine: &Engine, auction: walras_id) -> Result<walras_grids, Fault> {
    look(engine, auction, |turn, slot| {
        let terms = turn.engine().terms(slot);
        Ok(grids(terms.tick, terms.lot))
    })
}

pub(super) fn state(engine: &Engine, auction: walras_id) -> Result<walras_auction_state, Fault> {
    look(engine, auction, |turn, slot| {
        let (engine, now) = (turn.engine(), turn.now());
        let (state, quote) = (engine.state(slot, now), engine.quote(slot));
        Ok(walras_auction_state {
            status: match state.status {
                AuctionStatus::Scheduled => WALRAS_AUCTION_SCHEDULED,
                AuctionStatus::Active => WALRAS_AUCTION_ACTIVE,
                AuctionStatus::Halted => WALRAS_AUCTION_HALTED,
                AuctionStatus::Completed => WALRAS_AUCTION_COMPLETED,
                AuctionStatus::Cancelled => WALRAS_AUCTION_CANCELLED,
            },
            outcome: outcome_number(quote.outcome),
            offset: state.offset,
            at_us: now.0,
            ends_at_us: state.ends_at.map_or(WALRAS_NO_TIME, |ends_at| ends_at.0),
            current_price_ticks: state.current_price.0,
            next_price_ticks: ticks(engine.next_price_up(slot)),
            supply_lots: state.supply_available.0,
            matched_lots: state.matched.0,
            demand_above_lots: quote.demand_above.0,
            demand_at_or_above_lots: quote.demand_at_or_above.0,
            marginal_demand_lots: state.marginal.1.0,
            marginal_available_lots: state.marginal.0.0,
            total_quantity_lots: state.total_quantity.0,
            bid_count: state.total_bids,
            phantom_count: state.phantom_bids,
        })
    })
}

pub(super) fn ticks(price: Option<PriceTicks>) -> i64 {
    price.map_or(WALRAS_NO_PRICE, |price| price.0)
}

pub(super) fn result(engine: &Engine, auction: walras_id) -> Result<walras_result, Fault> {
    look(engine, auction, |turn, slot| {
        let engine = turn.engine();
        let Some(summary) = engine.result_summary(slot) else {
            let (auction, status) = (engine.auction_id(slot), engine.status(slot));
            return Err(Rejection::WrongStatus { auction, status, wish: "asked for its result" }.into());
        };
        Ok(walras_result {
            clearing_price_ticks: ticks(summary.clearing_price),
            allocated_lots: summary.total_allocated.0,
            bid_count: summary.total_bids,
            total_quantity_lots: summary.total_quantity.0,
            revenue: walras_int128::new(summary.total_revenue.0),
            ended_at_us: engine.ended_at(slot).map_or(WALRAS_NO_TIME, |ended_at| ended_at.0),
        })
    })
}

/// Terms and state, as the protocol's `auction_info` tells them.
pub(super) fn info(engine: &Engine, auction: walras_id) -> Result<Vec<u8>, Fault> {
    look(engine, auction, |turn, slot| {
        let mut message = Message::new();
        let info = turn.engine().info(slot, turn.now());
        let grids = Grids::of(turn.engine().terms(slot));
        encode::auction_info(&mut message, grids, &info, TermsShown::Whole);
        Ok(message.payload().to_vec())
    })
}

/// The document that `walras clear` reads.
pub(super) fn document(engine: &Engine, auction: walras_id) -> Result<Vec<u8>, Fault> {
    look(engine, auction, |turn, slot| Ok(wire::auction_json(turn.engine(), slot).into_bytes()))
}

/// The bidders' names as a JSON array, from the `first`th on.
pub(super) fn bidders(engine: &Engine, auction: walras_id, first: u32) -> Result<Vec<u8>, Fault> {
    look(engine, auction, |turn, slot| {
        let names: Vec<&str> = turn.engine().bidders(slot, first).map(|party| &*party.0).collect();
        serde_json::to_vec(&names).map_err(|error| Fault::new(WALRAS_INTERNAL, error.to_string()))
    })
}

/// The name of the bidder who has this key.
pub(super) fn bidder(engine: &Engine, auction: walras_id, key: walras_id) -> Result<Vec<u8>, Fault> {
    look(engine, auction, |turn, slot| {
        let key = PartyKey(u128::from_le_bytes(key.bytes));
        let found = turn.engine().bidder_by_key(slot, key);
        let missing = || Fault::new(WALRAS_BAD_ARGUMENT, "no bidder of the auction has this key");
        found.map(|party| party.0.as_bytes().to_vec()).ok_or_else(missing)
    })
}

/// Writes bids from the `first`th accepted one on. Gives how many were written, and where the next page begins: the
/// number of all accepted ones if there is none.
pub(super) fn rows(
    engine: &Engine,
    auction: walras_id,
    which: u32,
    first: u64,
    rows: Room<'_, walras_bid_row>,
) -> Result<(u64, u64), Fault> {
    let is_wanted: fn(&BidRow<'_>) -> bool = match which {
        WALRAS_BIDS_ALL => |_| true,
        WALRAS_BIDS_LIVE => |row| row.status != BidStatus::Cancelled,
        WALRAS_BIDS_WON => |row| row.filled.0 > 0,
        _ => return Err(Fault::new(WALRAS_BAD_ARGUMENT, "this is no choice of bids")),
    };
    look(engine, auction, |turn, slot| {
        let total = u64::from(turn.engine().bid_count(slot));
        let first = u32::try_from(first.min(total)).unwrap_or(u32::MAX);
        let (mut written, mut next) = (0, first);
        for row in turn.engine().bid_rows(slot, first) {
            if is_wanted(&row) {
                let Some(place) = rows.get_mut(written) else { break };
                place.write(row_of(&row));
                written += 1;
            }
            next += 1;
        }
        Ok((written as u64, u64::from(next)))
    })
}

fn row_of(row: &BidRow<'_>) -> walras_bid_row {
    let mut client_bid_id = [0; 64];
    if let Some(id) = row.client_bid_id {
        client_bid_id[..id.len()].copy_from_slice(id.as_bytes());
    }
    let flag = |flag: u32, is_set: bool| if is_set { flag } else { 0 };
    walras_bid_row {
        bid: walras_id::of(row.bid.0),
        client_bid_id,
        price_ticks: ticks(row.price),
        quantity_lots: row.quantity.0,
        filled_lots: row.filled.0,
        payment: walras_int128::new(row.payment.0),
        at_us: row.at.0,
        offset: row.offset,
        status: super::bids::status_number(row.status),
        flags: flag(WALRAS_BID_PHANTOM, row.is_phantom)
            | flag(WALRAS_BID_MARGINAL, row.is_marginal)
            | flag(WALRAS_BID_AT_MARGIN, row.at_margin),
        bidder: row.bidder,
        reserved: 0,
    }
}

/// Demand at or above, and supply at, each of these prices.
pub(super) fn curve(
    engine: &Engine,
    auction: walras_id,
    prices: &[i64],
    demand: Option<Room<'_, i64>>,
    supply: Option<Room<'_, i64>>,
) -> Result<(), Fault> {
    let prices: Vec<PriceTicks> = prices.iter().map(|&price| PriceTicks(price)).collect();
    look(engine, auction, |turn, slot| {
        put_all(demand, || turn.engine().demand_curve(slot, &prices));
        put_all(supply, || turn.engine().supply_curve(slot, &prices));
        Ok(())
    })
}

fn put_all(room: Option<Room<'_, i64>>, lots: impl FnOnce() -> Vec<QuantityLots>) {
    if let Some(room) = room {
        for (place, lots) in room.iter_mut().zip(lots()) {
            place.write(lots.0);
        }
    }
}

/// The lowest limit at which a new bid of this quantity would be filled whole if the auction ended now.
pub(super) fn price_to_win(engine: &Engine, auction: walras_id, lots: i64) -> Result<i64, Fault> {
    look(engine, auction, |turn, slot| Ok(ticks(turn.engine().price_to_win(slot, QuantityLots(lots)))))
}

pub(super) fn other_answer() -> Fault {
    Fault::new(WALRAS_INTERNAL, "the engine gave an answer of another kind")
}
