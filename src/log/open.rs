//! Opening a data folder: its lock, its history, what a crash left, and the log made ready for more.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};

use super::archive::Archives;
use super::disk::DiskFiles;
use super::error::{Damage, LogError};
use super::file_log::{FileLog, begin_segment, first_header};
use super::files::{Access, Files, Lock, is_full};
use super::folder::{ARCHIVES_FOLDER, DurableMark, EPOCH_FILE, Identity, LOCK_FILE, RUN_FILE, Run};
use super::format::LogId;
use super::names::{Durability, Epoch, Position};
use super::pool::{Pool, Trust, making};
use super::ram::RamFiles;
use super::recovery::{Known, recover};
use super::segment::SEGMENT_HEADER_BYTES;
use super::shared::{Shared, Written};
use super::snapshot::Snapshots;
use super::walk::{Begin, Walk, find_segments};
use super::{Log, MemoryLog};

/// How a log is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// What `wait` promises.
    pub durability: Durability,
    /// Size of new segments in bytes; no batch can be larger. At least 8 KiB.
    pub segment_bytes: u64,
    /// How many segments are kept ready beside the reserve: one is enough for all but bursts that outrun the disk.
    pub segments_ahead: usize,
    /// With less than this free on the disk, space counts as low.
    pub low_space_bytes: u64,
    /// What a log in memory may hold in bytes, and as much again for snapshots and archives.
    pub memory_bytes_max: usize,
}

impl Default for Options {
    /// `Fsync`, segments of 64 MiB and one ahead, space low below four of them, 1 GiB in memory.
    fn default() -> Self {
        Self {
            durability: Durability::Fsync,
            segment_bytes: 64 << 20,
            segments_ahead: 1,
            low_space_bytes: 256 << 20,
            memory_bytes_max: 1 << 30,
        }
    }
}

/// Names for a history that begins, made of randomness by the caller. Used only if one does begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh {
    /// The epoch's name. May be told to anybody.
    pub epoch: Epoch,
    /// Told to nobody.
    pub log_id: LogId,
}

/// A log that was opened, and what stands beside it.
pub struct Opened {
    /// The writing end; [`Log::handle`] gives the rest.
    pub log: Box<dyn Log>,
    /// Snapshots of the caller's state.
    pub snapshots: Snapshots,
    /// Streams sealed into files of their own.
    pub archives: Archives,
    /// What was found.
    pub recovery: Recovery,
}

/// What opening found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// How the last run ended.
    pub origin: Origin,
    /// Whether the epoch is another than before, because history can have been lost.
    pub epoch: EpochChange,
    /// The first position held.
    pub start: Position,
    /// Where the log ends.
    pub end: Position,
    /// How many batches were read and checked: those since the newest snapshot's segment began.
    pub checked_batch_count: u64,
    /// What was cut off at the end: written by a crash in the middle, never acknowledged.
    pub cut: Option<Damage>,
}

/// How the last run on this folder ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// There was none.
    Created,
    /// In good order.
    Closed,
    /// By a crash or a kill.
    Unclean,
}

/// Whether clients' positions of before still mean anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpochChange {
    /// The epoch is the one of before.
    Kept,
    /// It is a fresh one.
    Renewed,
}

/// Opens the log in the folder at `path`, making both if they are not there, and cuts what a crash left torn at its
/// end. Fails with `Locked` if another process has it, and with `Corrupt` if something durable is damaged or missing.
/// At durability `Memory` the path is not looked at.
pub fn open(path: &Path, options: Options, fresh: Fresh) -> Result<Opened, LogError> {
    if options.durability == Durability::Memory {
        return Ok(open_in_memory(options, fresh));
    }
    let files =
        DiskFiles::make(path).map_err(|error| LogError::io(format!("opening {}", path.display()), error))?;
    open_on(Arc::new(files), options, fresh)
}

fn open_in_memory(options: Options, fresh: Fresh) -> Opened {
    let log = MemoryLog::new(fresh.epoch, options.memory_bytes_max);
    let files = Arc::new(RamFiles::new(options.memory_bytes_max));
    let recovery = Recovery {
        origin: Origin::Created,
        epoch: EpochChange::Renewed,
        start: Position::START,
        end: Position::START,
        checked_batch_count: 0,
        cut: None,
    };
    Opened {
        snapshots: Snapshots::empty(
            Arc::clone(&files) as Arc<dyn Files>,
            fresh.log_id,
            log.durable_counter(),
        ),
        archives: Archives::new(files, fresh.log_id),
        log: Box::new(log),
        recovery,
    }
}

/// [`open`] on any [`Files`], at durability `Fsync` or `Os`.
pub fn open_on(files: Arc<dyn Files>, options: Options, fresh: Fresh) -> Result<Opened, LogError> {
    if options.segment_bytes < 2 * SEGMENT_HEADER_BYTES {
        return Err(LogError::Unusable("segments must have at least 8 KiB".to_owned()));
    }
    let lock = match files.lock(LOCK_FILE).map_err(|error| LogError::io("locking the data folder", error))? {
        Lock::Taken(lock) => lock,
        Lock::Held { pid } => return Err(LogError::Locked { pid }),
    };
    let last_run = Run::read(&*files)?;
    let mut identity = identify(&*files, last_run, fresh.clone())?;
    let log_id = identity.log_id;
    let trust = if matches!(last_run, Some(Run::Closed { .. })) { Trust::Closed } else { Trust::Unclean };
    let pool = Pool::open(Arc::clone(&files), &options, trust).map_err(making)?;
    let durable_mark = DurableMark::read(&*files, log_id)
        .map_err(|error| LogError::io("reading the durable mark", error))?;
    if last_run.is_none() {
        create_first_segment(&*files, &pool, log_id, durable_mark)?;
    }
    let on_disk = Arc::new(AtomicU64::new(0));
    let (snapshots, snapshot) = Snapshots::open(Arc::clone(&files), log_id, Arc::clone(&on_disk))?;
    let known = Known {
        log_id,
        durable_mark,
        snapshot: snapshot.as_ref().map_or(Position::START, |heads| heads.position),
        last_run,
    };
    let found = find_segments(&*files, log_id, Access::Write)?;
    let mut walk = Walk::new(found, Begin::AtSnapshot, snapshot, durable_mark, log_id)?;
    recover(&*files, &mut walk, known)?;

    let epoch = renew_epoch(&*files, last_run, &mut identity, fresh.epoch)?;
    Run::Running { durability: options.durability }.write(&*files)?;
    let mark = mark_durable(&*files, log_id, walk.heads.position)?;
    match pool.fill(1) {
        Err(error) if !is_full(&error) => return Err(making(error)),
        _ => {}
    }

    let recovery = Recovery {
        origin: origin(last_run),
        epoch,
        start: walk.segments[0].header.base,
        end: walk.heads.position,
        checked_batch_count: walk.batch_count,
        cut: walk.stopped_at,
    };
    let shared = Shared {
        files: Arc::clone(&files),
        log_id,
        epoch: identity.epoch,
        durability: options.durability,
        pool,
        snapshots: snapshots.clone(),
        segments: RwLock::new(walk.segments),
        durable: AtomicU64::new(recovery.end.0),
        on_disk,
        written: Mutex::new(Written { end: recovery.end, unsynced: Vec::new() }),
        sync_turn: Mutex::new(mark),
        frozen: OnceLock::new(),
    };
    shared.on_disk.store(recovery.end.0, Ordering::Release);
    let archives = files
        .folder(ARCHIVES_FOLDER, Access::Write)
        .map_err(|error| LogError::io(format!("opening {ARCHIVES_FOLDER}"), error))?;
    Ok(Opened {
        log: Box::new(FileLog::new(Arc::new(shared), walk.heads, lock)),
        snapshots,
        archives: Archives::new(archives, log_id),
        recovery,
    })
}

/// Takes the fresh epoch where history can have been lost, and says whether the old one holds.
fn renew_epoch(
    files: &dyn Files,
    last_run: Option<Run>,
    identity: &mut Identity,
    fresh: Epoch,
) -> Result<EpochChange, LogError> {
    match last_run {
        Some(Run::Running { durability: Durability::Os }) => {
            // Records that clients have seen may be gone, and others will take their positions.
            identity.epoch = fresh;
            identity.write(files)?;
            Ok(EpochChange::Renewed)
        }
        None => Ok(EpochChange::Renewed),
        Some(_) => Ok(EpochChange::Kept),
    }
}

fn origin(last_run: Option<Run>) -> Origin {
    match last_run {
        None => Origin::Created,
        Some(Run::Closed { .. }) => Origin::Closed,
        Some(Run::Running { .. }) => Origin::Unclean,
    }
}

/// Whose history the folder holds; a fresh one if it is empty.
fn identify(files: &dyn Files, last_run: Option<Run>, fresh: Fresh) -> Result<Identity, LogError> {
    if let Some(identity) = Identity::read(files)? {
        return Ok(identity);
    }
    let names = files.list().map_err(|error| LogError::io("listing the data folder", error))?;
    let holds_log = |name: &String| super::segment::segment_number(name).is_some();
    if last_run.is_some() || names.iter().any(holds_log) {
        let what = format!(
            "the folder holds a log but no file `{EPOCH_FILE}`: it is a backup, or a copy that was not finished; restore it"
        );
        return Err(LogError::Unusable(what));
    }
    let identity = Identity { epoch: fresh.epoch, log_id: fresh.log_id };
    identity.write(files)?;
    Ok(identity)
}

/// The first segment of a log that never ran. One left by a start that did not get far holds nothing and is replaced;
/// anything more means that the note of the last run was lost, and with it what it vouched for.
fn create_first_segment(
    files: &dyn Files,
    pool: &Pool,
    log_id: LogId,
    durable_mark: Position,
) -> Result<(), LogError> {
    let failed = |error| LogError::io("making the first segment", error);
    let found = find_segments(files, log_id, Access::Write)?;
    let mut holds_something = durable_mark > Position::START || !super::snapshot::list(files)?.is_empty();
    for entry in &found {
        holds_something |= entry.number != 1 || entry.holds_batches().map_err(failed)?;
    }
    if holds_something {
        return Err(LogError::Unusable(format!("the folder holds a log but no file `{RUN_FILE}`")));
    }
    for entry in &found {
        files.remove(&entry.name).map_err(failed)?;
    }
    pool.fill(1).map_err(making)?;
    let spare = pool.take(super::Urgency::Urgent).map_err(making)?.ok_or(LogError::Full)?;
    let segment = begin_segment(files, &spare, first_header(log_id)).map_err(failed)?;
    segment.file.sync().map_err(failed)
}

fn mark_durable(files: &dyn Files, log_id: LogId, durable: Position) -> Result<DurableMark, LogError> {
    let marked = DurableMark::open(files, log_id).and_then(|mark| {
        mark.write(durable)?;
        mark.sync()?;
        files.sync_names()?;
        Ok(mark)
    });
    marked.map_err(|error| LogError::io("writing the durable mark", error))
}
