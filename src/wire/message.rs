//! One server message, encoded once for everybody who gets it.
//!
//! A message is cut where the digits of `sequence` belong, since those differ by
//! connection: `head`, digits, `tail`, more members for one connection, `}`.
//! A `Message` is a buffer to reuse; every function of `encode` clears it first,
//! and a warm one allocates nothing.

use super::json::{Json, write_text};
use crate::units::TimeUs;

/// A reusable buffer that holds one message.
#[derive(Debug, Default)]
pub struct Message {
    pub(super) json: Json,
    cut: usize,
    payload_start: usize,
    payload_end: usize,
}

/// What stands around the sequence digits, and where in it they belong.
const AROUND_DIGITS: &str = r#","sequence":,"payload":"#;
const DIGITS_AT: usize = r#","sequence":"#.len();

impl Message {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// The JSON up to the sequence digits.
    pub fn head(&self) -> &[u8] {
        &self.json.bytes()[..self.cut]
    }

    /// The JSON after the sequence digits, without the closing brace.
    pub fn tail(&self) -> &[u8] {
        &self.json.bytes()[self.cut..]
    }

    /// The JSON of the payload alone: the body of a REST answer with the same content.
    pub fn payload(&self) -> &[u8] {
        &self.json.bytes()[self.payload_start..self.payload_end]
    }

    /// Appends the whole message as the connection gets it: with its number, and with
    /// `extra` members (as [`correlation`] writes them) before the closing brace.
    pub fn finish(&self, sequence: u64, extra: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(self.head());
        out.extend_from_slice(itoa::Buffer::new().format(sequence).as_bytes());
        out.extend_from_slice(self.tail());
        out.extend_from_slice(extra);
        out.push(b'}');
    }

    /// Starts a message; the payload's value must be written next, then [`Message::end_payload`].
    #[inline]
    pub(super) fn begin(&mut self, kind: &str, at: TimeUs) -> &mut Json {
        self.json.clear();
        self.json.raw(r#"{"type":""#);
        self.json.raw(kind);
        self.json.raw(r#"","timestamp":"#);
        self.json.time(at);
        self.cut = self.json.len() + DIGITS_AT;
        self.json.raw(AROUND_DIGITS);
        self.payload_start = self.json.len();
        &mut self.json
    }

    /// Marks the payload's end; what is written from here on are members beside it.
    #[inline]
    pub(super) fn end_payload(&mut self) -> &mut Json {
        self.payload_end = self.json.len();
        &mut self.json
    }
}

/// Appends `,"correlation_id":"…"`.
pub fn correlation(id: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(br#","correlation_id":"#);
    write_text(id, out);
}
