//! Every error of the HTTP surface in one shape, whoever found it.

use axum::{
    extract::rejection::{PathRejection, QueryRejection},
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};

use crate::protocol::{Code, Problem, ProblemDocument};

/// A problem under a status that is finer than its code's own: 405, 408, 415.
pub(super) struct WithStatus(pub(super) StatusCode, pub(super) Problem);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        WithStatus(status, self).into_response()
    }
}

impl IntoResponse for WithStatus {
    fn into_response(self) -> Response {
        let Self(status, problem) = self;
        let document = ProblemDocument { status: status.as_u16(), ..problem.document() };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(delay) = problem.retry_after {
            // The header knows whole seconds: round up, so that who waits so long is not too early.
            let seconds = delay.as_millis().div_ceil(1_000).max(1);
            headers.insert(RETRY_AFTER, HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX)));
        }
        if let Some(challenge) = challenge(problem.code) {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

/// RFC 6750 §3: a client without a token is told how to send one, one with a bad token that it is bad.
const fn challenge(code: Code) -> Option<&'static str> {
    match code {
        Code::TokenMissing => Some("Bearer"),
        Code::TokenInvalid | Code::TokenExpired | Code::TokenRevoked => {
            Some("Bearer error=\"invalid_token\"")
        }
        Code::NotFound
        | Code::Forbidden
        | Code::BadRequest
        | Code::RateLimited
        | Code::LimitExceeded
        | Code::Conflict
        | Code::Unavailable
        | Code::Internal
        | Code::ConnectionLimit
        | Code::ServerBusy
        | Code::ServerDraining
        | Code::OriginDenied
        | Code::HistoryTrimmed => None,
    }
}

/// What a path that leads nowhere is answered.
pub(super) async fn no_such_route() -> Problem {
    Problem::new(Code::NotFound, "There is no such route; /api/docs lists those there are.")
}

/// What a known path with another method is answered; the `Allow` header says which there are.
pub(super) async fn no_such_method() -> WithStatus {
    let problem = Problem::bad_request("The route does not have this method; see the Allow header.");
    WithStatus(StatusCode::METHOD_NOT_ALLOWED, problem)
}

/// What is answered after a handler has panicked. The panic itself is in the log.
pub(super) fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("A request handler panicked.");
    Problem::internal().into_response()
}

/// Query parameters that cannot be read.
pub(super) fn bad_query(rejection: QueryRejection) -> Problem {
    Problem::bad_request(format!("The query cannot be read: {}", rejection.body_text()))
}

/// A path that cannot be read.
pub(super) fn bad_path(rejection: PathRejection) -> Problem {
    Problem::bad_request(format!("The path cannot be read: {}", rejection.body_text()))
}
