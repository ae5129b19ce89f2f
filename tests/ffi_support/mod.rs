//! The C face as tests call it: handles that free themselves, texts and arrays of Rust.
#![allow(dead_code, reason = "each test uses some of it")]
#![allow(unsafe_code, reason = "the calls of C are unsafe by nature")]

use std::ffi::{CStr, c_char};
use std::ptr::{null, null_mut};

use serde_json::Value;
use walras::ffi::*;

pub fn last_error() -> String {
    // SAFETY: the library gives a text that ends with a zero.
    unsafe { CStr::from_ptr(walras_last_error()) }.to_string_lossy().into_owned()
}

/// Fails with the library's own words.
#[track_caller]
pub fn ok(status: walras_status) {
    assert_eq!(status, WALRAS_OK, "{}", last_error());
}

/// A text as C passes it.
pub fn text(text: &str) -> (*const c_char, u64) {
    (text.as_ptr().cast(), text.len() as u64)
}

/// A text that a call gives.
pub fn given(call: impl FnOnce(*mut *const c_char, *mut u64) -> walras_status) -> String {
    let (mut text, mut bytes) = (null(), 0);
    ok(call(&mut text, &mut bytes));
    // SAFETY: the library gives as many bytes as it says.
    let bytes = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), bytes as usize) };
    String::from_utf8(bytes.to_vec()).expect("texts are UTF-8")
}

pub fn number(number: walras_int128) -> i128 {
    i128::from(number.high) << 64 | i128::from(number.low)
}

/// An engine that frees itself.
pub struct Engine(pub *mut walras_engine);

// SAFETY: handles are numbers; all calls on an engine may run on many threads.
unsafe impl Send for Engine {}
// SAFETY: as above.
unsafe impl Sync for Engine {}

impl Drop for Engine {
    fn drop(&mut self) {
        // SAFETY: anything may be freed.
        unsafe { walras_engine_free(self.0) };
    }
}

pub const SIMULATED: &str = r#"{"clock":"manual","start_time_us":1704067200000000,"seed":7}"#;
pub const TERMS: &str = r#"{"supply":{"type":"fixed","quantity":1000},"tick_size":"0.01","lot_size":"1",
    "reserve_price":1,"duration_ms":60000,"max_bids_per_bidder":4000000}"#;

impl Engine {
    pub fn new(options: &str) -> Self {
        let mut engine = null_mut();
        let (options, bytes) = text(options);
        // SAFETY: the text is as long as it says.
        ok(unsafe { walras_engine_new(options, bytes, &mut engine) });
        Self(engine)
    }

    pub fn fork(&self) -> Self {
        let mut clone = null_mut();
        // SAFETY: the place is writable.
        ok(unsafe { walras_engine_clone(self.0, &mut clone) });
        Self(clone)
    }

    pub fn create(&self, terms: &str) -> walras_id {
        self.try_create(terms).unwrap_or_else(|status| panic!("{status}: {}", last_error()))
    }

    pub fn try_create(&self, terms: &str) -> Result<walras_id, walras_status> {
        let mut auction = walras_id { bytes: [0; 16] };
        let ((creator, creator_bytes), (terms, terms_bytes)) = (text("seller"), text(terms));
        // SAFETY: the texts are as long as they say.
        let status = unsafe {
            walras_auction_create(
                self.0,
                creator,
                creator_bytes,
                terms,
                terms_bytes,
                null(),
                0,
                &mut auction,
                null_mut(),
            )
        };
        if status == WALRAS_OK { Ok(auction) } else { Err(status) }
    }

    pub fn submit(
        &self,
        auction: walras_id,
        party: &str,
        price: i64,
        quantity: i64,
        id: Option<&str>,
    ) -> Result<walras_receipt, walras_status> {
        // SAFETY: zeros are a receipt.
        let mut receipt: walras_receipt = unsafe { std::mem::zeroed() };
        let (party, party_bytes) = text(party);
        let (id, id_bytes) = id.map_or((null(), 0), text);
        // SAFETY: the texts are as long as they say.
        let status = unsafe {
            walras_bid_submit(
                self.0,
                &auction,
                party,
                party_bytes,
                price,
                quantity,
                0,
                id,
                id_bytes,
                &mut receipt,
            )
        };
        if status == WALRAS_OK { Ok(receipt) } else { Err(status) }
    }

    pub fn state(&self, auction: walras_id) -> walras_auction_state {
        // SAFETY: zeros are a state, and the place is writable.
        unsafe {
            let mut state = std::mem::zeroed();
            ok(walras_auction_state_get(self.0, &auction, &mut state));
            state
        }
    }

    pub fn result(&self, auction: walras_id) -> walras_result {
        // SAFETY: zeros are a result, and the place is writable.
        unsafe {
            let mut result = std::mem::zeroed();
            ok(walras_auction_result(self.0, &auction, &mut result));
            result
        }
    }

    pub fn rows(&self, auction: walras_id, which: u32) -> Vec<walras_bid_row> {
        let mut rows = Vec::new();
        let mut first = 0;
        loop {
            // SAFETY: zeros are rows; the room is as large as it says.
            unsafe {
                let mut page: [walras_bid_row; 7] = std::mem::zeroed();
                let mut count = 0;
                ok(walras_auction_bids(
                    self.0,
                    &auction,
                    which,
                    first,
                    page.as_mut_ptr(),
                    7,
                    &mut count,
                    &mut first,
                ));
                rows.extend_from_slice(&page[..count as usize]);
                if count < 7 {
                    return rows;
                }
            }
        }
    }

    pub fn close(&self, auction: walras_id) {
        // SAFETY: the id is readable.
        ok(unsafe { walras_auction_close(self.0, &auction) });
    }

    pub fn advance(&self, by_us: i64) {
        // SAFETY: anything may be advanced.
        ok(unsafe { walras_engine_advance(self.0, by_us) });
    }

    pub fn digest(&self) -> [u8; 32] {
        let mut digest = [0; 32];
        // SAFETY: there is room for 32 bytes.
        ok(unsafe { walras_engine_digest(self.0, digest.as_mut_ptr()) });
        digest
    }

    pub fn info(&self, auction: walras_id) -> Value {
        // SAFETY: the places are writable.
        let json = given(|json, bytes| unsafe { walras_auction_info(self.0, &auction, json, bytes) });
        serde_json::from_str(&json).expect("JSON")
    }

    pub fn subscribe(&self, filter: &str) -> Subscriber {
        let mut subscriber = null_mut();
        let (filter, bytes) = text(filter);
        // SAFETY: the text is as long as it says.
        ok(unsafe { walras_subscriber_new(self.0, filter, bytes, &mut subscriber) });
        Subscriber(subscriber)
    }
}

/// A subscriber that frees itself.
pub struct Subscriber(pub *mut walras_subscriber);

// SAFETY: handles are numbers; one thread at a time polls.
unsafe impl Send for Subscriber {}

impl Drop for Subscriber {
    fn drop(&mut self) {
        // SAFETY: anything may be freed.
        unsafe { walras_subscriber_free(self.0) };
    }
}

/// An event with its JSON taken over.
#[derive(Debug, Clone)]
pub struct Event {
    pub event: walras_event,
    pub json: Value,
}

impl Subscriber {
    pub fn try_poll(&self, capacity: usize, timeout_ms: i32) -> Result<(Vec<Event>, u64), walras_status> {
        // SAFETY: zeros are events; the room is as large as it says.
        let mut events: Vec<walras_event> = vec![unsafe { std::mem::zeroed() }; capacity];
        let (mut count, mut missed) = (0, 0);
        // SAFETY: as above.
        let status = unsafe {
            walras_subscriber_poll(
                self.0,
                events.as_mut_ptr(),
                capacity as u64,
                timeout_ms,
                &mut count,
                &mut missed,
            )
        };
        if status != WALRAS_OK {
            return Err(status);
        }
        let with_json = |event: walras_event| {
            let json = if event.json.is_null() {
                Value::Null
            } else {
                // SAFETY: the JSON lives until the next poll.
                let bytes =
                    unsafe { std::slice::from_raw_parts(event.json.cast::<u8>(), event.json_bytes as usize) };
                serde_json::from_slice(bytes).expect("events are JSON")
            };
            Event { event, json }
        };
        Ok((events[..count as usize].iter().copied().map(with_json).collect(), missed))
    }

    pub fn poll(&self, capacity: usize, timeout_ms: i32) -> (Vec<Event>, u64) {
        self.try_poll(capacity, timeout_ms).unwrap_or_else(|status| panic!("{status}: {}", last_error()))
    }

    /// Everything that is there.
    pub fn drain(&self) -> Vec<Event> {
        let mut all = Vec::new();
        loop {
            let (events, missed) = self.poll(64, 0);
            assert_eq!(missed, 0);
            if events.is_empty() {
                return all;
            }
            all.extend(events);
        }
    }
}

pub fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.json["type"].as_str().unwrap_or("")).collect()
}
