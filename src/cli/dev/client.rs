//! A WebSocket client as anybody could write one: one socket, one thread, JSON both ways.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message, WebSocket};

/// Longest wait before the caller gets to look at the time again.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How long a server may take to answer the handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// A signed-in connection.
pub struct Client {
    socket: WebSocket<TcpStream>,
}

impl Client {
    /// Connects and signs in.
    pub fn connect(server: SocketAddr, token: &str) -> Result<Self, String> {
        let stream = TcpStream::connect_timeout(&server, HANDSHAKE).map_err(|why| why.to_string())?;
        stream.set_read_timeout(Some(HANDSHAKE)).map_err(|why| why.to_string())?;
        stream.set_nodelay(true).map_err(|why| why.to_string())?;
        let request = format!("ws://{server}/v1/ws").into_client_request().map_err(|why| why.to_string())?;
        let settings = WebSocketConfig::default().read_buffer_size(4096);
        let (socket, _) = tungstenite::client::client_with_config(request, stream, Some(settings))
            .map_err(|why| format!("the handshake failed: {why}"))?;
        let mut this = Self { socket };
        this.send(&json!({"type": "auth", "token": format!("Bearer {token}")}))?;
        let until = Instant::now() + HANDSHAKE;
        while Instant::now() < until {
            match this.next(until)? {
                Some(message) if message["type"] == "auth_success" => return Ok(this),
                Some(message) if message["type"] == "auth_failure" => {
                    return Err(format!("sign-in failed: {}", message["error"]));
                }
                _ => {}
            }
        }
        Err("sign-in was not answered".to_owned())
    }

    /// Sends one message.
    pub fn send(&mut self, message: &Value) -> Result<(), String> {
        self.socket.send(Message::text(message.to_string())).map_err(|why| why.to_string())
    }

    /// The next message, or `None` when `until` or a moment's patience is over.
    pub fn next(&mut self, until: Instant) -> Result<Option<Value>, String> {
        let patience = until.saturating_duration_since(Instant::now()).min(LOOK_INTERVAL);
        let patience = patience.max(Duration::from_millis(1));
        self.socket.get_ref().set_read_timeout(Some(patience)).map_err(|why| why.to_string())?;
        match self.socket.read() {
            Ok(Message::Text(text)) => serde_json::from_str(&text).map(Some).map_err(|why| why.to_string()),
            Ok(_) => Ok(None),
            // A signal interrupts as well as the time: the caller looks at both.
            Err(Error::Io(why))
                if matches!(
                    why.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                Ok(None)
            }
            Err(why) => Err(why.to_string()),
        }
    }

    /// Says goodbye; the answer is not waited for.
    pub fn close(mut self) {
        let _ = self.socket.close(None);
        let _ = self.socket.flush();
    }
}
