//! Where identities come from. They are chosen here, before a command is applied,
//! and stand in its record: the engine itself makes none.

use uuid::Uuid;

use crate::engine::{AuctionId, BidId, SettlementId};

/// A source of identities.
pub trait Ids: Send {
    /// For an auction whose creator named none.
    fn auction(&mut self) -> AuctionId;
    /// For a bid.
    fn bid(&mut self) -> BidId;
    /// For a settlement.
    fn settlement(&mut self) -> SettlementId;
    /// Random bytes to commit with a bid.
    fn salt(&mut self) -> [u8; 16];
    /// For an error that the client gave no `correlation_id`.
    fn correlation(&mut self) -> Uuid;
    /// A source that goes on as this one would from here; a source that cannot say gives random ones.
    fn fork(&self) -> Box<dyn Ids> {
        Box::new(RandomIds)
    }
}

/// Version 4 UUIDs from the operating system's randomness.
#[derive(Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn auction(&mut self) -> AuctionId {
        AuctionId(Uuid::new_v4())
    }

    fn bid(&mut self) -> BidId {
        BidId(Uuid::new_v4())
    }

    fn settlement(&mut self) -> SettlementId {
        SettlementId(Uuid::new_v4())
    }

    fn salt(&mut self) -> [u8; 16] {
        // Two ids' worth of randomness would be needed for 128 full bits; 122 suffice for a blinding salt.
        *Uuid::new_v4().as_bytes()
    }

    fn correlation(&mut self) -> Uuid {
        Uuid::new_v4()
    }
}

/// Ids that follow from a seed: two runs of a simulation give the same bytes.
#[derive(Debug, Clone)]
pub struct SeededIds {
    state: u64,
}

impl SeededIds {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// SplitMix64: enough to spread a counter over 64 bits; nothing here is a secret.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn bytes(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.next().to_le_bytes());
        bytes[8..].copy_from_slice(&self.next().to_le_bytes());
        bytes
    }

    fn uuid(&mut self) -> Uuid {
        Uuid::new_v8(self.bytes())
    }
}

impl Ids for SeededIds {
    fn auction(&mut self) -> AuctionId {
        AuctionId(self.uuid())
    }

    fn bid(&mut self) -> BidId {
        BidId(self.uuid())
    }

    fn settlement(&mut self) -> SettlementId {
        SettlementId(self.uuid())
    }

    fn salt(&mut self) -> [u8; 16] {
        self.bytes()
    }

    fn correlation(&mut self) -> Uuid {
        self.uuid()
    }

    fn fork(&self) -> Box<dyn Ids> {
        Box::new(self.clone())
    }
}
