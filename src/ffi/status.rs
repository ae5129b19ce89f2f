//! What every call answers: one number, whose range says what to do about it.
//!
//! The numbers from 100 on are those of the wire protocol's codes and come from the one table in
//! `wire/code.rs`; the assertions below hold the two together. No number is ever reused.

use std::borrow::Cow;

use crate::clearing::ClearError;
use crate::engine::Rejection;
use crate::host::HostError;
use crate::log::LogError;
use crate::wire::decode::DecodeError;
use crate::wire::terms::TermsError;
use crate::wire::{Code, Refusal};

/// What a call answers. 0 is success; 1 to 99 a mistake in the use of this interface; the 100s something malformed; the
/// 200s not allowed; the 300s refused by the auction's rules; the 400s busy, to be tried later; the 900s our fault.
pub type walras_status = i32;

/// Success. Outputs are written only with this one.
pub const WALRAS_OK: walras_status = 0;
/// A pointer that must not be null is null.
pub const WALRAS_NULL_POINTER: walras_status = 1;
/// A handle that was never given out, is of another kind, or was freed.
pub const WALRAS_BAD_HANDLE: walras_status = 2;
/// The engine or server behind the handle was stopped.
pub const WALRAS_STOPPED: walras_status = 3;
/// A length, count or offset that cannot be: beyond the address space, or inconsistent with another.
pub const WALRAS_BAD_LENGTH: walras_status = 4;
/// Text that is not UTF-8.
pub const WALRAS_NOT_UTF8: walras_status = 5;
/// A number that stands for none of the documented choices.
pub const WALRAS_BAD_ARGUMENT: walras_status = 6;
/// An array given for results is too short.
pub const WALRAS_BUFFER_TOO_SMALL: walras_status = 7;
/// A call from within a wake-up or log function.
pub const WALRAS_REENTRANT: walras_status = 8;
/// The handle was made before this process was forked off: its threads live in the parent.
pub const WALRAS_FORKED: walras_status = 9;
/// Two threads at once in calls that take the handle exclusively.
pub const WALRAS_IN_USE: walras_status = 10;
/// Not in this build, on this platform, or with this engine's clock.
pub const WALRAS_NOT_SUPPORTED: walras_status = 11;
/// More handles than there can be.
pub const WALRAS_TOO_MANY_HANDLES: walras_status = 12;
/// Malformed JSON, terms or options; the error's text names the field.
pub const WALRAS_INVALID_MESSAGE: walras_status = 100;
/// A float that is on no step of its grid.
pub const WALRAS_OFF_GRID: walras_status = 101;
/// `AUTH_REQUIRED` of the protocol.
pub const WALRAS_AUTH_REQUIRED: walras_status = 200;
/// `AUTH_FAILED` of the protocol.
pub const WALRAS_AUTH_FAILED: walras_status = 201;
/// `TOKEN_EXPIRED` of the protocol.
pub const WALRAS_TOKEN_EXPIRED: walras_status = 202;
/// `PERMISSION_DENIED` of the protocol.
pub const WALRAS_PERMISSION_DENIED: walras_status = 203;
/// There is no such auction.
pub const WALRAS_AUCTION_NOT_FOUND: walras_status = 300;
/// There is no such bid, or it is another party's.
pub const WALRAS_BID_NOT_FOUND: walras_status = 301;
/// There is no such settlement.
pub const WALRAS_SETTLEMENT_NOT_FOUND: walras_status = 302;
/// The auction exists already.
pub const WALRAS_AUCTION_EXISTS: walras_status = 303;
/// `SUBSCRIPTION_FAILED` of the protocol.
pub const WALRAS_SUBSCRIPTION_FAILED: walras_status = 304;
/// The auction has not opened, is halted, or is otherwise not ready for this.
pub const WALRAS_AUCTION_NOT_OPEN: walras_status = 305;
/// The auction has ended.
pub const WALRAS_AUCTION_ENDED: walras_status = 306;
/// In the last moments bids may only be placed or raised.
pub const WALRAS_AUCTION_LOCKED: walras_status = 307;
/// A price or quantity that the auction cannot take.
pub const WALRAS_INVALID_BID: walras_status = 308;
/// The price is below the reserve.
pub const WALRAS_BID_TOO_LOW: walras_status = 309;
/// The party has as many live bids as it may have.
pub const WALRAS_BID_LIMIT: walras_status = 310;
/// The `client_bid_id` names another bid of the party.
pub const WALRAS_DUPLICATE_BID_ID: walras_status = 311;
/// The settlement is not waiting for that.
pub const WALRAS_SETTLEMENT_CONFLICT: walras_status = 312;
/// Too many requests.
pub const WALRAS_RATE_LIMITED: walras_status = 400;
/// Full, or out of disk space: later there may be room.
pub const WALRAS_UNAVAILABLE: walras_status = 401;
/// A fault of the library. What was asked may or may not have happened.
pub const WALRAS_INTERNAL: walras_status = 900;
/// The log failed, or the engine found a fault in itself: it takes nothing more. A new engine on the same data recovers.
pub const WALRAS_FROZEN: walras_status = 901;
/// The data folder cannot be opened: locked by another process, damaged, or not accessible.
pub const WALRAS_DATA: walras_status = 902;
/// The system refused a thread, a socket or a descriptor.
pub const WALRAS_SYSTEM: walras_status = 903;

const _: () = {
    assert!(Code::InvalidMessage.c_status() == WALRAS_INVALID_MESSAGE);
    assert!(Code::AuthRequired.c_status() == WALRAS_AUTH_REQUIRED);
    assert!(Code::AuthFailed.c_status() == WALRAS_AUTH_FAILED);
    assert!(Code::TokenExpired.c_status() == WALRAS_TOKEN_EXPIRED);
    assert!(Code::PermissionDenied.c_status() == WALRAS_PERMISSION_DENIED);
    assert!(Code::AuctionNotFound.c_status() == WALRAS_AUCTION_NOT_FOUND);
    assert!(Code::BidNotFound.c_status() == WALRAS_BID_NOT_FOUND);
    assert!(Code::SettlementNotFound.c_status() == WALRAS_SETTLEMENT_NOT_FOUND);
    assert!(Code::AuctionExists.c_status() == WALRAS_AUCTION_EXISTS);
    assert!(Code::SubscriptionFailed.c_status() == WALRAS_SUBSCRIPTION_FAILED);
    assert!(Code::AuctionNotOpen.c_status() == WALRAS_AUCTION_NOT_OPEN);
    assert!(Code::AuctionEnded.c_status() == WALRAS_AUCTION_ENDED);
    assert!(Code::AuctionLocked.c_status() == WALRAS_AUCTION_LOCKED);
    assert!(Code::InvalidBid.c_status() == WALRAS_INVALID_BID);
    assert!(Code::BidTooLow.c_status() == WALRAS_BID_TOO_LOW);
    assert!(Code::BidLimit.c_status() == WALRAS_BID_LIMIT);
    assert!(Code::DuplicateBidId.c_status() == WALRAS_DUPLICATE_BID_ID);
    assert!(Code::SettlementConflict.c_status() == WALRAS_SETTLEMENT_CONFLICT);
    assert!(Code::RateLimited.c_status() == WALRAS_RATE_LIMITED);
    assert!(Code::ServiceUnavailable.c_status() == WALRAS_UNAVAILABLE);
    assert!(Code::Internal.c_status() == WALRAS_INTERNAL);
    // A new code of the protocol needs its constant here.
    assert!(Code::ALL.len() == 21);
};

/// Why a call failed: the number, and a text for people.
#[derive(Debug)]
pub(super) struct Fault {
    pub status: walras_status,
    pub message: Cow<'static, str>,
}

impl Fault {
    pub fn new(status: walras_status, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into() }
    }
}

impl Fault {
    /// Malformed options or JSON.
    pub fn invalid(field: &str, why: impl std::fmt::Display) -> Self {
        Self::new(WALRAS_INVALID_MESSAGE, format!("{field}: {why}"))
    }
}

impl From<TermsError> for Fault {
    fn from(error: TermsError) -> Self {
        Self::new(WALRAS_INVALID_MESSAGE, error.to_string())
    }
}

impl From<Box<DecodeError>> for Fault {
    fn from(error: Box<DecodeError>) -> Self {
        Self::new(WALRAS_INVALID_MESSAGE, error.to_string())
    }
}

impl From<ClearError> for Fault {
    fn from(error: ClearError) -> Self {
        Self::new(WALRAS_INVALID_BID, error.to_string())
    }
}

impl From<Rejection> for Fault {
    fn from(rejection: Rejection) -> Self {
        Self::new(of_rejection(&rejection), rejection.to_string())
    }
}

/// The status of a refusal.
pub(super) fn of_rejection(rejection: &Rejection) -> walras_status {
    Refusal::of_rejection(rejection, None).code.c_status()
}

impl From<HostError> for Fault {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Thread(_) => Self::new(WALRAS_SYSTEM, error.to_string()),
            _ => Self::new(WALRAS_DATA, error.to_string()),
        }
    }
}

impl From<LogError> for Fault {
    fn from(error: LogError) -> Self {
        Self::new(WALRAS_DATA, error.to_string())
    }
}
