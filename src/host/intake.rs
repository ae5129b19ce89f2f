//! What goes into the sequencer, and where its batches go.
//!
//! The queue has a bell of its own: whoever adds a run of requests rings once behind the
//! last of them, and the sequencer sleeps at once instead of looking again and again
//! first, as channels do. On a machine with few cores both are time for the shards.

use std::sync::{Arc, OnceLock, Weak};
use std::thread::Thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};
use parking_lot::Mutex;

use super::batch::Batch;
use super::committer::Committer;
use super::rebuild::Rebuilt;
use super::request::{Body, Request};
use crate::engine::{Command, Engine};
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

/// The queue's way out. One thread waits for items; whoever takes them holds the sequencer's lock, so that the order of
/// the queue is the order of everything.
pub(super) struct Outlet {
    queue: Receiver<Intake>,
    bed: Arc<Bed>,
}

/// The queue's way out as the host keeps it: for the thread that will wait there, and until that has ended for whoever
/// carries something out in its place.
pub(super) struct Exit {
    free: Mutex<Option<Arc<Outlet>>>,
    outlet: Weak<Outlet>,
}

impl Exit {
    pub fn new(outlet: Outlet) -> Self {
        let outlet = Arc::new(outlet);
        Self { outlet: Arc::downgrade(&outlet), free: Mutex::new(Some(outlet)) }
    }

    /// Gives it to the one who will wait there, unless somebody does.
    pub fn take(&self) -> Option<Arc<Outlet>> {
        self.free.lock().take()
    }

    /// Whether somebody has taken it.
    pub fn is_taken(&self) -> bool {
        self.free.lock().is_none()
    }

    /// The outlet itself, unless the one who waited there has gone.
    pub fn outlet(&self) -> Option<Arc<Outlet>> {
        self.outlet.upgrade()
    }
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

    /// Whether something was added while nobody is awake who would take it.
    pub fn is_slept_through(&self) -> bool {
        !self.queue.is_empty() && self.bed.bell.is_asleep()
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

impl Intake {
    /// Whether it takes little time and brings about few frames, whatever the market looks like.
    pub(super) fn is_short(&self) -> bool {
        let Self::Request(request) = self else { return false };
        matches!(
            request.body,
            Body::Command(Command::SubmitBid(_) | Command::CancelBid(_) | Command::AmendBid(_))
                | Body::Amend(_)
                | Body::Unreadable(_)
        )
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

    /// Waits for an item: until somebody rings, or for so long. It may come back before.
    pub fn wait(&self, patience: Option<Duration>) {
        if !self.is_empty() {
            return;
        }
        self.bed.sleeper.get_or_init(std::thread::current);
        self.bed.bell.fall_asleep();
        if self.is_empty() {
            match patience {
                Some(patience) => std::thread::park_timeout(patience),
                None => std::thread::park(),
            }
        }
        self.bed.bell.wake();
    }

    /// How many items are there.
    pub fn count(&self) -> usize {
        self.queue.len()
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
            outlet.wait(None);
            count += usize::from(outlet.try_next().is_some());
        }
        drop(sender.join());
        assert!(matches!(outlet.try_next(), Some(Intake::Stop)), "nobody is left to ring");
    }

    #[test]
    fn patience_ends() {
        let (inlet, outlet) = queue(1);
        outlet.wait(Some(Duration::ZERO));
        assert!(outlet.is_empty() && !inlet.is_slept_through());
        assert!(inlet.send(Intake::Nudge));
        outlet.wait(None);
        assert!(matches!(outlet.try_next(), Some(Intake::Nudge)));
        assert!(outlet.is_empty());
    }
}
