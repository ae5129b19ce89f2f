//! Handing requests to the host, and what happens while its queue is full: a client's
//! request is parked and its connection not read; after a quarter of a second it is
//! answered that the service is not available.
//!
//! The host is rung for once behind all that a turn has read, not for each request.

use super::Desk;
use crate::engine::{Command, SubmitBid};
use crate::host::{Body, Origin, Query, Request};
use crate::server::connection::ConnectionId;
use crate::server::sockets::Sockets;
use crate::units::TimeUs;
use crate::wire::encode::{self, RejectedBid, RejectedValue};
use crate::wire::{Refusal, SessionRefusal};

/// How long a request waits for room in the host's queue, in microseconds.
const PATIENCE_US: i64 = 250_000;
/// What is said when there was none.
const BUSY: &str = "The server is busy; try again later";

/// A request that found the host's queue full.
pub(super) struct Parked {
    id: ConnectionId,
    since: TimeUs,
    request: Request,
}

impl Desk {
    /// Hands a client's request to the host, or parks it.
    pub(super) fn submit(
        &mut self,
        sockets: &mut Sockets,
        id: ConnectionId,
        correlation: Option<&str>,
        body: Body,
    ) {
        let request = Request {
            origin: Origin::Connection(sockets.key(id)),
            correlation: correlation.map(Box::from),
            body,
        };
        // What waits goes first, so that nobody with luck overtakes it for ever.
        let refused = if self.parked.is_empty() { self.host.try_enqueue(request) } else { Err(request) };
        if let Err(request) = refused {
            sockets.pause(id);
            self.parked.push_back(Parked { id, since: sockets.now(), request });
        }
    }

    /// Hands a request to the host that nobody waits for, now or later.
    pub(super) fn run_errand(&mut self, origin: Origin, body: Body) {
        self.errands.push_back(Request { origin, correlation: None, body });
        self.run_errands();
    }

    pub(super) fn run_errands(&mut self) {
        while let Some(request) = self.errands.pop_front() {
            if let Err(request) = self.host.try_enqueue(request) {
                self.errands.push_front(request);
                return;
            }
        }
    }

    /// Tries parked requests again, oldest first.
    pub(super) fn unpark(&mut self, sockets: &mut Sockets) {
        while let Some(parked) = self.parked.pop_front() {
            if !sockets.is_open(parked.id) {
                continue;
            }
            match self.host.try_enqueue(parked.request) {
                Ok(()) => sockets.resume(parked.id),
                Err(request) if sockets.now().0 - parked.since.0 < PATIENCE_US => {
                    self.parked.push_front(Parked { request, ..parked });
                    return;
                }
                Err(request) => {
                    self.give_up(sockets, parked.id, request);
                    sockets.resume(parked.id);
                }
            }
        }
    }

    /// When the oldest parked request is given up.
    pub(super) fn parked_due(&self) -> Option<TimeUs> {
        self.parked.front().map(|parked| TimeUs(parked.since.0 + PATIENCE_US))
    }

    fn give_up(&mut self, sockets: &mut Sockets, id: ConnectionId, request: Request) {
        let correlation = request.correlation.as_deref();
        let refusal = Refusal::of_session(&SessionRefusal::Unavailable(BUSY));
        match request.body {
            Body::Command(Command::SubmitBid(bid)) => {
                self.reject_bid(sockets, id, &bid, &refusal);
                self.reply(sockets, id, correlation);
            }
            Body::Query(Query::Subscribe(subscribe)) => {
                if let Some(session) = self.session(id) {
                    session.subscriptions.refuse(subscribe.ticket);
                }
                self.refuse(sockets, id, &refusal, correlation);
            }
            _ => self.refuse(sockets, id, &refusal, correlation),
        }
    }

    /// Encodes the refusal of a bid that never reached the engine.
    fn reject_bid(&mut self, sockets: &Sockets, _id: ConnectionId, bid: &SubmitBid, refusal: &Refusal) {
        let entry = self.host.directory().find(bid.auction);
        let (quantity, price) = match entry {
            Some(entry) => (
                RejectedValue::Quantity(bid.quantity, entry.grids),
                RejectedValue::Price(bid.price, entry.grids),
            ),
            None => (RejectedValue::Json("null"), RejectedValue::Json("null")),
        };
        let client_bid_id = bid.client_bid_id.as_deref();
        let rejected = RejectedBid { auction: bid.auction, client_bid_id, quantity, price, refusal };
        encode::bid_rejected(&mut self.message, sockets.now(), &rejected);
    }
}
