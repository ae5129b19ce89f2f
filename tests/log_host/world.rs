//! A host on a simulated disk, with a clock of the test's choice, and everything that it says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded, unbounded};
use serde_json::Value;
use uuid::Uuid;
use walras::engine::{AuctionId, BidId, Command, CreateAuction, Party, SubmitBid};
use walras::fanout::{Reader, Records};
use walras::host::{
    Body, Clock, ConnectionKey, Delivery, Frame, FrameHeader, Host, HostConfig, OpenRequests, Origin,
    Outcome, OwnBids, Query, Request, SeededIds, Since, Snapshot, Subscribe,
};
use walras::log::testing::SimDisk;
use walras::log::{Epoch, Fresh, LogId, Options, open_on};
use walras::units::{PriceTicks, QuantityLots, TimeUs};
use walras::wire::Channel;
use walras::wire::terms::{LiveDefaults, parse_live};

pub const START_US: i64 = 1_704_067_200_000_000;
pub const PATIENCE: Duration = Duration::from_secs(20);
pub const SEGMENT_BYTES: u64 = 64 << 10;
/// The auction of most tests.
pub const AUCTION: AuctionId = AuctionId(Uuid::from_u128(0xa0c7));

pub struct World {
    pub disk: SimDisk,
    pub host: Arc<Host>,
    follower: Reader,
    woken: Receiver<()>,
}

/// One frame of the ring.
#[derive(Debug, Clone)]
pub struct Heard {
    pub header: FrameHeader,
    /// The JSON before the digits of `sequence`, and after them without the closing brace.
    pub head: Vec<u8>,
    pub tail: Vec<u8>,
    extra: Vec<u8>,
}

impl Heard {
    /// The message; null for a frame without one.
    pub fn message(&self) -> Value {
        if self.head.is_empty() {
            return Value::Null;
        }
        let text = [&self.head, &b"1"[..], &self.tail, &self.extra, b"}"].concat();
        serde_json::from_slice(&text).expect("JSON")
    }

    pub fn kind(&self) -> String {
        self.message()["type"].as_str().unwrap_or("").to_owned()
    }
}

impl World {
    /// A host with a clock that the test moves or brings.
    pub fn on(disk: SimDisk, clock: Arc<dyn Clock>, change: impl FnOnce(&mut HostConfig)) -> Self {
        let low_space_bytes = 2 * SEGMENT_BYTES;
        let options = Options { segment_bytes: SEGMENT_BYTES, low_space_bytes, ..Options::default() };
        let fresh = Fresh { epoch: Epoch::new("first").expect("a name"), log_id: LogId([7; 16]) };
        let opened = open_on(disk.files(), options, fresh).expect("the log opens");
        let mut config = HostConfig { ring_bytes: 8 << 20, history_bytes: 4 << 20, ..HostConfig::default() };
        change(&mut config);
        // Each start gives ids of its own, as randomness would.
        static STARTS: AtomicU64 = AtomicU64::new(1);
        let ids = Box::new(SeededIds::new(STARTS.fetch_add(1, Ordering::Relaxed)));
        let host = Host::start(config, opened, clock, ids).expect("it starts");
        let (wake, woken) = unbounded();
        let follower = host.follow(Arc::new(move || wake.send(()).unwrap_or_default()));
        Self { disk, host, follower, woken }
    }

    /// Hands a request over and gives where its outcome comes.
    pub fn begin(&self, body: Body) -> Receiver<Outcome> {
        let (tell, told) = bounded(1);
        let waiter = Origin::Waiter(Box::new(move |outcome| drop(tell.send(outcome))));
        let request = Request { origin: waiter, correlation: None, body };
        assert!(self.host.try_submit(request).is_ok(), "the queue has room");
        told
    }

    pub fn ask(&self, body: Body) -> Outcome {
        self.begin(body).recv_timeout(PATIENCE).expect("every request is answered")
    }

    pub fn command(&self, command: Command) -> Outcome {
        self.ask(Body::Command(command))
    }

    /// A command that must be carried out.
    pub fn carry_out(&self, command: Command) {
        let outcome = self.command(command);
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    }

    /// Waits until the sequencer has taken all that was handed over before.
    pub fn settle(&self) {
        let (tell, told) = bounded(1);
        assert!(self.host.visit(move |_, _| tell.send(()).unwrap_or_default()));
        told.recv_timeout(PATIENCE).expect("the sequencer visits");
    }

    pub fn digest(&self) -> [u8; 32] {
        let (tell, told) = bounded(1);
        assert!(self.host.visit(move |engine, _| tell.send(engine.digest()).unwrap_or_default()));
        told.recv_timeout(PATIENCE).expect("the sequencer visits")
    }

    /// Sends as connection 1 and does not wait.
    pub fn send(&self, body: Body) {
        let connection = Origin::Connection(ConnectionKey::new(0, 1));
        let request = Request { origin: connection, correlation: Some("c".into()), body };
        assert!(self.host.try_submit(request).is_ok(), "the queue has room");
    }

    /// Follows a channel of an auction from `offset` on and gives all that is said until the subscription holds, or
    /// ends with its auction.
    pub fn resume(&mut self, subscribe: Subscribe) -> Vec<Heard> {
        let ticket = subscribe.ticket;
        self.send(Body::Query(Query::Subscribe(subscribe)));
        let mut all = Vec::new();
        loop {
            all.extend(self.hear_until(|heard| match heard.header.delivery {
                Delivery::Activate | Delivery::Continue => heard.header.ticket == ticket,
                Delivery::Reply => heard.header.ticket == ticket && heard.kind() == "unsubscribed",
                _ => false,
            }));
            // A session asks for the rest when its queue has drained.
            match all.last() {
                Some(last) if last.header.delivery == Delivery::Continue => {
                    self.send(Body::Query(Query::Continue { ticket }));
                }
                _ => return all,
            }
        }
    }

    /// Reads frames until one satisfies `is_last`, with all that came along.
    pub fn hear_until(&mut self, is_last: impl Fn(&Heard) -> bool) -> Vec<Heard> {
        let mut all = Vec::new();
        let mut records = Records::default();
        loop {
            records.clear();
            let count = self.follower.read_many(&mut records, 1 << 20).expect("the test keeps up");
            let mut is_found = false;
            for record in records.iter() {
                let frame = Frame::parse(record.bytes).expect("the ring holds frames");
                let heard = Heard {
                    header: frame.header,
                    head: frame.head.to_vec(),
                    tail: frame.tail.to_vec(),
                    extra: frame.extra.to_vec(),
                };
                is_found |= is_last(&heard);
                all.push(heard);
            }
            if is_found {
                return all;
            }
            if count == 0 {
                self.woken.recv_timeout(PATIENCE).expect("frames keep coming");
            }
        }
    }

    pub fn follow(&self, ticket: u32, channel: Channel, auction: AuctionId, since: u64) -> Subscribe {
        Subscribe {
            ticket,
            channel,
            auction: Some(auction),
            allowed: None,
            party: party("ann").key(),
            own: OwnBids::Shown,
            min_quantity: QuantityLots(0),
            snapshot: Snapshot::Omitted,
            token: None,
            token_pair: None,
            open_requests: OpenRequests::Hidden,
            since: Some(Since { epoch: self.host.epoch().into(), offsets: vec![(auction, since)] }),
        }
    }
}

pub fn party(name: &str) -> Party {
    Party(name.into())
}

/// Makes an auction; `more` are members of its terms beside a supply of 1000 in whole lots and ticks.
pub fn create(auction: AuctionId, more: &str) -> Command {
    let json =
        format!(r#"{{"supply":{{"type":"fixed","quantity":1000}},"tick_size":"1","lot_size":"1"{more}}}"#);
    let seller = party("seller");
    let live = parse_live(json.as_bytes(), &LiveDefaults { seller: seller.clone() }).expect("good terms");
    Command::CreateAuction(Box::new(CreateAuction {
        auction,
        creator: seller,
        terms: live.terms,
        terms_json: live.canonical.into(),
        idempotency_key: None,
    }))
}

pub fn bid(name: &str, quantity: i64, price: i64) -> SubmitBid {
    SubmitBid {
        auction: AUCTION,
        party: party(name),
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

pub fn start_time() -> TimeUs {
    TimeUs(START_US)
}
