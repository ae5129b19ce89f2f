//! The small words of the log: positions, terms, streams, hashes, levels.
//!
//! All are plain values. A position counts records, not bytes and not batches, so
//! it means the same on every machine and in every implementation of the log.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

/// A place in the log: how many records stand before it. A batch of `n` records appended at `p` holds the
/// positions `p` to `p + n - 1`, and the next batch goes to `p + n`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// Before the first record.
    pub const START: Self = Self(0);

    /// The position `record_count` records further on.
    #[must_use]
    pub fn after(self, record_count: u64) -> Self {
        Self(self.0 + record_count)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who may write: a writer with a lower term than the log has seen is fenced off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(pub u64);

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names one stream of records, each chained to the one before it in the same stream. Opaque to the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub [u8; 16]);

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl FromStr for StreamId {
    type Err = NotHex;

    /// Reads the 32 hexadecimal digits that `Display` writes.
    fn from_str(text: &str) -> Result<Self, NotHex> {
        read_hex(text).map(Self)
    }
}

/// A SHA-256 value.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What stands before the first record of a chain: 32 zero bytes.
    pub const ZERO: Self = Self([0; 32]);
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl FromStr for Hash {
    type Err = NotHex;

    /// Reads the 64 hexadecimal digits that `Display` writes.
    fn from_str(text: &str) -> Result<Self, NotHex> {
        read_hex(text).map(Self)
    }
}

/// The text is not the expected number of hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {digits} hexadecimal digits")]
pub struct NotHex {
    /// How many digits are expected.
    pub digits: usize,
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for byte in bytes {
        f.write_char(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]))?;
        f.write_char(char::from(b"0123456789abcdef"[usize::from(byte & 15)]))?;
    }
    Ok(())
}

fn read_hex<const N: usize>(text: &str) -> Result<[u8; N], NotHex> {
    let failure = NotHex { digits: 2 * N };
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return Err(failure);
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16).ok_or(failure)?;
        let low = char::from(pair[1]).to_digit(16).ok_or(failure)?;
        *byte = u8::try_from(high << 4 | low).map_err(|_| failure)?;
    }
    Ok(bytes)
}

/// An opaque name for one history. Two logs with the same epoch never disagree about a position that both hold;
/// it changes when history can have been lost or replaced.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Epoch(String);

impl Epoch {
    /// Most bytes an epoch's name may have.
    pub const BYTES_MAX: usize = 64;

    /// Takes 1 to 64 printable ASCII characters without spaces.
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let fits = (1..=Self::BYTES_MAX).contains(&name.len());
        (fits && name.bytes().all(|byte| byte.is_ascii_graphic())).then_some(Self(name))
    }

    /// The name as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What `wait` promises about a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// On the disk: it survives power loss.
    #[default]
    Fsync,
    /// With the operating system: it survives the end of the process, not of the machine.
    Os,
    /// In this process only.
    Memory,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fsync => "fsync",
            Self::Os => "os",
            Self::Memory => "memory",
        })
    }
}

/// Which room a batch may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Urgency {
    /// Refused once only the reserve is left.
    #[default]
    Ordinary,
    /// What brings work to an end: it may use the reserve.
    Urgent,
}

/// How much room is left for batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// Ordinary batches are refused; urgent ones still fit into the reserve.
    ReservedOnly,
    /// All batches are taken, but no more room can be had: take on no new work.
    Low,
    /// All is well.
    Ample,
}

/// What `submit` gives for a batch, to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a batch is durable only once its ticket was waited for"]
pub struct Ticket {
    /// The position after the batch's last record: durable when `durable()` has reached it.
    pub end: Position,
}
