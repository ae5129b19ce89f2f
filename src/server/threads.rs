//! The threads of a server: each has a runtime of its own, listens at the common port,
//! and runs one shard.

use std::io;
use std::net::TcpListener as StdListener;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::LocalSet;
use tokio_rustls::TlsAcceptor;

use super::handler::Handler;
use super::http::Front;
use super::listener::{Seats, accept};
use super::settings::Origins;
use super::shard::{Door, Shard};
use super::sockets::{SocketSettings, Sockets};
use crate::host::Clock;

/// Everything one shard is started with, its handler aside.
pub struct Setup {
    /// Which shard.
    pub shard: u16,
    /// Its listening socket.
    pub listener: StdListener,
    /// The host's time.
    pub clock: Arc<dyn Clock>,
    /// Wakes it.
    pub notify: Arc<Notify>,
    /// Its connections' bounds.
    pub sockets: SocketSettings,
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
    /// Starts the shard's thread. The handler is made on it.
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
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let tasks = LocalSet::new();
        tasks.block_on(&runtime, async move {
            let door = Door::new(Arc::clone(&self.clock), self.notify);
            let sockets = Sockets::new(self.sockets, self.clock.now())?;
            let front = Front {
                door: Rc::clone(&door),
                tls: self.tls.map(TlsAcceptor::from),
                origins: self.origins,
                rest: self.rest,
            };
            let listener = TcpListener::from_std(self.listener)?;
            let accepting = tokio::task::spawn_local(accept(listener, self.seats, Rc::new(front)));
            Shard::new(self.clock, door, sockets, make()).run(accepting).await
        })
    }
}
