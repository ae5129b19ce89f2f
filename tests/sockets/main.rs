//! The server over real sockets, its clock moved by the tests: every error code and close
//! code, every bad input, and what the others notice of it, which is nothing.

#[path = "../support/mod.rs"]
mod support;

mod bids;
mod channels;
mod frames;
mod settlement;
mod sign_in;
