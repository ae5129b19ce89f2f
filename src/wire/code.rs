//! The one table from what can be refused to what the world is told: protocol
//! code, message, details, HTTP status, C status, retry advice, close code.
//!
//! No match here has a `_` arm: a new reason does not compile until it has its row.
//! Numbers and words are never reused. C status ranges carry meaning: 100s malformed,
//! 200s not allowed, 300s refused by the auction's rules, 400s busy, 900s our fault.

use std::borrow::Cow;

use super::Grids;
use super::decode::DecodeError;
use super::json::Json;
use crate::engine::{AuctionId, AuctionStatus, BidRef, Rejection, ResultSummary};
use crate::limits::TEXT_BYTES_MAX;
use crate::units::TimeUs;

/// A protocol code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the word of the wire says it")]
pub enum Code {
    InvalidMessage,
    AuthRequired,
    AuthFailed,
    TokenExpired,
    PermissionDenied,
    AuctionNotFound,
    BidNotFound,
    SettlementNotFound,
    AuctionExists,
    SubscriptionFailed,
    AuctionNotOpen,
    AuctionEnded,
    AuctionLocked,
    InvalidBid,
    BidTooLow,
    BidLimit,
    DuplicateBidId,
    SettlementConflict,
    RateLimited,
    ServiceUnavailable,
    Internal,
}

/// What a client should do about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Nothing: the same request would be refused again.
    Never,
    /// Sign in with a valid token, then ask again.
    SignIn,
    /// Ask again when the auction's state has changed.
    OnChange,
    /// Ask again after the time the answer names.
    AfterDelay,
    /// Ask again later, waiting longer each time.
    Backoff,
    /// Look what has become of it, then ask again.
    Check,
}

impl Retry {
    /// A word for tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::SignIn => "sign in",
            Self::OnChange => "on change",
            Self::AfterDelay => "after delay",
            Self::Backoff => "backoff",
            Self::Check => "check",
        }
    }
}

impl Code {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 21] = [
        Self::InvalidMessage,
        Self::AuthRequired,
        Self::AuthFailed,
        Self::TokenExpired,
        Self::PermissionDenied,
        Self::AuctionNotFound,
        Self::BidNotFound,
        Self::SettlementNotFound,
        Self::AuctionExists,
        Self::SubscriptionFailed,
        Self::AuctionNotOpen,
        Self::AuctionEnded,
        Self::AuctionLocked,
        Self::InvalidBid,
        Self::BidTooLow,
        Self::BidLimit,
        Self::DuplicateBidId,
        Self::SettlementConflict,
        Self::RateLimited,
        Self::ServiceUnavailable,
        Self::Internal,
    ];

    /// Word, HTTP status, C status and retry advice of a code.
    const fn row(self) -> (&'static str, u16, i32, Retry) {
        match self {
            Self::InvalidMessage => ("INVALID_MESSAGE", 400, 100, Retry::Never),
            Self::AuthRequired => ("AUTH_REQUIRED", 401, 200, Retry::SignIn),
            Self::AuthFailed => ("AUTH_FAILED", 401, 201, Retry::SignIn),
            Self::TokenExpired => ("TOKEN_EXPIRED", 401, 202, Retry::SignIn),
            Self::PermissionDenied => ("PERMISSION_DENIED", 403, 203, Retry::Never),
            Self::AuctionNotFound => ("AUCTION_NOT_FOUND", 404, 300, Retry::Never),
            Self::BidNotFound => ("BID_NOT_FOUND", 404, 301, Retry::Never),
            Self::SettlementNotFound => ("SETTLEMENT_NOT_FOUND", 404, 302, Retry::Never),
            Self::AuctionExists => ("AUCTION_EXISTS", 409, 303, Retry::Never),
            Self::SubscriptionFailed => ("SUBSCRIPTION_FAILED", 409, 304, Retry::Never),
            Self::AuctionNotOpen => ("AUCTION_NOT_OPEN", 409, 305, Retry::OnChange),
            Self::AuctionEnded => ("AUCTION_ENDED", 409, 306, Retry::Never),
            Self::AuctionLocked => ("AUCTION_LOCKED", 409, 307, Retry::Never),
            Self::InvalidBid => ("INVALID_BID", 422, 308, Retry::Never),
            Self::BidTooLow => ("BID_TOO_LOW", 422, 309, Retry::Never),
            Self::BidLimit => ("BID_LIMIT", 422, 310, Retry::OnChange),
            Self::DuplicateBidId => ("DUPLICATE_BID_ID", 409, 311, Retry::Never),
            Self::SettlementConflict => ("SETTLEMENT_CONFLICT", 409, 312, Retry::OnChange),
            Self::RateLimited => ("RATE_LIMITED", 429, 400, Retry::AfterDelay),
            Self::ServiceUnavailable => ("SERVICE_UNAVAILABLE", 503, 401, Retry::Backoff),
            Self::Internal => ("INTERNAL", 500, 900, Retry::Check),
        }
    }

    /// The word of the wire protocol.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The status of a REST answer.
    pub const fn http_status(self) -> u16 {
        self.row().1
    }

    /// The status of the C face.
    pub const fn c_status(self) -> i32 {
        self.row().2
    }

    /// What a client should do.
    pub const fn retry(self) -> Retry {
        self.row().3
    }
}

/// A refusal as the world is told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its code.
    pub code: Code,
    /// For people.
    pub message: Cow<'static, str>,
    /// The members of `details`, as JSON text without the braces; may be empty.
    pub details: String,
}

/// Why a session refuses something by itself, before the engine hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionRefusal<'a> {
    /// Nobody has signed in on this connection.
    AuthRequired,
    /// The token was not taken; for people.
    AuthFailed(&'a str),
    /// The token has expired.
    TokenExpired,
    /// The token lacks a permission.
    PermissionDenied {
        /// The one it lacks.
        permission: &'a str,
    },
    /// The token's allow-lists leave an auction or a channel out.
    NotAllowed {
        /// `auction` or `channel`.
        what: &'static str,
        /// Which.
        word: &'a str,
    },
    /// There is no such channel.
    UnknownChannel {
        /// The word given.
        word: &'a str,
    },
    /// An option of a subscription is wrong.
    WrongOption {
        /// Which.
        option: &'a str,
        /// What it must be.
        expected: &'a str,
    },
    /// The connection has as many subscriptions as it may have.
    TooManySubscriptions {
        /// How many that is.
        max: u32,
    },
    /// The auction has ended, so there is nothing to follow.
    AuctionOver(&'a EndedAuction),
    /// An id that names no auction.
    UnknownAuction {
        /// The word given.
        word: &'a str,
    },
    /// An id that names no bid.
    UnknownBid {
        /// The word given.
        word: &'a str,
    },
    /// A message larger than 64 KiB.
    TooLarge {
        /// The largest there may be.
        bytes_max: usize,
    },
    /// The client has as many connections as it may have.
    TooManyConnections {
        /// How many that is.
        max: u32,
    },
    /// The engine's queue is full, or it takes nothing now.
    Unavailable(&'a str),
    /// Our fault.
    Internal,
}

/// An auction that has ended, as `SUBSCRIPTION_FAILED` tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedAuction {
    /// Which.
    pub auction: AuctionId,
    /// How it ended.
    pub status: AuctionStatus,
    /// Its result, where it has one.
    pub result: Option<ResultSummary>,
    /// When it ended.
    pub ended_at: TimeUs,
    /// Its grids.
    pub grids: Grids,
}

impl Refusal {
    fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), details: String::new() }
    }

    fn with(mut self, write: impl FnOnce(&mut Details)) -> Self {
        let mut details = Details::default();
        write(&mut details);
        if !self.details.is_empty() {
            self.details.push(',');
        }
        self.details.push_str(&details.finish());
        self
    }

    /// Adds the owner's id of the bid that was spoken of, if there was one.
    pub fn with_client_bid_id(self, client_bid_id: Option<&str>) -> Self {
        match client_bid_id {
            Some(client_bid_id) => self.with(|details| details.text("client_bid_id", client_bid_id)),
            None => self,
        }
    }

    /// Adds the bid that was spoken of, by the name it was called.
    pub fn with_bid(self, bid: &BidRef) -> Self {
        match bid {
            BidRef::Id(bid) => self.with(|details| details.id("bid_id", bid.0)),
            BidRef::Client { client_bid_id, .. } => self.with_client_bid_id(Some(client_bid_id)),
        }
    }

    /// What a bid that can't be put into lots and ticks is told; `details` without braces.
    pub fn invalid_bid(message: impl Into<Cow<'static, str>>, details: &str) -> Self {
        Self { code: Code::InvalidBid, message: message.into(), details: details.to_owned() }
    }

    /// `"code":…,"message":…,"details":{…}`.
    pub(super) fn members(&self, json: &mut Json) {
        json.raw(r#""code":"#);
        json.text(self.code.as_str());
        json.raw(r#","message":"#);
        json.text(&self.message);
        json.raw(r#","details":{"#);
        json.raw(&self.details);
        json.raw("}");
    }

    /// What an engine's refusal is on the wire. Amounts are told as decimals where the auction's grids
    /// are given, else left out.
    pub fn of_rejection(rejection: &Rejection, grids: Option<Grids>) -> Self {
        let said = rejection.to_string();
        match rejection {
            Rejection::AuctionNotFound { auction } => {
                Self::new(Code::AuctionNotFound, "Auction does not exist")
                    .with(|d| d.id("auction_id", auction.0))
            }
            Rejection::AuctionExists { auction } => {
                Self::new(Code::AuctionExists, said).with(|d| d.id("auction_id", auction.0))
            }
            Rejection::InvalidTerms { field, why } => Self::new(Code::InvalidMessage, said).with(|d| {
                d.text("field", field);
                d.text("why", why);
            }),
            Rejection::BidNotFound => Self::new(Code::BidNotFound, "Bid does not exist"),
            Rejection::SettlementNotFound { settlement } => {
                Self::new(Code::SettlementNotFound, "Settlement does not exist")
                    .with(|d| d.id("settlement_id", settlement.0))
            }
            Rejection::AuctionNotOpen { auction, status } => {
                Self::new(Code::AuctionNotOpen, said).with(|d| {
                    d.id("auction_id", auction.0);
                    d.text("status", status.as_str());
                })
            }
            Rejection::AuctionEnded { auction, ended_at, received_at, sequenced_at } => {
                Self::new(Code::AuctionEnded, "The auction has ended").with(|d| {
                    d.id("auction_id", auction.0);
                    d.time("ended_at", *ended_at);
                    d.time("received_at", *received_at);
                    d.time("sequenced_at", *sequenced_at);
                })
            }
            Rejection::AuctionLocked { auction, lock_ms } => Self::new(Code::AuctionLocked, said).with(|d| {
                d.id("auction_id", auction.0);
                d.count("lock_ms", *lock_ms);
            }),
            Rejection::CancelNotAllowed { auction } => {
                Self::new(Code::PermissionDenied, said).with(|d| d.id("auction_id", auction.0))
            }
            Rejection::InvalidBid { field, why } => Self::new(Code::InvalidBid, said).with(|d| {
                d.text("field", field);
                d.text("why", why);
            }),
            Rejection::BelowMinQuantity { quantity, min } => Self::new(Code::InvalidBid, said).with(|d| {
                d.text("field", "quantity");
                if let Some(grids) = grids {
                    d.member("value", |json| json.quantity(grids, *quantity));
                    d.member("min_bid_quantity", |json| json.quantity(grids, *min));
                }
            }),
            Rejection::BidTooLow { price, reserve } => Self::new(Code::BidTooLow, said).with(|d| {
                d.text("field", "price");
                if let Some(grids) = grids {
                    d.member("value", |json| json.price(grids, *price));
                    d.member("reserve_price", |json| json.price(grids, *reserve));
                }
            }),
            Rejection::BidLimit { max } => {
                Self::new(Code::BidLimit, said).with(|d| d.count("max_bids_per_bidder", u64::from(*max)))
            }
            Rejection::DuplicateBidId { client_bid_id: _, bid } => {
                Self::new(Code::DuplicateBidId, said).with(|d| d.id("bid_id", bid.0))
            }
            Rejection::CapacityReached { what, max } => Self::new(Code::ServiceUnavailable, said).with(|d| {
                d.text("what", what);
                d.count("max", *max);
            }),
            Rejection::WrongStatus { auction, status, wish } => {
                let code = if status.is_final() { Code::AuctionEnded } else { Code::AuctionNotOpen };
                Self::new(code, said).with(|d| {
                    d.id("auction_id", auction.0);
                    d.text("status", status.as_str());
                    d.text("wish", wish);
                })
            }
            Rejection::NotAParticipant { settlement } | Rejection::ReportsOnItself { settlement } => {
                Self::new(Code::PermissionDenied, said).with(|d| d.id("settlement_id", settlement.0))
            }
            Rejection::WrongHash { settlement, hash } => {
                Self::new(Code::SettlementConflict, said).with(|d| {
                    d.id("settlement_id", settlement.0);
                    d.member("hash", |json| json.hash(hash));
                })
            }
            Rejection::AlreadyAffirmed { settlement } => {
                Self::new(Code::SettlementConflict, said).with(|d| d.id("settlement_id", settlement.0))
            }
            Rejection::SettlementNotWaiting { settlement, phase } => {
                Self::new(Code::SettlementConflict, said).with(|d| {
                    d.id("settlement_id", settlement.0);
                    d.text("phase", phase.as_str());
                })
            }
        }
    }

    /// What a message that could not be read is told.
    pub fn of_decode(error: &DecodeError) -> Self {
        Self::new(Code::InvalidMessage, start_of(&error.to_string()).to_owned())
            .with(|d| {
                if !error.field.is_empty() {
                    d.text("field", &error.field);
                }
            })
            .with_client_bid_id(error.client_bid_id.as_deref())
    }

    /// What a session's own refusal is on the wire.
    pub fn of_session(refusal: &SessionRefusal<'_>) -> Self {
        match *refusal {
            SessionRefusal::AuthRequired => Self::new(Code::AuthRequired, "Authentication required"),
            SessionRefusal::AuthFailed(why) => Self::new(Code::AuthFailed, why.to_owned()),
            SessionRefusal::TokenExpired => Self::new(Code::TokenExpired, "The token has expired"),
            SessionRefusal::PermissionDenied { permission } => {
                Self::new(Code::PermissionDenied, "Insufficient permissions")
                    .with(|d| d.text("permission", permission))
            }
            SessionRefusal::NotAllowed { what, word } => {
                Self::new(Code::PermissionDenied, "Insufficient permissions").with(|d| d.text(what, word))
            }
            SessionRefusal::UnknownChannel { word } => {
                Self::new(Code::SubscriptionFailed, "Unknown channel").with(|d| d.text("channel", word))
            }
            SessionRefusal::WrongOption { option, expected } => {
                Self::new(Code::SubscriptionFailed, format!("{option} must be {expected}")).with(|d| {
                    d.text("option", option);
                    d.text("expected", expected);
                })
            }
            SessionRefusal::TooManySubscriptions { max } => {
                Self::new(Code::SubscriptionFailed, "Too many subscriptions on this connection")
                    .with(|d| d.count("max", u64::from(max)))
            }
            SessionRefusal::AuctionOver(ended) => Self::auction_over(ended),
            SessionRefusal::UnknownAuction { word } => {
                Self::new(Code::AuctionNotFound, "Auction does not exist")
                    .with(|d| d.text("auction_id", word))
            }
            SessionRefusal::UnknownBid { word } => {
                Self::new(Code::BidNotFound, "Bid does not exist").with(|d| d.text("bid_id", word))
            }
            SessionRefusal::TooLarge { bytes_max } => {
                Self::new(Code::InvalidMessage, "The message is too large")
                    .with(|d| d.count("bytes_max", bytes_max as u64))
            }
            SessionRefusal::TooManyConnections { max } => {
                Self::new(Code::RateLimited, "Too many connections of this client")
                    .with(|d| d.count("max", u64::from(max)))
            }
            SessionRefusal::Unavailable(why) => Self::new(Code::ServiceUnavailable, why.to_owned()),
            SessionRefusal::Internal => Self::new(Code::Internal, "An error on our side"),
        }
    }

    fn auction_over(ended: &EndedAuction) -> Self {
        let status = ended.status.as_str();
        Self::new(Code::SubscriptionFailed, format!("Cannot subscribe to {status} auction")).with(|d| {
            d.id("auction_id", ended.auction.0);
            d.text("status", status);
            if let Some(result) = &ended.result {
                d.member("clearing_price", |json| json.price_or_null(ended.grids, result.clearing_price));
                d.member("total_allocated", |json| json.quantity(ended.grids, result.total_allocated));
            }
            d.time("completed_at", ended.ended_at);
        })
    }
}

/// A client's own words come back only as far as they are worth reading.
fn start_of(words: &str) -> &str {
    let end = (0..=words.len().min(TEXT_BYTES_MAX)).rev().find(|&end| words.is_char_boundary(end));
    &words[..end.unwrap_or(0)]
}

/// Members of a `details` object, as they are added.
#[derive(Default)]
struct Details {
    json: Json,
}

impl Details {
    fn member(&mut self, key: &str, write: impl FnOnce(&mut Json)) {
        if self.json.len() > 0 {
            self.json.raw(",");
        }
        self.json.text(key);
        self.json.raw(":");
        write(&mut self.json);
    }

    fn text(&mut self, key: &str, value: &str) {
        self.member(key, |json| json.text(start_of(value)));
    }

    fn id(&mut self, key: &str, value: uuid::Uuid) {
        self.member(key, |json| json.id(value));
    }

    fn time(&mut self, key: &str, value: TimeUs) {
        self.member(key, |json| json.time(value));
    }

    fn count(&mut self, key: &str, value: u64) {
        self.member(key, |json| json.count(value));
    }

    fn finish(self) -> String {
        self.json.into_string()
    }
}
