//! Subscribers.

use std::ffi::{c_char, c_int, c_void};

use crate::ffi::boundary;
use crate::ffi::engine::ENGINES;
use crate::ffi::export::engine::walras_engine;
use crate::ffi::live_types::walras_event;
use crate::ffi::status::walras_status;
use crate::ffi::subscriber::{SUBSCRIBERS, Subscriber};

/// A reader of what happens in an engine. The engine never waits for it.
pub struct walras_subscriber {
    _opaque: [u8; 0],
}

/// Subscribes to what happens in an engine from now on. `filter` is a JSON object or empty; its keys, all optional:
///
/// - `channels`: some of `"auction"`, `"bids"`, `"settlement"`, `"market_data"`, `"host"`; all without it.
/// - `auction_id`: events of other auctions are left out.
/// - `json`: whether events carry their JSON (true); without it they are cheaper to take.
/// - `refusals`: whether refused bids are told (false).
///
/// Each accepted bid is told once, with its owner's key. Give the subscriber back with `walras_subscriber_free`.
///
/// # Safety
/// `filter` is null or has `filter_bytes` readable bytes; `subscriber_out` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_subscriber_new(
    engine: *const walras_engine,
    filter: *const c_char,
    filter_bytes: u64,
    subscriber_out: *mut *mut walras_subscriber,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (filter, place) =
            unsafe { (boundary::text_if_given(filter, filter_bytes)?, boundary::place(subscriber_out)?) };
        let engine = ENGINES.find(engine as usize)?;
        let subscriber = Subscriber::new(&engine, filter.unwrap_or_default())?;
        place.put(SUBSCRIBERS.insert(subscriber)? as *mut walras_subscriber);
        Ok(())
    })
}

/// Gives a subscriber back; null is fine. When it returns, no thread is inside its wake-up function.
///
/// # Safety
/// None: `subscriber` may be anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_subscriber_free(subscriber: *mut walras_subscriber) -> walras_status {
    boundary::call(|| {
        if let Some(subscriber) = boundary::release(&SUBSCRIBERS, subscriber as usize)? {
            subscriber.close();
        }
        Ok(())
    })
}

/// Writes the events that are new, at most `capacity`, in order. If there are none it waits for some: `timeout_ms`
/// milliseconds, not at all for 0, as long as it takes for a negative number. `count_out` tells how many were written.
/// `missed_out` tells how many records of the engine, of whatever kind, were overwritten before this subscriber read them;
/// they came before the events written now. Poll until no events come, then wait. Once the engine is stopped and all is read:
/// `WALRAS_STOPPED`.
///
/// # Safety
/// `events_out` is null or has room for `capacity` events; the other outputs are null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_subscriber_poll(
    subscriber: *mut walras_subscriber,
    events_out: *mut walras_event,
    capacity: u64,
    timeout_ms: i32,
    count_out: *mut u64,
    missed_out: *mut u64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        unsafe {
            let events = boundary::needed_room(events_out, capacity)?;
            let (count_place, missed_place) = (boundary::place(count_out)?, boundary::place(missed_out)?);
            let subscriber = SUBSCRIBERS.find(subscriber as usize)?;
            let (count, missed) = subscriber.poll(events, timeout_ms)?;
            count_place.put(count);
            missed_place.put(missed);
        }
        Ok(())
    })
}

/// From now on calls `wake_up(argument)` when there is something to poll; null for no function. Calls coalesce: after one, none
/// comes before a poll has found nothing left. The function runs on whatever thread runs the engine. It must be quick, must not
/// block, and must not call this library (`WALRAS_REENTRANT`); what it returns is not looked at. When this call returns, no
/// thread is inside the function that was set before. `uv_async_send` of libuv is such a function.
///
/// # Safety
/// `wake_up` is null or may be called with `argument` from any thread until another one is set or the subscriber is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_subscriber_set_wakeup(
    subscriber: *mut walras_subscriber,
    wake_up: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
    argument: *mut c_void,
) -> walras_status {
    boundary::call(|| {
        SUBSCRIBERS.find(subscriber as usize)?.set_wake_up(wake_up, argument as usize);
        Ok(())
    })
}

/// Writes a descriptor that is readable while there is something to poll, for `poll`, `epoll` and event loops. It belongs to the
/// subscriber: do not read or close it.
///
/// # Safety
/// `fd_out` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_subscriber_fd(
    subscriber: *mut walras_subscriber,
    fd_out: *mut i32,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointer is as this function's caller promises.
        let place = unsafe { boundary::place(fd_out)? };
        place.put(SUBSCRIBERS.find(subscriber as usize)?.descriptor()?);
        Ok(())
    })
}
