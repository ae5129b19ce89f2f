//! Which parties have a live connection. The server enters and leaves them here,
//! so that a close makes a private message only for those who can receive it.

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use crate::engine::PartyKey;

/// Counts of live connections by party.
#[derive(Debug, Default)]
pub struct Presence {
    connections: Mutex<FxHashMap<PartyKey, u32>>,
}

impl Presence {
    /// One more connection of this party.
    pub fn enter(&self, party: PartyKey) {
        *self.connections.lock().entry(party).or_insert(0) += 1;
    }

    /// One connection fewer.
    pub fn leave(&self, party: PartyKey) {
        let mut connections = self.connections.lock();
        if let Some(count) = connections.get_mut(&party) {
            *count -= 1;
            if *count == 0 {
                connections.remove(&party);
            }
        }
    }

    /// Whether the party has a connection.
    pub fn has(&self, party: PartyKey) -> bool {
        self.connections.lock().contains_key(&party)
    }
}
