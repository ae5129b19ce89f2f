//! The result of a demo auction as a small table, checked against the bids it lists.

use std::fmt::Write as _;

use walras::engine::{Asset, BidStatus, BidView, ResultSummary, SettlementPhase, SettlementView};
use walras::units::{Money, PriceTicks};
use walras::wire::Grids;

use super::figures::{grouped, padded};

/// Rows shown whole; longer tables leave out bids far from the price.
const ROWS_MAX: usize = 18;
/// Rows kept on each side of the clearing price in a long table.
const ROWS_BELOW: usize = 5;

/// A bid with its owner's name.
pub struct Row {
    /// Whose.
    pub party: String,
    /// The bid.
    pub view: BidView,
}

/// A closed auction.
pub struct Report {
    /// Its number in the demo.
    pub number: u64,
    /// Its grids.
    pub grids: Grids,
    /// The result in numbers.
    pub summary: ResultSummary,
    /// All bids that stood at the close, best first.
    pub rows: Vec<Row>,
}

impl Report {
    /// Sorts the rows and leaves out what was taken back.
    pub fn new(number: u64, grids: Grids, summary: ResultSummary, mut rows: Vec<Row>) -> Self {
        rows.retain(|row| row.view.status != BidStatus::Cancelled);
        rows.sort_by_key(|row| (std::cmp::Reverse(row.view.bid.price), row.view.offset));
        Self { number, grids, summary, rows }
    }

    /// What does not add up, if anything: every bid above the clearing price is filled, none below it is,
    /// and the parts make the whole.
    pub fn contradiction(&self) -> Option<String> {
        let clearing = self.summary.clearing_price;
        for row in &self.rows {
            let (bid, filled) = (&row.view.bid, row.view.filled);
            let is_wrong = match (bid.price, clearing) {
                (_, None) => filled.0 != 0,
                (Some(price), Some(clearing)) if price > clearing => filled != bid.quantity,
                (Some(price), Some(clearing)) if price < clearing => filled.0 != 0,
                _ => filled > bid.quantity,
            };
            if is_wrong {
                return Some(format!(
                    "{} won {} lots of {} at {:?}",
                    row.party, filled.0, bid.quantity.0, bid.price
                ));
            }
        }
        let sold: i128 = self.rows.iter().map(|row| i128::from(row.view.filled.0)).sum();
        let paid: i128 = self.rows.iter().map(|row| row.view.payment.0).sum();
        let (told_sold, told_paid) =
            (i128::from(self.summary.total_allocated.0), self.summary.total_revenue.0);
        (sold != told_sold || paid != told_paid).then(|| {
            format!("the rows sum to {sold} lots and {paid}, the result says {told_sold} and {told_paid}")
        })
    }

    /// The table.
    pub fn table(&self) -> String {
        let mut out = String::new();
        let Some(clearing) = self.summary.clearing_price else {
            let _ = write!(out, "Auction {} sold nothing: no bid met the reserve.", self.number);
            return out;
        };
        let winners = self.rows.iter().filter(|row| row.view.filled.0 > 0).count();
        let _ = writeln!(
            out,
            "Auction {} cleared at {}: {} sold for {}; {} of {} bids won.\n",
            self.number,
            self.price(clearing),
            self.lots(i128::from(self.summary.total_allocated.0)),
            self.money(self.summary.total_revenue),
            winners,
            self.rows.len()
        );
        let _ =
            writeln!(out, "  {:<12} {:>8} {:>9} {:>9} {:>13}", "bidder", "limit", "wanted", "won", "pays");
        let shown = self.shown(winners);
        let mut last = None;
        for index in shown {
            if last.is_some_and(|last| index > last + 1) {
                let _ = writeln!(out, "  …");
            }
            let row = &self.rows[index];
            let is_below = |row: &Row| row.view.bid.price.is_some_and(|price| price < clearing);
            let was_above = index > 0 && !is_below(&self.rows[index - 1]);
            if is_below(row) && was_above {
                let _ = writeln!(out, "  {:─^56}", format!(" {} ", self.price(clearing)));
            }
            let _ = writeln!(out, "{}", self.row(row, clearing));
            last = Some(index);
        }
        let left_out = self.rows.len() - last.map_or(0, |last| last + 1);
        if left_out > 0 {
            let _ = writeln!(out, "  … {left_out} more below");
        }
        out.truncate(out.trim_end().len());
        out
    }

    /// All rows of a short table; of a long one the best, those around the price, and a few below.
    fn shown(&self, winners: usize) -> Vec<usize> {
        let count = self.rows.len();
        if count <= ROWS_MAX {
            return (0..count).collect();
        }
        let around = winners.saturating_sub(ROWS_BELOW)..(winners + ROWS_BELOW).min(count);
        let best = ROWS_MAX - around.len();
        (0..best.min(around.start)).chain(around).collect()
    }

    fn row(&self, row: &Row, clearing: PriceTicks) -> String {
        let bid = &row.view.bid;
        let limit = bid.price.map_or_else(|| "any".to_owned(), |price| self.price(price));
        let note = if bid.price == Some(clearing) { "  at the margin" } else { "" };
        format!(
            "  {:<12} {limit:>8} {:>9} {:>9} {:>13}{note}",
            row.party,
            self.lots(i128::from(bid.quantity.0)),
            self.lots(i128::from(row.view.filled.0)),
            self.money(row.view.payment),
        )
    }

    fn price(&self, price: PriceTicks) -> String {
        grouped(&padded(&self.grids.tick.display(price.0), 2))
    }

    fn lots(&self, lots: i128) -> String {
        lots_shown(self.grids, lots)
    }

    fn money(&self, amount: Money) -> String {
        money_shown(self.grids, amount)
    }
}

/// What the ledger did, in two lines; `None` if it did not end well.
pub fn settlement(grids: Grids, view: &SettlementView) -> Option<String> {
    if view.state.phase != SettlementPhase::Complete {
        return None;
    }
    let sum = |asset| {
        let of_asset = view.postings.iter().filter(|posting| posting.asset == asset);
        of_asset.map(|posting| posting.amount).sum::<i128>()
    };
    let took_ms = view.ended_at.map_or(0, |ended| (ended.0 - view.started_at.0) / 1_000);
    Some(format!(
        "Settled in {took_ms} ms: {} of {} participants affirmed the result; the ledger made {} postings,\n\
         which sum to {} in money and {} in lots.",
        view.state.participants_agreed,
        view.state.participants_total,
        view.postings.len(),
        money_shown(grids, Money(sum(Asset::Money))),
        lots_shown(grids, sum(Asset::Lots)),
    ))
}

/// Whether each asset's postings sum to zero.
pub fn is_balanced(view: &SettlementView) -> bool {
    [Asset::Money, Asset::Lots].into_iter().all(|asset| {
        let of_asset = view.postings.iter().filter(|posting| posting.asset == asset);
        of_asset.map(|posting| posting.amount).sum::<i128>() == 0
    })
}

fn lots_shown(grids: Grids, lots: i128) -> String {
    let lots = i64::try_from(lots).unwrap_or(i64::MAX);
    grouped(&padded(&grids.lot.display(lots), 0))
}

fn money_shown(grids: Grids, amount: Money) -> String {
    grouped(&padded(&grids.tick.times(grids.lot).display(amount), 2))
}
