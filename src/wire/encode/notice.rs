//! The connection's own messages: heartbeat, notices, cancel on disconnect.

use crate::units::TimeUs;
use crate::wire::Message;
use crate::wire::decode::ClientTime;

/// Why the server speaks up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerNotice {
    /// It is going away; the connection will be closed within its drain window.
    Draining {
        /// When to come back.
        reconnect_in_ms: u64,
    },
}

/// Something of the embedding host's own, for readers in its process; `payload` is JSON.
pub fn host_event(message: &mut Message, now: TimeUs, payload: &str) {
    message.begin("host_event", now).raw(payload);
    message.end_payload();
}

/// Are you there?
pub fn ping(message: &mut Message, now: TimeUs) {
    message.begin("ping", now).raw("{}");
    message.end_payload();
}

/// The answer to a client's ping, its timestamp echoed.
pub fn pong(message: &mut Message, now: TimeUs, client_time: Option<ClientTime<'_>>) {
    let json = message.begin("pong", now);
    json.raw(r#"{"client_time":"#);
    match client_time {
        Some(ClientTime::Text(text)) => json.text(text),
        Some(ClientTime::Number(number)) => json.raw(number),
        None => json.raw("null"),
    }
    json.raw(r#","server_time":"#);
    json.time(now);
    json.raw("}");
    message.end_payload();
}

/// Something all clients should know.
pub fn server_notice(message: &mut Message, now: TimeUs, notice: ServerNotice) {
    let json = message.begin("server_notice", now);
    match notice {
        ServerNotice::Draining { reconnect_in_ms } => {
            json.raw(r#"{"code":"DRAINING","message":"The server is restarting","reconnect_in_ms":"#);
            json.count(reconnect_in_ms);
        }
    }
    json.raw("}");
    message.end_payload();
}

/// Whether the connection's bids are cancelled when it breaks, and how long after;
/// `grace_ms` is `None` when they are not.
pub fn cancel_on_disconnect(message: &mut Message, now: TimeUs, grace_ms: Option<u64>) {
    let json = message.begin("cancel_on_disconnect", now);
    json.raw(r#"{"enabled":"#);
    json.flag(grace_ms.is_some());
    json.raw(r#","grace_ms":"#);
    match grace_ms {
        Some(grace_ms) => json.count(grace_ms),
        None => json.raw("null"),
    }
    json.raw("}");
    message.end_payload();
}
