//! Questions, answered at their place in the order: encoded for a connection, typed
//! for a caller that waits.

use super::request::{Found, Origin, Outcome, Query};
use super::sequencer::Sequencer;
use crate::engine::Rejection;
use crate::units::TimeUs;
use crate::wire::Refusal;
use crate::wire::encode::{self, AuctionWord, TermsShown, UnsubscribeReason};

impl Sequencer {
    /// Answers a question.
    pub(super) fn query(&mut self, origin: Origin, query: Query, now: TimeUs) {
        if let Query::Unsubscribe { channel, auction, auction_word } = &query {
            let Origin::Connection(connection) = origin else { return };
            let word = auction.map_or(AuctionWord::Echo(auction_word), AuctionWord::Id);
            encode::unsubscribed(&mut self.message, now, *channel, word, UnsubscribeReason::Requested);
            return self.push_reply(connection);
        }
        match (self.find(&query, now), origin) {
            (_, Origin::Nobody) => {}
            (Ok(found), Origin::Waiter(waiter)) => self.batch.waiters.push((waiter, Outcome::Found(found))),
            (Err(rejection), Origin::Waiter(waiter)) => {
                self.batch.waiters.push((waiter, Outcome::Rejected(rejection)));
            }
            (Ok(found), Origin::Connection(connection)) => {
                if self.encode_found(&found, &query, now) {
                    self.push_reply(connection);
                }
            }
            (Err(rejection), Origin::Connection(connection)) => {
                self.reply_error(connection, &Refusal::of_rejection(&rejection, None), now);
            }
        }
    }

    pub(super) fn find(&self, query: &Query, now: TimeUs) -> Result<Found, Rejection> {
        Ok(match query {
            Query::Bid { bid, party } => Found::Bid(Box::new(self.engine.bid(bid, party)?)),
            Query::Bids { auction, party, after, limit } => {
                let (bids, next) = self.engine.bids(*auction, party, *after, *limit as usize)?;
                Found::Bids(bids, next)
            }
            Query::Auction { auction } => {
                let not_found = Rejection::AuctionNotFound { auction: *auction };
                let slot = self.engine.slot(*auction).ok_or(not_found)?;
                Found::Auction(Box::new(self.engine.info(slot, now)))
            }
            Query::Auctions { after, limit } => {
                let (auctions, next) = self.engine.auctions(*after, *limit as usize, now);
                Found::Auctions(auctions, next)
            }
            Query::Result { auction, party, after, limit } => {
                let page = self.engine.result(*auction, party.as_ref(), *after, *limit as usize, now)?;
                Found::Result(Box::new(page))
            }
            Query::Settlement { auction } => {
                Found::Settlement(Box::new(self.engine.settlement(*auction, now)?))
            }
            Query::Subscribe(_) | Query::Unsubscribe { .. } | Query::Continue { .. } | Query::Forget => {
                return Err(Rejection::BidNotFound);
            }
        })
    }

    fn encode_found(&mut self, found: &Found, query: &Query, now: TimeUs) -> bool {
        match (found, query) {
            (Found::Bid(view), _) => {
                let Some(slot) = self.engine.slot(view.auction) else { return false };
                let grids = self.grids_at(slot);
                encode::bid(&mut self.message, now, grids, view);
            }
            (Found::Bids(views, next), Query::Bids { auction, .. }) => {
                let Some(slot) = self.engine.slot(*auction) else { return false };
                let grids = self.grids_at(slot);
                encode::bids(&mut self.message, now, *auction, grids, (views, *next));
            }
            (Found::Auction(info), _) => {
                let grids = self.grids_at(info.slot);
                encode::auction_info(&mut self.message, grids, info, TermsShown::IfTheyFit);
            }
            // Only REST asks these.
            (Found::Bids(..) | Found::Auctions(..) | Found::Result(_) | Found::Settlement(_), _) => {
                return false;
            }
        }
        true
    }
}
