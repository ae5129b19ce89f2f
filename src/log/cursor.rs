//! A place in a segment that moves from batch to batch and checks each one.

use std::io;
use std::sync::Arc;

use super::files::read_full_at;
use super::format::{BATCH_HEADER_BYTES, BatchHeader, Broken, LogId, Span, decode_header, decode_records};
use super::segment::{SEGMENT_HEADER_BYTES, Segment};
use super::stored::StoredBatch;

/// How much is read at once, in bytes.
const READ_BYTES: u64 = 256 << 10;

pub(super) struct Cursor {
    pub segment: Arc<Segment>,
    /// Where the next batch starts.
    pub offset_bytes: u64,
    log_id: LogId,
    window: Vec<u8>,
    window_start: u64,
    window_end: u64,
    header: Option<BatchHeader>,
    spans: Vec<Span>,
}

impl Cursor {
    pub fn new(segment: Arc<Segment>, log_id: LogId) -> Self {
        Self {
            segment,
            offset_bytes: SEGMENT_HEADER_BYTES,
            log_id,
            window: Vec::new(),
            window_start: 0,
            window_end: 0,
            header: None,
            spans: Vec::new(),
        }
    }

    /// Goes to a place in another segment, and keeps the buffers.
    pub fn go_to(&mut self, segment: Arc<Segment>, offset_bytes: u64) {
        self.segment = segment;
        self.offset_bytes = offset_bytes;
        self.window_start = 0;
        self.window_end = 0;
    }

    /// The header of the batch here.
    pub fn peek(&mut self) -> io::Result<Result<BatchHeader, Broken>> {
        let log_id = self.log_id;
        let bytes = self.bytes(BATCH_HEADER_BYTES as u64)?;
        Ok(decode_header(bytes, log_id))
    }

    /// Checks the batch here, whose header is `header`, and moves behind it. [`batch`](Self::batch) then gives it.
    pub fn take(&mut self, header: BatchHeader) -> io::Result<Result<(), Broken>> {
        let mut spans = std::mem::take(&mut self.spans);
        let bytes = self.bytes(header.bytes as u64)?;
        let checked = decode_records(bytes, &header, &mut spans);
        self.spans = spans;
        if checked.is_ok() {
            self.header = Some(header);
            self.offset_bytes += header.bytes as u64;
        }
        Ok(checked)
    }

    /// Moves behind the batch here, whose header is `header`, without looking at its records.
    pub fn skip(&mut self, header: &BatchHeader) {
        self.offset_bytes += header.bytes as u64;
    }

    /// The batch last taken.
    pub fn batch(&self) -> StoredBatch<'_> {
        let header = self.header.as_ref().expect("a batch was taken");
        let end = (self.offset_bytes - self.window_start) as usize;
        StoredBatch::new(header, &self.spans, &self.window[end - header.bytes..end])
    }

    /// The next `count` bytes from here, or fewer if the segment was not written further.
    fn bytes(&mut self, count: u64) -> io::Result<&[u8]> {
        let end = (self.offset_bytes + count).min(self.segment.written_bytes());
        if self.offset_bytes < self.window_start || end > self.window_end {
            let far = self.offset_bytes + count.max(READ_BYTES);
            let wanted = far.min(self.segment.written_bytes()).saturating_sub(self.offset_bytes);
            if (self.window.len() as u64) < wanted {
                self.window.resize(wanted as usize, 0);
            }
            let into = &mut self.window[..wanted as usize];
            let read = read_full_at(&*self.segment.file, self.offset_bytes, into)?;
            self.window_start = self.offset_bytes;
            self.window_end = self.offset_bytes + read as u64;
        }
        let end = end.min(self.window_end).max(self.offset_bytes);
        let start = (self.offset_bytes - self.window_start) as usize;
        Ok(&self.window[start..start + (end - self.offset_bytes) as usize])
    }
}
