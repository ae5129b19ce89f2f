//! The functions that C sees, by subject. Each is one call into `boundary`.
//!
//! A handle parameter that is `const` means that the call may run on many threads at once; a mutable one means one
//! thread at a time (two are found out, and the second gets `WALRAS_IN_USE`).

mod clear;
mod library;

pub use clear::*;
pub use library::*;
