//! The live engine.

use std::ffi::c_char;

use crate::ffi::boundary;
use crate::ffi::engine::{ENGINES, Engine};
use crate::ffi::live_types::walras_engine_status;
use crate::ffi::status::walras_status;

/// A live engine: auctions, bids, settlements, in one order. All calls on one engine may run on many threads at once.
pub struct walras_engine {
    _opaque: [u8; 0],
}

/// Makes an engine. `options` is a JSON object or empty; its keys, all optional:
///
/// - `data`: folder of the log. Without it the state lives in memory and is gone when the engine is freed.
/// - `durability`: `"fsync"` (default) or `"os"`; only with `data`.
/// - `clock`: `"system"` (default) or `"manual"`: time stands still but for `walras_engine_advance`.
/// - `start_time_us`: what the manual clock shows at first (0).
/// - `seed`: with it and the manual clock, two runs with the same calls give the same bytes.
/// - `active_auctions`, `bids_per_auction`: bounds of the engine.
/// - `ring_bytes`: how much of what happens is kept for subscribers that are slow to read (16 MiB).
/// - `history_bytes`: how much is kept for clients of a server that come back (64 MiB).
/// - `queue_requests`: how many requests of a server's clients may wait (16384).
///
/// Give the engine back with `walras_engine_free`.
///
/// # Safety
/// `options` is null or has `options_bytes` readable bytes; `engine_out` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_engine_new(
    options: *const c_char,
    options_bytes: u64,
    engine_out: *mut *mut walras_engine,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (options, place) =
            unsafe { (boundary::text_if_given(options, options_bytes)?, boundary::place(engine_out)?) };
        place.put(ENGINES.insert(Engine::new(options.unwrap_or_default())?)? as *mut walras_engine);
        Ok(())
    })
}

/// Stops an engine in good order and gives it back; null is fine. Calls that are under way end first. Its subscribers and
/// servers keep their handles: they tell that it was stopped, and are to be freed on their own.
///
/// # Safety
/// None: `engine` may be anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_engine_free(engine: *mut walras_engine) -> walras_status {
    boundary::call(|| {
        if let Some(engine) = boundary::release(&ENGINES, engine as usize)? {
            engine.host.stop();
        }
        Ok(())
    })
}

/// Makes an engine of its own that begins where this one stands, for asking what would have been: in memory, with a manual
/// clock at the same time. With a `seed` it gives the ids that the original would give from here. The original is
/// not touched; while its state is copied it waits.
///
/// # Safety
/// `clone_out` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_engine_clone(
    engine: *const walras_engine,
    clone_out: *mut *mut walras_engine,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointer is as this function's caller promises.
        let place = unsafe { boundary::place(clone_out)? };
        let clone = ENGINES.find(engine as usize)?.fork()?;
        place.put(ENGINES.insert(clone)? as *mut walras_engine);
        Ok(())
    })
}

/// Waits until everything asked for before this call, by clients of a server too, is carried out, durable and visible to
/// subscribers.
///
/// # Safety
/// None: `engine` may be anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_engine_drain(engine: *const walras_engine) -> walras_status {
    boundary::call(|| ENGINES.find(engine as usize)?.drain())
}

/// Writes the SHA-256 of the whole state: what `walras log replay` prints for the same history.
///
/// # Safety
/// `digest_out` is null or has room for 32 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_engine_digest(
    engine: *const walras_engine,
    digest_out: *mut u8,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointer is as this function's caller promises.
        let place = unsafe { boundary::place(digest_out.cast::<[u8; 32]>())? };
        place.put(ENGINES.find(engine as usize)?.digest()?);
        Ok(())
    })
}

/// Writes the engine's time.
///
/// # Safety
/// `now_us_out` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_engine_now(
    engine: *const walras_engine,
    now_us_out: *mut i64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointer is as this function's caller promises.
        let place = unsafe { boundary::place(now_us_out)? };
        place.put(ENGINES.find(engine as usize)?.now_us());
        Ok(())
    })
}

/// Moves the manual clock on by `by_us` microseconds and carries out what becomes due by then: starts, ends, deadlines, each
/// at the new time. With the system's clock: `WALRAS_NOT_SUPPORTED`.
///
/// # Safety
/// None: `engine` may be anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_engine_advance(engine: *const walras_engine, by_us: i64) -> walras_status {
    boundary::call(|| ENGINES.find(engine as usize)?.advance(by_us))
}

/// Writes how the engine is.
///
/// # Safety
/// `status_out` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_engine_status_get(
    engine: *const walras_engine,
    status_out: *mut walras_engine_status,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointer is as this function's caller promises.
        let place = unsafe { boundary::place(status_out)? };
        place.put(ENGINES.find(engine as usize)?.status()?);
        Ok(())
    })
}
