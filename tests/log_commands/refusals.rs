//! What a server refuses to start on, and what it says of it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use walras::host::{Clock as _, Host, HostConfig, RandomIds, SystemClock};
use walras::log::{Batch, Epoch, Fresh, LogId, Opened, Options, StreamId, Term, open};
use walras::units::TimeUs;

use super::market::{AUCTION, Bidder, Market, trade};
use super::server::{Kill, Place};

/// Starts a server that must not start, and gives what it said.
fn refusal(place: &Place, data: &Path) -> String {
    let refused = place.serve(data).stderr(Stdio::piped()).output().expect("it runs");
    assert!(!refused.status.success(), "{refused:?}");
    assert!(refused.stdout.is_empty(), "it must not say that it is ready: {refused:?}");
    String::from_utf8(refused.stderr).expect("text")
}

#[test]
fn a_flipped_bit_in_the_middle_stops_the_start_and_verify_says_where() {
    let place = Place::new();
    let market = Market::open(&place);
    trade(&place, &market);
    market.server.end(Kill::Now);
    let data = place.data();
    let name = "segment-0000000001";
    let bytes = fs::read(data.join(name)).expect("it is there");
    // A bid's own id stands in the middle of its record.
    let at = bytes.windows(5).position(|window| window == b"bob-4").expect("the record of that bid");
    let file = File::options().write(true).open(data.join(name)).expect("it opens");
    file.write_all_at(&[bytes[at] ^ 0x10], at as u64).expect("written");
    let said = refusal(&place, &data);
    assert!(said.contains(name) && said.contains("position"), "{said}");

    let words = ["log", "verify", data.to_str().expect("text")];
    let verified = place.run(&words, b"");
    assert_eq!(verified.status.code(), Some(1), "{verified:?}");
    let report: Value = serde_json::from_slice(&verified.stdout).expect("JSON");
    assert_eq!(report["sound"], false);
    let damage = report["damage"][0].as_str().expect("one is named").to_owned();
    let offset = damage.split("at byte ").nth(1).and_then(|rest| rest.split(' ').next());
    let offset: usize = offset.and_then(|text| text.parse().ok()).expect("where");
    assert!(damage.contains(name) && offset <= at && at - offset < 4096, "{damage}, flipped at {at}");
    // As it was, it starts.
    file.write_all_at(&[bytes[at]], at as u64).expect("written");
    Market::again(&place).server.end(Kill::Kindly);
}

#[test]
fn a_second_server_on_a_folder_names_the_holder_and_leaves_it_alone() {
    let place = Place::new();
    let market = Market::open(&place);
    let holder = fs::read_to_string(place.data().join("lock")).expect("it says who");
    let said = refusal(&place, &place.data());
    assert!(said.contains(&format!("process {}", holder.trim())), "{said}, held by {holder}");
    let mut ann = Bidder::new(&place, &market, "ann");
    assert_eq!(ann.bid(1, 20.0)["type"], "bid_accepted");
    market.server.end(Kill::Kindly);
}

/// A log in the folder, with `Fresh` names.
fn opened(data: &Path) -> Opened {
    let options = Options { segment_bytes: 64 << 10, ..Options::default() };
    let fresh = Fresh { epoch: Epoch::new("made-by-hand").expect("a name"), log_id: LogId([3; 16]) };
    open(data, options, fresh).expect("it opens")
}

#[test]
fn an_auction_under_rules_that_this_version_lacks_stops_the_start() {
    let place = Place::new();
    let market = Market::open(&place);
    market.server.end(Kill::Kindly);
    let Opened { log, .. } = opened(&place.data());
    let mut reader = log.handle().read(walras::log::Position::START).expect("held");
    let batch = reader.next().expect("reads").expect("the creation");
    let record = batch.records().next().expect("it has one");
    let payload = String::from_utf8_lossy(record.payload).into_owned();
    assert!(payload.contains(r#""rules_version":1"#), "{payload}");
    let payload: Vec<u8> = {
        let at = record.payload.windows(17).position(|window| window == br#""rules_version":1"#);
        let mut bytes = record.payload.to_vec();
        bytes[at.expect("just seen") + 16] = b'7';
        bytes
    };
    let later = place.data().with_extension("later");
    let mut other = opened(&later).log;
    let mut batch = Batch::new();
    batch.time_us = 1_704_067_200_000_000;
    batch.push(StreamId(*AUCTION.parse::<uuid::Uuid>().expect("an id").as_bytes()), &payload);
    let end = other.end();
    let ticket = other.submit(Term(1), end, &batch).expect("there is room");
    other.wait(ticket).expect("durable");
    other.close().expect("closed");
    let said = refusal(&place, &later);
    assert!(said.contains("rules_version") && said.contains("position 0"), "{said}");
}

#[test]
fn a_clock_that_was_set_back_an_hour_does_not_turn_time_back() {
    let place = Place::new();
    let wall = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let ahead = move || TimeUs((wall() + Duration::from_secs(3600)).as_micros() as i64);
    // The run before had a clock an hour ahead.
    let clock = Arc::new(SystemClock::with_wall(ahead));
    let shared: Arc<dyn walras::host::Clock> = clock.clone();
    let host =
        Host::start(HostConfig::default(), opened(&place.data()), shared, Box::new(RandomIds::default()));
    let host = host.expect("it starts");
    let (tell, told) = crossbeam_channel::bounded(1);
    let command = walras::engine::Command::PutPrices {
        token: "ETH".into(),
        payload: r#"{"token":"ETH","prices":{"usd":2500.0},"24h_change":0.0,"timestamp":"2024-01-01T00:00:00.000Z"}"#
            .into(),
    };
    let origin = walras::host::Origin::Waiter(Box::new(move |outcome| {
        let _ = tell.send(outcome);
    }));
    let body = walras::host::Body::Command(command);
    let request = walras::host::Request { origin, correlation: None, body };
    assert!(host.try_submit(request).is_ok());
    told.recv_timeout(super::server::PATIENCE).expect("answered");
    let last = clock.now();
    host.stop();

    let market = Market::open(&place);
    let info = market.call("GET", &format!("/v1/auctions/{AUCTION}"), &Value::Null).body;
    let created: String = info["created_at"].as_str().expect("a time").to_owned();
    let created: jiff::Timestamp = created.parse().expect("a time");
    assert!(created.as_microsecond() >= last.0 - 1_000, "{created} after {last:?}");
    let mut ann = Bidder::new(&place, &market, "ann");
    let accepted = ann.bid(1, 20.0);
    assert_eq!(accepted["type"], "bid_accepted", "{accepted}");
    assert!(accepted["payload"]["timestamp"].as_str() >= info["created_at"].as_str(), "{accepted}");
    market.server.end(Kill::Kindly);
    assert_eq!(place.log("verify", &place.data())["sound"], json!(true));
}
