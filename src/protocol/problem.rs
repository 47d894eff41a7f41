//! What went wrong, in one shape for acks, HTTP bodies (RFC 9457) and GraphQL errors.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Why something was refused. The wire names are fixed; each belongs to one HTTP status.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS, JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Absent or not permitted to be seen: the two look the same.
    NotFound,
    /// The room is visible to the caller, the act is not allowed.
    Forbidden,
    BadRequest,
    RateLimited,
    LimitExceeded,
    /// The entity has changed since the version that the caller expected.
    Conflict,
    /// A part the server needs does not answer; try again.
    Unavailable,
    Internal,
    TokenMissing,
    TokenInvalid,
    TokenExpired,
    TokenRevoked,
    /// The user has as many connections as one user may have.
    ConnectionLimit,
    ServerBusy,
    ServerDraining,
    OriginDenied,
    /// The log no longer holds the events that were asked for.
    HistoryTrimmed,
}

/// A refusal with what its reader needs: a sentence for people, a code for programs.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    pub code: Code,
    /// A sentence that says what was wrong and, where the caller can do something, what.
    pub detail: String,
    /// Which inputs were wrong and why, for `bad_request`.
    pub details: Vec<FieldError>,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
    /// The versions that differ, for `conflict`.
    pub versions: Option<VersionConflict>,
}

/// One wrong input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema, utoipa::ToSchema)]
pub struct FieldError {
    /// The path of the input, as in `rooms[2].position.offset`.
    pub field: String,
    pub message: String,
}

/// The version the caller expected and the one the entity has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema, utoipa::ToSchema)]
pub struct VersionConflict {
    #[ts(type = "number")]
    pub expected: u64,
    #[ts(type = "number")]
    pub actual: u64,
}

impl Code {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Forbidden => "forbidden",
            Self::BadRequest => "bad_request",
            Self::RateLimited => "rate_limited",
            Self::LimitExceeded => "limit_exceeded",
            Self::Conflict => "conflict",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
            Self::TokenMissing => "token_missing",
            Self::TokenInvalid => "token_invalid",
            Self::TokenExpired => "token_expired",
            Self::TokenRevoked => "token_revoked",
            Self::ConnectionLimit => "connection_limit",
            Self::ServerBusy => "server_busy",
            Self::ServerDraining => "server_draining",
            Self::OriginDenied => "origin_denied",
            Self::HistoryTrimmed => "history_trimmed",
        }
    }

    /// The HTTP status that carries this code.
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::TokenMissing | Self::TokenInvalid | Self::TokenExpired | Self::TokenRevoked => 401,
            Self::Forbidden | Self::OriginDenied => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::HistoryTrimmed => 410,
            Self::LimitExceeded => 413,
            Self::RateLimited | Self::ConnectionLimit => 429,
            Self::Internal => 500,
            Self::Unavailable | Self::ServerBusy | Self::ServerDraining => 503,
        }
    }
}

/// The body of an HTTP error: RFC 9457, `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemDocument {
    /// Always `about:blank`: the code says what kind of problem it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code in words.
    pub title: String,
    pub status: u16,
    /// A sentence for people.
    pub detail: String,
    pub code: Code,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<FieldError>>")]
    pub details: Vec<FieldError>,
    /// When trying again makes sense, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub retry_after_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub versions: Option<VersionConflict>,
}

impl Problem {
    /// The problem as the body of an HTTP answer.
    pub fn document(&self) -> ProblemDocument {
        ProblemDocument {
            kind: "about:blank".into(),
            title: self.code.name().replace('_', " "),
            status: self.code.status(),
            detail: self.detail.clone(),
            code: self.code,
            details: self.details.clone(),
            retry_after_ms: self.retry_after.map(|delay| delay.as_millis() as u64),
            versions: self.versions,
        }
    }

    /// A problem with a sentence of its own.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), details: Vec::new(), retry_after: None, versions: None }
    }

    /// Absent, or not the caller's to see. One text for both, so that the answer tells nothing.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "There is nothing here that you may see.")
    }

    /// Visible, but the act needs a stronger role.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(Code::Forbidden, detail)
    }

    /// An input that cannot be accepted.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, detail)
    }

    /// One named input that cannot be accepted.
    pub fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        let mut problem = Self::bad_request(format!("{field}: {message}"));
        problem.details.push(FieldError { field, message });
        problem
    }

    /// A dependency did not answer in time. `retry_after` is a hint for the caller.
    pub fn unavailable() -> Self {
        let mut problem =
            Self::new(Code::Unavailable, "The server cannot do this right now; try again shortly.");
        problem.retry_after = Some(Duration::from_secs(1));
        problem
    }

    /// A fault of ours. What it was stands in the log, never in the answer.
    pub fn internal() -> Self {
        Self::new(Code::Internal, "Something went wrong on the server.")
    }

    /// The entity is at `actual`, the caller expected `expected`.
    pub fn conflict(expected: u64, actual: u64) -> Self {
        let mut problem = Self::new(
            Code::Conflict,
            format!(
                "The entity is at version {actual}, not {expected}: read it again and repeat the change."
            ),
        );
        problem.versions = Some(VersionConflict { expected, actual });
        problem
    }

    /// The same problem with the time after which trying again makes sense.
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }
}
