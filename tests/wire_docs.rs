//! `docs/PROTOCOL.md` against the code: client examples decode, server examples are
//! what the encoders write for the same facts, tables are those of the code.
//!
//! `UPDATE_GOLDEN=1` writes the server examples and the two tables of codes anew; read the difference.

mod ordered_json;
mod wire_examples;

use std::collections::BTreeSet;

use ordered_json::Json;
use uuid::Uuid;
use walras::engine::{AuctionId, AuctionStatus, BidId, Rejection};
use walras::limits;
use walras::units::{PriceTicks, QuantityLots, TimeUs};
use walras::wire::decode::{ClientBody, Decoder};
use walras::wire::{CloseCode, Code, Refusal};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/PROTOCOL.md");
const LINE_CHARS_MAX: usize = 118;

/// A fenced block: the words behind `json`, and its text.
struct Fence {
    words: Vec<String>,
    text: String,
}

fn document() -> String {
    std::fs::read_to_string(PATH).expect("the document is there")
}

fn fences(document: &str) -> Vec<Fence> {
    let mut fences = Vec::new();
    let mut open: Option<Fence> = None;
    for line in document.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                let mut words = info.split_whitespace().map(str::to_owned);
                assert_eq!(words.next().as_deref(), Some("json"), "every block is JSON: {line}");
                open = Some(Fence { words: words.collect(), text: String::new() });
            }
            (Some(_), Some(_)) => fences.extend(open.take()),
            (Some(fence), None) => {
                fence.text.push_str(line);
                fence.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "the last block is closed");
    fences
}

/// Rows of the table that starts with this header, cells stripped.
fn table(document: &str, header: &str) -> Vec<Vec<String>> {
    let rest = document.split(header).nth(1).unwrap_or_else(|| panic!("there is a table {header}"));
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// JSON over several lines, broken between members only.
fn wrapped(json: &Json) -> String {
    let mut pieces = Vec::new();
    pieces_of(json, &mut pieces);
    let mut lines = vec![String::new()];
    for piece in pieces {
        let line = lines.last_mut().expect("there is a line");
        if !line.is_empty() && line.len() + piece.trim_end().len() > LINE_CHARS_MAX {
            line.truncate(line.trim_end().len());
            lines.push(format!(" {piece}"));
        } else {
            line.push_str(&piece);
        }
    }
    lines.join("\n") + "\n"
}

fn pieces_of(json: &Json, pieces: &mut Vec<String>) {
    match json {
        Json::Object(members) => list_of(members.len(), "{", "}", pieces, |index, pieces| {
            let start = pieces.len();
            pieces_of(&members[index].1, pieces);
            pieces[start] = format!("{:?}: {}", members[index].0, pieces[start]);
        }),
        Json::List(values) => {
            list_of(values.len(), "[", "]", pieces, |index, pieces| pieces_of(&values[index], pieces))
        }
        leaf => pieces.push(leaf.to_string()),
    }
}

fn list_of(
    len: usize,
    open: &str,
    close: &str,
    pieces: &mut Vec<String>,
    mut add: impl FnMut(usize, &mut Vec<String>),
) {
    let start = pieces.len();
    for index in 0..len {
        add(index, pieces);
        let comma = if index + 1 < len { ", " } else { "" };
        pieces.last_mut().expect("a value has a piece").push_str(comma);
    }
    if pieces.len() == start {
        pieces.push(String::new());
    }
    pieces[start].insert_str(0, open);
    pieces.last_mut().expect("there is a piece").push_str(close);
}

fn code_rows() -> Vec<Vec<String>> {
    let row = |code: Code| {
        let (http, c) = (code.http_status().to_string(), code.c_status().to_string());
        vec![format!("`{}`", code.as_str()), http, c, code.retry().as_str().to_owned()]
    };
    Code::ALL.into_iter().map(row).collect()
}

fn close_rows() -> Vec<Vec<String>> {
    let row =
        |code: CloseCode| vec![code.number().to_string(), code.reason().to_owned(), code.advice().to_owned()];
    CloseCode::ALL.into_iter().map(row).collect()
}

const CODES: &str = "| code | HTTP | C | retry |";
const CLOSES: &str = "| code | reason | the client should |";

/// Writes what the code says into the document.
fn update() {
    let mut document = document();
    for label in wire_examples::LABELS {
        let fence = format!("```json server {label}\n");
        let Some(start) = document.find(&fence).map(|at| at + fence.len()) else { continue };
        let end = start + document[start..].find("```").expect("the block is closed");
        document.replace_range(start..end, &wrapped(&Json::parse(&wire_examples::server(label))));
    }
    for (header, rows) in [(CODES, code_rows()), (CLOSES, close_rows())] {
        let header_end = document.find(header).expect("the table is there") + header.len() + 1;
        let start = header_end + document[header_end..].find('\n').expect("the rule is a line") + 1;
        let old: usize = document[start..]
            .split_inclusive('\n')
            .take_while(|line| line.starts_with('|'))
            .map(str::len)
            .sum();
        let rows: String = rows.iter().map(|row| format!("| {} |\n", row.join(" | "))).collect();
        document.replace_range(start..start + old, &rows);
    }
    std::fs::write(PATH, document).expect("the document can be written");
}

#[test]
fn every_server_example_is_what_the_server_writes() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        update();
    }
    let mut shown = BTreeSet::new();
    for fence in fences(&document()).iter().filter(|fence| fence.words[0] == "server") {
        let label = fence.words.get(1).expect("a server's example has a label").as_str();
        let ours = Json::parse(&wire_examples::server(label));
        assert_eq!(Json::parse(&fence.text), ours, "{label}");
        assert!(shown.insert(label.to_owned()), "{label} is shown once");
    }
    let all: BTreeSet<String> = wire_examples::LABELS.into_iter().map(str::to_owned).collect();
    assert_eq!(shown, all, "every example is in the document");
}

#[test]
fn every_client_example_is_taken() {
    let mut seen = BTreeSet::new();
    for fence in fences(&document()).iter().filter(|fence| fence.words[0] != "server") {
        assert_eq!(fence.words, ["client"], "a block is a client's or a server's");
        let mut decoder = Decoder::new();
        let message = decoder.decode(fence.text.as_bytes());
        let message = message.unwrap_or_else(|error| panic!("{}: {error}", fence.text));
        if let ClientBody::Subscribe(request) = &message.body {
            assert!(request.channel.channel.is_some() && request.options.is_ok(), "{}", fence.text);
        }
        seen.insert(Json::parse(&fence.text).text("type").expect("a message has a type").to_owned());
    }
    let all = [
        "amend_bid",
        "auth",
        "cancel_all",
        "cancel_bid",
        "get_auction",
        "get_bid",
        "get_bids",
        "list_subscriptions",
        "ping",
        "pong",
        "set_cancel_on_disconnect",
        "settlement_affirm",
        "settlement_report",
        "submit_bid",
        "submit_bids",
        "subscribe",
        "unsubscribe",
    ];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), all);
}

#[test]
fn the_tables_of_codes_are_those_of_the_code() {
    let document = document();
    assert_eq!(table(&document, CODES), code_rows());
    assert_eq!(table(&document, CLOSES), close_rows());
}

#[test]
fn the_table_of_limits_holds_the_bounds_of_the_code() {
    let rows = table(&document(), "| limit | value |");
    let value = |name: &str| {
        let row = rows.iter().find(|row| row[0] == name).unwrap_or_else(|| panic!("{name} is in the table"));
        row[1].parse::<usize>().expect("a number")
    };
    assert_eq!(value("message, in bytes"), limits::MESSAGE_BYTES_MAX);
    assert_eq!(value("levels of nesting"), limits::JSON_DEPTH_MAX);
    assert_eq!(value("bids in one `submit_bids`"), limits::BATCH_BIDS_MAX);
    assert_eq!(value("entries of a page"), limits::PAGE_ENTRIES_MAX);
    assert_eq!(value("`client_bid_id`, in bytes"), limits::CLIENT_BID_ID_BYTES_MAX);
    assert_eq!(value("`correlation_id`, in bytes"), limits::CORRELATION_ID_BYTES_MAX);
    assert_eq!(value("reasons and names, in bytes"), limits::TEXT_BYTES_MAX);
}

#[test]
fn the_order_of_refusals_is_that_of_the_engine() {
    let (auction, now) = (AuctionId(Uuid::nil()), TimeUs(0));
    let refused_bids = [
        Rejection::AuctionNotOpen { auction, status: AuctionStatus::Halted },
        Rejection::AuctionEnded { auction, ended_at: now, received_at: now, sequenced_at: now },
        Rejection::AuctionLocked { auction, lock_ms: 1 },
        Rejection::InvalidBid { field: "price", why: "any" },
        Rejection::BelowMinQuantity { quantity: QuantityLots(1), min: QuantityLots(2) },
        Rejection::BidTooLow { price: PriceTicks(1), reserve: PriceTicks(2) },
        Rejection::BidLimit { max: 1 },
        Rejection::DuplicateBidId { client_bid_id: "x".into(), bid: BidId(Uuid::nil()) },
        Rejection::CapacityReached { what: "any", max: 1 },
    ];
    let mut codes: Vec<&str> =
        refused_bids.iter().map(|rejection| Refusal::of_rejection(rejection, None).code.as_str()).collect();
    codes.dedup();
    let document = document();
    let listed: Vec<&str> = document
        .lines()
        .filter(|line| line.split_once(". `").is_some_and(|(number, _)| number.parse::<u8>().is_ok()))
        .filter_map(|line| line.split('`').nth(1))
        .collect();
    assert_eq!(listed, codes);
}

#[test]
fn codes_statuses_and_close_codes_are_told_apart() {
    let words: BTreeSet<&str> = Code::ALL.into_iter().map(Code::as_str).collect();
    let statuses: BTreeSet<i32> = Code::ALL.into_iter().map(Code::c_status).collect();
    let numbers: BTreeSet<u16> = CloseCode::ALL.into_iter().map(CloseCode::number).collect();
    assert_eq!((words.len(), statuses.len()), (Code::ALL.len(), Code::ALL.len()));
    assert_eq!(numbers.len(), CloseCode::ALL.len());
    assert!(
        CloseCode::ALL.into_iter().all(|code| code.reason().len() <= 123),
        "a close frame has room for it"
    );
    assert!(statuses.iter().all(|status| matches!(status / 100, 1..=4 | 9)), "ranges carry meaning");
}
