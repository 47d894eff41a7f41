//! The entities of the world as everybody sees them: what services return, what events carry as
//! `…Data`, what GraphQL names. One definition, so that the three cannot drift apart.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::rules::{Basis, Computed, Finished, StructureKind, compute};
use crate::protocol::{CampaignId, Role, SettlementId, StructureId, Timestamp, UserId};

/// A campaign: a world with its own clock and its own members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Campaign {
    pub id: CampaignId,
    /// 1 to 100 characters.
    pub name: String,
    /// At most 4,000 characters.
    pub description: String,
    /// Where the world's clock stands. It only moves forward.
    pub world_time: Timestamp,
    /// Grows by one with every change, of the clock too; 1 after creation.
    pub version: u64,
}

/// A user's place in a campaign.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    pub campaign_id: CampaignId,
    pub user_id: UserId,
    pub role: Role,
    /// The name the user is shown under, when it is known.
    pub name: Option<String>,
}

/// A place on the campaign's map. Its computed values are no part of it: see
/// [`rules`](super::rules) and `state_invalidated`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settlement {
    pub id: SettlementId,
    pub campaign_id: CampaignId,
    /// 1 to 100 characters.
    pub name: String,
    /// 1 to 20.
    pub level: u32,
    /// 0 to 10,000,000.
    pub population: u32,
    pub position: MapPosition,
    /// Whatever the application keeps with the settlement.
    pub variables: Variables,
    /// Grows by one with every change; 1 after creation.
    pub version: u64,
}

/// Where something is on the map, in the map's own unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct MapPosition {
    /// −1,000,000 to 1,000,000.
    pub x: f64,
    /// −1,000,000 to 1,000,000.
    pub y: f64,
}

/// Free values of an application: a JSON object, at most 16 KiB as text.
pub type Variables = Map<String, Value>;

/// Something built, or being built, in a settlement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Structure {
    pub id: StructureId,
    pub settlement_id: SettlementId,
    pub campaign_id: CampaignId,
    /// 1 to 100 characters.
    pub name: String,
    pub kind: StructureKind,
    /// 1 to 10.
    pub level: u32,
    /// The world time at which it is finished; `None` when it always was.
    pub completes_at: Option<Timestamp>,
    /// Whether world time has reached `completes_at`. Only finished structures count in the rules.
    pub finished: bool,
    /// Whatever the application keeps with the structure.
    pub variables: Variables,
    /// Grows by one with every change, its completion too; 1 after creation.
    pub version: u64,
}

impl Structure {
    /// What the rules see of it: nothing until it is finished.
    pub fn for_rules(&self) -> Option<Finished> {
        self.finished.then_some(Finished { kind: self.kind, level: self.level })
    }

    /// Whether a structure that completes then is finished at `world_time`.
    pub fn is_finished(completes_at: Option<Timestamp>, world_time: Timestamp) -> bool {
        completes_at.is_none_or(|at| at <= world_time)
    }
}

impl Settlement {
    /// What the rules see of it at `world_time`.
    pub fn basis(&self, world_time: Timestamp) -> Basis {
        Basis { level: self.level, population: self.population, world_time }
    }

    /// Its computed values if nothing stood in it; then the world time does not matter.
    pub fn computed_without_structures(&self) -> Computed {
        compute(self.basis(Timestamp::from(jiff::Timestamp::UNIX_EPOCH)), [])
    }
}

/// The entity as the object that an event carries.
pub(super) fn data(entity: &impl Serialize) -> Option<Map<String, Value>> {
    match serde_json::to_value(entity) {
        Ok(Value::Object(map)) => Some(map),
        // Unreachable for the structs above; absent data only makes clients read again.
        Ok(_) | Err(_) => None,
    }
}
