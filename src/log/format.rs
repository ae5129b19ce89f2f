//! The bytes of a batch: one header, then its records. `docs/LOG.md` is the same in prose.
//!
//! The parts that are hashed lie together, so a record costs one SHA-256 call over
//! bytes that are written anyway, and a batch one more over its header and 32 bytes
//! per record. All integers are little-endian.

use sha2::{Digest, Sha256};

use super::batch::{Batch, Continues};
use super::chain::Heads;
use super::names::{Hash, Position, StreamId, Term};

/// The first four bytes of every batch.
pub(super) const BATCH_MAGIC: [u8; 4] = *b"WBAT";
/// A batch's header, in bytes.
pub(super) const BATCH_HEADER_BYTES: usize = 168;
/// What a record takes beside its payload, in bytes.
pub(super) const RECORD_HEADER_BYTES: usize = 60;
/// Batches start at multiples of this.
pub(super) const BATCH_ALIGN_BYTES: usize = 8;
/// Largest batch as stored, in bytes.
pub const BATCH_BYTES_MAX: usize = 1 << 30;

/// Where the fields of a batch header start.
mod at {
    pub const CRC: usize = 4;
    pub const LOG_ID: usize = 8;
    pub const BYTES: usize = 24;
    pub const DURABLE: usize = 32;
    pub const CHAIN: usize = 40;
    /// From here to the header's end goes into the chain.
    pub const CHAINED: usize = 72;
    pub const PREVIOUS: usize = 72;
    pub const POSITION: usize = 104;
    pub const COUNT: usize = 112;
    pub const TERM: usize = 120;
    pub const TIME: usize = 128;
    pub const DIGEST: usize = 136;
}

/// Where the fields of a record start.
mod record_at {
    pub const CRC: usize = 0;
    pub const PAYLOAD_BYTES: usize = 4;
    /// From here to the payload's end goes into the record's hash.
    pub const CHAINED: usize = 8;
    pub const PREVIOUS: usize = 8;
    pub const STREAM: usize = 40;
    pub const FLAGS: usize = 56;
    pub const PAYLOAD: usize = 60;
}

const FLAG_LAST: u32 = 1;

/// Names one log, so that bytes of another are never taken for its own. Made of randomness by the caller; outsiders
/// must not know it, since whoever can write payloads could otherwise imitate a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogId(pub [u8; 16]);

/// A batch's header as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchHeader {
    pub bytes: usize,
    pub record_count: u64,
    pub position: Position,
    pub term: Term,
    pub time_us: u64,
    /// Everything before this was on the disk when the batch was written.
    pub durable: Position,
    pub digest: Hash,
    pub previous: Hash,
    pub chain: Hash,
}

impl BatchHeader {
    /// The position after the batch.
    pub fn end(&self) -> Position {
        self.position.after(self.record_count)
    }
}

/// Where one record stands inside its batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub start: usize,
    pub payload_bytes: usize,
    pub hash: Hash,
}

/// What is wrong with bytes that should be a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken {
    /// From the batch's start.
    pub offset: usize,
    pub what: &'static str,
}

/// The hash of a record: SHA-256 of the hash before it in its stream, the stream, the flags and the payload.
/// Whoever knows a stream's head can work out the next one before the record is appended.
pub fn record_hash(previous: Hash, stream: StreamId, continues: Continues, payload: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(previous.0);
    hasher.update(stream.0);
    hasher.update(flags(continues).to_le_bytes());
    hasher.update(payload);
    Hash(hasher.finalize().into())
}

fn flags(continues: Continues) -> u32 {
    match continues {
        Continues::Yes => 0,
        Continues::No => FLAG_LAST,
    }
}

/// The size of the batch as stored.
pub(super) fn stored_bytes(batch: &Batch) -> usize {
    let plain = BATCH_HEADER_BYTES + batch.record_count() * RECORD_HEADER_BYTES + batch.payload_bytes();
    plain.next_multiple_of(BATCH_ALIGN_BYTES)
}

/// Writes the batch as the next one after `heads` into `out`, which is emptied first, and moves `heads` on.
pub(super) fn encode(
    batch: &Batch,
    term: Term,
    durable: Position,
    log_id: LogId,
    heads: &mut Heads,
    out: &mut Vec<u8>,
) {
    let bytes = stored_bytes(batch);
    out.clear();
    out.reserve(bytes);
    out.extend_from_slice(&BATCH_MAGIC);
    out.extend_from_slice(&[0; at::LOG_ID - at::CRC]);
    out.extend_from_slice(&log_id.0);
    out.extend_from_slice(&(bytes as u64).to_le_bytes());
    out.extend_from_slice(&durable.0.to_le_bytes());
    out.extend_from_slice(&Hash::ZERO.0);
    out.extend_from_slice(&heads.chain.0);
    out.extend_from_slice(&heads.position.0.to_le_bytes());
    out.extend_from_slice(&(batch.record_count() as u64).to_le_bytes());
    out.extend_from_slice(&term.0.to_le_bytes());
    out.extend_from_slice(&batch.time_us.to_le_bytes());
    out.extend_from_slice(&batch.digest.0);
    debug_assert_eq!(out.len(), BATCH_HEADER_BYTES);
    let mut chain = Sha256::new();
    chain.update(&out[at::CHAINED..]);
    for draft in batch.drafts() {
        let previous = heads.stream(&draft.stream).unwrap_or(Hash::ZERO);
        let start = out.len();
        out.extend_from_slice(&[0; record_at::PAYLOAD_BYTES]);
        out.extend_from_slice(&u32::try_from(draft.payload.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(&previous.0);
        out.extend_from_slice(&draft.stream.0);
        out.extend_from_slice(&flags(draft.continues).to_le_bytes());
        out.extend_from_slice(draft.payload);
        let crc = crc32c::crc32c(&out[start + record_at::PAYLOAD_BYTES..]);
        out[start..start + 4].copy_from_slice(&crc.to_le_bytes());
        let hash = Hash(Sha256::digest(&out[start + record_at::CHAINED..]).into());
        chain.update(hash.0);
        heads.put(draft.stream, hash, draft.continues);
    }
    out.resize(bytes, 0);
    heads.chain = Hash(chain.finalize().into());
    heads.position = heads.position.after(batch.record_count() as u64);
    heads.term = term;
    heads.time_us = batch.time_us;
    out[at::CHAIN..at::CHAIN + 32].copy_from_slice(&heads.chain.0);
    let crc = crc32c::crc32c(&out[at::LOG_ID..BATCH_HEADER_BYTES]);
    out[at::CRC..at::CRC + 4].copy_from_slice(&crc.to_le_bytes());
}

/// Reads a header off the front of `bytes`, if there is a whole one of this log.
pub(super) fn decode_header(bytes: &[u8], log_id: LogId) -> Result<BatchHeader, Broken> {
    let broken = |offset, what| Err(Broken { offset, what });
    if bytes.len() < BATCH_HEADER_BYTES {
        return broken(0, "the file ends inside a batch header");
    }
    if bytes[..4] != BATCH_MAGIC {
        return broken(0, "no batch starts here");
    }
    if u32_at(bytes, at::CRC) != crc32c::crc32c(&bytes[at::LOG_ID..BATCH_HEADER_BYTES]) {
        return broken(0, "the checksum of the batch header is wrong");
    }
    if bytes[at::LOG_ID..at::BYTES] != log_id.0 {
        return broken(at::LOG_ID, "the batch belongs to another log");
    }
    let stored = u64_at(bytes, at::BYTES);
    let header = BatchHeader {
        bytes: usize::try_from(stored).unwrap_or(usize::MAX),
        record_count: u64_at(bytes, at::COUNT),
        position: Position(u64_at(bytes, at::POSITION)),
        term: Term(u64_at(bytes, at::TERM)),
        time_us: u64_at(bytes, at::TIME),
        durable: Position(u64_at(bytes, at::DURABLE)),
        digest: hash_at(bytes, at::DIGEST),
        previous: hash_at(bytes, at::PREVIOUS),
        chain: hash_at(bytes, at::CHAIN),
    };
    let least = BATCH_HEADER_BYTES as u64 + header.record_count.saturating_mul(RECORD_HEADER_BYTES as u64);
    if header.record_count == 0 || stored < least || stored > BATCH_BYTES_MAX as u64 {
        return broken(at::BYTES, "the batch header contradicts itself");
    }
    Ok(header)
}

/// Checks every record of the batch in `bytes`, and that they lead to the header's chain hash. `spans` is filled with
/// where they stand. What the chain before the batch should be is for [`Heads::accept`] to check.
pub(super) fn decode_records(
    bytes: &[u8],
    header: &BatchHeader,
    spans: &mut Vec<Span>,
) -> Result<(), Broken> {
    spans.clear();
    let broken = |offset, what| Err(Broken { offset, what });
    if bytes.len() < header.bytes {
        return broken(bytes.len(), "the file ends inside a batch");
    }
    let bytes = &bytes[..header.bytes];
    let mut chain = Sha256::new();
    chain.update(&bytes[at::CHAINED..BATCH_HEADER_BYTES]);
    let mut start = BATCH_HEADER_BYTES;
    for _ in 0..header.record_count {
        if bytes.len() - start < RECORD_HEADER_BYTES {
            return broken(start, "the batch ends inside a record");
        }
        let payload_bytes = u32_at(bytes, start + record_at::PAYLOAD_BYTES) as usize;
        if bytes.len() - start - RECORD_HEADER_BYTES < payload_bytes {
            return broken(start, "the record is longer than its batch");
        }
        let end = start + RECORD_HEADER_BYTES + payload_bytes;
        let crc = crc32c::crc32c(&bytes[start + record_at::PAYLOAD_BYTES..end]);
        if u32_at(bytes, start + record_at::CRC) != crc {
            return broken(start, "the checksum of the record is wrong");
        }
        let hash = Hash(Sha256::digest(&bytes[start + record_at::CHAINED..end]).into());
        chain.update(hash.0);
        spans.push(Span { start, payload_bytes, hash });
        start = end;
    }
    if start.next_multiple_of(BATCH_ALIGN_BYTES) != bytes.len()
        || bytes[start..].iter().any(|byte| *byte != 0)
    {
        return broken(start, "the batch does not end with its last record");
    }
    if Hash(chain.finalize().into()) != header.chain {
        return broken(at::CHAIN, "the records do not lead to the batch's chain hash");
    }
    Ok(())
}

/// The fields of the record at `span` of a batch whose records were checked.
pub(super) fn record_fields<'a>(bytes: &'a [u8], span: &Span) -> (StreamId, Hash, Continues, &'a [u8]) {
    let record = &bytes[span.start..];
    let mut stream = StreamId([0; 16]);
    stream.0.copy_from_slice(&record[record_at::STREAM..record_at::FLAGS]);
    let continues = match u32_at(record, record_at::FLAGS) & FLAG_LAST {
        0 => Continues::Yes,
        _ => Continues::No,
    };
    let payload = &record[record_at::PAYLOAD..record_at::PAYLOAD + span.payload_bytes];
    (stream, hash_at(record, record_at::PREVIOUS), continues, payload)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut field = [0; 4];
    field.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(field)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(field)
}

pub(super) fn hash_at(bytes: &[u8], at: usize) -> Hash {
    let mut hash = Hash::ZERO;
    hash.0.copy_from_slice(&bytes[at..at + 32]);
    hash
}
