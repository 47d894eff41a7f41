//! The demo application: files in the binary, built from `frontend-client/demo` by `make gen`.
//!
//! The page itself is answered at every address that the application's router knows. Files under
//! `/assets/` carry a hash of their content in their name and may be kept for ever; everything else is
//! asked for again and answered by its tag.

use std::borrow::Cow;

use axum::{
    Router,
    extract::Path,
    http::{
        HeaderMap, HeaderName, StatusCode,
        header::{
            ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
            IF_NONE_MATCH, VARY,
        },
    },
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use rust_embed::{Embed, EmbeddedFile};

use super::{ApiOptions, problem::no_such_route};

#[derive(Embed)]
#[folder = "src/api/site"]
struct Files;

/// Everything from here only, connections too. Styles that scripts set on elements are not inline styles.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// A window that this page opens, or that opened it, gets no hold on it.
const OPENER: (HeaderName, &str) = (HeaderName::from_static("cross-origin-opener-policy"), "same-origin");

const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";

/// What the page tells its visitors that this server offers.
#[derive(Debug, Clone, Copy)]
struct Offers {
    dev_login: bool,
    graphiql: bool,
}

/// The page at every address of the application, and the files that it needs.
pub(super) fn routes(options: &ApiOptions) -> Router {
    let offers = Offers { dev_login: options.dev_login, graphiql: options.graphiql };
    let page = move || get(move |headers: HeaderMap| async move { page(offers, &headers).await });
    Router::new()
        .route("/", page())
        .route("/campaigns", page())
        .route("/campaigns/{*rest}", page())
        .route("/favicon.ico", one("icon.svg"))
        .route("/icon.svg", one("icon.svg"))
        .route("/theme.js", one("theme.js"))
        .route("/LICENSES.txt", one("LICENSES.txt"))
        .route(
            "/assets/{file}",
            get(|Path(name): Path<String>, headers: HeaderMap| async move {
                file(&format!("assets/{name}"), FOR_EVER, &headers).await
            }),
        )
}

fn one(name: &'static str) -> MethodRouter {
    get(move |headers: HeaderMap| async move { file(name, ASK_AGAIN, &headers).await })
}

/// The page, with what this server offers written into it: so it need not ask before it can show itself.
async fn page(offers: Offers, headers: &HeaderMap) -> Response {
    let Some(file) = Files::get("index.html") else { return no_such_route().await.into_response() };
    let text = String::from_utf8_lossy(&file.data);
    let (login, graphiql) = (offers.dev_login, offers.graphiql);
    let text = offer(offer(text, "dev-login", login), "graphiql", graphiql);
    let tag = tag(&file, &format!("-{}{}", u8::from(login), u8::from(graphiql)));
    let about = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, ASK_AGAIN),
        (CONTENT_SECURITY_POLICY, POLICY),
        OPENER,
        (ETAG, tag.as_str()),
    ];
    if is_known(headers, &tag) {
        // With the same headers: a browser puts those of this answer in the place of those that it kept, and
        // the policy of all other answers would forbid the page its own scripts.
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    (about, text.into_owned()).into_response()
}

/// The built page says `on` everywhere.
fn offer<'a>(page: Cow<'a, str>, name: &str, on: bool) -> Cow<'a, str> {
    if on {
        return page;
    }
    let written = |value| format!("<meta name=\"fanfare-{name}\" content=\"{value}\"");
    page.replace(&written("on"), &written("off")).into()
}

/// A file as it is, or as it was compressed when it was built.
async fn file(name: &str, caching: &str, headers: &HeaderMap) -> Response {
    let (Some(file), Some(media_type)) = (Files::get(name), media_type(name)) else {
        return no_such_route().await.into_response();
    };
    let compressed = Files::get(&format!("{name}.gz"));
    let varies = if compressed.is_some() { "accept-encoding" } else { "" };
    let compressed = compressed.filter(|_| takes_gzip(headers));
    let tag = tag(&file, if compressed.is_some() { "-gz" } else { "" });
    let mut about = HeaderMap::new();
    let mut say = |name: HeaderName, value: &str| {
        if let Ok(text) = value.parse()
            && !value.is_empty()
        {
            about.insert(name, text);
        }
    };
    say(CACHE_CONTROL, caching);
    say(ETAG, &tag);
    say(VARY, varies);
    say(CONTENT_TYPE, media_type);
    say(CONTENT_SECURITY_POLICY, POLICY);
    if is_known(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    if compressed.is_some() {
        say(CONTENT_ENCODING, "gzip");
    }
    (about, compressed.unwrap_or(file).data.into_owned()).into_response()
}

fn tag(file: &EmbeddedFile, variant: &str) -> String {
    let hash: String = file.metadata.sha256_hash()[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hash}{variant}\"")
}

fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    headers.get(IF_NONE_MATCH).is_some_and(|given| given.as_bytes() == tag.as_bytes())
}

/// Whether the client names gzip among what it takes, and does not refuse it with a weight of 0.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().trim_start_matches("q=").trim_end_matches(['0', '.']);
        name.trim().eq_ignore_ascii_case("gzip") && (!coding.contains(';') || !weight.is_empty())
    })
}

fn media_type(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "txt" => Some("text/plain; charset=utf-8"),
        _ => None,
    }
}
