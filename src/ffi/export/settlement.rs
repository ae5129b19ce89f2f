//! Settlements, market data, and events of the host's own.

use std::ffi::c_char;

use crate::ffi::boundary;
use crate::ffi::engine::ENGINES;
use crate::ffi::export::engine::walras_engine;
use crate::ffi::settlements::{self, Report, Word};
use crate::ffi::status::walras_status;
use crate::ffi::types::walras_id;

/// Gives the settlement of an auction as JSON: where it stands, who has said what, what each party's account changes by.
///
/// # Safety
/// `auction` is null or readable; the outputs are null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_settlement_get(
    engine: *const walras_engine,
    auction: *const walras_id,
    json_out: *mut *const c_char,
    json_bytes_out: *mut u64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (auction, place) =
            unsafe { (boundary::value(auction)?, boundary::text_place(json_out, json_bytes_out)?) };
        place.put(settlements::settlement(&*ENGINES.find(engine as usize)?, auction)?);
        Ok(())
    })
}

/// Starts the settlement of an auction whose terms say `start: "manual"`.
///
/// # Safety
/// `auction` is null or readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_settlement_execute(
    engine: *const walras_engine,
    auction: *const walras_id,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointer is as this function's caller promises.
        let auction = unsafe { boundary::value(auction)? };
        settlements::execute(&*ENGINES.find(engine as usize)?, auction)
    })
}

/// Says for a participant that it agrees (`agrees` 1) with the allocations of which `hash` has the 32 bytes of SHA-256, or
/// objects (0), with a reason or null.
///
/// # Safety
/// `settlement` is null or readable, `hash` is null or has 32 readable bytes, and each text is null or has as many readable bytes
/// as are told.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_settlement_affirm(
    engine: *const walras_engine,
    settlement: *const walras_id,
    party: *const c_char,
    party_bytes: u64,
    hash: *const u8,
    agrees: u32,
    reason: *const c_char,
    reason_bytes: u64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        unsafe {
            let word = Word {
                party: boundary::text(party, party_bytes)?,
                hash: boundary::value(hash.cast::<[u8; 32]>())?,
                agrees,
                reason: boundary::text_if_given(reason, reason_bytes)?,
            };
            let settlement = boundary::value(settlement)?;
            settlements::affirm(&*ENGINES.find(engine as usize)?, settlement, &word)
        }
    })
}

/// Reports, as the executor of a settlement whose terms say `executor: "host"`, on a step that it was asked for by
/// `WALRAS_EVENT_SETTLEMENT_REQUEST`: `step` is `WALRAS_STEP_…`, `is_done` 1 or 0. `execution_path_json`, a JSON array of texts, and
/// `reason` may be null. A step may be asked for again after a restart: carry each out once.
///
/// # Safety
/// `settlement` is null or readable; each text is null or has as many readable bytes as are told.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_settlement_report(
    engine: *const walras_engine,
    settlement: *const walras_id,
    step: u32,
    is_done: u32,
    gas_used: u64,
    execution_path_json: *const c_char,
    execution_path_json_bytes: u64,
    reason: *const c_char,
    reason_bytes: u64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        unsafe {
            let report = Report {
                step,
                is_done,
                gas_used,
                path: boundary::text_if_given(execution_path_json, execution_path_json_bytes)?,
                reason: boundary::text_if_given(reason, reason_bytes)?,
            };
            let settlement = boundary::value(settlement)?;
            settlements::report(&*ENGINES.find(engine as usize)?, settlement, &report)
        }
    })
}

/// Publishes new prices of a token: JSON `{"prices": {"usd": 2500.0}, "24h_change": 1.5, "timestamp": "…"}`, the last two optional.
///
/// # Safety
/// Each text is null or has as many readable bytes as are told.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_market_prices_put(
    engine: *const walras_engine,
    token: *const c_char,
    token_bytes: u64,
    json: *const c_char,
    json_bytes: u64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (token, json) =
            unsafe { (boundary::text(token, token_bytes)?, boundary::text(json, json_bytes)?) };
        settlements::put_prices(&*ENGINES.find(engine as usize)?, token, json)
    })
}

/// Publishes a new order book of a pair: JSON `{"bids": [{"price": 1.0, "quantity": 2.0}], "asks": []}`.
///
/// # Safety
/// Each text is null or has as many readable bytes as are told.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_market_order_book_put(
    engine: *const walras_engine,
    token_pair: *const c_char,
    token_pair_bytes: u64,
    json: *const c_char,
    json_bytes: u64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (pair, json) =
            unsafe { (boundary::text(token_pair, token_pair_bytes)?, boundary::text(json, json_bytes)?) };
        settlements::put_order_book(&*ENGINES.find(engine as usize)?, pair, json)
    })
}

/// Gives a JSON value of the host's own, of at most 60,000 bytes, a place among the events that the engine's subscribers see.
/// It is not logged, and clients of a server do not see it.
///
/// # Safety
/// `json` is null or has `json_bytes` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_event_publish(
    engine: *const walras_engine,
    json: *const c_char,
    json_bytes: u64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointer is as this function's caller promises.
        let json = unsafe { boundary::text(json, json_bytes)? };
        settlements::publish(&*ENGINES.find(engine as usize)?, json)
    })
}
