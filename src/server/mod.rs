//! The WebSocket and REST server: sockets, sessions, sign-in, limits, TLS. No
//! rules of the market live here.

pub mod auth;
mod claims;
pub mod config;
pub mod frames;
pub mod identity;
pub mod jwt;
pub mod rest;
mod settings;
pub mod tls;
pub mod window;

pub use claims::{ClaimError, ROLES, permission, role_permissions};
pub use settings::{Origins, QueueLimits, ServerConfig};
