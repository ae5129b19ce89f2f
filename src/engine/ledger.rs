//! What a result obliges everybody to, as balanced double-entry postings, and the
//! hash of the allocation list that participants affirm.
//!
//! The built-in executor writes all postings of a settlement at once or none. It is no bank: there are
//! no accounts that could run dry, only the record of a trade that sums to zero in money and in lots.

use sha2::{Digest, Sha256};

use super::auction::Auction;
use super::event::SettlementPhase;
use super::ids::Party;
use super::terms::Executor;
use super::view::{Asset, NetObligation, Posting};
use crate::units::Money;

impl Auction {
    /// Those who must affirm the result: as the terms say, or each winner once, in the order of their first winning
    /// bids, and the seller.
    pub(super) fn participants(&self) -> Vec<Party> {
        let mut seen = rustc_hash::FxHashSet::default();
        let named = self.terms.settlement.participants.as_deref();
        let winners = self.outcome.iter().flat_map(|outcome| &outcome.obligations);
        let winners = winners.map(|winner| &self.bidders.of(winner.bidder).party);
        let parties: Vec<&Party> = match named {
            Some(named) => named.iter().collect(),
            None => winners.chain([&self.terms.seller]).collect(),
        };
        parties.into_iter().filter(|party| seen.insert(*party)).cloned().collect()
    }

    /// The trade: each winner pays money and gets lots, the seller the other way round.
    pub(super) fn postings(&self) -> Vec<Posting> {
        let Some(outcome) = &self.outcome else { return Vec::new() };
        let mut postings = Vec::with_capacity(2 * outcome.obligations.len() + 2);
        let (mut money, mut lots) = (0_i128, 0_i128);
        for obligation in &outcome.obligations {
            let party = &self.bidders.of(obligation.bidder).party;
            money += obligation.money.0;
            lots += i128::from(obligation.lots.0);
            postings.push(posting(party, Asset::Money, -obligation.money.0));
            postings.push(posting(party, Asset::Lots, i128::from(obligation.lots.0)));
        }
        postings.push(posting(&self.terms.seller, Asset::Money, money));
        postings.push(posting(&self.terms.seller, Asset::Lots, -lots));
        for asset in [Asset::Money, Asset::Lots] {
            let sum: i128 = postings.iter().filter(|posting| posting.asset == asset).map(|p| p.amount).sum();
            assert_eq!(sum, 0, "postings balance");
        }
        assert_eq!(Money(money), outcome.summary.total_revenue, "what is paid is what the seller gets");
        assert_eq!(lots, i128::from(outcome.summary.total_allocated.0), "what is sold is what is got");
        postings
    }

    /// The postings that the ledger has written.
    pub(super) fn posted(&self) -> Vec<Posting> {
        let is_done = self.settlement.as_ref().is_some_and(|it| it.phase == SettlementPhase::Complete);
        let is_ledger = self.terms.settlement.executor == Executor::Ledger;
        if is_done && is_ledger { self.postings() } else { Vec::new() }
    }

    /// What each party's account changes by when the result is carried out: winners in the order of their first
    /// winning bids, then the seller unless it is one of them.
    pub(super) fn net_obligations(&self) -> Vec<NetObligation> {
        let mut places = rustc_hash::FxHashMap::default();
        let mut net: Vec<NetObligation> = Vec::new();
        for posting in self.postings() {
            let place = *places.entry(posting.party.clone()).or_insert(net.len());
            if place == net.len() {
                net.push(NetObligation { party: posting.party, money: 0, lots: 0 });
            }
            match posting.asset {
                Asset::Money => net[place].money += posting.amount,
                Asset::Lots => net[place].lots += posting.amount,
            }
        }
        net
    }

    /// SHA-256 of the canonical allocation list; `docs/SETTLEMENT.md` says how to compute it from the published
    /// result.
    pub(super) fn allocations_hash(&self) -> [u8; 32] {
        let outcome = self.outcome.as_ref().expect("only a result is hashed");
        let money_grid = self.terms.tick.times(self.terms.lot);
        let mut hash = Sha256::new();
        let mut line = Vec::with_capacity(256);
        line.extend_from_slice(b"walras allocations 1\n");
        line.extend_from_slice(self.id.0.hyphenated().to_string().as_bytes());
        line.push(b'\n');
        for byte in Sha256::digest(self.terms_json.as_bytes()) {
            line.extend_from_slice(format!("{byte:02x}").as_bytes());
        }
        line.push(b'\n');
        self.terms.tick.write(self.quote.price.0, &mut line);
        line.push(b'\n');
        hash.update(&line);
        for &index in outcome.winners() {
            let won = outcome.of(index);
            let bidder = self.bidders.of(self.bids.bidders[index as usize]).party.0.as_bytes();
            line.clear();
            line.extend_from_slice(self.bids.receipts.id(index).0.hyphenated().to_string().as_bytes());
            line.push(b',');
            self.terms.lot.write(won.filled.0, &mut line);
            line.push(b',');
            money_grid.write(won.payment, &mut line);
            line.extend_from_slice(format!(",{}:", bidder.len()).as_bytes());
            line.extend_from_slice(bidder);
            line.push(b'\n');
            hash.update(&line);
        }
        hash.finalize().into()
    }
}

fn posting(party: &Party, asset: Asset, amount: i128) -> Posting {
    Posting { party: party.clone(), asset, amount }
}
