//! What goes into the sequencer, and where its batches go.
//!
//! The queue has a bell of its own: whoever adds a run of requests rings once behind the
//! last of them, and the sequencer sleeps at once instead of looking again and again
//! first, as channels do. On a machine with few cores both are time for the shards.

use std::sync::Arc;
use std::sync::OnceLock;
use std::thread::Thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};

use super::batch::Batch;
use super::committer::Committer;
use super::rebuild::Rebuilt;
use super::request::Request;
use crate::engine::Engine;
use crate::fanout::Bell;
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

/// The queue's way in.
#[derive(Clone)]
pub(super) struct Inlet {
    queue: Sender<Intake>,
    bed: Arc<Bed>,
}

/// The queue's way out, for one thread.
pub(super) struct Outlet {
    queue: Receiver<Intake>,
    bed: Arc<Bed>,
}

/// Where the one who takes items sleeps.
#[derive(Default)]
struct Bed {
    bell: Bell,
    /// Who sleeps there, once it has for the first time.
    sleeper: OnceLock<Thread>,
}

/// A queue for so many items.
pub(super) fn queue(items_max: usize) -> (Inlet, Outlet) {
    let (sender, receiver) = bounded(items_max);
    let bed = Arc::<Bed>::default();
    (Inlet { queue: sender, bed: Arc::clone(&bed) }, Outlet { queue: receiver, bed })
}

impl Inlet {
    /// Adds an item if there is room. It may lie there until somebody rings.
    #[expect(clippy::result_large_err, reason = "the item itself comes back")]
    pub fn try_push(&self, item: Intake) -> Result<(), TrySendError<Intake>> {
        self.queue.try_send(item)
    }

    /// Adds an item, waiting for room, and rings. `false` if nobody takes items any more.
    pub fn send(&self, item: Intake) -> bool {
        let is_taken = self.queue.send(item).is_ok();
        self.ring();
        is_taken
    }

    /// Wakes whoever takes items, to look at something else.
    pub fn nudge(&self) {
        // A full queue is not asleep.
        drop(self.try_push(Intake::Nudge));
        self.ring();
    }

    /// Makes sure that what was added is looked at. Costs next to nothing where nothing was.
    pub fn ring(&self) {
        // What is no longer there was taken by one who is awake.
        if !self.queue.is_empty()
            && self.bed.bell.ring()
            && let Some(sleeper) = self.bed.sleeper.get()
        {
            sleeper.unpark();
        }
    }
}

impl Outlet {
    /// The next item, if one is there.
    pub fn try_next(&self) -> Option<Intake> {
        match self.queue.try_recv() {
            Ok(item) => Some(item),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Intake::Stop),
        }
    }

    /// Waits for the next item: until somebody rings, or for so long. It may come back with nothing before.
    pub fn wait(&self, patience: Option<Duration>) -> Option<Intake> {
        if let Some(item) = self.try_next() {
            return Some(item);
        }
        self.bed.sleeper.get_or_init(std::thread::current);
        self.bed.bell.fall_asleep();
        let item = self.try_next();
        if item.is_none() {
            match patience {
                Some(patience) => std::thread::park_timeout(patience),
                None => std::thread::park(),
            }
        }
        self.bed.bell.wake();
        item.or_else(|| self.try_next())
    }

    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_item_is_slept_through() {
        const ITEMS: usize = 200_000;
        let (inlet, outlet) = queue(4);
        let sender = std::thread::spawn(move || {
            for index in 0..ITEMS {
                let mut item = Intake::Nudge;
                while let Err(TrySendError::Full(back)) = inlet.try_push(item) {
                    item = back;
                    inlet.ring();
                    std::thread::yield_now();
                }
                // Some runs are of one item, some of several.
                if index % 3 != 0 || index + 1 == ITEMS {
                    inlet.ring();
                }
            }
            inlet
        });
        let mut count = 0;
        while count < ITEMS {
            // Without a bound: a missed bell would be seen as a test that hangs.
            count += usize::from(outlet.wait(None).is_some());
        }
        drop(sender.join());
        assert!(matches!(outlet.wait(None), Some(Intake::Stop)), "nobody is left to ring");
    }

    #[test]
    fn patience_ends() {
        let (inlet, outlet) = queue(1);
        assert!(outlet.wait(Some(Duration::ZERO)).is_none());
        assert!(inlet.send(Intake::Nudge));
        assert!(matches!(outlet.wait(None), Some(Intake::Nudge)));
        assert!(outlet.is_empty());
    }
}
