//! What bidders were told when their bids were accepted.
//!
//! Ids and prices are kept as they are. A bid's event follows from its index as long as bids follow one another in their auction,
//! so each run of such bids keeps the event and the time of its first, and each bid how much later it came.

use super::column::Column;
use super::ids::BidId;
use crate::units::{PriceTicks, TimeUs};

/// What stays as it was told when the bid was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Receipt {
    pub(super) id: BidId,
    pub(super) at: TimeUs,
    /// The event that it is.
    pub(super) offset: u64,
    /// The indicative price after it.
    pub(super) current_price: PriceTicks,
}

/// See the module. A receipt is its bid's index.
#[derive(Debug, Clone, Default)]
pub(super) struct Receipts {
    ids: Column<BidId>,
    current_prices: Column<PriceTicks>,
    /// Since the first bid of its run.
    delays_us: Column<u32>,
    runs: Column<Run>,
}

/// Bids that follow one another, event by event.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: u32,
    offset: u64,
    at: TimeUs,
}

impl Run {
    #[inline]
    fn offset_of(&self, index: u32) -> u64 {
        self.offset + u64::from(index - self.first)
    }

    #[inline]
    fn delay_us(&self, at: TimeUs) -> Option<u32> {
        at.0.checked_sub(self.at.0)?.try_into().ok()
    }
}

impl Receipts {
    #[inline]
    pub(super) fn count(&self) -> u32 {
        self.ids.len() as u32
    }

    #[inline]
    pub(super) fn push(&mut self, receipt: Receipt) {
        let Receipt { id, at, offset, current_price } = receipt;
        let index = self.count();
        let run = self.runs.last().filter(|run| run.offset_of(index) == offset);
        let delay_us = match run.and_then(|run| run.delay_us(at)) {
            Some(delay_us) => delay_us,
            None => self.begin_run(Run { first: index, offset, at }),
        };
        self.ids.push(id);
        self.current_prices.push(current_price);
        self.delays_us.push(delay_us);
    }

    /// The delay of its first bid is none.
    #[cold]
    fn begin_run(&mut self, run: Run) -> u32 {
        self.runs.push(run);
        0
    }

    /// A bid's id.
    #[inline]
    pub(super) fn id(&self, index: u32) -> BidId {
        self.ids[index as usize]
    }

    /// All ids, in the order of the bids.
    pub(super) fn ids(&self) -> impl Iterator<Item = &BidId> {
        self.ids.iter()
    }

    /// The price that a bid brought about.
    pub(super) fn current_price(&self, index: u32) -> PriceTicks {
        self.current_prices[index as usize]
    }

    /// The event that a bid is.
    #[inline]
    pub(super) fn offset(&self, index: u32) -> u64 {
        self.run(index).offset_of(index)
    }

    /// When a bid came.
    #[inline]
    pub(super) fn at(&self, index: u32) -> TimeUs {
        TimeUs(self.run(index).at.0 + i64::from(self.delays_us[index as usize]))
    }

    #[inline]
    fn run(&self, index: u32) -> &Run {
        // The last one is asked for most.
        match self.runs.last() {
            Some(run) if run.first <= index => run,
            _ => self.earlier_run(index),
        }
    }

    fn earlier_run(&self, index: u32) -> &Run {
        let runs = self.runs.partition_point(|_, run| run.first <= index);
        &self.runs[runs - 1]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    /// Receipts whose events and times mostly follow closely, and now and then do not.
    fn receipts() -> impl Strategy<Value = Vec<Receipt>> {
        let events = prop_oneof![8 => Just(1_u64), 2 => 2_u64..5];
        let delays =
            prop_oneof![8 => 0_i64..1_000, 1 => u32::MAX as i64 - 500..u32::MAX as i64 + 500, 1 => -9_i64..0];
        let step = (any::<u128>(), events, delays, any::<i64>());
        prop::collection::vec(step, 0..60).prop_map(|steps| {
            let (mut offset, mut at) = (0, 1_700_000_000_000_000);
            let receipt = |(id, events, delay, price)| {
                (offset, at) = (offset + events, at + delay);
                Receipt {
                    id: BidId(Uuid::from_u128(id)),
                    at: TimeUs(at),
                    offset,
                    current_price: PriceTicks(price),
                }
            };
            steps.into_iter().map(receipt).collect()
        })
    }

    proptest! {
        #[test]
        fn what_was_told_stays(told in receipts()) {
            let mut receipts = Receipts::default();
            for (receipt, count) in told.iter().zip(1..) {
                receipts.push(*receipt);
                prop_assert_eq!(receipts.count(), count);
            }
            prop_assert!(receipts.ids().eq(told.iter().map(|receipt| &receipt.id)));
            for (receipt, index) in told.iter().zip(0..) {
                let kept = Receipt {
                    id: receipts.id(index),
                    at: receipts.at(index),
                    offset: receipts.offset(index),
                    current_price: receipts.current_price(index),
                };
                prop_assert_eq!(kept, *receipt);
            }
        }
    }

    #[test]
    fn bids_that_follow_one_another_are_one_run() {
        let mut receipts = Receipts::default();
        let bid = BidId(Uuid::nil());
        for offset in [7, 8, 9, 11, 12] {
            receipts.push(Receipt {
                id: bid,
                at: TimeUs(offset),
                offset: offset as u64,
                current_price: PriceTicks(1),
            });
        }
        assert_eq!(receipts.runs.len(), 2);
    }
}
