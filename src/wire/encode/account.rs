//! Signing in: `auth_success`, `auth_failure`, `auth_expiring`.

use uuid::Uuid;

use crate::limits::MESSAGE_BYTES_MAX;
use crate::units::TimeUs;
use crate::wire::json::Json;
use crate::wire::{Code, Message};

/// The version of the protocol, as `auth_success` tells it.
const PROTOCOL_VERSION: u64 = 1;

/// Who signed in, and what holds for the connection.
#[derive(Debug, Clone, Copy)]
pub struct AuthSuccess<'a> {
    /// The stable identity.
    pub client_id: Uuid,
    /// The permissions granted, in the order of the protocol.
    pub permissions: &'a [&'a str],
    /// This connection's own id.
    pub connection_id: Uuid,
    /// When the token ends; `None` where it never does.
    pub expires_at: Option<TimeUs>,
    /// How often the server pings.
    pub heartbeat_interval_ms: u64,
    /// What the connection may do.
    pub limits: Limits,
}

/// A connection's limits; `None` means unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Messages a second.
    pub messages_per_second: Option<u32>,
    /// Subscriptions of one connection.
    pub subscriptions: Option<u32>,
    /// Connections of one client.
    pub connections: Option<u32>,
}

/// The client is signed in.
pub fn auth_success(message: &mut Message, now: TimeUs, success: &AuthSuccess<'_>) {
    message.begin("auth_success", now).raw("{}");
    let json = message.end_payload();
    json.raw(r#","client_id":"#);
    json.id(success.client_id);
    json.raw(r#","permissions":["#);
    for (index, permission) in success.permissions.iter().enumerate() {
        json.raw(if index == 0 { "" } else { "," });
        json.text(permission);
    }
    json.raw(r#"],"connection_id":"#);
    json.id(success.connection_id);
    json.raw(r#","expires_at":"#);
    json.time_or_null(success.expires_at);
    json.raw(r#","server_time":"#);
    json.time(now);
    json.raw(r#","heartbeat_interval_ms":"#);
    json.count(success.heartbeat_interval_ms);
    json.raw(r#","limits":{"messages_per_second":"#);
    limit(json, success.limits.messages_per_second);
    json.raw(r#","subscriptions":"#);
    limit(json, success.limits.subscriptions);
    json.raw(r#","connections":"#);
    limit(json, success.limits.connections);
    json.raw(r#","message_bytes":"#);
    json.count(MESSAGE_BYTES_MAX as u64);
    json.raw(r#"},"protocol_version":"#);
    json.count(PROTOCOL_VERSION);
}

/// The token was not taken; `why` is for people.
pub fn auth_failure(message: &mut Message, now: TimeUs, why: &str) {
    let code = Code::AuthFailed.as_str();
    let json = message.begin("auth_failure", now);
    json.raw(r#"{"code":"#);
    json.text(code);
    json.raw(r#","message":"#);
    json.text(why);
    json.raw("}");
    let json = message.end_payload();
    json.raw(r#","error":"#);
    json.text(why);
    json.raw(r#","code":"#);
    json.text(code);
}

/// The token ends soon: sign in again with a new one to stay.
pub fn auth_expiring(message: &mut Message, now: TimeUs, expires_at: TimeUs) {
    let json = message.begin("auth_expiring", now);
    json.raw(r#"{"expires_at":"#);
    json.time(expires_at);
    json.raw("}");
    message.end_payload();
}

fn limit(json: &mut Json, limit: Option<u32>) {
    match limit {
        Some(limit) => json.count(u64::from(limit)),
        None => json.raw("null"),
    }
}
