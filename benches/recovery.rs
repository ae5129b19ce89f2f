//! How long a server takes to come back: a log of a million commands replayed from its first record, and the same
//! market behind a snapshot.
//!
//! `cargo bench --bench recovery -- [FOLDER]`, the folder being on the disk to be measured. What is measured is
//! everything between an empty process and one that takes bids: the log opened and checked, the engine rebuilt and
//! compared with what it did at first, the recent past in memory again. Each start finds the folder as a kill
//! leaves it. Before anything is timed the state after
//! the replay is compared with the state before the stop. The baseline is the log read and checked without an engine.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use uuid::Uuid;
use walras::engine::{AuctionId, BidId, Command, CreateAuction, Party, SubmitBid};
use walras::host::{Body, Host, HostConfig, Origin, RandomIds, Request, SystemClock};
use walras::log::{Epoch, Fresh, LogId, Opened, Options, Position, open};
use walras::units::{PriceTicks, QuantityLots};
use walras::wire::terms::{LiveDefaults, parse_live};

const BID_COUNT: u64 = 1_000_000;
const PARTY_COUNT: u64 = 1_000;
const ROUND_COUNT: usize = 5;
const AUCTION: AuctionId = AuctionId(Uuid::from_u128(0xa0c7));

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let place = tempfile::tempdir_in(folder).expect("a folder to write to");
    let data = place.path().join("data");

    let begun = Instant::now();
    let (written, run) = write(&data);
    say(format!("{BID_COUNT} bids logged in {:.1} s", begun.elapsed().as_secs_f64()));
    assert_eq!(state(&start(&data, u64::MAX)), written, "the replay gives the state of before");

    let mut reading: Vec<_> = (0..ROUND_COUNT).map(|_| killed(&data, &run, read)).collect();
    say(format!("  the log alone, opened and read, all of it checked     {}", spread(&mut reading)));
    let mut replaying: Vec<_> = (0..ROUND_COUNT).map(|_| killed(&data, &run, ready)).collect();
    say(format!("  a start that replays all commands                     {}", spread(&mut replaying)));

    make_snapshot(&data);
    assert_eq!(state(&start(&data, u64::MAX)), written, "the snapshot gives the state of before");
    let mut restoring: Vec<_> = (0..ROUND_COUNT).map(|_| killed(&data, &run, ready)).collect();
    say(format!("  a start from a snapshot of {BID_COUNT} live bids         {}", spread(&mut restoring)));
}

fn opened(data: &Path) -> Opened {
    let epoch = Epoch::new("bench").expect("a valid name");
    open(data, Options::default(), Fresh { epoch, log_id: LogId(*b"known to no one!") }).expect("it opens")
}

fn start(data: &Path, snapshot_records: u64) -> Arc<Host> {
    let config = HostConfig { snapshot_records, ..HostConfig::default() };
    let ids = Box::new(RandomIds::default());
    Host::start(config, opened(data), Arc::new(SystemClock::new()), ids).expect("it starts")
}

/// The digest of the whole state; everything handed over before is carried out by then.
fn state(host: &Host) -> [u8; 32] {
    let (tell, told) = channel();
    assert!(host.visit(move |engine, _| tell.send(engine.digest()).unwrap_or_default()));
    told.recv().expect("the sequencer visits")
}

/// Fills the log; gives the state, and the note by which a running server marks the folder.
fn write(data: &Path) -> ([u8; 32], Vec<u8>) {
    let host = start(data, u64::MAX);
    let run = std::fs::read(data.join("run")).expect("it says that it runs");
    let json = br#"{"supply":{"type":"fixed","quantity":5000000},"tick_size":"1","lot_size":"1","max_bids_per_bidder":1000000}"#;
    let seller = Party("seller".into());
    let live = parse_live(json, &LiveDefaults { seller: seller.clone() }).expect("good terms");
    submit(
        &host,
        Command::CreateAuction(Box::new(CreateAuction {
            auction: AUCTION,
            creator: seller,
            terms: live.terms,
            terms_json: live.canonical.into(),
            idempotency_key: None,
        })),
    );
    let parties: Vec<Party> = (0..PARTY_COUNT).map(|party| Party(format!("party-{party}").into())).collect();
    let mut random = 1_u64;
    for index in 0..BID_COUNT {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        submit(
            &host,
            Command::SubmitBid(SubmitBid {
                auction: AUCTION,
                party: parties[(random >> 40) as usize % parties.len()].clone(),
                bid: BidId(Uuid::nil()),
                salt: [0; 16],
                quantity: QuantityLots(1 + (random >> 33) as i64 % 100),
                price: Some(PriceTicks(1 + (random >> 20) as i64 % 10_000)),
                client_bid_id: Some(format!("bid-{index}").into()),
                is_marginal: false,
                is_phantom: false,
                received_at_us: 1_704_067_200_000_000,
            }),
        );
    }
    (state(&host), run)
}

fn submit(host: &Host, command: Command) {
    let mut request = Request { origin: Origin::Nobody, correlation: None, body: Body::Command(command) };
    while let Err(back) = host.try_submit(request) {
        request = back;
        std::thread::yield_now();
    }
}

/// How long `come_back` takes where a server was killed; what it gives is dropped outside of that time.
fn killed<T>(data: &Path, run: &[u8], come_back: impl Fn(&Path) -> T) -> Duration {
    std::fs::write(data.join("run"), run).expect("written");
    let begun = Instant::now();
    let back = come_back(data);
    let elapsed = begun.elapsed();
    drop(back);
    elapsed
}

/// A start until a question is answered.
fn ready(data: &Path) -> Arc<Host> {
    let host = start(data, u64::MAX);
    let (tell, told) = channel();
    assert!(host.visit(move |engine, _| tell.send(engine.auction_count()).unwrap_or_default()));
    assert_eq!(told.recv(), Ok(1));
    host
}

fn read(data: &Path) {
    let Opened { log, .. } = opened(data);
    let mut reader = log.handle().read(Position::START).expect("held");
    let mut count = 0;
    while let Some(batch) = reader.next().expect("reads") {
        count += batch.record_count() as u64;
    }
    assert!(count > BID_COUNT);
}

/// Lets a host run until it has made a snapshot of everything.
fn make_snapshot(data: &Path) {
    let host = start(data, 1);
    let is_there = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.expect("listed").file_name();
        name.to_string_lossy().starts_with("snapshot-") && !name.to_string_lossy().ends_with(".tmp")
    };
    while !std::fs::read_dir(data).expect("listed").any(is_there) {
        std::thread::sleep(Duration::from_millis(100));
    }
    host.stop();
}

fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let (least, most) = (ms(times[0]), ms(times[times.len() - 1]));
    format!("median {:>5.0} ms, lowest {least:>5.0}, highest {most:>5.0}", ms(times[times.len() / 2]))
}

fn say(line: String) {
    writeln!(std::io::stdout(), "{line}").expect("somebody listens");
}
