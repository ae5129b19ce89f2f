//! The result of an auction document, as JSON on one line.

use std::io::{self, Write};

use super::super::document::write_text;
use super::{Auction, exact};
use crate::clearing::{Clearing, Outcome, Payment};
use crate::units::{PriceTicks, QuantityLots};

/// Writes the result of an auction that was cleared, without a line end.
pub fn write_result(auction: &Auction, clearing: &Clearing, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = Writer { auction, clearing, out, quoted: String::new() };
    writer.figures()?;
    writer.allocations()?;
    if auction.terms.sale.money_unit.is_some() {
        writer.bidders()?;
    }
    writer.killed()?;
    writer.refused()?;
    writer.out.write_all(b"}")
}

/// The line of `--batch` for one auction: its result, or `{"error": …}`; and whether it is a result.
pub fn result_line(json: &[u8]) -> (Vec<u8>, bool) {
    let cleared = Auction::read(json).map_err(|error| error.to_string()).and_then(|auction| {
        let clearing = auction.clear().map_err(|error| error.to_string())?;
        Ok((auction, clearing))
    });
    match cleared {
        Ok((auction, clearing)) => {
            let mut line = Vec::new();
            write_result(&auction, &clearing, &mut line).expect("memory takes everything");
            (line, true)
        }
        Err(error) => {
            let mut line = String::from("{\"error\":");
            write_text(&error, &mut line);
            line.push('}');
            (line.into_bytes(), false)
        }
    }
}

/// The word of the result.
fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Cleared => "cleared",
        Outcome::Undersubscribed => "undersubscribed",
        Outcome::NoSale => "no_sale",
        Outcome::Cancelled => "cancelled",
    }
}

struct Writer<'a> {
    auction: &'a Auction,
    clearing: &'a Clearing,
    out: &'a mut dyn Write,
    quoted: String,
}

impl Writer<'_> {
    fn figures(&mut self) -> io::Result<()> {
        let clearing = self.clearing;
        write!(self.out, "{{\"mode\":\"sale\",\"outcome\":\"{}\"", word(clearing.outcome))?;
        match clearing.price {
            Some(price) => write!(self.out, ",\"clearing_price\":\"{}\"", self.price(price))?,
            None => write!(self.out, ",\"clearing_price\":null")?,
        }
        let (lo, hi) = clearing.interval;
        write!(self.out, ",\"price_interval\":[\"{}\",\"{}\"]", self.price(lo), self.price(hi))?;
        write!(self.out, ",\"indicative_price\":\"{}\"", self.price(clearing.indicative_price))?;
        self.lots("supply_at_price", i128::from(clearing.supply.0))?;
        self.lots("demand_at_or_above", clearing.demand_at_or_above)?;
        self.lots("demand_above", clearing.demand_above)?;
        self.lots("marginal_demand", clearing.marginal_demand)?;
        self.lots("marginal_available", clearing.marginal_available)?;
        if clearing.marginal_demand > 0 {
            let ratio = exact::ratio(clearing.marginal_available, clearing.marginal_demand);
            write!(self.out, ",\"marginal_fill_ratio\":\"{ratio}\"")?;
        } else {
            write!(self.out, ",\"marginal_fill_ratio\":null")?;
        }
        self.lots("total_allocated", i128::from(clearing.total_allocated.0))?;
        self.lots("unsold", i128::from(clearing.unsold.0))?;
        self.lots("oversold", i128::from(clearing.oversold.0))?;
        let revenue = self.money(&clearing.revenue);
        write!(self.out, ",\"total_revenue\":\"{revenue}\",\"total_bids\":{}", clearing.total_bids)?;
        self.lots("total_quantity", clearing.total_quantity)
    }

    fn allocations(&mut self) -> io::Result<()> {
        self.out.write_all(b",\"allocations\":{")?;
        for (index, (id, (_, lots, payment))) in
            self.auction.ids.iter().zip(self.clearing.fills(&self.auction.bids)).enumerate()
        {
            self.award(index, id, lots, &payment)?;
        }
        self.out.write_all(b"}")
    }

    /// Every bidder with a real bid, in the order of the first.
    fn bidders(&mut self) -> io::Result<()> {
        let mut awards = vec![None; self.auction.bidders.len()];
        for bid in self.auction.bids.iter().filter(|bid| !bid.is_phantom) {
            awards[bid.bidder as usize] = Some((QuantityLots(0), Payment::ZERO));
        }
        for award in &self.clearing.bidders {
            awards[award.bidder as usize] = Some((award.lots, award.payment));
        }
        self.out.write_all(b",\"bidders\":{")?;
        let named = self.auction.bidders.iter().zip(awards);
        let named = named.filter_map(|(name, award)| award.map(|award| (name, award)));
        for (index, (name, (lots, payment))) in named.enumerate() {
            self.award(index, name, lots, &payment)?;
        }
        self.out.write_all(b"}")
    }

    fn award(&mut self, index: usize, name: &str, lots: QuantityLots, payment: &Payment) -> io::Result<()> {
        let quantity = self.auction.terms.lot.display(lots.0);
        let payment = self.money(payment);
        self.key(index, name)?;
        write!(self.out, ":{{\"quantity\":\"{quantity}\",\"payment\":\"{payment}\"}}")
    }

    fn killed(&mut self) -> io::Result<()> {
        self.out.write_all(b",\"killed\":[")?;
        if !self.clearing.killed.is_empty() {
            let by_seq = self.auction.by_seq();
            for (index, &seq) in self.clearing.killed.iter().enumerate() {
                self.key(index, self.auction.id_of(&by_seq, seq))?;
            }
        }
        self.out.write_all(b"]")
    }

    fn refused(&mut self) -> io::Result<()> {
        self.out.write_all(b",\"refused\":{")?;
        for (index, (id, code)) in self.auction.refused.iter().enumerate() {
            self.key(index, id)?;
            write!(self.out, ":\"{}\"", code.as_str())?;
        }
        self.out.write_all(b"}")
    }

    /// A string, after a comma unless it is the first.
    fn key(&mut self, index: usize, text: &str) -> io::Result<()> {
        self.quoted.clear();
        self.quoted.push_str(if index > 0 { "," } else { "" });
        write_text(text, &mut self.quoted);
        self.out.write_all(self.quoted.as_bytes())
    }

    fn lots(&mut self, key: &str, lots: i128) -> io::Result<()> {
        write!(self.out, ",\"{key}\":\"{}\"", exact::lots(lots, self.auction.terms.lot))
    }

    fn price(&self, price: PriceTicks) -> String {
        self.auction.terms.tick.display(price.0)
    }

    fn money(&self, payment: &Payment) -> String {
        exact::payment(payment, self.auction.terms.tick, self.auction.terms.lot)
    }
}
