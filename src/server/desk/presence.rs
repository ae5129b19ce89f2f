//! Heartbeat: what a session does when its time comes.

use super::Desk;
use crate::server::connection::ConnectionId;
use crate::server::outbox::PING;
use crate::server::session::Due;
use crate::server::sockets::Sockets;
use crate::wire::{CloseCode, SessionRefusal, encode};

impl Desk {
    /// Does what is due on a connection, and says when the next of it is.
    pub(super) fn beat(&mut self, sockets: &mut Sockets, id: ConnectionId) {
        let now = sockets.now();
        let heard_at = sockets.heard_at(id);
        while let Some(due) = self.session(id).and_then(|session| session.heartbeat.take_due(heard_at, now)) {
            match due {
                Due::SignIn => {
                    self.refuse_session(sockets, id, &SessionRefusal::AuthRequired, None);
                    return sockets.close(id, CloseCode::AuthTimeout);
                }
                Due::Silence => return sockets.close(id, CloseCode::HeartbeatTimeout),
                Due::Expired => {
                    self.refuse_session(sockets, id, &SessionRefusal::TokenExpired, None);
                    return sockets.close(id, CloseCode::TokenExpired);
                }
                Due::Expiring(expires_at) => {
                    encode::auth_expiring(&mut self.message, now, expires_at);
                    self.reply(sockets, id, None);
                }
                Due::Ping => {
                    let progress = sockets.progress(id);
                    let before = self
                        .session(id)
                        .and_then(|session| std::mem::replace(&mut session.progress, progress));
                    if progress.is_some() && progress == before {
                        return sockets.close(id, CloseCode::SlowConsumer);
                    }
                    encode::ping(&mut self.message, now);
                    self.reply(sockets, id, None);
                    sockets.send_frame(id, PING, b"");
                }
            }
        }
        if let Some(session) = self.session(id) {
            session.rates.rest(now);
            let due = session.heartbeat.next_due(heard_at);
            sockets.set_due(id, Some(due));
        }
    }
}
