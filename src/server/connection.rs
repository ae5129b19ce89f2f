//! One WebSocket connection as the sockets know it: its bytes in both directions and
//! how far it is from its end. Who is at the other end is the handler's business.

use super::backlog::Backlog;
use super::frames::Inbound;
use super::listener::Seat;
use super::transport::Transport;
use crate::units::TimeUs;

/// A connection's place on its shard. It names one connection only, even after that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    /// Its slot, used again once it is gone.
    pub index: u32,
    /// Which of the connections that had this slot.
    pub generation: u32,
}

/// Most connections of one shard: as many as a slot's number can name.
pub const CONNECTIONS_MAX: u32 = 1 << INDEX_BITS;

const INDEX_BITS: u32 = 20;
const GENERATION_MAX: u32 = (1 << 28) - 1;

impl ConnectionId {
    /// The connection as a number below 2^48, never 0.
    pub fn number(self) -> u64 {
        u64::from(self.generation) << INDEX_BITS | u64::from(self.index)
    }

    /// The connection of a number.
    pub fn from_number(number: u64) -> Self {
        Self {
            index: (number & u64::from(CONNECTIONS_MAX - 1)) as u32,
            generation: (number >> INDEX_BITS) as u32,
        }
    }

    /// The next connection in this slot; `None` when the slot has had as many as it can name.
    pub fn next(self) -> Option<Self> {
        (self.generation < GENERATION_MAX).then(|| Self { generation: self.generation + 1, ..self })
    }
}

/// How a connection came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// The peer closed, with this code; `None` where it gave none.
    Left(Option<u16>),
    /// The socket broke or ended without a word.
    Broken,
    /// We closed, with this code.
    Closed(u16),
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Messages go both ways.
    Open,
    /// A close frame is on its way out; nothing else will be sent.
    Closing,
    /// Everything is sent; only the peer's end is awaited.
    Lingering,
}

// Writing to thousands of connections is waiting for memory: what it looks at comes first, in one line of the cache.
#[repr(C, align(64))]
pub(super) struct Connection {
    pub transport: Transport,
    /// What the socket did not take yet.
    pub backlog: Option<Box<Backlog>>,
    /// The number of the last message put on the wire.
    pub sequence: u64,
    pub phase: Phase,
    /// The close frame has been put on the wire or in the queue; nothing may follow it.
    pub is_sealed: bool,
    /// Its input is not looked at until it is resumed.
    pub is_paused: bool,
    /// The kernel told of the end, which may lie behind unread input.
    pub has_hung_up: bool,
    /// The input's end has been read.
    pub has_ended: bool,
    /// When a frame last came in.
    pub heard_at: TimeUs,
    pub inbound: Inbound,
    /// When the handler wants to be called; of a connection that is no longer open, when it is given up.
    pub due: Option<TimeUs>,
    /// The earliest timer that is set.
    pub timer: Option<TimeUs>,
    /// Its place among the server's connections, given back with it.
    _seat: Option<Seat>,
}

const _: () = assert!(size_of::<Connection>() == 128, "two lines of the cache");

impl Connection {
    pub fn new(transport: Transport, seat: Option<Seat>, now: TimeUs) -> Self {
        Self {
            transport,
            backlog: None,
            sequence: 0,
            phase: Phase::Open,
            is_sealed: false,
            is_paused: false,
            has_hung_up: false,
            has_ended: false,
            heard_at: now,
            inbound: Inbound::default(),
            due: None,
            timer: None,
            _seat: seat,
        }
    }
}
