//! Which sockets of a shard are ready, asked once for all of them.
//!
//! The shard's sockets are not known to tokio one by one: they stand in an epoll set of
//! our own, and only that set is a source of the runtime. A turn asks it once, and a
//! connection costs the runtime no memory and no task.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Most sockets told of in one turn.
const EVENTS_MAX: usize = 1024;

/// An epoll set, edge-triggered: what is told once is told again only after a change.
pub struct Poller {
    epoll: AsyncFd<OwnedFd>,
    events: Vec<Event>,
    /// Whether the set may hold what was not fetched yet.
    may_be_ready: bool,
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
    /// An empty set, in the runtime that calls.
    #[expect(
        deprecated,
        reason = "its successor is unsafe, for the sake of types that may name a foreign descriptor; this one is owned"
    )]
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self {
            epoll: AsyncFd::with_interest(epoll, Interest::READABLE)?,
            events: Vec::with_capacity(EVENTS_MAX),
            may_be_ready: false,
        })
    }

    /// Adds a socket; closing it takes it out.
    pub fn add(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(self.epoll.get_ref(), socket, EventData::new_u64(token), flags)?)
    }

    /// Whether a socket may be ready; if not, the task is woken when one is.
    pub fn poll(&mut self, context: &mut Context<'_>) -> io::Result<Poll<()>> {
        // Readiness is taken back before the set is asked, so that nothing that comes later is missed.
        while let Poll::Ready(guard) = self.epoll.poll_read_ready(context) {
            guard?.clear_ready();
            self.may_be_ready = true;
        }
        Ok(if self.may_be_ready { Poll::Ready(()) } else { Poll::Pending })
    }

    /// Fetches what is ready, without waiting.
    pub fn fetch(&mut self) -> io::Result<()> {
        self.events.clear();
        if !self.may_be_ready {
            return Ok(());
        }
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let spare = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(self.epoll.get_ref(), spare, Some(&zero)) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        self.may_be_ready = self.events.len() == self.events.capacity();
        Ok(())
    }

    /// How many sockets the last `fetch` found.
    pub fn count(&self) -> usize {
        self.events.len()
    }

    /// The socket at `index` of those.
    pub fn ready(&self, index: usize) -> Ready {
        let event = self.events[index];
        let flags = event.flags;
        Ready {
            token: event.data.u64(),
            readable: flags
                .intersects(EventFlags::IN | EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR),
            writable: flags.intersects(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR),
            ended: flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR),
        }
    }
}
