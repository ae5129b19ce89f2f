//! Bids of a caller that embeds the host: from its arrays, by the million.
//!
//! The same happens as with one command for each bid, in the log and in the ring too, but nothing is made that nobody
//! takes: no command without a log, no answer but what the caller looks up.

use super::frame::ConnectionKey;
use super::publish::NOBODY;
use super::recording::Recording;
use super::sequencer::Sequencer;
use super::turns::Refused;
use crate::engine::{Acceptances, BidWish, Command, Engine, PlacedBid, Rejection};
use crate::units::TimeUs;

impl Sequencer {
    /// Gives bids their ids and places them in order, each judged alone; tells of each what became of it.
    pub(super) fn place_all(
        &mut self,
        bids: &mut [BidWish<'_>],
        now: TimeUs,
        mut tell: impl FnMut(&Engine, usize, Result<PlacedBid, Refused>),
    ) {
        for bid in bids.iter_mut() {
            (bid.bid, bid.salt) = self.name_bid();
        }
        self.engine.look_ahead(bids.iter().map(|bid| &bid.bid));
        let lacks_space = self.lacks_space_for_bids();
        for (index, bid) in bids.iter().enumerate() {
            let placed = match lacks_space {
                Some(reason) => Err(Refused::Unavailable(reason)),
                None => self.place(bid, now).map_err(Refused::Rejected),
            };
            tell(&self.engine, index, placed);
        }
    }

    fn place(&mut self, bid: &BidWish<'_>, now: TimeUs) -> Result<PlacedBid, Rejection> {
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        let is_for_nobody = self.recording == Recording::Unlogged && !self.publishing.is_heard;
        let acceptances = if is_for_nobody { Acceptances::Counted } else { Acceptances::Told };
        let placed = self.engine.place(bid, now, acceptances, &mut events);
        if self.recording == Recording::Logged {
            self.record(&Command::SubmitBid(bid.to_submit_bid()), &events);
        }
        self.note(&events, now);
        if let Err(rejection) = &placed
            && self.publishing.is_heard
        {
            self.bid_rejected(ConnectionKey(0), &bid.to_submit_bid(), rejection, now);
        }
        self.publish_all(&events, NOBODY);
        self.events = events;
        placed
    }
}
