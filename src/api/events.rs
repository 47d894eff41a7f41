//! Events of other services: a rules engine, a scheduler.

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State,
    http::header::CACHE_CONTROL,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ApiState, authenticated::Authenticated, observe::CorrelationId, schema};
use crate::{
    access::Scope,
    protocol::{EventId, Offsets, Problem, ProblemDocument},
    world::{
        Request,
        events::{Incoming, Published},
    },
};

/// What became of the events, in the order in which they were sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PublishedAnswer {
    results: Vec<PublishedEvent>,
}

/// What became of one event.
#[derive(Debug, Serialize, ToSchema)]
struct PublishedEvent {
    #[schema(value_type = String)]
    id: EventId,
    /// Its place in every room it was sent to.
    #[schema(value_type = BTreeMap<String, u64>)]
    offsets: Offsets,
    /// The id was recorded before, at these offsets; nothing was recorded now.
    duplicate: bool,
}

/// Records events of another service and publishes them. Needs the scope `events:publish`.
///
/// All of a batch is recorded or nothing. After a failure that leaves open which, sending it again with the same
/// ids is harmless.
#[utoipa::path(post, path = "/api/events", tag = "events", security(("bearer" = [])),
    request_body = schema::NewEvents, responses(
        (status = 200, body = PublishedAnswer),
        (status = 400, description = "An event is not valid; `details` names each, and nothing was recorded", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks the scope", body = ProblemDocument),
        (status = 413, description = "The body is too large", body = ProblemDocument),
    ))]
pub(super) async fn publish(
    State(state): State<ApiState>,
    Authenticated(identity): Authenticated,
    Extension(correlation): Extension<CorrelationId>,
    body: Bytes,
) -> Result<Response, Problem> {
    // Before a batch of a megabyte is parsed for somebody who may not send one.
    identity.require_scope(Scope::EventsPublish)?;
    let events = Incoming::parse(&body)?;
    let request = Request::api(correlation.as_str());
    let results = state.world.publish_events(&identity, events, &request).await?;
    let answer = PublishedAnswer { results: results.into_iter().map(PublishedEvent::from).collect() };
    Ok(([(CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

impl From<Published> for PublishedEvent {
    fn from(published: Published) -> Self {
        let Published { id, offsets, duplicate } = published;
        Self { id, offsets, duplicate }
    }
}
