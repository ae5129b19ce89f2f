//! How a shard hears that the ring holds something new.
//!
//! Waking a thread costs the one who wakes a system call, and the one who is awake a turn for nothing. So the bell
//! rings only for a shard that sleeps: one that is awake looks at the ring by itself, once more before it sleeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use tokio::sync::Notify;

/// Between the one who publishes and one shard.
pub struct Bell {
    is_asleep: AtomicBool,
    notify: Arc<Notify>,
}

impl Bell {
    /// A bell that wakes whoever waits for `notify`.
    pub fn new(notify: Arc<Notify>) -> Self {
        Self { is_asleep: AtomicBool::new(true), notify }
    }

    /// Something was published.
    pub fn ring(&self) {
        // Pairs with the fence in `fall_asleep`: either this sees the sleeper, or that one sees what was published.
        fence(Ordering::SeqCst);
        if self.is_asleep.load(Ordering::Relaxed) && self.is_asleep.swap(false, Ordering::Relaxed) {
            self.notify.notify_one();
        }
    }

    /// The shard will wait for `notify`, unless it finds something in the ring now.
    pub fn fall_asleep(&self) {
        self.is_asleep.store(true, Ordering::Relaxed);
        // Pairs with the fence in `ring`.
        fence(Ordering::SeqCst);
    }

    /// The shard is awake and will look at the ring.
    pub fn wake(&self) {
        self.is_asleep.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn nothing_published_is_slept_through() {
        const ITEMS: u64 = 200_000;
        let published = Arc::new(AtomicU64::new(0));
        let notify = Arc::new(Notify::new());
        let bell = Arc::new(Bell::new(Arc::clone(&notify)));
        let (shown, ringing) = (Arc::clone(&published), Arc::clone(&bell));
        let publisher = std::thread::spawn(move || {
            for count in 1..=ITEMS {
                shown.store(count, Ordering::Release);
                ringing.ring();
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            // Without a bound: a missed bell would be seen as a test that hangs.
            let mut seen = 0;
            while seen < ITEMS {
                bell.wake();
                seen = published.load(Ordering::Acquire);
                bell.fall_asleep();
                if seen < ITEMS && published.load(Ordering::Acquire) == seen {
                    notify.notified().await;
                }
            }
        });
        assert!(publisher.join().is_ok());
    }
}
