//! Events into frames: who hears of what, in which words.
//!
//! A pure function of the engine and the event, so that what is rebuilt from the
//! log for a client that resumes is what was sent the first time.

use super::batch::Frames;
use super::figures::{Figures, Marks, MessageKind};
use super::frame::{ConnectionKey, Delivery, FrameHeader};
use super::presence::Presence;
use crate::engine::{
    AcceptedBid, AuctionSlot, BidFact, BidId, BidStatus, CloseReason, Engine, Event, EventAuction, Fact,
    Party, PartyKey, ResultSummary, SettlementChange, SettlementFact,
};
use crate::units::TimeUs;
use crate::wire::encode::{self, Place, Replay, Shown, UnsubscribeReason};
use crate::wire::{Channel, Grids, Message};

/// Most of a bidder's allocations in its own copy of `auction_complete`.
const OWN_ALLOCATIONS_MAX: usize = 100;

/// Makes the frames of events.
pub(super) struct Publisher<'a> {
    /// The engine right after the events.
    pub engine: &'a Engine,
    /// Whose copies are worth making; `None` makes all of a party's own ones.
    pub audience: Audience<'a>,
    /// The hash of the newest record of the event's auction, for `auction_complete`.
    pub log_head: Option<[u8; 32]>,
    /// A buffer.
    pub message: &'a mut Message,
    /// Where the frames go.
    pub frames: &'a mut Frames,
}

/// For which parties their own copies are made.
#[derive(Clone, Copy)]
pub(super) enum Audience<'a> {
    /// Those with a connection.
    Present(&'a Presence),
    /// Just this one: it resumes.
    One(PartyKey),
    /// Every party: nobody is there yet, and each may come back.
    All,
}

/// The connection whose request an event came from, and what is added to its copy.
#[derive(Clone, Copy)]
pub(super) struct Asker<'a> {
    /// The connection, or 0.
    pub connection: ConnectionKey,
    /// Members for it alone.
    pub extra: &'a [u8],
}

/// The asker of events that nobody asked for.
pub(super) const NOBODY: Asker<'static> = Asker { connection: ConnectionKey(0), extra: &[] };

impl Publisher<'_> {
    /// Adds the frames of one event. Those for everybody skip `asker`, which is told by its reply. If the event is the
    /// end of a sale, returns what else was told of it, for copies that are made later.
    pub fn publish(&mut self, event: &Event, asker: Asker<'_>) -> Option<End> {
        let Some(auction) = event.auction else {
            self.publish_market(event);
            return None;
        };
        let place = Place { auction: auction.id, offset: auction.offset, at: event.at, replay: Replay::Live };
        let terms = self.engine.terms(auction.slot);
        let grids = Grids { tick: terms.tick, lot: terms.lot };
        match &event.fact {
            Fact::AuctionCreated { state } => {
                encode::auction_created(self.message, &place, grids, state);
                let base = header(&auction, Channel::Auction, Delivery::Public);
                let figures = Figures {
                    quantity: state.matched,
                    current_price: Some(state.current_price),
                    ..Figures::new(MessageKind::AuctionCreated, event.at)
                };
                self.push(FrameHeader { figures, ..base }, &[]);
            }
            Fact::BidAccepted(bid) => self.bid_accepted(&auction, &place, grids, bid, asker),
            Fact::BidCancelled { bid, party, shown, .. } => {
                let cancelled = encode::BidCancellation { bid: *bid, client_bid_id: None };
                encode::bid_cancelled(self.message, &place, &cancelled);
                let base = header(&auction, Channel::Bids, Delivery::Public);
                let (lots, connection) = (shown.0, asker.connection);
                let figures = Figures::new(MessageKind::BidCancelled, event.at);
                self.push(FrameHeader { party: *party, lots, connection, bid: *bid, figures, ..base }, &[]);
            }
            Fact::BidAmended { bid, priority_kept, shown } => {
                let amendment =
                    encode::BidAmendment { bid, priority_kept: *priority_kept, shown: Shown::Public };
                encode::bid_amended(self.message, &place, grids, &amendment);
                let base = header(&auction, Channel::Bids, Delivery::Public);
                let (lots, connection) = (shown.0, asker.connection);
                let figures = Figures::of_bid(MessageKind::BidAmended, event.at, bid);
                let marks = figures.marks.with(Marks::PRIORITY_KEPT, *priority_kept);
                let figures = Figures { marks, ..figures };
                self.push(
                    FrameHeader { party: bid.party, lots, connection, bid: bid.bid, figures, ..base },
                    &[],
                );
            }
            Fact::AuctionCompleted { result, reason } => {
                return Some(self.completed(&auction, &place, grids, result, *reason));
            }
            Fact::AuctionCancelled { reason } => {
                encode::auction_cancelled(self.message, &place, reason);
                let base = header(&auction, Channel::Auction, Delivery::Public);
                let figures = Figures::new(MessageKind::AuctionCancelled, event.at);
                self.push(FrameHeader { is_terminal: true, figures, ..base }, &[]);
                self.end_subscriptions(&auction, event.at, UnsubscribeReason::AuctionCancelled);
            }
            Fact::Settlement(fact) => self.settlement(&auction, &place, grids, fact),
            // These are told by the state that follows them.
            Fact::AuctionOpened
            | Fact::AuctionHalted { .. }
            | Fact::AuctionResumed
            | Fact::AuctionExtended { .. } => {}
            Fact::PricesPut { .. } | Fact::OrderBookPut { .. } => {}
        }
        None
    }

    fn push(&mut self, header: FrameHeader, extra: &[u8]) {
        self.frames.push(&header, self.message, extra);
    }

    fn publish_market(&mut self, event: &Event) {
        let (topic, kind) = match &event.fact {
            Fact::PricesPut { token, payload } => {
                encode::price_update(self.message, event.at, payload);
                (token_key(token), MessageKind::PriceUpdate)
            }
            Fact::OrderBookPut { token_pair, payload } => {
                encode::order_book_update(self.message, event.at, payload);
                (pair_key(token_pair), MessageKind::OrderBookUpdate)
            }
            _ => return,
        };
        let header = FrameHeader {
            delivery: Delivery::State,
            channel: Channel::MarketData,
            party: topic,
            figures: Figures::new(kind, event.at),
            ..FrameHeader::reply(ConnectionKey(0))
        };
        self.push(header, &[]);
    }

    fn bid_accepted(
        &mut self,
        auction: &EventAuction,
        place: &Place,
        grids: Grids,
        bid: &BidFact,
        asker: Asker<'_>,
    ) {
        let accepted = AcceptedBid {
            auction: auction.id,
            slot: auction.slot,
            bid: bid.clone(),
            at: place.at,
            offset: auction.offset,
            status: BidStatus::Pending,
            duplicate: false,
        };
        encode::bid_accepted(self.message, grids, &accepted, Replay::Live);
        let base = header(auction, Channel::Bids, Delivery::Owner);
        let (lots, connection) = (bid.quantity.0, asker.connection);
        let figures = Figures::of_bid(MessageKind::BidAccepted, place.at, bid);
        self.push(
            FrameHeader { party: bid.party, lots, connection, bid: bid.bid, figures, ..base },
            asker.extra,
        );
        encode::new_bid(self.message, place, grids, bid);
        let base = header(auction, Channel::Bids, Delivery::Public);
        let figures = Figures { kind: MessageKind::NewBid, ..figures };
        self.push(FrameHeader { party: bid.party, lots, bid: bid.bid, figures, ..base }, &[]);
    }

    fn completed(
        &mut self,
        auction: &EventAuction,
        place: &Place,
        grids: Grids,
        result: &ResultSummary,
        reason: CloseReason,
    ) -> End {
        let figures = Figures {
            price: result.clearing_price,
            quantity: result.total_allocated,
            current_price: result.clearing_price,
            ..Figures::new(MessageKind::AuctionComplete, place.at)
        };
        let base = header(auction, Channel::Auction, Delivery::Public);
        let base = FrameHeader { is_terminal: true, figures, ..base };
        let engine = self.engine;
        let (at, terms_hash) = (place.at, engine.terms_hash(auction.slot));
        let end = End { at, offset: auction.offset, reason, terms_hash, log_head: self.log_head };
        for party in engine.parties_with_bids(auction.slot) {
            if !self.audience.includes(party) {
                continue;
            }
            encode_own_end(self.message, engine, auction.slot, &end, party, place.replay);
            self.push(FrameHeader { delivery: Delivery::Party, party, ..base }, &[]);
        }
        let complete = encode::CompletedAuction {
            result,
            reason,
            terms_hash: &end.terms_hash,
            log_head: end.log_head.as_ref(),
            own: None,
        };
        encode::auction_complete(self.message, place, grids, &complete);
        self.push(base, &[]);
        self.end_subscriptions(auction, place.at, UnsubscribeReason::AuctionCompleted);
        end
    }

    fn end_subscriptions(&mut self, auction: &EventAuction, at: TimeUs, reason: UnsubscribeReason) {
        for channel in [Channel::Auction, Channel::Bids] {
            let word = encode::AuctionWord::Id(auction.id);
            encode::unsubscribed(self.message, at, channel, word, reason);
            self.push(FrameHeader { is_terminal: true, ..header(auction, channel, Delivery::Ending) }, &[]);
        }
    }

    fn settlement(&mut self, auction: &EventAuction, place: &Place, grids: Grids, fact: &SettlementFact) {
        let mut delivery = Delivery::Public;
        let kind = kind_of(&fact.change);
        match &fact.change {
            SettlementChange::Started => encode::settlement_started(self.message, place, fact),
            SettlementChange::Progressed => encode::settlement_progress(self.message, place, fact),
            // Said to the participant by its reply, to everybody by the progress it makes.
            SettlementChange::Affirmed { .. } => return,
            SettlementChange::Requested { step, attempt, due } => {
                let request = encode::StepRequest { step: *step, attempt: *attempt, due: *due };
                encode::settlement_request(self.message, place, fact, &request);
                delivery = Delivery::Settlers;
            }
            SettlementChange::Completed { gas_used, execution_path } => {
                let Some(result) = self.engine.result_summary(auction.slot) else { return };
                let completed = encode::CompletedSettlement { result, gas_used: *gas_used, execution_path };
                encode::settlement_complete(self.message, place, grids, fact, &completed);
            }
            SettlementChange::RolledBack { reason } | SettlementChange::Failed { reason } => {
                encode::settlement_failed(self.message, place, fact, reason);
            }
        }
        let base = header(auction, Channel::Settlement, delivery);
        let (bid, figures) = (BidId(fact.settlement.0), Figures::new(kind, place.at));
        self.push(FrameHeader { bid, figures, ..base }, &[]);
    }
}

fn kind_of(change: &SettlementChange) -> MessageKind {
    match change {
        SettlementChange::Started => MessageKind::SettlementStarted,
        SettlementChange::Progressed | SettlementChange::Affirmed { .. } => MessageKind::SettlementProgress,
        SettlementChange::Requested { .. } => MessageKind::SettlementRequest,
        SettlementChange::Completed { .. } => MessageKind::SettlementComplete,
        SettlementChange::RolledBack { .. } | SettlementChange::Failed { .. } => {
            MessageKind::SettlementFailed
        }
    }
}

impl Audience<'_> {
    fn includes(self, party: PartyKey) -> bool {
        match self {
            Self::Present(presence) => presence.has(party),
            Self::One(one) => one == party,
            Self::All => true,
        }
    }
}

/// How a sale came to its end, beside the result.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub at: TimeUs,
    pub offset: u64,
    pub reason: CloseReason,
    pub terms_hash: [u8; 32],
    /// The hash of the record that ended it.
    pub log_head: Option<[u8; 32]>,
}

/// Encodes a bidder's own copy of the end of an auction that has a result.
pub(super) fn encode_own_end(
    message: &mut Message,
    engine: &Engine,
    slot: AuctionSlot,
    end: &End,
    party: PartyKey,
    replay: Replay,
) {
    let Some(result) = engine.result_summary(slot) else { return };
    let terms = engine.terms(slot);
    let place = Place { auction: engine.auction_id(slot), offset: end.offset, at: end.at, replay };
    let (allocations, more) = engine.allocations_of(slot, party, OWN_ALLOCATIONS_MAX);
    let complete = encode::CompletedAuction {
        result,
        reason: end.reason,
        terms_hash: &end.terms_hash,
        log_head: end.log_head.as_ref(),
        own: Some(encode::OwnAllocations { allocations: &allocations, more }),
    };
    encode::auction_complete(message, &place, Grids { tick: terms.tick, lot: terms.lot }, &complete);
}

/// A header for a frame about `auction`.
pub(super) fn header(auction: &EventAuction, channel: Channel, delivery: Delivery) -> FrameHeader {
    FrameHeader {
        delivery,
        channel,
        slot: Some(auction.slot),
        offset: auction.offset,
        bid: BidId(uuid::Uuid::nil()),
        ..FrameHeader::reply(ConnectionKey(0))
    }
}

/// What a token's frames carry in place of a party, for filters to compare.
pub fn token_key(token: &str) -> PartyKey {
    Party(format!("token:{token}").into()).key()
}

/// What a pair's frames carry in place of a party, for filters to compare.
pub fn pair_key(token_pair: &str) -> PartyKey {
    Party(format!("pair:{token_pair}").into()).key()
}
