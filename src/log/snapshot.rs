//! Snapshots: what the caller's state was at one position, as bytes, beside the chains at that position.
//!
//! Made in full under another name, synced, then renamed: a snapshot is there whole
//! or not at all. Two are kept, so that one found damaged does not end the log, and
//! the log keeps every record that the older of them does not cover.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::chain::Heads;
use super::error::{Damage, LogError};
use super::files::{Access, File, Files, read_full_at, remove_if_there, replace_with, write_all_at};
use super::format::{LogId, hash_at, u32_at, u64_at};
use super::names::{Hash, Position, StreamId, Term};
use super::segment::FORMAT_VERSION;

const MAGIC: [u8; 8] = *b"WALRSNAP";
const FIELDS_BYTES: usize = 112;
const STREAM_BYTES: usize = 48;
const NAME_PREFIX: &str = "snapshot-";
const KEPT_COUNT: usize = 2;

/// The snapshots of one log.
#[derive(Clone)]
pub struct Snapshots {
    shared: Arc<Shared>,
}

struct Shared {
    files: Arc<dyn Files>,
    log_id: LogId,
    on_disk: Arc<AtomicU64>,
    /// In order, oldest first.
    kept: Mutex<Vec<Position>>,
}

/// A snapshot as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The chains at its position: carry on reading the log from there with them.
    pub heads: Heads,
    /// What the caller gave.
    pub bytes: Vec<u8>,
}

impl Snapshots {
    /// Takes stock of the folder. Snapshots that cannot be read count as not there.
    pub(super) fn open(
        files: Arc<dyn Files>,
        log_id: LogId,
        on_disk: Arc<AtomicU64>,
    ) -> Result<(Self, Option<Heads>), LogError> {
        let mut kept = Vec::new();
        let mut newest = None;
        for (position, name) in list(&*files)? {
            match read_heads(&*files, &name, log_id) {
                Ok((heads, _)) if heads.position == position => {
                    kept.push(position);
                    newest = Some(heads);
                }
                Ok(_) | Err(LogError::Corrupt(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((Self { shared: Arc::new(Shared { files, log_id, on_disk, kept: Mutex::new(kept) }) }, newest))
    }

    /// Those of a log that has just begun.
    pub(super) fn empty(files: Arc<dyn Files>, log_id: LogId, on_disk: Arc<AtomicU64>) -> Self {
        Self { shared: Arc::new(Shared { files, log_id, on_disk, kept: Mutex::new(Vec::new()) }) }
    }

    /// Keeps `bytes` as the state at `heads.position`, durably, and lets go of all but the newest two. `heads` must
    /// come from reading the log, or a snapshot and then the log, and be on the disk, which
    /// [`LogHandle::settle`](super::LogHandle::settle) sees to where the log itself does not; `Invalid` otherwise.
    /// A failure leaves the earlier snapshots as they were.
    pub fn write(&self, heads: &Heads, bytes: &[u8]) -> Result<(), LogError> {
        let shared = &*self.shared;
        // Pairs with the store after each sync: what it says is on the disk.
        if heads.position.0 > shared.on_disk.load(Ordering::Acquire) {
            return Err(LogError::Invalid { reason: "the snapshot is ahead of what is on the disk" });
        }
        let name = snapshot_name(heads.position);
        let header = encode(heads, shared.log_id, bytes);
        let mut kept = shared.kept.lock();
        let made = replace_with(&*shared.files, &name, |file| {
            file.allocate((header.len() + bytes.len()) as u64)?;
            write_all_at(file, 0, &header)?;
            write_all_at(file, header.len() as u64, bytes)
        });
        made.map_err(|error| LogError::io(format!("writing {name}"), error))?;
        kept.retain(|position| *position != heads.position);
        let place = kept.partition_point(|position| *position < heads.position);
        kept.insert(place, heads.position);
        while kept.len() > KEPT_COUNT {
            let oldest = snapshot_name(kept[0]);
            remove_if_there(&*shared.files, &oldest)
                .map_err(|error| LogError::io(format!("removing {oldest}"), error))?;
            kept.remove(0);
        }
        Ok(())
    }

    /// The newest snapshot whose checksums are right.
    pub fn latest(&self) -> Result<Option<Snapshot>, LogError> {
        newest(&*self.shared.files, self.shared.log_id)
    }

    /// Everything before this is covered by all snapshots kept; the start if there is none.
    pub fn covered(&self) -> Position {
        self.shared.kept.lock().first().copied().unwrap_or(Position::START)
    }
}

/// The newest snapshot in a folder whose checksums are right.
pub(super) fn newest(files: &dyn Files, log_id: LogId) -> Result<Option<Snapshot>, LogError> {
    for (_, name) in list(files)?.into_iter().rev() {
        match read(files, &name, log_id) {
            Ok(snapshot) => return Ok(Some(snapshot)),
            Err(LogError::Corrupt(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn snapshot_name(position: Position) -> String {
    format!("{NAME_PREFIX}{:020}", position.0)
}

fn snapshot_position(name: &str) -> Option<Position> {
    let position = Position(name.strip_prefix(NAME_PREFIX)?.parse().ok()?);
    (snapshot_name(position) == name).then_some(position)
}

/// The snapshots in a folder, oldest first.
pub(super) fn list(files: &dyn Files) -> Result<Vec<(Position, String)>, LogError> {
    let names = files.list().map_err(|error| LogError::io("listing the data folder", error))?;
    let mut found: Vec<_> =
        names.into_iter().filter_map(|name| Some((snapshot_position(&name)?, name))).collect();
    found.sort_unstable();
    Ok(found)
}

fn encode(heads: &Heads, log_id: LogId, bytes: &[u8]) -> Vec<u8> {
    let streams = heads.streams();
    let mut out = Vec::with_capacity(FIELDS_BYTES + streams.len() * STREAM_BYTES);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&log_id.0);
    out.extend_from_slice(&heads.position.0.to_le_bytes());
    out.extend_from_slice(&heads.term.0.to_le_bytes());
    out.extend_from_slice(&heads.time_us.to_le_bytes());
    out.extend_from_slice(&heads.chain.0);
    out.extend_from_slice(&(streams.len() as u64).to_le_bytes());
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(bytes).to_le_bytes());
    out.resize(FIELDS_BYTES, 0);
    for (stream, head) in streams {
        out.extend_from_slice(&stream.0);
        out.extend_from_slice(&head.0);
    }
    let crc = crc32c::crc32c(&out[16..]);
    out[12..16].copy_from_slice(&crc.to_le_bytes());
    out
}

/// What follows the heads in a snapshot.
pub(super) struct Rest {
    start: u64,
    bytes: usize,
    crc: u32,
}

fn corrupt(name: &str, offset_bytes: u64, what: &str) -> LogError {
    let position = snapshot_position(name).unwrap_or_default();
    LogError::Corrupt(Box::new(Damage {
        file: name.to_owned(),
        offset_bytes,
        position,
        what: what.to_owned(),
    }))
}

fn open_file(files: &dyn Files, name: &str) -> Result<(Arc<dyn File>, u64), LogError> {
    let opened = files.open(name, Access::Read).and_then(|file| {
        let length = file.len_bytes()?;
        Ok((file, length))
    });
    opened.map_err(|error| LogError::io(format!("opening {name}"), error))
}

fn read_exact(file: &dyn File, name: &str, offset: u64, into: &mut [u8]) -> Result<(), LogError> {
    match read_full_at(file, offset, into) {
        Ok(count) if count == into.len() => Ok(()),
        Ok(_) => Err(corrupt(name, offset, "the file is too short")),
        Err(error) => Err(LogError::io(format!("reading {name}"), error)),
    }
}

pub(super) fn read_heads(files: &dyn Files, name: &str, log_id: LogId) -> Result<(Heads, Rest), LogError> {
    let (file, length) = open_file(files, name)?;
    let mut fields = [0; FIELDS_BYTES];
    read_exact(&*file, name, 0, &mut fields)?;
    if fields[..8] != MAGIC || fields[16..32] != log_id.0 {
        return Err(corrupt(name, 0, "it is no snapshot of this log"));
    }
    if u32_at(&fields, 8) != FORMAT_VERSION {
        return Err(LogError::Unusable(format!("{name} has a format that this version does not read")));
    }
    let stream_count = u64_at(&fields, 88);
    let stream_bytes = stream_count.checked_mul(STREAM_BYTES as u64);
    let Some(stream_bytes) = stream_bytes.filter(|bytes| *bytes <= length) else {
        return Err(corrupt(name, 88, "it names more streams than fit"));
    };
    let mut all = fields.to_vec();
    all.resize(FIELDS_BYTES + stream_bytes as usize, 0);
    read_exact(&*file, name, FIELDS_BYTES as u64, &mut all[FIELDS_BYTES..])?;
    if u32_at(&all, 12) != crc32c::crc32c(&all[16..]) {
        return Err(corrupt(name, 0, "the checksum of its header is wrong"));
    }
    let streams = all[FIELDS_BYTES..].chunks_exact(STREAM_BYTES).map(|entry| {
        let mut stream = StreamId([0; 16]);
        stream.0.copy_from_slice(&entry[..16]);
        (stream, hash_at(entry, 16))
    });
    let chain: Hash = hash_at(&all, 56);
    let heads = Heads::middle(Position(u64_at(&all, 32)), Term(u64_at(&all, 40)), u64_at(&all, 48), chain)
        .whole(streams);
    let start = all.len() as u64;
    let bytes = u64_at(&all, 96);
    if length.checked_sub(start) != Some(bytes) {
        return Err(corrupt(name, 96, "the file has not the length that it states"));
    }
    Ok((heads, Rest { start, bytes: bytes as usize, crc: u32_at(&all, 104) }))
}

/// Reads and checks the snapshot in the file `name`.
pub(super) fn read(files: &dyn Files, name: &str, log_id: LogId) -> Result<Snapshot, LogError> {
    let (heads, rest) = read_heads(files, name, log_id)?;
    let (file, _) = open_file(files, name)?;
    let mut bytes = vec![0; rest.bytes];
    read_exact(&*file, name, rest.start, &mut bytes)?;
    if crc32c::crc32c(&bytes) != rest.crc {
        return Err(corrupt(name, rest.start, "the checksum of its contents is wrong"));
    }
    Ok(Snapshot { heads, bytes })
}
