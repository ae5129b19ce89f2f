//! What a fan-out costs without walras, in servers that speak just enough of its protocol
//! to be driven by `walras bench fanout`. One thread each; prints its port.
//!
//! - `broadcast`: tokio-tungstenite as its examples have it, a task for each connection and
//!   tokio's broadcast channel, all settings left alone;
//! - `tuned`: the same with a small read buffer, and one flush for all that waits;
//! - `floor`: one `write` of a ready frame for each connection and event, and nothing else.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::{LocalSet, spawn_local};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// As long as what walras sends for a bid.
const EVENT: &str = concat!(
    r#"{"type":"new_bid","timestamp":"2024-01-01T00:00:31.000Z","payload":{"#,
    r#""bid_id":"660e8400-e29b-41d4-a716-446655440001","auction_id":"550e8400-e29b-41d4-a716-446655440000","#,
    r#""quantity":100.0,"price":52.0,"timestamp":"2024-01-01T00:00:31.000Z","is_phantom":false,"#,
    r#""current_price":48.5,"offset":129},"padding":"0123"}"#
);
/// Events that may wait in the channel.
const WAITING_MAX: usize = 4096;

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Broadcast,
    Tuned,
    Floor,
}

/// What connections share.
struct Room {
    mode: Mode,
    events: broadcast::Sender<Utf8Bytes>,
    /// For the floor: the sockets of all who watch.
    sockets: RefCell<Vec<Rc<TcpStream>>>,
    frame: Vec<u8>,
}

impl Room {
    fn publish(&self) {
        if self.mode != Mode::Floor {
            // Nobody may watch yet.
            let _ = self.events.send(Utf8Bytes::from_static(EVENT));
            return;
        }
        for socket in self.sockets.borrow().iter() {
            let sent = socket.try_write(&self.frame);
            assert!(sent.is_ok_and(|sent| sent == self.frame.len()), "the floor is measured with readers that read");
        }
    }
}

fn main() {
    let mode = match std::env::args().nth(1).as_deref() {
        Some("broadcast") => Mode::Broadcast,
        Some("tuned") => Mode::Tuned,
        Some("floor") => Mode::Floor,
        _ => panic!("peers broadcast|tuned|floor"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, serve(mode));
}

async fn serve(mode: Mode) {
    let length = u16::try_from(EVENT.len()).expect("an event is short").to_be_bytes();
    let frame = [&[0x81, 126][..], &length, EVENT.as_bytes()].concat();
    let (events, _) = broadcast::channel(WAITING_MAX);
    let room = Rc::new(Room { mode, events, sockets: RefCell::default(), frame });
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let listener: TcpListener = socket.listen(4096).expect("it listens");
    println!("{}", listener.local_addr().expect("an address").port());
    loop {
        let (stream, _) = listener.accept().await.expect("it accepts");
        stream.set_nodelay(true).expect("an option");
        spawn_local(meet(stream, Rc::clone(&room)));
    }
}

async fn meet(mut stream: TcpStream, room: Rc<Room>) {
    let mut first = [0; 1];
    if stream.peek(&mut first).await.is_err() {
        return;
    }
    if first == *b"P" {
        // A wish to open or end an auction: it is granted.
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        return;
    }
    let config = match room.mode {
        Mode::Broadcast => WebSocketConfig::default(),
        Mode::Tuned | Mode::Floor => WebSocketConfig::default().read_buffer_size(4096),
    };
    if let Ok(socket) = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await {
        talk(socket, room).await;
    }
}

/// Serves a connection until it ends.
async fn talk(mut socket: WebSocketStream<TcpStream>, room: Rc<Room>) {
    let mut watching: Option<broadcast::Receiver<Utf8Bytes>> = None;
    loop {
        tokio::select! {
            message = socket.next() => {
                let Some(Ok(message)) = message else { return };
                let Message::Text(text) = message else { continue };
                let answer = if text.contains(r#""ping""#) {
                    r#"{"type":"pong","timestamp":"2024-01-01T00:00:31.000Z"}"#
                } else if text.contains("auth") {
                    r#"{"type":"auth_success"}"#
                } else if text.contains("subscribe") {
                    watching = Some(room.events.subscribe());
                    r#"{"type":"subscribed"}"#
                } else {
                    room.publish();
                    r#"{"type":"bid_accepted"}"#
                };
                if socket.send(Message::text(answer)).await.is_err() {
                    return;
                }
                if watching.is_some() && room.mode == Mode::Floor {
                    return watch_floor(socket, &room).await;
                }
            }
            event = next(&mut watching) => {
                let sent = match room.mode {
                    Mode::Tuned => send_all(&mut socket, watching.as_mut(), event).await,
                    _ => socket.send(Message::Text(event)).await.is_ok(),
                };
                if !sent {
                    return;
                }
            }
        }
    }
}

async fn next(watching: &mut Option<broadcast::Receiver<Utf8Bytes>>) -> Utf8Bytes {
    match watching {
        Some(receiver) => receiver.recv().await.expect("nobody is so slow that events are lost"),
        None => std::future::pending().await,
    }
}

/// Everything that waits, with one flush.
async fn send_all(
    socket: &mut WebSocketStream<TcpStream>,
    watching: Option<&mut broadcast::Receiver<Utf8Bytes>>,
    first: Utf8Bytes,
) -> bool {
    let mut sent = socket.feed(Message::Text(first)).await.is_ok();
    if let Some(receiver) = watching {
        while let Ok(event) = receiver.try_recv() {
            sent &= socket.feed(Message::Text(event)).await.is_ok();
        }
    }
    sent && socket.flush().await.is_ok()
}

/// The bare socket of one who watches, until it ends.
async fn watch_floor(socket: WebSocketStream<TcpStream>, room: &Room) {
    let socket = Rc::new(socket.into_inner());
    room.sockets.borrow_mut().push(Rc::clone(&socket));
    let mut buffer = [0; 256];
    loop {
        if socket.readable().await.is_err() {
            break;
        }
        match socket.try_read(&mut buffer) {
            Ok(1..) => {}
            Err(why) if why.kind() == std::io::ErrorKind::WouldBlock => {}
            _ => break,
        }
    }
    room.sockets.borrow_mut().retain(|other| !Rc::ptr_eq(other, &socket));
}
