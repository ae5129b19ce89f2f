//! Looking at a data folder or a backup without changing it, also while a server writes to it.

use std::path::Path;
use std::sync::Arc;

use super::BatchReader;
use super::archive::{ArchiveReader, ArchiveSummary, Archives};
use super::chain::Heads;
use super::disk::DiskFiles;
use super::error::{Damage, LogError};
use super::files::{Access, Files};
use super::folder::{ARCHIVES_FOLDER, BackupNote, DurableMark, Identity, Run};
use super::names::{Epoch, Hash, Position, StreamId};
use super::recovery::Known;
use super::snapshot::{self, Snapshot};
use super::stored::StoredBatch;
use super::walk::{Begin, Walk, corrupt, find_segments};

/// What a folder was found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The name of the history.
    pub epoch: Epoch,
    /// The first position held.
    pub start: Position,
    /// The position behind the last record that was found right.
    pub end: Position,
    /// The chain there.
    pub chain: Hash,
    /// How many segments were read.
    pub segment_count: u64,
    /// How many batches were read and found right.
    pub batch_count: u64,
    /// How many records they held.
    pub record_count: u64,
    /// How many streams have begun and not ended.
    pub open_stream_count: usize,
    /// The positions of the snapshots whose checksums are right.
    pub snapshots: Vec<Position>,
    /// The archives whose chains are right.
    pub archives: Vec<ArchiveSummary>,
    /// A torn end: written by a crash in the middle, or being written now. Opening cuts it.
    pub torn: Option<Damage>,
    /// Everything that is damaged or missing. If any of it is in a segment, the log does not open.
    pub damage: Vec<Damage>,
}

impl Report {
    /// Whether nothing is damaged. A torn end is no damage.
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

/// Reads everything in the folder at `path` and checks all checksums and chains, the archives' too.
pub fn verify(path: &Path) -> Result<Report, LogError> {
    verify_on(&*existing(path)?)
}

/// Reads the folder at `path` from its first batch on. At the end of the sound part it gives `None` if that is where
/// the log ends, and `Corrupt` if it is not.
pub fn read_folder(path: &Path) -> Result<FolderReader, LogError> {
    FolderReader::open(&*existing(path)?)
}

/// The newest sound snapshot in the folder at `path`, if there is one.
pub fn newest_snapshot(path: &Path) -> Result<Option<Snapshot>, LogError> {
    let files = existing(path)?;
    let log_id = Looked::at(&*files)?.identity.log_id;
    snapshot::newest(&*files, log_id)
}

/// The archive of `stream` in the data folder or backup at `path`, if there is one.
pub fn read_archive(path: &Path, stream: StreamId) -> Result<Option<ArchiveReader>, LogError> {
    let files = existing(path)?;
    let log_id = Looked::at(&*files)?.identity.log_id;
    // A folder that never sealed anything has none.
    let Ok(folder) = files.folder(ARCHIVES_FOLDER, Access::Read) else { return Ok(None) };
    Archives::new(folder, log_id).read(stream)
}

pub(super) fn existing(path: &Path) -> Result<Arc<dyn Files>, LogError> {
    match DiskFiles::existing(path) {
        Ok(files) => Ok(Arc::new(files)),
        Err(error) => Err(LogError::io(format!("opening {}", path.display()), error)),
    }
}

/// Reads a folder that may be another process's.
pub struct FolderReader {
    walk: Walk,
    known: Known,
    pub(super) identity: Identity,
}

/// What a folder says before it is read through.
struct Looked {
    identity: Identity,
    known: Known,
    snapshot: Option<Heads>,
}

impl Looked {
    fn at(files: &dyn Files) -> Result<Self, LogError> {
        let backup = BackupNote::read(files)?;
        let identity = match (Identity::read(files)?, &backup) {
            (Some(identity), _) => identity,
            (None, Some(note)) => note.identity.clone(),
            (None, None) => return Err(LogError::Unusable("the folder holds no log".to_owned())),
        };
        let log_id = identity.log_id;
        let durable_mark = DurableMark::read(files, log_id)
            .map_err(|error| LogError::io("reading the durable mark", error))?;
        let last_run = match backup {
            Some(note) => Some(Run::Closed { end: note.end, chain: note.chain }),
            None => Run::read(files)?,
        };
        let mut snapshot: Option<Heads> = None;
        for (_, name) in snapshot::list(files)? {
            match snapshot::read_heads(files, &name, log_id) {
                Ok((heads, _)) => snapshot = Some(heads),
                Err(LogError::Corrupt(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let covered = snapshot.as_ref().map_or(Position::START, |heads| heads.position);
        let known = Known { log_id, durable_mark, snapshot: covered, last_run };
        Ok(Self { identity, known, snapshot })
    }

    fn walk(self, files: &dyn Files) -> Result<FolderReader, LogError> {
        let Self { identity, known, snapshot } = self;
        // After the snapshots: the segments of a log that goes on then reach at least as far as they do.
        let found = find_segments(files, known.log_id, Access::Read)?;
        let walk = Walk::new(found, Begin::AtFirst, snapshot, known.durable_mark, known.log_id)?;
        Ok(FolderReader { walk, known, identity })
    }
}

impl FolderReader {
    pub(super) fn open(files: &dyn Files) -> Result<Self, LogError> {
        Looked::at(files)?.walk(files)
    }

    /// The chains behind what was read.
    pub fn heads(&self) -> &Heads {
        &self.walk.heads
    }

    /// The first position held.
    pub fn start(&self) -> Position {
        self.walk.segments[0].header.base
    }

    /// The name of the history.
    pub fn epoch(&self) -> &Epoch {
        &self.identity.epoch
    }

    pub(super) fn segment_name(&self) -> &str {
        &self.walk.last().name
    }

    /// The header of the segment that the reader is in, as stored.
    pub(super) fn segment_header(&self) -> Vec<u8> {
        self.walk.last().header.encode()
    }

    /// The batch last read.
    pub(super) fn batch(&self) -> StoredBatch<'_> {
        self.walk.batch()
    }

    /// Moves to the next batch. Fails with the damage if the end is none.
    fn step(&mut self) -> Result<bool, LogError> {
        if self.walk.step()? {
            return Ok(true);
        }
        if self.known.damage_at_end(&self.walk)?.is_none() {
            return Ok(false);
        }
        // A server that goes on writing may have finished the batch since it was looked at: whoever vouches for it
        // wrote later than it.
        self.walk.retry();
        if self.walk.step()? {
            return Ok(true);
        }
        match self.known.damage_at_end(&self.walk)? {
            Some(damage) => Err(corrupt(damage)),
            None => Ok(false),
        }
    }
}

impl BatchReader for FolderReader {
    fn next(&mut self) -> Result<Option<StoredBatch<'_>>, LogError> {
        Ok(if self.step()? { Some(self.walk.batch()) } else { None })
    }
}

/// [`verify`] on any folder.
pub fn verify_on(files: &dyn Files) -> Result<Report, LogError> {
    let looked = Looked::at(files)?;
    let log_id = looked.known.log_id;
    let mut report = Report {
        epoch: looked.identity.epoch.clone(),
        start: Position::START,
        end: Position::START,
        chain: Hash::ZERO,
        segment_count: 0,
        batch_count: 0,
        record_count: 0,
        open_stream_count: 0,
        snapshots: Vec::new(),
        archives: Vec::new(),
        torn: None,
        damage: Vec::new(),
    };
    match looked.walk(files) {
        Ok(reader) => verify_segments(reader, &mut report)?,
        Err(LogError::Corrupt(found)) => report.damage.push(*found),
        Err(error) => return Err(error),
    }
    for (position, name) in snapshot::list(files)? {
        match snapshot::read(files, &name, log_id) {
            Ok(_) => report.snapshots.push(position),
            Err(LogError::Corrupt(found)) => report.damage.push(*found),
            Err(error) => return Err(error),
        }
    }
    report.archives = verify_archives(files, &mut report.damage)?;
    Ok(report)
}

fn verify_segments(mut reader: FolderReader, report: &mut Report) -> Result<(), LogError> {
    let reaches_end = loop {
        match reader.next() {
            Ok(Some(batch)) => report.record_count += batch.record_count() as u64,
            Ok(None) => break true,
            Err(LogError::Corrupt(found)) => {
                report.damage.push(*found);
                if !reader.walk.skip_damage() {
                    break false;
                }
            }
            Err(error) => return Err(error),
        }
    };
    let walk = &reader.walk;
    report.start = reader.start();
    report.end = walk.heads.position;
    report.chain = walk.heads.chain;
    report.segment_count = walk.segments.len() as u64;
    report.batch_count = walk.batch_count;
    report.open_stream_count = walk.heads.stream_count();
    report.torn = walk.stopped_at.clone().filter(|_| reaches_end);
    Ok(())
}

fn verify_archives(files: &dyn Files, damage: &mut Vec<Damage>) -> Result<Vec<ArchiveSummary>, LogError> {
    let mut archives = Vec::new();
    // A folder that never sealed anything has none.
    let Ok(folder) = files.folder(ARCHIVES_FOLDER, Access::Read) else { return Ok(archives) };
    let names = folder.list().map_err(|error| LogError::io("listing the archives", error))?;
    for name in names.iter().filter(|name| name.parse::<StreamId>().is_ok()) {
        match ArchiveReader::open(&*folder, name).and_then(ArchiveReader::verify) {
            Ok(summary) => archives.push(summary),
            Err(LogError::Corrupt(mut found)) => {
                found.file = format!("{ARCHIVES_FOLDER}/{}", found.file);
                damage.push(*found);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(archives)
}
