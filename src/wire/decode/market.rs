//! Market data as an operator puts it: read, checked, and written as the canonical
//! payload that subscribers get. Numbers stay exact decimals throughout.
//!
//! What the operator leaves out is filled in where the rest decides it: the spread and
//! the middle of an order book, the token from the address, the time from the clock.

use super::error::DecodeError;
use super::fields::{decimal_text, missing, not_allowed, number_of, text_opt, wrong_type};
use super::tree::{Kind, Object, Value};
use crate::units::{Decimal, TimeUs};
use crate::wire::json::Json;

type Read<T> = Result<T, Box<DecodeError>>;

/// Most currencies in one `price_update`.
const CURRENCIES_MAX: usize = 64;
/// Longest name of a currency, in bytes.
const CURRENCY_BYTES_MAX: usize = 32;
/// Most levels on one side of an order book: both sides fit a message of 64 KiB.
const LEVELS_MAX: usize = 250;

/// A price and a quantity of an order book.
struct Level {
    price: Decimal,
    quantity: Decimal,
}

/// Reads `{prices: {usd: 2500.0, …}, "24h_change"?, timestamp?}` into the payload of `price_update`.
pub(super) fn prices(token: &str, object: Object<'_, '_>, now: TimeUs) -> Read<String> {
    let members = object.find("prices").ok_or_else(|| missing("prices"))?;
    let prices = currencies(members, "prices", Sign::NotNegative)?;
    if prices.is_empty() {
        return Err(not_allowed("prices", "not empty"));
    }
    let mut json = Json::default();
    json.raw(r#"{"token":"#);
    json.text(token);
    json.raw(r#","prices":"#);
    write_currencies(&mut json, &prices);
    json.raw(r#","24h_change":"#);
    match object.find("24h_change") {
        None => json.raw("null"),
        Some(value) if value.object().is_some() => {
            write_currencies(&mut json, &currencies(value, "24h_change", Sign::Any)?);
        }
        Some(value) => json.raw(&decimal_text(decimal(value, "24h_change", Sign::Any)?)),
    }
    json.raw(r#","timestamp":"#);
    json.time(timestamp(object)?.unwrap_or(now));
    json.raw("}");
    Ok(json.into_string())
}

/// Reads `{bids: [{price, quantity}, …], asks: […], spread?, mid_price?, timestamp?}` into the payload of
/// `order_book_update`. Levels keep their order.
pub(super) fn order_book(token_pair: &str, object: Object<'_, '_>, now: TimeUs) -> Read<String> {
    let bids = levels(object, "bids")?;
    let asks = levels(object, "asks")?;
    let best_bid = bids.iter().map(|level| level.price).reduce(higher);
    let best_ask = asks.iter().map(|level| level.price).reduce(lower);
    let ends = best_bid.zip(best_ask);
    let spread = ends.and_then(|(bid, ask)| combined(ask, bid, |ask, bid| ask.checked_sub(bid), 0));
    // The middle is the sum times five, one digit further down.
    let fives = |ask: i128, bid: i128| ask.checked_add(bid)?.checked_mul(5);
    let middle = ends.and_then(|(bid, ask)| combined(ask, bid, fives, 1));
    let mut json = Json::default();
    json.raw(r#"{"token_pair":"#);
    json.text(token_pair);
    json.raw(r#","bids":"#);
    write_levels(&mut json, &bids);
    json.raw(r#","asks":"#);
    write_levels(&mut json, &asks);
    for (field, computed) in [("spread", spread), ("mid_price", middle)] {
        let given = object.find(field).map(|value| decimal(value, field, Sign::Any)).transpose()?;
        json.raw(",");
        json.text(field);
        json.raw(":");
        match given.or(computed) {
            Some(number) => json.raw(&decimal_text(number)),
            None => json.raw("null"),
        }
    }
    json.raw(r#","timestamp":"#);
    json.time(timestamp(object)?.unwrap_or(now));
    json.raw("}");
    Ok(json.into_string())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Any,
    NotNegative,
}

fn decimal(value: Value<'_, '_>, field: &'static str, sign: Sign) -> Read<Decimal> {
    let number = number_of(value, field)?;
    let decimal =
        Decimal::parse(number.text).map_err(|_| not_allowed(field, "a number of at most 38 digits"))?;
    if sign == Sign::NotNegative && decimal.is_negative() {
        return Err(not_allowed(field, "not negative"));
    }
    Ok(decimal)
}

fn currencies<'a>(value: Value<'_, 'a>, field: &'static str, sign: Sign) -> Read<Vec<(&'a str, Decimal)>> {
    let object = value.object().ok_or_else(|| wrong_type(field, "an object of numbers"))?;
    let mut currencies = Vec::new();
    for (name, value) in object.members() {
        if name.len() > CURRENCY_BYTES_MAX || currencies.len() == CURRENCIES_MAX {
            return Err(not_allowed(field, "at most 64 members with names of at most 32 bytes"));
        }
        currencies.push((name, decimal(value, field, sign)?));
    }
    Ok(currencies)
}

fn levels(object: Object<'_, '_>, field: &'static str) -> Read<Vec<Level>> {
    const EXPECTED: &str = "an array of at most 250 levels {price, quantity}";
    let value = object.find(field).ok_or_else(|| missing(field))?;
    let elements = value.elements().ok_or_else(|| wrong_type(field, EXPECTED))?;
    if elements.len() > LEVELS_MAX {
        return Err(not_allowed(field, EXPECTED));
    }
    let mut levels = Vec::with_capacity(elements.len());
    for (index, element) in elements.enumerate() {
        let inside = |error: Box<DecodeError>| error.inside(&format!("{field}[{index}]"));
        let level = element.object().ok_or_else(|| inside(wrong_type("", "an object")))?;
        let member = |name: &'static str| match level.find(name) {
            Some(value) => decimal(value, name, Sign::NotNegative).map_err(inside),
            None => Err(inside(missing(name))),
        };
        levels.push(Level { price: member("price")?, quantity: member("quantity")? });
    }
    Ok(levels)
}

/// A moment given as RFC 3339 text.
fn timestamp(object: Object<'_, '_>) -> Read<Option<TimeUs>> {
    const FIELD: &str = "timestamp";
    if matches!(object.find(FIELD).map(Value::kind), Some(Kind::Number(_))) {
        return Err(wrong_type(FIELD, "an RFC 3339 time"));
    }
    let Some(text) = text_opt(object, FIELD)? else { return Ok(None) };
    match text.parse::<jiff::Timestamp>() {
        Ok(timestamp) => Ok(Some(TimeUs(timestamp.as_microsecond()))),
        Err(_) => Err(not_allowed(FIELD, "an RFC 3339 time")),
    }
}

fn write_currencies(json: &mut Json, currencies: &[(&str, Decimal)]) {
    for (index, (name, number)) in currencies.iter().enumerate() {
        json.raw(if index == 0 { "{" } else { "," });
        json.text(name);
        json.raw(":");
        json.raw(&decimal_text(*number));
    }
    json.raw(if currencies.is_empty() { "{}" } else { "}" });
}

fn write_levels(json: &mut Json, levels: &[Level]) {
    json.raw("[");
    for (index, level) in levels.iter().enumerate() {
        json.raw(if index == 0 { r#"{"price":"# } else { r#",{"price":"# });
        json.raw(&decimal_text(level.price));
        json.raw(r#","quantity":"#);
        json.raw(&decimal_text(level.quantity));
        json.raw("}");
    }
    json.raw("]");
}

/// Two numbers combined over their common scale, the result `deeper` digits further down; `None` where
/// that takes more than 38 digits.
fn combined(
    left: Decimal,
    right: Decimal,
    combine: impl FnOnce(i128, i128) -> Option<i128>,
    deeper: u32,
) -> Option<Decimal> {
    let scale = left.scale().max(right.scale());
    let scaled =
        |number: Decimal| number.mantissa().checked_mul(10_i128.checked_pow(scale - number.scale())?);
    Decimal::new(combine(scaled(left)?, scaled(right)?)?, scale + deeper)
}

fn higher(left: Decimal, right: Decimal) -> Decimal {
    let is_less = combined(left, right, i128::checked_sub, 0).is_some_and(Decimal::is_negative);
    if is_less { right } else { left }
}

fn lower(left: Decimal, right: Decimal) -> Decimal {
    let is_less = combined(left, right, i128::checked_sub, 0).is_some_and(Decimal::is_negative);
    if is_less { left } else { right }
}
