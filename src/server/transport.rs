//! The bytes of one upgraded connection, in the clear or through TLS. Nothing here waits.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::net::{self, RecvFlags, SendFlags};
use rustls::ServerConnection;
use socket2::SockRef;

/// A socket that does not block.
pub enum Transport {
    /// In the clear.
    Plain(TcpStream),
    /// Through TLS.
    Tls(Box<TlsSocket>),
}

/// A socket and the TLS session on it.
pub struct TlsSocket {
    socket: TcpStream,
    session: ServerConnection,
}

/// What came of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// So many bytes, and there may be more.
    Some(usize),
    /// So many bytes, and that was all there is now.
    Last(usize),
    /// Nothing now.
    Nothing,
    /// The peer sends nothing more.
    End,
}

impl Transport {
    /// Takes a session over that has done its handshake.
    pub fn tls(socket: TcpStream, session: ServerConnection) -> Self {
        Self::Tls(Box::new(TlsSocket { socket, session }))
    }

    /// Whether what is sent goes straight to the socket, so that nothing is ever held here.
    #[inline]
    pub fn is_plain(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Reads into `buffer`, which must not be empty.
    pub fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        match self {
            Self::Plain(socket) => {
                let room = buffer.len();
                // The bare system calls: the standard library's go through cancellation points of threads.
                let received = net::recv(&*socket, buffer, RecvFlags::empty());
                Ok(match again_is_none(received.map(|(count, _)| count).map_err(io::Error::from))? {
                    None => Received::Nothing,
                    Some(0) => Received::End,
                    Some(count) if count < room => Received::Last(count),
                    Some(count) => Received::Some(count),
                })
            }
            Self::Tls(tls) => tls.receive(buffer),
        }
    }

    /// Writes what the socket takes now; 0 if that is nothing.
    #[inline]
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => {
                let sent = net::send(&*socket, bytes, SendFlags::NOSIGNAL).map_err(io::Error::from);
                Ok(again_is_none(sent)?.unwrap_or(0))
            }
            Self::Tls(tls) => tls.send(bytes),
        }
    }

    /// Sends what was taken and is still held; whether nothing is held any more.
    pub fn flush(&mut self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            Self::Tls(tls) => tls.flush(),
        }
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) -> io::Result<()> {
        if let Self::Tls(tls) = self {
            tls.session.send_close_notify();
            tls.flush()?;
        }
        self.socket().shutdown(Shutdown::Write)
    }

    /// Makes the coming close a reset: what was not delivered is dropped.
    pub fn abandon(&mut self) {
        // A socket that refuses the option is closed in the ordinary way.
        let _ = SockRef::from(self.socket()).set_linger(Some(Duration::ZERO));
    }

    /// Whether the peer's end has been seen by the kernel, read or unread.
    pub fn has_ended(&self) -> bool {
        let mut byte = [std::mem::MaybeUninit::uninit()];
        match SockRef::from(self.socket()).peek(&mut byte) {
            Ok(count) => count == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => &tls.socket,
        }
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

impl TlsSocket {
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        loop {
            match again_is_none(self.session.reader().read(buffer))? {
                Some(0) => return Ok(Received::End),
                Some(count) => return Ok(Received::Some(count)),
                None => {}
            }
            match again_is_none(self.session.read_tls(&mut self.socket))? {
                None => return Ok(Received::Nothing),
                Some(0) => return Ok(Received::End),
                Some(_) => {}
            }
            if let Err(error) = self.session.process_new_packets() {
                // The alert that says why is worth an attempt.
                let _ = self.flush();
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
            if self.session.wants_write() {
                self.flush()?;
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut taken = 0;
        while taken < bytes.len() && self.flush()? {
            taken += self.session.writer().write(&bytes[taken..])?;
        }
        self.flush()?;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<bool> {
        while self.session.wants_write() {
            if again_is_none(self.session.write_tls(&mut self.socket))?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Tells "not now" from success and from failure.
fn again_is_none(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(error),
    }
}
