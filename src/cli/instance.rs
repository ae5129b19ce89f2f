//! A running server, put together from a configuration: log, host, sign-in, sockets.

use std::io::IsTerminal as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use uuid::Uuid;
use walras::engine::EngineLimits;
use walras::host::{Host, HostConfig, RandomIds, SystemClock};
use walras::log::{self, Durability, Epoch, Fresh, LogId, Options};
use walras::server::auth::{Authenticator, Tokens};
use walras::server::config::Config;
use walras::server::{Origins, Server, rest, tls};

use super::Failure;

/// How often it is looked whether the server still serves.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A server that runs until [`stop`](Self::stop).
pub struct Instance {
    /// What the sockets serve.
    pub host: Arc<Host>,
    server: Server,
    is_tls: bool,
}

/// The signals that end a server: SIGINT and SIGTERM.
pub struct Signals {
    runtime: tokio::runtime::Runtime,
    interrupt: Signal,
    terminate: Signal,
}

/// Starts everything; when this returns, connections are taken.
pub fn start(config: &Config, tokens: Tokens, origins: Origins) -> Result<Instance, Failure> {
    let verify = Arc::new(Authenticator::load(config, tokens).map_err(Failure::usage)?);
    let tls = match (&config.tls.cert, &config.tls.key) {
        (Some(cert), Some(key)) => Some(tls::load_tls(cert, key).map_err(Failure::usage)?),
        _ => None,
    };
    let is_tls = tls.is_some();
    let host = start_host(config, tokens)?;
    let settings = config.of_server(shards(config), tls, origins);
    let routes = rest::router(Arc::clone(&host), Arc::clone(&verify) as _);
    let server = Server::start(settings, Arc::clone(&host), verify, routes).map_err(Failure::running)?;
    Ok(Instance { host, server, is_tls })
}

fn start_host(config: &Config, tokens: Tokens) -> Result<Arc<Host>, Failure> {
    let defaults = Options::default();
    let options = match tokens {
        Tokens::Configured => Options { durability: config.durability, ..defaults },
        // A market to try out needs no room made ready for millions of bids.
        Tokens::Development => Options {
            durability: config.durability,
            segment_bytes: 4 << 20,
            low_space_bytes: 32 << 20,
            ..defaults
        },
    };
    let epoch = Epoch::new(Uuid::new_v4().simple().to_string()).expect("32 printable characters");
    let fresh = Fresh { epoch, log_id: LogId(rand::random()) };
    let in_data =
        |why: &dyn std::fmt::Display| Failure::running(format!("data {}: {why}", config.data.display()));
    let opened = log::open(&config.data, options, fresh).map_err(|why| in_data(&why))?;
    let settings = HostConfig {
        engine: EngineLimits {
            active_auctions_max: bounded(config.limits.active_auctions),
            bids_per_auction_max: bounded(config.limits.bids_per_auction),
        },
        ..HostConfig::default()
    };
    let ids = Box::new(RandomIds::default());
    Host::start(settings, opened, Arc::new(SystemClock::new()), ids).map_err(|why| in_data(&why))
}

impl Instance {
    /// `http://…` or `https://…`, with the port that is really served.
    pub fn http_url(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.server.address())
    }

    /// The WebSocket's address.
    pub fn ws_url(&self) -> String {
        let scheme = if self.is_tls { "wss" } else { "ws" };
        format!("{scheme}://{}/v1/ws", self.server.address())
    }

    /// Where a client on this machine connects.
    pub fn local_address(&self) -> SocketAddr {
        let address = self.server.address();
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::new(ip, address.port())
    }

    /// Whether anybody is still served.
    pub fn is_serving(&self) -> bool {
        self.server.is_serving()
    }

    /// Takes no more connections, closes those there are over the drain time, and ends with the log in good order.
    pub fn stop(self) {
        self.host.start_draining();
        self.server.drain();
        self.server.join();
        self.host.stop();
    }
}

impl Signals {
    /// From now on the signals do not end the process by themselves.
    pub fn listen() -> Result<Self, Failure> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::running)?;
        let guard = runtime.enter();
        let interrupt = signal(SignalKind::interrupt()).map_err(Failure::running)?;
        let terminate = signal(SignalKind::terminate()).map_err(Failure::running)?;
        drop(guard);
        Ok(Self { runtime, interrupt, terminate })
    }

    /// Waits for the next one.
    pub fn wait(&mut self) {
        self.wait_while(|| true);
    }

    /// Waits for the next one, as long as `goes_on`.
    pub fn wait_while(&mut self, goes_on: impl Fn() -> bool) {
        let (interrupt, terminate) = (&mut self.interrupt, &mut self.terminate);
        self.runtime.block_on(async {
            while goes_on() {
                tokio::select! {
                    _ = interrupt.recv() => return,
                    _ = terminate.recv() => return,
                    () = tokio::time::sleep(LOOK_INTERVAL) => {}
                }
            }
        });
    }
}

/// Writes what the server reports to standard error: a level, or `target=level` pairs.
pub fn start_reports(filter: &str) -> Result<(), Failure> {
    let targets: Targets = filter.parse().map_err(|why| {
        Failure::usage(format!("`log` must be a level or target=level pairs, not {filter:?}: {why}"))
    })?;
    // Colours are for people: in a file or a journal they would be noise.
    let has_colors = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let to_stderr = tracing_subscriber::fmt::layer()
        .with_ansi(has_colors)
        .with_writer(std::io::stderr)
        .with_filter(targets);
    tracing_subscriber::registry().with(to_stderr).try_init().map_err(Failure::running)
}

/// What an acknowledgement may lose, told where it is not the default.
pub fn weaker(durability: Durability) -> Option<&'static str> {
    match durability {
        Durability::Fsync => None,
        Durability::Os => Some("os"),
        Durability::Memory => Some("memory"),
    }
}

fn shards(config: &Config) -> u16 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let asked = if config.shards == 0 { cores as u64 } else { config.shards };
    u16::try_from(asked.clamp(1, 256)).unwrap_or(1)
}

fn bounded(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
