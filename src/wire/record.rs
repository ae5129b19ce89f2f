//! Commands as they stand in the log.

use crate::engine::Command;

/// Why bytes are no command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the record cannot be read")]
pub struct RecordError;

/// Appends the command's bytes.
pub fn encode(command: &Command, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{command:?}").as_bytes());
}

/// Reads a command.
pub fn decode(_bytes: &[u8]) -> Result<Command, RecordError> {
    Err(RecordError)
}
