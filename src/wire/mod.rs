//! The wire: requests decoded into commands, events encoded into messages, and
//! the one table of codes. JSON's names and decimals end here; nothing below
//! knows them, nothing above invents them. No state.

mod channel;

pub use channel::Channel;
