//! The ring against a plain model: random stages, commits, reads, joins and leaves on rings so small that
//! everything wraps. The model keeps every record and counts words by itself.

use std::collections::VecDeque;

use proptest::prelude::*;
use walras::fanout::{
    Cursor, GatedReader, Producer, PublishError, Reader, Records, Ring, Settings, footprint_bytes, ring,
};

const WORD_BYTES: u64 = 8;

#[derive(Debug, Clone)]
enum Step {
    Stage { bytes: usize, cuts: Vec<usize> },
    Commit,
    CommitTo { staged: usize },
    Discard,
    JoinGated,
    Join,
    Leave { reader: usize },
    Read { reader: usize },
    ReadMany { reader: usize, budget_bytes: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0..300usize, prop::collection::vec(0..300usize, 0..4))
            .prop_map(|(bytes, cuts)| Step::Stage { bytes, cuts }),
        6 => Just(Step::Commit),
        2 => (0..4usize).prop_map(|staged| Step::CommitTo { staged }),
        1 => Just(Step::Discard),
        1 => Just(Step::JoinGated),
        1 => Just(Step::Join),
        1 => (0..8usize).prop_map(|reader| Step::Leave { reader }),
        6 => (0..8usize).prop_map(|reader| Step::Read { reader }),
        6 => (0..8usize, prop_oneof![0..64usize, 0..2048usize])
            .prop_map(|(reader, budget_bytes)| Step::ReadMany { reader, budget_bytes }),
    ];
    prop::collection::vec(step, 1..400)
}

enum AnyReader {
    Gated(GatedReader),
    Free(Reader),
}

impl AnyReader {
    fn is_gated(&self) -> bool {
        matches!(self, Self::Gated(_))
    }

    /// Reads one record; `None` when there is none.
    fn read(&mut self) -> Result<Option<Vec<u8>>, u64> {
        // What was in the buffer must not matter.
        let mut record = vec![7; 5];
        let read = match self {
            Self::Gated(reader) => reader.read(&mut record),
            Self::Free(reader) => reader.read(&mut record).map_err(|overrun| overrun.missed)?,
        };
        assert!(read.is_none_or(|bytes| bytes == record.len()));
        Ok(read.map(|_| record))
    }

    fn read_many(&mut self, into: &mut Records, budget_bytes: usize) -> Result<usize, u64> {
        match self {
            Self::Gated(reader) => Ok(reader.read_many(into, budget_bytes)),
            Self::Free(reader) => reader.read_many(into, budget_bytes).map_err(|overrun| overrun.missed),
        }
    }

    fn place(&self) -> (u64, Cursor, u64) {
        match self {
            Self::Gated(reader) => (reader.next_number(), reader.cursor(), reader.lag_bytes()),
            Self::Free(reader) => (reader.next_number(), reader.cursor(), reader.lag_bytes()),
        }
    }
}

/// A reader and how many records lie before it.
struct Follower {
    reader: AnyReader,
    index: usize,
}

struct Model {
    producer: Producer,
    ring: Ring,
    capacity_words: u64,
    gates_max: usize,
    /// Every record that was published, and the word where each starts.
    published: Vec<(u64, Vec<u8>)>,
    published_words: u64,
    staged: VecDeque<(Cursor, Vec<u8>)>,
    staged_words: u64,
    /// The farthest word ever staged.
    reached_words: u64,
    followers: Vec<Follower>,
    records: Records,
    fill: u8,
}

impl Model {
    fn new(capacity_bytes: usize, gates_max: usize) -> Self {
        let (producer, ring) = ring(Settings { capacity_bytes, gated_readers_max: gates_max });
        Self {
            producer,
            capacity_words: ring.capacity_bytes() as u64 / WORD_BYTES,
            ring,
            gates_max,
            published: Vec::new(),
            published_words: 0,
            staged: VecDeque::new(),
            staged_words: 0,
            reached_words: 0,
            followers: Vec::new(),
            records: Records::default(),
            fill: 0,
        }
    }

    fn start_of(&self, index: usize) -> u64 {
        self.published.get(index).map_or(self.published_words, |(start, _)| *start)
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Stage { bytes, cuts } => self.stage(bytes, cuts),
            Step::Commit => {
                let cursor = self.producer.commit();
                self.publish(self.staged.len());
                assert_eq!(cursor, self.producer.head());
            }
            Step::CommitTo { staged } => {
                if let Some(&(cursor, _)) = self.staged.get(staged) {
                    self.producer.commit_to(cursor);
                    self.publish(staged + 1);
                }
            }
            Step::Discard => {
                self.producer.discard();
                self.staged.clear();
                self.staged_words = 0;
            }
            Step::JoinGated => {
                let gated = self.followers.iter().filter(|follower| follower.reader.is_gated()).count();
                let reader = self.ring.gated_reader();
                assert_eq!(reader.is_some(), gated < self.gates_max);
                self.join(reader.map(AnyReader::Gated));
            }
            Step::Join => {
                let reader = self.ring.reader();
                self.join(Some(AnyReader::Free(reader)));
            }
            Step::Leave { reader } => drop(self.take(reader)),
            Step::Read { reader } => self.read(reader, None),
            Step::ReadMany { reader, budget_bytes } => self.read(reader, Some(budget_bytes)),
        }
        assert_eq!(self.ring.head().position(), self.published_words);
        assert_eq!(self.producer.record_count(), (self.published.len() + self.staged.len()) as u64);
    }

    fn join(&mut self, reader: Option<AnyReader>) {
        let index = self.published.len();
        self.followers.extend(reader.map(|reader| Follower { reader, index }));
    }

    fn take(&mut self, reader: usize) -> Option<Follower> {
        (reader < self.followers.len()).then(|| self.followers.swap_remove(reader))
    }

    /// The first word that some gated reader still needs.
    fn slowest_words(&self) -> u64 {
        let gated = self.followers.iter().filter(|follower| follower.reader.is_gated());
        gated.map(|follower| self.start_of(follower.index)).min().unwrap_or(self.published_words)
    }

    fn stage(&mut self, bytes: usize, mut cuts: Vec<usize>) {
        self.fill = self.fill.wrapping_add(1);
        let record: Vec<u8> =
            (0..bytes).map(|at| self.fill.wrapping_mul(31).wrapping_add(at as u8)).collect();
        cuts.iter_mut().for_each(|cut| *cut = (*cut).min(bytes));
        cuts.extend([0, bytes]);
        cuts.sort_unstable();
        let parts: Vec<&[u8]> = cuts.windows(2).map(|cut| &record[cut[0]..cut[1]]).collect();

        let words = footprint_bytes(bytes) as u64 / WORD_BYTES;
        let end = self.published_words + self.staged_words + words;
        let fits = end < self.slowest_words() + self.capacity_words;
        assert_eq!(self.producer.has_room(footprint_bytes(bytes)), fits);
        match self.producer.stage(&parts) {
            Ok(cursor) => {
                assert!(fits && bytes <= self.ring.record_bytes_max());
                assert_eq!(cursor.position(), end);
                self.staged_words += words;
                self.reached_words = self.reached_words.max(end);
                self.staged.push_back((cursor, record));
            }
            Err(PublishError::TooLong { bytes: told, bytes_max }) => {
                assert!(told == bytes && bytes > bytes_max && bytes_max == self.ring.record_bytes_max());
            }
            Err(PublishError::NoRoom) => assert!(!fits),
        }
    }

    fn publish(&mut self, count: usize) {
        for (cursor, record) in self.staged.drain(..count) {
            self.published.push((self.published_words, record));
            self.staged_words -= cursor.position() - self.published_words;
            self.published_words = cursor.position();
        }
    }

    /// Reads one record, or with a budget as many as it allows, and compares.
    fn read(&mut self, reader: usize, budget_bytes: Option<usize>) {
        let Some(mut follower) = self.take(reader) else { return };
        self.records.clear();
        let got = match budget_bytes {
            None => follower.reader.read().map(|record| {
                let expected = self.published.get(follower.index).map(|(_, record)| record);
                assert_eq!(record.as_ref(), expected);
                usize::from(record.is_some())
            }),
            Some(budget_bytes) => {
                let got = follower.reader.read_many(&mut self.records, budget_bytes);
                got.inspect(|&count| self.check_many(follower.index, count, budget_bytes))
            }
        };
        let reaches_words = self.start_of(follower.index) + self.capacity_words;
        let is_overwritten = self.published_words + 1 > reaches_words;
        // The producer claims up to a sixteenth of the ring in advance, no more.
        let may_be_claimed = self.reached_words + 1 + self.capacity_words / 16 > reaches_words;
        match got {
            Ok(count) => {
                assert!(!is_overwritten);
                follower.index += count;
            }
            Err(missed) => {
                assert!(may_be_claimed && !follower.reader.is_gated() && self.records.is_empty());
                assert_eq!(missed, (self.published.len() - follower.index) as u64);
                follower.index = self.published.len();
            }
        }
        let (next_number, cursor, lag_bytes) = follower.reader.place();
        assert_eq!(next_number, follower.index as u64);
        assert_eq!(cursor.position(), self.start_of(follower.index));
        assert_eq!(lag_bytes, (self.published_words - cursor.position()) * WORD_BYTES);
        assert_eq!(lag_bytes, self.ring.head().bytes_since(cursor));
        self.followers.push(follower);
        let gated_lag_words = self.published_words - self.slowest_words();
        assert_eq!(self.ring.gated_lag_bytes_max(), gated_lag_words * WORD_BYTES);
    }

    /// The records are the next ones; they fit the budget or there is just one; one more would not
    /// have fitted or there is none.
    fn check_many(&self, index: usize, count: usize, budget_bytes: usize) {
        let expected = || self.published[index..].iter().map(|(_, record)| &record[..]);
        assert!(self.records.iter().map(|record| record.bytes).eq(expected().take(count)));
        assert!(self.records.iter().all(|record| self.records.at(record.at) == record.bytes));
        let footprint =
            |count| expected().take(count).map(|record| footprint_bytes(record.len())).sum::<usize>();
        assert_eq!(footprint(count), self.records.used_bytes());
        assert!(footprint(count) <= budget_bytes || count == 1);
        assert!(index + count == self.published.len() || footprint(count + 1) > budget_bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn behaves_like_a_list_of_all_records(
        capacity_bytes in prop_oneof![Just(64usize), Just(256), Just(1024), Just(4096)],
        gates_max in 0..4usize,
        steps in steps(),
    ) {
        let mut model = Model::new(capacity_bytes, gates_max);
        for step in steps {
            // A third of the ring is a little more than the longest record.
            let step = match step {
                Step::Stage { bytes, cuts } => Step::Stage { bytes: bytes % (capacity_bytes / 3), cuts },
                step => step,
            };
            model.run(step);
        }
    }
}
