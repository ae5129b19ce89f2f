//! Several bids of one party in one auction, answered together: those that could be
//! read as one command, those that could not each judged at the same place in the order.

use super::figures::{Figures, MessageKind};
use super::frame::{ConnectionKey, Delivery, FrameHeader};
use super::publish::NOBODY;
use super::replies::rejected_bid;
use super::request::{BatchBid, Origin, UnreadableBid};
use super::sequencer::Sequencer;
use crate::engine::{AcceptedBid, Answer, Command, SubmitBid};
use crate::units::TimeUs;
use crate::wire::encode::{self, BatchEntry, RejectedBid, RejectedValue};
use crate::wire::{Grids, Refusal};

/// What became of one of the bids.
enum Verdict<'a> {
    Accepted(&'a AcceptedBid),
    Rejected(&'a SubmitBid, Refusal),
    Unreadable(&'a UnreadableBid, Refusal),
}

impl Sequencer {
    /// Takes a batch of bids.
    pub(super) fn batch_bids(&mut self, origin: Origin, entries: Vec<BatchBid>, now: TimeUs) {
        let readable = entries.iter().filter_map(|entry| match entry {
            BatchBid::Readable(bid) => Some(bid.clone()),
            BatchBid::Unreadable(_) => None,
        });
        let mut command = Command::SubmitBids(readable.collect());
        let connection = match origin {
            Origin::Connection(connection) => connection,
            // Who waits or does not care sends what is readable.
            origin => return self.command(origin, command, now),
        };
        if let Some(reason) = self.lacks_space(&command) {
            return self.refuse(origin, reason, now);
        }
        self.fill_in(&mut command);
        let mut unreadable = entries.iter().filter_map(|entry| match entry {
            BatchBid::Readable(_) => None,
            BatchBid::Unreadable(bid) => Some(self.judge_unreadable(bid, now)),
        });
        let mut refusals: Vec<Refusal> = unreadable.by_ref().collect();
        drop(unreadable);
        let mut events = std::mem::take(&mut self.events);
        match self.apply(&command, &mut events, now) {
            Ok(Answer::Bids(results)) => {
                let Command::SubmitBids(bids) = &command else { return };
                let mut outcomes = bids.iter().zip(&results);
                let grids = self.grids_of_batch(&entries);
                let refusals = &mut refusals.drain(..);
                let verdicts: Vec<Verdict<'_>> = entries
                    .iter()
                    .filter_map(|entry| match entry {
                        BatchBid::Unreadable(bid) => Some(Verdict::Unreadable(bid, refusals.next()?)),
                        BatchBid::Readable(_) => Some(match outcomes.next()? {
                            (_, Ok(accepted)) => Verdict::Accepted(accepted),
                            (bid, Err(rejection)) => {
                                Verdict::Rejected(bid, Refusal::of_rejection(rejection, grids))
                            }
                        }),
                    })
                    .collect();
                self.tell_batch(connection, &entries, &verdicts, grids, now);
            }
            Ok(_) => {}
            Err(rejection) => self.reply_error(connection, &Refusal::of_rejection(&rejection, None), now),
        }
        self.publish_all(&events, NOBODY);
        self.events = events;
    }

    fn judge_unreadable(&self, bid: &UnreadableBid, now: TimeUs) -> Refusal {
        match self.engine.judge_entry(bid.auction, now, bid.received_at_us) {
            Ok(_) => Refusal::invalid_bid(bid.message.to_string(), &bid.details),
            Err(rejection) => Refusal::of_rejection(&rejection, None),
        }
    }

    fn grids_of_batch(&self, entries: &[BatchBid]) -> Option<Grids> {
        let auction = entries.first()?.auction();
        self.engine.slot(auction).map(|slot| self.grids_at(slot))
    }

    /// The reply for all, notes of what was accepted, and each refusal to the party's other connections.
    fn tell_batch(
        &mut self,
        connection: ConnectionKey,
        entries: &[BatchBid],
        verdicts: &[Verdict<'_>],
        grids: Option<Grids>,
        now: TimeUs,
    ) {
        let (Some(auction), Some(grids)) = (entries.first().map(BatchBid::auction), grids) else { return };
        let rejected: Vec<Option<RejectedBid<'_>>> =
            verdicts.iter().map(|verdict| verdict.rejected(grids)).collect();
        let told =
            verdicts.iter().zip(&rejected).filter_map(|(verdict, rejected)| match (verdict, rejected) {
                (Verdict::Accepted(accepted), _) => Some(BatchEntry::Accepted(accepted, grids)),
                (_, Some(rejected)) => Some(BatchEntry::Rejected(rejected)),
                (_, None) => None,
            });
        encode::bids_result(&mut self.message, now, auction, told);
        self.push_reply(connection);
        let Some(slot) = self.engine.slot(auction) else { return };
        for verdict in verdicts {
            if let Verdict::Accepted(accepted) = verdict
                && !accepted.duplicate
            {
                let header = FrameHeader { delivery: Delivery::Noted, ..FrameHeader::reply(connection) };
                let header = FrameHeader { slot: Some(slot), bid: accepted.bid.bid, ..header };
                self.batch.frames.push_silent(&header);
            }
        }
        let extra = std::mem::take(&mut self.extra);
        for (entry, rejected) in entries.iter().zip(&rejected) {
            if let Some(rejected) = rejected {
                encode::bid_rejected(&mut self.message, now, rejected);
                let figures = Figures::new(MessageKind::BidRejected, now);
                self.push_to_owner(ConnectionKey(0), slot, entry.party(), figures);
            }
        }
        self.extra = extra;
    }
}

impl Verdict<'_> {
    fn rejected(&self, grids: Grids) -> Option<RejectedBid<'_>> {
        match self {
            Self::Accepted(_) => None,
            Self::Rejected(bid, refusal) => Some(rejected_bid(bid, refusal, Some(grids))),
            Self::Unreadable(bid, refusal) => Some(RejectedBid {
                auction: bid.auction,
                client_bid_id: bid.client_bid_id.as_deref(),
                quantity: RejectedValue::Json(&bid.quantity),
                price: RejectedValue::Json(&bid.price),
                refusal,
            }),
        }
    }
}
