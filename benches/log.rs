//! How many records a second become durable, beside a plain file and, if built with it, a database; and how long a
//! start takes.
//!
//! `cargo bench --bench log -- [FOLDER [throughput [BATCH]|recovery]]`, the folder being on the disk to be measured
//! (by default the system's temporary one), BATCH one of the sizes of a batch alone. With `RUSTFLAGS="--cfg walras_fjall"` the
//! database fjall runs along. Every contender is first asked to give back what it was
//! given. The rounds of all contenders alternate, so that a disk that changes its mood
//! changes it for all; the figure is the median round.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use walras::log::{
    Batch, BatchReader, Epoch, Fresh, Heads, Log, LogHandle, LogId, Opened, Options, Position, StreamId,
    Term, Ticket, open,
};

const RECORD_BYTES: usize = 128;
const BATCH_SIZES: [usize; 4] = [1, 32, 256, 1024];
const ROUND_COUNT: usize = 7;
const ROUND_TIME: Duration = Duration::from_millis(700);
const STREAM_COUNT: u64 = 64;
const RECOVERY_RECORD_COUNT: u64 = 1_000_000;
const SEGMENT_BYTES: u64 = 64 << 20;
/// What a log has ready at the beginning of each round, enough for all of it.
const SEGMENTS_AHEAD: usize = 12;

fn main() {
    // `cargo bench` passes `--bench`.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let folder = arguments.first().map_or_else(std::env::temp_dir, PathBuf::from);
    let place = tempfile::tempdir_in(folder).expect("a folder to write to");
    let asked = |part| arguments.get(1).is_none_or(|only| only == part);
    if asked("throughput") {
        let size = arguments.get(2).map(|size| size.parse().expect("a size of a batch"));
        throughput(place.path(), size);
    }
    if asked("recovery") {
        recovery(place.path());
    }
}

/// Something that makes batches of records durable.
trait Contender {
    fn name(&self) -> &'static str;

    /// Makes the next batch durable. Gives when it was, or nothing yet if it works ahead.
    fn commit(&mut self, records: &[[u8; RECORD_BYTES]]);

    /// Gets ready what a round needs, outside of the time that is measured.
    fn prepare(&mut self) {}

    /// Returns when everything committed is durable.
    fn settle(&mut self) {}

    /// How many records it holds, each checked to be `record(index)`.
    fn check(self: Box<Self>) -> u64;
}

/// The record with this index: nothing that compresses.
fn record(index: u64) -> [u8; RECORD_BYTES] {
    let mut record = [0; RECORD_BYTES];
    let mut state = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for word in record.chunks_exact_mut(8) {
        state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9).wrapping_add(index);
        word.copy_from_slice(&state.to_le_bytes());
    }
    record
}

fn stream(index: u64) -> StreamId {
    let mut stream = StreamId([0; 16]);
    stream.0[..8].copy_from_slice(&(index % STREAM_COUNT).to_le_bytes());
    stream
}

fn open_log(folder: &Path, segments_ahead: usize) -> Opened {
    let epoch = Epoch::new("bench").expect("a valid name");
    let options = Options { segment_bytes: SEGMENT_BYTES, segments_ahead, ..Options::default() };
    open(folder, options, Fresh { epoch, log_id: LogId(*b"known to no one!") }).expect("opens")
}

/// The pre-allocated file that a log without anything else would be: records behind each other, one sync a batch.
struct Plain {
    file: File,
    offset_bytes: u64,
    buffer: Vec<u8>,
    record_count: u64,
}

impl Plain {
    fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).expect("made");
        let file =
            File::options().read(true).write(true).create_new(true).open(folder.join("plain")).expect("made");
        let zeros = vec![0; 1 << 20];
        for offset in (0..SEGMENT_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, offset).expect("writes");
        }
        file.sync_all().expect("syncs");
        Self { file, offset_bytes: 0, buffer: Vec::new(), record_count: 0 }
    }
}

impl Contender for Plain {
    fn name(&self) -> &'static str {
        "plain file"
    }

    fn commit(&mut self, records: &[[u8; RECORD_BYTES]]) {
        self.buffer.clear();
        records.iter().for_each(|record| self.buffer.extend_from_slice(record));
        if self.offset_bytes + self.buffer.len() as u64 > SEGMENT_BYTES {
            // Where a log would go on to the next file that it has ready, this one starts over.
            self.offset_bytes = 0;
        }
        self.file.write_all_at(&self.buffer, self.offset_bytes).expect("writes");
        self.file.sync_data().expect("syncs");
        self.offset_bytes += self.buffer.len() as u64;
        self.record_count += records.len() as u64;
    }

    fn check(self: Box<Self>) -> u64 {
        let mut found = [0; RECORD_BYTES];
        for index in 0..self.record_count {
            self.file.read_exact_at(&mut found, index * RECORD_BYTES as u64).expect("reads");
            assert_eq!(found, record(index));
        }
        self.record_count
    }
}

/// Makes segments ready ahead of need, as a server's background thread does.
struct Helper {
    stop: Option<std::sync::mpsc::SyncSender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Helper {
    fn new(handle: Arc<dyn LogHandle>) -> Self {
        let (stop, stopped) = sync_channel::<()>(0);
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(Duration::from_millis(20)).is_err_and(|error| !is_over(error)) {
                handle.maintain().expect("there is room");
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

fn is_over(error: std::sync::mpsc::RecvTimeoutError) -> bool {
    error == std::sync::mpsc::RecvTimeoutError::Disconnected
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("no panic");
        }
    }
}

/// Our log, one thread: submit, wait, submit.
struct OneThread {
    log: Box<dyn Log>,
    batch: Batch,
    folder: PathBuf,
}

impl OneThread {
    fn new(folder: &Path) -> Self {
        let log = open_log(folder, SEGMENTS_AHEAD).log;
        Self { log, batch: Batch::new(), folder: folder.to_owned() }
    }
}

fn submit(log: &mut dyn Log, batch: &mut Batch, records: &[[u8; RECORD_BYTES]]) -> Ticket {
    let end = log.end();
    batch.clear();
    for (index, record) in (end.0..).zip(records) {
        batch.push(stream(index), record);
    }
    log.submit(Term(1), end, batch).expect("there is room")
}

impl Contender for OneThread {
    fn name(&self) -> &'static str {
        "log, one thread"
    }

    fn prepare(&mut self) {
        self.log.handle().maintain().expect("there is room");
    }

    fn commit(&mut self, records: &[[u8; RECORD_BYTES]]) {
        let ticket = submit(&mut *self.log, &mut self.batch, records);
        self.log.wait(ticket).expect("syncs");
    }

    fn check(self: Box<Self>) -> u64 {
        let Self { log, folder, .. } = *self;
        log.close().expect("closes");
        check_log(&folder)
    }
}

fn check_log(folder: &Path) -> u64 {
    let log = open_log(folder, 1).log;
    let mut reader = log.handle().read(Position::START).expect("held");
    let count = count_records(&mut *reader, |position, payload| assert_eq!(payload, record(position)));
    assert_eq!(Position(count), log.end());
    count
}

fn count_records(reader: &mut dyn BatchReader, mut check: impl FnMut(u64, &[u8])) -> u64 {
    let mut count = 0;
    while let Some(batch) = reader.next().expect("reads") {
        for found in batch.records() {
            assert_eq!(found.position.0, count);
            check(count, found.payload);
            count += 1;
        }
    }
    count
}

/// Where the segments of a round come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Segments {
    /// They were made ready before it.
    MadeBefore,
    /// They are made by a third thread while it goes on, on the same disk.
    MadeMeanwhile,
}

/// Our log with one thread that submits the next batch while another waits for the last.
struct TwoThreads {
    log: Box<dyn Log>,
    batch: Batch,
    folder: PathBuf,
    last: Option<Ticket>,
    tickets: Option<std::sync::mpsc::SyncSender<Ticket>>,
    waiter: Option<std::thread::JoinHandle<()>>,
    segments: Segments,
    helper: Option<Helper>,
}

impl TwoThreads {
    fn new(folder: &Path, segments: Segments) -> Self {
        let segments_ahead = if segments == Segments::MadeBefore { SEGMENTS_AHEAD } else { 1 };
        let log = open_log(folder, segments_ahead).log;
        // One batch may be written while one is being synced.
        let (tickets, waiting) = sync_channel::<Ticket>(0);
        let handle = log.handle();
        let helper = (segments == Segments::MadeMeanwhile).then(|| Helper::new(Arc::clone(&handle)));
        let waiter = std::thread::spawn(move || {
            for ticket in waiting {
                handle.wait(ticket).expect("syncs");
            }
        });
        Self {
            log,
            batch: Batch::new(),
            folder: folder.to_owned(),
            last: None,
            tickets: Some(tickets),
            waiter: Some(waiter),
            segments,
            helper,
        }
    }
}

impl Contender for TwoThreads {
    fn name(&self) -> &'static str {
        match self.segments {
            Segments::MadeBefore => "log, two threads",
            Segments::MadeMeanwhile => "log, making segments as well",
        }
    }

    fn prepare(&mut self) {
        self.log.handle().maintain().expect("there is room");
    }

    fn commit(&mut self, records: &[[u8; RECORD_BYTES]]) {
        let ticket = submit(&mut *self.log, &mut self.batch, records);
        self.last = Some(ticket);
        self.tickets.as_ref().expect("not settled for good").send(ticket).expect("no panic");
    }

    fn settle(&mut self) {
        if let Some(ticket) = self.last {
            self.log.wait(ticket).expect("syncs");
        }
    }

    fn check(mut self: Box<Self>) -> u64 {
        self.settle();
        drop(self.helper.take());
        drop(self.tickets.take());
        self.waiter.take().expect("once").join().expect("no panic");
        let Self { log, folder, .. } = *self;
        log.close().expect("closes");
        check_log(&folder)
    }
}

#[cfg(walras_fjall)]
mod database {
    use super::{Contender, Path, RECORD_BYTES, record};
    use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

    /// fjall with the record's number as its key, one batch and one sync of its journal a commit.
    pub struct Fjall {
        database: Database,
        keyspace: Keyspace,
        record_count: u64,
    }

    impl Fjall {
        pub fn new(folder: &Path) -> Self {
            let database = Database::builder(folder).open().expect("opens");
            let keyspace = database.keyspace("records", KeyspaceCreateOptions::default).expect("made");
            Self { database, keyspace, record_count: 0 }
        }
    }

    impl Contender for Fjall {
        fn name(&self) -> &'static str {
            "fjall 3.1"
        }

        fn commit(&mut self, records: &[[u8; RECORD_BYTES]]) {
            let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
            for record in records {
                batch.insert(&self.keyspace, self.record_count.to_be_bytes(), &record[..]);
                self.record_count += 1;
            }
            batch.commit().expect("commits");
        }

        fn check(self: Box<Self>) -> u64 {
            for index in 0..self.record_count {
                let found = self.keyspace.get(index.to_be_bytes()).expect("reads").expect("there");
                assert_eq!(found.as_ref(), record(index));
            }
            self.record_count
        }
    }
}

fn contenders(place: &Path) -> Vec<Box<dyn Contender>> {
    vec![
        Box::new(Plain::new(&place.join("plain"))),
        Box::new(OneThread::new(&place.join("one"))),
        Box::new(TwoThreads::new(&place.join("two"), Segments::MadeBefore)),
        Box::new(TwoThreads::new(&place.join("three"), Segments::MadeMeanwhile)),
        #[cfg(walras_fjall)]
        Box::new(database::Fjall::new(&place.join("fjall"))),
    ]
}

/// One round's outcome.
struct Round {
    records_per_second: f64,
    /// How long each commit took, in order of size.
    commits: Vec<Duration>,
}

fn round(contender: &mut dyn Contender, records: &[[u8; RECORD_BYTES]]) -> Round {
    contender.prepare();
    let mut commits = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < ROUND_TIME {
        let before = Instant::now();
        contender.commit(records);
        commits.push(before.elapsed());
    }
    contender.settle();
    let records_per_second = (commits.len() * records.len()) as f64 / begun.elapsed().as_secs_f64();
    commits.sort_unstable();
    Round { records_per_second, commits }
}

fn throughput(place: &Path, only: Option<usize>) {
    say(format!("durable records of {RECORD_BYTES} bytes a second, median of {ROUND_COUNT} rounds"));
    for (index, mut contender) in contenders(&place.join("check")).into_iter().enumerate() {
        let name = contender.name();
        let records: Vec<_> = (0..3_000).map(record).collect();
        records.chunks(100 + index).for_each(|batch| contender.commit(batch));
        assert_eq!(contender.check(), 3_000, "{name} gives back what it was given");
    }
    for size in BATCH_SIZES.into_iter().filter(|size| only.is_none_or(|only| only == *size)) {
        let folder = place.join(size.to_string());
        let mut contenders = contenders(&folder);
        let records: Vec<_> = (0..size as u64).map(record).collect();
        let mut rounds: Vec<Vec<Round>> = contenders.iter().map(|_| Vec::new()).collect();
        for _ in 0..ROUND_COUNT {
            for (contender, rounds) in contenders.iter_mut().zip(&mut rounds) {
                rounds.push(round(&mut **contender, &records));
            }
        }
        say(format!("{size} a batch"));
        for (contender, mut rounds) in contenders.iter().zip(rounds) {
            rounds.sort_by(|one, two| one.records_per_second.total_cmp(&two.records_per_second));
            let median = &rounds[ROUND_COUNT / 2];
            let at =
                |part: usize| median.commits[(median.commits.len() - 1) * part / 100].as_secs_f64() * 1e6;
            say(format!(
                "  {:<28} {:>11.0}/s   lowest {:>11.0}, highest {:>11.0}   commit p50 {:>6.0} us, p99 {:>6.0} us",
                contender.name(),
                median.records_per_second,
                rounds[0].records_per_second,
                rounds[ROUND_COUNT - 1].records_per_second,
                at(50),
                at(99),
            ));
        }
        drop(contenders);
        std::fs::remove_dir_all(folder).expect("removes");
    }
}

fn recovery(place: &Path) {
    let folder = place.join("recovery");
    {
        let mut log = open_log(&folder, 1).log;
        let mut batch = Batch::new();
        let mut ticket = Ticket { end: Position::START };
        for first in (0..RECOVERY_RECORD_COUNT).step_by(250) {
            let records: Vec<_> = (first..first + 250).map(record).collect();
            ticket = submit(&mut *log, &mut batch, &records);
        }
        log.wait(ticket).expect("syncs");
        // Not closed: the start has to find out by itself where the log ends.
    }
    assert_eq!(check_log(&folder), RECOVERY_RECORD_COUNT);
    let mut opening = Vec::new();
    let mut reading = Vec::new();
    for _ in 0..ROUND_COUNT {
        let begun = Instant::now();
        let log = open_log(&folder, 1).log;
        opening.push(begun.elapsed());
        let begun = Instant::now();
        let mut heads = Heads::start();
        let mut reader = log.handle().read(Position::START).expect("held");
        while let Some(batch) = reader.next().expect("reads") {
            heads.accept(&batch).expect("the chains hold");
        }
        reading.push(begun.elapsed());
        assert_eq!(heads.position, Position(RECOVERY_RECORD_COUNT));
    }
    let stored: u64 = std::fs::read_dir(&folder)
        .expect("lists")
        .map(|entry| entry.expect("lists").metadata().expect("there").len())
        .sum();
    say(format!("{RECOVERY_RECORD_COUNT} records, {} MiB of files in the page cache", stored >> 20));
    say(format!("  opening: all read, checksums and chains checked  {}", spread(&mut opening)));
    say(format!("  reading once more for replay, checked again       {}", spread(&mut reading)));

    let Opened { log, snapshots, .. } = open_log(&folder, 1);
    snapshots.write(log.heads(), &vec![1; 64 << 20]).expect("there is room");
    log.handle().trim(log.end()).expect("nothing breaks");
    drop((log, snapshots));
    let mut opening: Vec<_> = (0..ROUND_COUNT)
        .map(|_| {
            let begun = Instant::now();
            let opened = open_log(&folder, 1);
            let snapshot = opened.snapshots.latest().expect("reads").expect("there is one");
            let elapsed = begun.elapsed();
            assert_eq!(snapshot.heads.position, Position(RECOVERY_RECORD_COUNT));
            elapsed
        })
        .collect();
    say(format!("  opening behind a snapshot of 64 MiB, which is read {}", spread(&mut opening)));
}

fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    format!(
        "median {:>5.0} ms, lowest {:>5.0}, highest {:>5.0}",
        ms(times[times.len() / 2]),
        ms(times[0]),
        ms(times[times.len() - 1])
    )
}

fn say(line: String) {
    writeln!(std::io::stdout(), "{line}").expect("somebody listens");
}
