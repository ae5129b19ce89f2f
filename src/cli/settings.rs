//! The flags that stand for keys of the configuration, shared by the commands that read it.

use std::path::PathBuf;

use walras::server::config::{Flag, Loaded, parse_duration_ms, show_duration};

use super::Failure;

/// Where the configuration comes from.
#[derive(clap::Args)]
pub struct ConfigFlags {
    /// Configuration file, TOML; environment and flags win over it [default: $WALRAS_CONFIG, else none]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set any key of the configuration, such as limits.active_auctions=5 (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// The keys that `walras serve` has flags for.
#[derive(clap::Args)]
pub struct ServeFlags {
    #[command(flatten)]
    config: ConfigFlags,
    /// Address and port to serve on; port 0 picks a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Folder of the log [default: ./walras-data]
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
    /// Threads that own sockets [default: one per core]
    #[arg(long, value_name = "COUNT")]
    shards: Option<String>,
    /// What an acknowledgement survives: fsync, os or memory [default: fsync]
    #[arg(long, value_name = "LEVEL")]
    durability: Option<String>,
    /// Over how long connections are closed at a stop, such as 5s [default: 5s]
    #[arg(long, value_name = "DURATION")]
    drain: Option<String>,
    /// Certificate chain, PEM; with it the port speaks only TLS
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
}

impl ConfigFlags {
    /// The configuration in effect without further flags.
    pub fn load(&self) -> Result<Loaded, Failure> {
        self.load_with(Vec::new())
    }

    fn load_with(&self, mut flags: Vec<Flag>) -> Result<Loaded, Failure> {
        for pair in &self.set {
            let (key, text) = pair
                .split_once('=')
                .ok_or_else(|| Failure::usage(format!("--set takes KEY=VALUE, not {pair:?}")))?;
            flags.push(Flag { flag: "--set", key: key.trim().to_owned(), text: text.trim().to_owned() });
        }
        let variables: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| {
                Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
            })
            .collect();
        let named = variables.iter().find(|(name, text)| name == "WALRAS_CONFIG" && !text.is_empty());
        let file = self.config.clone().or_else(|| named.map(|(_, path)| PathBuf::from(path)));
        Loaded::load(file.as_deref(), variables, &flags).map_err(Failure::usage)
    }
}

impl ServeFlags {
    /// The configuration in effect with these flags.
    pub fn load(&self) -> Result<Loaded, Failure> {
        let given = [
            ("--listen", "listen", &self.listen),
            ("--data", "data", &self.data),
            ("--shards", "shards", &self.shards),
            ("--durability", "durability", &self.durability),
            ("--drain", "drain_ms", &self.drain),
            ("--tls-cert", "tls.cert", &self.tls_cert),
            ("--tls-key", "tls.key", &self.tls_key),
        ];
        let mut flags = Vec::new();
        for (flag, key, text) in given {
            if let Some(text) = text {
                flags.push(Flag { flag, key: key.to_owned(), text: text.clone() });
            }
        }
        if let Some(text) = &self.drain {
            parse_duration_ms(text).map_err(|why| Failure::usage(format!("--drain {why}")))?;
        }
        self.config.load_with(flags)
    }
}

/// A duration with a unit, for flags that stand for no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationMs(pub u64);

impl std::str::FromStr for DurationMs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_duration_ms(text).map(Self)
    }
}

impl std::fmt::Display for DurationMs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&show_duration(self.0))
    }
}
