//! The ring's protocol under loom, which tries every interleaving (up to a bound of preemptions) and every
//! value that a relaxed load may see. Built only with `RUSTFLAGS="--cfg walras_loom"`.
//!
//! The ring's own source is compiled into this test on loom's atomics. It is as small as a ring can be, 8 words,
//! and a record is 2: its header and its number. So 3 records fit, the end of the 4th lies on the start of the
//! first, and each word that a reader copies shows which record wrote it.
//!
//! What readers copy are atomic words, so a missing fence shows as a wrong number. Loom runs each thread's loads in
//! program order, so what keeps a gated reader's loads before the move of its gate cannot show that way: `Witness`
//! stands in for those loads as plain memory, for which loom demands an order between threads.
//!
//! Tried by hand: with any one fence of the ring or of the bell left out, any one acquire or release made relaxed, the
//! second look at `published` in `open_gate` left out, the number behind the last record left out or not claimed, or the
//! check after copying left out, a test fails.
#![cfg(walras_loom)]
#![allow(unsafe_code)]

use std::sync::Arc;

#[allow(dead_code, unused_imports, reason = "the model needs only a part of the ring")]
#[path = "../src/fanout/mod.rs"]
mod fanout;

use fanout::{Bell, Cursor, GatedReader, Overrun, Producer, PublishError, Reader, Records, Ring, Settings};
use loom::cell::UnsafeCell;
use loom::sync::atomic::{Ordering::Acquire, fence};
use loom::thread;

/// A piece of plain memory for each place in the ring: read before a record is read, written once the
/// producer has room for the third record after it.
#[derive(Clone, Default)]
struct Witness(Arc<[UnsafeCell<()>; 3]>);

// SAFETY: only loom looks at the cells, and it fails the test when two threads use one without order.
unsafe impl Send for Witness {}
// SAFETY: as above.
unsafe impl Sync for Witness {}

impl Witness {
    fn place(&self, number: u64) -> &UnsafeCell<()> {
        &self.0[number as usize % 3]
    }

    fn publish(&self, producer: &mut Producer, tries: usize) {
        for _ in 0..tries {
            let number = producer.record_count();
            if stage(producer).is_some() {
                self.place(number).with_mut(|_| ());
                producer.commit();
            }
        }
    }

    /// Looks at the place of the next record, if there is one.
    fn look(&self, reader: &GatedReader) {
        if reader.lag_bytes() > 0 {
            // Pairs with the store in `Producer::publish_to`, for the load in `lag_bytes`.
            fence(Acquire);
            self.place(reader.next_number()).with(|_| ());
        }
    }
}

/// Runs `body` in all interleavings with at most so many preemptions.
fn check(preemptions_max: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions_max);
    builder.check(body);
}

fn ring(gated_readers_max: usize) -> (Producer, Ring) {
    fanout::ring(Settings { capacity_bytes: 64, gated_readers_max })
}

/// Publishes so many records that have their number in them; each is given up when there is no room.
fn publish(producer: &mut Producer, tries: usize) {
    for _ in 0..tries {
        if stage(producer).is_some() {
            producer.commit();
        }
    }
}

fn stage(producer: &mut Producer) -> Option<Cursor> {
    let number = producer.record_count();
    match producer.stage(&[&number.to_le_bytes()]) {
        Ok(cursor) => Some(cursor),
        Err(error) => {
            assert_eq!(error, PublishError::NoRoom);
            None
        }
    }
}

fn number_in(record: &[u8]) -> u64 {
    u64::from_le_bytes(record.try_into().expect("a record is one number"))
}

/// Tries so many reads; each must give the next record, or none.
fn read_gated(reader: &mut GatedReader, tries: usize) {
    let mut record = Vec::new();
    for _ in 0..tries {
        let expected = reader.next_number();
        if reader.read(&mut record).is_some() {
            assert_eq!(number_in(&record), expected);
        }
        assert_eq!(reader.next_number(), expected + u64::from(!record.is_empty()));
        record.clear();
    }
}

/// Tries one read; gives how many records are behind the reader through it.
fn read(reader: &mut Reader) -> u64 {
    let mut record = Vec::new();
    let expected = reader.next_number();
    match reader.read(&mut record) {
        Ok(None) => assert_eq!(reader.next_number(), expected),
        Ok(Some(_)) => {
            assert_eq!(number_in(&record), expected);
            assert_eq!(reader.next_number(), expected + 1);
        }
        Err(Overrun { missed }) => {
            assert!(missed > 0);
            assert_eq!(reader.next_number(), expected + missed);
        }
    }
    reader.next_number() - expected
}

#[test]
fn a_gated_reader_gets_every_record_while_the_ring_wraps() {
    check(3, || {
        let (mut producer, ring) = ring(1);
        let mut reader = ring.gated_reader().expect("a gate is free");
        publish(&mut producer, 3);
        let reading = thread::spawn(move || {
            read_gated(&mut reader, 3);
            reader
        });
        publish(&mut producer, 3);
        let mut reader = reading.join().expect("the reader is well");
        read_gated(&mut reader, 3);
        assert_eq!(reader.next_number(), producer.record_count());
    });
}

#[test]
fn two_gated_readers_each_get_every_record() {
    check(2, || {
        let (mut producer, ring) = ring(2);
        let mut readers = [(); 2].map(|()| ring.gated_reader().expect("a gate is free"));
        publish(&mut producer, 3);
        for reader in &mut readers {
            read_gated(reader, 1);
        }
        let reading = readers.map(|mut reader| {
            thread::spawn(move || {
                read_gated(&mut reader, 1);
                reader
            })
        });
        publish(&mut producer, 2);
        for reader in reading {
            let mut reader = reader.join().expect("the reader is well");
            read_gated(&mut reader, 3);
            assert_eq!(reader.next_number(), producer.record_count());
        }
    });
}

#[test]
fn an_overrun_reader_sees_no_torn_record_and_counts_what_it_missed() {
    check(3, || {
        let (mut producer, ring) = ring(0);
        let mut reader = ring.reader();
        publish(&mut producer, 3);
        let reading = thread::spawn(move || {
            let behind = read(&mut reader) + read(&mut reader);
            (reader, behind)
        });
        publish(&mut producer, 3);
        let (mut reader, mut behind) = reading.join().expect("the reader is well");
        while behind < 6 {
            behind += read(&mut reader);
        }
        assert_eq!((behind, read(&mut reader)), (6, 0));
    });
}

#[test]
fn a_run_of_records_is_whole_or_overrun() {
    check(3, || {
        let (mut producer, ring) = ring(0);
        let mut reader = ring.reader();
        publish(&mut producer, 3);
        let reading = thread::spawn(move || {
            let mut records = Records::default();
            match reader.read_many(&mut records, 1000) {
                Ok(count) => {
                    assert!(records.iter().map(|record| number_in(record.bytes)).eq(0..count as u64))
                }
                Err(Overrun { missed }) => assert_eq!(reader.next_number(), missed),
            }
        });
        publish(&mut producer, 3);
        reading.join().expect("the reader is well");
    });
}

#[test]
fn a_late_reader_starts_at_a_record_and_knows_its_number() {
    check(3, || {
        let (mut producer, ring) = ring(0);
        publish(&mut producer, 2);
        let reading = thread::spawn(move || {
            let mut reader = ring.reader();
            assert!((2..=6).contains(&reader.next_number()));
            read(&mut reader);
        });
        publish(&mut producer, 4);
        reading.join().expect("the reader is well");
    });
}

#[test]
fn a_gated_reader_that_joins_while_the_ring_wraps_is_never_overwritten() {
    check(3, || {
        let (mut producer, ring) = ring(1);
        publish(&mut producer, 2);
        let reading = thread::spawn(move || {
            let mut reader = ring.gated_reader().expect("a gate is free");
            read_gated(&mut reader, 2);
        });
        publish(&mut producer, 5);
        reading.join().expect("the reader is well");
    });
}

#[test]
fn a_gated_reader_has_read_a_record_before_its_words_are_written_again() {
    check(3, || {
        let (mut producer, ring) = ring(1);
        let witness = Witness::default();
        let mut reader = ring.gated_reader().expect("a gate is free");
        witness.publish(&mut producer, 3);
        let looking = witness.clone();
        let reading = thread::spawn(move || {
            for _ in 0..2 {
                looking.look(&reader);
                read_gated(&mut reader, 1);
            }
        });
        witness.publish(&mut producer, 3);
        reading.join().expect("the reader is well");
    });
}

#[test]
fn a_gated_reader_that_leaves_has_read_before_its_words_are_written_again() {
    check(3, || {
        let (mut producer, ring) = ring(1);
        let witness = Witness::default();
        let reader = ring.gated_reader().expect("a gate is free");
        witness.publish(&mut producer, 3);
        let looking = witness.clone();
        let leaving = thread::spawn(move || looking.look(&reader));
        // Takes over the gate if it can; then the producer sees only its stores.
        let joining = thread::spawn(move || {
            if let Some(mut reader) = ring.gated_reader() {
                read_gated(&mut reader, 1);
            }
        });
        witness.publish(&mut producer, 2);
        leaving.join().expect("the reader is well");
        joining.join().expect("the reader is well");
    });
}

#[test]
fn what_is_staged_is_seen_only_up_to_the_cursor_committed() {
    check(3, || {
        let (mut producer, ring) = ring(1);
        let mut reader = ring.gated_reader().expect("a gate is free");
        let mut passer_by = ring.reader();
        let reading = thread::spawn(move || {
            read_gated(&mut reader, 2);
            assert!(read(&mut passer_by) <= 1);
        });
        let cursor = stage(&mut producer).expect("the ring is empty");
        producer.stage(&[b"never"]).expect("the ring has room");
        producer.commit_to(cursor);
        producer.discard();
        stage(&mut producer).expect("the ring has room");
        producer.commit();
        reading.join().expect("the reader is well");
    });
}

#[test]
fn nobody_sleeps_through_a_record() {
    check(3, || {
        let (mut producer, ring) = ring(1);
        let mut reader = ring.gated_reader().expect("a gate is free");
        let bell = Arc::new(Bell::default());
        let ringing = Arc::clone(&bell);
        let adding = thread::spawn(move || {
            let mut wakes = 0;
            for _ in 0..2 {
                publish(&mut producer, 1);
                wakes += usize::from(ringing.ring());
            }
            wakes
        });
        bell.wake();
        read_gated(&mut reader, 1);
        bell.fall_asleep();
        let sleeps = reader.lag_bytes() == 0 && reader.next_number() < 2;
        let wakes = adding.join().expect("it ends");
        assert!(wakes > 0 || !sleeps, "it sleeps, and nobody wakes it for what is still to come");
    });
}
