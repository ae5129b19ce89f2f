//! From number texts to lots and ticks, once the auction's grids are known.
//!
//! What cannot be put on the grids comes back with everything that its rejection
//! says, since it is judged at its place in the order: an auction that has ended
//! refuses before a number off the grid does.

use std::ops::RangeInclusive;

use super::fields::decimal_text;
use super::message::{BidPayload, NumberText, Unsupported};
use crate::limits::{PRICE_TICKS_MAX, QUANTITY_LOTS_MAX};
use crate::units::{Decimal, Grid, GridError, PriceTicks, QuantityLots, Reading};
use crate::wire::Grids;
use crate::wire::json::write_text;

/// Longest text that is repeated in a rejection, in characters.
const VALUE_CHARS_MAX: usize = 64;

/// A bid's numbers on its auction's grids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BidNumbers {
    /// Lots wanted: positive.
    pub quantity: QuantityLots,
    /// Highest price: not negative; `None` for a price taker.
    pub price: Option<PriceTicks>,
}

/// An amendment's numbers on its auction's grids, as far as they change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AmendedNumbers {
    /// The new quantity: positive.
    pub quantity: Option<QuantityLots>,
    /// The new price: not negative.
    pub price: Option<PriceTicks>,
}

/// Why numbers could not be put on the grids, in the words of their rejection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableNumbers {
    /// For people.
    pub message: Box<str>,
    /// The members of `details` as JSON text without braces.
    pub details: Box<str>,
    /// The quantity as a JSON value, `null` where it has none.
    pub quantity: Box<str>,
    /// The price as a JSON value, `null` where it has none.
    pub price: Box<str>,
}

/// Puts a bid on its auction's grids. Price is looked at first, then quantity.
#[inline]
pub fn read_bid(bid: &BidPayload<'_>, grids: Grids) -> Result<BidNumbers, Box<UnreadableNumbers>> {
    let given = Given { quantity: bid.quantity, price: bid.price };
    let numbers = given.read(bid.unsupported, grids)?;
    match numbers.quantity {
        Some(quantity) => Ok(BidNumbers { quantity, price: numbers.price }),
        None => Err(given.with("quantity is missing".into(), r#""field":"quantity""#.into())),
    }
}

/// Puts an amendment on its auction's grids. Price is looked at first, then quantity.
pub fn read_amendment(
    quantity: Option<NumberText<'_>>,
    price: Option<NumberText<'_>>,
    unsupported: Option<Unsupported>,
    grids: Grids,
) -> Result<AmendedNumbers, Box<UnreadableNumbers>> {
    Given { quantity, price }.read(unsupported, grids)
}

/// The least count of lots that is not below a quantity, for filters: off the grid it is the next one up.
pub fn lots_at_least(quantity: NumberText<'_>, lot: Grid) -> QuantityLots {
    QuantityLots(match lot.read(quantity.text, quantity.reading) {
        Ok(lots) => lots,
        Err(GridError::OffGrid { nearest, .. }) => {
            let nearest = lot.read(&nearest, Reading::Exact).unwrap_or(i64::MAX);
            let is_below = steps_compared(quantity.text, lot, nearest).is_none_or(|steps| steps.is_gt());
            nearest.saturating_add(i64::from(is_below))
        }
        Err(GridError::OutOfRange { .. } | GridError::Unreadable) => i64::MAX,
    })
}

/// How a number compares with a count of steps; `None` where that takes more than 128 bits.
fn steps_compared(text: &str, grid: Grid, count: i64) -> Option<std::cmp::Ordering> {
    let number = Decimal::parse(text).ok()?;
    let scaled = |mantissa: i128, scale: u32| mantissa.checked_mul(10_i128.checked_pow(scale)?);
    let left = scaled(number.mantissa(), grid.scale())?;
    let right = scaled(i128::from(count).checked_mul(i128::from(grid.mantissa()))?, number.scale())?;
    Some(left.cmp(&right))
}

#[derive(Clone, Copy)]
struct Given<'a> {
    quantity: Option<NumberText<'a>>,
    price: Option<NumberText<'a>>,
}

impl<'a> Given<'a> {
    #[inline]
    fn read(
        self,
        unsupported: Option<Unsupported>,
        grids: Grids,
    ) -> Result<AmendedNumbers, Box<UnreadableNumbers>> {
        if let Some(unsupported) = unsupported {
            return Err(self.unsupported(unsupported));
        }
        let price = match self.price {
            None => None,
            Some(number) => {
                Some(PriceTicks(self.on_grid("price", number, grids.tick, 0..=PRICE_TICKS_MAX)?))
            }
        };
        let quantity = match self.quantity {
            None => None,
            Some(number) => {
                Some(QuantityLots(self.on_grid("quantity", number, grids.lot, 1..=QUANTITY_LOTS_MAX)?))
            }
        };
        Ok(AmendedNumbers { quantity, price })
    }

    #[inline]
    fn on_grid(
        &self,
        field: &'static str,
        number: NumberText<'a>,
        grid: Grid,
        range: RangeInclusive<i64>,
    ) -> Result<i64, Box<UnreadableNumbers>> {
        match grid.read(number.text, number.reading) {
            Ok(count) if range.contains(&count) => Ok(count),
            other => Err(self.refused(field, number, grid, range, other)),
        }
    }

    /// What is told of a number that is off its grid or out of its range, with the nearest that would do.
    #[cold]
    fn refused(
        &self,
        field: &'static str,
        number: NumberText<'_>,
        grid: Grid,
        range: RangeInclusive<i64>,
        read: Result<i64, GridError>,
    ) -> Box<UnreadableNumbers> {
        let (nearest, why) = match read {
            Ok(count) if count < *range.start() && *range.start() > 0 => (count, "must be positive"),
            Ok(count) if count < *range.start() => (count, "must not be negative"),
            Err(GridError::OffGrid { nearest, .. }) => {
                (grid.read(&nearest, Reading::Exact).unwrap_or(0), "is off the auction's grid")
            }
            Ok(_) | Err(GridError::OutOfRange { .. } | GridError::Unreadable) => {
                (if number.text.starts_with('-') { 0 } else { i64::MAX }, "is out of range")
            }
        };
        let mut details = format!(r#""field":"{field}","value":"#).into_bytes();
        write_text(&number.text.chars().take(VALUE_CHARS_MAX).collect::<String>(), &mut details);
        details.extend_from_slice(br#","grid":"#);
        grid.write(1, &mut details);
        details.extend_from_slice(br#","nearest":"#);
        grid.write(nearest.clamp(*range.start(), *range.end()), &mut details);
        self.with(format!("{field} {why}"), String::from_utf8_lossy(&details).into())
    }

    #[cold]
    fn unsupported(&self, unsupported: Unsupported) -> Box<UnreadableNumbers> {
        let (field, why) = (unsupported.field(), unsupported.why());
        self.with(format!("{field}: {why}"), format!(r#""field":"{field}","why":"{why}""#).into())
    }

    fn with(&self, message: String, details: Box<str>) -> Box<UnreadableNumbers> {
        let value = |number: Option<NumberText<'_>>| number.map_or_else(|| "null".into(), json_value);
        Box::new(UnreadableNumbers {
            message: message.into(),
            details,
            quantity: value(self.quantity),
            price: value(self.price),
        })
    }
}

/// A number as a JSON value with a decimal point and no exponent; `null` if it is too long for that.
fn json_value(number: NumberText<'_>) -> Box<str> {
    match Decimal::parse(number.text) {
        Ok(decimal) => decimal_text(decimal).into(),
        Err(_) => "null".into(),
    }
}
