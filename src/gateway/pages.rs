//! What browsers want to hear before a page of another origin may read an answer. Long-polling is made of
//! such answers; a WebSocket needs none of it.

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};

use super::admission::Origins;

/// How long a browser may remember the permission, in seconds.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// The origin of the page that asks, when its pages may connect.
pub(super) fn permitted(origins: &Origins, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let allowed = match origins {
        Origins::Any => true,
        Origins::Only(origins) => origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()),
    };
    allowed.then(|| origin.clone())
}

/// Whether the browser only asks what it may do.
pub(super) fn is_preflight<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to that question.
pub(super) fn preflight<B: Default>() -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET,POST"));
    let allowed = HeaderValue::from_static("authorization,content-type");
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
    response
}

/// Lets the page read the answer. With credentials, because a load balancer may keep a polling client on one
/// instance by a cookie of its own; nothing here takes a cookie for an identity.
pub(super) fn let_read<B>(response: &mut Response<B>, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}
