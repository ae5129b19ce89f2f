//! The server over real sockets, its clock moved by the tests: every error code and close
//! code, every bad input, and what the others notice of it, which is nothing.

#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "ffi")]
#[path = "../ffi_support/mod.rs"]
mod ffi_support;
#[path = "../guide/mod.rs"]
mod guide;
#[path = "../ordered_json/mod.rs"]
mod ordered_json;
#[path = "../signers/mod.rs"]
mod signers;

mod agreement;
mod bids;
mod boundary;
mod channels;
mod codes;
mod echoes;
#[cfg(feature = "ffi")]
mod embedded;
mod ends;
mod faults;
mod frames;
mod guide_live;
mod limits;
mod rest;
mod resume;
mod settlement;
mod sign_in;
mod tokens;
