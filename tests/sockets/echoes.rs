//! What clients write comes back in answers: however long it was, no answer is longer than
//! a message may be, and an echo never much longer than what it is worth.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{AUCTION, World, bid};

/// An answer to nonsense: code, message, what was wrong.
const REFUSAL_BYTES_MAX: usize = 2_000;

#[test]
fn long_words_do_not_make_long_answers() {
    let world = World::start();
    world.open_auction();
    let everything = ["read", "write", "subscribe", "settle"];
    let long = "x".repeat(60_000);
    let digits = format!("1.{}", "0".repeat(60_000));
    let nines = "9".repeat(60_000);
    let mut with = Vec::new();
    for (member, mut message) in [
        ("type", json!({})),
        ("channel", json!({"type": "subscribe", "auction_id": AUCTION})),
        ("auction_id", json!({"type": "subscribe", "channel": "bids"})),
        ("auction_id", json!({"type": "unsubscribe", "channel": "bids"})),
        ("channel", json!({"type": "unsubscribe"})),
        ("token", json!({"type": "subscribe", "channel": "market_data"})),
        ("epoch", json!({"type": "subscribe", "channel": "bids"})),
        ("auction_id", json!({"type": "get_auction"})),
        ("bid_id", json!({"type": "get_bid"})),
        ("bid_id", json!({"type": "cancel_bid"})),
        ("client_bid_id", json!({"type": "cancel_bid", "auction_id": AUCTION})),
        ("after", json!({"type": "get_bids", "auction_id": AUCTION})),
        ("settlement_id", json!({"type": "settlement_affirm", "hash": "00".repeat(32), "agree": true})),
        ("correlation_id", json!({"type": "ping"})),
        ("timestamp", json!({"type": "ping"})),
        ("grace_ms", json!({"type": "set_cancel_on_disconnect", "enabled": true})),
    ] {
        message[member] = long.clone().into();
        with.push(message);
    }
    for (member, value) in [
        ("price", &digits),
        ("price", &nines),
        ("quantity", &nines),
        ("quantity", &long),
        ("order_type", &long),
        ("client_bid_id", &long),
        ("time_in_force", &long),
    ] {
        let mut message = bid(1, 1.0);
        message["payload"][member] = value.clone().into();
        with.push(message);
    }
    with.push(json!({"type": "subscribe", "channel": "bids", "auction_id": AUCTION, "min_quantity": digits}));
    with.push(json!({"type": "subscribe", "channel": "bids", "auction_id": "global", "min_quantity": nines}));
    let texts = with.iter().map(Value::to_string).chain([
        format!(r#"{{"type":"ping","timestamp":{nines}}}"#),
        format!(
            r#"{{"type":"submit_bid","auction_id":"{AUCTION}","payload":{{"quantity":{},"price":{}}}}}"#,
            &nines[..30_000],
            &digits[..30_000]
        ),
        format!(r#"{{"{key}":1,"{key}":1}}"#, key = &long[..20_000]),
    ]);
    for text in texts {
        let mut client = world.sign_in(&world.token("mallory", &everything));
        client.send_text(&text);
        for answer in client.all() {
            let bytes = answer.to_string().len();
            assert!(
                bytes <= REFUSAL_BYTES_MAX,
                "{bytes} bytes for {}…: {}…",
                &text[..60],
                &answer.to_string()[..300]
            );
        }
        client.say(json!({"type": "list_subscriptions"}));
        let listed = client.until("subscriptions").to_string();
        assert!(
            listed.len() <= REFUSAL_BYTES_MAX,
            "{} bytes of subscriptions for {}…",
            listed.len(),
            &text[..60]
        );
        world.advance(Duration::from_secs(1));
    }
}

#[test]
fn the_largest_terms_still_fit_a_message_and_the_rest_face_has_them_whole() {
    let world = World::start();
    let participants: Vec<String> = (0..1_000).map(|number| format!("{number:0>120}")).collect();
    let points: Vec<Value> = (1..=1_000).map(|step| json!([step, 10 * step])).collect();
    let terms = json!({
        "supply": {"type": "step", "points": points}, "settlement": {"participants": participants},
        "metadata": {"note": "m".repeat(16_000)},
    });
    world.create(AUCTION, terms);
    let mut client = world.trader("alice");
    client.say(json!({"type": "get_auction", "auction_id": AUCTION}));
    let info = client.expect("auction_info");
    assert_eq!(info["payload"]["auction_id"], AUCTION);
    assert_eq!((&info["payload"]["terms"], &info["payload"]["terms_omitted"]), (&Value::Null, &json!(true)));
    let whole =
        world.call(&world.operator(), "GET", &format!("/v1/auctions/{AUCTION}"), Value::Null).expect(200);
    assert_eq!(whole["terms_hash"], info["payload"]["terms_hash"]);
    assert_eq!(whole["terms"]["settlement"]["participants"].as_array().map(Vec::len), Some(1_000));
}

#[test]
fn a_hundred_refusals_of_long_numbers_fit_one_message() {
    let world = World::start();
    world.open_auction();
    let mut client = world.trader("alice");
    world.advance(Duration::from_secs(1));
    let bids: Vec<Value> = (0..100)
        .map(|number| {
            json!({"quantity": format!("{}.{}", "9".repeat(100), "3".repeat(100)), "price": "7".repeat(150),
                "client_bid_id": format!("{number:A>64}")})
        })
        .collect();
    client.say(json!({"type": "submit_bids", "auction_id": AUCTION, "bids": bids}));
    let results = client.expect("bids_result")["payload"]["results"].clone();
    assert_eq!(results.as_array().map(Vec::len), Some(100));
    assert!(results.as_array().is_some_and(|all| all.iter().all(|one| one["code"] == "INVALID_BID")));
}

#[test]
fn the_largest_order_book_fits_a_message() {
    let world = World::start();
    let mut client = world.trader("alice");
    client.say(json!({"type": "subscribe", "channel": "market_data", "interval_ms": 0}));
    client.expect("subscribed");
    let mut largest = None;
    for levels in [50, 100, 200, 500, 1_000, 2_000] {
        let side = |from: usize| -> Vec<Value> {
            (0..levels).map(|level| json!({"price": from + level, "quantity": "123456789.123456"})).collect()
        };
        let book = json!({"bids": side(1).into_iter().rev().collect::<Vec<_>>(), "asks": side(10_000)});
        let reply = world.call(&world.operator(), "PUT", "/v1/market-data/order-book/ETH-USD", book);
        if reply.status != 200 {
            reply.refusal(400, "INVALID_MESSAGE");
            break;
        }
        largest = Some(levels);
        assert_eq!(
            client.expect("order_book_update")["payload"]["bids"].as_array().map(Vec::len),
            Some(levels)
        );
    }
    assert!(largest.is_some_and(|levels| (100..2_000).contains(&levels)), "{largest:?}");
}
