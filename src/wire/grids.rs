//! The two grids of an auction, by which its numbers become decimals.

use crate::engine::Terms;
use crate::units::{Grid, Money};

/// An auction's grids: of prices and of quantities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grids {
    /// Grid of prices.
    pub tick: Grid,
    /// Grid of quantities.
    pub lot: Grid,
}

impl Grids {
    /// The grids that an auction's terms name.
    pub fn of(terms: &Terms) -> Self {
        Self { tick: terms.tick, lot: terms.lot }
    }

    /// Appends a quantity that may lie beyond one bid's range.
    pub(super) fn write_lots(self, lots: i128, out: &mut Vec<u8>) {
        match (i64::try_from(lots), Grid::parse("1")) {
            (Err(_), Ok(one)) => one.times(self.lot).write(Money(lots), out),
            (count, _) => self.lot.write(count.unwrap_or(i64::MAX), out),
        }
    }

    /// Appends an amount of money.
    pub(super) fn write_money(self, money: Money, out: &mut Vec<u8>) {
        self.tick.times(self.lot).write(money, out);
    }
}
