//! Whether the process lives, and whether it takes work. Neither asks for a token.

use axum::extract::State;
use http::StatusCode;
use serde_json::json;

use super::Rest;
use super::answer::Answer;
use crate::host::Readiness;

/// The process answers.
pub(super) async fn live() -> Answer {
    Answer::json(StatusCode::OK, &json!({"status": "live"}))
}

/// 200 while all work is taken; otherwise 503 and why.
pub(super) async fn ready(State(rest): State<Rest>) -> Answer {
    let reason = match rest.host.readiness() {
        Readiness::Ready => return Answer::json(StatusCode::OK, &json!({"status": "ready"})),
        Readiness::Recovering => "the log is being replayed".to_owned(),
        Readiness::LowSpace { bids_refused: false } => {
            "the disk runs low: no new auctions are taken".to_owned()
        }
        Readiness::LowSpace { bids_refused: true } => {
            "the disk runs low: no new auctions and no bids are taken".to_owned()
        }
        Readiness::Frozen { reason } => format!("the log failed, a restart is needed: {reason}"),
        Readiness::Faulty { reason } => format!("the engine failed, a restart is needed: {reason}"),
        Readiness::Draining => "the server is being stopped".to_owned(),
    };
    Answer::json(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "not_ready", "reason": reason}))
}
