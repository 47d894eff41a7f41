//! Request bodies: bounded in size and depth before anything parses them.

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::problem::WithStatus;
use crate::protocol::{Code, Problem, is_deeper};

/// How large a body may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    /// In bytes.
    pub(super) size: usize,
    /// In levels of nested arrays and objects.
    pub(super) depth: usize,
}

/// The body as JSON of a known form.
pub(super) struct Json<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|e| Problem::bad_request(format!("The body cannot be read: {}", e.body_text())))?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|e| Problem::bad_request(format!("The body is not valid: {e}.")))
    }
}

/// Reads the body within its limits and hands it on whole, so that every route has them, whatever
/// library parses its body.
pub(super) async fn bounded(State(limits): State<BodyLimits>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    match read(&parts.headers, body, limits).await {
        Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(refusal) => refusal,
    }
}

async fn read(headers: &HeaderMap, body: Body, limits: BodyLimits) -> Result<Bytes, Response> {
    if !is_json(headers) {
        let problem =
            Problem::bad_request("A body must be JSON, with the header Content-Type: application/json.");
        return Err(WithStatus(StatusCode::UNSUPPORTED_MEDIA_TYPE, problem).into_response());
    }
    let too_large = || {
        let detail = format!("The body is larger than {} bytes.", limits.size);
        Problem::new(Code::LimitExceeded, detail).into_response()
    };
    // What announces its size is refused before a byte of it is read.
    if body.size_hint().lower() > limits.size as u64 {
        return Err(too_large());
    }
    let bytes = match Limited::new(body, limits.size).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(too_large()),
        Err(_) => return Err(Problem::bad_request("The body ended before it was complete.").into_response()),
    };
    if is_deeper(&bytes, limits.depth) {
        let detail = format!("The body nests deeper than {} levels.", limits.depth);
        return Err(Problem::bad_request(detail).into_response());
    }
    Ok(bytes)
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
        let essence = value.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json")
    })
}
