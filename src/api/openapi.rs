//! The description of the HTTP surface, and its page.

use axum::{
    Router,
    http::{HeaderValue, header},
    routing::get,
};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::schema;
use crate::protocol::ProblemDocument;

/// The parts that are not taken from the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Fanfare",
        description = "State that lives on a server, true on every screen. The world's queries and mutations are \
            GraphQL at `/graphql`; live events come over Socket.IO at `/socket.io/`.\n\n\
            Every error is a problem document (RFC 9457) with a `code`. `X-Request-Id` names a request: sent, it is \
            kept; absent, it is made; it stands in the logs and in the metadata of the events that the request causes.",
        license(name = "MIT OR Apache-2.0"),
    ),
    components(schemas(ProblemDocument, schema::Envelope)),
    tags(
        (name = "tokens", description = "Tickets for the handshake"),
        (name = "events", description = "The log: reading it, and publishing into it"),
        (name = "users", description = "What operators do about users"),
        (name = "operations", description = "What load balancers and operators ask"),
    ),
    modifiers(&Bearer),
)]
pub(super) struct Description;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", SecurityScheme::Http(scheme));
        // The version of the surface is the version of the contract, so that the document does not
        // change with every release.
        document.info.version = format!("v{}", crate::protocol::PROTOCOL_VERSION);
    }
}

/// The page's own files only. Its script sets styles of elements, which 'self' alone would refuse.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `/api/openapi.json` and the page at `/api/docs`, from files in the binary.
pub(super) fn routes(document: utoipa::openapi::OpenApi) -> Router {
    let text: axum::body::Bytes = serde_json::to_vec(&document).unwrap_or_default().into();
    let serve = move || {
        let text = text.clone();
        async move { ([("content-type", "application/json")], text) }
    };
    let page = SwaggerUi::new("/api/docs").config(Config::from("/api/openapi.json").try_it_out_enabled(true));
    let policy =
        SetResponseHeaderLayer::overriding(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Router::new().route("/api/openapi.json", get(serve)).merge(Router::from(page).layer(policy))
}
