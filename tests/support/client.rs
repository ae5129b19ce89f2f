//! A blocking WebSocket client that hides nothing: every frame can be seen, and any
//! bytes can be sent. It checks by itself that `sequence` has no holes.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::{AUCTION, PATIENCE, seen};

const MASK: [u8; 4] = [0x5a, 0x01, 0xff, 0x80];

/// A frame's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    Continue,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// What comes from the server.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    Message(Value),
    Ping,
    Pong(Vec<u8>),
    /// Its code, or 1005 where it has none, and its reason.
    Close(u16, String),
    /// The stream ended, in whatever way.
    End,
}

pub struct Client {
    pub socket: TcpStream,
    received: Vec<u8>,
    waiting: VecDeque<Incoming>,
    sequence: u64,
    /// The last message as it came.
    pub text: String,
    settled: u64,
}

impl Client {
    /// Connects, shakes hands, and waits for the 101.
    pub fn connect(address: SocketAddr, headers: &[(&str, &str)]) -> Self {
        Self::over(TcpStream::connect(address).expect("it listens")).shake_hands(headers)
    }

    /// The same with the smallest receive buffer that the system grants.
    pub fn connect_narrow(address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(1).expect("a setting");
        socket.connect(&address.into()).expect("it listens");
        Self::over(socket.into()).shake_hands(&[])
    }

    fn over(socket: TcpStream) -> Self {
        socket.set_nodelay(true).expect("a setting");
        socket.set_read_timeout(Some(PATIENCE)).expect("a setting");
        Self {
            socket,
            received: Vec::new(),
            waiting: VecDeque::new(),
            sequence: 0,
            text: String::new(),
            settled: 0,
        }
    }

    fn shake_hands(mut self, headers: &[(&str, &str)]) -> Self {
        self.send_raw(&handshake(headers));
        let head = self.http_head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        self
    }

    /// A connection on which nothing has been said.
    pub fn raw(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).expect("it listens"))
    }

    /// The head of an HTTP answer; empty if the server hung up instead.
    pub fn http_head(&mut self) -> String {
        loop {
            if let Some(end) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.received.drain(..end + 4).collect();
                return String::from_utf8(head).expect("text");
            }
            if !self.read_more() {
                return String::new();
            }
        }
    }

    /// Sends bytes as they are. That the server has hung up is seen when reading.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        let _ = self.socket.write_all(bytes);
    }

    /// Sends one frame.
    pub fn send_frame(&mut self, opcode: Opcode, is_final: bool, payload: &[u8]) {
        self.send_raw(&frame(opcode, is_final, payload));
    }

    /// Sends a text.
    pub fn send_text(&mut self, text: impl AsRef<[u8]>) {
        self.send_frame(Opcode::Text, true, text.as_ref());
    }

    /// Sends a message.
    pub fn say(&mut self, message: Value) {
        self.send_text(message.to_string());
    }

    /// Subscribes to a channel of the guide's auction and waits for the confirmation.
    pub fn subscribe(&mut self, channel: &str, options: Value) -> Value {
        self.say(json!({"type": "subscribe", "channel": channel, "auction_id": AUCTION, "options": options}));
        self.until("subscribed")
    }

    /// What comes next, frames included.
    pub fn next(&mut self) -> Incoming {
        if let Some(incoming) = self.waiting.pop_front() {
            return incoming;
        }
        self.next_from_socket()
    }

    /// The next message; pings of both kinds are passed over.
    pub fn message(&mut self) -> Value {
        loop {
            match self.next() {
                Incoming::Message(message) if message["type"] == "ping" => {}
                Incoming::Message(message) => return message,
                Incoming::Ping | Incoming::Pong(_) => {}
                end => panic!("a message was expected, not {end:?}"),
            }
        }
    }

    /// The next message, which must be of this type.
    pub fn expect(&mut self, kind: &str) -> Value {
        let message = self.message();
        assert_eq!(message["type"], kind, "{message}");
        message
    }

    /// The next message of this type; others are passed over.
    pub fn until(&mut self, kind: &str) -> Value {
        loop {
            let message = self.message();
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// The next message, which must be an error of this code; gives its `details`.
    pub fn refused(&mut self, code: &str) -> Value {
        let message = self.message();
        assert_eq!(message["type"], "error", "{message}");
        assert_eq!(message["error"]["code"], code, "{message}");
        assert_eq!(message["payload"], message["error"], "{message}");
        assert!(message["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{message}");
        assert!(message["correlation_id"].as_str().is_some_and(|id| !id.is_empty()), "{message}");
        message["error"]["details"].clone()
    }

    /// The close frame that must come, messages before it passed over; then the end. Gives the code.
    pub fn closed(&mut self) -> u16 {
        let code = loop {
            match self.next() {
                Incoming::Close(code, reason) => {
                    assert!(reason.len() <= 123);
                    break code;
                }
                Incoming::End => panic!("the server hung up without a close frame"),
                _ => {}
            }
        };
        self.send_frame(Opcode::Close, true, &code.to_be_bytes());
        assert_eq!(self.next(), Incoming::End, "nothing may follow a close frame");
        code
    }

    /// Waits until the server has taken everything sent before; what comes meanwhile is kept.
    pub fn settle(&mut self) {
        self.settled += 1;
        let mark = self.settled.to_string().into_bytes();
        self.send_frame(Opcode::Ping, true, &mark);
        loop {
            match self.next_from_socket() {
                Incoming::Pong(payload) if payload == mark => return,
                Incoming::End => panic!("the server hung up"),
                incoming => self.waiting.push_back(incoming),
            }
        }
    }

    /// All messages that have come by now.
    pub fn all(&mut self) -> Vec<Value> {
        self.settle();
        let waiting = std::mem::take(&mut self.waiting);
        waiting
            .into_iter()
            .filter_map(|incoming| match incoming {
                Incoming::Message(message) if message["type"] != "ping" => Some(message),
                _ => None,
            })
            .collect()
    }

    /// Checks that the connection works.
    pub fn assert_alive(&mut self) {
        self.say(json!({"type": "ping", "timestamp": "still here"}));
        assert_eq!(self.until("pong")["payload"]["client_time"], "still here");
    }

    fn next_from_socket(&mut self) -> Incoming {
        loop {
            if let Some((opcode, payload)) = self.take_frame() {
                return self.incoming(opcode, payload);
            }
            if !self.read_more() {
                return Incoming::End;
            }
        }
    }

    fn incoming(&mut self, opcode: u8, payload: Vec<u8>) -> Incoming {
        match opcode {
            0x1 => {
                assert!(payload.len() <= 65_536, "messages of the server keep to the bound too");
                let text = String::from_utf8(payload).expect("UTF-8");
                let message: Value =
                    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
                self.sequence += 1;
                self.text = text;
                assert_eq!(message["sequence"], self.sequence, "a hole: {message}");
                seen::note_message(&message);
                Incoming::Message(message)
            }
            0x8 => match payload.split_first_chunk() {
                Some((code, reason)) => {
                    let reason = String::from_utf8(reason.to_vec()).expect("UTF-8");
                    seen::note(u16::from_be_bytes(*code));
                    Incoming::Close(u16::from_be_bytes(*code), reason)
                }
                None => Incoming::Close(1005, String::new()),
            },
            0x9 => Incoming::Ping,
            0xa => Incoming::Pong(payload),
            other => panic!("a frame of opcode {other}"),
        }
    }

    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let &[first, second] = self.received.first_chunk()?;
        assert_eq!(first & 0x70, 0, "reserved bits");
        assert_eq!(first & 0x80, 0x80, "the server never fragments");
        assert_eq!(second & 0x80, 0, "the server never masks");
        let (header, length) = match second {
            126 => (4, usize::from(u16::from_be_bytes([*self.received.get(2)?, *self.received.get(3)?]))),
            127 => (10, u64::from_be_bytes(*self.received.get(2..)?.first_chunk()?) as usize),
            short => (2, usize::from(short)),
        };
        if self.received.len() < header + length {
            return None;
        }
        let payload = self.received[header..header + length].to_vec();
        self.received.drain(..header + length);
        Some((first & 0x0f, payload))
    }

    /// Whether there was more.
    fn read_more(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.socket.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock || error.kind() == ErrorKind::TimedOut => {
                panic!("nothing came for {PATIENCE:?}")
            }
            Err(_) => false,
        }
    }
}

/// A request for a WebSocket.
pub fn handshake(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut request = String::from(
        "GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    );
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request.into_bytes()
}

/// A masked frame.
pub fn frame(opcode: Opcode, is_final: bool, payload: &[u8]) -> Vec<u8> {
    let opcode = match opcode {
        Opcode::Continue => OpCode::Data(Data::Continue),
        Opcode::Text => OpCode::Data(Data::Text),
        Opcode::Binary => OpCode::Data(Data::Binary),
        Opcode::Close => OpCode::Control(Control::Close),
        Opcode::Ping => OpCode::Control(Control::Ping),
        Opcode::Pong => OpCode::Control(Control::Pong),
    };
    let header = FrameHeader { is_final, opcode, mask: Some(MASK), ..FrameHeader::default() };
    let mut bytes = Vec::with_capacity(payload.len() + 14);
    header.format(payload.len() as u64, &mut bytes).expect("a vector takes everything");
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}
