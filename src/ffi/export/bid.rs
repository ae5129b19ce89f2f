//! Bids.

use std::ffi::c_char;

use crate::ffi::bids::{self, Answers, Orders, Supposed, Texts, Wish};
use crate::ffi::boundary;
use crate::ffi::engine::ENGINES;
use crate::ffi::export::engine::walras_engine;
use crate::ffi::live_types::{
    walras_answers, walras_bid_view, walras_orders, walras_receipt, walras_what_if,
};
use crate::ffi::status::{Fault, walras_status};
use crate::ffi::types::{walras_id, walras_int128};

/// A number of a bid that stays as it is.
pub const WALRAS_UNCHANGED: i64 = i64::MIN;

/// Submits one bid of a party. `price_ticks` is `WALRAS_NO_PRICE` for a price taker; `flags` are `WALRAS_BID_…`;
/// `client_bid_id` is the party's own name for the bid, or null. When the call returns, the bid is as durable as the
/// engine promises. `receipt_out` may be null.
///
/// # Safety
/// `auction` is null or readable; each text is null or has as many readable bytes as are told; `receipt_out` is null or
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_bid_submit(
    engine: *const walras_engine,
    auction: *const walras_id,
    party: *const c_char,
    party_bytes: u64,
    price_ticks: i64,
    quantity_lots: i64,
    flags: u32,
    client_bid_id: *const c_char,
    client_bid_id_bytes: u64,
    receipt_out: *mut walras_receipt,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        unsafe {
            let (auction, party) = (boundary::value(auction)?, boundary::text(party, party_bytes)?);
            let id = boundary::text_if_given(client_bid_id, client_bid_id_bytes)?;
            let engine = ENGINES.find(engine as usize)?;
            let wish = Wish { price_ticks, quantity_lots, flags };
            let receipt = bids::submit(&engine, auction, party, wish, id)?;
            boundary::place_if_wanted(receipt_out).into_iter().for_each(|place| place.put(receipt));
        }
        Ok(())
    })
}

/// Submits many bids to one auction, in order, each judged alone: a refused one does not stop the others. Succeeds if the
/// bids could be judged at all; `accepted_out` (may be null) tells how many were accepted, `answers` (may be null) what
/// became of each. Other callers' wishes may come between them. If the engine fails on the way, the call does, and what was
/// written means nothing.
///
/// # Safety
/// The structs are null or readable, and their arrays are null or as long as their docs say; `auction` is null or readable;
/// `accepted_out` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_bids_submit(
    engine: *const walras_engine,
    auction: *const walras_id,
    orders: *const walras_orders,
    answers: *const walras_answers,
    accepted_out: *mut u64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        unsafe {
            let auction = boundary::value(auction)?;
            let given = boundary::value(orders)?;
            let orders = orders_of(&given)?;
            let answers = answers_of(answers, given.count)?;
            let engine = ENGINES.find(engine as usize)?;
            let accepted = bids::submit_many(&engine, auction, &orders, answers)?;
            boundary::place_if_wanted(accepted_out).into_iter().for_each(|place| place.put(accepted));
        }
        Ok(())
    })
}

/// # Safety
/// The arrays are as the docs of [`walras_orders`] say.
unsafe fn orders_of<'a>(orders: &walras_orders) -> Result<Orders<'a>, Fault> {
    // SAFETY: the caller promises it.
    unsafe {
        let party_offsets = match orders.party_count {
            0 => &[0][..],
            count => boundary::items(orders.party_offsets, count.saturating_add(1))?,
        };
        let party_bytes = party_offsets.last().copied().unwrap_or(0);
        let client_bid_ids = match orders.client_bid_ids.is_null() {
            true => None,
            false => {
                let offsets = boundary::items(orders.client_bid_id_offsets, orders.count.saturating_add(1))?;
                let bytes = offsets.last().copied().unwrap_or(0);
                Some(Texts::new(boundary::text(orders.client_bid_ids, bytes)?, offsets)?)
            }
        };
        Ok(Orders {
            prices: boundary::items(orders.prices_ticks, orders.count)?,
            quantities: boundary::items(orders.quantities_lots, orders.count)?,
            flags: boundary::items_if_given(orders.flags, orders.count)?,
            parties: Texts::new(boundary::text(orders.parties, party_bytes)?, party_offsets)?,
            party_indexes: boundary::items_if_given(orders.party_indexes, orders.count)?,
            client_bid_ids,
        })
    }
}

/// # Safety
/// `answers` is null or readable, and its arrays are null or have room for `count` items.
unsafe fn answers_of<'a>(answers: *const walras_answers, count: u64) -> Result<Answers<'a>, Fault> {
    if answers.is_null() {
        return Ok(Answers::default());
    }
    // SAFETY: the caller promises it.
    unsafe {
        let answers = boundary::value(answers)?;
        Ok(Answers {
            statuses: boundary::room(answers.statuses, count)?,
            bids: boundary::room(answers.bids, count)?,
            offsets: boundary::room(answers.offsets, count)?,
            path_prices: boundary::room(answers.path_prices_ticks, count)?,
            path_demand: boundary::room(answers.path_demand_above_lots, count)?,
        })
    }
}

/// Takes a bid back. `bid` is its id, and `party` its owner, or null for whoever owns it. If `client_bid_id` is not null, `bid` is the
/// auction instead, and `party` is needed. `receipt_out` may be null.
///
/// # Safety
/// `bid` is null or readable; each text is null or has as many readable bytes as are told; `receipt_out` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_bid_cancel(
    engine: *const walras_engine,
    bid: *const walras_id,
    party: *const c_char,
    party_bytes: u64,
    client_bid_id: *const c_char,
    client_bid_id_bytes: u64,
    receipt_out: *mut walras_receipt,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        unsafe {
            let party = boundary::text_if_given(party, party_bytes)?;
            let id = boundary::text_if_given(client_bid_id, client_bid_id_bytes)?;
            let bid = bids::bid_ref(boundary::value(bid)?, id)?;
            let receipt = bids::cancel(&*ENGINES.find(engine as usize)?, bid, party)?;
            boundary::place_if_wanted(receipt_out).into_iter().for_each(|place| place.put(receipt));
        }
        Ok(())
    })
}

/// Changes a bid's price, quantity or both; `WALRAS_UNCHANGED` leaves one as it is. The bid is named as for
/// `walras_bid_cancel`. A lower quantity keeps the bid's time priority, anything else loses it.
///
/// # Safety
/// As for `walras_bid_cancel`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_bid_amend(
    engine: *const walras_engine,
    bid: *const walras_id,
    party: *const c_char,
    party_bytes: u64,
    client_bid_id: *const c_char,
    client_bid_id_bytes: u64,
    price_ticks: i64,
    quantity_lots: i64,
    receipt_out: *mut walras_receipt,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        unsafe {
            let party = boundary::text_if_given(party, party_bytes)?;
            let id = boundary::text_if_given(client_bid_id, client_bid_id_bytes)?;
            let bid = bids::bid_ref(boundary::value(bid)?, id)?;
            let changed = |number: i64| (number != WALRAS_UNCHANGED).then_some(number);
            let (price, quantity) = (changed(price_ticks), changed(quantity_lots));
            let receipt = bids::amend(&*ENGINES.find(engine as usize)?, bid, party, price, quantity)?;
            boundary::place_if_wanted(receipt_out).into_iter().for_each(|place| place.put(receipt));
        }
        Ok(())
    })
}

/// Takes all live bids of a party back, in one auction, or in all if `auction` is null. `count_out` (may be null) tells how many.
///
/// # Safety
/// `party` is null or has `party_bytes` readable bytes; `auction` is null or readable; `count_out` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_bids_cancel_all(
    engine: *const walras_engine,
    party: *const c_char,
    party_bytes: u64,
    auction: *const walras_id,
    count_out: *mut u64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        unsafe {
            let party = boundary::text(party, party_bytes)?;
            let auction = if auction.is_null() { None } else { Some(boundary::value(auction)?) };
            let count = bids::cancel_all(&*ENGINES.find(engine as usize)?, party, auction)?;
            boundary::place_if_wanted(count_out).into_iter().for_each(|place| place.put(count));
        }
        Ok(())
    })
}

/// Writes what has become of a bid, which is named as for `walras_bid_cancel`.
///
/// # Safety
/// `bid` is null or readable; each text is null or has as many readable bytes as are told; `view_out` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_bid_query(
    engine: *const walras_engine,
    bid: *const walras_id,
    party: *const c_char,
    party_bytes: u64,
    client_bid_id: *const c_char,
    client_bid_id_bytes: u64,
    view_out: *mut walras_bid_view,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        unsafe {
            let party = boundary::text_if_given(party, party_bytes)?;
            let id = boundary::text_if_given(client_bid_id, client_bid_id_bytes)?;
            let bid = bids::bid_ref(boundary::value(bid)?, id)?;
            let place = boundary::place(view_out)?;
            place.put(bids::query(&*ENGINES.find(engine as usize)?, bid, party)?);
        }
        Ok(())
    })
}

/// Asks what would come of bids that nobody has placed, each alone, if the auction ended now: the clearing price
/// (`WALRAS_NO_PRICE` where nothing would sell), the lots the bid would win, and what they would cost. Nothing changes. Some
/// live bids may be left out. Each output has one entry for each imagined bid and may be null. A bid at the margin, and
/// every one where bids are left out or the terms cap bidders, takes a pass over all bids; the engine waits meanwhile.
///
/// # Safety
/// `auction` and `what_if` are null or readable, the arrays of `what_if` as long as they say, and the outputs null or with
/// room for `count` items.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_auction_what_if(
    engine: *const walras_engine,
    auction: *const walras_id,
    what_if: *const walras_what_if,
    prices_ticks_out: *mut i64,
    filled_lots_out: *mut i64,
    payments_out: *mut walras_int128,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        unsafe {
            let (auction, given) = (boundary::value(auction)?, boundary::value(what_if)?);
            let prices = boundary::items(given.prices_ticks, given.count)?;
            let quantities = boundary::items(given.quantities_lots, given.count)?;
            let without = boundary::items(given.without, given.without_count)?;
            let out = Supposed {
                prices: boundary::room(prices_ticks_out, given.count)?,
                filled: boundary::room(filled_lots_out, given.count)?,
                payments: boundary::room(payments_out, given.count)?,
            };
            bids::what_if(&*ENGINES.find(engine as usize)?, auction, prices, quantities, without, out)
        }
    })
}
