//! Facts that memory no longer holds, rebuilt from the log on a thread of its own
//! for a client that resumes.
//!
//! The log holds commands. Applied to a fresh engine they give the same events, and
//! those the same messages; nothing of this touches the sequencer's engine.

use std::sync::Arc;

use super::batch::Frames;
use super::frame::{ConnectionKey, Frame};
use super::intake::{Inlet, Intake};
use super::publish::{Audience, NOBODY, Publisher};
use super::recovery::Past;
use super::request::Subscribe;
use super::wanted::wanted;
use crate::engine::{AuctionId, AuctionSlot, Event};
use crate::wire::Message;

/// Most bytes rebuilt at a time; the rest takes another turn.
const REBUILT_BYTES_MAX: usize = 32 << 20;

/// What is wanted of one auction: the facts after `after`, up to `until`.
#[derive(Debug, Clone, Copy)]
pub(super) struct RebuildPlace {
    /// Its place in the sequencer's engine.
    pub slot: AuctionSlot,
    /// Its name in the log.
    pub auction: AuctionId,
    /// The last fact the client has.
    pub after: u64,
    /// The last fact that memory does not hold.
    pub until: u64,
}

/// Facts rebuilt for one subscription.
pub(super) struct Rebuilt {
    /// Whose.
    pub connection: ConnectionKey,
    /// Which subscription.
    pub ticket: u32,
    /// Whether the log reached back far enough.
    pub is_whole: bool,
    /// The messages, marked as replayed.
    pub frames: Vec<RebuiltFrame>,
    /// How far each auction was told.
    pub reached: Vec<(AuctionSlot, u64)>,
}

/// One message, cut at its sequence digits.
pub(super) struct RebuiltFrame {
    bytes: Box<[u8]>,
    cut: usize,
}

impl RebuiltFrame {
    /// The JSON up to the sequence digits.
    pub fn head(&self) -> &[u8] {
        &self.bytes[..self.cut]
    }

    /// The JSON after them, without the closing brace.
    pub fn tail(&self) -> &[u8] {
        &self.bytes[self.cut..]
    }

    /// Its size.
    pub fn byte_count(&self) -> usize {
        self.bytes.len()
    }
}

/// Starts threads that rebuild.
pub(super) struct Rebuilder {
    past: Arc<Past>,
    intake: Inlet,
}

impl Rebuilder {
    pub fn new(past: Arc<Past>, intake: Inlet) -> Self {
        Self { past, intake }
    }

    /// Rebuilds on a thread of its own; the result comes back through the intake queue.
    pub fn start(&self, connection: ConnectionKey, subscribe: Subscribe, places: Vec<RebuildPlace>) {
        let (past, intake) = (Arc::clone(&self.past), self.intake.clone());
        let ticket = subscribe.ticket;
        let work = move || {
            let rebuilt = rebuild(&past, connection, &subscribe, &places).unwrap_or_else(|error| {
                tracing::warn!(%error, "the past of an auction could not be rebuilt");
                Rebuilt { connection, ticket, is_whole: false, frames: Vec::new(), reached: Vec::new() }
            });
            // A closed queue means that the host is gone, and with it the client.
            intake.send(Intake::Rebuilt(rebuilt));
        };
        if let Err(error) = std::thread::Builder::new().name("walras-rebuild".to_owned()).spawn(work) {
            tracing::error!(%error, "no thread to rebuild the past on");
            let nothing =
                Rebuilt { connection, ticket, is_whole: false, frames: Vec::new(), reached: Vec::new() };
            let _ = self.intake.try_push(Intake::Rebuilt(nothing));
        }
    }
}

fn rebuild(
    past: &Past,
    connection: ConnectionKey,
    subscribe: &Subscribe,
    places: &[RebuildPlace],
) -> Result<Rebuilt, super::HostError> {
    let mut out = Rebuilt {
        connection,
        ticket: subscribe.ticket,
        is_whole: true,
        frames: Vec::new(),
        reached: places.iter().map(|place| (place.slot, place.after)).collect(),
    };
    let mut bytes = 0;
    let mut message = Message::default();
    let mut frames = Frames::default();
    for (place, reached) in places.iter().zip(&mut out.reached).filter(|(place, _)| place.after < place.until)
    {
        let mut replay = past.of_auction(place.auction)?;
        let mut told_privately = None;
        while let Some(step) = replay.step()? {
            for (event, head) in step.events.iter().filter(|(event, _)| is_missing(event, place)) {
                frames.clear();
                let mut publisher = Publisher {
                    engine: step.engine,
                    audience: Audience::One(subscribe.party),
                    log_head: Some(head.0),
                    message: &mut message,
                    frames: &mut frames,
                };
                publisher.publish(event, NOBODY);
                for frame in frames.iter().filter_map(Frame::parse) {
                    if wanted(&frame, subscribe, &mut told_privately) {
                        bytes += frame.head.len() + frame.tail.len();
                        out.frames.push(retold(&frame));
                    }
                }
                reached.1 = event.auction.map_or(reached.1, |auction| auction.offset);
            }
            if bytes > REBUILT_BYTES_MAX || reached.1 >= place.until {
                break;
            }
        }
        if bytes > REBUILT_BYTES_MAX {
            break;
        }
        if reached.1 < place.until {
            out.is_whole = false;
            break;
        }
    }
    Ok(out)
}

fn is_missing(event: &Event, place: &RebuildPlace) -> bool {
    event.auction.is_some_and(|auction| {
        auction.id == place.auction && auction.offset > place.after && auction.offset <= place.until
    })
}

fn retold(frame: &Frame<'_>) -> RebuiltFrame {
    let replayed: &[u8] = br#","replayed":true"#;
    RebuiltFrame { bytes: [frame.head, frame.tail, replayed].concat().into(), cut: frame.head.len() }
}
