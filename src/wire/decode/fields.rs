//! Single members: each function reads one kind of value and says what was expected.

use uuid::Uuid;

use super::error::{DecodeError, Fault};
use super::message::{AuctionRef, NumberText, SettlementRef};
use super::tree::{Kind, Object, Value};
use crate::engine::{AuctionId, SettlementId};
use crate::limits::{CLIENT_BID_ID_BYTES_MAX, TEXT_BYTES_MAX};
use crate::units::{Decimal, Reading};

type Read<T> = Result<T, Box<DecodeError>>;

pub(super) fn missing(field: &'static str) -> Box<DecodeError> {
    DecodeError::new(Fault::Missing, field)
}

pub(super) fn wrong_type(field: &'static str, expected: &'static str) -> Box<DecodeError> {
    DecodeError::new(Fault::WrongType { expected }, field)
}

pub(super) fn not_allowed(field: &'static str, expected: &'static str) -> Box<DecodeError> {
    DecodeError::new(Fault::NotAllowed { expected }, field)
}

/// A string.
#[inline]
pub(super) fn text_of<'a>(value: Value<'_, 'a>, field: &'static str) -> Read<&'a str> {
    match value.kind() {
        Kind::Text(text) => Ok(text),
        Kind::Null | Kind::Flag(_) | Kind::Number(_) | Kind::Array | Kind::Object => {
            Err(wrong_type(field, "a string"))
        }
    }
}

/// A string, or `None` where it is left out.
pub(super) fn text_opt<'a>(object: Object<'_, 'a>, field: &'static str) -> Read<Option<&'a str>> {
    object.find(field).map(|value| text_of(value, field)).transpose()
}

pub(super) fn text<'a>(object: Object<'_, 'a>, field: &'static str) -> Read<&'a str> {
    text_opt(object, field)?.ok_or_else(|| missing(field))
}

/// Words for people: at most 256 bytes.
pub(super) fn words_opt<'a>(object: Object<'_, 'a>, field: &'static str) -> Read<Option<&'a str>> {
    match text_opt(object, field)? {
        Some(words) if words.len() > TEXT_BYTES_MAX => Err(not_allowed(field, "at most 256 bytes long")),
        words => Ok(words),
    }
}

/// `true` or `false`.
#[inline]
pub(super) fn flag_of(value: Value<'_, '_>, field: &'static str) -> Read<bool> {
    match value.kind() {
        Kind::Flag(flag) => Ok(flag),
        Kind::Null | Kind::Text(_) | Kind::Number(_) | Kind::Array | Kind::Object => {
            Err(wrong_type(field, "true or false"))
        }
    }
}

pub(super) fn flag(object: Object<'_, '_>, field: &'static str) -> Read<bool> {
    object.find(field).map(|value| flag_of(value, field)).transpose()?.ok_or_else(|| missing(field))
}

/// A whole number that is not negative, written in digits alone.
pub(super) fn count_opt(object: Object<'_, '_>, field: &'static str) -> Read<Option<u64>> {
    const EXPECTED: &str = "a whole number, not negative";
    match object.find(field).map(Value::kind) {
        None => Ok(None),
        Some(Kind::Number(digits)) => count_of(digits).map(Some).ok_or_else(|| not_allowed(field, EXPECTED)),
        Some(_) => Err(wrong_type(field, EXPECTED)),
    }
}

/// A number's text as a count: digits alone, within 64 bits.
pub(super) fn count_of(digits: &str) -> Option<u64> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// A price or quantity: a JSON number or a decimal string. `null` is neither.
#[inline]
pub(super) fn number_of<'a>(value: Value<'_, 'a>, field: &'static str) -> Read<NumberText<'a>> {
    match value.kind() {
        Kind::Number(text) if !is_negative_zero(text) => {
            Ok(NumberText { text, reading: Reading::ProgramNumber })
        }
        Kind::Text(text) if is_decimal(text) => Ok(NumberText { text, reading: Reading::Exact }),
        other => Err(not_a_number(other, field)),
    }
}

#[cold]
fn not_a_number(kind: Kind<'_>, field: &'static str) -> Box<DecodeError> {
    const EXPECTED: &str = "a number or a decimal string";
    match kind {
        Kind::Number(_) | Kind::Text(_) => not_allowed(field, EXPECTED),
        Kind::Null | Kind::Flag(_) | Kind::Array | Kind::Object => wrong_type(field, EXPECTED),
    }
}

/// Whether a string is a number in JSON's grammar, of a size that JSON numbers have too.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(at) => (&digits[..at], Some(&digits[at + 1..])),
        None => (digits, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_digits = |part: &str| all_digits(part.strip_prefix(['+', '-']).unwrap_or(part));
    all_digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(all_digits)
        && exponent.is_none_or(exponent_digits)
        && !is_negative_zero(text)
        && text.parse::<f64>().is_ok_and(f64::is_finite)
}

#[inline]
fn is_negative_zero(text: &str) -> bool {
    let mut mantissa = text.bytes().take_while(|byte| !matches!(byte, b'e' | b'E'));
    text.as_bytes().first() == Some(&b'-') && !mantissa.any(|byte| matches!(byte, b'1'..=b'9'))
}

/// A number with a decimal point and no exponent.
pub(super) fn decimal_text(number: Decimal) -> String {
    let mut text = number.to_string();
    if !text.contains('.') {
        text.push_str(".0");
    }
    text
}

/// An id in the form `550e8400-e29b-41d4-a716-446655440000`; `None` for any other word.
#[inline]
pub(super) fn id_of(word: &str) -> Option<Uuid> {
    if word.len() == 36 { Uuid::try_parse(word).ok() } else { None }
}

/// Reads two digits for each byte, and says whether all were hexadecimal.
fn read_hex(digits: &[u8], bytes: &mut [u8]) -> bool {
    let mut seen = 0;
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (HEX_VALUES[usize::from(pair[0])], HEX_VALUES[usize::from(pair[1])]);
        seen |= high | low;
        *byte = high << 4 | low & 15;
    }
    seen < 16
}

/// The value of each hexadecimal digit, and 255 for every other byte.
const HEX_VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value] as usize] = value as u8;
        values[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    values
};

/// The member `auction_id`, which must be there.
#[inline]
pub(super) fn auction_in<'a>(member: Option<Value<'_, 'a>>) -> Read<AuctionRef<'a>> {
    const FIELD: &str = "auction_id";
    text_of(member.ok_or_else(|| missing(FIELD))?, FIELD).map(auction_of)
}

pub(super) fn auction<'a>(object: Object<'_, 'a>) -> Read<AuctionRef<'a>> {
    auction_in(object.find("auction_id"))
}

pub(super) fn auction_of(word: &str) -> AuctionRef<'_> {
    AuctionRef { word, id: id_of(word).map(AuctionId) }
}

pub(super) fn settlement<'a>(object: Object<'_, 'a>) -> Read<SettlementRef<'a>> {
    let word = text(object, "settlement_id")?;
    Ok(SettlementRef { word, id: id_of(word).map(SettlementId) })
}

/// The bidder's own id for a bid: 1 to 64 of `[A-Za-z0-9_.:-]`.
#[inline]
pub(super) fn client_bid_id_of<'a>(value: Value<'_, 'a>) -> Read<&'a str> {
    const FIELD: &str = "client_bid_id";
    let id = text_of(value, FIELD)?;
    if is_client_bid_id(id) { Ok(id) } else { Err(not_allowed(FIELD, "1 to 64 of A-Z a-z 0-9 _ . : -")) }
}

/// Whether this can be a bid's own id: 1 to 64 of `[A-Za-z0-9_.:-]`.
pub fn is_client_bid_id(id: &str) -> bool {
    (1..=CLIENT_BID_ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-'))
}

/// 32 bytes in 64 hexadecimal digits.
pub(super) fn hash(object: Object<'_, '_>, field: &'static str) -> Read<[u8; 32]> {
    const EXPECTED: &str = "64 hexadecimal digits";
    let digits: &[u8; 64] =
        text(object, field)?.as_bytes().try_into().map_err(|_| not_allowed(field, EXPECTED))?;
    let mut hash = [0; 32];
    if !read_hex(digits, &mut hash) {
        return Err(not_allowed(field, EXPECTED));
    }
    Ok(hash)
}
