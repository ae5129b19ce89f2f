//! Backups, restores and weaker durability: where history can have been lost, no client resumes.

use serde_json::{Value, json};

use super::market::{AUCTION, Bidder, Market, trade};
use super::server::{Kill, Place, Server};

#[test]
fn a_backup_of_a_running_server_restores_and_no_client_resumes_from_it() {
    let place = Place::new();
    let market = Market::open(&place);
    trade(&place, &market);
    let mut ann = Bidder::new(&place, &market, "ann");
    let epoch = ann.connection.epoch().expect("it lives");
    assert_eq!(ann.resume(&epoch, 1)["recovered"], true);
    let (data, backup) = (place.data(), place.data().with_extension("backup"));
    let words = ["log", "backup", data.to_str().expect("text"), backup.to_str().expect("text")];
    place.walras(&words, b"");
    assert_eq!(place.log("verify", &backup)["sound"], true);
    // What comes after the backup is lost by going back to it.
    let later = ann.bid(99, 70.0);
    assert_eq!(later["type"], "bid_rejected", "an id of the first round: {later}");
    let later = ann.ask(json!({
        "type": "submit_bid", "auction_id": AUCTION,
        "payload": {"quantity": 9, "price": 70.0, "client_bid_id": "later"},
    }));
    assert_eq!(later["type"], "bid_accepted", "{later}");
    market.server.end(Kill::Now);

    let restored = data.with_extension("restored");
    let words = ["log", "restore", backup.to_str().expect("text"), restored.to_str().expect("text")];
    let told: Value = serde_json::from_str(&place.walras(&words, b"")).expect("JSON");
    let again = place.run(&words, b"");
    assert!(!again.status.success(), "never over a folder that holds something");
    let (_, server) = Server::started(place.serve(&restored));
    let market = Market { server, operator: place.token("operator", &["read", "operate"]) };
    let mut ann = Bidder::new(&place, &market, "ann");
    let offset = later["payload"]["offset"].as_u64().expect("an offset");
    for offset in [0, 1, offset - 1, offset] {
        let subscribed = ann.resume(&epoch, offset);
        assert_eq!(subscribed["recovered"], false, "{subscribed}");
        assert_eq!(subscribed["epoch"], told["epoch"], "{subscribed}");
    }
    let ask =
        |client_bid_id| json!({"type": "get_bid", "auction_id": AUCTION, "client_bid_id": client_bid_id});
    assert_eq!(ann.ask(ask("later"))["error"]["code"], "BID_NOT_FOUND");
    assert_eq!(ann.ask(ask("ann-1"))["type"], "bid");
    market.server.end(Kill::Kindly);
}

#[test]
fn weaker_durability_must_be_agreed_to_and_is_named_and_a_crash_under_it_ends_the_epoch() {
    let place = Place::new();
    let data = place.data();
    let serve = |more: &[&str]| {
        let mut command = place.serve(&data);
        command.args(more);
        command
    };
    for level in ["os", "memory"] {
        let refused = serve(&["--durability", level]).output().expect("it runs");
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
    }
    let agreed = ["--durability", "os", "--accept-loss"];
    let mut epochs = Vec::new();
    for kill in [Kill::Kindly, Kill::Now, Kill::Kindly] {
        let (ready, server) = Server::started(serve(&agreed));
        assert_eq!(ready["durability"], "os", "{ready}");
        let market = Market { server, operator: place.token("operator", &["read", "operate"]) };
        if epochs.is_empty() {
            market.create(AUCTION);
        }
        let mut ann = Bidder::new(&place, &market, "ann");
        epochs.push(ann.connection.epoch().expect("it lives"));
        let first = ann.resume(&epochs[0], 0);
        assert_eq!(first["recovered"], epochs[0] == epochs[epochs.len() - 1], "{first}");
        market.server.end(kill);
    }
    assert_eq!(epochs[0], epochs[1], "closed in good order: nothing can be lost");
    assert_ne!(epochs[1], epochs[2], "killed: history can have been lost");
    let (ready, server) = Server::started(serve(&["--durability", "memory", "--accept-loss"]));
    assert_eq!(ready["durability"], "memory", "{ready}");
    server.end(Kill::Kindly);
}

#[test]
fn an_idempotency_key_is_known_after_a_kill() {
    let place = Place::new();
    let market = Market::again(&place);
    let terms = json!({"supply": {"type": "fixed", "quantity": 10}});
    let first = market.call_once("order-1", "/v1/auctions", &terms);
    assert_eq!((first.status, first.is_replayed), (201, false), "{first:?}");
    market.server.end(Kill::Now);
    let market = Market::again(&place);
    let again = market.call_once("order-1", "/v1/auctions", &terms);
    assert_eq!((again.status, again.is_replayed), (201, true), "{again:?}");
    assert_eq!(again.body["auction_id"], first.body["auction_id"]);
    let others = json!({"supply": {"type": "fixed", "quantity": 11}});
    let conflict = market.call_once("order-1", "/v1/auctions", &others);
    assert_eq!((conflict.status, &conflict.body["error"]["code"]), (409, &json!("AUCTION_EXISTS")));
    let all = market.call("GET", "/v1/auctions", &Value::Null).body;
    assert_eq!(all["auctions"].as_array().map(Vec::len), Some(1), "{all}");
    market.server.end(Kill::Kindly);
}
