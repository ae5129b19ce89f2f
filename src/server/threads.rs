//! The threads of a server: two for each shard, one for the shard itself and one that lets connections in.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use axum::Router;
use tokio::sync::Notify;

use super::entrance::Entrance;
use super::handler::Handler;
use super::listener::Seats;
use super::settings::Origins;
use super::shard::{Door, Shard};
use super::sockets::{SocketSettings, Sockets};
use super::waker::Waker;
use crate::host::Clock;

/// Everything one shard is started with, its handler aside.
pub struct Setup {
    /// Which shard.
    pub shard: u16,
    /// The host's time.
    pub clock: Arc<dyn Clock>,
    /// Wakes it.
    pub waker: Arc<Waker>,
    /// Its connections' bounds.
    pub sockets: SocketSettings,
    /// Where its connections come from.
    pub reception: Reception,
}

/// How connections are let in to a shard.
pub struct Reception {
    /// The listening socket.
    pub listener: TcpListener,
    /// Places for connections, common to all shards.
    pub seats: Arc<Seats>,
    /// Speaks TLS, if it is spoken.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Which pages may send requests.
    pub origins: Arc<Origins>,
    /// Everything but WebSockets.
    pub rest: Router,
}

impl Setup {
    /// Starts the shard's threads. The handler is made on the one to be joined, which ends last.
    pub fn spawn<H: Handler>(self, make: impl FnOnce() -> H + Send + 'static) -> io::Result<JoinHandle<()>> {
        let name = format!("walras-shard-{}", self.shard);
        std::thread::Builder::new().name(name).spawn(move || {
            if let Err(error) = self.run(make) {
                tracing::error!(%error, "a shard has failed");
            }
        })
    }

    /// Runs the shard on this thread.
    pub fn run<H: Handler>(self, make: impl FnOnce() -> H) -> io::Result<()> {
        let Self { shard, clock, waker, sockets, reception } = self;
        let jumped = Arc::new(Notify::new());
        let (moved, told) = (Arc::clone(&waker), Arc::clone(&jumped));
        clock.listen(Arc::new(move || {
            moved.wake();
            told.notify_one();
        }));
        let sockets = Sockets::new(sockets, &waker, clock.now())?;
        let (door, arrivals) = Door::new(waker);
        let entrance = Entrance::open(shard, reception, Arc::clone(&clock), jumped, door)?;
        Shard::new(clock, arrivals, sockets, make()).run(&entrance)
    }
}
