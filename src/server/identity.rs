//! Who a token speaks for, and what it may do.
//!
//! Sign-in makes one [`Identity`] per token; sessions and REST handlers only read it.
//! How a token is verified stands in `auth`; here are only the words between the two.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use uuid::Uuid;

use crate::engine::{AuctionId, Party};
use crate::units::TimeUs;
use crate::wire::Channel;

/// What one token says, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The stable name of the client: connections are counted by it.
    pub client_id: Uuid,
    /// The token's `sub`. Only the same subject may refresh a connection.
    pub subject: Arc<str>,
    /// The party that owns what this client bids.
    pub party: Party,
    /// What the client may do.
    pub permissions: Permissions,
    /// The auctions it may see and bid in; `None` for all.
    pub auctions: Option<Arc<[AuctionId]>>,
    /// The channels it may subscribe to; `None` for all.
    pub channels: Option<Channels>,
    /// Whole `subscribe` messages, as JSON text, that are carried out right after sign-in.
    pub subscribes: Arc<[Box<str>]>,
    /// Bounds of this client's connections.
    pub limits: ConnectionLimits,
    /// When the token ends.
    pub expires_at: TimeUs,
}

impl Identity {
    /// Whether the client may see and bid in this auction.
    pub fn may_see(&self, auction: AuctionId) -> bool {
        self.auctions.as_ref().is_none_or(|allowed| allowed.contains(&auction))
    }

    /// Whether the client may subscribe to this channel, its permissions aside.
    pub fn may_follow(&self, channel: Channel) -> bool {
        self.channels.is_none_or(|allowed| allowed.has(channel))
    }
}

/// Verifies tokens. It never blocks for long: shards call it between reads.
pub trait Verify: Send + Sync {
    /// What the token says, if it is good at `now`. `token` has no `Bearer ` before it.
    fn verify(&self, token: &str, now: TimeUs) -> Result<Identity, Refused>;
}

/// What became of a token.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is good.
    Taken(Identity),
    /// It is not; for people.
    Refused(&'static str),
    /// Whoever verifies has failed. That may be the embedding program's own code: it must not harm other clients.
    Failed,
}

/// Has a token verified. One that is too long is not looked at.
pub(super) fn verdict(verify: &dyn Verify, token: &str, now: TimeUs) -> Verdict {
    let judge = || match token.len() {
        ..=TOKEN_BYTES_MAX => verify.verify(token, now),
        _ => Err(Refused { message: INVALID_TOKEN }),
    };
    match catch_unwind(AssertUnwindSafe(judge)) {
        Ok(Ok(identity)) => Verdict::Taken(identity),
        Ok(Err(refused)) => Verdict::Refused(refused.message),
        Err(_) => Verdict::Failed,
    }
}

/// What a wrong token is told: nothing that helps to make a better one.
pub const INVALID_TOKEN: &str = "Invalid token";

/// Why a token was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// For people. It says nothing that helps to guess a token.
    pub message: &'static str,
}

/// Longest token that is looked at, in bytes.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// What a client may do: a set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Permissions(u8);

impl Permissions {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Queries and snapshots.
    pub const READ: Self = Self(1);
    /// Bids.
    pub const WRITE: Self = Self(1 << 1);
    /// Channels.
    pub const SUBSCRIBE: Self = Self(1 << 2);
    /// Auctions and market data.
    pub const OPERATE: Self = Self(1 << 3);
    /// Affirmations and reports.
    pub const SETTLE: Self = Self(1 << 4);
    /// Phantom bids.
    pub const PHANTOM: Self = Self(1 << 5);
    /// All of them.
    pub const ALL: Self = Self(0b11_1111);

    const WORDS: [(Self, &'static str); 6] = [
        (Self::READ, "read"),
        (Self::WRITE, "write"),
        (Self::SUBSCRIBE, "subscribe"),
        (Self::OPERATE, "operate"),
        (Self::SETTLE, "settle"),
        (Self::PHANTOM, "phantom"),
    ];

    /// The permission that a word of the wire protocol names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(_, known)| *known == word).map(|(permission, _)| permission)
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is in this set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The words of the wire protocol, in the order in which the guide names them.
    pub fn words(self) -> impl Iterator<Item = &'static str> + Clone {
        Self::WORDS.into_iter().filter(move |(permission, _)| self.has(*permission)).map(|(_, word)| word)
    }
}

/// A set of channels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Channels(u8);

impl Channels {
    /// The set with this channel too.
    #[must_use]
    pub const fn with(self, channel: Channel) -> Self {
        Self(self.0 | 1 << channel as u8)
    }

    /// Whether the channel is in the set.
    pub const fn has(self, channel: Channel) -> bool {
        self.0 & 1 << channel as u8 != 0
    }
}

/// Bounds of a client's connections; `None` means there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at a time.
    pub connections_max: Option<u32>,
    /// Messages accepted in any sliding second, by connection.
    pub messages_per_second_max: Option<u32>,
    /// Subscriptions by connection.
    pub subscriptions_max: Option<u32>,
}

impl ConnectionLimits {
    /// The guide's.
    pub const GUIDE: Self =
        Self { connections_max: Some(10), messages_per_second_max: Some(100), subscriptions_max: Some(50) };
    /// None at all.
    pub const UNLIMITED: Self =
        Self { connections_max: None, messages_per_second_max: None, subscriptions_max: None };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_named_in_the_order_of_the_guide() {
        let trader = Permissions::SUBSCRIBE.with(Permissions::WRITE).with(Permissions::READ);
        assert!(trader.words().eq(["read", "write", "subscribe"]));
        assert!(Permissions::ALL.words().all(|word| Permissions::from_word(word).is_some()));
        assert_eq!(Permissions::from_word("admin"), None);
        assert!(!trader.has(Permissions::WRITE.with(Permissions::OPERATE)));
    }

    #[test]
    fn a_set_of_channels_holds_what_was_put_in() {
        let some = Channels::default().with(Channel::Bids).with(Channel::MarketData);
        let held: Vec<_> = Channel::ALL.into_iter().filter(|&channel| some.has(channel)).collect();
        assert_eq!(held, [Channel::Bids, Channel::MarketData]);
    }
}
