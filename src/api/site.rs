//! The first page: files in the binary, without a build step.

use axum::{
    Router,
    extract::Path,
    http::{
        HeaderMap, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use rust_embed::Embed;

use super::problem::no_such_route;

#[derive(Embed)]
#[folder = "src/api/site"]
struct Files;

/// Scripts and styles from here only, connections to here and, for a server behind another name, to
/// WebSockets elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self' ws: wss:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// `/` and the files that it needs.
pub(super) fn routes() -> Router {
    Router::new()
        .route("/", get(|headers: HeaderMap| async move { file("index.html", &headers).await }))
        .route("/favicon.ico", get(|headers: HeaderMap| async move { file("icon.svg", &headers).await }))
        .route(
            "/site/{file}",
            get(|Path(name): Path<String>, headers: HeaderMap| async move { file(&name, &headers).await }),
        )
}

async fn file(name: &str, headers: &HeaderMap) -> Response {
    let (Some(file), Some(media_type)) = (Files::get(name), media_type(name)) else {
        return no_such_route().await.into_response();
    };
    let tag: String = file.metadata.sha256_hash()[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let cached = headers.get(IF_NONE_MATCH).is_some_and(|given| given.as_bytes() == tag.as_bytes());
    let headers = [
        (CONTENT_TYPE, media_type),
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (ETAG, tag.as_str()),
    ];
    if cached {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, file.data.into_owned()).into_response()
}

fn media_type(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "html" => Some("text/html; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "txt" => Some("text/plain; charset=utf-8"),
        _ => None,
    }
}
