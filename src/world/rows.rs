//! Between the entities and the rows of their tables.

use super::{
    entity::{Campaign, MapPosition, Member, Settlement, Structure},
    rules::StructureKind,
};
use crate::store::{
    StoreError, campaigns::CampaignRow, members::MemberRow, settlements::SettlementRow,
    structures::StructureRow,
};

impl From<CampaignRow> for Campaign {
    fn from(row: CampaignRow) -> Self {
        let CampaignRow { id, name, description, world_time, version } = row;
        Self { id, name, description, world_time, version }
    }
}

impl From<Campaign> for CampaignRow {
    fn from(campaign: Campaign) -> Self {
        let Campaign { id, name, description, world_time, version } = campaign;
        Self { id, name, description, world_time, version }
    }
}

impl From<MemberRow> for Member {
    fn from(row: MemberRow) -> Self {
        let MemberRow { campaign_id, user_id, role, name } = row;
        Self { campaign_id, user_id, role, name }
    }
}

impl From<SettlementRow> for Settlement {
    fn from(row: SettlementRow) -> Self {
        let SettlementRow { campaign_id, id, name, level, population, x, y, variables, version } = row;
        let population = u32::try_from(population).unwrap_or(u32::MAX);
        let position = MapPosition { x, y };
        Self { id, campaign_id, name, level, population, position, variables, version }
    }
}

impl From<Settlement> for SettlementRow {
    fn from(settlement: Settlement) -> Self {
        let Settlement { id, campaign_id, name, level, population, position, variables, version } =
            settlement;
        let MapPosition { x, y } = position;
        Self { campaign_id, id, name, level, population: population.into(), x, y, variables, version }
    }
}

impl TryFrom<StructureRow> for Structure {
    type Error = StoreError;

    fn try_from(row: StructureRow) -> Result<Self, StoreError> {
        let kind = kind_of(&row.kind)?;
        let StructureRow { campaign_id, settlement_id, id, name, kind: _, level, .. } = row;
        let StructureRow { completes_at, finished, variables, version, .. } = row;
        Ok(Self {
            id,
            settlement_id,
            campaign_id,
            name,
            kind,
            level,
            completes_at,
            finished,
            variables,
            version,
        })
    }
}

impl From<Structure> for StructureRow {
    fn from(structure: Structure) -> Self {
        let Structure { id, settlement_id, campaign_id, name, kind, level, .. } = structure;
        let Structure { completes_at, finished, variables, version, .. } = structure;
        let kind = kind.name().to_owned();
        Self { campaign_id, settlement_id, id, name, kind, level, completes_at, finished, variables, version }
    }
}

/// The kind with the name that a row holds.
///
/// # Errors
/// `Corrupt` for a name that this program never wrote.
pub(super) fn kind_of(name: &str) -> Result<StructureKind, StoreError> {
    StructureKind::from_name(name).ok_or_else(|| StoreError::Corrupt(format!("structure kind '{name}'")))
}
