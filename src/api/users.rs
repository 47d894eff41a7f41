//! What operators do about users.

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, State, rejection::PathRejection},
    http::header::CACHE_CONTROL,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ApiState, authenticated::Authenticated, observe::CorrelationId, problem::bad_path};
use crate::{
    access::Scope,
    protocol::{Metadata, Problem, ProblemDocument, Timestamp, UserId},
    users::{NewRevocation, Revoked},
};

/// What to revoke; an empty body revokes every token there is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RevocationOrder {
    /// For the operators' records, at most 500 characters.
    reason: Option<String>,
    /// Tokens that were issued at or before it are refused. Now when absent; at most a day ahead.
    #[schema(value_type = Option<String>, format = DateTime)]
    not_before: Option<Timestamp>,
}

/// What is in force for the user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RevocationAnswer {
    #[schema(value_type = String, example = "mallory")]
    user_id: UserId,
    /// Tokens that were issued at or before it are refused.
    #[schema(value_type = String, format = DateTime)]
    not_before: Timestamp,
}

/// Ends a user's access: logout everywhere, or a ban. Needs the scope `admin`.
///
/// The user's connections close on every instance, and every token that was issued at or before
/// `notBefore`, or does not say when, is refused with `token_revoked`: on connect and on every request. A
/// newer token works; to keep somebody out, stop issuing tokens first. A repetition moves the instant on,
/// never back.
#[utoipa::path(post, path = "/api/users/{id}/revoke", tag = "users", security(("bearer" = [])),
    params(("id" = String, Path, description = "The user's id", example = "mallory")),
    request_body(content = Option<RevocationOrder>), responses(
        (status = 200, body = RevocationAnswer),
        (status = 400, description = "The user's id or the body is not valid", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks the scope", body = ProblemDocument),
    ))]
pub(super) async fn revoke(
    State(state): State<ApiState>,
    Authenticated(identity): Authenticated,
    Extension(correlation): Extension<CorrelationId>,
    id: Result<Path<String>, PathRejection>,
    body: Bytes,
) -> Result<Response, Problem> {
    identity.require_scope(Scope::Admin)?;
    let Path(id) = id.map_err(bad_path)?;
    let user_id: UserId = id.parse().map_err(|e| Problem::invalid_field("id", format!("{e}")))?;
    let order: RevocationOrder = match body.trim_ascii() {
        [] => RevocationOrder::default(),
        text => serde_json::from_slice(text)
            .map_err(|e| Problem::bad_request(format!("The body is not valid: {e}.")))?,
    };
    let origin = Metadata {
        user_id: identity.user_id().clone(),
        source: "api".to_owned(),
        correlation_id: correlation.as_str().to_owned(),
        request_id: None,
    };
    let RevocationOrder { reason, not_before } = order;
    let revocation = NewRevocation { user_id, not_before, reason };
    let Revoked { user_id, not_before } = state.users.revoke(&identity, revocation, origin).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(RevocationAnswer { user_id, not_before })).into_response())
}
