//! Where identities come from. They are chosen here, before a command is applied,
//! and stand in its record: the engine itself makes none.

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng, SeedableRng};
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
    /// For bids whose salts nobody looks at, if nothing hangs on their being drawn; whether that is so. What follows from a
    /// seed must not depend on who looks.
    fn unsalted_bids(&mut self, _bids: &mut [BidId]) -> bool {
        false
    }
    /// For an error that the client gave no `correlation_id`.
    fn correlation(&mut self) -> Uuid;
    /// A source that goes on as this one would from here; a source that cannot say gives random ones.
    fn fork(&self) -> Box<dyn Ids> {
        Box::new(RandomIds::default())
    }
}

/// Version 4 UUIDs from the operating system's randomness.
///
/// A bid needs two pieces of 16 bytes, and a system call for each would cost more than the bid, so they are made many at a
/// time: a key from the system is spread over a pool by ChaCha12, and forgotten. What has been given out is wiped.
/// Each source draws its own: a process forked off gets none of its parent's.
pub struct RandomIds {
    pool: Box<[[u8; 16]; POOL_PIECES]>,
    /// Pieces that are left, at the front of the pool.
    left: usize,
    run: Run,
}

/// 8 KiB.
const POOL_PIECES: usize = 512;

impl Default for RandomIds {
    fn default() -> Self {
        Self { pool: Box::new([[0; 16]; POOL_PIECES]), left: 0, run: Run::default() }
    }
}

impl RandomIds {
    fn bytes(&mut self) -> [u8; 16] {
        if self.left == 0 {
            let mut key = [0; 32];
            // Without randomness there are no ids, and nothing else to do about it.
            getrandom::fill(&mut key).expect("the operating system gives random bytes");
            ChaCha12Rng::from_seed(key).fill_bytes(self.pool.as_flattened_mut());
            self.left = POOL_PIECES;
        }
        self.left -= 1;
        std::mem::take(&mut self.pool[self.left])
    }

    fn uuid(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }
}

impl Ids for RandomIds {
    fn auction(&mut self) -> AuctionId {
        AuctionId(self.uuid())
    }

    fn bid(&mut self) -> BidId {
        let random = u128::from_ne_bytes(self.bytes());
        BidId(Uuid::from_u128(self.run.mark(random)))
    }

    fn settlement(&mut self) -> SettlementId {
        SettlementId(self.uuid())
    }

    fn salt(&mut self) -> [u8; 16] {
        self.bytes()
    }

    fn unsalted_bids(&mut self, bids: &mut [BidId]) -> bool {
        bids.fill_with(|| self.bid());
        true
    }

    fn correlation(&mut self) -> Uuid {
        self.uuid()
    }
}

/// Bids that come one after another and share the first byte of their ids: the engine keeps together what has it in common, so a
/// bid is entered near the one before it. The other 114 bits stay random.
#[derive(Debug, Default)]
struct Run {
    first_byte: u8,
    left: u32,
}

/// Bids of a run: as many as one of the engine's tables takes in without becoming slow to grow.
const RUN_BIDS: u32 = 1024;

impl Run {
    /// Random bits in, the id of the run's next bid out. Worked out as a number, since bytes changed one by one
    /// make whoever reads all of them wait.
    #[inline]
    fn mark(&mut self, random: u128) -> u128 {
        if self.left == 0 {
            *self = Self { first_byte: (random >> 120) as u8, left: RUN_BIDS };
        }
        self.left -= 1;
        let version_4 = 0x4 << 76 | 0b10 << 62;
        random & !(0xff << 120 | 0xf << 76 | 0b11 << 62) | u128::from(self.first_byte) << 120 | version_4
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn random_ids_are_of_version_4_and_never_the_same() {
        let (mut ids, mut other) = (RandomIds::default(), RandomIds::default());
        let mut seen = HashSet::new();
        for _ in 0..3 * POOL_PIECES {
            let id = ids.bid().0;
            assert_eq!((id.get_version_num(), id.get_variant()), (4, uuid::Variant::RFC4122));
            assert!(seen.insert(id.into_bytes()) && seen.insert(ids.salt()) && seen.insert(other.salt()));
        }
    }

    #[test]
    fn bids_share_a_first_byte_for_a_while() {
        let mut ids = RandomIds::default();
        let bids: Vec<_> = (0..64 * RUN_BIDS).map(|_| ids.bid().0.into_bytes()).collect();
        let runs = bids.chunks(RUN_BIDS as usize);
        assert!(runs.clone().all(|run| run.iter().all(|bid| bid[0] == run[0][0])));
        let first_bytes: HashSet<u8> = runs.map(|run| run[0][0]).collect();
        assert!(first_bytes.len() > 32, "64 draws of 256: {first_bytes:?}");
        assert_eq!(bids.iter().collect::<HashSet<_>>().len(), bids.len());
    }

    #[test]
    fn what_was_given_out_is_wiped() {
        let mut ids = RandomIds::default();
        let salt = ids.salt();
        assert!(ids.pool.iter().all(|piece| *piece != salt));
        assert_eq!(ids.pool.iter().filter(|piece| **piece == [0; 16]).count(), 1);
    }
}
