//! What a shard does with its connections: the line between moving bytes and meaning.

use super::connection::{ConnectionId, Gone};
use super::frames::{Kind, Violation};
use super::sockets::Sockets;
use crate::units::TimeUs;

/// What a connection brought along from its handshake.
#[derive(Debug, Clone, Default)]
pub struct Hello {
    /// The token of an `Authorization: Bearer` header.
    pub token: Option<Box<str>>,
}

/// The one who is asked about everything that happens on a shard's connections.
///
/// All calls come from the shard's thread. None may block, and none takes longer than the others can wait.
pub trait Handler: 'static {
    /// A connection stands.
    fn opened(&mut self, sockets: &mut Sockets, id: ConnectionId, hello: Hello);

    /// A whole message came in; its bytes may be overwritten. Text is valid UTF-8. A connection
    /// that is paused is not read until it is resumed.
    fn message(&mut self, sockets: &mut Sockets, id: ConnectionId, kind: Kind, payload: &mut [u8]);

    /// The peer broke the protocol; the connection is closed right after this call.
    fn violated(&mut self, _sockets: &mut Sockets, _id: ConnectionId, _violation: Violation) {}

    /// The time asked for with [`Sockets::set_due`] has come.
    fn due(&mut self, _sockets: &mut Sockets, _id: ConnectionId) {}

    /// Everything that waited for a slow peer has been sent.
    fn drained(&mut self, _sockets: &mut Sockets, _id: ConnectionId) {}

    /// The connection is over: nothing more comes from it, and nothing more is sent to it.
    fn gone(&mut self, sockets: &mut Sockets, id: ConnectionId, gone: Gone);

    /// In each turn, after everything that came in and before anything is sent; once more if something came in meanwhile.
    fn turn(&mut self, _sockets: &mut Sockets) {}

    /// Asked before the thread sleeps: `false` if there is something to do that nobody would wake it for.
    fn falls_asleep(&mut self) -> bool {
        true
    }

    /// When a turn is needed even if nothing comes in.
    fn next_due(&self) -> Option<TimeUs> {
        None
    }

    /// Whether it goes on.
    fn stage(&self) -> Stage {
        Stage::Serving
    }
}

/// Whether a shard goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It takes connections.
    Serving,
    /// It takes none, and ends with the last one it has.
    Closing,
    /// It ends now.
    Stopped,
}
