//! The wire: requests decoded into commands, events encoded into messages, and
//! the one table of codes. JSON's names and decimals end here; nothing below
//! knows them, nothing above invents them. No state.

pub mod auction_json;
mod book_json;
mod channel;
mod close;
mod code;
pub mod decode;
mod document;
pub mod encode;
mod fields;
mod grids;
mod json;
mod message;
pub mod operation;
pub mod record;
mod record_json;
mod stamp;
pub mod terms;

pub use book_json::auction_json;
pub use channel::Channel;
pub use close::CloseCode;
pub use code::{Code, EndedAuction, Refusal, Retry, SessionRefusal};
pub use grids::Grids;
pub use message::{Message, correlation};
pub use record_json::command_json;
