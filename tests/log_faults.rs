//! Every write and sync of a run goes wrong in turn, in every way, and the power fails with every kind of loss.
//!
//! Whatever happens, what the log holds afterwards is a prefix of what was
//! submitted, cut between batches, and holds everything acknowledged as durable.

use std::sync::Arc;

use walras::log::testing::{Fault, Loss, SimDisk};
use walras::log::{
    Batch, Durability, Epoch, EpochChange, Files, Fresh, Hash, Heads, Log, LogError, LogId, Opened, Options,
    Position, StreamId, Term, Ticket, open_on,
};

const TERM: Term = Term(3);
const DISK_BYTES: usize = 1 << 20;

/// The records of one batch of the run: what they must look like wherever they are found.
fn records(index: u64, position: Position) -> impl Iterator<Item = (StreamId, Vec<u8>)> {
    (0..1 + index % 3).map(move |record| {
        let length = 40 + (index * 37 + record * 11) % 300;
        let payload = (0..length).map(|byte| (byte + position.0 + record) as u8).collect();
        (StreamId([(index + record) as u8 % 5; 16]), payload)
    })
}

fn time_us(index: u64) -> u64 {
    1_000 + index
}

fn batch(index: u64, position: Position) -> Batch {
    let mut batch = Batch::new();
    batch.time_us = time_us(index);
    batch.digest = Hash([index as u8; 32]);
    for (stream, payload) in records(index, position) {
        match index % 13 {
            12 => batch.push_last(stream, &payload),
            _ => batch.push(stream, &payload),
        }
    }
    batch
}

fn fresh(name: &str) -> Fresh {
    let epoch = Epoch::new(name).expect("a valid name");
    Fresh { epoch, log_id: LogId(*b"0123456789abcdef") }
}

fn options(durability: Durability) -> Options {
    Options { durability, segment_bytes: 16 << 10, low_space_bytes: 0, ..Options::default() }
}

fn open(disk: &SimDisk, durability: Durability) -> Result<Opened, LogError> {
    open_on(disk.files(), options(durability), fresh("first"))
}

/// What a run did before it came to its end.
#[derive(Debug, Clone)]
struct Model {
    /// The position before each batch that was given to `submit`, and behind the last one.
    places: Vec<Position>,
    acknowledged: Position,
}

impl Model {
    fn new() -> Self {
        Self { places: vec![Position::START], acknowledged: Position::START }
    }

    fn submitted(&self) -> Position {
        *self.places.last().expect("never empty")
    }

    /// Makes the next batch and notes where it goes.
    fn next_batch(&mut self) -> Batch {
        let position = self.submitted();
        let batch = batch(self.places.len() as u64 - 1, position);
        self.places.push(position.after(batch.record_count() as u64));
        batch
    }
}

/// Appends `count` batches, waiting, snapshotting, archiving and trimming in between, until the log gives up.
fn run(disk: &SimDisk, count: usize) -> Model {
    let mut model = Model::new();
    let Ok(Opened { mut log, snapshots, archives, .. }) = open(disk, Durability::Fsync) else { return model };
    let handle = log.handle();
    let mut snapshot_heads = Heads::start();
    // A trim that cannot sync where the log will begin freezes it, and what comes next only says so.
    let mut trimming = None;
    for index in 0..count {
        let position = model.submitted();
        let batch = model.next_batch();
        // A disk that is full for a moment harms nothing: the batch is taken later.
        let taken = match log.submit(TERM, position, &batch) {
            Err(LogError::Full) => log.submit(TERM, position, &batch),
            other => other,
        };
        let ticket = match taken {
            Ok(ticket) => ticket,
            Err(error) => {
                assert_frozen(&mut *log, &cause_of(error, trimming), &model);
                return model;
            }
        };
        if index % 4 == 3 {
            match log.wait(ticket) {
                Ok(durable) => model.acknowledged = durable,
                Err(error) => {
                    assert_frozen(&mut *log, &cause_of(error, trimming), &model);
                    return model;
                }
            }
        }
        if index % 25 == 24 {
            // These may fail, most of them without harm to the log.
            let mut reader = handle.read(snapshot_heads.position).expect("the snapshot's position is held");
            while let Ok(Some(batch)) = reader.next() {
                snapshot_heads.accept(&batch).expect("the chains hold");
            }
            let _ = snapshots.write(&snapshot_heads, &state_at(snapshot_heads.position));
            let _ = archives.collect(&*handle, handle.start(), &[StreamId([200; 16])]);
            trimming = handle.trim(snapshot_heads.position).err().or(trimming);
            let _ = handle.maintain();
        }
    }
    if log.close().is_ok() {
        model.acknowledged = model.submitted();
    }
    model
}

/// The failure that froze the log: this one, or the one before that it speaks of.
fn cause_of(error: LogError, before: Option<LogError>) -> LogError {
    if matches!(error, LogError::Frozen { .. }) { before.unwrap_or(error) } else { error }
}

fn state_at(position: Position) -> Vec<u8> {
    vec![position.0 as u8; 700]
}

/// After a failure nothing is appended or acknowledged any more, and reading what was durable goes on.
fn assert_frozen(log: &mut dyn Log, error: &LogError, model: &Model) {
    assert!(matches!(error, LogError::Io { .. }), "the first failure says what it is: {error}");
    let end = log.end();
    let mut late = batch(0, end);
    late.time_us = u64::MAX;
    let again = log.submit(TERM, end, &late);
    assert!(matches!(again, Err(LogError::Frozen { .. })), "{again:?}");
    let handle = log.handle();
    let waited = handle.wait(Ticket { end: handle.durable().after(1) });
    assert!(matches!(waited, Err(LogError::Frozen { .. })), "{waited:?}");
    assert!(handle.durable() >= model.acknowledged);
}

/// Opens what is left and checks it against the model, then appends one more batch.
fn check(disk: &SimDisk, durability: Durability, model: &Model, least: Position) -> Result<Opened, LogError> {
    let mut opened = open(disk, durability)?;
    let (start, end) = (opened.recovery.start, opened.recovery.end);
    assert!(end >= least, "acknowledged to {least}, recovered to {end}");
    assert!(model.places.contains(&end), "recovered to {end}, which is inside a batch");
    let handle = opened.log.handle();
    assert_eq!((handle.start(), handle.durable(), opened.log.end()), (start, end, end));

    let mut heads = Heads::start();
    if let Some(snapshot) = opened.snapshots.latest().expect("snapshots can be read") {
        assert_eq!(snapshot.bytes, state_at(snapshot.heads.position), "a snapshot is whole or not there");
        heads = snapshot.heads;
    }
    assert!(start <= heads.position, "a snapshot covers what is trimmed");
    let mut reader = handle.read(start).expect("the start is held");
    let mut position = start;
    while let Some(stored) = reader.next().expect("an opened log can be read") {
        let index = model.places.iter().position(|place| *place == position).expect("a batch's place");
        let found = stored.records().map(|record| (record.stream, record.payload.to_vec()));
        assert!(found.eq(records(index as u64, position)), "the records at {position} are those submitted");
        assert_eq!(stored.time_us(), time_us(index as u64));
        assert_eq!(stored.digest(), Hash([index as u8; 32]));
        if position >= heads.position {
            heads.accept(&stored).expect("the chains hold from the snapshot on");
        }
        position = stored.end();
    }
    assert_eq!(position, end);
    assert_eq!(&heads, opened.log.heads());

    for name in disk.list().expect("lists").iter().filter(|name| name.starts_with("spare-")) {
        let contents = disk.contents(name).expect("there");
        assert!(contents.iter().all(|byte| *byte == 0), "{name} is ready, so it is all zeros");
    }

    // The log goes on from there.
    let mut more = batch(7, end);
    more.time_us = 1_000_000;
    let ticket = opened.log.submit(TERM, end, &more).expect("a recovered log takes more");
    opened.log.wait(ticket).expect("a recovered log syncs");
    Ok(opened)
}

/// The ways to lose what was not synced.
const LOSSES: [Loss; 5] =
    [Loss::Nothing, Loss::Everything, Loss::Lottery(1), Loss::Lottery(2), Loss::Lottery(3)];

/// How many batches a run has, which makes some hundred operations.
const BATCH_COUNT: usize = 110;

/// Plays the run once per operation with `fault` there.
fn every_operation(fault: Fault, mut verify: impl FnMut(&SimDisk, &Model, u64)) {
    let quiet = SimDisk::new(DISK_BYTES);
    let model = run(&quiet, BATCH_COUNT);
    let operation_count = quiet.operations().len() as u64;
    assert_eq!(model.acknowledged, model.submitted(), "nothing goes wrong without a fault");
    assert_eq!(model.places.len(), BATCH_COUNT + 1);
    assert!(operation_count > 200, "only {operation_count} operations");
    for index in 0..operation_count {
        let disk = SimDisk::new(DISK_BYTES);
        disk.fail_at(index, fault);
        let model = run(&disk, BATCH_COUNT);
        assert!(disk.operations().len() as u64 > index, "the run is the same up to the fault");
        verify(&disk, &model, index);
    }
}

/// With this fault everything acknowledged is there, whatever is lost, and stays there.
fn loses_nothing(fault: Fault) {
    every_operation(fault, |disk, model, index| {
        for loss in LOSSES {
            let disk = disk.fork();
            disk.restart(loss);
            let opened = check(&disk, Durability::Fsync, model, model.acknowledged)
                .unwrap_or_else(|error| panic!("{fault:?} at {index}, {loss:?}: {error}"));
            let (end, chain) = (opened.log.end(), opened.log.heads().chain);
            drop(opened);
            disk.restart(Loss::Everything);
            let again = open(&disk, Durability::Fsync)
                .unwrap_or_else(|error| panic!("{fault:?} at {index}, {loss:?}, then everything: {error}"));
            assert_eq!((again.log.end(), again.log.heads().chain), (end, chain));
        }
    });
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_fails_in_any_write_or_sync() {
    loses_nothing(Fault::PowerLoss);
}

#[test]
fn nothing_acknowledged_is_lost_when_any_write_or_sync_breaks() {
    loses_nothing(Fault::Broken);
}

#[test]
fn nothing_acknowledged_is_lost_when_any_operation_finds_the_disk_full() {
    loses_nothing(Fault::Full);
}

#[test]
fn a_short_write_is_carried_on_and_a_lying_sync_harms_only_when_the_power_fails() {
    every_operation(Fault::Lie, |disk, model, index| {
        assert_eq!(model.acknowledged, model.submitted(), "nothing fails openly");
        disk.restart(Loss::Nothing);
        let opened = check(disk, Durability::Fsync, model, model.acknowledged);
        assert!(opened.is_ok(), "a lie at {index}: {:?}", opened.err());
    });
}

#[test]
fn a_sync_that_lied_gives_a_prefix_or_is_noticed() {
    let (mut noticed, mut shorter) = (0, 0);
    for batch_count in 1..BATCH_COUNT / 2 {
        let disk = SimDisk::new(DISK_BYTES);
        let honest = run(&disk, batch_count);
        disk.restart(Loss::Nothing);
        let Ok(Opened { mut log, .. }) = open(&disk, Durability::Fsync) else { panic!("opens") };
        disk.lie_from_now_on();
        let mut model = honest.clone();
        for _ in 0..batch_count {
            let position = model.submitted();
            let batch = model.next_batch();
            let ticket = log.submit(TERM, position, &batch).expect("nothing fails openly");
            model.acknowledged = log.wait(ticket).expect("nothing fails openly");
        }
        drop(log);
        for loss in LOSSES {
            let disk = disk.fork();
            disk.restart(loss);
            match check(&disk, Durability::Fsync, &model, honest.acknowledged) {
                Ok(opened) if opened.recovery.end < model.acknowledged => shorter += 1,
                Ok(_) => {}
                Err(LogError::Corrupt(damage)) => {
                    assert!(damage.position < model.acknowledged, "{damage}");
                    noticed += 1;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert!(noticed > 0 && shorter > 0, "noticed {noticed}, shorter without a trace {shorter}");
}

#[test]
fn recovery_itself_may_be_cut_short_at_any_operation() {
    let disk = SimDisk::new(DISK_BYTES);
    let quiet = disk.fork();
    run(&quiet, BATCH_COUNT);
    disk.fail_at(quiet.operations().len() as u64 * 3 / 4, Fault::PowerLoss);
    let model = run(&disk, BATCH_COUNT);
    assert!(model.acknowledged < model.submitted(), "the run was cut");
    for loss in LOSSES {
        let crashed = disk.fork();
        crashed.restart(loss);
        let quiet = crashed.fork();
        drop(open(&quiet, Durability::Fsync).expect("opens"));
        let operation_count = quiet.operations().len() as u64;
        assert!(operation_count > 10);
        for index in 0..operation_count {
            for fault in [Fault::PowerLoss, Fault::Broken, Fault::Full] {
                for second in LOSSES {
                    let disk = crashed.fork();
                    disk.fail_at(index, fault);
                    drop(open(&disk, Durability::Fsync));
                    disk.restart(second);
                    let opened = check(&disk, Durability::Fsync, &model, model.acknowledged);
                    assert!(opened.is_ok(), "{loss:?}, {fault:?} at {index}, {second:?}: {:?}", opened.err());
                }
            }
        }
    }
}

#[test]
fn without_syncs_a_crash_of_the_machine_leaves_a_prefix_under_another_epoch() {
    for seed in 0..200 {
        let disk = SimDisk::new(DISK_BYTES);
        let Ok(Opened { mut log, .. }) = open(&disk, Durability::Os) else { panic!("opens") };
        let mut model = Model::new();
        for _ in 0..90 {
            let position = model.submitted();
            let batch = model.next_batch();
            let ticket = log.submit(TERM, position, &batch).expect("nothing fails");
            assert_eq!(log.wait(ticket).expect("nothing fails"), ticket.end);
        }
        drop(log);
        let killed = disk.fork();
        killed.restart(Loss::Nothing);
        check(&killed, Durability::Os, &model, model.submitted()).expect("a killed process loses nothing");

        disk.restart(Loss::Lottery(seed));
        let again = open_on(disk.files(), options(Durability::Fsync), fresh("second")).expect("opens");
        assert_eq!(again.recovery.epoch, EpochChange::Renewed);
        assert_eq!(again.log.handle().epoch(), fresh("second").epoch);
        let end = again.recovery.end;
        assert!(model.places.contains(&end));
        drop(again);
        disk.restart(Loss::Everything);
        let opened = check(&disk, Durability::Fsync, &model, end).expect("opens");
        assert_eq!((opened.recovery.epoch, opened.recovery.end), (EpochChange::Kept, end));
    }
}

#[test]
fn batches_are_taken_and_read_while_a_slow_disk_syncs() {
    let disk = SimDisk::new(DISK_BYTES);
    let Ok(Opened { mut log, .. }) = open(&disk, Durability::Fsync) else { panic!("opens") };
    let first = log.submit(TERM, Position(0), &batch(0, Position(0))).expect("taken");
    log.wait(first).expect("synced");
    disk.hold_syncs();
    let second = log.submit(TERM, first.end, &batch(1, first.end)).expect("taken");
    let handle = log.handle();
    let waiter = {
        let handle = Arc::clone(&handle);
        std::thread::spawn(move || handle.wait(second))
    };
    let third = log.submit(TERM, second.end, &batch(2, second.end)).expect("taken while the disk syncs");
    assert_eq!(handle.durable(), first.end, "nothing more is durable");
    let mut reader = handle.read(Position(0)).expect("held");
    assert_eq!(reader.next().expect("reads").map(|batch| batch.end()), Some(first.end));
    assert!(reader.next().expect("reads").is_none(), "what is not durable is not read");
    disk.release_syncs();
    assert!(waiter.join().expect("no panic").expect("synced") >= second.end);
    handle.wait(third).expect("synced");
    assert_eq!(reader.next().expect("reads").map(|batch| batch.end()), Some(second.end));
    assert_eq!(reader.next().expect("reads").map(|batch| batch.end()), Some(third.end));
}
