//! What is known of every request: its id, its span, its counts. Never its headers or its query,
//! which may hold a token.

use std::time::Duration;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use metrics::{counter, histogram};
use tokio::time::{Instant, timeout};
use tracing::{Instrument, Level, Span, field};

use crate::{clock::Clock, protocol::Problem};

/// The header with a request's id, both ways.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Ties a request to the events and log lines that it causes: `X-Request-Id` of the request when it
/// is 1 to 64 printable ASCII characters, otherwise a new UUID. Part of every request's extensions.
#[derive(Debug, Clone)]
pub struct CorrelationId(HeaderValue);

impl CorrelationId {
    fn of(request: &Request, clock: &Clock) -> Self {
        let given = request.headers().get(X_REQUEST_ID).filter(|value| {
            (1..=64).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
        });
        Self(given.cloned().unwrap_or_else(|| {
            let id = clock.uuid().as_hyphenated().to_string();
            HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("unnamed"))
        }))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII was let in, so this never falls back.
        self.0.to_str().unwrap_or("unnamed")
    }
}

/// Gives the request its id and its span, and reports how it ended.
pub(super) async fn observe(State(clock): State<Clock>, mut request: Request, next: Next) -> Response {
    let id = CorrelationId::of(&request, &clock);
    let span = tracing::info_span!(
        "request",
        method = %request.method(),
        path = %request.uri().path().get(..200).unwrap_or(request.uri().path()),
        correlationId = id.as_str(),
        userId = field::Empty,
    );
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    request.extensions_mut().insert(id.clone());
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    report(&span, &method, route.as_ref().map_or("none", MatchedPath::as_str), response.status(), started);
    response.headers_mut().insert(X_REQUEST_ID, id.0);
    response
}

fn report(span: &Span, method: &http::Method, route: &str, status: StatusCode, started: Instant) {
    let elapsed = started.elapsed();
    let labels = [
        // A method of the sender's invention must not make a time series of its own.
        ("method", if known(method) { method.to_string() } else { "other".to_owned() }),
        ("route", route.to_owned()),
        ("status", status.as_str().to_owned()),
    ];
    counter!("http_requests_total", &labels).increment(1);
    histogram!("http_request_seconds", "route" => route.to_owned()).record(elapsed);
    let (status, ms) = (status.as_u16(), elapsed.as_micros() as f64 / 1_000.0);
    let _entered = span.enter();
    match (status, route) {
        (500.., _) => tracing::warn!(status, ms, "The request failed."),
        (_, "/healthz" | "/readyz") => tracing::event!(Level::TRACE, status, ms, "The request was answered."),
        (_, _) => tracing::debug!(status, ms, "The request was answered."),
    }
}

fn known(method: &http::Method) -> bool {
    use http::Method;
    [Method::GET, Method::HEAD, Method::POST, Method::OPTIONS, Method::PUT, Method::PATCH, Method::DELETE]
        .contains(method)
}

/// Ends a request that takes too long, whatever it waits for; its transaction is undone.
pub(super) async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::warn!(?limit, "The request took too long and was ended.");
            Problem::unavailable().into_response()
        }
    }
}
