//! What goes into the sequencer, and where its batches go.

use crossbeam_channel::{Receiver, Sender};

use super::batch::Batch;
use super::committer::Committer;
use super::rebuild::Rebuilt;
use super::request::Request;
use crate::engine::Engine;
use crate::units::TimeUs;

/// What a caller does with the engine, at its place in the order.
pub(super) type Visit = Box<dyn FnOnce(&Engine, TimeUs) + Send>;

/// What arrives in the sequencer's queue.
pub(super) enum Intake {
    /// A request.
    Request(Request),
    /// Time jumped, or there is something to look at.
    Nudge,
    /// Frames rebuilt from the log for a client that resumes.
    Rebuilt(Rebuilt),
    /// A closure to run with the engine, in order: for hosts that embed it.
    Visit(Visit),
    /// Finish what is here and end.
    Stop,
}

/// Where finished batches go.
pub(super) enum Sink {
    /// Committed on this thread: there is no sync to wait for.
    Inline(Box<Committer>),
    /// Committed on a thread of its own, while the next turn runs.
    Thread {
        /// To the committer.
        batches: Sender<Batch>,
        /// Emptied batches coming back.
        used: Receiver<Batch>,
    },
}
