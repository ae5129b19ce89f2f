//! The end of an auction, checked against the log's own records: what was sequenced
//! before it counts, what came after does not, whatever the time of its reply.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use walras::log::BatchReader as _;
use walras::wire;

use crate::support::{AUCTION, Client, Place, START_US, World, bid, named};

/// A record of the log.
#[derive(Debug)]
struct Record {
    /// When its batch was sequenced, in microseconds after the tests' start.
    at_us: i64,
    hash: String,
    command: Value,
}

/// All records of a folder, in order, signs of life left out.
fn records(folder: &Path) -> Vec<Record> {
    let mut reader = walras::log::read_folder(folder).expect("a log");
    let mut records = Vec::new();
    while let Some(batch) = reader.next().expect("readable") {
        for record in batch.records().filter(|record| !record.payload.is_empty()) {
            let command = wire::record::decode(record.payload).expect("a command");
            records.push(Record {
                at_us: batch.time_us() as i64 - START_US,
                hash: record.hash.to_string(),
                command: wire::command_json(&command),
            });
        }
    }
    records
}

/// The kinds of the records with the time of each.
fn told(records: &[Record]) -> Vec<(&str, i64)> {
    records.iter().map(|record| (record.command["kind"].as_str().expect("a kind"), record.at_us)).collect()
}

/// Runs a scene on a log in a folder, stops the host, and gives the log's records.
fn recorded(terms: Value, scene: impl FnOnce(&World)) -> Vec<Record> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data");
    let world = World::with(|making| making.log = Place::Folder(path.clone()));
    world.create(AUCTION, terms);
    scene(&world);
    drop(world);
    records(&path)
}

fn rejected(client: &mut Client, message: Value) -> Value {
    client.say(message);
    client.until("bid_rejected")["payload"].clone()
}

const SECOND_US: i64 = 1_000_000;

#[test]
fn the_last_microsecond_counts_and_the_end_itself_does_not() {
    let mut complete = Value::Null;
    let records = recorded(json!({"duration_ms": 60_000}), |world| {
        let mut client = world.trader("alice");
        let mut watcher = world.subscriber("watcher", "auction");
        world.advance_with(&mut [&mut client, &mut watcher], Duration::from_micros(59_999_999));
        client.say(named(bid(1, 5.0), "last"));
        let accepted = client.expect("bid_accepted");
        assert_eq!(accepted["timestamp"], "2024-01-01T00:00:59.999Z");
        world.advance(Duration::from_micros(1));
        let late = rejected(&mut client, named(bid(1, 9.0), "late"));
        assert_eq!(late["code"], "AUCTION_ENDED");
        for (member, moment) in [
            ("ended_at", "2024-01-01T00:01:00.000Z"),
            ("received_at", "2024-01-01T00:01:00.000Z"),
            ("sequenced_at", "2024-01-01T00:01:00.000Z"),
        ] {
            assert_eq!(late["details"][member], moment, "{late}");
        }
        // A number off the grid is no reason any more once the auction is over.
        assert_eq!(rejected(&mut client, bid(1, 5.3))["code"], "AUCTION_ENDED");
        // The same bid again is answered as it was, with what has become of it.
        client.say(named(bid(1, 5.0), "last"));
        let again = client.expect("bid_accepted");
        assert_eq!(again["payload"]["bid_id"], accepted["payload"]["bid_id"]);
        assert_eq!(
            (&again["payload"]["duplicate"], &again["payload"]["status"]),
            (&json!(true), &json!("filled"))
        );
        complete = watcher.until("auction_complete")["payload"].clone();
    });
    assert_eq!(
        told(&records),
        [("create_auction", 0), ("submit_bid", 60 * SECOND_US - 1), ("close_auction", 60 * SECOND_US)]
    );
    assert_eq!(records[2].command["reason"], "schedule");
    assert_eq!(complete["completed_at"], "2024-01-01T00:01:00.000Z");
    assert_eq!(complete["log_head"], records[2].hash.as_str(), "the hash of the closing record");
}

#[test]
fn while_many_bid_into_the_end_every_reply_agrees_with_the_log() {
    const BIDDERS: usize = 6;
    const BIDS: usize = 40;
    let mut accepted = Vec::new();
    let records = recorded(json!({"duration_ms": 60_000, "max_bids_per_bidder": 1_000}), |world| {
        world.advance(Duration::from_micros(59_000_000));
        let clients: Vec<Client> = (0..BIDDERS).map(|number| world.trader(&format!("b-{number}"))).collect();
        let heard: Vec<Vec<Value>> = std::thread::scope(|scope| {
            let bidding: Vec<_> = clients
                .into_iter()
                .map(|mut client| {
                    scope.spawn(move || {
                        for number in 1..=BIDS {
                            client.say(named(bid(number as u64, 5.0), &format!("n-{number}")));
                        }
                        let mut verdicts = Vec::new();
                        while verdicts.len() < BIDS {
                            let message = client.message();
                            verdicts.push(message.clone());
                            if message["type"] == "auction_complete" {
                                verdicts.pop();
                                // From here on nothing is accepted any more.
                                while verdicts.len() < BIDS {
                                    let message = client.message();
                                    assert_eq!(message["payload"]["code"], "AUCTION_ENDED", "{message}");
                                    verdicts.push(message);
                                }
                            }
                        }
                        verdicts
                    })
                })
                .collect();
            for _ in 0..100 {
                world.advance(Duration::from_millis(10));
                std::thread::yield_now();
            }
            bidding.into_iter().map(|thread| thread.join().expect("it ends")).collect()
        });
        accepted = heard
            .into_iter()
            .flatten()
            .filter(|message| message["type"] == "bid_accepted")
            .map(|message| message["payload"]["bid_id"].as_str().expect("an id").to_owned())
            .collect();
        world.advance(Duration::from_secs(1));
        world.trader("last").assert_alive();
    });
    let close =
        records.iter().position(|record| record.command["kind"] == "close_auction").expect("it closed");
    let recorded: Vec<&Record> =
        records.iter().filter(|record| record.command["kind"] == "submit_bid").collect();
    assert!(
        recorded.iter().all(|record| record.at_us < 60 * SECOND_US),
        "none was sequenced at or after the end"
    );
    assert!(records[close].at_us >= 60 * SECOND_US);
    assert_eq!(close, records.len() - 1, "nothing follows the close");
    let mut logged: Vec<&str> =
        recorded.iter().filter_map(|record| record.command["bid_id"].as_str()).collect();
    logged.sort_unstable();
    accepted.sort_unstable();
    assert_eq!(accepted, logged, "accepted is what the log holds, no more and no less");
}

#[test]
fn in_the_lock_window_bids_only_come_and_rise() {
    let terms = json!({"duration_ms": 60_000, "lock_ms": 10_000});
    let records = recorded(terms, |world| {
        let mut client = world.trader("alice");
        client.say(named(bid(10, 5.0), "a"));
        client.expect("bid_accepted");
        let cancel = json!({"type": "cancel_bid", "auction_id": AUCTION, "client_bid_id": "a"});
        let amend = |payload: Value| json!({"type": "amend_bid", "auction_id": AUCTION, "client_bid_id": "a", "payload": payload});
        world.advance_with(&mut [&mut client], Duration::from_micros(49_999_999));
        client.say(amend(json!({"quantity": 9})));
        client.expect("bid_amended");
        world.advance(Duration::from_micros(1));
        client.say(cancel.clone());
        let locked = client.refused("AUCTION_LOCKED");
        assert_eq!(locked["lock_ms"], 10_000);
        assert_eq!(locked["client_bid_id"], "a");
        for less in [json!({"quantity": 8}), json!({"price": 4.5}), json!({"quantity": 10, "price": 4.5})] {
            client.say(amend(less));
            client.refused("AUCTION_LOCKED");
        }
        client.say(amend(json!({"price": 5.3})));
        client.refused("INVALID_BID");
        client.say(amend(json!({"price": 5.5})));
        client.expect("bid_amended");
        client.say(named(bid(1, 1.0), "b"));
        client.expect("bid_accepted");
        client.say(json!({"type": "cancel_all", "auction_id": AUCTION}));
        client.refused("AUCTION_LOCKED");
        world.advance(Duration::from_secs(10));
        assert_eq!(client.until("auction_complete")["payload"]["total_bids"], 2);
        client.say(cancel);
        client.refused("AUCTION_ENDED");
    });
    let lock = 50 * SECOND_US;
    assert_eq!(
        told(&records),
        [
            ("create_auction", 0),
            ("submit_bid", 0),
            ("amend_bid", lock - 1),
            ("amend_bid", lock),
            ("submit_bid", lock),
            ("close_auction", 60 * SECOND_US)
        ],
        "what was refused leaves no trace"
    );
}

#[test]
fn a_price_change_near_the_end_moves_it_and_everybody_is_told() {
    let terms = json!({
        "duration_ms": 60_000, "extend_window_ms": 5_000, "extend_ms": 20_000, "max_extensions": 1,
    });
    let records = recorded(terms, |world| {
        let mut watcher = world.trader("watcher");
        watcher.subscribe("auction", json!({"interval_ms": 0}));
        let mut client = world.trader("alice");
        let ends_at = |watcher: &mut Client, bids: u64| loop {
            let update = watcher.until("auction_update");
            if update["payload"]["total_bids"] == bids {
                break update["payload"]["ends_at"].clone();
            }
        };
        world.advance_with(&mut [&mut client, &mut watcher], Duration::from_secs(56));
        // Demand stays below the supply: the price does not move, and neither does the end.
        client.say(bid(999, 5.0));
        client.expect("bid_accepted");
        assert_eq!(ends_at(&mut watcher, 1), "2024-01-01T00:01:00.000Z");
        client.say(bid(1, 4.0));
        client.expect("bid_accepted");
        assert_eq!(ends_at(&mut watcher, 2), "2024-01-01T00:01:20.000Z", "the end moves by 20 s");
        world.advance_with(&mut [&mut client, &mut watcher], Duration::from_secs(19));
        client.say(bid(500, 6.0));
        assert_eq!(client.until("bid_accepted")["payload"]["current_price"], 5.0);
        assert_eq!(ends_at(&mut watcher, 3), "2024-01-01T00:01:20.000Z", "once was agreed");
        world.advance_with(&mut [&mut client, &mut watcher], Duration::from_secs(5));
        assert_eq!(watcher.until("auction_complete")["payload"]["completed_at"], "2024-01-01T00:01:20.000Z");
    });
    assert_eq!(
        told(&records),
        [
            ("create_auction", 0),
            ("submit_bid", 56 * SECOND_US),
            ("submit_bid", 56 * SECOND_US),
            ("submit_bid", 75 * SECOND_US),
            ("close_auction", 80 * SECOND_US)
        ]
    );
}

#[test]
fn a_halted_auction_takes_no_bids_lets_bids_go_and_keeps_its_end() {
    let records = recorded(json!({"duration_ms": 60_000}), |world| {
        let mut watcher = world.trader("watcher");
        watcher.subscribe("auction", json!({"interval_ms": 0}));
        let mut client = world.trader("alice");
        for id in ["a", "b"] {
            client.say(named(bid(10, 5.0), id));
            client.expect("bid_accepted");
        }
        let operator = world.operator();
        let operate = |wish: &str| {
            let path = format!("/v1/auctions/{AUCTION}/{wish}");
            world.call(&operator, "POST", &path, json!({"reason": "a question"})).expect(200)
        };
        let wait_for = |watcher: &mut Client, status: &str| loop {
            let update = watcher.until("auction_update");
            if update["payload"]["status"] == status {
                return update["payload"].clone();
            }
        };
        world.advance_with(&mut [&mut client, &mut watcher], Duration::from_secs(20));
        assert_eq!(operate("halt")["status"], "halted");
        assert_eq!(wait_for(&mut watcher, "halted")["ends_at"], "2024-01-01T00:01:00.000Z");
        let refused = rejected(&mut client, named(bid(1, 6.0), "c"));
        assert_eq!(
            (&refused["code"], &refused["details"]["status"]),
            (&json!("AUCTION_NOT_OPEN"), &json!("halted"))
        );
        client.say(json!({"type": "cancel_bid", "auction_id": AUCTION, "client_bid_id": "a"}));
        client.expect("bid_cancelled");
        world.advance_with(&mut [&mut client, &mut watcher], Duration::from_secs(10));
        world.call(&operator, "POST", &format!("/v1/auctions/{AUCTION}/resume"), Value::Null).expect(200);
        wait_for(&mut watcher, "active");
        client.say(named(bid(1, 6.0), "c"));
        client.expect("bid_accepted");
        operate("halt");
        world.advance_with(&mut [&mut client, &mut watcher], Duration::from_secs(30));
        assert_eq!(watcher.until("auction_complete")["payload"]["total_bids"], 2);
    });
    assert_eq!(
        told(&records),
        [
            ("create_auction", 0),
            ("submit_bid", 0),
            ("submit_bid", 0),
            ("halt_auction", 20 * SECOND_US),
            ("cancel_bid", 20 * SECOND_US),
            ("resume_auction", 30 * SECOND_US),
            ("submit_bid", 30 * SECOND_US),
            ("halt_auction", 30 * SECOND_US),
            ("close_auction", 60 * SECOND_US)
        ]
    );
}
