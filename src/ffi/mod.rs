//! The C ABI of `include/walras.h`: the library for hosts in other languages.
//!
//! `export/` holds the functions that C sees, each one call into `boundary` and no logic. Beside it are plain
//! Rust modules that do the work: `sale` and `columns` clear sales from arrays; `engine`, `auctions`, `bids`, `settlements` and
//! `subscriber` are the live engine's; `handles` keeps what C holds pointers to, `status` is the one list of answers,
//! `types` and `live_types` are the structs that both sides share, `platform` has all calls to the operating system. Only
//! `server` names the layer of that name; `server_absent` stands for it in a library without it.
//!
//! Promised: whatever a caller passes, within what C itself can promise about pointers, gives a status and never
//! a crash. Left out: everything that a host can do in its own language.

#![allow(non_camel_case_types, reason = "the names are C's")]

mod auctions;
mod bids;
mod boundary;
mod columns;
mod doubles;
mod engine;
mod export;
mod forks;
mod handles;
mod library;
mod live_types;
mod log;
mod platform;
mod sale;
#[cfg(feature = "server")]
mod server;
#[cfg(not(feature = "server"))]
#[path = "server_absent.rs"]
mod server;
mod settlements;
mod status;
mod subscriber;
mod types;

pub use export::*;
pub use live_types::*;
pub use log::{
    WALRAS_LOG_DEBUG, WALRAS_LOG_ERROR, WALRAS_LOG_INFO, WALRAS_LOG_OFF, WALRAS_LOG_TRACE, WALRAS_LOG_WARN,
};
pub use settlements::{WALRAS_STEP_ABORT, WALRAS_STEP_COMMIT, WALRAS_STEP_PREPARE};
pub use status::*;
pub use types::*;
