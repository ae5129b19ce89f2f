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
use crate::wire::decode::Decoder;

/// Longest name of a token or a pair, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// `PUT /v1/market-data/prices/{token}`
pub(super) async fn put_prices(
    State(rest): State<Rest>,
    caller: Caller,
    Path(token): Path<String>,
    body: Bytes,
) -> Result<Answer, Fault> {
    caller.need(Permissions::OPERATE)?;
    check_name("token", &token)?;
    let payload = Decoder::new().decode_prices(&token, &body, rest.host.clock().now())?;
    let payload: Arc<str> = payload.into();
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
    check_name("token_pair", &token_pair)?;
    let payload = Decoder::new().decode_order_book(&token_pair, &body, rest.host.clock().now())?;
    let payload: Arc<str> = payload.into();
    let command = Command::PutOrderBook { token_pair: token_pair.into(), payload: Arc::clone(&payload) };
    rest.command(command, None).await?;
    Ok(Answer::text(StatusCode::OK, &payload))
}

/// Names stand in addresses and in every message: they are short.
fn check_name(field: &str, name: &str) -> Result<(), Fault> {
    if (1..=NAME_BYTES_MAX).contains(&name.len()) {
        return Ok(());
    }
    Err(Fault::invalid(field, &format!("must be 1 to {NAME_BYTES_MAX} bytes long")))
}
