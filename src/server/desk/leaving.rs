//! Ends: of a connection, with what becomes of its bids, and of the server.

use uuid::Uuid;

use super::{Chore, Desk};
use crate::engine::{BidRef, CancelBid, Command};
use crate::host::{Body, Origin, Query};
use crate::server::connection::{ConnectionId, Gone};
use crate::server::session::Session;
use crate::server::sockets::Sockets;
use crate::units::TimeUs;
use crate::wire::encode::ServerNotice;
use crate::wire::{CloseCode, encode};

/// How far a stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drain {
    /// Connections are being closed.
    Closing,
    /// Nothing more is done.
    Stopped,
}

/// How long after the drain a client is asked to stay away, in milliseconds.
const RECONNECT_MS: u64 = 1_000;

impl Desk {
    /// Forgets a connection. Doing so twice does nothing.
    pub(super) fn leave(&mut self, sockets: &mut Sockets, id: ConnectionId, gone: Gone) {
        let Some(session) = self.sessions.get_mut(id.index as usize).and_then(Option::take) else { return };
        self.seating.remove(&id);
        let topics: Vec<_> = session
            .subscriptions
            .iter()
            .filter_map(|subscription| Some((subscription.topic(), subscription.place()?)))
            .collect();
        for (topic, place) in topics {
            self.vacate(topic, place);
        }
        let key = sockets.key(id);
        if session.has_caught_up {
            self.run_errand(Origin::Connection(key), Body::Query(Query::Forget));
        }
        let Some(identity) = &session.identity else { return };
        self.host.presence().leave(session.party);
        if let Some(connections) = self.parties.get_mut(&session.party) {
            if let Some(index) = connections.iter().position(|&one| one == id.index) {
                connections.swap_remove(index);
            }
            if connections.is_empty() {
                self.parties.remove(&session.party);
            }
        }
        if session.is_counted {
            self.peers.leave(identity.client_id, key);
        }
        self.leave_bids(&session, gone, sockets.now());
    }

    /// Cancels the bids of a connection that broke, now or after the client's grace, if it asked for that.
    fn leave_bids(&mut self, session: &Session, gone: Gone, now: TimeUs) {
        let (Some(own), Some(identity)) = (&session.bids, &session.identity) else { return };
        let Some(grace_ms) = own.grace_ms.filter(|_| is_disconnect(gone) && self.drain.is_none()) else {
            return;
        };
        if own.bids.is_empty() {
            return;
        }
        let client = identity.client_id;
        let number = self.peers.orphan(client, identity.party.clone(), own.bids.clone());
        let due = TimeUs(now.0 + grace_ms as i64 * 1000);
        if due > now {
            self.chores.set(due, Chore::Orphans { client, number });
        } else {
            self.cancel_orphans(client, number, now);
        }
    }

    /// Cancels the bids of a connection whose grace is over.
    pub(super) fn cancel_orphans(&mut self, client: Uuid, number: u64, now: TimeUs) {
        if self.drain.is_some() {
            return;
        }
        let Some(orphaned) = self.peers.take_orphans(client, number) else { return };
        for bid in orphaned.bids {
            let cancel = Command::CancelBid(CancelBid {
                bid: BidRef::Id(bid),
                party: orphaned.party.clone(),
                received_at_us: now.0,
            });
            self.run_errand(Origin::Nobody, Body::Command(cancel));
        }
    }

    /// The client says what is to become of this connection's bids. Those of connections that broke
    /// before, and whose grace still runs, are this connection's from now on.
    pub(super) fn set_cancel_on_disconnect(
        &mut self,
        _sockets: &mut Sockets,
        id: ConnectionId,
        grace_ms: Option<u64>,
    ) {
        let Some(session) = self.sessions.get_mut(id.index as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        let Some(identity) = &session.identity else { return };
        let adopted = self.peers.adopt(identity.client_id);
        let own = session.bids.get_or_insert_default();
        own.grace_ms = grace_ms;
        own.bids.extend(adopted);
    }

    /// The server ends in this turn: everybody hears why, and nobody is waited for.
    pub(super) fn stop_now(&mut self, sockets: &mut Sockets) {
        self.drain = Some(Drain::Stopped);
        let ids: Vec<ConnectionId> = sockets.open_ids().collect();
        for id in ids {
            sockets.close(id, CloseCode::GoingAway);
        }
    }

    /// The server stops: everybody is told, and connections are closed one after the other.
    pub(super) fn start_drain(&mut self, sockets: &mut Sockets) {
        if self.drain.is_some() {
            return;
        }
        self.drain = Some(Drain::Closing);
        let (now, drain_us) = (sockets.now(), self.settings.drain_us);
        let reconnect_in_ms = (drain_us / 1000) as u64 + RECONNECT_MS;
        encode::server_notice(&mut self.message, now, ServerNotice::Draining { reconnect_in_ms });
        let ids: Vec<ConnectionId> = sockets.open_ids().collect();
        let notice = sockets.outbox().piece_of_message(&self.message, &[]);
        let count = ids.len() as i64;
        for (rank, id) in ids.into_iter().enumerate() {
            sockets.send_piece(id.index, notice);
            let due = TimeUs(now.0 + drain_us * (rank as i64 + 1) / count);
            if due > now {
                self.chores.set(due, Chore::Close(id));
            } else {
                sockets.close(id, CloseCode::Restarting);
            }
        }
    }
}

/// Whether a connection broke, rather than that its client logged out or the server stops.
fn is_disconnect(gone: Gone) -> bool {
    let stops = [CloseCode::GoingAway.number(), CloseCode::Restarting.number()];
    match gone {
        Gone::Left(code) => code != Some(CloseCode::Normal.number()),
        Gone::Broken => true,
        Gone::Closed(code) => !stops.contains(&code),
    }
}
