//! The state machine of the market: `Engine::apply(command, now) -> events`.
//!
//! It holds auctions, bids and settlements, and changes only here. It has no
//! clock, no randomness, no IO: the same commands at the same times give the same
//! state and the same events, byte for byte, on every machine.

mod answer;
mod auction;
mod bidders;
mod bids;
mod book;
mod bytes;
mod column;
mod command;
mod entry;
mod event;
mod event_bytes;
mod ids;
mod ledger;
mod lifecycle;
mod machine;
mod market;
mod memory;
mod outcome;
mod places;
mod query;
mod receipts;
mod rows;
mod schedule;
mod settlement;
mod settlement_bytes;
mod settling;
mod snapshot;
mod state;
mod terms;
mod terms_bytes;
mod time_order;
mod view;
mod what_if;

pub use answer::{AcceptedBid, Answer, BidStatus, BidView, Rejection};
pub use auction::Acceptances;
pub use book::BookEntry;
pub use bytes::BytesError;
pub use command::{
    AffirmSettlement, AmendBid, BidRef, BidWish, BidderPlace, CancelBid, CloseReason, Command, CreateAuction,
    ReportSettlement, SettlementStep, SubmitBid,
};
pub use entry::PlacedBid;
pub use event::{
    BidFact, CancelReason, Event, EventAuction, ExtensionCause, Fact, ResultSummary, SettlementChange,
    SettlementFact, SettlementPhase, Standing,
};
pub use ids::{AuctionId, AuctionSlot, BidId, Party, PartyKey, SettlementId};
pub use machine::{Engine, EngineLimits};
pub use market::{Market, MarketEntry};
pub use memory::advise_of_memory;
#[cfg(feature = "ffi")]
pub(crate) use memory::room_for;
pub use rows::BidRow;
pub use state::{AuctionState, AuctionStatus};
pub use terms::{
    End, Executor, OnOutage, RULES_VERSION, SettlementStart, SettlementTerms, Terms, TimeoutPolicy,
};
pub use view::{
    Allocation, Asset, AuctionInfo, LiveBid, LiveBids, NetObligation, Posting, ResultPage, SettlementView,
};
pub use what_if::{Imagined, Supposed};
