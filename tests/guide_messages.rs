//! The guide's fenced blocks against the code: every message they send decodes to
//! what it says, every message they show comes out of the encoders with the same
//! keys in the same order, and every member their handlers read is there.

mod ordered_json;

use ordered_json::Json;
use uuid::Uuid;
use walras::engine::{
    AuctionId, AuctionState, AuctionStatus, BidFact, BidId, CloseReason, PartyKey, ResultSummary,
    SettlementChange, SettlementFact, SettlementId, SettlementPhase, Standing,
};
use walras::units::{Grid, Money, PriceTicks, QuantityLots, Reading, TimeUs};
use walras::wire::decode::{AuctionScope, BidRefText, ClientBody, ClientTime, Decoder, NumberText};
use walras::wire::encode::{self, Place, Replay};
use walras::wire::{Channel, EndedAuction, Grids, Message, Refusal, SessionRefusal, correlation};

const GUIDE: &str = include_str!("guide/WEBSOCKET_GUIDE.md");
const AUCTION: Uuid = Uuid::from_u128(0x550e8400_e29b_41d4_a716_446655440000);
const BID: Uuid = Uuid::from_u128(0x660e8400_e29b_41d4_a716_446655440001);
const SETTLEMENT: Uuid = Uuid::from_u128(0x770e8400_e29b_41d4_a716_446655440002);
const CORRELATION: &str = "aa0e8400-e29b-41d4-a716-446655440005";
/// 2024-01-01T00:00:00Z.
const NEW_YEAR_US: i64 = 1_704_067_200_000_000;

/// The messages that the guide's text holds, as JSON.
struct Examples {
    /// Those a client sends.
    sent: Vec<String>,
    /// Those the server sends.
    received: Vec<Json>,
}

fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("\n```{language}\n");
    GUIDE.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

fn examples() -> Examples {
    let mut sent = Vec::new();
    let mut received = Vec::new();
    let javascript = blocks("javascript");
    for block in &javascript {
        for marker in ["JSON.stringify({", "this.send({"] {
            sent.extend(literals(block, marker));
        }
        if block.starts_with("// Authentication message") {
            for object in block.split("// ").skip(1).filter_map(|part| part.split_once('\n')) {
                match object.0 {
                    "Authentication message" => sent.push(object.1.to_owned()),
                    _ => received.push(Json::parse(object.1)),
                }
            }
        }
    }
    blocks("python").iter().for_each(|block| sent.extend(literals(block, "json.dumps({")));
    blocks("julia").iter().for_each(|block| sent.extend(literals(block, "JSON.json(Dict(")));
    let lines = blocks("bash").into_iter().flat_map(str::lines);
    sent.extend(lines.filter(|line| line.starts_with('{')).map(str::to_owned));
    received.extend(blocks("json").into_iter().map(Json::parse));
    Examples { sent, received }
}

/// The object literals behind a marker, turned into JSON.
fn literals(block: &str, marker: &str) -> Vec<String> {
    block.split(marker).skip(1).map(to_json).collect()
}

/// Turns what stands behind the opening brace of a JavaScript or Python literal, or behind `Dict(` in Julia, into JSON:
/// bare keys and other quotes become strings, comments go, expressions become a moment.
fn to_json(literal: &str) -> String {
    let mut out = String::from("{");
    let mut depth = 1;
    let mut rest = literal;
    while depth > 0 {
        let first = rest.chars().next().expect("the literal is closed");
        let word_len = rest.find(|c: char| !(c.is_alphanumeric() || "_.".contains(c))).unwrap_or(rest.len());
        let word = &rest[..word_len];
        let taken = match first {
            '/' if rest.starts_with("//") => rest.find('\n').expect("a comment ends with its line"),
            '=' if rest.starts_with("=>") => {
                out.push(':');
                2
            }
            '\'' | '"' | '`' => {
                let end = rest[1..].find(first).expect("the string is closed") + 1;
                out.push_str(&format!("{:?}", &rest[1..end]));
                end + 1
            }
            'f' if rest.starts_with("f'") => 1,
            '{' | '(' => {
                depth += 1;
                out.push('{');
                1
            }
            '}' | ')' => {
                depth -= 1;
                out.push('}');
                1
            }
            _ if word.is_empty() => {
                out.push(first);
                first.len_utf8()
            }
            _ if rest.starts_with("new Date().toISOString()") => {
                out.push_str("\"2024-01-01T00:00:00.000Z\"");
                "new Date().toISOString()".len()
            }
            _ if matches!(word, "true" | "false") || first.is_ascii_digit() => {
                out.push_str(word);
                word_len
            }
            _ => {
                out.push_str(&format!("{word:?}"));
                word_len
            }
        };
        rest = &rest[taken..];
    }
    out
}

/// A decoded message written back as JSON, for the types that the guide sends.
fn said(body: &ClientBody<'_>) -> String {
    let scope = |auction: &AuctionScope<'_>| match auction {
        AuctionScope::All => "global".to_owned(),
        AuctionScope::One(auction) => auction.word.to_owned(),
    };
    let number = |number: Option<NumberText<'_>>| {
        let number = number.expect("the guide gives every number");
        assert_eq!(number.reading, Reading::ProgramNumber, "the guide writes JSON numbers");
        number.text.to_owned()
    };
    match body {
        ClientBody::Auth { token } => format!(r#"{{"type":"auth","token":{token:?}}}"#),
        ClientBody::Subscribe(request) => {
            let options = request.options.as_ref().expect("the guide's options are good");
            let options = match (options.include_own, options.min_quantity) {
                (Some(own), least) => {
                    format!(r#","options":{{"include_own":{own},"min_quantity":{}}}"#, number(least))
                }
                (None, _) => String::new(),
            };
            let channel = request.channel.channel.expect("the guide's channels exist").as_str();
            let auction = scope(&request.auction);
            format!(r#"{{"type":"subscribe","channel":{channel:?},"auction_id":{auction:?}{options}}}"#)
        }
        ClientBody::Unsubscribe { channel, auction } => {
            let channel = channel.channel.expect("the guide's channels exist").as_str();
            format!(r#"{{"type":"unsubscribe","channel":{channel:?},"auction_id":{:?}}}"#, scope(auction))
        }
        ClientBody::SubmitBid { auction, bid } => {
            assert_eq!(auction.id, Some(AuctionId(AUCTION)));
            format!(
                r#"{{"type":"submit_bid","auction_id":{:?},"payload":{{"quantity":{},"price":{},"is_marginal":{}}}}}"#,
                auction.word,
                number(bid.quantity),
                number(bid.price),
                bid.is_marginal,
            )
        }
        ClientBody::CancelBid { bid: BidRefText::Id { word, id } } => {
            assert_eq!(*id, Some(BidId(BID)));
            format!(r#"{{"type":"cancel_bid","bid_id":{word:?}}}"#)
        }
        ClientBody::Ping { client_time: Some(ClientTime::Text(time)) } => {
            format!(r#"{{"type":"ping","timestamp":{time:?}}}"#)
        }
        ClientBody::Pong => r#"{"type":"pong","timestamp":"2024-01-01T00:00:00.000Z"}"#.to_owned(),
        other => panic!("the guide sends no {other:?}"),
    }
}

#[test]
fn every_message_that_the_guide_sends_is_taken_as_it_stands() {
    let sent = examples().sent;
    assert_eq!(sent.len(), 17, "all of the guide's client messages are found: {sent:#?}");
    let mut decoder = Decoder::new();
    for text in sent {
        let message = decoder.decode(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        let said = Json::parse(&said(&message.body));
        assert_eq!(Json::parse(&text).missing_from(&said), None, "{text}");
    }
}

fn grids() -> Grids {
    let grid = |step| Grid::parse(step).expect("a grid");
    Grids { tick: grid("0.01"), lot: grid("0.000001") }
}

fn after_new_year(seconds: i64) -> TimeUs {
    TimeUs(NEW_YEAR_US + seconds * 1_000_000)
}

fn place(seconds: i64) -> Place {
    Place { auction: AuctionId(AUCTION), offset: 17, at: after_new_year(seconds), replay: Replay::Live }
}

fn lots(units: i64) -> QuantityLots {
    QuantityLots(units * 1_000_000)
}

fn result() -> ResultSummary {
    ResultSummary {
        clearing_price: Some(PriceTicks(4850)),
        total_allocated: lots(10_000),
        total_bids: 127,
        total_quantity: lots(15_000),
        total_revenue: Money(4850 * i128::from(lots(10_000).0)),
    }
}

fn settlement(phase: SettlementPhase) -> SettlementFact {
    SettlementFact {
        settlement: SettlementId(SETTLEMENT),
        change: SettlementChange::Progressed,
        phase,
        participants_agreed: 7,
        participants_total: 10,
        estimated_completion: Some(after_new_year(75)),
        hash: [7; 32],
    }
}

/// The server's message of a type, with the guide's facts, ids and clock, as a connection gets it.
fn encoded(kind: &str) -> Json {
    let mut message = Message::new();
    let m = &mut message;
    let mut extra = Vec::new();
    let sequence = match kind {
        "auth_success" => {
            let success = encode::AuthSuccess {
                client_id: AUCTION,
                permissions: &["read", "write", "subscribe"],
                connection_id: BID,
                expires_at: Some(after_new_year(3600)),
                heartbeat_interval_ms: 30_000,
                limits: encode::Limits {
                    messages_per_second: Some(100),
                    subscriptions: Some(50),
                    connections: Some(10),
                },
            };
            encode::auth_success(m, after_new_year(0), &success);
            1
        }
        "auth_failure" => {
            encode::auth_failure(m, after_new_year(0), "Invalid token");
            1
        }
        "auction_update" => {
            let state = AuctionState {
                auction: AuctionId(AUCTION),
                status: AuctionStatus::Active,
                current_price: PriceTicks(4850),
                total_bids: 127,
                total_quantity: lots(15_000),
                supply_available: lots(10_000),
                ends_at: Some(after_new_year(60)),
                at: after_new_year(30),
                offset: 17,
                matched: lots(10_000),
                imbalance: i128::from(lots(5_000).0),
                marginal: (lots(100), lots(300)),
                phantom_bids: 0,
            };
            encode::auction_update(m, grids(), &state, None);
            42
        }
        "new_bid" => {
            let bid = BidFact {
                bid: BidId(BID),
                party: PartyKey(1),
                client_bid_id: Some("secret".into()),
                quantity: lots(100),
                price: Some(PriceTicks(5200)),
                is_marginal: true,
                is_phantom: false,
                current_price: PriceTicks(4850),
                standing: Standing::Above,
            };
            encode::new_bid(m, &place(31), grids(), &bid);
            43
        }
        "settlement_progress" => {
            encode::settlement_progress(m, &place(60), &settlement(SettlementPhase::Consensus));
            44
        }
        "error" => {
            let ended = EndedAuction {
                auction: AuctionId(AUCTION),
                status: AuctionStatus::Completed,
                result: Some(result()),
                ended_at: after_new_year(60),
                grids: grids(),
            };
            encode::error(m, after_new_year(61), &Refusal::of_session(&SessionRefusal::AuctionOver(&ended)));
            correlation(CORRELATION, &mut extra);
            45
        }
        "rate_limit" => {
            encode::rate_limit(m, after_new_year(62), 1000, None);
            46
        }
        "auction_complete" => {
            let completed = encode::CompletedAuction {
                result: &result(),
                reason: CloseReason::Schedule,
                terms_hash: &[1; 32],
                log_head: Some(&[2; 32]),
                own: None,
            };
            encode::auction_complete(m, &place(60), grids(), &completed);
            47
        }
        "settlement_complete" => {
            let completed = encode::CompletedSettlement {
                result: &result(),
                gas_used: 0,
                execution_path: &["ledger".into()],
            };
            encode::settlement_complete(
                m,
                &place(75),
                grids(),
                &settlement(SettlementPhase::Complete),
                &completed,
            );
            48
        }
        other => panic!("the guide shows no {other}"),
    };
    let mut out = Vec::new();
    message.finish(sequence, &extra, &mut out);
    Json::parse(std::str::from_utf8(&out).expect("messages are UTF-8"))
}

#[test]
fn every_message_that_the_guide_shows_comes_out_with_its_keys_in_order() {
    let received = examples().received;
    assert_eq!(received.len(), 7, "all of the guide's server messages are found");
    for example in received {
        let kind = example.text("type").expect("a message has a type").to_owned();
        let ours = encoded(&kind);
        assert_eq!(example.missing_from(&ours), None, "{example}\nagainst\n{ours}");
        let Json::Object(members) = &ours else { panic!("a message is an object") };
        let keys: Vec<&str> = members.iter().take(4).map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["type", "timestamp", "sequence", "payload"], "{kind}");
    }
}

#[test]
fn additions_stand_behind_the_guides_own_members() {
    for example in examples().received {
        let kind = example.text("type").expect("a message has a type").to_owned();
        let (Some(Json::Object(shown)), Some(Json::Object(ours))) =
            (example.at("payload").cloned(), encoded(&kind).at("payload").cloned())
        else {
            continue;
        };
        let keys =
            |members: &[(String, Json)]| members.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
        assert_eq!(keys(&shown), keys(&ours)[..shown.len()], "{kind}");
    }
}

#[test]
fn every_member_that_the_guides_handlers_read_is_there() {
    let mut read = Vec::new();
    for block in blocks("javascript") {
        let mut kind = "";
        for line in block.lines() {
            for marker in ["case '", "data.type === '"] {
                if let Some(rest) = line.split(marker).nth(1) {
                    kind = rest.split('\'').next().expect("the word is closed");
                }
            }
            for marker in ["data.payload.", "bid."] {
                for rest in line.split(marker).skip(1) {
                    let member = rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next();
                    read.push((kind, member.unwrap_or_default()));
                }
            }
        }
    }
    assert_eq!(read.len(), 9, "all members that handlers read are found: {read:?}");
    for (kind, member) in read {
        assert!(encoded(kind).at(&format!("payload.{member}")).is_some(), "{kind} has no {member}");
    }
}

#[test]
fn the_bid_stream_never_names_the_bidder() {
    let public = encoded("new_bid").to_string();
    for private in ["secret", "client_bid_id", "is_marginal", "standing", "party", "bidder"] {
        assert!(!public.contains(private), "{private} in {public}");
    }
}

#[test]
fn every_channel_of_the_guides_table_exists() {
    let rows = GUIDE.lines().filter(|line| line.starts_with("| `") && line.matches('`').count() > 2);
    let words: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert_eq!(words, Channel::ALL.map(Channel::as_str));
}

#[test]
fn every_error_code_of_the_guides_table_exists() {
    let table = GUIDE.split("### Common Error Codes").nth(1).and_then(|rest| rest.split("##").next());
    let rows = table.expect("the guide has the table").lines().filter(|line| line.starts_with("| `"));
    let words: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert_eq!(words.len(), 7);
    for word in words {
        assert!(walras::wire::Code::ALL.iter().any(|code| code.as_str() == word), "{word}");
    }
}
