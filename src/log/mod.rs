//! A durable order of records: what was acknowledged is never lost, and never changes.
//!
//! Callers use the traits here, [`Log`] to append and [`LogHandle`] for everything
//! else, so that a replicated log can stand in for the one on this machine's disk.
//! Records belong to *streams* and are opaque. Each is chained by SHA-256 to the one
//! before it in its stream, so one stream's records prove themselves alone, and each
//! batch to the batch before it, so the whole log does.
//!
//! Promises, at durability `Fsync`: once `wait` has returned, the batch survives power
//! loss; after any crash the log is a prefix of what was submitted, cut between
//! batches; damage before that is reported with its place, never skipped.
//! Left out: threads, clocks and randomness, which callers bring.

mod archive;
mod backup;
mod batch;
mod chain;
mod cursor;
mod disk;
mod error;
mod file_log;
mod files;
mod folder;
mod format;
mod inspect;
mod memory;
mod names;
mod note;
mod open;
mod pool;
mod ram;
mod reader;
mod recovery;
mod segment;
mod shared;
mod snapshot;
mod stored;
pub mod testing;
mod walk;

use std::sync::Arc;

pub use archive::{ArchiveReader, ArchiveSummary, ArchiveWriter, ArchivedRecord, Archives};
pub use backup::{Copied, backup, backup_on, restore, restore_on, salvage};
pub use batch::{Batch, Continues};
pub use chain::{ChainBreak, Heads};
pub use disk::DiskFiles;
pub use error::{Damage, LogError};
pub use files::{Access, File, Files, Lock};
pub use format::{BATCH_BYTES_MAX, LogId, record_hash};
pub use inspect::{FolderReader, Report, newest_snapshot, read_archive, read_folder, verify, verify_on};
pub use memory::MemoryLog;
pub use names::{Durability, Epoch, Hash, NotHex, Position, Space, StreamId, Term, Ticket, Urgency};
pub use open::{EpochChange, Fresh, Opened, Options, Origin, Recovery, open, open_on};
pub use ram::RamFiles;
pub use segment::FORMAT_VERSION;
pub use snapshot::{Snapshot, Snapshots};
pub use stored::{StoredBatch, StoredRecord};

/// The writing end of a log. There is one; it moves between threads, but is not shared.
pub trait Log: Send {
    /// Appends `batch` at exactly `expected`, which must be [`end`](Self::end), under `term`. It is written, not yet
    /// durable: that it is when [`LogHandle::durable`] reaches the ticket's end. Batches become durable in order.
    ///
    /// `Full`, `Misplaced`, `Invalid` and a `Fenced` from a log on one machine leave the log as it was and usable.
    /// After any other error every later `submit` and `wait` fails with `Frozen`.
    fn submit(&mut self, term: Term, expected: Position, batch: &Batch) -> Result<Ticket, LogError>;

    /// Where the next batch goes: the position after all that was submitted.
    fn end(&self) -> Position;

    /// The chains after all that was submitted: the last term and time, and each stream's newest hash.
    fn heads(&self) -> &Heads;

    /// The part that others may use at the same time.
    fn handle(&self) -> Arc<dyn LogHandle>;

    /// Blocks until the ticket's batch is as durable as the log promises. See [`LogHandle::wait`].
    fn wait(&mut self, ticket: Ticket) -> Result<Position, LogError> {
        self.handle().wait(ticket)
    }

    /// The hash of the stream's newest record among all submitted, if it has begun and not ended.
    fn stream_head(&self, stream: &StreamId) -> Option<Hash> {
        self.heads().stream(stream)
    }

    /// Makes all that was submitted durable and leaves the log marked as closed in good order, so that the next
    /// start knows nothing was lost. Dropping a log without this is safe; it is what a crash does.
    fn close(self: Box<Self>) -> Result<(), LogError>;
}

/// Everything but appending. Any number of threads may use it while the writer goes on.
pub trait LogHandle: Send + Sync {
    /// Blocks until the ticket's batch is as durable as the log promises and gives the durable position, which may be
    /// further on: one sync serves everything submitted before it began. Batches can be submitted meanwhile.
    /// After a failed write or sync it fails with `Frozen` for all that was not durable before.
    fn wait(&self, ticket: Ticket) -> Result<Position, LogError>;

    /// The position before which everything is durable. Never goes back.
    fn durable(&self) -> Position;

    /// Brings everything that [`durable`](Self::durable) speaks of onto the disk, also where nobody was promised that. Snapshots
    /// and archives outlive the machine, and may speak of nothing that does not. Fails like `wait`.
    fn settle(&self) -> Result<(), LogError>;

    /// The first position still held.
    fn start(&self) -> Position;

    /// Reads from the batch that holds the record at `from`, up to what is durable. `from` may be the durable
    /// position: the reader then gives what comes later. Fails with `Trimmed` below [`start`](Self::start) and with
    /// `Misplaced` beyond the durable position.
    fn read(&self, from: Position) -> Result<Box<dyn BatchReader>, LogError>;

    /// Says that records before `to` are not needed any more. The log may keep them longer: it removes whole
    /// segments, and never what the older of the kept snapshots does not cover.
    fn trim(&self, to: Position) -> Result<(), LogError>;

    /// How much room is left.
    fn space(&self) -> Space;

    /// Gets room ready ahead of need and looks again whether space has come free. To be called every second or so
    /// from a background thread; without it `submit` does the same work itself, in the way of the batch.
    fn maintain(&self) -> Result<Space, LogError>;

    /// The name of this history. Positions that clients remember mean something only under the same one.
    fn epoch(&self) -> Epoch;

    /// What `wait` promises.
    fn durability(&self) -> Durability;
}

/// Reads batches in order. It may be kept and asked again as the log grows.
pub trait BatchReader: Send {
    /// The next durable batch, or `None` if there is none yet.
    fn next(&mut self) -> Result<Option<StoredBatch<'_>>, LogError>;
}
