//! One segment: a file of fixed size, made of zeros before it is used, that holds batches one behind the other.
//!
//! Its header says where in the log it begins. Its end is not marked: batches end
//! where the zeros begin, or where the next segment's header says.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::files::{File, Files, read_full_at, replace_with, write_all_at};
use super::format::{Broken, LogId, hash_at, u32_at, u64_at};
use super::names::{Hash, Position, Term};

/// Where the first batch starts, in bytes.
pub(super) const SEGMENT_HEADER_BYTES: u64 = 4096;
/// The format of everything in a data folder.
pub const FORMAT_VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"WALRASEG";
const FIELDS_BYTES: usize = 112;
const NAME_PREFIX: &str = "segment-";
/// How far apart the places are that a segment remembers, in bytes.
const LANDMARK_BYTES: u64 = 64 << 10;
/// How many zeros are synced at once, so that a sync of the log never waits for many of them.
const ZEROS_BYTES: usize = 1 << 20;
/// How many are written at once. The page cache keeps such a write as one piece, and a small write into a piece later
/// goes through all of its blocks: a batch of one bid took three times as long with pieces of 1 MiB.
const ZEROS_PIECE_BYTES: u64 = 64 << 10;
pub(super) static ZEROS: [u8; ZEROS_BYTES] = [0; ZEROS_BYTES];

/// What a segment says about its place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub log_id: LogId,
    /// Counts segments from 1.
    pub number: u64,
    /// The position of its first record.
    pub base: Position,
    /// Everything before this was on the disk when the segment was begun.
    pub durable: Position,
    /// Of the last batch before it.
    pub term: Term,
    /// Of the last batch before it.
    pub time_us: u64,
    /// Before its first batch.
    pub chain: Hash,
}

impl SegmentHeader {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_HEADER_BYTES as usize);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.log_id.0);
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.base.0.to_le_bytes());
        out.extend_from_slice(&self.durable.0.to_le_bytes());
        out.extend_from_slice(&self.term.0.to_le_bytes());
        out.extend_from_slice(&self.time_us.to_le_bytes());
        out.extend_from_slice(&self.chain.0);
        out.resize(FIELDS_BYTES, 0);
        let crc = crc32c::crc32c(&out[16..]);
        out[12..16].copy_from_slice(&crc.to_le_bytes());
        out.resize(SEGMENT_HEADER_BYTES as usize, 0);
        out
    }

    pub fn decode(bytes: &[u8], log_id: LogId) -> Result<Self, Broken> {
        let broken = |what| Err(Broken { offset: 0, what });
        if bytes.len() < FIELDS_BYTES || bytes[..8] != MAGIC {
            return broken("no segment header stands here");
        }
        if u32_at(bytes, 8) != FORMAT_VERSION {
            return broken("the segment has a format that this version does not read");
        }
        if u32_at(bytes, 12) != crc32c::crc32c(&bytes[16..FIELDS_BYTES]) {
            return broken("the checksum of the segment header is wrong");
        }
        if bytes[16..32] != log_id.0 {
            return broken("the segment belongs to another log");
        }
        Ok(Self {
            log_id,
            number: u64_at(bytes, 32),
            base: Position(u64_at(bytes, 40)),
            durable: Position(u64_at(bytes, 48)),
            term: Term(u64_at(bytes, 56)),
            time_us: u64_at(bytes, 64),
            chain: hash_at(bytes, 72),
        })
    }
}

/// The name of the segment with this number.
pub(super) fn segment_name(number: u64) -> String {
    format!("{NAME_PREFIX}{number:010}")
}

/// The number in a segment's name, if it is one.
pub(super) fn segment_number(name: &str) -> Option<u64> {
    let number = name.strip_prefix(NAME_PREFIX)?.parse().ok()?;
    (segment_name(number) == name).then_some(number)
}

/// An opened segment. Readers and the writer share it.
pub(super) struct Segment {
    pub name: String,
    pub header: SegmentHeader,
    pub file: Arc<dyn File>,
    pub capacity_bytes: u64,
    written_bytes: AtomicU64,
    landmarks: Mutex<Vec<(Position, u64)>>,
}

impl Segment {
    /// A segment whose batches end somewhere before `written_bytes`.
    pub fn new(header: SegmentHeader, file: Arc<dyn File>, capacity_bytes: u64, written_bytes: u64) -> Self {
        Self {
            name: segment_name(header.number),
            header,
            file,
            capacity_bytes,
            written_bytes: AtomicU64::new(written_bytes),
            landmarks: Mutex::new(Vec::new()),
        }
    }

    /// How far it may be read.
    pub fn written_bytes(&self) -> u64 {
        // Pairs with the store in `set_written`: what was written before is seen by who reads up to here.
        self.written_bytes.load(Ordering::Acquire)
    }

    pub fn set_written(&self, bytes: u64) {
        self.written_bytes.store(bytes, Ordering::Release);
    }

    /// Remembers where the batch at `position` starts, if the last such place is far enough away.
    pub fn remember(&self, position: Position, offset_bytes: u64) {
        let mut landmarks = self.landmarks.lock();
        if landmarks.last().is_none_or(|(_, last)| offset_bytes >= last + LANDMARK_BYTES) {
            landmarks.push((position, offset_bytes));
        }
    }

    /// Forgets what lies behind `offset_bytes`.
    pub fn forget_from(&self, offset_bytes: u64) {
        self.landmarks.lock().retain(|(_, offset)| *offset < offset_bytes);
    }

    /// The last remembered batch at or before `position`.
    pub fn landmark(&self, position: Position) -> u64 {
        let landmarks = self.landmarks.lock();
        let after = landmarks.partition_point(|(at, _)| *at <= position);
        after.checked_sub(1).map_or(SEGMENT_HEADER_BYTES, |index| landmarks[index].1)
    }
}

/// Makes a file of `bytes` zeros, for good, so that writing into it later changes nothing but contents.
pub(super) fn make_zeroed(files: &dyn Files, name: &str, bytes: u64) -> io::Result<()> {
    replace_with(files, name, |file| {
        file.allocate(bytes)?;
        write_zeros(file, 0, bytes, Each::Synced)
    })
}

/// Whether zeros reach the disk piece by piece or when the caller says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Each {
    Synced,
    Written,
}

pub(super) fn write_zeros(file: &dyn File, mut from: u64, to: u64, each: Each) -> io::Result<()> {
    while from < to {
        let end = to.min(from + ZEROS.len() as u64);
        while from < end {
            let count = (end - from).min(ZEROS_PIECE_BYTES);
            write_all_at(file, from, &ZEROS[..count as usize])?;
            from += count;
        }
        if each == Each::Synced && from < to {
            file.sync()?;
        }
    }
    Ok(())
}

/// The byte behind the last one of `from..to` that is not zero; `from` if all are.
pub(super) fn written_until(file: &dyn File, mut from: u64, to: u64) -> io::Result<u64> {
    let mut end = from;
    let mut window = vec![0; to.saturating_sub(from).min(ZEROS.len() as u64) as usize];
    while from < to {
        let wanted = (to - from).min(window.len() as u64) as usize;
        let count = read_full_at(file, from, &mut window[..wanted])?;
        if count == 0 {
            break;
        }
        // Comparing is fast, and searching is rarely needed.
        if window[..count] != ZEROS[..count]
            && let Some(last) = window[..count].iter().rposition(|byte| *byte != 0)
        {
            end = from + last as u64 + 1;
        }
        from += count as u64;
    }
    Ok(end)
}
