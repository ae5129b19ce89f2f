//! A whole auction in one JSON document: what `walras clear` reads, and the result that it prints.
//!
//! The terms and the bids go in, every bid either taken or refused with a code; the result comes out with exact
//! decimal strings. `docs/CLEARING.md` describes both. Nothing here is a float.

mod bids;
mod check;
mod exact;
mod result;

pub use bids::RefusalCode;
pub use check::{CheckedVector, check};
pub use exact::{lots as exact_lots, payment as exact_payment};
pub use result::{result_line, write_result};

use super::document;
use super::terms::{self, SaleTerms, TermsError};
use crate::clearing::{self, Bid, ClearError, Clearing};

/// An auction, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Auction {
    /// Its terms; `sale.net_long` is filled in.
    pub terms: SaleTerms,
    /// The bids that were taken, in the order written. `seq` is the rank in time, from 0.
    pub bids: Vec<Bid>,
    /// Their ids, in the same order.
    pub ids: Vec<String>,
    /// The bidders' names, by the number in [`Bid::bidder`].
    pub bidders: Vec<String>,
    /// The bids that were refused, by id, in the order written.
    pub refused: Vec<(String, RefusalCode)>,
}

impl Auction {
    /// Reads an auction. Bad terms are an error that names the field; a bad bid is refused and the rest is taken.
    pub fn read(json: &[u8]) -> Result<Self, TermsError> {
        let (mut members, unread) = document::read_object(json, Some("bids"))?;
        let Some(unread) = unread else {
            let given = members.iter().find(|member| member.0 == "bids");
            let problem = match given {
                Some((_, value)) => format!("expected an array, not {}", value.kind()),
                None => "is required".into(),
            };
            return Err(TermsError::new("bids", problem));
        };
        members.retain(|member| member.0 != "bids");
        let terms = terms::read_sale(members)?;
        Ok(bids::read(terms, unread))
    }

    /// Clears it.
    pub fn clear(&self) -> Result<Clearing, ClearError> {
        clearing::clear(&self.terms.sale, &self.bids)
    }

    /// The id of the bid with this rank in time.
    fn id_of(&self, by_seq: &[u32], seq: u64) -> &str {
        &self.ids[by_seq[seq as usize] as usize]
    }

    /// The places of the bids, by their rank in time.
    fn by_seq(&self) -> Vec<u32> {
        let mut places = vec![0; self.bids.len()];
        for (place, bid) in self.bids.iter().enumerate() {
            places[bid.seq as usize] = place as u32;
        }
        places
    }
}
