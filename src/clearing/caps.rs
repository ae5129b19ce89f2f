//! Caps per bidder, struck before the price is found.
//!
//! What a bidder's real bids ask for beyond its cap is struck, the lowest-priced lots first, of equal
//! prices the later bid's first. Price takers are struck last. Where every bid is all-or-none, a bid
//! that would be cut is killed whole instead and does not count against the cap. Phantom bids
//! have no cap and use none up.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;

use super::bid::{Bid, Want};
use super::terms::Terms;
use crate::units::{PriceTicks, QuantityLots};

/// What the caps left of one bid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cut {
    pub seq: u64,
    /// 0 if nothing is left.
    pub lots: u64,
}

/// Cuts the bids to their bidders' caps and drops those of which nothing is left.
///
/// All bids want quantities.
pub(super) fn strike(terms: &Terms, bids: &mut Vec<Bid>) -> Vec<Cut> {
    let Some(cap) = terms.bidder_cap() else {
        return Vec::new();
    };
    let cap_of = |bidder: u32| {
        let held = terms.net_long.get(&bidder).map_or(0, |held| held.0);
        i128::from(cap.0.saturating_sub(held).max(0))
    };
    let mut asked: FxHashMap<u32, i128> = FxHashMap::default();
    for bid in bids.iter().filter(|bid| !bid.is_phantom) {
        *asked.entry(bid.bidder).or_default() += lots(bid);
    }
    let is_over = |bid: &Bid| !bid.is_phantom && asked[&bid.bidder] > cap_of(bid.bidder);
    let mut over: Vec<usize> = (0..bids.len()).filter(|&index| is_over(&bids[index])).collect();
    let ceiling = terms.supply.ceiling().unwrap_or(PriceTicks(i64::MAX));
    // Price takers first: no price is higher than theirs.
    let rank =
        |bid: &Bid| (bid.bidder, bid.price.is_some(), bid.price.map(|p| Reverse(p.min(ceiling))), bid.seq);
    over.sort_unstable_by_key(|&index| rank(&bids[index]));

    let mut cuts = Vec::new();
    let mut bidder = None;
    let mut left = 0;
    for index in over {
        let bid = &mut bids[index];
        if bidder != Some(bid.bidder) {
            bidder = Some(bid.bidder);
            left = cap_of(bid.bidder);
        }
        let wanted = lots(bid);
        let kept = if wanted <= left || terms.allow_partial_fills { wanted.min(left) } else { 0 };
        left -= kept;
        if kept < wanted {
            // What is kept is less than what was wanted, which fits.
            bid.want = Want::Quantity(QuantityLots(kept as i64));
            cuts.push(Cut { seq: bid.seq, lots: kept as u64 });
        }
    }
    bids.retain(|bid| bid.want != Want::Quantity(QuantityLots(0)));
    cuts.sort_unstable();
    cuts
}

fn lots(bid: &Bid) -> i128 {
    bid.want.lots_at(PriceTicks(0))
}
