//! Logs of released versions, replayed: each must give the state, the chain and the
//! messages that were pinned when it was written. `tests/logs/README.md` says what is
//! there and how a new version adds its own.

mod market;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use walras::engine::AuctionSlot;
use walras::host::audit;
use walras::log::{self, BatchReader as _, Options};
use walras::wire;

/// Small, so that a log goes over several and can be kept in the repository.
const SEGMENT_BYTES: u64 = 32 << 10;

fn options() -> Options {
    Options { segment_bytes: SEGMENT_BYTES, low_space_bytes: 0, ..Options::default() }
}

fn logs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Everything about a log that must never change.
fn facts_of(folder: &Path) -> Value {
    let report = log::verify(folder).expect("it can be read");
    assert!(report.is_sound(), "{}: {:?}", folder.display(), report.damage);
    let replayed = audit::replay(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let engine = &replayed.engine;
    let auctions = (0..engine.auction_count()).map(|slot| {
        let slot = AuctionSlot(slot as u32);
        let document = wire::auction_json(engine, slot);
        let (line, is_result) = wire::auction_json::result_line(document.as_bytes());
        assert!(is_result, "{}", String::from_utf8_lossy(&line));
        let cleared: Value = serde_json::from_slice(&line).expect("JSON");
        json!({
            "auction_id": engine.auction_id(slot).0,
            "status": engine.status(slot).as_str(),
            "offset": engine.offset(slot),
            "clearing_price": cleared["clearing_price"],
            "result_sha256": hex(&Sha256::digest(&line)),
        })
    });
    json!({
        "records": report.record_count,
        "chain": report.chain.to_string(),
        "digest": hex(&engine.digest()),
        "commands_by_kind": kinds(folder),
        "messages_sha256": market::messages_hash(folder),
        "auctions": auctions.collect::<Vec<_>>(),
    })
}

/// How many records of each kind there are: what the log covers.
fn kinds(folder: &Path) -> BTreeMap<String, u64> {
    let mut kinds = BTreeMap::new();
    let mut reader = log::read_folder(folder).expect("it can be read");
    while let Some(batch) = reader.next().expect("it is sound") {
        for record in batch.records().filter(|record| !record.payload.is_empty()) {
            let command = wire::record::decode(record.payload).expect("a record of a known version");
            let kind = wire::command_json(&command)["kind"].as_str().expect("each has one").to_owned();
            *kinds.entry(kind).or_insert(0) += 1;
        }
    }
    kinds
}

fn pinned_at(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().expect("a version").to_owned();
    name.push(".json");
    folder.with_file_name(name)
}

#[test]
fn logs_of_released_versions_give_what_they_gave() {
    let mut folders: Vec<PathBuf> = fs::read_dir(logs())
        .expect("it is there")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "there is one for each released version");
    for folder in folders {
        let pinned = fs::read_to_string(pinned_at(&folder)).expect("each has its facts beside it");
        let pinned: Value = serde_json::from_str(&pinned).expect("JSON");
        assert_eq!(facts_of(&folder), pinned, "{}", folder.display());
    }
}

/// What this version writes now is what the log under its name holds: a change of format or rules needs a new name.
#[test]
fn this_version_writes_the_log_that_bears_its_name() {
    let place = tempfile::tempdir().expect("a folder");
    let fresh = place.path().join("data");
    market::write(&fresh);
    let folder = logs().join(env!("CARGO_PKG_VERSION"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        keep(&fresh, &folder);
    }
    let facts = facts_of(&fresh);
    for kind in market::KINDS {
        assert!(!facts["commands_by_kind"][kind].is_null(), "{kind} is not in the log");
    }
    let pinned: Value = serde_json::from_str(
        &fs::read_to_string(pinned_at(&folder)).expect("UPDATE_GOLDEN=1 makes it for a new version"),
    )
    .expect("JSON");
    assert_eq!(facts, pinned, "before its release UPDATE_GOLDEN=1 makes it anew, afterwards never");
}

/// Puts a log and its facts among the pinned ones.
fn keep(from: &Path, folder: &Path) {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).expect("made");
    for name in market::FILES {
        for entry in fs::read_dir(from).expect("listed").map(|entry| entry.expect("listed")) {
            if entry.file_name().to_string_lossy().starts_with(name) {
                fs::copy(entry.path(), folder.join(entry.file_name())).expect("copied");
            }
        }
    }
    let facts = serde_json::to_string_pretty(&facts_of(folder)).expect("JSON");
    fs::write(pinned_at(folder), facts + "\n").expect("written");
}

/// A host's clock, started where the pinned market starts.
fn clock() -> Arc<walras::host::ManualClock> {
    Arc::new(walras::host::ManualClock::new(walras::units::TimeUs(market::START_US)))
}
