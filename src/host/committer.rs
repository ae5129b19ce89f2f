//! The end of a batch's way: into the log, and once it is durable into the ring.
//!
//! After a failed write or sync nothing that the log may have lost is ever
//! published: those who asked hear that the outcome is unknown, and from then on
//! the host only serves what is durable. It is never tried again on the same log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};

use super::batch::{Batch, Frames};
use super::frame::FrameHeader;
use super::request::Outcome;
use super::shared::Shared;
use crate::fanout::{Producer, PublishError};
use crate::log::{Log, LogError, LogHandle, Position, Space, Term, Ticket, Urgency};
use crate::units::TimeUs;
use crate::wire::{Message, Refusal, SessionRefusal, encode};

/// Said to those whose command was under way when the log failed.
pub(super) const UNKNOWN_OUTCOME: &str =
    "the log failed: whether this was carried out is unknown until the server has restarted";

/// How long one attempt to find room in the ring lasts before the shards are woken again.
const ROOM_PATIENCE: Duration = Duration::from_millis(100);

/// Writes batches and publishes them.
pub(super) struct Committer {
    log: Box<dyn Log>,
    handle: Arc<dyn LogHandle>,
    term: Term,
    producer: Producer,
    shared: Arc<Shared>,
}

impl Committer {
    pub(super) fn new(log: Box<dyn Log>, term: Term, producer: Producer, shared: Arc<Shared>) -> Self {
        let handle = log.handle();
        Self { log, handle, term, producer, shared }
    }

    /// Serves a sequencer on another thread until it is gone, then closes the log. Batches that came while the
    /// last were being synced are synced together.
    pub(super) fn serve(mut self, batches: &Receiver<Batch>, used: &Sender<Batch>) {
        let mut group = Vec::new();
        while let Ok(first) = batches.recv() {
            group.push(first);
            group.extend(batches.try_iter());
            self.commit(&mut group);
            for mut batch in group.drain(..) {
                batch.clear();
                // The sequencer keeps a few buffers; what does not fit is freed here.
                let _ = used.try_send(batch);
            }
        }
        self.close();
    }

    /// Makes these batches durable, in order, then publishes them.
    pub(super) fn commit(&mut self, group: &mut [Batch]) {
        let is_durable = self.is_healthy() && self.write(group);
        for batch in group.iter_mut() {
            // What a frozen host still tells stands on what was durable before.
            if is_durable || (batch.log.is_empty() && !batch.is_of_memory) {
                self.publish(&batch.frames);
                for (waiter, outcome) in batch.waiters.drain(..) {
                    waiter(outcome);
                }
            } else {
                self.publish_regrets(batch);
                for (waiter, _) in batch.waiters.drain(..) {
                    waiter(Outcome::Unavailable(UNKNOWN_OUTCOME));
                }
            }
            if is_durable {
                // Release pairs with the Acquire of `Shared::durable_batch`: what it bounds is readable.
                self.shared.durable_batch.store(batch.number, Ordering::Release);
            }
        }
        self.producer.commit();
        self.shared.wake_shards();
    }

    /// Ends the log in good order, unless it failed before.
    pub(super) fn close(self) {
        if self.shared.freeze_reason().is_none()
            && let Err(error) = self.log.close()
        {
            tracing::error!(%error, "the log could not be closed in good order");
        }
    }

    fn is_healthy(&self) -> bool {
        self.shared.freeze_reason().is_none()
    }

    /// Whether all of `group` is durable now.
    fn write(&mut self, group: &mut [Batch]) -> bool {
        match self.submit_all(group) {
            Ok(None) => true,
            Ok(Some(ticket)) => match self.handle.wait(ticket) {
                Ok(_) => true,
                Err(error) => self.freeze(&error),
            },
            Err(error) => self.freeze(&error),
        }
    }

    fn submit_all(&mut self, group: &mut [Batch]) -> Result<Option<Ticket>, LogError> {
        let mut last = None;
        for batch in group.iter_mut().filter(|batch| !batch.log.is_empty()) {
            let expected: Position = self.log.end();
            let ticket = match self.log.submit(self.term, expected, &batch.log) {
                // The engine has applied it already; the reserve is for exactly such a case.
                Err(LogError::Full) if batch.log.urgency == Urgency::Ordinary => {
                    // Said at once, and not when the keeper looks next, so that little of the reserve goes this way.
                    self.shared.set_space(Space::ReservedOnly);
                    batch.log.urgency = Urgency::Urgent;
                    self.log.submit(self.term, expected, &batch.log)?
                }
                other => other?,
            };
            last = Some(ticket);
        }
        Ok(last)
    }

    fn freeze(&self, error: &LogError) -> bool {
        tracing::error!(%error, "the log failed; nothing more is accepted until a restart");
        self.shared.freeze(error.to_string());
        false
    }

    /// Tells all who asked in this turn that nobody knows what became of it.
    fn publish_regrets(&mut self, batch: &Batch) {
        let now = TimeUs(batch.log.time_us.cast_signed());
        let refusal = Refusal::of_session(&SessionRefusal::Unavailable(UNKNOWN_OUTCOME));
        let mut message = Message::default();
        encode::error(&mut message, now, &refusal);
        let mut frames = Frames::default();
        for (connection, extra) in batch.regrets.iter() {
            frames.push(&FrameHeader::reply(connection), &message, extra);
        }
        self.publish(&frames);
    }

    fn publish(&mut self, frames: &Frames) {
        for frame in frames.iter() {
            while let Err(error) = self.producer.stage(&[frame]) {
                match error {
                    PublishError::NoRoom => self.make_room(frame.len()),
                    PublishError::TooLong { bytes, bytes_max } => {
                        // Messages are at most 64 KiB, a fraction of the least ring that is allowed.
                        tracing::error!(bytes, bytes_max, "a frame does not fit the ring and was left out");
                        break;
                    }
                }
            }
        }
    }

    /// Lets the shards catch up: they gate the ring, and nothing on them takes long.
    fn make_room(&mut self, frame_bytes: usize) {
        self.producer.commit();
        self.shared.wake_shards();
        let _ = self.producer.wait_for_room(crate::fanout::footprint_bytes(frame_bytes), ROOM_PATIENCE);
    }
}
