//! One auction taken out of a log: its records prove themselves, and its bids clear to the recorded result.

use std::path::Path;

use serde_json::{Value, json};

use super::market::{AUCTION, Bidder, Market, trade};
use super::server::{Kill, Place};

fn export(place: &Place, data: &Path, form: &str) -> String {
    let data = data.to_str().expect("text");
    place.walras(&["log", "export", "--data", data, AUCTION, "--as", form], b"")
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// Exact text and JSON number, both as a number.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn clears_to(place: &Place, data: &Path, recorded: &Value) {
    let document = export(place, data, "auction");
    let cleared = place.walras(&["clear"], document.as_bytes());
    let cleared: Value = serde_json::from_str(&cleared).expect("JSON");
    for figure in ["clearing_price", "total_allocated", "total_revenue", "total_bids", "total_quantity"] {
        assert!(number(&recorded[figure]).is_some_and(|figure| figure > 0.0), "{recorded}");
        assert_eq!(number(&cleared[figure]), number(&recorded[figure]), "{figure}");
    }
    let won = recorded["allocations"].as_array().expect("a list");
    assert!(won.len() > 3, "{recorded}");
    for won in won {
        let bid = &cleared["allocations"][won["bid_id"].as_str().expect("an id")];
        assert_eq!(number(&bid["quantity"]), number(&won["quantity"]), "{won}");
        assert_eq!(number(&bid["payment"]), number(&won["payment"]), "{won}");
    }
}

#[test]
fn an_exported_auction_clears_to_its_recorded_result() {
    let place = Place::new();
    let market = Market::open(&place);
    trade(&place, &market);
    let recorded = market.close();
    clears_to(&place, &place.data(), &recorded);
    market.server.end(Kill::Now);
    clears_to(&place, &place.data(), &recorded);
}

#[test]
fn an_auctions_records_are_a_chain_that_ends_in_what_its_clients_were_told() {
    let place = Place::new();
    let market = Market::open(&place);
    let mut watcher = Bidder::new(&place, &market, "watcher");
    watcher.ask(json!({"type": "subscribe", "channel": "auction", "auction_id": AUCTION}));
    trade(&place, &market);
    market.close();
    let complete = loop {
        let message = watcher.connection.hear().expect("it lives");
        if message["type"] == "auction_complete" {
            break message;
        }
    };
    market.server.end(Kill::Kindly);
    let records = lines(&export(&place, &place.data(), "records"));
    let mut previous = "0".repeat(64);
    for record in &records {
        assert_eq!(record["previous"], previous.as_str(), "{record}");
        previous = record["hash"].as_str().expect("a hash").to_owned();
    }
    let closing = records.iter().find(|record| record["command"]["kind"] == "close_auction");
    let closing = closing.expect("the close is among them");
    assert_eq!(closing["hash"], complete["payload"]["log_head"]);
    assert_eq!(records[0]["command"]["kind"], "create_auction", "{}", records[0]);
    let bids = records.iter().filter(|record| record["command"]["kind"] == "submit_bid").count();
    assert_eq!(bids, 24);
}

#[test]
fn dump_prints_every_record_and_every_copy_replays_to_one_state() {
    let place = Place::new();
    let market = Market::open(&place);
    trade(&place, &market);
    market.server.end(Kill::Now);
    let data = place.data();
    let records = lines(&place.walras(&["log", "dump", data.to_str().expect("text")], b""));
    for (record, position) in records.iter().zip(0..) {
        assert_eq!(record["position"], position);
        assert!(record["command"]["kind"].as_str().is_some_and(|kind| kind != "unreadable"), "{record}");
    }
    let replayed = place.log("replay", &data);
    assert_eq!(replayed["end"], records.len());
    assert_eq!(replayed["commands"].as_u64().map(|count| count >= 28), Some(true), "{replayed}");
    let (backup, copy) = (data.with_extension("backup"), data.with_extension("copy"));
    let words = |action, from: &Path, to: &Path| {
        let told =
            place.walras(&["log", action, from.to_str().expect("text"), to.to_str().expect("text")], b"");
        serde_json::from_str::<Value>(&told).expect("JSON")
    };
    words("backup", &data, &backup);
    words("restore", &backup, &copy);
    for folder in [&backup, &copy] {
        assert_eq!(place.log("replay", folder)["digest"], replayed["digest"], "{}", folder.display());
    }
    let verified = place.log("verify", &copy);
    assert_eq!((&verified["sound"], &verified["records"]), (&json!(true), &json!(records.len())));
}

#[test]
fn an_auction_that_is_not_there_cannot_be_exported() {
    let place = Place::new();
    Market::open(&place).server.end(Kill::Kindly);
    let data = place.data();
    let data = data.to_str().expect("text");
    let other = "00000000-0000-4000-8000-000000000001";
    for form in ["auction", "records"] {
        let done = place.run(&["log", "export", "--data", data, other, "--as", form], b"");
        assert!(!done.status.success(), "{form}");
        assert!(String::from_utf8_lossy(&done.stderr).contains(other), "{done:?}");
        assert!(done.stdout.is_empty(), "{done:?}");
    }
}
