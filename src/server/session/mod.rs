//! One client's session: who it is, what it has said lately, what it follows, and what
//! is still owed to it. Plain state: no sockets, no host, and time is an argument.
//!
//! Small while idle: there may be hundreds of thousands of these, so what only some of
//! them need is boxed and comes and goes.

mod heartbeat;
mod rates;
mod subscriptions;

pub use heartbeat::{Due, HEARTBEAT_US, Heartbeat};
pub use rates::{Rates, Verdict};
pub use subscriptions::{Market, MinQuantity, Options, Place, RareOptions, Subscriptions, Topic};

use std::sync::Arc;

use uuid::Uuid;

use super::identity::{ConnectionLimits, Identity, Permissions};
use super::stalls::Progress;
use crate::engine::{BidId, PartyKey};
use crate::units::TimeUs;

/// Wrong tokens after which a connection is closed.
pub const SIGN_IN_TRIES_MAX: u8 = 3;
/// Bids remembered for a client that may yet ask for cancel-on-disconnect; older ones are forgotten first.
const BIDS_REMEMBERED_MAX: usize = 65_536;

/// See the module.
#[derive(Debug)]
pub struct Session {
    /// Who signed in, if anybody has.
    pub identity: Option<Arc<Identity>>,
    /// The identity's party, as frames name it.
    pub party: PartyKey,
    /// Pings and deadlines.
    pub heartbeat: Heartbeat,
    /// What was said lately.
    pub rates: Rates,
    /// What is followed.
    pub subscriptions: Subscriptions,
    /// What happens to this connection's bids when it breaks.
    pub bids: Option<Box<ConnectionBids>>,
    /// Tickets of subscriptions that go on once everything sent before has left.
    #[expect(clippy::box_collection, reason = "there is none on almost all connections: 8 bytes, not 24")]
    pub unfinished: Option<Box<Vec<u32>>>,
    /// How far the sending of what waits had come at the last ping.
    pub progress: Option<Progress>,
    /// Whether `Query::Forget` is owed to the host when the connection ends.
    pub has_caught_up: bool,
    /// Whether it takes one of its client's places.
    pub is_counted: bool,
    /// The connection's name for its client.
    pub connection_id: Uuid,
    tries: u8,
    next_ticket: u32,
}

/// The bids submitted on a connection.
#[derive(Debug, Default)]
pub struct ConnectionBids {
    /// How long after the connection broke they are cancelled; `None`: they are not.
    pub grace_ms: Option<u64>,
    /// The bids, oldest first.
    pub bids: Vec<BidId>,
}

/// Whether one more wrong token is borne.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tries {
    /// Another may follow.
    Left,
    /// That was the last.
    Spent,
}

impl Session {
    /// A session of nobody yet.
    pub fn new(now: TimeUs, phase: u64, sign_in_us: i64) -> Self {
        Self {
            identity: None,
            party: PartyKey(0),
            heartbeat: Heartbeat::new(now, phase, sign_in_us),
            rates: Rates::default(),
            subscriptions: Subscriptions::default(),
            bids: None,
            unfinished: None,
            progress: None,
            has_caught_up: false,
            is_counted: false,
            connection_id: Uuid::new_v4(),
            tries: 0,
            next_ticket: 0,
        }
    }

    /// Somebody has signed in, or signed in again.
    pub fn sign_in(&mut self, identity: Identity) {
        self.party = identity.party.key();
        self.heartbeat.signed_in(identity.expires_at);
        self.identity = Some(Arc::new(identity));
    }

    /// Whether this identity may take over a connection that is signed in.
    pub fn may_refresh(&self, identity: &Identity) -> bool {
        self.identity
            .as_ref()
            .is_some_and(|known| known.client_id == identity.client_id && known.party == identity.party)
    }

    /// Counts a wrong token.
    pub fn fail_sign_in(&mut self) -> Tries {
        self.tries += 1;
        if self.tries >= SIGN_IN_TRIES_MAX { Tries::Spent } else { Tries::Left }
    }

    /// What this connection may do, before sign-in what everybody may.
    pub fn limits(&self, default: ConnectionLimits) -> ConnectionLimits {
        self.identity.as_ref().map_or(default, |identity| identity.limits)
    }

    /// Whether the client has a permission.
    pub fn may(&self, permission: Permissions) -> bool {
        self.identity.as_ref().is_some_and(|identity| identity.permissions.has(permission))
    }

    /// A number for a subscription that is being asked for.
    pub fn ticket(&mut self) -> u32 {
        self.next_ticket = self.next_ticket.checked_add(1).unwrap_or(1);
        self.next_ticket
    }

    /// Notes a bid that was accepted from this connection.
    pub fn note_bid(&mut self, bid: BidId) {
        let own = self.bids.get_or_insert_default();
        if own.grace_ms.is_none() && own.bids.len() >= BIDS_REMEMBERED_MAX {
            own.bids.drain(..BIDS_REMEMBERED_MAX / 2);
        }
        own.bids.push(bid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Party;

    fn identity(client: u128, party: &str) -> Identity {
        Identity {
            client_id: Uuid::from_u128(client),
            subject: "alice".into(),
            party: Party(party.into()),
            permissions: Permissions::READ,
            auctions: None,
            channels: None,
            subscribes: Arc::new([]),
            limits: ConnectionLimits::GUIDE,
            expires_at: TimeUs(i64::MAX),
        }
    }

    #[test]
    fn only_the_same_client_and_party_may_refresh() {
        let mut session = Session::new(TimeUs(0), 1, 5_000_000);
        assert!(!session.may_refresh(&identity(1, "alice")), "nobody to refresh");
        session.sign_in(identity(1, "alice"));
        assert!(session.may_refresh(&identity(1, "alice")));
        assert!(!session.may_refresh(&identity(2, "alice")));
        assert!(!session.may_refresh(&identity(1, "bob")));
    }

    #[test]
    fn the_third_wrong_token_is_the_last() {
        let mut session = Session::new(TimeUs(0), 1, 5_000_000);
        let tries = [(); 3].map(|()| session.fail_sign_in());
        assert_eq!(tries, [Tries::Left, Tries::Left, Tries::Spent]);
    }

    #[test]
    fn an_idle_session_is_small() {
        assert!(size_of::<Session>() <= 256, "{}", size_of::<Session>());
    }

    #[test]
    fn bids_are_remembered_up_to_a_bound_unless_they_must_be() {
        let mut session = Session::new(TimeUs(0), 1, 5_000_000);
        for number in 0..200_000_u128 {
            session.note_bid(BidId(Uuid::from_u128(number)));
        }
        let own = session.bids.as_mut().expect("there are bids");
        assert!(own.bids.len() <= BIDS_REMEMBERED_MAX);
        assert_eq!(own.bids.last(), Some(&BidId(Uuid::from_u128(199_999))));
        own.grace_ms = Some(0);
        let before = own.bids.len();
        for number in 0..100_000_u128 {
            session.note_bid(BidId(Uuid::from_u128(number)));
        }
        assert_eq!(session.bids.map(|own| own.bids.len()), Some(before + 100_000));
    }
}
