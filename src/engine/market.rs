//! Market data: the latest prices of each token and order book of each pair, as
//! operators put them. It belongs to no auction and decides nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::answer::Rejection;
use crate::limits::MARKET_ENTRIES_MAX;
use crate::units::TimeUs;

/// One published payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketEntry {
    /// The canonical JSON text of the payload.
    pub payload: Arc<str>,
    /// When it was put.
    pub at: TimeUs,
}

/// See the module. Sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Market {
    pub(super) prices: BTreeMap<Arc<str>, MarketEntry>,
    pub(super) order_books: BTreeMap<Arc<str>, MarketEntry>,
}

impl Market {
    /// The latest prices: token, when they were put, payload.
    pub fn prices(&self) -> impl Iterator<Item = (&str, TimeUs, &str)> {
        self.prices.iter().map(|(token, entry)| (&**token, entry.at, &*entry.payload))
    }

    /// The latest order books: pair, when it was put, payload.
    pub fn order_books(&self) -> impl Iterator<Item = (&str, TimeUs, &str)> {
        self.order_books.iter().map(|(pair, entry)| (&**pair, entry.at, &*entry.payload))
    }

    /// The latest prices of a token.
    pub fn price(&self, token: &str) -> Option<&MarketEntry> {
        self.prices.get(token)
    }

    /// The latest order book of a pair.
    pub fn order_book(&self, token_pair: &str) -> Option<&MarketEntry> {
        self.order_books.get(token_pair)
    }

    pub(super) fn put_price(&mut self, token: &Arc<str>, entry: MarketEntry) -> Result<(), Rejection> {
        put(&mut self.prices, token, entry, "the number of tokens")
    }

    pub(super) fn put_order_book(&mut self, pair: &Arc<str>, entry: MarketEntry) -> Result<(), Rejection> {
        put(&mut self.order_books, pair, entry, "the number of order books")
    }
}

fn put(
    entries: &mut BTreeMap<Arc<str>, MarketEntry>,
    name: &Arc<str>,
    entry: MarketEntry,
    what: &'static str,
) -> Result<(), Rejection> {
    if entries.len() >= MARKET_ENTRIES_MAX && !entries.contains_key(name) {
        return Err(Rejection::CapacityReached { what, max: MARKET_ENTRIES_MAX as u64 });
    }
    entries.insert(name.clone(), entry);
    Ok(())
}
