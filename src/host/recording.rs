//! What goes into the log: the records of commands that changed something, and what is refused while there is no room.

use super::keeper::Ended;
use super::recovery::is_over;
use super::sequencer::Sequencer;
use crate::engine::{Command, Event};
use crate::log::{Continues, Hash, Space, StreamId, Urgency, record_hash};
use crate::wire;

/// Whether commands go into a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recording {
    /// They do.
    Logged,
    /// There is none: the state lives and dies with the process.
    Unlogged,
}

impl Sequencer {
    /// Notes a command for the log. The engine changes nothing without an event, so what has none need not be logged.
    pub(super) fn record(&mut self, command: &Command, events: &[Event]) {
        let Some(first) = events.first() else { return };
        events.iter().for_each(|event| self.batch.digest.add(event));
        if !matches!(
            command,
            Command::CreateAuction(_) | Command::SubmitBid(_) | Command::SubmitBids(_) | Command::AmendBid(_)
        ) {
            self.batch.log.urgency = Urgency::Urgent;
        }
        let stream = stream_of(first);
        let is_last = first.auction.is_some_and(|auction| is_over(&self.engine, auction.slot));
        let continues = if is_last { Continues::No } else { Continues::Yes };
        let head = self.heads.entry(stream).or_insert(Hash::ZERO);
        self.batch.log.push_with(stream, continues, |bytes| {
            let start = bytes.len();
            wire::record::encode(command, bytes);
            *head = record_hash(*head, stream, continues, &bytes[start..]);
        });
        if let Some(keeper) = self.keeper.as_ref().filter(|_| is_last) {
            // The keeper ends only after the last turn.
            let _ = keeper.send(Ended { stream, batch: self.batch.number });
        }
    }

    /// Why a command must wait for space on the disk, if it must.
    pub(super) fn lacks_space(&self, command: &Command) -> Option<&'static str> {
        match command {
            Command::CreateAuction(_) if self.shared.space() != Space::Ample => {
                Some("the disk runs low: no new auctions are taken")
            }
            Command::SubmitBid(_)
            | Command::SubmitBids(_)
            | Command::AmendBid(_)
            | Command::PutPrices { .. }
            | Command::PutOrderBook { .. } => self.lacks_space_for_bids(),
            _ => None,
        }
    }

    /// Why bids must wait for space on the disk, if they must.
    pub(super) fn lacks_space_for_bids(&self) -> Option<&'static str> {
        (self.shared.space() == Space::ReservedOnly).then_some("the disk is full: no new bids are taken")
    }
}

/// The stream of a command's record: its auction's, or the nil stream for market data.
fn stream_of(first: &Event) -> StreamId {
    StreamId(first.auction.map_or([0; 16], |auction| *auction.id.0.as_bytes()))
}
