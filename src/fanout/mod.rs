//! A broadcast ring of variable-length byte records: one producer, many readers.
//!
//! [`ring`] makes the one [`Producer`] and a [`Ring`], a handle by which readers come and go
//! while the producer runs. A [`GatedReader`] is never overrun: the producer finds "no room"
//! rather than overwrite what it has not read. A [`Reader`] holds nobody back; when it falls
//! behind by a whole ring it learns exactly how many records it missed and goes on with the newest.
//!
//! Nothing here locks, and nothing allocates on the way of a record. Waking readers is the
//! caller's business, best done once per batch and behind a [`Bell`]. What the bytes mean is the caller's business too.

mod bell;
mod prefetch;
mod producer;
mod reader;
mod records;
mod shared;
mod sync;
mod words;

pub use bell::Bell;
pub use prefetch::prefetch;
pub use producer::{Producer, PublishError};
pub use reader::{GatedReader, Overrun, Reader};
pub use records::{Record, Records};
pub use shared::{Cursor, Ring, Settings, footprint_bytes, ring};
