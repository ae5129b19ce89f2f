//! Key pairs of every public-key algorithm that tokens may be signed with, and the
//! encodings in which their halves are written down.

use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::Value;
use walras::server::config::KeyEntry;

/// One fresh key pair of each public-key algorithm, the public halves as PEM files.
pub struct Signers {
    folder: PathBuf,
    rs: EncodingKey,
    es: EncodingKey,
    ed: EncodingKey,
}

impl Signers {
    pub fn generate(folder: &Path) -> Self {
        let rs = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("a key");
        let es = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let ed = Ed25519KeyPair::generate().expect("a key");
        let rs_public: PublicKeyX509Der<'_> = rs.public_key().as_der().expect("DER");
        let es_public: PublicKeyX509Der<'_> = es.public_key().as_der().expect("DER");
        let ed_public: PublicKeyX509Der<'_> = ed.public_key().as_der().expect("DER");
        for (name, der) in
            [("RS256", rs_public.as_ref()), ("ES256", es_public.as_ref()), ("EdDSA", ed_public.as_ref())]
        {
            std::fs::write(folder.join(format!("{name}.pem")), pem("PUBLIC KEY", der)).expect("written");
        }
        let rs_private: Pkcs8V1Der<'_> = rs.as_der().expect("DER");
        let private = |der: &[u8]| pem("PRIVATE KEY", der).into_bytes();
        Self {
            folder: folder.to_owned(),
            rs: EncodingKey::from_rsa_pem(&private(rs_private.as_ref())).expect("a signer"),
            es: EncodingKey::from_ec_pem(&private(es.to_pkcs8v1().expect("DER").as_ref())).expect("a signer"),
            ed: EncodingKey::from_ed_pem(&private(ed.to_pkcs8v1().expect("DER").as_ref())).expect("a signer"),
        }
    }

    /// Each signer with its `kid` and algorithm.
    pub fn all(&self) -> [(&'static str, Algorithm, &EncodingKey); 3] {
        [
            ("rs", Algorithm::RS256, &self.rs),
            ("es", Algorithm::ES256, &self.es),
            ("ed", Algorithm::EdDSA, &self.ed),
        ]
    }

    /// The public halves as the configuration names them.
    pub fn entries(&self) -> Vec<KeyEntry> {
        self.all()
            .into_iter()
            .map(|(kid, algorithm, _)| {
                let name = format!("{algorithm:?}");
                let pem = Some(self.folder.join(format!("{name}.pem")));
                KeyEntry { kid: Some(kid.to_owned()), algorithm: Some(name), pem, jwks: None }
            })
            .collect()
    }
}

impl Signers {
    /// The public halves as a JWKS.
    pub fn jwks(&self) -> Vec<Value> {
        self.all()
            .into_iter()
            .map(|(kid, algorithm, signer)| {
                let mut jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(signer, algorithm).expect("a JWK");
                jwk.common.key_id = Some(kid.to_owned());
                serde_json::to_value(jwk).expect("JSON")
            })
            .collect()
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64(der, ALPHABET, true))
}

/// As tokens have it: no padding.
pub fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    base64(bytes, ALPHABET, false)
}

fn base64(bytes: &[u8], alphabet: &[u8; 64], padded: bool) -> String {
    let mut out = String::new();
    for (at, chunk) in bytes.chunks(3).enumerate() {
        if padded && at > 0 && at % 16 == 0 {
            out.push('\n');
        }
        let word =
            chunk.iter().fold(0_u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            match digit <= chunk.len() {
                true => out.push(char::from(alphabet[(word >> (18 - 6 * digit) & 63) as usize])),
                false if padded => out.push('='),
                false => {}
            }
        }
    }
    out
}
