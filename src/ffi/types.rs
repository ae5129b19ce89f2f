//! The plain structs that both sides share: sized integers alone, no padding, layouts pinned below.

/// Price of a bid that takes any price: a price taker. Only where the terms allow it.
pub const WALRAS_NO_PRICE: i64 = i64::MIN;
/// Price or quantity that is on no step of its grid, in whole steps: a sale refuses the bid as it would a float off the grid.
pub const WALRAS_OFF_GRID_STEP: i64 = -9_223_372_036_854_775_807;
/// Flag of a bid: it only takes part in price discovery.
pub const WALRAS_BID_PHANTOM: u32 = 1;
/// Flag of a bid: the bidder's own analytics mark, stored and echoed, never used.
pub const WALRAS_BID_MARGINAL: u32 = 2;

/// The sale took place at a price where demand meets supply.
pub const WALRAS_OUTCOME_CLEARED: i32 = 0;
/// The sale took place with supply left over.
pub const WALRAS_OUTCOME_UNDERSUBSCRIBED: i32 = 1;
/// There was nothing to sell or nobody to sell to.
pub const WALRAS_OUTCOME_NO_SALE: i32 = 2;
/// The terms call the sale off: undersubscribed, or below `min_revenue`.
pub const WALRAS_OUTCOME_CANCELLED: i32 = 3;

/// Mask of a bid's mark that tells why it was refused; 0 where it was taken.
pub const WALRAS_MARK_REFUSAL: u8 = 0x0f;
/// Refused: price, quantity or budget is a float off its grid.
pub const WALRAS_REFUSED_NOT_A_MULTIPLE: u8 = 1;
/// Refused: anything else wrong with the one bid, such as a quantity that is not above 0.
pub const WALRAS_REFUSED_INVALID: u8 = 2;
/// Refused: a budget where the price may be 0.
pub const WALRAS_REFUSED_NEEDS_POSITIVE_RESERVE: u8 = 3;
/// Refused: below `min_bid_quantity`.
pub const WALRAS_REFUSED_BELOW_MIN_QUANTITY: u8 = 4;
/// Refused: below the lowest price of the sale.
pub const WALRAS_REFUSED_BELOW_RESERVE: u8 = 5;
/// Mark of a bid whose limit is exactly the clearing price.
pub const WALRAS_MARK_AT_MARGIN: u8 = 0x10;
/// Mark of a bid that the rule for all-or-none bids removed.
pub const WALRAS_MARK_KILLED: u8 = 0x20;

/// A signed number of 128 bits, in two's complement. Money is counted in tick × lot units.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct walras_int128 {
    /// The lower 64 bits.
    pub low: u64,
    /// The upper 64 bits, with the sign.
    pub high: i64,
}

/// An id: the 16 bytes of a UUID, in the order in which its text shows them.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct walras_id {
    /// The bytes.
    pub bytes: [u8; 16],
}

/// The grids of a sale: a price of `n` ticks is `n * tick_mantissa / 10^tick_scale`, a quantity of `n` lots likewise,
/// and money of `n` is `n * tick_mantissa * lot_mantissa / 10^(tick_scale + lot_scale)`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct walras_grids {
    /// The digits of the tick, above 0: 5 for 0.005.
    pub tick_mantissa: i64,
    /// The digits of the lot, above 0.
    pub lot_mantissa: i64,
    /// How many of the tick's digits are fractional: 3 for 0.005.
    pub tick_scale: u32,
    /// How many of the lot's digits are fractional.
    pub lot_scale: u32,
}

/// Bids of one sale, column by column. Each array has `count` items; those that may be null say so.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct walras_bids {
    /// How many there are.
    pub count: u64,
    /// Highest prices in ticks; `WALRAS_NO_PRICE` for price takers. Null if `prices` is given.
    pub prices_ticks: *const i64,
    /// Quantities in lots. Null if `quantities` is given.
    pub quantities_lots: *const i64,
    /// In place of `prices_ticks`: prices as floats, each of which must be the float nearest to a multiple of the tick;
    /// NaN for price takers.
    pub prices: *const f64,
    /// In place of `quantities_lots`: quantities as floats, likewise.
    pub quantities: *const f64,
    /// Budgets in tick × lot units. A bid with a budget above 0 wants what that much money buys; its quantity must
    /// be 0. Null: no bid has one.
    pub budgets: *const walras_int128,
    /// Time priorities, lower first, equal ones by position. Null: the position.
    pub sequences: *const u64,
    /// Whose bids they are: any number that is the same for the same bidder. Bidders named in the terms' `net_long` are
    /// 0, 1, 2 … in the order written. Null: every bid has a bidder of its own, none of them in `net_long`.
    pub bidders: *const u32,
    /// `WALRAS_BID_PHANTOM`, `WALRAS_BID_MARGINAL`. Null: none.
    pub flags: *const u8,
}

/// Where the parts of a result go. Each array may be null if it is not wanted.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct walras_fills {
    /// Lots won, one for each bid.
    pub lots: *mut i64,
    /// What each bid pays, in tick × lot units, before any rounding to the terms' `money_unit`. Where an average price
    /// leaves a fraction it is rounded down, and `payments_are_exact` is 0.
    pub payments: *mut walras_int128,
    /// `WALRAS_MARK_…` and `WALRAS_REFUSED_…`, one for each bid. If it is null, a refused bid fails the whole call.
    pub marks: *mut u8,
    /// How many winners the three arrays below have room for.
    pub bidders_capacity: u64,
    /// With `money_unit`: the winners, in the order of their first winning bids.
    pub bidders: *mut u32,
    /// Lots that each winner has won altogether.
    pub bidder_lots: *mut i64,
    /// What each winner pays altogether, rounded down to `money_unit`, in whole tick × lot units.
    pub bidder_payments: *mut walras_int128,
}

/// The figures of a sale.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct walras_clearing {
    /// `WALRAS_OUTCOME_…`.
    pub outcome: i32,
    /// Whether every payment, and the revenue, is a whole number of tick × lot units: 0 or 1.
    pub payments_are_exact: u32,
    /// The clearing price; `WALRAS_NO_PRICE` when nothing sells.
    pub price_ticks: i64,
    /// The lowest price at which supply and demand meet.
    pub price_low_ticks: i64,
    /// The highest price at which supply and demand meet.
    pub price_high_ticks: i64,
    /// The clearing price, or the lowest price of the sale when nothing sells: what follows is as of here.
    pub indicative_price_ticks: i64,
    /// Supply.
    pub supply_lots: i64,
    /// Lots sold.
    pub allocated_lots: i64,
    /// Supply that is not sold.
    pub unsold_lots: i64,
    /// Lots sold beyond the supply, by the rounding of `treasury`.
    pub oversold_lots: i64,
    /// Lots wanted at or above the price, phantoms included.
    pub demand_at_or_above_lots: walras_int128,
    /// Lots wanted above the price, phantoms included.
    pub demand_above_lots: walras_int128,
    /// Lots that real bids want at exactly the price.
    pub marginal_demand_lots: walras_int128,
    /// Lots there are for them.
    pub marginal_available_lots: walras_int128,
    /// What real bids want at the lowest price of the sale, before caps.
    pub total_quantity_lots: walras_int128,
    /// What all payments come to, in tick × lot units, rounded down.
    pub revenue: walras_int128,
    /// Real bids that were taken, killed ones included.
    pub bid_count: u64,
    /// Phantom bids that were taken.
    pub phantom_count: u64,
    /// Bids that were refused.
    pub refused_count: u64,
    /// Bids that the rule for all-or-none bids removed.
    pub killed_count: u64,
    /// Entries written to `bidders` of `walras_fills`; without `money_unit` 0.
    pub bidder_count: u64,
}

impl walras_int128 {
    pub(super) fn new(number: i128) -> Self {
        Self { low: number as u64, high: (number >> 64) as i64 }
    }

    pub(super) fn number(self) -> i128 {
        i128::from(self.high) << 64 | i128::from(self.low)
    }
}

/// No struct has padding, and none changes without the ABI's version.
const _: () = {
    assert!(size_of::<walras_int128>() == 16 && align_of::<walras_int128>() == 8);
    assert!(size_of::<walras_id>() == 16 && align_of::<walras_id>() == 1);
    assert!(size_of::<walras_grids>() == 24);
    assert!(size_of::<walras_bids>() == 8 + 8 * size_of::<*const u8>());
    assert!(size_of::<walras_fills>() == 8 + 6 * size_of::<*const u8>());
    assert!(size_of::<walras_clearing>() == 208 && align_of::<walras_clearing>() == 8);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_128_bits_survive_the_way_there_and_back() {
        for number in [0, 1, -1, i128::MAX, i128::MIN, 1 << 64, -(1 << 64), u64::MAX.into()] {
            assert_eq!(walras_int128::new(number).number(), number);
        }
    }
}
