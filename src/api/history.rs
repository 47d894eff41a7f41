//! The log over HTTP: for clients that poll, and for catching up.

use std::sync::Arc;

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::header::CACHE_CONTROL,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::{
    ApiState,
    authenticated::Authenticated,
    problem::{bad_path, bad_query},
};
use crate::{
    access::{Action, Grant},
    protocol::{Code, Epoch, Offset, Problem, ProblemDocument, Room},
    store::{Page, RoomState},
};

/// The most events in one answer.
const MAX_EVENTS: u32 = 300;

/// Which part of the log to read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Window {
    /// The epoch that `after` was counted in. When the log has another one, the answer is 410.
    #[param(value_type = Option<String>)]
    epoch: Option<Epoch>,
    /// The offset of the last event that the caller has; 0, the default, for none.
    #[serde(default)]
    #[param(value_type = Option<u64>, minimum = 0)]
    after: Offset,
    /// The most events to answer, at most 300; 100 when absent. With 0 the answer only says where the log
    /// ends, whatever `after` is: the position to start from for a client that reads the state next.
    #[serde(default = "default_limit")]
    #[param(value_type = Option<u32>, minimum = 0, maximum = 300)]
    limit: u32,
}

const fn default_limit() -> u32 {
    100
}

/// A part of a room's log. The caller has everything when the last event's offset is `head`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct History {
    #[schema(value_type = String)]
    epoch: Epoch,
    #[schema(value_type = String, example = "campaign:0193a5b2-0000-7000-8000-000000000001")]
    room: Room,
    /// The offset of the room's last event.
    #[schema(value_type = u64)]
    head: Offset,
    /// The envelopes, exactly as they are delivered over the socket.
    #[schema(value_type = Vec<super::schema::Envelope>)]
    events: Vec<Arc<RawValue>>,
}

/// The room's events after an offset, in order and without a hole.
#[utoipa::path(get, path = "/api/rooms/{room}/events", tag = "events", security(("bearer" = [])),
    params(("room" = String, Path, description = "As in `campaign:{id}`"), Window),
    responses(
        (status = 200, body = History),
        (status = 400, description = "No room, or a limit out of bounds", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 404, description = "Absent, or not the caller's to see", body = ProblemDocument),
        (status = 410, description = "`history_trimmed`: the log no longer holds the start; read the state again", body = ProblemDocument),
    ))]
pub(super) async fn room_events(
    State(state): State<ApiState>,
    Authenticated(identity): Authenticated,
    room: Result<Path<String>, PathRejection>,
    from: Result<Query<Window>, QueryRejection>,
) -> Result<Response, Problem> {
    let Path(room) = room.map_err(bad_path)?;
    let Query(from) = from.map_err(bad_query)?;
    let room: Room = room.parse().map_err(|e| Problem::invalid_field("room", format!("{e}")))?;
    if from.limit > MAX_EVENTS {
        return Err(Problem::invalid_field("limit", format!("must be at most {MAX_EVENTS}")));
    }
    let grant = state.world.access().require(&identity, &room, Action::View).await?;
    let page = state.store.page_of_room(&room, from.after, from.limit).await?;
    // The page is of a later instant than the permission, and may hold what follows the caller's removal.
    state.world.access().require(&identity, &room, Action::View).await?;
    let page = page.unwrap_or_else(|| nothing_yet(&state, &grant));
    if from.limit > 0 {
        from.continues(&page)?;
    }
    let events = page.events.iter().map(|event| Arc::clone(&event.json)).collect();
    let history = History { epoch: page.epoch, room, head: page.state.head, events };
    Ok(([(CACHE_CONTROL, "no-store")], Json(history)).into_response())
}

/// A user's own room exists before its first event, without a trace in the log.
fn nothing_yet(state: &ApiState, grant: &Grant) -> Page {
    let room =
        RoomState { root: grant.root().clone(), head: Offset::START, floor: Offset::START, closed: false };
    Page { epoch: state.store.epoch(), state: room, events: Vec::new() }
}

impl Window {
    /// Checks that what follows `after` in this log is what the caller misses.
    fn continues(&self, page: &Page) -> Result<(), Problem> {
        let trimmed = |detail: String| Problem::new(Code::HistoryTrimmed, detail + " Read the state again.");
        let Page { epoch, state, .. } = page;
        if self.epoch.as_ref().is_some_and(|given| given != epoch) {
            return Err(trimmed(format!(
                "The log has a new epoch, {epoch}; offsets of another one mean nothing in it."
            )));
        }
        if self.after < state.floor {
            return Err(trimmed(format!(
                "The log holds the events after {}, not those after {}.",
                state.floor, self.after
            )));
        }
        if self.after > state.head {
            return Err(trimmed(format!("The log ends at {}, before {}.", state.head, self.after)));
        }
        Ok(())
    }
}
