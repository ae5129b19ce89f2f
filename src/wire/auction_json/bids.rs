//! The bids of an auction document: each taken, or refused with the first code that applies.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::super::document::{Members, Unread, Value};
use super::super::terms::SaleTerms;
use super::Auction;
use crate::clearing::{Bid, Want};
use crate::units::{Decimal, Grid, GridError, Money, MoneyGrid, PriceTicks, QuantityLots, Reading};

/// Why a bid was refused. The first that applies wins, in this order, except that an unreadable number is
/// `Invalid` where it stands in the order price, budget, quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalCode {
    /// Price, budget or quantity is off its grid.
    NotAMultiple,
    /// Anything else is wrong with the one bid.
    Invalid,
    /// A budget where the price may be 0.
    NeedsPositiveReserve,
    /// The quantity is below the smallest.
    BelowMinQuantity,
    /// The limit is below the lowest price of the sale.
    BelowReserve,
}

impl RefusalCode {
    /// The word of the result.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAMultiple => "not_a_multiple",
            Self::Invalid => "invalid",
            Self::NeedsPositiveReserve => "needs_positive_reserve",
            Self::BelowMinQuantity => "below_min_quantity",
            Self::BelowReserve => "below_reserve",
        }
    }
}

/// Takes the bids one by one.
pub(super) fn read(terms: SaleTerms, unread: Unread) -> Auction {
    let mut entry = Entry::new(&terms);
    let mut position = 0;
    unread.for_each(|value| {
        entry.take(position, value);
        position += 1;
    });
    let Entry { taken, mut bidders, refused, .. } = entry;
    let (mut bids, ids, seqs) = taken;
    let mut by_time: Vec<usize> = (0..bids.len()).collect();
    by_time.sort_by_key(|&place| seqs[place]);
    for (rank, place) in by_time.into_iter().enumerate() {
        bids[place].seq = rank as u64;
    }
    let mut terms = terms;
    for (name, lots) in &terms.net_long {
        terms.sale.net_long.insert(bidders.number(Cow::Borrowed(name)), *lots);
    }
    Auction { terms, bids, ids, bidders: bidders.names, refused }
}

/// The bidders' names, numbered as they come.
#[derive(Default)]
struct Bidders {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
}

impl Bidders {
    fn number(&mut self, name: Cow<str>) -> u32 {
        if let Some(number) = self.numbers.get(&*name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.to_string());
        self.numbers.insert(name.into_owned(), number);
        number
    }
}

/// Bids on their way in.
struct Entry<'t> {
    terms: &'t SaleTerms,
    lowest: PriceTicks,
    money: MoneyGrid,
    /// Bids, ids, and sequence numbers as given.
    taken: (Vec<Bid>, Vec<String>, Vec<u64>),
    bidders: Bidders,
    known: HashSet<String>,
    refused_ids: HashSet<String>,
    refused: Vec<(String, RefusalCode)>,
}

/// A number on a grid: there, absent, or out of range.
enum Count<T> {
    At(T),
    Absent,
    OutOfRange,
}

/// A bid that was taken.
struct Taken<'a> {
    price: Option<PriceTicks>,
    want: Want,
    seq: u64,
    bidder: Option<Cow<'a, str>>,
    is_phantom: bool,
}

impl<'t> Entry<'t> {
    fn new(terms: &'t SaleTerms) -> Self {
        Self {
            terms,
            lowest: terms.sale.lowest_price(),
            money: terms.money(),
            taken: Default::default(),
            bidders: Bidders::default(),
            known: HashSet::new(),
            refused_ids: HashSet::new(),
            refused: Vec::new(),
        }
    }

    fn take(&mut self, position: usize, value: Value) {
        let mut members = match value {
            Value::Object(members) => members,
            _ => return self.refuse(format!("bids[{position}]"), RefusalCode::Invalid),
        };
        let id = match name(take(&mut members, "id")) {
            Ok(Some(id)) => id.into_owned(),
            Ok(None) | Err(()) => return self.refuse(format!("bids[{position}]"), RefusalCode::Invalid),
        };
        let is_new = self.known.insert(id.clone());
        match self.judge(members, position, is_new) {
            Err(code) => self.refuse(id, code),
            Ok(taken) => {
                let bidder = self.bidders.number(taken.bidder.unwrap_or(Cow::Borrowed(&id)));
                let Taken { price, want, seq, is_phantom, .. } = taken;
                self.taken.0.push(Bid { price, want, seq, bidder, is_phantom });
                self.taken.1.push(id);
                self.taken.2.push(seq);
            }
        }
    }

    /// The first code of an id counts.
    fn refuse(&mut self, id: String, code: RefusalCode) {
        if self.refused_ids.insert(id.clone()) {
            self.refused.push((id, code));
        }
    }

    fn judge<'a>(
        &self,
        mut members: Members<'a>,
        position: usize,
        is_new: bool,
    ) -> Result<Taken<'a>, RefusalCode> {
        let has_price = members.iter().any(|member| member.0 == "price");
        let price = on_grid(take(&mut members, "price"), |text| read_steps(self.terms.tick, text))?;
        let budget = on_grid(take(&mut members, "budget"), |text| self.money.read(text))?;
        let quantity = on_grid(take(&mut members, "quantity"), |text| read_steps(self.terms.lot, text))?;
        let price = match price {
            Count::At(price) if price >= 0 => Some(PriceTicks(price)),
            Count::Absent if has_price => None,
            _ => return Err(RefusalCode::Invalid),
        };
        let want = match (quantity, budget) {
            (Count::At(lots), Count::Absent) if lots > 0 => Want::Quantity(QuantityLots(lots)),
            (Count::Absent, Count::At(money)) if money.0 > 0 => self.budget(money)?,
            _ => return Err(RefusalCode::Invalid),
        };
        let taken = rest(members, position, price, want).ok_or(RefusalCode::Invalid)?;
        if !is_new {
            return Err(RefusalCode::Invalid);
        }
        self.judge_by_terms(&taken)?;
        Ok(taken)
    }

    /// A budget in a sale that can take it.
    fn budget(&self, money: Money) -> Result<Want, RefusalCode> {
        let want = Want::Budget(money);
        let is_countable = want.lots_at(self.lowest) <= i128::from(i64::MAX);
        if self.terms.sale.bidder_cap().is_some() || !is_countable {
            return Err(RefusalCode::Invalid);
        }
        Ok(want)
    }

    fn judge_by_terms(&self, bid: &Taken) -> Result<(), RefusalCode> {
        match bid.want {
            Want::Budget(_) if self.lowest.0 == 0 => return Err(RefusalCode::NeedsPositiveReserve),
            Want::Quantity(lots) if self.terms.sale.min_bid_quantity.is_some_and(|min| lots < min) => {
                return Err(RefusalCode::BelowMinQuantity);
            }
            Want::Budget(_) | Want::Quantity(_) => {}
        }
        if bid.price.is_some_and(|price| price < self.lowest) {
            return Err(RefusalCode::BelowReserve);
        }
        Ok(())
    }
}

/// Everything about a bid but its numbers; `None` if any of it is wrong.
fn rest<'a>(
    mut members: Members<'a>,
    position: usize,
    price: Option<PriceTicks>,
    want: Want,
) -> Option<Taken<'a>> {
    let seq = match take(&mut members, "seq") {
        None => position as u64,
        Some(Value::Number(text)) => whole(text)?,
        Some(Value::Text(text)) => whole(&text)?,
        Some(_) => return None,
    };
    let bidder = name(take(&mut members, "bidder")).ok()?;
    let is_phantom = flag(take(&mut members, "is_phantom"))?;
    // The mark of the bidder's own analytics: checked, and of no effect.
    flag(take(&mut members, "is_marginal"))?;
    members.is_empty().then_some(Taken { price, want, seq, bidder, is_phantom })
}

/// Takes a member out; `null` is as good as absent.
fn take<'a>(members: &mut Members<'a>, key: &str) -> Option<Value<'a>> {
    let index = members.iter().position(|member| member.0 == key)?;
    let (_, value) = members.swap_remove(index);
    (value != Value::Null).then_some(value)
}

/// A text, or the digits of a number.
fn name<'a>(value: Option<Value<'a>>) -> Result<Option<Cow<'a, str>>, ()> {
    match value {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(Value::Number(text)) => Ok(Some(Cow::Borrowed(text))),
        Some(_) => Err(()),
    }
}

fn flag(value: Option<Value>) -> Option<bool> {
    match value {
        None => Some(false),
        Some(Value::Bool(value)) => Some(value),
        Some(_) => None,
    }
}

fn whole(text: &str) -> Option<u64> {
    let number = Decimal::parse(text).ok()?;
    u64::try_from(number.mantissa()).ok().filter(|_| number.scale() == 0)
}

fn read_steps(grid: Grid, text: &str) -> Result<i64, GridError> {
    grid.read(text, Reading::Exact)
}

/// Off the grid and unreadable are refused here and now.
fn on_grid<T>(
    value: Option<Value>,
    read: impl FnOnce(&str) -> Result<T, GridError>,
) -> Result<Count<T>, RefusalCode> {
    let result = match &value {
        None => return Ok(Count::Absent),
        Some(Value::Number(text)) => read(text),
        Some(Value::Text(text)) => read(text),
        Some(_) => return Err(RefusalCode::Invalid),
    };
    match result {
        Ok(count) => Ok(Count::At(count)),
        Err(GridError::OutOfRange { .. }) => Ok(Count::OutOfRange),
        Err(GridError::OffGrid { .. }) => Err(RefusalCode::NotAMultiple),
        Err(GridError::Unreadable) => Err(RefusalCode::Invalid),
    }
}
