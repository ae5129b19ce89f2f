//! Listening: one port, one listening socket for each shard's entrance, so that the kernel
//! spreads connections over the shards without a lock, and no one thread lets all of them in.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use super::http::Front;

/// Connections that the kernel may hold for us until they are accepted.
const BACKLOG: i32 = 4096;
/// How long nothing is accepted when the system has no room.
const PAUSE: Duration = Duration::from_millis(20);

/// Opens one listening socket for each shard, all at the same address.
pub fn bind(address: SocketAddr, shards: u16) -> io::Result<Vec<StdListener>> {
    if address.port() != 0 {
        // Sockets that share a port share it with anybody's: this one would not, and so finds out.
        open(address, Sharing::Exclusive)?;
    }
    let first = listen(address)?;
    let address = first.local_addr()?;
    std::iter::once(Ok(first)).chain((1..shards).map(|_| listen(address))).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Exclusive,
    Shared,
}

fn open(address: SocketAddr, sharing: Sharing) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if sharing == Sharing::Shared {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn listen(address: SocketAddr) -> io::Result<StdListener> {
    let socket = open(address, Sharing::Shared)?;
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts connections until dropped; each is served by a task of its own.
pub async fn accept(listener: TcpListener, seats: Arc<Seats>, front: Rc<Front>) {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                let Some(seat) = Seats::take(&seats) else { continue };
                // Where this fails, the connection is broken already and will show it.
                let _ = socket.set_nodelay(true);
                let front = Rc::clone(&front);
                tokio::task::spawn_local(async move { front.serve(socket, seat).await });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// How many connections the server holds, and may hold.
#[derive(Debug)]
pub struct Seats {
    taken: AtomicU32,
    max: u32,
}

/// The right to one connection, given back when dropped.
#[derive(Debug)]
pub struct Seat(Arc<Seats>);

impl Seats {
    /// Room for `max` connections.
    pub fn new(max: u32) -> Arc<Self> {
        Arc::new(Self { taken: AtomicU32::new(0), max })
    }

    /// How many are taken.
    pub fn taken(&self) -> u32 {
        self.taken.load(Ordering::Relaxed)
    }

    fn take(seats: &Arc<Self>) -> Option<Seat> {
        // Relaxed: the count stands alone. One too many is put back at once.
        if seats.taken.fetch_add(1, Ordering::Relaxed) < seats.max {
            return Some(Seat(Arc::clone(seats)));
        }
        seats.taken.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shards_listen_at_one_port_and_nobody_else_may() {
        let listeners = bind(SocketAddr::from(([127, 0, 0, 1], 0)), 3).expect("a free port");
        let address = listeners[0].local_addr().expect("an address");
        assert!(listeners.iter().all(|listener| listener.local_addr().ok() == Some(address)));
        let error = bind(address, 1).expect_err("the port is taken");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn seats_come_back() {
        let seats = Seats::new(2);
        let (first, second) = (Seats::take(&seats), Seats::take(&seats));
        assert!(first.is_some() && second.is_some());
        assert!(Seats::take(&seats).is_none());
        drop(first);
        assert_eq!(seats.taken(), 1);
        assert!(Seats::take(&seats).is_some());
    }
}
