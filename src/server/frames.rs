//! Takes WebSocket frames off a buffer of received bytes and puts messages together.
//!
//! It does no IO and knows no time but what it is told. Whole frames are unmasked in
//! place and borrowed from the buffer; only what is incomplete when the buffer ends is
//! kept, in memory of the connection's own, which is given back with the message's end.
//! Text is checked as it arrives, so bad UTF-8 is seen before its frame is complete.
//! What a violation leads to is said by [`Violation`]; acting on it is the caller's part.

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use super::window::{Bound, Window};
use crate::units::TimeUs;

/// What a peer may send.
#[derive(Debug, Clone, Copy)]
pub struct FrameLimits {
    /// Largest message after reassembly, in bytes.
    pub message_bytes_max: usize,
    /// Most frames of one message.
    pub fragments_max: u32,
    /// Longest time from a message's first byte to its last, in microseconds.
    pub message_us_max: i64,
    /// Control frames in any second.
    pub controls_per_second_max: u32,
    /// Whether binary messages are taken.
    pub binary: Binary,
}

/// Whether binary messages are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// They are.
    Taken,
    /// They are a violation.
    Refused,
}

/// Why a connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The bytes are no WebSocket frames as RFC 6455 has them.
    #[error("{0}")]
    Protocol(&'static str),
    /// A binary message.
    #[error("binary frames are not accepted")]
    Binary,
    /// Text that is not UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// Too many control frames or fragments, or a message that takes too long.
    #[error("{0}")]
    Flood(&'static str),
    /// A message beyond the bound.
    #[error("message too large")]
    TooLarge,
}

/// What was taken off the buffer.
#[derive(Debug)]
pub enum Taken<'a> {
    /// Nothing that concerns the caller; the rest of the buffer was kept for the next time.
    Nothing,
    /// A whole message.
    Message(Kind, Payload<'a>),
    /// A ping; its payload must be sent back.
    Ping(&'a [u8]),
    /// A pong.
    Pong,
    /// The peer closes, with this code; `None` where it gave none, or did not mask it.
    Close(Option<u16>),
}

/// What a message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8, checked.
    Text,
    /// Anything.
    Binary,
}

/// A message's bytes.
#[derive(Debug)]
pub enum Payload<'a> {
    /// Still in the buffer.
    Borrowed(&'a mut [u8]),
    /// Put together from parts.
    Owned(Vec<u8>),
}

impl Payload<'_> {
    /// The bytes; the caller may overwrite them.
    pub fn bytes(&mut self) -> &mut [u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// The receiving half of one connection.
#[derive(Debug, Default)]
pub struct Inbound {
    partial: Option<Box<Partial>>,
    controls: Window,
}

/// What waits for more bytes.
#[derive(Debug, Default)]
struct Partial {
    /// Bytes from the start of a frame that is not worth looking at yet.
    kept: Vec<u8>,
    /// A message whose first frame has begun.
    message: Option<Assembly>,
}

#[derive(Debug)]
struct Assembly {
    kind: Kind,
    payload: Vec<u8>,
    /// Text up to here is known to be UTF-8.
    checked: usize,
    fragments: u32,
    started_at: TimeUs,
    /// The frame that is being received, if one is.
    open: Option<OpenFrame>,
}

#[derive(Debug, Clone, Copy)]
struct OpenFrame {
    left: usize,
    mask: [u8; 4],
    is_final: bool,
}

/// Longest payload of a control frame, in bytes.
const CONTROL_BYTES_MAX: usize = 125;

impl Inbound {
    /// Copies what was kept to the front of `buffer` and gives its length; new bytes belong behind it.
    /// The buffer must hold [`Inbound::kept_bytes`] and some more.
    pub fn restore(&mut self, buffer: &mut [u8]) -> usize {
        let Some(partial) = &mut self.partial else { return 0 };
        let kept = std::mem::take(&mut partial.kept);
        buffer[..kept.len()].copy_from_slice(&kept);
        self.let_go();
        kept.len()
    }

    /// How many bytes are kept unread.
    pub fn kept_bytes(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.kept.len())
    }

    /// Keeps bytes that were read and are not to be looked at now.
    pub fn keep(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.partial.get_or_insert_default().kept.extend_from_slice(bytes);
        }
    }

    /// When the message being received is overdue, if one is.
    pub fn due(&self, limits: &FrameLimits) -> Option<TimeUs> {
        let message = self.partial.as_ref()?.message.as_ref()?;
        Some(TimeUs(message.started_at.0 + limits.message_us_max))
    }

    /// Takes what comes first in `bytes`, and says how many bytes are done with.
    pub fn take<'a>(
        &mut self,
        bytes: &'a mut [u8],
        limits: &FrameLimits,
        now: TimeUs,
    ) -> Result<(usize, Taken<'a>), Violation> {
        if self.due(limits).is_some_and(|due| due <= now) {
            return Err(Violation::Flood("the message takes too long"));
        }
        let mut used = 0;
        loop {
            if let Some(message) = self.message()
                && message.open.is_some()
            {
                let is_whole = message.receive(bytes, &mut used)?;
                if is_whole {
                    let (kind, payload) = self.finish();
                    return Ok((used, Taken::Message(kind, Payload::Owned(payload))));
                }
            }
            let Some(frame) = Head::parse(&bytes[used..])? else {
                self.keep(&bytes[used..]);
                return Ok((bytes.len(), Taken::Nothing));
            };
            let start = used + frame.header_bytes;
            let end = start.saturating_add(frame.payload_bytes);
            let is_complete = end <= bytes.len();
            match frame.opcode {
                OpCode::Control(control) => {
                    frame.check_control()?;
                    if !is_complete {
                        self.keep(&bytes[used..]);
                        return Ok((bytes.len(), Taken::Nothing));
                    }
                    self.count_control(limits, now)?;
                    let payload = &mut bytes[start..end];
                    unmask(payload, frame.mask);
                    if frame.mask.is_none() {
                        return Ok((end, Taken::Close(None)));
                    }
                    return Ok((end, read_control(control, payload)?));
                }
                OpCode::Data(data) => {
                    let kind = self.check_data(data, &frame, limits)?;
                    if is_complete && frame.is_final && data != Data::Continue {
                        let payload = &mut bytes[start..end];
                        unmask(payload, frame.mask);
                        if kind == Kind::Text && std::str::from_utf8(payload).is_err() {
                            return Err(Violation::Utf8);
                        }
                        return Ok((end, Taken::Message(kind, Payload::Borrowed(payload))));
                    }
                    self.open(kind, &frame, now);
                    used = start;
                }
            }
        }
    }

    fn message(&mut self) -> Option<&mut Assembly> {
        self.partial.as_mut()?.message.as_mut()
    }

    /// Checks the header of a data frame against the message it belongs to and says what that holds.
    fn check_data(&mut self, data: Data, frame: &Head, limits: &FrameLimits) -> Result<Kind, Violation> {
        if frame.mask.is_none() {
            return Err(Violation::Protocol("frames of clients must be masked"));
        }
        let kind = match (data, self.message()) {
            (Data::Continue, Some(message)) => {
                if message.fragments == limits.fragments_max {
                    return Err(Violation::Flood("too many fragments"));
                }
                if message.payload.len().saturating_add(frame.payload_bytes) > limits.message_bytes_max {
                    return Err(Violation::TooLarge);
                }
                return Ok(message.kind);
            }
            (Data::Text, None) => Kind::Text,
            (Data::Binary, None) => Kind::Binary,
            (Data::Continue, None) => return Err(Violation::Protocol("nothing to continue")),
            (Data::Reserved(_), _) => return Err(Violation::Protocol("reserved opcode")),
            (_, Some(_)) => return Err(Violation::Protocol("the message before is not complete")),
        };
        if kind == Kind::Binary && limits.binary == Binary::Refused {
            return Err(Violation::Binary);
        }
        if frame.payload_bytes > limits.message_bytes_max {
            return Err(Violation::TooLarge);
        }
        Ok(kind)
    }

    /// Starts receiving a checked data frame bit by bit.
    fn open(&mut self, kind: Kind, frame: &Head, now: TimeUs) {
        let message = self.partial.get_or_insert_default().message.get_or_insert_with(|| Assembly {
            kind,
            payload: Vec::new(),
            checked: 0,
            fragments: 0,
            started_at: now,
            open: None,
        });
        message.fragments += 1;
        message.open = Some(OpenFrame {
            left: frame.payload_bytes,
            mask: frame.mask.unwrap_or_default(),
            is_final: frame.is_final,
        });
    }

    fn finish(&mut self) -> (Kind, Vec<u8>) {
        let message = self.partial.as_mut().and_then(|partial| partial.message.take());
        self.let_go();
        message.map_or((Kind::Text, Vec::new()), |message| (message.kind, message.payload))
    }

    fn let_go(&mut self) {
        if self.partial.as_ref().is_some_and(|partial| partial.kept.is_empty() && partial.message.is_none()) {
            self.partial = None;
        }
    }

    fn count_control(&mut self, limits: &FrameLimits, now: TimeUs) -> Result<(), Violation> {
        let bound = Bound { events_max: limits.controls_per_second_max, span_us: 1_000_000 };
        self.controls.admit(1, bound, now).map_err(|_| Violation::Flood("too many control frames"))
    }
}

impl Assembly {
    /// Takes what there is of the open frame; true when the whole message is there.
    /// Leaves `open` set if more is to come, and then `bytes` is used up.
    fn receive(&mut self, bytes: &mut [u8], used: &mut usize) -> Result<bool, Violation> {
        let Some(frame) = &mut self.open else { return Ok(false) };
        let count = frame.left.min(bytes.len() - *used);
        let part = &mut bytes[*used..*used + count];
        unmask(part, Some(frame.mask));
        frame.mask.rotate_left(count % 4);
        frame.left -= count;
        *used += count;
        self.payload.extend_from_slice(part);
        let is_over = frame.left == 0;
        let is_whole = is_over && frame.is_final;
        if is_over {
            self.open = None;
        }
        if self.kind == Kind::Text {
            self.check_text(is_whole)?;
        }
        Ok(is_whole)
    }

    fn check_text(&mut self, is_whole: bool) -> Result<(), Violation> {
        match std::str::from_utf8(&self.payload[self.checked..]) {
            Ok(_) => self.checked = self.payload.len(),
            Err(error) if error.error_len().is_none() && !is_whole => self.checked += error.valid_up_to(),
            Err(_) => return Err(Violation::Utf8),
        }
        Ok(())
    }
}

/// A frame's header, read.
struct Head {
    opcode: OpCode,
    is_final: bool,
    mask: Option<[u8; 4]>,
    header_bytes: usize,
    payload_bytes: usize,
}

impl Head {
    /// The header at the start of `bytes`; `None` if more bytes are needed.
    #[inline]
    fn parse(bytes: &[u8]) -> Result<Option<Self>, Violation> {
        let mut cursor = Cursor::new(bytes);
        let parsed = FrameHeader::parse(&mut cursor).map_err(|_| Violation::Protocol("reserved opcode"))?;
        let Some((header, length)) = parsed else { return Ok(None) };
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Violation::Protocol("reserved bits are set"));
        }
        if length > i64::MAX as u64 {
            return Err(Violation::Protocol("the length has its highest bit set"));
        }
        Ok(Some(Self {
            opcode: header.opcode,
            is_final: header.is_final,
            mask: header.mask,
            header_bytes: cursor.position() as usize,
            payload_bytes: usize::try_from(length).unwrap_or(usize::MAX),
        }))
    }

    fn check_control(&self) -> Result<(), Violation> {
        if !self.is_final {
            return Err(Violation::Protocol("control frames are never fragmented"));
        }
        if self.payload_bytes > CONTROL_BYTES_MAX {
            return Err(Violation::Protocol("control frames hold at most 125 bytes"));
        }
        // Some clients close without masking; that they leave is all that matters then.
        if self.mask.is_none() && self.opcode != OpCode::Control(Control::Close) {
            return Err(Violation::Protocol("frames of clients must be masked"));
        }
        Ok(())
    }
}

fn read_control(control: Control, payload: &[u8]) -> Result<Taken<'_>, Violation> {
    match control {
        Control::Ping => Ok(Taken::Ping(payload)),
        Control::Pong => Ok(Taken::Pong),
        Control::Reserved(_) => Err(Violation::Protocol("reserved opcode")),
        Control::Close => match *payload {
            [] => Ok(Taken::Close(None)),
            [_] => Err(Violation::Protocol("half a close code")),
            [high, low, ref reason @ ..] => {
                let code = u16::from_be_bytes([high, low]);
                if !CloseCode::from(code).is_allowed() {
                    return Err(Violation::Protocol("a close code that may not be sent"));
                }
                if std::str::from_utf8(reason).is_err() {
                    return Err(Violation::Utf8);
                }
                Ok(Taken::Close(Some(code)))
            }
        },
    }
}

#[inline]
fn unmask(payload: &mut [u8], mask: Option<[u8; 4]>) {
    let Some(mask) = mask else { return };
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let word = u64::from_ne_bytes(chunk.try_into().expect("chunks are of 8 bytes"));
        chunk.copy_from_slice(&(word ^ wide).to_ne_bytes());
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests;
