//! When and how a live auction runs, from JSON.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::super::document::Value;
use super::super::fields::{Fields, TermsError};
use super::sale;
use crate::engine::{
    AuctionId, End, Executor, OnOutage, Party, RULES_VERSION, SettlementStart, SettlementTerms, Terms,
    TimeoutPolicy,
};
use crate::limits::{
    AUCTION_MS_MAX, METADATA_BYTES_MAX, PARTY_BYTES_MAX, SETTLEMENT_PARTICIPANTS_MAX, TEXT_BYTES_MAX,
};
use crate::units::TimeUs;

/// The keys that say when and how a live auction runs.
pub(super) const LIVE_KEYS: &[&str] = &[
    "auction_id",
    "name",
    "metadata",
    "seller",
    "starts_at",
    "duration_ms",
    "ends_at",
    "lock_ms",
    "extend_window_ms",
    "extend_ms",
    "max_extensions",
    "on_outage",
    "settlement",
];

const SETTLEMENT_KEYS: &[&str] =
    &["participants", "quorum", "affirm_timeout_ms", "timeout_policy", "executor", "start"];

pub(super) const ON_OUTAGE: &[(&str, OnOutage)] =
    &[("extend", OnOutage::Extend), ("close", OnOutage::Close), ("cancel", OnOutage::Cancel)];
pub(super) const TIMEOUT_POLICIES: &[(&str, TimeoutPolicy)] =
    &[("affirm", TimeoutPolicy::Affirm), ("fail", TimeoutPolicy::Fail)];
pub(super) const EXECUTORS: &[(&str, Executor)] = &[("ledger", Executor::Ledger), ("host", Executor::Host)];
pub(super) const STARTS: &[(&str, SettlementStart)] =
    &[("auto", SettlementStart::Auto), ("manual", SettlementStart::Manual)];

const MAX_BIDS_PER_BIDDER_DEFAULT: u64 = 100;
const QUORUM_PPM_DEFAULT: u32 = 670_000;
const AFFIRM_TIMEOUT_MS_DEFAULT: u64 = 30_000;
const PARTS_PER_MILLION_DIGITS: u32 = 6;

/// The id asked for.
pub(super) fn read_auction_id(fields: &mut Fields) -> Result<Option<AuctionId>, TermsError> {
    let Some(text) = fields.text("auction_id")? else { return Ok(None) };
    let id = Uuid::try_parse(&text).map_err(|_| fields.error("auction_id", "is not a UUID"))?;
    Ok(Some(AuctionId(id)))
}

/// Takes the terms of a live auction out of the fields. Without a default the seller must be named.
pub(super) fn read(fields: &mut Fields, seller: Option<&Party>) -> Result<Terms, TermsError> {
    let sale = sale::read(fields)?;
    if !sale.net_long.is_empty() {
        return Err(fields.error("net_long", "is not available in live auctions"));
    }
    if let Some(unit) = sale.sale.money_unit
        && unit.ratio.denominator != 1
        && unit.ratio.numerator != 1
    {
        let problem = "must be a multiple of tick_size × lot_size, or divide it, in live auctions";
        return Err(fields.error("money_unit", problem));
    }
    let plan = read_plan(fields)?;
    let seller = plan.seller.or_else(|| seller.cloned()).ok_or_else(|| fields.missing("seller"))?;
    Ok(Terms {
        tick: sale.tick,
        lot: sale.lot,
        sale: sale.sale,
        name: plan.name,
        metadata: plan.metadata,
        seller,
        starts_at: plan.starts_at,
        end: plan.end,
        lock_ms: plan.lock_ms,
        extend_window_ms: plan.extend_window_ms,
        extend_ms: plan.extend_ms,
        max_extensions: plan.max_extensions,
        on_outage: plan.on_outage,
        max_bids_per_bidder: plan.max_bids_per_bidder,
        allow_price_takers: plan.allow_price_takers,
        allow_phantom_bids: plan.allow_phantom_bids,
        allow_cancel: plan.allow_cancel,
        settlement: plan.settlement,
        rules_version: RULES_VERSION,
    })
}

/// Checks what a finished sale no longer needs.
pub(super) fn check(fields: &mut Fields) -> Result<(), TermsError> {
    read_plan(fields).map(drop)
}

/// Everything about a live auction but its sale.
struct Plan {
    name: Option<Arc<str>>,
    metadata: Option<Arc<str>>,
    seller: Option<Party>,
    starts_at: Option<TimeUs>,
    end: End,
    lock_ms: u64,
    extend_window_ms: u64,
    extend_ms: u64,
    max_extensions: u32,
    on_outage: OnOutage,
    max_bids_per_bidder: u32,
    allow_price_takers: bool,
    allow_phantom_bids: bool,
    allow_cancel: bool,
    settlement: SettlementTerms,
}

fn read_plan(fields: &mut Fields) -> Result<Plan, TermsError> {
    let name = fields.short_text("name", 0..=TEXT_BYTES_MAX)?.map(|name| Arc::from(&*name));
    let metadata = read_metadata(fields)?;
    let seller = fields.short_text("seller", 1..=PARTY_BYTES_MAX)?.map(|seller| Party(Arc::from(&*seller)));
    let starts_at = read_time(fields, "starts_at")?;
    let end = read_end(fields, starts_at)?;
    let max_bids_per_bidder =
        fields.whole("max_bids_per_bidder", u64::from(u32::MAX))?.unwrap_or(MAX_BIDS_PER_BIDDER_DEFAULT);
    if max_bids_per_bidder == 0 {
        return Err(fields.error("max_bids_per_bidder", "must be above 0"));
    }
    Ok(Plan {
        name,
        metadata,
        seller,
        starts_at,
        end,
        lock_ms: fields.whole("lock_ms", AUCTION_MS_MAX)?.unwrap_or(0),
        extend_window_ms: fields.whole("extend_window_ms", AUCTION_MS_MAX)?.unwrap_or(0),
        extend_ms: fields.whole("extend_ms", AUCTION_MS_MAX)?.unwrap_or(0),
        max_extensions: fields.whole("max_extensions", u64::from(u32::MAX))?.unwrap_or(0) as u32,
        on_outage: fields.word("on_outage", ON_OUTAGE)?.unwrap_or(OnOutage::Extend),
        max_bids_per_bidder: max_bids_per_bidder as u32,
        allow_price_takers: fields.boolean("allow_price_takers")?.unwrap_or(false),
        allow_phantom_bids: fields.boolean("allow_phantom_bids")?.unwrap_or(false),
        allow_cancel: fields.boolean("allow_cancel")?.unwrap_or(true),
        settlement: read_settlement(fields)?,
    })
}

fn read_metadata(fields: &mut Fields) -> Result<Option<Arc<str>>, TermsError> {
    let value = match fields.take("metadata") {
        None => return Ok(None),
        Some(value @ Value::Object(_)) => value,
        Some(other) => {
            return Err(fields.error("metadata", format!("expected an object, not {}", other.kind())));
        }
    };
    let mut text = String::new();
    value.write(&mut text);
    if text.len() > METADATA_BYTES_MAX {
        return Err(fields.error("metadata", format!("is longer than {METADATA_BYTES_MAX} bytes")));
    }
    Ok(Some(text.into()))
}

fn read_time(fields: &mut Fields, key: &str) -> Result<Option<TimeUs>, TermsError> {
    let Some(text) = fields.text(key)? else { return Ok(None) };
    let time: Timestamp = text
        .parse()
        .map_err(|_| fields.error(key, "is not a time of RFC 3339, such as 2026-01-31T12:00:00Z"))?;
    if time.subsec_nanosecond() % 1000 != 0 {
        return Err(fields.error(key, "has parts below a microsecond"));
    }
    Ok(Some(TimeUs(time.as_microsecond())))
}

fn read_end(fields: &mut Fields, starts_at: Option<TimeUs>) -> Result<End, TermsError> {
    let duration_ms = fields.whole("duration_ms", AUCTION_MS_MAX)?;
    let ends_at = read_time(fields, "ends_at")?;
    match (duration_ms, ends_at) {
        (Some(_), Some(_)) => Err(fields.error("ends_at", "cannot be given beside `duration_ms`")),
        (Some(0), None) => Err(fields.error("duration_ms", "must be above 0")),
        (Some(duration_ms), None) => Ok(End::After { duration_ms }),
        (None, Some(end)) if starts_at.is_some_and(|start| end <= start) => {
            Err(fields.error("ends_at", "must be after `starts_at`"))
        }
        (None, Some(end)) => Ok(End::At(end)),
        (None, None) => Ok(End::Open),
    }
}

fn read_settlement(fields: &mut Fields) -> Result<SettlementTerms, TermsError> {
    let mut settlement = SettlementTerms {
        participants: None,
        quorum_ppm: QUORUM_PPM_DEFAULT,
        affirm_timeout_ms: AFFIRM_TIMEOUT_MS_DEFAULT,
        timeout_policy: TimeoutPolicy::Affirm,
        executor: Executor::Ledger,
        start: SettlementStart::Auto,
    };
    let Some(mut members) = fields.object("settlement", &[SETTLEMENT_KEYS])? else {
        return Ok(settlement);
    };
    settlement.participants = read_participants(&mut members)?;
    if let Some(quorum) = members.positive_decimal("quorum")? {
        let steps = PARTS_PER_MILLION_DIGITS.checked_sub(quorum.scale());
        let ppm = steps.and_then(|steps| quorum.mantissa().checked_mul(10_i128.pow(steps)));
        let ppm = ppm.and_then(|ppm| u32::try_from(ppm).ok()).filter(|&ppm| ppm <= 1_000_000);
        let problem = "must be at most 1, with at most 6 fractional digits";
        settlement.quorum_ppm = ppm.ok_or_else(|| members.error("quorum", problem))?;
    }
    if let Some(timeout_ms) = members.whole("affirm_timeout_ms", AUCTION_MS_MAX)? {
        settlement.affirm_timeout_ms = timeout_ms;
    }
    let policy = members.word("timeout_policy", TIMEOUT_POLICIES)?;
    settlement.timeout_policy = policy.unwrap_or(settlement.timeout_policy);
    settlement.executor = members.word("executor", EXECUTORS)?.unwrap_or(settlement.executor);
    settlement.start = members.word("start", STARTS)?.unwrap_or(settlement.start);
    Ok(settlement)
}

fn read_participants(fields: &mut Fields) -> Result<Option<Vec<Party>>, TermsError> {
    let Some(values) = fields.list("participants")? else { return Ok(None) };
    let path = fields.at("participants");
    if values.is_empty() || values.len() > SETTLEMENT_PARTICIPANTS_MAX {
        let problem = format!("must name 1 to {SETTLEMENT_PARTICIPANTS_MAX} parties");
        return Err(TermsError::new(path, problem));
    }
    let mut parties: Vec<Party> = Vec::with_capacity(values.len());
    for (index, value) in values.into_iter().enumerate() {
        let field = format!("{path}[{index}]");
        let Value::Text(name) = value else {
            return Err(TermsError::new(field, format!("expected a string, not {}", value.kind())));
        };
        if !(1..=PARTY_BYTES_MAX).contains(&name.len()) {
            return Err(TermsError::new(field, format!("must be 1 to {PARTY_BYTES_MAX} bytes long")));
        }
        let party = Party(Arc::from(&*name));
        if parties.contains(&party) {
            return Err(TermsError::new(field, "stands twice"));
        }
        parties.push(party);
    }
    Ok(Some(parties))
}
