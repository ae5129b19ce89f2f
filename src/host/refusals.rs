//! Refusals for the host's own reasons: the log failed, the disk is full. A bid hears of
//! it as of any other refusal, so that whoever waits for its verdict gets one.

use super::frame::FrameHeader;
use super::replies::rejected_bid;
use super::request::{Body, Origin, Outcome};
use super::sequencer::Sequencer;
use crate::engine::{AuctionId, Command};
use crate::units::TimeUs;
use crate::wire::encode::{self, RejectedBid, RejectedValue};
use crate::wire::{Grids, Refusal, SessionRefusal};

impl Sequencer {
    /// Refuses what the engine has not seen and will not see.
    pub(super) fn refuse_unseen(&mut self, origin: Origin, body: &Body, reason: &'static str, now: TimeUs) {
        let Origin::Connection(connection) = origin else { return self.refuse(origin, reason, now) };
        let refusal = Refusal::of_session(&SessionRefusal::Unavailable(reason));
        match body {
            Body::Command(Command::SubmitBid(bid)) => {
                let rejected = rejected_bid(bid, &refusal, self.grids_if_known(bid.auction));
                encode::bid_rejected(&mut self.message, now, &rejected);
            }
            Body::Unreadable(bid) => {
                let rejected = RejectedBid {
                    auction: bid.auction,
                    client_bid_id: bid.client_bid_id.as_deref(),
                    quantity: RejectedValue::Json(&bid.quantity),
                    price: RejectedValue::Json(&bid.price),
                    refusal: &refusal,
                };
                encode::bid_rejected(&mut self.message, now, &rejected);
            }
            _ => return self.reply_error(connection, &refusal, now),
        }
        self.batch.frames.push(&FrameHeader::reply(connection), &self.message, &self.extra);
    }

    /// Refuses what is no single bid.
    pub(super) fn refuse(&mut self, origin: Origin, reason: &'static str, now: TimeUs) {
        match origin {
            Origin::Connection(connection) => {
                let refusal = Refusal::of_session(&SessionRefusal::Unavailable(reason));
                self.reply_error(connection, &refusal, now);
            }
            Origin::Waiter(waiter) => self.batch.waiters.push((waiter, Outcome::Unavailable(reason))),
            Origin::Nobody => {}
        }
    }

    fn grids_if_known(&self, auction: AuctionId) -> Option<Grids> {
        self.engine.slot(auction).map(|slot| self.grids_at(slot))
    }
}
