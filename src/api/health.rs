//! Alive, and ready: what a load balancer and an operator ask.

use std::{fmt, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::store::Store;

/// How long the database may take to say that it is there.
const DATABASE_PATIENCE: Duration = Duration::from_secs(2);

/// Whether this instance should get traffic. Cheap to clone.
#[derive(Clone)]
pub struct Readiness {
    store: Store,
    parts: Arc<[(&'static str, Check)]>,
}

type Check = Box<dyn Fn() -> PartState + Send + Sync>;

/// One part of the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    Ok,
    /// Slower or poorer than it should be, but traffic is welcome.
    Degraded,
    /// Traffic should go elsewhere.
    Down,
}

/// The body of `/readyz`.
#[derive(Debug, Serialize, ToSchema)]
struct ReadinessReport {
    ready: bool,
    parts: Vec<PartReport>,
}

#[derive(Debug, Serialize, ToSchema)]
struct PartReport {
    #[schema(value_type = String, example = "database")]
    name: &'static str,
    state: PartState,
}

/// The body of `/healthz`.
#[derive(Debug, Serialize, ToSchema)]
struct Alive {
    alive: bool,
}

impl Readiness {
    /// Ready when the database is.
    pub fn new(store: Store) -> Self {
        Self { store, parts: Arc::new([]) }
    }

    /// Adds parts with a name each, as in `("draining", …)`. A check answers from memory, at once.
    pub fn with_parts(mut self, parts: Vec<(&'static str, Check)>) -> Self {
        self.parts = parts.into();
        self
    }

    async fn report(&self) -> ReadinessReport {
        let database = match timeout(DATABASE_PATIENCE, self.store.check_ready()).await {
            Ok(Ok(())) => PartState::Ok,
            Ok(Err(error)) => {
                tracing::warn!(%error, "The database is not ready.");
                PartState::Down
            }
            Err(_) => {
                tracing::warn!("The database does not answer in time.");
                PartState::Down
            }
        };
        let others = self.parts.iter().map(|(name, check)| PartReport { name, state: check() });
        let parts: Vec<_> =
            std::iter::once(PartReport { name: "database", state: database }).chain(others).collect();
        ReadinessReport { ready: parts.iter().all(|part| part.state != PartState::Down), parts }
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.parts.iter().map(|(name, _)| name)).finish()
    }
}

/// Whether the process answers at all. Asks nothing of anybody.
#[utoipa::path(get, path = "/healthz", tag = "operations", responses((status = 200, body = Alive)))]
pub(super) async fn healthz() -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(Alive { alive: true })).into_response()
}

/// Whether this instance should get traffic: the database answers, the log is verified, it is not draining.
#[utoipa::path(get, path = "/readyz", tag = "operations", responses(
    (status = 200, description = "Ready, perhaps degraded", body = ReadinessReport),
    (status = 503, description = "Not ready; the parts that are `down` say why", body = ReadinessReport),
))]
pub(super) async fn readyz(State(readiness): State<Readiness>) -> Response {
    let report = readiness.report().await;
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(CACHE_CONTROL, "no-store")], Json(report)).into_response()
}
