//! The ring among threads: readers of both kinds, some of which come and go, while the producer runs through
//! many turns of a small ring. Every record carries a pattern that its number determines.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use walras::fanout::{Bell, GatedReader, Producer, PublishError, Reader, Records, Ring, Settings, ring};

const PATIENCE: Duration = Duration::from_secs(60);
const RECORDS: u64 = 50_000;

/// A cheap random number that an index determines.
fn mixed(index: u64) -> u64 {
    let mixed = (index ^ index >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ mixed >> 27
}

/// Writes what record `number` says: its number, then up to 500 bytes that follow from it.
fn compose(number: u64, into: &mut Vec<u8>) {
    into.clear();
    into.extend_from_slice(&number.to_le_bytes());
    let bytes = mixed(number + 1) as usize % 500;
    into.extend((0..bytes).map(|at| (number as usize * 7 + at * 13) as u8));
}

/// Compares a record with what its number says, number included.
struct Checker {
    expected: Vec<u8>,
}

impl Checker {
    fn new() -> Self {
        Self { expected: Vec::new() }
    }

    fn check(&mut self, number: u64, record: &[u8]) {
        compose(number, &mut self.expected);
        assert!(record == self.expected, "record {number} is torn, lost or out of order");
    }
}

fn small_ring() -> (Producer, Ring) {
    ring(Settings { capacity_bytes: 32 << 10, gated_readers_max: 4 })
}

/// Publishes all records, some one by one, some staged in batches.
fn produce(mut producer: Producer) {
    let mut record = Vec::new();
    while producer.record_count() < RECORDS {
        let number = producer.record_count();
        compose(number, &mut record);
        let (head, tail) = record.split_at(mixed(number) as usize % record.len());
        if mixed(number / 16).is_multiple_of(2) {
            producer.publish(&[head, tail], PATIENCE).expect("gated readers go on");
        } else if producer.stage(&[head, tail]).is_err() {
            producer.commit();
            producer.wait_for_room(1024, PATIENCE).expect("gated readers go on");
        }
    }
    producer.commit();
}

/// Follows to the end, reading in runs or one by one; gives how many records it read.
fn follow_gated(mut reader: GatedReader, budget_bytes: Option<usize>) -> u64 {
    let (mut checker, mut one, mut many) = (Checker::new(), Vec::new(), Records::default());
    let mut read = 0;
    while reader.next_number() < RECORDS {
        let number = reader.next_number();
        let got = match budget_bytes {
            None => reader.read(&mut one).map_or(0, |_| {
                checker.check(number, &one);
                1
            }),
            Some(budget_bytes) => {
                many.clear();
                let got = reader.read_many(&mut many, budget_bytes);
                let numbers = number..;
                many.iter().zip(numbers).for_each(|(record, number)| checker.check(number, record.bytes));
                got
            }
        };
        assert_eq!(reader.next_number(), number + got as u64);
        read += got as u64;
        if got == 0 {
            thread::yield_now();
        }
    }
    read
}

/// Follows to the end; gives how many records it read and how many it missed.
fn follow(mut reader: Reader, budget_bytes: Option<usize>) -> (u64, u64) {
    let (mut checker, mut one, mut many) = (Checker::new(), Vec::new(), Records::default());
    let (mut read, mut missed) = (0, 0);
    while reader.next_number() < RECORDS {
        let number = reader.next_number();
        many.clear();
        let got = match budget_bytes {
            None => reader.read(&mut one).map(|got| usize::from(got.is_some())),
            Some(budget_bytes) => reader.read_many(&mut many, budget_bytes),
        };
        match got {
            Ok(got) => {
                let records = many.iter().map(|record| record.bytes);
                let records = records.chain((budget_bytes.is_none() && got == 1).then_some(&one[..]));
                records.zip(number..).for_each(|(record, number)| checker.check(number, record));
                assert_eq!(reader.next_number(), number + got as u64);
                read += got as u64;
                if got == 0 {
                    thread::yield_now();
                }
            }
            Err(overrun) => {
                assert!(many.is_empty());
                assert_eq!(reader.next_number(), number + overrun.missed);
                missed += overrun.missed;
            }
        }
    }
    (read, missed)
}

#[test]
fn gated_readers_lose_nothing_and_the_others_know_what_they_missed() {
    let (producer, ring) = small_ring();
    let gated = || ring.gated_reader().expect("a gate is free");
    let (one_by_one, in_runs) = (gated(), gated());
    let (free_one_by_one, free_in_runs) = (ring.reader(), ring.reader());
    thread::scope(|scope| {
        let gated = [
            scope.spawn(|| follow_gated(one_by_one, None)),
            scope.spawn(|| follow_gated(in_runs, Some(3000))),
        ];
        let free = [
            scope.spawn(|| follow(free_one_by_one, None)),
            scope.spawn(|| follow(free_in_runs, Some(usize::MAX))),
        ];
        scope.spawn(|| produce(producer));
        for reader in gated {
            assert_eq!(reader.join().expect("the reader is well"), RECORDS);
        }
        for reader in free {
            let (read, missed) = reader.join().expect("the reader is well");
            assert_eq!(read + missed, RECORDS);
        }
    });
}

#[test]
fn readers_without_a_gate_account_for_every_record_when_nothing_holds_the_producer() {
    let (producer, ring) = small_ring();
    let readers = [(); 2].map(|()| ring.reader());
    thread::scope(|scope| {
        let readers = readers.map(|reader| scope.spawn(|| follow(reader, Some(1000))));
        scope.spawn(|| produce(producer));
        for reader in readers {
            let (read, missed) = reader.join().expect("the reader is well");
            assert_eq!(read + missed, RECORDS);
        }
    });
}

#[test]
fn readers_come_and_go_while_the_producer_runs() {
    let (producer, ring) = small_ring();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let (mut checker, mut record) = (Checker::new(), Vec::new());
                while !is_done.load(Relaxed) {
                    let mut gated = ring.gated_reader().expect("a gate is free");
                    let mut free = ring.reader();
                    for _ in 0..20 {
                        let number = gated.next_number();
                        if gated.read(&mut record).is_some() {
                            checker.check(number, &record);
                        }
                        let number = free.next_number();
                        if let Ok(Some(_)) = free.read(&mut record) {
                            checker.check(number, &record);
                        }
                    }
                }
            });
        }
        scope.spawn(|| {
            produce(producer);
            is_done.store(true, Relaxed);
        });
    });
}

#[test]
fn a_gated_reader_that_stands_still_holds_the_producer_until_it_leaves() {
    let (mut producer, ring) = small_ring();
    let mut reader = ring.gated_reader().expect("a gate is free");
    let mut last = None;
    while let Ok(cursor) = producer.try_publish(&[&[1; 100]]) {
        last = Some(cursor);
    }
    let patience = Duration::from_millis(5);
    assert_eq!(producer.publish(&[&[2; 100]], patience), Err(PublishError::NoRoom));
    assert_eq!(Some(producer.head()), last);
    assert_eq!(ring.gated_lag_bytes_max(), reader.lag_bytes());

    // Another thread's reading is enough, and so is leaving.
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(reader.read(&mut Vec::new()), Some(100)));
        producer.publish(&[&[3; 100]], PATIENCE).expect("a record was read");
    });
    assert_eq!(producer.try_publish(&[&[4; 100]]), Err(PublishError::NoRoom));
    thread::scope(|scope| {
        scope.spawn(|| drop(reader));
        producer.publish(&[&[4; 100]], PATIENCE).expect("nobody holds the ring");
    });
    assert_eq!(ring.gated_lag_bytes_max(), 0);
}

#[test]
fn publishing_waits_with_what_was_staged_already_visible() {
    let (mut producer, ring) = small_ring();
    let mut reader = ring.gated_reader().expect("a gate is free");
    while producer.stage(&[&[5; 64]]).is_ok() {}
    assert_eq!(reader.read(&mut Vec::new()), None);
    let staged = producer.record_count();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut records = Records::default();
            while reader.next_number() <= staged {
                reader.read_many(&mut records, usize::MAX);
                thread::yield_now();
            }
            assert_eq!(records.iter().filter(|record| record.bytes == [5; 64]).count() as u64, staged);
            assert_eq!(records.iter().last().expect("they are kept").bytes, [6; 64]);
        });
        producer.publish(&[&[6; 64]], PATIENCE).expect("the reader goes on");
    });
}

#[test]
#[should_panic = "a commit ends where a staged record ends"]
fn a_commit_to_a_place_within_a_record_is_refused() {
    let (mut producer, _ring) = small_ring();
    let cursor = producer.stage(&[&[1; 10]]).expect("the ring is empty");
    producer.discard();
    producer.stage(&[&[1; 100]]).expect("the ring is empty");
    producer.commit_to(cursor);
}

#[test]
fn a_record_of_the_greatest_length_goes_through_and_one_byte_more_does_not() {
    let (mut producer, ring) = ring(Settings { capacity_bytes: 8 << 20, gated_readers_max: 1 });
    let mut reader = ring.gated_reader().expect("a gate is free");
    let record: Vec<u8> = (0..=ring.record_bytes_max()).map(|at| (at * at) as u8).collect();
    let bytes_max = record.len() - 1;
    assert_eq!(bytes_max, (1 << 20) - 1);
    let refused = Err(PublishError::TooLong { bytes: bytes_max + 1, bytes_max });
    assert_eq!(producer.try_publish(&[&record]), refused);
    let mut read = Vec::new();
    for _ in 0..20 {
        producer.try_publish(&[&record[..5], &record[5..bytes_max]]).expect("the last one was read");
        assert_eq!(reader.read(&mut read), Some(bytes_max));
        assert!(read == record[..bytes_max]);
    }
}

#[test]
fn a_reader_that_sleeps_is_woken_and_one_that_is_awake_misses_nothing() {
    let (mut producer, ring) = small_ring();
    let mut reader = ring.gated_reader().expect("there is room");
    let bell = Bell::default();
    let reading = thread::current();
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..RECORDS {
                producer.publish(&[&number.to_le_bytes()], PATIENCE).expect("the reader goes on");
                if bell.ring() {
                    reading.unpark();
                }
            }
        });
        let mut record = Vec::new();
        while reader.next_number() < RECORDS {
            bell.wake();
            while reader.read(&mut record).is_some() {}
            bell.fall_asleep();
            if reader.lag_bytes() == 0 && reader.next_number() < RECORDS {
                // Without a bound: a missed bell would be seen as a test that hangs.
                thread::park();
            }
        }
    });
    assert_eq!(reader.lag_bytes(), 0);
}
