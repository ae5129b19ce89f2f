//! Segments ready to be used, and the rule that one of them stays in reserve.
//!
//! A segment is made ready by writing zeros into a file of its own and syncing it,
//! which takes tens of milliseconds, so it is best done before it is needed.
//! Ordinary batches are taken only while the reserve is whole.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::error::LogError;
use super::files::{Access, Files, UNFINISHED_SUFFIX, is_full, remove_if_there};
use super::names::{Space, Urgency};
use super::open::Options;
use super::segment::{make_zeroed, written_until};

const NAME_PREFIX: &str = "spare-";

/// How the last run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    Closed,
    Unclean,
}

/// How much of the segment in use is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Less,
    HalfFull,
}

pub(super) struct Pool {
    files: Arc<dyn Files>,
    segment_bytes: u64,
    segments_ahead: usize,
    low_space_bytes: u64,
    ready: Mutex<Ready>,
    /// An ordinary batch was refused and no room has come free since.
    refused: AtomicBool,
}

#[derive(Default)]
struct Ready {
    names: Vec<String>,
    made_count: u64,
}

impl Pool {
    /// Takes stock of the spares in the folder and removes what a crash left unfinished, or, where `trust` asks for
    /// it, what is not all zeros: if a sync lied, a segment that was written to may have its old name again.
    pub fn open(files: Arc<dyn Files>, options: &Options, trust: Trust) -> io::Result<Self> {
        let mut ready = Ready::default();
        for name in files.list()? {
            let Some(number) = name.strip_prefix(NAME_PREFIX) else { continue };
            if number.ends_with(UNFINISHED_SUFFIX) {
                remove_if_there(&*files, &name)?;
            } else if let Ok(number) = number.parse::<u64>() {
                ready.made_count = ready.made_count.max(number);
                let file = files.open(&name, Access::Read)?;
                let bytes = file.len_bytes()?;
                // One made when segments were smaller could not take every batch.
                let usable = bytes >= options.segment_bytes
                    && (trust == Trust::Closed || written_until(&*file, 0, bytes)? == 0);
                if usable {
                    ready.names.push(name);
                } else {
                    files.remove(&name)?;
                }
            }
        }
        let ready = Mutex::new(ready);
        Ok(Self {
            files,
            segment_bytes: options.segment_bytes,
            segments_ahead: options.segments_ahead,
            low_space_bytes: options.low_space_bytes,
            ready,
            refused: AtomicBool::new(false),
        })
    }

    /// Makes segments until `count` are ready or there is no room. Says whether there are.
    pub fn fill(&self, count: usize) -> io::Result<bool> {
        let mut ready = self.ready.lock();
        while ready.names.len() < count {
            let name = format!("{NAME_PREFIX}{:010}", ready.made_count + 1);
            match make_zeroed(&*self.files, &name, self.segment_bytes) {
                Ok(()) => {
                    ready.made_count += 1;
                    ready.names.push(name);
                }
                Err(error) if is_full(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.refused.store(false, Ordering::Relaxed);
        Ok(true)
    }

    /// Makes as many segments ready as are wanted while the one in use is this full.
    pub fn maintain(&self, use_of_active: Use) -> io::Result<Space> {
        let reserve_count = 1;
        let hurry = use_of_active == Use::HalfFull || self.space() == Space::ReservedOnly;
        let wanted = if hurry { reserve_count + self.segments_ahead } else { self.segments_ahead };
        self.fill(wanted.max(reserve_count))?;
        Ok(self.space())
    }

    /// Whether a batch of this urgency may go into the segment in use: an ordinary one only if the reserve is whole,
    /// which is tried to be restored first.
    pub fn admits(&self, urgency: Urgency) -> io::Result<bool> {
        Ok(urgency == Urgency::Urgent || self.count() > 0 || self.fill_or_note(1)?)
    }

    /// Takes a segment for a batch of this urgency, by the name of its file; `None` if there is none for it.
    pub fn take(&self, urgency: Urgency) -> io::Result<Option<String>> {
        let wanted = match urgency {
            Urgency::Ordinary => 2,
            Urgency::Urgent => 1,
        };
        if self.count() < wanted && !self.fill_or_note(wanted)? {
            return Ok(None);
        }
        Ok(self.ready.lock().names.pop())
    }

    /// What the pool can say about space.
    pub fn space(&self) -> Space {
        if self.count() == 0 || self.refused.load(Ordering::Relaxed) {
            return Space::ReservedOnly;
        }
        match self.files.free_bytes() {
            Ok(free) if free >= self.low_space_bytes => Space::Ample,
            // A disk that cannot say how full it is deserves no new work either.
            _ => Space::Low,
        }
    }

    /// What a segment taken from here can hold at least, with its header.
    pub fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    fn count(&self) -> usize {
        self.ready.lock().names.len()
    }

    fn fill_or_note(&self, count: usize) -> io::Result<bool> {
        let filled = self.fill(count)?;
        if !filled {
            self.refused.store(true, Ordering::Relaxed);
        }
        Ok(filled)
    }
}

/// The error for a folder in which no segment can be made ready.
pub(super) fn making(error: io::Error) -> LogError {
    LogError::io("making a segment ready", error)
}
