//! Archives: one stream's records in a file of their own, which proves itself alone by the stream's chain.
//!
//! An archive is made in full, synced and then named, so it is there whole or not
//! at all. Nothing in it depends on the log it came from: whoever has the file and
//! the stream's last hash can check every record. Sealing a stream twice gives the
//! same file again.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use super::LogHandle;
use super::batch::Continues;
use super::error::{Damage, LogError};
use super::files::{Access, File, Files, UNFINISHED_SUFFIX, read_full_at, remove_if_there, write_all_at};
use super::format::{LogId, hash_at, record_hash, u32_at, u64_at};
use super::names::{Hash, Position, StreamId};
use super::segment::FORMAT_VERSION;
use super::stored::StoredRecord;

const MAGIC: [u8; 8] = *b"WALRARCH";
const END_MAGIC: [u8; 8] = *b"WALRAEND";
const HEADER_BYTES: usize = 48;
const FOOTER_BYTES: usize = 80;
/// What a record takes beside its payload, in bytes.
const RECORD_HEADER_BYTES: usize = 28;
/// How much is read or written at once, in bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// The archives beside one log.
#[derive(Clone)]
pub struct Archives {
    files: Arc<dyn Files>,
    log_id: LogId,
}

/// What an archive holds, as its end states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveSummary {
    /// The stream.
    pub stream: StreamId,
    /// How many records, at least one.
    pub record_count: u64,
    /// Where the first one stood in the log.
    pub first: Position,
    /// Where the last one stood in the log.
    pub last: Position,
    /// The hash of the last one.
    pub head: Hash,
}

/// One record of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchivedRecord<'a> {
    /// Where it stood in the log.
    pub position: Position,
    /// The wall time of its batch, in microseconds since 1970.
    pub time_us: u64,
    /// The hash of the record before it; [`Hash::ZERO`] for the first.
    pub previous: Hash,
    /// Its own hash.
    pub hash: Hash,
    /// Whether the stream went on.
    pub continues: Continues,
    /// What was appended.
    pub payload: &'a [u8],
}

impl Archives {
    pub(super) fn new(files: Arc<dyn Files>, log_id: LogId) -> Self {
        Self { files, log_id }
    }

    /// Begins an archive of `stream`. It takes the stream's records from its first on; only `seal` makes it exist.
    pub fn begin(&self, stream: StreamId) -> Result<ArchiveWriter, LogError> {
        let name = stream.to_string();
        let unfinished = format!("{name}{UNFINISHED_SUFFIX}");
        let made = remove_if_there(&*self.files, &unfinished).and_then(|()| self.files.create(&unfinished));
        let file = made.map_err(|error| LogError::io(format!("making the archive {name}"), error))?;
        Ok(ArchiveWriter {
            files: Arc::clone(&self.files),
            file,
            name,
            stream,
            buffer: header(stream, self.log_id),
            written_bytes: 0,
            record_count: 0,
            first: Position::START,
            last: Position::START,
            head: Hash::ZERO,
            state: State::Open,
        })
    }

    /// Archives several streams in one pass over the log: reads from `from` and seals each of `streams` with the
    /// records it has up to its last one, or up to what is durable. `from` must not lie behind the first record of
    /// any of them. Gives what was sealed, in the order of `streams`; a stream without a record is left out.
    pub fn collect(
        &self,
        log: &dyn LogHandle,
        from: Position,
        streams: &[StreamId],
    ) -> Result<Vec<ArchiveSummary>, LogError> {
        log.settle()?;
        let mut writers: HashMap<StreamId, ArchiveWriter> = HashMap::new();
        let mut sealed: HashMap<StreamId, ArchiveSummary> = HashMap::new();
        let mut reader = log.read(from)?;
        while sealed.len() < streams.len() {
            let Some(batch) = reader.next()? else { break };
            for record in batch.records().filter(|record| streams.contains(&record.stream)) {
                if sealed.contains_key(&record.stream) {
                    continue;
                }
                let writer = match writers.entry(record.stream) {
                    std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                    std::collections::hash_map::Entry::Vacant(entry) => {
                        entry.insert(self.begin(record.stream)?)
                    }
                };
                writer.push(&record, batch.time_us())?;
                if record.continues == Continues::No
                    && let Some(writer) = writers.remove(&record.stream)
                {
                    sealed.insert(record.stream, writer.seal()?);
                }
            }
        }
        for (stream, writer) in writers {
            sealed.insert(stream, writer.seal()?);
        }
        Ok(streams.iter().filter_map(|stream| sealed.get(stream).copied()).collect())
    }

    /// Opens the archive of `stream`, if there is one.
    pub fn read(&self, stream: StreamId) -> Result<Option<ArchiveReader>, LogError> {
        match ArchiveReader::open(&*self.files, &stream.to_string()) {
            Err(LogError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// The streams that have an archive, by name.
    pub fn list(&self) -> Result<Vec<StreamId>, LogError> {
        let names = self.files.list().map_err(|error| LogError::io("listing the archives", error))?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// Removes the archive of `stream`, if there is one.
    pub fn remove(&self, stream: StreamId) -> Result<(), LogError> {
        remove_if_there(&*self.files, &stream.to_string())
            .and_then(|()| self.files.sync_names())
            .map_err(|error| LogError::io(format!("removing the archive {stream}"), error))
    }
}

fn header(stream: StreamId, log_id: LogId) -> Vec<u8> {
    let mut out = Vec::with_capacity(CHUNK_BYTES);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&stream.0);
    out.extend_from_slice(&log_id.0);
    let crc = crc32c::crc32c(&out[16..]);
    out[12..16].copy_from_slice(&crc.to_le_bytes());
    out
}

/// An archive being made. Dropped without [`seal`](Self::seal), it leaves nothing.
pub struct ArchiveWriter {
    files: Arc<dyn Files>,
    file: Arc<dyn File>,
    name: String,
    stream: StreamId,
    buffer: Vec<u8>,
    written_bytes: u64,
    record_count: u64,
    first: Position,
    last: Position,
    head: Hash,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Sealed,
}

impl ArchiveWriter {
    /// Adds the stream's next record, of a batch with this time. `Invalid` if it is not the next.
    pub fn push(&mut self, record: &StoredRecord<'_>, time_us: u64) -> Result<(), LogError> {
        if record.stream != self.stream || record.previous != self.head {
            return Err(LogError::Invalid {
                reason: "the record does not follow the last one of its archive",
            });
        }
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&[0; 4]);
        self.buffer.extend_from_slice(&u32::try_from(record.payload.len()).unwrap_or(u32::MAX).to_le_bytes());
        let flags: u32 = match record.continues {
            Continues::Yes => 0,
            Continues::No => 1,
        };
        self.buffer.extend_from_slice(&flags.to_le_bytes());
        self.buffer.extend_from_slice(&record.position.0.to_le_bytes());
        self.buffer.extend_from_slice(&time_us.to_le_bytes());
        self.buffer.extend_from_slice(record.payload);
        let crc = crc32c::crc32c(&self.buffer[start + 4..]);
        self.buffer[start..start + 4].copy_from_slice(&crc.to_le_bytes());
        if self.record_count == 0 {
            self.first = record.position;
        }
        self.record_count += 1;
        self.last = record.position;
        self.head = record.hash;
        if self.buffer.len() >= CHUNK_BYTES { self.flush() } else { Ok(()) }
    }

    /// Finishes the archive, durably; it replaces one of the same stream. `Invalid` without a record.
    pub fn seal(mut self) -> Result<ArchiveSummary, LogError> {
        if self.record_count == 0 {
            return Err(LogError::Invalid { reason: "an archive holds at least one record" });
        }
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&END_MAGIC);
        self.buffer.extend_from_slice(&[0; 8]);
        self.buffer.extend_from_slice(&self.record_count.to_le_bytes());
        self.buffer.extend_from_slice(&self.first.0.to_le_bytes());
        self.buffer.extend_from_slice(&self.last.0.to_le_bytes());
        self.buffer.extend_from_slice(&self.head.0);
        self.buffer.resize(start + FOOTER_BYTES, 0);
        let crc = crc32c::crc32c(&self.buffer[start + 12..]);
        self.buffer[start + 8..start + 12].copy_from_slice(&crc.to_le_bytes());
        self.flush()?;
        let unfinished = format!("{}{UNFINISHED_SUFFIX}", self.name);
        let sealed = self
            .file
            .sync()
            .and_then(|()| self.files.rename(&unfinished, &self.name))
            .and_then(|()| self.files.sync_names());
        sealed.map_err(|error| self.failed(error))?;
        self.state = State::Sealed;
        Ok(ArchiveSummary {
            stream: self.stream,
            record_count: self.record_count,
            first: self.first,
            last: self.last,
            head: self.head,
        })
    }

    fn flush(&mut self) -> Result<(), LogError> {
        write_all_at(&*self.file, self.written_bytes, &self.buffer).map_err(|error| self.failed(error))?;
        self.written_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn failed(&self, error: io::Error) -> LogError {
        LogError::io(format!("writing the archive {}", self.name), error)
    }
}

impl Drop for ArchiveWriter {
    fn drop(&mut self) {
        if self.state == State::Open {
            // What cannot be removed now is removed when the stream is archived again.
            let _ = self.files.remove(&format!("{}{UNFINISHED_SUFFIX}", self.name));
        }
    }
}

/// Reads an archive from its first record to its last and checks the chain on the way. That the last hash is right
/// is known once [`next_record`](Self::next_record) has given `None`.
pub struct ArchiveReader {
    file: Arc<dyn File>,
    name: String,
    summary: ArchiveSummary,
    /// Where the footer starts.
    end_bytes: u64,
    offset_bytes: u64,
    read_count: u64,
    head: Hash,
    window: Vec<u8>,
    window_start: u64,
}

impl ArchiveReader {
    /// Opens the archive in the file `name` of any folder.
    pub fn open(files: &dyn Files, name: &str) -> Result<Self, LogError> {
        let opened = files.open(name, Access::Read).and_then(|file| {
            let length = file.len_bytes()?;
            let mut header = [0; HEADER_BYTES];
            let mut footer = [0; FOOTER_BYTES];
            let header_count = read_full_at(&*file, 0, &mut header)?;
            let end_bytes = length.saturating_sub(FOOTER_BYTES as u64);
            let footer_count = read_full_at(&*file, end_bytes, &mut footer)?;
            let whole = header_count == HEADER_BYTES && footer_count == FOOTER_BYTES;
            Ok((file, header, footer, end_bytes, whole && end_bytes >= HEADER_BYTES as u64))
        });
        let (file, header, footer, end_bytes, whole) =
            opened.map_err(|error| LogError::io(format!("opening the archive {name}"), error))?;
        let corrupt = |offset, what: &str| Err(corrupt(name, offset, Position::START, what));
        if !whole {
            return corrupt(0, "the file is too short for an archive");
        }
        if header[..8] != MAGIC || u32_at(&header, 12) != crc32c::crc32c(&header[16..]) {
            return corrupt(0, "no archive header stands here");
        }
        if u32_at(&header, 8) != FORMAT_VERSION {
            return Err(LogError::Unusable(format!(
                "the archive {name} has a format that this version does not read"
            )));
        }
        if footer[..8] != END_MAGIC || u32_at(&footer, 8) != crc32c::crc32c(&footer[12..]) {
            return corrupt(end_bytes, "the archive's end is not where the file ends");
        }
        let mut stream = StreamId([0; 16]);
        stream.0.copy_from_slice(&header[16..32]);
        let summary = ArchiveSummary {
            stream,
            record_count: u64_at(&footer, 16),
            first: Position(u64_at(&footer, 24)),
            last: Position(u64_at(&footer, 32)),
            head: hash_at(&footer, 40),
        };
        Ok(Self {
            file,
            name: name.to_owned(),
            summary,
            end_bytes,
            offset_bytes: HEADER_BYTES as u64,
            read_count: 0,
            head: Hash::ZERO,
            window: Vec::new(),
            window_start: 0,
        })
    }

    /// What the archive's end states.
    pub fn summary(&self) -> ArchiveSummary {
        self.summary
    }

    /// The next record, or `None` after the last.
    pub fn next_record(&mut self) -> Result<Option<ArchivedRecord<'_>>, LogError> {
        if self.offset_bytes == self.end_bytes {
            if (self.read_count, self.head) != (self.summary.record_count, self.summary.head) {
                return Err(self.corrupt("the records do not lead to the hash that the archive states"));
            }
            return Ok(None);
        }
        self.fetch(RECORD_HEADER_BYTES)?;
        let start = (self.offset_bytes - self.window_start) as usize;
        let payload_bytes = u32_at(&self.window, start + 4) as usize;
        self.fetch(RECORD_HEADER_BYTES + payload_bytes)?;
        let start = (self.offset_bytes - self.window_start) as usize;
        let end = start + RECORD_HEADER_BYTES + payload_bytes;
        if u32_at(&self.window, start) != crc32c::crc32c(&self.window[start + 4..end]) {
            return Err(self.corrupt("the checksum of the record is wrong"));
        }
        let record = &self.window[start..end];
        let continues = if u32_at(record, 8) & 1 == 0 { Continues::Yes } else { Continues::No };
        let payload = &record[RECORD_HEADER_BYTES..];
        let previous = self.head;
        self.head = record_hash(previous, self.summary.stream, continues, payload);
        self.offset_bytes += record.len() as u64;
        self.read_count += 1;
        let (position, time_us) = (Position(u64_at(record, 12)), u64_at(record, 20));
        Ok(Some(ArchivedRecord { position, time_us, previous, hash: self.head, continues, payload }))
    }

    /// Reads to the end without giving the records.
    pub fn verify(mut self) -> Result<ArchiveSummary, LogError> {
        while self.next_record()?.is_some() {}
        Ok(self.summary)
    }

    /// Has the next `count` bytes in the window.
    fn fetch(&mut self, count: usize) -> Result<(), LogError> {
        if self.offset_bytes + count as u64 > self.end_bytes {
            return Err(self.corrupt("the record is longer than the archive"));
        }
        let held_end = self.window_start + self.window.len() as u64;
        if self.offset_bytes + count as u64 <= held_end {
            return Ok(());
        }
        let wanted = (count.max(CHUNK_BYTES) as u64).min(self.end_bytes - self.offset_bytes) as usize;
        self.window.resize(wanted, 0);
        self.window_start = self.offset_bytes;
        match read_full_at(&*self.file, self.offset_bytes, &mut self.window) {
            Ok(read) if read == wanted => Ok(()),
            Ok(_) => Err(self.corrupt("the file has become shorter")),
            Err(error) => Err(LogError::io(format!("reading the archive {}", self.name), error)),
        }
    }

    fn corrupt(&self, what: &str) -> LogError {
        corrupt(&self.name, self.offset_bytes, Position(self.summary.first.0), what)
    }
}

fn corrupt(name: &str, offset_bytes: u64, position: Position, what: &str) -> LogError {
    LogError::Corrupt(Box::new(Damage {
        file: name.to_owned(),
        offset_bytes,
        position,
        what: what.to_owned(),
    }))
}
