//! A walk through the segments of a folder, from batch to batch, checking every one. It changes nothing.
//!
//! It ends where nothing believable follows. Whether that is the log's end, a torn
//! end or damage is for others to decide: recovery and inspection.

use std::io;
use std::sync::Arc;

use super::chain::Heads;
use super::cursor::Cursor;
use super::error::{Damage, LogError};
use super::files::{Access, Files, read_full_at};
use super::format::{Broken, LogId};
use super::names::Position;
use super::segment::{
    SEGMENT_HEADER_BYTES, Segment, SegmentHeader, segment_name, segment_number, written_until,
};
use super::stored::StoredBatch;

/// A segment's file as found in a folder.
pub(super) struct Found {
    pub name: String,
    pub number: u64,
    pub segment: Result<Arc<Segment>, Broken>,
}

impl Found {
    /// Whether anything was ever written behind its header.
    pub fn holds_batches(&self) -> io::Result<bool> {
        match &self.segment {
            Ok(segment) => Ok(last_written(segment, SEGMENT_HEADER_BYTES)? > SEGMENT_HEADER_BYTES),
            Err(_) => Ok(false),
        }
    }
}

/// The segments in a folder in order of their numbers, headers checked.
pub(super) fn find_segments(
    files: &dyn Files,
    log_id: LogId,
    access: Access,
) -> Result<Vec<Found>, LogError> {
    let names = files.list().map_err(|error| LogError::io("listing the data folder", error))?;
    let mut found = Vec::new();
    for name in names {
        let Some(number) = segment_number(&name) else { continue };
        let segment = open_segment(files, &name, number, log_id, access)
            .map_err(|error| LogError::io(format!("opening {name}"), error))?;
        found.push(Found { name, number, segment });
    }
    found.sort_unstable_by_key(|found| found.number);
    Ok(found)
}

fn open_segment(
    files: &dyn Files,
    name: &str,
    number: u64,
    log_id: LogId,
    access: Access,
) -> io::Result<Result<Arc<Segment>, Broken>> {
    let file = files.open(name, access)?;
    let length = file.len_bytes()?;
    let mut bytes = vec![0; SEGMENT_HEADER_BYTES as usize];
    let count = read_full_at(&*file, 0, &mut bytes)?;
    Ok(SegmentHeader::decode(&bytes[..count], log_id).and_then(|header| {
        if header.number != number {
            return Err(Broken { offset: 32, what: "the segment has another number than its name" });
        }
        Ok(Arc::new(Segment::new(header, file, length, length)))
    }))
}

/// The byte behind the last one of the segment that is not zero, from `start` on; `start` if all are.
pub(super) fn last_written(segment: &Segment, start: u64) -> io::Result<u64> {
    written_until(&*segment.file, start, segment.capacity_bytes)
}

/// Where a walk begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// At the segment that holds the newest snapshot's position; at the first without one.
    AtSnapshot,
    /// At the first segment.
    AtFirst,
}

pub(super) struct Walk {
    pub found: Vec<Found>,
    /// The chains behind what was accepted.
    pub heads: Heads,
    /// The segments that hold what was accepted and those before them.
    pub segments: Vec<Arc<Segment>>,
    /// Where the last of them ends, as far as the walk has come.
    pub end_offset_bytes: u64,
    /// What stands where the walk ended, unless the log simply ends there.
    pub stopped_at: Option<Damage>,
    pub batch_count: u64,
    /// The first batch that was not yet known to be durable starts here: index in `segments` and byte.
    pub uncertain: (usize, u64),
    cursor: Cursor,
    snapshot: Option<Heads>,
    durable_mark: Position,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Walking,
    Ended,
}

impl Walk {
    /// A walk through `found` by someone who knows the newest snapshot's chains and the durable mark.
    pub fn new(
        found: Vec<Found>,
        begin: Begin,
        snapshot: Option<Heads>,
        durable_mark: Position,
        log_id: LogId,
    ) -> Result<Self, LogError> {
        let covered = snapshot.as_ref().map_or(Position::START, |heads| heads.position);
        let segments = leading_segments(&found, begin, covered);
        let Some(segment) = segments.last().cloned() else { return Err(corrupt(unbegun(&found))) };
        let header = segment.header;
        if header.base > covered {
            let what = format!(
                "the records before position {} are missing, and no snapshot covers them",
                header.base
            );
            let file = segment.name.clone();
            return Err(corrupt(Damage { file, offset_bytes: 0, position: covered, what }));
        }
        let mut walk = Self {
            found,
            heads: heads_before(&header),
            uncertain: (segments.len() - 1, 0),
            segments,
            end_offset_bytes: SEGMENT_HEADER_BYTES,
            stopped_at: None,
            batch_count: 0,
            cursor: Cursor::new(segment, log_id),
            snapshot,
            durable_mark,
            state: State::Walking,
        };
        walk.enter();
        walk.pass_snapshot()?;
        Ok(walk)
    }

    /// Moves to the next batch, if another follows. [`batch`](Self::batch) then gives it.
    pub fn step(&mut self) -> Result<bool, LogError> {
        while self.state == State::Walking {
            let stop = match self.try_batch()? {
                Ok(()) => return Ok(true),
                Err(stop) => stop,
            };
            let Some(next) = self.found.iter().find(|entry| entry.number > self.last().header.number) else {
                self.end(stop);
                break;
            };
            match self.continues_in(next) {
                Ok(segment) => {
                    self.segments.push(segment);
                    self.enter();
                }
                // What the segment before stumbled over comes first, if it did.
                Err(damage) => self.end(stop.or(Some(damage))),
            }
        }
        Ok(false)
    }

    /// The batch last stepped to.
    pub fn batch(&self) -> StoredBatch<'_> {
        self.cursor.batch()
    }

    /// Has a walk that has ended try again at the same place: another process may have written more.
    pub fn retry(&mut self) {
        self.stopped_at = None;
        self.state = State::Walking;
        let last = Arc::clone(self.last());
        self.cursor.go_to(last, self.end_offset_bytes);
    }

    /// Has a walk that has ended go on with the next segment that has a sound header. Says whether there is one.
    pub fn skip_damage(&mut self) -> bool {
        let number = self.last().header.number;
        let next = self
            .found
            .iter()
            .filter(|entry| entry.number > number)
            .find_map(|entry| entry.segment.as_ref().ok());
        let Some(next) = next.cloned() else { return false };
        self.heads = heads_before(&next.header);
        self.segments.push(next);
        self.stopped_at = None;
        self.state = State::Walking;
        self.enter();
        true
    }

    /// The segment the walk is in.
    pub fn last(&self) -> &Arc<Segment> {
        self.segments.last().expect("a walk has a segment")
    }

    /// The place up to which everything was sound, called `what`.
    pub fn here(&self, what: &str) -> Damage {
        self.damage(self.end_offset_bytes, 0, what)
    }

    fn enter(&mut self) {
        let segment = Arc::clone(self.last());
        if segment.header.base < self.durable_mark {
            self.uncertain = (self.segments.len() - 1, SEGMENT_HEADER_BYTES);
        }
        self.end_offset_bytes = SEGMENT_HEADER_BYTES;
        self.cursor.go_to(segment, SEGMENT_HEADER_BYTES);
    }

    fn end(&mut self, stop: Option<Damage>) {
        self.state = State::Ended;
        self.stopped_at = stop;
        if let Some(snapshot) = &self.snapshot
            && self.stopped_at.is_none()
            && snapshot.position > self.heads.position
        {
            self.stopped_at = Some(self.here("the log ends before its newest snapshot"));
        }
    }

    /// Accepts the batch here, or says what is wrong with it; nothing is if only zeros follow.
    fn try_batch(&mut self) -> Result<Result<(), Option<Damage>>, LogError> {
        let segment = Arc::clone(self.last());
        let reading = |error| LogError::io(format!("reading {}", segment.name), error);
        let start = self.cursor.offset_bytes;
        let header = match self.cursor.peek().map_err(reading)? {
            Ok(header) => header,
            Err(broken) => {
                let written = last_written(&segment, start).map_err(reading)?;
                return Ok(Err((written > start).then(|| self.damage(start, broken.offset, broken.what))));
            }
        };
        if let Err(broken) = self.cursor.take(header).map_err(reading)? {
            return Ok(Err(Some(self.damage(start, broken.offset, broken.what))));
        }
        if let Err(broken) = self.heads.accept(&self.cursor.batch()) {
            return Ok(Err(Some(self.damage(start, 0, &broken.to_string()))));
        }
        segment.remember(header.position, start);
        self.batch_count += 1;
        self.end_offset_bytes = self.cursor.offset_bytes;
        if self.heads.position <= self.durable_mark {
            self.uncertain = (self.segments.len() - 1, self.end_offset_bytes);
        }
        self.pass_snapshot()?;
        Ok(Ok(()))
    }

    /// From the snapshot's position on every stream's head is known.
    fn pass_snapshot(&mut self) -> Result<(), LogError> {
        match &self.snapshot {
            Some(snapshot) if snapshot.position == self.heads.position => {
                if snapshot.chain != self.heads.chain {
                    return Err(corrupt(self.here("the chain differs from that of the snapshot made here")));
                }
                self.heads = snapshot.clone();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether `next` is the segment that carries on from here.
    fn continues_in(&self, next: &Found) -> Result<Arc<Segment>, Damage> {
        let position = self.heads.position;
        let damage =
            |file: String, what: &str| Damage { file, offset_bytes: 0, position, what: what.to_owned() };
        let number = self.last().header.number + 1;
        if next.number != number {
            return Err(damage(segment_name(number), "the segment is missing"));
        }
        let segment = next.segment.as_ref().map_err(|broken| damage(next.name.clone(), broken.what))?;
        if segment.header.base != position {
            let base = segment.header.base;
            return Err(
                self.here(&format!("no batch stands here, but the next segment starts at position {base}"))
            );
        }
        if segment.header.chain != self.heads.chain {
            return Err(damage(next.name.clone(), "the segment does not follow the one before it"));
        }
        Ok(Arc::clone(segment))
    }

    fn damage(&self, start: u64, offset: usize, what: &str) -> Damage {
        Damage {
            file: self.last().name.clone(),
            offset_bytes: start + offset as u64,
            position: self.heads.position,
            what: what.to_owned(),
        }
    }
}

/// The segments up to the one where a walk begins, as far as they follow each other.
fn leading_segments(found: &[Found], begin: Begin, covered: Position) -> Vec<Arc<Segment>> {
    let mut segments: Vec<Arc<Segment>> = Vec::new();
    for (index, entry) in found.iter().enumerate() {
        let Ok(segment) = entry.segment.as_ref() else { break };
        let follows = segments.last().is_none_or(|last| {
            last.header.number + 1 == entry.number && last.header.base <= segment.header.base
        });
        let too_far = index > 0 && (begin == Begin::AtFirst || segment.header.base > covered);
        if !follows || too_far {
            break;
        }
        segments.push(Arc::clone(segment));
    }
    segments
}

/// Why no walk can begin: the first segment is not there, or its header is not.
fn unbegun(found: &[Found]) -> Damage {
    let first = found.first();
    let what = first.and_then(|entry| entry.segment.as_ref().err()).map(|broken| broken.what);
    Damage {
        file: first.map_or_else(|| segment_name(1), |entry| entry.name.clone()),
        offset_bytes: 0,
        position: Position::START,
        what: what.unwrap_or("the segment is missing").to_owned(),
    }
}

/// The chains before a segment, as far as its header tells.
fn heads_before(header: &SegmentHeader) -> Heads {
    match header.base {
        Position::START => Heads::start(),
        base => Heads::middle(base, header.term, header.time_us, header.chain),
    }
}

pub(super) fn corrupt(damage: Damage) -> LogError {
    LogError::Corrupt(Box::new(damage))
}
