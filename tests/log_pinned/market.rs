//! The market that a pinned log holds: every kind of command, every rule of allocation,
//! fixed and elastic supplies, and a server that was away for a while. All of it follows
//! from the numbers here, on any machine.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{bounded, unbounded};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use walras::engine::{
    AffirmSettlement, AmendBid, Answer, AuctionId, BidId, BidRef, CancelBid, CloseReason, Command,
    CreateAuction, Engine, Party, ReportSettlement, SettlementId, SettlementPhase, SettlementStep, SubmitBid,
};
use walras::fanout::Records;
use walras::host::{
    Body, Clock, ConnectionKey, Delivery, Frame, Host, HostConfig, ManualClock, OpenRequests, Origin,
    Outcome, OwnBids, Query, Request, SeededIds, Since, Snapshot, Subscribe,
};
use walras::log::{Epoch, Fresh, LogId, open};
use walras::units::{PriceTicks, QuantityLots};
use walras::wire::Channel;
use walras::wire::terms::{LiveDefaults, parse_live};

pub const START_US: i64 = 1_704_067_200_000_000;
/// The files of a data folder that a pinned log keeps, by the beginnings of their names.
pub const FILES: [&str; 4] = ["epoch", "run", "durable", "segment-"];
/// Every kind of command must be in it.
pub const KINDS: [&str; 18] = [
    "create_auction",
    "submit_bid",
    "submit_bids",
    "cancel_bid",
    "amend_bid",
    "cancel_all",
    "open_auction",
    "close_auction",
    "cancel_auction",
    "halt_auction",
    "resume_auction",
    "extend_for_outage",
    "put_prices",
    "put_order_book",
    "affirm_settlement",
    "execute_settlement",
    "report_settlement",
    "settlement_deadline",
];
const PATIENCE: Duration = Duration::from_secs(20);

/// Terms beside whole lots and ticks.
const TERMS: [&str; 8] = [
    r#""supply":{"type":"fixed","quantity":700},"duration_ms":60000,"extend_window_ms":9000,"extend_ms":700,"max_extensions":5"#,
    r#""supply":{"type":"step","points":[[10,50],[60,900]]},"reserve_price":10,"allocation":"price_time","price_rule":"mid","duration_ms":55000,"on_outage":"close""#,
    r#""supply":{"type":"linear","base_quantity":400,"elasticity_factor":2,"price_floor":5,"price_ceiling":90},"allocation":"size_time","allow_phantom_bids":true,"duration_ms":50000"#,
    r#""supply":{"type":"fixed","quantity":300},"allow_partial_fills":false,"price_rule":"hrb","max_quantity_per_bidder":90,"lock_ms":4000,"duration_ms":65000,"settlement":{"start":"manual"}"#,
    r#""supply":{"type":"fixed","quantity":500},"allocation":"pro_rata_demand","price_rule":"pay_as_bid","money_unit":"1","starts_at":"2024-01-01T00:00:05Z","duration_ms":50000,"settlement":{"executor":"host"}"#,
    r#""supply":{"type":"fixed","quantity":600},"allocation":"treasury","award_multiple":5,"allow_price_takers":true,"min_bid_quantity":3"#,
    r#""supply":{"type":"exponential","base_quantity":90,"elasticity_factor":1.5,"price_floor":5,"price_ceiling":80},"undersubscribed":"lowest_bid""#,
    r#""supply":{"type":"fixed","quantity":50},"duration_ms":600000"#,
];
const PARTIES: [&str; 5] = ["ann", "bob", "cem", "dia", "eve"];

/// A host and the clock it goes by.
struct Market {
    host: Arc<Host>,
    clock: Arc<ManualClock>,
}

/// Numbers that look random and are the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn auction(number: usize) -> AuctionId {
    AuctionId(Uuid::from_u128(0x5a1e_0000 + number as u128))
}

fn party(number: u64) -> Party {
    Party(PARTIES[number as usize].into())
}

impl Market {
    fn start(folder: &Path, clock: Arc<ManualClock>, seed: u64) -> Self {
        let fresh =
            Fresh { epoch: Epoch::new("pinned").expect("a name"), log_id: LogId(*b"of a pinned log.") };
        let opened = open(folder, super::options(), fresh).expect("it opens");
        let shared: Arc<dyn Clock> = clock.clone();
        let config = HostConfig { ring_bytes: 8 << 20, ..HostConfig::default() };
        let host = Host::start(config, opened, shared, Box::new(SeededIds::new(seed))).expect("it starts");
        Self { host, clock }
    }

    fn ask(&self, body: Body) -> Outcome {
        let (tell, told) = bounded(1);
        let waiter = Origin::Waiter(Box::new(move |outcome| drop(tell.send(outcome))));
        let request = Request { origin: waiter, correlation: None, body };
        assert!(self.host.try_submit(request).is_ok());
        told.recv_timeout(PATIENCE).expect("answered")
    }

    fn wish(&self, command: Command) -> Outcome {
        self.ask(Body::Command(command))
    }

    fn must(&self, command: Command) {
        let outcome = self.wish(command);
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    }

    fn look<T: Send + 'static>(&self, look: impl FnOnce(&Engine) -> T + Send + 'static) -> T {
        let (tell, told) = bounded(1);
        assert!(self.host.visit(move |engine, _| drop(tell.send(look(engine)))));
        told.recv_timeout(PATIENCE).expect("the sequencer visits")
    }

    fn wait(&self, ms: u64) {
        self.clock.advance(Duration::from_millis(ms));
        self.look(|_| ());
    }

    fn create(&self, number: usize) {
        let json = format!(r#"{{"tick_size":"1","lot_size":"1",{}}}"#, TERMS[number]);
        let defaults = LiveDefaults { seller: Party("seller".into()) };
        let live = parse_live(json.as_bytes(), &defaults).unwrap_or_else(|error| panic!("{json}: {error}"));
        self.must(Command::CreateAuction(Box::new(CreateAuction {
            auction: auction(number),
            creator: defaults.seller,
            terms: live.terms,
            terms_json: live.canonical.into(),
            idempotency_key: Some(format!("key-{number}").into()),
        })));
    }

    fn random_step(&self, numbers: &mut Numbers, step: u64, placed: &mut Vec<(BidId, u64)>) {
        let number = numbers.below(7) as usize;
        let who = numbers.below(PARTIES.len() as u64);
        let known = placed.get(numbers.below(placed.len().max(1) as u64) as usize).copied();
        let (quantity, price) = (1 + numbers.below(40) as i64, 5 + numbers.below(80) as i64);
        let command = match (numbers.below(40), known) {
            (0..3, Some((of, owner))) => Command::CancelBid(CancelBid {
                bid: BidRef::Id(of),
                party: party(owner),
                received_at_us: START_US,
            }),
            (3..6, Some((of, owner))) => Command::AmendBid(AmendBid {
                bid: BidRef::Id(of),
                party: party(owner),
                quantity: Some(QuantityLots(quantity)),
                price: Some(PriceTicks(price)),
                received_at_us: START_US,
            }),
            (6..8, _) => {
                let more = (0..3).map(|more| bid(number, who, quantity + more, price + more, None));
                Command::SubmitBids(more.collect())
            }
            (8, _) => Command::CancelAll { party: party(who), auction: Some(auction(number)) },
            _ => {
                let mut bid = bid(number, who, quantity, price, Some(step));
                bid.is_phantom = number == 2 && step.is_multiple_of(11);
                if number == 5 && step.is_multiple_of(7) {
                    bid.price = None;
                }
                Command::SubmitBid(bid)
            }
        };
        // Refusals are part of the market; they leave nothing in the log.
        if let Outcome::Done(Answer::Bid(accepted)) = self.wish(command) {
            placed.push((accepted.bid.bid, who));
        }
    }
}

fn bid(number: usize, who: u64, quantity: i64, price: i64, client: Option<u64>) -> SubmitBid {
    SubmitBid {
        auction: auction(number),
        party: party(who),
        bid: BidId(Uuid::nil()),
        salt: [0; 16],
        quantity: QuantityLots(quantity),
        price: Some(PriceTicks(price)),
        client_bid_id: client.map(|name| format!("c{name}").into()),
        is_marginal: quantity % 3 == 0,
        is_phantom: false,
        received_at_us: START_US,
    }
}

/// Writes the log into an empty folder.
pub fn write(folder: &Path) {
    let market = Market::start(folder, super::clock(), 1);
    let mut numbers = Numbers(42);
    let mut placed = Vec::new();
    (0..TERMS.len()).for_each(|number| market.create(number));
    let prices =
        r#"{"token":"ETH","prices":{"usd":2500.0},"24h_change":0.0,"timestamp":"2024-01-01T00:00:00.000Z"}"#;
    market.must(Command::PutPrices { token: "ETH".into(), payload: prices.into() });
    let book = r#"{"token_pair":"ETH-USD","bids":[],"asks":[],"spread":null,"mid_price":null,"timestamp":"2024-01-01T00:00:00.000Z"}"#;
    market.must(Command::PutOrderBook { token_pair: "ETH-USD".into(), payload: book.into() });
    for step in 0..250 {
        market.random_step(&mut numbers, step, &mut placed);
        market.wait(numbers.below(150));
    }
    market.must(Command::HaltAuction { auction: auction(0), reason: "a pause".into() });
    market.must(Command::ResumeAuction { auction: auction(0) });
    market.must(Command::CancelAuction { auction: auction(7), reason: "withdrawn".into() });
    market.host.stop();

    // The server is away for some seconds.
    let clock = Arc::clone(&market.clock);
    drop(market);
    clock.advance(Duration::from_secs(4));
    let market = Market::start(folder, clock, 2);
    for step in 250..400 {
        market.random_step(&mut numbers, step, &mut placed);
        market.wait(numbers.below(150));
    }
    for number in [5, 6] {
        let reason = CloseReason::Operator;
        let close =
            Command::CloseAuction { auction: auction(number), reason, settlement: SettlementId(Uuid::nil()) };
        market.must(close);
    }
    market.wait(200_000);
    market.must(Command::ExecuteSettlement { auction: auction(3) });
    affirm(&market, 3);
    market.wait(40_000);
    perform_steps(&market, 4);
    market.wait(200_000);
    market.host.stop();
}

/// A winner agrees.
fn affirm(market: &Market, number: usize) {
    let fact = settlement(market, number).expect("it was started");
    let affirm = AffirmSettlement {
        settlement: fact.0,
        party: Party("seller".into()),
        hash: fact.2,
        agree: true,
        reason: None,
    };
    market.must(Command::AffirmSettlement(affirm));
}

fn settlement(market: &Market, number: usize) -> Option<(SettlementId, SettlementPhase, [u8; 32])> {
    market.look(move |engine| {
        let fact = engine.settlement_state(engine.slot(auction(number))?)?;
        Some((fact.settlement, fact.phase, fact.hash))
    })
}

/// The host performs the steps of a settlement that waits for it.
fn perform_steps(market: &Market, number: usize) {
    for step in [SettlementStep::Prepare, SettlementStep::Commit] {
        let (settlement, ..) = settlement(market, number).expect("it was started");
        let report = ReportSettlement {
            settlement,
            step,
            ok: true,
            gas_used: 21_000,
            execution_path: vec!["custodian-a".into()],
            reason: None,
        };
        market.must(Command::ReportSettlement(report));
    }
}

/// The hash of all facts of all auctions as one who resumes from their beginning is told them.
pub fn messages_hash(folder: &Path) -> String {
    let place = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(folder).expect("listed").map(|entry| entry.expect("listed")) {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), place.path().join(entry.file_name())).expect("copied");
        }
    }
    let market = Market::start(place.path(), super::clock(), 9);
    let auctions = market.look(|engine| engine.auction_count());
    let mut hash = Sha256::new();
    let (wake, woken) = unbounded();
    let mut reader = market.host.follow(Arc::new(move || wake.send(()).unwrap_or_default()));
    let mut ticket = 0;
    for number in 0..auctions {
        for channel in [Channel::Auction, Channel::Bids, Channel::Settlement] {
            ticket += 1;
            ask_for_all(&market, ticket, channel, auction(number));
            let mut records = Records::default();
            let mut is_told = false;
            while !is_told {
                records.clear();
                if reader.read_many(&mut records, 1 << 20).expect("it keeps up") == 0 {
                    woken.recv_timeout(PATIENCE).expect("frames keep coming");
                }
                for frame in records.iter().filter_map(|record| Frame::parse(record.bytes)) {
                    if frame.tail.ends_with(br#","replayed":true"#) {
                        hash.update(frame.head);
                        hash.update(frame.tail);
                    }
                    let ends = frame.head.starts_with(br#"{"type":"unsubscribed""#);
                    assert_ne!(frame.header.delivery, Delivery::Continue, "all fits one slice");
                    is_told |= frame.header.ticket == ticket
                        && (ends || frame.header.delivery == Delivery::Activate);
                }
            }
        }
    }
    market.host.stop();
    super::hex(&hash.finalize())
}

fn ask_for_all(market: &Market, ticket: u32, channel: Channel, auction: AuctionId) {
    let subscribe = Subscribe {
        ticket,
        channel,
        auction: Some(auction),
        allowed: None,
        party: Party("ann".into()).key(),
        own: OwnBids::Shown,
        min_quantity: QuantityLots(0),
        snapshot: Snapshot::Omitted,
        token: None,
        token_pair: None,
        open_requests: OpenRequests::Hidden,
        since: Some(Since { epoch: market.host.epoch().into(), offsets: vec![(auction, 0)] }),
    };
    let origin = Origin::Connection(ConnectionKey::new(0, 1));
    let body = Body::Query(Query::Subscribe(subscribe));
    assert!(market.host.try_submit(Request { origin, correlation: None, body }).is_ok());
}
