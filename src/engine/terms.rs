//! The terms of a live auction: the sale's rules, and when and how it runs.

use std::sync::Arc;

use super::ids::Party;
use crate::clearing;
use crate::units::{Grid, TimeUs};

/// The version of the market's rules that this program knows.
pub const RULES_VERSION: u32 = 1;

/// Everything that was agreed when an auction was created, resolved: no defaults are left open.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// Grid of prices.
    pub tick: Grid,
    /// Grid of quantities.
    pub lot: Grid,
    /// The market's rules.
    pub sale: clearing::Terms,
    /// A name for people, at most 256 bytes.
    pub name: Option<Arc<str>>,
    /// The creator's own data: the text of a JSON object, kept and shown, never used.
    pub metadata: Option<Arc<str>>,
    /// The seller: a settlement participant. The creator if the terms name none.
    pub seller: Party,
    /// When bids are first taken; `None` means at once.
    pub starts_at: Option<TimeUs>,
    /// When the auction ends.
    pub end: End,
    /// In the last `lock_ms`, only new bids and price rises.
    pub lock_ms: u64,
    /// A change of the indicative price this close to the end extends it (0: never).
    pub extend_window_ms: u64,
    /// By how much the end moves, counted from the end it had.
    pub extend_ms: u64,
    /// How often that may happen.
    pub max_extensions: u32,
    /// What happens to an end that fell into an outage.
    pub on_outage: OnOutage,
    /// How many live bids one party may have.
    pub max_bids_per_bidder: u32,
    /// Whether bids without a price are taken.
    pub allow_price_takers: bool,
    /// Whether phantom bids are taken, from those who hold that permission.
    pub allow_phantom_bids: bool,
    /// Whether bids may be taken back.
    pub allow_cancel: bool,
    /// How the result is settled.
    pub settlement: SettlementTerms,
    /// The version of the market's rules under which the auction was created.
    pub rules_version: u32,
}

/// When an auction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Only when an operator closes it.
    Open,
    /// This long after it opened.
    After {
        /// Milliseconds from opening to end.
        duration_ms: u64,
    },
    /// At this moment.
    At(TimeUs),
}

/// What happens to an auction whose end fell into an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnOutage {
    /// The end moves by the outage, at least 60 s left.
    Extend,
    /// It closes with the bids it has.
    Close,
    /// It is called off.
    Cancel,
}

/// How a result is agreed on and carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettlementTerms {
    /// Who must affirm; `None` means the distinct winners and the seller.
    pub participants: Option<Vec<Party>>,
    /// Share of participants whose agreement is enough, in parts per million.
    pub quorum_ppm: u32,
    /// How long affirmations are awaited.
    pub affirm_timeout_ms: u64,
    /// What silence means at the deadline.
    pub timeout_policy: TimeoutPolicy,
    /// Who carries it out.
    pub executor: Executor,
    /// Whether it starts by itself after the close.
    pub start: SettlementStart,
}

/// What silence means when affirmations are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeoutPolicy {
    /// Consent: a bid is a binding offer.
    Affirm,
    /// Refusal.
    Fail,
}

/// Who carries a settlement out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Executor {
    /// The built-in double-entry ledger.
    Ledger,
    /// An embedding host or a `settle` client.
    Host,
}

/// When a settlement starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettlementStart {
    /// With the close.
    Auto,
    /// When an operator says so.
    Manual,
}
