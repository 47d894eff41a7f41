//! Scalars and enums: the GraphQL spelling of protocol and world values.

use async_graphql::{Enum, ID, InputValueError, InputValueResult, Scalar, ScalarType, Value};

use crate::{
    protocol::{self, InvalidId, Problem, Timestamp},
    world::{entity::Variables, rules},
};

/// An instant, RFC 3339 in UTC with milliseconds: `2026-11-20T10:15:30.123Z`. World time is written the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant(pub Timestamp);

#[Scalar(name = "Instant", specified_by_url = "https://datatracker.ietf.org/doc/html/rfc3339")]
impl ScalarType for Instant {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => text.parse().map(Self).map_err(InputValueError::custom),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(_))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A JSON object.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonObject(pub Variables);

#[Scalar(name = "JSONObject")]
impl ScalarType for JsonObject {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value.into_json() {
            Ok(serde_json::Value::Object(map)) => Ok(Self(map)),
            Ok(_) | Err(_) => Err(InputValueError::custom("expected a JSON object")),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::Object(_))
    }

    fn to_value(&self) -> Value {
        Value::from_json(serde_json::Value::Object(self.0.clone())).unwrap_or_default()
    }
}

/// What a member may do in a campaign; each role may do what the weaker ones may. Strongest last.
#[derive(Debug, Enum, Copy, Clone, PartialEq, Eq)]
#[graphql(remote = "protocol::Role")]
pub enum Role {
    /// Sees the campaign and everything in it.
    Viewer,
    /// Changes settlements and builds in them.
    Player,
    /// Changes the campaign, founds and deletes settlements, moves the clock.
    Gm,
    /// Decides who is a member; deletes the campaign.
    Owner,
}

/// A unit of world time: fixed lengths, a day is 24 hours.
#[derive(Debug, Enum, Copy, Clone, PartialEq, Eq)]
#[graphql(remote = "protocol::TimeUnit")]
pub enum TimeUnit {
    Minutes,
    Hours,
    Days,
    Weeks,
}

/// What a structure is for.
#[derive(Debug, Enum, Copy, Clone, PartialEq, Eq)]
#[graphql(remote = "rules::StructureKind")]
pub enum StructureKind {
    Wall,
    Barracks,
    Tower,
    House,
    Warehouse,
    Farm,
    Market,
    Workshop,
    Temple,
    Harbor,
}

/// How much an invalidation covers.
#[derive(Debug, Enum, Copy, Clone, PartialEq, Eq)]
#[graphql(remote = "protocol::InvalidationScope")]
pub enum InvalidationScope {
    /// Everything in the campaign.
    Campaign,
    /// The listed entities.
    Entity,
}

/// What an entity is.
#[derive(Debug, Enum, Copy, Clone, PartialEq, Eq)]
#[graphql(remote = "protocol::EntityKind")]
pub enum EntityKind {
    Campaign,
    Settlement,
    Structure,
    Location,
    Encounter,
    Event,
    Character,
    Item,
}

/// Reads the argument `field` as an id of the wanted kind.
///
/// # Errors
/// `bad_request` that names the argument.
pub(super) fn id<T: std::str::FromStr<Err = InvalidId>>(field: &str, text: &ID) -> Result<T, Problem> {
    text.parse().map_err(|error: InvalidId| Problem::invalid_field(field, error.to_string()))
}
