//! Which sockets of a shard are ready, asked once for all of them.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

use super::waker::Waker;

/// Most sockets told of in one turn.
const EVENTS_MAX: usize = 1024;
/// The waker's token, which no socket has.
const WAKER: u64 = u64::MAX;
/// The longest wait: the system takes no longer one everywhere.
const WAIT_MAX: Duration = Duration::from_secs(86_400);

/// An epoll set, edge-triggered: what is told once is told again only after a change.
pub struct Poller {
    epoll: OwnedFd,
    events: Vec<Event>,
    /// How long a wait keeps looking before it sleeps.
    spin: Duration,
}

/// What a socket is ready for.
#[derive(Debug, Clone, Copy)]
pub struct Ready {
    /// The number it was added under.
    pub token: u64,
    /// It may have bytes, or its end.
    pub readable: bool,
    /// It may take bytes.
    pub writable: bool,
    /// The peer will send nothing more, or the connection is broken.
    pub ended: bool,
}

impl Poller {
    /// A set without sockets, whose waits `waker` ends, and which look for so long before they sleep.
    pub fn new(waker: &Waker, spin: Duration) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, waker, EventData::new_u64(WAKER), EventFlags::IN | EventFlags::ET)?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS_MAX), spin })
    }

    /// Adds a socket; closing it takes it out. Its token is less than the greatest number.
    pub fn add(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(token), flags)?)
    }

    /// Waits until a socket is ready, the waker was used, or the time is over, if one is given.
    pub fn wait(&mut self, patience: Option<Duration>) -> io::Result<()> {
        let spin = patience.map_or(self.spin, |patience| patience.min(self.spin));
        if !spin.is_zero() {
            let start = Instant::now();
            while start.elapsed() < spin {
                self.look(Some(Duration::ZERO))?;
                if !self.events.is_empty() {
                    return Ok(());
                }
                // Whoever else wants this core has work to do.
                std::thread::yield_now();
            }
        }
        self.look(patience.map(|patience| patience.saturating_sub(spin)))
    }

    /// Whether anything is ready by now. What the last wait found must have been dealt with.
    pub fn look_again(&mut self) -> bool {
        // A failure meets the next wait as well, which tells of it.
        self.look(Some(Duration::ZERO)).is_ok() && !self.events.is_empty()
    }

    fn look(&mut self, patience: Option<Duration>) -> io::Result<()> {
        self.events.clear();
        let timeout = patience.map(|patience| {
            let patience = patience.min(WAIT_MAX);
            Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: i64::from(patience.subsec_nanos()) }
        });
        let spare = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, spare, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// How many the last `wait` found.
    pub fn count(&self) -> usize {
        self.events.len()
    }

    /// What it found at `index`, unless that is the waker.
    pub fn ready(&self, index: usize) -> Option<Ready> {
        let event = self.events[index];
        let (token, flags) = (event.data.u64(), event.flags);
        (token != WAKER).then_some(Ready {
            token,
            readable: flags
                .intersects(EventFlags::IN | EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR),
            writable: flags.intersects(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR),
            ended: flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::mpsc;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(2);
    const LONG: Duration = Duration::from_secs(60);

    /// This thread, as the system calls it.
    fn this_thread() -> PathBuf {
        Path::new("/proc").join(std::fs::read_link("/proc/thread-self").expect("readable"))
    }

    /// How often a thread that has not ended has slept.
    fn sleeps(thread: &Path) -> u64 {
        let status = std::fs::read_to_string(thread.join("status")).expect("readable");
        let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        count.and_then(|count| count.trim().parse().ok()).expect("a number")
    }

    /// Waits that nothing ends: whether each was as long as asked for, and how many went by without sleep.
    fn waits(spin: Duration) -> (bool, usize) {
        let waker = Waker::new().expect("a waker");
        let mut poller = Poller::new(&waker, spin).expect("a set");
        let (mut are_long, thread) = (true, this_thread());
        let awake = (0..20).filter(|_| {
            let (start, before) = (Instant::now(), sleeps(&thread));
            poller.wait(Some(PATIENCE)).expect("waits");
            are_long &= start.elapsed() >= PATIENCE && poller.count() == 0;
            sleeps(&thread) == before
        });
        let awake = awake.count();
        (are_long, awake)
    }

    #[test]
    fn a_wait_is_as_long_as_asked_for_and_does_not_sleep_while_it_is_to_look() {
        assert!(waits(Duration::ZERO).0);
        assert!(waits(PATIENCE / 2).0, "one half it looks, the other it sleeps");
        // What the test reads may itself make it wait, but not every time.
        let (are_long, awake) = waits(LONG);
        assert!(are_long && awake > 0);
    }

    #[test]
    fn a_wait_sleeps_once_it_has_looked_as_long_as_it_is_to() {
        for spin in [Duration::ZERO, PATIENCE] {
            let waker = Waker::new().expect("a waker");
            let (tell, told) = mpsc::channel();
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| {
                    let mut poller = Poller::new(&waker, spin).expect("a set");
                    let thread = this_thread();
                    tell.send((sleeps(&thread), thread)).expect("the test listens");
                    poller.wait(Some(LONG)).expect("waits");
                    poller.count()
                });
                let (before, thread) = told.recv().expect("it runs");
                while !waiter.is_finished() && sleeps(&thread) == before {
                    std::thread::yield_now();
                }
                waker.wake();
                assert_eq!(waiter.join().expect("it waited"), 1, "it was woken from its sleep");
            });
        }
    }

    #[test]
    fn what_comes_ends_a_wait_however_it_waits() {
        for spin in [Duration::ZERO, LONG] {
            let waker = Waker::new().expect("a waker");
            let mut poller = Poller::new(&waker, spin).expect("a set");
            std::thread::scope(|scope| {
                scope.spawn(|| waker.wake());
                poller.wait(None).expect("waits");
            });
            assert_eq!(poller.count(), 1);
            assert!(poller.ready(0).is_none(), "it is the waker, not a socket");
        }
    }
}
