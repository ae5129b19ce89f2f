//! A data folder read by `docs/LOG.md` alone: nothing here calls the code that reads logs. If that page and the
//! code drift apart, this fails.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};
use walras::log::{
    Batch, Continues, Epoch, Fresh, Hash, LogId, Opened, Options, Position, StreamId, Term, open,
};

const LOG_ID: [u8; 16] = *b"0123456789abcdef";
const SEGMENT_BYTES: usize = 16 << 10;
const BATCHES: u64 = 60;

/// What was appended: stream, whether it was the stream's last, payload.
type Appended = Vec<(u8, bool, Vec<u8>)>;

fn number<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + N].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

fn options() -> Options {
    Options { segment_bytes: SEGMENT_BYTES as u64, low_space_bytes: 0, ..Options::default() }
}

fn fresh() -> Fresh {
    Fresh { epoch: Epoch::new("the-first").expect("a name"), log_id: LogId(LOG_ID) }
}

/// Appends batches of several streams, one of which ends, and archives that one.
fn write(folder: &Path) -> (Appended, Hash) {
    let Opened { mut log, archives, .. } = open(folder, options(), fresh()).expect("it opens");
    let mut appended = Vec::new();
    for index in 0..BATCHES {
        let mut batch = Batch::new();
        batch.time_us = 1_000_000 + index;
        batch.digest = Hash([index as u8; 32]);
        for stream in 0..1 + index % 3 {
            let is_last = stream == 2 && index == 32;
            let payload = vec![index as u8; (index * 37 + stream * 11) as usize % 500];
            let continues = if is_last { Continues::No } else { Continues::Yes };
            batch.push_with(StreamId([stream as u8; 16]), continues, |bytes| bytes.extend(&payload));
            appended.push((stream as u8, is_last, payload));
        }
        let ticket = log.submit(Term(7), log.end(), &batch).expect("there is room");
        log.wait(ticket).expect("it is durable");
        if index == 32 {
            archives.collect(&*log.handle(), Position::START, &[StreamId([2; 16])]).expect("archived");
        }
    }
    let chain = log.heads().chain;
    log.close().expect("closed in good order");
    (appended, chain)
}

/// The values of a file of lines `name value`, its checksum checked.
fn note(folder: &Path, name: &str) -> HashMap<String, String> {
    let text = fs::read_to_string(folder.join(name)).expect("it is there");
    let (lines, crc) = text.rsplit_once("crc32c ").expect("its last line");
    assert_eq!(u32::from_str_radix(crc.trim_end(), 16).ok(), Some(crc32c::crc32c(lines.as_bytes())));
    lines.lines().filter_map(|line| line.split_once(' ')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a reader of segments knows on its way.
#[derive(Default)]
struct Walk {
    position: u64,
    time: u64,
    chain: [u8; 32],
    heads: HashMap<[u8; 16], [u8; 32]>,
    records: Vec<(u8, bool, Vec<u8>)>,
}

impl Walk {
    fn segment(&mut self, bytes: &[u8], segment_number: u64) {
        assert_eq!(bytes.len(), SEGMENT_BYTES);
        assert_eq!(&bytes[..8], b"WALRASEG");
        assert_eq!(number::<4>(bytes, 8), 1, "format version");
        assert_eq!(number::<4>(bytes, 12), u64::from(crc32c::crc32c(&bytes[16..112])));
        assert_eq!(bytes[16..32], LOG_ID);
        assert_eq!((number::<8>(bytes, 32), number::<8>(bytes, 40)), (segment_number, self.position));
        assert!(number::<8>(bytes, 48) <= self.position, "what was on the disk then");
        let term = if self.position == 0 { 0 } else { 7 };
        assert_eq!((number::<8>(bytes, 56), number::<8>(bytes, 64)), (term, self.time));
        assert_eq!(bytes[72..104], self.chain);
        let mut at = 4096;
        while at + 168 <= bytes.len() && &bytes[at..at + 4] == b"WBAT" {
            at += self.batch(&bytes[at..]);
        }
        assert!(bytes[at..].iter().all(|byte| *byte == 0), "zeros behind the last batch");
    }

    fn batch(&mut self, bytes: &[u8]) -> usize {
        assert_eq!(number::<4>(bytes, 4), u64::from(crc32c::crc32c(&bytes[8..168])));
        assert_eq!(bytes[8..24], LOG_ID);
        let size = number::<8>(bytes, 24) as usize;
        assert_eq!(size % 8, 0);
        assert!(number::<8>(bytes, 32) <= self.position);
        assert_eq!(bytes[72..104], self.chain, "the chain before it");
        assert_eq!(number::<8>(bytes, 104), self.position);
        assert_eq!(number::<8>(bytes, 120), 7, "term");
        assert!(number::<8>(bytes, 128) >= self.time, "time never goes back");
        self.time = number::<8>(bytes, 128);
        assert_eq!(bytes[136..168], [(self.time - 1_000_000) as u8; 32], "the digest as given");
        let mut at = 168;
        let mut hashes = Vec::new();
        for _ in 0..number::<8>(bytes, 112) {
            let (length, hash) = self.record(&bytes[at..size]);
            at += length;
            hashes.extend(hash);
            self.position += 1;
        }
        assert!(bytes[at..size].iter().all(|byte| *byte == 0) && size - at < 8, "padding");
        self.chain = sha256(&[&bytes[72..168], &hashes]);
        assert_eq!(bytes[40..72], self.chain, "the chain after it");
        size
    }

    fn record(&mut self, bytes: &[u8]) -> (usize, [u8; 32]) {
        let length = 60 + number::<4>(bytes, 4) as usize;
        let record = &bytes[..length];
        assert_eq!(number::<4>(record, 0), u64::from(crc32c::crc32c(&record[4..])));
        let stream: [u8; 16] = record[40..56].try_into().expect("16 bytes");
        let head = self.heads.entry(stream).or_insert([0; 32]);
        assert_eq!(record[8..40], *head, "the stream's record before it");
        *head = sha256(&[&record[8..]]);
        let hash = *head;
        let is_last = number::<4>(record, 56) == 1;
        if is_last {
            self.heads.remove(&stream);
        }
        self.records.push((stream[0], is_last, record[60..].to_vec()));
        (length, hash)
    }
}

#[test]
fn a_folder_is_what_its_page_says() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("data");
    let (appended, chain) = write(&folder);
    let epoch = note(&folder, "epoch");
    assert_eq!((epoch["epoch"].as_str(), epoch["log"].as_str()), ("the-first", hex(&LOG_ID).as_str()));
    let mut walk = Walk::default();
    let mut count = 0;
    while let Ok(bytes) = fs::read(folder.join(format!("segment-{:010}", count + 1))) {
        count += 1;
        walk.segment(&bytes, count);
    }
    assert!(count > 2, "several segments");
    assert_eq!(walk.records, appended);
    assert_eq!(walk.chain, chain.0);
    let run = note(&folder, "run");
    assert_eq!((run["state"].as_str(), run["chain"].clone()), ("closed", hex(&walk.chain)));
    assert_eq!(run["end"], appended.len().to_string());
    let durable = fs::read(folder.join("durable")).expect("it is there");
    assert_eq!(durable.len(), 32);
    assert_eq!(number::<4>(&durable, 0), u64::from(crc32c::crc32c(&durable[4..])));
    assert_eq!((number::<8>(&durable, 8), &durable[16..]), (walk.position, &LOG_ID[..]));
    for entry in fs::read_dir(&folder).expect("listed").map(|entry| entry.expect("listed")) {
        if entry.file_name().to_string_lossy().starts_with("spare-") {
            assert!(fs::read(entry.path()).expect("read").iter().all(|byte| *byte == 0), "a spare is zeros");
        }
    }
}

#[test]
fn an_archive_is_what_its_page_says_and_proves_itself() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("data");
    let (appended, _) = write(&folder);
    let stream = [2; 16];
    let bytes = fs::read(folder.join("archives").join(hex(&stream))).expect("it is there");
    assert_eq!(&bytes[..8], b"WALRARCH");
    assert_eq!(number::<4>(&bytes, 8), 1, "format version");
    assert_eq!(number::<4>(&bytes, 12), u64::from(crc32c::crc32c(&bytes[16..48])));
    assert_eq!((&bytes[16..32], &bytes[32..48]), (&stream[..], &LOG_ID[..]));
    let end = &bytes[bytes.len() - 80..];
    assert_eq!(&end[..8], b"WALRAEND");
    assert_eq!(number::<4>(end, 8), u64::from(crc32c::crc32c(&end[12..])));
    let (mut at, mut head, mut payloads, mut positions) = (48, [0; 32], Vec::new(), Vec::new());
    while at < bytes.len() - 80 {
        let length = 28 + number::<4>(&bytes, at + 4) as usize;
        let record = &bytes[at..at + length];
        assert_eq!(number::<4>(record, 0), u64::from(crc32c::crc32c(&record[4..])));
        head = sha256(&[&head, &stream, &record[8..12], &record[28..]]);
        positions.push(number::<8>(record, 12));
        payloads.push(record[28..].to_vec());
        at += length;
    }
    let before_end = appended.iter().scan(false, |is_over, (of, is_last, payload)| {
        let is_here = *of == 2 && !*is_over;
        *is_over |= *is_last;
        Some((is_here, payload.clone()))
    });
    let expected: Vec<_> = before_end.filter(|(is_here, _)| *is_here).map(|(_, payload)| payload).collect();
    assert_eq!(payloads, expected);
    assert_eq!(number::<8>(end, 16) as usize, payloads.len());
    assert_eq!(
        (number::<8>(end, 24), number::<8>(end, 32)),
        (positions[0], *positions.last().expect("some"))
    );
    assert_eq!(end[40..72], head, "the hash of the last");
}
