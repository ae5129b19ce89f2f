//! The WebSocket and REST server: sockets, sessions, sign-in, limits, TLS. No
//! rules of the market live here.

pub mod config;
pub mod frames;
pub mod identity;
mod settings;
pub mod window;

pub use settings::{Origins, QueueLimits, ServerConfig};
