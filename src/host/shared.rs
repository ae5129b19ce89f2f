//! What the sequencer, the committer and everybody's handle on the host share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use super::directory::Directory;
use super::presence::Presence;
use crate::log::Space;

/// Wakes one shard. Called once for each published batch; it must not block.
pub type ShardWaker = Arc<dyn Fn() + Send + Sync>;

/// Whether the host takes work, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It takes all work.
    Ready,
    /// It is replaying its log.
    Recovering,
    /// The disk runs low: no new auctions, and with `bids_refused` no new bids either.
    LowSpace {
        /// Whether only closes, cancels and settlement are still taken.
        bids_refused: bool,
    },
    /// The log failed; a restart recovers.
    Frozen {
        /// What failed.
        reason: String,
    },
    /// An assertion failed; a restart recovers.
    Faulty {
        /// Which.
        reason: String,
    },
    /// It is being stopped.
    Draining,
}

/// Shared state of one host.
pub(super) struct Shared {
    pub(super) directory: Directory,
    pub(super) presence: Presence,
    /// The number of the newest batch that is durable and published.
    pub(super) durable_batch: AtomicU64,
    frozen: AtomicBool,
    freeze_reason: Mutex<Option<String>>,
    fault: Mutex<Option<String>>,
    draining: AtomicBool,
    ended: AtomicBool,
    space: RwLock<Space>,
    wakers: RwLock<Vec<ShardWaker>>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            directory: Directory::default(),
            presence: Presence::default(),
            durable_batch: AtomicU64::new(0),
            frozen: AtomicBool::new(false),
            freeze_reason: Mutex::new(None),
            fault: Mutex::new(None),
            draining: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            space: RwLock::new(Space::Ample),
            wakers: RwLock::new(Vec::new()),
        }
    }

    pub(super) fn add_waker(&self, waker: ShardWaker) {
        self.wakers.write().push(waker);
    }

    /// Whether any is left.
    pub(super) fn remove_waker(&self, waker: &ShardWaker) -> bool {
        let mut wakers = self.wakers.write();
        wakers.retain(|known| !Arc::ptr_eq(known, waker));
        !wakers.is_empty()
    }

    pub(super) fn wake_shards(&self) {
        for waker in self.wakers.read().iter() {
            waker();
        }
    }

    /// The newest batch that is durable.
    pub(super) fn durable_batch(&self) -> u64 {
        // Acquire pairs with the committer's Release.
        self.durable_batch.load(Ordering::Acquire)
    }

    pub(super) fn freeze(&self, reason: String) {
        self.freeze_reason.lock().get_or_insert(reason);
        // Release pairs with the Acquire of `is_frozen`: who sees the mark finds the reason.
        self.frozen.store(true, Ordering::Release);
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::Acquire)
    }

    pub(super) fn freeze_reason(&self) -> Option<String> {
        if self.is_frozen() { self.freeze_reason.lock().clone() } else { None }
    }

    /// An assertion failed in the engine. Unlike a frozen log's, what was handed to the committer is still written.
    pub(super) fn fail(&self, reason: String) {
        self.fault.lock().get_or_insert(reason);
    }

    /// Which assertion failed.
    pub(super) fn fault(&self) -> Option<String> {
        self.fault.lock().clone()
    }

    pub(super) fn start_draining(&self) {
        // Relaxed: a mark that stands alone.
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Nothing more comes; those who wait for something hear of it.
    pub(super) fn end(&self) {
        // Release pairs with the Acquire of `is_ended`: who sees the mark finds all that was published.
        self.ended.store(true, Ordering::Release);
        self.wake_shards();
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(super) fn set_space(&self, space: Space) {
        *self.space.write() = space;
    }

    pub(super) fn space(&self) -> Space {
        *self.space.read()
    }

    pub(super) fn readiness(&self) -> Readiness {
        if let Some(reason) = self.fault.lock().clone() {
            return Readiness::Faulty { reason };
        }
        if let Some(reason) = self.freeze_reason() {
            return Readiness::Frozen { reason };
        }
        if self.is_draining() {
            return Readiness::Draining;
        }
        match self.space() {
            Space::Ample => Readiness::Ready,
            Space::Low => Readiness::LowSpace { bids_refused: false },
            Space::ReservedOnly => Readiness::LowSpace { bids_refused: true },
        }
    }
}
