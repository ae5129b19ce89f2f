//! The result of a sale: found once, at the close, and kept so that one bid's part
//! is read in constant time.
//!
//! Amounts are whole tick × lot units. Only where each bidder pays its own price and price takers pay
//! the average can a payment fall between two of them: it is rounded down, and the seller gets the sum of what is
//! paid. Where the terms have a `money_unit`, each bidder's sum is rounded down to it once.

use rustc_hash::FxHashMap;

use super::answer::BidStatus;
use super::auction::{Auction, Turn};
use super::bids::Bids;
use super::command::CloseReason;
use super::event::{CancelReason, Fact, ResultSummary};
use crate::clearing::{self, Allocation, BidSource, ClearError, Clearing, Quote};
use crate::units::{Money, QuantityLots};

/// What one bid won.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Won {
    pub(super) filled: QuantityLots,
    pub(super) payment: Money,
}

/// What one bidder owes and is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Obligation {
    pub(super) bidder: u32,
    pub(super) lots: QuantityLots,
    /// Rounded down to the settlement currency.
    pub(super) money: Money,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) summary: ResultSummary,
    /// The bids that won something, by index, and what each won.
    winners: Vec<u32>,
    won: Vec<Won>,
    /// The bids that the kill rule removed, by index.
    killed: Vec<u32>,
    /// The winners, in the order of their first winning bids.
    pub(super) obligations: Vec<Obligation>,
    /// For each bid its place in `winners`, or a mark.
    places: Vec<u32>,
}

const LOST: u32 = u32::MAX;
const KILLED: u32 = u32::MAX - 1;

impl Outcome {
    /// A result from its parts; `winners` and `killed` rise.
    pub(super) fn new(
        summary: ResultSummary,
        winners: Vec<(u32, Won)>,
        killed: Vec<u32>,
        obligations: Vec<Obligation>,
        bid_count: u32,
    ) -> Self {
        let (winners, won): (Vec<u32>, Vec<Won>) = winners.into_iter().unzip();
        let mut places = vec![LOST; bid_count as usize];
        for (place, &index) in winners.iter().enumerate() {
            places[index as usize] = place as u32;
        }
        for &index in &killed {
            places[index as usize] = KILLED;
        }
        Self { summary, winners, won, killed, obligations, places }
    }

    pub(super) fn winners(&self) -> &[u32] {
        &self.winners
    }

    pub(super) fn killed(&self) -> &[u32] {
        &self.killed
    }

    /// What a bid won: nothing too.
    pub(super) fn of(&self, index: u32) -> Won {
        let place = self.places[index as usize] as usize;
        self.won.get(place).copied().unwrap_or(Won { filled: QuantityLots(0), payment: Money(0) })
    }

    pub(super) fn has_won(&self, index: u32) -> bool {
        (self.places[index as usize] as usize) < self.won.len()
    }

    pub(super) fn status(&self, index: u32, wanted: QuantityLots) -> BidStatus {
        match self.places[index as usize] {
            KILLED => BidStatus::Killed,
            LOST => BidStatus::Unfilled,
            place if self.won[place as usize].filled == wanted => BidStatus::Filled,
            _ => BidStatus::Partial,
        }
    }
}

/// The live bids of an auction, for the clearing.
struct Live<'a>(&'a Bids);

impl BidSource for Live<'_> {
    fn for_each(&self, mut visit: impl FnMut(&clearing::Bid)) {
        for index in 0..self.0.count() {
            if self.0.is_live(index) {
                visit(&self.0.for_clearing(index));
            }
        }
    }
}

impl Auction {
    /// Clears the sale over the live bids; the error is why nothing may be sold. In either case the
    /// auction's figures are final afterwards.
    pub(super) fn clear(&mut self) -> Result<Outcome, CancelReason> {
        let clearing = match clearing::clear(&self.terms.sale, &Live(&self.bids)) {
            Ok(clearing) => clearing,
            Err(error @ (ClearError::InvalidBid { .. } | ClearError::DuplicateSeq { .. })) => {
                panic!("entry lets no such bid in: {error}")
            }
            Err(error @ ClearError::Overflow) => {
                return Err(CancelReason::Operator(error.to_string().into()));
            }
        };
        self.quote = self.final_quote(&clearing);
        if clearing.outcome == clearing::Outcome::Cancelled {
            let lowest = self.terms.sale.supply.at(clearing.indicative_price);
            let is_short = self.terms.sale.undersubscribed == clearing::Undersubscribed::Cancel
                && !lowest.is_reached_by(clearing.demand_at_or_above);
            return Err(if is_short { CancelReason::Undersubscribed } else { CancelReason::MinRevenue });
        }
        Ok(self.outcome_of(&clearing))
    }

    /// Makes a result final.
    pub(super) fn complete(&mut self, outcome: Outcome, reason: CloseReason, turn: &mut Turn<'_>) {
        for bidder in self.bidders.iter_mut() {
            bidder.bids.retain(|&index| outcome.has_won(index));
        }
        self.tell(turn, Fact::AuctionCompleted { result: outcome.summary.clone(), reason });
        self.outcome = Some(outcome);
    }

    fn final_quote(&self, clearing: &Clearing) -> Quote {
        let lots = |demand: i128| {
            QuantityLots(i64::try_from(demand).expect("the index takes no demand beyond 64 bits"))
        };
        let sells = clearing.price.is_some();
        Quote {
            outcome: clearing.outcome,
            price: clearing.indicative_price,
            supply: self.terms.sale.supply.at(clearing.indicative_price),
            demand_above: lots(clearing.demand_above),
            demand_at_or_above: lots(clearing.demand_at_or_above),
            allocated: clearing.total_allocated,
            marginal_demand: lots(clearing.marginal_demand),
            marginal_available: lots(if sells { clearing.marginal_available } else { 0 }),
        }
    }

    fn outcome_of(&mut self, clearing: &Clearing) -> Outcome {
        let mut winners = Vec::new();
        let mut killed: Vec<u32> = Vec::new();
        let mut allocated = 0_i128;
        let mut revenue = Money(0);
        let mut obligations: Vec<Obligation> = Vec::new();
        let mut obligation_places: FxHashMap<u32, usize> = FxHashMap::default();
        for index in 0..self.bids.count() {
            if !self.bids.is_live(index) {
                continue;
            }
            let bid = self.bids.for_clearing(index);
            if clearing.is_at_margin(&bid) {
                self.bids.mark_at_margin(index);
            }
            if clearing.is_killed(&bid) {
                killed.push(index);
            }
            let filled = clearing.fill(&bid);
            if filled.0 == 0 {
                continue;
            }
            let payment = clearing.payment(&bid).whole;
            let wanted = self.bids.quantities[index as usize];
            assert!(filled.0 > 0 && filled <= wanted, "no bid wins more than it asks for");
            let limit = bid.price.map(|price| price.times(filled));
            assert!(limit.is_none_or(|limit| payment <= limit), "nobody pays above their bid");
            allocated += i128::from(filled.0);
            revenue = Money(revenue.0 + payment.0);
            winners.push((index, Won { filled, payment }));
            let place = *obligation_places.entry(bid.bidder).or_insert(obligations.len());
            if place == obligations.len() {
                obligations.push(Obligation { bidder: bid.bidder, lots: QuantityLots(0), money: Money(0) });
            }
            obligations[place].lots.0 += filled.0;
            obligations[place].money.0 += payment.0;
        }
        for award in &clearing.bidders {
            let obligation = &mut obligations[obligation_places[&award.bidder]];
            assert_eq!(obligation.lots, award.lots, "a bidder's lots are those of its bids");
            assert!(award.payment.whole <= obligation.money, "rounding never adds");
            obligation.money = award.payment.whole;
        }
        if !clearing.bidders.is_empty() {
            revenue = Money(obligations.iter().map(|obligation| obligation.money.0).sum());
        }
        self.check_supply(clearing, allocated);
        let summary = ResultSummary {
            clearing_price: clearing.price,
            total_allocated: clearing.total_allocated,
            total_bids: self.totals.real_bids,
            total_quantity: QuantityLots(self.totals.real_lots),
            total_revenue: revenue,
        };
        Outcome::new(summary, winners, killed, obligations, self.bids.count())
    }

    fn check_supply(&self, clearing: &Clearing, allocated: i128) {
        assert_eq!(allocated, i128::from(clearing.total_allocated.0), "the parts are the whole");
        let supply = i128::from(clearing.supply.0) + i128::from(clearing.oversold.0);
        assert!(allocated <= supply, "allocated lots never exceed supply");
        assert!(clearing.oversold.0 == 0 || self.may_exceed(), "only rounding up oversells");
    }

    /// Whether the allocation rule rounds awards up.
    fn may_exceed(&self) -> bool {
        self.terms.sale.allocation == Allocation::Treasury
    }
}
