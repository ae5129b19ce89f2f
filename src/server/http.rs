//! The HTTP side of a connection: TLS if there is any, requests until one of them asks
//! for a WebSocket, and how long each of them may take.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::alarms::Alarms;
use super::handler::Hello;
use super::listener::Seat;
use super::settings::Origins;
use super::shard::{Arrival, Door};
use super::transport::Transport;
use super::upgrade;
use crate::units::TimeUs;

/// Largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Most bytes read ahead.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// How long TLS and the first request's head may take together, in microseconds.
const HANDSHAKE_US: i64 = 5_000_000;
/// How long a connection may stand still, in microseconds.
const IDLE_US: i64 = 60_000_000;

/// What the HTTP connections of an entrance share.
pub struct Front {
    /// Where WebSockets go.
    pub door: Door,
    /// Tells when their time is up.
    pub alarms: Rc<Alarms>,
    /// Speaks TLS, if it is spoken.
    pub tls: Option<TlsAcceptor>,
    /// Which pages may send requests.
    pub origins: Arc<Origins>,
    /// Everything but WebSockets.
    pub rest: Router,
}

/// A stream whose raw socket can be taken out once HTTP is done with it.
trait Raw: AsyncRead + AsyncWrite + Unpin {
    fn into_transport(self) -> io::Result<Transport>;
}

impl Raw for TcpStream {
    fn into_transport(self) -> io::Result<Transport> {
        Ok(Transport::Plain(self.into_std()?))
    }
}

impl Raw for tokio_rustls::server::TlsStream<TcpStream> {
    fn into_transport(self) -> io::Result<Transport> {
        let (socket, session) = self.into_inner();
        Ok(Transport::tls(socket.into_std()?, session))
    }
}

impl Front {
    /// Serves one connection to its end, or to its upgrade.
    pub async fn serve(&self, socket: TcpStream, seat: Seat) {
        let alarms = &self.alarms;
        let due = TimeUs(alarms.now().0 + HANDSHAKE_US);
        let pace = Rc::new(Pace { alarms: Rc::clone(alarms), due: Cell::new(due), stage: Cell::default() });
        match &self.tls {
            None => self.requests(socket, pace, seat).await,
            Some(tls) => {
                let handshake = tls.accept(socket);
                let Ok(Ok(stream)) = within(&pace, handshake).await else { return };
                self.requests(stream, pace, seat).await;
            }
        }
    }

    async fn requests<S: Raw>(&self, stream: S, pace: Rc<Pace>, seat: Seat) {
        let hello = Rc::new(Cell::new(None));
        let service = service_fn(|request: Request<Incoming>| {
            let (hello, pace) = (Rc::clone(&hello), Rc::clone(&pace));
            async move {
                pace.enter(Stage::Request);
                let response = self.respond(request, &hello).await;
                pace.enter(Stage::Response);
                Ok::<_, Infallible>(response)
            }
        });
        let io = Paced { io: TokioIo::new(stream), pace: Rc::clone(&pace) };
        let connection = http1::Builder::new()
            .max_header_size(HEAD_BYTES_MAX)
            .max_buf_size(BUFFER_BYTES_MAX)
            .header_read_timeout(None)
            .serve_connection(io, service)
            .without_shutdown();
        let Ok(Ok(parts)) = within(&pace, connection).await else { return };
        let mut stream = parts.io.io.into_inner();
        match hello.take() {
            Some(hello) => self.hand_over(stream, parts.read_buf, hello, seat),
            None => {
                // Whether the peer hears of the end is its own affair.
                let _ = within(&pace, stream.shutdown()).await;
            }
        }
    }

    async fn respond(&self, request: Request<Incoming>, hello: &Cell<Option<Hello>>) -> Response<Body> {
        if !self.origins.allow(&request) {
            return upgrade::plain(StatusCode::FORBIDDEN, "this origin is not welcome");
        }
        if request.uri().path() == upgrade::PATH {
            let (response, said) = upgrade::answer(&request);
            hello.set(said);
            return response;
        }
        match self.rest.clone().oneshot(request.map(Body::new)).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    fn hand_over(&self, stream: impl Raw, early: Bytes, hello: Hello, seat: Seat) {
        match stream.into_transport() {
            Ok(transport) => self.door.enter(Arrival { transport, early, hello, seat: Some(seat) }),
            Err(error) => tracing::warn!(%error, "an upgraded socket could not be taken out of the runtime"),
        }
    }
}

/// How long a connection may go on like this.
struct Pace {
    alarms: Rc<Alarms>,
    due: Cell<TimeUs>,
    stage: Cell<Stage>,
}

/// What a connection is at, and so what counts as moving.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    /// The first request's head comes in; nothing gives it more time.
    #[default]
    Head,
    /// A request is being carried out; its body may come in.
    Request,
    /// An answer goes out; what comes in then is the next request, and does not count.
    Response,
}

impl Pace {
    fn enter(&self, stage: Stage) {
        self.stage.set(stage);
        self.go_on();
    }

    fn go_on(&self) {
        self.due.set(TimeUs(self.alarms.now().0 + IDLE_US));
    }
}

/// The connection stood still for too long.
struct TooSlow;

/// Carries something out at this pace.
async fn within<F: Future>(pace: &Pace, work: F) -> Result<F::Output, TooSlow> {
    let mut work = pin!(work);
    loop {
        let due = pace.due.get();
        if due <= pace.alarms.now() {
            return Err(TooSlow);
        }
        tokio::select! {
            biased;
            output = &mut work => return Ok(output),
            () = pace.alarms.sleep_until(due) => {}
        }
    }
}

/// A stream that tells its pace when it moves.
struct Paced<T> {
    io: TokioIo<T>,
    pace: Rc<Pace>,
}

impl<T: AsyncRead + Unpin> Read for Paced<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_read(context, buffer);
        if outcome.is_ready() && self.pace.stage.get() == Stage::Request {
            self.pace.go_on();
        }
        outcome
    }
}

impl<T: AsyncWrite + Unpin> Write for Paced<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(context, bytes);
        if outcome.is_ready() && self.pace.stage.get() != Stage::Head {
            self.pace.go_on();
        }
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write_vectored(context, buffers);
        if outcome.is_ready() && self.pace.stage.get() != Stage::Head {
            self.pace.go_on();
        }
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
