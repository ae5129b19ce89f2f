//! Terms of an auction, from JSON and to canonical JSON.
//!
//! One set of keys for creating a live auction, for the C ABI and for `walras clear`. Numbers are read
//! from their text, unknown keys are refused with the nearest known one, and every problem names its
//! field. Resolved terms have one canonical text, described in `docs/CLEARING.md`; its SHA-256 is the
//! `terms_hash`, and reading it gives the same terms again.

mod canonical;
mod live;
mod sale;
mod supply;

pub use super::fields::TermsError;
pub use canonical::{print, terms_hash};
pub use sale::SaleTerms;

use super::document::{self, Members};
use super::fields::Fields;
use crate::engine::{self, AuctionId, Party};
use crate::units::Reading;

/// What the terms of a live auction take from its creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveDefaults {
    /// The seller if the terms name none: the creator.
    pub seller: Party,
}

/// The terms of a live auction, resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveTerms {
    /// The id asked for, if any.
    pub auction_id: Option<AuctionId>,
    /// The terms; no default is left open.
    pub terms: engine::Terms,
    /// The canonical text of the terms.
    pub canonical: String,
}

/// Reads the terms of a live auction, as `POST /v1/auctions` takes them.
///
/// JSON numbers of 16 or more digits are taken as programs mean them; see [`Reading::ProgramNumber`].
/// Budgets need no refusal here, `net_long` is refused.
pub fn parse_live(json: &[u8], defaults: &LiveDefaults) -> Result<LiveTerms, TermsError> {
    let (members, _) = document::read_object(json, None)?;
    let known = &[sale::SALE_KEYS, live::LIVE_KEYS];
    let mut fields = Fields::new("", members, known, Reading::ProgramNumber)?;
    let auction_id = live::read_auction_id(&mut fields)?;
    let terms = live::read(&mut fields, Some(&defaults.seller))?;
    let canonical = print(&terms);
    Ok(LiveTerms { auction_id, terms, canonical })
}

/// Reads canonical terms: what [`print()`] wrote.
pub fn parse_canonical(canonical: &str) -> Result<engine::Terms, TermsError> {
    let (members, _) = document::read_object(canonical.as_bytes(), None)?;
    let known = &[sale::SALE_KEYS, live::LIVE_KEYS, canonical::KEYS];
    let mut fields = Fields::new("", members, known, Reading::Exact)?;
    let rules_version = canonical::read_rules_version(&mut fields)?;
    let mut terms = live::read(&mut fields, None)?;
    terms.rules_version = rules_version;
    Ok(terms)
}

/// Reads the terms of a sale, as `walras clear` takes them; keys of live auctions are checked and set aside.
pub fn parse_sale(json: &[u8]) -> Result<SaleTerms, TermsError> {
    let (members, _) = document::read_object(json, None)?;
    read_sale(members)
}

/// The same for a document that has been read already.
pub(super) fn read_sale(members: Members) -> Result<SaleTerms, TermsError> {
    let known = &[sale::SALE_KEYS, live::LIVE_KEYS, canonical::KEYS];
    let mut fields = Fields::new("", members, known, Reading::Exact)?;
    let sale = sale::read(&mut fields)?;
    canonical::read_rules_version(&mut fields)?;
    live::read_auction_id(&mut fields)?;
    live::check(&mut fields)?;
    Ok(sale)
}
