//! The pure clearing: no engine, any thread, as many at once as wanted.

use std::ffi::c_char;

use crate::ffi::boundary;
use crate::ffi::columns::Columns;
use crate::ffi::sale::{self, Fills, TERMS, Terms};
use crate::ffi::status::{Fault, walras_status};
use crate::ffi::types::{walras_bids, walras_clearing, walras_fills, walras_grids};

/// The terms of a sale, read once. Immutable.
pub struct walras_terms {
    _opaque: [u8; 0],
}

/// Reads the terms of a sale from JSON (the keys of `walras clear`, without `bids`). Give the terms back with
/// `walras_terms_free`.
///
/// # Safety
/// `json` is null or has `json_bytes` readable bytes; `terms_out` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_terms_new(
    json: *const c_char,
    json_bytes: u64,
    terms_out: *mut *mut walras_terms,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (json, place) = unsafe { (boundary::text(json, json_bytes)?, boundary::place(terms_out)?) };
        place.put(TERMS.insert(Terms::read(json)?)? as *mut walras_terms);
        Ok(())
    })
}

/// Gives terms back; null is fine. The handle means nothing afterwards, and a second call says so.
///
/// # Safety
/// None: `terms` may be anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_terms_free(terms: *mut walras_terms) -> walras_status {
    boundary::call(|| boundary::release(&TERMS, terms as usize).map(drop))
}

/// Writes the grids of prices and quantities, and the lowest price at which the sale can clear.
///
/// # Safety
/// `grids_out` and `lowest_price_ticks_out` are null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_terms_grids(
    terms: *const walras_terms,
    grids_out: *mut walras_grids,
    lowest_price_ticks_out: *mut i64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (grids, lowest) =
            unsafe { (boundary::place(grids_out)?, boundary::place_if_wanted(lowest_price_ticks_out)) };
        let terms = TERMS.find(terms as usize)?;
        grids.put(terms.grids());
        lowest.into_iter().for_each(|lowest| lowest.put(terms.lowest_price_ticks()));
        Ok(())
    })
}

/// Writes the supply, in whole lots, at each of `count` prices.
///
/// # Safety
/// `prices_ticks` is null or has `count` items, and `lots_out` is null or has room for as many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_terms_supply(
    terms: *const walras_terms,
    prices_ticks: *const i64,
    count: u64,
    lots_out: *mut i64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the arrays are as this function's caller promises.
        let (prices, lots) =
            unsafe { (boundary::items(prices_ticks, count)?, boundary::needed_room(lots_out, count)?) };
        TERMS.find(terms as usize)?.supply(prices, lots);
        Ok(())
    })
}

/// Clears one sale from arrays, its terms given as JSON. See `walras_clear_with`.
///
/// # Safety
/// As for `walras_terms_new` and `walras_clear_with`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_clear(
    terms_json: *const c_char,
    terms_json_bytes: u64,
    bids: *const walras_bids,
    fills: *const walras_fills,
    clearing_out: *mut walras_clearing,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let json = unsafe { boundary::text(terms_json, terms_json_bytes)? };
        let terms = Terms::read(json)?;
        // SAFETY: as above.
        unsafe { clear(&terms, bids, fills, clearing_out) }
    })
}

/// Clears one sale from arrays: the price, what each bid wins and pays, the figures. Needs no engine. Safe to call from
/// many threads at once. A bid that the sale cannot take is refused (see `marks` of `walras_fills`), the rest clears.
/// `fills` may be null if only the figures are wanted.
///
/// # Safety
/// `bids`, `fills` and `clearing_out` are null or valid, each array in `bids` is null or has `count` items, and each in
/// `fills` is null or has room for as many (those of bidders for `bidders_capacity`). Inputs and outputs do not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_clear_with(
    terms: *const walras_terms,
    bids: *const walras_bids,
    fills: *const walras_fills,
    clearing_out: *mut walras_clearing,
) -> walras_status {
    boundary::call(|| {
        let terms = TERMS.find(terms as usize)?;
        // SAFETY: the pointers are as this function's caller promises.
        unsafe { clear(&terms, bids, fills, clearing_out) }
    })
}

/// Clears `count` sales under the same terms, on `threads` threads (0: one for each processor). The arrays of `bids` hold
/// all sales behind each other: sale `i` has the bids from `offsets[i]` to before `offsets[i + 1]`, so `offsets` has
/// `count + 1` items, from 0 to `bids->count`. `clearings_out` has room for `count` entries. Awards by bidder are not
/// written. If one sale cannot be cleared the call fails, and what was written means nothing.
///
/// # Safety
/// As for `walras_clear_with`; `offsets` is null or has `count + 1` items and `clearings_out` is null or has room for
/// `count`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_clear_many(
    terms: *const walras_terms,
    count: u64,
    offsets: *const u64,
    bids: *const walras_bids,
    threads: u32,
    fills: *const walras_fills,
    clearings_out: *mut walras_clearing,
) -> walras_status {
    boundary::call(|| {
        let terms = TERMS.find(terms as usize)?;
        // SAFETY: the pointers are as this function's caller promises.
        unsafe {
            let offsets = boundary::items(offsets, count.saturating_add(1))?;
            let bids = Columns::new(&boundary::value(bids)?, &terms.read)?;
            let fills = rooms(fills, bids.count() as u64)?;
            let clearings = boundary::needed_room(clearings_out, count)?;
            sale::clear_many(&terms, offsets, &bids, threads, fills, clearings)
        }
    })
}

/// Clears one auction given as a JSON document with its bids, exactly as the program `walras clear` does; the result is
/// that program's line, without a line end. The text is valid until this thread's next call that gives a text.
///
/// # Safety
/// `json` is null or has `json_bytes` readable bytes; the outputs are null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_clear_json(
    json: *const c_char,
    json_bytes: u64,
    result_out: *mut *const c_char,
    result_bytes_out: *mut u64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (json, place) = unsafe {
            (boundary::text(json, json_bytes)?, boundary::text_place(result_out, result_bytes_out)?)
        };
        place.put(sale::clear_document(json)?);
        Ok(())
    })
}

/// # Safety
/// As for [`walras_clear_with`].
unsafe fn clear(
    terms: &Terms,
    bids: *const walras_bids,
    fills: *const walras_fills,
    clearing_out: *mut walras_clearing,
) -> Result<(), Fault> {
    // SAFETY: the pointers are as the caller promises.
    unsafe {
        let bids = Columns::new(&boundary::value(bids)?, &terms.read)?.ranked();
        let fills = rooms(fills, bids.count() as u64)?;
        let place = boundary::place(clearing_out)?;
        place.put(sale::clear(terms, &bids, fills)?);
    }
    Ok(())
}

/// # Safety
/// `fills` is null or valid, and its arrays are null or have room for `count` items.
unsafe fn rooms<'a>(fills: *const walras_fills, count: u64) -> Result<Fills<'a>, Fault> {
    if fills.is_null() {
        return Ok(Fills::default());
    }
    // SAFETY: the struct and its arrays are as the caller promises.
    unsafe {
        let fills = boundary::value(fills)?;
        Ok(Fills {
            lots: boundary::room(fills.lots, count)?,
            payments: boundary::room(fills.payments, count)?,
            marks: boundary::room(fills.marks, count)?,
            bidders: boundary::room(fills.bidders, fills.bidders_capacity)?,
            bidder_lots: boundary::room(fills.bidder_lots, fills.bidders_capacity)?,
            bidder_payments: boundary::room(fills.bidder_payments, fills.bidders_capacity)?,
            bidders_capacity: fills.bidders_capacity,
        })
    }
}
