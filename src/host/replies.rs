//! What the one who asked hears: encoded into the ring for a connection, typed for
//! a caller that waits.

use super::batch::Frames;
use super::figures::{Figures, MessageKind};
use super::frame::{ConnectionKey, Delivery, Frame, FrameHeader};
use super::publish::{Asker, Audience, NOBODY, Publisher};
use super::request::{AmendText, NumberText, Origin, Outcome, Subscribe, UnreadableBid};
use super::sequencer::Sequencer;
use crate::engine::{
    AcceptedBid, AmendBid, Answer, AuctionId, AuctionSlot, AuctionStatus, CancelBid, Command, Event, Party,
    Rejection, ReportSettlement, SubmitBid,
};
use crate::units::TimeUs;
use crate::wire::encode::{
    self, BatchEntry, BidCancellation, Place, RejectedBid, RejectedValue, Replay, Shown,
};
use crate::wire::{self, Channel, Code, EndedAuction, Grids, Refusal, SessionRefusal};

impl Sequencer {
    /// The reply to a command, and the frames of its events.
    pub(super) fn reply(
        &mut self,
        connection: ConnectionKey,
        command: &Command,
        outcome: &Result<Answer, Rejection>,
        events: &[Event],
        now: TimeUs,
    ) {
        if !self.publishing.is_heard {
            return;
        }
        let is_own_reply = matches!(command, Command::SubmitBid(_));
        if connection.0 != 0 && !(is_own_reply && outcome.is_ok() && !events.is_empty()) {
            self.reply_to_connection(connection, command, outcome, now);
        } else if let (Command::SubmitBid(bid), Err(rejection)) = (command, outcome) {
            // A bid by REST or by a host: the bidder's connections still hear of the refusal.
            self.bid_rejected(ConnectionKey(0), bid, rejection, now);
        }
        if let (Command::SubmitBids(bids), Ok(Answer::Bids(results))) = (command, outcome) {
            for (bid, result) in bids.iter().zip(results) {
                if let Err(rejection) = result {
                    self.bid_rejected(ConnectionKey(0), bid, rejection, now);
                }
            }
        }
        let extra = std::mem::take(&mut self.extra);
        let asker = Asker { connection, extra: &extra };
        self.publish_all(events, if is_own_reply || tells_by_reply(command) { asker } else { NOBODY });
        self.extra = extra;
    }

    /// The frames of events, for all whom they concern.
    pub(super) fn publish_all(&mut self, events: &[Event], asker: Asker<'_>) {
        if self.publishing.is_heard {
            events.iter().for_each(|event| self.publish(event, asker));
        }
    }

    fn publish(&mut self, event: &Event, asker: Asker<'_>) {
        let first = self.batch.frames.count();
        let mut publisher = Publisher {
            engine: &self.engine,
            audience: Audience::Present(&self.shared.presence),
            log_head: event.auction.and_then(|auction| self.head(auction.slot)),
            message: &mut self.message,
            frames: &mut self.batch.frames,
        };
        let end = publisher.publish(event, asker);
        if let Some(auction) = event.auction.filter(|_| self.publishing.keeps_history) {
            self.ends.extend(end.map(|end| (auction.slot, end)));
            for frame in self.batch.frames.from(first) {
                if Frame::parse(frame).is_some_and(|frame| frame.header.is_told_again()) {
                    self.history.keep(auction.slot, auction.offset, self.batch.number, frame);
                }
            }
        }
    }

    fn reply_to_connection(
        &mut self,
        connection: ConnectionKey,
        command: &Command,
        outcome: &Result<Answer, Rejection>,
        now: TimeUs,
    ) {
        match outcome {
            Ok(answer) => {
                if self.encode_answer(answer, command, now) {
                    self.push_reply(connection);
                }
            }
            Err(rejection) => match command {
                Command::SubmitBid(bid) if !matches!(rejection, Rejection::AuctionNotFound { .. }) => {
                    self.bid_rejected(connection, bid, rejection, now);
                }
                Command::SubmitBid(bid) => {
                    let refusal = Refusal::of_rejection(rejection, None)
                        .with_client_bid_id(bid.client_bid_id.as_deref());
                    self.reply_error(connection, &refusal, now);
                }
                _ => {
                    let mut refusal = Refusal::of_rejection(rejection, self.grids_of(command));
                    if let Command::CancelBid(CancelBid { bid, .. })
                    | Command::AmendBid(AmendBid { bid, .. }) = command
                    {
                        refusal = refusal.with_bid(bid);
                    }
                    self.reply_error(connection, &refusal, now);
                }
            },
        }
    }

    /// Encodes an answer into the message buffer; `false` where the facts themselves are the answer.
    fn encode_answer(&mut self, answer: &Answer, command: &Command, now: TimeUs) -> bool {
        match answer {
            Answer::Bid(accepted) => {
                let grids = self.grids_at(accepted.slot);
                encode::bid_accepted(&mut self.message, grids, accepted, Replay::Live);
            }
            Answer::Bids(results) => self.encode_bids_result(results, command, now),
            Answer::Cancelled { auction, bid, client_bid_id, cancelled_at, offset, .. } => {
                let place =
                    Place { auction: *auction, offset: *offset, at: *cancelled_at, replay: Replay::Live };
                let cancelled = BidCancellation { bid: *bid, client_bid_id: client_bid_id.as_deref() };
                encode::bid_cancelled(&mut self.message, &place, &cancelled);
            }
            Answer::Amended { auction, bid, priority_kept, offset, at } => {
                let Some(slot) = self.engine.slot(*auction) else { return false };
                let grids = self.grids_at(slot);
                let place = Place { auction: *auction, offset: *offset, at: *at, replay: Replay::Live };
                let amendment =
                    encode::BidAmendment { bid, priority_kept: *priority_kept, shown: Shown::Owner };
                encode::bid_amended(&mut self.message, &place, grids, &amendment);
            }
            Answer::CancelledAll { bids, .. } => encode::bids_cancelled(&mut self.message, now, bids),
            Answer::Affirmed { settlement, .. } => {
                let agree = matches!(command, Command::AffirmSettlement(affirm) if affirm.agree);
                let affirmation = encode::Affirmation { settlement: *settlement, agree };
                encode::settlement_affirmed(&mut self.message, now, affirmation);
            }
            Answer::Done => match command {
                Command::ReportSettlement(report) => {
                    let affirmation = encode::Affirmation { settlement: report.settlement, agree: report.ok };
                    encode::settlement_affirmed(&mut self.message, now, affirmation);
                }
                _ => return false,
            },
            Answer::Created { .. } => return false,
        }
        true
    }

    fn encode_bids_result(
        &mut self,
        results: &[Result<AcceptedBid, Rejection>],
        command: &Command,
        now: TimeUs,
    ) {
        let Command::SubmitBids(bids) = command else { return };
        let Some(auction) = bids.first().map(|bid| bid.auction) else { return };
        let grids = self.engine.slot(auction).map(|slot| self.grids_at(slot));
        let refusals: Vec<Option<Refusal>> = results
            .iter()
            .map(|result| result.as_ref().err().map(|rejection| Refusal::of_rejection(rejection, grids)))
            .collect();
        let rejected: Vec<Option<RejectedBid<'_>>> = bids
            .iter()
            .zip(&refusals)
            .map(|(bid, refusal)| refusal.as_ref().map(|refusal| rejected_bid(bid, refusal, grids)))
            .collect();
        let entries =
            results.iter().zip(&rejected).filter_map(|(result, rejected)| match (result, rejected) {
                (Ok(accepted), _) => grids.map(|grids| BatchEntry::Accepted(accepted, grids)),
                (Err(_), Some(rejected)) => Some(BatchEntry::Rejected(rejected)),
                (Err(_), None) => None,
            });
        encode::bids_result(&mut self.message, now, auction, entries);
    }

    pub(super) fn bid_rejected(
        &mut self,
        connection: ConnectionKey,
        bid: &SubmitBid,
        rejection: &Rejection,
        now: TimeUs,
    ) {
        let Some(slot) = self.engine.slot(bid.auction) else { return };
        let grids = self.grids_at(slot);
        let refusal = Refusal::of_rejection(rejection, Some(grids));
        encode::bid_rejected(&mut self.message, now, &rejected_bid(bid, &refusal, Some(grids)));
        let refused = Figures::new(MessageKind::BidRejected, now);
        let refused = Figures { price: bid.price, quantity: bid.quantity, ..refused };
        self.push_to_owner(connection, slot, &bid.party, refused);
    }

    /// A bid whose numbers can't be taken, judged at its place in the order.
    pub(super) fn unreadable(&mut self, origin: Origin, bid: &UnreadableBid, now: TimeUs) {
        let judged = self.engine.judge_entry(bid.auction, now, bid.received_at_us);
        if let Origin::Waiter(waiter) = origin {
            let invalid = Rejection::InvalidBid { field: "payload", why: "see details" };
            let outcome = Outcome::Rejected(judged.err().unwrap_or(invalid));
            self.batch.waiters.push((waiter, outcome));
            return;
        }
        let Origin::Connection(connection) = origin else { return };
        let grids = self.engine.slot(bid.auction).map(|slot| self.grids_at(slot));
        let refusal = match &judged {
            Ok(_) => Refusal::invalid_bid(bid.message.to_string(), &bid.details),
            Err(rejection) => Refusal::of_rejection(rejection, grids),
        };
        let Some(slot) = self.engine.slot(bid.auction) else {
            let refusal = refusal.with_client_bid_id(bid.client_bid_id.as_deref());
            return self.reply_error(connection, &refusal, now);
        };
        let rejected = RejectedBid {
            auction: bid.auction,
            client_bid_id: bid.client_bid_id.as_deref(),
            quantity: RejectedValue::Json(&bid.quantity),
            price: RejectedValue::Json(&bid.price),
            refusal: &refusal,
        };
        encode::bid_rejected(&mut self.message, now, &rejected);
        self.push_to_owner(connection, slot, &bid.party, Figures::new(MessageKind::BidRejected, now));
    }

    /// An amendment, whose numbers can be read only now that the bid's auction is known.
    pub(super) fn amend(&mut self, origin: Origin, amend: AmendText, now: TimeUs) {
        let auction = match &self.engine.bid(&amend.bid, &amend.party) {
            Ok(view) => view.auction,
            Err(rejection) => {
                let refusal = Refusal::of_rejection(rejection, None).with_bid(&amend.bid);
                return self.reject(origin, rejection.clone(), &refusal, now);
            }
        };
        let Some(slot) = self.engine.slot(auction) else { return };
        let grids = self.grids_at(slot);
        let quantity = amend.quantity.as_ref().map(NumberText::borrowed);
        let price = amend.price.as_ref().map(NumberText::borrowed);
        match wire::decode::read_amendment(quantity, price, amend.unsupported, grids) {
            Ok(numbers) => {
                let command = Command::AmendBid(AmendBid {
                    bid: amend.bid,
                    party: amend.party,
                    quantity: numbers.quantity,
                    price: numbers.price,
                    received_at_us: amend.received_at_us,
                });
                self.command(origin, command, now);
            }
            // No `bid_rejected`: the bid itself stands as it was.
            Err(fault) => {
                let judged = self.engine.judge_entry(auction, now, amend.received_at_us).err();
                let refusal = match &judged {
                    None => Refusal::invalid_bid(fault.message.to_string(), &fault.details),
                    Some(rejection) => Refusal::of_rejection(rejection, Some(grids)),
                };
                let invalid = Rejection::InvalidBid { field: "payload", why: "see details" };
                let refusal = refusal.with_bid(&amend.bid);
                self.reject(origin, judged.unwrap_or(invalid), &refusal, now);
            }
        }
    }

    /// A refusal that is no new bid's.
    fn reject(&mut self, origin: Origin, rejection: Rejection, refusal: &Refusal, now: TimeUs) {
        match origin {
            Origin::Connection(connection) => self.reply_error(connection, refusal, now),
            Origin::Waiter(waiter) => self.batch.waiters.push((waiter, Outcome::Rejected(rejection))),
            Origin::Nobody => {}
        }
    }

    /// Says that a subscription's auction does not exist.
    pub(super) fn refuse_unknown_auction(
        &mut self,
        connection: ConnectionKey,
        ticket: u32,
        auction: AuctionId,
        now: TimeUs,
    ) {
        let refusal = Refusal::of_rejection(&Rejection::AuctionNotFound { auction }, None);
        self.refuse_ticket(connection, ticket, &refusal, now);
    }

    /// Says that a subscription's auction is over.
    pub(super) fn refuse_ended_auction(
        &mut self,
        connection: ConnectionKey,
        ticket: u32,
        slot: AuctionSlot,
        now: TimeUs,
    ) {
        let ended = EndedAuction {
            auction: self.engine.auction_id(slot),
            status: self.engine.status(slot),
            result: self.engine.result_summary(slot).cloned(),
            ended_at: self.engine.ended_at(slot).unwrap_or(now),
            grids: self.grids_at(slot),
        };
        let refusal = Refusal::of_session(&SessionRefusal::AuctionOver(&ended));
        self.refuse_ticket(connection, ticket, &refusal, now);
    }

    /// Ends a subscription for a reason of the host's.
    pub(super) fn refuse_subscription(
        &mut self,
        connection: ConnectionKey,
        subscribe: &Subscribe,
        reason: &'static str,
        now: TimeUs,
    ) {
        let refusal = Refusal::of_session(&SessionRefusal::Unavailable(reason));
        self.refuse_ticket(connection, subscribe.ticket, &refusal, now);
    }

    fn refuse_ticket(&mut self, connection: ConnectionKey, ticket: u32, refusal: &Refusal, now: TimeUs) {
        encode::error(&mut self.message, now, refusal);
        self.ensure_correlation();
        let header = FrameHeader { ticket, ..FrameHeader::reply(connection) };
        self.batch.frames.push(&header, &self.message, &self.extra);
    }

    pub(super) fn reply_error(&mut self, connection: ConnectionKey, refusal: &Refusal, now: TimeUs) {
        debug_assert!(refusal.code != Code::Internal, "the host has no faults of its own to tell here");
        encode::error(&mut self.message, now, refusal);
        self.ensure_correlation();
        self.push_reply(connection);
    }

    /// Errors always carry a correlation id: the client's, or one made here.
    pub(super) fn ensure_correlation(&mut self) {
        if self.extra.is_empty() {
            let id = self.ids.correlation();
            wire::correlation(&id.to_string(), &mut self.extra);
        }
    }

    pub(super) fn push_reply(&mut self, connection: ConnectionKey) {
        self.batch.frames.push(&FrameHeader::reply(connection), &self.message, &self.extra);
    }

    pub(super) fn push_to_owner(
        &mut self,
        connection: ConnectionKey,
        slot: AuctionSlot,
        party: &Party,
        figures: Figures,
    ) {
        let header = FrameHeader {
            delivery: Delivery::Owner,
            channel: Channel::Bids,
            slot: Some(slot),
            party: party.key(),
            figures,
            ..FrameHeader::reply(connection)
        };
        self.batch.frames.push(&header, &self.message, &self.extra);
    }

    /// Puts an auction's state into the batch, for its subscribers.
    pub(super) fn tell_state(&mut self, slot: AuctionSlot, now: TimeUs) {
        let figures = self.encode_state(slot, now);
        let header = FrameHeader {
            delivery: Delivery::State,
            channel: Channel::Auction,
            slot: Some(slot),
            figures,
            offset: self.engine.offset(slot),
            ..FrameHeader::reply(ConnectionKey(0))
        };
        self.batch.frames.push(&header, &self.message, &[]);
    }

    /// Tells those in the same process who follow the ring something of the host's own.
    pub(super) fn announce(&mut self, payload: &str, now: TimeUs) {
        if self.publishing.is_heard {
            encode::host_event(&mut self.message, now, payload);
            let figures = Figures::new(MessageKind::HostEvent, now);
            let base = FrameHeader::reply(ConnectionKey(0));
            let header = FrameHeader { delivery: Delivery::Embedders, figures, ..base };
            self.batch.frames.push(&header, &self.message, &[]);
        }
    }

    pub(super) fn encode_state(&mut self, slot: AuctionSlot, now: TimeUs) -> Figures {
        let state = self.engine.state(slot, now);
        let next_price_up = match state.status {
            AuctionStatus::Active => self.engine.next_price_up(slot),
            _ => None,
        };
        let grids = self.grids_at(slot);
        encode::auction_update(&mut self.message, grids, &state, next_price_up);
        Figures {
            quantity: state.matched,
            current_price: Some(state.current_price),
            ..Figures::new(MessageKind::AuctionUpdate, now)
        }
    }

    /// Takes a client's word that it has carried a step out, unless it would be acquitting itself.
    pub(super) fn executor_report(
        &mut self,
        origin: Origin,
        by: &Party,
        report: ReportSettlement,
        now: TimeUs,
    ) {
        let settlement = report.settlement;
        let command = Command::ReportSettlement(report);
        if self.engine.owes(settlement, by) {
            let outcome = Err(Rejection::ReportsOnItself { settlement });
            self.reply(origin.connection(), &command, &outcome, &[], now);
            if let Origin::Waiter(waiter) = origin {
                self.batch.waiters.push((waiter, Self::outcome(outcome)));
            }
            return;
        }
        self.command(origin, command, now);
    }

    /// Encodes the newest fact of a settlement; `false` where there is none.
    pub(super) fn encode_settlement_state(&mut self, slot: AuctionSlot) -> bool {
        let event = self.engine.settlement_event(slot);
        event.is_some_and(|event| self.encode_event(&event))
    }

    /// Encodes what the executor of a settlement is asked for and has not answered; `false` where that is nothing.
    pub(super) fn encode_open_request(&mut self, slot: AuctionSlot) -> bool {
        let event = self.engine.open_request(slot);
        event.is_some_and(|event| self.encode_event(&event))
    }

    fn encode_event(&mut self, event: &Event) -> bool {
        let mut frames = Frames::default();
        let mut publisher = Publisher {
            engine: &self.engine,
            audience: Audience::Present(&self.shared.presence),
            log_head: None,
            message: &mut self.message,
            frames: &mut frames,
        };
        publisher.publish(event, NOBODY);
        !frames.is_empty()
    }

    pub(super) fn grids_at(&self, slot: AuctionSlot) -> Grids {
        Grids::of(self.engine.terms(slot))
    }

    fn grids_of(&self, command: &Command) -> Option<Grids> {
        let auction = match command {
            Command::AmendBid(amend) => match &amend.bid {
                crate::engine::BidRef::Client { auction, .. } => Some(*auction),
                crate::engine::BidRef::Id(_) => None,
            },
            _ => None,
        };
        auction.and_then(|auction| self.engine.slot(auction)).map(|slot| self.grids_at(slot))
    }
}

/// Commands whose reply carries the very fact that everybody else gets from the event.
fn tells_by_reply(command: &Command) -> bool {
    matches!(command, Command::CancelBid(_) | Command::AmendBid(_))
}

pub(super) fn rejected_bid<'a>(
    bid: &'a SubmitBid,
    refusal: &'a Refusal,
    grids: Option<Grids>,
) -> RejectedBid<'a> {
    let (quantity, price) = match grids {
        Some(grids) => (RejectedValue::Quantity(bid.quantity, grids), RejectedValue::Price(bid.price, grids)),
        None => (RejectedValue::Json("null"), RejectedValue::Json("null")),
    };
    RejectedBid {
        auction: bid.auction,
        client_bid_id: bid.client_bid_id.as_deref(),
        quantity,
        price,
        refusal,
    }
}
