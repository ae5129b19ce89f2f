//! A handler that sends back what it gets: the connection layer by itself, for
//! conformance tests and for measuring what a frame costs.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tungstenite::protocol::frame::coding::Data;

use super::backlog::QueueTotals;
use super::connection::{ConnectionId, Gone};
use super::frames::{Binary, FrameLimits, Kind};
use super::handler::{Handler, Hello};
use super::listener::{Seats, bind};
use super::outbox::OpCode;
use super::settings::{Origins, QueueLimits};
use super::sockets::{SocketSettings, Sockets};
use super::threads::{Reception, Setup};
use super::waker::Waker;
use crate::host::{Clock, SystemClock};

/// Echoes at this address until the process ends: one shard, on this thread. `ready` hears where it
/// listens. Conformance tests send more than clients may, so the bounds are wide.
pub fn serve(listen: SocketAddr, ready: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let wide = 64 << 20;
    let sockets = SocketSettings {
        shard: 0,
        frames: FrameLimits {
            message_bytes_max: wide,
            fragments_max: u32::MAX,
            message_us_max: 600_000_000,
            controls_per_second_max: u32::MAX,
            binary: Binary::Taken,
        },
        queues: QueueLimits {
            connection_bytes_max: wide,
            connection_messages_max: usize::MAX / 4,
            total_bytes_max: usize::MAX,
        },
        totals: Arc::new(QueueTotals::new(1)),
        spin: Duration::ZERO,
    };
    let mut listeners = bind(listen, 1)?;
    ready(listeners[0].local_addr()?);
    let setup = Setup {
        shard: 0,
        clock,
        waker: Waker::new()?,
        sockets,
        reception: Reception {
            listener: listeners.remove(0),
            seats: Seats::new(10_000),
            tls: None,
            origins: Arc::new(Origins::Any),
            rest: Router::new(),
        },
    };
    setup.run(Echo::default)
}

/// See the module.
#[derive(Debug, Default)]
pub struct Echo;

impl Handler for Echo {
    fn opened(&mut self, _sockets: &mut Sockets, _id: ConnectionId, _hello: Hello) {}

    fn message(&mut self, sockets: &mut Sockets, id: ConnectionId, kind: Kind, payload: &mut [u8]) {
        let opcode = match kind {
            Kind::Text => OpCode::Data(Data::Text),
            Kind::Binary => OpCode::Data(Data::Binary),
        };
        sockets.send_frame(id, opcode, payload);
    }

    fn gone(&mut self, _sockets: &mut Sockets, _id: ConnectionId, _gone: Gone) {}
}
