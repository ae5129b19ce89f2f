//! Market data as it is put: prices of a token, order book of a pair.
//!
//! Bodies are read strictly, numbers exactly from their text, and become the canonical
//! payloads of `price_update` and `order_book_update`, which travel unchanged from then on:
//! through the log, to subscribers, and to those who come later.

use std::fmt::Write as _;

use super::document::{self, Value, write_text};
use super::fields::{Fields, TermsError, decimal_of};
use super::stamp::Stamp;
use crate::units::{Decimal, Reading, TimeUs};

/// Most currencies in one body.
const PRICES_MAX: usize = 64;
/// Most levels on one side of an order book.
const LEVELS_MAX: usize = 200;

/// The payload of `price_update`, from `{"prices": {"usd": 2500.0}, "24h_change": 2.5}`.
pub fn prices_payload(body: &[u8], token: &str, at: TimeUs) -> Result<String, TermsError> {
    let mut fields = read(body, "token", token, &["prices", "24h_change"])?;
    let prices = match fields.take("prices") {
        Some(Value::Object(members)) if (1..=PRICES_MAX).contains(&members.len()) => members,
        Some(Value::Object(_)) => {
            return Err(fields.error("prices", format!("must name 1 to {PRICES_MAX} currencies")));
        }
        Some(other) => {
            return Err(fields.error("prices", format!("expected an object, not {}", other.kind())));
        }
        None => return Err(fields.missing("prices")),
    };
    let mut out = String::from("{\"token\":");
    write_text(token, &mut out);
    out.push_str(",\"prices\":{");
    for (index, (currency, value)) in prices.iter().enumerate() {
        let field = format!("prices.{currency}");
        if currency.is_empty() || currency.len() > 16 {
            return Err(TermsError::new(field, "a currency has 1 to 16 bytes"));
        }
        out.push_str(if index > 0 { "," } else { "" });
        write_text(currency, &mut out);
        out.push(':');
        write_decimal(decimal_of(value, &field)?, &mut out);
    }
    out.push_str("},\"24h_change\":");
    match fields.decimal("24h_change")? {
        Some(change) => write_decimal(change, &mut out),
        None => out.push_str("null"),
    }
    Ok(finish(out, at))
}

/// The payload of `order_book_update`, from `{"bids": [{"price": 1.0, "quantity": 2.0}], "asks": […]}`.
/// Levels are sorted from the best; `spread` and `mid_price` are worked out, `null` where a side is empty.
pub fn order_book_payload(body: &[u8], token_pair: &str, at: TimeUs) -> Result<String, TermsError> {
    let mut fields = read(body, "token_pair", token_pair, &["bids", "asks"])?;
    let mut bids = read_levels(&mut fields, "bids")?;
    let mut asks = read_levels(&mut fields, "asks")?;
    let scale = bids.iter().chain(&asks).map(|level| level.price.scale()).max().unwrap_or(0);
    let raised = |price: Decimal| {
        let power = 10_i128.checked_pow(scale - price.scale());
        power.and_then(|power| price.mantissa().checked_mul(power))
    };
    for level in bids.iter_mut().chain(&mut asks) {
        level.raised = raised(level.price)
            .filter(|raised| raised.unsigned_abs() < u128::MAX >> 16)
            .ok_or_else(|| TermsError::new("bids", "prices are too far apart"))?;
    }
    bids.sort_by_key(|level| std::cmp::Reverse(level.raised));
    asks.sort_by_key(|level| level.raised);
    let best = bids.first().zip(asks.first()).map(|(bid, ask)| (bid.raised, ask.raised));
    if best.is_some_and(|(bid, ask)| bid > ask) {
        return Err(TermsError::new("bids", "the best bid is above the best ask"));
    }
    let mut out = String::from("{\"token_pair\":");
    write_text(token_pair, &mut out);
    write_levels("bids", &bids, &mut out);
    write_levels("asks", &asks, &mut out);
    let spread = best.and_then(|(bid, ask)| Decimal::new(ask - bid, scale));
    let middle = best.and_then(|(bid, ask)| Decimal::new((ask + bid) * 5, scale + 1));
    for (key, value) in [("spread", spread), ("mid_price", middle)] {
        write!(out, ",\"{key}\":").expect("a string takes everything");
        match value {
            Some(value) => write_decimal(value, &mut out),
            None => out.push_str("null"),
        }
    }
    Ok(finish(out, at))
}

struct Level {
    price: Decimal,
    /// The price's digits at the scale that all prices share.
    raised: i128,
    quantity: Decimal,
}

/// The body's members. The name may stand in the body too, but then it must be the one of the address.
fn read<'a>(
    body: &'a [u8],
    name_key: &'static str,
    name: &str,
    keys: &[&str],
) -> Result<Fields<'a>, TermsError> {
    if name.is_empty() || name.len() > 64 {
        return Err(TermsError::new(name_key, "must be 1 to 64 bytes long"));
    }
    let (members, _) = document::read_object(body, None)?;
    let mut fields = Fields::new("", members, &[keys, &[name_key]], Reading::Exact)?;
    match fields.text(name_key)? {
        Some(inside) if inside != name => Err(fields.error(name_key, format!("is not {name:?}"))),
        _ => Ok(fields),
    }
}

fn read_levels(fields: &mut Fields<'_>, key: &'static str) -> Result<Vec<Level>, TermsError> {
    let values = fields.list(key)?.ok_or_else(|| fields.missing(key))?;
    if values.len() > LEVELS_MAX {
        return Err(fields.error(key, format!("at most {LEVELS_MAX} levels")));
    }
    let mut levels = Vec::with_capacity(values.len());
    for (index, value) in values.into_iter().enumerate() {
        let path = format!("{key}[{index}]");
        let Value::Object(members) = value else {
            return Err(TermsError::new(path, format!("expected an object, not {}", value.kind())));
        };
        let mut level = Fields::new(path, members, &[&["price", "quantity"]], Reading::Exact)?;
        let price = level.decimal("price")?.ok_or_else(|| level.missing("price"))?;
        let quantity = level.positive_decimal("quantity")?.ok_or_else(|| level.missing("quantity"))?;
        levels.push(Level { price, raised: 0, quantity });
    }
    Ok(levels)
}

fn write_levels(key: &str, levels: &[Level], out: &mut String) {
    write!(out, ",\"{key}\":[").expect("a string takes everything");
    for (index, level) in levels.iter().enumerate() {
        out.push_str(if index > 0 { ",{\"price\":" } else { "{\"price\":" });
        write_decimal(level.price, out);
        out.push_str(",\"quantity\":");
        write_decimal(level.quantity, out);
        out.push('}');
    }
    out.push(']');
}

/// Always with a decimal point, as everywhere on the wire.
fn write_decimal(value: Decimal, out: &mut String) {
    write!(out, "{value}").expect("a string takes everything");
    if value.scale() == 0 {
        out.push_str(".0");
    }
}

fn finish(mut out: String, at: TimeUs) -> String {
    let mut stamp = Stamp::default();
    out.push_str(",\"timestamp\":");
    out.push_str(std::str::from_utf8(stamp.quoted(at)).unwrap_or("null"));
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: TimeUs = TimeUs(1_704_067_230_000_000);

    #[test]
    fn prices_come_out_exact_and_with_a_decimal_point() {
        let body = br#"{"prices": {"usd": 2500, "eur": "2300.10", "btc": 1e-3}, "24h_change": -2.5}"#;
        assert_eq!(
            prices_payload(body, "ETH", AT).expect("good"),
            r#"{"token":"ETH","prices":{"usd":2500.0,"eur":2300.1,"btc":0.001},"24h_change":-2.5,"timestamp":"2024-01-01T00:00:30.000Z"}"#
        );
        let sparse = prices_payload(br#"{"token":"ETH","prices":{"usd":1.5}}"#, "ETH", AT).expect("good");
        assert!(sparse.contains(r#""24h_change":null"#));
    }

    #[test]
    fn an_order_book_is_sorted_and_its_middle_exact() {
        let body = br#"{"asks":[{"price":10.3,"quantity":1},{"price":10.1,"quantity":2}],
            "bids":[{"price":9,"quantity":5},{"price":"9.95","quantity":4}]}"#;
        assert_eq!(
            order_book_payload(body, "ETH-USD", AT).expect("good"),
            concat!(
                r#"{"token_pair":"ETH-USD","bids":[{"price":9.95,"quantity":4.0},{"price":9.0,"quantity":5.0}],"#,
                r#""asks":[{"price":10.1,"quantity":2.0},{"price":10.3,"quantity":1.0}],"#,
                r#""spread":0.15,"mid_price":10.025,"timestamp":"2024-01-01T00:00:30.000Z"}"#
            )
        );
        let empty = order_book_payload(br#"{"bids":[],"asks":[]}"#, "A-B", AT).expect("good");
        assert!(empty.contains(r#""spread":null,"mid_price":null"#));
    }

    #[test]
    fn every_problem_names_its_field() {
        for (body, field) in [
            (&br#"{}"#[..], "prices"),
            (br#"{"prices":{}}"#, "prices"),
            (br#"{"prices":[1]}"#, "prices"),
            (br#"{"prices":{"usd":true}}"#, "prices.usd"),
            (br#"{"prices":{"":1}}"#, "prices."),
            (br#"{"prices":{"usd":1},"token":"BTC"}"#, "token"),
            (br#"{"prices":{"usd":1},"price":2}"#, "price"),
            (br#"{"prices":{"usd":1},"24h_change":"up"}"#, "24h_change"),
            (br#"[]"#, "json"),
        ] {
            assert_eq!(prices_payload(body, "ETH", AT).expect_err("bad").field, field);
        }
        for (body, field) in [
            (&br#"{"bids":[]}"#[..], "asks"),
            (br#"{"bids":[{"price":1,"quantity":1},{"price":1}],"asks":[]}"#, "bids[1].quantity"),
            (br#"{"bids":[{"price":1,"quantity":0}],"asks":[]}"#, "bids[0].quantity"),
            (br#"{"bids":[{"price":2,"quantity":1}],"asks":[{"price":1,"quantity":1}]}"#, "bids"),
            (br#"{"bids":[],"asks":[1]}"#, "asks[0]"),
        ] {
            assert_eq!(order_book_payload(body, "A-B", AT).expect_err("bad").field, field);
        }
        assert_eq!(prices_payload(b"{}", &"x".repeat(65), AT).expect_err("long").field, "token");
    }
}
