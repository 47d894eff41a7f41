//! What the server says to one connection outside every log: no offsets, never repeated.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{
    ids::{ConnectionId, Epoch, Offset, UserId},
    problem::Code,
    room::Room,
    timestamp::Timestamp,
};

/// A message to one connection, outside every log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(untagged)]
pub enum Notice {
    Welcome(Welcome),
    Unsubscribed(Unsubscribed),
    RoomStateInvalidated(RoomStateInvalidated),
    Heads(Heads),
    TokenExpiring(TokenExpiring),
    Draining(Draining),
    Presence(Presence),
}

/// The first event after CONNECT.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Welcome {
    pub protocol: u32,
    pub connection_id: ConnectionId,
    pub user_id: UserId,
    pub epoch: Epoch,
    pub server_time: Timestamp,
    pub token_expires_at: Timestamp,
    pub reconnect: ReconnectPolicy,
}

/// How a client should come back: full jitter over a delay that doubles from `minMs` to `maxMs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReconnectPolicy {
    pub min_ms: u32,
    pub max_ms: u32,
    pub jitter: bool,
    /// After so many attempts a client shows the failure and tries only slowly.
    pub max_attempts: u32,
}

/// The server took the connection out of a room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct Unsubscribed {
    pub room: Room,
    pub code: UnsubscribeCode,
}

/// Why the server took a connection out of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnsubscribeCode {
    MembershipRevoked,
    Deleted,
}

/// Continuity of a joined room cannot be proved: read its state again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct RoomStateInvalidated {
    pub room: Room,
    pub reason: StaleReason,
}

/// Why continuity cannot be proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StaleReason {
    /// The log was trimmed before this instance could read what it missed.
    HistoryTrimmed,
    /// The log is a new one: the database was rebuilt or restored.
    EpochChanged,
    /// The instance could not compare its heads with the database for too long.
    Unverified,
}

/// The heads of the rooms that the connection has joined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct Heads {
    pub epoch: Epoch,
    pub rooms: BTreeMap<Room, Offset>,
}

/// The token ends soon: send `refresh_token`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenExpiring {
    pub expires_at: Timestamp,
}

/// The instance is going away: reconnect after the delay, which differs per connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Draining {
    pub reconnect_after_ms: u32,
}

/// Who is there. `members` is the whole list, at the start; `joined` and `left` are differences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct Presence {
    pub room: Room,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub joined: Option<Vec<UserId>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub left: Option<Vec<UserId>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub members: Option<Vec<UserId>>,
}

impl Notice {
    /// The Socket.IO event name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Welcome(_) => "welcome",
            Self::Unsubscribed(_) => "unsubscribed",
            Self::RoomStateInvalidated(_) => "room_state_invalidated",
            Self::Heads(_) => "heads",
            Self::TokenExpiring(_) => "token_expiring",
            Self::Draining(_) => "draining",
            Self::Presence(_) => "presence",
        }
    }
}

impl UnsubscribeCode {
    /// The code that a later attempt to join the room is refused with.
    pub const fn refusal(self) -> Code {
        match self {
            Self::MembershipRevoked | Self::Deleted => Code::NotFound,
        }
    }
}
