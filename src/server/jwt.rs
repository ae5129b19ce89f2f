//! JSON Web Tokens: a ring of verification keys, the claims we read, and minting.
//!
//! Every key is pinned to one algorithm. A token's `kid` is looked up in the ring and
//! nowhere else: it is never a path or an address. Time and what the claims permit are
//! judged in `auth`; here is only shape and signature.

use std::path::Path;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::config::{AuthConfig, KeyEntry};

/// The claims of a token, as they stand in it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
pub struct Claims {
    /// Who holds the token.
    pub sub: String,
    /// Until when it is valid, in seconds since 1970. Fractions are allowed.
    pub exp: NumericDate,
    /// From when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<NumericDate>,
    /// When it was made; not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<NumericDate>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// For whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<OneOrMany>,
    /// The party that owns bids; by default the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bidder: Option<String>,
    /// A role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<OneOrMany>,
    /// Permissions, beside those of the roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<OneOrMany>,
    /// The only auctions the holder may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auctions: Option<Vec<String>>,
    /// The only channels the holder may subscribe to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<String>>,
    /// Subscribe messages without `type`, applied after sign-in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subs: Vec<serde_json::Value>,
    /// `"unlimited"`, or an object of limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<serde_json::Value>,
}

/// Seconds since 1970 in a token, whole or with a fraction.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct NumericDate {
    /// The same in microseconds.
    pub at_us: i64,
}

/// A claim that may be one text or a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One text.
    One(String),
    /// A list.
    Many(Vec<String>),
}

/// Why a token is no token of ours, by shape or signature. Variants stand in the order of the checks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// Not three parts, or a header that cannot be read.
    #[error("the token is not a JWT")]
    Malformed,
    /// `crit` names extensions that nobody here knows.
    #[error("the token's header demands an unknown extension")]
    Critical,
    /// No key has this `kid` (or none is there for tokens without).
    #[error("no key {kid:?} for algorithm {algorithm}")]
    UnknownKey {
        /// The token's `kid`.
        kid: Option<String>,
        /// The token's `alg`.
        algorithm: String,
    },
    /// The key is pinned to another algorithm (`none` never is one).
    #[error("the key is for {pinned}, the token says {algorithm}")]
    WrongAlgorithm {
        /// The token's `alg`.
        algorithm: String,
        /// The key's.
        pinned: String,
    },
    /// Someone else signed it, or it was changed.
    #[error("the signature is wrong")]
    BadSignature,
    /// A claim is missing, doubled or of a wrong type.
    #[error("the claims cannot be read: {0}")]
    BadClaims(String),
}

/// Why a key of the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("auth.keys: {name}: {why}")]
pub struct KeyError {
    /// The file, or the entry.
    pub name: String,
    /// What is wrong.
    pub why: String,
}

/// The keys that verify tokens.
pub struct Keyring {
    keys: Vec<PinnedKey>,
}

struct PinnedKey {
    kid: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

#[derive(Deserialize)]
struct HeaderWords {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

impl Keyring {
    /// The keys of a configuration; reads the files it names.
    pub fn load(config: &AuthConfig) -> Result<Self, KeyError> {
        let mut ring = Self { keys: Vec::new() };
        if let Some(secret) = &config.hs256_secret {
            let key = DecodingKey::from_secret(secret.0.as_bytes());
            ring.keys.push(PinnedKey { kid: None, algorithm: Algorithm::HS256, key });
        }
        for entry in &config.keys {
            for key in read_entry(entry)? {
                ring.add(key)?;
            }
        }
        Ok(ring)
    }

    /// Whether no token can be verified.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The claims of a token that one of the keys signed.
    pub fn verify(&self, token: &str) -> Result<Claims, JwtError> {
        let words = read_header(token)?;
        if words.crit.is_some() {
            return Err(JwtError::Critical);
        }
        let key = self.pick(&words)?;
        jsonwebtoken::decode::<Claims>(token, &key.key, &signature_only(key.algorithm))
            .map(|token| token.claims)
            .map_err(|error| match error.kind() {
                ErrorKind::Json(why) => JwtError::BadClaims(why.to_string()),
                ErrorKind::InvalidToken | ErrorKind::Base64(_) | ErrorKind::Utf8(_) => JwtError::Malformed,
                _ => JwtError::BadSignature,
            })
    }

    fn pick(&self, words: &HeaderWords) -> Result<&PinnedKey, JwtError> {
        let algorithm: Option<Algorithm> = words.alg.parse().ok();
        let mut of_kid = self.keys.iter().filter(|key| key.kid == words.kid).peekable();
        let first = *of_kid
            .peek()
            .ok_or_else(|| JwtError::UnknownKey { kid: words.kid.clone(), algorithm: words.alg.clone() })?;
        of_kid.find(|key| Some(key.algorithm) == algorithm).ok_or_else(|| JwtError::WrongAlgorithm {
            algorithm: words.alg.clone(),
            pinned: format!("{:?}", first.algorithm),
        })
    }

    fn add(&mut self, key: PinnedKey) -> Result<(), KeyError> {
        let taken = |other: &PinnedKey| {
            other.kid == key.kid && (key.kid.is_some() || other.algorithm == key.algorithm)
        };
        if self.keys.iter().any(taken) {
            let name = key.kid.map_or_else(|| "keys without a kid".to_owned(), |kid| format!("kid {kid:?}"));
            return Err(KeyError {
                name,
                why: "there are two for one algorithm; give each its own kid".to_owned(),
            });
        }
        self.keys.push(key);
        Ok(())
    }
}

/// A token signed with the HS256 secret.
pub fn mint(claims: &Claims, secret: &str) -> String {
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(secret.as_bytes()))
        .expect("texts and numbers always serialize, and any bytes are an HMAC key")
}

/// The header alone, before any key is chosen. The library reads a token's middle part as claims without judging
/// them; put in that place, the header is decoded by the same code, but into our own words, so that an
/// algorithm it does not know (`none`) is told apart from a header that is no JSON.
fn read_header(token: &str) -> Result<HeaderWords, JwtError> {
    let mut parts = token.split('.');
    let (Some(header), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(JwtError::Malformed);
    };
    jsonwebtoken::dangerous::insecure_decode_claims(format!(".{header}.")).map_err(|_| JwtError::Malformed)
}

/// Signature and algorithm only: time and audience are judged against the server's own clock and words.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

fn read_entry(entry: &KeyEntry) -> Result<Vec<PinnedKey>, KeyError> {
    match (&entry.pem, &entry.jwks) {
        (Some(pem), None) => Ok(vec![read_pem(entry, pem)?]),
        (None, Some(jwks)) if entry.kid.is_none() && entry.algorithm.is_none() => read_jwks(jwks),
        (None, Some(jwks)) => {
            Err(fault(jwks, "a JWKS file names `kid` and `alg` itself; leave `kid` and `algorithm` out"))
        }
        _ => Err(KeyError { name: "entry".to_owned(), why: "needs either `pem` or `jwks`".to_owned() }),
    }
}

fn read_pem(entry: &KeyEntry, path: &Path) -> Result<PinnedKey, KeyError> {
    let bytes = std::fs::read(path).map_err(|why| fault(path, &why.to_string()))?;
    if String::from_utf8_lossy(&bytes).contains("PRIVATE KEY") {
        return Err(fault(path, "is a private key; a server needs only the public one"));
    }
    let name = entry.algorithm.as_deref().ok_or_else(|| fault(path, "needs an `algorithm`"))?;
    let (algorithm, key) = match name {
        "RS256" => (Algorithm::RS256, DecodingKey::from_rsa_pem(&bytes)),
        "ES256" => (Algorithm::ES256, DecodingKey::from_ec_pem(&bytes)),
        "EdDSA" => (Algorithm::EdDSA, DecodingKey::from_ed_pem(&bytes)),
        other => {
            return Err(fault(path, &format!("`algorithm` must be RS256, ES256 or EdDSA, not {other:?}")));
        }
    };
    let key = key.map_err(|why| fault(path, &format!("is no public key for {name}: {why}")))?;
    Ok(PinnedKey { kid: entry.kid.clone(), algorithm, key })
}

fn read_jwks(path: &Path) -> Result<Vec<PinnedKey>, KeyError> {
    let bytes = std::fs::read(path).map_err(|why| fault(path, &why.to_string()))?;
    let set: JwkSet =
        serde_json::from_slice(&bytes).map_err(|why| fault(path, &format!("is no JWKS: {why}")))?;
    let keys: Vec<_> = set
        .keys
        .iter()
        .filter(|jwk| jwk.common.public_key_use != Some(PublicKeyUse::Encryption))
        .map(|jwk| read_jwk(jwk).map_err(|why| fault(path, &why)))
        .collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err(fault(path, "holds no key that signs"));
    }
    Ok(keys)
}

fn read_jwk(jwk: &Jwk) -> Result<PinnedKey, String> {
    let kid = jwk.common.key_id.clone().ok_or("a key has no `kid`")?;
    let natural = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return Err(format!("key {kid:?} is neither RSA, P-256 nor Ed25519")),
    };
    if jwk.common.key_algorithm.is_some_and(|named| named != natural.1) {
        return Err(format!("key {kid:?} must be used with {}", natural.1));
    }
    let key = DecodingKey::from_jwk(jwk).map_err(|why| format!("key {kid:?}: {why}"))?;
    Ok(PinnedKey { kid: Some(kid), algorithm: natural.0, key })
}

fn fault(path: &Path, why: &str) -> KeyError {
    KeyError { name: path.display().to_string(), why: why.to_owned() }
}

impl OneOrMany {
    /// The texts.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(text) => std::slice::from_ref(text).iter(),
            Self::Many(texts) => texts.iter(),
        }
        .map(String::as_str)
    }
}

impl NumericDate {
    /// From whole seconds.
    pub fn from_seconds(seconds: i64) -> Self {
        Self { at_us: seconds.saturating_mul(1_000_000) }
    }
}

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        if let Some(seconds) = number.as_i64() {
            return Ok(Self::from_seconds(seconds));
        }
        let seconds = number.as_f64().filter(|seconds| seconds.is_finite());
        let seconds = seconds.ok_or_else(|| serde::de::Error::custom("no time"))?;
        // `as` stops at the ends of the range, which is what a time beyond them means.
        Ok(Self { at_us: (seconds * 1e6) as i64 })
    }
}

impl Serialize for NumericDate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.at_us.div_euclid(1_000_000))
    }
}
