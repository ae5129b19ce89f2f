//! The parameters that page through listings: `?after=ID&limit=N`, and ids in paths.

use uuid::Uuid;

use super::answer::Fault;
use crate::engine::AuctionId;
use crate::limits::PAGE_ENTRIES_MAX;
use crate::wire::SessionRefusal;

/// Where a page begins and how long it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// The last entry of the page before.
    pub(super) after: Option<Uuid>,
    /// Entries at most.
    pub(super) limit: u32,
}

impl Page {
    /// Reads the query of an address.
    pub(super) fn read(query: Option<&str>) -> Result<Self, Fault> {
        let mut page = Self { after: None, limit: PAGE_ENTRIES_MAX as u32 };
        for pair in query.unwrap_or("").split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "after" => {
                    let id = Uuid::try_parse(value).map_err(|_| Fault::invalid("after", "must be an id"))?;
                    page.after = Some(id);
                }
                "limit" => {
                    let limit =
                        value.parse().ok().filter(|limit| (1..=PAGE_ENTRIES_MAX as u32).contains(limit));
                    let why = format!("must be from 1 to {PAGE_ENTRIES_MAX}");
                    page.limit = limit.ok_or_else(|| Fault::invalid("limit", &why))?;
                }
                other => {
                    return Err(Fault::invalid(other, "unknown parameter; there are `after` and `limit`"));
                }
            }
        }
        Ok(page)
    }
}

/// The auction that a path names.
pub(super) fn auction_id(word: &str) -> Result<AuctionId, Fault> {
    Uuid::try_parse(word)
        .map(AuctionId)
        .map_err(|_| Fault::session(&SessionRefusal::UnknownAuction { word: word.get(..64).unwrap_or(word) }))
}
