//! The configuration: what an operator may set, its defaults and its bounds.
//!
//! [`Config`] is plain data. `keys` is the one table of names: reading a file, the
//! environment and flags, printing what is in effect, and the errors about unknown
//! keys all go through it. `load` puts the sources in order: defaults, then the file,
//! then the environment, then flags. Reading the files that keys name (certificates,
//! verification keys) is left to those who use them.

mod duration;
mod entries;
mod error;
mod keys;
mod load;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

pub use duration::{parse_duration_ms, show_duration};
pub use entries::{ApiKeyEntry, KeyEntry};
pub use error::ConfigError;
pub use keys::{KEYS, Key};
pub use load::{Flag, Loaded, Source};

use super::identity::ConnectionLimits;
use super::settings::{Origins, QueueLimits, ServerConfig};
use crate::log::Durability;

/// Shortest HS256 secret outside `walras dev`, in bytes: as long as the hash it keys.
pub const SECRET_BYTES_MIN: usize = 32;

/// Everything an operator may set.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// The folder of the log.
    pub data: PathBuf,
    /// How many threads own sockets; 0 means one per core.
    pub shards: u64,
    /// How long a thread that owns sockets looks for work before it sleeps, in microseconds.
    pub spin_us: u64,
    /// What an acknowledgement promises.
    pub durability: Durability,
    /// Over how long connections are closed at a stop.
    pub drain_ms: u64,
    /// What is logged: a level, or `target=level` pairs.
    pub log: String,
    /// Origins from which browsers may connect; empty means any.
    pub origins: Vec<String>,
    /// Transport security.
    pub tls: TlsConfig,
    /// Who may sign in.
    pub auth: AuthConfig,
    /// What is refused rather than grown.
    pub limits: LimitsConfig,
}

/// See [`Config::tls`]. Both files, or neither.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TlsConfig {
    /// The certificate chain, PEM.
    pub cert: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
}

/// See [`Config::auth`].
#[derive(Debug, Clone, PartialEq)]
pub struct AuthConfig {
    /// The secret that signs HS256 tokens.
    pub hs256_secret: Option<Secret>,
    /// The `iss` that tokens must carry, if set.
    pub issuer: Option<String>,
    /// The `aud` that tokens must carry, if set.
    pub audience: Option<String>,
    /// Public keys that verify tokens made elsewhere.
    pub keys: Vec<KeyEntry>,
    /// Opaque keys, known by their hashes.
    pub api_keys: Vec<ApiKeyEntry>,
    /// How long a new connection may take to sign in.
    pub deadline_ms: u64,
}

/// See [`Config::limits`].
#[derive(Debug, Clone, PartialEq)]
pub struct LimitsConfig {
    /// Connections the server holds at once.
    pub connections: u64,
    /// Connections of one client.
    pub connections_per_client: u64,
    /// Messages accepted from one connection in any sliding second.
    pub messages_per_second: u64,
    /// Subscriptions of one connection.
    pub subscriptions_per_connection: u64,
    /// Auctions that are not over.
    pub active_auctions: u64,
    /// Bids in one auction, cancelled ones included.
    pub bids_per_auction: u64,
    /// Outgoing bytes that may wait on one connection.
    pub queue_bytes_per_connection: u64,
    /// Outgoing messages that may wait on one connection.
    pub queue_messages_per_connection: u64,
    /// Outgoing bytes that may wait on all connections together.
    pub queue_bytes: u64,
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data: PathBuf::from("./walras-data"),
            shards: 0,
            spin_us: 0,
            durability: Durability::Fsync,
            drain_ms: 5_000,
            log: "info".to_owned(),
            origins: Vec::new(),
            tls: TlsConfig::default(),
            auth: AuthConfig::default(),
            limits: LimitsConfig::default(),
        }
    }
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            hs256_secret: None,
            issuer: None,
            audience: None,
            keys: Vec::new(),
            api_keys: Vec::new(),
            deadline_ms: 5_000,
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            connections: 100_000,
            connections_per_client: 10,
            messages_per_second: 100,
            subscriptions_per_connection: 50,
            active_auctions: 10_000,
            bids_per_auction: 1_000_000,
            queue_bytes_per_connection: 1 << 20,
            queue_messages_per_connection: 4_096,
            queue_bytes: 256 << 20,
        }
    }
}

impl Config {
    /// What no key can see alone: files that belong together.
    pub fn check(&self) -> Result<(), ConfigError> {
        let (set, missing) = match (&self.tls.cert, &self.tls.key) {
            (Some(_), None) => ("tls.cert", "tls.key"),
            (None, Some(_)) => ("tls.key", "tls.cert"),
            _ => return Ok(()),
        };
        Err(ConfigError::Incomplete { set, missing })
    }
}

impl Config {
    /// What a server is started with that has so many shards.
    pub fn of_server(
        &self,
        shards: u16,
        tls: Option<Arc<rustls::ServerConfig>>,
        origins: Origins,
    ) -> ServerConfig {
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let limits = &self.limits;
        ServerConfig {
            listen: self.listen,
            shards,
            spin_us: self.spin_us,
            tls,
            origins,
            sign_in_ms: self.auth.deadline_ms,
            drain_ms: self.drain_ms,
            connections_max: u32::try_from(limits.connections).unwrap_or(u32::MAX),
            connection_limits: limits.of_connections(),
            queues: QueueLimits {
                connection_bytes_max: size(limits.queue_bytes_per_connection),
                connection_messages_max: size(limits.queue_messages_per_connection),
                total_bytes_max: size(limits.queue_bytes),
            },
        }
    }
}

impl LimitsConfig {
    /// The bounds of connections whose token says nothing else.
    pub fn of_connections(&self) -> ConnectionLimits {
        let bound = |number: u64| Some(u32::try_from(number).unwrap_or(u32::MAX));
        ConnectionLimits {
            connections_max: bound(self.connections_per_client),
            messages_per_second_max: bound(self.messages_per_second),
            subscriptions_max: bound(self.subscriptions_per_connection),
        }
    }
}

impl AuthConfig {
    /// Refuses a secret that can be guessed; only `walras dev` takes such a one.
    pub fn check_secret(&self) -> Result<(), ConfigError> {
        match &self.hs256_secret {
            Some(secret) if secret.0.len() < SECRET_BYTES_MIN => {
                Err(ConfigError::ShortSecret { bytes: secret.0.len() })
            }
            _ => Ok(()),
        }
    }
}
