//! What a chain of pieces is to one connection: numbered, framed, sealed by a close.
//!
//! Most connections of a turn get what the one before them got. So the bytes last made
//! are kept: for the same pieces only the numbers are written anew, in place, and where
//! those are the same too, nothing is.

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
    /// How many digits each of their numbers has.
    digits: usize,
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
    #[inline]
    pub fn render(&mut self, progress: Progress<'_>, outbox: &Outbox, chain: &mut Chain) -> &[u8] {
        if !*progress.is_sealed && self.is_of(*progress.sequence, outbox, *chain) {
            *chain = Chain::default();
            self.renumber(*progress.sequence + 1);
            *progress.sequence += self.messages.len() as u64;
        } else {
            self.make(progress, outbox, chain);
        }
        &self.bytes
    }

    /// Whether the bytes are of just these pieces, with numbers behind `sequence` of the same length.
    #[inline]
    fn is_of(&self, sequence: u64, outbox: &Outbox, mut chain: Chain) -> bool {
        let last = sequence + self.messages.len() as u64;
        if self.messages.is_empty() || digits(sequence + 1) != self.digits || digits(last) != self.digits {
            return false;
        }
        self.messages.iter().all(|message| outbox.pop(&mut chain) == Some(message.piece)) && chain.is_empty()
    }

    #[inline]
    fn renumber(&mut self, first: u64) {
        if first == self.first {
            return;
        }
        self.first = first;
        let mut text = itoa::Buffer::new();
        for (number, message) in (first..).zip(&self.messages) {
            let text = text.format(number).as_bytes();
            self.bytes[message.at..message.at + text.len()].copy_from_slice(text);
        }
    }

    fn make(&mut self, progress: Progress<'_>, outbox: &Outbox, chain: &mut Chain) {
        let Progress { sequence, is_sealed } = progress;
        self.bytes.clear();
        self.messages.clear();
        self.first = *sequence + 1;
        self.digits = digits(self.first);
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
        if !can_be_kept || !chain.is_empty() || digits(*sequence) != self.digits {
            self.messages.clear();
        }
    }

    /// Forgets what the pieces were: the turn ends.
    pub fn forget(&mut self) {
        self.messages.clear();
        self.bytes.clear();
    }
}

#[inline]
fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

#[cfg(test)]
mod tests;
