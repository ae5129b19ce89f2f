//! A live auction as the JSON document that `walras clear` reads, for audits: its
//! canonical terms, and the bids that were not taken back.

use super::Grids;
use super::json::write_text;
use crate::engine::{AuctionSlot, Engine};

/// The auction at `slot`. Clearing the document gives the result that the engine recorded.
pub fn auction_json(engine: &Engine, slot: AuctionSlot) -> String {
    let terms = engine.terms(slot);
    let grids = Grids::of(terms);
    let canonical = super::terms::print(terms);
    let mut out = canonical.strip_suffix('}').unwrap_or(&canonical).as_bytes().to_vec();
    out.extend_from_slice(b",\"bids\":[");
    for (index, entry) in engine.book(slot).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(format!(r#"{{"id":"{}","bidder":"#, entry.bid.0).as_bytes());
        write_text(&entry.party.0, &mut out);
        out.extend_from_slice(br#","quantity":""#);
        out.extend_from_slice(grids.lot.display(entry.quantity.0).as_bytes());
        out.extend_from_slice(br#"","price":"#);
        match entry.price {
            Some(price) => out.extend_from_slice(format!(r#""{}""#, grids.tick.display(price.0)).as_bytes()),
            None => out.extend_from_slice(b"null"),
        }
        let (phantom, marginal) = (entry.is_phantom, entry.is_marginal);
        let rest = format!(r#","seq":{},"is_phantom":{phantom},"is_marginal":{marginal}}}"#, entry.priority);
        out.extend_from_slice(rest.as_bytes());
    }
    out.extend_from_slice(b"]}");
    String::from_utf8_lossy(&out).into_owned()
}
