//! A whole server inside the test: host in memory, real sockets on a free port, and a
//! clock that only the test moves. Beside it a small blocking client that can also send
//! what no client should.

mod calls;
mod client;
pub mod seen;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use serde_json::{Value, json};
use uuid::Uuid;
use walras::engine::{AuctionId, CloseReason, Command, CreateAuction, Party, SettlementId};
use walras::host::{
    Body, Clock, Found, Host, HostConfig, Ids, ManualClock, Origin, Outcome, Query, Request, SeededIds,
};
use walras::log::testing::SimDisk;
use walras::log::{Durability, Epoch, Fresh, LogId, Opened, Options, open_on};
use walras::server::auth::{Authenticator, Tokens};
use walras::server::config::{Config, Secret};
use walras::server::identity::Verify;
use walras::server::jwt::{Claims, NumericDate, OneOrMany, mint};
use walras::server::{Server, ServerConfig, rest};
use walras::units::TimeUs;
use walras::wire::terms::{LiveDefaults, parse_live};

pub use client::{Client, Incoming, Opcode, frame, handshake};

/// When the tests' clock starts: that of the guide's examples.
pub const START_US: i64 = 1_704_067_200_000_000;
/// The guide's auction.
pub const AUCTION: &str = "550e8400-e29b-41d4-a716-446655440000";
/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What the tests' tokens are signed with.
pub const SECRET: &str = "a secret of the tests, long enough for HS256";

/// A server and all that a test moves it with.
pub struct World {
    pub host: Arc<Host>,
    pub clock: Arc<ManualClock>,
    pub server: Server,
}

/// What a world is made with.
pub struct Making {
    pub server: ServerConfig,
    pub host: HostConfig,
    /// Where the log is.
    pub log: Place,
    pub ids: Box<dyn Ids>,
    pub tokens: Tokens,
    /// What the server trusts, unless `verify` says otherwise.
    pub config: Config,
    pub verify: Option<Arc<dyn Verify>>,
}

/// Where a world's log is.
pub enum Place {
    Memory,
    /// A disk that the test can break.
    Disk(SimDisk),
    /// A folder, to be read afterwards.
    Folder(PathBuf),
}

impl Place {
    fn open(self) -> Opened {
        let fresh = Fresh { epoch: Epoch::new("test").expect("a name"), log_id: LogId([1; 16]) };
        let small = Options { segment_bytes: 1 << 20, low_space_bytes: 0, ..Options::default() };
        let opened = match self {
            Self::Memory => {
                let options = Options {
                    durability: Durability::Memory,
                    memory_bytes_max: 64 << 20,
                    ..Options::default()
                };
                walras::log::open(Path::new(""), options, fresh)
            }
            Self::Disk(disk) => open_on(disk.files(), small, fresh),
            Self::Folder(folder) => walras::log::open(&folder, small, fresh),
        };
        opened.expect("the log opens")
    }
}

impl World {
    /// One shard, the protocol's limits.
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    /// With other settings.
    pub fn with(change: impl FnOnce(&mut Making)) -> Self {
        let mut making = Making {
            server: ServerConfig::default(),
            host: HostConfig { ring_bytes: 4 << 20, history_bytes: 4 << 20, ..HostConfig::default() },
            log: Place::Memory,
            ids: Box::new(SeededIds::new(1)),
            tokens: Tokens::Configured,
            config: Config::default(),
            verify: None,
        };
        making.config.auth.hs256_secret = Some(Secret(SECRET.to_owned()));
        change(&mut making);
        let clock = Arc::new(ManualClock::new(TimeUs(START_US)));
        let host_clock: Arc<dyn Clock> = clock.clone();
        let host = Host::start(making.host, making.log.open(), host_clock, making.ids).expect("starts");
        let known = || -> Arc<dyn Verify> {
            Arc::new(Authenticator::load(&making.config, making.tokens).expect("a key"))
        };
        let verify = making.verify.unwrap_or_else(known);
        let routes = rest::router(Arc::clone(&host), Arc::clone(&verify));
        let server = Server::start(making.server, Arc::clone(&host), verify, routes).expect("it listens");
        Self { host, clock, server }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Moves time on.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Waits, while time stands still, until the server has no more connections than these.
    pub fn connections_fall_to(&self, count: u32) {
        let patience = Instant::now() + Duration::from_secs(60);
        while self.server.connection_count() > count {
            assert!(Instant::now() < patience, "{} connections are left", self.server.connection_count());
            std::thread::yield_now();
        }
    }

    /// Moves time on, in steps so small that nobody who answers falls silent.
    pub fn advance_with(&self, clients: &mut [&mut Client], by: Duration) {
        const STEP: Duration = Duration::from_secs(20);
        let mut left = by;
        while !left.is_zero() {
            let step = left.min(STEP);
            left -= step;
            self.clock.advance(step);
            for client in &mut *clients {
                client.settle();
            }
        }
    }

    /// A token of a subject with permissions, good for a day.
    pub fn token(&self, subject: &str, permissions: &[&str]) -> String {
        self.token_with(subject, permissions, |_| {})
    }

    /// A token with other claims too.
    pub fn token_with(
        &self,
        subject: &str,
        permissions: &[&str],
        change: impl FnOnce(&mut Claims),
    ) -> String {
        let permissions = permissions.iter().map(|&word| word.to_owned()).collect();
        let mut claims = Claims {
            sub: subject.to_owned(),
            exp: NumericDate::from_seconds(START_US / 1_000_000 + 86_400),
            permissions: Some(OneOrMany::Many(permissions)),
            ..Claims::default()
        };
        change(&mut claims);
        self.mint(&claims)
    }

    /// A token of these claims.
    pub fn mint(&self, claims: &Claims) -> String {
        mint(claims, SECRET)
    }

    /// A connection on which nobody has signed in.
    pub fn connect(&self) -> Client {
        let mut client = Client::connect(self.address(), &[]);
        client.settle();
        client
    }

    /// The same, of somebody on a line that holds little: what is not read soon waits at the server.
    pub fn narrow(&self, subject: &str) -> Client {
        let mut client = Client::connect_narrow(self.address());
        let token = self.token(subject, &["read", "write", "subscribe"]);
        client.say(json!({"type": "auth", "token": format!("Bearer {token}")}));
        client.expect("auth_success");
        client
    }

    /// A connection of somebody who may watch and bid.
    pub fn trader(&self, subject: &str) -> Client {
        self.sign_in(&self.token(subject, &["read", "write", "subscribe"]))
    }

    /// A connection that shows this token.
    pub fn sign_in(&self, token: &str) -> Client {
        let mut client = self.connect();
        client.say(json!({"type": "auth", "token": format!("Bearer {token}")}));
        client.expect("auth_success");
        client
    }

    /// A subscriber of a channel of the guide's auction.
    pub fn subscriber(&self, subject: &str, channel: &str) -> Client {
        let mut client = self.trader(subject);
        client.subscribe(channel, json!({}));
        client
    }

    /// Asks the host and waits for the answer.
    pub fn ask(&self, body: Body) -> Outcome {
        let (tell, told) = bounded(1);
        let waiter = Origin::Waiter(Box::new(move |outcome| {
            let _ = tell.send(outcome);
        }));
        let request = Request { origin: waiter, correlation: None, body };
        assert!(self.host.try_submit(request).is_ok(), "the queue has room");
        told.recv_timeout(PATIENCE).expect("every request is answered")
    }

    /// How many bids of the guide's auction are live.
    pub fn live_bids(&self) -> u64 {
        match self.ask(Body::Query(Query::Auction { auction: auction(AUCTION) })) {
            Outcome::Found(Found::Auction(info)) => info.state.total_bids,
            other => panic!("{other:?}"),
        }
    }

    fn command(&self, command: Command) {
        let outcome = self.ask(Body::Command(command));
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    }

    /// Opens the guide's auction: 1000 lots, whole ticks, no reserve, an hour.
    pub fn open_auction(&self) {
        self.create(AUCTION, json!({}));
    }

    /// Opens an auction with terms of its own beside those.
    pub fn create(&self, id: &str, more: Value) {
        let mut terms = json!({
            "supply": {"type": "fixed", "quantity": 1000},
            "tick_size": "0.5", "lot_size": "1", "duration_ms": 3_600_000,
        });
        if let (Some(terms), Value::Object(more)) = (terms.as_object_mut(), more) {
            terms.extend(more);
        }
        let seller = Party("seller".into());
        let live = parse_live(terms.to_string().as_bytes(), &LiveDefaults { seller: seller.clone() })
            .expect("good terms");
        self.command(Command::CreateAuction(Box::new(CreateAuction {
            auction: auction(id),
            creator: seller,
            terms: live.terms,
            terms_json: live.canonical.into(),
            idempotency_key: None,
        })));
    }

    /// Ends an auction now.
    pub fn close(&self, id: &str) {
        self.command(Command::CloseAuction {
            auction: auction(id),
            reason: CloseReason::Operator,
            settlement: SettlementId(Uuid::nil()),
        });
    }

    /// Calls an auction off.
    pub fn cancel(&self, id: &str) {
        self.command(Command::CancelAuction { auction: auction(id), reason: "a test".into() });
    }

    /// New prices of a token.
    pub fn put_prices(&self, token: &str, usd: &str) {
        let payload = format!(
            r#"{{"token":"{token}","prices":{{"usd":{usd}}},"24h_change":0.0,"timestamp":"2024-01-01T00:00:00.000Z"}}"#
        );
        self.command(Command::PutPrices { token: token.into(), payload: payload.into() });
    }
}

/// An auction's id from its text.
pub fn auction(id: &str) -> AuctionId {
    AuctionId(id.parse().expect("an id"))
}

/// A bid as a client sends it.
pub fn bid(quantity: u64, price: f64) -> Value {
    json!({
        "type": "submit_bid", "auction_id": AUCTION,
        "payload": {"quantity": quantity, "price": price},
    })
}

/// The bid's `client_bid_id` set.
pub fn named(mut bid: Value, client_bid_id: &str) -> Value {
    bid["payload"]["client_bid_id"] = client_bid_id.into();
    bid
}
