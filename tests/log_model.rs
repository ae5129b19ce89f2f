//! Random histories on a simulated disk against a list of batches and a log in memory.

use proptest::prelude::*;
use walras::log::testing::{Loss, SimDisk};
use walras::log::{
    Batch, Epoch, Fresh, Hash, Heads, Log, LogError, LogId, MemoryLog, Opened, Options, Position, StreamId,
    Term, backup_on, open_on, record_hash, restore_on, verify_on,
};

const STREAM_COUNT: u8 = 6;

#[derive(Debug, Clone)]
enum Step {
    Submit(Vec<Record>),
    /// Waits for the oldest submitted batch that is not durable.
    Wait,
    Snapshot,
    /// Trims up to this part of the log, in 256ths.
    Trim(u8),
    Archive(u8),
    /// Reads from this part of the log, in 256ths.
    Read(u8),
    Maintain,
    Verify,
    /// Backs up, restores elsewhere and compares.
    Backup,
    RaiseTerm,
    Close,
    Kill,
    PowerLoss(u64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    stream: u8,
    ends: bool,
    payload: Vec<u8>,
}

fn step() -> impl Strategy<Value = Step> {
    let record = (0..STREAM_COUNT, prop::bool::weighted(0.1), prop::collection::vec(any::<u8>(), 0..400))
        .prop_map(|(stream, ends, payload)| Record { stream, ends, payload });
    prop_oneof![
        30 => prop::collection::vec(record, 1..6).prop_map(Step::Submit),
        10 => Just(Step::Wait),
        3 => Just(Step::Snapshot),
        3 => any::<u8>().prop_map(Step::Trim),
        2 => (0..STREAM_COUNT).prop_map(Step::Archive),
        4 => any::<u8>().prop_map(Step::Read),
        2 => Just(Step::Maintain),
        2 => Just(Step::Verify),
        1 => Just(Step::Backup),
        1 => Just(Step::RaiseTerm),
        1 => Just(Step::Close),
        1 => Just(Step::Kill),
        2 => any::<u64>().prop_map(Step::PowerLoss),
    ]
}

/// A batch of the model.
#[derive(Debug, Clone)]
struct Kept {
    position: Position,
    term: Term,
    time_us: u64,
    records: Vec<Record>,
}

impl Kept {
    fn end(&self) -> Position {
        self.position.after(self.records.len() as u64)
    }

    fn batch(&self) -> Batch {
        let mut batch = Batch::new();
        batch.time_us = self.time_us;
        batch.digest = Hash([self.time_us as u8; 32]);
        for record in &self.records {
            let stream = StreamId([record.stream; 16]);
            if record.ends {
                batch.push_last(stream, &record.payload);
            } else {
                batch.push(stream, &record.payload);
            }
        }
        batch
    }
}

struct World {
    disk: SimDisk,
    opened: Opened,
    kept: Vec<Kept>,
    acknowledged: Position,
    term: Term,
    clock_us: u64,
    start: Position,
}

fn open(disk: &SimDisk) -> Opened {
    let epoch = Epoch::new("model").expect("a valid name");
    let options = Options { segment_bytes: 10 << 10, low_space_bytes: 0, ..Options::default() };
    open_on(disk.files(), options, Fresh { epoch, log_id: LogId([3; 16]) }).expect("opens")
}

impl World {
    fn new() -> Self {
        let disk = SimDisk::new(1 << 24);
        let opened = open(&disk);
        Self {
            disk,
            opened,
            kept: Vec::new(),
            acknowledged: Position::START,
            term: Term(1),
            clock_us: 0,
            start: Position::START,
        }
    }

    fn end(&self) -> Position {
        self.kept.last().map_or(Position::START, Kept::end)
    }

    fn at(&self, part: u8) -> Position {
        Position(self.end().0 * u64::from(part) / 255)
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Submit(records) => self.submit(records),
            Step::Wait => self.wait(),
            Step::Snapshot => self.snapshot(),
            Step::Trim(part) => self.trim(self.at(part)),
            Step::Archive(stream) => self.archive(StreamId([stream; 16])),
            Step::Read(part) => self.read(self.at(part)),
            Step::Maintain => drop(self.opened.log.handle().maintain().expect("nothing breaks")),
            Step::Verify => self.verify(),
            Step::Backup => self.backup(),
            Step::RaiseTerm => {
                self.term = Term(self.term.0 + 1);
            }
            Step::Close => {
                let disk = self.disk.clone();
                replace_with(&mut self.opened, |opened| {
                    opened.log.close().expect("closes");
                    disk.restart(Loss::Everything);
                    open(&disk)
                });
                self.acknowledged = self.end();
                self.recovered();
            }
            Step::Kill => self.restart(Loss::Nothing),
            Step::PowerLoss(seed) => self.restart(Loss::Lottery(seed)),
        }
    }

    fn submit(&mut self, records: Vec<Record>) {
        self.clock_us += records.len() as u64;
        let kept = Kept { position: self.end(), term: self.term, time_us: self.clock_us, records };
        let seen = self.opened.log.heads().term;
        if seen > Term(0) {
            let late = self.opened.log.submit(Term(seen.0 - 1), kept.position, &kept.batch());
            assert!(matches!(late, Err(LogError::Fenced { term }) if term == seen));
        }
        let astray = self.opened.log.submit(self.term, kept.position.after(1), &kept.batch());
        assert!(matches!(astray, Err(LogError::Misplaced { .. })));
        let ticket = self.opened.log.submit(self.term, kept.position, &kept.batch()).expect("there is room");
        assert_eq!(ticket.end, kept.end());
        self.kept.push(kept);
    }

    fn wait(&mut self) {
        let acknowledged = self.acknowledged;
        if let Some(next) = self.kept.iter().find(|kept| kept.end() > acknowledged) {
            let ticket = walras::log::Ticket { end: next.end() };
            self.acknowledged = self.opened.log.wait(ticket).expect("nothing breaks");
            assert_eq!(self.acknowledged, self.end(), "one sync serves all that was written");
        }
    }

    fn snapshot(&mut self) {
        let (mut heads, mut count) = match self.opened.snapshots.latest().expect("reads") {
            None => (Heads::start(), 0),
            Some(snapshot) => {
                (snapshot.heads, u64::from_le_bytes(snapshot.bytes.try_into().expect("a count")))
            }
        };
        let mut reader = self.opened.log.handle().read(heads.position).expect("snapshots reach the log");
        while let Some(batch) = reader.next().expect("reads") {
            heads.accept(&batch).expect("the chains hold");
            count += batch.record_count() as u64;
        }
        assert_eq!(count, heads.position.0, "replay from a snapshot sees every record once");
        self.opened.snapshots.write(&heads, &count.to_le_bytes()).expect("there is room");
    }

    fn trim(&mut self, to: Position) {
        let handle = self.opened.log.handle();
        handle.trim(to).expect("nothing breaks");
        assert!(handle.start() >= self.start);
        assert!(handle.start() <= to.max(self.start), "nothing is removed that is needed");
        assert!(handle.start() <= self.opened.snapshots.covered());
        self.start = handle.start();
    }

    fn archive(&mut self, stream: StreamId) {
        let handle = self.opened.log.handle();
        if self.start > Position::START {
            return;
        }
        let sealed =
            self.opened.archives.collect(&*handle, Position::START, &[stream]).expect("there is room");
        let durable = self.kept.iter().filter(|kept| kept.end() <= handle.durable());
        let mut expected = Vec::new();
        for kept in durable {
            for (index, record) in kept.records.iter().enumerate() {
                if StreamId([record.stream; 16]) == stream {
                    expected.push((kept.position.after(index as u64), kept.time_us, record.clone()));
                }
            }
        }
        if let Some(last) = expected.iter().position(|(_, _, record)| record.ends) {
            expected.truncate(last + 1);
        }
        assert_eq!(sealed.is_empty(), expected.is_empty());
        let Some(mut archive) = self.opened.archives.read(stream).expect("reads") else { return };
        let mut head = Hash::ZERO;
        for (position, time_us, record) in &expected {
            let found = archive.next_record().expect("a sound archive").expect("as many records");
            let continues =
                if record.ends { walras::log::Continues::No } else { walras::log::Continues::Yes };
            head = record_hash(head, stream, continues, &record.payload);
            assert_eq!((found.position, found.time_us, found.hash), (*position, *time_us, head));
            assert_eq!(found.payload, record.payload);
        }
        if !expected.is_empty() {
            assert!(archive.next_record().expect("a sound archive").is_none());
            assert_eq!(archive.summary().head, head);
        }
    }

    fn read(&mut self, from: Position) {
        let handle = self.opened.log.handle();
        let durable = handle.durable();
        let mut reader = match handle.read(from) {
            Ok(reader) => reader,
            Err(LogError::Trimmed { start }) => return assert!(from < start && start == self.start),
            Err(LogError::Misplaced { end, .. }) => return assert!(from > durable && end == durable),
            Err(error) => panic!("{error}"),
        };
        assert!(from >= self.start);
        for kept in self.kept.iter().filter(|kept| kept.end() > from && kept.end() <= durable) {
            let stored = reader.next().expect("reads").expect("as many batches");
            assert_eq!(
                (stored.position(), stored.term(), stored.time_us()),
                (kept.position, kept.term, kept.time_us)
            );
            assert_eq!(stored.record_count(), kept.records.len());
            for (found, record) in stored.records().zip(&kept.records) {
                assert_eq!(
                    (found.stream, found.payload),
                    (StreamId([record.stream; 16]), &record.payload[..])
                );
            }
        }
        assert!(reader.next().expect("reads").is_none());
    }

    /// Somebody else reads the whole folder while the log is open.
    fn verify(&self) {
        let report = verify_on(&self.disk).expect("reads");
        assert!(report.is_sound() && report.torn.is_none(), "{report:?}");
        assert_eq!((report.start, report.end), (self.start, self.end()));
        assert_eq!(report.chain, self.opened.log.heads().chain);
        assert_eq!(report.record_count, self.end().0 - self.start.0);
    }

    fn backup(&self) {
        let (copy, restored) = (SimDisk::new(1 << 24), SimDisk::new(1 << 24));
        let copied = backup_on(&self.disk, &copy).expect("copies");
        assert_eq!((copied.start, copied.end), (self.start, self.end()));
        restore_on(&copy, &restored, Epoch::new("restored").expect("a valid name")).expect("restores");
        restored.restart(Loss::Everything);
        let mut again = open(&restored);
        assert_eq!(again.log.handle().epoch().as_str(), "restored");
        assert_eq!(again.log.heads(), self.opened.log.heads());
        let more = Kept { position: self.end(), term: self.term, time_us: self.clock_us, records: vec![] };
        let mut batch = more.batch();
        batch.push(StreamId([0; 16]), b"more");
        let ticket = again.log.submit(self.term, self.end(), &batch).expect("there is room");
        again.log.wait(ticket).expect("syncs");
    }

    fn restart(&mut self, loss: Loss) {
        let disk = self.disk.clone();
        replace_with(&mut self.opened, |opened| {
            drop(opened);
            disk.restart(loss);
            open(&disk)
        });
        if loss == Loss::Nothing {
            assert_eq!(self.opened.log.end(), self.end(), "a killed process loses nothing it wrote");
        }
        self.recovered();
    }

    /// Checks what was recovered and forgets what was not.
    fn recovered(&mut self) {
        let end = self.opened.log.end();
        assert!(end >= self.acknowledged);
        self.kept.retain(|kept| kept.end() <= end);
        assert_eq!(self.end(), end, "the end lies between batches");
        self.acknowledged = end;
        let start = self.opened.log.handle().start();
        assert!(start <= self.start, "a segment that was removed may be back");
        self.start = start;
    }

    /// The log on disk and one in memory that was given the same agree in every hash.
    fn compare_with_memory(&self) {
        let mut memory = MemoryLog::new(Epoch::new("memory").expect("a valid name"), 1 << 26);
        for kept in &self.kept {
            let _ = memory.submit(kept.term, kept.position, &kept.batch()).expect("there is room");
        }
        assert_eq!(memory.heads(), self.opened.log.heads());
    }
}

/// Replaces a value by one made from it.
fn replace_with(opened: &mut Opened, make: impl FnOnce(Opened) -> Opened) {
    let disk = SimDisk::new(1 << 20);
    let old = std::mem::replace(opened, open(&disk));
    *opened = make(old);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_is_kept_read_archived_and_recovered_as_the_model_says(
        steps in prop::collection::vec(step(), 1..120)
    ) {
        let mut world = World::new();
        for step in steps {
            world.apply(step);
        }
        world.compare_with_memory();
        world.restart(Loss::Everything);
        world.read(world.start);
        world.compare_with_memory();
    }
}
