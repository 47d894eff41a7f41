//! The typed facts. One variant of [`Event`] is one event name on the wire.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use smallvec::{SmallVec, smallvec};
use ts_rs::TS;

use super::{
    ids::{CampaignId, SettlementId, StructureId, UserId},
    room::{Role, Room, Root},
    time_span::TimeSpan,
    timestamp::Timestamp,
};

/// A fact that a committed change produced. Its serde form is `{ "type": …, "payload": … }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(tag = "type", content = "payload", rename_all = "snake_case")]
pub enum Event {
    EntityUpdated(EntityUpdated),
    SettlementUpdated(SettlementUpdated),
    StructureUpdated(StructureUpdated),
    WorldTimeChanged(WorldTimeChanged),
    StateInvalidated(StateInvalidated),
    MembershipChanged(MembershipChanged),
    /// For the instances alone, and so no part of what a client can see.
    #[ts(skip)]
    #[schemars(skip)]
    AccessRevoked(AccessRevoked),
}

/// The name of an event on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventType {
    EntityUpdated,
    SettlementUpdated,
    StructureUpdated,
    WorldTimeChanged,
    StateInvalidated,
    MembershipChanged,
    #[ts(skip)]
    #[schemars(skip)]
    AccessRevoked,
}

/// What an event changes about who receives the events after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The user's connections leave every room of the root.
    MemberRemoved(UserId),
    /// The room has no further events; everybody leaves it. When it is the root, every room of the family.
    RoomClosed(Room),
    /// The user's tokens that were issued at or before the instant are refused, and connections that were
    /// opened with them end, on every instance.
    AccessRevoked { user: UserId, not_before: Timestamp },
}

/// What happened to an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    Create,
    Update,
    Delete,
}

/// What an entity is. Only campaigns, settlements and structures have rooms of their own; the others
/// belong to services outside and reach the campaign's room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
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

/// Any entity of a campaign was created, changed or deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
pub struct EntityUpdated {
    #[garde(skip)]
    pub entity_type: EntityKind,
    /// 1 to 64 characters; a campaign, settlement or structure id when the entity is one.
    #[garde(length(min = 1, max = 64))]
    pub entity_id: String,
    #[garde(skip)]
    pub campaign_id: CampaignId,
    #[garde(skip)]
    pub operation: Operation,
    /// The entity's own version after the change: a cache ignores one that is not newer than what it holds.
    #[garde(range(max = 9_007_199_254_740_991_u64))]
    #[ts(type = "number")]
    pub version: u64,
    #[serde(default)]
    #[garde(length(max = 64), inner(length(min = 1, max = 64)))]
    pub changed_fields: Vec<String>,
    /// The changed fields with their values, or the whole entity. Absent when it should be read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    #[ts(optional, type = "Record<string, unknown>")]
    pub entity_data: Option<Map<String, Value>>,
}

/// A settlement was created, changed or deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
pub struct SettlementUpdated {
    #[garde(skip)]
    pub settlement_id: SettlementId,
    #[garde(skip)]
    pub campaign_id: CampaignId,
    #[garde(skip)]
    pub operation: Operation,
    /// The settlement's own version after the change.
    #[garde(range(max = 9_007_199_254_740_991_u64))]
    #[ts(type = "number")]
    pub version: u64,
    #[serde(default)]
    #[garde(length(max = 64), inner(length(min = 1, max = 64)))]
    pub changed_fields: Vec<String>,
    /// The settlement after the change; absent for a deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    #[ts(optional, type = "Record<string, unknown>")]
    pub settlement_data: Option<Map<String, Value>>,
}

/// A structure was created, changed, finished or deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
pub struct StructureUpdated {
    #[garde(skip)]
    pub structure_id: StructureId,
    #[garde(skip)]
    pub settlement_id: SettlementId,
    #[garde(skip)]
    pub campaign_id: CampaignId,
    #[garde(skip)]
    pub operation: Operation,
    /// The structure's own version after the change.
    #[garde(range(max = 9_007_199_254_740_991_u64))]
    #[ts(type = "number")]
    pub version: u64,
    #[serde(default)]
    #[garde(length(max = 64), inner(length(min = 1, max = 64)))]
    pub changed_fields: Vec<String>,
    /// The structure after the change; absent for a deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    #[ts(optional, type = "Record<string, unknown>")]
    pub structure_data: Option<Map<String, Value>>,
}

/// The campaign's clock moved. It only moves forward.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
pub struct WorldTimeChanged {
    #[garde(skip)]
    pub campaign_id: CampaignId,
    /// World time before, an instant of the world's own calendar written like any other instant.
    #[garde(skip)]
    pub previous_time: Timestamp,
    #[garde(skip)]
    pub new_time: Timestamp,
    /// The campaign's own version after the change.
    #[garde(range(max = 9_007_199_254_740_991_u64))]
    #[ts(type = "number")]
    pub version: u64,
    /// By how much, when the clock was advanced rather than set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    #[ts(optional)]
    pub elapsed: Option<TimeSpan>,
}

/// Values that the server derives are out of date: read them again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
pub struct StateInvalidated {
    #[garde(skip)]
    pub campaign_id: CampaignId,
    #[garde(skip)]
    pub scope: InvalidationScope,
    /// Which entities, when the scope is `entity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(length(max = 1000), dive)]
    #[ts(optional)]
    pub entities: Option<Vec<EntityRef>>,
    /// The ids of `entities` alone, for clients that look entities up by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(length(max = 1000), inner(length(min = 1, max = 64)))]
    #[ts(optional)]
    pub entity_ids: Option<Vec<String>>,
    /// Which fields; absent means all derived ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(length(max = 64), inner(length(min = 1, max = 64)))]
    #[ts(optional)]
    pub fields: Option<Vec<String>>,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(length(max = 500))]
    #[ts(optional)]
    pub reason: Option<String>,
}

/// How much an invalidation covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvalidationScope {
    Campaign,
    Entity,
}

/// One entity by kind and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
pub struct EntityRef {
    #[garde(skip)]
    pub entity_type: EntityKind,
    #[garde(length(min = 1, max = 64))]
    pub entity_id: String,
}

/// A user's role in a campaign changed; `role` is null when the user was removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
pub struct MembershipChanged {
    #[garde(skip)]
    pub campaign_id: CampaignId,
    #[garde(skip)]
    pub user_id: UserId,
    #[garde(skip)]
    pub role: Option<Role>,
}

/// The user's tokens that were issued at or before `notBefore` no longer count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessRevoked {
    pub user_id: UserId,
    pub not_before: Timestamp,
    /// For the operators' records, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl EventType {
    /// Every event type that a client can see, for tables and documentation that must have a row for each.
    pub const ALL: [Self; 6] = [
        Self::EntityUpdated,
        Self::SettlementUpdated,
        Self::StructureUpdated,
        Self::WorldTimeChanged,
        Self::StateInvalidated,
        Self::MembershipChanged,
    ];

    /// The Socket.IO event name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EntityUpdated => "entity_updated",
            Self::SettlementUpdated => "settlement_updated",
            Self::StructureUpdated => "structure_updated",
            Self::WorldTimeChanged => "world_time_changed",
            Self::StateInvalidated => "state_invalidated",
            Self::MembershipChanged => "membership_changed",
            Self::AccessRevoked => "access_revoked",
        }
    }

    /// The type with this name, of those that a client can see.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }
}

impl Event {
    /// The event's type.
    pub const fn event_type(&self) -> EventType {
        match self {
            Self::EntityUpdated(_) => EventType::EntityUpdated,
            Self::SettlementUpdated(_) => EventType::SettlementUpdated,
            Self::StructureUpdated(_) => EventType::StructureUpdated,
            Self::WorldTimeChanged(_) => EventType::WorldTimeChanged,
            Self::StateInvalidated(_) => EventType::StateInvalidated,
            Self::MembershipChanged(_) => EventType::MembershipChanged,
            Self::AccessRevoked(_) => EventType::AccessRevoked,
        }
    }

    /// The campaign the event belongs to, if it belongs to one.
    pub const fn campaign_id(&self) -> Option<CampaignId> {
        match self {
            Self::EntityUpdated(p) => Some(p.campaign_id),
            Self::SettlementUpdated(p) => Some(p.campaign_id),
            Self::StructureUpdated(p) => Some(p.campaign_id),
            Self::WorldTimeChanged(p) => Some(p.campaign_id),
            Self::StateInvalidated(p) => Some(p.campaign_id),
            Self::MembershipChanged(p) => Some(p.campaign_id),
            Self::AccessRevoked(_) => None,
        }
    }

    /// The root whose log orders the event.
    pub fn root(&self) -> Root {
        self.campaign_id().map_or(Root::Instances, Root::Campaign)
    }

    /// The rooms of the root's family that the event is sent to, the root itself first.
    ///
    /// `membership_changed` is recorded a second time, with the user as its root: see [`Event::echo_root`].
    pub fn rooms(&self) -> SmallVec<[Room; 3]> {
        let root = self.root().room();
        match self {
            Self::EntityUpdated(p) => match p.entity_type {
                EntityKind::Settlement => with(root, p.entity_id.parse().ok().map(Room::Settlement)),
                EntityKind::Structure => with(root, p.entity_id.parse().ok().map(Room::Structure)),
                EntityKind::Campaign
                | EntityKind::Location
                | EntityKind::Encounter
                | EntityKind::Event
                | EntityKind::Character
                | EntityKind::Item => smallvec![root],
            },
            Self::SettlementUpdated(p) => smallvec![root, Room::Settlement(p.settlement_id)],
            Self::StructureUpdated(p) => {
                smallvec![root, Room::Settlement(p.settlement_id), Room::Structure(p.structure_id)]
            }
            Self::WorldTimeChanged(_)
            | Self::StateInvalidated(_)
            | Self::MembershipChanged(_)
            | Self::AccessRevoked(_) => smallvec![root],
        }
    }

    /// A second root in whose log the same fact is recorded as an event of its own: a membership
    /// change also concerns the member, who may not be able to see the campaign.
    pub fn echo_root(&self) -> Option<Root> {
        match self {
            Self::MembershipChanged(p) => Some(Root::User(p.user_id.clone())),
            Self::EntityUpdated(_)
            | Self::SettlementUpdated(_)
            | Self::StructureUpdated(_)
            | Self::WorldTimeChanged(_)
            | Self::StateInvalidated(_)
            | Self::AccessRevoked(_) => None,
        }
    }

    /// What the event changes about who receives what follows it.
    pub fn effect(&self) -> Option<Effect> {
        match self {
            Self::MembershipChanged(MembershipChanged { role: None, user_id, .. }) => {
                Some(Effect::MemberRemoved(user_id.clone()))
            }
            Self::SettlementUpdated(p) if p.operation == Operation::Delete => {
                Some(Effect::RoomClosed(Room::Settlement(p.settlement_id)))
            }
            Self::StructureUpdated(p) if p.operation == Operation::Delete => {
                Some(Effect::RoomClosed(Room::Structure(p.structure_id)))
            }
            Self::EntityUpdated(p)
                if p.operation == Operation::Delete && p.entity_type == EntityKind::Campaign =>
            {
                Some(Effect::RoomClosed(Room::Campaign(p.campaign_id)))
            }
            Self::AccessRevoked(p) => {
                Some(Effect::AccessRevoked { user: p.user_id.clone(), not_before: p.not_before })
            }
            Self::EntityUpdated(_)
            | Self::SettlementUpdated(_)
            | Self::StructureUpdated(_)
            | Self::WorldTimeChanged(_)
            | Self::StateInvalidated(_)
            | Self::MembershipChanged(_) => None,
        }
    }
}

fn with(root: Room, other: Option<Room>) -> SmallVec<[Room; 3]> {
    let mut rooms = smallvec![root];
    rooms.extend(other);
    rooms
}
