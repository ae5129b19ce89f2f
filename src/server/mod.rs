//! The WebSocket and REST server: sockets, sessions, sign-in, limits, TLS. No
//! rules of the market live here.
//!
//! From the socket up: `poller`, `waker`, `transport` and `listener` name the system; `entrance` lets connections in; `frames`,
//! `outbox`, `backlog`, `timers` and `window` are plain state; `sockets` holds all
//! connections of a shard and `shard` its turn; `handler` is the line above which
//! bytes mean something; `stalls` and `farewell` tell when a peer is given up and what a
//! failing shard says last. Above it `session`, `topics` and `states` are plain state, and
//! `desk` puts them to work between sockets and host.

mod alarms;
pub mod auth;
mod backlog;
mod claims;
pub mod config;
mod connection;
mod desk;
pub mod echo;
mod entrance;
mod farewell;
pub mod frames;
mod handler;
mod http;
pub mod identity;
pub mod jwt;
mod listener;
mod outbox;
mod peers;
mod poller;
mod rendering;
pub mod rest;
mod session;
mod settings;
mod shard;
mod sockets;
mod stalls;
mod start;
mod states;
#[cfg(test)]
mod testing;
mod threads;
mod timers;
pub mod tls;
mod topics;
mod transport;
mod upgrade;
mod waker;
pub mod window;

pub use claims::{ClaimError, ROLES, permission, role_permissions};
pub use settings::{Origins, QueueLimits, ServerConfig};
pub use start::{Server, ServerError};
