//! Settlements: look, affirm, start by hand.

use axum::body::Bytes;
use axum::extract::{Path, State};

use super::Rest;
use super::answer::{Answer, Fault};
use super::caller::{Caller, must_see};
use super::query::auction_id;
use super::submit::internal;
use crate::engine::{AffirmSettlement, AuctionId, Command, SettlementView};
use crate::host::{Found, Query};
use crate::server::identity::{Identity, Permissions};
use crate::wire::{Message, encode, operation};

/// `GET /v1/settlements/{auction_id}`: whole to operators and settlers; others see their own part.
pub(super) async fn show(
    State(rest): State<Rest>,
    caller: Caller,
    Path(word): Path<String>,
) -> Result<Answer, Fault> {
    let identity = caller.need(Permissions::READ)?;
    let auction = auction_id(&word)?;
    must_see(&identity, auction)?;
    shown(&rest, &identity, auction).await
}

/// `POST /v1/settlements/{auction_id}/affirm`
pub(super) async fn affirm(
    State(rest): State<Rest>,
    caller: Caller,
    Path(word): Path<String>,
    body: Bytes,
) -> Result<Answer, Fault> {
    let identity = caller.need(Permissions::SETTLE)?;
    let auction = auction_id(&word)?;
    must_see(&identity, auction)?;
    let said = operation::read_affirmation(&body)?;
    let settlement = view(&rest, auction).await?.state.settlement;
    let command = Command::AffirmSettlement(AffirmSettlement {
        settlement,
        party: identity.party.clone(),
        hash: said.hash,
        agree: said.agree,
        reason: said.reason,
    });
    rest.command(command, Some(auction)).await?;
    shown(&rest, &identity, auction).await
}

/// `POST /v1/settlements/{auction_id}/execute`
pub(super) async fn execute(
    State(rest): State<Rest>,
    caller: Caller,
    Path(word): Path<String>,
    body: Bytes,
) -> Result<Answer, Fault> {
    let identity = caller.need(Permissions::OPERATE)?;
    let auction = auction_id(&word)?;
    must_see(&identity, auction)?;
    operation::read_nothing(&body)?;
    rest.command(Command::ExecuteSettlement { auction }, Some(auction)).await?;
    shown(&rest, &identity, auction).await
}

async fn view(rest: &Rest, auction: AuctionId) -> Result<Box<SettlementView>, Fault> {
    match rest.ask(Query::Settlement { auction }, Some(auction)).await? {
        Found::Settlement(view) => Ok(view),
        _ => Err(internal()),
    }
}

async fn shown(rest: &Rest, identity: &Identity, auction: AuctionId) -> Result<Answer, Fault> {
    let mut view = view(rest, auction).await?;
    let sees_all = [Permissions::OPERATE, Permissions::SETTLE];
    if !sees_all.into_iter().any(|right| identity.permissions.has(right)) {
        view.participants.retain(|(party, _)| *party == identity.party);
        view.obligations.retain(|obligation| obligation.party == identity.party);
        view.postings.retain(|posting| posting.party == identity.party);
    }
    let mut message = Message::new();
    let grids = rest.grids(auction).ok_or_else(internal)?;
    encode::settlement(&mut message, rest.host.clock().now(), grids, &view);
    Ok(Answer::payload(&message))
}
