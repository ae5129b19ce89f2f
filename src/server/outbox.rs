//! What a shard has to send in this turn, held once for everybody.
//!
//! Messages read from the ring lie where they were copied to, the connection's own beside
//! them; a [`Piece`] says where. What a connection gets is a chain of pieces through one
//! list shared by all connections. Bytes are put together when the connection is written
//! to: only then are the `sequence` digits and the frame's length filled in.

pub use tungstenite::protocol::frame::coding::OpCode;
use tungstenite::protocol::frame::coding::{Control, Data};

use super::backlog::StateKey;
use crate::fanout::{GatedReader, Records, footprint_bytes};
use crate::host::{Frame, FrameHeader, HEADER_BYTES};
use crate::wire::Message;

/// The turn's messages and who gets them.
#[derive(Default)]
pub struct Outbox {
    /// Records of the ring, as read.
    records: Records,
    /// Everything else.
    local: Vec<u8>,
    pieces: Vec<Piece>,
    links: Vec<Link>,
    /// Connections with a chain, in the order in which they got their first piece.
    dirty: Vec<u32>,
}

/// A message, by its number in this turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceId(u32);

/// Where a message's bytes are.
#[derive(Debug, Clone, Copy)]
pub struct Piece {
    kind: PieceKind,
    /// For records their place in the ring's buffer, else the first byte in `local`.
    at: usize,
    head: u32,
    tail: u32,
    extra: u32,
    /// For state that may be replaced by newer state: which.
    state: StateKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PieceKind {
    /// A numbered message in `records`.
    Record,
    /// A numbered message in `local`.
    Local,
    /// A frame in `local`, sent as it is, with this opcode.
    Frame(u8),
}

/// A frame of the ring, where it lies.
#[derive(Debug, Clone, Copy)]
pub struct Record {
    at: usize,
    /// Where the next one lies.
    pub next: usize,
    /// Who gets it; `None` if the record is no frame.
    pub header: Option<FrameHeader>,
    head: u32,
    tail: u32,
    extra: u32,
}

/// A numbered message's three parts.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// JSON up to the sequence digits.
    pub head: &'a [u8],
    /// JSON after them.
    pub tail: &'a [u8],
    /// More members for this connection.
    pub extra: &'a [u8],
}

/// What a piece is to a connection.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// A message that takes the connection's next number.
    Numbered(Parts<'a>, StateKey),
    /// A frame as it is.
    Frame(u8, &'a [u8]),
}

/// One connection's chain of pieces. Empty by default.
#[derive(Debug, Clone, Copy)]
pub struct Chain {
    /// The first link, or [`END`]; of a chain of one, the piece itself.
    first: u32,
    /// The last link, or [`ONE`].
    last: u32,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    piece: PieceId,
    next: u32,
}

const END: u32 = u32::MAX;
/// Most chains are of one piece, and need no link.
const ONE: u32 = END - 1;

impl Default for Chain {
    fn default() -> Self {
        Self { first: END, last: END }
    }
}

impl Chain {
    /// Whether nothing is to be sent.
    pub fn is_empty(self) -> bool {
        self.first == END
    }
}

impl Outbox {
    /// Copies records out of the ring, at most about this many bytes. Where the first of them lies, if there were any.
    pub fn read(&mut self, ring: &mut GatedReader, budget_bytes: usize) -> Option<usize> {
        let first = self.records.used_bytes();
        (ring.read_many(&mut self.records, budget_bytes) > 0).then_some(first)
    }

    /// The record at `at`, which is where a read or the record before it says that one lies.
    pub fn record(&self, at: usize) -> Option<Record> {
        if at >= self.records.used_bytes() {
            return None;
        }
        let bytes = self.records.at(at);
        let next = at + footprint_bytes(bytes.len());
        let frame = Frame::parse(bytes);
        Some(Record {
            at,
            next,
            header: frame.map(|frame| frame.header),
            head: frame.map_or(0, |frame| frame.head.len() as u32),
            tail: frame.map_or(0, |frame| frame.tail.len() as u32),
            extra: frame.map_or(0, |frame| frame.extra.len() as u32),
        })
    }

    /// The parts of a record's message, without what is meant for its asker.
    pub fn parts(&self, record: &Record) -> Parts<'_> {
        let bytes = &self.records.at(record.at)[HEADER_BYTES..];
        let (head, tail) = (record.head as usize, record.tail as usize);
        Parts { head: &bytes[..head], tail: &bytes[head..head + tail], extra: &[] }
    }

    /// A record's message as all but its asker get it.
    pub fn piece_of_record(&mut self, record: &Record, state: StateKey) -> PieceId {
        let Record { at, head, tail, .. } = *record;
        self.add(Piece { kind: PieceKind::Record, at, head, tail, extra: 0, state })
    }

    /// A record's message as its asker gets it.
    pub fn piece_for_asker(&mut self, record: &Record) -> PieceId {
        let Record { at, head, tail, extra, .. } = *record;
        self.add(Piece { kind: PieceKind::Record, at, head, tail, extra, state: StateKey::NONE })
    }

    /// A message made here.
    pub fn piece_of_message(&mut self, message: &Message, extra: &[u8]) -> PieceId {
        self.piece_of_parts(Parts { head: message.head(), tail: message.tail(), extra }, StateKey::NONE)
    }

    /// A message given in parts.
    pub fn piece_of_parts(&mut self, parts: Parts<'_>, state: StateKey) -> PieceId {
        let at = self.local.len();
        self.local.extend_from_slice(parts.head);
        self.local.extend_from_slice(parts.tail);
        self.local.extend_from_slice(parts.extra);
        self.add(Piece {
            kind: PieceKind::Local,
            at,
            head: parts.head.len() as u32,
            tail: parts.tail.len() as u32,
            extra: parts.extra.len() as u32,
            state,
        })
    }

    /// A frame that is sent as it is.
    pub fn piece_of_frame(&mut self, opcode: OpCode, payload: &[u8]) -> PieceId {
        let at = self.local.len();
        self.local.extend_from_slice(payload);
        let head = payload.len() as u32;
        let kind = PieceKind::Frame(opcode.into());
        self.add(Piece { kind, at, head, tail: 0, extra: 0, state: StateKey::NONE })
    }

    fn add(&mut self, piece: Piece) -> PieceId {
        self.pieces.push(piece);
        PieceId(self.pieces.len() as u32 - 1)
    }

    /// Adds a piece to a connection's chain.
    #[inline]
    pub fn push(&mut self, chain: &mut Chain, connection: u32, piece: PieceId) {
        if chain.is_empty() {
            *chain = Chain { first: piece.0, last: ONE };
            self.dirty.push(connection);
            return;
        }
        if chain.last == ONE {
            let first = self.link(PieceId(chain.first));
            *chain = Chain { first, last: first };
        }
        let link = self.link(piece);
        self.links[chain.last as usize].next = link;
        chain.last = link;
    }

    fn link(&mut self, piece: PieceId) -> u32 {
        self.links.push(Link { piece, next: END });
        self.links.len() as u32 - 1
    }

    /// Takes the first piece off a chain.
    #[inline]
    pub fn pop(&self, chain: &mut Chain) -> Option<PieceId> {
        if chain.last == ONE {
            return Some(PieceId(std::mem::take(chain).first));
        }
        let link = self.links.get(chain.first as usize)?;
        chain.first = link.next;
        Some(link.piece)
    }

    /// The connection with a chain at `index` in the order of their first pieces.
    pub fn dirty(&self, index: usize) -> Option<u32> {
        self.dirty.get(index).copied()
    }

    /// How many connections have a chain.
    pub fn dirty_count(&self) -> usize {
        self.dirty.len()
    }

    /// What a piece is.
    #[inline]
    pub fn content(&self, piece: PieceId) -> Content<'_> {
        let piece = &self.pieces[piece.0 as usize];
        let (head, tail, extra) = (piece.head as usize, piece.tail as usize, piece.extra as usize);
        let bytes = match piece.kind {
            PieceKind::Frame(opcode) => {
                return Content::Frame(opcode, &self.local[piece.at..piece.at + head]);
            }
            PieceKind::Local => &self.local[piece.at..],
            PieceKind::Record => &self.records.at(piece.at)[HEADER_BYTES..],
        };
        let parts = Parts {
            head: &bytes[..head],
            tail: &bytes[head..head + tail],
            extra: &bytes[head + tail..head + tail + extra],
        };
        Content::Numbered(parts, piece.state)
    }

    /// Forgets the turn. Buffers that one turn blew up are given back.
    pub fn clear(&mut self) {
        self.records.clear();
        self.records.shrink_to(KEPT_BYTES);
        self.local.clear();
        self.local.shrink_to(KEPT_BYTES);
        self.pieces.clear();
        self.links.clear();
        self.dirty.clear();
    }
}

/// Memory that buffers keep from one turn to the next.
const KEPT_BYTES: usize = 4 << 20;

const FINAL: u8 = 0x80;

/// Appends a numbered message as a whole text frame, and gives the place of its number.
#[inline]
pub fn write_numbered(parts: Parts<'_>, sequence: u64, out: &mut Vec<u8>) -> usize {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(sequence).as_bytes();
    let length = parts.head.len() + digits.len() + parts.tail.len() + parts.extra.len() + 1;
    out.reserve(length + 10);
    write_header(OpCode::Data(Data::Text).into(), length, out);
    out.extend_from_slice(parts.head);
    let at = out.len();
    out.extend_from_slice(digits);
    out.extend_from_slice(parts.tail);
    out.extend_from_slice(parts.extra);
    out.push(b'}');
    at
}

/// Appends a whole frame.
pub fn write_frame(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    write_header(opcode, payload.len(), out);
    out.extend_from_slice(payload);
}

#[inline]
fn write_header(opcode: u8, length: usize, out: &mut Vec<u8>) {
    out.push(FINAL | opcode);
    match length {
        0..126 => out.push(length as u8),
        126..65_536 => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Where the frame that covers byte `within` of `frames` ends; `frames` starts with a frame we wrote.
pub fn frame_end(frames: &[u8], within: usize) -> usize {
    let mut end = 0;
    while end < within {
        let Some(&[_, short]) = frames[end..].first_chunk() else { break };
        let (header, length) = match (short, &frames[end + 2..]) {
            (126, [high, low, ..]) => (4, usize::from(u16::from_be_bytes([*high, *low]))),
            (127, long) => match long.first_chunk() {
                Some(long) => (10, u64::from_be_bytes(*long) as usize),
                None => break,
            },
            (short, _) => (2, usize::from(short)),
        };
        end += header + length;
    }
    end.min(frames.len())
}

/// The opcode of pings, of pongs and of close frames.
pub const PING: OpCode = OpCode::Control(Control::Ping);
/// See [`PING`].
pub const PONG: OpCode = OpCode::Control(Control::Pong);
/// See [`PING`].
pub const CLOSE: OpCode = OpCode::Control(Control::Close);
