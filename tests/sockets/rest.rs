//! The REST face over real sockets: an auction from its making to its settlement, who may
//! do what, and what bad requests are told.

use std::time::Duration;

use serde_json::{Value, json};
use walras::server::jwt::{Claims, NumericDate};

use crate::support::{AUCTION, START_US, World};

fn terms() -> Value {
    json!({"supply": {"type": "fixed", "quantity": 100}, "tick_size": 1, "lot_size": 1, "reserve_price": 10, "duration_ms": 60_000})
}

#[test]
fn an_auction_goes_from_its_making_to_its_settlement() {
    let world = World::start();
    let created = world.call(&world.operator(), "POST", "/v1/auctions", terms()).expect(201);
    assert_eq!(created["status"], "active");
    assert_eq!(created["created_at"], "2024-01-01T00:00:00.000Z");
    assert_eq!(created["ends_at"], "2024-01-01T00:01:00.000Z");
    assert_eq!(created["terms"]["price_rule"], "lab", "defaults are resolved: {created}");
    assert_eq!(created["terms_hash"].as_str().map(str::len), Some(64));
    let id = created["auction_id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/auctions/{id}");

    world.place(&id, "alice", 80, 30);
    world.place(&id, "bob", 50, 20);
    world.place(&id, "carol", 10, 12);
    let viewer = world.token("viewer", &["read"]);
    let shown = world.call(&viewer, "GET", &path, Value::Null).expect(200);
    assert_eq!(shown["total_bids"], 3);
    assert_eq!(shown["current_price"], 20.0);
    world.call(&viewer, "GET", &format!("{path}/result"), Value::Null).refusal(409, "AUCTION_NOT_OPEN");

    let closed = world.call(&world.operator(), "POST", &format!("{path}/close"), Value::Null).expect(200);
    assert_eq!(closed["status"], "completed");
    let result = world.call(&world.operator(), "GET", &format!("{path}/result"), Value::Null).expect(200);
    assert_eq!(result["clearing_price"], 20.0);
    assert_eq!(result["total_allocated"], 100.0);
    assert_eq!(result["total_revenue"], 2000.0);
    let won: Vec<_> = result["allocations"]
        .as_array()
        .expect("allocations")
        .iter()
        .map(|won| (won["bidder"].as_str().expect("a bidder"), won["quantity"].as_f64().expect("a number")))
        .collect();
    assert_eq!(won, [("alice", 80.0), ("bob", 20.0)]);
    let own =
        world.call(&world.token("bob", &["read"]), "GET", &format!("{path}/result"), Value::Null).expect(200);
    assert_eq!(own["allocations"].as_array().map(Vec::len), Some(1), "a bidder sees its own alone: {own}");
    assert_eq!(own["allocations"][0]["payment"], 400.0);

    let settlement = format!("/v1/settlements/{id}");
    let pending = world.call(&world.operator(), "GET", &settlement, Value::Null).expect(200);
    assert_eq!(pending["phase"], "consensus");
    assert_eq!(pending["participants_total"], 3);
    let hash = pending["hash"].as_str().expect("a hash").to_owned();
    let affirm = |party: &str, hash: &str| {
        let token = world.token(party, &["read", "settle"]);
        world.call(&token, "POST", &format!("{settlement}/affirm"), json!({"hash": hash, "agree": true}))
    };
    affirm("mallory", &hash).refusal(403, "PERMISSION_DENIED");
    affirm("bob", &"0".repeat(64)).refusal(409, "SETTLEMENT_CONFLICT");
    for party in ["alice", "bob", "operator"] {
        affirm(party, &hash).expect(200);
    }
    let settled = world.call(&world.operator(), "GET", &settlement, Value::Null).expect(200);
    assert_eq!(settled["phase"], "complete", "{settled}");
    for asset in ["money", "lots"] {
        let postings = settled["postings"].as_array().expect("postings");
        let of_asset = postings.iter().filter(|posting| posting["asset"] == asset);
        let amounts: Vec<_> = of_asset.map(|posting| posting["amount"].as_f64().expect("a number")).collect();
        assert!(amounts.len() >= 3, "{settled}");
        assert_eq!(amounts.iter().sum::<f64>(), 0.0, "{asset} is neither made nor lost");
    }
    let bobs = world.call(&world.token("bob", &["read"]), "GET", &settlement, Value::Null).expect(200);
    let postings = bobs["postings"].as_array().expect("postings");
    assert!(!postings.is_empty() && postings.iter().all(|posting| posting["party"] == "bob"), "{bobs}");
}

#[test]
fn operators_halt_resume_and_cancel_with_their_reasons() {
    let world = World::start();
    let id = world.post_auction(terms());
    let operator = world.operator();
    let act =
        |wish: &str, body: Value| world.call(&operator, "POST", &format!("/v1/auctions/{id}/{wish}"), body);
    assert_eq!(act("halt", json!({"reason": "storm"})).expect(200)["status"], "halted");
    act("halt", Value::Null).refusal(409, "AUCTION_NOT_OPEN");
    assert_eq!(act("resume", json!({})).expect(200)["status"], "active");
    assert_eq!(act("cancel", json!({"reason": 5})).refusal(400, "INVALID_MESSAGE")["field"], "reason");
    assert_eq!(act("cancel", json!({"reason": "withdrawn"})).expect(200)["status"], "cancelled");
    act("close", Value::Null).refusal(409, "AUCTION_ENDED");
}

#[test]
fn a_repeated_idempotency_key_gives_the_same_auction() {
    let world = World::start();
    let bearer = format!("Bearer {}", world.operator());
    let post = |key: &str, terms: &Value| {
        let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", key)];
        world.send("POST", "/v1/auctions", &headers, terms.to_string().as_bytes())
    };
    let first = post("order-1", &terms());
    assert!(!first.head.contains("idempotent-replayed"));
    let again = post("order-1", &terms());
    assert_eq!(again.status, 201);
    assert!(again.head.contains("idempotent-replayed: true"), "{}", again.head);
    assert_eq!(again.body["auction_id"], first.body["auction_id"]);
    assert_ne!(post("order-2", &terms()).expect(201)["auction_id"], first.body["auction_id"]);
    let mut others = terms();
    others["reserve_price"] = json!(11);
    post("order-1", &others).refusal(409, "AUCTION_EXISTS");
    assert_eq!(post(&"k".repeat(129), &terms()).refusal(400, "INVALID_MESSAGE")["field"], "Idempotency-Key");
}

#[test]
fn listings_come_in_pages() {
    let world = World::start();
    let ids: Vec<_> = (0..5).map(|_| world.post_auction(terms())).collect();
    let operator = world.operator();
    let mut found = Vec::new();
    let mut path = "/v1/auctions?limit=2".to_owned();
    loop {
        let page = world.call(&operator, "GET", &path, Value::Null).expect(200);
        for auction in page["auctions"].as_array().expect("auctions") {
            found.push(auction["auction_id"].as_str().expect("an id").to_owned());
        }
        let Some(after) = page["next_after"].as_str() else { break };
        path = format!("/v1/auctions?limit=2&after={after}");
    }
    assert_eq!(found, ids);
    for (query, field) in
        [("limit=0", "limit"), ("limit=101", "limit"), ("after=x", "after"), ("page=2", "page")]
    {
        let reply = world.call(&operator, "GET", &format!("/v1/auctions?{query}"), Value::Null);
        assert_eq!(reply.refusal(400, "INVALID_MESSAGE")["field"], field);
    }
}

#[test]
fn each_call_needs_a_token_and_its_permission() {
    let world = World::start();
    let id = world.post_auction(terms());
    let calls = [
        ("POST", "/v1/auctions".to_owned(), "operate"),
        ("GET", "/v1/auctions".to_owned(), "read"),
        ("GET", format!("/v1/auctions/{id}"), "read"),
        ("GET", format!("/v1/auctions/{id}/result"), "read"),
        ("POST", format!("/v1/auctions/{id}/close"), "operate"),
        ("POST", format!("/v1/auctions/{id}/cancel"), "operate"),
        ("POST", format!("/v1/auctions/{id}/halt"), "operate"),
        ("POST", format!("/v1/auctions/{id}/resume"), "operate"),
        ("PUT", "/v1/market-data/prices/ETH".to_owned(), "operate"),
        ("PUT", "/v1/market-data/order-book/ETH-USD".to_owned(), "operate"),
        ("GET", format!("/v1/settlements/{id}"), "read"),
        ("POST", format!("/v1/settlements/{id}/affirm"), "settle"),
        ("POST", format!("/v1/settlements/{id}/execute"), "operate"),
    ];
    let all = ["read", "write", "subscribe", "operate", "settle", "phantom"];
    for (method, path, permission) in &calls {
        let bare = world.send(method, path, &[], b"");
        assert!(bare.head.contains("www-authenticate: bearer"), "{}", bare.head);
        bare.refusal(401, "AUTH_REQUIRED");
        world.send(method, path, &[("Authorization", "Basic YTpi")], b"").refusal(401, "AUTH_REQUIRED");
        let wrong = world.call("not-a-token", method, path, Value::Null);
        assert_eq!(wrong.body["error"]["message"], "Invalid token");
        wrong.refusal(401, "AUTH_FAILED");
        let others: Vec<_> = all.into_iter().filter(|word| word != permission).collect();
        let token = world.token("somebody", &others);
        let lacking = world.call(&token, method, path, Value::Null).refusal(403, "PERMISSION_DENIED");
        assert_eq!(lacking["permission"], *permission, "{method} {path}");
    }
}

#[test]
fn time_passes_on_the_hosts_clock_for_tokens_too() {
    let world = World::start();
    let token = world.operator();
    world.call(&token, "GET", "/v1/auctions", Value::Null).expect(200);
    world.advance(Duration::from_secs(86_400));
    world.call(&token, "GET", "/v1/auctions", Value::Null).refusal(401, "AUTH_FAILED");
}

#[test]
fn a_token_for_some_auctions_sees_no_others() {
    let world = World::start();
    let (seen, hidden) = (world.post_auction(terms()), world.post_auction(terms()));
    let token = world.mint(&Claims {
        sub: "guest".to_owned(),
        exp: NumericDate::from_seconds(START_US / 1_000_000 + 60),
        role: Some("operator".to_owned()),
        auctions: Some(vec![seen.clone()]),
        ..Claims::default()
    });
    let page = world.call(&token, "GET", "/v1/auctions", Value::Null).expect(200);
    let ids: Vec<_> =
        page["auctions"].as_array().expect("a list").iter().map(|one| one["auction_id"].clone()).collect();
    assert_eq!(ids, [Value::from(seen.clone())]);
    world.call(&token, "GET", &format!("/v1/auctions/{seen}"), Value::Null).expect(200);
    for (method, path) in [
        ("GET", format!("/v1/auctions/{hidden}")),
        ("GET", format!("/v1/auctions/{hidden}/result")),
        ("POST", format!("/v1/auctions/{hidden}/close")),
        ("GET", format!("/v1/settlements/{hidden}")),
    ] {
        let details = world.call(&token, method, &path, Value::Null).refusal(403, "PERMISSION_DENIED");
        assert_eq!(details["auction_id"], hidden);
    }
}

#[test]
fn bad_requests_say_what_is_wrong_and_where() {
    let world = World::start();
    let operator = world.operator();
    for (body, field) in [
        (json!({}), "supply"),
        (json!({"supply": {"type": "fixed", "quantity": 5}, "tick_sise": 1}), "tick_sise"),
        (json!({"supply": {"type": "fixed", "quantity": -5}}), "supply.quantity"),
        (json!({"supply": {"type": "fixed", "quantity": 5}, "duration_ms": "soon"}), "duration_ms"),
        (json!([1]), "json"),
    ] {
        let details =
            world.call(&operator, "POST", "/v1/auctions", body.clone()).refusal(400, "INVALID_MESSAGE");
        assert_eq!(details["field"], field, "{body}");
    }
    let bearer = format!("Bearer {operator}");
    let with = [("Authorization", bearer.as_str())];
    for body in [&b"{"[..], b"", b"\xff", br#"{"supply":1,"supply":1}"#, br#"{"supply":1e999}"#] {
        world.send("POST", "/v1/auctions", &with, body).refusal(400, "INVALID_MESSAGE");
    }
    let deep = format!(r#"{{"metadata":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    world.send("POST", "/v1/auctions", &with, deep.as_bytes()).refusal(400, "INVALID_MESSAGE");
    world.send("POST", "/v1/auctions", &with, &vec![b' '; 300_000]).refusal(413, "INVALID_MESSAGE");
    let details =
        world.call(&operator, "GET", "/v1/auctions/abc", Value::Null).refusal(404, "AUCTION_NOT_FOUND");
    assert_eq!(details["auction_id"], "abc");
    world
        .call(&operator, "GET", &format!("/v1/auctions/{AUCTION}"), Value::Null)
        .refusal(404, "AUCTION_NOT_FOUND");
    world
        .call(&operator, "GET", &format!("/v1/settlements/{AUCTION}"), Value::Null)
        .refusal(404, "AUCTION_NOT_FOUND");
    world.call(&operator, "GET", "/v1/nothing", Value::Null).refusal(404, "INVALID_MESSAGE");
    world.call(&operator, "DELETE", "/v1/auctions", Value::Null).refusal(405, "INVALID_MESSAGE");
    world.call(&operator, "GET", "/v1/auctions/%ff", Value::Null).refusal(400, "INVALID_MESSAGE");
}

#[test]
pub fn an_auction_may_choose_its_id_once() {
    let world = World::start();
    let mut chosen = terms();
    chosen["auction_id"] = json!(AUCTION);
    assert_eq!(world.post_auction(chosen.clone()), AUCTION);
    let details =
        world.call(&world.operator(), "POST", "/v1/auctions", chosen).refusal(409, "AUCTION_EXISTS");
    assert_eq!(details["auction_id"], AUCTION);
}

#[test]
fn correlation_ids_are_echoed_and_made_where_none_is_given() {
    let world = World::start();
    let given = world.send("GET", "/v1/nothing", &[("X-Correlation-Id", "mine-7")], b"");
    assert!(given.head.contains("x-correlation-id: mine-7"));
    assert_eq!(given.body["correlation_id"], "mine-7");
    let made = world.send("GET", "/v1/nothing", &[("X-Correlation-Id", &"x".repeat(129))], b"");
    assert_eq!(made.body["correlation_id"].as_str().map(str::len), Some(36));
    assert!(world.send("GET", "/health/live", &[], b"").head.contains("x-correlation-id: "));
}

#[test]
fn market_data_is_taken_exactly_and_shown_as_it_will_be_sent() {
    let world = World::start();
    let operator = world.operator();
    let prices = json!({"prices": {"usd": 2500, "eur": "2300.10"}, "24h_change": 2.5});
    let put = world.call(&operator, "PUT", "/v1/market-data/prices/ETH", prices).expect(200);
    assert_eq!(put["prices"], json!({"usd": 2500.0, "eur": 2300.1}));
    assert_eq!(put["timestamp"], "2024-01-01T00:00:00.000Z");
    let book = json!({"bids": [{"price": 9.95, "quantity": 4}], "asks": [{"price": 10.1, "quantity": 2}]});
    let put = world.call(&operator, "PUT", "/v1/market-data/order-book/ETH-USD", book).expect(200);
    assert_eq!((put["spread"].as_f64(), put["mid_price"].as_f64()), (Some(0.15), Some(10.025)));
    let wrong =
        world.call(&operator, "PUT", "/v1/market-data/prices/ETH", json!({"prices": {"usd": "high"}}));
    assert_eq!(wrong.refusal(400, "INVALID_MESSAGE")["field"], "prices");
}

#[test]
fn a_settlement_that_waits_for_an_operator_is_started_by_hand() {
    let world = World::start();
    let mut manual = terms();
    manual["settlement"] = json!({"start": "manual"});
    let id = world.post_auction(manual);
    world.place(&id, "alice", 80, 30);
    let operator = world.operator();
    world.call(&operator, "POST", &format!("/v1/auctions/{id}/close"), Value::Null).expect(200);
    let settlement = format!("/v1/settlements/{id}");
    assert_eq!(world.call(&operator, "GET", &settlement, Value::Null).expect(200)["phase"], "pending");
    let started = world.call(&operator, "POST", &format!("{settlement}/execute"), Value::Null).expect(200);
    assert_eq!(started["phase"], "consensus");
    world
        .call(&operator, "POST", &format!("{settlement}/execute"), Value::Null)
        .refusal(409, "SETTLEMENT_CONFLICT");
}

#[test]
fn readiness_says_why_not() {
    let world = World::start();
    assert_eq!(world.send("GET", "/health/live", &[], b"").expect(200)["status"], "live");
    assert_eq!(world.send("GET", "/health/ready", &[], b"").expect(200)["status"], "ready");
    world.host.start_draining();
    let draining = world.send("GET", "/health/ready", &[], b"").expect(503);
    assert_eq!(draining, json!({"status": "not_ready", "reason": "the server is being stopped"}));
    assert_eq!(world.send("GET", "/health/live", &[], b"").expect(200)["status"], "live");
    world.host.stop();
    let late = world.call(&world.operator(), "POST", "/v1/auctions", terms());
    assert!(late.head.contains("retry-after: 1"), "{}", late.head);
    late.refusal(503, "SERVICE_UNAVAILABLE");
}
