//! The two lists of tables in the configuration: verification keys and API keys.
//!
//! Both are written as TOML tables in a file, and as TOML text in the environment:
//! `WALRAS_AUTH_KEYS='[{ algorithm = "RS256", pem = "public.pem" }]'`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A public key that verifies tokens: one PEM file, or a JWKS file with several.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// The `kid` of tokens signed with the PEM's key; without it, tokens that carry no `kid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The one algorithm the PEM's key is used with: `RS256`, `ES256` or `EdDSA`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// A public key, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pem: Option<PathBuf>,
    /// A set of public keys, each with its `kid` and `alg`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<PathBuf>,
}

/// An opaque key, known by its hash, and what its holder may do: the claims of a token.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyEntry {
    /// SHA-256 of the key, 64 hexadecimal digits.
    pub sha256: String,
    /// Who holds it.
    pub subject: String,
    /// The party that owns its bids, by default the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bidder: Option<String>,
    /// Its role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Its permissions, beside the role's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<String>,
    /// The auctions it may see, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auctions: Option<Vec<String>>,
    /// The channels it may subscribe to, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<String>>,
    /// `"unlimited"`, or a table of `connections`, `messages_per_second`, `subscriptions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<serde_json::Value>,
}
