//! HTTP: REST, GraphQL, health, documentation and the first page.
//!
//! Owns everything on the listener that is not Socket.IO, and the admin listener. Promises that every
//! error is a problem document, that no body is read beyond its limits, that every request has an id
//! which is found again in the logs and in the events it caused, and that no token reaches a log.
//!
//! To add a route: a handler with `#[utoipa::path]` that parses, requires, calls one service and
//! answers; its name in `routes`; then `docs/openapi.json` is out of date and a test says how to
//! write it again.

mod admin;
mod authenticated;
mod body;
mod events;
pub mod graphql;
mod health;
mod history;
mod observe;
mod openapi;
mod problem;
#[expect(dead_code, reason = "describes bodies that are parsed or written elsewhere")]
mod schema;
mod site;
#[cfg(test)]
mod tests;
mod tokens;
mod users;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::from_fn_with_state,
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{AllowOrigin, CorsLayer},
    sensitive_headers::SetSensitiveRequestHeadersLayer,
    set_header::SetResponseHeaderLayer,
};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use admin::admin_router;
pub use authenticated::Authenticated;
pub use health::{PartState, Readiness};
pub use observe::CorrelationId;

use self::{
    body::BodyLimits,
    graphql::{Graphql, SchemaOptions},
};
use crate::{
    access::{Signer, Verifier},
    clock::Clock,
    store::Store,
    users::Users,
    world::World,
};

/// What the handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    pub store: Store,
    pub world: World,
    pub users: Users,
    pub verifier: Verifier,
    pub signer: Signer,
    pub clock: Clock,
    pub readiness: Readiness,
    pub options: Arc<ApiOptions>,
}

/// What the operator says about the HTTP surface.
#[derive(Debug, Clone)]
pub struct ApiOptions {
    /// Origins whose pages may call, as in `https://app.example`; `*` alone allows every one.
    pub allowed_origins: Vec<String>,
    /// Whether `POST /api/dev/login` exists: never in production.
    pub dev_login: bool,
    /// Whether browsers get a page at `/graphql` and the schema describes itself: not in production.
    pub graphiql: bool,
    /// The largest body, in bytes.
    pub max_body: usize,
    /// The largest body of `POST /api/events`, in bytes.
    pub max_events_body: usize,
    /// The deepest nesting of a JSON body.
    pub max_json_depth: usize,
    /// How long a request may take before it is ended with `unavailable`.
    pub request_timeout: Duration,
}

impl Default for ApiOptions {
    /// As in production: no foreign origins, no development login, no GraphiQL; 64 KiB, 1 MiB for events,
    /// 32 levels, 15 seconds.
    fn default() -> Self {
        Self {
            allowed_origins: Vec::new(),
            dev_login: false,
            graphiql: false,
            max_body: 64 * 1_024,
            max_events_body: 1_024 * 1_024,
            max_json_depth: 32,
            request_timeout: Duration::from_secs(15),
        }
    }
}

impl FromRef<ApiState> for Verifier {
    fn from_ref(state: &ApiState) -> Self {
        state.verifier.clone()
    }
}

impl FromRef<ApiState> for Readiness {
    fn from_ref(state: &ApiState) -> Self {
        state.readiness.clone()
    }
}

/// Everything that clients and browsers reach over HTTP.
pub fn router(state: ApiState) -> Router {
    let options = Arc::clone(&state.options);
    let (routes, document) = routes(&options).split_for_parts();
    let graphql = graphql_routes(state.world.clone(), &options);
    let routes = routes
        .merge(graphql)
        .with_state(state.clone())
        .merge(openapi::routes(document))
        .merge(site::routes(&options));
    dress(routes, state.clock, &options)
}

/// The description of the surface, with every route that any settings may turn on.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes(&ApiOptions { dev_login: true, ..ApiOptions::default() }).into_openapi()
}

fn routes(options: &ApiOptions) -> OpenApiRouter<ApiState> {
    let small = BodyLimits { size: options.max_body, depth: options.max_json_depth };
    let large = BodyLimits { size: options.max_events_body, ..small };
    let mut routes = OpenApiRouter::with_openapi(openapi::Description::openapi())
        .routes(routes!(tokens::ws_token))
        .routes(routes!(history::room_events))
        .routes(routes!(users::revoke))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz));
    if options.dev_login {
        routes = routes.routes(routes!(tokens::dev_login));
    }
    let routes = routes.route_layer(from_fn_with_state(small, body::bounded));
    let batches = OpenApiRouter::new().routes(routes!(events::publish));
    routes.merge(batches.route_layer(from_fn_with_state(large, body::bounded)))
}

/// `/graphql`, with the bodies bounded like every other.
fn graphql_routes(world: World, options: &ApiOptions) -> Router<ApiState> {
    let limits = BodyLimits { size: options.max_body, depth: options.max_json_depth };
    let schema = SchemaOptions { introspection: options.graphiql, ..Default::default() };
    let graphql = Graphql { schema: graphql::schema(world, schema), page: options.graphiql };
    graphql::router(graphql).route_layer(from_fn_with_state(limits, body::bounded))
}

/// What every answer passes through, from the inside out: a bound on time, a net for panics, the
/// rules for foreign pages, headers for browsers, and the request's id and span around all of it.
fn dress(routes: Router, clock: Clock, options: &ApiOptions) -> Router {
    let header = |name: HeaderName, value| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    routes
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method)
        // The limits above apply instead, with answers in our shape.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(options.request_timeout, observe::in_time))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(cors(&options.allowed_origins))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::X_FRAME_OPTIONS, "DENY"))
        .layer(header(header::REFERRER_POLICY, "no-referrer"))
        .layer(header(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))
        .layer(from_fn_with_state(clock, observe::observe))
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION, header::COOKIE]))
}

/// Pages of these origins may read answers. Without credentials: a token is sent by script, never by
/// the browser on its own.
fn cors(origins: &[String]) -> CorsLayer {
    let origins = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, observe::X_REQUEST_ID])
        .expose_headers([header::RETRY_AFTER, observe::X_REQUEST_ID])
        .max_age(Duration::from_secs(600))
}
