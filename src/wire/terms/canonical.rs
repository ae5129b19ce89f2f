//! The canonical text of resolved terms, of which `terms_hash` is the SHA-256.
//!
//! JSON without white space, all keys always there and in one order, `null` for what there is none of; prices,
//! quantities and other decimals as strings of the shortest exact form; counts and milliseconds as
//! numbers; times in RFC 3339 with `Z`. `docs/CLEARING.md` lists the keys.

use std::fmt::Write as _;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::super::document::write_text;
use super::super::fields::{Fields, TermsError};
use super::{live, sale, supply};
use crate::engine::{End, Party, RULES_VERSION, SettlementTerms, Terms};
use crate::units::{Decimal, Grid, QuantityLots, TimeUs};

/// Keys that only canonical terms have.
pub(super) const KEYS: &[&str] = &["rules_version"];

/// The version of the rules that canonical terms name; the present one where they name none.
pub(super) fn read_rules_version(fields: &mut Fields) -> Result<u32, TermsError> {
    let version = fields.whole("rules_version", u64::from(u32::MAX))?;
    match version {
        None => Ok(RULES_VERSION),
        Some(version) if (1..=u64::from(RULES_VERSION)).contains(&version) => Ok(version as u32),
        Some(_) => Err(fields.error("rules_version", "is not a version of the rules known here")),
    }
}

/// The SHA-256 of a canonical text.
pub fn terms_hash(canonical: &str) -> [u8; 32] {
    Sha256::digest(canonical.as_bytes()).into()
}

/// The canonical text of terms. Reading it with [`super::parse_canonical`] gives the same terms.
pub fn print(terms: &Terms) -> String {
    let mut writer = Writer { out: String::with_capacity(1024) };
    writer.out.push('{');
    writer.sale(terms);
    writer.plan(terms);
    writer.settlement(&terms.settlement);
    writer.number("rules_version", u64::from(terms.rules_version));
    writer.out.push('}');
    writer.out
}

/// Appends members; each but the first begins with a comma.
struct Writer {
    out: String,
}

impl Writer {
    fn sale(&mut self, terms: &Terms) {
        let sale = &terms.sale;
        self.out.push_str("\"mode\":\"sale\"");
        self.decimal("tick_size", Some(terms.tick.step()));
        self.decimal("lot_size", Some(terms.lot.step()));
        self.steps("reserve_price", Some(sale.reserve.0), terms.tick);
        self.out.push_str(",\"supply\":");
        supply::write(sale.supply.schedule(), &mut self.out);
        self.word("price_rule", sale.price_rule, sale::PRICE_RULES);
        self.word("undersubscribed", sale.undersubscribed, sale::UNDERSUBSCRIBED);
        self.word("allocation", sale.allocation, sale::ALLOCATIONS);
        self.boolean("allow_partial_fills", sale.allow_partial_fills);
        self.lots("max_quantity_per_bidder", sale.max_quantity_per_bidder, terms.lot);
        self.decimal("max_award_fraction", sale.max_award.map(|limit| limit.fraction));
        self.lots("min_bid_quantity", sale.min_bid_quantity, terms.lot);
        self.lots("award_multiple", sale.award_multiple, terms.lot);
        self.lots("award_minimum", sale.award_minimum, terms.lot);
        self.decimal("min_revenue", sale.min_revenue.map(|amount| amount.stated));
        self.decimal("money_unit", sale.money_unit.map(|amount| amount.stated));
        self.number("max_bids_per_bidder", u64::from(terms.max_bids_per_bidder));
        self.boolean("allow_price_takers", terms.allow_price_takers);
        self.boolean("allow_phantom_bids", terms.allow_phantom_bids);
        self.boolean("allow_cancel", terms.allow_cancel);
    }

    fn plan(&mut self, terms: &Terms) {
        self.key("name");
        match &terms.name {
            Some(name) => write_text(name, &mut self.out),
            None => self.out.push_str("null"),
        }
        self.key("metadata");
        self.out.push_str(terms.metadata.as_deref().unwrap_or("null"));
        self.key("seller");
        write_text(&terms.seller.0, &mut self.out);
        self.time("starts_at", terms.starts_at);
        let (duration_ms, ends_at) = match terms.end {
            End::Open => (None, None),
            End::After { duration_ms } => (Some(duration_ms), None),
            End::At(time) => (None, Some(time)),
        };
        match duration_ms {
            Some(duration_ms) => self.number("duration_ms", duration_ms),
            None => self.null("duration_ms"),
        }
        self.time("ends_at", ends_at);
        self.number("lock_ms", terms.lock_ms);
        self.number("extend_window_ms", terms.extend_window_ms);
        self.number("extend_ms", terms.extend_ms);
        self.number("max_extensions", u64::from(terms.max_extensions));
        self.word("on_outage", terms.on_outage, live::ON_OUTAGE);
    }

    fn settlement(&mut self, settlement: &SettlementTerms) {
        self.out.push_str(",\"settlement\":{\"participants\":");
        match &settlement.participants {
            None => self.out.push_str("null"),
            Some(parties) => self.parties(parties),
        }
        self.decimal("quorum", Decimal::new(i128::from(settlement.quorum_ppm), 6));
        self.number("affirm_timeout_ms", settlement.affirm_timeout_ms);
        self.word("timeout_policy", settlement.timeout_policy, live::TIMEOUT_POLICIES);
        self.word("executor", settlement.executor, live::EXECUTORS);
        self.word("start", settlement.start, live::STARTS);
        self.out.push('}');
    }

    fn parties(&mut self, parties: &[Party]) {
        self.out.push('[');
        for (index, party) in parties.iter().enumerate() {
            self.out.push_str(if index > 0 { "," } else { "" });
            write_text(&party.0, &mut self.out);
        }
        self.out.push(']');
    }

    fn key(&mut self, key: &str) {
        write!(self.out, ",\"{key}\":").expect("a string takes everything");
    }

    fn null(&mut self, key: &str) {
        self.key(key);
        self.out.push_str("null");
    }

    fn decimal(&mut self, key: &str, value: Option<Decimal>) {
        match value {
            Some(value) => self.quoted(key, &value.to_string()),
            None => self.null(key),
        }
    }

    fn steps(&mut self, key: &str, count: Option<i64>, grid: Grid) {
        match count {
            Some(count) => self.quoted(key, &grid.display(count)),
            None => self.null(key),
        }
    }

    fn lots(&mut self, key: &str, lots: Option<QuantityLots>, lot: Grid) {
        self.steps(key, lots.map(|lots| lots.0), lot);
    }

    fn time(&mut self, key: &str, time: Option<TimeUs>) {
        let time = time.and_then(|time| Timestamp::from_microsecond(time.0).ok());
        match time {
            Some(time) => self.quoted(key, &time.to_string()),
            None => self.null(key),
        }
    }

    fn number(&mut self, key: &str, number: u64) {
        self.key(key);
        self.out.push_str(itoa::Buffer::new().format(number));
    }

    fn boolean(&mut self, key: &str, value: bool) {
        self.key(key);
        self.out.push_str(if value { "true" } else { "false" });
    }

    fn word<T: Copy + PartialEq>(&mut self, key: &str, value: T, words: &[(&str, T)]) {
        let word = words.iter().find(|(_, each)| *each == value);
        let (word, _) = word.expect("each table has a word for every value");
        self.quoted(key, word);
    }

    /// A value that needs no escapes.
    fn quoted(&mut self, key: &str, value: &str) {
        self.key(key);
        write!(self.out, "\"{value}\"").expect("a string takes everything");
    }
}
