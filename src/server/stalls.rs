//! Peers that answer pings and yet take nothing of what waits for them: they would hold
//! their queue, and what the host keeps for them, for as long as they like.

use super::connection::ConnectionId;
use super::sockets::Sockets;

/// How far the sending of a queue has come. Two equal ones mean that nothing was taken in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    sequence: u64,
    sent_bytes: usize,
}

impl Sockets {
    /// How far the sending of what waits has come; `None` where nothing waits.
    pub fn progress(&mut self, id: ConnectionId) -> Option<Progress> {
        let connection = self.get(id)?;
        let sent_bytes = connection.backlog.as_ref()?.sent_bytes();
        Some(Progress { sequence: connection.sequence, sent_bytes })
    }
}
