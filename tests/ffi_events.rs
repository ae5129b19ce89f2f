//! Subscribers through the C face: order, wake-ups of every kind, overruns, and what the threads of a host do to them.
#![cfg(feature = "ffi")]
#![allow(unsafe_code, reason = "the calls of C are unsafe by nature")]

mod ffi_support;

use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::os::fd::BorrowedFd;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use ffi_support::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use walras::ffi::*;

const PATIENCE_MS: i32 = 20_000;

#[test]
fn a_subscriber_sees_every_bid_once_in_order_with_its_figures_and_its_json() {
    let engine = Engine::new(SIMULATED);
    let all = engine.subscribe("");
    let auction = engine.create(TERMS);
    let bare = engine.subscribe(r#"{"channels":["bids"],"json":false,"refusals":true}"#);
    let first = engine.submit(auction, "ann", 1500, 600, Some("a-1")).expect("a good bid");
    assert!(engine.submit(auction, "bob", 10, 600, None).is_err(), "below the reserve");
    // SAFETY: the ids are readable, the texts as long as they say.
    unsafe {
        ok(walras_bid_amend(engine.0, &first.bid, null(), 0, null(), 0, WALRAS_UNCHANGED, 500, null_mut()));
        ok(walras_bid_cancel(engine.0, &first.bid, null(), 0, null(), 0, null_mut()));
        let (json, bytes) = text(r#"{"note":"half time"}"#);
        ok(walras_event_publish(engine.0, json, bytes));
    }
    engine.close(auction);
    let heard = all.drain();
    let facts: Vec<&str> = kinds(&heard).into_iter().filter(|kind| *kind != "auction_update").collect();
    let expected =
        ["auction_created", "bid_accepted", "bid_amended", "bid_cancelled", "host_event", "auction_complete"];
    assert_eq!(facts, expected);
    let sequences: Vec<u64> =
        heard.iter().map(|event| event.json["sequence"].as_u64().expect("one")).collect();
    assert_eq!(sequences, (1..=heard.len() as u64).collect::<Vec<_>>());
    let accepted = heard.iter().find(|event| event.event.kind == WALRAS_EVENT_BID_ACCEPTED).expect("heard");
    assert_eq!(accepted.json["payload"]["client_bid_id"], "a-1");
    let event = &accepted.event;
    assert_eq!((event.auction, event.subject, event.offset), (auction, first.bid, first.offset));
    assert_eq!((event.price_ticks, event.quantity_lots, event.current_price_ticks), (1500, 600, 100));
    assert_eq!((event.flags, event.at_us), (WALRAS_EVENT_IS_ABOVE, first.at_us));
    // SAFETY: the ids are readable, the places writable.
    let name = given(|name, bytes| unsafe {
        walras_auction_bidder(engine.0, &auction, &event.party_key, name, bytes)
    });
    assert_eq!(name, "ann");
    let complete = &heard.last().expect("the end").event;
    assert_eq!((complete.kind, complete.price_ticks), (WALRAS_EVENT_AUCTION_COMPLETE, WALRAS_NO_PRICE));
    assert_eq!(complete.flags & WALRAS_EVENT_IS_LAST, WALRAS_EVENT_IS_LAST);
    let bids = bare.drain();
    let told: Vec<u32> = bids.iter().map(|event| event.event.kind).collect();
    let (accepted, rejected) = (WALRAS_EVENT_BID_ACCEPTED, WALRAS_EVENT_BID_REJECTED);
    assert_eq!(told, [accepted, rejected, WALRAS_EVENT_BID_AMENDED, WALRAS_EVENT_BID_CANCELLED]);
    assert!(bids.iter().all(|event| event.event.json.is_null()));
    assert_eq!(
        (bids[2].event.quantity_lots, bids[2].event.flags & WALRAS_EVENT_IS_PRIORITY_KEPT),
        (500, 0x20)
    );
}

#[test]
fn two_threads_bid_while_a_third_follows_and_nothing_is_lost_out_of_order_or_told_twice() {
    let engine = Engine::new(r#"{"ring_bytes":1048576}"#);
    let auction = engine.create(TERMS);
    let subscriber = engine.subscribe(r#"{"channels":["bids"],"json":false}"#);
    let missing = AtomicU64::new(0);
    let bidders_left = AtomicI32::new(2);
    const EACH: i64 = 20_000;
    std::thread::scope(|scope| {
        for party in ["ann", "bob"] {
            let (engine, bidders_left) = (&engine, &bidders_left);
            scope.spawn(move || {
                for step in 0..EACH {
                    engine.submit(auction, party, 100 + step % 900, 1 + step % 7, None).expect("a good bid");
                }
                bidders_left.fetch_sub(1, Ordering::SeqCst);
            });
        }
        let mut last = 1;
        let mut seen = 0;
        loop {
            let is_over = bidders_left.load(Ordering::SeqCst) == 0;
            let (events, missed) = subscriber.poll(512, 50);
            missing.fetch_add(missed, Ordering::Relaxed);
            let mut may_jump = missed > 0;
            for event in &events {
                let expected = last + 1;
                assert!(event.event.offset == expected || (may_jump && event.event.offset > expected));
                (last, may_jump) = (event.event.offset, false);
                seen += 1;
            }
            if is_over && events.is_empty() {
                break;
            }
        }
        let lost = 2 * EACH - seen;
        assert_eq!(last, 2 * EACH as u64 + 1, "the newest is always seen");
        // Each bid makes at least two records, its owner's and the public one.
        assert!(
            lost == 0 || missing.load(Ordering::Relaxed) >= 2 * lost as u64,
            "{lost} lost without a word"
        );
    });
}

#[test]
fn an_overrun_says_how_much_was_missed_and_goes_on_with_the_newest() {
    let engine = Engine::new(r#"{"clock":"manual","ring_bytes":65536}"#);
    let auction = engine.create(TERMS);
    let subscriber = engine.subscribe(r#"{"channels":["bids"]}"#);
    for step in 0..1000 {
        engine.submit(auction, "ann", 1000 + step, 1, None).expect("a good bid");
    }
    let (events, missed) = subscriber.poll(2000, 0);
    assert!(missed > 2000, "each bid makes three records: {missed}");
    assert!(events.is_empty(), "the place of an overrun reader is behind the newest record");
    engine.submit(auction, "bob", 5000, 1, None).expect("a good bid");
    let (events, missed) = subscriber.poll(2000, PATIENCE_MS);
    assert_eq!((events.len(), missed, events[0].event.offset), (1, 0, 1002));
}

#[test]
fn a_small_room_takes_all_events_page_by_page() {
    let engine = Engine::new(SIMULATED);
    let auction = engine.create(TERMS);
    let subscriber = engine.subscribe(r#"{"channels":["bids"]}"#);
    for step in 0..10 {
        engine.submit(auction, "ann", 1000 + step, 1, None).expect("a good bid");
    }
    let mut offsets = Vec::new();
    loop {
        let (events, _) = subscriber.poll(3, 0);
        if events.is_empty() {
            break;
        }
        offsets.extend(events.iter().map(|event| event.json["payload"]["offset"].as_u64().expect("one")));
    }
    assert_eq!(offsets, (2..=11).collect::<Vec<u64>>());
}

#[test]
fn the_descriptor_is_readable_while_there_is_news_and_not_afterwards() {
    let engine = Engine::new(SIMULATED);
    let auction = engine.create(TERMS);
    let subscriber = engine.subscribe("");
    let mut descriptor = -1;
    // SAFETY: the place is writable.
    ok(unsafe { walras_subscriber_fd(subscriber.0, &mut descriptor) });
    let is_readable = |patience_ms: i64| {
        // SAFETY: the descriptor lives as long as the subscriber.
        let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
        let patience = Timespec { tv_sec: patience_ms / 1000, tv_nsec: patience_ms % 1000 * 1_000_000 };
        poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&patience)).expect("it can be polled") == 1
    };
    assert!(!is_readable(0));
    for round in 0..100 {
        engine.submit(auction, "ann", 1000 + round, 1, None).expect("a good bid");
        assert!(is_readable(0), "the call that made the news has returned");
        assert_eq!(subscriber.poll(1, 0).0.len(), 1);
        assert!(is_readable(0), "there is more");
        assert!(!subscriber.drain().is_empty());
        assert!(!is_readable(0), "all is read");
    }
    std::thread::scope(|scope| {
        scope.spawn(|| engine.submit(auction, "bob", 2000, 1, None).expect("a good bid"));
        assert!(is_readable(PATIENCE_MS.into()));
    });
}

/// What a wake-up function of the tests does.
struct Woken {
    sender: mpsc::SyncSender<i32>,
    engine: *mut walras_engine,
    is_inside: AtomicBool,
}

unsafe extern "C" fn wake(argument: *mut c_void) -> c_int {
    // SAFETY: the tests pass a `Woken` that outlives its subscriber's wake-ups.
    let woken = unsafe { &*argument.cast::<Woken>() };
    woken.is_inside.store(true, Ordering::SeqCst);
    // SAFETY: any handle may be passed; the call must be refused.
    let status = unsafe { walras_engine_drain(woken.engine) };
    let _ = woken.sender.try_send(status);
    woken.is_inside.store(false, Ordering::SeqCst);
    0
}

#[test]
fn the_wake_up_function_is_called_once_for_news_and_may_not_call_back() {
    let engine = Engine::new(SIMULATED);
    let auction = engine.create(TERMS);
    let subscriber = engine.subscribe(r#"{"channels":["bids"]}"#);
    let (sender, told) = mpsc::sync_channel(100);
    let woken = Woken { sender, engine: engine.0, is_inside: AtomicBool::new(false) };
    let argument = std::ptr::from_ref(&woken).cast_mut().cast::<c_void>();
    // SAFETY: `woken` lives until the function is taken away below.
    ok(unsafe { walras_subscriber_set_wakeup(subscriber.0, Some(wake), argument) });
    for round in 0..5 {
        for _ in 0..3 {
            engine.submit(auction, "ann", 1000 + round, 1, None).expect("a good bid");
        }
        assert_eq!(told.try_recv(), Ok(WALRAS_REENTRANT), "a call from inside is refused, not stuck");
        assert!(told.try_recv().is_err(), "one wake-up for all that is not read yet");
        assert_eq!(subscriber.drain().len(), 3);
    }
    engine.submit(auction, "ann", 2000, 1, None).expect("a good bid");
    assert!(told.recv_timeout(Duration::from_millis(PATIENCE_MS as u64)).is_ok());
    // SAFETY: null is no function.
    ok(unsafe { walras_subscriber_set_wakeup(subscriber.0, None, null_mut()) });
    subscriber.drain();
    engine.submit(auction, "ann", 2001, 1, None).expect("a good bid");
    assert!(told.try_recv().is_err(), "nobody is woken any more");
    // What was new before a function is set is told to it at once.
    // SAFETY: as above; it is taken away by freeing the subscriber before `woken` ends.
    ok(unsafe { walras_subscriber_set_wakeup(subscriber.0, Some(wake), argument) });
    assert_eq!(told.try_recv(), Ok(WALRAS_REENTRANT));
    drop(subscriber);
}

#[test]
fn when_a_wake_up_function_is_taken_away_no_thread_is_inside_it() {
    let engine = Engine::new("");
    let auction = engine.create(TERMS);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                engine.submit(auction, "ann", 1000, 1, None).expect("a good bid");
            }
        });
        for _ in 0..200 {
            let subscriber = engine.subscribe(r#"{"json":false}"#);
            let (sender, told) = mpsc::sync_channel(1);
            let woken = Box::new(Woken { sender, engine: engine.0, is_inside: AtomicBool::new(false) });
            let argument = std::ptr::from_ref(&*woken).cast_mut().cast::<c_void>();
            // SAFETY: `woken` lives until the subscriber is freed.
            ok(unsafe { walras_subscriber_set_wakeup(subscriber.0, Some(wake), argument) });
            told.recv_timeout(Duration::from_millis(PATIENCE_MS as u64)).expect("bids keep coming");
            drop(subscriber);
            assert!(!woken.is_inside.load(Ordering::SeqCst));
        }
        is_over.store(true, Ordering::SeqCst);
    });
}

/// Polls on a thread of its own until that is answered with an end, which it gives back.
fn poll_to_the_end(subscriber: &Subscriber) -> JoinHandle<walras_status> {
    let handle = subscriber.0 as usize;
    std::thread::spawn(move || {
        let subscriber = std::mem::ManuallyDrop::new(Subscriber(handle as *mut walras_subscriber));
        loop {
            match subscriber.try_poll(8, -1) {
                // The state is told once a second.
                Ok(_) => {}
                // The test's own poll came first this time.
                Err(WALRAS_IN_USE) => std::thread::yield_now(),
                Err(status) => return status,
            }
        }
    })
}

#[test]
fn polls_end_with_the_engine_or_the_subscriber_and_two_at_once_are_told_apart() {
    let engine = Engine::new("");
    let auction = engine.create(TERMS);
    let subscriber = engine.subscribe("");
    engine.submit(auction, "ann", 1000, 1, None).expect("a good bid");
    let events = subscriber.drain();
    assert!(!events.is_empty());
    let waiting = poll_to_the_end(&subscriber);
    // A second poller is refused as long as the first one waits.
    loop {
        match subscriber.try_poll(8, 0) {
            Err(status) => {
                assert_eq!(status, WALRAS_IN_USE);
                break;
            }
            Ok(_) => std::thread::yield_now(),
        }
    }
    drop(engine);
    assert_eq!(waiting.join().expect("it ends"), WALRAS_STOPPED);
    assert_eq!(subscriber.try_poll(8, -1).err(), Some(WALRAS_STOPPED));

    let engine = Engine::new(r#"{"clock":"manual"}"#);
    let subscriber = engine.subscribe("");
    let waiting = poll_to_the_end(&subscriber);
    while subscriber.try_poll(8, 0).is_ok() {
        std::thread::yield_now();
    }
    drop(subscriber);
    assert_eq!(waiting.join().expect("it ends"), WALRAS_STOPPED, "freed while it was polled");
}

#[test]
fn a_filter_lets_one_auction_through_even_before_it_exists() {
    let engine = Engine::new(SIMULATED);
    let id = "550e8400-e29b-41d4-a716-446655440000";
    let subscriber = engine.subscribe(&format!(r#"{{"auction_id":"{id}","channels":["auction","bids"]}}"#));
    let other = engine.create(TERMS);
    let wanted = engine.create(&TERMS.replacen('{', &format!(r#"{{"auction_id":"{id}","#), 1));
    for auction in [other, wanted, other] {
        engine.submit(auction, "ann", 1000, 1, None).expect("a good bid");
    }
    let mut counts: HashMap<[u8; 16], usize> = HashMap::new();
    for event in subscriber.drain() {
        *counts.entry(event.event.auction.bytes).or_default() += 1;
    }
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [wanted.bytes]);
    assert_eq!(counts[&wanted.bytes], 4, "created, its state, the bid, its state");
}
