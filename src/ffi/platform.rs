//! The calls to the operating system that the C face needs, all in this file: word of a
//! fork. Everything else of the library without its server is portable.

use std::sync::atomic::{AtomicU32, Ordering};

/// How often this process is the child of a fork since the library was first used.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// The number of forks that lie between the process that first used the library and this one.
#[inline]
pub(super) fn forks() -> u32 {
    // Relaxed: changed only by the one thread that a child begins with.
    FORKS.load(Ordering::Relaxed)
}

#[cfg(unix)]
mod fork {
    use std::ffi::c_int;
    use std::sync::Once;

    unsafe extern "C" {
        fn pthread_atfork(
            prepare: Option<unsafe extern "C" fn()>,
            parent: Option<unsafe extern "C" fn()>,
            child: Option<unsafe extern "C" fn()>,
        ) -> c_int;
    }

    unsafe extern "C" fn in_child() {
        super::FORKS.fetch_add(1, super::Ordering::Relaxed);
    }

    /// Counts forks from now on.
    pub fn watch() {
        static WATCHING: Once = Once::new();
        WATCHING.call_once(|| {
            // SAFETY: the function only adds to an atomic, which is all that the child of a process with threads may do.
            let _ = unsafe { pthread_atfork(None, None, Some(in_child)) };
        });
    }
}

/// Counts forks from now on. Where there is no fork there is nothing to count.
pub(super) fn watch_forks() {
    #[cfg(unix)]
    fork::watch();
}
