//! What clients say: read, counted, and sent where it belongs.

use super::Desk;
use crate::server::connection::ConnectionId;
use crate::server::identity::Permissions;
use crate::server::session::Verdict;
use crate::server::sockets::Sockets;
use crate::wire::decode::{BidRefText, ClientBody, ClientMessage, ClientTime, DecodeError};
use crate::wire::{CloseCode, Refusal, SessionRefusal, encode};

impl Desk {
    /// Takes one message.
    pub(super) fn hear(&mut self, sockets: &mut Sockets, id: ConnectionId, payload: &[u8]) {
        let (now, default) = (sockets.now(), self.settings.limits);
        let Some(session) = self.session(id) else { return };
        let per_second_max = session.limits(default).messages_per_second_max;
        if session.rates.hear(per_second_max, now) == Verdict::TooMuch {
            return sockets.close(id, CloseCode::MessageFlood);
        }
        let Some(mut decoder) = self.decoder.take() else { return };
        match decoder.decode(payload) {
            Ok(message) => self.take(sockets, id, &message),
            Err(error) => self.refuse_unreadable(sockets, id, &error),
        }
        self.decoder = Some(decoder);
    }

    fn refuse_unreadable(&mut self, sockets: &mut Sockets, id: ConnectionId, error: &DecodeError) {
        self.refuse(sockets, id, &Refusal::of_decode(error), error.correlation_id.as_deref());
        let now = sockets.now();
        if self.session(id).is_some_and(|session| session.rates.invalid(now) == Verdict::TooMuch) {
            sockets.close(id, CloseCode::InvalidFlood);
        }
    }

    fn take(&mut self, sockets: &mut Sockets, id: ConnectionId, message: &ClientMessage<'_>) {
        let (now, default) = (sockets.now(), self.settings.limits);
        let Some(session) = self.session(id) else { return };
        let body = &message.body;
        if matches!(body, ClientBody::Pong) {
            return;
        }
        let per_second_max = session.limits(default).messages_per_second_max;
        if let Err(retry_after_ms) = session.rates.accept(weight(body), per_second_max, now) {
            let is_awaited = message.correlation_id.is_some() || is_order(body);
            if is_awaited || session.rates.may_notify(now) {
                encode::rate_limit(&mut self.message, now, retry_after_ms, client_bid_id(body));
                self.reply(sockets, id, message.correlation_id);
            }
            return;
        }
        if session.identity.is_none() && !matches!(body, ClientBody::Auth { .. }) {
            return self.refuse_session(sockets, id, &SessionRefusal::AuthRequired, message.correlation_id);
        }
        self.carry_out(sockets, id, message);
    }

    fn carry_out(&mut self, sockets: &mut Sockets, id: ConnectionId, message: &ClientMessage<'_>) {
        let correlation = message.correlation_id;
        match &message.body {
            ClientBody::Pong => {}
            ClientBody::Ping { client_time } => self.pong(sockets, id, *client_time, correlation),
            ClientBody::Auth { token } => self.sign_in(sockets, id, token, correlation),
            ClientBody::Subscribe(request) => self.subscribe(sockets, id, request, correlation),
            ClientBody::Unsubscribe { channel, auction } => {
                self.unsubscribe(sockets, id, *channel, *auction, correlation);
            }
            ClientBody::ListSubscriptions => self.list_subscriptions(sockets, id, correlation),
            ClientBody::SubmitBid { .. }
            | ClientBody::SubmitBids { .. }
            | ClientBody::AmendBid { .. }
            | ClientBody::CancelBid { .. }
            | ClientBody::CancelAll { .. }
            | ClientBody::SetCancelOnDisconnect { .. } => {
                if self.has_permission(sockets, id, Permissions::WRITE, correlation) {
                    self.order(sockets, id, &message.body, correlation);
                }
            }
            ClientBody::GetBid { .. } | ClientBody::GetBids { .. } | ClientBody::GetAuction { .. } => {
                if self.has_permission(sockets, id, Permissions::READ, correlation) {
                    self.ask(sockets, id, &message.body, correlation);
                }
            }
            ClientBody::SettlementAffirm { .. } | ClientBody::SettlementReport(_) => {
                if self.has_permission(sockets, id, Permissions::SETTLE, correlation) {
                    self.settle(sockets, id, &message.body, correlation);
                }
            }
        }
    }

    /// Whether the client has a permission; if not, it is told so.
    pub(super) fn has_permission(
        &mut self,
        sockets: &mut Sockets,
        id: ConnectionId,
        permission: Permissions,
        correlation: Option<&str>,
    ) -> bool {
        if self.session(id).is_some_and(|session| session.may(permission)) {
            return true;
        }
        let word = permission.words().next().unwrap_or_default();
        let refusal = SessionRefusal::PermissionDenied { permission: word };
        self.refuse_session(sockets, id, &refusal, correlation);
        false
    }

    fn pong(
        &mut self,
        sockets: &mut Sockets,
        id: ConnectionId,
        client_time: Option<ClientTime<'_>>,
        correlation: Option<&str>,
    ) {
        encode::pong(&mut self.message, sockets.now(), client_time);
        self.reply(sockets, id, correlation);
    }
}

/// How many messages a message counts as.
fn weight(body: &ClientBody<'_>) -> u32 {
    match body {
        ClientBody::SubmitBids { bids, .. } => bids.len() as u32,
        _ => 1,
    }
}

/// Whether a client must know what has become of it.
fn is_order(body: &ClientBody<'_>) -> bool {
    matches!(
        body,
        ClientBody::SubmitBid { .. }
            | ClientBody::SubmitBids { .. }
            | ClientBody::AmendBid { .. }
            | ClientBody::CancelBid { .. }
            | ClientBody::CancelAll { .. }
    )
}

/// The owner's id of the bid that a message speaks of.
fn client_bid_id<'a>(body: &ClientBody<'a>) -> Option<&'a str> {
    match body {
        ClientBody::SubmitBid { bid, .. } => bid.client_bid_id,
        ClientBody::AmendBid { bid: BidRefText::Client { client_bid_id, .. }, .. }
        | ClientBody::CancelBid { bid: BidRefText::Client { client_bid_id, .. } } => Some(client_bid_id),
        _ => None,
    }
}
