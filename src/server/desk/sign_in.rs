//! Signing in: a token, a place among the client's connections, a welcome. And what
//! becomes of a connection when its client signs in again.

use super::Desk;
use crate::host::ConnectionKey;
use crate::server::connection::{ConnectionId, Gone};
use crate::server::identity::{self, INVALID_TOKEN, Identity, Permissions, Verdict};
use crate::server::peers::Mail;
use crate::server::session::{HEARTBEAT_US, Tries};
use crate::server::sockets::Sockets;
use crate::wire::encode::{self, AuctionWord, AuthSuccess, Limits, UnsubscribeReason};
use crate::wire::{CloseCode, SessionRefusal};

/// A client that waits for one of its places, its token already verified.
pub(super) struct Seating {
    identity: Identity,
    correlation: Option<Box<str>>,
    /// Shards that have not answered yet whether connections of the client were dead.
    answers_missing: usize,
}

impl Desk {
    /// A client shows a token.
    pub(super) fn sign_in(
        &mut self,
        sockets: &mut Sockets,
        id: ConnectionId,
        token: &str,
        correlation: Option<&str>,
    ) {
        let token = bare(token);
        let verdict = identity::verdict(&*self.verify, token, sockets.now());
        let Some(session) = self.session(id) else { return };
        let is_signed_in = session.identity.is_some();
        match verdict {
            Verdict::Taken(identity) if !is_signed_in => self.seat(sockets, id, identity, correlation),
            Verdict::Taken(identity) if session.may_refresh(&identity) => {
                self.refresh(sockets, id, identity, correlation);
            }
            Verdict::Taken(_) | Verdict::Refused(_) => self.fail_sign_in(sockets, id, correlation),
            Verdict::Failed => {
                self.refuse_session(sockets, id, &SessionRefusal::Internal, correlation);
                sockets.close(id, CloseCode::Internal);
            }
        }
    }

    fn fail_sign_in(&mut self, sockets: &mut Sockets, id: ConnectionId, correlation: Option<&str>) {
        encode::auth_failure(&mut self.message, sockets.now(), INVALID_TOKEN);
        self.reply(sockets, id, correlation);
        let Some(session) = self.session(id) else { return };
        // A client that is signed in keeps what it has, however often its refresh fails.
        if session.identity.is_none() && session.fail_sign_in() == Tries::Spent {
            sockets.close(id, CloseCode::AuthFailed);
        }
    }

    /// Finds a place among the client's connections.
    fn seat(
        &mut self,
        sockets: &mut Sockets,
        id: ConnectionId,
        identity: Identity,
        correlation: Option<&str>,
    ) {
        let Some(max) = identity.limits.connections_max else {
            return self.welcome(sockets, id, identity, correlation);
        };
        let key = sockets.key(id);
        let Err(holders) = self.peers.enter(identity.client_id, key, max) else {
            self.count(id);
            return self.welcome(sockets, id, identity, correlation);
        };
        self.reap(sockets, identity.client_id);
        let mut others: Vec<u16> = holders.into_iter().map(ConnectionKey::shard).collect();
        others.sort_unstable();
        others.dedup();
        others.retain(|&shard| shard != self.settings.shard);
        for &shard in &others {
            self.peers.send(shard, Mail::Reap { client: identity.client_id, waiting: key });
        }
        let seating =
            Seating { identity, correlation: correlation.map(Box::from), answers_missing: others.len() };
        if others.is_empty() {
            return self.seat_at_last(sockets, id, seating);
        }
        sockets.pause(id);
        self.seating.insert(id, seating);
    }

    /// Another shard has let go of dead connections.
    pub(super) fn reaped(&mut self, sockets: &mut Sockets, waiting: ConnectionKey) {
        let Some(id) = sockets.find(waiting) else { return };
        let Some(mut seating) = self.seating.remove(&id) else { return };
        seating.answers_missing -= 1;
        if seating.answers_missing > 0 {
            self.seating.insert(id, seating);
        } else {
            self.seat_at_last(sockets, id, seating);
            sockets.resume(id);
        }
    }

    fn seat_at_last(&mut self, sockets: &mut Sockets, id: ConnectionId, seating: Seating) {
        let Seating { identity, correlation, .. } = seating;
        let max = identity.limits.connections_max.unwrap_or(u32::MAX);
        if self.peers.enter(identity.client_id, sockets.key(id), max).is_ok() {
            self.count(id);
            return self.welcome(sockets, id, identity, correlation.as_deref());
        }
        let refusal = SessionRefusal::TooManyConnections { max };
        self.refuse_session(sockets, id, &refusal, correlation.as_deref());
        sockets.close(id, CloseCode::ConnectionLimit);
    }

    fn count(&mut self, id: ConnectionId) {
        if let Some(session) = self.session(id) {
            session.is_counted = true;
        }
    }

    /// Lets go of a client's connections on this shard that are dead without having said so.
    pub(super) fn reap(&mut self, sockets: &mut Sockets, client: uuid::Uuid) {
        let now = sockets.now();
        let ids: Vec<ConnectionId> = sockets.open_ids().collect();
        for id in ids {
            let heard_at = sockets.heard_at(id);
            let Some(session) = self.session(id) else { continue };
            let is_clients = session.identity.as_ref().is_some_and(|known| known.client_id == client);
            if !is_clients {
                continue;
            }
            let is_unanswered = session.heartbeat.is_unanswered(heard_at, now);
            if sockets.has_ended(id) {
                self.leave(sockets, id, Gone::Broken);
            } else if is_unanswered {
                sockets.close(id, CloseCode::HeartbeatTimeout);
                self.leave(sockets, id, Gone::Closed(CloseCode::HeartbeatTimeout.number()));
            }
        }
    }

    fn welcome(
        &mut self,
        sockets: &mut Sockets,
        id: ConnectionId,
        identity: Identity,
        correlation: Option<&str>,
    ) {
        let subscribes = identity.subscribes.clone();
        let party = identity.party.key();
        let Some(session) = self.session(id) else { return };
        session.sign_in(identity);
        self.host.presence().enter(party);
        self.parties.entry(party).or_insert_with(|| Vec::with_capacity(1)).push(id.index);
        self.say_welcome(sockets, id, correlation);
        for subscribe in subscribes.iter() {
            self.subscribe_from_token(sockets, id, subscribe);
        }
    }

    fn say_welcome(&mut self, sockets: &mut Sockets, id: ConnectionId, correlation: Option<&str>) {
        let now = sockets.now();
        let heard_at = sockets.heard_at(id);
        let Some(session) = self.sessions.get_mut(id.index as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        let Some(identity) = &session.identity else { return };
        let permissions: Vec<&str> = identity.permissions.words().collect();
        let success = AuthSuccess {
            client_id: identity.client_id,
            permissions: &permissions,
            connection_id: session.connection_id,
            expires_at: Some(identity.expires_at),
            heartbeat_interval_ms: (HEARTBEAT_US / 1000) as u64,
            limits: Limits {
                messages_per_second: identity.limits.messages_per_second_max,
                subscriptions: identity.limits.subscriptions_max,
                connections: identity.limits.connections_max,
            },
        };
        encode::auth_success(&mut self.message, now, &success);
        let due = session.heartbeat.next_due(heard_at);
        sockets.set_due(id, Some(due));
        self.reply(sockets, id, correlation);
    }

    /// The same client shows a new token: what it no longer permits ends.
    fn refresh(
        &mut self,
        sockets: &mut Sockets,
        id: ConnectionId,
        identity: Identity,
        correlation: Option<&str>,
    ) {
        let Some(session) = self.session(id) else { return };
        session.sign_in(identity);
        self.say_welcome(sockets, id, correlation);
        let Some(session) = self.session(id) else { return };
        let Some(identity) = session.identity.clone() else { return };
        let topics: Vec<_> = session.subscriptions.iter().map(|subscription| subscription.topic()).collect();
        for topic in topics {
            let auction = topic.slot.and_then(|slot| self.host.directory().at(slot)).map(|entry| entry.id);
            let is_permitted = identity.permissions.has(Permissions::SUBSCRIBE)
                && identity.may_follow(topic.channel)
                && auction.is_none_or(|auction| identity.may_see(auction));
            if is_permitted {
                self.set_flags(id.index, topic);
                continue;
            }
            self.drop_subscription(id.index, topic);
            let word = auction.map_or(AuctionWord::All, AuctionWord::Id);
            let reason = UnsubscribeReason::Permission;
            encode::unsubscribed(&mut self.message, sockets.now(), topic.channel, word, reason);
            self.reply(sockets, id, None);
        }
    }
}

/// The token without the word `Bearer` before it.
fn bare(token: &str) -> &str {
    const SCHEME: &str = "bearer ";
    let token = token.trim();
    match token.get(..SCHEME.len()) {
        Some(start) if start.eq_ignore_ascii_case(SCHEME) => token[SCHEME.len()..].trim_start(),
        _ => token,
    }
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn the_word_bearer_may_stand_before_a_token_in_any_case() {
        for token in ["abc", "Bearer abc", "bearer abc", "BEARER  abc", " Bearer abc "] {
            assert_eq!(bare(token), "abc", "{token}");
        }
        assert_eq!(bare("Bearerabc"), "Bearerabc");
        assert_eq!(bare("é"), "é");
    }
}
