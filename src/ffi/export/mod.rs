//! The functions that C sees, by subject. Each is one call into `boundary`.
//!
//! A handle parameter that is `const` means that the call may run on many threads at once; a mutable one means one
//! thread at a time (two are found out, and the second gets `WALRAS_IN_USE`).

mod auction;
mod bid;
mod clear;
mod engine;
mod library;
mod server;
mod settlement;
mod subscriber;

pub use auction::*;
pub use bid::*;
pub use clear::*;
pub use engine::*;
pub use library::*;
pub use server::*;
pub use settlement::*;
pub use subscriber::*;
