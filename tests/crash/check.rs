//! The reckoning: after the last kill the server, its log and its clients tell one story.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use super::book::{CHANNELS, Cancel, Fact, Figures, Market, State, Stream, count, id};
use super::operator::{Operator, auction_id, is_running};
use super::server::wire::{Connection, rest};
use super::server::{Kill, PATIENCE, Place, Server};
use super::trader::{Trader, is_present_state};

/// Everything that the issue of a run must satisfy.
pub fn all(
    place: &Place,
    market: &Market,
    operator: &mut Operator,
    traders: &mut [Trader],
    figures: &Figures,
) {
    let server = Server::start(place);
    let address = server.address();
    operator.settle_open_creations(address, market).expect("it lives");
    let auctions = end_all(address, operator);
    each_creation_made_one_auction(operator, market, &auctions);
    every_outcome_is_known(address, traders, figures);
    let told = everything_told(place, address, &auctions);
    for trader in &mut *traders {
        its_streams_are_whole(address, trader, &told, figures);
        its_bids_are_there_once(address, trader, &auctions);
    }
    let results: Vec<(Uuid, Value)> =
        completed(&auctions).map(|auction| (auction, result(address, &operator.token, auction))).collect();
    server.end(Kill::Kindly);
    is_sound(place);
    replays_to_one_state(place);
    assert!(!results.is_empty(), "some auctions were completed");
    for (auction, recorded) in &results {
        clears_again(place, *auction, recorded, traders);
        count(&figures.cleared);
    }
}

/// What a dead server left must be whole, but for an end that was never acknowledged.
pub fn is_sound(place: &Place) {
    let report = place.log("verify", &place.data());
    assert_eq!(report["sound"], true, "{report}");
}

/// Ends what runs, and waits until all is settled.
fn end_all(address: SocketAddr, operator: &mut Operator) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let auctions = operator.list(address).expect("it lives");
        for auction in auctions.iter().filter(|auction| is_running(auction)) {
            operator.end(address, auction_id(auction), "close", "completed").expect("it lives");
        }
        // What was still running in this list is looked at again, in a list that shows its end.
        let open = auctions.iter().find(|auction| {
            is_running(auction)
                || auction["status"] != "cancelled"
                    && !is_settled(address, &operator.token, auction_id(auction))
        });
        let Some(open) = open else { return auctions };
        assert!(Instant::now() < deadline, "{open} ends and settles");
        std::thread::yield_now();
    }
}

fn is_settled(address: SocketAddr, token: &str, auction: Uuid) -> bool {
    let path = format!("/v1/settlements/{auction}");
    let answer = rest(address, token, ("GET", &path), None, &Value::Null).expect("it lives");
    // Where nothing was sold nothing is settled.
    answer.status != 200
        || matches!(answer.body["phase"].as_str(), Some("complete" | "failed" | "rolled_back"))
}

fn completed(auctions: &[Value]) -> impl Iterator<Item = Uuid> {
    auctions.iter().filter(|auction| auction["status"] == "completed").map(auction_id)
}

/// Every key made exactly one auction, and every end that was acknowledged held.
fn each_creation_made_one_auction(operator: &Operator, market: &Market, auctions: &[Value]) {
    let known: BTreeMap<Uuid, &Value> =
        auctions.iter().map(|auction| (auction_id(auction), auction)).collect();
    assert_eq!(known.len(), operator.created.len(), "an auction for each key, and no more");
    for creation in &operator.created {
        let auction = creation.auction.expect("all were answered");
        assert!(known.contains_key(&auction), "{} made {auction}, and it is lost", creation.key);
    }
    assert_eq!(market.all().len(), operator.created.len());
    for (auction, status) in &operator.ended {
        assert_eq!(known[auction]["status"], *status, "the end of {auction} was acknowledged");
    }
}

/// Repeats what is still open until every bid and cancellation has its answer.
fn every_outcome_is_known(address: SocketAddr, traders: &mut [Trader], figures: &Figures) {
    for trader in traders {
        let mut connection = Connection::open(address, &trader.token).expect("it lives");
        trader.repeat_unknown(&mut connection).expect("it lives");
        while !trader.is_answered() {
            let message = connection.hear().expect("it lives");
            // Without a subscription only answers and own copies come.
            trader.take(&message, figures);
        }
    }
}

/// All facts of all auctions by channel, told from the beginning to one who was never there.
fn everything_told(
    place: &Place,
    address: SocketAddr,
    auctions: &[Value],
) -> BTreeMap<&'static str, BTreeMap<Uuid, Vec<Fact>>> {
    let token = place.token("auditor", &["read", "subscribe"]);
    let mut connection = Connection::open(address, &token).expect("it lives");
    let epoch = connection.epoch().expect("it lives");
    let mut told = BTreeMap::new();
    for channel in CHANNELS {
        let mut stream = Stream::default();
        for auction in auctions.iter().map(auction_id) {
            catch_up(&mut connection, channel, auction, &epoch, &mut stream, "the auditor");
        }
        told.insert(channel, stream.facts);
    }
    told
}

/// Resumes one channel of one ended auction from where `stream` is, to its end.
fn catch_up(
    connection: &mut Connection,
    channel: &str,
    auction: Uuid,
    epoch: &str,
    stream: &mut Stream,
    who: &str,
) {
    let since = json!({"epoch": epoch, "offset": stream.last(auction)});
    let subscribe = json!({"type": "subscribe", "channel": channel, "auction_id": auction, "since": since});
    connection.say(&subscribe).expect("it lives");
    // `settlement` stays open after the end: a question behind it marks that.
    let mut has_begun = false;
    loop {
        let message = connection.hear_within(Duration::from_millis(50)).expect("it lives");
        let Some(message) = message else {
            if channel == "settlement" && has_begun && is_told(connection, auction, stream, who) {
                return;
            }
            continue;
        };
        match message["type"].as_str() {
            Some("subscribed") => {
                assert_eq!(message["payload"]["recovered"], true, "{who}: {message}");
                has_begun = true;
            }
            Some("unsubscribed") => return,
            Some("error") => panic!("{who}: {message}"),
            _ => hear_fact(&message, channel, stream, who),
        }
    }
}

fn hear_fact(message: &Value, channel: &str, stream: &mut Stream, who: &str) {
    let Some((of, fact)) = Fact::of(message) else { return };
    assert_eq!(of, channel);
    if !is_present_state(channel, message, stream, &fact) {
        assert_eq!(message["replayed"], true, "nothing new happens any more: {message}");
        stream.push(fact, who);
    }
}

/// Ends a subscription to `settlement`, which is answered behind all that it still had to tell.
fn is_told(connection: &mut Connection, auction: Uuid, stream: &mut Stream, who: &str) -> bool {
    let end = json!({"type": "unsubscribe", "channel": "settlement", "auction_id": auction});
    connection.say(&end).expect("it lives");
    loop {
        let message = connection.hear().expect("it lives");
        if message["type"] == "unsubscribed" {
            return true;
        }
        hear_fact(&message, "settlement", stream, who);
    }
}

/// What a client heard over all its connections, to the end, is what was told from the beginning.
fn its_streams_are_whole(
    address: SocketAddr,
    trader: &mut Trader,
    told: &BTreeMap<&'static str, BTreeMap<Uuid, Vec<Fact>>>,
    figures: &Figures,
) {
    let Some(epoch) = trader.epoch.clone() else { panic!("{} was never connected", trader.name) };
    let mut connection = Connection::open(address, &trader.token).expect("it lives");
    for (channel, stream) in &mut trader.streams {
        for (auction, expected) in &told[channel] {
            catch_up(&mut connection, channel, *auction, &epoch, stream, &trader.name);
            assert_eq!(stream.whole(*auction), *expected, "{} on {channel} of {auction}", trader.name);
            figures.compared.fetch_add(expected.len() as u64, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

/// Every acknowledged bid is there once, every acknowledged cancellation holds, and nothing refused is there.
fn its_bids_are_there_once(address: SocketAddr, trader: &Trader, auctions: &[Value]) {
    let mut connection = Connection::open(address, &trader.token).expect("it lives");
    for auction in auctions.iter().map(auction_id) {
        let mut found: BTreeMap<String, Value> = BTreeMap::new();
        for bid in own_bids(&mut connection, auction) {
            let client_bid_id = bid["client_bid_id"].as_str().expect("each has one").to_owned();
            let twice = found.insert(client_bid_id, bid);
            assert!(twice.is_none(), "there twice: {twice:?}");
        }
        for (client_bid_id, wish) in trader.wishes_in(auction) {
            let bid = found.remove(client_bid_id);
            match (&wish.state, bid) {
                (State::Accepted { bid, offset }, Some(there)) => {
                    assert_eq!((id(&there["bid_id"]), there["offset"].as_u64()), (*bid, Some(*offset)));
                    assert_eq!(there["quantity"].as_f64(), Some(wish.quantity as f64));
                    assert_eq!(there["price"].as_f64(), Some(wish.price));
                    let is_cancelled = there["status"] == "cancelled";
                    match wish.cancel {
                        Cancel::Done => assert!(is_cancelled, "its cancellation is lost: {there}"),
                        Cancel::None | Cancel::TooLate => assert!(!is_cancelled, "{there}"),
                        Cancel::Asked => panic!("every cancellation was answered: {there}"),
                    }
                }
                (State::Rejected(_), None) => {}
                (state, there) => panic!("{client_bid_id} is {state:?}, and there is {there:?}"),
            }
        }
        assert!(found.is_empty(), "nobody asked for {found:?}");
    }
}

fn own_bids(connection: &mut Connection, auction: Uuid) -> Vec<Value> {
    let mut all = Vec::new();
    let mut after = Value::Null;
    loop {
        let ask = json!({"type": "get_bids", "auction_id": auction, "after": after, "limit": 100});
        connection.say(&ask).expect("it lives");
        let page = connection.hear().expect("it lives");
        assert_eq!(page["type"], "bids", "{page}");
        all.extend(page["payload"]["bids"].as_array().expect("a list").iter().cloned());
        after = page["payload"]["next_after"].clone();
        if after.is_null() {
            return all;
        }
    }
}

/// The recorded result with all allocations.
fn result(address: SocketAddr, token: &str, auction: Uuid) -> Value {
    let mut whole: Option<Value> = None;
    let mut after = String::new();
    loop {
        let path = format!("/v1/auctions/{auction}/result?limit=100{after}");
        let answer = rest(address, token, ("GET", &path), None, &Value::Null).expect("it lives");
        assert_eq!(answer.status, 200, "{answer:?}");
        let mut page = answer.body;
        let next = page["next_after"].as_str().map(str::to_owned);
        if let Some(before) = whole.take() {
            let mut allocations = before["allocations"].as_array().expect("a list").clone();
            allocations.extend(page["allocations"].as_array().expect("a list").iter().cloned());
            page["allocations"] = allocations.into();
        }
        whole = Some(page);
        match next {
            Some(next) => after = format!("&after={next}"),
            None => return whole.expect("at least one page"),
        }
    }
}

/// `walras log replay` checks every event and comes to the same state each time.
fn replays_to_one_state(place: &Place) {
    let first = place.log("replay", &place.data());
    assert_eq!(first, place.log("replay", &place.data()));
    assert!(first["commands"].as_u64().is_some_and(|count| count > 0), "{first}");
}

/// The auction taken out of the log gives its recorded result through `walras clear`.
fn clears_again(place: &Place, auction: Uuid, recorded: &Value, traders: &[Trader]) {
    let data = place.data();
    let data = data.to_str().expect("text");
    let auction_text = auction.to_string();
    let words = ["log", "export", "--data", data, &auction_text, "--as", "auction"];
    let document = place.walras(&words, b"");
    let cleared = place.walras(&["clear"], document.as_bytes());
    let cleared: Value = serde_json::from_str(&cleared).expect("JSON");
    for figure in ["clearing_price", "total_allocated", "total_revenue", "total_quantity"] {
        assert_eq!(number(&cleared[figure]), number(&recorded[figure]), "{figure} of {auction}");
    }
    assert_eq!(cleared["total_bids"], recorded["total_bids"], "{auction}");
    let mut allocations: BTreeMap<String, (Option<f64>, Option<f64>)> = BTreeMap::new();
    for (bid, won) in cleared["allocations"].as_object().expect("an object") {
        allocations.insert(bid.clone(), (number(&won["quantity"]), number(&won["payment"])));
    }
    let standing =
        traders.iter().flat_map(|trader| trader.wishes_in(auction)).filter_map(|(_, wish)| {
            match (&wish.state, wish.cancel) {
                (State::Accepted { bid, .. }, Cancel::None | Cancel::TooLate) => Some(bid.to_string()),
                _ => None,
            }
        });
    let standing: std::collections::BTreeSet<String> = standing.collect();
    assert!(allocations.keys().eq(standing.iter()), "the log has just the bids that stood: {auction}");
    allocations.retain(|_, (quantity, _)| *quantity != Some(0.0));
    for won in recorded["allocations"].as_array().expect("a list") {
        let bid = won["bid_id"].as_str().expect("an id");
        let expected = (number(&won["quantity"]), number(&won["payment"]));
        assert_eq!(allocations.remove(bid), Some(expected), "{bid} in {auction}");
    }
    assert!(allocations.is_empty(), "not recorded: {allocations:?}");
}

/// Both forms of a number, exact text and JSON number; the test's values are small enough for either.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}
