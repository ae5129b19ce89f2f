//! From an HTTP request to a WebSocket: is it one, may its page connect, and what
//! does it bring along.

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN, SEC_WEBSOCKET_VERSION};
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use tungstenite::error::{Error, ProtocolError};
use tungstenite::handshake::server::create_response_with_body;

use super::handler::Hello;
use super::settings::Origins;

/// Where WebSockets are opened.
pub const PATH: &str = "/v1/ws";

/// Answers a request for a WebSocket. With a 101 comes what the request said.
pub fn answer<T>(request: &Request<T>) -> (Response<Body>, Option<Hello>) {
    match create_response_with_body(request, Body::empty) {
        Ok(response) => (response, Some(Hello { token: bearer(request) })),
        Err(error) => (refuse(request.method(), &error), None),
    }
}

fn refuse(method: &Method, error: &Error) -> Response<Body> {
    let (status, text) = match error {
        Error::Protocol(ProtocolError::WrongHttpMethod) => {
            (StatusCode::METHOD_NOT_ALLOWED, format!("{method} opens no WebSocket: use GET"))
        }
        Error::Protocol(
            ProtocolError::MissingConnectionUpgradeHeader
            | ProtocolError::MissingUpgradeWebSocketHeader
            | ProtocolError::MissingSecWebSocketVersionHeader,
        ) => (StatusCode::UPGRADE_REQUIRED, format!("{PATH} speaks WebSocket, version 13: {error}")),
        error => (StatusCode::BAD_REQUEST, error.to_string()),
    };
    let mut response = plain(status, text);
    if status == StatusCode::UPGRADE_REQUIRED {
        response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    response
}

/// A plain answer for people.
pub fn plain(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    let mut response = Response::new(Body::from(text.into() + "\n"));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// The token of an `Authorization: Bearer` header.
fn bearer<T>(request: &Request<T>) -> Option<Box<str>> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().into())
}

impl Origins {
    /// Whether the page that a request comes from may send it. Clients without pages name none.
    pub fn allow<T>(&self, request: &Request<T>) -> bool {
        let Some(origin) = request.headers().get(ORIGIN) else { return true };
        let origin = origin.to_str().unwrap_or_default();
        match self {
            Self::Any => true,
            Self::Listed(listed) => listed.iter().any(|one| one.eq_ignore_ascii_case(origin)),
            Self::Loopback => is_loopback(origin),
        }
    }
}

fn is_loopback(origin: &str) -> bool {
    let Some((_, authority)) = origin.split_once("://") else { return false };
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    };
    let host = host.unwrap_or_default();
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(origin: Option<&str>) -> Request<()> {
        let mut request = Request::new(());
        if let Some(origin) = origin {
            request.headers_mut().insert(ORIGIN, origin.parse().expect("a header's value"));
        }
        request
    }

    #[test]
    fn pages_of_other_machines_stay_out_where_only_loopback_is_welcome() {
        for origin in
            ["http://localhost:3000", "http://127.0.0.1", "https://[::1]:8080", "http://127.9.9.9:1"]
        {
            assert!(Origins::Loopback.allow(&request(Some(origin))), "{origin}");
        }
        for origin in [
            "https://example.com",
            "null",
            "http://127.0.0.1.example.com",
            "http://localhost.evil:80",
            "file://",
        ] {
            assert!(!Origins::Loopback.allow(&request(Some(origin))), "{origin}");
            assert!(Origins::Any.allow(&request(Some(origin))));
        }
        assert!(Origins::Loopback.allow(&request(None)), "not a browser");
        let listed = Origins::Listed(vec!["https://app.example.com".to_owned()]);
        assert!(listed.allow(&request(Some("https://APP.example.com"))));
        assert!(!listed.allow(&request(Some("https://app.example.com.evil"))));
    }

    #[test]
    fn says_what_is_missing_for_a_websocket() {
        let status = |request: &Request<()>| answer(request).0.status();
        let mut request = request(None);
        assert_eq!(status(&request), StatusCode::UPGRADE_REQUIRED);
        for (name, value) in [("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")] {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        assert_eq!(status(&request), StatusCode::UPGRADE_REQUIRED);
        request.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        assert_eq!(status(&request), StatusCode::BAD_REQUEST);
        request
            .headers_mut()
            .insert("sec-websocket-key", HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("bearer  some-token"));
        let (response, hello) = answer(&request);
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(hello.and_then(|hello| hello.token).as_deref(), Some("some-token"));
        *request.method_mut() = Method::POST;
        assert_eq!(status(&request), StatusCode::METHOD_NOT_ALLOWED);
    }
}
