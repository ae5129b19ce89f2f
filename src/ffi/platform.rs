//! The calls to the operating system that the C face needs, all in this file: a descriptor that can be
//! waited for, word of a fork, and advice about memory. Everything else of the library without its server is portable.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

/// A descriptor that is readable while it is set.
pub(super) struct Beacon(inner::Beacon);

impl Beacon {
    /// A beacon that is not set. Fails where the system has none to give, and on Windows.
    pub fn new() -> io::Result<Self> {
        inner::Beacon::new().map(Self)
    }

    /// The descriptor to wait for. It stays ours.
    pub fn descriptor(&self) -> i32 {
        self.0.descriptor()
    }

    /// Makes it readable. Call it only while it is not set.
    pub fn set(&self) {
        self.0.set();
    }

    /// Makes it unreadable. Call it only while it is set.
    pub fn clear(&self) {
        self.0.clear();
    }
}

/// Says that these bytes are about to be filled: the system may provide their pages at once. What they hold does not change.
pub(super) fn expect_filling(start: *const u8, bytes: usize) {
    inner::expect_filling(start, bytes);
}

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
    use std::sync::OnceLock;

    unsafe extern "C" {
        fn pthread_atfork(
            prepare: Option<unsafe extern "C" fn()>,
            parent: Option<unsafe extern "C" fn()>,
            child: Option<unsafe extern "C" fn()>,
        ) -> c_int;
    }

    struct Work {
        hold: fn(),
        release: fn(),
        begin: fn(),
    }

    static WORK: OnceLock<Work> = OnceLock::new();

    unsafe extern "C" fn before() {
        if let Some(work) = WORK.get() {
            (work.hold)();
        }
    }

    unsafe extern "C" fn in_parent() {
        if let Some(work) = WORK.get() {
            (work.release)();
        }
    }

    unsafe extern "C" fn in_child() {
        super::FORKS.fetch_add(1, super::Ordering::Relaxed);
        if let Some(work) = WORK.get() {
            (work.begin)();
        }
    }

    /// See `watch_forks`.
    pub fn watch(hold: fn(), release: fn(), begin: fn()) {
        WORK.get_or_init(|| {
            // SAFETY: the functions run on the thread that forks. In the child of a process with threads they only change
            // atomics, let go of what that same thread holds, and look whether a lock is free.
            let _ = unsafe { pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
            Work { hold, release, begin }
        });
    }
}

/// Counts forks from now on, with `hold` called before each, and after it `release` in the parent and `begin` in the child.
/// Where there is no fork there is nothing to do.
pub(super) fn watch_forks(hold: fn(), release: fn(), begin: fn()) {
    #[cfg(unix)]
    fork::watch(hold, release, begin);
    #[cfg(not(unix))]
    let _ = (hold, release, begin);
}

#[cfg(target_os = "linux")]
mod inner {
    use std::io;
    use std::os::fd::{AsRawFd, OwnedFd};

    use rustix::event::{EventfdFlags, eventfd};
    use rustix::mm::{Advice, madvise};

    pub fn expect_filling(start: *const u8, bytes: usize) {
        let page = rustix::param::page_size();
        let skipped = start.align_offset(page).min(bytes);
        let (first, whole) = (start.wrapping_add(skipped), (bytes - skipped) / page * page);
        // SAFETY: this advice changes when memory is provided, never what it holds; where there is none it is an error, as it is on
        // systems older than Linux 5.14.
        let _ = unsafe { madvise(first.cast_mut().cast(), whole, Advice::LinuxPopulateWrite) };
    }

    pub struct Beacon(OwnedFd);

    impl Beacon {
        pub fn new() -> io::Result<Self> {
            Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
        }

        pub fn descriptor(&self) -> i32 {
            self.0.as_raw_fd()
        }

        pub fn set(&self) {
            // An eventfd at 0 takes 1; there is nothing to do about any other answer.
            let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        }

        pub fn clear(&self) {
            let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
        }
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
mod inner {
    use std::io::{self, PipeReader, PipeWriter, Read, Write};
    use std::os::fd::AsRawFd;

    pub fn expect_filling(_start: *const u8, _bytes: usize) {}

    /// A pipe that holds a byte while it is set.
    pub struct Beacon(PipeReader, PipeWriter);

    impl Beacon {
        pub fn new() -> io::Result<Self> {
            let (reader, writer) = io::pipe()?;
            Ok(Self(reader, writer))
        }

        pub fn descriptor(&self) -> i32 {
            self.0.as_raw_fd()
        }

        pub fn set(&self) {
            let _ = (&self.1).write(&[1]);
        }

        pub fn clear(&self) {
            let _ = (&self.0).read(&mut [0]);
        }
    }
}

#[cfg(not(unix))]
mod inner {
    use std::io;

    pub fn expect_filling(_start: *const u8, _bytes: usize) {}

    pub struct Beacon;

    impl Beacon {
        pub fn new() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub fn descriptor(&self) -> i32 {
            -1
        }

        pub fn set(&self) {}

        pub fn clear(&self) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_leaves_memory_as_it_is() {
        let bytes = vec![7_u8; 100_000];
        for (skipped, count) in [(0, 100_000), (1, 99_999), (5_000, 3), (100_000, 0)] {
            expect_filling(bytes[skipped..].as_ptr(), count);
        }
        expect_filling(std::ptr::null(), 0);
        assert!(bytes.iter().all(|&byte| byte == 7));
    }
}
