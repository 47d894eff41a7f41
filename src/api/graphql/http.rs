//! GraphQL over HTTP: `/graphql`, its page outside production, and the schema as text.

use async_graphql::{Request, parser::types::OperationType};
use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{self, FromRef, RawQuery},
    http::{
        HeaderMap, Method, Uri,
        header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};

use super::{Caller, Schema, request_of, sdl};
use crate::{
    access::Verifier,
    api::{authenticated::Authenticated, observe::CorrelationId},
    protocol::Problem,
};

/// What the routes serve. Cheap to clone.
#[derive(Clone)]
pub struct Graphql {
    pub schema: Schema,
    /// Whether `GET /graphql` shows a browser a page to try queries on: outside production.
    pub page: bool,
}

/// `/graphql`, `/graphql/schema.graphql`, and the page when there is one. The caller bounds the bodies.
pub fn router<S>(graphql: Graphql) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Verifier: FromRef<S>,
{
    let methods: MethodRouter<S> = post(execute).get(read);
    let methods = if graphql.page { methods.layer(from_fn(page_for_browsers)) } else { methods };
    let mut router =
        Router::new().route("/graphql", methods).route("/graphql/schema.graphql", get(schema_text));
    if graphql.page {
        router = router
            .route("/graphql/page.js", get(|| async { file("text/javascript; charset=utf-8", SCRIPT) }))
            .route("/graphql/page.css", get(|| async { file("text/css; charset=utf-8", STYLE) }));
    }
    router.layer(Extension(graphql))
}

/// The schema in GraphQL's own language. Where strangers may not introspect, it takes a token.
async fn schema_text(
    Extension(graphql): Extension<Graphql>,
    caller: Result<Authenticated, Problem>,
) -> Result<Response, Problem> {
    match caller {
        Err(refused) if !graphql.page => Err(refused),
        Ok(_) | Err(_) => Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], sdl()).into_response()),
    }
}

/// `POST /graphql`: one document as JSON, a query or a mutation.
async fn execute(
    Authenticated(identity): Authenticated,
    Extension(graphql): Extension<Graphql>,
    Extension(correlation): Extension<CorrelationId>,
    body: Bytes,
) -> Result<Response, Problem> {
    // serde would read an array as the fields in their order; a list of documents is not for us either.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::bad_request("The body must be one GraphQL request, a JSON object."));
    }
    let request: Request = serde_json::from_slice(&body)
        .map_err(|error| Problem::bad_request(format!("The body is not a GraphQL request: {error}.")))?;
    let caller = Caller { identity, correlation_id: correlation.as_str().to_owned() };
    Ok(answer(&graphql.schema, request, caller).await)
}

/// `GET /graphql?query=`: queries only, since a link must not change anything.
async fn read(
    Authenticated(identity): Authenticated,
    Extension(graphql): Extension<Graphql>,
    Extension(correlation): Extension<CorrelationId>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut request = async_graphql::http::parse_query_string(&query.unwrap_or_default())
        .map_err(|_| Problem::bad_request("The query string needs query=, a GraphQL document."))?;
    if let Ok(document) = request.parsed_query()
        && document.operations.iter().any(|(_, operation)| operation.node.ty != OperationType::Query)
    {
        return Err(Problem::bad_request("A mutation needs POST."));
    }
    let caller = Caller { identity, correlation_id: correlation.as_str().to_owned() };
    Ok(answer(&graphql.schema, request, caller).await)
}

async fn answer(schema: &Schema, request: Request, caller: Caller) -> Response {
    let response = schema.execute(request_of(schema, request, caller)).await;
    ([(CACHE_CONTROL, "no-store")], Json(response)).into_response()
}

const INDEX: &str = include_str!("page/index.html");
const SCRIPT: &str = include_str!("page/page.js");
const STYLE: &str = include_str!("page/page.css");

/// Nothing comes from elsewhere and nothing goes elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A browser that opens `/graphql` has no token yet: it gets the page, which asks for one.
async fn page_for_browsers(uri: Uri, headers: HeaderMap, request: extract::Request, next: Next) -> Response {
    let wants_html = headers
        .get_all(ACCEPT)
        .iter()
        .any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")));
    if request.method() == Method::GET && wants_html && uri.query().is_none() {
        file("text/html; charset=utf-8", INDEX)
    } else {
        next.run(request).await
    }
}

fn file(media_type: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, media_type), (CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-cache")], text)
        .into_response()
}
