//! The caller's bids as columns, judged as `walras clear` judges them, and passed over without a copy.

use std::borrow::Cow;
use std::ops::Range;

use super::boundary::{bad_length, items, items_if_given};
use super::doubles::Floats;
use super::sale::refused_bid;
use super::status::{Fault, WALRAS_BAD_ARGUMENT, WALRAS_NULL_POINTER};
use super::types::{
    WALRAS_BID_MARGINAL, WALRAS_BID_PHANTOM, WALRAS_NO_PRICE, WALRAS_OFF_GRID_STEP,
    WALRAS_REFUSED_BELOW_MIN_QUANTITY, WALRAS_REFUSED_BELOW_RESERVE, WALRAS_REFUSED_INVALID,
    WALRAS_REFUSED_NEEDS_POSITIVE_RESERVE, WALRAS_REFUSED_NOT_A_MULTIPLE, walras_bids, walras_int128,
};
use crate::clearing::{Bid, BidSource, Want};
use crate::units::{Grid, Money, PriceTicks, QuantityLots};
use crate::wire::terms::SaleTerms;

/// Bids of one sale, or of many behind each other.
#[derive(Clone)]
pub(super) struct Columns<'a> {
    prices: Cow<'a, [i64]>,
    quantities: Cow<'a, [i64]>,
    budgets: Option<&'a [walras_int128]>,
    /// Ranks in time.
    sequences: Option<Cow<'a, [u64]>>,
    bidders: Option<&'a [u32]>,
    /// Number of the first bidder where none are given: beyond those of `net_long`.
    first_bidder: u32,
    flags: Option<&'a [u8]>,
}

/// Which bids were refused, and why.
pub(super) struct Refused {
    /// By index; empty if none was.
    codes: Vec<u8>,
    count: u64,
}

impl Refused {
    /// Nobody was.
    pub const NONE: Self = Self { codes: Vec::new(), count: 0 };

    pub fn count(&self) -> u64 {
        self.count
    }

    /// Why a bid was refused; 0 if it was not.
    #[inline]
    pub fn code(&self, index: usize) -> u8 {
        self.codes.get(index).copied().unwrap_or(0)
    }
}

impl<'a> Columns<'a> {
    /// Takes the caller's arrays.
    ///
    /// # Safety
    /// Each array is null or has `bids.count` readable items that nobody writes while the result lives.
    pub unsafe fn new(bids: &walras_bids, terms: &SaleTerms) -> Result<Self, Fault> {
        let count = bids.count;
        // SAFETY: all arrays of `bids` are as the caller promises.
        unsafe {
            let budgets = items_if_given(bids.budgets, count)?;
            let flags: Option<&[u8]> = items_if_given(bids.flags, count)?;
            check_flags(flags)?;
            Ok(Self {
                prices: steps(bids.prices_ticks, bids.prices, count, terms.tick)?,
                quantities: steps(bids.quantities_lots, bids.quantities, count, terms.lot)?,
                budgets,
                sequences: items_if_given(bids.sequences, count)?.map(Cow::Borrowed),
                bidders: items_if_given(bids.bidders, count)?,
                first_bidder: u32::try_from(terms.net_long.len()).unwrap_or(u32::MAX),
                flags,
            })
        }
    }

    pub fn count(&self) -> usize {
        self.prices.len()
    }

    /// Replaces sequence numbers by ranks, so that equal ones go by position.
    pub fn ranked(mut self) -> Self {
        self.sequences = self.sequences.map(|sequences| Cow::Owned(ranks(&sequences)));
        self
    }

    /// Some of the bids, as a sale of their own.
    pub fn range(&self, range: Range<usize>) -> Columns<'_> {
        Columns {
            prices: Cow::Borrowed(&self.prices[range.clone()]),
            quantities: Cow::Borrowed(&self.quantities[range.clone()]),
            budgets: self.budgets.map(|budgets| &budgets[range.clone()]),
            sequences: self.sequences.as_ref().map(|numbers| Cow::Owned(ranks(&numbers[range.clone()]))),
            bidders: self.bidders.map(|bidders| &bidders[range.clone()]),
            first_bidder: self.first_bidder,
            flags: self.flags.map(|flags| &flags[range.clone()]),
        }
    }

    /// Prices and quantities, where there is nothing else to a bid.
    pub fn plain(&self) -> Option<(&[i64], &[i64])> {
        self.is_plain().then_some((&*self.prices, &*self.quantities))
    }

    /// Whether the clearing by itself finds every bid that is to be refused, though not why.
    pub fn are_judged_by_clearing(&self, terms: &SaleTerms) -> bool {
        self.is_plain() && terms.sale.min_bid_quantity.is_none()
    }

    /// Judges every bid. `fails_at_once`: the first refusal is an error.
    pub fn refused(&self, terms: &SaleTerms, fails_at_once: bool) -> Result<Refused, Fault> {
        let judge = Judge::new(terms);
        let mut refused = Refused { codes: Vec::new(), count: 0 };
        for (index, (&price, &quantity)) in self.prices.iter().zip(self.quantities.iter()).enumerate() {
            let budget = self.budgets.map_or(0, |budgets| budgets[index].number());
            let code = judge.code(price, quantity, budget);
            if code == 0 {
                continue;
            }
            if fails_at_once {
                return Err(refused_bid(index, word(code)));
            }
            if refused.codes.is_empty() {
                refused.codes.resize(self.count(), 0);
            }
            refused.codes[index] = code;
            refused.count += 1;
        }
        Ok(refused)
    }

    /// All bids.
    pub fn all(&self) -> Live<'_> {
        Live { columns: self, codes: &[] }
    }

    /// The bids that were taken.
    pub fn without<'b>(&'b self, refused: &'b Refused) -> Live<'b> {
        Live { columns: self, codes: &refused.codes }
    }

    /// Whether there are only prices and quantities.
    fn is_plain(&self) -> bool {
        self.budgets.is_none()
            && self.sequences.is_none()
            && self.bidders.is_none()
            && self.flags.is_none()
            && self.prices.len() == self.quantities.len()
    }

    #[inline]
    fn plain_bid(&self, index: usize, price: i64, quantity: i64) -> Bid {
        Bid {
            price: (price != WALRAS_NO_PRICE).then_some(PriceTicks(price)),
            want: Want::Quantity(QuantityLots(quantity)),
            seq: index as u64,
            bidder: self.first_bidder.wrapping_add(index as u32),
            is_phantom: false,
        }
    }

    /// One of the bids.
    #[inline]
    pub fn bid(&self, index: usize) -> Bid {
        let price = self.prices[index];
        let budget = self.budgets.map_or(0, |budgets| budgets[index].number());
        Bid {
            price: (price != WALRAS_NO_PRICE).then_some(PriceTicks(price)),
            want: if budget > 0 {
                Want::Budget(Money(budget))
            } else {
                Want::Quantity(QuantityLots(self.quantities[index]))
            },
            seq: self.sequences.as_ref().map_or(index as u64, |sequences| sequences[index]),
            bidder: self
                .bidders
                .map_or_else(|| self.first_bidder.wrapping_add(index as u32), |bidders| bidders[index]),
            is_phantom: self.flags.is_some_and(|flags| u32::from(flags[index]) & WALRAS_BID_PHANTOM != 0),
        }
    }
}

/// The bids that a clearing looks at.
pub(super) struct Live<'a> {
    columns: &'a Columns<'a>,
    /// Those with a code are left out; empty: none is.
    codes: &'a [u8],
}

impl BidSource for Live<'_> {
    #[inline]
    fn for_each(&self, mut visit: impl FnMut(&Bid)) {
        let columns = self.columns;
        // The usual case, for which the compiler needs neither bounds nor branches.
        if columns.is_plain() {
            let rows = columns.prices.iter().zip(columns.quantities.iter()).enumerate();
            let bid = |(index, (&price, &quantity))| columns.plain_bid(index, price, quantity);
            if self.codes.is_empty() {
                rows.for_each(|row| visit(&bid(row)));
            } else {
                let taken = rows.zip(self.codes).filter(|(_, code)| **code == 0);
                taken.for_each(|(row, _)| visit(&bid(row)));
            }
            return;
        }
        let taken = (0..columns.count()).filter(|&index| self.codes.get(index).is_none_or(|&code| code == 0));
        taken.for_each(|index| visit(&columns.bid(index)));
    }
}

/// What is asked of each bid; the order of the checks is that of the JSON form.
struct Judge {
    lowest: i64,
    min_quantity: i64,
    takes_budgets: bool,
}

impl Judge {
    fn new(terms: &SaleTerms) -> Self {
        Self {
            lowest: terms.sale.lowest_price().0,
            min_quantity: terms.sale.min_bid_quantity.map_or(0, |min| min.0),
            takes_budgets: terms.sale.bidder_cap().is_none(),
        }
    }

    #[inline]
    fn code(&self, price: i64, quantity: i64, budget: i128) -> u8 {
        let is_fine = budget == 0
            && quantity > 0
            && quantity >= self.min_quantity
            && (price >= self.lowest || price == WALRAS_NO_PRICE)
            && price != WALRAS_OFF_GRID_STEP;
        if is_fine { 0 } else { self.code_of_odd(price, quantity, budget) }
    }

    fn code_of_odd(&self, price: i64, quantity: i64, budget: i128) -> u8 {
        if price == WALRAS_OFF_GRID_STEP || quantity == WALRAS_OFF_GRID_STEP {
            return WALRAS_REFUSED_NOT_A_MULTIPLE;
        }
        if price < 0 && price != WALRAS_NO_PRICE {
            return WALRAS_REFUSED_INVALID;
        }
        if budget == 0 {
            if quantity <= 0 {
                return WALRAS_REFUSED_INVALID;
            }
            if quantity < self.min_quantity {
                return WALRAS_REFUSED_BELOW_MIN_QUANTITY;
            }
        } else {
            let wanted = Want::Budget(Money(budget)).lots_at(PriceTicks(self.lowest));
            if budget < 0 || quantity != 0 || !self.takes_budgets || wanted > i128::from(i64::MAX) {
                return WALRAS_REFUSED_INVALID;
            }
            if self.lowest == 0 {
                return WALRAS_REFUSED_NEEDS_POSITIVE_RESERVE;
            }
        }
        if price < self.lowest && price != WALRAS_NO_PRICE {
            return WALRAS_REFUSED_BELOW_RESERVE;
        }
        0
    }
}

fn word(code: u8) -> &'static str {
    match code {
        WALRAS_REFUSED_NOT_A_MULTIPLE => "not_a_multiple",
        WALRAS_REFUSED_NEEDS_POSITIVE_RESERVE => "needs_positive_reserve",
        WALRAS_REFUSED_BELOW_MIN_QUANTITY => "below_min_quantity",
        WALRAS_REFUSED_BELOW_RESERVE => "below_reserve",
        _ => "invalid",
    }
}

fn check_flags(flags: Option<&[u8]>) -> Result<(), Fault> {
    let known = (WALRAS_BID_PHANTOM | WALRAS_BID_MARGINAL) as u8;
    match flags.into_iter().flatten().position(|flag| flag & !known != 0) {
        Some(index) => Err(Fault::new(WALRAS_BAD_ARGUMENT, format!("bid {index} has an unknown flag"))),
        None => Ok(()),
    }
}

/// A column of whole steps, given as such or as floats.
///
/// # Safety
/// Both arrays are null or have `count` readable items that nobody writes while the result lives.
unsafe fn steps<'a>(
    whole: *const i64,
    floats: *const f64,
    count: u64,
    grid: Grid,
) -> Result<Cow<'a, [i64]>, Fault> {
    // SAFETY: both arrays are as the caller promises.
    unsafe {
        match (whole.is_null(), floats.is_null()) {
            (false, true) => items(whole, count).map(Cow::Borrowed),
            (true, false) => {
                let odd = |float: f64| if float.is_nan() { WALRAS_NO_PRICE } else { WALRAS_OFF_GRID_STEP };
                Ok(Cow::Owned(Floats::on(grid).column(items(floats, count)?, odd)))
            }
            (true, true) if count == 0 => Ok(Cow::Borrowed(&[])),
            (true, true) => Err(Fault::new(WALRAS_NULL_POINTER, "prices and quantities must be given")),
            (false, false) => Err(bad_length("a column is given both in whole steps and as floats")),
        }
    }
}

/// The rank of each number, equal ones by position.
fn ranks(numbers: &[u64]) -> Vec<u64> {
    let mut by_number: Vec<usize> = (0..numbers.len()).collect();
    by_number.sort_by_key(|&place| numbers[place]);
    let mut ranks = vec![0; numbers.len()];
    for (rank, place) in by_number.into_iter().enumerate() {
        ranks[place] = rank as u64;
    }
    ranks
}
