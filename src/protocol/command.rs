//! What a client asks for over the socket, and the answers.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use ts_rs::TS;

use super::{
    ids::{Epoch, Offset},
    problem::{Code, FieldError, Problem},
    room::{Room, RoomKind},
    timestamp::Timestamp,
};

/// A client's command, parsed and valid. Every one is answered by an acknowledgement.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Subscribe(SubscribeRoom),
    SubscribeMany(Vec<SubscribeRoom>),
    Unsubscribe(Room),
    RefreshToken(String),
    PresenceSubscribe(Room),
    PresenceUnsubscribe(Room),
    Ping,
}

/// How far a client has got in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct Position {
    pub epoch: Epoch,
    pub offset: Offset,
}

/// One room to join, with the position to continue from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct SubscribeRoom {
    pub room: Room,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub position: Option<Position>,
}

/// The payload of `subscribe_many`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct SubscribeMany {
    pub rooms: Vec<SubscribeRoom>,
}

/// The payload of `refresh_token`.
#[derive(Clone, Serialize, Deserialize, TS, JsonSchema)]
pub struct RefreshToken {
    pub token: String,
}

/// The payload of `unsubscribe`, `presence_subscribe` and `presence_unsubscribe`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct RoomRequest {
    pub room: Room,
}

/// What the existing named commands carry: the id under `entityId` or under the entity's own name.
/// Other keys, such as `type`, are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamedRequest {
    entity_id: Option<String>,
    campaign_id: Option<String>,
    settlement_id: Option<String>,
    structure_id: Option<String>,
    position: Option<Position>,
}

/// An acknowledgement. `{ "success": true, … }` or `{ "success": false, "error", "code", … }`.
#[derive(Debug, Clone, Serialize, TS, JsonSchema)]
#[serde(untagged)]
pub enum Ack {
    Subscribed(Subscribed),
    SubscribedMany {
        success: bool,
        results: Vec<Ack>,
    },
    Pong {
        success: bool,
        #[serde(rename = "serverTime")]
        server_time: Timestamp,
    },
    Done {
        success: bool,
    },
    Failed(AckFailure),
}

/// The answer to a join: from here on the connection has every event of the room after `offset`.
#[derive(Debug, Clone, Serialize, TS, JsonSchema)]
pub struct Subscribed {
    pub success: bool,
    pub room: Room,
    pub epoch: Epoch,
    pub offset: Offset,
    /// Whether `events` is everything between the position and `offset`. Never true over a hole.
    pub recovered: bool,
    #[ts(as = "Vec<super::Envelope>")]
    #[schemars(with = "Vec<super::Envelope>")]
    pub events: Vec<Arc<RawValue>>,
}

/// The answer to a command that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AckFailure {
    pub success: bool,
    /// A sentence for people.
    pub error: String,
    pub code: Code,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub room: Option<Room>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub retry_after_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<FieldError>>")]
    pub details: Vec<FieldError>,
}

impl Command {
    /// Every command name, as documentation and the "unknown command" answer list them.
    pub const NAMES: [&'static str; 13] = [
        "subscribe",
        "subscribe_many",
        "unsubscribe",
        "subscribe_campaign",
        "subscribe_settlement",
        "subscribe_structure",
        "unsubscribe_campaign",
        "unsubscribe_settlement",
        "unsubscribe_structure",
        "refresh_token",
        "presence_subscribe",
        "presence_unsubscribe",
        "ping",
    ];

    /// Reads a command from its event name and its first argument (JSON text, if there was one).
    ///
    /// # Errors
    /// `bad_request` that names what was wrong.
    pub fn parse(name: &str, payload: Option<&str>) -> Result<Self, Problem> {
        match name {
            "subscribe" => payload_of(payload).map(Self::Subscribe),
            "subscribe_many" => {
                payload_of::<SubscribeMany>(payload).map(|many| Self::SubscribeMany(many.rooms))
            }
            "unsubscribe" => payload_of::<RoomRequest>(payload).map(|r| Self::Unsubscribe(r.room)),
            "refresh_token" => payload_of::<RefreshToken>(payload).map(|r| Self::RefreshToken(r.token)),
            "presence_subscribe" => {
                payload_of::<RoomRequest>(payload).map(|r| Self::PresenceSubscribe(r.room))
            }
            "presence_unsubscribe" => {
                payload_of::<RoomRequest>(payload).map(|r| Self::PresenceUnsubscribe(r.room))
            }
            "ping" => Ok(Self::Ping),
            _ => Self::parse_named(name, payload),
        }
    }

    fn parse_named(name: &str, payload: Option<&str>) -> Result<Self, Problem> {
        let unknown = || {
            let name: String = name.chars().take(64).collect();
            Problem::bad_request(format!(
                "Unknown command '{name}'. Commands are: {}.",
                Self::NAMES.join(", ")
            ))
        };
        let (verb, kind) = name.split_once('_').ok_or_else(unknown)?;
        let kind = match RoomKind::from_name(kind) {
            Some(kind @ (RoomKind::Campaign | RoomKind::Settlement | RoomKind::Structure)) => kind,
            Some(RoomKind::Session | RoomKind::User | RoomKind::Instances) | None => return Err(unknown()),
        };
        match verb {
            "subscribe" => {
                let request: NamedRequest = payload_of(payload)?;
                let room = request.room(kind)?;
                Ok(Self::Subscribe(SubscribeRoom { room, position: request.position }))
            }
            "unsubscribe" => Ok(Self::Unsubscribe(payload_of::<NamedRequest>(payload)?.room(kind)?)),
            _ => Err(unknown()),
        }
    }
}

impl NamedRequest {
    fn room(&self, kind: RoomKind) -> Result<Room, Problem> {
        let (own, field) = match kind {
            RoomKind::Campaign => (&self.campaign_id, "campaignId"),
            RoomKind::Settlement => (&self.settlement_id, "settlementId"),
            RoomKind::Structure => (&self.structure_id, "structureId"),
            RoomKind::Session | RoomKind::User | RoomKind::Instances => (&None, "entityId"),
        };
        let id = self.entity_id.as_ref().or(own.as_ref()).ok_or_else(|| {
            Problem::invalid_field("entityId", format!("give the id as entityId or as {field}"))
        })?;
        kind.room(id).map_err(|e| Problem::invalid_field(field, e.to_string()))
    }
}

fn payload_of<T: DeserializeOwned>(payload: Option<&str>) -> Result<T, Problem> {
    let payload = payload.ok_or_else(|| Problem::bad_request("The command needs a payload object."))?;
    serde_json::from_str(payload).map_err(|e| Problem::bad_request(format!("The payload is not valid: {e}")))
}

impl Ack {
    /// Success without anything to say.
    pub const fn done() -> Self {
        Self::Done { success: true }
    }

    /// The answer to a command that was refused. `room` names the part of a `subscribe_many` that was.
    pub fn failed(problem: Problem, room: Option<Room>) -> Self {
        Self::Failed(AckFailure {
            success: false,
            error: problem.detail,
            code: problem.code,
            room,
            retry_after_ms: problem.retry_after.map(|delay| delay.as_millis() as u64),
            details: problem.details,
        })
    }
}
