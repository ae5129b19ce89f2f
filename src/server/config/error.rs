//! Why a configuration was refused: always which key, from where, and what would do.

use std::path::PathBuf;

use super::load::Source;

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {why}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The system's word.
        why: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{path} is not valid TOML: {why}")]
    NotToml {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        why: String,
    },
    /// Nobody knows this key.
    #[error("{source_name}: unknown key `{key}`; did you mean `{nearest}`?")]
    Unknown {
        /// The key as given.
        key: String,
        /// Where it was given.
        source_name: String,
        /// The known key most like it.
        nearest: String,
    },
    /// The value cannot be taken.
    #[error("{origin}: `{key}` {why}")]
    BadValue {
        /// The key.
        key: &'static str,
        /// Where it was given.
        origin: Source,
        /// What would do.
        why: String,
    },
    /// Two keys belong together.
    #[error("`{set}` is set and `{missing}` is not: TLS needs both")]
    Incomplete {
        /// The one that is there.
        set: &'static str,
        /// The one that is not.
        missing: &'static str,
    },
    /// The secret can be guessed.
    #[error(
        "`auth.hs256_secret` has {bytes} bytes and needs at least 32: \
         make one with `export WALRAS_AUTH_HS256_SECRET=$(openssl rand -hex 32)`"
    )]
    ShortSecret {
        /// How long it is.
        bytes: usize,
    },
}
