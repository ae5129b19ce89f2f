//! Shards that carry their own requests out while the sequencer sleeps: on the same order as everybody's, with nothing
//! lost between those who might have done it, and only what is short.

use std::sync::Arc;
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};
use uuid::Uuid;
use walras::engine::{AuctionId, BidId, Command, CreateAuction, Party, SubmitBid};
use walras::fanout::{GatedReader, Records};
use walras::host::{
    Body, Clock, ConnectionKey, Frame, Host, HostConfig, ManualClock, Origin, Outcome, Request, SeededIds,
};
use walras::log::testing::SimDisk;
use walras::log::{Durability, Epoch, Fresh, LogId, Options, open_on};
use walras::units::{PriceTicks, QuantityLots, TimeUs};
use walras::wire::terms::{LiveDefaults, parse_live};

const START_US: i64 = 1_704_067_200_000_000;
const PATIENCE: Duration = Duration::from_secs(60);
const AUCTION: AuctionId = AuctionId(Uuid::from_u128(0xa0c7));

fn start(durability: Durability) -> Arc<Host> {
    let options = Options { segment_bytes: 1 << 20, low_space_bytes: 0, durability, ..Options::default() };
    let fresh = Fresh { epoch: Epoch::new("first").expect("a valid name"), log_id: LogId([7; 16]) };
    let disk = SimDisk::new(64 << 20);
    let opened = open_on(disk.files(), options, fresh).expect("the log opens");
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(TimeUs(START_US)));
    // A small ring, so that whoever publishes soon waits for those who read.
    let config = HostConfig { ring_bytes: 1 << 20, history_bytes: 1 << 20, ..HostConfig::default() };
    let host = Host::start(config, opened, clock, Box::new(SeededIds::new(1))).expect("the host starts");
    let terms =
        br#"{"supply":{"type":"fixed","quantity":1000},"tick_size":"1","lot_size":"1","duration_ms":60000,
        "max_bids_per_bidder":100000}"#;
    let seller = Party("seller".into());
    let live = parse_live(terms, &LiveDefaults { seller: seller.clone() }).expect("good terms");
    let create = CreateAuction {
        auction: AUCTION,
        creator: seller,
        terms: live.terms,
        terms_json: live.canonical.into(),
        idempotency_key: None,
    };
    let created = host.enter(|turn| turn.command(Command::CreateAuction(Box::new(create))).is_ok());
    assert_eq!(created, Ok(true));
    host
}

fn bid(party: &str, price: i64) -> Body {
    Body::Command(Command::SubmitBid(SubmitBid {
        auction: AUCTION,
        party: Party(party.into()),
        bid: BidId(Uuid::nil()),
        salt: [0; 16],
        quantity: QuantityLots(1),
        price: Some(PriceTicks(price)),
        client_bid_id: None,
        is_marginal: false,
        is_phantom: false,
        received_at_us: START_US,
    }))
}

/// What takes a time that nobody knows: it is not for shards.
fn cancel_all(party: &str) -> Body {
    Body::Command(Command::CancelAll { party: Party(party.into()), auction: Some(AUCTION) })
}

struct Shard {
    host: Arc<Host>,
    reader: GatedReader,
    woken: Receiver<()>,
    number: u16,
    /// The offset of the newest public fact that it read.
    offset: u64,
    sent: usize,
    answered: usize,
}

impl Shard {
    fn new(host: &Arc<Host>, number: u16) -> Self {
        let (wake, woken) = unbounded();
        let waker = Arc::new(move || {
            let _ = wake.send(());
        });
        let reader = host.attach(waker).expect("there is room for a shard");
        Self { host: Arc::clone(host), reader, woken, number, offset: 0, sent: 0, answered: 0 }
    }

    /// Hands a run of requests over as one connection, as a shard does, and reads until all are answered.
    fn run(&mut self, bodies: Vec<Body>) {
        for body in bodies {
            let correlation = format!("{}-{}", self.number, self.sent).into();
            let origin = Origin::Connection(ConnectionKey::new(self.number, 1));
            let request = Request { origin, correlation: Some(correlation), body };
            assert!(self.host.try_enqueue(request).is_ok(), "the queue has room");
            self.sent += 1;
        }
        self.host.ring_or_carry_out(|| self.reader.lag_bytes() == 0);
        let mut records = Records::default();
        while self.answered < self.sent {
            records.clear();
            if self.reader.read_many(&mut records, 64 << 10) == 0 {
                self.woken.recv_timeout(PATIENCE).expect("every request is answered");
            }
            for record in records.iter() {
                self.read(&Frame::parse(record.bytes).expect("the ring holds frames"));
            }
        }
    }

    fn read(&mut self, frame: &Frame<'_>) {
        let extra = std::str::from_utf8(frame.extra).expect("members are text");
        if extra.contains(&format!(r#""correlation_id":"{}-"#, self.number)) {
            let expected = format!(r#""correlation_id":"{}-{}""#, self.number, self.answered);
            assert!(
                extra.contains(&expected),
                "answers come in the order of the requests: {extra} {expected}"
            );
            self.answered += 1;
        }
        if frame.head.starts_with(br#"{"type":"new_bid""#) {
            assert!(frame.header.offset > self.offset, "one order for everybody");
            self.offset = frame.header.offset;
        }
    }
}

#[test]
fn every_request_is_answered_once_and_in_order_whoever_carries_it_out() {
    const SHARDS: u16 = 3;
    const RUNS: usize = 400;
    for durability in [Durability::Memory, Durability::Os, Durability::Fsync] {
        let host = start(durability);
        std::thread::scope(|scope| {
            for number in 0..SHARDS {
                let mut shard = Shard::new(&host, number);
                scope.spawn(move || {
                    let party = format!("party-{number}");
                    for run in 0..RUNS {
                        // Mostly a bid alone, now and then more than a short turn takes, or what it leaves alone.
                        let count = if run % 7 == 6 { 1 + run % 20 } else { 1 };
                        let mut bodies: Vec<_> =
                            (0..count).map(|step| bid(&party, 1 + step as i64)).collect();
                        if run % 11 == 10 {
                            bodies.insert(count / 2, cancel_all(&party));
                        }
                        shard.run(bodies);
                    }
                });
            }
        });
        host.drain().expect("all is well");
        let per_shard: usize = (0..RUNS).map(|run| if run % 7 == 6 { 1 + run % 20 } else { 1 }).sum();
        let accepted = host.enter(|turn| {
            let slot = turn.engine().slot(AUCTION).expect("it is there");
            turn.engine().bid_count(slot) as usize
        });
        assert_eq!(accepted, Ok(per_shard * usize::from(SHARDS)), "{durability:?}");
        host.stop();
    }
}

/// On which thread the answer was given.
fn carried_out_by(host: &Host, body: Body, has_read_all: bool) -> ThreadId {
    let (tell, told) = unbounded();
    let waiter = Box::new(move |outcome: Outcome| {
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
        let _ = tell.send(std::thread::current().id());
    });
    let request = Request { origin: Origin::Waiter(waiter), correlation: None, body };
    assert!(host.try_enqueue(request).is_ok(), "the queue has room");
    host.ring_or_carry_out(|| has_read_all);
    told.recv_timeout(PATIENCE).expect("every request is answered")
}

#[test]
fn a_shard_carries_out_what_is_short_while_the_sequencer_sleeps_and_nothing_else() {
    let host = start(Durability::Os);
    let own = std::thread::current().id();
    let deadline = Instant::now() + PATIENCE;
    // The sequencer needs a moment to fall asleep.
    while carried_out_by(&host, bid("ann", 7), true) != own {
        assert!(Instant::now() < deadline, "no bid was carried out by the one who had it");
    }
    for _ in 0..100 {
        assert_ne!(carried_out_by(&host, cancel_all("ann"), true), own, "what may be long is not for shards");
        assert_ne!(carried_out_by(&host, bid("ann", 7), false), own, "nobody waits for itself to read");
    }
}

#[test]
fn a_host_stops_although_requests_keep_coming() {
    let host = start(Durability::Memory);
    std::thread::scope(|scope| {
        for number in 0..2 {
            let host = &host;
            scope.spawn(move || {
                let mut count = 0_i64;
                loop {
                    let origin = Origin::Connection(ConnectionKey::new(number, 1));
                    let request = Request { origin, correlation: None, body: bid("ann", 1 + count % 90) };
                    let is_taken = host.try_enqueue(request).is_ok();
                    host.ring_or_carry_out(|| true);
                    count += 1;
                    if !is_taken && host.is_stopped() {
                        return;
                    }
                }
            });
        }
        host.stop();
    });
}
