//! Tokens over HTTP: tickets for the handshake, and the login of a developer's machine.

use std::time::Duration;

use axum::{
    Json as JsonAnswer,
    extract::State,
    http::header::CACHE_CONTROL,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ApiState, authenticated::Authenticated, body::Json};
use crate::{
    access::{NewToken, Scopes, SigningError, TokenProblem},
    protocol::{Problem, ProblemDocument, Timestamp, UserId},
};

/// How long a development token lives: a working day.
const DEV_TOKEN_TTL: Duration = Duration::from_secs(12 * 3_600);

/// A token with its end.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenAnswer {
    token: String,
    #[schema(value_type = String, format = DateTime, example = "2026-11-20T10:17:00.000Z")]
    expires_at: Timestamp,
}

/// Who to be, on a developer's machine.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DevLogin {
    #[schema(value_type = String, example = "ada")]
    user_id: UserId,
    /// The name to show.
    #[serde(default)]
    name: Option<String>,
}

/// A ticket for the handshake of a browser, which cannot send headers: `?token=` accepts only this.
///
/// It is good for one connection within 90 seconds; the connection lives as long as the token that
/// the ticket was asked for with.
#[utoipa::path(post, path = "/api/ws/token", tag = "tokens", security(("bearer" = [])), responses(
    (status = 200, body = TokenAnswer),
    (status = 401, description = "No valid token", body = ProblemDocument),
))]
pub(super) async fn ws_token(
    State(state): State<ApiState>,
    Authenticated(identity): Authenticated,
) -> Result<Response, Problem> {
    // Accepted with leeway, but a ticket that has ended already is of no use to anybody.
    if identity.expires_at() <= state.clock.now().into() {
        return Err(TokenProblem::Expired.into());
    }
    Ok(answer(state.signer.ticket(&identity).map_err(unsigned)?))
}

/// A token for anybody who asks. Development only: the route does not exist otherwise.
#[utoipa::path(post, path = "/api/dev/login", tag = "tokens", request_body = DevLogin, responses(
    (status = 200, body = TokenAnswer),
    (status = 400, description = "The user id is not one", body = ProblemDocument),
))]
pub(super) async fn dev_login(
    State(state): State<ApiState>,
    Json(login): Json<DevLogin>,
) -> Result<Response, Problem> {
    let DevLogin { user_id, name } = login;
    let token = NewToken { user_id, name, scopes: Scopes::default(), ttl: DEV_TOKEN_TTL };
    Ok(answer(state.signer.mint(&token).map_err(unsigned)?))
}

fn answer((token, expires_at): (String, Timestamp)) -> Response {
    ([(CACHE_CONTROL, "no-store")], JsonAnswer(TokenAnswer { token, expires_at })).into_response()
}

fn unsigned(error: SigningError) -> Problem {
    tracing::error!(%error, "A token could not be signed.");
    Problem::internal()
}
