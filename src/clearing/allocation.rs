//! Who gets how much of what is left: the shares of a group of bids that compete for some lots.
//!
//! Each rule comes down to a few numbers, found once from the whole group, from which the lots of any one
//! bid follow at once. Largest remainder, too, is such a rule: the left-over lots go to the
//! bids whose (remainder, earliness) is at or above a threshold, which a selection finds without
//! sorting. Products of two quantities are taken in 128 bits.

use std::cmp::Reverse;

use super::ClearError;
use super::terms::{Allocation, Terms};
use crate::units::QuantityLots;

/// How the lots of one group of bids are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// Each gets what it wants.
    All,
    /// Nobody gets anything.
    Nothing,
    /// `available * lots / wanted` rounded down, and one more from the threshold on.
    ProRata { available: u128, wanted: u128, threshold: Option<Remainder> },
    /// By time: those before the last get all, the last gets what is left.
    Time { last: u64, left: u64 },
    /// The larger first, then by time: those before the last get all, the last gets what is left.
    Size { last: (u64, Reverse<u64>), left: u64 },
    /// A percentage in hundredths, rounded up to a multiple, at least a minimum.
    Treasury { percent_hundredths: u128, multiple: u128, minimum: u128 },
}

/// A remainder of a division, and whose it is: the larger first, of equal ones the earlier.
pub(super) type Remainder = (u128, Reverse<u64>);

/// One bid of a group: lots wanted, and its sequence number.
pub(super) type Claim = (u64, u64);

/// 100 % in hundredths of a per cent.
const WHOLE_PERCENT_HUNDREDTHS: u128 = 10_000;

impl Share {
    /// Shares `available` lots out among claims by the rule of the terms, and says how many lots are given.
    ///
    /// `wanted` is the sum of the claims. The claims are reordered.
    pub fn new(
        terms: &Terms,
        available: i128,
        wanted: i128,
        claims: &mut [Claim],
    ) -> Result<(Self, i128), ClearError> {
        if available <= 0 {
            return Ok((Self::Nothing, 0));
        }
        if available >= wanted {
            return Ok((Self::All, wanted));
        }
        let (available_lots, wanted_lots) = (available.unsigned_abs(), wanted.unsigned_abs());
        match terms.allocation {
            Allocation::ProRata | Allocation::ProRataDemand => {
                let threshold = threshold(available_lots, wanted_lots, claims)?;
                Ok((Self::ProRata { available: available_lots, wanted: wanted_lots, threshold }, available))
            }
            Allocation::PriceTime => {
                let ((_, last), left) = last_served(available_lots, claims, |claim| (0, Reverse(claim.1)))?;
                Ok((Self::Time { last: last.0, left }, available))
            }
            Allocation::SizeTime => {
                let (last, left) = last_served(available_lots, claims, |claim| (claim.0, Reverse(claim.1)))?;
                Ok((Self::Size { last, left }, available))
            }
            Allocation::Treasury => {
                let share = Self::treasury(terms, available_lots, wanted_lots);
                let given = claims.iter().map(|claim| i128::from(share.lots(claim.0, claim.1))).sum();
                Ok((share, given))
            }
        }
    }

    fn treasury(terms: &Terms, available: u128, wanted: u128) -> Self {
        let lots = |quantity: Option<QuantityLots>| quantity.map_or(0, |quantity| quantity.0.unsigned_abs());
        Self::Treasury {
            percent_hundredths: (available * WHOLE_PERCENT_HUNDREDTHS).div_ceil(wanted),
            multiple: u128::from(lots(terms.award_multiple).max(1)),
            minimum: u128::from(lots(terms.award_minimum)),
        }
    }

    /// The lots of one bid of the group; never more than it wants. Not inlined, so that passing over bids that
    /// are filled whole or not at all stays short.
    #[inline(never)]
    pub fn lots(&self, wanted_lots: u64, seq: u64) -> u64 {
        match *self {
            Self::All => wanted_lots,
            Self::Nothing => 0,
            Self::ProRata { available, wanted, threshold } => {
                let product = available * u128::from(wanted_lots);
                let (share, remainder) = divide(product, wanted);
                let has_more = threshold.is_some_and(|threshold| (remainder, Reverse(seq)) >= threshold);
                share as u64 + u64::from(has_more)
            }
            Self::Time { last, left } => served((0, Reverse(seq)), (0, Reverse(last)), wanted_lots, left),
            Self::Size { last, left } => served((wanted_lots, Reverse(seq)), last, wanted_lots, left),
            Self::Treasury { percent_hundredths, multiple, minimum } => {
                let award = u128::from(wanted_lots) * percent_hundredths;
                let award = award.div_ceil(WHOLE_PERCENT_HUNDREDTHS).max(minimum);
                award.next_multiple_of(multiple).min(u128::from(wanted_lots)) as u64
            }
        }
    }
}

/// What a bid gets in a queue of which `last` is the last to be served.
#[inline]
fn served(rank: (u64, Reverse<u64>), last: (u64, Reverse<u64>), wanted_lots: u64, left: u64) -> u64 {
    match rank.cmp(&last) {
        std::cmp::Ordering::Greater => wanted_lots,
        std::cmp::Ordering::Equal => left,
        std::cmp::Ordering::Less => 0,
    }
}

/// Quotient and remainder, in 64 bits where that is enough.
#[inline]
fn divide(dividend: u128, divisor: u128) -> (u128, u128) {
    match (u64::try_from(dividend), u64::try_from(divisor)) {
        (Ok(dividend), Ok(divisor)) => (u128::from(dividend / divisor), u128::from(dividend % divisor)),
        _ => (dividend / divisor, dividend % divisor),
    }
}

/// From which remainder on a bid gets one of the lots that rounding down leaves over.
fn threshold(available: u128, wanted: u128, claims: &[Claim]) -> Result<Option<Remainder>, ClearError> {
    let mut given = 0_u128;
    let mut remainders: Vec<Remainder> = Vec::with_capacity(claims.len());
    for &(lots, seq) in claims {
        let (share, remainder) = divide(available * u128::from(lots), wanted);
        given += share;
        remainders.push((remainder, Reverse(seq)));
    }
    let left_over = available - given;
    if left_over == 0 {
        return Ok(None);
    }
    // Remainders add up to left_over × wanted and each is below `wanted`: there are more of them than left-over lots.
    let place = remainders.len() - left_over as usize;
    let (below, &mut threshold, _) = remainders.select_nth_unstable(place);
    if below.contains(&threshold) {
        return Err(ClearError::DuplicateSeq { seq: threshold.1.0 });
    }
    Ok(Some(threshold))
}

/// The claim at which a queue by rank, highest first, runs out of lots, and what that claim gets.
///
/// A selection narrows the part of the queue in which the lots run out: expected linear.
fn last_served(
    available: u128,
    claims: &mut [Claim],
    rank: impl Fn(&Claim) -> (u64, Reverse<u64>),
) -> Result<((u64, Reverse<u64>), u64), ClearError> {
    let mut left = available;
    let mut queue = claims;
    loop {
        let middle = queue.len() / 2;
        queue.select_nth_unstable_by_key(middle, |claim| Reverse(rank(claim)));
        let before: u128 = queue[..middle].iter().map(|claim| u128::from(claim.0)).sum();
        let own = queue[middle];
        if before >= left && middle > 0 {
            queue = &mut queue[..middle];
        } else if before + u128::from(own.0) >= left || middle + 1 == queue.len() {
            let is_doubled =
                queue[..middle].iter().chain(&queue[middle + 1..]).any(|claim| rank(claim) == rank(&own));
            if is_doubled {
                return Err(ClearError::DuplicateSeq { seq: own.1 });
            }
            return Ok((rank(&own), (left - before).min(u128::from(own.0)) as u64));
        } else {
            left -= before + u128::from(own.0);
            queue = &mut queue[middle + 1..];
        }
    }
}
