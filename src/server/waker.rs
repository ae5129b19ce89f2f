//! Wakes a shard from another thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};

/// What a shard's [`Poller`](super::poller::Poller) waits for beside its sockets.
#[derive(Debug)]
pub struct Waker(OwnedFd);

impl Waker {
    /// One that nobody waits for yet. A wake before that is not lost.
    pub fn new() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    /// Has the shard take a turn. The number behind the descriptor is never taken back: each addition wakes by itself, and
    /// no process makes as many as it can hold.
    pub fn wake(&self) {
        // It is ours, open, and not full: there is no other answer.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
