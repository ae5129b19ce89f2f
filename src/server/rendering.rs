//! What a chain of pieces is to one connection: numbered, framed, sealed by a close.
//!
//! Most connections of a turn get what the one before them got. So the bytes last made
//! are kept: for the same pieces only the numbers are written anew, in place, and where
//! those are the same too, nothing is.

use std::ops::Range;

use super::outbox::{self, Chain, Content, Outbox, PieceId};

/// Most bytes written at a time.
const WRITE_BYTES: usize = 128 * 1024;

/// The bytes made last.
#[derive(Default)]
pub(super) struct Rendering {
    bytes: Vec<u8>,
    /// The messages in `bytes`, if a whole chain of nothing else.
    messages: Vec<Placed>,
    /// The first one's number.
    first: u64,
    /// The numbers it could have for the bytes to be as many as they are.
    firsts: Range<u64>,
}

/// How far one connection's output is.
pub(super) struct Progress<'a> {
    /// The number of the last message.
    pub sequence: &'a mut u64,
    /// Whether a close frame is among it.
    pub is_sealed: &'a mut bool,
}

/// Where a message's number stands.
struct Placed {
    piece: PieceId,
    at: usize,
}

/// Whether this is a close frame.
pub(super) fn is_close(content: Content<'_>) -> bool {
    matches!(content, Content::Frame(opcode, _) if opcode == u8::from(outbox::CLOSE))
}

impl Rendering {
    /// Takes pieces off the chain, as many as are written at a time, and makes them what they are to this
    /// connection. Nothing follows a close frame.
    pub fn render(&mut self, progress: Progress<'_>, outbox: &Outbox, chain: &mut Chain) -> &[u8] {
        if !*progress.is_sealed && self.repeat(progress.sequence, outbox, *chain) {
            *chain = Chain::default();
        } else {
            self.make(progress, outbox, chain);
        }
        &self.bytes
    }

    /// Makes the bytes those of this chain if only numbers have to be changed; whether that is so. The connection must not be
    /// sealed.
    #[inline(always)]
    pub fn repeat(&mut self, sequence: &mut u64, outbox: &Outbox, chain: Chain) -> bool {
        let first = *sequence + 1;
        if !self.firsts.contains(&first) || !self.is_of(outbox, chain) {
            return false;
        }
        if first != self.first {
            self.renumber(first);
        }
        *sequence += self.messages.len() as u64;
        true
    }

    /// The bytes that were made or repeated last.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the bytes are of just these pieces.
    #[inline]
    fn is_of(&self, outbox: &Outbox, mut chain: Chain) -> bool {
        self.messages.iter().all(|message| outbox.pop(&mut chain) == Some(message.piece)) && chain.is_empty()
    }

    #[inline(never)]
    fn renumber(&mut self, first: u64) {
        self.first = first;
        let mut text = itoa::Buffer::new();
        for (number, message) in (first..).zip(&self.messages) {
            let text = text.format(number).as_bytes();
            self.bytes[message.at..message.at + text.len()].copy_from_slice(text);
        }
    }

    #[inline(never)]
    fn make(&mut self, progress: Progress<'_>, outbox: &Outbox, chain: &mut Chain) {
        let Progress { sequence, is_sealed } = progress;
        self.bytes.clear();
        self.messages.clear();
        self.first = *sequence + 1;
        let mut can_be_kept = true;
        while self.bytes.len() < WRITE_BYTES
            && let Some(piece) = outbox.pop(chain)
        {
            if *is_sealed {
                continue;
            }
            match outbox.content(piece) {
                Content::Numbered(parts, _) => {
                    *sequence += 1;
                    let at = outbox::write_numbered(parts, *sequence, &mut self.bytes);
                    self.messages.push(Placed { piece, at });
                }
                content @ Content::Frame(opcode, payload) => {
                    *is_sealed = is_close(content);
                    outbox::write_frame(opcode, payload, &mut self.bytes);
                    can_be_kept = false;
                }
            }
        }
        let is_kept = can_be_kept && chain.is_empty() && !self.messages.is_empty();
        self.firsts = if is_kept { firsts(self.first, self.messages.len() as u64) } else { 0..0 };
    }

    /// Forgets what the pieces were: the turn ends.
    pub fn forget(&mut self) {
        self.firsts = 0..0;
    }
}

/// The numbers that a first message could have instead of this one so that each of so many numbers keeps its length: none if
/// their lengths differ.
fn firsts(first: u64, count: u64) -> Range<u64> {
    let least = 10_u64.pow(first.checked_ilog10().unwrap_or(0));
    let most = least.saturating_mul(10).saturating_sub(count - 1);
    if (least..most).contains(&first) { least..most } else { 0..0 }
}

#[cfg(test)]
mod tests;
