//! What shards may know of auctions without asking the sequencer: their place and
//! their grids, which never change. An auction stands here before its first frame
//! is in the ring, and stays.

use std::sync::Arc;

use parking_lot::RwLock;
use rustc_hash::FxHashMap;

use crate::engine::{AuctionId, AuctionSlot};
use crate::wire::Grids;

/// One auction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Its place in the engine.
    pub slot: AuctionSlot,
    /// Its id on the wire.
    pub id: AuctionId,
    /// Its grids of prices and quantities.
    pub grids: Grids,
}

/// All auctions of a host. Written by the sequencer, read by everybody.
#[derive(Debug, Default)]
pub struct Directory {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    by_id: FxHashMap<AuctionId, AuctionSlot>,
    entries: Vec<Arc<DirectoryEntry>>,
}

impl Directory {
    /// The auction of this id.
    pub fn find(&self, id: AuctionId) -> Option<Arc<DirectoryEntry>> {
        let inner = self.inner.read();
        let slot = inner.by_id.get(&id)?;
        inner.entries.get(slot.0 as usize).cloned()
    }

    /// The auction at this place.
    pub fn at(&self, slot: AuctionSlot) -> Option<Arc<DirectoryEntry>> {
        self.inner.read().entries.get(slot.0 as usize).cloned()
    }

    /// Adds the next auction. Slots come in order.
    pub(super) fn add(&self, entry: DirectoryEntry) {
        let mut inner = self.inner.write();
        if entry.slot.0 as usize == inner.entries.len() {
            inner.by_id.insert(entry.id, entry.slot);
            inner.entries.push(Arc::new(entry));
        }
    }
}
