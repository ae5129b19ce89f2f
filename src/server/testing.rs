//! One shard for unit tests, and a client of it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;

use super::backlog::QueueTotals;
use super::frames::{Binary, FrameLimits};
use super::listener::{Seats, bind};
use super::settings::{Origins, QueueLimits};
use super::sockets::SocketSettings;
use super::threads::{Reception, Setup};
use super::waker::Waker;
use crate::host::SystemClock;

/// Where a shard will listen, and what it is started with.
pub fn setup(rest: Router) -> (SocketAddr, Setup) {
    let mut listeners = bind(SocketAddr::from(([127, 0, 0, 1], 0)), 1).expect("a free port");
    let address = listeners[0].local_addr().expect("an address");
    let frames = FrameLimits {
        message_bytes_max: 1_000,
        fragments_max: 1,
        message_us_max: 1_000_000,
        controls_per_second_max: 20,
        binary: Binary::Refused,
    };
    let totals = Arc::new(QueueTotals::new(1));
    let setup = Setup {
        shard: 0,
        clock: Arc::new(SystemClock::new()),
        waker: Waker::new().expect("a waker"),
        sockets: SocketSettings {
            shard: 0,
            frames,
            queues: QueueLimits::default(),
            totals,
            spin: Duration::ZERO,
        },
        reception: Reception {
            listener: listeners.remove(0),
            seats: Seats::new(20),
            tls: None,
            origins: Arc::new(Origins::Any),
            rest,
        },
    };
    (address, setup)
}

/// A WebSocket on which a ping was answered.
pub fn connect(address: SocketAddr) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("it listens");
    let request = "GET /v1/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(request.as_bytes()).expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).expect("an answer");
        head.push(byte[0]);
    }
    ping(&mut socket);
    socket
}

/// Sends a ping and waits for its pong.
pub fn ping(socket: &mut TcpStream) {
    socket.write_all(&[0x89, 0x80, 0, 0, 0, 0]).expect("sent");
    let mut pong = [0; 2];
    socket.read_exact(&mut pong).expect("a pong");
    assert_eq!(pong, [0x8a, 0]);
}
