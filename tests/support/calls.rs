//! REST calls to a [`World`], each on a connection of its own.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;
use walras::engine::{AuctionId, BidId, Command, Party, SubmitBid};
use walras::host::{Body, Outcome};
use walras::units::{PriceTicks, QuantityLots};

use super::{PATIENCE, START_US, World, seen};

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// The head in lower case.
    pub head: String,
    pub body: Value,
}

impl World {
    pub fn operator(&self) -> String {
        self.token("operator", &["read", "operate"])
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let mut socket = TcpStream::connect(self.address()).expect("connects");
        socket.set_read_timeout(Some(PATIENCE)).expect("a setting");
        socket.write_all(&[request.as_bytes(), body].concat()).expect("sent");
        let mut received = Vec::new();
        // A refused body may be answered before it is read; the reset that follows hides nothing.
        let _ = socket.read_to_end(&mut received);
        let text = String::from_utf8(received).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
        let body = serde_json::from_str(body).unwrap_or_else(|why| panic!("{why}: {text}"));
        seen::note_message(&body);
        Reply { status, head: head.to_lowercase(), body }
    }

    pub fn call(&self, token: &str, method: &str, path: &str, body: Value) -> Reply {
        let bearer = format!("Bearer {token}");
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.send(method, path, &[("Authorization", &bearer)], &body)
    }

    /// Opens an auction with these terms and gives its id.
    pub fn post_auction(&self, terms: Value) -> String {
        let reply = self.call(&self.operator(), "POST", "/v1/auctions", terms);
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.body["auction_id"].as_str().expect("an id").to_owned()
    }

    /// A bid by the host's own door, in lots and ticks.
    pub fn place(&self, auction: &str, party: &str, quantity: i64, price: i64) {
        let outcome = self.ask(Body::Command(Command::SubmitBid(SubmitBid {
            auction: AuctionId(auction.parse().expect("an id")),
            party: Party(party.into()),
            bid: BidId(uuid::Uuid::nil()),
            salt: [0; 16],
            quantity: QuantityLots(quantity),
            price: Some(PriceTicks(price)),
            client_bid_id: None,
            is_marginal: false,
            is_phantom: false,
            received_at_us: START_US,
        })));
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    }
}

impl Reply {
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.body
    }

    /// The refusal's code and details, in the one form of all refusals.
    pub fn refusal(self, status: u16, code: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(body["error"]["code"], code, "{body}");
        assert!(body["error"]["message"].is_string() && body["error"]["details"].is_object(), "{body}");
        assert!(body["correlation_id"].as_str().is_some_and(|id| !id.is_empty()), "{body}");
        body["error"]["details"].clone()
    }
}
