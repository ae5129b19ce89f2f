//! The small bodies of REST calls that operate auctions and settlements.

use std::sync::Arc;

use super::document;
use super::fields::{Fields, TermsError};
use crate::limits::TEXT_BYTES_MAX;
use crate::units::Reading;

/// What a participant says of a settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affirmation {
    /// SHA-256 of the allocation list that the participant has seen.
    pub hash: [u8; 32],
    /// Agreement or objection.
    pub agree: bool,
    /// An objection's reason.
    pub reason: Option<Arc<str>>,
}

/// `{"reason": "…"}`; the body and the member may be left out.
pub fn read_reason(body: &[u8]) -> Result<Arc<str>, TermsError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok("".into());
    }
    let mut fields = read(body, &["reason"])?;
    Ok(fields.short_text("reason", 0..=TEXT_BYTES_MAX)?.map_or_else(|| "".into(), |reason| reason[..].into()))
}

/// `{"hash": "…", "agree": true, "reason": "…"}`.
pub fn read_affirmation(body: &[u8]) -> Result<Affirmation, TermsError> {
    let mut fields = read(body, &["hash", "agree", "reason"])?;
    let digits = fields.text("hash")?.ok_or_else(|| fields.missing("hash"))?;
    let hash = read_hash(&digits).ok_or_else(|| fields.error("hash", "must be 64 hexadecimal digits"))?;
    let agree = fields.boolean("agree")?.ok_or_else(|| fields.missing("agree"))?;
    let reason = fields.short_text("reason", 0..=TEXT_BYTES_MAX)?.map(|reason| reason[..].into());
    Ok(Affirmation { hash, agree, reason })
}

/// `{}` or nothing.
pub fn read_nothing(body: &[u8]) -> Result<(), TermsError> {
    if !body.iter().all(u8::is_ascii_whitespace) {
        read(body, &[])?;
    }
    Ok(())
}

fn read<'a>(body: &'a [u8], known: &[&str]) -> Result<Fields<'a>, TermsError> {
    let (members, _) = document::read_object(body, None)?;
    Fields::new("", members, &[known], Reading::Exact)
}

fn read_hash(digits: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_may_be_left_out_but_not_be_anything() {
        assert_eq!(&*read_reason(b"").expect("nothing"), "");
        assert_eq!(&*read_reason(b" {} ").expect("empty"), "");
        assert_eq!(&*read_reason(br#"{"reason":"storm"}"#).expect("a reason"), "storm");
        for body in [&br#"{"reason":5}"#[..], br#"{"reasons":""}"#, b"[]", b"x"] {
            read_reason(body).expect_err("bad");
        }
        let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(257));
        assert_eq!(read_reason(long.as_bytes()).expect_err("long").field, "reason");
        assert!(
            read_nothing(b"").is_ok() && read_nothing(b"{}").is_ok() && read_nothing(b"{\"a\":1}").is_err()
        );
    }

    #[test]
    fn an_affirmation_needs_its_hash_and_its_word() {
        let hash = "0f".repeat(32);
        let said = read_affirmation(format!(r#"{{"hash":"{hash}","agree":false,"reason":"no"}}"#).as_bytes());
        assert_eq!(said, Ok(Affirmation { hash: [15; 32], agree: false, reason: Some("no".into()) }));
        for (body, field) in [
            (r#"{"agree":true}"#.to_owned(), "hash"),
            (format!(r#"{{"hash":"{hash}"}}"#), "agree"),
            (format!(r#"{{"hash":"{hash}0","agree":true}}"#), "hash"),
            (format!(r#"{{"hash":"{}","agree":true}}"#, "+f".repeat(32)), "hash"),
            (format!(r#"{{"hash":"{hash}","agree":"yes"}}"#), "agree"),
        ] {
            assert_eq!(read_affirmation(body.as_bytes()).expect_err(&body).field, field);
        }
    }
}
