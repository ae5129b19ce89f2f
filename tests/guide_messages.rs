//! The guide's fenced blocks against the code: every message they send decodes to
//! what it says, every message they show comes out of the encoders with the same
//! keys in the same order, and every member their handlers read is there.

mod guide;
mod ordered_json;
mod wire_examples;

use guide::{GUIDE, authentication, blocks, received};
use ordered_json::Json;
use walras::engine::{AuctionId, BidId};
use walras::units::Reading;
use walras::wire::Channel;
use walras::wire::decode::{AuctionScope, BidRefText, ClientBody, ClientTime, Decoder, NumberText};
use wire_examples::{AUCTION, BID};

/// The messages that the guide's text holds, as JSON.
struct Examples {
    /// Those a client sends.
    sent: Vec<String>,
    /// Those the server sends.
    received: Vec<Json>,
}

fn examples() -> Examples {
    let mut sent = Vec::new();
    let javascript = blocks("javascript");
    for block in &javascript {
        for marker in ["JSON.stringify({", "this.send({"] {
            sent.extend(literals(block, marker));
        }
    }
    sent.push(authentication()[0].1.to_owned());
    blocks("python").iter().for_each(|block| sent.extend(literals(block, "json.dumps({")));
    blocks("julia").iter().for_each(|block| sent.extend(literals(block, "JSON.json(Dict(")));
    let lines = blocks("bash").into_iter().flat_map(str::lines);
    sent.extend(lines.filter(|line| line.starts_with('{')).map(str::to_owned));
    Examples { sent, received: received() }
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

fn encoded(kind: &str) -> Json {
    Json::parse(&wire_examples::server(kind))
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
    for private in ["desk-7", "client_bid_id", "is_marginal", "standing", "party", "bidder"] {
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
