//! Where a subscription meets the stream: what a client missed, or a snapshot, then
//! the present state, then live.
//!
//! All of it goes through the ring to the one connection, so the ring's order is the
//! seam: what precedes the `Activate` frame was sent here, what follows it is live.
//! A client far behind is served in slices; each is asked for when its queue has
//! drained, so that catching up costs the others nothing.

use rustc_hash::FxHashMap;

use super::frame::{ConnectionKey, Delivery, Frame, FrameHeader};
use super::publish::encode_own_end;
use super::rebuild::{Rebuilt, Wanted};
use super::request::{OpenRequests, Origin, Snapshot, Subscribe};
use super::sequencer::Sequencer;
use super::wanted::wanted;
use crate::engine::{AuctionSlot, AuctionStatus, SettlementPhase};
use crate::units::TimeUs;
use crate::wire::encode::{self, AuctionWord, Recovered, Replay, SnapshotPart, UnsubscribeReason};
use crate::wire::{Channel, Grids};

/// Most bytes of one slice.
const SLICE_BYTES: usize = 192 * 1024;
/// Most clients that catch up at a time; one more starts without its past.
pub(super) const CATCH_UPS_MAX: usize = 10_000;

/// Subscriptions that have more to catch up with.
#[derive(Default)]
pub(super) struct CatchUps {
    pub(super) open: FxHashMap<(ConnectionKey, u32), CatchUp>,
}

/// One of them.
pub(super) struct CatchUp {
    pub(super) subscribe: Subscribe,
    pub(super) stage: Stage,
    /// How many auctions there were when it began. A subscription to all tells those since from their beginning.
    pub(super) auction_count: usize,
}

/// The offset after which facts are missing, by auction.
pub(super) type Places = Vec<(AuctionSlot, u64)>;

/// What is left to send before the present state.
pub(super) enum Stage {
    /// Facts after these offsets, each told again or, behind a snapshot, for the first time.
    Facts { after: Places, telling: Telling },
    /// Live bids, from this one on.
    Snapshot { auctions: Vec<SnapshotPlace> },
    /// A thread is reading the log; these are the members for the client's own copy of `subscribed`.
    Rebuilding { extra: Vec<u8>, is_announced: bool, _wanted: Wanted },
    /// Facts that a thread rebuilt, from this one on.
    Retelling { rebuilt: Rebuilt, next: usize },
}

/// Whether facts are told again or for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// The client comes back: they are marked as replayed.
    Again,
    /// They happened while a snapshot was on its way.
    First,
}

/// How far a snapshot of one auction has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct SnapshotPlace {
    slot: AuctionSlot,
    /// The next bid to look at, by its place in the auction.
    next: usize,
    /// The part's number.
    part: u32,
    /// The snapshot holds the bids placed up to this event.
    offset: u64,
}

impl Sequencer {
    /// Starts a subscription, or says why not.
    pub(super) fn subscribe(&mut self, origin: Origin, subscribe: Subscribe, now: TimeUs) {
        let Origin::Connection(connection) = origin else { return };
        let slot = match subscribe.auction {
            None => None,
            // One whose creation the log lost has nothing that may be told.
            Some(auction) => match self.engine.slot(auction) {
                Some(slot) if self.tellable_offset(slot) > 0 => Some(slot),
                _ => return self.refuse_unknown_auction(connection, subscribe.ticket, auction, now),
            },
        };
        if let Some(slot) = slot
            && subscribe.since.is_none()
            && matches!(subscribe.channel, Channel::Auction | Channel::Bids)
            && self.is_tellably_final(slot)
        {
            return self.refuse_ended_auction(connection, subscribe.ticket, slot, now);
        }
        match subscribe.since.clone() {
            None => {
                self.say_subscribed(connection, &subscribe, slot, None, now);
                self.start_present(connection, subscribe, slot, now);
            }
            Some(since) => self.resume(connection, subscribe, slot, &since, now),
        }
    }

    /// Goes on with a subscription that had more to catch up with.
    pub(super) fn go_on(&mut self, origin: Origin, ticket: u32, now: TimeUs) {
        let Origin::Connection(connection) = origin else { return };
        if let Some(catch_up) = self.catch_ups.open.remove(&(connection, ticket)) {
            self.catch_up(connection, catch_up, now);
        }
    }

    /// The connection is gone.
    pub(super) fn forget(&mut self, origin: &Origin) {
        if let Origin::Connection(gone) = origin {
            self.catch_ups.open.retain(|(connection, _), _| connection != gone);
        }
    }

    pub(super) fn visible_slots<'a>(
        &'a self,
        subscribe: &'a Subscribe,
    ) -> impl Iterator<Item = AuctionSlot> + 'a {
        (0..self.engine.auction_count()).map(|slot| AuctionSlot(slot as u32)).filter(|&slot| {
            let id = self.engine.auction_id(slot);
            subscribe.allowed.as_ref().is_none_or(|allowed| allowed.contains(&id))
        })
    }

    pub(super) fn say_subscribed(
        &mut self,
        connection: ConnectionKey,
        subscribe: &Subscribe,
        slot: Option<AuctionSlot>,
        recovered: Option<Recovered>,
        now: TimeUs,
    ) {
        let auction = subscribe.auction.map_or(AuctionWord::All, AuctionWord::Id);
        let offset = slot.map(|slot| self.tellable_offset(slot));
        let subscribed =
            encode::Subscribed { channel: subscribe.channel, auction, recovered, epoch: &self.epoch, offset };
        encode::subscribed(&mut self.message, now, &subscribed);
        self.batch.frames.push(&FrameHeader::reply(connection), &self.message, &self.extra);
    }

    /// A subscription without a past: a snapshot if asked for, the state, live.
    pub(super) fn start_present(
        &mut self,
        connection: ConnectionKey,
        subscribe: Subscribe,
        slot: Option<AuctionSlot>,
        now: TimeUs,
    ) {
        let wants_bids = subscribe.channel == Channel::Bids
            && subscribe.snapshot == Snapshot::Sent
            && !self.shared.is_frozen();
        let stage = if wants_bids {
            let slots: Vec<AuctionSlot> = match slot {
                Some(slot) => vec![slot],
                None => self.visible_slots(&subscribe).collect(),
            };
            let running = slots.into_iter().filter(|&slot| !self.engine.status(slot).is_final());
            let places = running.map(|slot| SnapshotPlace {
                slot,
                next: 0,
                part: 0,
                offset: self.engine.offset(slot),
            });
            Stage::Snapshot { auctions: places.collect() }
        } else {
            Stage::Facts { after: Vec::new(), telling: Telling::First }
        };
        let auction_count = self.engine.auction_count();
        self.catch_up(connection, CatchUp { subscribe, stage, auction_count }, now);
    }

    /// Sends the next slice, and either leaves the rest for later or finishes.
    pub(super) fn catch_up(&mut self, connection: ConnectionKey, mut catch_up: CatchUp, now: TimeUs) {
        let mut budget = SLICE_BYTES;
        loop {
            match &mut catch_up.stage {
                Stage::Rebuilding { .. } => return,
                Stage::Retelling { rebuilt, next } => {
                    while let Some(frame) = rebuilt.frames.get(*next).filter(|_| budget > 0) {
                        budget = budget.saturating_sub(frame.byte_count());
                        let header = FrameHeader::reply(connection);
                        self.batch.frames.push_parts(&header, frame.head(), frame.tail(), &[]);
                        *next += 1;
                    }
                    if *next < rebuilt.frames.len() {
                        return self.leave_rest(connection, catch_up);
                    }
                    let after = std::mem::take(&mut rebuilt.reached);
                    catch_up.stage = Stage::Facts { after, telling: Telling::Again };
                }
                Stage::Snapshot { auctions } => {
                    let mut places = std::mem::take(auctions);
                    let is_done = self.send_snapshot(connection, &mut places, &mut budget, now);
                    if !is_done {
                        catch_up.stage = Stage::Snapshot { auctions: places };
                        return self.leave_rest(connection, catch_up);
                    }
                    // What happened while the parts were on their way follows as ordinary facts.
                    let after = places.iter().map(|place| (place.slot, place.offset)).collect();
                    catch_up.stage = Stage::Facts { after, telling: Telling::First };
                }
                Stage::Facts { after, telling } => {
                    let (mut after, telling) = (std::mem::take(after), *telling);
                    if catch_up.subscribe.auction.is_none() {
                        self.add_new_auctions(&mut catch_up, &mut after);
                    }
                    if self.is_beyond_memory(&after) {
                        return self.start_rebuild(connection, catch_up, after, (Vec::new(), true), now);
                    }
                    if !self.send_facts(connection, &catch_up.subscribe, &mut after, telling, &mut budget) {
                        catch_up.stage = Stage::Facts { after, telling };
                        return self.leave_rest(connection, catch_up);
                    }
                    return self.finish_catch_up(connection, &catch_up.subscribe, now);
                }
            }
        }
    }

    /// Auctions that began while a client was catching up with all are caught up with too.
    fn add_new_auctions(&self, catch_up: &mut CatchUp, after: &mut Places) {
        let seen = catch_up.auction_count;
        let new = self.visible_slots(&catch_up.subscribe).filter(|slot| slot.0 as usize >= seen);
        after.extend(new.map(|slot| (slot, 0)));
        catch_up.auction_count = self.engine.auction_count();
    }

    fn leave_rest(&mut self, connection: ConnectionKey, catch_up: CatchUp) {
        let ticket = catch_up.subscribe.ticket;
        let header = FrameHeader { delivery: Delivery::Continue, ticket, ..FrameHeader::reply(connection) };
        self.batch.frames.push_silent(&header);
        self.catch_ups.open.insert((connection, ticket), catch_up);
    }

    /// Sends facts after the given offsets, moving them on; whether all are sent.
    fn send_facts(
        &mut self,
        connection: ConnectionKey,
        subscribe: &Subscribe,
        after: &mut [(AuctionSlot, u64)],
        telling: Telling,
        budget: &mut usize,
    ) -> bool {
        // A frozen engine is ahead of its log: only what is durable may be told.
        let batch_max = if self.shared.is_frozen() { self.shared.durable_batch() } else { u64::MAX };
        let mut tail = Vec::new();
        for (slot, offset) in after {
            let mut told_privately = None;
            for (event_offset, bytes) in self.history.after(*slot, *offset, batch_max) {
                if *budget < bytes.len() && event_offset != *offset {
                    return false;
                }
                *budget = budget.saturating_sub(bytes.len());
                *offset = event_offset;
                let Some(frame) = Frame::parse(bytes) else { continue };
                if !wanted(&frame, subscribe, &mut told_privately) {
                    continue;
                }
                // A bidder that was away when the sale ended has its own copy made now.
                let end = self.ends.get(slot).filter(|end| end.offset == event_offset);
                if let Some(end) = end
                    && frame.header.delivery == Delivery::Public
                    && self.engine.bidder_by_key(*slot, subscribe.party).is_some()
                {
                    let replay = if telling == Telling::Again { Replay::Replayed } else { Replay::Live };
                    encode_own_end(&mut self.message, &self.engine, *slot, end, subscribe.party, replay);
                    self.batch.frames.push(&FrameHeader::reply(connection), &self.message, &[]);
                    continue;
                }
                tail.clear();
                tail.extend_from_slice(frame.tail);
                if telling == Telling::Again {
                    tail.extend_from_slice(br#","replayed":true"#);
                }
                self.batch.frames.push_parts(&FrameHeader::reply(connection), frame.head, &tail, &[]);
            }
        }
        true
    }

    /// Sends parts of snapshots; whether all are sent.
    fn send_snapshot(
        &mut self,
        connection: ConnectionKey,
        places: &mut [SnapshotPlace],
        budget: &mut usize,
        now: TimeUs,
    ) -> bool {
        for place in places {
            let terms = self.engine.terms(place.slot);
            let grids = Grids { tick: terms.tick, lot: terms.lot };
            loop {
                if place.next == usize::MAX {
                    break;
                }
                if *budget == 0 {
                    return false;
                }
                let page = self.engine.live_bids(place.slot, place.next, encode::SNAPSHOT_BIDS_MAX);
                let is_last = page.next.is_none();
                let part = SnapshotPart {
                    auction: self.engine.auction_id(place.slot),
                    index: place.part,
                    is_last,
                    offset: place.offset,
                    at: now,
                };
                let bids = page.bids.iter().filter(|bid| bid.offset <= place.offset);
                encode::bids_snapshot(&mut self.message, &part, grids, bids);
                let bytes = self.message.head().len() + self.message.tail().len();
                *budget = budget.saturating_sub(bytes);
                self.batch.frames.push(&FrameHeader::reply(connection), &self.message, &[]);
                place.part += 1;
                place.next = page.next.unwrap_or(usize::MAX);
            }
        }
        true
    }

    /// The present state, then live; or the end, where the auction is over.
    fn finish_catch_up(&mut self, connection: ConnectionKey, subscribe: &Subscribe, now: TimeUs) {
        let slot = subscribe.auction.and_then(|auction| self.engine.slot(auction));
        let ended = slot.filter(|&slot| self.is_tellably_final(slot)).map(|slot| self.engine.status(slot));
        if let (Some(status), Channel::Auction | Channel::Bids, Some(auction)) =
            (ended, subscribe.channel, subscribe.auction)
        {
            let reason = match status {
                AuctionStatus::Cancelled => UnsubscribeReason::AuctionCancelled,
                _ => UnsubscribeReason::AuctionCompleted,
            };
            let word = AuctionWord::Id(auction);
            encode::unsubscribed(&mut self.message, now, subscribe.channel, word, reason);
            let header = FrameHeader { ticket: subscribe.ticket, ..FrameHeader::reply(connection) };
            self.batch.frames.push(&header, &self.message, &[]);
            return;
        }
        if !self.shared.is_frozen() {
            self.send_state(connection, subscribe, slot, now);
        }
        let header = FrameHeader {
            delivery: Delivery::Activate,
            channel: subscribe.channel,
            slot,
            ticket: subscribe.ticket,
            ..FrameHeader::reply(connection)
        };
        self.batch.frames.push_silent(&header);
    }

    fn send_state(
        &mut self,
        connection: ConnectionKey,
        subscribe: &Subscribe,
        slot: Option<AuctionSlot>,
        now: TimeUs,
    ) {
        let slots: Vec<AuctionSlot> = match slot {
            Some(slot) => vec![slot],
            None => self.visible_slots(subscribe).collect(),
        };
        match subscribe.channel {
            Channel::Auction => {
                for slot in slots {
                    if !self.engine.status(slot).is_final() {
                        self.encode_state(slot, now);
                        self.batch.frames.push(&FrameHeader::reply(connection), &self.message, &[]);
                    }
                }
            }
            Channel::Settlement => {
                for slot in slots {
                    let is_open = self.engine.settlement_state(slot).is_some_and(|fact| {
                        // For all auctions at once, only what still moves.
                        subscribe.auction.is_some()
                            || !matches!(
                                fact.phase,
                                SettlementPhase::Complete
                                    | SettlementPhase::Failed
                                    | SettlementPhase::RolledBack
                            )
                    });
                    if is_open && self.encode_settlement_state(slot) {
                        self.batch.frames.push(&FrameHeader::reply(connection), &self.message, &[]);
                    }
                    // An executor that was away would otherwise hear of it only when it is overdue.
                    if subscribe.open_requests == OpenRequests::Told && self.encode_open_request(slot) {
                        self.batch.frames.push(&FrameHeader::reply(connection), &self.message, &[]);
                    }
                }
            }
            Channel::MarketData => self.send_market(connection, subscribe),
            Channel::Bids => {}
        }
    }

    fn send_market(&mut self, connection: ConnectionKey, subscribe: &Subscribe) {
        let market = self.engine.market();
        // A filter by token alone leaves pairs out, and the other way round.
        let all = subscribe.token.is_none() && subscribe.token_pair.is_none();
        for (token, at, payload) in market.prices() {
            if all || subscribe.token.as_deref() == Some(token) {
                encode::price_update(&mut self.message, at, payload);
                self.batch.frames.push(&FrameHeader::reply(connection), &self.message, &[]);
            }
        }
        for (pair, at, payload) in market.order_books() {
            if all || subscribe.token_pair.as_deref() == Some(pair) {
                encode::order_book_update(&mut self.message, at, payload);
                self.batch.frames.push(&FrameHeader::reply(connection), &self.message, &[]);
            }
        }
    }
}
