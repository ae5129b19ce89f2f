//! One engine on one thread: intake queue, sequencer, log, ring, replay. What
//! the server and embedding hosts share; it knows no sockets and no sessions.

mod frame;
mod request;

pub use frame::{ConnectionKey, Delivery, Frame, FrameHeader, HEADER_BYTES};
pub use request::{
    Body, Found, Origin, Outcome, OwnBids, Query, Request, Since, Snapshot, Subscribe, UnreadableBid, Waiter,
};
