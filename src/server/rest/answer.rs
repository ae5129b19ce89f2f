//! Answers: JSON bodies as `wire` encodes them, and every refusal in one form,
//! `{"error": {code, message, details}, "correlation_id": "…"}`.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use uuid::Uuid;

use super::Rest;
use crate::engine::Rejection;
use crate::limits::CORRELATION_ID_BYTES_MAX;
use crate::wire::decode::DecodeError;
use crate::wire::terms::TermsError;
use crate::wire::{self, Code, Grids, Message, Refusal, SessionRefusal, encode};

/// The request's own name, echoed in the answer: the caller's, or one made here.
const CORRELATION: HeaderName = HeaderName::from_static("x-correlation-id");

/// A body with its status.
pub(super) struct Answer {
    status: StatusCode,
    body: Vec<u8>,
    replayed: bool,
}

/// A refusal, with the status of its code unless HTTP has a more fitting one.
#[derive(Debug)]
pub(super) struct Fault {
    refusal: Refusal,
    status: StatusCode,
}

/// Put into a response that still needs its body.
#[derive(Clone)]
struct Untold(Refusal);

impl Answer {
    /// 200 with the payload that a WebSocket client would get.
    pub(super) fn payload(message: &Message) -> Self {
        Self { status: StatusCode::OK, body: message.payload().to_vec(), replayed: false }
    }

    /// The same as 201.
    pub(super) fn created(self) -> Self {
        Self { status: StatusCode::CREATED, ..self }
    }

    /// Marks the answer to a repeated `Idempotency-Key`.
    pub(super) fn replayed(self) -> Self {
        Self { replayed: true, ..self }
    }

    /// Any JSON with any status.
    pub(super) fn json(status: StatusCode, body: &serde_json::Value) -> Self {
        Self::text(status, &body.to_string())
    }

    /// JSON text with any status.
    pub(super) fn text(status: StatusCode, json: &str) -> Self {
        Self { status, body: json.as_bytes().to_vec(), replayed: false }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status, [(CONTENT_TYPE, "application/json")], self.body).into_response();
        if self.replayed {
            let name = HeaderName::from_static("idempotent-replayed");
            response.headers_mut().insert(name, HeaderValue::from_static("true"));
        }
        response
    }
}

impl Fault {
    fn new(refusal: Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.code.http_status());
        Self { refusal, status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR) }
    }

    /// What the session rules refuse.
    pub(super) fn session(refusal: &SessionRefusal<'_>) -> Self {
        Self::new(Refusal::of_session(refusal))
    }

    /// What the engine refuses.
    pub(super) fn rejected(rejection: &Rejection, grids: Option<Grids>) -> Self {
        Self::new(Refusal::of_rejection(rejection, grids))
    }

    /// A part of the request that cannot be read.
    pub(super) fn invalid(field: &str, why: &str) -> Self {
        Self::from(TermsError { field: field.to_owned(), message: why.to_owned() })
    }

    /// HTTP's own refusals.
    fn http(status: StatusCode, message: &'static str) -> Self {
        let refusal = Refusal { code: Code::InvalidMessage, message: message.into(), details: String::new() };
        Self { refusal, status }
    }
}

impl From<TermsError> for Fault {
    fn from(error: TermsError) -> Self {
        let details = serde_json::json!({"field": error.field, "why": error.message}).to_string();
        let details = details.trim_start_matches('{').trim_end_matches('}').to_owned();
        Self::new(Refusal { code: Code::InvalidMessage, message: error.to_string().into(), details })
    }
}

impl From<Box<DecodeError>> for Fault {
    fn from(error: Box<DecodeError>) -> Self {
        Self::new(Refusal::of_decode(&error))
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(Untold(self.refusal));
        response
    }
}

/// 404 for addresses that nobody answers.
pub(super) async fn no_such_path() -> Fault {
    Fault::http(StatusCode::NOT_FOUND, "Nothing is served at this path")
}

/// 405.
pub(super) async fn wrong_method() -> Fault {
    Fault::http(StatusCode::METHOD_NOT_ALLOWED, "This path does not take that method")
}

/// Gives every refusal its body, those of the HTTP library included, and every answer its correlation id.
pub(super) async fn speak_json(State(rest): State<Rest>, request: Request, next: Next) -> Response {
    let correlation = correlation_of(request.headers()).unwrap_or_else(|| Uuid::new_v4().to_string());
    let mut response = next.run(request).await;
    let told = response.extensions_mut().remove::<Untold>().map(|untold| untold.0);
    let refusal = told.or_else(|| plain_refusal(&response));
    if let Some(refusal) = refusal {
        let mut message = Message::new();
        encode::error(&mut message, rest.host.clock().now(), &refusal);
        let mut body = br#"{"error":"#.to_vec();
        body.extend_from_slice(message.payload());
        wire::correlation(&correlation, &mut body);
        body.push(b'}');
        add_advice(refusal.code, response.headers_mut());
        response.headers_mut().remove(http::header::CONTENT_LENGTH);
        *response.body_mut() = Body::from(body);
    }
    if let Ok(value) = HeaderValue::from_str(&correlation) {
        response.headers_mut().insert(CORRELATION, value);
    }
    response
}

/// What the HTTP library refused by itself: bodies too large, broken paths.
fn plain_refusal(response: &Response) -> Option<Refusal> {
    let status = response.status();
    let is_json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    let message = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "The body is too large",
        _ => status.canonical_reason().unwrap_or("The request cannot be answered"),
    };
    let code = if status.is_client_error() { Code::InvalidMessage } else { Code::Internal };
    Some(Refusal { code, message: message.into(), details: String::new() })
}

fn add_advice(code: Code, headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    match code {
        Code::ServiceUnavailable => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Code::AuthRequired | Code::AuthFailed | Code::TokenExpired => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        _ => {}
    }
}

/// The caller's own correlation id, if it is fit to be echoed.
fn correlation_of(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(CORRELATION)?.to_str().ok()?;
    (1..=CORRELATION_ID_BYTES_MAX).contains(&given.len()).then(|| given.to_owned())
}
