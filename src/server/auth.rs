//! Sign-in: from a token's text to an [`Identity`], or the reason why not.
//!
//! Three kinds of token are known: JWTs, opaque API keys (kept as SHA-256), and in
//! `walras dev` alone `test-token` and `test-token:NAME`. Reasons are distinct for
//! the log and the tests; outside, every refusal reads the same, so that nobody
//! learns from it how far a guess came.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::claims::{self, ClaimError};
use super::config::{ApiKeyEntry, Config, ConfigError};
use super::identity::{ConnectionLimits, Identity, Permissions, Refused, TOKEN_BYTES_MAX, Verify};
use super::jwt::{Claims, JwtError, KeyError, Keyring, NumericDate, OneOrMany};
use crate::engine::Party;
use crate::limits::PARTY_BYTES_MAX;
use crate::units::TimeUs;

/// How far clocks of token makers may be ahead of ours.
const LEEWAY_US: i64 = 30_000_000;

/// When tokens without an end stop: the last second that four digits of a year can name.
const NEVER_US: i64 = 253_402_300_799_000_000;

/// Messages in a second for holders of development tokens: above the guide's load test as a whole.
const DEV_MESSAGES_PER_SECOND_MAX: u32 = 1_000;

/// The namespace of client ids made from issuer and subject.
const CLIENTS: Uuid = Uuid::from_u128(0x5a1f_6c0e_53f4_4b0b_9a55_7761_6c72_6173);

/// What a server trusts.
pub struct Authenticator {
    ring: Keyring,
    api_keys: HashMap<[u8; 32], Identity>,
    issuer: Option<String>,
    audience: Option<String>,
    limits: ConnectionLimits,
    tokens: Tokens,
}

/// Which tokens are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tokens {
    /// Those of the configuration.
    Configured,
    /// These, and `test-token[:NAME]` that anybody can type. Only for `walras dev`.
    Development,
}

/// Why a token was refused. Variants stand in the order of the checks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Longer than anything we look at.
    #[error("the token has {bytes} bytes, more than {TOKEN_BYTES_MAX}")]
    TooLong {
        /// Its size.
        bytes: usize,
    },
    /// Not a JWT, and no API key has this hash.
    #[error("the token is neither a JWT nor a known API key")]
    Unknown,
    /// Shape, key or signature.
    #[error(transparent)]
    Jwt(#[from] JwtError),
    /// Made by somebody else.
    #[error("the issuer is {found:?}, not {wanted:?}")]
    WrongIssuer {
        /// The token's `iss`.
        found: Option<String>,
        /// Ours.
        wanted: String,
    },
    /// Made for somebody else.
    #[error("the audience is not {wanted:?}")]
    WrongAudience {
        /// Ours.
        wanted: String,
    },
    /// `nbf` is in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// A claim says what nobody understands.
    #[error(transparent)]
    Claim(#[from] ClaimError),
}

/// Why sign-in could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum AuthSetupError {
    /// Nobody could ever sign in.
    #[error(
        "there is no key to verify tokens with.\n\
         Make a secret:  export WALRAS_AUTH_HS256_SECRET=$(openssl rand -hex 32)\n\
         then a token:   walras token --subject alice --role trader\n\
         Or name public keys in `auth.keys` or API keys in `auth.api_keys` (see `walras config`).\n\
         To try things out without tokens, use `walras dev`."
    )]
    NoKey,
    /// A secret that can be guessed.
    #[error(transparent)]
    Secret(#[from] ConfigError),
    /// A verification key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// An API key's entry.
    #[error("auth.api_keys: {subject}: {why}")]
    ApiKey {
        /// Whose.
        subject: String,
        /// What is wrong.
        why: String,
    },
}

impl Authenticator {
    /// Reads the keys that the configuration names.
    pub fn load(config: &Config, tokens: Tokens) -> Result<Self, AuthSetupError> {
        let ring = Keyring::load(&config.auth)?;
        let mut made = Self {
            ring,
            api_keys: HashMap::new(),
            issuer: config.auth.issuer.clone(),
            audience: config.auth.audience.clone(),
            limits: config.limits.of_connections(),
            tokens,
        };
        if tokens == Tokens::Configured {
            config.auth.check_secret()?;
            if made.ring.is_empty() && config.auth.api_keys.is_empty() {
                return Err(AuthSetupError::NoKey);
            }
        }
        for entry in &config.auth.api_keys {
            let refuse = |why: String| AuthSetupError::ApiKey { subject: entry.subject.clone(), why };
            let hash = read_hash(&entry.sha256)
                .ok_or_else(|| refuse("`sha256` must be 64 hexadecimal digits".to_owned()))?;
            let claims = claims_of(entry);
            let identity = made.identity(&claims).map_err(|why| refuse(why.to_string()))?;
            if made.api_keys.insert(hash, identity).is_some() {
                return Err(refuse("the same key is there twice".to_owned()));
            }
        }
        Ok(made)
    }

    /// What the token says, if it is good at `now`. `token` has no `Bearer ` before it.
    pub fn authenticate(&self, token: &str, now: TimeUs) -> Result<Identity, AuthError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(AuthError::TooLong { bytes: token.len() });
        }
        if self.tokens == Tokens::Development
            && let Some(identity) = self.development(token)
        {
            return Ok(identity);
        }
        if token.bytes().filter(|&byte| byte == b'.').count() != 2 {
            let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
            return self.api_keys.get(&hash).cloned().ok_or(AuthError::Unknown);
        }
        let claims = self.ring.verify(token)?;
        self.check_words(&claims)?;
        check_time(&claims, now)?;
        Ok(self.identity(&claims)?)
    }

    fn check_words(&self, claims: &Claims) -> Result<(), AuthError> {
        if let Some(wanted) = &self.issuer
            && claims.iss.as_ref() != Some(wanted)
        {
            return Err(AuthError::WrongIssuer { found: claims.iss.clone(), wanted: wanted.clone() });
        }
        let audience = claims.aud.as_ref();
        match &self.audience {
            Some(wanted) if audience.is_some_and(|aud| aud.iter().any(|one| one == wanted)) => Ok(()),
            Some(wanted) => Err(AuthError::WrongAudience { wanted: wanted.clone() }),
            None => Ok(()),
        }
    }

    fn identity(&self, claims: &Claims) -> Result<Identity, ClaimError> {
        let party = claims.bidder.as_ref().unwrap_or(&claims.sub);
        Ok(Identity {
            client_id: self.client_id(claims),
            subject: claims::subject(&claims.sub)?,
            party: claims::party(party)?,
            permissions: claims::permissions(claims)?,
            auctions: claims::auctions(claims)?,
            channels: claims::channels(claims)?,
            subscribes: claims::subscribes(claims)?,
            limits: claims::limits(claims, self.limits)?,
            expires_at: TimeUs(claims.exp.at_us.min(NEVER_US)),
        })
    }

    /// The subject itself where it is a UUID and ours, otherwise a UUID made from issuer and subject,
    /// so that the same subject of another issuer is another client.
    fn client_id(&self, claims: &Claims) -> Uuid {
        let is_ours = claims.iss == self.issuer;
        match Uuid::try_parse(&claims.sub) {
            Ok(id) if is_ours && id.hyphenated().to_string() == claims.sub => id,
            _ => {
                let issuer = claims.iss.as_deref().unwrap_or("");
                Uuid::new_v5(&CLIENTS, format!("{issuer}\n{}", claims.sub).as_bytes())
            }
        }
    }

    /// `test-token` and `test-token:NAME`: everything is allowed, and NAME is the party.
    fn development(&self, token: &str) -> Option<Identity> {
        let name = match token.strip_prefix("test-token")? {
            "" => "test-token",
            rest => rest.strip_prefix(':')?,
        };
        if name.is_empty() || name.len() > PARTY_BYTES_MAX || name.chars().any(char::is_control) {
            return None;
        }
        Some(Identity {
            client_id: Uuid::new_v5(&CLIENTS, format!("development\n{name}").as_bytes()),
            subject: name.into(),
            party: Party(name.into()),
            permissions: Permissions::ALL,
            auctions: None,
            channels: None,
            subscribes: Arc::new([]),
            limits: ConnectionLimits {
                connections_max: None,
                messages_per_second_max: Some(DEV_MESSAGES_PER_SECOND_MAX),
                ..self.limits
            },
            expires_at: TimeUs(NEVER_US),
        })
    }
}

impl Verify for Authenticator {
    fn verify(&self, token: &str, now: TimeUs) -> Result<Identity, Refused> {
        self.authenticate(token, now).map_err(|reason| {
            tracing::debug!(%reason, "sign-in refused");
            Refused { message: "Invalid token" }
        })
    }
}

/// A token is good from `nbf` less our leeway until `exp` sharp.
fn check_time(claims: &Claims, now: TimeUs) -> Result<(), AuthError> {
    if claims.nbf.is_some_and(|from| from.at_us.saturating_sub(LEEWAY_US) > now.0) {
        return Err(AuthError::NotYetValid);
    }
    if claims.exp.at_us <= now.0 {
        return Err(AuthError::Expired);
    }
    Ok(())
}

/// An API key's entry as the claims of a token that never ends.
fn claims_of(entry: &ApiKeyEntry) -> Claims {
    Claims {
        sub: entry.subject.clone(),
        exp: NumericDate { at_us: NEVER_US },
        bidder: entry.bidder.clone(),
        role: entry.role.clone(),
        permissions: (!entry.permissions.is_empty()).then(|| OneOrMany::Many(entry.permissions.clone())),
        auctions: entry.auctions.clone(),
        channels: entry.channels.clone(),
        limits: entry.limits.clone(),
        ..Claims::default()
    }
}

fn read_hash(digits: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}
