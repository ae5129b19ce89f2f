//! The last words of a shard on which an assertion failed: a close frame to each peer
//! that can take one at once. Its turn is lost, so nothing but the sockets is trusted.

use super::outbox::{CLOSE, write_frame};
use super::sockets::Sockets;
use crate::wire::CloseCode;

impl Sockets {
    /// Closes every connection with this code, without waiting for anybody.
    pub(super) fn say_farewell(&mut self, code: CloseCode) {
        let mut payload = code.number().to_be_bytes().to_vec();
        payload.extend_from_slice(code.reason().as_bytes());
        let mut frame = Vec::new();
        write_frame(CLOSE.into(), &payload, &mut frame);
        let ids: Vec<_> = self.open_ids().collect();
        for id in ids {
            // Behind a frame of which a part is still to be sent, a close frame would be read as the rest of it.
            let can_hear = |connection: &&mut super::connection::Connection| connection.backlog.is_none();
            if let Some(connection) = self.get(id).filter(can_hear) {
                // A peer that is gone needs no farewell.
                let _ = connection.transport.send(&frame);
                let _ = connection.transport.finish();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpStream};
    use std::sync::Arc;

    use axum::Router;
    use tokio::sync::Notify;

    use crate::host::SystemClock;
    use crate::server::backlog::QueueTotals;
    use crate::server::connection::{ConnectionId, Gone};
    use crate::server::frames::{Binary, FrameLimits, Kind};
    use crate::server::handler::{Handler, Hello};
    use crate::server::listener::{Seats, bind};
    use crate::server::settings::{Origins, QueueLimits};
    use crate::server::sockets::{SocketSettings, Sockets};
    use crate::server::threads::Setup;

    /// Fails at the first message.
    struct Faulty;

    impl Handler for Faulty {
        fn opened(&mut self, _sockets: &mut Sockets, _id: ConnectionId, _hello: Hello) {}

        fn message(&mut self, _: &mut Sockets, _: ConnectionId, _: Kind, _: &mut [u8]) {
            panic!("on purpose");
        }

        fn gone(&mut self, _sockets: &mut Sockets, _id: ConnectionId, _gone: Gone) {}
    }

    fn start() -> (SocketAddr, std::thread::JoinHandle<()>) {
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
            listener: listeners.remove(0),
            clock: Arc::new(SystemClock::new()),
            notify: Arc::new(Notify::new()),
            sockets: SocketSettings { shard: 0, frames, queues: QueueLimits::default(), totals },
            seats: Seats::new(10),
            tls: None,
            origins: Arc::new(Origins::Any),
            rest: Router::new(),
        };
        (address, setup.spawn(|| Faulty).expect("a thread"))
    }

    fn connect(address: SocketAddr) -> TcpStream {
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
        // A ping that is answered: the connection stands.
        socket.write_all(&[0x89, 0x80, 0, 0, 0, 0]).expect("sent");
        let mut pong = [0; 2];
        socket.read_exact(&mut pong).expect("a pong");
        assert_eq!(pong, [0x8a, 0]);
        socket
    }

    #[test]
    fn a_failed_assertion_is_told_to_everybody_on_the_shard_as_our_fault() {
        let (address, thread) = start();
        let (mut first, mut second) = (connect(address), connect(address));
        first.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']).expect("sent");
        for socket in [&mut first, &mut second] {
            let mut heard = Vec::new();
            socket.read_to_end(&mut heard).expect("a close frame, then the end");
            assert_eq!(heard, [&[0x88, 16, 0x03, 0xf3][..], b"internal error"].concat());
        }
        assert!(thread.join().is_err(), "the thread has ended by its panic");
    }
}
