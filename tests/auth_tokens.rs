//! Sign-in, kind by kind: what is taken, and each way to be refused with its own reason.

mod signers;

use std::path::Path;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use signers::{Signers, base64url};
use uuid::Uuid;
use walras::engine::{AuctionId, Party};
use walras::server::auth::{AuthError, AuthSetupError, Authenticator, Tokens};
use walras::server::config::{ApiKeyEntry, Config, KeyEntry, Secret};
use walras::server::identity::{ConnectionLimits, Identity, Permissions, Verify};
use walras::server::jwt::JwtError;
use walras::units::TimeUs;
use walras::wire::Channel;

const SECRET: &str = "a secret of the tests, long enough for HS256";
/// The tests' clock stands here, in seconds since 1970: far from the machine's own time.
const NOW: i64 = 1_704_067_230;

fn now() -> TimeUs {
    TimeUs(NOW * 1_000_000)
}

fn config() -> Config {
    let mut config = Config::default();
    config.auth.hs256_secret = Some(Secret(SECRET.to_owned()));
    config
}

fn server(config: &Config) -> Authenticator {
    Authenticator::load(config, Tokens::Configured).expect("the configuration is good")
}

/// A token with the HS256 secret: a subject and an end, and what `more` says beside or instead.
fn token(more: Value) -> String {
    token_by(&Header::new(Algorithm::HS256), more, &EncodingKey::from_secret(SECRET.as_bytes()))
}

fn token_by(header: &Header, more: Value, key: &EncodingKey) -> String {
    let mut claims = json!({"sub": "alice", "exp": NOW + 3_600});
    for (name, value) in more.as_object().expect("claims are an object") {
        match value {
            Value::Null => claims.as_object_mut().expect("an object").remove(name),
            value => claims.as_object_mut().expect("an object").insert(name.clone(), value.clone()),
        };
    }
    jsonwebtoken::encode(header, &claims, key).expect("encodes")
}

fn accepted(more: Value) -> Identity {
    server(&config()).authenticate(&token(more.clone()), now()).unwrap_or_else(|why| panic!("{more}: {why}"))
}

fn refused(token: &str) -> AuthError {
    server(&config()).authenticate(token, now()).expect_err("this token is bad")
}

#[test]
fn a_plain_token_is_a_viewer_and_its_subject_the_party() {
    let identity = accepted(json!({}));
    assert_eq!(&*identity.subject, "alice");
    assert_eq!(identity.party, Party("alice".into()));
    assert!(identity.permissions.words().eq(["read", "subscribe"]));
    assert_eq!(identity.limits, ConnectionLimits::GUIDE);
    assert_eq!(identity.expires_at, TimeUs((NOW + 3_600) * 1_000_000));
    assert!(identity.auctions.is_none() && identity.channels.is_none() && identity.subscribes.is_empty());
}

#[test]
fn roles_and_permissions_add_up() {
    for (claims, words) in [
        (json!({"role": "viewer"}), vec!["read", "subscribe"]),
        (json!({"role": "trader"}), vec!["read", "write", "subscribe"]),
        (json!({"role": "operator"}), vec!["read", "write", "subscribe", "operate"]),
        (json!({"role": "settler"}), vec!["read", "subscribe", "settle"]),
        (json!({"role": "admin"}), vec!["read", "write", "subscribe", "operate", "settle"]),
        (json!({"roles": ["trader", "settler"]}), vec!["read", "write", "subscribe", "settle"]),
        (json!({"permissions": ["write"]}), vec!["write"]),
        (json!({"permissions": "phantom", "role": "trader"}), vec!["read", "write", "subscribe", "phantom"]),
        (json!({"permissions": []}), vec![]),
    ] {
        let found: Vec<_> = accepted(claims.clone()).permissions.words().collect();
        assert_eq!(found, words, "{claims}");
    }
}

#[test]
fn every_claim_reaches_the_identity() {
    let auction = Uuid::from_u128(0x550e8400_e29b_41d4_a716_446655440000);
    let identity = accepted(json!({
        "bidder": "desk-1",
        "auctions": [auction.to_string()],
        "channels": ["bids", "auction"],
        "subs": [{"channel": "auction", "auction_id": auction.to_string()}],
        "limits": {"connections": 20, "messages_per_second": "unlimited"},
        "nbf": NOW + 30,
        "iat": NOW - 5,
        "exp": NOW as f64 + 0.5,
        "unknown": {"claims": "are passed over"},
    }));
    assert_eq!(identity.party, Party("desk-1".into()));
    assert_eq!(identity.auctions.as_deref(), Some(&[AuctionId(auction)][..]));
    assert!(identity.may_follow(Channel::Bids) && !identity.may_follow(Channel::Settlement));
    let subscribe: Value = serde_json::from_str(&identity.subscribes[0]).expect("JSON");
    assert_eq!(
        subscribe,
        json!({"type": "subscribe", "channel": "auction", "auction_id": auction.to_string()})
    );
    assert_eq!(
        identity.limits,
        ConnectionLimits {
            connections_max: Some(20),
            messages_per_second_max: None,
            subscriptions_max: Some(50)
        }
    );
    assert_eq!(identity.expires_at, TimeUs(NOW * 1_000_000 + 500_000));
    assert_eq!(accepted(json!({"limits": "unlimited"})).limits, ConnectionLimits::UNLIMITED);
}

#[test]
fn the_client_id_is_the_subject_only_where_it_is_a_uuid_of_our_issuer() {
    let id = "550e8400-e29b-41d4-a716-446655440000";
    let mut ours = config();
    ours.auth.issuer = Some("https://auction.example".to_owned());
    let of = |config: &Config, claims: Value| {
        let identity = server(config).authenticate(&token(claims), now()).expect("good");
        identity.client_id.to_string()
    };
    assert_eq!(of(&ours, json!({"sub": id, "iss": "https://auction.example"})), id);
    assert_eq!(of(&config(), json!({"sub": id})), id);
    assert_ne!(of(&config(), json!({"sub": id, "iss": "https://elsewhere.example"})), id);
    assert_ne!(of(&config(), json!({"sub": id.to_uppercase()})), id);
    let alice = of(&config(), json!({}));
    assert_eq!(alice, of(&config(), json!({"exp": NOW + 1})), "the same subject is the same client");
    assert_ne!(alice, of(&config(), json!({"iss": "another"})), "another issuer's alice is somebody else");
    assert_ne!(alice, of(&config(), json!({"sub": "bob"})));
    assert_eq!(Uuid::parse_str(&alice).expect("a UUID").get_version_num(), 5);
}

#[test]
fn time_is_the_servers_own_clock_and_nbf_has_thirty_seconds() {
    assert_eq!(refused(&token(json!({"exp": NOW}))), AuthError::Expired);
    assert_eq!(refused(&token(json!({"exp": -1}))), AuthError::Expired);
    assert_eq!(refused(&token(json!({"nbf": NOW + 31}))), AuthError::NotYetValid);
    accepted(json!({"nbf": NOW + 30, "exp": NOW + 1}));
    let token = token(json!({}));
    let later = TimeUs((NOW + 3_600) * 1_000_000);
    assert_eq!(server(&config()).authenticate(&token, later), Err(AuthError::Expired));
    accepted(json!({"exp": i64::MAX}));
    accepted(json!({"exp": 1e300}));
}

#[test]
fn issuer_and_audience_must_be_ours_where_they_are_configured() {
    let mut config = config();
    config.auth.issuer = Some("walras".to_owned());
    config.auth.audience = Some("bidders".to_owned());
    let verdict = |claims| server(&config).authenticate(&token(claims), now()).map(|_| ());
    assert_eq!(verdict(json!({"iss": "walras", "aud": "bidders"})), Ok(()));
    assert_eq!(verdict(json!({"iss": "walras", "aud": ["others", "bidders"]})), Ok(()));
    for claims in [json!({"aud": "bidders"}), json!({"iss": "other", "aud": "bidders"})] {
        assert!(matches!(verdict(claims), Err(AuthError::WrongIssuer { .. })));
    }
    for claims in [json!({"iss": "walras"}), json!({"iss": "walras", "aud": ["others"]})] {
        assert!(matches!(verdict(claims), Err(AuthError::WrongAudience { .. })));
    }
    accepted(json!({"iss": "anybody", "aud": "anything"}));
}

#[test]
fn forged_and_broken_tokens_are_refused_for_their_own_reason() {
    let good = token(json!({}));
    let (header_and_claims, signature) = good.rsplit_once('.').expect("three parts");
    let claims = header_and_claims.split_once('.').expect("three parts").1;
    let none = format!("{}.{claims}.", base64url(br#"{"alg":"none","typ":"JWT"}"#));
    for (name, token) in
        [("none", none), ("None", format!("{}.{claims}.{signature}", base64url(br#"{"alg":"None"}"#)))]
    {
        let why = refused(&token);
        assert!(
            matches!(&why, AuthError::Jwt(JwtError::WrongAlgorithm { algorithm, .. }) if algorithm == name),
            "{why}"
        );
    }
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let hs512 = token_by(&Header::new(Algorithm::HS512), json!({}), &key);
    assert!(matches!(refused(&hs512), AuthError::Jwt(JwtError::WrongAlgorithm { .. })));
    for kid in ["../../etc/passwd", "/dev/null", "http://evil.example/key", ""] {
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::HS256) };
        let why = refused(&token_by(&header, json!({}), &key));
        assert!(
            matches!(&why, AuthError::Jwt(JwtError::UnknownKey { kid: Some(found), .. }) if found == kid),
            "{why}"
        );
    }
    let stranger = EncodingKey::from_secret(b"another secret, also long enough for HS256");
    let forged = token_by(&Header::new(Algorithm::HS256), json!({}), &stranger);
    let changed = format!(
        "{}.{}.{signature}",
        good.split('.').next().expect("a header"),
        base64url(br#"{"sub":"eve","exp":9e9}"#)
    );
    let unsigned = format!("{header_and_claims}.");
    for token in [&forged, &changed, &unsigned] {
        assert_eq!(refused(token), AuthError::Jwt(JwtError::BadSignature), "{token}");
    }
    for token in ["a.b.c", "..", &format!("{}.{claims}.{signature}", base64url(b"[]"))] {
        assert_eq!(refused(token), AuthError::Jwt(JwtError::Malformed), "{token}");
    }
    for token in ["", "test-token", "test-token:alice", "a", &format!("{good}.x")] {
        assert_eq!(refused(token), AuthError::Unknown, "{token}");
    }
    let critical = format!("{}.{claims}.{signature}", base64url(br#"{"alg":"HS256","crit":["b64"]}"#));
    assert_eq!(refused(&critical), AuthError::Jwt(JwtError::Critical));
}

#[test]
fn claims_that_nobody_understands_refuse_the_token() {
    for claims in [
        json!({"sub": null}),
        json!({"exp": null}),
        json!({"exp": "soon"}),
        json!({"sub": 7}),
        json!({"subs": "auction"}),
    ] {
        let why = refused(&token(claims.clone()));
        assert!(matches!(why, AuthError::Jwt(JwtError::BadClaims(_))), "{claims}: {why}");
    }
    for (claims, named) in [
        (json!({"role": "king"}), "role"),
        (json!({"roles": ["trader", "king"]}), "role"),
        (json!({"permissions": ["read", "admin"]}), "permissions"),
        (json!({"auctions": ["not-an-id"]}), "auctions"),
        (json!({"channels": ["gossip"]}), "channels"),
        (json!({"subs": ["auction"]}), "subs"),
        (json!({"limits": "infinite"}), "limits"),
        (json!({"limits": {"connections": 0}}), "limits"),
        (json!({"limits": {"memory": 1}}), "limits"),
        (json!({"sub": ""}), "sub"),
        (json!({"bidder": ""}), "bidder"),
        (json!({"bidder": "x".repeat(129)}), "bidder"),
    ] {
        let why = refused(&token(claims.clone()));
        assert!(matches!(&why, AuthError::Claim(claim) if claim.claim == named), "{claims}: {why}");
    }
    let twice = format!(
        "{}.{}",
        base64url(br#"{"alg":"HS256"}"#),
        base64url(br#"{"sub":"alice","sub":"bob","exp":9e9}"#)
    );
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = jsonwebtoken::crypto::sign(twice.as_bytes(), &key, Algorithm::HS256).expect("signed");
    let why = refused(&format!("{twice}.{signature}"));
    assert!(matches!(&why, AuthError::Jwt(JwtError::BadClaims(why)) if why.contains("duplicate")), "{why}");
}

#[test]
fn a_token_over_eight_kibibytes_is_not_looked_at() {
    let padded = |bytes: usize| token(json!({"padding": "x".repeat(bytes)}));
    let short = padded(5_000);
    assert!(short.len() <= 8_192);
    assert!(server(&config()).authenticate(&short, now()).is_ok());
    for bytes in [6_500, 48_000] {
        let long = padded(bytes);
        assert_eq!(refused(&long), AuthError::TooLong { bytes: long.len() });
    }
}

#[test]
fn outside_all_refusals_read_the_same() {
    let server = server(&config());
    for token in ["", "test-token", "a.b.c", &token(json!({"exp": 1})), &"x".repeat(70_000)] {
        let refused = Verify::verify(&server, token, now()).expect_err("bad");
        assert_eq!(refused.message, "Invalid token");
    }
    assert!(Verify::verify(&server, &token(json!({})), now()).is_ok());
}

#[test]
fn public_keys_verify_only_their_own_algorithm_and_kid() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = Signers::generate(folder.path());
    let mut config = Config::default();
    config.auth.keys = keys.entries();
    let server = server(&config);
    for (kid, algorithm, signer) in keys.all() {
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
        let identity = server.authenticate(&token_by(&header, json!({}), signer), now());
        assert_eq!(identity.expect(kid).party, Party("alice".into()));
        for (other, _, _) in keys.all().into_iter().filter(|(other, ..)| *other != kid) {
            let header = Header { kid: Some(other.to_owned()), ..Header::new(algorithm) };
            let why = server.authenticate(&token_by(&header, json!({}), signer), now()).expect_err(other);
            assert!(
                matches!(why, AuthError::Jwt(JwtError::WrongAlgorithm { .. })),
                "{kid} as {other}: {why}"
            );
        }
        let without = token_by(&Header::new(algorithm), json!({}), signer);
        let why = server.authenticate(&without, now()).expect_err("no kid");
        assert!(matches!(why, AuthError::Jwt(JwtError::UnknownKey { kid: None, .. })), "{why}");
    }
    // The classic confusion: the public key's bytes taken as an HMAC secret.
    let public = std::fs::read(folder.path().join("RS256.pem")).expect("the public key");
    let header = Header { kid: Some("rs".to_owned()), ..Header::new(Algorithm::HS256) };
    let confused = token_by(&header, json!({}), &EncodingKey::from_secret(&public));
    let why = server.authenticate(&confused, now()).expect_err("confused");
    assert!(matches!(why, AuthError::Jwt(JwtError::WrongAlgorithm { .. })), "{why}");
}

#[test]
fn a_jwks_file_gives_its_keys_by_kid() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = Signers::generate(folder.path());
    let mut set = keys.jwks();
    let path = folder.path().join("jwks.json");
    let write = |keys: &[Value]| std::fs::write(&path, json!({ "keys": keys }).to_string()).expect("written");
    let mut config = Config::default();
    config.auth.keys = vec![KeyEntry { kid: None, algorithm: None, pem: None, jwks: Some(path.clone()) }];
    write(&set);
    let server = server(&config);
    for (kid, algorithm, signer) in keys.all() {
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
        assert!(server.authenticate(&token_by(&header, json!({}), signer), now()).is_ok(), "{kid}");
    }
    set[1]["kid"] = "rs".into();
    write(&set);
    let why = Authenticator::load(&config, Tokens::Configured).err().expect("doubled").to_string();
    assert!(why.contains(r#"kid "rs": there are two"#), "{why}");
    write(&[json!({"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric"})]);
    let why = Authenticator::load(&config, Tokens::Configured).err().expect("symmetric").to_string();
    assert!(why.contains("neither RSA, P-256 nor Ed25519"), "{why}");
}

#[test]
fn api_keys_are_known_by_their_hash() {
    let key = "wk_0123456789abcdef";
    let hash: String = Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect();
    let entry = ApiKeyEntry {
        sha256: hash,
        subject: "bot-7".to_owned(),
        bidder: Some("desk-2".to_owned()),
        role: Some("trader".to_owned()),
        limits: Some(json!({"connections": 3})),
        ..ApiKeyEntry::default()
    };
    let mut config = Config::default();
    config.auth.api_keys = vec![entry.clone()];
    let server = server(&config);
    let identity = server.authenticate(key, now()).expect("known");
    assert_eq!(identity.party, Party("desk-2".into()));
    assert!(identity.permissions.has(Permissions::WRITE));
    assert_eq!(identity.limits.connections_max, Some(3));
    assert_eq!(server.authenticate("wk_0123456789abcdeF", now()), Err(AuthError::Unknown));
    for (change, told) in [
        (ApiKeyEntry { sha256: key.to_owned(), ..entry.clone() }, "64 hexadecimal digits"),
        (ApiKeyEntry { role: Some("king".to_owned()), ..entry.clone() }, "not \"king\""),
        (entry.clone(), "twice"),
    ] {
        config.auth.api_keys = vec![entry.clone(), change];
        let why = Authenticator::load(&config, Tokens::Configured).err().expect(told).to_string();
        assert!(why.contains("bot-7") && why.contains(told), "{why}");
    }
}

#[test]
fn development_tokens_work_in_development_alone() {
    let server = Authenticator::load(&Config::default(), Tokens::Development).expect("needs no key");
    let anybody = server.authenticate("test-token", now()).expect("anybody");
    let alice = server.authenticate("test-token:alice", now()).expect("alice");
    assert_eq!(anybody.permissions, Permissions::ALL);
    assert_eq!(alice.party, Party("alice".into()));
    assert_ne!(alice.client_id, anybody.client_id);
    assert_eq!(alice.limits.connections_max, None);
    assert!(alice.limits.messages_per_second_max.is_some_and(|max| max >= 1_000));
    for token in ["test-token:", "test-tokens", "test-token:a\nb", "Test-token"] {
        assert_eq!(server.authenticate(token, now()), Err(AuthError::Unknown), "{token:?}");
    }
}

#[test]
fn a_server_without_a_usable_key_is_not_set_up_and_says_what_to_do() {
    let why = Authenticator::load(&Config::default(), Tokens::Configured).err().expect("no key");
    assert!(matches!(why, AuthSetupError::NoKey));
    assert!(why.to_string().contains("openssl rand -hex 32") && why.to_string().contains("walras token"));
    let mut config = Config::default();
    config.auth.hs256_secret = Some(Secret("x".repeat(31)));
    let why = Authenticator::load(&config, Tokens::Configured).err().expect("short").to_string();
    assert!(why.contains("31 bytes"), "{why}");
    assert!(Authenticator::load(&config, Tokens::Development).is_ok());
    let folder = tempfile::tempdir().expect("a folder");
    let private = folder.path().join("private.pem");
    std::fs::write(&private, "-----BEGIN PRIVATE KEY-----\n").expect("written");
    for (algorithm, pem, told) in [
        (Some("RS256"), folder.path().join("missing.pem"), "missing.pem"),
        (Some("RS256"), private, "is a private key"),
        (Some("HS256"), Path::new("Cargo.toml").to_owned(), "must be RS256, ES256 or EdDSA"),
        (Some("ES256"), Path::new("Cargo.toml").to_owned(), "is no public key"),
        (None, Path::new("Cargo.toml").to_owned(), "needs an `algorithm`"),
    ] {
        let mut config = Config::default();
        let algorithm = algorithm.map(str::to_owned);
        config.auth.keys = vec![KeyEntry { kid: None, algorithm, pem: Some(pem), jwks: None }];
        let why = Authenticator::load(&config, Tokens::Configured).err().expect(told).to_string();
        assert!(why.contains(told), "{why}");
    }
}
