//! What a log holds after a crash: walks it, decides where it ends, and makes that end true on the disk.
//!
//! A crash leaves an end that is torn: batches that were never acknowledged may be
//! there in part, in any order. Damage to what was acknowledged looks the same at
//! the place itself, but something vouches for it: a later batch or segment that
//! was written when it was already durable, the durable mark, a snapshot, or the
//! note of a clean close. So whatever nothing vouches for is cut, and whatever
//! something vouches for refuses to open, with its place.

use std::io;

use super::error::{Damage, LogError};
use super::files::{Files, read_full_at, write_all_at};
use super::folder::{RUN_FILE, Run};
use super::format::{BATCH_ALIGN_BYTES, BATCH_HEADER_BYTES, BATCH_MAGIC, LogId, decode_header};
use super::names::{Hash, Position};
use super::segment::{Each, SEGMENT_HEADER_BYTES, Segment, ZEROS, write_zeros};
use super::walk::{Walk, corrupt, last_written};

/// Why records up to a position must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Voucher {
    pub position: Position,
    pub who: &'static str,
}

/// What is known of a log without walking through it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub log_id: LogId,
    pub durable_mark: Position,
    pub snapshot: Position,
    pub last_run: Option<Run>,
}

impl Known {
    /// Who says that records behind `end` were durable, if anybody does, going by where the highest of them ended.
    pub fn vouched_beyond(&self, walk: &Walk) -> Result<Option<Voucher>, LogError> {
        let mut vouchers = vec![
            Voucher { position: self.durable_mark, who: "the durable mark" },
            Voucher { position: self.snapshot, who: "the newest snapshot" },
        ];
        if let Some(Run::Closed { end, .. }) = self.last_run {
            vouchers.push(Voucher { position: end, who: "the clean close of the last run" });
        }
        if walk.stopped_at.is_some() {
            vouchers.push(vouched_behind(walk, self.log_id)?);
        }
        let highest = vouchers.into_iter().max_by_key(|voucher| voucher.position);
        Ok(highest.filter(|voucher| voucher.position > walk.heads.position))
    }

    /// Why the log must not end where the walk ended; `None` if it may.
    pub fn damage_at_end(&self, walk: &Walk) -> Result<Option<Damage>, LogError> {
        if let Some(voucher) = self.vouched_beyond(walk)? {
            let mut damage = walk.stopped_at.clone().unwrap_or_else(|| walk.here("the log ends here"));
            damage.what = format!(
                "{}, though the records before position {} were durable ({} says so)",
                damage.what, voucher.position, voucher.who
            );
            return Ok(Some(damage));
        }
        let ended: (Position, Hash) = (walk.heads.position, walk.heads.chain);
        match self.last_run {
            Some(Run::Closed { end, chain }) if (end, chain) != ended => {
                let what = format!(
                    "the last run was closed at position {end} with another chain (file `{RUN_FILE}`)"
                );
                Ok(Some(walk.here(&what)))
            }
            _ => Ok(None),
        }
    }
}

/// Walks to the end, refuses damage, and makes the end true on the disk.
pub(super) fn recover(files: &dyn Files, walk: &mut Walk, known: Known) -> Result<(), LogError> {
    while walk.step()? {}
    if let Some(damage) = known.damage_at_end(walk)? {
        return Err(corrupt(damage));
    }
    settle(files, walk, known.durable_mark)
}

/// The highest position that anything behind the end of the walk vouches for.
fn vouched_behind(walk: &Walk, log_id: LogId) -> Result<Voucher, LogError> {
    let last = walk.last();
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
    let behind = durable_behind(last, walk.end_offset_bytes, log_id).map_err(reading(&last.name))?;
    hear(behind, "a later batch");
    for entry in walk.found.iter().filter(|entry| entry.number > last.header.number) {
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

/// Makes the end of the walk the end on the disk: removes what lies behind, writes once more what was not known to
/// be durable (after a failed sync the system may hold it in memory alone and call it clean), and syncs.
fn settle(files: &dyn Files, walk: &Walk, durable_mark: Position) -> Result<(), LogError> {
    let last = walk.last();
    let mut behind: Vec<_> = walk.found.iter().filter(|entry| entry.number > last.header.number).collect();
    // Backwards, so that a crash in between leaves no gap.
    behind.reverse();
    for entry in behind {
        files
            .remove(&entry.name)
            .and_then(|()| files.sync_names())
            .map_err(|error| LogError::io(format!("removing {}", entry.name), error))?;
    }
    let end = walk.end_offset_bytes;
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
    for (index, segment) in walk.segments[..walk.uncertain.0].iter().enumerate() {
        if walk.segments[index + 1].header.base > durable_mark {
            segment.file.sync().map_err(syncing(segment))?;
        }
    }
    for (index, segment) in walk.segments.iter().enumerate().skip(walk.uncertain.0) {
        let from = if index == walk.uncertain.0 { walk.uncertain.1 } else { 0 };
        let to = if index + 1 == walk.segments.len() { end } else { segment.capacity_bytes };
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
        write_all_at(&*segment.file, from, &window[..count])?;
        from += count as u64;
    }
    Ok(())
}
