//! The table of keys. A key that is not here does not exist; a key that is here can
//! be set in a file, in the environment and by `--set`, and is printed by `walras config`.

use std::net::SocketAddr;
use std::path::PathBuf;

use toml::Value;

use super::duration::parse_duration_ms;
use super::entries::{ApiKeyEntry, KeyEntry};
use super::{Config, Secret};
use crate::log::Durability;

/// One key: its name, what it means, and where its value lives.
pub struct Key {
    /// The dotted name, as in a file: `auth.issuer`.
    pub name: &'static str,
    /// One sentence for people.
    pub about: &'static str,
    slot: Slot,
}

/// A key's kind, with the way to its value.
enum Slot {
    Address(fn(&mut Config) -> &mut SocketAddr),
    Path(fn(&mut Config) -> &mut PathBuf),
    PathIfAny(fn(&mut Config) -> &mut Option<PathBuf>),
    Text(fn(&mut Config) -> &mut String),
    TextIfAny(fn(&mut Config) -> &mut Option<String>),
    Secret(fn(&mut Config) -> &mut Option<Secret>),
    Texts(fn(&mut Config) -> &mut Vec<String>),
    Count(fn(&mut Config) -> &mut u64, u64, u64),
    Millis(fn(&mut Config) -> &mut u64, u64, u64),
    Durability(fn(&mut Config) -> &mut Durability),
    Keys(fn(&mut Config) -> &mut Vec<KeyEntry>),
    ApiKeys(fn(&mut Config) -> &mut Vec<ApiKeyEntry>),
}

const DAY_MS: u64 = 86_400_000;

/// Every key there is. Those without a section come first, then section by section.
pub static KEYS: &[Key] = &[
    Key {
        name: "listen",
        about: "Address and port to serve on; port 0 picks a free one.",
        slot: Slot::Address(|c| &mut c.listen),
    },
    Key {
        name: "data",
        about: "Folder of the log and its snapshots. One server at a time.",
        slot: Slot::Path(|c| &mut c.data),
    },
    Key {
        name: "shards",
        about: "Threads that own sockets, each with one beside it that lets connections in; 0 means one per core.",
        slot: Slot::Count(|c| &mut c.shards, 0, 256),
    },
    Key {
        name: "spin_us",
        about: "How long such a thread looks for work before it sleeps, in microseconds. Answers come sooner, and it \
                takes a core of its own. 0 sleeps at once.",
        slot: Slot::Count(|c| &mut c.spin_us, 0, 1_000_000),
    },
    Key {
        name: "durability",
        about: "What an acknowledgement survives: \"fsync\" power loss, \"os\" the end of the process, \
                \"memory\" nothing. The last two need --accept-loss.",
        slot: Slot::Durability(|c| &mut c.durability),
    },
    Key {
        name: "drain_ms",
        about: "Over how long connections are closed when the server is told to stop.",
        slot: Slot::Millis(|c| &mut c.drain_ms, 0, 600_000),
    },
    Key {
        name: "log",
        about: "What is logged on standard error: off, error, warn, info, debug, trace, or target=level pairs.",
        slot: Slot::Text(|c| &mut c.log),
    },
    Key {
        name: "origins",
        about: "Origins from which browsers may connect, such as \"https://example.org\"; empty means any.",
        slot: Slot::Texts(|c| &mut c.origins),
    },
    Key {
        name: "tls.cert",
        about: "Certificate chain, PEM. With it the port speaks only TLS.",
        slot: Slot::PathIfAny(|c| &mut c.tls.cert),
    },
    Key {
        name: "tls.key",
        about: "Private key of the certificate, PEM.",
        slot: Slot::PathIfAny(|c| &mut c.tls.key),
    },
    Key {
        name: "auth.hs256_secret",
        about: "Secret that signs and verifies HS256 tokens, at least 32 bytes.",
        slot: Slot::Secret(|c| &mut c.auth.hs256_secret),
    },
    Key {
        name: "auth.issuer",
        about: "The `iss` that every token must carry; `walras token` writes it.",
        slot: Slot::TextIfAny(|c| &mut c.auth.issuer),
    },
    Key {
        name: "auth.audience",
        about: "The `aud` that every token must carry; `walras token` writes it.",
        slot: Slot::TextIfAny(|c| &mut c.auth.audience),
    },
    Key {
        name: "auth.keys",
        about: "Public keys of tokens made elsewhere: { kid?, algorithm = \"RS256\"|\"ES256\"|\"EdDSA\", \
                pem = FILE } or { jwks = FILE }.",
        slot: Slot::Keys(|c| &mut c.auth.keys),
    },
    Key {
        name: "auth.api_keys",
        about: "Opaque keys by hash: { sha256, subject, role?, permissions?, bidder?, auctions?, channels?, \
                limits? }. `walras token --opaque` makes one.",
        slot: Slot::ApiKeys(|c| &mut c.auth.api_keys),
    },
    Key {
        name: "auth.deadline_ms",
        about: "How long a new connection may take to sign in.",
        slot: Slot::Millis(|c| &mut c.auth.deadline_ms, 100, DAY_MS),
    },
    Key {
        name: "limits.connections",
        about: "Connections the server holds at once.",
        slot: Slot::Count(|c| &mut c.limits.connections, 1, 10_000_000),
    },
    Key {
        name: "limits.connections_per_client",
        about: "Connections of one client; a token's `limits` may say otherwise.",
        slot: Slot::Count(|c| &mut c.limits.connections_per_client, 1, 1_000_000),
    },
    Key {
        name: "limits.messages_per_second",
        about: "Messages taken from one connection in any sliding second; a token's `limits` may say otherwise.",
        slot: Slot::Count(|c| &mut c.limits.messages_per_second, 1, 1_000_000),
    },
    Key {
        name: "limits.subscriptions_per_connection",
        about: "Subscriptions of one connection; a token's `limits` may say otherwise.",
        slot: Slot::Count(|c| &mut c.limits.subscriptions_per_connection, 1, 100_000),
    },
    Key {
        name: "limits.active_auctions",
        about: "Auctions that are not over, at once.",
        slot: Slot::Count(|c| &mut c.limits.active_auctions, 1, 1_000_000),
    },
    Key {
        name: "limits.bids_per_auction",
        about: "Bids in one auction, those taken back included.",
        slot: Slot::Count(|c| &mut c.limits.bids_per_auction, 1, 100_000_000),
    },
    Key {
        name: "limits.queue_bytes_per_connection",
        about: "Outgoing bytes that may wait on one connection before it is closed as too slow.",
        slot: Slot::Count(|c| &mut c.limits.queue_bytes_per_connection, 65_536, 1 << 30),
    },
    Key {
        name: "limits.queue_messages_per_connection",
        about: "Outgoing messages that may wait on one connection before it is closed as too slow.",
        slot: Slot::Count(|c| &mut c.limits.queue_messages_per_connection, 16, 1 << 20),
    },
    Key {
        name: "limits.queue_bytes",
        about: "Outgoing bytes that may wait on all connections together; the slowest is closed first.",
        slot: Slot::Count(|c| &mut c.limits.queue_bytes, 1 << 20, 1 << 40),
    },
];

impl Key {
    /// The environment variable that sets this key: `WALRAS_AUTH_ISSUER`.
    pub fn variable(&self) -> String {
        format!("WALRAS_{}", self.name.replace('.', "_").to_uppercase())
    }

    /// Whether the value is never printed.
    pub(super) fn is_secret(&self) -> bool {
        matches!(self.slot, Slot::Secret(_))
    }

    /// Takes a value of a file. The error says what would do.
    pub(super) fn set(&self, config: &mut Config, value: &Value) -> Result<(), String> {
        match &self.slot {
            Slot::Address(at) => *at(config) = read_address(value)?,
            Slot::Path(at) => *at(config) = PathBuf::from(text(value)?),
            Slot::PathIfAny(at) => *at(config) = text_if_any(value)?.map(PathBuf::from),
            Slot::Text(at) => *at(config) = text(value)?.to_owned(),
            Slot::TextIfAny(at) => *at(config) = text_if_any(value)?.map(str::to_owned),
            Slot::Secret(at) => *at(config) = text_if_any(value)?.map(|text| Secret(text.to_owned())),
            Slot::Texts(at) => *at(config) = read_entries(value)?,
            Slot::Count(at, min, max) | Slot::Millis(at, min, max) => *at(config) = count(value, *min, *max)?,
            Slot::Durability(at) => *at(config) = read_durability(value)?,
            Slot::Keys(at) => *at(config) = read_entries(value)?,
            Slot::ApiKeys(at) => *at(config) = read_entries(value)?,
        }
        Ok(())
    }

    /// Takes a value of the environment or of a flag. Durations carry a unit on flags and may in the environment.
    pub(super) fn set_text(&self, config: &mut Config, given: &str) -> Result<(), String> {
        let value = match &self.slot {
            Slot::Count(..) => whole_number(given)?,
            Slot::Millis(..) => match parse_duration_ms(given) {
                Ok(ms) => Value::Integer(i64::try_from(ms).map_err(|_| format!("is out of range: {given}"))?),
                Err(why) => whole_number(given).map_err(|_| why)?,
            },
            Slot::Texts(_) => {
                let words = given.split(',').map(str::trim).filter(|word| !word.is_empty());
                Value::Array(words.map(|word| Value::String(word.to_owned())).collect())
            }
            Slot::Keys(_) | Slot::ApiKeys(_) => read_toml(given)?,
            _ => Value::String(given.to_owned()),
        };
        self.set(config, &value)
    }

    /// The value as TOML text, secrets masked; `None` where nothing is set.
    pub(super) fn show(&self, config: &mut Config) -> Option<String> {
        let quoted = |text: &str| Value::String(text.to_owned()).to_string();
        Some(match &self.slot {
            Slot::Address(at) => quoted(&at(config).to_string()),
            Slot::Path(at) => quoted(&at(config).to_string_lossy()),
            Slot::PathIfAny(at) => quoted(&at(config).as_ref()?.to_string_lossy()),
            Slot::Text(at) => quoted(at(config)),
            Slot::TextIfAny(at) => quoted(at(config).as_ref()?),
            Slot::Secret(at) => at(config).as_ref().map(|_| quoted("********"))?,
            Slot::Texts(at) => show_entries(at(config)),
            Slot::Count(at, ..) | Slot::Millis(at, ..) => at(config).to_string(),
            Slot::Durability(at) => quoted(&at(config).to_string()),
            Slot::Keys(at) => show_entries(at(config)),
            Slot::ApiKeys(at) => show_entries(at(config)),
        })
    }
}

fn text(value: &Value) -> Result<&str, String> {
    text_if_any(value)?.ok_or_else(|| "must not be empty".to_owned())
}

/// An empty text counts as not set: that is what an unset variable in a container file becomes.
fn text_if_any(value: &Value) -> Result<Option<&str>, String> {
    match value {
        Value::String(text) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        other => Err(format!("must be text, not {}", other.type_str())),
    }
}

fn count(value: &Value, min: u64, max: u64) -> Result<u64, String> {
    let Value::Integer(number) = value else {
        return Err(format!("must be a whole number, not {}", value.type_str()));
    };
    match u64::try_from(*number) {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(format!("must be from {min} to {max}, not {number}")),
    }
}

fn whole_number(given: &str) -> Result<Value, String> {
    given.parse().map(Value::Integer).map_err(|_| format!("must be a whole number, not {given:?}"))
}

fn read_address(value: &Value) -> Result<SocketAddr, String> {
    let given = text(value)?;
    given.parse().map_err(|_| {
        format!("must be an address and a port, such as 127.0.0.1:8080 or [::]:8080, not {given:?}")
    })
}

fn read_durability(value: &Value) -> Result<Durability, String> {
    match text(value)? {
        "fsync" => Ok(Durability::Fsync),
        "os" => Ok(Durability::Os),
        "memory" => Ok(Durability::Memory),
        other => Err(format!("must be fsync, os or memory, not {other:?}")),
    }
}

fn read_toml(given: &str) -> Result<Value, String> {
    let mut document: toml::Table =
        format!("value = {given}").parse().map_err(|_| format!("must be a TOML list, not {given:?}"))?;
    match document.remove("value") {
        Some(value) if document.is_empty() => Ok(value),
        _ => Err(format!("must be one TOML list, not {given:?}")),
    }
}

fn read_entries<T: serde::de::DeserializeOwned>(value: &Value) -> Result<Vec<T>, String> {
    value.clone().try_into().map_err(|why| format!("is wrong: {}", why.to_string().trim()))
}

fn show_entries<T: serde::Serialize>(entries: &[T]) -> String {
    Value::try_from(entries).map_or_else(|_| "[]".to_owned(), |value| value.to_string())
}
