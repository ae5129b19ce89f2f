//! The decoder against serde_json as an oracle: it takes and refuses the same texts
//! (but for what the protocol refuses besides), and reads the same values.

use std::fmt;

use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use walras::units::Reading;
use walras::wire::decode::{ClientBody, ClientMessage, DecodeError, Decoder, Fault};

/// JSON as serde_json reads it, with every member kept.
#[derive(Debug, Clone, PartialEq)]
enum Oracle {
    Leaf,
    Text(String),
    List(Vec<Oracle>),
    Object(Vec<(String, Oracle)>),
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Oracle;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Oracle, E> {
        Ok(Oracle::Leaf)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Oracle, E> {
        Ok(Oracle::Leaf)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Oracle, E> {
        Ok(Oracle::Leaf)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Oracle, E> {
        Ok(Oracle::Leaf)
    }

    fn visit_unit<E>(self) -> Result<Oracle, E> {
        Ok(Oracle::Leaf)
    }

    fn visit_str<E>(self, text: &str) -> Result<Oracle, E> {
        Ok(Oracle::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Oracle, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Oracle::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Oracle, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Oracle::Object(members))
    }
}

impl<'de> Deserialize<'de> for Oracle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyJson)
    }
}

impl Oracle {
    fn depth(&self) -> usize {
        match self {
            Self::Leaf | Self::Text(_) => 0,
            Self::List(values) => 1 + values.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(members) => 1 + members.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
        }
    }

    fn has_twins(&self) -> bool {
        match self {
            Self::Leaf | Self::Text(_) => false,
            Self::List(values) => values.iter().any(Self::has_twins),
            Self::Object(members) => {
                let mut keys: Vec<&str> = members.iter().map(|(key, _)| key.as_str()).collect();
                keys.sort_unstable();
                keys.windows(2).any(|pair| pair[0] == pair[1])
                    || members.iter().any(|(_, value)| value.has_twins())
            }
        }
    }
}

/// What the decoder should say of the text as JSON, before it looks for members.
#[derive(Debug, PartialEq)]
enum Verdict {
    NotJson,
    TooDeep,
    NotAnObject,
    Twins,
    Fine,
}

fn expected(message: &[u8]) -> Verdict {
    match serde_json::from_slice::<Oracle>(message) {
        Err(_) => Verdict::NotJson,
        Ok(oracle) if oracle.depth() > 32 => Verdict::TooDeep,
        Ok(oracle) if oracle.has_twins() && matches!(oracle, Oracle::Object(_)) => Verdict::Twins,
        Ok(Oracle::Object(_)) => Verdict::Fine,
        Ok(_) => Verdict::NotAnObject,
    }
}

fn given(answer: Result<ClientMessage<'_>, Box<DecodeError>>) -> Verdict {
    match answer {
        Ok(_) => Verdict::Fine,
        Err(error) => match error.fault {
            Fault::NotJson { .. } => Verdict::NotJson,
            Fault::TooDeep => Verdict::TooDeep,
            Fault::NotAnObject => Verdict::NotAnObject,
            Fault::DuplicateKey => Verdict::Twins,
            Fault::UnknownType(_) | Fault::Missing | Fault::WrongType { .. } | Fault::NotAllowed { .. } => {
                Verdict::Fine
            }
        },
    }
}

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![6 => Just(""), 1 => Just(" "), 1 => Just("\n\t"), 1 => Just(" \r\n ")]
}

/// Digits of all kinds that JSON has, and some that it has not.
fn number() -> impl Strategy<Value = String> {
    let good = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| format!("{n:e}")),
        (any::<u32>(), any::<u32>()).prop_map(|(whole, fraction)| format!("{whole}.{fraction}")),
        (any::<i16>(), -400..400_i32).prop_map(|(n, e)| format!("{n}E{e:+}")),
        (1..700_usize).prop_map(|zeros| format!("1{}", "0".repeat(zeros))),
        (1..700_usize).prop_map(|zeros| format!("0.{}1", "0".repeat(zeros))),
        "[0-9]{1,40}(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?",
    ];
    let bad = prop_oneof![
        Just("01"),
        Just("+1"),
        Just("-0"),
        Just("-0.0"),
        Just("1."),
        Just(".5"),
        Just("1e"),
        Just("--1"),
        Just("1e999"),
        Just("-1e999"),
        Just("NaN"),
        Just("Infinity"),
        Just("0x10"),
        Just("1_000"),
        Just("1e5.5"),
        Just("-"),
        Just("1-1"),
        Just("0e"),
        Just("00"),
        Just("-01"),
        Just("1e+"),
        Just("1E400"),
        Just("1e-400"),
    ];
    prop_oneof![4 => good, 1 => bad.prop_map(str::to_owned)]
}

fn string() -> impl Strategy<Value = String> {
    let escapes = prop_oneof![
        Just("\\n"),
        Just("\\\""),
        Just("\\\\"),
        Just("\\/"),
        Just("\\u0041"),
        Just("\\ud83d\\ude00"),
        Just("é"),
        Just("€"),
        Just("😀"),
        Just("a"),
        Just("{"),
        Just(","),
        Just(":"),
        Just("\\u0000"),
        Just("\\ud800"),
        Just("\\udc00x"),
        Just("\\x"),
        Just("\\u12"),
        Just("\u{7f}"),
    ];
    prop_oneof![
        4 => any::<String>().prop_map(|text| serde_json::to_string(&text).expect("a string")),
        1 => proptest::collection::vec(escapes, 0..40).prop_map(|parts| format!("\"{}\"", parts.concat())),
    ]
}

fn json() -> impl Strategy<Value = String> {
    let word = prop_oneof![Just("null"), Just("true"), Just("false"), Just("tru"), Just("nulll")];
    let leaf = prop_oneof![4 => number(), 4 => string(), 2 => word.prop_map(str::to_owned)];
    leaf.prop_recursive(5, 48, 6, |inner| {
        let key = prop_oneof![Just("\"a\"".to_owned()), Just("\"\\u0061\"".to_owned()), string()];
        prop_oneof![
            (proptest::collection::vec((space(), inner.clone(), space()), 0..6)).prop_map(|values| {
                let values: Vec<String> =
                    values.into_iter().map(|(a, value, b)| format!("{a}{value}{b}")).collect();
                format!("[{}]", values.join(","))
            }),
            (proptest::collection::vec((space(), key, space(), inner), 0..6)).prop_map(|members| {
                let members: Vec<String> =
                    members.into_iter().map(|(a, key, b, value)| format!("{a}{key}{b}:{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn config(cases: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(1024))]

    #[test]
    fn it_takes_and_refuses_the_same_texts_as_serde_json(value in json(), name in string(), pad in space()) {
        let message = format!("{pad}{{\"type\":\"pong\",{name}:{value}}}{pad}");
        let mut decoder = Decoder::new();
        prop_assert_eq!(given(decoder.decode(message.as_bytes())), expected(message.as_bytes()), "{}", message);
        prop_assert_eq!(given(decoder.decode(value.as_bytes())), expected(value.as_bytes()), "{}", value);
    }

    #[test]
    fn damaged_messages_get_the_verdict_of_serde_json(
        value in json(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
    ) {
        let mut message = format!(r#"{{"type":"submit_bid","payload":{{"x":{value},"quantity":1.5}}}}"#).into_bytes();
        for (at, byte, kind) in damage {
            let at = at.index(message.len());
            match kind {
                0 => message[at] = byte,
                1 => message.insert(at, byte),
                _ if message.len() > 1 => drop(message.remove(at)),
                _ => {}
            }
        }
        let shown = String::from_utf8_lossy(&message).into_owned();
        prop_assert_eq!(given(Decoder::new().decode(&message)), expected(&message), "{}", shown);
    }

    #[test]
    fn any_bytes_at_all_get_the_verdict_of_serde_json(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(given(Decoder::new().decode(&bytes)), expected(&bytes));
    }

    #[test]
    fn a_decoder_reads_each_message_as_a_fresh_one_would(values in proptest::collection::vec(json(), 1..4)) {
        let mut used = Decoder::new();
        for value in values {
            let message = format!(r#"{{"type":"submit_bid","auction_id":"x","payload":{value}}}"#);
            let mut fresh = Decoder::new();
            prop_assert_eq!(used.decode(message.as_bytes()), fresh.decode(message.as_bytes()));
        }
    }

    #[test]
    fn numbers_and_texts_are_read_exactly_wherever_they_stand(
        quantity in "(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?",
        price in "(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?",
        client_bid_id in "[A-Za-z0-9_.:-]{1,64}",
        correlation in "[^\u{0}]{0,30}",
        junk in json(),
        spaces in (space(), space(), space()),
        order in Just([0, 1, 2, 3]).prop_shuffle(),
        outer in Just([0, 1, 2, 3, 4]).prop_shuffle(),
        as_string in any::<bool>(),
    ) {
        let is_good = expected(format!("{{\"junk\":{junk}}}").as_bytes()) == Verdict::Fine;
        let junk = if is_good { junk } else { "[{}]".to_owned() };
        let (a, b, c) = spaces;
        let price_value = if as_string { format!("\"{price}\"") } else { price.clone() };
        let inner = [
            format!("{a}\"quantity\"{b}:{c}{quantity}"),
            format!("\"price\":{a}{price_value}{b}"),
            format!("\"client_bid_id\":\"{client_bid_id}\""),
            format!("\"other\":{junk}"),
        ];
        let inner = order.map(|index| inner[index].clone()).join(",");
        let members = [
            "\"type\":\"submit_bid\"".to_owned(),
            "\"auction_id\":\"550e8400-e29b-41d4-a716-446655440000\"".to_owned(),
            format!("{a}\"payload\"{b}:{{{inner}}}{c}"),
            format!("\"correlation_id\":{}", serde_json::to_string(&correlation).expect("a string")),
            format!("\"junk\":{junk}"),
        ];
        let message = format!("{{{}}}", outer.map(|index| members[index].clone()).join(","));
        let mut decoder = Decoder::new();
        let read = decoder.decode(message.as_bytes());
        let read = read.map_err(|error| TestCaseError::fail(format!("{error} in {message}")))?;
        prop_assert_eq!(read.correlation_id, Some(correlation.as_str()));
        let ClientBody::SubmitBid { bid, .. } = read.body else { panic!("a bid was sent") };
        let (quantity_read, price_read) = (bid.quantity.expect("given"), bid.price.expect("given"));
        prop_assert_eq!((quantity_read.text, quantity_read.reading), (quantity.as_str(), Reading::ProgramNumber));
        prop_assert_eq!(price_read.text, price.as_str());
        prop_assert_eq!(price_read.reading == Reading::Exact, as_string);
        prop_assert_eq!(bid.client_bid_id, Some(client_bid_id.as_str()));
    }
}
