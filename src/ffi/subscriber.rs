//! A subscriber: one more reader of the engine's ring, polled by the host, woken by whatever the host can wait for.
//!
//! Nobody waits for it. When it falls behind by a whole ring it goes on with the newest record and tells how many it
//! missed. Wake-ups coalesce: one is given when there is something and none has been given since the subscriber was
//! last read to its end.

use std::ffi::{c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use serde::Deserialize;
use uuid::Uuid;

use super::boundary::{self, Room};
use super::engine::Engine;
use super::handles::{Forking, Kind, Table};
use super::live_types::{WALRAS_EVENT_IS_LAST, walras_event};
use super::platform::Beacon;
use super::status::{Fault, WALRAS_IN_USE, WALRAS_NOT_SUPPORTED, WALRAS_STOPPED, WALRAS_SYSTEM};
use super::types::{WALRAS_NO_PRICE, walras_id};
use crate::engine::{AuctionId, AuctionSlot};
use crate::fanout::Records;
use crate::host::{Delivery, Follower, Frame, FrameHeader, MessageKind};
use crate::wire::Channel;

/// All subscribers that C holds.
pub(super) static SUBSCRIBERS: Table<Subscriber> = Table::new(Kind::Subscriber, Forking::Ends);

/// A function of the host's that is told of news.
pub(super) type WakeUp = unsafe extern "C" fn(*mut c_void) -> c_int;

/// Most bytes read from the ring at a time.
const READ_BYTES: usize = 1 << 20;

/// See the module.
pub(super) struct Subscriber {
    signal: Arc<Signal>,
    /// What one poll at a time uses.
    reading: Mutex<Reading>,
}

/// What is wanted of all that happens.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Filter {
    channels: Option<Vec<Word>>,
    auction_id: Option<Uuid>,
    /// Whether events come with their JSON.
    json: bool,
    /// Whether refused bids are told.
    refusals: bool,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Word {
    Auction,
    Bids,
    MarketData,
    Settlement,
    Host,
}

impl Default for Filter {
    fn default() -> Self {
        Self { channels: None, auction_id: None, json: true, refusals: false }
    }
}

struct Reading {
    follower: Follower,
    filter: Filter,
    records: Records,
    /// How many of `records` have been looked at.
    seen: usize,
    /// The place of the one auction that is wanted, once it is known.
    slot: Option<AuctionSlot>,
    /// The last auction that was looked up.
    known: Option<(AuctionSlot, AuctionId)>,
    json: Vec<u8>,
    sequence: u64,
    /// Records that were overwritten, to be told by the next poll.
    missed: u64,
}

/// What one look at the ring gave.
struct Taken {
    count: usize,
    missed: u64,
    /// Whether nothing was left.
    is_all: bool,
}

impl Subscriber {
    pub fn new(engine: &Engine, filter: &str) -> Result<Self, Fault> {
        let filter: Filter = match filter.trim() {
            "" => Filter::default(),
            json => serde_json::from_str(json).map_err(|why| Fault::invalid("the filter", why))?,
        };
        let signal = Arc::new(Signal::default());
        let told = Arc::clone(&signal);
        let follower = Follower::new(Arc::clone(&engine.host), Arc::new(move || told.set()));
        let reading = Reading {
            follower,
            filter,
            records: Records::default(),
            seen: 0,
            slot: None,
            known: None,
            json: Vec::new(),
            sequence: 0,
            missed: 0,
        };
        Ok(Self { signal, reading: Mutex::new(reading) })
    }

    /// Writes the events that are new, waiting for some as long as `timeout_ms` says (negative: as long as it takes).
    /// Gives how many, and how many records of the ring were overwritten before they could be read.
    pub fn poll(&self, events: Room<'_, walras_event>, timeout_ms: i32) -> Result<(u64, u64), Fault> {
        let in_use = || Fault::new(WALRAS_IN_USE, "another thread is polling this subscriber");
        let mut reading = self.reading.try_lock().ok_or_else(in_use)?;
        let deadline = u64::try_from(timeout_ms).ok().map(|ms| Instant::now() + Duration::from_millis(ms));
        reading.json.clear();
        if events.is_empty() {
            return Ok((0, 0));
        }
        loop {
            let Taken { count, missed, is_all } = reading.take(events);
            if is_all {
                self.signal.clear();
                // What has come meanwhile was either published before the signal was cleared, and is seen here, or
                // sets it again.
                if reading.has_more() {
                    self.signal.set();
                }
            }
            if count > 0 || missed > 0 {
                reading.point_to_json(events, count);
                return Ok((count as u64, missed));
            }
            if self.signal.is_closed() {
                return Err(Fault::new(WALRAS_STOPPED, "the subscriber was freed"));
            }
            if reading.follower.host().is_stopped() {
                return Err(Fault::new(WALRAS_STOPPED, "the engine was stopped, and all events are read"));
            }
            if !self.signal.wait(deadline) {
                return Ok((0, 0));
            }
        }
    }

    /// From now on `wake_up` is called when there is news; `None` for nothing. When this returns, no thread is inside the
    /// function that was set before.
    pub fn set_wake_up(&self, wake_up: Option<WakeUp>, argument: usize) {
        self.signal.set_wake_up(wake_up, argument);
    }

    /// A descriptor that is readable while there is news.
    pub fn descriptor(&self) -> Result<i32, Fault> {
        self.signal.descriptor()
    }

    /// The handle was freed: a poll under way ends, and nothing is woken any more.
    pub fn close(&self) {
        self.signal.close();
    }
}

impl Reading {
    /// Takes events from what was read and from the ring until `events` is full or nothing is left. What was missed
    /// came before the events.
    fn take(&mut self, events: &mut [std::mem::MaybeUninit<walras_event>]) -> Taken {
        let mut missed = std::mem::take(&mut self.missed);
        let mut count = 0;
        loop {
            count += self.take_read(&mut events[count..]);
            if count == events.len() {
                return Taken { count, missed, is_all: false };
            }
            // All records are looked at.
            self.records.clear();
            self.seen = 0;
            match self.follower.read_many(&mut self.records, READ_BYTES) {
                Ok(0) => return Taken { count, missed, is_all: true },
                Ok(_) => {}
                Err(overrun) if count == 0 => missed += overrun.missed,
                Err(overrun) => {
                    self.missed += overrun.missed;
                    return Taken { count, missed, is_all: false };
                }
            }
        }
    }

    /// Takes events from the records that were read.
    fn take_read(&mut self, events: &mut [std::mem::MaybeUninit<walras_event>]) -> usize {
        let records = std::mem::take(&mut self.records);
        let mut count = 0;
        for record in records.iter().skip(self.seen) {
            if count == events.len() {
                break;
            }
            self.seen += 1;
            let Some(frame) = Frame::parse(record.bytes).filter(|frame| self.wants(&frame.header)) else {
                continue;
            };
            events[count].write(self.event(&frame));
            count += 1;
        }
        self.records = records;
        count
    }

    /// Whether something has come since all was taken.
    fn has_more(&mut self) -> bool {
        match self.follower.read_many(&mut self.records, READ_BYTES) {
            Ok(count) => count > 0,
            Err(overrun) => {
                self.missed += overrun.missed;
                true
            }
        }
    }

    fn wants(&mut self, header: &FrameHeader) -> bool {
        let kind = header.figures.kind;
        let word = match header.delivery {
            Delivery::Public | Delivery::State | Delivery::Settlers => match header.channel {
                // Its owner's message says more.
                Channel::Bids if kind == MessageKind::NewBid => return false,
                Channel::Bids => Word::Bids,
                Channel::Auction => Word::Auction,
                Channel::MarketData => Word::MarketData,
                Channel::Settlement => Word::Settlement,
            },
            Delivery::Owner => Word::Bids,
            Delivery::Embedders => Word::Host,
            _ => return false,
        };
        let is_refusal = kind == MessageKind::BidRejected;
        kind != MessageKind::Other
            && (!is_refusal || self.filter.refusals)
            && self.filter.channels.as_ref().is_none_or(|words| words.contains(&word))
            && self.is_of_auction(header.slot)
    }

    fn is_of_auction(&mut self, slot: Option<AuctionSlot>) -> bool {
        let Some(wanted) = self.filter.auction_id else { return true };
        if self.slot.is_none() {
            let entry = self.follower.host().directory().find(AuctionId(wanted));
            self.slot = entry.map(|entry| entry.slot);
        }
        slot.is_none() || slot == self.slot
    }

    fn event(&mut self, frame: &Frame<'_>) -> walras_event {
        let (header, figures) = (&frame.header, &frame.header.figures);
        let mut event = walras_event {
            kind: figures.kind as u32,
            flags: u32::from(figures.marks.0) | if header.is_terminal { WALRAS_EVENT_IS_LAST } else { 0 },
            auction: walras_id::of(header.slot.map_or(Uuid::nil(), |slot| self.auction(slot).0)),
            subject: walras_id::of(header.bid.0),
            party_key: walras_id { bytes: header.party.0.to_le_bytes() },
            offset: header.offset,
            at_us: figures.at.0,
            price_ticks: figures.price.map_or(WALRAS_NO_PRICE, |price| price.0),
            quantity_lots: figures.quantity.0,
            current_price_ticks: figures.current_price.map_or(WALRAS_NO_PRICE, |price| price.0),
            json: std::ptr::null(),
            json_bytes: 0,
        };
        if self.filter.json {
            let start = self.json.len();
            self.sequence += 1;
            self.json.extend_from_slice(frame.head);
            self.json.extend_from_slice(itoa::Buffer::new().format(self.sequence).as_bytes());
            self.json.extend_from_slice(frame.tail);
            self.json.push(b'}');
            event.json_bytes = (self.json.len() - start) as u64;
        }
        event
    }

    fn auction(&mut self, slot: AuctionSlot) -> AuctionId {
        match self.known {
            Some((known, id)) if known == slot => id,
            _ => {
                let entry = self.follower.host().directory().at(slot);
                let id = entry.map_or(AuctionId(Uuid::nil()), |entry| entry.id);
                self.known = Some((slot, id));
                id
            }
        }
    }

    /// Now that all JSON of this poll is in place, points the events to it.
    fn point_to_json(&self, events: &mut [std::mem::MaybeUninit<walras_event>], count: usize) {
        let mut start = 0;
        for event in &mut events[..count] {
            // SAFETY: the first `count` events were written by `take`.
            let event = unsafe { event.assume_init_mut() };
            if event.json_bytes > 0 {
                event.json = self.json[start..].as_ptr().cast();
                start += event.json_bytes as usize;
            }
        }
    }
}

/// News for one subscriber, and all who want to hear of it.
#[derive(Default)]
struct Signal {
    /// Whether there is news that nobody has read to its end since.
    is_set: AtomicBool,
    ears: Mutex<Ears>,
    waiting: Condvar,
}

#[derive(Default)]
struct Ears {
    wake_up: Option<WakeUp>,
    argument: usize,
    beacon: Option<Beacon>,
    /// Whether the beacon is lit.
    is_lit: bool,
    is_closed: bool,
}

impl Signal {
    /// There is news. Called by whoever runs a turn of the engine.
    fn set(&self) {
        // The fence pairs with the one in `clear`: either this sees the signal cleared and wakes, or the reader, who
        // looks once more after clearing, sees the news.
        fence(Ordering::SeqCst);
        if self.is_set.swap(true, Ordering::SeqCst) {
            return;
        }
        let mut ears = self.ears.lock();
        self.waiting.notify_all();
        if let Some(beacon) = ears.beacon.as_ref().filter(|_| !ears.is_lit) {
            beacon.set();
            ears.is_lit = true;
        }
        if let Some(wake_up) = ears.wake_up {
            let argument = ears.argument as *mut c_void;
            // SAFETY: whoever set the function promised that it may be called with this argument from any thread
            // until it is replaced, which takes the lock held here.
            boundary::call_back(|| unsafe { wake_up(argument) });
        }
    }

    fn clear(&self) {
        let mut ears = self.ears.lock();
        if let Some(beacon) = ears.beacon.as_ref().filter(|_| ears.is_lit) {
            beacon.clear();
            ears.is_lit = false;
        }
        self.is_set.store(false, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// Waits for news; whether there is some before the deadline.
    fn wait(&self, deadline: Option<Instant>) -> bool {
        let mut ears = self.ears.lock();
        while !self.is_set.load(Ordering::SeqCst) && !ears.is_closed {
            match deadline {
                None => self.waiting.wait(&mut ears),
                Some(deadline) if self.waiting.wait_until(&mut ears, deadline).timed_out() => {
                    return self.is_set.load(Ordering::SeqCst);
                }
                Some(_) => {}
            }
        }
        true
    }

    fn set_wake_up(&self, wake_up: Option<WakeUp>, argument: usize) {
        let mut ears = self.ears.lock();
        (ears.wake_up, ears.argument) = (wake_up, argument);
        // What is new already would otherwise be told to nobody.
        if let Some(wake_up) = wake_up.filter(|_| self.is_set.load(Ordering::SeqCst)) {
            // SAFETY: as in `set`.
            boundary::call_back(|| unsafe { wake_up(argument as *mut c_void) });
        }
    }

    fn close(&self) {
        let mut ears = self.ears.lock();
        (ears.wake_up, ears.argument, ears.is_closed) = (None, 0, true);
        self.waiting.notify_all();
    }

    fn is_closed(&self) -> bool {
        self.ears.lock().is_closed
    }

    fn descriptor(&self) -> Result<i32, Fault> {
        let mut ears = self.ears.lock();
        if ears.beacon.is_none() {
            let beacon = Beacon::new().map_err(|error| {
                let status = if error.kind() == std::io::ErrorKind::Unsupported {
                    WALRAS_NOT_SUPPORTED
                } else {
                    WALRAS_SYSTEM
                };
                Fault::new(status, format!("no descriptor to wait for: {error}"))
            })?;
            if self.is_set.load(Ordering::SeqCst) {
                beacon.set();
                ears.is_lit = true;
            }
            ears.beacon = Some(beacon);
        }
        Ok(ears.beacon.as_ref().map_or(-1, Beacon::descriptor))
    }
}
