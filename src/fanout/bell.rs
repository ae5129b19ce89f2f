//! Whether the one who takes things sleeps, and must be woken by those who add some.
//!
//! Waking a thread is a system call, and a turn for nothing if it was awake. So a bell only rings for one who sleeps:
//! one who is awake looks by itself, once more after it has said that it will sleep. How it is woken is the caller's.

use super::sync::{AtomicBool, Ordering, fence};

/// Between any number who add and one who takes.
#[derive(Debug, Default)]
pub struct Bell {
    is_asleep: AtomicBool,
}

impl Bell {
    /// Something was added. `true` once for each sleep: then whoever called must wake the sleeper.
    #[must_use = "nobody else wakes the sleeper"]
    pub fn ring(&self) -> bool {
        // Pairs with the fence in `fall_asleep`: either this sees the sleeper, or that one sees what was added.
        fence(Ordering::SeqCst);
        self.is_asleep.load(Ordering::Relaxed) && self.is_asleep.swap(false, Ordering::Relaxed)
    }

    /// Something was added: whether the one who takes things sleeps. It is not woken, and whoever called must see to
    /// what was added, or [`ring`](Self::ring).
    pub fn is_asleep(&self) -> bool {
        // As in `ring`.
        fence(Ordering::SeqCst);
        self.is_asleep.load(Ordering::Relaxed)
    }

    /// Says that the caller will sleep, unless it finds something when it looks now.
    pub fn fall_asleep(&self) {
        self.is_asleep.store(true, Ordering::Relaxed);
        // Pairs with the fence in `ring`.
        fence(Ordering::SeqCst);
    }

    /// Says that the caller is awake and will look.
    pub fn wake(&self) {
        self.is_asleep.store(false, Ordering::Relaxed);
    }
}
