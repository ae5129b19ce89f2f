//! The way in to a shard: a thread that accepts connections, does their handshakes, answers what is no WebSocket, and
//! hands the others over.
//!
//! TLS handshakes and REST take longer than a message may wait, so they have a thread of their own beside each shard's. Each
//! listens for itself at the common port.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::runtime::{self, Runtime};
use tokio::sync::{Notify, watch};
use tokio::task::LocalSet;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::alarms::Alarms;
use super::http::Front;
use super::listener::accept;
use super::shard::Door;
use super::threads::Reception;
use crate::host::Clock;

/// Open until it is closed; dropping it ends its thread, and what is still under way there.
pub struct Entrance {
    is_closed: Option<watch::Sender<bool>>,
    thread: Option<JoinHandle<()>>,
}

impl Entrance {
    /// Starts the thread. What it lets in goes through `door`; `jumped` tells that the clock was moved.
    pub fn open(
        shard: u16,
        reception: Reception,
        clock: Arc<dyn Clock>,
        jumped: Arc<Notify>,
        door: Door,
    ) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (is_closed, closing) = watch::channel(false);
        let name = format!("walras-entrance-{shard}");
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            if let Err(error) = serve(&runtime, reception, clock, jumped, door, closing) {
                tracing::error!(%error, "an entrance has failed");
            }
        })?;
        Ok(Self { is_closed: Some(is_closed), thread: Some(thread) })
    }

    /// Accepts nobody any more. Who has been accepted is served.
    pub fn close(&self) {
        if let Some(is_closed) = &self.is_closed {
            is_closed.send_if_modified(|is_closed| !std::mem::replace(is_closed, true));
        }
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        self.is_closed = None;
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

fn serve(
    runtime: &Runtime,
    reception: Reception,
    clock: Arc<dyn Clock>,
    jumped: Arc<Notify>,
    door: Door,
    mut closing: watch::Receiver<bool>,
) -> io::Result<()> {
    LocalSet::new().block_on(runtime, async move {
        let alarms = Alarms::new(Arc::clone(&clock), Arc::clone(&jumped));
        let front = Front {
            door,
            alarms: Rc::clone(&alarms),
            tls: reception.tls.map(TlsAcceptor::from),
            origins: reception.origins,
            rest: reception.rest,
        };
        let listener = TcpListener::from_std(reception.listener)?;
        let accepting = tokio::task::spawn_local(accept(listener, reception.seats, Rc::new(front)));
        loop {
            alarms.expire(clock.now());
            let due = alarms.next_due();
            alarms.note_next_look(due);
            let patience = due.and_then(|due| clock.sleep_until(due));
            tokio::select! {
                closed = closing.changed() => match closed {
                    Ok(()) => accepting.abort(),
                    Err(_) => return Ok(()),
                },
                () = jumped.notified() => {}
                () = sleep(patience.unwrap_or_default()), if patience.is_some() => {}
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::sync::mpsc::{Receiver, channel};
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::routing::get;

    use crate::server::connection::{ConnectionId, Gone};
    use crate::server::frames::Kind;
    use crate::server::handler::{Handler, Hello, Stage};
    use crate::server::sockets::Sockets;
    use crate::server::testing::{connect, ping, setup};

    /// Ends with its first connection.
    struct Listener(Stage);

    impl Handler for Listener {
        fn opened(&mut self, _sockets: &mut Sockets, _id: ConnectionId, _hello: Hello) {}

        fn message(&mut self, _: &mut Sockets, _: ConnectionId, _: Kind, _: &mut [u8]) {}

        fn gone(&mut self, _sockets: &mut Sockets, _id: ConnectionId, _gone: Gone) {
            self.0 = Stage::Stopped;
        }

        fn stage(&self) -> Stage {
            self.0
        }
    }

    #[test]
    fn messages_are_taken_while_the_entrance_is_held_up() {
        let (is_inside, inside) = channel();
        let (go_on, may_go_on) = channel();
        let may_go_on: Arc<Mutex<Receiver<()>>> = Arc::new(Mutex::new(may_go_on));
        let hold_up = get(move || {
            is_inside.send(()).expect("the test listens");
            // Not what a handler should do: nothing else happens on its thread meanwhile.
            let gone_on = may_go_on.lock().expect("it is the only one").recv();
            async move { if gone_on.is_ok() { "done" } else { "given up" } }
        });
        let (address, setup) = setup(Router::new().route("/slow", hold_up));
        let thread = setup.spawn(|| Listener(Stage::Serving)).expect("a thread");
        let mut socket = connect(address);
        let mut slow = TcpStream::connect(address).expect("it listens");
        slow.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
        inside.recv().expect("the request came in");
        ping(&mut socket);
        go_on.send(()).expect("the handler waits");
        let mut answer = String::new();
        slow.read_to_string(&mut answer).expect("an answer");
        assert!(answer.ends_with("done"), "{answer}");
        drop(socket);
        thread.join().expect("the shard has ended");
        assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    }
}
