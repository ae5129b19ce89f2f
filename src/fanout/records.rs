//! A reusable buffer of records read from the ring, lying behind each other.

use super::words::{Header, WORD_BYTES};

/// Records copied out of the ring. Reuse it: reading appends, [`clear`](Self::clear) keeps the memory.
#[derive(Debug, Default)]
pub struct Records {
    /// Grown, never shrunk or zeroed again; the first `used` bytes hold records.
    bytes: Vec<u8>,
    used: usize,
}

/// One record in a [`Records`] buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Where it lies; [`Records::at`] finds it again until the buffer is cleared.
    pub at: usize,
    /// Its bytes, as they were published.
    pub bytes: &'a [u8],
}

impl Records {
    /// An empty buffer that holds `bytes` without growing.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: vec![0; bytes], used: 0 }
    }

    /// Forgets the records and keeps the memory.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Bytes in use, headers and padding included.
    pub fn used_bytes(&self) -> usize {
        self.used
    }

    /// Gives memory beyond `bytes` back, keeping what is in use.
    pub fn shrink_to(&mut self, bytes: usize) {
        self.bytes.truncate(bytes.max(self.used));
        self.bytes.shrink_to_fit();
    }

    /// The records, in the order they were published.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        let mut rest = &self.bytes[..self.used];
        std::iter::from_fn(move || {
            let at = self.used - rest.len();
            let (header, behind) = rest.split_first_chunk()?;
            let header = Header(u64::from_le_bytes(*header));
            let bytes = behind.get(..header.bytes())?;
            rest = behind.get((header.words() - 1) * WORD_BYTES..)?;
            Some(Record { at, bytes })
        })
    }

    /// The record at [`Record::at`].
    ///
    /// # Panics
    /// When no record was ever read to there. A place that holds none gives bytes of no meaning.
    pub fn at(&self, at: usize) -> &[u8] {
        let start = at + WORD_BYTES;
        &self.bytes[..self.used][start..start + self.header(at).bytes()]
    }

    fn header(&self, at: usize) -> Header {
        let word = self.bytes[at..].first_chunk().expect("a record starts with its header");
        Header(u64::from_le_bytes(*word))
    }

    /// Room for `bytes` more behind the records in use. [`keep`](Self::keep) says how much of it to keep.
    pub(super) fn spare(&mut self, bytes: usize) -> &mut [u8] {
        let end = self.used + bytes;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        &mut self.bytes[self.used..end]
    }

    /// Takes the whole records among the `copied_bytes` that were copied to the spare room; a header follows
    /// them. Gives how many bytes they take, and the header that follows them.
    pub(super) fn keep(&mut self, copied_bytes: usize, cut: Cut) -> (usize, Header) {
        let mut taken = copied_bytes;
        if cut == Cut::Anywhere {
            taken = 0;
            loop {
                let next = taken + self.header(self.used + taken).words() * WORD_BYTES;
                if next > copied_bytes {
                    break;
                }
                taken = next;
            }
        }
        let following = self.header(self.used + taken);
        self.used += taken;
        (taken, following)
    }
}

/// Where a run of copied words ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Where a record ends.
    BetweenRecords,
    /// Perhaps within a record, but not within the first.
    Anywhere,
}
