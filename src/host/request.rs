//! What shards, REST handlers and embedding hosts hand to the sequencer.

use std::sync::Arc;

use super::frame::ConnectionKey;
use crate::engine::{
    Answer, AuctionId, AuctionInfo, BidId, BidRef, BidView, Command, Party, PartyKey, Rejection,
    ReportSettlement, ResultPage, SettlementView, SubmitBid,
};
use crate::units::{QuantityLots, Reading};
use crate::wire::{Channel, decode::Unsupported};

/// One request: a wish or a question, and where the reply goes.
pub struct Request {
    /// Where the reply goes.
    pub origin: Origin,
    /// The client's own `correlation_id`, already checked, echoed in the reply.
    pub correlation: Option<Box<str>>,
    /// The request itself.
    pub body: Body,
}

/// Where a reply goes.
pub enum Origin {
    /// Into the ring, to this connection, encoded.
    Connection(ConnectionKey),
    /// To a caller that waits, typed. Called on the host's thread once the batch is durable: it must not block.
    Waiter(Waiter),
    /// Nobody waits.
    Nobody,
}

impl Origin {
    /// The connection that asked, or 0.
    pub fn connection(&self) -> ConnectionKey {
        match self {
            Self::Connection(connection) => *connection,
            Self::Waiter(_) | Self::Nobody => ConnectionKey(0),
        }
    }
}

/// See [`Origin::Waiter`].
pub type Waiter = Box<dyn FnOnce(Outcome) + Send>;

/// A wish or a question.
pub enum Body {
    /// A wish. Ids that the sequencer gives (bid, salt, settlement) may be nil: it fills them in.
    Command(Command),
    /// A bid that can't be put into lots and ticks; it is judged at its place in the order,
    /// since an auction that has ended refuses before a number off the grid does.
    Unreadable(UnreadableBid),
    /// Up to 100 bids of one party in one auction, answered together, in order.
    Batch(Vec<BatchBid>),
    /// An amendment: its numbers can be read only once the bid's auction is known.
    Amend(AmendText),
    /// What a client says that it did as the executor of a settlement: not for those who have to pay in it.
    Report {
        /// Who says so.
        by: Party,
        /// What.
        report: ReportSettlement,
    },
    /// A question.
    Query(Query),
}

/// A wish to amend a bid, its numbers still text.
#[derive(Debug, Clone)]
pub struct AmendText {
    /// Which bid.
    pub bid: BidRef,
    /// Who asks.
    pub party: Party,
    /// The new quantity, if it changes.
    pub quantity: Option<NumberText>,
    /// The new price, if it changes.
    pub price: Option<NumberText>,
    /// A member that asks for what is not offered.
    pub unsupported: Option<Unsupported>,
    /// When the bytes arrived, in microseconds since 1970.
    pub received_at_us: i64,
}

/// A number as it was sent.
#[derive(Debug, Clone)]
pub struct NumberText {
    /// Its text.
    pub text: Box<str>,
    /// How it is to be taken: a JSON string exactly, a JSON number as programs write them.
    pub reading: Reading,
}

impl NumberText {
    /// As the wire's own type.
    pub fn borrowed(&self) -> crate::wire::decode::NumberText<'_> {
        crate::wire::decode::NumberText { text: &self.text, reading: self.reading }
    }
}

/// A bid whose numbers are off the grid or whose payload asks for what is not offered.
#[derive(Debug, Clone)]
pub struct UnreadableBid {
    /// Where.
    pub auction: AuctionId,
    /// Who.
    pub party: Party,
    /// The bidder's own id for it.
    pub client_bid_id: Option<Arc<str>>,
    /// What was wrong: the members of `details`, as JSON text without braces (`"field":"price",…`).
    pub details: Box<str>,
    /// For people.
    pub message: Box<str>,
    /// Quantity and price as JSON values (`null` where they have none).
    pub quantity: Box<str>,
    /// See `quantity`.
    pub price: Box<str>,
    /// When the bytes arrived, in microseconds since 1970.
    pub received_at_us: i64,
}

/// One bid of several.
#[derive(Debug, Clone)]
pub enum BatchBid {
    /// In lots and ticks.
    Readable(SubmitBid),
    /// See [`Body::Unreadable`].
    Unreadable(UnreadableBid),
}

impl BatchBid {
    /// Where.
    pub fn auction(&self) -> AuctionId {
        match self {
            Self::Readable(bid) => bid.auction,
            Self::Unreadable(bid) => bid.auction,
        }
    }

    /// Who.
    pub fn party(&self) -> &Party {
        match self {
            Self::Readable(bid) => &bid.party,
            Self::Unreadable(bid) => &bid.party,
        }
    }
}

/// A question to the engine, answered at its place in the order.
#[derive(Debug, Clone)]
pub enum Query {
    /// Start a subscription. The answer: `subscribed`, then replayed facts or a snapshot if asked for, then the
    /// current state, then an `Activate` frame; all for this connection. Where there is too much for one
    /// turn a `Continue` frame comes instead of the rest.
    Subscribe(Subscribe),
    /// Go on with what a `Continue` frame left.
    Continue {
        /// The session's number of the subscription.
        ticket: u32,
    },
    /// The connection is gone: forget what it was catching up with.
    Forget,
    /// End a subscription, in order with its start; the session has already let it go.
    Unsubscribe {
        /// Which channel.
        channel: Channel,
        /// Which auction; `None` for all.
        auction: Option<AuctionId>,
        /// The word the client used for the auction, echoed.
        auction_word: Box<str>,
    },
    /// One bid of the asking party.
    Bid {
        /// Which.
        bid: BidRef,
        /// Who asks.
        party: Party,
    },
    /// A page of the asking party's bids.
    Bids {
        /// Where.
        auction: AuctionId,
        /// Who asks.
        party: Party,
        /// Only those placed after this one.
        after: Option<BidId>,
        /// How many at most, up to 100.
        limit: u32,
    },
    /// Terms and state of an auction.
    Auction {
        /// Which.
        auction: AuctionId,
    },
    /// A page of auctions, in the order they were created.
    Auctions {
        /// Only those created after this one.
        after: Option<AuctionId>,
        /// How many at most, up to 100.
        limit: u32,
    },
    /// The result of a completed auction, with a page of allocations.
    Result {
        /// Which.
        auction: AuctionId,
        /// Whose allocations; `None` for all (an operator's right).
        party: Option<Party>,
        /// Only those of bids placed after this one.
        after: Option<BidId>,
        /// How many at most.
        limit: u32,
    },
    /// The settlement of an auction, with its postings.
    Settlement {
        /// Which auction.
        auction: AuctionId,
    },
}

/// See [`Query::Subscribe`].
#[derive(Debug, Clone)]
pub struct Subscribe {
    /// The session's own number of the subscription, given back in the `Activate` frame.
    pub ticket: u32,
    /// Which channel.
    pub channel: Channel,
    /// Which auction; `None` for all that the client may see.
    pub auction: Option<AuctionId>,
    /// The auctions the client may see, when its token limits them.
    pub allowed: Option<Arc<[AuctionId]>>,
    /// The party, for its own private facts in a replay.
    pub party: PartyKey,
    /// `bids`: whether the client's own bids are shown.
    pub own: OwnBids,
    /// `bids`: the least quantity shown.
    pub min_quantity: QuantityLots,
    /// `bids`: whether the live bids are sent first.
    pub snapshot: Snapshot,
    /// `settlement`: whether what an executor has left unanswered is asked again.
    pub open_requests: OpenRequests,
    /// `market_data`: only this token.
    pub token: Option<Box<str>>,
    /// `market_data`: only this pair.
    pub token_pair: Option<Box<str>>,
    /// Resume from here.
    pub since: Option<Since>,
}

/// Whether a client's own bids are shown to it on `bids`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnBids {
    /// They are.
    Shown,
    /// They are not.
    Hidden,
}

/// Whether a client may act for a settlement's executor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenRequests {
    /// It may: what is unanswered is asked again when it subscribes.
    Told,
    /// It may not.
    Hidden,
}

/// Whether a subscription starts with the live bids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snapshot {
    /// It does.
    Sent,
    /// It does not.
    Omitted,
}

/// A place to resume from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// The epoch the client saw.
    pub epoch: Box<str>,
    /// The last offset the client has, by auction.
    pub offsets: Vec<(AuctionId, u64)>,
}

/// What a waiter hears.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The command was carried out and is durable.
    Done(Answer),
    /// The command was refused.
    Rejected(Rejection),
    /// A question's answer.
    Found(Found),
    /// The engine takes nothing now: it is frozen, draining or full. For people.
    Unavailable(&'static str),
    /// An assertion of ours failed: what has become of it is unknown until a restart, and nothing more is taken.
    Fault,
}

/// A question's answer.
#[derive(Debug, Clone)]
pub enum Found {
    /// A bid.
    Bid(Box<BidView>),
    /// A page of bids, and the last one's id if more follow.
    Bids(Vec<BidView>, Option<BidId>),
    /// An auction.
    Auction(Box<AuctionInfo>),
    /// A page of auctions, and the last one's id if more follow.
    Auctions(Vec<AuctionInfo>, Option<AuctionId>),
    /// A result.
    Result(Box<ResultPage>),
    /// A settlement.
    Settlement(Box<SettlementView>),
}
