//! Settlements over sockets: the guide's progress message from a real agreement, what is answered to words that
//! do not count, the REST face of it, and an executor that goes away and comes back.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;
use walras::engine::{AuctionId, BidId, SettlementId};
use walras::host::{Ids, SeededIds};

use crate::support::{AUCTION, Client, PATIENCE, World, bid};

const SETTLEMENT: &str = "770e8400-e29b-41d4-a716-446655440002";
const GUIDE: &str = include_str!("../guide/WEBSOCKET_GUIDE.md");

/// Settlements get the guide's id.
struct GuideIds(SeededIds);

impl Ids for GuideIds {
    fn auction(&mut self) -> AuctionId {
        self.0.auction()
    }

    fn bid(&mut self) -> BidId {
        self.0.bid()
    }

    fn settlement(&mut self) -> SettlementId {
        SettlementId(SETTLEMENT.parse().expect("an id"))
    }

    fn salt(&mut self) -> [u8; 16] {
        self.0.salt()
    }

    fn correlation(&mut self) -> Uuid {
        self.0.correlation()
    }
}

/// A world with the guide's auction, open for a minute, settled as the terms say.
fn world(settlement: Value) -> World {
    let world = World::with(|making| making.ids = Box::new(GuideIds(SeededIds::new(1))));
    world.create(AUCTION, json!({"duration_ms": 60_000, "reserve_price": 10, "settlement": settlement}));
    world
}

fn settler(world: &World, subject: &str) -> Client {
    world.sign_in(&world.token(subject, &["read", "write", "subscribe", "settle"]))
}

/// Traders who each win a part: all of them want 200 lots at 50 where there are 1000.
fn winners(world: &World, count: usize) -> Vec<Client> {
    let winner = |number: usize| {
        let mut client = settler(world, &format!("winner-{number}"));
        client.say(bid(200, 50.0));
        client.expect("bid_accepted");
        client
    };
    (1..=count).map(winner).collect()
}

fn affirmation(hash: &Value, agree: bool) -> Value {
    json!({"type": "settlement_affirm", "settlement_id": SETTLEMENT, "hash": hash, "agree": agree})
}

/// Says a word on the settlement, which must be taken note of.
fn affirm(client: &mut Client, hash: &Value) {
    client.say(affirmation(hash, true));
    let affirmed = client.until("settlement_affirmed");
    assert_eq!(affirmed["payload"], json!({"settlement_id": SETTLEMENT, "agree": true}));
}

/// One of the guide's messages, its moments written the way ours are.
fn guide_example(kind: &str) -> Value {
    let blocks = GUIDE.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    let messages = blocks.filter_map(|block| serde_json::from_str::<Value>(block).ok());
    let mut example = messages.into_iter().find(|it| it["type"] == kind).expect("the guide shows it");
    for member in ["/timestamp", "/payload/estimated_completion"] {
        if let Some(moment) = example.pointer_mut(member) {
            *moment = moment.as_str().expect("a moment").replace('Z', ".000Z").into();
        }
    }
    example
}

/// An answer over REST: its status and body.
fn rest(world: &World, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut socket = TcpStream::connect(world.address()).expect("it listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a setting");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(format!("{head}{body}").as_bytes()).expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).expect("JSON"))
}

#[test]
fn seven_of_ten_agree_as_the_guide_shows() {
    let world = world(json!({"affirm_timeout_ms": 15_000}));
    let mut winners = winners(&world, 9);
    let mut watcher = world.subscriber("watcher", "settlement");
    world.advance(Duration::from_secs(60));
    let started = watcher.expect("settlement_started");
    assert_eq!(started["timestamp"], "2024-01-01T00:01:00.000Z");
    let payload = &started["payload"];
    assert_eq!(payload["settlement_id"], SETTLEMENT);
    assert_eq!(payload["auction_id"], AUCTION);
    assert_eq!((&payload["status"], &payload["phase"]), (&json!("started"), &json!("consensus")));
    assert_eq!(payload["participants_total"], 10, "nine winners and the seller");

    let mut progress = Value::Null;
    for (winner, agreed) in winners.iter_mut().zip(1..=7) {
        affirm(winner, &payload["hash"]);
        progress = watcher.expect("settlement_progress");
        assert_eq!(progress["payload"]["participants_agreed"], agreed);
    }
    let example = guide_example("settlement_progress");
    for (member, value) in example.as_object().expect("an object") {
        match member.as_str() {
            "sequence" => assert!(progress["sequence"].as_u64().is_some_and(|sequence| sequence > 1)),
            "payload" => {
                let fields = value.as_object().expect("an object");
                assert_eq!(fields.len(), 5);
                for (field, value) in fields {
                    assert_eq!(&progress["payload"][field], value, "{field} of {progress}");
                }
            }
            _ => assert_eq!(&progress[member], value, "{member} of {progress}"),
        }
    }
    // Seven of ten is the quorum: the ledger carries it out.
    for phase in ["reserve", "execute"] {
        assert_eq!(watcher.expect("settlement_progress")["payload"]["phase"], phase);
    }
    let complete = watcher.expect("settlement_complete");
    assert_eq!(complete["payload"]["total_allocated"], 1000.0);
    assert_eq!(complete["payload"]["total_revenue"], 50_000.0);
    assert_eq!(complete["payload"]["gas_used"], 0, "nothing was burned");
    assert_eq!(complete["payload"]["execution_path"], json!(["ledger"]));
}

#[test]
fn words_that_do_not_count_are_answered_clearly() {
    let world = world(json!({}));
    let mut winners = winners(&world, 4);
    let mut watcher = world.subscriber("watcher", "settlement");
    let mut stranger = settler(&world, "stranger");
    world.close(AUCTION);
    let hash = watcher.expect("settlement_started")["payload"]["hash"].clone();
    let refused = |client: &mut Client, message: Value, code: &str| {
        client.say(message);
        let answer = client.until("error");
        assert_eq!(answer["error"]["code"], code, "{answer}");
        assert_eq!(answer["error"]["details"]["settlement_id"], SETTLEMENT, "{answer}");
        answer["error"].clone()
    };

    refused(&mut stranger, affirmation(&hash, true), "PERMISSION_DENIED");
    let wrong = affirmation(&"00".repeat(32).into(), true);
    let told = refused(&mut winners[0], wrong, "SETTLEMENT_CONFLICT");
    assert_eq!(told["details"]["hash"], hash, "the right one is told");
    affirm(&mut winners[0], &hash);
    assert_eq!(watcher.expect("settlement_progress")["payload"]["participants_agreed"], 1);
    affirm(&mut winners[0], &hash);
    assert!(watcher.all().is_empty(), "a word said twice counts once");
    let told = refused(&mut winners[0], affirmation(&hash, false), "SETTLEMENT_CONFLICT");
    assert_eq!(told["message"], "the participant has already said the opposite");

    for winner in &mut winners[1..] {
        affirm(winner, &hash);
    }
    watcher.until("settlement_complete");
    affirm(&mut winners[0], &hash);
    let mut late = settler(&world, "seller");
    let told = refused(&mut late, affirmation(&hash, true), "SETTLEMENT_CONFLICT");
    assert_eq!(told["details"]["phase"], "complete");
}

#[test]
fn objections_put_the_quorum_out_of_reach_and_the_settlement_fails() {
    let world = world(json!({}));
    let mut winners = winners(&world, 2);
    let mut watcher = world.subscriber("watcher", "settlement");
    world.close(AUCTION);
    let hash = watcher.expect("settlement_started")["payload"]["hash"].clone();
    let mut objection = affirmation(&hash, false);
    objection["reason"] = "the price is not mine".into();
    winners[0].say(objection);
    winners[0].until("settlement_affirmed");
    let failed = watcher.expect("settlement_failed");
    assert_eq!(failed["payload"]["phase"], "failed");
    assert_eq!(failed["payload"]["reason"], "1 of 3 participants object: the price is not mine");
}

#[test]
fn by_rest_it_is_started_affirmed_and_looked_at_with_all_that_is_owed() {
    let world = world(json!({"start": "manual", "quorum": 1}));
    let _winners = winners(&world, 4);
    let mut watcher = world.subscriber("watcher", "settlement");
    world.close(AUCTION);
    let path = format!("/v1/settlements/{AUCTION}");
    let operator = world.token("operator", &["read", "operate"]);
    let (status, pending) = rest(&world, &operator, "GET", &path, &Value::Null);
    assert_eq!((status, &pending["phase"]), (200, &json!("pending")));
    assert_eq!(pending["postings"], json!([]), "nothing is posted before it is carried out");
    let affirm = |subject: &str| {
        let token = world.token(subject, &["read", "settle"]);
        let body = json!({"hash": pending["hash"], "agree": true});
        rest(&world, &token, "POST", &format!("{path}/affirm"), &body)
    };
    let (status, early) = affirm("winner-1");
    assert_eq!((status, &early["error"]["code"]), (409, &json!("SETTLEMENT_CONFLICT")));
    assert!(watcher.all().is_empty(), "it waits for an operator");

    let (status, started) = rest(&world, &operator, "POST", &format!("{path}/execute"), &Value::Null);
    assert_eq!((status, &started["phase"]), (200, &json!("consensus")));
    watcher.expect("settlement_started");
    for subject in ["winner-1", "winner-2", "winner-3", "winner-4", "seller"] {
        assert_eq!(affirm(subject).0, 200);
    }
    watcher.until("settlement_complete");
    let (_, settled) = rest(&world, &operator, "GET", &path, &Value::Null);
    assert_eq!(settled["phase"], "complete");
    let obligation =
        |party: &str, money: f64, lots: f64| json!({"party": party, "money": money, "lots": lots});
    let owed: Vec<Value> =
        (1..=4).map(|number| obligation(&format!("winner-{number}"), -2000.0, 200.0)).collect();
    // Demand of 800 is short of the 1000 on offer: all pay the reserve.
    assert_eq!(
        settled["obligations"],
        json!([owed[0], owed[1], owed[2], owed[3], obligation("seller", 8000.0, -800.0)])
    );
    assert_eq!(settled["postings"].as_array().map(Vec::len), Some(10), "{settled}");
    let sum = |asset: &str| -> f64 {
        let postings = settled["postings"].as_array().expect("postings").iter();
        let of_asset = postings.filter(|posting| posting["asset"] == asset);
        of_asset.map(|posting| posting["amount"].as_f64().expect("a number")).sum()
    };
    assert_eq!((sum("money"), sum("lots")), (0.0, 0.0));
    let own = rest(&world, &world.token("winner-2", &["read"]), "GET", &path, &Value::Null).1;
    assert_eq!(own["obligations"], json!([owed[1]]), "others see their own alone");
}

#[test]
fn an_executor_that_comes_back_is_asked_again_at_once() {
    let world = world(json!({"executor": "host", "affirm_timeout_ms": 1000}));
    let mut winners = winners(&world, 2);
    let mut watcher = world.subscriber("watcher", "settlement");
    let mut executor = settler(&world, "custodian");
    executor.subscribe("settlement", json!({}));
    world.close(AUCTION);
    world.advance(Duration::from_secs(1));
    let asked = executor.until("settlement_request");
    assert_eq!((&asked["payload"]["step"], &asked["payload"]["attempt"]), (&json!("prepare"), &json!(1)));
    drop(executor);

    let mut executor = settler(&world, "custodian");
    executor.say(json!({"type": "subscribe", "channel": "settlement"}));
    let again = executor.until("settlement_request");
    assert_eq!(again["payload"], asked["payload"], "the same request, of the same event");
    assert_eq!(again["timestamp"], asked["timestamp"]);
    let report = |step: &str, ok: bool| {
        json!({"type": "settlement_report", "settlement_id": SETTLEMENT, "step": step, "ok": ok,
               "gas_used": 21_000, "execution_path": [step]})
    };
    // Who has to pay may affirm, which needs the same permission, but not say that it has paid.
    winners[0].say(report("prepare", true));
    let refused = winners[0].until("error");
    assert_eq!(refused["error"]["code"], "PERMISSION_DENIED");
    assert_eq!(refused["error"]["details"], json!({"settlement_id": SETTLEMENT}));
    executor.say(report("prepare", true));
    let commit = executor.until("settlement_request");
    assert_eq!(commit["payload"]["step"], "commit");
    // Reports may arrive twice; the opposite of what was reported is refused.
    executor.say(report("prepare", true));
    executor.say(report("prepare", false));
    let refused = executor.until("error");
    assert_eq!(refused["error"]["code"], "SETTLEMENT_CONFLICT");
    executor.say(report("commit", true));
    let complete = executor.until("settlement_complete");
    assert_eq!(complete["payload"]["gas_used"], 42_000);
    assert_eq!(complete["payload"]["execution_path"], json!(["prepare", "commit"]));
    let told = watcher.all();
    assert!(told.iter().any(|message| message["type"] == "settlement_complete"));
    assert!(told.iter().all(|message| message["type"] != "settlement_request"), "only executors are asked");
    let mut late = settler(&world, "custodian");
    late.subscribe("settlement", json!({}));
    assert!(late.all().iter().all(|message| message["type"] != "settlement_request"), "all is answered");
}
