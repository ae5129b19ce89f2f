//! The server that is measured: where it is, tokens it takes, and auctions to measure on.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;
use walras::server::config::Config;
use walras::server::jwt::{Claims, NumericDate, OneOrMany, mint};

use super::super::Failure;
use super::super::settings::ConfigFlags;
use super::super::token;
use super::stream::Security;

/// How long the server may take to answer a request.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the tokens made here are good for, in microseconds.
const TOKEN_US: i64 = 86_400_000_000;

/// Which server, and by what right.
#[derive(clap::Args)]
pub struct AccessFlags {
    /// The server, as ws://HOST:PORT or wss://HOST:PORT [default: where the configuration says it listens]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Sign in with this token, on every connection: it needs write, subscribe, operate and no limits
    /// [default: tokens signed with the configuration's secret]
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// The authority of a wss:// server's certificate, PEM
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigFlags,
}

/// A server that can be measured.
pub struct Access {
    /// Where it is.
    pub address: SocketAddr,
    /// Its host and port, as asked for.
    pub authority: String,
    /// How it is spoken to.
    pub security: Security,
    tokens: Tokens,
}

enum Tokens {
    Given(String),
    Signed(Box<Config>),
}

impl AccessFlags {
    /// Finds the server and checks that tokens can be had.
    pub fn open(&self) -> Result<Access, Failure> {
        let config = self.config.load()?.config;
        let url = self.url.clone().unwrap_or_else(|| format!("ws://{}", config.listen));
        let (is_tls, rest) = match url.split_once("://") {
            Some(("ws", rest)) => (false, rest),
            Some(("wss", rest)) => (true, rest),
            _ => return Err(Failure::usage(format!("--url must start with ws:// or wss://, not {url:?}"))),
        };
        let authority = rest.split('/').next().unwrap_or_default().to_owned();
        let (host, _) = authority.rsplit_once(':').ok_or_else(|| {
            Failure::usage(format!("--url must name a port, as ws://HOST:PORT, not {url:?}"))
        })?;
        let address = authority
            .to_socket_addrs()
            .ok()
            .and_then(|mut found| found.next())
            .ok_or_else(|| Failure::usage(format!("{authority:?} cannot be resolved")))?;
        let security = match (is_tls, &self.tls_ca) {
            (false, _) => Security::Plain,
            (true, Some(file)) => {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                Security::tls(file, host).map_err(Failure::usage)?
            }
            (true, None) => return Err(Failure::usage("a wss:// server needs --tls-ca FILE")),
        };
        let tokens = match &self.token {
            Some(token) => Tokens::Given(token.strip_prefix("Bearer ").unwrap_or(token).to_owned()),
            None => Tokens::Signed(Box::new(config)),
        };
        let access = Access { address, authority, security, tokens };
        access.token("bench", "admin")?;
        Ok(access)
    }
}

impl Access {
    /// A token of this subject without limits.
    pub fn token(&self, subject: &str, role: &str) -> Result<String, Failure> {
        let config = match &self.tokens {
            Tokens::Given(token) => return Ok(token.clone()),
            Tokens::Signed(config) => config,
        };
        let now = token::now();
        let claims = Claims {
            sub: subject.to_owned(),
            exp: NumericDate { at_us: now.0 + TOKEN_US },
            iss: config.auth.issuer.clone(),
            aud: config.auth.audience.clone().map(OneOrMany::One),
            role: Some(role.to_owned()),
            limits: Some("unlimited".into()),
            ..Claims::default()
        };
        let secret = config.auth.hs256_secret.as_ref().ok_or_else(|| {
            Failure::usage(
                "the server's tokens cannot be made without its `auth.hs256_secret`: \
                 set WALRAS_AUTH_HS256_SECRET as for the server, or give --token",
            )
        })?;
        Ok(mint(&claims, &secret.0))
    }

    /// Opens an auction that lasts a day and takes as many bids as the server does.
    pub fn open_auction(&self) -> Result<String, Failure> {
        let id = Uuid::new_v4().to_string();
        let terms = json!({
            "auction_id": id,
            "name": "a load test",
            "supply": {"type": "fixed", "quantity": 100_000},
            "tick_size": "0.5",
            "lot_size": "1",
            "reserve_price": 0,
            "duration_ms": 86_400_000,
            "max_bids_per_bidder": u32::MAX,
        });
        self.post("/v1/auctions", &terms.to_string()).map_err(|why| {
            Failure::running(format!("no auction could be opened at {}: {why}", self.authority))
        })?;
        Ok(id)
    }

    /// Takes an auction back: nobody should settle a load test.
    pub fn cancel_auction(&self, id: &str) {
        let reason = json!({"reason": "the load test is over"});
        if let Err(why) = self.post(&format!("/v1/auctions/{id}/cancel"), &reason.to_string()) {
            super::super::complain(&format!("the auction {id} could not be cancelled: {why}"));
        }
    }

    fn post(&self, path: &str, body: &str) -> Result<(), String> {
        let token = self.token("bench-operator", "operator").map_err(|_| "no token".to_owned())?;
        let socket = TcpStream::connect_timeout(&self.address, PATIENCE).map_err(|why| why.to_string())?;
        socket.set_read_timeout(Some(PATIENCE)).map_err(|why| why.to_string())?;
        let mut stream = self.security.over(socket)?;
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.authority,
            body.len()
        );
        stream.write_all(request.as_bytes()).map_err(|why| why.to_string())?;
        let mut answer = Vec::new();
        // A server that ends TLS without saying so has answered all the same.
        if let Err(why) = stream.read_to_end(&mut answer)
            && answer.is_empty()
        {
            return Err(why.to_string());
        }
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split(' ').nth(1).unwrap_or_default();
        if status.starts_with('2') {
            return Ok(());
        }
        Err(answer.split_once("\r\n\r\n").map_or(answer.as_ref(), |(_, body)| body).trim().to_owned())
    }
}
