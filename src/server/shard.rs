//! A turn of a shard: time, new connections, what came in, what the handler has to
//! say, and one write for each connection that gets something.
//!
//! The thread that runs this owns its connections alone; nothing in here is locked.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use hyper::body::Bytes;

use super::connection::{ConnectionId, Gone, Phase};
use super::entrance::Entrance;
use super::frames::{Taken, Violation};
use super::handler::{Handler, Hello, Stage};
use super::listener::Seat;
use super::outbox::PONG;
use super::sockets::Sockets;
use super::transport::{Received, Transport};
use super::waker::Waker;
use crate::host::Clock;
use crate::units::TimeUs;
use crate::wire::CloseCode;

/// Bytes read at a time; also how much unread input a connection may leave behind.
const READ_BYTES: usize = 64 * 1024;
/// Reads of one connection in a turn, so that none of them starves the others.
const READS_MAX: usize = 4;
/// So many writes take longer than to ask once more whether something has come in, which then goes out with them.
const DEAR_WRITES: usize = 16;

/// One shard: its connections, and the one who is asked about them.
pub struct Shard<H> {
    clock: Arc<dyn Clock>,
    arrivals: Receiver<Arrival>,
    sockets: Sockets,
    handler: H,
    buffer: Vec<u8>,
}

/// Where upgraded connections come in, from another thread.
pub struct Door {
    arrivals: Sender<Arrival>,
    waker: Arc<Waker>,
}

/// A connection whose handshake is done.
pub struct Arrival {
    /// Its socket.
    pub transport: Transport,
    /// What was read behind the handshake.
    pub early: Bytes,
    /// What the handshake said.
    pub hello: Hello,
    /// Its place among the server's connections.
    pub seat: Option<Seat>,
}

impl Door {
    /// A door, and the place behind it. The shard there is woken by `waker`.
    pub fn new(waker: Arc<Waker>) -> (Self, Receiver<Arrival>) {
        let (sender, receiver) = unbounded();
        (Self { arrivals: sender, waker }, receiver)
    }

    /// Hands a connection over to the shard. One that has ended drops it, which closes it.
    pub fn enter(&self, arrival: Arrival) {
        if self.arrivals.send(arrival).is_ok() {
            self.waker.wake();
        }
    }
}

impl<H: Handler> Shard<H> {
    /// A shard without connections.
    pub fn new(clock: Arc<dyn Clock>, arrivals: Receiver<Arrival>, sockets: Sockets, handler: H) -> Self {
        Self { clock, arrivals, sockets, handler, buffer: vec![0; 2 * READ_BYTES] }
    }

    /// Serves until the handler ends. `entrance` is closed once the handler takes no connections.
    pub fn run(mut self, entrance: &Entrance) -> io::Result<()> {
        loop {
            // A failed assertion ends this shard, not the process: its peers hear whose fault it was.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.turn())) {
                self.sockets.say_farewell(CloseCode::Internal);
                resume_unwind(panic);
            }
            match self.handler.stage() {
                Stage::Serving => {}
                Stage::Closing if !self.sockets.is_empty() => entrance.close(),
                Stage::Closing | Stage::Stopped => return Ok(()),
            }
            let wants_turn = self.sockets.take_wants_turn() || !self.handler.falls_asleep();
            let patience = if wants_turn { Some(Duration::ZERO) } else { self.patience() };
            self.sockets.poller.wait(patience)?;
        }
    }

    /// How long nothing is due; for ever if nothing is, or if only the host can tell when it will be.
    fn patience(&self) -> Option<Duration> {
        self.clock.sleep_until(self.next_due()?)
    }

    fn next_due(&self) -> Option<TimeUs> {
        [self.sockets.timers.next_due(), self.handler.next_due()].into_iter().flatten().min()
    }

    fn turn(&mut self) {
        self.sockets.now = self.clock.now();
        self.expire();
        self.admit();
        for id in std::mem::take(&mut self.sockets.unread) {
            self.read(id);
        }
        self.attend();
        if self.sockets.outbox().dirty_count() >= DEAR_WRITES && self.sockets.poller.look_again() {
            self.attend();
        }
        self.tell();
        self.sockets.flush();
        self.tell();
        self.sockets.sweep();
    }

    /// Reads what the poller found ready, and has the handler act on it.
    fn attend(&mut self) {
        for index in 0..self.sockets.poller.count() {
            let Some(ready) = self.sockets.poller.ready(index) else { continue };
            let id = ConnectionId::from_number(ready.token);
            if ready.writable {
                self.sockets.drain(id);
            }
            if ready.readable {
                if let Some(connection) = self.sockets.get(id) {
                    connection.has_hung_up |= ready.ended;
                }
                self.read(id);
            }
        }
        self.handler.turn(&mut self.sockets);
    }

    fn expire(&mut self) {
        let mut due = Vec::new();
        let now = self.sockets.now;
        self.sockets.timers.expire(now, |id| due.push(id));
        for id in due {
            let Some(connection) = self.sockets.get(id) else { continue };
            if connection.timer.is_some_and(|timer| timer > now) {
                continue;
            }
            connection.timer = None;
            if self.sockets.give_up(id) {
                continue;
            }
            let limits = self.sockets.frame_limits;
            let Some(connection) = self.sockets.get(id) else { continue };
            let is_open = connection.phase == Phase::Open;
            if is_open && connection.inbound.due(&limits).is_some_and(|due| due <= now) {
                self.fail(id, Violation::Flood("the message takes too long"));
            } else if is_open && connection.due.is_some_and(|due| due <= now) {
                connection.due = None;
                self.handler.due(&mut self.sockets, id);
            }
            self.sockets.arm(id);
        }
    }

    fn admit(&mut self) {
        while let Ok(arrival) = self.arrivals.try_recv() {
            let Some(id) = self.sockets.insert(arrival.transport, arrival.seat) else { continue };
            if let Some(connection) = self.sockets.get(id) {
                connection.inbound.keep(&arrival.early);
            }
            self.handler.opened(&mut self.sockets, id, arrival.hello);
        }
    }

    /// Reads a connection until it has no more, or has had its share.
    fn read(&mut self, id: ConnectionId) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut is_done = false;
        for _ in 0..READS_MAX {
            if !self.read_once(id, &mut buffer) {
                is_done = true;
                break;
            }
        }
        if !is_done {
            self.sockets.unread.push(id);
        }
        self.buffer = buffer;
    }

    /// Whether there may be more to read at once.
    fn read_once(&mut self, id: ConnectionId, buffer: &mut [u8]) -> bool {
        let Some(connection) = self.sockets.get(id) else { return false };
        if connection.is_paused {
            return false;
        }
        let kept = connection.inbound.restore(buffer);
        let room = (kept + READ_BYTES).min(buffer.len());
        let received = match kept {
            // A connection that was paused behind a whole buffer is read no further before that is done with.
            READ_BYTES.. => Ok(Received::Some(0)),
            _ => connection.transport.receive(&mut buffer[kept..room]),
        };
        let is_open = connection.phase == Phase::Open;
        let (count, may_be_more, is_over) = match received {
            Ok(Received::Some(count)) => (count, true, false),
            Ok(Received::Last(count)) => (count, connection.has_hung_up, false),
            Ok(Received::Nothing) => (0, false, false),
            Ok(Received::End) => (0, false, true),
            Err(_) => {
                self.sockets.remove(id, Gone::Broken);
                return false;
            }
        };
        if is_open {
            self.process(id, &mut buffer[..kept + count]);
        }
        if is_over {
            self.sockets.end(id);
        }
        may_be_more
    }

    /// Takes the frames in `bytes`.
    fn process(&mut self, id: ConnectionId, mut bytes: &mut [u8]) {
        let (limits, now) = (self.sockets.frame_limits, self.sockets.now);
        loop {
            let Some(connection) = self.sockets.get(id) else { return };
            if connection.phase != Phase::Open {
                return;
            }
            if connection.is_paused {
                return connection.inbound.keep(bytes);
            }
            let (used, taken) = match connection.inbound.take(bytes, &limits, now) {
                Ok(taken) => taken,
                Err(violation) => return self.fail(id, violation),
            };
            if !matches!(taken, Taken::Nothing) {
                connection.heard_at = now;
            }
            match taken {
                Taken::Nothing => {
                    if connection.inbound.due(&limits).is_some() {
                        self.sockets.arm(id);
                    }
                    return;
                }
                Taken::Message(kind, mut payload) => {
                    self.handler.message(&mut self.sockets, id, kind, payload.bytes());
                }
                Taken::Ping(payload) => self.sockets.send_frame(id, PONG, payload),
                Taken::Pong => {}
                Taken::Close(code) => {
                    return self.sockets.close_with(id, code, "", Gone::Left(code));
                }
            }
            bytes = &mut bytes[used..];
        }
    }

    fn fail(&mut self, id: ConnectionId, violation: Violation) {
        self.handler.violated(&mut self.sockets, id, violation);
        let code = match violation {
            Violation::Protocol(_) => CloseCode::ProtocolError,
            Violation::Binary => CloseCode::BinaryFrame,
            Violation::Utf8 => CloseCode::InvalidUtf8,
            Violation::Flood(_) => CloseCode::ControlFlood,
            Violation::TooLarge => CloseCode::TooLarge,
        };
        self.sockets.close(id, code);
    }

    /// Tells the handler who is gone and whose queue has drained.
    fn tell(&mut self) {
        while let Some((id, gone)) = self.sockets.gone.pop() {
            self.handler.gone(&mut self.sockets, id, gone);
        }
        while let Some(id) = self.sockets.drained.pop() {
            if self.sockets.is_open(id) {
                self.handler.drained(&mut self.sockets, id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::sync::mpsc;

    use axum::Router;

    use super::*;
    use crate::server::frames::Kind;
    use crate::server::testing::{connect, setup};

    #[derive(Debug, PartialEq, Eq)]
    enum Call {
        Message,
        Turn,
        FallsAsleep,
    }

    /// Answers a message to everybody, and has something more to say to everybody before that is sent.
    struct Choir {
        members: Vec<ConnectionId>,
        waker: Arc<Waker>,
        left_to_say: u8,
        stage: Stage,
        calls: mpsc::Sender<Call>,
    }

    impl Choir {
        fn called(&self, call: Call) {
            self.calls.send(call).expect("the test listens");
        }
    }

    impl Handler for Choir {
        fn opened(&mut self, _sockets: &mut Sockets, id: ConnectionId, _hello: Hello) {
            self.members.push(id);
        }

        fn message(&mut self, _: &mut Sockets, _: ConnectionId, _: Kind, _: &mut [u8]) {
            self.left_to_say = 2;
            self.called(Call::Message);
        }

        fn turn(&mut self, sockets: &mut Sockets) {
            if self.left_to_say == 0 {
                return;
            }
            self.left_to_say -= 1;
            self.waker.wake();
            for &id in &self.members {
                sockets.send_frame(id, PONG, b"a");
            }
            self.called(Call::Turn);
        }

        fn falls_asleep(&mut self) -> bool {
            self.called(Call::FallsAsleep);
            true
        }

        fn gone(&mut self, _sockets: &mut Sockets, _id: ConnectionId, _gone: Gone) {
            self.stage = Stage::Stopped;
        }

        fn stage(&self) -> Stage {
            self.stage
        }
    }

    /// What a shard with so many connections does from a message until all has been sent that it brings about.
    fn calls(connection_count: usize) -> Vec<Call> {
        let (calls, heard) = mpsc::channel();
        let (address, setup) = setup(Router::new());
        let waker = Arc::clone(&setup.waker);
        let choir = || Choir { members: Vec::new(), waker, left_to_say: 0, stage: Stage::Serving, calls };
        let thread = setup.spawn(choir).expect("a thread");
        let mut members: Vec<_> = (0..connection_count).map(|_| connect(address)).collect();
        members[0].write_all(&[0x81, 0x81, 0, 0, 0, 0, b'?']).expect("sent");
        for member in &mut members {
            let mut answers = [0; 6];
            member.read_exact(&mut answers).expect("two answers");
            assert_eq!(answers, [0x8a, 1, b'a', 0x8a, 1, b'a']);
        }
        drop(members);
        thread.join().expect("the shard has ended");
        let mut calls: Vec<_> = heard.iter().skip_while(|call| *call != Call::Message).collect();
        let last_turn = calls.iter().rposition(|call| *call == Call::Turn).expect("there were turns");
        calls.truncate(last_turn + 1);
        calls
    }

    #[test]
    fn what_comes_while_many_are_to_be_written_to_goes_out_with_it() {
        use Call::{FallsAsleep, Message, Turn};
        assert_eq!(calls(DEAR_WRITES - 1), [Message, Turn, FallsAsleep, Turn]);
        assert_eq!(calls(DEAR_WRITES), [Message, Turn, Turn]);
    }
}
