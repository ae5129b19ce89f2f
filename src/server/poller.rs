//! Which sockets of a shard are ready, asked once for all of them.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

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
    /// A set without sockets, whose waits `waker` ends.
    pub fn new(waker: &Waker) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, waker, EventData::new_u64(WAKER), EventFlags::IN | EventFlags::ET)?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS_MAX) })
    }

    /// Adds a socket; closing it takes it out. Its token is less than the greatest number.
    pub fn add(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(token), flags)?)
    }

    /// Waits until a socket is ready, the waker was used, or the time is over, if one is given.
    pub fn wait(&mut self, patience: Option<Duration>) -> io::Result<()> {
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
