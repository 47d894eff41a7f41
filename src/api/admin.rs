//! The admin listener: metrics for the operator, on an address of its own.

use axum::{Router, extract::State, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};

use super::{
    health::{Readiness, healthz, readyz},
    problem,
};

/// `GET /metrics`, and health once more for operators who let nobody else ask. `metrics` renders the
/// Prometheus text.
pub fn admin_router<R>(metrics: R, readiness: Readiness) -> Router
where
    R: Fn() -> String + Clone + Send + Sync + 'static,
{
    Router::new()
        .route("/metrics", get(render::<R>))
        .with_state(metrics)
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(readiness)
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method)
}

async fn render<R: Fn() -> String>(State(metrics): State<R>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics())
}
