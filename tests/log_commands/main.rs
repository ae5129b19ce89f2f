//! `walras log` and `walras serve` as an operator has them: the real binary, on folders
//! that a real server wrote, was killed on, or is writing to.

mod archive;
mod backup;
mod market;
mod refusals;
#[path = "../server/mod.rs"]
mod server;
