//! Bids of a caller that embeds the host: from its arrays, by the million.
//!
//! The same happens as with one command for each bid, in the log and in the ring too, but nothing is made that nobody
//! takes: no command without a log, no answer but what the caller looks up.

use super::frame::ConnectionKey;
use super::publish::NOBODY;
use super::recording::Recording;
use super::sequencer::Sequencer;
use super::turns::Refused;
use crate::engine::{Command, Engine, PlacedBid, SubmitBid};
use crate::units::TimeUs;

impl Sequencer {
    /// Gives bids their ids and places them in order, each judged alone; tells of each what became of it.
    pub(super) fn place_all(
        &mut self,
        bids: &mut [SubmitBid],
        now: TimeUs,
        mut tell: impl FnMut(&Engine, usize, Result<PlacedBid, Refused>),
    ) {
        bids.iter_mut().for_each(|bid| self.fill_in_bid(bid));
        self.engine.look_ahead(bids);
        for (index, bid) in bids.iter().enumerate() {
            let placed = self.place(bid, now);
            tell(&self.engine, index, placed);
        }
    }

    fn place(&mut self, bid: &SubmitBid, now: TimeUs) -> Result<PlacedBid, Refused> {
        if let Some(reason) = self.lacks_space_for_bids() {
            return Err(Refused::Unavailable(reason));
        }
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        let placed = self.engine.place(bid, now, &mut events);
        if self.recording == Recording::Logged {
            self.record(&Command::SubmitBid(bid.clone()), &events);
        }
        self.note(&events, now);
        if let Err(rejection) = &placed
            && self.publishing.is_heard
        {
            self.bid_rejected(ConnectionKey(0), bid, rejection, now);
        }
        self.publish_all(&events, NOBODY);
        self.events = events;
        placed.map_err(Refused::Rejected)
    }
}
