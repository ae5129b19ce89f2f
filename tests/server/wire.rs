//! The two ways to talk to the server: a WebSocket and REST. A connection that ends is
//! no failure here, it is what a killed server looks like.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use super::PATIENCE;

/// The server is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// A signed-in connection. It checks that `sequence` has no holes.
pub struct Connection {
    socket: WebSocket<TcpStream>,
    sequence: u64,
}

impl Connection {
    /// Connects and signs in.
    pub fn open(address: SocketAddr, token: &str) -> Result<Self, Gone> {
        let stream = TcpStream::connect(address).map_err(|_| Gone)?;
        stream.set_nodelay(true).map_err(|_| Gone)?;
        let (socket, _) = tungstenite::client(format!("ws://{address}/v1/ws"), stream).map_err(|_| Gone)?;
        let mut connection = Self { socket, sequence: 0 };
        connection.say(&json!({"type": "auth", "token": token}))?;
        let welcome = connection.hear()?;
        assert_eq!(welcome["type"], "auth_success", "{welcome}");
        Ok(connection)
    }

    pub fn say(&mut self, message: &Value) -> Result<(), Gone> {
        self.socket.send(Message::text(message.to_string())).map_err(|_| Gone)
    }

    /// The name of the server's history, as every subscription tells it.
    pub fn epoch(&mut self) -> Result<String, Gone> {
        self.say(&json!({"type": "subscribe", "channel": "market_data"}))?;
        loop {
            let message = self.hear()?;
            // A bidder may hear how an auction ended before.
            if message["type"] == "subscribed" {
                return Ok(message["payload"]["epoch"].as_str().expect("it has one").to_owned());
            }
        }
    }

    /// The next message, waited for.
    pub fn hear(&mut self) -> Result<Value, Gone> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(message) = self.hear_within(Duration::from_millis(500))? {
                return Ok(message);
            }
            assert!(Instant::now() < deadline, "nothing came for {PATIENCE:?}");
        }
    }

    /// The next message, if one comes soon enough.
    pub fn hear_within(&mut self, patience: Duration) -> Result<Option<Value>, Gone> {
        self.socket.get_ref().set_read_timeout(Some(patience)).map_err(|_| Gone)?;
        loop {
            let text = match self.socket.read() {
                Ok(Message::Text(text)) => text,
                Ok(Message::Ping(_) | Message::Pong(_)) => continue,
                Err(tungstenite::Error::Io(error))
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Ok(None);
                }
                Ok(Message::Close(Some(close))) if u16::from(close.code) >= 4000 => {
                    panic!("a client that behaves was closed: {close:?}")
                }
                Ok(_) | Err(_) => return Err(Gone),
            };
            let message: Value = serde_json::from_str(&text).expect("JSON");
            self.sequence += 1;
            assert_eq!(message["sequence"], self.sequence, "a hole in the sequence: {message}");
            return Ok(Some(message));
        }
    }
}

/// What REST answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub is_replayed: bool,
    pub body: Value,
}

/// One REST call. `Gone` also if the server died before all of the answer was there.
pub fn rest(
    address: SocketAddr,
    token: &str,
    call: (&str, &str),
    key: Option<&str>,
    body: &Value,
) -> Result<Answer, Gone> {
    let (method, path) = call;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let key = key.map_or_else(String::new, |key| format!("Idempotency-Key: {key}\r\n"));
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         {key}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).map_err(|_| Gone)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(|_| Gone)?;
    stream.write_all(request.as_bytes()).map_err(|_| Gone)?;
    let mut received = Vec::new();
    stream.read_to_end(&mut received).map_err(|_| Gone)?;
    let text = String::from_utf8(received).map_err(|_| Gone)?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or(Gone)?;
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or(Gone)?;
    let body = serde_json::from_str(body).map_err(|_| Gone)?;
    Ok(Answer { status, is_replayed: head.to_lowercase().contains("idempotent-replayed: true"), body })
}
