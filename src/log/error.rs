//! Why the log could not do what was asked.

use std::fmt;
use std::io;
use std::sync::Arc;

use super::names::{Position, Term};

/// Where a log is damaged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file's name inside the data folder.
    pub file: String,
    /// The first byte that cannot be trusted.
    pub offset_bytes: u64,
    /// The first position that cannot be trusted.
    pub position: Position,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {} (position {}): {}", self.file, self.offset_bytes, self.position, self.what)
    }
}

/// Why the log could not do what was asked. After `Fenced`, `Unknown`, `Io` or `Frozen` from `submit` or `wait`
/// nothing more can be appended through this handle.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogError {
    /// A writer with a higher term has taken over.
    #[error("fenced off: the log is at term {term}")]
    Fenced {
        /// The term the log is at.
        term: Term,
    },
    /// Whether the batch was appended cannot be known through this handle; reading the log after taking a higher
    /// term tells. A log on one machine never answers this; a replicated one does when its majority is silent.
    #[error("it is unknown whether the batch was appended")]
    Unknown,
    /// The batch was meant for another place than the log's end. Nothing was appended.
    #[error("the batch was meant for position {expected}, but the log ends at {end}")]
    Misplaced {
        /// The position the caller gave.
        expected: Position,
        /// The log's end.
        end: Position,
    },
    /// No room for a batch of this urgency. Nothing was appended; a later one may fit.
    #[error("no space is left for it")]
    Full,
    /// The batch can never be appended. Nothing was.
    #[error("the batch cannot be appended: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An earlier write or sync failed, so what is on the disk is uncertain. Only a new start can tell.
    #[error("frozen after a failure: {cause}")]
    Frozen {
        /// The failure that froze it.
        cause: Arc<str>,
    },
    /// Records below `start` are no longer held.
    #[error("the log starts at position {start}")]
    Trimmed {
        /// The first position still held.
        start: Position,
    },
    /// What is stored is not what was written.
    #[error("damaged: {0}")]
    Corrupt(Box<Damage>),
    /// The folder belongs to a running process.
    #[error("the data folder is in use by {}", holder(*.pid))]
    Locked {
        /// The process that holds it, where it could be read.
        pid: Option<u32>,
    },
    /// The folder cannot be opened as it is.
    #[error("{0}")]
    Unusable(String),
    /// The system refused.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, and to which file.
        doing: String,
        /// What the system said.
        source: Arc<io::Error>,
    },
}

impl LogError {
    /// An error of the system while `doing` something.
    pub fn io(doing: impl Into<String>, source: io::Error) -> Self {
        Self::Io { doing: doing.into(), source: Arc::new(source) }
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
