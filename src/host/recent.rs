//! The recent past, kept while a start replays the log: clients come back all at once
//! after a restart, and most of them missed little. What they resume from is then in
//! memory again, as it was before.

use super::HostError;
use super::batch::Frames;
use super::frame::Frame;
use super::history::History;
use super::publish::{Audience, NOBODY, Publisher};
use super::recovery::Replayer;
use crate::engine::{AuctionSlot, Engine, Event};
use crate::log::{Hash, LogHandle, Position};
use crate::wire::Message;

/// About what the frames of a bid take in a history.
const RECORD_FRAMES_BYTES: usize = 1024;

/// Replays all that is durable, and keeps the frames of the last records: as many as fit `history_bytes`.
pub(super) fn replay(
    replayer: &mut Replayer,
    log: &dyn LogHandle,
    history_bytes: usize,
) -> Result<History, HostError> {
    let kept = (history_bytes / RECORD_FRAMES_BYTES) as u64;
    let first = Position(log.durable().0.saturating_sub(kept));
    let mut history = History::new(history_bytes);
    let mut message = Message::default();
    let mut frames = Frames::default();
    let mut has_begun = false;
    replayer.catch_up_telling(log, |engine, events, (position, head)| {
        if position < first {
            return;
        }
        if !has_begun {
            has_begun = true;
            begin(&mut history, engine, events);
        }
        for event in events {
            keep(&mut history, engine, event, head, (&mut message, &mut frames));
        }
    })?;
    if !has_begun {
        begin(&mut history, &replayer.engine, &[]);
    }
    Ok(history)
}

/// Says what happened before `events`, the engine being right after them.
fn begin(history: &mut History, engine: &Engine, events: &[Event]) {
    for slot in (0..engine.auction_count()).map(|slot| AuctionSlot(slot as u32)) {
        let ours = events.iter().filter_map(|event| event.auction).filter(|auction| auction.slot == slot);
        let first = ours.map(|auction| auction.offset).min();
        history.begin_after(slot, first.map_or(engine.offset(slot), |offset| offset - 1));
    }
}

fn keep(
    history: &mut History,
    engine: &Engine,
    event: &Event,
    head: Hash,
    (message, frames): (&mut Message, &mut Frames),
) {
    let Some(auction) = event.auction else { return };
    frames.clear();
    let mut publisher =
        Publisher { engine, audience: Audience::All, log_head: Some(head.0), message, frames };
    publisher.publish(event, NOBODY);
    for bytes in publisher.frames.iter() {
        if Frame::parse(bytes).is_some_and(|frame| frame.header.is_told_again()) {
            // All of it was durable before this run's first batch.
            history.keep(auction.slot, auction.offset, 0, bytes);
        }
    }
}
