//! The REST face: auctions, market data, settlements, health.
//!
//! Every call takes the way of a WebSocket message: the same tokens, the same
//! permissions, the same requests to the host, the same bodies and codes. Handlers
//! run at the entrances, beside handshakes, so they wait for the host without blocking and read large
//! bodies on the blocking pool.

mod answer;
mod auctions;
mod caller;
mod health;
mod market_data;
mod query;
mod settlements;
mod submit;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};

use super::identity::Verify;
use crate::host::Host;

/// Largest body taken, in bytes: terms with thousands of supply points fit.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// What handlers share.
#[derive(Clone)]
struct Rest {
    host: Arc<Host>,
    verify: Arc<dyn Verify>,
}

/// All routes but the WebSocket's. Unknown paths and wrong methods are answered in JSON too.
pub fn router(host: Arc<Host>, verify: Arc<dyn Verify>) -> Router {
    let rest = Rest { host, verify };
    Router::new()
        .merge(auction_routes())
        .merge(market_data_routes())
        .merge(settlement_routes())
        .merge(health_routes())
        .fallback(answer::no_such_path)
        .method_not_allowed_fallback(answer::wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn_with_state(rest.clone(), answer::speak_json))
        .with_state(rest)
}

fn auction_routes() -> Router<Rest> {
    Router::new()
        .route("/v1/auctions", post(auctions::create).get(auctions::list))
        .route("/v1/auctions/{auction_id}", get(auctions::show))
        .route("/v1/auctions/{auction_id}/result", get(auctions::result))
        .route("/v1/auctions/{auction_id}/close", post(auctions::close))
        .route("/v1/auctions/{auction_id}/cancel", post(auctions::cancel))
        .route("/v1/auctions/{auction_id}/halt", post(auctions::halt))
        .route("/v1/auctions/{auction_id}/resume", post(auctions::resume))
}

fn market_data_routes() -> Router<Rest> {
    Router::new()
        .route("/v1/market-data/prices/{token}", put(market_data::put_prices))
        .route("/v1/market-data/order-book/{token_pair}", put(market_data::put_order_book))
}

fn settlement_routes() -> Router<Rest> {
    Router::new()
        .route("/v1/settlements/{auction_id}", get(settlements::show))
        .route("/v1/settlements/{auction_id}/affirm", post(settlements::affirm))
        .route("/v1/settlements/{auction_id}/execute", post(settlements::execute))
}

fn health_routes() -> Router<Rest> {
    Router::new().route("/health/live", get(health::live)).route("/health/ready", get(health::ready))
}
