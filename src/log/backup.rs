//! Copies of a log: taken while it is written to, and brought back as another history.
//!
//! A backup is consistent at one position: it holds every record before it that the
//! log still held, the snapshots up to it and the archives that end before it. What
//! is copied is checked on the way. A backup is no data folder: it cannot be opened,
//! only restored, and restoring begins another epoch, since the log that it was taken
//! from may have gone on.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::BatchReader;
use super::archive::ArchiveReader;
use super::chain::Heads;
use super::disk::DiskFiles;
use super::error::{Damage, LogError};
use super::files::{Access, File, Files, read_full_at, replace_with, write_all_at};
use super::folder::{ARCHIVES_FOLDER, BackupNote, Identity, Run};
use super::inspect::{FolderReader, existing};
use super::names::{Epoch, Hash, Position, StreamId};
use super::segment::SEGMENT_HEADER_BYTES;
use super::snapshot;

/// How often a backup starts over because the log was trimmed under it.
const ATTEMPTS_MAX: u32 = 5;
/// How much is copied at once, in bytes.
const CHUNK_BYTES: usize = 256 << 10;

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The first position in it.
    pub start: Position,
    /// The position at which it is consistent.
    pub end: Position,
    /// The chain there.
    pub chain: Hash,
    /// How many archives it has.
    pub archive_count: u64,
    /// What was left behind because it is damaged, when salvaging.
    pub damage: Option<Damage>,
}

/// Copies the log in the folder `from`, which a server may be writing to, into `to`, which is empty or not there.
/// Fails with `Corrupt` if the log is damaged; [`salvage`] takes what is before the damage.
pub fn backup(from: &Path, to: &Path) -> Result<Copied, LogError> {
    backup_on(&*existing(from)?, &*empty(to)?)
}

/// Makes a backup of the part of a damaged log that lies before the damage. Records that were durable are lost by
/// this, as the `damage` in its answer says.
pub fn salvage(from: &Path, to: &Path) -> Result<Copied, LogError> {
    copy_log(&*existing(from)?, &*empty(to)?, OnDamage::StopBefore)
}

/// Makes a data folder of the backup in `from` in `to`, which is empty or not there, under another epoch.
pub fn restore(from: &Path, to: &Path, epoch: Epoch) -> Result<Copied, LogError> {
    restore_on(&*existing(from)?, &*empty(to)?, epoch)
}

/// [`backup`] on any two folders.
pub fn backup_on(from: &dyn Files, to: &dyn Files) -> Result<Copied, LogError> {
    for _ in 1..ATTEMPTS_MAX {
        match copy_log(from, to, OnDamage::Fail) {
            // A segment or snapshot was removed while it was to be copied.
            Err(LogError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => clear(to)?,
            other => return other,
        }
    }
    copy_log(from, to, OnDamage::Fail)
}

/// [`restore`] on any two folders.
pub fn restore_on(from: &dyn Files, to: &dyn Files, epoch: Epoch) -> Result<Copied, LogError> {
    let Some(note) = BackupNote::read(from)? else {
        return Err(LogError::Unusable("the folder to restore from is no backup".to_owned()));
    };
    let copied = copy_contents(from, to, OnDamage::Fail)?;
    let identity = Identity { epoch, log_id: note.identity.log_id };
    Run::Closed { end: copied.end, chain: copied.chain }.write(to)?;
    // Last: without it the folder does not open.
    identity.write(to)?;
    Ok(copied)
}

fn empty(path: &Path) -> Result<Arc<dyn Files>, LogError> {
    let doing = |error| LogError::io(format!("making {}", path.display()), error);
    let files = DiskFiles::make(path).map_err(doing)?;
    if std::fs::read_dir(path).map_err(doing)?.next().is_some() {
        return Err(LogError::Unusable(format!("{} is not empty", path.display())));
    }
    Ok(Arc::new(files))
}

fn clear(files: &dyn Files) -> Result<(), LogError> {
    let cleared = files.list().and_then(|names| names.iter().try_for_each(|name| files.remove(name)));
    cleared.map_err(|error| LogError::io("clearing an unfinished copy", error))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnDamage {
    Fail,
    StopBefore,
}

fn copy_log(from: &dyn Files, to: &dyn Files, on_damage: OnDamage) -> Result<Copied, LogError> {
    let identity = FolderReader::open(from)?.identity;
    let copied = copy_contents(from, to, on_damage)?;
    BackupNote { identity, end: copied.end, chain: copied.chain }.write(to)?;
    Ok(copied)
}

fn copy_contents(from: &dyn Files, to: &dyn Files, on_damage: OnDamage) -> Result<Copied, LogError> {
    // Snapshots first: those copied cover whatever is trimmed before the segments are opened, or else the walk says
    // that nothing covers its start.
    let mut snapshots = Vec::new();
    for (position, name) in snapshot::list(from)? {
        copy_file(from, to, &name)?;
        snapshots.push((position, name));
    }
    let mut reader = FolderReader::open(from)?;
    let start = reader.start();
    let damage = copy_segments(&mut reader, to, on_damage)?;
    let heads = reader.heads().clone();
    let covering = snapshots.iter().any(|(position, _)| (start..=heads.position).contains(position));
    if start > Position::START && !covering {
        // The snapshots copied were replaced before the segments were opened.
        return Err(LogError::io("copying the snapshots", io::ErrorKind::NotFound.into()));
    }
    for (_, name) in snapshots.iter().filter(|(position, _)| *position > heads.position) {
        to.remove(name).map_err(|error| LogError::io(format!("removing {name}"), error))?;
    }
    let archive_count = copy_archives(from, to, &heads, on_damage)?;
    to.sync_names().map_err(|error| LogError::io("syncing the copy", error))?;
    Ok(Copied { start, end: heads.position, chain: heads.chain, archive_count, damage })
}

/// A segment being copied.
struct Target {
    name: String,
    file: Arc<dyn File>,
    written_bytes: u64,
}

impl Target {
    fn append(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        write_all_at(&*self.file, self.written_bytes, bytes)
            .map_err(|error| LogError::io(format!("writing {}", self.name), error))?;
        self.written_bytes += bytes.len() as u64;
        Ok(())
    }

    fn finish(self) -> Result<(), LogError> {
        self.file.sync().map_err(|error| LogError::io(format!("syncing {}", self.name), error))
    }
}

/// Copies batch by batch, so that only what was found right is copied.
fn copy_segments(
    reader: &mut FolderReader,
    to: &dyn Files,
    on_damage: OnDamage,
) -> Result<Option<Damage>, LogError> {
    let mut target = begin(reader, to)?;
    loop {
        match reader.next() {
            Ok(None) => {
                target.finish()?;
                return Ok(None);
            }
            Ok(Some(_)) => {}
            Err(LogError::Corrupt(damage)) if on_damage == OnDamage::StopBefore => {
                target.finish()?;
                return Ok(Some(*damage));
            }
            Err(error) => return Err(error),
        }
        if reader.segment_name() != target.name {
            target.finish()?;
            target = begin(reader, to)?;
        }
        target.append(reader.batch().bytes())?;
    }
}

/// Begins a copy of the segment that the reader is in, with its header.
fn begin(reader: &FolderReader, to: &dyn Files) -> Result<Target, LogError> {
    let name = reader.segment_name().to_owned();
    let file = to.create(&name).map_err(|error| LogError::io(format!("making {name}"), error))?;
    let mut target = Target { name, file, written_bytes: 0 };
    let header = reader.segment_header();
    debug_assert_eq!(header.len() as u64, SEGMENT_HEADER_BYTES);
    target.append(&header)?;
    Ok(target)
}

fn copy_file(from: &dyn Files, to: &dyn Files, name: &str) -> Result<(), LogError> {
    let source =
        from.open(name, Access::Read).map_err(|error| LogError::io(format!("opening {name}"), error))?;
    let copied = replace_with(to, name, |target| {
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut offset = 0;
        loop {
            let count = read_full_at(&*source, offset, &mut chunk)?;
            if count == 0 {
                return Ok(());
            }
            write_all_at(target, offset, &chunk[..count])?;
            offset += count as u64;
        }
    });
    copied.map_err(|error| LogError::io(format!("copying {name}"), error))
}

/// Copies the archives that end before the position of `heads`: in the others the log knows more than the copy does,
/// and makes them again when it gets there.
fn copy_archives(
    from: &dyn Files,
    to: &dyn Files,
    heads: &Heads,
    on_damage: OnDamage,
) -> Result<u64, LogError> {
    let opening = |error| LogError::io(format!("opening {ARCHIVES_FOLDER}"), error);
    let target = to.folder(ARCHIVES_FOLDER, Access::Write).map_err(opening)?;
    // A folder that never sealed anything has none.
    let Ok(source) = from.folder(ARCHIVES_FOLDER, Access::Read) else { return Ok(0) };
    let mut count = 0;
    for name in source.list().map_err(opening)? {
        if name.parse::<StreamId>().is_err() {
            continue;
        }
        match ArchiveReader::open(&*source, &name).and_then(ArchiveReader::verify) {
            Ok(summary) if summary.last < heads.position => {}
            Ok(_) => continue,
            Err(LogError::Corrupt(_)) if on_damage == OnDamage::StopBefore => continue,
            Err(error) => return Err(error),
        }
        copy_file(&*source, &*target, &name)?;
        count += 1;
    }
    Ok(count)
}
