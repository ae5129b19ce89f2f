//! How connections end that nobody asked to end: silence, a reader that does not read, a
//! server that stops.

use std::time::Duration;

use serde_json::{Value, json};
use walras::engine::Party;

use crate::support::{AUCTION, Client, Incoming, Opcode, World, bid};

#[test]
pub fn silence_ends_a_connection_after_75_seconds_and_any_frame_is_life() {
    let world = World::start();
    let (mut silent, mut late) = (world.trader("silent"), world.trader("late"));
    let (mut ponging, mut talking, mut pinging) = (world.trader("a"), world.trader("b"), world.trader("c"));
    for step in [25_000, 25_000, 24_999] {
        world.advance(Duration::from_millis(step));
        ponging.send_frame(Opcode::Pong, true, b"unasked");
        talking.say(json!({"type": "pong"}));
        pinging.settle();
    }
    late.settle();
    world.advance(Duration::from_millis(1));
    let mut pings = (0, 0);
    let code = loop {
        match silent.next() {
            Incoming::Message(message) => {
                assert_eq!(message["type"], "ping");
                pings.0 += 1;
            }
            Incoming::Ping => pings.1 += 1,
            Incoming::Close(code, reason) => {
                assert_eq!(reason, "heartbeat timeout");
                break code;
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, 4408);
    assert!(pings.0 >= 2 && pings.0 == pings.1, "both kinds of ping, every half a minute: {pings:?}");
    for client in [&mut late, &mut ponging, &mut talking, &mut pinging] {
        client.assert_alive();
    }
}

/// A server whose queues are small, an auction of many bids, and one who bids without bound.
fn busy_world(connection_bytes_max: usize, total_bytes_max: usize) -> (World, Client) {
    let world = World::with(|making| {
        making.server.queues.connection_bytes_max = connection_bytes_max;
        making.server.queues.total_bytes_max = total_bytes_max;
    });
    world.create(AUCTION, json!({"max_bids_per_bidder": 1_000_000}));
    let unlimited = world.token_with("busy", &["write"], |claims| claims.limits = Some(json!("unlimited")));
    let bidder = world.sign_in(&unlimited);
    (world, bidder)
}

/// A hundred bids at once: some thirty kilobytes for each who follows them.
fn bid_much(bidder: &mut Client) {
    let bids: Vec<Value> = (1..=100).map(|lots| json!({"quantity": lots, "price": 1.0})).collect();
    bidder.say(json!({"type": "submit_bids", "auction_id": AUCTION, "bids": bids}));
    bidder.expect("bids_result");
}

/// More than any loopback socket's buffers hold.
const BATCHES_MAX: usize = 1_000;

#[test]
pub fn whoever_does_not_read_ends_with_4431_and_the_others_notice_nothing() {
    let (world, mut bidder) = busy_world(64 * 1024, 256 << 20);
    let mut watcher = world.subscriber("watcher", "bids");
    let slow = || {
        let mut client = world.narrow("slow");
        client.subscribe("bids", json!({}));
        client
    };
    let (mut sleepy, dead) = (slow(), slow());
    let before = world.server.connection_count();
    let mut batches = 0;
    let mut shown = 0;
    // What waits is dropped when a queue is full; then only the close frame waits.
    while world.server.queued_bytes() == 0 || world.server.queued_bytes() > 16 * 1024 {
        bid_much(&mut bidder);
        for _ in 0..100 {
            watcher.expect("new_bid");
            shown += 1;
        }
        batches += 1;
        assert!(batches < BATCHES_MAX, "nobody was closed");
    }
    assert_eq!(shown, batches * 100);
    let mut read = 0;
    let code = loop {
        match sleepy.next() {
            // The client itself checks that there is no hole before the end.
            Incoming::Message(_) => read += 1,
            Incoming::Close(code, reason) => {
                assert_eq!(reason, "slow consumer");
                break code;
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, 4431);
    assert!(read < shown, "what did not fit was never sent");
    // The other one never reads its close frame: five seconds later it is cut off.
    world.advance(Duration::from_secs(5));
    world.connections_fall_to(before - 2);
    assert_eq!(world.server.queued_bytes(), 0);
    watcher.assert_alive();
    drop(dead);
}

#[test]
fn whoever_takes_nothing_for_half_a_minute_is_closed_however_lively_it_is() {
    let (world, mut bidder) = busy_world(64 << 20, 256 << 20);
    let mut stalled = world.narrow("stalled");
    stalled.subscribe("bids", json!({}));
    let mut batches = 0;
    while world.server.queued_bytes() < 100_000 {
        bid_much(&mut bidder);
        batches += 1;
        assert!(batches < BATCHES_MAX, "nothing waits");
    }
    let party = Party("stalled".into()).key();
    let mut seconds = 0;
    while world.host.presence().has(party) {
        world.advance(Duration::from_secs(1));
        // It does not read, but it lives.
        stalled.send_frame(Opcode::Pong, true, b"");
        bidder.settle();
        seconds += 1;
        assert!(seconds <= 60, "two pings are enough to see that nothing is taken");
    }
    assert!(seconds > 30, "a pause of half a minute is borne");
    let code = loop {
        match stalled.next() {
            Incoming::Close(code, _) => break code,
            Incoming::End => panic!("it hung up without a word"),
            _ => {}
        }
    };
    assert_eq!(code, 4431);
    bidder.assert_alive();
}

#[test]
fn when_all_queues_together_are_too_large_the_largest_goes_first() {
    let (world, mut bidder) = busy_world(64 << 20, 1 << 20);
    let follow = |client: &mut Client, min_quantity: u32| {
        client.subscribe("bids", json!({"min_quantity": min_quantity}));
    };
    let (mut much, mut little) = (world.narrow("much"), world.narrow("little"));
    follow(&mut much, 1);
    follow(&mut little, 51);
    let mut peak = 0;
    let mut batches = 0;
    loop {
        bid_much(&mut bidder);
        let queued = world.server.queued_bytes();
        if queued < peak {
            break;
        }
        peak = queued;
        batches += 1;
        assert!(batches < BATCHES_MAX, "nobody was closed");
    }
    assert!(peak <= 1 << 20, "the bound holds: {peak}");
    while let Incoming::Message(_) = much.next() {}
    little.assert_alive();
}

#[test]
pub fn a_server_that_stops_at_once_says_that_it_goes_away() {
    let world = World::with(|making| making.server.shards = 2);
    let mut clients: Vec<Client> = (0..6).map(|_| world.trader("alice")).collect();
    clients.iter_mut().for_each(Client::settle);
    world.server.stop();
    for client in &mut clients {
        assert_eq!(client.next(), Incoming::Close(1001, "server going away".to_owned()));
        assert_eq!(client.next(), Incoming::End);
    }
}

#[test]
pub fn a_drain_tells_everybody_and_closes_over_its_window() {
    let world = World::with(|making| making.server.drain_ms = 10_000);
    world.open_auction();
    let mut clients: Vec<Client> = (0..4).map(|_| world.trader("alice")).collect();
    let first = &mut clients[0];
    first.say(json!({"type": "set_cancel_on_disconnect", "enabled": true, "grace_ms": 0}));
    first.expect("cancel_on_disconnect");
    first.say(bid(5, 2.0));
    first.expect("bid_accepted");
    world.server.drain();
    for client in &mut clients {
        let notice = client.expect("server_notice");
        assert_eq!(notice["payload"]["code"], "DRAINING");
        assert_eq!(notice["payload"]["reconnect_in_ms"], 11_000);
        client.assert_alive();
    }
    for left in (0..4).rev() {
        world.advance(Duration::from_millis(2_499));
        clients.iter_mut().for_each(Client::settle);
        world.advance(Duration::from_millis(1));
        // Which of them goes is the server's choice; it tells the one it closes.
        let mut closed = Vec::new();
        for (index, client) in clients.iter_mut().enumerate() {
            // The first ping may still be answered in the very turn that closes, the second not.
            for _ in 0..2 {
                client.send_frame(Opcode::Ping, true, b"still there?");
                match client.next() {
                    Incoming::Close(code, reason) => {
                        assert_eq!((code, reason.as_str()), (1012, "server restarting"));
                        closed.push(index);
                        break;
                    }
                    other => assert_eq!(other, Incoming::Pong(b"still there?".to_vec())),
                }
            }
        }
        assert_eq!(closed.len(), 1, "one in each quarter of the window");
        clients.remove(closed[0]);
        assert_eq!(clients.len(), left);
    }
    world.server.join();
    assert_eq!(world.live_bids(), 1, "a stop cancels nothing");
}
