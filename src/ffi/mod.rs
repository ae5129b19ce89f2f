//! The C ABI of `include/walras.h`: the library for hosts in other languages.
//!
//! `export/` holds the functions that C sees, each one call into `boundary` and no logic. Beside it are plain
//! Rust modules that do the work: `sale` and `columns` clear sales from arrays, `handles` keeps what C holds pointers
//! to, `status` is the one list of answers, `types` the structs that both sides share, `platform` all calls to the
//! operating system. Only `server` names the layer of that name.
//!
//! Promised: whatever a caller passes, within what C itself can promise about pointers, gives a status and never
//! a crash. Left out: everything that a host can do in its own language.

#![allow(non_camel_case_types, reason = "the names are C's")]

mod boundary;
mod columns;
mod doubles;
mod export;
mod handles;
mod library;
mod platform;
mod sale;
mod status;
mod types;

pub use export::*;
pub use status::*;
pub use types::*;
