//! One function per server message: each clears the [`Message`] it is given and
//! fills it with exactly the keys of the guide, in the guide's order, additions after.
//!
//! Facts carry a [`Place`] (auction, offset, time); everything else carries the time
//! of its making. What a connection's own number and correlation id are is not known
//! here: the message stays open for both.

mod account;
mod auction;
mod bid;
mod fault;
mod market;
mod notice;
mod settlement;
mod subscription;

pub use account::{AuthSuccess, Limits, auth_expiring, auth_failure, auth_success};
pub use auction::{
    CompletedAuction, OwnAllocations, TermsShown, auction_cancelled, auction_complete, auction_created,
    auction_info, auction_update, auctions, result,
};
pub use bid::{
    BATCH_IDS_MAX, BatchEntry, BidAmendment, BidCancellation, RejectedBid, RejectedValue, SNAPSHOT_BIDS_MAX,
    Shown, SnapshotPart, bid, bid_accepted, bid_amended, bid_cancelled, bid_rejected, bids, bids_cancelled,
    bids_result, bids_snapshot, new_bid,
};
pub use fault::{error, rate_limit};
pub use market::{order_book_update, price_update};
pub use notice::{ServerNotice, cancel_on_disconnect, host_event, ping, pong, server_notice};
pub use settlement::{
    Affirmation, CompletedSettlement, StepRequest, settlement, settlement_affirmed, settlement_complete,
    settlement_failed, settlement_progress, settlement_request, settlement_started,
};
pub use subscription::{
    AuctionWord, Recovered, Subscribed, Subscription, SubscriptionOptions, UnsubscribeReason, subscribed,
    subscriptions, unsubscribed,
};

use super::message::Message;
use crate::engine::{AuctionId, Event};
use crate::units::TimeUs;

/// Where and when a fact happened, and whether this is its first telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its auction.
    pub auction: AuctionId,
    /// Its event's number in that auction.
    pub offset: u64,
    /// When it was sequenced.
    pub at: TimeUs,
    /// Whether it is told again.
    pub replay: Replay,
}

/// Whether a message tells a fact for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// As it happens.
    Live,
    /// Again, to one who missed it: the message ends with `"replayed":true`.
    Replayed,
}

impl Place {
    /// The place of an event; `None` for market data, which has none.
    pub fn of(event: &Event, replay: Replay) -> Option<Self> {
        let auction = event.auction?;
        Some(Self { auction: auction.id, offset: auction.offset, at: event.at, replay })
    }
}

impl Message {
    /// Ends a fact's payload with its offset.
    fn end_fact(&mut self, place: &Place) {
        self.json.raw(r#","offset":"#);
        self.json.count(place.offset);
        self.json.raw("}");
        self.end_placed(place);
    }

    /// Ends a fact whose payload is already closed.
    fn end_placed(&mut self, place: &Place) {
        let json = self.end_payload();
        if place.replay == Replay::Replayed {
            json.raw(r#","replayed":true"#);
        }
    }
}
