//! The whole WebSocket and REST server inside the host's process, on one of its engines. The one file of the C face that
//! names the layer `server`, and the one that is not there without it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::engine::Engine;
use super::handles::{Forking, Kind, Table};
use super::status::{Fault, WALRAS_INVALID_MESSAGE, WALRAS_STOPPED, WALRAS_SYSTEM};
use crate::host::{Clock, Host, SystemClock};
use crate::server::auth::{Authenticator, Tokens};
use crate::server::config::{Config, Loaded, Secret};
use crate::server::jwt::{Claims, NumericDate, OneOrMany, mint};
use crate::server::{Origins, rest, tls};
use crate::units::TimeUs;

/// All servers that C holds.
pub(super) static SERVERS: Table<Server> = Table::new(Kind::Server, Forking::Ends);

/// Keys of the configuration that belong to the engine or to the program `walras`.
const FOREIGN_KEYS: [&str; 3] = ["data", "durability", "log"];
/// How long a token is valid that says nothing else.
const TOKEN_SECONDS: u64 = 3_600;

/// A server, running or stopped.
pub(super) struct Server {
    running: Mutex<Option<crate::server::Server>>,
    address: SocketAddr,
    host: Arc<Host>,
    config: Config,
    tokens: Tokens,
}

impl Server {
    /// Starts a server on the engine; when this returns, connections are taken.
    pub fn start(engine: &Engine, options: &str) -> Result<Self, Fault> {
        let (config, tokens) = read_config(options)?;
        let setup = |why: &dyn std::fmt::Display| Fault::new(WALRAS_INVALID_MESSAGE, why.to_string());
        let verify = Arc::new(Authenticator::load(&config, tokens).map_err(|why| setup(&why))?);
        let tls = match (&config.tls.cert, &config.tls.key) {
            (Some(cert), Some(key)) => Some(tls::load_tls(cert, key).map_err(|why| setup(&why))?),
            _ => None,
        };
        let shards = u16::try_from(config.shards.clamp(1, 256)).unwrap_or(1);
        let origins = match (config.origins.is_empty(), tokens) {
            (false, _) => Origins::Listed(config.origins.clone()),
            // Any page in a browser on this machine could sign in with a token that everybody knows.
            (true, Tokens::Development) => Origins::Loopback,
            (true, Tokens::Configured) => Origins::Any,
        };
        let settings = config.of_server(shards, tls, origins);
        let host = Arc::clone(&engine.host);
        let routes = rest::router(Arc::clone(&host), Arc::clone(&verify) as _);
        let running = crate::server::Server::start(settings, Arc::clone(&host), verify, routes)
            .map_err(|why| Fault::new(WALRAS_SYSTEM, why.to_string()))?;
        let address = running.address();
        Ok(Self { running: Mutex::new(Some(running)), address, host, config, tokens })
    }

    /// The port it listens at.
    pub fn port(&self) -> Result<u16, Fault> {
        match &*self.running.lock() {
            Some(_) => Ok(self.address.port()),
            None => Err(stopped()),
        }
    }

    /// How many connections are open.
    pub fn connection_count(&self) -> Result<u32, Fault> {
        self.running.lock().as_ref().map(crate::server::Server::connection_count).ok_or_else(stopped)
    }

    /// Tells everybody, closes connections over the drain time, and ends. The engine goes on.
    pub fn stop(&self) {
        if let Some(running) = self.running.lock().take() {
            running.drain();
            running.join();
        }
    }

    /// A token that this server takes.
    pub fn token(&self, options: &str) -> Result<String, Fault> {
        let wish = TokenWish::read(options)?;
        if wish.secret.is_some() {
            return Err(Fault::invalid("secret", "the server has its own"));
        }
        wish.token(&self.config, self.tokens, self.host.clock().now())
    }
}

fn stopped() -> Fault {
    Fault::new(WALRAS_STOPPED, "the server was stopped")
}

/// A token for a server elsewhere, signed with the secret among the options.
pub(super) fn foreign_token(options: &str) -> Result<String, Fault> {
    let wish = TokenWish::read(options)?;
    let mut config = Config::default();
    let secret =
        wish.secret.clone().ok_or_else(|| Fault::invalid("secret", "is required without a server"))?;
    config.auth.hs256_secret = Some(Secret(secret));
    (config.auth.issuer, config.auth.audience) = (wish.issuer.clone(), wish.audience.clone());
    wish.token(&config, Tokens::Configured, SystemClock::new().now())
}

/// Reads the options of a server: the keys of `walras config` as JSON, and `development`.
fn read_config(options: &str) -> Result<(Config, Tokens), Fault> {
    let mut members: Map<String, Value> = match options.trim() {
        "" => Map::new(),
        json => serde_json::from_str(json).map_err(|why| Fault::invalid("the server's options", why))?,
    };
    let tokens = match members.remove("development") {
        None | Some(Value::Bool(false)) => Tokens::Configured,
        Some(Value::Bool(true)) => Tokens::Development,
        Some(_) => return Err(Fault::invalid("development", "must be true or false")),
    };
    if let Some(key) = FOREIGN_KEYS.into_iter().find(|key| members.contains_key(*key)) {
        return Err(Fault::invalid(key, "is not a matter of the server: see the engine's options"));
    }
    for (key, default) in
        [("listen", Value::from("127.0.0.1:0")), ("shards", 1.into()), ("drain_ms", 1_000.into())]
    {
        members.entry(key).or_insert(default);
    }
    let invalid = |why: &dyn std::fmt::Display| Fault::new(WALRAS_INVALID_MESSAGE, why.to_string());
    let table = toml::Table::try_from(&members).map_err(|why| invalid(&why))?;
    let loaded =
        Loaded::from_table(Path::new("the server's options"), &table).map_err(|why| invalid(&why))?;
    let mut config = loaded.config;
    let has_key = config.auth.hs256_secret.is_some()
        || !config.auth.keys.is_empty()
        || !config.auth.api_keys.is_empty();
    if !has_key {
        // Nobody but this process can make tokens then: by `walras_token`.
        let secret: [u8; 32] = rand::random();
        config.auth.hs256_secret = Some(Secret(secret.iter().map(|byte| format!("{byte:02x}")).collect()));
    }
    Ok((config, tokens))
}

/// What a token shall say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenWish {
    subject: String,
    #[serde(default)]
    bidder: Option<String>,
    #[serde(default)]
    roles: Option<Vec<String>>,
    #[serde(default)]
    permissions: Option<Vec<String>>,
    #[serde(default)]
    ttl_seconds: Option<u64>,
    #[serde(default)]
    auctions: Option<Vec<String>>,
    #[serde(default)]
    channels: Option<Vec<String>>,
    #[serde(default)]
    subs: Vec<Value>,
    #[serde(default)]
    limits: Option<Value>,
    #[serde(default)]
    secret: Option<String>,
    #[serde(default)]
    issuer: Option<String>,
    #[serde(default)]
    audience: Option<String>,
}

impl TokenWish {
    fn read(options: &str) -> Result<Self, Fault> {
        serde_json::from_str(options).map_err(|why| Fault::invalid("the token's options", why))
    }

    fn token(self, config: &Config, tokens: Tokens, now: TimeUs) -> Result<String, Fault> {
        let secret = config.auth.hs256_secret.as_ref();
        let secret =
            secret.ok_or_else(|| Fault::invalid("secret", "the server has none to sign tokens with"))?;
        let seconds = now.0 / 1_000_000;
        let ttl = i64::try_from(self.ttl_seconds.unwrap_or(TOKEN_SECONDS)).unwrap_or(i64::MAX);
        let claims = Claims {
            sub: self.subject,
            exp: NumericDate::from_seconds(seconds.saturating_add(ttl)),
            iat: Some(NumericDate::from_seconds(seconds)),
            iss: config.auth.issuer.clone(),
            aud: config.auth.audience.clone().map(OneOrMany::One),
            bidder: self.bidder,
            roles: self.roles.map(OneOrMany::Many),
            permissions: self.permissions.map(OneOrMany::Many),
            auctions: self.auctions,
            channels: self.channels,
            subs: self.subs,
            limits: self.limits,
            ..Claims::default()
        };
        let token = mint(&claims, &secret.0);
        // Whatever the server would refuse is refused here, with the reason.
        let refused = |why: &dyn std::fmt::Display| {
            Fault::new(WALRAS_INVALID_MESSAGE, format!("no server would take this token: {why}"))
        };
        let verify = Authenticator::load(config, tokens).map_err(|why| refused(&why))?;
        verify.authenticate(&token, now).map_err(|why| refused(&why))?;
        Ok(token)
    }
}
