//! Auctions.

use std::ffi::c_char;

use crate::ffi::auctions;
use crate::ffi::boundary;
use crate::ffi::engine::ENGINES;
use crate::ffi::export::engine::walras_engine;
use crate::ffi::live_types::{walras_auction_state, walras_bid_row, walras_result};
use crate::ffi::status::walras_status;
use crate::ffi::types::{walras_grids, walras_id};

/// Creates an auction from terms in JSON (the keys of `POST /v1/auctions`). `creator` is a party's name, and the seller
/// unless the terms name one. With `idempotency_key` (may be null) a repeated call gives the auction of the first, and
/// `created_out` (may be null) tells 0.
///
/// # Safety
/// Each text is null or has as many readable bytes as are told; the outputs are null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_auction_create(
    engine: *const walras_engine,
    creator: *const c_char,
    creator_bytes: u64,
    terms_json: *const c_char,
    terms_json_bytes: u64,
    idempotency_key: *const c_char,
    idempotency_key_bytes: u64,
    auction_out: *mut walras_id,
    created_out: *mut u32,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        unsafe {
            let creator = boundary::text(creator, creator_bytes)?;
            let terms = boundary::text(terms_json, terms_json_bytes)?;
            let key = boundary::text_if_given(idempotency_key, idempotency_key_bytes)?;
            let place = boundary::place(auction_out)?;
            let engine = ENGINES.find(engine as usize)?;
            let (auction, is_new) = auctions::create(&engine, creator, terms, key)?;
            place.put(auction);
            boundary::place_if_wanted(created_out).into_iter().for_each(|place| place.put(is_new.into()));
        }
        Ok(())
    })
}

/// Ends an auction now: price, allocation, settlement.
///
/// # Safety
/// `auction` is null or readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_auction_close(
    engine: *const walras_engine,
    auction: *const walras_id,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointer is as this function's caller promises.
        let auction = unsafe { boundary::value(auction)? };
        auctions::close(&*ENGINES.find(engine as usize)?, auction)
    })
}

/// Calls an auction off: nothing is sold. The reason, for people, may be null.
///
/// # Safety
/// `auction` is null or readable; `reason` is null or has `reason_bytes` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_auction_cancel(
    engine: *const walras_engine,
    auction: *const walras_id,
    reason: *const c_char,
    reason_bytes: u64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (auction, why) =
            unsafe { (boundary::value(auction)?, boundary::text_if_given(reason, reason_bytes)?) };
        auctions::cancel(&*ENGINES.find(engine as usize)?, auction, why.unwrap_or_default())
    })
}

/// Stops an auction's taking of bids until it is resumed; its end stays where it is. The reason may be null.
///
/// # Safety
/// As for `walras_auction_cancel`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_auction_halt(
    engine: *const walras_engine,
    auction: *const walras_id,
    reason: *const c_char,
    reason_bytes: u64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (auction, why) =
            unsafe { (boundary::value(auction)?, boundary::text_if_given(reason, reason_bytes)?) };
        auctions::halt(&*ENGINES.find(engine as usize)?, auction, why.unwrap_or_default())
    })
}

/// Lets a halted auction take bids again.
///
/// # Safety
/// `auction` is null or readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_auction_resume(
    engine: *const walras_engine,
    auction: *const walras_id,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointer is as this function's caller promises.
        let auction = unsafe { boundary::value(auction)? };
        auctions::resume(&*ENGINES.find(engine as usize)?, auction)
    })
}

/// Writes the id of the auction that was created as number `index`, from 0. `walras_engine_status_get` tells how many
/// there are.
///
/// # Safety
/// `auction_out` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_auction_at(
    engine: *const walras_engine,
    index: u64,
    auction_out: *mut walras_id,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointer is as this function's caller promises.
        let place = unsafe { boundary::place(auction_out)? };
        place.put(auctions::at(&*ENGINES.find(engine as usize)?, index)?);
        Ok(())
    })
}

/// Writes an auction's grids of prices and quantities.
///
/// # Safety
/// `auction` is null or readable; `grids_out` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_auction_grids(
    engine: *const walras_engine,
    auction: *const walras_id,
    grids_out: *mut walras_grids,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (auction, place) = unsafe { (boundary::value(auction)?, boundary::place(grids_out)?) };
        place.put(auctions::auction_grids(&*ENGINES.find(engine as usize)?, auction)?);
        Ok(())
    })
}

/// Writes where an auction stands.
///
/// # Safety
/// `auction` is null or readable; `state_out` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_auction_state_get(
    engine: *const walras_engine,
    auction: *const walras_id,
    state_out: *mut walras_auction_state,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (auction, place) = unsafe { (boundary::value(auction)?, boundary::place(state_out)?) };
        place.put(auctions::state(&*ENGINES.find(engine as usize)?, auction)?);
        Ok(())
    })
}

/// Writes the result of a completed auction.
///
/// # Safety
/// `auction` is null or readable; `result_out` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_auction_result(
    engine: *const walras_engine,
    auction: *const walras_id,
    result_out: *mut walras_result,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (auction, place) = unsafe { (boundary::value(auction)?, boundary::place(result_out)?) };
        place.put(auctions::result(&*ENGINES.find(engine as usize)?, auction)?);
        Ok(())
    })
}

/// Gives an auction's resolved terms, their hash and its state as JSON: the payload of the protocol's `auction_info`.
///
/// # Safety
/// `auction` is null or readable; the outputs are null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_auction_info(
    engine: *const walras_engine,
    auction: *const walras_id,
    json_out: *mut *const c_char,
    json_bytes_out: *mut u64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (auction, place) =
            unsafe { (boundary::value(auction)?, boundary::text_place(json_out, json_bytes_out)?) };
        place.put(auctions::info(&*ENGINES.find(engine as usize)?, auction)?);
        Ok(())
    })
}

/// Gives an auction with all its live bids as the document that `walras_clear_json` and `walras clear` read: clearing it gives
/// the recorded result again.
///
/// # Safety
/// As for `walras_auction_info`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_auction_document(
    engine: *const walras_engine,
    auction: *const walras_id,
    json_out: *mut *const c_char,
    json_bytes_out: *mut u64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (auction, place) =
            unsafe { (boundary::value(auction)?, boundary::text_place(json_out, json_bytes_out)?) };
        place.put(auctions::document(&*ENGINES.find(engine as usize)?, auction)?);
        Ok(())
    })
}

/// Gives the names of an auction's bidders as a JSON array, by their numbers, from number `first` on.
///
/// # Safety
/// As for `walras_auction_info`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_auction_bidders(
    engine: *const walras_engine,
    auction: *const walras_id,
    first: u32,
    json_out: *mut *const c_char,
    json_bytes_out: *mut u64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (auction, place) =
            unsafe { (boundary::value(auction)?, boundary::text_place(json_out, json_bytes_out)?) };
        place.put(auctions::bidders(&*ENGINES.find(engine as usize)?, auction, first)?);
        Ok(())
    })
}

/// Gives the name of the bidder whose key an event carries.
///
/// # Safety
/// `auction` and `party_key` are null or readable; the outputs are null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_auction_bidder(
    engine: *const walras_engine,
    auction: *const walras_id,
    party_key: *const walras_id,
    name_out: *mut *const c_char,
    name_bytes_out: *mut u64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (auction, key, place) = unsafe {
            let place = boundary::text_place(name_out, name_bytes_out)?;
            (boundary::value(auction)?, boundary::value(party_key)?, place)
        };
        place.put(auctions::bidder(&*ENGINES.find(engine as usize)?, auction, key)?);
        Ok(())
    })
}

/// Writes bids of an auction in the order they were accepted, those that `which` (`WALRAS_BIDS_…`) says, beginning with the
/// `first`th accepted one. `count_out` tells how many were written, `next_out` where to go on: when a call writes fewer
/// than there is room for, all have been given.
///
/// # Safety
/// `auction` is null or readable; `rows_out` is null or has room for `capacity` rows; the other outputs are null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_auction_bids(
    engine: *const walras_engine,
    auction: *const walras_id,
    which: u32,
    first: u64,
    rows_out: *mut walras_bid_row,
    capacity: u64,
    count_out: *mut u64,
    next_out: *mut u64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        unsafe {
            let (auction, rows) = (boundary::value(auction)?, boundary::needed_room(rows_out, capacity)?);
            let (count_place, next_place) = (boundary::place(count_out)?, boundary::place(next_out)?);
            let engine = ENGINES.find(engine as usize)?;
            let (count, next) = auctions::rows(&engine, auction, which, first, rows)?;
            count_place.put(count);
            next_place.put(next);
        }
        Ok(())
    })
}

/// Writes lots wanted at or above, and lots on offer at, each of `count` prices. Either output may be null.
///
/// # Safety
/// `auction` is null or readable; `prices_ticks` is null or has `count` items; the outputs are null or have room for as many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_auction_curve(
    engine: *const walras_engine,
    auction: *const walras_id,
    prices_ticks: *const i64,
    count: u64,
    demand_lots_out: *mut i64,
    supply_lots_out: *mut i64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        unsafe {
            let (auction, prices) = (boundary::value(auction)?, boundary::items(prices_ticks, count)?);
            let demand = boundary::room(demand_lots_out, count)?;
            let supply = boundary::room(supply_lots_out, count)?;
            auctions::curve(&*ENGINES.find(engine as usize)?, auction, prices, demand, supply)
        }
    })
}

/// Writes the lowest limit at which a new bid of `quantity_lots` would be filled whole if the auction ended now;
/// `WALRAS_NO_PRICE` where no limit would.
///
/// # Safety
/// `auction` is null or readable; `price_ticks_out` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_auction_price_to_win(
    engine: *const walras_engine,
    auction: *const walras_id,
    quantity_lots: i64,
    price_ticks_out: *mut i64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (auction, place) = unsafe { (boundary::value(auction)?, boundary::place(price_ticks_out)?) };
        place.put(auctions::price_to_win(&*ENGINES.find(engine as usize)?, auction, quantity_lots)?);
        Ok(())
    })
}
