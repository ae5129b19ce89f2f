//! A client's end of a connection, in the clear or through TLS.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// How a server is spoken to.
#[derive(Clone)]
pub enum Security {
    /// In the clear.
    Plain,
    /// Through TLS, as this name.
    Tls(Arc<ClientConfig>, ServerName<'static>),
}

/// An open connection.
pub enum Stream {
    /// In the clear.
    Plain(TcpStream),
    /// Through TLS.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Security {
    /// TLS with servers whose certificate one of these authorities, in PEM, has signed.
    pub fn tls(authorities: &Path, host: &str) -> Result<Self, String> {
        let named = |why: &dyn std::fmt::Display| format!("{}: {why}", authorities.display());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(authorities).map_err(|why| named(&why))? {
            roots.add(certificate.map_err(|why| named(&why))?).map_err(|why| named(&why))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|why| why.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).map_err(|why| format!("{host}: {why}"))?;
        Ok(Self::Tls(Arc::new(config), name))
    }

    /// Speaks over this socket.
    pub fn over(&self, socket: TcpStream) -> Result<Stream, String> {
        match self {
            Self::Plain => Ok(Stream::Plain(socket)),
            Self::Tls(config, name) => {
                let session =
                    ClientConnection::new(Arc::clone(config), name.clone()).map_err(|why| why.to_string())?;
                Ok(Stream::Tls(Box::new(StreamOwned::new(session, socket))))
            }
        }
    }
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        }
    }

    /// What went wrong with it, if something did.
    pub fn take_error(&self) -> Option<io::Error> {
        self.socket().take_error().unwrap_or_else(Some)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}
