//! JSON written by hand: members in the order in which they are called, nothing
//! allocated once the buffer is warm.
//!
//! It writes what it is told and checks nothing: commas and braces are the
//! caller's, who writes them as part of the fragments around the values.

use uuid::Uuid;

use super::Grids;
use super::stamp::Stamp;
use crate::units::{Money, PriceTicks, QuantityLots, TimeUs};

/// A growing JSON text.
#[derive(Debug, Default)]
pub(super) struct Json {
    bytes: Vec<u8>,
    stamp: Stamp,
}

const HEX_PAIRS: [[u8; 2]; 256] = hex_pairs();

impl Json {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn into_string(self) -> String {
        String::from_utf8(self.bytes).expect("everything written here is UTF-8")
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Members, commas and braces as they stand.
    #[inline]
    pub fn raw(&mut self, fragment: &str) {
        self.bytes.extend_from_slice(fragment.as_bytes());
    }

    /// A string, quoted and escaped.
    #[inline]
    pub fn text(&mut self, text: &str) {
        write_text(text, &mut self.bytes);
    }

    /// An id, hyphenated and quoted.
    #[inline]
    pub fn id(&mut self, id: Uuid) {
        let mut text = *b"\"........-....-....-....-............\"";
        let bytes = id.as_bytes();
        write_hex(&bytes[..4], &mut text[1..9]);
        write_hex(&bytes[4..6], &mut text[10..14]);
        write_hex(&bytes[6..8], &mut text[15..19]);
        write_hex(&bytes[8..10], &mut text[20..24]);
        write_hex(&bytes[10..], &mut text[25..37]);
        self.bytes.extend_from_slice(&text);
    }

    /// A hash in hexadecimal, quoted.
    pub fn hash(&mut self, hash: &[u8; 32]) {
        let mut text = [b'"'; 66];
        write_hex(hash, &mut text[1..65]);
        self.bytes.extend_from_slice(&text);
    }

    /// A moment, quoted.
    #[inline]
    pub fn time(&mut self, time: TimeUs) {
        self.bytes.extend_from_slice(self.stamp.quoted(time));
    }

    /// A moment or `null`.
    pub fn time_or_null(&mut self, time: Option<TimeUs>) {
        match time {
            Some(time) => self.time(time),
            None => self.raw("null"),
        }
    }

    /// A count.
    #[inline]
    pub fn count(&mut self, count: u64) {
        self.bytes.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
    }

    /// `true` or `false`.
    #[inline]
    pub fn flag(&mut self, flag: bool) {
        self.raw(if flag { "true" } else { "false" });
    }

    /// A price as a decimal.
    #[inline]
    pub fn price(&mut self, grids: Grids, price: PriceTicks) {
        grids.tick.write(price.0, &mut self.bytes);
    }

    /// A price or `null`.
    #[inline]
    pub fn price_or_null(&mut self, grids: Grids, price: Option<PriceTicks>) {
        match price {
            Some(price) => self.price(grids, price),
            None => self.raw("null"),
        }
    }

    /// A quantity as a decimal.
    #[inline]
    pub fn quantity(&mut self, grids: Grids, quantity: QuantityLots) {
        grids.lot.write(quantity.0, &mut self.bytes);
    }

    /// A sum or difference of quantities as a decimal.
    pub fn quantity_sum(&mut self, grids: Grids, lots: i128) {
        grids.write_lots(lots, &mut self.bytes);
    }

    /// Money as a decimal.
    pub fn money(&mut self, grids: Grids, money: Money) {
        grids.write_money(money, &mut self.bytes);
    }

    /// `part / whole` with at most six digits, rounded down; `null` where `whole` is zero.
    pub fn ratio_or_null(&mut self, part: i64, whole: i64) {
        if whole <= 0 {
            return self.raw("null");
        }
        let millionths = i128::from(part.max(0)) * 1_000_000 / i128::from(whole);
        let mut digits = itoa::Buffer::new();
        self.raw(digits.format(millionths / 1_000_000));
        let fraction = digits.format(1_000_000 + millionths % 1_000_000);
        let fraction = fraction[1..].trim_end_matches('0');
        self.raw(".");
        self.raw(if fraction.is_empty() { "0" } else { fraction });
    }
}

#[inline(always)]
fn write_hex(bytes: &[u8], text: &mut [u8]) {
    for (pair, &byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&HEX_PAIRS[usize::from(byte)]);
    }
}

/// Appends a JSON string: quoted, with `"`, `\` and control characters escaped.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.push(b'"');
    let mut copied = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[copied..index]);
        copied = index + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&HEX_PAIRS[usize::from(byte)]);
            }
        }
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
}

const fn hex_pairs() -> [[u8; 2]; 256] {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    pairs
}
