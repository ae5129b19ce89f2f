//! Auctions: create, look, read the result, and operate.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use http::HeaderMap;
use uuid::Uuid;

use super::Rest;
use super::answer::{Answer, Fault};
use super::caller::{Caller, must_see};
use super::query::{Page, auction_id};
use super::submit::internal;
use crate::engine::{self, AuctionId, BidId, CloseReason, Command, CreateAuction, SettlementId};
use crate::host::{Found, Query};
use crate::limits::PARTY_BYTES_MAX;
use crate::server::identity::Permissions;
use crate::wire::encode::{self, TermsShown};
use crate::wire::terms::{LiveDefaults, parse_live};
use crate::wire::{Message, operation};

/// `POST /v1/auctions`
pub(super) async fn create(
    State(rest): State<Rest>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Fault> {
    let identity = caller.need(Permissions::OPERATE)?;
    let idempotency_key = idempotency_key(&headers)?;
    let defaults = LiveDefaults { seller: identity.party.clone() };
    // Terms may be large and their supply costly to check: not at the entrance.
    let terms =
        tokio::task::spawn_blocking(move || parse_live(&body, &defaults)).await.map_err(|_| internal())??;
    if let Some(asked) = terms.auction_id {
        must_see(&identity, asked)?;
    }
    let command = Command::CreateAuction(Box::new(CreateAuction {
        auction: terms.auction_id.unwrap_or(AuctionId(Uuid::nil())),
        creator: identity.party.clone(),
        terms: terms.terms,
        terms_json: terms.canonical.into(),
        idempotency_key,
    }));
    let engine::Answer::Created { slot, created } = rest.command(command, None).await? else {
        return Err(internal());
    };
    let entry = rest.host.directory().at(slot).ok_or_else(internal)?;
    let answer = info(&rest, entry.id).await?.created();
    Ok(if created { answer } else { answer.replayed() })
}

/// `GET /v1/auctions`
pub(super) async fn list(
    State(rest): State<Rest>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Answer, Fault> {
    let identity = caller.need(Permissions::READ)?;
    let page = Page::read(query.as_deref())?;
    let query = Query::Auctions { after: page.after.map(AuctionId), limit: page.limit };
    let Found::Auctions(found, next_after) = rest.ask(query, None).await? else { return Err(internal()) };
    let shown: Vec<_> = found
        .iter()
        .filter(|info| identity.may_see(info.state.auction))
        .filter_map(|info| Some((rest.grids(info.state.auction)?, info)))
        .collect();
    let mut message = Message::new();
    encode::auctions(&mut message, rest.host.clock().now(), shown, next_after);
    Ok(Answer::payload(&message))
}

/// `GET /v1/auctions/{auction_id}`
pub(super) async fn show(
    State(rest): State<Rest>,
    caller: Caller,
    Path(word): Path<String>,
) -> Result<Answer, Fault> {
    let identity = caller.need(Permissions::READ)?;
    let auction = auction_id(&word)?;
    must_see(&identity, auction)?;
    info(&rest, auction).await
}

/// `GET /v1/auctions/{auction_id}/result`: all allocations to operators, own ones to everybody else.
pub(super) async fn result(
    State(rest): State<Rest>,
    caller: Caller,
    Path(word): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Answer, Fault> {
    let identity = caller.need(Permissions::READ)?;
    let auction = auction_id(&word)?;
    must_see(&identity, auction)?;
    let page = Page::read(query.as_deref())?;
    let sees_all = identity.permissions.has(Permissions::OPERATE);
    let query = Query::Result {
        auction,
        party: (!sees_all).then(|| identity.party.clone()),
        after: page.after.map(BidId),
        limit: page.limit,
    };
    let Found::Result(page) = rest.ask(query, Some(auction)).await? else { return Err(internal()) };
    let mut message = Message::new();
    encode::result(&mut message, rest.grids(auction).ok_or_else(internal)?, &page);
    Ok(Answer::payload(&message))
}

/// `POST /v1/auctions/{auction_id}/close`
pub(super) async fn close(
    State(rest): State<Rest>,
    caller: Caller,
    Path(word): Path<String>,
    body: Bytes,
) -> Result<Answer, Fault> {
    operation::read_nothing(&body)?;
    operate(&rest, caller, &word, |auction| Command::CloseAuction {
        auction,
        reason: CloseReason::Operator,
        settlement: SettlementId(Uuid::nil()),
    })
    .await
}

/// `POST /v1/auctions/{auction_id}/cancel`
pub(super) async fn cancel(
    State(rest): State<Rest>,
    caller: Caller,
    Path(word): Path<String>,
    body: Bytes,
) -> Result<Answer, Fault> {
    let reason = operation::read_reason(&body)?;
    operate(&rest, caller, &word, |auction| Command::CancelAuction { auction, reason }).await
}

/// `POST /v1/auctions/{auction_id}/halt`
pub(super) async fn halt(
    State(rest): State<Rest>,
    caller: Caller,
    Path(word): Path<String>,
    body: Bytes,
) -> Result<Answer, Fault> {
    let reason = operation::read_reason(&body)?;
    operate(&rest, caller, &word, |auction| Command::HaltAuction { auction, reason }).await
}

/// `POST /v1/auctions/{auction_id}/resume`
pub(super) async fn resume(
    State(rest): State<Rest>,
    caller: Caller,
    Path(word): Path<String>,
    body: Bytes,
) -> Result<Answer, Fault> {
    operation::read_nothing(&body)?;
    operate(&rest, caller, &word, |auction| Command::ResumeAuction { auction }).await
}

/// Carries an operator's wish out and answers with the auction as it is then.
async fn operate(
    rest: &Rest,
    caller: Caller,
    word: &str,
    command: impl FnOnce(AuctionId) -> Command,
) -> Result<Answer, Fault> {
    let identity = caller.need(Permissions::OPERATE)?;
    let auction = auction_id(word)?;
    must_see(&identity, auction)?;
    rest.command(command(auction), Some(auction)).await?;
    info(rest, auction).await
}

async fn info(rest: &Rest, auction: AuctionId) -> Result<Answer, Fault> {
    let info = rest.auction(auction).await?;
    let mut message = Message::new();
    let grids = rest.grids(auction).ok_or_else(internal)?;
    encode::auction_info(&mut message, grids, &info, TermsShown::Whole);
    Ok(Answer::payload(&message))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<Arc<str>>, Fault> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=PARTY_BYTES_MAX).contains(&key.len()) => Ok(Some(key.into())),
        _ => {
            let why = format!("must be 1 to {PARTY_BYTES_MAX} visible ASCII characters");
            Err(Fault::invalid("Idempotency-Key", &why))
        }
    }
}
