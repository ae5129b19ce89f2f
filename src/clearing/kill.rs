//! All-or-none bids, by the kill rule.
//!
//! At the margin bids are taken in priority order; one that does not fit is passed over. All that were passed
//! over are removed, and the sale is cleared again as if they had never been placed, until nobody
//! is passed over. The price can only fall, so a bid above it is safe for good, and each round needs
//! to look only at the bids of one price. There may be as many rounds as prices.

use std::cmp::Reverse;

use rustc_hash::FxHashSet;

use super::bid::{Bid, Want};
use super::clear::{Margin, Position};
use super::demand::{BidKind, Demand};
use super::index::DemandIndex;
use super::interval::{Market, Survey};
use super::terms::{Allocation, Terms};
use super::{ClearError, Outcome};
use crate::units::PriceTicks;

/// Removes the bids that do not fit, and gives their sequence numbers by round, within a round by number.
pub(super) fn kill(terms: &Terms, bids: &mut Vec<Bid>) -> Result<Vec<u64>, ClearError> {
    let survey = Survey::new(terms, bids)?;
    if survey.has_budgets || i64::try_from(survey.demand).is_err() {
        return kill_by_clearing(terms, bids);
    }
    let mut book = Book::new(terms, survey.market, bids);
    let mut killed = Vec::new();
    while let Some(round) = book.round(terms) {
        killed.extend(round);
    }
    let gone: FxHashSet<u64> = killed.iter().copied().collect();
    bids.retain(|bid| !gone.contains(&bid.seq));
    Ok(killed)
}

/// Priority among bids at one price, first first: price takers, then by the rule of the allocation.
fn rank(terms: &Terms, bid: &Bid, lots: i128) -> (bool, Reverse<i128>, u64) {
    let size = if terms.allocation == Allocation::SizeTime { lots } else { 0 };
    (bid.price.is_some(), Reverse(size), bid.seq)
}

/// Of claims in priority order, the places of those that do not fit into `available`.
fn passed_over(available: i128, claims: impl Iterator<Item = (usize, i128)>) -> Vec<usize> {
    let mut left = available;
    let mut passed = Vec::new();
    for (place, lots) in claims {
        if lots <= left {
            left -= lots;
        } else {
            passed.push(place);
        }
    }
    passed
}

/// Bids by price and priority, beside an index that knows the price after every removal.
struct Book {
    index: DemandIndex,
    /// Real bids without a price, in priority order.
    takers: Vec<Entry>,
    /// Bids with a price, phantoms among them, the highest price first, within a price in priority order.
    limits: Vec<Entry>,
    /// The first of `limits` that is alive: price takers count at its price.
    first_alive: usize,
}

struct Entry {
    bid: Bid,
    level: i64,
    is_alive: bool,
}

impl Entry {
    fn lots(&self) -> i128 {
        self.bid.want.lots_at(PriceTicks(0))
    }

    fn demand(&self) -> Demand {
        let Want::Quantity(lots) = self.bid.want else { unreachable!("books hold quantities only") };
        let kind = if self.bid.is_phantom { BidKind::Phantom } else { BidKind::Real };
        Demand { price: self.bid.price, lots, kind }
    }
}

impl Book {
    fn new(terms: &Terms, market: Market, bids: &[Bid]) -> Self {
        let entries = bids.iter().map(|&bid| Entry { bid, level: market.level(&bid), is_alive: true });
        let (mut takers, mut limits): (Vec<_>, Vec<_>) = entries.partition(|entry| entry.bid.price.is_none());
        let mut index = DemandIndex::new(terms.pricing());
        for entry in takers.iter().chain(&limits) {
            index.add(entry.demand()).expect("the survey has checked each bid and the sum of all");
        }
        takers.retain(|entry| !entry.bid.is_phantom);
        takers.sort_unstable_by_key(|entry| rank(terms, &entry.bid, entry.lots()));
        limits.sort_unstable_by_key(|entry| (Reverse(entry.level), rank(terms, &entry.bid, entry.lots())));
        Self { index, takers, limits, first_alive: 0 }
    }

    /// One round: the numbers of the bids removed, or nothing when all fit.
    fn round(&mut self, terms: &Terms) -> Option<Vec<u64>> {
        let quote = self.index.quote();
        if quote.outcome != Outcome::Cleared {
            // Short of demand all fit; without a sale there is no margin.
            return None;
        }
        let price = quote.price.0;
        let takers_end = if price == self.top(terms) { self.takers.len() } else { 0 };
        let start = self.limits.partition_point(|entry| entry.level > price);
        let end = self.limits.partition_point(|entry| entry.level >= price);
        let margin = self.takers[..takers_end].iter().chain(&self.limits[start..end]).enumerate();
        let claims = margin.filter(|(_, entry)| entry.is_alive && !entry.bid.is_phantom);
        let claims = claims.map(|(place, entry)| (place, entry.lots()));
        let passed = passed_over(i128::from(quote.marginal_available.0), claims);
        if passed.is_empty() {
            return None;
        }
        let mut killed = Vec::with_capacity(passed.len());
        for place in passed {
            let entry = match place.checked_sub(takers_end) {
                None => &mut self.takers[place],
                Some(place) => &mut self.limits[start + place],
            };
            entry.is_alive = false;
            self.index.remove(entry.demand()).expect("it was added and never removed");
            killed.push(entry.bid.seq);
        }
        killed.sort_unstable();
        Some(killed)
    }

    /// Where price takers count now.
    fn top(&mut self, terms: &Terms) -> i64 {
        while self.limits.get(self.first_alive).is_some_and(|entry| !entry.is_alive) {
            self.first_alive += 1;
        }
        let highest = self.limits.get(self.first_alive).map_or(terms.lowest_price().0, |entry| entry.level);
        terms.supply.ceiling().map_or(highest, |ceiling| ceiling.0)
    }
}

/// The same for bids whose quantity depends on the price, or sums beyond 64 bits: a whole clearing each round.
fn kill_by_clearing(terms: &Terms, bids: &mut Vec<Bid>) -> Result<Vec<u64>, ClearError> {
    let mut killed = Vec::new();
    loop {
        let survey = Survey::new(terms, bids)?;
        let position = Position::find(terms, &survey, bids);
        let margin = Margin::of(&position, &survey, bids);
        if position.is_short || terms.supply.at(position.price).lots.0 == 0 {
            return Ok(killed);
        }
        let price = position.price;
        let is_claim = |bid: &Bid| !bid.is_phantom && survey.market.level(bid) == price.0;
        let mut claims: Vec<usize> = (0..bids.len()).filter(|&index| is_claim(&bids[index])).collect();
        claims.sort_unstable_by_key(|&index| rank(terms, &bids[index], bids[index].want.lots_at(price)));
        let available = margin.available(terms);
        let passed =
            passed_over(available, claims.iter().map(|&index| (index, bids[index].want.lots_at(price))));
        if passed.is_empty() {
            return Ok(killed);
        }
        let gone: FxHashSet<usize> = passed.into_iter().collect();
        let first = killed.len();
        killed.extend(gone.iter().map(|&index| bids[index].seq));
        killed[first..].sort_unstable();
        let mut index = 0;
        bids.retain(|_| {
            index += 1;
            !gone.contains(&(index - 1))
        });
    }
}
