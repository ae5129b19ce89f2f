//! What clients may say, typed. Texts borrow from the message; numbers stay exact
//! text until an auction's grids are known; ids that are no ids stay words, since
//! what names nothing is answered as "not found".

use crate::engine::{AuctionId, BidId, SettlementId, SettlementStep};
use crate::units::Reading;
use crate::wire::Channel;

/// A client's message.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientMessage<'a> {
    /// Echoed in the direct reply.
    pub correlation_id: Option<&'a str>,
    /// What it says.
    pub body: ClientBody<'a>,
}

/// What a client's message says.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientBody<'a> {
    /// `auth`: the token as sent, `Bearer ` included if it was.
    Auth {
        /// The token.
        token: &'a str,
    },
    /// `subscribe`.
    Subscribe(Box<SubscribeRequest<'a>>),
    /// `unsubscribe`.
    Unsubscribe {
        /// Which channel.
        channel: ChannelRef<'a>,
        /// Which auction.
        auction: AuctionScope<'a>,
    },
    /// `submit_bid`.
    SubmitBid {
        /// Where.
        auction: AuctionRef<'a>,
        /// The bid.
        bid: BidPayload<'a>,
    },
    /// `submit_bids`: 1 to 100.
    SubmitBids {
        /// Where.
        auction: AuctionRef<'a>,
        /// The bids, in order.
        bids: Vec<BidPayload<'a>>,
    },
    /// `amend_bid`: at least one of quantity and price, unless something in it is not offered.
    AmendBid {
        /// Which bid.
        bid: BidRefText<'a>,
        /// The new quantity.
        quantity: Option<NumberText<'a>>,
        /// The new price.
        price: Option<NumberText<'a>>,
        /// A member that asks for what is not offered.
        unsupported: Option<Unsupported>,
    },
    /// `cancel_bid`.
    CancelBid {
        /// Which bid.
        bid: BidRefText<'a>,
    },
    /// `cancel_all`.
    CancelAll {
        /// In which auction; `None` means in all.
        auction: Option<AuctionRef<'a>>,
    },
    /// `get_bid`.
    GetBid {
        /// Which bid.
        bid: BidRefText<'a>,
    },
    /// `get_bids`.
    GetBids {
        /// Where.
        auction: AuctionRef<'a>,
        /// Only those placed after this one.
        after: Option<BidId>,
        /// How many at most, 1 to 100.
        limit: u32,
    },
    /// `get_auction`.
    GetAuction {
        /// Which.
        auction: AuctionRef<'a>,
    },
    /// `list_subscriptions`.
    ListSubscriptions,
    /// `set_cancel_on_disconnect`.
    SetCancelOnDisconnect {
        /// How long after the connection broke; `None` switches it off.
        grace_ms: Option<u64>,
    },
    /// `ping`.
    Ping {
        /// The client's `timestamp`, to be echoed.
        client_time: Option<ClientTime<'a>>,
    },
    /// `pong`.
    Pong,
    /// `settlement_affirm`.
    SettlementAffirm {
        /// Which settlement.
        settlement: SettlementRef<'a>,
        /// The hash the client has seen.
        hash: [u8; 32],
        /// Agreement or objection.
        agree: bool,
        /// An objection's reason.
        reason: Option<&'a str>,
    },
    /// `settlement_report`.
    SettlementReport(Box<SettlementReport<'a>>),
}

/// `subscribe`, its options checked one by one.
#[derive(Debug, Clone, PartialEq)]
pub struct SubscribeRequest<'a> {
    /// Which channel.
    pub channel: ChannelRef<'a>,
    /// Which auction.
    pub auction: AuctionScope<'a>,
    /// The options, or the one that is wrong (`SUBSCRIPTION_FAILED`).
    pub options: Result<SubscribeOptions<'a>, WrongOption>,
}

/// The options of `subscribe`; those not given are `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SubscribeOptions<'a> {
    /// `bids`: whether one's own bids are shown.
    pub include_own: Option<bool>,
    /// `bids`: the least quantity shown.
    pub min_quantity: Option<NumberText<'a>>,
    /// `bids`: whether the live bids are sent first.
    pub snapshot: Option<bool>,
    /// State types: the least time between two.
    pub interval_ms: Option<u32>,
    /// `market_data`: only this token.
    pub token: Option<&'a str>,
    /// `market_data`: only this pair.
    pub token_pair: Option<&'a str>,
    /// Resume from here.
    pub since: Option<SinceText<'a>>,
}

/// A place to resume from.
#[derive(Debug, Clone, PartialEq)]
pub struct SinceText<'a> {
    /// The epoch the client saw.
    pub epoch: &'a str,
    /// The last offset the client has of the subscribed auction.
    pub offset: Option<u64>,
    /// The same by auction, for global subscriptions.
    pub offsets: Vec<(AuctionId, u64)>,
}

/// An option of `subscribe` that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongOption {
    /// Which.
    pub option: &'static str,
    /// What it must be.
    pub expected: &'static str,
}

/// A channel as the client named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelRef<'a> {
    /// The word.
    pub word: &'a str,
    /// The channel, if there is one of that name.
    pub channel: Option<Channel>,
}

/// One auction or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuctionScope<'a> {
    /// `auction_id` left out, or `"global"`.
    All,
    /// The one named.
    One(AuctionRef<'a>),
}

/// An auction as the client named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuctionRef<'a> {
    /// The word.
    pub word: &'a str,
    /// The id, if the word is one.
    pub id: Option<AuctionId>,
}

/// A settlement as the client named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettlementRef<'a> {
    /// The word.
    pub word: &'a str,
    /// The id, if the word is one.
    pub id: Option<SettlementId>,
}

/// A bid as the client named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BidRefText<'a> {
    /// By `bid_id`.
    Id {
        /// The word.
        word: &'a str,
        /// The id, if the word is one.
        id: Option<BidId>,
    },
    /// By `client_bid_id` and `auction_id`.
    Client {
        /// Where.
        auction: AuctionRef<'a>,
        /// The owner's own id.
        client_bid_id: &'a str,
    },
}

/// A bid's payload.
#[derive(Debug, Clone, PartialEq)]
pub struct BidPayload<'a> {
    /// Lots wanted; only absent where `unsupported` is not.
    pub quantity: Option<NumberText<'a>>,
    /// Highest price; `None` for a price taker (or beside `unsupported`).
    pub price: Option<NumberText<'a>>,
    /// The bidder's own id for it.
    pub client_bid_id: Option<&'a str>,
    /// The bidder's analytics mark.
    pub is_marginal: bool,
    /// Whether it is only to take part in price discovery.
    pub is_phantom: bool,
    /// A member that asks for what is not offered: `INVALID_BID`.
    pub unsupported: Option<Unsupported>,
}

/// A member of a bid's payload that asks for what is not offered: it would change what the bidder means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsupported {
    /// `side`.
    Side,
    /// `budget`.
    Budget,
    /// `stop_price`.
    StopPrice,
    /// `expires_at`.
    ExpiresAt,
    /// `time_in_force`.
    TimeInForce,
    /// `post_only`.
    PostOnly,
    /// An `order_type` that is neither `limit` nor `market`.
    OrderType,
    /// An `order_type` in an amendment.
    OrderTypeChange,
    /// A `price` beside `"order_type":"market"`.
    MarketPrice,
}

impl Unsupported {
    /// The member's name.
    pub fn field(self) -> &'static str {
        match self {
            Self::Side => "side",
            Self::Budget => "budget",
            Self::StopPrice => "stop_price",
            Self::ExpiresAt => "expires_at",
            Self::TimeInForce => "time_in_force",
            Self::PostOnly => "post_only",
            Self::OrderType | Self::OrderTypeChange => "order_type",
            Self::MarketPrice => "price",
        }
    }

    /// What is wrong with it, for people.
    pub fn why(self) -> &'static str {
        match self {
            Self::Side
            | Self::Budget
            | Self::StopPrice
            | Self::ExpiresAt
            | Self::TimeInForce
            | Self::PostOnly => "bids have a quantity and a price alone",
            Self::OrderType => "the order types are limit and market",
            Self::OrderTypeChange => "an order's type cannot be changed",
            Self::MarketPrice => "a market order has no price",
        }
    }
}

/// A number's exact text, in JSON's grammar and not a negative zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberText<'a> {
    /// The digits.
    pub text: &'a str,
    /// How it is to be taken: a decimal string exactly, a JSON number as programs write them.
    pub reading: Reading,
}

/// A ping's `timestamp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientTime<'a> {
    /// A string, at most 64 bytes.
    Text(&'a str),
    /// A number's text, at most 64 bytes.
    Number(&'a str),
}

/// `settlement_report`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettlementReport<'a> {
    /// Which settlement.
    pub settlement: SettlementRef<'a>,
    /// Which step.
    pub step: SettlementStep,
    /// Whether it was done.
    pub ok: bool,
    /// What was burned.
    pub gas_used: u64,
    /// The executor's account of the way.
    pub execution_path: Vec<&'a str>,
    /// Why it failed.
    pub reason: Option<&'a str>,
}
