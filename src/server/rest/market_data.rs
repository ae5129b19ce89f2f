//! Market data comes in here and goes out on the channel `market_data`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;

use super::Rest;
use super::answer::{Answer, Fault};
use super::caller::Caller;
use crate::engine::Command;
use crate::server::identity::Permissions;
use crate::wire::market;

/// `PUT /v1/market-data/prices/{token}`
pub(super) async fn put_prices(
    State(rest): State<Rest>,
    caller: Caller,
    Path(token): Path<String>,
    body: Bytes,
) -> Result<Answer, Fault> {
    caller.need(Permissions::OPERATE)?;
    let payload: Arc<str> = market::prices_payload(&body, &token, rest.host.clock().now())?.into();
    let command = Command::PutPrices { token: token.into(), payload: Arc::clone(&payload) };
    rest.command(command, None).await?;
    Ok(Answer::text(StatusCode::OK, &payload))
}

/// `PUT /v1/market-data/order-book/{token_pair}`
pub(super) async fn put_order_book(
    State(rest): State<Rest>,
    caller: Caller,
    Path(token_pair): Path<String>,
    body: Bytes,
) -> Result<Answer, Fault> {
    caller.need(Permissions::OPERATE)?;
    let payload: Arc<str> = market::order_book_payload(&body, &token_pair, rest.host.clock().now())?.into();
    let command = Command::PutOrderBook { token_pair: token_pair.into(), payload: Arc::clone(&payload) };
    rest.command(command, None).await?;
    Ok(Answer::text(StatusCode::OK, &payload))
}
