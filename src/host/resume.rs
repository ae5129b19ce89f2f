//! Coming back: which facts a client missed, whether memory still holds them or a thread
//! must rebuild them from the log, and what happens when the log no longer reaches back.

use super::frame::ConnectionKey;
use super::rebuild::{RebuildPlace, Rebuilt};
use super::request::{Since, Subscribe};
use super::sequencer::Sequencer;
use super::subscribe::{CATCH_UPS_MAX, CatchUp, Places, Stage, Telling};
use crate::engine::AuctionSlot;
use crate::units::TimeUs;
use crate::wire::Channel;
use crate::wire::encode::Recovered;

impl Sequencer {
    /// Starts a subscription of a client that comes back.
    pub(super) fn resume(
        &mut self,
        connection: ConnectionKey,
        subscribe: Subscribe,
        slot: Option<AuctionSlot>,
        since: &Since,
        now: TimeUs,
    ) {
        let places = self.places_since(&subscribe, slot, since);
        let Some(after) = places.filter(|_| self.catch_ups.open.len() < CATCH_UPS_MAX) else {
            self.say_subscribed(connection, &subscribe, slot, Some(Recovered::Nothing), now);
            return self.start_present(connection, subscribe, slot, now);
        };
        let auction_count = self.engine.auction_count();
        let stage = Stage::Facts { after: Vec::new(), telling: Telling::Again };
        let mut catch_up = CatchUp { subscribe, stage, auction_count };
        if self.is_beyond_memory(&after) {
            let extra = self.extra.clone();
            return self.start_rebuild(connection, catch_up, after, (extra, false), now);
        }
        self.say_subscribed(connection, &catch_up.subscribe, slot, Some(Recovered::All), now);
        catch_up.stage = Stage::Facts { after, telling: Telling::Again };
        self.catch_up(connection, catch_up, now);
    }

    pub(super) fn is_beyond_memory(&self, after: &[(AuctionSlot, u64)]) -> bool {
        after.iter().any(|&(slot, offset)| offset < self.history.complete_after(slot))
    }

    /// Has a thread rebuild from the log what memory no longer holds.
    pub(super) fn start_rebuild(
        &mut self,
        connection: ConnectionKey,
        mut catch_up: CatchUp,
        after: Places,
        (extra, is_announced): (Vec<u8>, bool),
        now: TimeUs,
    ) {
        let places = after.into_iter().map(|(slot, offset)| RebuildPlace {
            slot,
            auction: self.engine.auction_id(slot),
            after: offset,
            until: self.history.complete_after(slot),
        });
        let rebuilder = self.rebuilder.as_ref();
        let subscribe = catch_up.subscribe.clone();
        let Some(wanted) = rebuilder.and_then(|it| it.ask(connection, subscribe, places.collect())) else {
            self.extra = extra;
            return self.go_on_without_past(connection, catch_up.subscribe, is_announced, now);
        };
        catch_up.stage = Stage::Rebuilding { extra, is_announced, _wanted: wanted };
        self.catch_ups.open.insert((connection, catch_up.subscribe.ticket), catch_up);
    }

    /// The past cannot be told in full.
    fn go_on_without_past(
        &mut self,
        connection: ConnectionKey,
        subscribe: Subscribe,
        is_announced: bool,
        now: TimeUs,
    ) {
        if is_announced {
            // Half of it was told and the rest cannot be: never a silent hole, so the subscription ends.
            return self.end_unrecovered(connection, &subscribe, now);
        }
        let slot = subscribe.auction.and_then(|auction| self.engine.slot(auction));
        self.say_subscribed(connection, &subscribe, slot, Some(Recovered::Nothing), now);
        self.start_present(connection, subscribe, slot, now);
    }

    /// Takes what a thread has rebuilt, if its client is still there.
    pub(super) fn go_on_with_rebuilt(&mut self, rebuilt: Rebuilt, now: TimeUs) {
        let key = (rebuilt.connection, rebuilt.ticket);
        let Some(CatchUp { subscribe, stage: Stage::Rebuilding { extra, is_announced, .. }, auction_count }) =
            self.catch_ups.open.remove(&key)
        else {
            return;
        };
        self.batch.regrets.note(key.0, &extra);
        self.extra = extra;
        if !rebuilt.is_whole {
            return self.go_on_without_past(key.0, subscribe, is_announced, now);
        }
        if !is_announced {
            let slot = subscribe.auction.and_then(|auction| self.engine.slot(auction));
            self.say_subscribed(key.0, &subscribe, slot, Some(Recovered::All), now);
        }
        let stage = Stage::Retelling { rebuilt, next: 0 };
        self.catch_up(key.0, CatchUp { subscribe, stage, auction_count }, now);
    }

    /// The offsets after which facts are missing, by auction; `None` where the client's past is not ours.
    fn places_since(
        &self,
        subscribe: &Subscribe,
        slot: Option<AuctionSlot>,
        since: &Since,
    ) -> Option<Places> {
        if *since.epoch != *self.epoch || subscribe.channel == Channel::MarketData {
            return None;
        }
        let offset_of = |slot: AuctionSlot| {
            let id = self.engine.auction_id(slot);
            since.offsets.iter().find(|(auction, _)| *auction == id).map(|&(_, offset)| offset)
        };
        let slots: Vec<AuctionSlot> = match slot {
            Some(slot) => vec![slot],
            None => self.visible_slots(subscribe).collect(),
        };
        let places: Vec<_> = slots.into_iter().map(|slot| (slot, offset_of(slot).unwrap_or(0))).collect();
        // An offset beyond the auction's last event was given by another history.
        places.iter().all(|&(slot, offset)| offset <= self.engine.offset(slot)).then_some(places)
    }

    /// Ends a subscription whose past can no longer be told in full.
    fn end_unrecovered(&mut self, connection: ConnectionKey, subscribe: &Subscribe, now: TimeUs) {
        let reason = "the log no longer reaches back: subscribe again without `since`";
        self.refuse_subscription(connection, subscribe, reason, now);
    }
}
