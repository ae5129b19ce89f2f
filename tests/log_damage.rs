//! Damage to what was durable is refused with its place; a torn end is cut; room that runs out refuses and loses nothing.

use walras::log::testing::{Loss, SimDisk};
use walras::log::{
    Batch, BatchReader, Damage, Durability, Epoch, EpochChange, Files, Fresh, Heads, LogError, LogHandle,
    LogId, Opened, Options, Origin, Position, Space, StreamId, Term, Urgency, backup, backup_on, open,
    open_on, read_folder, restore, restore_on, salvage, verify, verify_on,
};

const TERM: Term = Term(1);
const SEGMENT_BYTES: u64 = 12 << 10;
const HEADER_BYTES: u64 = 4096;

fn epoch(name: &str) -> Epoch {
    Epoch::new(name).expect("a valid name")
}

fn fresh() -> Fresh {
    Fresh { epoch: epoch("first"), log_id: LogId([7; 16]) }
}

fn options() -> Options {
    Options { segment_bytes: SEGMENT_BYTES, low_space_bytes: 3 * SEGMENT_BYTES, ..Options::default() }
}

fn open_sim(disk: &SimDisk) -> Result<Opened, LogError> {
    open_on(disk.files(), options(), fresh())
}

fn batch(stream: u8, bytes: usize) -> Batch {
    let mut batch = Batch::new();
    batch.push(StreamId([stream; 16]), &vec![stream; bytes]);
    batch.push(StreamId([stream + 1; 16]), b"beside");
    batch
}

/// Appends and syncs `count` batches of two records.
fn append(opened: &mut Opened, count: u64) -> Position {
    for index in 0..count {
        let end = opened.log.end();
        let ticket = opened.log.submit(TERM, end, &batch((index % 3) as u8, 300)).expect("there is room");
        opened.log.wait(ticket).expect("syncs");
    }
    opened.log.end()
}

/// Everything read, as bytes, for comparing.
fn contents(reader: &mut dyn BatchReader) -> Vec<(Position, Vec<u8>)> {
    let mut records = Vec::new();
    while let Some(batch) = reader.next().expect("a sound log is read") {
        records.extend(batch.records().map(|record| (record.position, record.payload.to_vec())));
    }
    records
}

fn damage_of(result: Result<Opened, LogError>) -> Damage {
    match result {
        Err(LogError::Corrupt(damage)) => *damage,
        Err(error) => panic!("another error: {error}"),
        Ok(opened) => panic!("it opened: {:?}", opened.recovery),
    }
}

/// A log of three segments, and the place in the file behind the last batch of each.
fn three_segments() -> (SimDisk, Vec<(String, u64)>, Position) {
    let disk = SimDisk::new(1 << 20);
    let mut opened = open_sim(&disk).expect("opens");
    let end = append(&mut opened, 32);
    drop(opened);
    disk.restart(Loss::Nothing);
    let mut segments = Vec::new();
    for number in 1.. {
        let name = format!("segment-{number:010}");
        let Some(bytes) = disk.contents(&name) else { break };
        let written = bytes.iter().rposition(|byte| *byte != 0).expect("a header") as u64 + 1;
        segments.push((name, written));
    }
    assert_eq!(segments.len(), 3);
    (disk, segments, end)
}

#[test]
fn a_bit_flipped_anywhere_in_what_was_durable_is_refused_with_its_place() {
    let (disk, segments, end) = three_segments();
    for (name, written) in &segments {
        for offset in (0..112).chain((HEADER_BYTES..*written).step_by(5)) {
            let disk = disk.fork();
            assert!(disk.flip(name, offset, 1 << (offset % 8)));
            let damage = damage_of(open_sim(&disk));
            assert_eq!(&damage.file, name, "flipped byte {offset}: {damage}");
            assert!(damage.offset_bytes <= offset, "flipped byte {offset}: {damage}");
            assert!(
                offset - damage.offset_bytes < 600,
                "flipped byte {offset}, more than a batch away: {damage}"
            );
            assert!(damage.position < end);
            let report = verify_on(&disk).expect("reads what it can");
            assert_eq!(report.damage.first(), Some(&damage));
        }
    }
}

#[test]
fn a_bit_flipped_in_the_torn_end_is_cut_with_it() {
    let disk = SimDisk::new(1 << 20);
    let mut opened = open_sim(&disk).expect("opens");
    let durable = append(&mut opened, 5);
    let before = disk.contents("segment-0000000001").expect("there");
    let _never_waited_for = opened.log.submit(TERM, durable, &batch(9, 500)).expect("there is room");
    drop(opened);
    disk.restart(Loss::Nothing);
    let after = disk.contents("segment-0000000001").expect("there");
    let changed: Vec<_> = (0..before.len()).filter(|at| before[*at] != after[*at]).collect();
    let (first, last) = (changed[0] as u64, *changed.last().expect("a batch was written") as u64);
    for offset in (first..=last).step_by(3) {
        let disk = disk.fork();
        assert!(disk.flip("segment-0000000001", offset, 0x10));
        let opened = open_sim(&disk).unwrap_or_else(|error| panic!("flipped byte {offset}: {error}"));
        assert_eq!(opened.recovery.end, durable);
        assert_eq!(opened.recovery.cut.as_ref().map(|cut| cut.position), Some(durable));
        assert_eq!(disk.contents("segment-0000000001").as_ref(), Some(&before), "the cut leaves zeros");
    }
}

#[test]
fn what_stands_behind_the_last_batch_never_harms() {
    let (disk, segments, end) = three_segments();
    for (name, written) in &segments {
        for offset in (written.next_multiple_of(8)..SEGMENT_BYTES).step_by(97) {
            let disk = disk.fork();
            assert!(disk.flip(name, offset, 0xff));
            assert_eq!(open_sim(&disk).expect("opens").recovery.end, end);
        }
    }
}

#[test]
fn a_missing_or_foreign_segment_is_refused() {
    let (disk, segments, _) = three_segments();
    for (name, _) in &segments {
        let disk = disk.fork();
        disk.remove(name).expect("there");
        let damage = damage_of(open_sim(&disk));
        assert!(damage.what.contains("missing") || damage.what.contains("the log ends here"), "{damage}");
        assert!(!verify_on(&disk).expect("reads what it can").is_sound());
    }
    let other = SimDisk::new(1 << 20);
    let stranger = Fresh { epoch: epoch("other"), log_id: LogId([8; 16]) };
    let mut opened = open_on(other.files(), options(), stranger).expect("opens");
    append(&mut opened, 40);
    let foreign = other.contents(&segments[1].0).expect("it has as many segments");
    disk.remove(&segments[1].0).expect("there");
    let file = disk.create(&segments[1].0).expect("made");
    assert_eq!(file.write_at(0, &foreign).expect("writes"), foreign.len());
    let damage = damage_of(open_sim(&disk));
    assert!(damage.what.contains("another log"), "{damage}");
}

#[test]
fn a_closed_log_must_end_where_it_was_closed() {
    let disk = SimDisk::new(1 << 20);
    let mut opened = open_sim(&disk).expect("opens");
    let end = append(&mut opened, 3);
    opened.log.close().expect("closes");
    disk.restart(Loss::Everything);
    assert_eq!(open_sim(&disk.fork()).expect("opens").recovery.origin, Origin::Closed);
    // Even without the durable mark the last batch is missed.
    disk.remove("durable").expect("there");
    let bytes = disk.contents("segment-0000000001").expect("there");
    let written = bytes.iter().rposition(|byte| *byte != 0).expect("a batch") as u64;
    assert!(disk.flip("segment-0000000001", written, 0xff));
    let damage = damage_of(open_sim(&disk));
    assert!(damage.what.contains("clean close"), "{damage}");
    assert_eq!(damage.position, Position(end.0 - 2));
}

#[test]
fn a_folder_that_lost_its_own_files_is_not_taken_for_a_new_one() {
    for name in ["epoch", "run"] {
        let (disk, ..) = three_segments();
        disk.remove(name).expect("there");
        assert!(matches!(open_sim(&disk), Err(LogError::Unusable(_))), "without {name}");
        let (disk, ..) = three_segments();
        assert!(disk.flip(name, 3, 0x01));
        assert!(matches!(open_sim(&disk), Err(LogError::Corrupt(_))), "with a damaged {name}");
    }
}

#[test]
fn a_second_opener_learns_who_has_the_folder() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let opened = open(place.path(), options(), fresh()).expect("opens");
    match open(place.path(), options(), fresh()) {
        Err(error @ LogError::Locked { pid }) => {
            assert_eq!(pid, Some(std::process::id()));
            assert!(error.to_string().contains(&std::process::id().to_string()));
        }
        other => panic!("{:?}", other.map(|opened| opened.recovery)),
    }
    drop(opened);
    assert!(open(place.path(), options(), fresh()).is_ok());
}

#[test]
fn when_the_disk_fills_up_urgent_batches_still_fit_and_nothing_is_lost() {
    let disk = SimDisk::new(6 * SEGMENT_BYTES as usize + 2000);
    let mut opened = open_sim(&disk).expect("opens");
    let handle = opened.log.handle();
    assert_eq!(handle.space(), Space::Ample);
    let mut spaces = vec![];
    let refused = loop {
        let end = opened.log.end();
        match opened.log.submit(TERM, end, &batch(1, 300)) {
            Ok(ticket) => opened.log.wait(ticket).expect("syncs"),
            Err(error) => break error,
        };
        spaces.push(handle.space());
        handle.maintain().expect("nothing breaks");
    };
    assert!(matches!(refused, LogError::Full), "{refused}");
    assert_eq!(handle.space(), Space::ReservedOnly);
    let low_at = spaces.iter().position(|space| *space == Space::Low).expect("it was low first");
    assert!(spaces[..low_at].iter().all(|space| *space == Space::Ample));
    assert!(spaces[low_at..].iter().all(|space| *space == Space::Low));
    assert!(spaces.len() - low_at > 10, "there was time to refuse new work");

    let mut urgent = batch(2, 300);
    urgent.urgency = Urgency::Urgent;
    let mut urgent_count = 0;
    while let Ok(ticket) = opened.log.submit(TERM, opened.log.end(), &urgent) {
        opened.log.wait(ticket).expect("syncs");
        urgent_count += 1;
        let refused = opened.log.submit(TERM, opened.log.end(), &batch(1, 10));
        assert!(matches!(refused, Err(LogError::Full)), "the reserve is not for ordinary batches");
    }
    assert!(urgent_count >= 10, "a whole segment was reserved, {urgent_count} batches fitted");
    let (end, chain) = (opened.log.end(), opened.log.heads().chain);

    // It opens as full as it was, still refusing, and goes on once there is room.
    drop((opened, handle));
    disk.restart(Loss::Everything);
    let mut opened = open_sim(&disk).expect("opens on a full disk");
    assert_eq!((opened.log.end(), opened.log.heads().chain), (end, chain));
    assert_eq!(opened.log.handle().space(), Space::ReservedOnly);
    assert!(matches!(opened.log.submit(TERM, end, &batch(1, 10)), Err(LogError::Full)));
    disk.set_quota(20 * SEGMENT_BYTES as usize);
    assert_eq!(opened.log.handle().maintain().expect("nothing breaks"), Space::Ample);
    append(&mut opened, 30);
}

#[test]
fn trimming_a_full_disk_makes_room() {
    let disk = SimDisk::new(6 * SEGMENT_BYTES as usize + 2000);
    let mut opened = open_sim(&disk).expect("opens");
    while let Ok(ticket) = opened.log.submit(TERM, opened.log.end(), &batch(1, 300)) {
        opened.log.wait(ticket).expect("syncs");
    }
    let handle = opened.log.handle();
    handle.trim(opened.log.end()).expect("nothing breaks");
    assert_eq!(handle.start(), Position::START, "nothing covers what would be trimmed");
    let heads = heads_at(&*handle, handle.durable());
    opened.snapshots.write(&heads, b"state").expect("there is room for it");
    handle.trim(heads.position).expect("nothing breaks");
    assert!(handle.start() > Position::START);
    assert!(matches!(handle.read(Position::START), Err(LogError::Trimmed { .. })));
    append(&mut opened, 20);
    drop((opened, handle));
    disk.restart(Loss::Everything);
    let opened = open_sim(&disk).expect("opens from the snapshot");
    assert_eq!(opened.snapshots.latest().expect("reads").map(|snapshot| snapshot.heads), Some(heads));
}

/// The chains at a place of a log that is held from its start on.
fn heads_at(log: &dyn LogHandle, position: Position) -> Heads {
    let mut reader = log.read(Position::START).expect("held");
    let mut heads = Heads::start();
    while heads.position < position {
        let batch = reader.next().expect("reads").expect("it is durable");
        heads.accept(&batch).expect("the chains hold");
    }
    heads
}

/// The segments in a folder.
fn segment_count(disk: &SimDisk) -> usize {
    disk.list().expect("lists").iter().filter(|name| name.starts_with("segment-")).count()
}

#[test]
fn a_log_trimmed_to_a_segment_just_begun_opens_after_the_power_fails() {
    for durability in [Durability::Fsync, Durability::Os] {
        let disk = SimDisk::new(1 << 20);
        let options = Options { durability, ..options() };
        let mut opened = open_on(disk.files(), options, fresh()).expect("opens");
        append(&mut opened, 10);
        // The first batch of a segment is written, its header with it, and nobody waits for it.
        let before = segment_count(&disk);
        let durable = loop {
            let durable = opened.log.end();
            let ticket = opened.log.submit(TERM, durable, &batch(1, 300)).expect("there is room");
            if segment_count(&disk) > before {
                break durable;
            }
            opened.log.wait(ticket).expect("syncs");
        };
        let handle = opened.log.handle();
        let heads = heads_at(&*handle, durable);
        handle.settle().expect("syncs");
        opened.snapshots.write(&heads, b"state").expect("there is room");
        handle.trim(durable).expect("nothing breaks");
        assert_eq!(handle.start(), durable, "{durability:?}: the segments before are gone");
        drop((opened, handle));
        disk.restart(Loss::Everything);
        let opened = open_on(disk.files(), options, fresh()).expect("opens from the snapshot");
        assert!(opened.log.end() >= durable, "{durability:?}: {:?}", opened.recovery);
        let latest = opened.snapshots.latest().expect("reads").map(|snapshot| snapshot.heads);
        assert_eq!(latest, Some(heads));
    }
}

#[test]
fn without_syncs_a_snapshot_and_the_log_before_it_outlive_the_machine() {
    for seed in 0..100 {
        let disk = SimDisk::new(1 << 20);
        let options = Options { durability: Durability::Os, ..options() };
        let mut opened = open_on(disk.files(), options, fresh()).expect("opens");
        append(&mut opened, 40 + seed % 20);
        let handle = opened.log.handle();
        let heads = heads_at(&*handle, handle.durable());
        handle.settle().expect("syncs");
        opened.snapshots.write(&heads, b"state").expect("there is room");
        handle.trim(Position(heads.position.0 / 2)).expect("nothing breaks");
        append(&mut opened, seed % 30);
        drop((opened, handle));
        disk.restart(if seed == 0 { Loss::Everything } else { Loss::Lottery(seed) });
        let again = Fresh { epoch: epoch("second"), ..fresh() };
        let opened = open_on(disk.files(), options, again).expect("opens");
        assert!(opened.log.end() >= heads.position, "{:?}", opened.recovery);
        let latest = opened.snapshots.latest().expect("reads").map(|snapshot| snapshot.heads);
        assert_eq!(latest, Some(heads));
    }
}

#[test]
fn a_damaged_snapshot_is_passed_over_for_the_one_before() {
    let disk = SimDisk::new(1 << 20);
    let mut opened = open_sim(&disk).expect("opens");
    let handle = opened.log.handle();
    let mut heads = Heads::start();
    let mut reader = handle.read(Position::START).expect("held");
    for state in [b"one", b"two", b"six"] {
        append(&mut opened, 20);
        while let Some(batch) = reader.next().expect("reads") {
            heads.accept(&batch).expect("the chains hold");
        }
        opened.snapshots.write(&heads, state).expect("writes");
        handle.trim(heads.position).expect("nothing breaks");
    }
    let names: Vec<_> =
        disk.list().expect("lists").into_iter().filter(|name| name.starts_with("snapshot-")).collect();
    assert_eq!(names.len(), 2);
    let length = disk.contents(&names[1]).expect("there").len() as u64;
    for offset in (0..length).step_by(7).chain([length - 1]) {
        let disk = disk.fork();
        assert!(disk.flip(&names[1], offset, 0x04));
        let opened = open_sim(&disk);
        if (8..12).contains(&offset) {
            assert!(matches!(opened, Err(LogError::Unusable(_))), "another format is not a damage");
            continue;
        }
        let opened = opened.unwrap_or_else(|error| panic!("flipped byte {offset}: {error}"));
        let latest = opened.snapshots.latest().expect("reads").expect("there is one");
        assert_eq!(latest.bytes, b"two");
        let mut heads = latest.heads;
        let mut reader = opened.log.handle().read(heads.position).expect("the log reaches back to it");
        while let Some(batch) = reader.next().expect("reads") {
            heads.accept(&batch).expect("the chains hold");
        }
        assert_eq!(&heads, opened.log.heads());
        assert!(!verify_on(&disk).expect("reads what it can").is_sound());
    }
}

#[test]
fn a_snapshot_of_what_is_not_durable_is_refused() {
    let disk = SimDisk::new(1 << 20);
    let mut opened = open_sim(&disk).expect("opens");
    let _never_waited_for = opened.log.submit(TERM, Position(0), &batch(1, 10)).expect("there is room");
    let refused = opened.snapshots.write(opened.log.heads(), b"state");
    assert!(matches!(refused, Err(LogError::Invalid { .. })));
}

#[test]
fn a_backup_taken_while_the_log_is_written_is_a_prefix_that_restores_under_another_epoch() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let [data, copy, restored] = ["data", "copy", "restored"].map(|name| place.path().join(name));
    let mut opened = open(&data, options(), fresh()).expect("opens");
    append(&mut opened, 30);
    let handle = opened.log.handle();
    opened.archives.collect(&*handle, Position::START, &[StreamId([1; 16])]).expect("archives");
    let writer = std::thread::spawn(move || {
        append(&mut opened, 60);
        opened
    });
    let copied = backup(&data, &copy).expect("copies");
    let mut opened = writer.join().expect("no panic");
    assert!(copied.end >= Position(60) && copied.end <= opened.log.end());
    assert_eq!(copied.archive_count, 1);
    assert!(verify(&copy).expect("reads").is_sound());
    assert!(
        matches!(open(&copy, options(), fresh()), Err(LogError::Unusable(_))),
        "a backup is no data folder"
    );
    assert!(matches!(backup(&data, &copy), Err(LogError::Unusable(_))), "nothing is overwritten");

    append(&mut opened, 10);
    let whole = contents(&mut *opened.log.handle().read(Position::START).expect("held"));
    restore(&copy, &restored, epoch("second")).expect("restores");
    let mut again = open(&restored, options(), fresh()).expect("opens");
    assert_eq!(again.log.handle().epoch(), epoch("second"));
    assert_eq!((again.log.end(), again.log.heads().chain), (copied.end, copied.chain));
    assert_eq!(again.recovery.epoch, EpochChange::Kept);
    let part = contents(&mut *again.log.handle().read(Position::START).expect("held"));
    assert_eq!(part, whole[..copied.end.0 as usize]);
    append(&mut again, 30);
    assert!(again.archives.read(StreamId([1; 16])).expect("reads").is_some());
    assert!(matches!(restore(&data, &copy, epoch("third")), Err(LogError::Unusable(_))));
}

#[test]
fn a_restored_copy_with_a_flipped_bit_or_a_cut_end_is_refused() {
    let (disk, segments, _) = three_segments();
    let copy = SimDisk::new(1 << 20);
    let copied = backup_on(&disk, &copy).expect("copies");
    for (name, written) in &segments {
        for offset in (HEADER_BYTES..*written).step_by(41) {
            let copy = copy.fork();
            assert!(copy.flip(name, offset, 0x02));
            let refused = restore_on(&copy, &SimDisk::new(1 << 20), epoch("second"));
            assert!(matches!(refused, Err(LogError::Corrupt(_))), "flipped byte {offset}: {refused:?}");
        }
    }
    copy.remove(&segments[2].0).expect("there");
    let refused = restore_on(&copy, &SimDisk::new(1 << 20), epoch("second"));
    assert!(matches!(refused, Err(LogError::Corrupt(_))), "{copied:?}: {refused:?}");
}

#[test]
fn what_lies_before_the_damage_can_be_salvaged() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let [data, copy, restored] = ["data", "copy", "restored"].map(|name| place.path().join(name));
    let mut opened = open(&data, options(), fresh()).expect("opens");
    append(&mut opened, 32);
    let whole = contents(&mut *opened.log.handle().read(Position::START).expect("held"));
    drop(opened);
    let path = data.join("segment-0000000002");
    let mut bytes = std::fs::read(&path).expect("there");
    bytes[6000] ^= 1;
    std::fs::write(&path, bytes).expect("writes");
    let damage = damage_of(open(&data, options(), fresh()));
    assert_eq!(damage.file, "segment-0000000002");
    let report = verify(&data).expect("reads what it can");
    assert_eq!(report.damage, std::slice::from_ref(&damage));
    assert_eq!(report.segment_count, 3, "what lies behind the damage is checked as well");

    assert!(matches!(backup(&data, &place.path().join("no")), Err(LogError::Corrupt(_))));
    let copied = salvage(&data, &copy).expect("salvages");
    assert_eq!(copied.damage, Some(damage.clone()));
    assert_eq!(copied.end, damage.position);
    restore(&copy, &restored, epoch("second")).expect("restores");
    let again = open(&restored, options(), fresh()).expect("opens");
    let part = contents(&mut *again.log.handle().read(Position::START).expect("held"));
    assert_eq!(part, whole[..damage.position.0 as usize]);
}

#[test]
fn a_folder_is_read_and_verified_while_another_has_it() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let mut opened = open(place.path(), options(), fresh()).expect("opens");
    append(&mut opened, 30);
    let writer = std::thread::spawn(move || {
        for _ in 0..20 {
            append(&mut opened, 5);
        }
        opened
    });
    for _ in 0..10 {
        let report = verify(place.path()).expect("reads");
        assert!(report.is_sound(), "{:?}", report.damage);
        assert!(report.end >= Position(60));
    }
    let opened = writer.join().expect("no panic");
    let mut reader = read_folder(place.path()).expect("reads");
    let read = contents(&mut reader);
    assert_eq!(read, contents(&mut *opened.log.handle().read(Position::START).expect("held")));
    assert_eq!(reader.heads(), opened.log.heads());
    assert_eq!(reader.epoch(), &epoch("first"));
}

#[test]
fn a_damaged_archive_says_where() {
    let disk = SimDisk::new(1 << 20);
    let mut opened = open_sim(&disk).expect("opens");
    append(&mut opened, 12);
    let stream = StreamId([1; 16]);
    let summary =
        opened.archives.collect(&*opened.log.handle(), Position::START, &[stream]).expect("archives")[0];
    assert_eq!(Some(summary.head), opened.log.stream_head(&stream));
    assert_eq!(verify_on(&disk).expect("reads").archives, [summary]);
    let folder = SimDisk::clone(&disk).subfolder("archives");
    let name = stream.to_string();
    let length = folder.contents(&name).expect("there").len() as u64;
    for offset in 0..length {
        assert!(folder.flip(&name, offset, 0x20));
        let read = opened.archives.read(stream).and_then(|archive| archive.expect("there is one").verify());
        match read {
            Err(LogError::Corrupt(damage)) => {
                assert!(damage.offset_bytes <= offset, "flipped byte {offset}: {damage}")
            }
            Err(LogError::Unusable(_)) => assert!((8..12).contains(&offset)),
            other => panic!("flipped byte {offset}: {other:?}"),
        }
        assert!(folder.flip(&name, offset, 0x20));
    }
}

#[test]
fn the_same_durability_reopens_and_os_closes_in_good_order() {
    let disk = SimDisk::new(1 << 20);
    let os = Options { durability: Durability::Os, ..options() };
    let mut opened = open_on(disk.files(), os, fresh()).expect("opens");
    append(&mut opened, 10);
    let (end, chain) = (opened.log.end(), opened.log.heads().chain);
    opened.log.close().expect("closes");
    disk.restart(Loss::Everything);
    let again = Fresh { epoch: epoch("second"), ..fresh() };
    let opened = open_on(disk.files(), os, again).expect("opens");
    assert_eq!((opened.log.end(), opened.log.heads().chain), (end, chain));
    assert_eq!((opened.recovery.epoch, opened.recovery.origin), (EpochChange::Kept, Origin::Closed));
}
