//! Orders, questions and words on settlements: from what a client wrote to a request
//! that the host can place in the order.

use std::sync::Arc;

use uuid::Uuid;

use super::Desk;
use crate::engine::{
    AffirmSettlement, AuctionId, BidId, BidRef, CancelBid, Command, Party, ReportSettlement, SubmitBid,
};
use crate::host::{AmendText, BatchBid, Body, DirectoryEntry, NumberText, Query, UnreadableBid};
use crate::server::connection::ConnectionId;
use crate::server::identity::Permissions;
use crate::server::sockets::Sockets;
use crate::wire::decode::{self, AuctionRef, BidPayload, BidRefText, ClientBody, SettlementRef};
use crate::wire::{Code, Refusal, SessionRefusal, encode};

/// Who asks, and how it wants to be answered.
#[derive(Clone, Copy)]
struct Asker<'a> {
    id: ConnectionId,
    correlation: Option<&'a str>,
}

impl Desk {
    /// Takes something that may change the client's bids.
    pub(super) fn order(
        &mut self,
        sockets: &mut Sockets,
        id: ConnectionId,
        body: &ClientBody<'_>,
        correlation: Option<&str>,
    ) {
        let asker = Asker { id, correlation };
        let Some(party) = self.party(id) else { return };
        let received_at_us = sockets.now().0;
        match body {
            ClientBody::SubmitBid { auction, bid } => self.submit_bid(sockets, asker, auction, bid),
            ClientBody::SubmitBids { auction, bids } => self.submit_bids(sockets, asker, auction, bids),
            ClientBody::AmendBid { bid, quantity, price, unsupported } => {
                let Some(bid) = self.bid_ref(sockets, asker, bid) else { return };
                let owned = |number: &decode::NumberText<'_>| NumberText {
                    text: number.text.into(),
                    reading: number.reading,
                };
                let (quantity, price) = (quantity.as_ref().map(owned), price.as_ref().map(owned));
                let unsupported = *unsupported;
                let amend = AmendText { bid, party, quantity, price, unsupported, received_at_us };
                self.submit(sockets, id, correlation, Body::Amend(amend));
            }
            ClientBody::CancelBid { bid } => {
                let Some(bid) = self.bid_ref(sockets, asker, bid) else { return };
                let cancel = Command::CancelBid(CancelBid { bid, party, received_at_us });
                self.submit(sockets, id, correlation, Body::Command(cancel));
            }
            ClientBody::CancelAll { auction } => {
                let auction = match auction {
                    None => None,
                    Some(auction) => match self.auction(sockets, asker, auction, None) {
                        Some(entry) => Some(entry.id),
                        None => return,
                    },
                };
                let cancel = Command::CancelAll { party, auction };
                self.submit(sockets, id, correlation, Body::Command(cancel));
            }
            ClientBody::SetCancelOnDisconnect { grace_ms } => {
                self.set_cancel_on_disconnect(sockets, id, *grace_ms);
                encode::cancel_on_disconnect(&mut self.message, sockets.now(), *grace_ms);
                self.reply(sockets, id, correlation);
            }
            _ => {}
        }
    }

    fn submit_bid(
        &mut self,
        sockets: &mut Sockets,
        asker: Asker<'_>,
        auction: &AuctionRef<'_>,
        bid: &BidPayload<'_>,
    ) {
        let Some(entry) = self.auction(sockets, asker, auction, bid.client_bid_id) else { return };
        if !self.may_be_phantom(sockets, asker, bid) {
            return;
        }
        let Some(party) = self.party(asker.id) else { return };
        let body = match read(&entry, &party, bid, sockets.now().0) {
            BatchBid::Readable(bid) => Body::Command(Command::SubmitBid(bid)),
            BatchBid::Unreadable(bid) => Body::Unreadable(bid),
        };
        self.submit(sockets, asker.id, asker.correlation, body);
    }

    fn submit_bids(
        &mut self,
        sockets: &mut Sockets,
        asker: Asker<'_>,
        auction: &AuctionRef<'_>,
        bids: &[BidPayload<'_>],
    ) {
        let Some(entry) = self.auction(sockets, asker, auction, None) else { return };
        if !bids.iter().all(|bid| !bid.is_phantom) && !self.may_be_phantom(sockets, asker, &bids[0]) {
            return;
        }
        let Some(party) = self.party(asker.id) else { return };
        let bids = bids.iter().map(|bid| read(&entry, &party, bid, sockets.now().0)).collect();
        self.submit(sockets, asker.id, asker.correlation, Body::Batch(bids));
    }

    fn may_be_phantom(&mut self, sockets: &mut Sockets, asker: Asker<'_>, bid: &BidPayload<'_>) -> bool {
        !bid.is_phantom || self.has_permission(sockets, asker.id, Permissions::PHANTOM, asker.correlation)
    }

    /// Takes a question.
    pub(super) fn ask(
        &mut self,
        sockets: &mut Sockets,
        id: ConnectionId,
        body: &ClientBody<'_>,
        correlation: Option<&str>,
    ) {
        let asker = Asker { id, correlation };
        let Some(party) = self.party(id) else { return };
        let query = match body {
            ClientBody::GetBid { bid } => {
                let Some(bid) = self.bid_ref(sockets, asker, bid) else { return };
                Query::Bid { bid, party }
            }
            ClientBody::GetBids { auction, after, limit } => {
                let Some(entry) = self.auction(sockets, asker, auction, None) else { return };
                Query::Bids { auction: entry.id, party, after: *after, limit: *limit }
            }
            ClientBody::GetAuction { auction } => {
                let Some(entry) = self.auction(sockets, asker, auction, None) else { return };
                Query::Auction { auction: entry.id }
            }
            _ => return,
        };
        self.submit(sockets, id, correlation, Body::Query(query));
    }

    /// Takes what a participant or an executor says of a settlement.
    pub(super) fn settle(
        &mut self,
        sockets: &mut Sockets,
        id: ConnectionId,
        body: &ClientBody<'_>,
        correlation: Option<&str>,
    ) {
        let asker = Asker { id, correlation };
        let Some(party) = self.party(id) else { return };
        let command = match body {
            ClientBody::SettlementAffirm { settlement, hash, agree, reason } => {
                let Some(settlement) = self.settlement(sockets, asker, settlement) else { return };
                Command::AffirmSettlement(AffirmSettlement {
                    settlement,
                    party,
                    hash: *hash,
                    agree: *agree,
                    reason: reason.map(Arc::from),
                })
            }
            ClientBody::SettlementReport(report) => {
                let Some(settlement) = self.settlement(sockets, asker, &report.settlement) else { return };
                let report = ReportSettlement {
                    settlement,
                    step: report.step,
                    ok: report.ok,
                    gas_used: report.gas_used,
                    execution_path: report.execution_path.iter().map(|&step| Arc::from(step)).collect(),
                    reason: report.reason.map(Arc::from),
                };
                return self.submit(sockets, id, correlation, Body::Report { by: party, report });
            }
            _ => return,
        };
        self.submit(sockets, id, correlation, Body::Command(command));
    }

    fn party(&self, id: ConnectionId) -> Option<Party> {
        let session = self.sessions.get(id.index as usize)?.as_ref()?;
        session.identity.as_ref().map(|identity| identity.party.clone())
    }

    /// The auction that a client named, if there is one that it may see; otherwise it is told so.
    fn auction(
        &mut self,
        sockets: &mut Sockets,
        asker: Asker<'_>,
        auction: &AuctionRef<'_>,
        client_bid_id: Option<&str>,
    ) -> Option<Arc<DirectoryEntry>> {
        let entry = auction.id.and_then(|id| self.host.directory().find(id));
        let may_see = |desk: &mut Self, id: AuctionId| {
            desk.session(asker.id)
                .and_then(|session| session.identity.as_ref())
                .is_some_and(|known| known.may_see(id))
        };
        let refusal = match entry {
            Some(entry) if may_see(self, entry.id) => return Some(entry),
            Some(_) => SessionRefusal::NotAllowed { what: "auction_id", word: auction.word },
            None => SessionRefusal::UnknownAuction { word: auction.word },
        };
        let refusal = Refusal::of_session(&refusal).with_client_bid_id(client_bid_id);
        self.refuse(sockets, asker.id, &refusal, asker.correlation);
        None
    }

    fn bid_ref(&mut self, sockets: &mut Sockets, asker: Asker<'_>, bid: &BidRefText<'_>) -> Option<BidRef> {
        match *bid {
            BidRefText::Id { id: Some(id), .. } => Some(BidRef::Id(id)),
            BidRefText::Id { word, id: None } => {
                let refusal = SessionRefusal::UnknownBid { word };
                self.refuse_session(sockets, asker.id, &refusal, asker.correlation);
                None
            }
            BidRefText::Client { ref auction, client_bid_id } => {
                let entry = self.auction(sockets, asker, auction, Some(client_bid_id))?;
                Some(BidRef::Client { auction: entry.id, client_bid_id: client_bid_id.into() })
            }
        }
    }

    fn settlement(
        &mut self,
        sockets: &mut Sockets,
        asker: Asker<'_>,
        settlement: &SettlementRef<'_>,
    ) -> Option<crate::engine::SettlementId> {
        if settlement.id.is_none() {
            let refusal = Refusal {
                code: Code::SettlementNotFound,
                message: "Settlement does not exist".into(),
                details: String::new(),
            };
            self.refuse(sockets, asker.id, &refusal, asker.correlation);
        }
        settlement.id
    }
}

/// Puts a bid's numbers on its auction's grids, as far as they fit.
fn read(entry: &DirectoryEntry, party: &Party, bid: &BidPayload<'_>, received_at_us: i64) -> BatchBid {
    let (auction, party, client_bid_id) = (entry.id, party.clone(), bid.client_bid_id.map(Arc::from));
    match decode::read_bid(bid, entry.grids) {
        Ok(numbers) => BatchBid::Readable(SubmitBid {
            auction,
            party,
            bid: BidId(Uuid::nil()),
            salt: [0; 16],
            quantity: numbers.quantity,
            price: numbers.price,
            client_bid_id,
            is_marginal: bid.is_marginal,
            is_phantom: bid.is_phantom,
            received_at_us,
        }),
        Err(fault) => BatchBid::Unreadable(UnreadableBid {
            auction,
            party,
            client_bid_id,
            details: fault.details,
            message: fault.message,
            quantity: fault.quantity,
            price: fault.price,
            received_at_us,
        }),
    }
}
