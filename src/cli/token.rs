//! `walras token`: a JWT, or an opaque key, for the server of the same configuration.

use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use walras::server::auth::{Authenticator, Tokens};
use walras::server::config::{ApiKeyEntry, Config};
use walras::server::jwt::{Claims, NumericDate, OneOrMany, mint};
use walras::units::TimeUs;
use walras::wire::Channel;

use super::settings::{ConfigFlags, DurationMs};
use super::{Failure, complain, print_line};

/// Make a token for the server of the same configuration
///
/// Prints a JWT signed with `auth.hs256_secret`, or with --opaque a random key whose hash
/// goes into `auth.api_keys`.
#[derive(clap::Args)]
#[command(after_help = "\
Roles: viewer (read, subscribe), trader (+ write), operator (+ operate), settler (read, subscribe,
settle), admin (all but phantom). Without a role or permission the token is a viewer's.

Examples:
  export WALRAS_AUTH_HS256_SECRET=$(openssl rand -hex 32)
  walras token --subject alice --role trader
  walras token --subject desk-1-bot --bidder desk-1 --role trader --ttl 12h --limits unlimited
  walras token --subject screen --subs auction:550e8400-e29b-41d4-a716-446655440000,market_data
  walras token --subject archive --permissions read --opaque")]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigFlags,
    /// Who holds the token (`sub`)
    #[arg(long, value_name = "ID")]
    subject: String,
    /// The party that owns the bids, if several subjects bid for one [default: the subject]
    #[arg(long, value_name = "NAME")]
    bidder: Option<String>,
    /// viewer, trader, operator, settler or admin (repeatable)
    #[arg(long, value_name = "ROLE", value_delimiter = ',')]
    role: Vec<String>,
    /// read, write, subscribe, operate, settle, phantom
    #[arg(long, value_name = "WORDS", value_delimiter = ',')]
    permissions: Vec<String>,
    /// How long it is valid, such as 30m or 24h
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    ttl: DurationMs,
    /// `unlimited`, or connections=N,messages_per_second=N,subscriptions=N
    #[arg(long, value_name = "LIMITS")]
    limits: Option<String>,
    /// Subscriptions made right after sign-in: channel or channel:AUCTION
    #[arg(long, value_name = "CHANNEL:ID", value_delimiter = ',')]
    subs: Vec<String>,
    /// The only auctions the holder may see and bid in
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    auctions: Vec<String>,
    /// The only channels the holder may subscribe to
    #[arg(long, value_name = "WORDS", value_delimiter = ',')]
    channels: Vec<String>,
    /// Make a random key instead of a JWT, and say what to put into the configuration
    #[arg(long, conflicts_with_all = ["ttl", "subs"])]
    opaque: bool,
}

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut config = arguments.config.load()?.config;
    let now = now();
    let claims = claims(&arguments, &config, now)?;
    let token = if arguments.opaque { opaque(&claims, &mut config)? } else { signed(&claims, &config)? };
    // Whatever the server would refuse is refused here, with the reason.
    Authenticator::load(&config, Tokens::Configured)
        .map_err(Failure::usage)?
        .authenticate(&token, now)
        .map_err(|why| Failure::usage(format!("no server would take this token: {why}")))?;
    print_line(&token);
    Ok(())
}

fn signed(claims: &Claims, config: &Config) -> Result<String, Failure> {
    config.auth.check_secret().map_err(Failure::usage)?;
    let secret = config.auth.hs256_secret.as_ref().ok_or_else(|| {
        Failure::usage(
            "tokens are signed with `auth.hs256_secret`, and none is set: \
             make one with `export WALRAS_AUTH_HS256_SECRET=$(openssl rand -hex 32)` \
             and give the server the same",
        )
    })?;
    Ok(mint(claims, &secret.0))
}

/// A random key; its entry goes to the configuration at hand and, for people, to standard error.
fn opaque(claims: &Claims, config: &mut Config) -> Result<String, Failure> {
    let mut random = [0; 32];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| Failure::usage("the system gives no random bytes"))?;
    let key = format!("wk_{}", hex(&random));
    let entry = ApiKeyEntry {
        sha256: hex(&Sha256::digest(&key)),
        subject: claims.sub.clone(),
        bidder: claims.bidder.clone(),
        role: None,
        permissions: rights(claims)?,
        auctions: claims.auctions.clone(),
        channels: claims.channels.clone(),
        limits: claims.limits.clone(),
    };
    let shown = toml::to_string(&entry).map_err(Failure::usage)?;
    complain(&format!(
        "put this into the server's configuration; the key itself is not kept:\n\n[[auth.api_keys]]\n{shown}"
    ));
    config.auth.api_keys = vec![entry];
    Ok(key)
}

/// Roles spelled out, since an entry has room for one role only.
fn rights(claims: &Claims) -> Result<Vec<String>, Failure> {
    let mut words: Vec<String> =
        claims.permissions.iter().flat_map(OneOrMany::iter).map(str::to_owned).collect();
    for role in claims.roles.iter().flat_map(OneOrMany::iter) {
        let permissions =
            walras::server::role_permissions(role).map_err(|why| Failure::usage(format!("--role {why}")))?;
        words.extend(permissions.words().map(str::to_owned));
    }
    words.sort();
    words.dedup();
    Ok(words)
}

fn claims(arguments: &Arguments, config: &Config, now: TimeUs) -> Result<Claims, Failure> {
    let some = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
    let seconds = now.0 / 1_000_000;
    let ttl_seconds = i64::try_from(arguments.ttl.0.div_ceil(1_000)).unwrap_or(i64::MAX);
    Ok(Claims {
        sub: arguments.subject.clone(),
        exp: NumericDate::from_seconds(seconds.saturating_add(ttl_seconds)),
        nbf: None,
        iat: Some(NumericDate::from_seconds(seconds)),
        iss: config.auth.issuer.clone(),
        aud: config.auth.audience.clone().map(OneOrMany::One),
        bidder: arguments.bidder.clone(),
        role: None,
        roles: some(&arguments.role).map(OneOrMany::Many),
        permissions: some(&arguments.permissions).map(OneOrMany::Many),
        auctions: some(&arguments.auctions),
        channels: some(&arguments.channels),
        subs: arguments.subs.iter().map(|text| subscription(text)).collect::<Result<_, _>>()?,
        limits: arguments.limits.as_deref().map(limits).transpose()?,
    })
}

/// `auction:ID` as the subscribe message it stands for; a channel alone means all auctions.
fn subscription(text: &str) -> Result<serde_json::Value, Failure> {
    let (channel, auction) = text.split_once(':').map_or((text, None), |(channel, id)| (channel, Some(id)));
    if Channel::from_word(channel).is_none() {
        let known = Channel::ALL.map(Channel::as_str).join(", ");
        return Err(Failure::usage(format!("--subs knows the channels {known}, not {channel:?}")));
    }
    Ok(match auction {
        Some(auction) => serde_json::json!({"channel": channel, "auction_id": auction}),
        None => serde_json::json!({"channel": channel}),
    })
}

fn limits(text: &str) -> Result<serde_json::Value, Failure> {
    if text == "unlimited" {
        return Ok(text.into());
    }
    let wrong = || Failure::usage(format!("--limits takes `unlimited` or NAME=COUNT pairs, not {text:?}"));
    let mut members = serde_json::Map::new();
    for pair in text.split(',') {
        let (name, count) = pair.split_once('=').ok_or_else(wrong)?;
        let count = if count == "unlimited" {
            count.into()
        } else {
            count.parse::<u32>().map_err(|_| wrong())?.into()
        };
        members.insert(name.trim().to_owned(), count);
    }
    Ok(members.into())
}

pub fn now() -> TimeUs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimeUs(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
