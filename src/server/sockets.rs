//! All WebSocket connections of a shard: what they are to be sent, when they are due,
//! and how they end. Reading them, and asking the handler, is the shard's part.
//!
//! Nothing is written while a turn lasts. Each connection that got something is written
//! to once, at the turn's end, from one buffer shared by all; a connection has memory of
//! its own only for what its socket did not take.

mod writing;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::backlog::QueueTotals;
use super::connection::{CONNECTIONS_MAX, Connection, ConnectionId, Gone, Phase};
use super::frames::FrameLimits;
use super::listener::Seat;
use super::outbox::{self, Chain, Outbox, PieceId};
use super::poller::Poller;
use super::rendering::Rendering;
use super::settings::QueueLimits;
use super::timers::Timers;
use super::transport::Transport;
use super::waker::Waker;
use crate::host::ConnectionKey;
use crate::units::TimeUs;
use crate::wire::{CloseCode, Message};

/// How long a closing connection may take to take our last bytes, and to end, in microseconds.
const CLOSING_US: i64 = 5_000_000;

/// The connections of one shard.
pub struct Sockets {
    shard: u16,
    pub(super) now: TimeUs,
    pub(super) poller: Poller,
    pub(super) timers: Timers<ConnectionId>,
    pub(super) frame_limits: FrameLimits,
    queue_limits: QueueLimits,
    totals: Arc<QueueTotals>,
    connections: Vec<Slot>,
    free: Vec<u32>,
    /// By slot, what the connection gets in this turn.
    chains: Vec<Chain>,
    outbox: Outbox,
    rendering: Rendering,
    /// Connections with a queue.
    lagging: BTreeSet<u32>,
    /// Connections whose end the handler has not heard of.
    pub(super) gone: Vec<(ConnectionId, Gone)>,
    /// Connections whose queue has drained.
    pub(super) drained: Vec<ConnectionId>,
    /// Connections whose handler wants to know that they have none.
    asked: Vec<ConnectionId>,
    wants_turn: bool,
    /// Connections with input that is to be looked at without being told by the kernel.
    pub(super) unread: Vec<ConnectionId>,
    /// Slots to be freed at the turn's end.
    dead: Vec<u32>,
}

struct Slot {
    /// Its present connection, or the last one.
    id: ConnectionId,
    connection: Option<Box<Connection>>,
}

/// What a shard's sockets are made with.
pub struct SocketSettings {
    /// Which shard.
    pub shard: u16,
    /// What peers may send.
    pub frames: FrameLimits,
    /// Bounds of queues.
    pub queues: QueueLimits,
    /// What all shards' queues hold.
    pub totals: Arc<QueueTotals>,
    /// How long the shard looks for work before it sleeps.
    pub spin: Duration,
}

impl Sockets {
    /// No connections yet. `waker` ends the shard's waits.
    pub fn new(settings: SocketSettings, waker: &Waker, now: TimeUs) -> io::Result<Self> {
        Ok(Self {
            shard: settings.shard,
            now,
            poller: Poller::new(waker, settings.spin)?,
            timers: Timers::new(now),
            frame_limits: settings.frames,
            queue_limits: settings.queues,
            totals: settings.totals,
            connections: Vec::new(),
            free: Vec::new(),
            chains: Vec::new(),
            outbox: Outbox::default(),
            rendering: Rendering::default(),
            lagging: BTreeSet::new(),
            gone: Vec::new(),
            drained: Vec::new(),
            asked: Vec::new(),
            wants_turn: false,
            unread: Vec::new(),
            dead: Vec::new(),
        })
    }

    /// The time of this turn.
    pub fn now(&self) -> TimeUs {
        self.now
    }

    /// Adds a connection; `None` if there are too many or the system refuses.
    pub(super) fn insert(&mut self, transport: Transport, seat: Option<Seat>) -> Option<ConnectionId> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.connections.len() < CONNECTIONS_MAX as usize => {
                let index = self.connections.len() as u32;
                self.connections.push(Slot { id: ConnectionId { index, generation: 0 }, connection: None });
                self.chains.push(Chain::default());
                index
            }
            None => return None,
        };
        let slot = &mut self.connections[index as usize];
        let id = slot.id.next()?;
        if let Err(error) = self.poller.add(&transport, id.number()) {
            tracing::warn!(%error, "a connection cannot be watched");
            self.free.push(index);
            return None;
        }
        slot.id = id;
        slot.connection = Some(Box::new(Connection::new(transport, seat, self.now)));
        self.unread.push(id);
        Some(id)
    }

    pub(super) fn get(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        let slot = self.connections.get_mut(id.index as usize)?;
        if slot.id == id { slot.connection.as_deref_mut() } else { None }
    }

    fn peek(&self, id: ConnectionId) -> Option<&Connection> {
        let slot = self.connections.get(id.index as usize)?;
        if slot.id == id { slot.connection.as_deref() } else { None }
    }

    /// Whether messages still go both ways.
    pub fn is_open(&self, id: ConnectionId) -> bool {
        self.peek(id).is_some_and(|connection| connection.phase == Phase::Open)
    }

    /// Whether nothing waits to be sent, this turn's messages aside.
    pub fn is_drained(&self, id: ConnectionId) -> bool {
        self.peek(id).is_some_and(|connection| connection.backlog.is_none())
    }

    /// When a frame last came in.
    pub fn heard_at(&self, id: ConnectionId) -> TimeUs {
        self.peek(id).map_or(self.now, |connection| connection.heard_at)
    }

    /// Whether the peer's end has come, even if it was not looked at yet.
    pub fn has_ended(&self, id: ConnectionId) -> bool {
        self.peek(id).is_none_or(|connection| connection.transport.has_ended())
    }

    /// The open connection of this key, if it is one of this shard's.
    pub fn find(&self, key: ConnectionKey) -> Option<ConnectionId> {
        let id = ConnectionId::from_number(key.0 & 0xffff_ffff_ffff);
        (key.shard() == self.shard && self.is_open(id)).then_some(id)
    }

    /// The key of a connection, for the host.
    pub fn key(&self, id: ConnectionId) -> ConnectionKey {
        ConnectionKey::new(self.shard, id.number())
    }

    /// All open connections.
    pub fn open_ids(&self) -> impl Iterator<Item = ConnectionId> {
        self.connections.iter().map(|slot| slot.id).filter(|&id| self.is_open(id))
    }

    /// This turn's messages.
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Sends a message made here, with members for this connection alone.
    pub fn send(&mut self, id: ConnectionId, message: &Message, extra: &[u8]) {
        let piece = self.outbox.piece_of_message(message, extra);
        self.send_piece(id.index, piece);
    }

    /// Sends a frame as it is.
    pub fn send_frame(&mut self, id: ConnectionId, opcode: outbox::OpCode, payload: &[u8]) {
        let piece = self.outbox.piece_of_frame(opcode, payload);
        self.send_piece(id.index, piece);
    }

    /// Sends one of this turn's messages to the connection in a slot.
    #[inline]
    pub fn send_piece(&mut self, index: u32, piece: PieceId) {
        self.outbox.push(&mut self.chains[index as usize], index, piece);
    }

    /// Asks that the handler be called for this connection at `due`, and not at the time asked for before.
    pub fn set_due(&mut self, id: ConnectionId, due: Option<TimeUs>) {
        if let Some(connection) = self.get(id).filter(|connection| connection.phase == Phase::Open) {
            connection.due = due;
            self.arm(id);
        }
    }

    /// Asks that the handler be told once nothing waits to be sent to this connection, this turn's messages
    /// included; at the latest when a queue that it has by then has drained.
    pub fn tell_when_drained(&mut self, id: ConnectionId) {
        self.asked.push(id);
    }

    /// Asks for another turn right after this one.
    pub fn ask_for_turn(&mut self) {
        self.wants_turn = true;
    }

    /// Leaves the input of a connection alone until it is resumed.
    pub fn pause(&mut self, id: ConnectionId) {
        if let Some(connection) = self.get(id) {
            connection.is_paused = true;
        }
    }

    /// Looks at the input of a paused connection again.
    pub fn resume(&mut self, id: ConnectionId) {
        if let Some(connection) = self.get(id).filter(|connection| connection.is_paused) {
            connection.is_paused = false;
            self.unread.push(id);
        }
    }

    /// Closes a connection: what it was sent before still goes out first. The handler hears of it.
    pub fn close(&mut self, id: ConnectionId, code: CloseCode) {
        self.close_with(id, Some(code.number()), code.reason(), Gone::Closed(code.number()));
    }

    /// Answers a peer's close frame, or closes, with any code.
    pub(super) fn close_with(&mut self, id: ConnectionId, code: Option<u16>, reason: &str, gone: Gone) {
        if !self.is_open(id) {
            return;
        }
        let mut payload = Vec::with_capacity(2 + reason.len());
        if let Some(code) = code {
            payload.extend_from_slice(&code.to_be_bytes());
            payload.extend_from_slice(reason.as_bytes());
        }
        self.send_frame(id, outbox::CLOSE, &payload);
        self.start_closing(id, gone);
    }

    fn start_closing(&mut self, id: ConnectionId, gone: Gone) {
        let due = TimeUs(self.now.0 + CLOSING_US);
        if let Some(connection) = self.get(id) {
            connection.phase = Phase::Closing;
            connection.is_paused = false;
            connection.due = Some(due);
            self.gone.push((id, gone));
            self.unread.push(id);
            self.arm(id);
        }
    }

    /// Lets a connection go at once.
    pub(super) fn remove(&mut self, id: ConnectionId, gone: Gone) {
        let totals = Arc::clone(&self.totals);
        let Some(connection) = self.get(id) else { return };
        if let Some(backlog) = &mut connection.backlog {
            backlog.release(&totals);
        }
        let was_open = connection.phase == Phase::Open;
        self.connections[id.index as usize].connection = None;
        self.lagging.remove(&id.index);
        self.dead.push(id.index);
        if was_open {
            self.gone.push((id, gone));
        }
    }

    /// Sets the connection's timer to the earliest of what it waits for.
    pub(super) fn arm(&mut self, id: ConnectionId) {
        let limits = self.frame_limits;
        let Some(connection) = self.get(id) else { return };
        let message_due =
            if connection.phase == Phase::Open { connection.inbound.due(&limits) } else { None };
        let Some(due) = connection.due.into_iter().chain(message_due).min() else { return };
        if connection.timer.is_none_or(|timer| due < timer) {
            connection.timer = Some(due);
            self.timers.set(due, id);
        }
    }

    /// The peer will send nothing more.
    pub(super) fn end(&mut self, id: ConnectionId) {
        match self.get(id) {
            // It may have ended right behind its close frame, and still gets ours.
            Some(connection) if connection.phase == Phase::Closing => connection.has_ended = true,
            Some(_) => self.remove(id, Gone::Broken),
            None => {}
        }
    }

    /// Whether no connection is left.
    pub(super) fn is_empty(&self) -> bool {
        self.free.len() + self.dead.len() == self.connections.len()
    }

    /// Whether there is something to do that nobody will tell of; asked once a turn.
    pub(super) fn take_wants_turn(&mut self) -> bool {
        std::mem::take(&mut self.wants_turn) || !self.unread.is_empty()
    }

    /// Gives up connections whose close has taken too long; whether this one was.
    pub(super) fn give_up(&mut self, id: ConnectionId) -> bool {
        let now = self.now;
        let Some(connection) = self.get(id) else { return true };
        if connection.phase == Phase::Open || connection.due.is_none_or(|due| due > now) {
            return false;
        }
        if connection.phase == Phase::Closing {
            connection.transport.abandon();
        }
        self.remove(id, Gone::Broken);
        true
    }
}
