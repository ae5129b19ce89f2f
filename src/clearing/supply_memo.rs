//! What was once found out about a curve, by tick.
//!
//! A price that moves asks for the same few ticks again and again. The first ticks from the floor on are
//! remembered, in pieces that are made when first needed. Answers never depend on what is remembered.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::supply::Offered;
use crate::units::QuantityLots;

/// How many ticks are remembered at most: eight megabytes of them, if all are asked for.
const TICKS_MAX: usize = 1 << 20;
/// How many ticks one piece holds: 8 KiB of them.
const PIECE_TICKS: usize = 1024;

/// Supply by tick, as far as it is known: 0, or one more than twice the lots, plus one if they are whole.
#[derive(Debug)]
pub(super) struct Memo {
    origin: i64,
    pieces: [OnceLock<Box<[AtomicU64; PIECE_TICKS]>>; TICKS_MAX / PIECE_TICKS],
}

impl Memo {
    /// Remembers from this tick on.
    pub fn new(origin: i64) -> Self {
        Self { origin, pieces: [const { OnceLock::new() }; TICKS_MAX / PIECE_TICKS] }
    }

    /// What is known of a tick, or else what `find` says, which must always be the same.
    pub fn recall(&self, tick: i64, find: impl FnOnce() -> Offered) -> Offered {
        let place = usize::try_from(tick - self.origin).unwrap_or(usize::MAX);
        let Some(piece) = self.pieces.get(place / PIECE_TICKS) else { return find() };
        let piece = piece.get_or_init(|| Box::new([const { AtomicU64::new(0) }; PIECE_TICKS]));
        let slot = &piece[place % PIECE_TICKS];
        // Relaxed: whoever misses the value finds the same one.
        let known = slot.load(Ordering::Relaxed);
        if known != 0 {
            let (lots, is_whole) = ((known - 1) >> 1, (known - 1) & 1 == 1);
            return Offered { lots: QuantityLots(lots as i64), is_whole };
        }
        let offered = find();
        let code = (offered.lots.0.unsigned_abs() << 1 | u64::from(offered.is_whole)).wrapping_add(1);
        slot.store(code, Ordering::Relaxed);
        offered
    }
}
