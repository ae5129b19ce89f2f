//! What travels in the fan-out ring: one encoded message with all that a shard
//! needs to decide who gets it, without looking into the JSON.
//!
//! A message is encoded once, cut where the digits of `sequence` belong. The shard
//! writes `head`, the connection's next sequence number, `tail`, for the connection
//! that asked also `extra` (its correlation id), and the closing brace.

use super::figures::Figures;
use crate::engine::{AuctionSlot, BidId, PartyKey};
use crate::wire::Channel;

/// Who gets a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Delivery {
    /// Only the connection `connection`: a direct reply. With a `ticket` the subscription of that
    /// number is refused or over, and its place is free.
    Reply = 0,
    /// The connection `connection` (with `extra`), and the party's other connections
    /// that subscribe to `channel` of the auction: `bid_accepted`, `bid_rejected`, `bid_amended` of one's own.
    Owner = 1,
    /// Every connection of the party `party`, whatever it subscribes to, in place of the
    /// `Public` frame of the same `slot`, `channel` and `offset` that follows.
    Party = 2,
    /// Subscribers of `channel` of the auction (or of all auctions), by their filters: a fact.
    Public = 3,
    /// As `Public`, but state: the latest wins, and it may be held back for a subscription's interval.
    State = 4,
    /// Only `connection`: its subscription `ticket` starts here, silently (head and tail are empty).
    /// What precedes it in the ring was already in its snapshot or replay, what follows is live.
    Activate = 5,
    /// Subscribers of `channel` of just this auction get the message and lose the subscription.
    Ending = 6,
    /// As `Public`, but only for connections that may `settle`.
    Settlers = 7,
    /// Only `connection`: its subscription `ticket` has more to catch up with (no message). Ask for it by
    /// `Query::Continue` once the connection's queue has drained.
    Continue = 8,
    /// Only `connection`: its bid `bid` was accepted, as another message to it says (no message).
    Noted = 9,
    /// No connection at all: only those in the same process who follow the ring.
    Embedders = 10,
}

/// The fixed part of a frame. Fields that do not apply are zero or `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Who gets it.
    pub delivery: Delivery,
    /// On which channel.
    pub channel: Channel,
    /// Whether all is over for the auction after this frame (flush at once).
    pub is_terminal: bool,
    /// Which auction; `None` for market data and replies about none.
    pub slot: Option<AuctionSlot>,
    /// Whose event it is: the owner for `include_own`, the target of `Owner` and `Party`.
    /// For market data the key of the token or pair (`topic_key`).
    pub party: PartyKey,
    /// The shard and connection that asked, or 0.
    pub connection: ConnectionKey,
    /// For `Activate`, the session's own number of the subscription.
    pub ticket: u32,
    /// The quantity that `min_quantity` is compared with, in lots; for amended bids the greatest ever shown.
    pub lots: i64,
    /// The event's number in its auction, or 0.
    pub offset: u64,
    /// Which bid it tells of, `bid_rejected` aside (a bid that was refused has no id); for settlements their own id.
    pub bid: BidId,
    /// What the message says, for readers that would rather not parse it.
    pub figures: Figures,
}

/// A connection's name within this process: never 0, never reused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionKey(pub u64);

impl ConnectionKey {
    /// The key of the `number`th connection (from 1) of a shard.
    pub fn new(shard: u16, number: u64) -> Self {
        Self(u64::from(shard) << 48 | (number & 0xffff_ffff_ffff))
    }

    /// The shard that owns it.
    pub fn shard(self) -> u16 {
        (self.0 >> 48) as u16
    }
}

/// One frame, borrowed from a buffer that was read from the ring.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Who gets it.
    pub header: FrameHeader,
    /// JSON up to the sequence digits.
    pub head: &'a [u8],
    /// JSON after them, without the closing brace.
    pub tail: &'a [u8],
    /// More members (`,"correlation_id":"…"`) for `header.connection` alone.
    pub extra: &'a [u8],
}

/// Bytes of an encoded header.
pub const HEADER_BYTES: usize = 120;

const NO_SLOT: u32 = u32::MAX;

impl FrameHeader {
    /// A header for a direct reply to a connection.
    pub fn reply(connection: ConnectionKey) -> Self {
        Self {
            delivery: Delivery::Reply,
            channel: Channel::Auction,
            is_terminal: false,
            slot: None,
            party: PartyKey(0),
            connection,
            ticket: 0,
            lots: 0,
            offset: 0,
            bid: BidId(uuid::Uuid::nil()),
            figures: Figures::default(),
        }
    }

    /// Whether the frame tells a fact of an auction that a client which comes back must hear.
    pub fn is_told_again(&self) -> bool {
        self.offset > 0 && matches!(self.delivery, Delivery::Owner | Delivery::Party | Delivery::Public)
    }

    /// The header's bytes, for frames whose parts have these lengths.
    pub fn encode(&self, head: usize, tail: usize, extra: usize) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[0] = self.delivery as u8;
        out[1] = self.channel as u8;
        out[2] = u8::from(self.is_terminal);
        out[4..8].copy_from_slice(&self.slot.map_or(NO_SLOT, |slot| slot.0).to_le_bytes());
        out[8..24].copy_from_slice(&self.party.0.to_le_bytes());
        out[24..32].copy_from_slice(&self.connection.0.to_le_bytes());
        out[32..40].copy_from_slice(&self.lots.to_le_bytes());
        out[40..48].copy_from_slice(&self.offset.to_le_bytes());
        out[48..64].copy_from_slice(self.bid.0.as_bytes());
        out[64..68].copy_from_slice(&self.ticket.to_le_bytes());
        for (at, part) in [(68, head), (72, tail), (76, extra)] {
            out[at..at + 4].copy_from_slice(&(part as u32).to_le_bytes());
        }
        out[3] = self.figures.kind as u8;
        out[80] = self.figures.marks.0;
        for (at, number) in (88..).step_by(8).zip(self.figures.numbers()) {
            out[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        out
    }
}

impl<'a> Frame<'a> {
    /// Takes a record of the ring apart; `None` if it is not a frame.
    pub fn parse(record: &'a [u8]) -> Option<Self> {
        let (fixed, rest) = record.split_first_chunk::<HEADER_BYTES>()?;
        let word = |at: usize| u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        let slot = word(4);
        let header = FrameHeader {
            delivery: Delivery::from_byte(fixed[0])?,
            channel: Channel::from_byte(fixed[1])?,
            is_terminal: fixed[2] != 0,
            slot: (slot != NO_SLOT).then_some(AuctionSlot(slot)),
            party: PartyKey(u128::from(long(8)) | u128::from(long(16)) << 64),
            connection: ConnectionKey(long(24)),
            lots: long(32) as i64,
            offset: long(40),
            bid: BidId(uuid::Uuid::from_slice(&fixed[48..64]).ok()?),
            ticket: word(64),
            figures: Figures::read(fixed[3], fixed[80], [88, 96, 104, 112].map(|at| long(at) as i64)),
        };
        let (head, rest) = rest.split_at_checked(word(68) as usize)?;
        let (tail, rest) = rest.split_at_checked(word(72) as usize)?;
        let extra = rest.get(..word(76) as usize)?;
        Some(Self { header, head, tail, extra })
    }
}

impl Delivery {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Reply,
            1 => Self::Owner,
            2 => Self::Party,
            3 => Self::Public,
            4 => Self::State,
            5 => Self::Activate,
            6 => Self::Ending,
            7 => Self::Settlers,
            8 => Self::Continue,
            9 => Self::Noted,
            10 => Self::Embedders,
            _ => return None,
        })
    }
}
