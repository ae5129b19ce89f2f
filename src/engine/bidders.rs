//! The parties that have ever had a bid in one auction, numbered from 0 in the
//! order of their first bids.

use rustc_hash::FxHashMap;

use super::bids::{Bids, NONE};
use super::ids::{Party, PartyKey};

/// One bidder.
#[derive(Debug, Clone)]
pub(super) struct Bidder {
    pub(super) party: Party,
    pub(super) key: PartyKey,
    /// Its live bids while the auction runs, its winning bids afterwards; in the order they were placed.
    pub(super) bids: Vec<u32>,
    pub(super) first: u32,
    last: u32,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Bidders {
    list: Vec<Bidder>,
    /// Party names come from the operator's tokens.
    by_party: FxHashMap<Party, u32>,
    by_key: FxHashMap<PartyKey, u32>,
}

impl Bidders {
    pub(super) fn find(&self, party: &Party) -> Option<u32> {
        self.by_party.get(party).copied()
    }

    pub(super) fn by_key(&self, key: PartyKey) -> Option<u32> {
        self.by_key.get(&key).copied()
    }

    /// The party's number, a new one if it had none.
    pub(super) fn number(&mut self, party: &Party) -> u32 {
        if let Some(number) = self.find(party) {
            return number;
        }
        let number = self.list.len() as u32;
        self.list.push(Bidder {
            party: party.clone(),
            key: party.key(),
            bids: Vec::new(),
            first: NONE,
            last: NONE,
        });
        self.by_party.insert(party.clone(), number);
        self.by_key.insert(party.key(), number);
        number
    }

    pub(super) fn of(&self, number: u32) -> &Bidder {
        &self.list[number as usize]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Bidder> {
        self.list.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Bidder> {
        self.list.iter_mut()
    }

    /// Notes a new bid of a bidder.
    pub(super) fn add(&mut self, number: u32, index: u32, bids: &mut Bids) {
        let bidder = &mut self.list[number as usize];
        match bidder.last {
            NONE => bidder.first = index,
            last => bids.next_of_bidder[last as usize] = index,
        }
        bidder.last = index;
        bidder.bids.push(index);
    }

    /// Notes that a bid is no longer live.
    pub(super) fn remove(&mut self, number: u32, index: u32) {
        let bids = &mut self.list[number as usize].bids;
        if let Ok(place) = bids.binary_search(&index) {
            bids.remove(place);
        }
    }
}
