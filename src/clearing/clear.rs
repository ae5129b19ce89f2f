//! Clearing a whole sale: price, margin, shares, money.
//!
//! For the ordinary rules that is three passes over the bids and no copy of them: one that surveys, one that sums
//! them by price, one that gathers those near the price. Caps and all-or-none change bids
//! before the price is found, so they work on a copy.

use std::cmp::Ordering;

use rustc_hash::FxHashMap;

use super::allocation::{Claim, Share};
use super::bid::{Bid, BidSource};
use super::caps::{self, Cut};
use super::interval::{Market, Survey, Vicinity, interval};
use super::kill;
use super::payment::{Average, Payment};
use super::price::{Outcome, PriceRule, Undersubscribed};
use super::result::{BidderAward, ClearError, Clearing, Rules};
use super::terms::{Allocation, Terms};
use crate::units::{PriceTicks, QuantityLots};

/// Clears a sale: the price, who gets what, and what that costs.
///
/// The order in which the source gives its bids makes no difference, but to the order of
/// [`Clearing::bidders`]. Fails only on bids that entry should have refused, or where awards that
/// are rounded up leave 64 bits.
pub fn clear(terms: &Terms, bids: &(impl BidSource + ?Sized)) -> Result<Clearing, ClearError> {
    let placed = Survey::new(terms, bids)?;
    if terms.is_ordinary() {
        let (cuts, killed) = (Vec::new(), Vec::new());
        return Sale { terms, placed, survey: placed, bids, cuts, killed }.settle();
    }
    let mut left = Vec::new();
    bids.for_each(|bid| left.push(*bid));
    refuse_doubles(&left)?;
    let mut cuts = caps::strike(terms, &mut left);
    let mut killed = Vec::new();
    if !terms.allow_partial_fills {
        killed = cuts.iter().map(|cut| cut.seq).collect();
        let passed_over = kill::kill(terms, &mut left)?;
        cuts.extend(passed_over.iter().map(|&seq| Cut { seq, lots: 0 }));
        cuts.sort_unstable();
        killed.extend(passed_over);
    }
    let survey = Survey::new(terms, &left)?;
    Sale { terms, placed, survey, bids: &left, cuts, killed }.settle()
}

fn refuse_doubles(bids: &[Bid]) -> Result<(), ClearError> {
    let mut seqs: Vec<u64> = bids.iter().map(|bid| bid.seq).collect();
    seqs.sort_unstable();
    match seqs.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(ClearError::DuplicateSeq { seq: pair[0] }),
        None => Ok(()),
    }
}

/// Where a sale clears.
pub(super) struct Position {
    pub interval: (PriceTicks, PriceTicks),
    pub price: PriceTicks,
    /// Whether demand at the lowest price is short of the supply there.
    pub is_short: bool,
    /// Bids around the price, if the search for it has gathered them.
    near: Option<Vicinity>,
}

impl Position {
    pub fn find(terms: &Terms, survey: &Survey, bids: &(impl BidSource + ?Sized)) -> Self {
        let lowest = PriceTicks(survey.market.lowest);
        if survey.is_short(&terms.supply) {
            let price = match terms.undersubscribed {
                Undersubscribed::LowestBid => survey.market.lowest_real(bids).unwrap_or(lowest),
                Undersubscribed::Reserve | Undersubscribed::Cancel => lowest,
            };
            return Self { interval: (lowest, lowest), price, is_short: true, near: None };
        }
        let ((lo, hi), near) = interval(survey, &terms.supply, bids);
        let price = match terms.price_rule {
            PriceRule::Hrb => lo,
            PriceRule::Mid => PriceTicks(lo.0 + (hi.0 - lo.0) / 2),
            PriceRule::Lab | PriceRule::PayAsBid => hi,
        };
        Self { interval: (lo, hi), price, is_short: false, near }
    }
}

/// Demand around a price, and the bids that compete for the lots at it.
#[derive(Debug, Default)]
pub(super) struct Margin {
    price: PriceTicks,
    /// Lots wanted above the price and at it, by all.
    above: i128,
    at: i128,
    /// The same of real bids.
    real_above: i128,
    real_at: i128,
    /// What real price takers at the price want.
    takers_wanted: i128,
    takers: Vec<Claim>,
    limits: Vec<Claim>,
}

impl Margin {
    /// Gathers the real bids at the price of a position.
    pub fn of(position: &Position, survey: &Survey, bids: &(impl BidSource + ?Sized)) -> Self {
        match &position.near {
            Some(near) if near.covers(position.price) && survey.phantom_count == 0 => {
                Self::among(position.price, near)
            }
            _ => Self::at(position.price, survey.market, bids),
        }
    }

    /// Gathers the bids at a price from those around it, of which none is a phantom.
    fn among(price: PriceTicks, near: &Vicinity) -> Self {
        let mut margin = Self { price, above: near.above, ..Self::default() };
        for bid in &near.bids {
            let lots = i128::from(bid.lots);
            match bid.level.cmp(&price.0) {
                Ordering::Greater => margin.above += lots,
                Ordering::Equal => {
                    margin.at += lots;
                    margin.claim((bid.lots, bid.seq), bid.is_taker);
                }
                Ordering::Less => {}
            }
        }
        margin.real_above = margin.above;
        margin
    }

    /// Gathers the real bids at a price.
    fn at(price: PriceTicks, market: Market, bids: &(impl BidSource + ?Sized)) -> Self {
        let mut margin = Self { price, ..Self::default() };
        bids.for_each(|bid| {
            let level = market.level(bid);
            let lots = bid.want.lots_at(price);
            if level == price.0 {
                margin.at += lots;
                if !bid.is_phantom {
                    margin.claim_of(bid, lots);
                }
                return;
            }
            // Whether a bid is above the price cannot be foreseen: masks cost less than branches that are wrong.
            let above = lots & -i128::from(level > price.0);
            margin.above += above;
            margin.real_above += above & -i128::from(!bid.is_phantom);
        });
        margin
    }

    /// Gathers all real bids at or above a price as if they were at it; price takers wherever they are.
    fn at_or_above(price: PriceTicks, market: Market, bids: &(impl BidSource + ?Sized)) -> Self {
        let mut margin = Self { price, ..Self::default() };
        bids.for_each(|bid| {
            if market.level(bid) >= price.0 && !bid.is_phantom {
                margin.claim_of(bid, bid.want.lots_at(price));
            }
        });
        margin
    }

    fn claim_of(&mut self, bid: &Bid, lots: i128) {
        // The survey has seen to it that one bid's lots fit 63 bits.
        self.claim((lots as u64, bid.seq), bid.price.is_none());
    }

    fn claim(&mut self, claim: Claim, is_taker: bool) {
        let lots = i128::from(claim.0);
        self.real_at += lots;
        if is_taker {
            self.takers_wanted += lots;
            self.takers.push(claim);
        } else {
            self.limits.push(claim);
        }
    }

    /// What real bids take at or above the price, the price being what it is.
    fn allocated(&self, terms: &Terms) -> i128 {
        (self.real_above + self.real_at).min(i128::from(terms.supply.at(self.price).lots.0))
    }

    /// Lots there are for the real bids at the price.
    pub fn available(&self, terms: &Terms) -> i128 {
        (self.allocated(terms) - self.real_above).max(0)
    }

    /// Shares lots out: the rule for price takers, who come first, that for limit bids, and how many are given.
    fn share(&mut self, terms: &Terms, available: i128) -> Result<(Share, Share, i128), ClearError> {
        let for_takers = available.min(self.takers_wanted);
        let (takers, to_takers) = Share::new(terms, for_takers, self.takers_wanted, &mut self.takers)?;
        let limits_wanted = self.real_at - self.takers_wanted;
        let (limits, to_limits) = Share::new(terms, available - for_takers, limits_wanted, &mut self.limits)?;
        Ok((takers, limits, to_takers + to_limits))
    }
}

/// The bids as they count in a sale, and what was done to them.
struct Sale<'a, B: ?Sized> {
    terms: &'a Terms,
    /// Of the bids as they were placed.
    placed: Survey,
    /// Of the bids as they count.
    survey: Survey,
    bids: &'a B,
    cuts: Vec<Cut>,
    killed: Vec<u64>,
}

impl<B: BidSource + ?Sized> Sale<'_, B> {
    /// Finds the price and everything that follows from it.
    fn settle(self) -> Result<Clearing, ClearError> {
        let position = Position::find(self.terms, &self.survey, self.bids);
        let mut margin = Margin::of(&position, &self.survey, self.bids);
        let allocated = margin.allocated(self.terms);
        let outcome = match (allocated, position.is_short, self.terms.undersubscribed) {
            (0, _, _) => Outcome::NoSale,
            (_, true, Undersubscribed::Cancel) => Outcome::Cancelled,
            (_, true, _) => Outcome::Undersubscribed,
            (_, false, _) => Outcome::Cleared,
        };
        if !matches!(outcome, Outcome::Cleared | Outcome::Undersubscribed) {
            return Ok(self.without_sale(outcome, &position));
        }
        let available = margin.available(self.terms);
        let (mut rules, given) = self.rules(&mut margin)?;
        let total_allocated = QuantityLots(i64::try_from(given).map_err(|_| ClearError::Overflow)?);
        let may_oversell = self.terms.allocation == Allocation::Treasury;
        assert!(given <= allocated || may_oversell, "{given} lots given where {allocated} are to be had");
        let (revenue, bidders) = self.collect(&mut rules, total_allocated)?;
        if self.terms.min_revenue.is_some_and(|least| revenue.is_below(least.ratio)) {
            return Ok(self.without_sale(Outcome::Cancelled, &position));
        }
        let mut clearing = self.figures(outcome, &position, &margin, rules);
        clearing.marginal_available = available;
        clearing.total_allocated = total_allocated;
        clearing.unsold = QuantityLots((clearing.supply.0 - total_allocated.0).max(0));
        clearing.oversold = QuantityLots((total_allocated.0 - clearing.supply.0).max(0));
        clearing.revenue = revenue;
        clearing.bidders = bidders;
        Ok(clearing)
    }

    /// A result in which nothing sells: all figures are as of the lowest price of the sale.
    fn without_sale(self, outcome: Outcome, position: &Position) -> Clearing {
        let price = PriceTicks(self.survey.market.lowest);
        let margin = Margin::at(price, self.survey.market, self.bids);
        let rules = Rules {
            market: self.survey.market,
            price: price.0,
            sells: false,
            takers: Share::Nothing,
            above: Share::Nothing,
            at: Share::Nothing,
            cuts: self.cuts.clone(),
            pays_own_price: false,
            average: None,
        };
        let mut clearing = self.figures(outcome, position, &margin, rules);
        clearing.price = None;
        clearing.unsold = clearing.supply;
        clearing
    }

    /// What each bid gets, and how many lots that is together.
    fn rules(&self, margin: &mut Margin) -> Result<(Rules, i128), ClearError> {
        let market = self.survey.market;
        let price = margin.price;
        let (takers, above, at, given) = if self.terms.allocation == Allocation::ProRataDemand {
            let available = margin.allocated(self.terms);
            let mut all = Margin::at_or_above(price, market, self.bids);
            let (takers, limits, given) = all.share(self.terms, available)?;
            (takers, limits, limits, given)
        } else {
            let (takers, limits, given) = margin.share(self.terms, margin.available(self.terms))?;
            let takers = if market.top > price.0 { Share::All } else { takers };
            (takers, Share::All, limits, margin.real_above + given)
        };
        let rules = Rules {
            market,
            price: price.0,
            sells: true,
            takers,
            above,
            at,
            cuts: self.cuts.clone(),
            pays_own_price: self.terms.price_rule == PriceRule::PayAsBid,
            average: None,
        };
        Ok((rules, given))
    }

    /// What the seller gets, and with a money unit what each bidder pays.
    fn collect(
        &self,
        rules: &mut Rules,
        total_allocated: QuantityLots,
    ) -> Result<(Payment, Vec<BidderAward>), ClearError> {
        if rules.pays_own_price && self.survey.has_price_takers {
            let (mut paid, mut lots) = (0_i128, 0_i128);
            self.bids.for_each(|bid| {
                if bid.price.is_some() {
                    let won = rules.fill(bid);
                    lots += i128::from(won);
                    paid += rules.payment(bid, won).whole.0;
                }
            });
            rules.average = Average::new(paid, lots);
        }
        if let Some(unit) = self.terms.money_unit {
            let mut bidders = self.by_bidder(rules)?;
            let mut revenue = Payment::ZERO;
            for award in &mut bidders {
                award.payment = award.payment.rounded_down(unit.ratio).ok_or(ClearError::Overflow)?;
                revenue = revenue.checked_add(award.payment).ok_or(ClearError::Overflow)?;
            }
            return Ok((revenue, bidders));
        }
        if !rules.pays_own_price {
            return Ok((Payment::from_whole(PriceTicks(rules.price).times(total_allocated)), Vec::new()));
        }
        let mut revenue = Some(Payment::ZERO);
        self.bids.for_each(|bid| {
            let payment = rules.payment(bid, rules.fill(bid));
            revenue = revenue.and_then(|sum| sum.checked_add(payment));
        });
        Ok((revenue.ok_or(ClearError::Overflow)?, Vec::new()))
    }

    /// Lots and exact payments of every winner.
    fn by_bidder(&self, rules: &Rules) -> Result<Vec<BidderAward>, ClearError> {
        let mut places: FxHashMap<u32, usize> = FxHashMap::default();
        let mut awards: Vec<BidderAward> = Vec::new();
        let mut is_countable = true;
        self.bids.for_each(|bid| {
            let lots = rules.fill(bid);
            if lots == 0 {
                return;
            }
            let place = *places.entry(bid.bidder).or_insert(awards.len());
            if place == awards.len() {
                let (lots, payment) = (QuantityLots(0), Payment::ZERO);
                awards.push(BidderAward { bidder: bid.bidder, lots, payment });
            }
            let award = &mut awards[place];
            // No more lots are won altogether than 64 bits hold.
            award.lots.0 += lots as i64;
            match award.payment.checked_add(rules.payment(bid, lots)) {
                Some(payment) => award.payment = payment,
                None => is_countable = false,
            }
        });
        if is_countable { Ok(awards) } else { Err(ClearError::Overflow) }
    }

    /// The result's figures at the margin's price, with nothing allocated yet.
    fn figures(self, outcome: Outcome, position: &Position, margin: &Margin, rules: Rules) -> Clearing {
        Clearing {
            outcome,
            price: Some(margin.price),
            interval: position.interval,
            indicative_price: margin.price,
            supply: self.terms.supply.at(margin.price).lots,
            demand_at_or_above: margin.above + margin.at,
            demand_above: margin.above,
            marginal_demand: margin.real_at,
            marginal_available: 0,
            total_allocated: QuantityLots(0),
            unsold: QuantityLots(0),
            oversold: QuantityLots(0),
            revenue: Payment::ZERO,
            total_bids: self.placed.bid_count - self.placed.phantom_count,
            total_quantity: self.placed.real_demand,
            phantom_bids: self.placed.phantom_count,
            killed: self.killed,
            bidders: Vec::new(),
            rules,
        }
    }
}
