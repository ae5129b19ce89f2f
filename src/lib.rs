//! walras: an engine for live uniform-price auctions.
//!
//! `docs/ARCHITECTURE.md` is the map. Layers, lower never names higher:
//! `units`, `limits` ← `clearing` ← `engine` ← `wire` ← `host` ← `server` ← `ffi`;
//! `fanout` and `log` stand beside them and know nothing about auctions.

pub mod clearing;
pub mod engine;
pub mod fanout;
#[cfg(feature = "ffi")]
#[allow(unsafe_code, reason = "C's promises about pointers cannot be checked")]
pub mod ffi;
pub mod host;
pub mod limits;
pub mod log;
#[cfg(feature = "server")]
pub mod server;
pub mod units;
pub mod wire;
