//! The host through its own door: one order for everybody, nothing published before
//! it is durable, resumption without hole or duplicate, and the same again after a crash.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;
use walras::engine::{
    AuctionId, BidId, BidRef, CancelBid, CloseReason, Command, CreateAuction, Party, SettlementId, SubmitBid,
};
use walras::fanout::{Reader, Records};
use walras::host::{
    Body, Clock, ConnectionKey, Delivery, Frame, Host, HostConfig, ManualClock, OpenRequests, Origin,
    Outcome, OwnBids, Query, Readiness, Request, SeededIds, Since, Snapshot, Subscribe,
};
use walras::log::testing::{Fault, Loss, SimDisk};
use walras::log::{Epoch, Fresh, LogId, Options, open_on};
use walras::units::{PriceTicks, QuantityLots, TimeUs};
use walras::wire::Channel;
use walras::wire::terms::{LiveDefaults, parse_live};

const START_US: i64 = 1_704_067_200_000_000;
const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    disk: SimDisk,
    clock: Arc<ManualClock>,
    host: Arc<Host>,
    follower: Reader,
    woken: Receiver<()>,
    auction: AuctionId,
    /// Messages of connection 1, whole.
    heard: Vec<(Frame0, Value)>,
    sequence: u64,
}

/// The part of a frame's header that the tests look at.
#[derive(Debug, Clone, Copy)]
struct Frame0 {
    delivery: Delivery,
    channel: Channel,
    connection: ConnectionKey,
    ticket: u32,
    offset: u64,
}

fn options() -> Options {
    Options { segment_bytes: 1 << 20, low_space_bytes: 0, ..Options::default() }
}

fn fresh() -> Fresh {
    Fresh { epoch: Epoch::new("first").expect("a valid name"), log_id: LogId([7; 16]) }
}

fn start(disk: &SimDisk, clock: &Arc<ManualClock>, seed: u64) -> Arc<Host> {
    start_with_history(disk, clock, seed, 4 << 20)
}

fn start_with_history(
    disk: &SimDisk,
    clock: &Arc<ManualClock>,
    seed: u64,
    history_bytes: usize,
) -> Arc<Host> {
    let opened = open_on(disk.files(), options(), fresh()).expect("the log opens");
    let clock: Arc<dyn Clock> = clock.clone();
    let config = HostConfig { ring_bytes: 8 << 20, history_bytes, ..HostConfig::default() };
    Host::start(config, opened, clock, Box::new(SeededIds::new(seed))).expect("the host starts")
}

impl World {
    fn new() -> Self {
        let disk = SimDisk::new(64 << 20);
        let clock = Arc::new(ManualClock::new(TimeUs(START_US)));
        let host = start(&disk, &clock, 1);
        Self::on(disk, clock, host, AuctionId(Uuid::from_u128(0xa0c7)))
    }

    fn on(disk: SimDisk, clock: Arc<ManualClock>, host: Arc<Host>, auction: AuctionId) -> Self {
        let (wake, woken) = unbounded();
        let follower = host.follow(Arc::new(move || {
            let _ = wake.send(());
        }));
        Self { disk, clock, host, follower, woken, auction, heard: Vec::new(), sequence: 0 }
    }

    fn ask(&self, body: Body) -> Outcome {
        let (tell, told) = unbounded();
        let waiter = Origin::Waiter(Box::new(move |outcome| {
            let _ = tell.send(outcome);
        }));
        let request = Request { origin: waiter, correlation: None, body };
        assert!(self.host.try_submit(request).is_ok(), "the queue has room");
        told.recv_timeout(PATIENCE).expect("every request is answered")
    }

    fn create(&self) {
        let json = br#"{"supply":{"type":"fixed","quantity":1000},"tick_size":"1","lot_size":"1","duration_ms":60000}"#;
        let seller = Party("seller".into());
        let live = parse_live(json, &LiveDefaults { seller: seller.clone() }).expect("good terms");
        let create = CreateAuction {
            auction: self.auction,
            creator: seller,
            terms: live.terms,
            terms_json: live.canonical.into(),
            idempotency_key: None,
        };
        let outcome = self.ask(Body::Command(Command::CreateAuction(Box::new(create))));
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    }

    fn bid(&self, party: &str, quantity: i64, price: i64) -> SubmitBid {
        SubmitBid {
            auction: self.auction,
            party: Party(party.into()),
            bid: BidId(Uuid::nil()),
            salt: [0; 16],
            quantity: QuantityLots(quantity),
            price: Some(PriceTicks(price)),
            client_bid_id: None,
            is_marginal: false,
            is_phantom: false,
            received_at_us: START_US,
        }
    }

    /// Sends as connection 1 and does not wait.
    fn send(&self, body: Body) {
        let connection = Origin::Connection(ConnectionKey::new(0, 1));
        let request = Request { origin: connection, correlation: Some("c".into()), body };
        assert!(self.host.try_submit(request).is_ok(), "the queue has room");
    }

    fn subscribe(&self, ticket: u32, since: Option<u64>) -> Subscribe {
        Subscribe {
            ticket,
            channel: Channel::Bids,
            auction: Some(self.auction),
            allowed: None,
            party: Party("ann".into()).key(),
            own: OwnBids::Shown,
            min_quantity: QuantityLots(0),
            snapshot: Snapshot::Omitted,
            open_requests: OpenRequests::Hidden,
            token: None,
            token_pair: None,
            since: since.map(|offset| Since {
                epoch: self.host.epoch().into(),
                offsets: vec![(self.auction, offset)],
            }),
        }
    }

    /// Reads frames until one satisfies `is_last`.
    fn hear_until(&mut self, is_last: impl Fn(&Frame0, &Value) -> bool) {
        let mut records = Records::default();
        loop {
            records.clear();
            let count = self.follower.read_many(&mut records, 1 << 20).expect("the test keeps up");
            let mut found = false;
            for record in records.iter() {
                let frame = Frame::parse(record.bytes).expect("the ring holds frames");
                self.sequence += 1;
                let mut text = frame.head.to_vec();
                text.extend_from_slice(self.sequence.to_string().as_bytes());
                text.extend_from_slice(frame.tail);
                text.extend_from_slice(frame.extra);
                text.push(b'}');
                let value = if frame.head.is_empty() {
                    Value::Null
                } else {
                    serde_json::from_slice(&text).expect("frames are JSON")
                };
                let header = Frame0 {
                    delivery: frame.header.delivery,
                    channel: frame.header.channel,
                    connection: frame.header.connection,
                    ticket: frame.header.ticket,
                    offset: frame.header.offset,
                };
                found |= is_last(&header, &value);
                self.heard.push((header, value));
            }
            if found {
                return;
            }
            if count == 0 {
                self.woken.recv_timeout(PATIENCE).expect("frames keep coming");
            }
        }
    }

    /// What a live subscriber of `bids` heard of others' and its own bids: offset and type.
    fn public_bid_facts(&self) -> Vec<(u64, String)> {
        let facts = self
            .heard
            .iter()
            .filter(|(header, _)| header.delivery == Delivery::Public && header.channel == Channel::Bids);
        facts.map(|(header, value)| (header.offset, kind(value).to_owned())).collect()
    }
}

fn kind(value: &Value) -> &str {
    value["type"].as_str().unwrap_or("")
}

#[test]
fn bids_from_many_threads_get_one_order_and_every_ack_precedes_its_public_message() {
    let mut world = World::new();
    world.create();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let world = &world;
            scope.spawn(move || {
                for step in 0..50 {
                    let bid = world.bid(&format!("p{thread}"), 1 + step, 10 + step);
                    let outcome = world.ask(Body::Command(Command::SubmitBid(bid)));
                    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
                }
            });
        }
    });
    world.hear_until(|header, value| kind(value) == "new_bid" && header.offset == 201);
    let offsets: Vec<u64> = world.public_bid_facts().iter().map(|fact| fact.0).collect();
    assert_eq!(offsets, (2..=201).collect::<Vec<u64>>(), "one order, no gap, no duplicate");
    let mut acknowledged = 1;
    for (header, value) in &world.heard {
        match kind(value) {
            "bid_accepted" => acknowledged = header.offset,
            "new_bid" => assert_eq!(acknowledged, header.offset, "the owner hears first"),
            _ => {}
        }
    }
    let times: Vec<&str> = world.heard.iter().filter_map(|(_, value)| value["timestamp"].as_str()).collect();
    assert!(times.is_sorted(), "time never goes backwards");
}

#[test]
fn a_failed_sync_freezes_the_host_and_publishes_nothing_of_the_turn() {
    let mut world = World::new();
    world.create();
    let first = world.bid("ann", 5, 20);
    assert!(matches!(world.ask(Body::Command(Command::SubmitBid(first))), Outcome::Done(_)));
    world.hear_until(|_, value| kind(value) == "new_bid");
    let next = world.disk.operations().len() as u64;
    for operation in next..next + 8 {
        world.disk.fail_at(operation, Fault::Broken);
    }
    let lost = world.bid("bob", 7, 30);
    let outcome = world.ask(Body::Command(Command::SubmitBid(lost)));
    assert!(matches!(outcome, Outcome::Unavailable(_)), "{outcome:?}");
    assert!(matches!(world.host.readiness(), Readiness::Frozen { .. }));
    let after = world.bid("bob", 7, 30);
    assert!(matches!(world.ask(Body::Command(Command::SubmitBid(after))), Outcome::Unavailable(_)));
    let query = Query::Auction { auction: world.auction };
    assert!(
        matches!(world.ask(Body::Query(query)), Outcome::Unavailable(_)),
        "no question is answered from memory that is ahead of the log"
    );
    // Who resumes still gets all that is durable, and nothing that is not.
    world.send(Body::Query(Query::Subscribe(world.subscribe(9, Some(0)))));
    world.hear_until(|header, _| header.delivery == Delivery::Activate && header.ticket == 9);
    let bidders: Vec<u64> = world
        .heard
        .iter()
        .filter(|(_, value)| kind(value) == "new_bid")
        .map(|(_, value)| value["payload"]["offset"].as_u64().expect("facts carry an offset"))
        .collect();
    assert_eq!(bidders, vec![2, 2], "once live, once replayed; never the bid that was lost");
}

#[test]
fn a_crash_loses_no_acknowledged_bid_and_clients_resume_across_it() {
    let mut world = World::new();
    world.create();
    let mut acknowledged = BTreeMap::new();
    for step in 0..40 {
        let mut bid = world.bid("ann", 1 + step, 100 - step);
        bid.client_bid_id = Some(format!("c{step}").into());
        let outcome = world.ask(Body::Command(Command::SubmitBid(bid)));
        let Outcome::Done(walras::engine::Answer::Bid(accepted)) = outcome else { panic!("{outcome:?}") };
        acknowledged.insert(accepted.offset, accepted.bid.bid);
    }
    world.hear_until(|header, value| kind(value) == "new_bid" && header.offset == 41);
    let before = world.public_bid_facts();
    let disk = world.disk.clone();
    let clock = world.clock.clone();
    // The process dies: nothing is closed in good order, and what was not synced is lost.
    let forked = disk.fork();
    forked.restart(Loss::Everything);
    let host = start_with_history(&forked, &clock, 2, 0);
    let mut again = World::on(forked, clock, host, world.auction);
    again.send(Body::Query(Query::Subscribe(again.subscribe(3, Some(10)))));
    again.hear_until(|header, _| header.delivery == Delivery::Activate && header.ticket == 3);
    let replayed: Vec<(u64, String)> = again
        .heard
        .iter()
        .filter(|(_, value)| value["replayed"] == true && kind(value) == "new_bid")
        .map(|(_, value)| (value["payload"]["offset"].as_u64().expect("an offset"), kind(value).to_owned()))
        .collect();
    let missed: Vec<(u64, String)> = before.into_iter().filter(|(offset, _)| *offset > 10).collect();
    assert_eq!(replayed, missed, "the same facts, rebuilt from the log");
    // A known id is answered as at first.
    let mut same = again.bid("ann", 1, 100);
    same.client_bid_id = Some("c0".into());
    let outcome = again.ask(Body::Command(Command::SubmitBid(same)));
    let Outcome::Done(walras::engine::Answer::Bid(repeated)) = outcome else { panic!("{outcome:?}") };
    assert!(repeated.duplicate);
    assert_eq!(Some(&repeated.bid.bid), acknowledged.get(&repeated.offset));
}

#[test]
fn the_close_is_applied_before_the_first_command_stamped_at_the_end() {
    let mut world = World::new();
    world.create();
    world.clock.raise_to(TimeUs(START_US + 59_999_999));
    let just_before = world.bid("ann", 5, 20);
    assert!(matches!(world.ask(Body::Command(Command::SubmitBid(just_before))), Outcome::Done(_)));
    world.clock.raise_to(TimeUs(START_US + 60_000_000));
    let at_the_end = world.bid("ann", 5, 20);
    let outcome = world.ask(Body::Command(Command::SubmitBid(at_the_end)));
    assert!(
        matches!(outcome, Outcome::Rejected(walras::engine::Rejection::AuctionEnded { .. })),
        "{outcome:?}"
    );
    world.hear_until(|_, value| kind(value) == "auction_complete");
    let complete = world.heard.iter().find(|(_, value)| kind(value) == "auction_complete");
    let payload = &complete.expect("just heard").1["payload"];
    assert_eq!(payload["total_bids"], 1);
    assert_eq!(payload["total_allocated"], 5.0);
    assert_eq!(payload["reason"], "schedule");
    assert_eq!(payload["log_head"].as_str().map(str::len), Some(64));
}

/// What a test client does.
#[derive(Debug, Clone)]
enum Step {
    Bid(i64, i64),
    CancelLast,
    Resume,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..50_i64, 1..200_i64).prop_map(|(quantity, price)| Step::Bid(quantity, price)),
        1 => Just(Step::CancelLast),
        1 => Just(Step::Resume),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_resumed_stream_joins_the_live_one_without_hole_or_duplicate(
        steps in prop::collection::vec(step(), 1..40), since_seed in 0..1000_u64,
    ) {
        let mut world = World::new();
        world.create();
        let mut last = None;
        let mut resumed_at = Vec::new();
        let mut offset = 1;
        for (number, step) in steps.iter().enumerate() {
            match step {
                Step::Bid(quantity, price) => {
                    let outcome =
                        world.ask(Body::Command(Command::SubmitBid(world.bid("ann", *quantity, *price))));
                    if let Outcome::Done(walras::engine::Answer::Bid(accepted)) = outcome {
                        last = Some(accepted.bid.bid);
                        offset = accepted.offset;
                    }
                }
                Step::CancelLast => {
                    let Some(bid) = last.take() else { continue };
                    let cancel =
                        CancelBid { bid: BidRef::Id(bid), party: Party("ann".into()), received_at_us: START_US };
                    let outcome = world.ask(Body::Command(Command::CancelBid(cancel)));
                    prop_assert!(matches!(outcome, Outcome::Done(_)));
                    offset += 1;
                }
                Step::Resume => {
                    let since = since_seed % (offset + 1);
                    let ticket = 100 + number as u32;
                    world.send(Body::Query(Query::Subscribe(world.subscribe(ticket, Some(since)))));
                    resumed_at.push((ticket, since));
                }
            }
        }
        let end = world.bid("bob", 1, 1);
        prop_assert!(matches!(world.ask(Body::Command(Command::SubmitBid(end))), Outcome::Done(_)));
        let last_offset = offset + 1;
        world.hear_until(|header, value| kind(value) == "new_bid" && header.offset == last_offset);
        let all = world.public_bid_facts();
        for (ticket, since) in resumed_at {
            let mut is_live = false;
            let mut stream = Vec::new();
            let mut is_mine = false;
            for (header, value) in &world.heard {
                let is_reply = header.delivery == Delivery::Reply && header.connection.0 != 0;
                if is_reply && kind(value) == "subscribed" {
                    // Replies of one subscription stand together: nothing else is replayed in between.
                    is_mine = false;
                }
                if header.delivery == Delivery::Activate {
                    is_live |= header.ticket == ticket;
                    is_mine = false;
                }
                if is_reply && kind(value) == "subscribed" {
                    is_mine = !is_live && activates_next(&world.heard, header, value, ticket);
                }
                let is_public = matches!(kind(value), "new_bid" | "bid_cancelled");
                if is_public && ((is_mine && value["replayed"] == true)
                    || (is_live && header.delivery == Delivery::Public))
                {
                    let fact_offset = value["payload"]["offset"].as_u64().expect("an offset");
                    stream.push((fact_offset, kind(value).to_owned()));
                }
            }
            let expected: Vec<_> = all.iter().filter(|fact| fact.0 > since).cloned().collect();
            prop_assert_eq!(stream, expected, "resumed at {}", since);
        }
    }
}

/// Whether the first `Activate` frame after this `subscribed` message has this ticket.
fn activates_next(heard: &[(Frame0, Value)], _header: &Frame0, subscribed: &Value, ticket: u32) -> bool {
    let at = heard.iter().position(|(_, value)| std::ptr::eq(value, subscribed)).expect("it was heard");
    let next = heard[at..].iter().find(|(header, _)| header.delivery == Delivery::Activate);
    next.is_some_and(|(header, _)| header.ticket == ticket)
}

#[test]
fn snapshots_and_archives_take_the_place_of_the_log_and_nothing_changes() {
    let disk = SimDisk::new(256 << 20);
    let clock = Arc::new(ManualClock::new(TimeUs(START_US)));
    let opened = open_on(disk.files(), options(), fresh()).expect("the log opens");
    let archives = opened.archives.clone();
    let snapshots = opened.snapshots.clone();
    let config = HostConfig { snapshot_records: 50, history_bytes: 1 << 20, ..HostConfig::default() };
    let shared_clock: Arc<dyn Clock> = clock.clone();
    let host = Host::start(config, opened, shared_clock, Box::new(SeededIds::new(1))).expect("it starts");
    let mut world = World::on(disk, clock, host, AuctionId(Uuid::from_u128(0xa0c7)));
    world.create();
    for step in 0..120 {
        let bid = world.bid("ann", 1 + step % 7, 10 + step);
        let expected = if step < 100 { "accepted" } else { "refused" };
        let outcome = world.ask(Body::Command(Command::SubmitBid(bid)));
        assert_eq!(matches!(outcome, Outcome::Done(_)), expected == "accepted", "{outcome:?}");
    }
    world.clock.raise_to(TimeUs(START_US + 60_000_000));
    world.hear_until(|_, value| kind(value) == "auction_complete");
    // Silence is consent at the deadline; then the ledger settles and the auction is over.
    world.clock.raise_to(TimeUs(START_US + 120_000_000));
    world.hear_until(|_, value| kind(value) == "settlement_complete");
    let stream = walras::log::StreamId(*world.auction.0.as_bytes());
    let patience = std::time::Instant::now() + PATIENCE;
    while archives.list().expect("the archives can be listed").is_empty()
        || snapshots.latest().expect("snapshots can be read").is_none()
    {
        assert!(std::time::Instant::now() < patience, "the keeper works once a second");
        std::thread::yield_now();
    }
    let archive = archives.read(stream).expect("readable").expect("there is one");
    let head = archive.verify().expect("it proves itself").head;
    let before = digest(&world.host);
    let forked = world.disk.fork();
    forked.restart(Loss::Everything);
    let host = start_with_history(&forked, &world.clock, 2, 0);
    assert_eq!(digest(&host), before, "the snapshot and the tail give the same state");
    let mut again = World::on(forked, world.clock.clone(), host, world.auction);
    again.send(Body::Query(Query::Subscribe(again.subscribe(4, Some(95)))));
    again.hear_until(|_, value| kind(value) == "unsubscribed");
    let told: Vec<u64> = again
        .heard
        .iter()
        .filter(|(_, value)| kind(value) == "new_bid")
        .map(|(_, value)| value["payload"]["offset"].as_u64().expect("an offset"))
        .collect();
    assert_eq!(told, (96..=101).collect::<Vec<u64>>(), "from the archive");
    assert_ne!(head, walras::log::Hash::ZERO);
}

/// The hash of a host's whole state.
fn digest(host: &Host) -> [u8; 32] {
    let (tell, told) = unbounded();
    assert!(host.visit(move |engine, _| {
        let _ = tell.send(engine.digest());
    }));
    told.recv_timeout(PATIENCE).expect("the sequencer visits")
}

#[test]
fn an_operator_closes_and_the_answer_waits_for_the_disk() {
    let world = World::new();
    world.create();
    world.disk.hold_syncs();
    let (tell, told) = unbounded();
    let close = Command::CloseAuction {
        auction: world.auction,
        reason: CloseReason::Operator,
        settlement: SettlementId(Uuid::nil()),
    };
    let waiter = Origin::Waiter(Box::new(move |outcome| {
        let _ = tell.send(outcome);
    }));
    let request = Request { origin: waiter, correlation: None, body: Body::Command(close) };
    assert!(world.host.try_submit(request).is_ok());
    assert!(told.recv_timeout(Duration::from_millis(50)).is_err(), "nothing is said before the sync");
    world.disk.release_syncs();
    assert!(matches!(told.recv_timeout(PATIENCE), Ok(Outcome::Done(_))));
}
