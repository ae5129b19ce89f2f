//! What each client message decodes to, and what is refused, how and where.

use uuid::Uuid;
use walras::engine::{AuctionId, BidId, SettlementId, SettlementStep};
use walras::units::{Grid, PriceTicks, QuantityLots, Reading, TimeUs};
use walras::wire::decode::{
    AmendedNumbers, AuctionScope, BidNumbers, BidRefText, ClientBody, ClientTime, DecodeError, Decoder,
    NumberText, Unsupported, WrongOption, lots_at_least, read_amendment, read_bid,
};
use walras::wire::{Code, Grids, Refusal};

const AUCTION: &str = "550e8400-e29b-41d4-a716-446655440000";
const BID: &str = "660e8400-e29b-41d4-a716-446655440001";
const SETTLEMENT: &str = "770e8400-e29b-41d4-a716-446655440002";

fn uuid(text: &str) -> Uuid {
    Uuid::parse_str(text).expect("an id")
}

/// Decodes a message in which A, B and S stand for the ids of an auction, a bid and a settlement.
fn with_ids(message: &str) -> String {
    message.replace("$A", AUCTION).replace("$B", BID).replace("$S", SETTLEMENT)
}

fn check(message: &str, check: impl FnOnce(ClientBody<'_>)) {
    let message = with_ids(message);
    let mut decoder = Decoder::new();
    let read = decoder.decode(message.as_bytes()).unwrap_or_else(|error| panic!("{message}: {error}"));
    check(read.body);
}

fn refused(message: &str) -> Box<DecodeError> {
    let message = with_ids(message);
    let mut decoder = Decoder::new();
    match decoder.decode(message.as_bytes()) {
        Ok(read) => panic!("{message} was taken as {read:?}"),
        Err(error) => error,
    }
}

#[test]
fn a_bid_is_read_with_all_its_members() {
    let message = r#"{"type":"submit_bid","auction_id":"$A","payload":{"quantity":100.0,"price":"50.0",
        "is_marginal":true,"is_phantom":true,"client_bid_id":"a.b:c_d-9","order_type":"limit","note":null}}"#;
    check(message, |body| {
        let ClientBody::SubmitBid { auction, bid } = body else { panic!("{body:?}") };
        assert_eq!(auction.id, Some(AuctionId(uuid(AUCTION))));
        assert_eq!(bid.quantity, Some(NumberText { text: "100.0", reading: Reading::ProgramNumber }));
        assert_eq!(bid.price, Some(NumberText { text: "50.0", reading: Reading::Exact }));
        assert_eq!((bid.is_marginal, bid.is_phantom), (true, true));
        assert_eq!(bid.client_bid_id, Some("a.b:c_d-9"));
        assert_eq!(bid.unsupported, None);
    });
}

#[test]
fn a_price_taker_sends_its_order_type_and_no_price() {
    let message = r#"{"type":"submit_bid","auction_id":"$A","payload":{"quantity":1,"order_type":"market"}}"#;
    check(message, |body| {
        let ClientBody::SubmitBid { bid, .. } = body else { panic!("{body:?}") };
        assert_eq!((bid.price, bid.unsupported), (None, None));
    });
}

#[test]
fn members_that_would_change_a_bids_meaning_are_told_apart_from_malformed_ones() {
    let members = [
        ("side", r#""side":"sell""#),
        ("budget", r#""budget":100"#),
        ("stop_price", r#""stop_price":1"#),
        ("expires_at", r#""expires_at":"2024-01-01T00:00:00Z""#),
        ("time_in_force", r#""time_in_force":"IOC""#),
        ("post_only", r#""post_only":false"#),
        ("order_type", r#""order_type":"iceberg""#),
        ("price", r#""order_type":"market""#),
    ];
    for (field, member) in members {
        let message = format!(
            r#"{{"type":"submit_bid","auction_id":"$A","payload":{{"quantity":1,"price":2,{member}}}}}"#
        );
        check(&message, |body| {
            let ClientBody::SubmitBid { bid, .. } = body else { panic!("{body:?}") };
            assert_eq!(bid.unsupported.map(Unsupported::field), Some(field), "{message}");
        });
    }
    // A budget takes the quantity's place: the bid is understood, and refused for what it asks.
    check(r#"{"type":"submit_bid","auction_id":"$A","payload":{"budget":100,"price":2}}"#, |body| {
        let ClientBody::SubmitBid { bid, .. } = body else { panic!("{body:?}") };
        assert_eq!(bid.unsupported.map(Unsupported::field), Some("budget"));
        let unreadable = read_bid(&bid, grids("0.01", "1")).expect_err("it asks for what is not offered");
        assert_eq!((&*unreadable.quantity, &*unreadable.price), ("null", "2.0"));
        assert!(unreadable.details.starts_with(r#""field":"budget","#), "{}", unreadable.details);
    });
}

#[test]
fn every_other_request_is_read() {
    check(r#"{"type":"auth","token":"Bearer x"}"#, |body| {
        assert_eq!(body, ClientBody::Auth { token: "Bearer x" });
    });
    check(r#"{"type":"cancel_bid","bid_id":"$B"}"#, |body| {
        let id = Some(BidId(uuid(BID)));
        assert_eq!(body, ClientBody::CancelBid { bid: BidRefText::Id { word: BID, id } });
    });
    check(r#"{"type":"cancel_bid","client_bid_id":"x","auction_id":"$A"}"#, |body| {
        let ClientBody::CancelBid { bid: BidRefText::Client { auction, client_bid_id } } = body else {
            panic!("{body:?}")
        };
        assert_eq!((auction.word, client_bid_id), (AUCTION, "x"));
    });
    check(r#"{"type":"get_bid","bid_id":"no id"}"#, |body| {
        assert_eq!(body, ClientBody::GetBid { bid: BidRefText::Id { word: "no id", id: None } });
    });
    check(r#"{"type":"get_bids","auction_id":"$A","after":"$B","limit":7}"#, |body| {
        let ClientBody::GetBids { after, limit, .. } = body else { panic!("{body:?}") };
        assert_eq!((after, limit), (Some(BidId(uuid(BID))), 7));
    });
    check(r#"{"type":"get_bids","auction_id":"$A"}"#, |body| {
        assert!(matches!(body, ClientBody::GetBids { after: None, limit: 100, .. }), "{body:?}");
    });
    check(r#"{"type":"get_auction","auction_id":"$A"}"#, |body| {
        assert!(matches!(body, ClientBody::GetAuction { auction } if auction.word == AUCTION));
    });
    check(r#"{"type":"cancel_all"}"#, |body| assert_eq!(body, ClientBody::CancelAll { auction: None }));
    check(r#"{"type":"cancel_all","auction_id":"$A"}"#, |body| {
        assert!(matches!(body, ClientBody::CancelAll { auction: Some(auction) } if auction.word == AUCTION));
    });
    check(r#"{"type":"list_subscriptions"}"#, |body| assert_eq!(body, ClientBody::ListSubscriptions));
    check(r#"{"type":"set_cancel_on_disconnect","enabled":true,"grace_ms":5000}"#, |body| {
        assert_eq!(body, ClientBody::SetCancelOnDisconnect { grace_ms: Some(5000) });
    });
    check(r#"{"type":"set_cancel_on_disconnect","enabled":false}"#, |body| {
        assert_eq!(body, ClientBody::SetCancelOnDisconnect { grace_ms: None });
    });
    check(r#"{"type":"ping"}"#, |body| assert_eq!(body, ClientBody::Ping { client_time: None }));
    check(r#"{"type":"ping","timestamp":1704067200000}"#, |body| {
        assert_eq!(body, ClientBody::Ping { client_time: Some(ClientTime::Number("1704067200000")) });
    });
    check(r#"{"type":"pong","timestamp":{"any":"thing"}}"#, |body| assert_eq!(body, ClientBody::Pong));
    check(r#"{"type":"amend_bid","bid_id":"$B","payload":{"price":"51.5"}}"#, |body| {
        let ClientBody::AmendBid { quantity: None, price: Some(price), unsupported: None, .. } = body else {
            panic!("{body:?}")
        };
        assert_eq!(price.text, "51.5");
    });
    let two = r#"{"type":"submit_bids","auction_id":"$A","bids":[{"quantity":1,"price":2},{"quantity":3,"price":4}]}"#;
    check(two, |body| {
        let ClientBody::SubmitBids { bids, .. } = body else { panic!("{body:?}") };
        let texts: Vec<_> = bids.iter().map(|bid| bid.quantity.expect("given").text).collect();
        assert_eq!(texts, ["1", "3"]);
    });
}

#[test]
fn settlement_requests_are_read() {
    let hash = "0f".repeat(32);
    let affirm = format!(
        r#"{{"type":"settlement_affirm","settlement_id":"$S","hash":"{hash}","agree":false,"reason":"no"}}"#
    );
    check(&affirm, |body| {
        let ClientBody::SettlementAffirm { settlement, hash, agree: false, reason: Some("no") } = body else {
            panic!("{body:?}")
        };
        assert_eq!((settlement.id, hash), (Some(SettlementId(uuid(SETTLEMENT))), [0x0f; 32]));
    });
    let report = r#"{"type":"settlement_report","settlement_id":"$S","step":"commit","ok":true,"gas_used":21000,
        "execution_path":["node","chain"]}"#;
    check(report, |body| {
        let ClientBody::SettlementReport(report) = body else { panic!("{body:?}") };
        assert_eq!((report.step, report.ok, report.gas_used), (SettlementStep::Commit, true, 21_000));
        assert_eq!(report.execution_path, ["node", "chain"]);
        assert_eq!(report.reason, None);
    });
}

/// `include_own`, `min_quantity` as text, `interval_ms`.
type Options = (Option<bool>, Option<String>, Option<u32>);

fn options(message: &str) -> Result<Options, WrongOption> {
    let message = with_ids(message);
    let mut decoder = Decoder::new();
    let read = decoder.decode(message.as_bytes()).unwrap_or_else(|error| panic!("{message}: {error}"));
    let ClientBody::Subscribe(request) = read.body else { panic!("{message}") };
    let options = request.options?;
    Ok((options.include_own, options.min_quantity.map(|number| number.text.to_owned()), options.interval_ms))
}

#[test]
fn options_are_read_nested_or_beside_and_the_nested_one_wins() {
    let read = Ok((Some(false), Some("1e2".to_owned()), Some(0)));
    let beside =
        r#"{"type":"subscribe","channel":"bids","include_own":false,"min_quantity":1e2,"interval_ms":0}"#;
    assert_eq!(options(beside), read);
    let nested = r#"{"type":"subscribe","channel":"bids","include_own":true,"interval_ms":9,
        "options":{"include_own":false,"min_quantity":"1e2","interval_ms":0}}"#;
    assert_eq!(options(nested), read);
    let nulls =
        r#"{"type":"subscribe","channel":"bids","options":null,"include_own":null,"min_quantity":null}"#;
    assert_eq!(options(nulls), Ok((None, None, None)));
}

#[test]
fn a_wrong_option_fails_the_subscription_and_not_the_message() {
    let wrong = [
        ("include_own", r#""include_own":"yes""#),
        ("min_quantity", r#""min_quantity":-1"#),
        ("min_quantity", r#""min_quantity":"ten""#),
        ("min_quantity", r#""min_quantity":-0.0"#),
        ("snapshot", r#""snapshot":1"#),
        ("interval_ms", r#""interval_ms":60001"#),
        ("interval_ms", r#""interval_ms":1.5"#),
        ("interval_ms", r#""interval_ms":-1"#),
        ("token", r#""token":7"#),
        ("token_pair", r#""token_pair":"""#),
        ("options", r#""options":[]"#),
        ("since", r#""since":"yesterday""#),
        ("since", r#""since":{"epoch":"e"}"#),
        ("since", r#""since":{"offset":3}"#),
        ("since", r#""since":{"epoch":"e","offset":-3}"#),
        ("since", r#""since":{"epoch":"e","offsets":{"no id":3}}"#),
    ];
    for (option, member) in wrong {
        let message = format!(r#"{{"type":"subscribe","channel":"bids",{member}}}"#);
        assert_eq!(options(&message).map_err(|wrong| wrong.option), Err(option), "{message}");
    }
}

#[test]
fn auctions_are_named_or_all_of_them_meant() {
    let scope = |message: &str| {
        let message = with_ids(message);
        let mut decoder = Decoder::new();
        match decoder.decode(message.as_bytes()).expect("a message").body {
            ClientBody::Subscribe(request) => match request.auction {
                AuctionScope::All => (String::new(), None),
                AuctionScope::One(auction) => (auction.word.to_owned(), auction.id),
            },
            body => panic!("{body:?}"),
        }
    };
    assert_eq!(scope(r#"{"type":"subscribe","channel":"auction"}"#), (String::new(), None));
    assert_eq!(
        scope(r#"{"type":"subscribe","channel":"auction","auction_id":"global"}"#),
        (String::new(), None)
    );
    assert_eq!(scope(r#"{"type":"subscribe","channel":"auction","auction_id":null}"#), (String::new(), None));
    let one = scope(r#"{"type":"subscribe","channel":"auction","auction_id":"$A"}"#);
    assert_eq!(one, (AUCTION.to_owned(), Some(AuctionId(uuid(AUCTION)))));
    let none = scope(
        r#"{"type":"subscribe","channel":"auction","auction_id":"{550e8400e29b41d4a716446655440000}"}"#,
    );
    assert_eq!(none.1, None);
}

#[test]
fn a_place_to_resume_from_is_read_for_one_auction_or_many() {
    let since = |message: &str| {
        let message = with_ids(message);
        let mut decoder = Decoder::new();
        match decoder.decode(message.as_bytes()).expect("a message").body {
            ClientBody::Subscribe(request) => {
                let since = request.options.expect("good options").since.expect("a place");
                (since.epoch.to_owned(), since.offset, since.offsets)
            }
            body => panic!("{body:?}"),
        }
    };
    let many = r#"{"type":"subscribe","channel":"auction","since":{"epoch":"e","offsets":{"$A":7}}}"#;
    assert_eq!(since(many), ("e".to_owned(), None, vec![(AuctionId(uuid(AUCTION)), 7)]));
    let one = r#"{"type":"subscribe","channel":"auction","auction_id":"$A","options":{"since":{"epoch":"e","offset":9}}}"#;
    assert_eq!(since(one), ("e".to_owned(), Some(9), vec![]));
}

#[test]
fn malformed_messages_are_refused_with_the_field_that_is_wrong() {
    let bid = |payload: &str| format!(r#"{{"type":"submit_bid","auction_id":"$A","payload":{payload}}}"#);
    let cases = [
        (r#"{}"#.to_owned(), "type"),
        (r#"{"type":5}"#.to_owned(), "type"),
        (r#"{"type":"bid"}"#.to_owned(), "type"),
        (r#"{"type":"auth"}"#.to_owned(), "token"),
        (r#"{"type":"subscribe"}"#.to_owned(), "channel"),
        (r#"{"type":"subscribe","channel":"auction","auction_id":5}"#.to_owned(), "auction_id"),
        (r#"{"type":"submit_bid","payload":{"quantity":1,"price":1}}"#.to_owned(), "auction_id"),
        (r#"{"type":"submit_bid","auction_id":"$A"}"#.to_owned(), "payload"),
        (bid("[]"), "payload"),
        (bid(r#"{"price":1}"#), "payload.quantity"),
        (bid(r#"{"quantity":1}"#), "payload.price"),
        (bid(r#"{"quantity":1,"price":null}"#), "payload.price"),
        (bid(r#"{"quantity":1,"price":null,"order_type":"market"}"#), "payload.price"),
        (bid(r#"{"quantity":null,"price":1}"#), "payload.quantity"),
        (bid(r#"{"quantity":true,"price":1}"#), "payload.quantity"),
        (bid(r#"{"quantity":[1],"price":1}"#), "payload.quantity"),
        (bid(r#"{"quantity":-0,"price":1}"#), "payload.quantity"),
        (bid(r#"{"quantity":1,"price":-0.0}"#), "payload.price"),
        (bid(r#"{"quantity":1,"price":-0e5}"#), "payload.price"),
        (bid(r#"{"quantity":1,"price":"NaN"}"#), "payload.price"),
        (bid(r#"{"quantity":1,"price":"Infinity"}"#), "payload.price"),
        (bid(r#"{"quantity":1,"price":"1e999"}"#), "payload.price"),
        (bid(r#"{"quantity":1,"price":"01"}"#), "payload.price"),
        (bid(r#"{"quantity":1,"price":"+1"}"#), "payload.price"),
        (bid(r#"{"quantity":1,"price":"-0"}"#), "payload.price"),
        (bid(r#"{"quantity":1,"price":" 1"}"#), "payload.price"),
        (bid(r#"{"quantity":1,"price":"1_0"}"#), "payload.price"),
        (bid(r#"{"quantity":1,"price":""}"#), "payload.price"),
        (bid(r#"{"quantity":1,"price":"."}"#), "payload.price"),
        (bid(r#"{"quantity":1,"price":1,"client_bid_id":""}"#), "payload.client_bid_id"),
        (bid(r#"{"quantity":1,"price":1,"client_bid_id":"a b"}"#), "payload.client_bid_id"),
        (bid(r#"{"quantity":1,"price":1,"client_bid_id":5}"#), "payload.client_bid_id"),
        (bid(r#"{"quantity":1,"price":1,"is_marginal":"yes"}"#), "payload.is_marginal"),
        (bid(r#"{"quantity":1,"price":1,"order_type":5}"#), "payload.order_type"),
        (r#"{"type":"amend_bid","bid_id":"$B","payload":{}}"#.to_owned(), "payload.quantity"),
        (r#"{"type":"amend_bid","bid_id":"$B","payload":{"price":null}}"#.to_owned(), "payload.price"),
        (r#"{"type":"cancel_bid"}"#.to_owned(), "bid_id"),
        (r#"{"type":"cancel_bid","client_bid_id":"x"}"#.to_owned(), "auction_id"),
        (r#"{"type":"cancel_bid","bid_id":7}"#.to_owned(), "bid_id"),
        (r#"{"type":"submit_bids","auction_id":"$A","bids":{}}"#.to_owned(), "bids"),
        (r#"{"type":"submit_bids","auction_id":"$A","bids":[]}"#.to_owned(), "bids"),
        (
            r#"{"type":"submit_bids","auction_id":"$A","bids":[{"quantity":1,"price":1},7]}"#.to_owned(),
            "bids[1]",
        ),
        (r#"{"type":"submit_bids","auction_id":"$A","bids":[{"quantity":1}]}"#.to_owned(), "bids[0].price"),
        (r#"{"type":"get_bids","auction_id":"$A","limit":0}"#.to_owned(), "limit"),
        (r#"{"type":"get_bids","auction_id":"$A","limit":101}"#.to_owned(), "limit"),
        (r#"{"type":"get_bids","auction_id":"$A","limit":1e1}"#.to_owned(), "limit"),
        (r#"{"type":"get_bids","auction_id":"$A","after":"x"}"#.to_owned(), "after"),
        (r#"{"type":"set_cancel_on_disconnect"}"#.to_owned(), "enabled"),
        (r#"{"type":"set_cancel_on_disconnect","enabled":true,"grace_ms":600001}"#.to_owned(), "grace_ms"),
        (r#"{"type":"ping","timestamp":[]}"#.to_owned(), "timestamp"),
        (r#"{"type":"settlement_affirm","settlement_id":"$S","hash":"zz","agree":true}"#.to_owned(), "hash"),
        (r#"{"type":"settlement_report","settlement_id":"$S","step":"undo","ok":true}"#.to_owned(), "step"),
        (r#"{"type":"pong","correlation_id":7}"#.to_owned(), "correlation_id"),
        (format!(r#"{{"type":"pong","correlation_id":"{}"}}"#, "x".repeat(129)), "correlation_id"),
        (format!(r#"{{"type":"ping","timestamp":"{}"}}"#, "x".repeat(65)), "timestamp"),
        (r#"{"type":"pong","a":{"b":{"twice":1,"twice":2}}}"#.to_owned(), "twice"),
        (r#"{"type":"pong","type":"pong"}"#.to_owned(), "type"),
    ];
    for (message, field) in cases {
        let error = refused(&message);
        assert_eq!(error.field, field, "{message}: {error}");
        assert_eq!(Refusal::of_decode(&error).code, Code::InvalidMessage);
    }
}

#[test]
fn what_is_no_json_is_refused_whatever_it_was_meant_to_say() {
    let texts: [&[u8]; 16] = [
        b"",
        b"   ",
        b"{",
        b"null",
        b"[1]",
        b"{\"type\":\"pong\"} {}",
        b"{\"type\":\"ping\",\"timestamp\":01}",
        b"{\"type\":\"ping\",\"timestamp\":+1}",
        b"{\"type\":\"ping\",\"timestamp\":NaN}",
        b"{\"type\":\"ping\",\"timestamp\":Infinity}",
        b"{\"type\":\"ping\",\"timestamp\":1e999}",
        b"{\"type\":\"ping\",\"timestamp\":\"\\ud800\"}",
        b"{\"type\":\"ping\",\"timestamp\":\"\\udc00\\ud800\"}",
        b"{\"type\":\"ping\",\"timestamp\":\"\xff\"}",
        b"{\"type\":\"ping\",\"timestamp\":\"\xed\xa0\x80\"}",
        b"{\"type\":\"ping\",}",
    ];
    for text in texts {
        let shown = String::from_utf8_lossy(text);
        assert!(Decoder::new().decode(text).is_err(), "{shown}");
    }
}

#[test]
fn nesting_is_taken_to_32_levels_and_a_message_to_65536_bytes() {
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        format!(r#"{{"type":"pong","x":{open}{close}}}"#)
    };
    let padded = |bytes: usize| format!(r#"{{"type":"pong","x":"{}"}}"#, "y".repeat(bytes - 22));
    let mut decoder = Decoder::new();
    assert!(decoder.decode(nested(32).as_bytes()).is_ok());
    assert_eq!(refused(&nested(33)).to_string(), "JSON nested deeper than 32 levels");
    assert!(decoder.decode("[".repeat(10_000).as_bytes()).is_err());
    assert_eq!(padded(65_536).len(), 65_536);
    assert!(decoder.decode(padded(65_536).as_bytes()).is_ok());
    assert!(decoder.decode(padded(65_537).as_bytes()).is_err());
    assert!(decoder.decode(br#"{"type":"pong"}"#).is_ok());
}

#[test]
fn an_object_with_many_members_is_searched_for_equal_keys_too() {
    let members = |twin: &str| {
        let keys: Vec<String> = (0..500).map(|index| format!("\"key{index}\":{index}")).collect();
        format!(r#"{{"type":"pong",{},"{twin}":1}}"#, keys.join(","))
    };
    assert!(Decoder::new().decode(members("other").as_bytes()).is_ok());
    assert_eq!(refused(&members("key77")).field, "key77");
    assert_eq!(refused(&members("\\u006bey499")).field, "key499");
}

#[test]
fn an_error_carries_the_ids_that_could_be_read() {
    let error = refused(
        r#"{"type":"submit_bid","correlation_id":"c-1","auction_id":"$A","payload":{"client_bid_id":"b-1","price":1}}"#,
    );
    assert_eq!(error.correlation_id.as_deref(), Some("c-1"));
    assert_eq!(error.client_bid_id.as_deref(), Some("b-1"));
    let refusal = Refusal::of_decode(&error);
    assert_eq!(refusal.message, "payload.quantity is missing");
    assert_eq!(refusal.details, r#""field":"payload.quantity","client_bid_id":"b-1""#);
    let error = refused(r#"{"type":"cancel_bid","client_bid_id":"b-2","correlation_id":9}"#);
    assert_eq!((error.correlation_id, error.client_bid_id.as_deref()), (None, Some("b-2")));
}

fn grids(tick: &str, lot: &str) -> Grids {
    Grids { tick: Grid::parse(tick).expect("a grid"), lot: Grid::parse(lot).expect("a grid") }
}

fn bid(quantity: &str, price: &str, grids: Grids) -> Result<BidNumbers, String> {
    let message = format!(
        r#"{{"type":"submit_bid","auction_id":"x","payload":{{"quantity":{quantity},"price":{price}}}}}"#
    );
    let mut decoder = Decoder::new();
    let read = decoder.decode(message.as_bytes()).unwrap_or_else(|error| panic!("{message}: {error}"));
    let ClientBody::SubmitBid { bid, .. } = read.body else { panic!("{message}") };
    read_bid(&bid, grids).map_err(|error| {
        format!("{} | {} | {} | {}", error.message, error.details, error.quantity, error.price)
    })
}

#[test]
fn numbers_are_put_on_the_grid_exactly() {
    let on =
        |quantity, price| Ok(BidNumbers { quantity: QuantityLots(quantity), price: Some(PriceTicks(price)) });
    let grids = grids("0.01", "0.000001");
    assert_eq!(bid("100.0", "50.0", grids), on(100_000_000, 5000));
    assert_eq!(bid("1e2", "5e1", grids), on(100_000_000, 5000));
    assert_eq!(bid("\"100\"", "\"0.29\"", grids), on(100_000_000, 29));
    assert_eq!(bid("0.000001", "0", grids), on(1, 0));
    // What programs make of 2706.93 and 0.3.
    assert_eq!(bid("1", "2706.9300000000003", grids), on(1_000_000, 270_693));
    assert_eq!(bid("0.30000000000000004", "1", grids), on(300_000, 100));
}

#[test]
fn what_is_off_the_grid_or_out_of_range_is_told_with_the_nearest_value_that_would_do() {
    let grids = grids("0.01", "0.5");
    let cases = [
        (
            ("1", "100.005"),
            r#"price is off the auction's grid | "field":"price","value":"100.005","grid":0.01,"nearest":100.01 | 1.0 | 100.005"#,
        ),
        (
            ("1", "\"2706.9300000000003\""),
            r#"price is off the auction's grid | "field":"price","value":"2706.9300000000003","grid":0.01,"nearest":2706.93 | 1.0 | 2706.9300000000003"#,
        ),
        (
            ("0.1", "1"),
            r#"quantity is off the auction's grid | "field":"quantity","value":"0.1","grid":0.5,"nearest":0.5 | 0.1 | 1.0"#,
        ),
        (
            ("0", "1"),
            r#"quantity must be positive | "field":"quantity","value":"0","grid":0.5,"nearest":0.5 | 0.0 | 1.0"#,
        ),
        (
            ("-3", "1"),
            r#"quantity must be positive | "field":"quantity","value":"-3","grid":0.5,"nearest":0.5 | -3.0 | 1.0"#,
        ),
        (
            ("1", "-0.01"),
            r#"price must not be negative | "field":"price","value":"-0.01","grid":0.01,"nearest":0.0 | 1.0 | -0.01"#,
        ),
        (
            ("1e300", "1"),
            r#"quantity is out of range | "field":"quantity","value":"1e300","grid":0.5,"nearest":500000000000000000.0 | null | 1.0"#,
        ),
        (
            ("1", "1e17"),
            r#"price is out of range | "field":"price","value":"1e17","grid":0.01,"nearest":10000000000000000.0 | 1.0 | 100000000000000000.0"#,
        ),
    ];
    for ((quantity, price), told) in cases {
        assert_eq!(bid(quantity, price, grids).expect_err("it is refused"), told);
    }
    let long = format!("1.{}", "3".repeat(200));
    let told = bid("1", &long, grids).expect_err("it is refused");
    assert!(told.contains(&format!(r#""value":"{}""#, &long[..64])), "at most 64 characters in {told}");
    assert!(told.ends_with("| 1.0 | null"), "{told}");
}

#[test]
fn an_amendment_changes_what_it_names() {
    let grids = grids("0.01", "1");
    let exact = |text| Some(NumberText { text, reading: Reading::Exact });
    let amended = read_amendment(None, exact("2.5"), None, grids);
    assert_eq!(amended, Ok(AmendedNumbers { quantity: None, price: Some(PriceTicks(250)) }));
    let refused = read_amendment(exact("1.5"), None, None, grids).expect_err("off the grid");
    assert_eq!((&*refused.quantity, &*refused.price), ("1.5", "null"));
}

#[test]
fn a_filters_quantity_off_the_grid_means_the_next_one_up() {
    let lot = Grid::parse("0.5").expect("a grid");
    let least = |text| lots_at_least(NumberText { text, reading: Reading::Exact }, lot).0;
    assert_eq!([least("100"), least("100.1"), least("100.4"), least("100.5")], [200, 201, 201, 201]);
    assert_eq!([least("0"), least("0.0000000001"), least("1e-300")], [0, 1, 1]);
    assert_eq!(least("1e300"), i64::MAX);
}

#[test]
fn market_data_is_written_canonically_and_its_gaps_are_filled() {
    let now = TimeUs(1_704_067_200_000_000);
    let mut decoder = Decoder::new();
    let prices = decoder.decode_prices("ETH", br#"{"prices":{"usd":2500,"eur":"2.3e3"},"x":1}"#, now);
    assert_eq!(
        prices.as_deref(),
        Ok(
            r#"{"token":"ETH","prices":{"usd":2500.0,"eur":2300.0},"24h_change":null,"timestamp":"2024-01-01T00:00:00.000Z"}"#
        )
    );
    let given = br#"{"prices":{"usd":1.50},"24h_change":-2.25,"timestamp":"2024-01-01T01:00:00.5+01:00"}"#;
    assert_eq!(
        decoder.decode_prices("a\"b", given, now).as_deref(),
        Ok(
            r#"{"token":"a\"b","prices":{"usd":1.5},"24h_change":-2.25,"timestamp":"2024-01-01T00:00:00.500Z"}"#
        )
    );
    let book = br#"{"bids":[{"price":9.5,"quantity":1},{"price":10,"quantity":2}],"asks":[{"price":10.25,"quantity":3}]}"#;
    assert_eq!(
        decoder.decode_order_book("ETH/USD", book, now).as_deref(),
        Ok(concat!(
            r#"{"token_pair":"ETH/USD","bids":[{"price":9.5,"quantity":1.0},{"price":10.0,"quantity":2.0}],"#,
            r#""asks":[{"price":10.25,"quantity":3.0}],"spread":0.25,"mid_price":10.125,"#,
            r#""timestamp":"2024-01-01T00:00:00.000Z"}"#
        ))
    );
    let one_sided = decoder.decode_order_book("P", br#"{"bids":[],"asks":[]}"#, now).expect("an empty book");
    assert!(one_sided.contains(r#""spread":null,"mid_price":null"#), "{one_sided}");
}

#[test]
fn wrong_market_data_is_refused_with_its_field() {
    let now = TimeUs(0);
    let prices = [
        ("{}", "prices"),
        (r#"{"prices":{}}"#, "prices"),
        (r#"{"prices":{"usd":null}}"#, "prices"),
        (r#"{"prices":{"usd":-1}}"#, "prices"),
        (r#"{"prices":{"usd":1},"24h_change":"up"}"#, "24h_change"),
        (r#"{"prices":{"usd":1},"timestamp":"noon"}"#, "timestamp"),
        (r#"{"prices":{"usd":1},"timestamp":5}"#, "timestamp"),
    ];
    let mut decoder = Decoder::new();
    for (body, field) in prices {
        assert_eq!(decoder.decode_prices("T", body.as_bytes(), now).expect_err(body).field, field);
    }
    let books = [
        (r#"{"asks":[]}"#.to_owned(), "bids"),
        (r#"{"bids":[],"asks":[7]}"#.to_owned(), "asks[0]"),
        (r#"{"bids":[{"price":1}],"asks":[]}"#.to_owned(), "bids[0].quantity"),
        (r#"{"bids":[{"price":-1,"quantity":1}],"asks":[]}"#.to_owned(), "bids[0].price"),
        (format!(r#"{{"bids":[{}7],"asks":[]}}"#, "7,".repeat(250)), "bids"),
    ];
    for (body, field) in books {
        assert_eq!(decoder.decode_order_book("P", body.as_bytes(), now).expect_err(&body).field, field);
    }
}
