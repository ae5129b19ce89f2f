//! Bids of a caller that embeds the host: from its arrays, by the million.
//!
//! The same happens as with one command for each bid, in the log and in the ring too, but nothing is made that nobody
//! takes: no command without a log, no answer but what the caller looks up.

use uuid::Uuid;

use super::frame::ConnectionKey;
use super::publish::NOBODY;
use super::recording::Recording;
use super::sequencer::Sequencer;
use super::turns::Refused;
use crate::engine::{Acceptances, BidId, BidWish, Command, Engine, Event, PlacedBid, Rejection};
use crate::units::TimeUs;

/// How many bids the engine is told of ahead.
const AHEAD_BIDS: usize = 64;

impl Sequencer {
    /// Gives bids their ids and places them in order, each judged alone; tells of each what became of it.
    pub(super) fn place_all(
        &mut self,
        bids: &mut [BidWish<'_>],
        now: TimeUs,
        mut tell: impl FnMut(&Engine, usize, Result<PlacedBid, Box<Refused>>),
    ) {
        bids.chunks_mut(AHEAD_BIDS).for_each(|bids| self.name_bids(bids));
        if let Some(reason) = self.lacks_space_for_bids() {
            let refused = |index| tell(&self.engine, index, Err(Refused::Unavailable(reason).into()));
            return (0..bids.len()).for_each(refused);
        }
        let is_for_nobody = self.recording == Recording::Unlogged && !self.publishing.is_heard;
        let acceptances = if is_for_nobody { Acceptances::Counted } else { Acceptances::Told };
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        for (bids, start) in bids.chunks(AHEAD_BIDS).zip((0..).step_by(AHEAD_BIDS)) {
            self.engine.look_ahead(bids.iter().map(|bid| &bid.bid));
            for (bid, index) in bids.iter().zip(start..) {
                let placed = self.engine.place(bid, now, acceptances, &mut events);
                if !is_for_nobody || !events.is_empty() {
                    self.pass_on(bid, &placed, &events, now);
                    events.clear();
                }
                tell(&self.engine, index, placed.map_err(|rejection| Refused::Rejected(*rejection).into()));
            }
        }
        self.events = events;
    }

    /// Gives bids their ids, and salts if anybody looks at them: a log, or a name that is hashed with one.
    fn name_bids(&mut self, bids: &mut [BidWish<'_>]) {
        let mut names = [BidId(Uuid::nil()); AHEAD_BIDS];
        let is_seen =
            self.recording == Recording::Logged || bids.iter().any(|bid| bid.client_bid_id.is_some());
        if !is_seen && self.ids.unsalted_bids(&mut names[..bids.len()]) {
            bids.iter_mut().zip(names).for_each(|(bid, name)| bid.bid = name);
        } else {
            bids.iter_mut().for_each(|bid| (bid.bid, bid.salt) = self.name_bid());
        }
    }

    /// Tells the log and the ring of a bid.
    fn pass_on(
        &mut self,
        bid: &BidWish<'_>,
        placed: &Result<PlacedBid, Box<Rejection>>,
        events: &[Event],
        now: TimeUs,
    ) {
        if self.recording == Recording::Logged {
            self.record(&Command::SubmitBid(bid.to_submit_bid()), events);
        }
        self.note(events, now);
        if let Err(rejection) = placed
            && self.publishing.is_heard
        {
            self.bid_rejected(ConnectionKey(0), &bid.to_submit_bid(), rejection, now);
        }
        self.publish_all(events, NOBODY);
    }
}
