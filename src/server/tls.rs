//! Certificates for `wss://` and `https://`: read once at start, TLS 1.2 and 1.3.
//! The sockets that speak it live elsewhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read, or holds no such thing.
    #[error("{path}: no {wanted}: {why}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What was looked for.
        wanted: &'static str,
        /// What was found instead.
        why: String,
    },
    /// The two do not belong together, or the certificate is unusable.
    #[error("{cert} and {key} cannot be used together: {why}")]
    Pair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        why: String,
    },
}

/// The server's side of TLS with a certificate chain and its private key, both PEM.
pub fn load_tls(cert: &Path, key: &Path) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let refuse = |path: &Path, wanted, why: String| TlsError::File { path: path.to_owned(), wanted, why };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|why| refuse(cert, "certificate", why.to_string()))?;
    if chain.is_empty() {
        return Err(refuse(cert, "certificate", "the file holds none".to_owned()));
    }
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|why| refuse(key, "private key", why.to_string()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mismatch = |why: rustls::Error| TlsError::Pair {
        cert: cert.to_owned(),
        key: key.to_owned(),
        why: why.to_string(),
    };
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(mismatch)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(mismatch)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
