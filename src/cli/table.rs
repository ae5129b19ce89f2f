//! The result of an auction as a table for people.

use std::io::{self, Write};

use walras::clearing::{Bid, Clearing, Outcome, Want};
use walras::units::MoneyGrid;
use walras::wire::auction_json::{Auction, exact_lots, exact_payment};

/// The most bids that a table lists.
const ROWS_MAX: usize = 1000;

const HEADINGS: [&str; 7] = ["bid", "bidder", "wanted", "limit", "won", "pays", ""];

/// Writes the figures of a sale and a row for each bid, in the order written.
pub fn write(auction: &Auction, clearing: &Clearing, out: &mut impl Write) -> io::Result<()> {
    for (name, figure) in figures(auction, clearing) {
        writeln!(out, "{name:<16} {figure}")?;
    }
    writeln!(out)?;
    let rows: Vec<[String; 7]> = rows(auction, clearing);
    let mut widths = HEADINGS.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    write_row(&HEADINGS.map(String::from), &widths, out)?;
    for row in &rows {
        write_row(row, &widths, out)?;
    }
    let left_out = auction.bids.len() - rows.len();
    if left_out > 0 {
        writeln!(out, "and {left_out} more bids")?;
    }
    for (id, code) in &auction.refused {
        writeln!(out, "{id}: refused, {}", code.as_str())?;
    }
    Ok(())
}

fn figures(auction: &Auction, clearing: &Clearing) -> Vec<(&'static str, String)> {
    let (tick, lot) = (auction.terms.tick, auction.terms.lot);
    let outcome = match clearing.outcome {
        Outcome::Cleared => "cleared",
        Outcome::Undersubscribed => "undersubscribed",
        Outcome::NoSale => "no sale",
        Outcome::Cancelled => "cancelled",
    };
    let (lo, hi) = clearing.interval;
    let price = clearing.price.map_or("none".into(), |price| tick.display(price.0));
    vec![
        ("outcome", outcome.into()),
        ("clearing price", price),
        ("price interval", format!("{} to {}", tick.display(lo.0), tick.display(hi.0))),
        ("sold", lot.display(clearing.total_allocated.0)),
        ("supply", lot.display(clearing.supply.0)),
        ("demand", exact_lots(clearing.demand_at_or_above, lot)),
        ("revenue", exact_payment(&clearing.revenue, tick, lot)),
    ]
}

fn rows(auction: &Auction, clearing: &Clearing) -> Vec<[String; 7]> {
    let bids = auction.ids.iter().zip(clearing.fills(&auction.bids)).take(ROWS_MAX);
    let row = |(id, (bid, lots, payment)): (&String, (&Bid, _, _))| {
        let lots: walras::units::QuantityLots = lots;
        let note = if bid.is_phantom {
            "phantom"
        } else if clearing.is_killed(bid) {
            "killed"
        } else if clearing.is_at_margin(bid) {
            "at the margin"
        } else {
            ""
        };
        [
            id.clone(),
            auction.bidders[bid.bidder as usize].clone(),
            wanted(auction, bid),
            bid.price.map_or("any".into(), |price| auction.terms.tick.display(price.0)),
            auction.terms.lot.display(lots.0),
            exact_payment(&payment, auction.terms.tick, auction.terms.lot),
            note.into(),
        ]
    };
    bids.map(row).collect()
}

fn wanted(auction: &Auction, bid: &Bid) -> String {
    let money: MoneyGrid = auction.terms.money();
    match bid.want {
        Want::Quantity(lots) => auction.terms.lot.display(lots.0),
        Want::Budget(budget) => format!("for {}", money.display(budget)),
    }
}

/// Names to the left, numbers to the right.
fn write_row(row: &[String; 7], widths: &[usize; 7], out: &mut impl Write) -> io::Result<()> {
    let mut line = String::new();
    for (index, (cell, &width)) in row.iter().zip(widths).enumerate() {
        if (2..6).contains(&index) {
            line.push_str(&format!("{cell:>width$}  "));
        } else {
            line.push_str(&format!("{cell:<width$}  "));
        }
    }
    writeln!(out, "{}", line.trim_end())
}
