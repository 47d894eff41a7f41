//! Input objects. They only name and type what comes in; the world's own inputs check the bounds.

use async_graphql::{ID, InputObject, MaybeUndefined};

use super::scalar::{self, EntityKind, Instant, InvalidationScope, JsonObject, StructureKind};
use crate::{
    protocol::{EntityRef, Problem, Timestamp},
    world::{entity::MapPosition, input},
};

#[derive(InputObject)]
pub struct CreateCampaignInput {
    /// 1 to 100 characters.
    name: String,
    /// At most 4,000 characters.
    #[graphql(default)]
    description: String,
    /// Where the world's clock starts; 1970-01-01T00:00:00.000Z unless given.
    world_time: Option<Instant>,
}

/// Absent or null leaves a field as it is.
#[derive(InputObject)]
pub struct UpdateCampaignInput {
    name: Option<String>,
    description: Option<String>,
}

#[derive(InputObject)]
pub struct MapPositionInput {
    /// −1,000,000 to 1,000,000.
    x: f64,
    /// −1,000,000 to 1,000,000.
    y: f64,
}

#[derive(InputObject)]
pub struct CreateSettlementInput {
    campaign_id: ID,
    /// 1 to 100 characters.
    name: String,
    /// 1 to 20.
    #[graphql(default = 1)]
    level: i64,
    /// 0 to 10,000,000.
    #[graphql(default = 0)]
    population: i64,
    /// The middle of the map unless given.
    position: Option<MapPositionInput>,
    /// At most 16 KiB of JSON.
    variables: Option<JsonObject>,
}

/// Absent or null leaves a field as it is.
#[derive(InputObject)]
pub struct UpdateSettlementInput {
    name: Option<String>,
    level: Option<i64>,
    population: Option<i64>,
    position: Option<MapPositionInput>,
    /// Replaces all variables.
    variables: Option<JsonObject>,
}

#[derive(InputObject)]
pub struct CreateStructureInput {
    settlement_id: ID,
    /// 1 to 100 characters.
    name: String,
    kind: StructureKind,
    /// 1 to 10.
    #[graphql(default = 1)]
    level: i64,
    /// The world time at which it will be finished; finished at once unless given.
    completes_at: Option<Instant>,
    /// At most 16 KiB of JSON.
    variables: Option<JsonObject>,
}

/// Absent leaves a field as it is, and so does null, except for `completesAt`.
#[derive(InputObject)]
pub struct UpdateStructureInput {
    name: Option<String>,
    kind: Option<StructureKind>,
    level: Option<i64>,
    /// Null finishes it at once.
    completes_at: MaybeUndefined<Instant>,
    /// Replaces all variables.
    variables: Option<JsonObject>,
}

#[derive(InputObject)]
pub struct EntityRefInput {
    entity_type: EntityKind,
    entity_id: ID,
}

#[derive(InputObject)]
pub struct InvalidateStateInput {
    scope: InvalidationScope,
    /// For the scope ENTITY: 1 to 1,000 entities.
    #[graphql(default)]
    entities: Vec<EntityRefInput>,
    /// Which fields; empty means every derived one.
    #[graphql(default)]
    fields: Vec<String>,
    /// A sentence for people, at most 500 characters.
    reason: Option<String>,
}

impl From<CreateCampaignInput> for input::NewCampaign {
    fn from(given: CreateCampaignInput) -> Self {
        let start = Timestamp::from(jiff::Timestamp::UNIX_EPOCH);
        Self {
            name: given.name,
            description: given.description,
            world_time: given.world_time.map_or(start, |at| at.0),
        }
    }
}

impl From<UpdateCampaignInput> for input::CampaignPatch {
    fn from(given: UpdateCampaignInput) -> Self {
        Self { name: given.name, description: given.description }
    }
}

impl From<MapPositionInput> for MapPosition {
    fn from(given: MapPositionInput) -> Self {
        Self { x: given.x, y: given.y }
    }
}

impl TryFrom<CreateSettlementInput> for input::NewSettlement {
    type Error = Problem;

    fn try_from(given: CreateSettlementInput) -> Result<Self, Problem> {
        Ok(Self {
            campaign_id: scalar::id("campaignId", &given.campaign_id)?,
            name: given.name,
            level: given.level,
            population: given.population,
            position: given.position.map(MapPosition::from).unwrap_or_default(),
            variables: given.variables.map(|object| object.0).unwrap_or_default(),
        })
    }
}

impl From<UpdateSettlementInput> for input::SettlementPatch {
    fn from(given: UpdateSettlementInput) -> Self {
        Self {
            name: given.name,
            level: given.level,
            population: given.population,
            position: given.position.map(MapPosition::from),
            variables: given.variables.map(|object| object.0),
        }
    }
}

impl TryFrom<CreateStructureInput> for input::NewStructure {
    type Error = Problem;

    fn try_from(given: CreateStructureInput) -> Result<Self, Problem> {
        Ok(Self {
            settlement_id: scalar::id("settlementId", &given.settlement_id)?,
            name: given.name,
            kind: given.kind.into(),
            level: given.level,
            completes_at: given.completes_at.map(|at| at.0),
            variables: given.variables.map(|object| object.0).unwrap_or_default(),
        })
    }
}

impl From<UpdateStructureInput> for input::StructurePatch {
    fn from(given: UpdateStructureInput) -> Self {
        let completes_at = match given.completes_at {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(at) => Some(Some(at.0)),
        };
        Self {
            name: given.name,
            kind: given.kind.map(Into::into),
            level: given.level,
            completes_at,
            variables: given.variables.map(|object| object.0),
        }
    }
}

impl From<InvalidateStateInput> for input::Invalidation {
    fn from(given: InvalidateStateInput) -> Self {
        let entity = |entity: EntityRefInput| EntityRef {
            entity_type: entity.entity_type.into(),
            entity_id: entity.entity_id.0,
        };
        Self {
            scope: given.scope.into(),
            entities: given.entities.into_iter().map(entity).collect(),
            fields: given.fields,
            reason: given.reason,
        }
    }
}
