//! What a server is started with: resolved values, no files and no names of keys.

use std::net::SocketAddr;
use std::sync::Arc;

use super::identity::ConnectionLimits;

/// How a server listens and what it refuses.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where it listens; port 0 picks one.
    pub listen: SocketAddr,
    /// How many threads own sockets, at least one.
    pub shards: u16,
    /// How long a shard without work looks for some before it sleeps, in microseconds.
    pub spin_us: u64,
    /// With it, the port speaks only TLS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Which pages of browsers may connect.
    pub origins: Origins,
    /// How long a new connection may take to sign in, in milliseconds.
    pub sign_in_ms: u64,
    /// Over how long connections are closed at a stop, in milliseconds.
    pub drain_ms: u64,
    /// Connections held at once, HTTP included.
    pub connections_max: u32,
    /// Bounds of a client's connections where its token says nothing else.
    pub connection_limits: ConnectionLimits,
    /// Bounds of what waits to be sent.
    pub queues: QueueLimits,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            shards: 1,
            spin_us: 0,
            tls: None,
            origins: Origins::Any,
            sign_in_ms: 5_000,
            drain_ms: 10_000,
            connections_max: 100_000,
            connection_limits: ConnectionLimits::GUIDE,
            queues: QueueLimits::default(),
        }
    }
}

/// Which `Origin` headers are welcome. Clients that are not browsers send none and always are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// All.
    Any,
    /// Pages served from this machine.
    Loopback,
    /// These, as browsers write them (`https://example.com`).
    Listed(Vec<String>),
}

/// Bounds of what waits to be sent. A connection that reaches one is closed as a slow consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Bytes waiting on one connection.
    pub connection_bytes_max: usize,
    /// Messages waiting on one connection.
    pub connection_messages_max: usize,
    /// Bytes waiting on all connections together; the largest queue goes first.
    pub total_bytes_max: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { connection_bytes_max: 1 << 20, connection_messages_max: 4096, total_bytes_max: 256 << 20 }
    }
}
