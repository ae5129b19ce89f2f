//! Facts that memory no longer holds, rebuilt from the log on a thread of its own
//! for clients that resume, one after the other.
//!
//! The log holds commands. Applied to a fresh engine they give the same events, and
//! those the same messages; nothing of this touches the sequencer's engine. What waits
//! for slow clients is bounded: the thread rests until they have taken it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::batch::Frames;
use super::frame::{ConnectionKey, Frame};
use super::intake::{Inlet, Intake};
use super::publish::{Audience, NOBODY, Publisher};
use super::recovery::Past;
use super::request::Subscribe;
use super::wanted::wanted;
use crate::engine::{AuctionId, AuctionSlot, Event};
use crate::wire::Message;

/// Most bytes rebuilt at a time; the rest takes another turn.
const REBUILT_BYTES_MAX: usize = 32 << 20;
/// Rebuilt bytes that may wait for their clients, all together, before another rebuild is begun.
const WAITING_BYTES_MAX: usize = 256 << 20;
/// How often a thread that waits for clients looks at them.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// What is wanted of one auction: the facts after `after`, up to `until`.
#[derive(Debug, Clone, Copy)]
pub(super) struct RebuildPlace {
    /// Its place in the sequencer's engine.
    pub slot: AuctionSlot,
    /// Its name in the log.
    pub auction: AuctionId,
    /// The last fact the client has.
    pub after: u64,
    /// The last fact that memory does not hold.
    pub until: u64,
}

/// Facts rebuilt for one subscription.
pub(super) struct Rebuilt {
    /// Whose.
    pub connection: ConnectionKey,
    /// Which subscription.
    pub ticket: u32,
    /// Whether the log reached back far enough.
    pub is_whole: bool,
    /// The messages, marked as replayed.
    pub frames: Vec<RebuiltFrame>,
    /// How far each auction was told.
    pub reached: Vec<(AuctionSlot, u64)>,
    /// Its bytes among those that wait.
    waiting: Waiting,
}

/// Rebuilt bytes that wait for their client, counted until they are dropped.
struct Waiting {
    bytes: usize,
    total: Arc<AtomicUsize>,
}

impl Waiting {
    fn new(total: &Arc<AtomicUsize>) -> Self {
        Self { bytes: 0, total: Arc::clone(total) }
    }

    fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        // Relaxed, here and below: a figure that stands alone.
        self.total.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Held by whoever still wants what is being rebuilt.
pub(super) struct Wanted(#[expect(dead_code, reason = "its life is what it says")] Arc<()>);

/// One message, cut at its sequence digits.
pub(super) struct RebuiltFrame {
    bytes: Box<[u8]>,
    cut: usize,
}

impl RebuiltFrame {
    /// The JSON up to the sequence digits.
    pub fn head(&self) -> &[u8] {
        &self.bytes[..self.cut]
    }

    /// The JSON after them, without the closing brace.
    pub fn tail(&self) -> &[u8] {
        &self.bytes[self.cut..]
    }

    /// Its size.
    pub fn byte_count(&self) -> usize {
        self.bytes.len()
    }
}

/// Hands work to the thread that rebuilds.
pub(super) struct Rebuilder {
    jobs: Sender<Job>,
}

/// One client's past.
struct Job {
    connection: ConnectionKey,
    subscribe: Subscribe,
    places: Vec<RebuildPlace>,
    wanted: Weak<()>,
}

/// What the thread works with.
struct Worker {
    past: Arc<Past>,
    intake: Inlet,
    waiting_bytes: Arc<AtomicUsize>,
}

impl Rebuilder {
    /// Starts the thread; it ends with this value. Up to `jobs_max` clients may wait for it.
    pub fn start(past: Arc<Past>, intake: Inlet, jobs_max: usize) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (jobs, waiting) = bounded(jobs_max);
        let worker = Worker { past, intake, waiting_bytes: Arc::new(AtomicUsize::new(0)) };
        let thread = std::thread::Builder::new()
            .name("walras-rebuild".to_owned())
            .spawn(move || worker.serve(&waiting))?;
        Ok((Self { jobs }, thread))
    }

    /// Has a client's past rebuilt while the given value lives; the result comes back through the intake queue.
    /// `None` if too many wait already.
    pub fn ask(
        &self,
        connection: ConnectionKey,
        subscribe: Subscribe,
        places: Vec<RebuildPlace>,
    ) -> Option<Wanted> {
        let wanted = Arc::new(());
        let job = Job { connection, subscribe, places, wanted: Arc::downgrade(&wanted) };
        self.jobs.try_send(job).ok().map(|()| Wanted(wanted))
    }
}

impl Worker {
    fn serve(self, jobs: &Receiver<Job>) {
        for job in jobs {
            while self.waiting_bytes.load(Ordering::Relaxed) > WAITING_BYTES_MAX && job.is_wanted() {
                std::thread::sleep(LOOK_INTERVAL);
            }
            if !job.is_wanted() {
                continue;
            }
            let rebuilt = self.rebuild(&job).unwrap_or_else(|error| {
                tracing::warn!(%error, "the past of an auction could not be rebuilt");
                self.nothing(&job)
            });
            // A closed queue means that the host is gone, and with it the client.
            self.intake.send(Intake::Rebuilt(rebuilt));
        }
    }

    fn nothing(&self, job: &Job) -> Rebuilt {
        Rebuilt {
            connection: job.connection,
            ticket: job.subscribe.ticket,
            is_whole: false,
            frames: Vec::new(),
            reached: job.places.iter().map(|place| (place.slot, place.after)).collect(),
            waiting: Waiting::new(&self.waiting_bytes),
        }
    }

    fn rebuild(&self, job: &Job) -> Result<Rebuilt, super::HostError> {
        let mut out = self.nothing(job);
        for (index, place) in job.places.iter().enumerate().filter(|(_, place)| place.after < place.until) {
            let is_reached = self.rebuild_auction(job, place, index, &mut out)?;
            if out.waiting.bytes > REBUILT_BYTES_MAX {
                break;
            }
            if !is_reached {
                return Ok(out);
            }
        }
        out.is_whole = true;
        Ok(out)
    }

    /// Rebuilds one auction's facts, as far as there is room; whether all of them are there.
    fn rebuild_auction(
        &self,
        job: &Job,
        place: &RebuildPlace,
        index: usize,
        out: &mut Rebuilt,
    ) -> Result<bool, super::HostError> {
        let mut message = Message::default();
        let mut frames = Frames::default();
        let mut told_privately = None;
        let mut replay = self.past.of_auction(place.auction)?;
        while let Some(step) = replay.step()? {
            for (event, head) in step.events.iter().filter(|(event, _)| is_missing(event, place)) {
                frames.clear();
                let mut publisher = Publisher {
                    engine: step.engine,
                    audience: Audience::One(job.subscribe.party),
                    log_head: Some(head.0),
                    message: &mut message,
                    frames: &mut frames,
                };
                publisher.publish(event, NOBODY);
                for frame in frames.iter().filter_map(Frame::parse) {
                    if wanted(&frame, &job.subscribe, &mut told_privately) {
                        out.waiting.add(frame.head.len() + frame.tail.len());
                        out.frames.push(retold(&frame));
                    }
                }
                out.reached[index].1 = event.auction.map_or(out.reached[index].1, |auction| auction.offset);
            }
            let is_reached = out.reached[index].1 >= place.until;
            if is_reached || out.waiting.bytes > REBUILT_BYTES_MAX || !job.is_wanted() {
                return Ok(is_reached);
            }
        }
        Ok(out.reached[index].1 >= place.until)
    }
}

impl Job {
    fn is_wanted(&self) -> bool {
        self.wanted.strong_count() > 0
    }
}

fn is_missing(event: &Event, place: &RebuildPlace) -> bool {
    event.auction.is_some_and(|auction| {
        auction.id == place.auction && auction.offset > place.after && auction.offset <= place.until
    })
}

fn retold(frame: &Frame<'_>) -> RebuiltFrame {
    let replayed: &[u8] = br#","replayed":true"#;
    RebuiltFrame { bytes: [frame.head, frame.tail, replayed].concat().into(), cut: frame.head.len() }
}
