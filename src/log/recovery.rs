//! What a log holds after a crash: walks it, decides where it ends, and makes that end true on the disk.
//!
//! A crash leaves an end that is torn: batches that were never acknowledged may be
//! there in part, in any order. Damage to what was acknowledged looks the same at
//! the place itself, but something vouches for it: a later batch or segment that
//! was written when it was already durable, the durable mark, a snapshot, or the
//! note of a clean close. So whatever nothing vouches for is cut, and whatever
//! something vouches for refuses to open, with its place.

use std::io;
use std::sync::Arc;

use super::chain::Heads;
use super::cursor::Cursor;
use super::error::{Damage, LogError};
use super::files::{Access, Files, read_full_at};
use super::format::{BATCH_ALIGN_BYTES, BATCH_HEADER_BYTES, BATCH_MAGIC, Broken, LogId, decode_header};
use super::names::Position;
use super::segment::{
    Each, SEGMENT_HEADER_BYTES, Segment, SegmentHeader, ZEROS, segment_name, segment_number, write_zeros,
};

/// A segment's file as found in a folder.
pub(super) struct Found {
    pub name: String,
    pub number: u64,
    pub segment: Result<Arc<Segment>, Broken>,
}

impl Found {
    /// The position of the first record in it; the start if its header cannot be read.
    pub fn base(&self) -> Position {
        self.segment.as_ref().map_or(Position::START, |segment| segment.header.base)
    }

    /// Whether anything was ever written behind its header.
    pub fn holds_batches(&self) -> io::Result<bool> {
        match &self.segment {
            Ok(segment) => Ok(last_written(segment, SEGMENT_HEADER_BYTES)? > SEGMENT_HEADER_BYTES),
            Err(_) => Ok(false),
        }
    }
}

/// Why records up to a position must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Voucher {
    pub position: Position,
    pub who: &'static str,
}

/// Where a walk through the segments came to its end.
pub(super) struct Walked {
    pub heads: Heads,
    /// The segments that hold what was accepted; the last one goes on being written.
    pub segments: Vec<Arc<Segment>>,
    /// Where the last of them ends.
    pub end_offset_bytes: u64,
    /// What stood where the walk ended, unless the log simply ends there.
    pub stopped_at: Option<Damage>,
    pub batch_count: u64,
    /// The first batch that was not yet known to be durable starts here: segment index and byte.
    pub uncertain: (usize, u64),
}

impl Walked {
    /// The place where the walk ended, as far as it was sound.
    pub fn end_of_log(&self) -> Damage {
        let last = self.segments.last().expect("a walk has a segment");
        Damage {
            file: last.name.clone(),
            offset_bytes: self.end_offset_bytes,
            position: self.heads.position,
            what: "the log ends here".to_owned(),
        }
    }
}

/// What is known before the walk.
pub(super) struct Before<'a> {
    pub log_id: LogId,
    /// The newest snapshot's chains.
    pub snapshot: Option<Heads>,
    pub durable_mark: Position,
    /// Told every accepted batch.
    pub on_batch: &'a mut dyn FnMut(&super::stored::StoredBatch<'_>),
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

/// Walks from the segment that holds the snapshot's position, or the first, to the end of what can be believed.
/// Changes nothing.
pub(super) fn walk(found: &[Found], before: Before<'_>) -> Result<Walked, LogError> {
    let mut walk = Walk::start(found, before)?;
    let mut index = walk.walked.segments.len() - 1;
    loop {
        let stop = walk.segment()?;
        let Some(next) = found.get(index + 1) else {
            walk.walked.stopped_at = stop;
            break;
        };
        match walk.continues_in(next) {
            Ok(segment) => {
                walk.walked.segments.push(segment);
                index += 1;
            }
            Err(damage) => {
                // What the segment before stumbled over comes first, if it did.
                walk.walked.stopped_at = stop.or(Some(damage));
                break;
            }
        }
    }
    if let Some(snapshot) = &walk.before.snapshot
        && walk.walked.stopped_at.is_none()
        && snapshot.position > walk.walked.heads.position
    {
        walk.walked.stopped_at = Some(walk.damage_here("the log ends before its newest snapshot"));
    }
    Ok(walk.walked)
}

struct Walk<'a> {
    before: Before<'a>,
    walked: Walked,
    cursor: Cursor,
}

impl<'a> Walk<'a> {
    fn start(found: &[Found], before: Before<'a>) -> Result<Self, LogError> {
        let snapshot_position = before.snapshot.as_ref().map_or(Position::START, |heads| heads.position);
        let mut segments = Vec::new();
        for (index, entry) in found.iter().enumerate() {
            let expected = found[0].number + index as u64;
            let whole = entry.number == expected;
            let Ok(segment) = entry.segment.as_ref() else { break };
            let after_snapshot = index > 0 && segment.header.base > snapshot_position;
            let in_order =
                segments.last().is_none_or(|last: &Arc<Segment>| last.header.base <= segment.header.base);
            if !whole || !in_order || after_snapshot {
                break;
            }
            segments.push(Arc::clone(segment));
        }
        let Some(segment) = segments.last().cloned() else {
            let what = found.first().and_then(|entry| entry.segment.as_ref().err());
            return Err(corrupt(Damage {
                file: found.first().map_or_else(|| segment_name(1), |entry| entry.name.clone()),
                offset_bytes: 0,
                position: Position::START,
                what: what.map_or("the segment is missing", |broken| broken.what).to_owned(),
            }));
        };
        let header = segment.header;
        if header.base > snapshot_position {
            return Err(corrupt(Damage {
                file: segment.name.clone(),
                offset_bytes: 0,
                position: snapshot_position,
                what: format!(
                    "the records before position {} are missing, and no snapshot covers them",
                    header.base
                ),
            }));
        }
        let heads = match header.base {
            Position::START => Heads::start(),
            base => Heads::middle(base, header.term, header.time_us, header.chain),
        };
        let uncertain = (segments.len() - 1, 0);
        let cursor = Cursor::new(segment, before.log_id);
        let mut walk = Self {
            before,
            walked: Walked {
                heads,
                segments,
                end_offset_bytes: SEGMENT_HEADER_BYTES,
                stopped_at: None,
                batch_count: 0,
                uncertain,
            },
            cursor,
        };
        walk.pass_snapshot()?;
        Ok(walk)
    }

    /// Walks to the end of the last segment in `walked`. Gives what stopped it, unless only zeros follow.
    fn segment(&mut self) -> Result<Option<Damage>, LogError> {
        let segment = Arc::clone(self.walked.segments.last().expect("a walk has a segment"));
        self.cursor.go_to(Arc::clone(&segment), SEGMENT_HEADER_BYTES);
        self.walked.end_offset_bytes = SEGMENT_HEADER_BYTES;
        if segment.header.base < self.before.durable_mark {
            self.walked.uncertain = (self.walked.segments.len() - 1, SEGMENT_HEADER_BYTES);
        }
        let reading = |error| LogError::io(format!("reading {}", segment.name), error);
        loop {
            let start = self.cursor.offset_bytes;
            let header = match self.cursor.peek().map_err(reading)? {
                Ok(header) => header,
                Err(broken) => {
                    let end = last_written(&segment, start).map_err(reading)?;
                    return Ok(
                        (end > start).then(|| self.damage(&segment, start, broken.offset, broken.what))
                    );
                }
            };
            if let Err(broken) = self.cursor.take(header).map_err(reading)? {
                return Ok(Some(self.damage(&segment, start, broken.offset, broken.what)));
            }
            let batch = self.cursor.batch();
            if let Err(broken) = self.walked.heads.accept(&batch) {
                return Ok(Some(self.damage(&segment, start, 0, &broken.to_string())));
            }
            (self.before.on_batch)(&batch);
            segment.remember(header.position, start);
            self.walked.batch_count += 1;
            self.walked.end_offset_bytes = self.cursor.offset_bytes;
            if self.walked.heads.position <= self.before.durable_mark {
                self.walked.uncertain = (self.walked.segments.len() - 1, self.cursor.offset_bytes);
            }
            self.pass_snapshot()?;
        }
    }

    /// From the snapshot's position on every stream's head is known.
    fn pass_snapshot(&mut self) -> Result<(), LogError> {
        let heads = &self.walked.heads;
        match &self.before.snapshot {
            Some(snapshot) if snapshot.position == heads.position => {
                if snapshot.chain != heads.chain {
                    return Err(corrupt(
                        self.damage_here("the chain differs from that of the snapshot made here"),
                    ));
                }
                self.walked.heads = snapshot.clone();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether `next` is the segment that carries on from here.
    fn continues_in(&self, next: &Found) -> Result<Arc<Segment>, Damage> {
        let last = self.walked.segments.last().expect("a walk has a segment");
        let heads = &self.walked.heads;
        let damage = |name: &str, what: &str| Damage {
            file: name.to_owned(),
            offset_bytes: 0,
            position: heads.position,
            what: what.to_owned(),
        };
        let number = last.header.number + 1;
        if next.number != number {
            return Err(damage(&segment_name(number), "the segment is missing"));
        }
        let segment = next.segment.as_ref().map_err(|broken| damage(&next.name, broken.what))?;
        if segment.header.base != heads.position {
            let what = format!(
                "no batch stands here, but the next segment starts at position {}",
                segment.header.base
            );
            return Err(Damage { offset_bytes: self.walked.end_offset_bytes, ..damage(&last.name, &what) });
        }
        if segment.header.chain != heads.chain {
            return Err(damage(&next.name, "the segment does not follow the one before it"));
        }
        Ok(Arc::clone(segment))
    }

    fn damage(&self, segment: &Segment, start: u64, offset: usize, what: &str) -> Damage {
        Damage {
            file: segment.name.clone(),
            offset_bytes: start + offset as u64,
            position: self.walked.heads.position,
            what: what.to_owned(),
        }
    }

    fn damage_here(&self, what: &str) -> Damage {
        let segment = self.walked.segments.last().expect("a walk has a segment");
        self.damage(segment, self.walked.end_offset_bytes, 0, what)
    }
}

pub(super) fn corrupt(damage: Damage) -> LogError {
    LogError::Corrupt(Box::new(damage))
}

/// The highest position that anything behind the end of the walk vouches for.
pub(super) fn vouched_behind(found: &[Found], walked: &Walked, log_id: LogId) -> Result<Voucher, LogError> {
    let last = walked.segments.last().expect("a walk has a segment");
    let mut voucher = Voucher { position: Position::START, who: "nothing" };
    let mut hear = |position: Position, who| {
        if position > voucher.position {
            voucher = Voucher { position, who };
        }
    };
    let reading = |name: &str| {
        let doing = format!("reading {name}");
        move |error| LogError::io(doing, error)
    };
    let behind = durable_behind(last, walked.end_offset_bytes, log_id).map_err(reading(&last.name))?;
    hear(behind, "a later batch");
    for entry in found.iter().filter(|entry| entry.number > last.header.number) {
        let Ok(segment) = &entry.segment else { continue };
        hear(segment.header.durable, "a later segment");
        let behind = durable_behind(segment, SEGMENT_HEADER_BYTES, log_id).map_err(reading(&entry.name))?;
        hear(behind, "a later batch");
    }
    Ok(voucher)
}

/// The highest durable position in any sound batch header of the segment from `start` on.
fn durable_behind(segment: &Segment, start: u64, log_id: LogId) -> io::Result<Position> {
    let mut highest = Position::START;
    let rest = segment.capacity_bytes.saturating_sub(start).min(ZEROS.len() as u64) as usize;
    let mut window = vec![0; rest + BATCH_HEADER_BYTES];
    let mut from = start;
    while from < segment.capacity_bytes {
        let count = read_full_at(&*segment.file, from, &mut window)?;
        let bytes = &window[..count];
        if !bytes.chunks(ZEROS.len()).all(|chunk| chunk == &ZEROS[..chunk.len()]) {
            for at in (0..count.saturating_sub(BATCH_HEADER_BYTES - 1)).step_by(BATCH_ALIGN_BYTES) {
                if bytes[at..at + 4] == BATCH_MAGIC
                    && let Ok(header) = decode_header(&bytes[at..], log_id)
                {
                    highest = highest.max(header.durable);
                }
            }
        }
        from += rest as u64;
    }
    Ok(highest)
}

/// The byte behind the last one that is not zero, from `start` on; `start` if all are.
fn last_written(segment: &Segment, start: u64) -> io::Result<u64> {
    let mut end = start;
    let mut from = start;
    let rest = segment.capacity_bytes.saturating_sub(start).min(ZEROS.len() as u64) as usize;
    let mut window = vec![0; rest];
    while from < segment.capacity_bytes {
        let count = read_full_at(&*segment.file, from, &mut window)?;
        if count == 0 {
            break;
        }
        if window[..count] != ZEROS[..count]
            && let Some(last) = window[..count].iter().rposition(|byte| *byte != 0)
        {
            end = from + last as u64 + 1;
        }
        from += count as u64;
    }
    Ok(end)
}

/// Makes the end of the walk the end on the disk: removes what lies behind, writes once more what was not known to
/// be durable (after a failed sync the system may hold it in memory alone and call it clean), and syncs.
pub(super) fn settle(
    files: &dyn Files,
    found: &[Found],
    walked: &Walked,
    durable_mark: Position,
) -> Result<(), LogError> {
    let last = walked.segments.last().expect("a walk has a segment");
    let mut behind: Vec<_> = found.iter().filter(|entry| entry.number > last.header.number).collect();
    // Backwards, so that a crash in between leaves no gap.
    behind.reverse();
    for entry in behind {
        files
            .remove(&entry.name)
            .and_then(|()| files.sync_names())
            .map_err(|error| LogError::io(format!("removing {}", entry.name), error))?;
    }
    let end = walked.end_offset_bytes;
    let settled = last_written(last, end).and_then(|written| {
        let written = written.next_multiple_of(8).min(last.capacity_bytes);
        write_zeros(&*last.file, end, written, Each::Written)
    });
    settled.map_err(|error| LogError::io(format!("cutting {}", last.name), error))?;
    let syncing = |segment: &Segment| {
        let doing = format!("syncing {}", segment.name);
        move |error| LogError::io(doing, error)
    };
    // After a run that synced nothing whole segments may be waiting for their first sync.
    for (index, segment) in walked.segments[..walked.uncertain.0].iter().enumerate() {
        if walked.segments[index + 1].header.base > durable_mark {
            segment.file.sync().map_err(syncing(segment))?;
        }
    }
    for (index, segment) in walked.segments.iter().enumerate().skip(walked.uncertain.0) {
        let from = if index == walked.uncertain.0 { walked.uncertain.1 } else { 0 };
        let to = if index + 1 == walked.segments.len() { end } else { segment.capacity_bytes };
        rewrite(segment, from, to).and_then(|()| segment.file.sync()).map_err(syncing(segment))?;
    }
    last.file.sync().map_err(syncing(last))?;
    last.set_written(end);
    last.forget_from(end);
    files.sync_names().map_err(|error| LogError::io("syncing the data folder", error))
}

fn rewrite(segment: &Segment, mut from: u64, to: u64) -> io::Result<()> {
    let mut window = vec![0; to.saturating_sub(from).min(ZEROS.len() as u64) as usize];
    while from < to {
        let wanted = (to - from).min(window.len() as u64) as usize;
        let count = read_full_at(&*segment.file, from, &mut window[..wanted])?;
        if count == 0 {
            break;
        }
        super::files::write_all_at(&*segment.file, from, &window[..count])?;
        from += count as u64;
    }
    Ok(())
}
