//! The small files that say what a data folder is: lines of text under a checksum, readable by people.

use super::error::{Damage, LogError};
use super::files::{Files, read_whole, replace};
use super::names::Position;

/// Some named values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Note {
    fields: Vec<(String, String)>,
}

impl Note {
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.fields.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    pub fn write(&self, files: &dyn Files, file: &str) -> Result<(), LogError> {
        let mut text = String::new();
        for (name, value) in &self.fields {
            text.push_str(&format!("{name} {value}\n"));
        }
        text.push_str(&format!("crc32c {:08x}\n", crc32c::crc32c(text.as_bytes())));
        replace(files, file, text.as_bytes()).map_err(|error| LogError::io(format!("writing {file}"), error))
    }

    /// The note in `file`, or `None` if there is no such file.
    pub fn read(files: &dyn Files, file: &str) -> Result<Option<Self>, LogError> {
        let found =
            read_whole(files, file).map_err(|error| LogError::io(format!("reading {file}"), error))?;
        let Some(bytes) = found else { return Ok(None) };
        Self::parse(&bytes).map(Some).ok_or_else(|| unreadable(file))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (fields, crc) = text.rsplit_once("crc32c ")?;
        let crc = u32::from_str_radix(crc.strip_suffix('\n')?, 16).ok()?;
        if crc32c::crc32c(fields.as_bytes()) != crc {
            return None;
        }
        let mut note = Self::default();
        for line in fields.lines() {
            let (name, value) = line.split_once(' ')?;
            note = note.with(name, value);
        }
        Some(note)
    }
}

/// The error for a note that says nothing that can be used.
pub(super) fn unreadable(file: &str) -> LogError {
    LogError::Corrupt(Box::new(Damage {
        file: file.to_owned(),
        offset_bytes: 0,
        position: Position::START,
        what: "its contents are not what was written".to_owned(),
    }))
}
