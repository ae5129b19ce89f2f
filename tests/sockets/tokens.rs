//! Tokens of every kind, and every forgery, over a real socket: all refusals read the
//! same, and nobody else notices.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use walras::server::config::{ApiKeyEntry, KeyEntry};

use crate::signers::{Signers, base64url};
use crate::support::{AUCTION, Client, SECRET, START_US, World, bid};

const NOW: i64 = START_US / 1_000_000;

fn token_by(header: &Header, more: Value, key: &EncodingKey) -> String {
    let mut claims = json!({"sub": "alice", "exp": NOW + 3_600, "role": "trader", "aud": "bidders"});
    if let (Some(claims), Value::Object(more)) = (claims.as_object_mut(), more) {
        claims.extend(more);
    }
    jsonwebtoken::encode(header, &claims, key).expect("encodes")
}

fn hs256(more: Value) -> String {
    token_by(&Header::new(Algorithm::HS256), more, &EncodingKey::from_secret(SECRET.as_bytes()))
}

/// Shows a token and says whether it was taken.
fn shows(client: &mut Client, token: &str) -> bool {
    client.say(json!({"type": "auth", "token": format!("Bearer {token}")}));
    let verdict = client.message();
    if verdict["type"] == "auth_success" {
        return true;
    }
    assert_eq!(verdict["type"], "auth_failure");
    assert_eq!((&verdict["error"], &verdict["code"]), (&json!("Invalid token"), &json!("AUTH_FAILED")));
    false
}

#[test]
pub fn forged_and_stale_tokens_get_the_same_refusal() {
    let world = World::with(|making| making.config.auth.audience = Some("bidders".to_owned()));
    world.open_auction();
    let mut watcher = world.connect();
    assert!(shows(&mut watcher, &hs256(json!({"sub": "watcher"}))));
    watcher.subscribe("bids", json!({}));

    let good = hs256(json!({}));
    let (signed, signature) = good.rsplit_once('.').expect("three parts");
    let claims = signed.split_once('.').expect("three parts").1;
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    let with_kid = |kid: &str| {
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::HS256) };
        token_by(&header, json!({}), &secret)
    };
    let stranger = EncodingKey::from_secret(b"another secret, also long enough for HS256");
    let forgeries = [
        ("alg none", format!("{}.{claims}.", base64url(br#"{"alg":"none","typ":"JWT"}"#))),
        ("alg None", format!("{}.{claims}.{signature}", base64url(br#"{"alg":"None"}"#))),
        ("another algorithm than the key's", token_by(&Header::new(Algorithm::HS512), json!({}), &secret)),
        ("expired", hs256(json!({"exp": NOW}))),
        ("not yet", hs256(json!({"nbf": NOW + 31}))),
        ("another audience", hs256(json!({"aud": "others"}))),
        ("no audience", hs256(json!({"aud": null}))),
        ("a path as kid", with_kid("../../../../etc/passwd")),
        ("a device as kid", with_kid("/dev/null")),
        ("an address as kid", with_kid("http://127.0.0.1:1/key")),
        ("another's signature", token_by(&Header::new(Algorithm::HS256), json!({}), &stranger)),
        ("no signature", format!("{signed}.")),
        (
            "a longer life",
            format!(
                "{}.{}.{signature}",
                good.split('.').next().expect("a header"),
                base64url(br#"{"sub":"alice","exp":9e9}"#)
            ),
        ),
        ("no token", String::new()),
        ("not three parts", "a.b".to_owned()),
        ("8 KiB and more", hs256(json!({"padding": "x".repeat(6_500)}))),
        ("64 KB", "x".repeat(65_536 - 100)),
        ("a development token", "test-token".to_owned()),
    ];
    for (name, token) in &forgeries {
        let mut client = world.connect();
        assert!(!shows(&mut client, token), "{name}");
        client.say(bid(1, 1.0));
        client.refused("AUTH_REQUIRED");
        assert!(shows(&mut client, &good), "after {name} a good token is still taken");
        let header = format!("Bearer {token}");
        if !token.is_empty() && token.len() < 12_000 {
            let mut by_header = Client::connect(world.address(), &[("Authorization", &header)]);
            by_header.expect("auth_failure");
        }
    }
    let mut bidder = world.connect();
    assert!(shows(&mut bidder, &good));
    bidder.say(bid(1, 1.0));
    bidder.expect("bid_accepted");
    assert_eq!(watcher.all().len(), 1, "only the good one's bid");
}

#[test]
fn public_keys_and_key_sets_sign_in_and_their_confusions_do_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = Signers::generate(folder.path());
    let jwks = folder.path().join("jwks.json");
    std::fs::write(&jwks, json!({"keys": keys.jwks()}).to_string()).expect("written");
    let set = vec![KeyEntry { kid: None, algorithm: None, pem: None, jwks: Some(jwks) }];
    for entries in [keys.entries(), set] {
        let world = World::with(|making| {
            making.config.auth.hs256_secret = None;
            making.config.auth.keys = entries;
        });
        world.open_auction();
        for (kid, algorithm, signer) in keys.all() {
            let of = |kid: &str| Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
            let mut client = world.connect();
            let other = if kid == "rs" { "es" } else { "rs" };
            assert!(!shows(&mut client, &token_by(&of(other), json!({}), signer)), "{kid} as {other}");
            assert!(shows(&mut client, &token_by(&of(kid), json!({}), signer)), "{kid}");
            client.say(bid(1, 1.0));
            client.expect("bid_accepted");
        }
        // The public key's bytes as an HMAC secret.
        let public = std::fs::read(folder.path().join("RS256.pem")).expect("the public key");
        let header = Header { kid: Some("rs".to_owned()), ..Header::new(Algorithm::HS256) };
        let confused = token_by(&header, json!({}), &EncodingKey::from_secret(&public));
        assert!(!shows(&mut world.connect(), &confused));
    }
}

#[test]
fn an_api_key_signs_in_at_the_socket_and_at_the_rest_face() {
    let key = "wk_0123456789abcdef";
    let world = World::with(|making| {
        making.config.auth.hs256_secret = None;
        making.config.auth.api_keys = vec![ApiKeyEntry {
            sha256: Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect(),
            subject: "bot-7".to_owned(),
            bidder: Some("desk-2".to_owned()),
            role: Some("trader".to_owned()),
            limits: Some(json!({"connections": 1})),
            ..ApiKeyEntry::default()
        }];
    });
    world.open_auction();
    let mut client = world.connect();
    assert!(!shows(&mut client, "wk_0123456789abcdeF"));
    assert!(shows(&mut client, key));
    client.say(bid(1, 1.0));
    client.expect("bid_accepted");
    let shown = world.call(key, "GET", &format!("/v1/auctions/{AUCTION}"), Value::Null).expect(200);
    assert_eq!(shown["total_bids"], 1);
    world
        .call(key, "POST", &format!("/v1/auctions/{AUCTION}/close"), Value::Null)
        .refusal(403, "PERMISSION_DENIED");
    let mut second = world.connect();
    second.say(json!({"type": "auth", "token": key}));
    assert_eq!(second.refused("RATE_LIMITED"), json!({"max": 1}));
    assert_eq!(second.closed(), 4429);
}

#[test]
fn several_subjects_bid_for_one_party_and_nobody_elses_bids_are_seen() {
    let world = World::start();
    world.open_auction();
    let of = |subject: &str, party: &str| {
        world.sign_in(&world.token_with(subject, &["read", "write", "subscribe"], |claims| {
            claims.bidder = Some(party.to_owned());
        }))
    };
    let (mut morning, mut evening, mut rival) = (of("ann", "desk"), of("ben", "desk"), of("desk", "rival"));
    morning.say(crate::support::named(bid(1, 1.0), "m-1"));
    let accepted = morning.expect("bid_accepted");
    let bid_id = &accepted["payload"]["bid_id"];
    rival.say(json!({"type": "get_bid", "bid_id": bid_id}));
    rival.refused("BID_NOT_FOUND");
    rival.say(json!({"type": "cancel_bid", "bid_id": bid_id}));
    rival.refused("BID_NOT_FOUND");
    evening.say(json!({"type": "get_bid", "auction_id": AUCTION, "client_bid_id": "m-1"}));
    assert_eq!(evening.expect("bid")["payload"]["bid_id"], *bid_id);
    evening.say(crate::support::named(bid(2, 1.0), "m-1"));
    assert_eq!(evening.expect("bid_rejected")["payload"]["code"], "DUPLICATE_BID_ID");
    evening.say(json!({"type": "cancel_bid", "bid_id": bid_id}));
    evening.expect("bid_cancelled");
}
