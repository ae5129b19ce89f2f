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

    use axum::Router;

    use crate::server::connection::{ConnectionId, Gone};
    use crate::server::frames::Kind;
    use crate::server::handler::{Handler, Hello};
    use crate::server::sockets::Sockets;
    use crate::server::testing::{connect, setup};

    /// Fails at the first message.
    struct Faulty;

    impl Handler for Faulty {
        fn opened(&mut self, _sockets: &mut Sockets, _id: ConnectionId, _hello: Hello) {}

        fn message(&mut self, _: &mut Sockets, _: ConnectionId, _: Kind, _: &mut [u8]) {
            panic!("on purpose");
        }

        fn gone(&mut self, _sockets: &mut Sockets, _id: ConnectionId, _gone: Gone) {}
    }

    #[test]
    fn a_failed_assertion_is_told_to_everybody_on_the_shard_as_our_fault() {
        let (address, setup) = setup(Router::new());
        let thread = setup.spawn(|| Faulty).expect("a thread");
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
