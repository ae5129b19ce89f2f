//! What a data folder says about itself: whose history it holds, how the last run ended, how far it was durable.
//!
//! Three small files. `epoch` names the history and is written once, or anew when
//! history can have been lost. `run` says how the last run ended. `durable` holds
//! the last position known to be on the disk; it is written after each sync and
//! never synced itself, so it may lag, but what it says is true.

use std::io;
use std::sync::Arc;

use super::error::LogError;
use super::files::{Access, File, Files, read_full_at, write_all_at};
use super::format::{LogId, u32_at, u64_at};
use super::names::{Durability, Epoch, Hash, Position, StreamId};
use super::note::{Note, unreadable};
use super::segment::FORMAT_VERSION;

pub(super) const LOCK_FILE: &str = "lock";
pub(super) const EPOCH_FILE: &str = "epoch";
pub(super) const RUN_FILE: &str = "run";
pub(super) const DURABLE_FILE: &str = "durable";
pub(super) const BACKUP_FILE: &str = "backup";
pub(super) const ARCHIVES_FOLDER: &str = "archives";

const DURABLE_BYTES: usize = 32;

/// Whose history a folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub epoch: Epoch,
    pub log_id: LogId,
}

impl Identity {
    pub fn read(files: &dyn Files) -> Result<Option<Self>, LogError> {
        let Some(note) = Note::read(files, EPOCH_FILE)? else { return Ok(None) };
        check_format(&note)?;
        Self::from_note(&note).map(Some).ok_or_else(|| unreadable(EPOCH_FILE))
    }

    pub fn write(&self, files: &dyn Files) -> Result<(), LogError> {
        self.to_note().write(files, EPOCH_FILE)
    }

    pub fn to_note(&self) -> Note {
        Note::default()
            .with("format", FORMAT_VERSION)
            .with("epoch", &self.epoch)
            .with("log", StreamId(self.log_id.0))
    }

    pub fn from_note(note: &Note) -> Option<Self> {
        let epoch = Epoch::new(note.value("epoch")?)?;
        let log: StreamId = note.value("log")?.parse().ok()?;
        Some(Self { epoch, log_id: LogId(log.0) })
    }
}

/// Refuses what another version wrote in another way.
fn check_format(note: &Note) -> Result<(), LogError> {
    match note.value("format") {
        Some(format) if format == FORMAT_VERSION.to_string() => Ok(()),
        Some(format) => Err(LogError::Unusable(format!(
            "the folder has format {format}, and this version reads {FORMAT_VERSION}"
        ))),
        None => Err(LogError::Unusable("the folder does not say which format it has".to_owned())),
    }
}

/// How the last run ended, or that one goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    /// It goes on, or ended without a word.
    Running { durability: Durability },
    /// It was closed with everything on the disk.
    Closed { end: Position, chain: Hash },
}

impl Run {
    pub fn read(files: &dyn Files) -> Result<Option<Self>, LogError> {
        let Some(note) = Note::read(files, RUN_FILE)? else { return Ok(None) };
        Self::from_note(&note).map(Some).ok_or_else(|| unreadable(RUN_FILE))
    }

    pub fn write(self, files: &dyn Files) -> Result<(), LogError> {
        let note = match self {
            Self::Running { durability } => {
                Note::default().with("state", "running").with("durability", durability)
            }
            Self::Closed { end, chain } => {
                Note::default().with("state", "closed").with("end", end).with("chain", chain)
            }
        };
        note.write(files, RUN_FILE)
    }

    fn from_note(note: &Note) -> Option<Self> {
        match note.value("state")? {
            "running" => {
                let durability = match note.value("durability")? {
                    "fsync" => Durability::Fsync,
                    "os" => Durability::Os,
                    _ => return None,
                };
                Some(Self::Running { durability })
            }
            "closed" => Some(Self::Closed {
                end: Position(note.value("end")?.parse().ok()?),
                chain: note.value("chain")?.parse().ok()?,
            }),
            _ => None,
        }
    }
}

/// What a backup says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BackupNote {
    pub identity: Identity,
    pub end: Position,
    pub chain: Hash,
}

impl BackupNote {
    pub fn read(files: &dyn Files) -> Result<Option<Self>, LogError> {
        let Some(note) = Note::read(files, BACKUP_FILE)? else { return Ok(None) };
        check_format(&note)?;
        let parsed = || {
            Some(Self {
                identity: Identity::from_note(&note)?,
                end: Position(note.value("end")?.parse().ok()?),
                chain: note.value("chain")?.parse().ok()?,
            })
        };
        parsed().map(Some).ok_or_else(|| unreadable(BACKUP_FILE))
    }

    pub fn write(&self, files: &dyn Files) -> Result<(), LogError> {
        let note = self.identity.to_note().with("end", self.end).with("chain", self.chain);
        note.write(files, BACKUP_FILE)
    }
}

/// The file that remembers how far the log is durable.
pub(super) struct DurableMark {
    file: Arc<dyn File>,
    log_id: LogId,
}

impl DurableMark {
    /// Opens it, or makes it.
    pub fn open(files: &dyn Files, log_id: LogId) -> io::Result<Self> {
        let file = match files.open(DURABLE_FILE, Access::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => files.create(DURABLE_FILE)?,
            other => other?,
        };
        Ok(Self { file, log_id })
    }

    /// What the file in `files` says; the start if it says nothing that can be trusted.
    pub fn read(files: &dyn Files, log_id: LogId) -> io::Result<Position> {
        let file = match files.open(DURABLE_FILE, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Position::START),
            other => other?,
        };
        let mut bytes = [0; DURABLE_BYTES];
        let count = read_full_at(&*file, 0, &mut bytes)?;
        let sound = count == DURABLE_BYTES
            && u32_at(&bytes, 0) == crc32c::crc32c(&bytes[4..])
            && bytes[16..] == log_id.0;
        Ok(if sound { Position(u64_at(&bytes, 8)) } else { Position::START })
    }

    pub fn write(&self, durable: Position) -> io::Result<()> {
        let mut bytes = [0; DURABLE_BYTES];
        bytes[8..16].copy_from_slice(&durable.0.to_le_bytes());
        bytes[16..].copy_from_slice(&self.log_id.0);
        let crc = crc32c::crc32c(&bytes[4..]);
        bytes[..4].copy_from_slice(&crc.to_le_bytes());
        write_all_at(&*self.file, 0, &bytes)
    }

    pub fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}
