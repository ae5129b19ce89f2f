//! The WebSocket and REST server: sockets, sessions, sign-in, limits, TLS. No
//! rules of the market live here.

pub mod config;
