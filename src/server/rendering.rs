//! What a piece of output is to one connection: numbered, framed, sealed by a close.

use super::connection::Connection;
use super::outbox::{self, Content};

/// Whether this is a close frame.
pub(super) fn is_close(content: Content<'_>) -> bool {
    matches!(content, Content::Frame(opcode, _) if opcode == u8::from(outbox::CLOSE))
}

/// Appends what a piece is to this connection. Nothing follows a close frame.
#[inline]
pub(super) fn render(connection: &mut Connection, content: Content<'_>, out: &mut Vec<u8>) {
    if connection.is_sealed {
        return;
    }
    match content {
        Content::Numbered(parts, _) => {
            connection.sequence += 1;
            outbox::write_numbered(parts, connection.sequence, out);
        }
        Content::Frame(opcode, payload) => {
            connection.is_sealed = is_close(content);
            outbox::write_frame(opcode, payload, out);
        }
    }
}
