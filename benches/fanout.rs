//! What it costs to hand records to several readers: our ring against tokio's broadcast channel, a crossbeam
//! channel for each reader, and the disruptor crate.
//!
//! `fanout/<bytes>x<readers>` is time per record from the first one published until every reader, each on
//! its own thread, has read the last and summed up their first words. Peers get records as arrays in place, the
//! best case for them; none may lose a record. Each sum is checked. Idle threads spin a little, then yield.
//! `turn/...` is the ring alone on one thread: 64 records published one by one (or as one batch), then read by each
//! reader in one run, time per record.

use std::hint;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use disruptor::wait_strategies::WaitStrategy;
use tokio::sync::broadcast;
use walras::fanout::{GatedReader, Producer, Records, Settings, ring};

/// Bytes in flight, about, that each contender may hold.
const CAPACITY_BYTES: usize = 1 << 20;
const READ_BUDGET_BYTES: usize = 64 << 10;
const TURN_RECORDS: usize = 64;

/// Waits politely: the machine may have fewer cores than the bench has threads.
#[derive(Default)]
struct Idle {
    turns: u32,
}

impl Idle {
    fn wait(&mut self) {
        self.turns += 1;
        if self.turns.is_multiple_of(64) { thread::yield_now() } else { hint::spin_loop() }
    }
}

fn record<const BYTES: usize>(number: u64) -> [u8; BYTES] {
    let mut record = [0x5a; BYTES];
    record[..8].copy_from_slice(&number.to_le_bytes());
    record
}

fn first_word(record: &[u8]) -> u64 {
    u64::from_le_bytes(*record.first_chunk().expect("records have a number"))
}

/// The sum of all numbers below `count`: what each reader must come to.
fn sum_of(count: u64) -> u64 {
    (0..count).fold(0, u64::wrapping_add)
}

/// Starts readers on threads of their own, then times `publish` and their way to the end; checks each sum.
fn timed<R, P>(count: u64, readers: Vec<R>, publish: P) -> Duration
where
    R: FnOnce() -> u64 + Send,
    P: FnOnce(),
{
    let barrier = Arc::new(Barrier::new(readers.len() + 1));
    thread::scope(|scope| {
        let readers: Vec<_> = readers
            .into_iter()
            .map(|reader| {
                let barrier = Arc::clone(&barrier);
                scope.spawn(move || {
                    barrier.wait();
                    reader()
                })
            })
            .collect();
        barrier.wait();
        let started_at = Instant::now();
        publish();
        let sums: Vec<u64> = readers.into_iter().map(|reader| reader.join().expect("it reads")).collect();
        let elapsed = started_at.elapsed();
        assert!(sums.iter().all(|&sum| sum == sum_of(count)), "a reader lost or repeated records");
        elapsed
    })
}

fn through_ring<const BYTES: usize>(count: u64, readers: usize, batch: u64) -> Duration {
    let settings = Settings { capacity_bytes: CAPACITY_BYTES, ..Settings::default() };
    let (mut producer, ring) = ring(settings);
    let readers = (0..readers).map(|_| ring.gated_reader().expect("a gate is free"));
    let readers = readers.map(|mut reader| {
        move || {
            let (mut records, mut idle) = (Records::with_capacity(READ_BUDGET_BYTES), Idle::default());
            let mut sum = 0_u64;
            while reader.next_number() < count {
                records.clear();
                if reader.read_many(&mut records, READ_BUDGET_BYTES) == 0 {
                    idle.wait();
                }
                for record in records.iter() {
                    sum = sum.wrapping_add(first_word(record.bytes));
                }
            }
            sum
        }
    });
    timed(count, readers.collect(), || {
        let mut idle = Idle::default();
        for number in 0..count {
            let record = record::<BYTES>(number);
            while producer.stage(&[&record]).is_err() {
                producer.commit();
                idle.wait();
            }
            if (number + 1) % batch == 0 {
                producer.commit();
            }
        }
        producer.commit();
    })
}

fn through_tokio<const BYTES: usize>(count: u64, readers: usize) -> Duration {
    let capacity = CAPACITY_BYTES / BYTES;
    let (sender, _) = broadcast::channel::<[u8; BYTES]>(capacity);
    let readers = (0..readers).map(|_| sender.subscribe()).map(|mut receiver| {
        move || {
            let (mut sum, mut idle) = (0_u64, Idle::default());
            let mut left = count;
            while left > 0 {
                match receiver.try_recv() {
                    Ok(record) => {
                        sum = sum.wrapping_add(first_word(&record));
                        left -= 1;
                    }
                    Err(broadcast::error::TryRecvError::Empty) => idle.wait(),
                    Err(error) => panic!("{error}"),
                }
            }
            sum
        }
    });
    timed(count, readers.collect(), || {
        let mut idle = Idle::default();
        for number in 0..count {
            // It overwrites what is not read; looking now and then keeps that from happening.
            if number % (capacity as u64 / 4) == 0 {
                while sender.len() > capacity / 2 {
                    idle.wait();
                }
            }
            assert!(sender.send(record(number)).is_ok(), "readers are there");
        }
    })
}

fn through_channels<const BYTES: usize>(count: u64, readers: usize) -> Duration {
    let channel = |_| crossbeam_channel::bounded::<[u8; BYTES]>(CAPACITY_BYTES / BYTES);
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..readers).map(channel).unzip();
    let readers = receivers.into_iter().map(|receiver| {
        move || {
            let numbers = (0..count).map(|_| first_word(&receiver.recv().expect("the sender is there")));
            numbers.fold(0, u64::wrapping_add)
        }
    });
    timed(count, readers.collect(), || {
        for number in 0..count {
            let record = record(number);
            for sender in &senders {
                sender.send(record).expect("the reader is there");
            }
        }
    })
}

/// Spins a little, then yields, as the other contenders do.
#[derive(Clone, Copy)]
struct Yielding;

impl WaitStrategy for Yielding {
    fn wait_for(&self, _: disruptor::Sequence) {
        (0..64).for_each(|_| hint::spin_loop());
        thread::yield_now();
    }
}

fn through_disruptor<const BYTES: usize>(count: u64, readers: usize) -> Duration {
    let sums: Arc<Vec<AtomicU64>> = Arc::new((0..readers).map(|_| AtomicU64::new(0)).collect());
    let handler = |reader: usize| {
        let sums = Arc::clone(&sums);
        move |sum: &mut u64, record: &[u8; BYTES], _: disruptor::Sequence, is_last_of_run: bool| {
            *sum = sum.wrapping_add(first_word(record));
            if is_last_of_run {
                sums[reader].store(*sum, Relaxed);
            }
        }
    };
    let slots = (CAPACITY_BYTES / BYTES).next_power_of_two();
    let builder = disruptor::build_single_producer(slots, || [0; BYTES], Yielding);
    let elapsed = match readers {
        1 => drive(builder.handle_events_and_state_with(handler(0), || 0).build(), count),
        2 => drive(
            builder
                .handle_events_and_state_with(handler(0), || 0)
                .handle_events_and_state_with(handler(1), || 0)
                .build(),
            count,
        ),
        4 => drive(
            builder
                .handle_events_and_state_with(handler(0), || 0)
                .handle_events_and_state_with(handler(1), || 0)
                .handle_events_and_state_with(handler(2), || 0)
                .handle_events_and_state_with(handler(3), || 0)
                .build(),
            count,
        ),
        _ => unreachable!("the bench has 1, 2 or 4 readers"),
    };
    assert!(sums.iter().all(|sum| sum.load(Relaxed) == sum_of(count)), "a reader lost or repeated records");
    elapsed
}

fn drive<const BYTES: usize>(mut producer: impl disruptor::Producer<[u8; BYTES]>, count: u64) -> Duration {
    let started_at = Instant::now();
    let mut idle = Idle::default();
    for number in 0..count {
        while producer.try_publish(|slot| *slot = record(number)).is_err() {
            idle.wait();
        }
    }
    // Dropping it waits until its readers are through.
    drop(producer);
    started_at.elapsed()
}

fn fanout<const BYTES: usize>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fanout");
    group.throughput(Throughput::Elements(1)).sample_size(20);
    for readers in [1, 2, 4] {
        let id = |name| BenchmarkId::new(name, format!("{BYTES}x{readers}"));
        let mut contender = |name, run: fn(u64, usize) -> Duration| {
            run(10_000, readers);
            group.bench_function(id(name), |bencher| bencher.iter_custom(|count| run(count, readers)));
        };
        contender("ring", |count, readers| through_ring::<BYTES>(count, readers, 1));
        contender("ring, batches of 32", |count, readers| through_ring::<BYTES>(count, readers, 32));
        contender("disruptor", through_disruptor::<BYTES>);
        contender("tokio broadcast", through_tokio::<BYTES>);
        contender("crossbeam channels", through_channels::<BYTES>);
    }
}

/// Publishes a turn of records one by one. Not inlined, so that a profiler counts it apart.
#[inline(never)]
fn publish_turn(producer: &mut Producer, record: &[u8]) {
    for _ in 0..TURN_RECORDS {
        producer.try_publish(&[record]).expect("the last turn was read");
    }
}

/// Publishes a turn of records as one batch, in three parts as a host does.
#[inline(never)]
fn publish_turn_as_batch(producer: &mut Producer, parts: &[&[u8]]) {
    for _ in 0..TURN_RECORDS {
        producer.stage(parts).expect("the last turn was read");
    }
    producer.commit();
}

/// Reads a turn.
#[inline(never)]
fn read_turn(reader: &mut GatedReader, records: &mut Records) -> usize {
    records.clear();
    reader.read_many(records, READ_BUDGET_BYTES)
}

fn turn<const BYTES: usize>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("turn");
    group.throughput(Throughput::Elements(TURN_RECORDS as u64));
    let record = [0x5a; BYTES];
    let (header, rest) = record.split_at(BYTES / 4);
    let (head, tail) = rest.split_at(BYTES / 2 - 3);
    for readers in [1, 2, 4] {
        for is_batch in [false, true] {
            let (mut producer, ring) =
                ring(Settings { capacity_bytes: CAPACITY_BYTES, ..Settings::default() });
            let gated =
                || (ring.gated_reader().expect("a gate is free"), Records::with_capacity(READ_BUDGET_BYTES));
            let mut readers: Vec<_> = (0..readers).map(|_| gated()).collect();
            let name = if is_batch { "one batch in parts" } else { "one by one" };
            let id = BenchmarkId::new(name, format!("{BYTES}x{}", readers.len()));
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    if is_batch {
                        publish_turn_as_batch(&mut producer, &[header, head, tail]);
                    } else {
                        publish_turn(&mut producer, &record);
                    }
                    for (reader, records) in &mut readers {
                        assert_eq!(read_turn(reader, records), TURN_RECORDS);
                    }
                });
                let (_, records) = &readers[0];
                assert!(records.iter().all(|read| read.bytes == record));
            });
        }
    }
}

criterion_group!(benches, fanout::<64>, fanout::<320>, turn::<64>, turn::<320>);
criterion_main!(benches);
