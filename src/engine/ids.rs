//! Identities the engine is given: it makes none, since all that decides must
//! stand in the command record.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Names an auction on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuctionId(pub Uuid);

/// Names a bid on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BidId(pub Uuid);

/// Names a settlement on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SettlementId(pub Uuid);

/// An auction's place in the engine: dense from 0, never reused while the engine lives.
/// It means nothing outside one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuctionSlot(pub u32);

/// A party of the market: the token's `bidder` (by default its `sub`), 1 to 128 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Party(pub Arc<str>);

impl Party {
    /// The key under which fan-out compares parties: the first 16 bytes of the name's SHA-256.
    pub fn key(&self) -> PartyKey {
        let digest = Sha256::digest(self.0.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        PartyKey(u128::from_le_bytes(bytes))
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A party in 16 bytes, for comparing without the name. 0 is no party.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartyKey(pub u128);
