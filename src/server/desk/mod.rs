//! The desk of a shard: what clients say becomes requests to the host, what the host
//! publishes becomes messages to clients.
//!
//! The rules of a session stand in `session`, who follows what in `topics`, holding
//! back in `states`; here they meet sockets and host. One file for each kind of business.

mod bidding;
mod leaving;
mod messages;
mod presence;
mod requests;
mod ring;
mod sign_in;
mod subscribing;

use std::collections::VecDeque;
use std::sync::Arc;

use crossbeam_channel::Receiver;
use rustc_hash::{FxHashMap, FxHashSet};

use super::connection::{ConnectionId, Gone};
use super::frames::{Kind, Violation};
use super::handler::{Handler, Hello, Stage};
use super::identity::{ConnectionLimits, Verify};
use super::peers::{Mail, Peers};
use super::session::Session;
use super::sockets::Sockets;
use super::states::States;
use super::timers::Timers;
use super::topics::Topics;
use crate::engine::{AuctionSlot, PartyKey};
use crate::fanout::{Bell, GatedReader};
use crate::host::{Host, Request};
use crate::limits::MESSAGE_BYTES_MAX;
use crate::units::TimeUs;
use crate::wire::decode::Decoder;
use crate::wire::{Channel, Message, Refusal, SessionRefusal};

use leaving::Drain;
use requests::Parked;
use sign_in::Seating;

/// What a desk is made with.
pub struct DeskSettings {
    /// Which shard.
    pub shard: u16,
    /// How long a new connection may take to sign in, in microseconds.
    pub sign_in_us: i64,
    /// Over how long connections are closed at a stop, in microseconds.
    pub drain_us: i64,
    /// Bounds of connections nobody has signed in on.
    pub limits: ConnectionLimits,
}

/// See the module.
pub struct Desk {
    settings: DeskSettings,
    host: Arc<Host>,
    verify: Arc<dyn Verify>,
    peers: Arc<Peers>,
    mail: Receiver<Mail>,
    ring: GatedReader,
    bell: Arc<Bell>,
    /// Whether this turn's requests were carried out here.
    has_carried_out: bool,
    /// Taken while it lends a message out.
    decoder: Option<Box<Decoder>>,
    message: Message,
    /// Room for a message's members for one connection.
    extra: Vec<u8>,
    /// By slot of the connection.
    sessions: Vec<Option<Box<Session>>>,
    /// Connections that are signed in, by party.
    parties: FxHashMap<PartyKey, Vec<u32>>,
    topics: Topics,
    states: States,
    /// Connections that got their own copy of the fact that comes next.
    served: Served,
    /// Requests that found the host's queue full, oldest first.
    parked: VecDeque<Parked>,
    /// Requests of nobody's that wait for room in the host's queue.
    errands: VecDeque<Request>,
    /// Connections that wait for a place of their client's.
    seating: FxHashMap<ConnectionId, Seating>,
    chores: Timers<Chore>,
    drain: Option<Drain>,
}

/// What a desk does at its time.
#[derive(Debug, Clone, Copy)]
enum Chore {
    /// Cancel the bids of a connection that broke, unless its client is back.
    Orphans { client: uuid::Uuid, number: u64 },
    /// Close a connection, since the server stops.
    Close(ConnectionId),
    /// Forget what is no longer needed.
    Tidy,
}

/// See [`Desk::served`].
#[derive(Default)]
struct Served {
    /// Which fact.
    fact: Option<(Option<AuctionSlot>, Channel, u64)>,
    connections: FxHashSet<u32>,
}

/// How often a desk tidies up.
const TIDY_US: i64 = 60_000_000;

/// What a desk works with.
pub struct DeskParts {
    /// The host.
    pub host: Arc<Host>,
    /// Who verifies tokens.
    pub verify: Arc<dyn Verify>,
    /// The other shards.
    pub peers: Arc<Peers>,
    /// Where their mail comes in.
    pub mail: Receiver<Mail>,
    /// The shard's reader of the ring.
    pub ring: GatedReader,
    /// Tells it that the ring holds something new.
    pub bell: Arc<Bell>,
}

impl Desk {
    /// A desk without connections.
    pub fn new(settings: DeskSettings, parts: DeskParts) -> Self {
        let now = parts.host.clock().now();
        let mut chores = Timers::new(now);
        chores.set(TimeUs(now.0 + TIDY_US), Chore::Tidy);
        Self {
            settings,
            host: parts.host,
            verify: parts.verify,
            peers: parts.peers,
            mail: parts.mail,
            ring: parts.ring,
            bell: parts.bell,
            has_carried_out: false,
            decoder: Some(Box::default()),
            message: Message::new(),
            extra: Vec::new(),
            sessions: Vec::new(),
            parties: FxHashMap::default(),
            topics: Topics::default(),
            states: States::new(now),
            served: Served::default(),
            parked: VecDeque::new(),
            errands: VecDeque::new(),
            seating: FxHashMap::default(),
            chores,
            drain: None,
        }
    }

    fn session(&mut self, id: ConnectionId) -> Option<&mut Session> {
        self.sessions.get_mut(id.index as usize)?.as_deref_mut()
    }

    /// Sends the message just encoded, with the client's correlation id if it gave one.
    fn reply(&mut self, sockets: &mut Sockets, id: ConnectionId, correlation: Option<&str>) {
        self.extra.clear();
        if let Some(correlation) = correlation {
            crate::wire::correlation(correlation, &mut self.extra);
        }
        sockets.send(id, &self.message, &self.extra);
    }

    /// Sends an error. It always has a correlation id: the client's, or one made here.
    fn refuse(
        &mut self,
        sockets: &mut Sockets,
        id: ConnectionId,
        refusal: &Refusal,
        correlation: Option<&str>,
    ) {
        crate::wire::encode::error(&mut self.message, sockets.now(), refusal);
        match correlation {
            Some(correlation) => self.reply(sockets, id, Some(correlation)),
            None => self.reply(sockets, id, Some(&uuid::Uuid::new_v4().to_string())),
        }
    }

    fn refuse_session(
        &mut self,
        sockets: &mut Sockets,
        id: ConnectionId,
        refusal: &SessionRefusal<'_>,
        correlation: Option<&str>,
    ) {
        self.refuse(sockets, id, &Refusal::of_session(refusal), correlation);
    }

    fn do_chores(&mut self, sockets: &mut Sockets) {
        let now = sockets.now();
        let mut due = Vec::new();
        self.chores.expire(now, |chore| due.push(chore));
        for chore in due {
            match chore {
                Chore::Orphans { client, number } => self.cancel_orphans(client, number, now),
                Chore::Close(id) => sockets.close(id, crate::wire::CloseCode::Restarting),
                Chore::Tidy => {
                    self.states.tidy(now);
                    self.chores.set(TimeUs(now.0 + TIDY_US), Chore::Tidy);
                }
            }
        }
    }

    fn read_mail(&mut self, sockets: &mut Sockets) {
        while let Ok(mail) = self.mail.try_recv() {
            match mail {
                Mail::Reap { client, waiting } => {
                    self.reap(sockets, client);
                    self.peers.send(waiting.shard(), Mail::Reaped { waiting });
                }
                Mail::Reaped { waiting } => self.reaped(sockets, waiting),
                Mail::Drain => self.start_drain(sockets),
                Mail::Stop => self.stop_now(sockets),
            }
        }
    }
}

/// A desk that ends in a failed assertion must not hold its clients' places for ever.
impl Drop for Desk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.peers.forget_shard(self.settings.shard);
            for session in self.sessions.iter().flatten().filter(|session| session.identity.is_some()) {
                self.host.presence().leave(session.party);
            }
        }
    }
}

impl Handler for Desk {
    fn opened(&mut self, sockets: &mut Sockets, id: ConnectionId, hello: Hello) {
        let index = id.index as usize;
        if self.sessions.len() <= index {
            self.sessions.resize_with(index + 1, || None);
        }
        let session = Session::new(sockets.now(), id.number(), self.settings.sign_in_us);
        let due = session.heartbeat.next_due(sockets.now());
        self.sessions[index] = Some(Box::new(session));
        sockets.set_due(id, Some(due));
        if self.drain.is_some() {
            sockets.close(id, crate::wire::CloseCode::Restarting);
        } else if let Some(token) = hello.token {
            self.sign_in(sockets, id, &token, None);
        }
    }

    fn message(&mut self, sockets: &mut Sockets, id: ConnectionId, _kind: Kind, payload: &mut [u8]) {
        self.hear(sockets, id, payload);
    }

    fn violated(&mut self, sockets: &mut Sockets, id: ConnectionId, violation: Violation) {
        if violation == Violation::TooLarge {
            let refusal = SessionRefusal::TooLarge { bytes_max: MESSAGE_BYTES_MAX };
            self.refuse_session(sockets, id, &refusal, None);
        }
    }

    fn due(&mut self, sockets: &mut Sockets, id: ConnectionId) {
        self.beat(sockets, id);
    }

    fn drained(&mut self, sockets: &mut Sockets, id: ConnectionId) {
        self.go_on(sockets, id);
        self.host.ring();
    }

    fn gone(&mut self, sockets: &mut Sockets, id: ConnectionId, gone: Gone) {
        self.leave(sockets, id, gone);
        self.host.ring();
    }

    fn turn(&mut self, sockets: &mut Sockets) {
        self.bell.wake();
        // Everything that came in has been read: it is taken as one batch.
        self.has_carried_out = self.host.ring_or_carry_out(|| self.ring.lag_bytes() == 0);
        self.read_mail(sockets);
        self.do_chores(sockets);
        self.read_ring(sockets);
        self.open_gates(sockets);
        self.run_errands();
        self.unpark(sockets);
        self.host.ring();
    }

    fn falls_asleep(&mut self) -> bool {
        if self.has_carried_out {
            // With the sequencer asleep nothing makes this thread wait for another, and where there are fewer cores than
            // threads the others' bids would wait for the end of a time slice, which is milliseconds.
            std::thread::yield_now();
        }
        self.bell.fall_asleep();
        self.ring.lag_bytes() == 0
    }

    fn next_due(&self) -> Option<TimeUs> {
        [self.chores.next_due(), self.states.next_due(), self.parked_due()].into_iter().flatten().min()
    }

    fn stage(&self) -> Stage {
        match self.drain {
            None => Stage::Serving,
            Some(Drain::Closing) => Stage::Closing,
            Some(Drain::Stopped) => Stage::Stopped,
        }
    }
}
