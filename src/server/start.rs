//! Starting and stopping a server: its shards, its port, its end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use parking_lot::Mutex;

use super::backlog::QueueTotals;
use super::desk::{Desk, DeskParts, DeskSettings};
use super::frames::{Binary, FrameLimits};
use super::identity::Verify;
use super::listener::{Seats, bind};
use super::peers::{Mail, Peers};
use super::settings::ServerConfig;
use super::sockets::SocketSettings;
use super::threads::{Reception, Setup};
use crate::fanout::Bell;
use crate::host::{Host, ShardWaker};
use crate::limits::MESSAGE_BYTES_MAX;

/// What clients may send: the protocol's bounds.
const FRAMES: FrameLimits = FrameLimits {
    message_bytes_max: MESSAGE_BYTES_MAX,
    fragments_max: 128,
    message_us_max: 30_000_000,
    controls_per_second_max: 20,
    binary: Binary::Refused,
};

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened at.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The host serves no more shards.
    #[error("there are more shards than the fan-out ring has readers for")]
    TooManyShards,
    /// The system gave no thread, or nothing to wake one with.
    #[error("no thread could be started: {0}")]
    Thread(#[from] io::Error),
}

/// A running server. Dropping it stops it at once.
pub struct Server {
    host: Arc<Host>,
    /// How the host wakes the shards.
    wakers: Mutex<Vec<ShardWaker>>,
    address: SocketAddr,
    peers: Arc<Peers>,
    totals: Arc<QueueTotals>,
    seats: Arc<Seats>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Server {
    /// Listens, and serves the host's auctions to those whom `verify` knows. `rest` answers
    /// everything but WebSockets.
    pub fn start(
        config: ServerConfig,
        host: Arc<Host>,
        verify: Arc<dyn Verify>,
        rest: Router,
    ) -> Result<Self, ServerError> {
        let shards = config.shards.max(1);
        let listen = |source| ServerError::Listen { address: config.listen, source };
        let listeners = bind(config.listen, shards).map_err(listen)?;
        let address = listeners[0].local_addr().map_err(listen)?;
        let (peers, mailboxes) = Peers::new(shards)?;
        let totals = Arc::new(QueueTotals::new(shards));
        let seats = Seats::new(config.connections_max);
        let origins = Arc::new(config.origins);
        let server = Self {
            host: Arc::clone(&host),
            wakers: Mutex::default(),
            address,
            peers: Arc::clone(&peers),
            totals: Arc::clone(&totals),
            seats: Arc::clone(&seats),
            threads: Mutex::default(),
        };
        for ((shard, listener), (mail, waker)) in (0..shards).zip(listeners).zip(mailboxes) {
            let (bell, woken) = (Arc::<Bell>::default(), Arc::clone(&waker));
            let rung = Arc::clone(&bell);
            let wake: ShardWaker = Arc::new(move || {
                if rung.ring() {
                    woken.wake();
                }
            });
            let ring = host.attach(Arc::clone(&wake)).ok_or(ServerError::TooManyShards)?;
            server.wakers.lock().push(wake);
            let settings = DeskSettings {
                shard,
                sign_in_us: config.sign_in_ms as i64 * 1000,
                drain_us: config.drain_ms as i64 * 1000,
                limits: config.connection_limits,
            };
            let parts = DeskParts {
                host: Arc::clone(&host),
                verify: Arc::clone(&verify),
                peers: Arc::clone(&peers),
                mail,
                ring,
                bell,
            };
            let setup = Setup {
                shard,
                clock: Arc::clone(host.clock()),
                waker,
                sockets: SocketSettings {
                    shard,
                    frames: FRAMES,
                    queues: config.queues,
                    totals: Arc::clone(&totals),
                    spin: Duration::from_micros(config.spin_us),
                },
                reception: Reception {
                    listener,
                    seats: Arc::clone(&seats),
                    tls: config.tls.clone(),
                    origins: Arc::clone(&origins),
                    rest: rest.clone(),
                },
            };
            server.threads.lock().push(setup.spawn(move || Desk::new(settings, parts))?);
        }
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections are open, HTTP included.
    pub fn connection_count(&self) -> u32 {
        self.seats.taken()
    }

    /// How many bytes wait for slow peers.
    pub fn queued_bytes(&self) -> usize {
        self.totals.bytes()
    }

    /// Takes no more connections, tells everybody, and closes connections over the drain window. Returns at
    /// once; [`Server::join`] waits for the last one.
    pub fn drain(&self) {
        self.peers.send_all(&Mail::Drain);
    }

    /// Whether anybody is still served: a server ends by itself only if assertions failed on all its shards.
    pub fn is_serving(&self) -> bool {
        self.threads.lock().iter().any(|thread| !thread.is_finished())
    }

    /// Waits until the server has ended.
    pub fn join(&self) {
        for thread in self.threads.lock().drain(..) {
            // A shard that panicked has said so; the others must still be waited for.
            let _ = thread.join();
        }
        for waker in self.wakers.lock().drain(..) {
            self.host.leave(&waker);
        }
    }

    /// Ends at once.
    pub fn stop(&self) {
        self.peers.send_all(&Mail::Stop);
        self.join();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
