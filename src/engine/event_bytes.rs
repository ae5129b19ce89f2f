//! The canonical bytes of an event, for digests. They say what happened, not how
//! a message would put it, so that a later wording of messages leaves old logs valid.

use super::event::{
    BidFact, CancelReason, Event, ExtensionCause, Fact, ResultSummary, SettlementChange, SettlementFact,
};
use super::{CloseReason, SettlementStep, Standing};

impl Event {
    /// Gives `sink` the event's canonical bytes: integers little endian, texts with their length before them,
    /// each fact behind its number.
    pub fn feed(&self, sink: &mut impl FnMut(&[u8])) {
        let mut out = Bytes(sink);
        match &self.auction {
            Some(auction) => {
                out.raw(auction.id.0.as_bytes());
                out.long(auction.offset);
            }
            None => out.raw(&[0; 24]),
        }
        out.long(self.at.0.cast_unsigned());
        out.fact(&self.fact);
    }
}

struct Bytes<'a, S: FnMut(&[u8])>(&'a mut S);

impl<S: FnMut(&[u8])> Bytes<'_, S> {
    fn raw(&mut self, bytes: &[u8]) {
        (self.0)(bytes);
    }

    fn byte(&mut self, byte: u8) {
        self.raw(&[byte]);
    }

    fn long(&mut self, value: u64) {
        self.raw(&value.to_le_bytes());
    }

    fn signed(&mut self, value: i64) {
        self.raw(&value.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.long(text.len() as u64);
        self.raw(text.as_bytes());
    }

    fn fact(&mut self, fact: &Fact) {
        match fact {
            Fact::AuctionCreated { .. } => self.byte(1),
            Fact::AuctionOpened => self.byte(2),
            Fact::AuctionHalted { reason } => {
                self.byte(3);
                self.text(reason);
            }
            Fact::AuctionResumed => self.byte(4),
            Fact::AuctionExtended { ends_at, cause } => {
                self.byte(5);
                self.signed(ends_at.0);
                self.byte(match cause {
                    ExtensionCause::PriceChange => 0,
                    ExtensionCause::Outage => 1,
                });
            }
            Fact::BidAccepted(bid) => {
                self.byte(6);
                self.bid(bid);
            }
            Fact::BidCancelled { bid, party, .. } => {
                self.byte(7);
                self.raw(bid.0.as_bytes());
                self.raw(&party.0.to_le_bytes());
            }
            Fact::BidAmended { bid, priority_kept, .. } => {
                self.byte(8);
                self.bid(bid);
                self.byte(u8::from(*priority_kept));
            }
            Fact::AuctionCompleted { result, reason } => {
                self.byte(9);
                self.result(result);
                self.byte(match reason {
                    CloseReason::Schedule => 0,
                    CloseReason::Operator => 1,
                });
            }
            Fact::AuctionCancelled { reason } => {
                self.byte(10);
                self.cancel_reason(reason);
            }
            Fact::Settlement(settlement) => {
                self.byte(11);
                self.settlement(settlement);
            }
            Fact::PricesPut { token: name, payload } => {
                self.byte(12);
                self.text(name);
                self.text(payload);
            }
            Fact::OrderBookPut { token_pair: name, payload } => {
                self.byte(13);
                self.text(name);
                self.text(payload);
            }
        }
    }

    fn bid(&mut self, bid: &BidFact) {
        self.raw(bid.bid.0.as_bytes());
        self.raw(&bid.party.0.to_le_bytes());
        self.signed(bid.quantity.0);
        // No price is below 0, so -1 is free to mean a price taker.
        self.signed(bid.price.map_or(-1, |price| price.0));
        self.byte(u8::from(bid.is_marginal) | u8::from(bid.is_phantom) << 1);
        self.signed(bid.current_price.0);
        self.byte(match bid.standing {
            Standing::Above => 0,
            Standing::AtMargin => 1,
            Standing::Below => 2,
        });
    }

    fn result(&mut self, result: &ResultSummary) {
        self.signed(result.clearing_price.map_or(-1, |price| price.0));
        self.signed(result.total_allocated.0);
        self.long(result.total_bids);
        self.signed(result.total_quantity.0);
        self.raw(&result.total_revenue.0.to_le_bytes());
    }

    fn cancel_reason(&mut self, reason: &CancelReason) {
        match reason {
            CancelReason::Operator(words) => {
                self.byte(0);
                self.text(words);
            }
            CancelReason::Undersubscribed => self.byte(1),
            CancelReason::MinRevenue => self.byte(2),
            CancelReason::Outage => self.byte(3),
        }
    }

    fn settlement(&mut self, fact: &SettlementFact) {
        self.raw(fact.settlement.0.as_bytes());
        self.byte(fact.phase as u8);
        self.long(u64::from(fact.participants_agreed));
        self.long(u64::from(fact.participants_total));
        self.raw(&fact.hash);
        match &fact.change {
            SettlementChange::Started => self.byte(0),
            SettlementChange::Progressed => self.byte(1),
            SettlementChange::Affirmed { party, agree } => {
                self.byte(2);
                self.text(&party.0);
                self.byte(u8::from(*agree));
            }
            SettlementChange::Requested { step, attempt, due } => {
                self.byte(3);
                self.byte(match step {
                    SettlementStep::Prepare => 0,
                    SettlementStep::Commit => 1,
                    SettlementStep::Abort => 2,
                });
                self.long(u64::from(*attempt));
                self.signed(due.0);
            }
            SettlementChange::Completed { gas_used, execution_path } => {
                self.byte(4);
                self.long(*gas_used);
                self.long(execution_path.len() as u64);
                for step in execution_path {
                    self.text(step);
                }
            }
            SettlementChange::RolledBack { reason } => {
                self.byte(5);
                self.text(reason);
            }
            SettlementChange::Failed { reason } => {
                self.byte(6);
                self.text(reason);
            }
        }
    }
}
