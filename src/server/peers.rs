//! What the shards of a server know together: how many connections each client has,
//! bids that are to be cancelled because their connection broke, and what one shard
//! asks of another.

use std::io;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::waker::Waker;
use crate::engine::{BidId, Party};
use crate::host::ConnectionKey;

/// What one shard asks of another.
#[derive(Debug, Clone)]
pub enum Mail {
    /// Let go of connections of this client that are dead without having said so, and answer.
    Reap {
        /// Whose.
        client: Uuid,
        /// Who waits for a place.
        waiting: ConnectionKey,
    },
    /// That was done.
    Reaped {
        /// Who waits.
        waiting: ConnectionKey,
    },
    /// The server stops, in good order.
    Drain,
    /// The server stops at once.
    Stop,
}

/// What the shards share.
pub struct Peers {
    shards: Vec<(Sender<Mail>, Arc<Waker>)>,
    clients: Mutex<FxHashMap<Uuid, Vec<ConnectionKey>>>,
    orphans: Mutex<Orphans>,
}

/// Bids whose connection broke, by client.
#[derive(Default)]
struct Orphans {
    by_client: FxHashMap<Uuid, Vec<Orphaned>>,
    count: u64,
}

/// The bids of one broken connection.
#[derive(Debug, Clone)]
pub struct Orphaned {
    /// Names this entry.
    pub number: u64,
    /// Whose bids.
    pub party: Party,
    /// Which.
    pub bids: Vec<BidId>,
}

/// Where a shard's mail comes in, and what wakes the shard for it.
pub type Mailbox = (Receiver<Mail>, Arc<Waker>);

impl Peers {
    /// So many shards, and for each where its mail comes in and what wakes it.
    pub fn new(shards: u16) -> io::Result<(Arc<Self>, Vec<Mailbox>)> {
        let (mut senders, mut receivers) = (Vec::new(), Vec::new());
        for _ in 0..shards {
            let ((sender, receiver), waker) = (unbounded(), Waker::new()?);
            senders.push((sender, Arc::clone(&waker)));
            receivers.push((receiver, waker));
        }
        let this = Self { shards: senders, clients: Mutex::default(), orphans: Mutex::default() };
        Ok((Arc::new(this), receivers))
    }

    /// Sends mail to a shard.
    pub fn send(&self, shard: u16, mail: Mail) {
        if let Some((sender, waker)) = self.shards.get(usize::from(shard)) {
            // A shard that is gone needs no mail.
            let _ = sender.send(mail);
            waker.wake();
        }
    }

    /// Sends mail to all shards.
    pub fn send_all(&self, mail: &Mail) {
        for shard in 0..self.shards.len() {
            self.send(shard as u16, mail.clone());
        }
    }

    /// Counts a connection of a client; `Err` gives the client's connections where there are too many.
    pub fn enter(&self, client: Uuid, connection: ConnectionKey, max: u32) -> Result<(), Vec<ConnectionKey>> {
        let mut clients = self.clients.lock();
        let connections = clients.entry(client).or_insert_with(|| Vec::with_capacity(1));
        if connections.len() >= max as usize {
            let holders = connections.clone();
            if holders.is_empty() {
                clients.remove(&client);
            }
            return Err(holders);
        }
        connections.push(connection);
        Ok(())
    }

    /// A connection of a client is gone.
    pub fn leave(&self, client: Uuid, connection: ConnectionKey) {
        let mut clients = self.clients.lock();
        let Some(connections) = clients.get_mut(&client) else { return };
        if let Some(index) = connections.iter().position(|&one| one == connection) {
            connections.swap_remove(index);
        }
        if connections.is_empty() {
            clients.remove(&client);
        }
    }

    /// A shard has failed, and its connections are gone with it.
    pub fn forget_shard(&self, shard: u16) {
        self.clients.lock().retain(|_, connections| {
            connections.retain(|connection| connection.shard() != shard);
            !connections.is_empty()
        });
    }

    /// Leaves the bids of a broken connection here, and gives the entry's number.
    pub fn orphan(&self, client: Uuid, party: Party, bids: Vec<BidId>) -> u64 {
        let mut orphans = self.orphans.lock();
        orphans.count += 1;
        let number = orphans.count;
        orphans.by_client.entry(client).or_default().push(Orphaned { number, party, bids });
        number
    }

    /// Takes all of a client's bids back: it has returned.
    pub fn adopt(&self, client: Uuid) -> Vec<BidId> {
        let entries = self.orphans.lock().by_client.remove(&client).unwrap_or_default();
        entries.into_iter().flat_map(|entry| entry.bids).collect()
    }

    /// Takes an entry whose time is up, unless its client has returned.
    pub fn take_orphans(&self, client: Uuid, number: u64) -> Option<Orphaned> {
        let mut orphans = self.orphans.lock();
        let entries = orphans.by_client.get_mut(&client)?;
        let index = entries.iter().position(|entry| entry.number == number)?;
        let entry = entries.swap_remove(index);
        if entries.is_empty() {
            orphans.by_client.remove(&client);
        }
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_as_many_connections_as_it_may() {
        let (peers, _) = Peers::new(1).expect("a waker");
        let (client, key) = (Uuid::from_u128(1), |number| ConnectionKey::new(0, number));
        for number in 1..=10 {
            assert_eq!(peers.enter(client, key(number), 10), Ok(()));
        }
        let holders = peers.enter(client, key(11), 10).expect_err("there are ten");
        assert_eq!(holders.len(), 10);
        assert_eq!(peers.enter(Uuid::from_u128(2), key(12), 10), Ok(()));
        peers.leave(client, key(3));
        peers.leave(client, key(3));
        assert_eq!(peers.enter(client, key(11), 10), Ok(()));
        assert_eq!(peers.enter(client, key(13), 0).map_err(|holders| holders.len()), Err(10));
        assert_eq!(peers.enter(Uuid::from_u128(3), key(13), 0), Err(vec![]));
        assert!(!peers.clients.lock().contains_key(&Uuid::from_u128(3)));
    }

    #[test]
    fn orphaned_bids_are_cancelled_or_adopted_but_never_both() {
        let (peers, _) = Peers::new(1).expect("a waker");
        let (client, party) = (Uuid::from_u128(1), Party("alice".into()));
        let bid = |number| BidId(Uuid::from_u128(number));
        let first = peers.orphan(client, party.clone(), vec![bid(1)]);
        let second = peers.orphan(client, party.clone(), vec![bid(2), bid(3)]);
        assert_eq!(peers.take_orphans(client, first).map(|entry| entry.bids), Some(vec![bid(1)]));
        assert_eq!(peers.adopt(client), [bid(2), bid(3)]);
        assert!(peers.take_orphans(client, second).is_none());
        assert!(peers.adopt(client).is_empty());
    }
}
