//! Lean reads over a campaign's settlements and structures: what the rules and the limits need, without
//! names and variables.

use super::{
    Reads, StoreError, Tx,
    sql::{Columns, Record, Sql},
};
use crate::protocol::{CampaignId, SettlementId, StructureId, Timestamp};

/// What the rules need of a settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasisRow {
    pub settlement_id: SettlementId,
    pub level: u32,
    pub population: u64,
    /// Its campaign's clock.
    pub world_time: Timestamp,
}

impl Record for BasisRow {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            settlement_id: columns.parse(0)?,
            level: columns.unsigned(1)?,
            population: columns.unsigned(2)?,
            world_time: columns.instant(3)?,
        })
    }
}

/// What the rules need of a finished structure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedRow {
    pub settlement_id: SettlementId,
    pub id: StructureId,
    pub kind: String,
    pub level: u32,
}

impl Record for FinishedRow {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            settlement_id: columns.parse(0)?,
            id: columns.parse(1)?,
            kind: columns.text(2)?.to_owned(),
            level: columns.unsigned(3)?,
        })
    }
}

/// Those of the settlements that exist; each id with its campaign.
pub async fn bases(
    from: impl Reads,
    ids: &[(CampaignId, SettlementId)],
) -> Result<Vec<BasisRow>, StoreError> {
    let sql = "SELECT s.id, s.level, s.population, c.world_time
               FROM settlements s JOIN campaigns c ON c.id = s.campaign_id
               WHERE s.campaign_id IN ({list}) AND s.id IN ({list})";
    let (campaigns, ids) = super::reads::keys(ids);
    from.rows(Sql::new(sql).list(campaigns).list(ids).bulk()).await
}

/// Every settlement of the campaign.
pub async fn bases_of_campaign(from: impl Reads, campaign: CampaignId) -> Result<Vec<BasisRow>, StoreError> {
    let sql = "SELECT s.id, s.level, s.population, c.world_time
               FROM settlements s JOIN campaigns c ON c.id = s.campaign_id WHERE s.campaign_id = $1";
    from.rows(Sql::new(sql).bind(campaign).bulk()).await
}

/// The finished structures of the settlements.
pub async fn finished(
    from: impl Reads,
    settlements: &[(CampaignId, SettlementId)],
) -> Result<Vec<FinishedRow>, StoreError> {
    let sql = "SELECT settlement_id, id, kind, level FROM structures
               WHERE campaign_id IN ({list}) AND settlement_id IN ({list}) AND finished = 1";
    let (campaigns, settlements) = super::reads::keys(settlements);
    from.rows(Sql::new(sql).list(campaigns).list(settlements).bulk()).await
}

/// The finished structures of the campaign.
pub async fn finished_of_campaign(
    from: impl Reads,
    campaign: CampaignId,
) -> Result<Vec<FinishedRow>, StoreError> {
    let sql = "SELECT settlement_id, id, kind, level FROM structures WHERE campaign_id = $1 AND finished = 1";
    from.rows(Sql::new(sql).bind(campaign).bulk()).await
}

/// How many settlements the campaign has.
pub async fn count_settlements(tx: &mut Tx, campaign: CampaignId) -> Result<u64, StoreError> {
    count(tx, "SELECT COUNT(*) FROM settlements WHERE campaign_id = $1", campaign).await
}

/// How many structures the campaign has.
pub async fn count_structures(tx: &mut Tx, campaign: CampaignId) -> Result<u64, StoreError> {
    count(tx, "SELECT COUNT(*) FROM structures WHERE campaign_id = $1", campaign).await
}

/// How many members the campaign has.
pub async fn count_members(tx: &mut Tx, campaign: CampaignId) -> Result<u64, StoreError> {
    count(tx, "SELECT COUNT(*) FROM members WHERE campaign_id = $1", campaign).await
}

async fn count(from: impl Reads, sql: &'static str, campaign: CampaignId) -> Result<u64, StoreError> {
    let count: Option<i64> = from.row(Sql::new(sql).bind(campaign)).await?;
    Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
}
