//! The table `settlements`.

use serde_json::{Map, Value};

use super::{
    Reads, Slice, StoreError, Tx,
    sql::{Columns, Record, Sql},
};
use crate::protocol::{CampaignId, SettlementId};

/// A row of `settlements`.
#[derive(Debug, Clone, PartialEq)]
pub struct SettlementRow {
    pub campaign_id: CampaignId,
    pub id: SettlementId,
    pub name: String,
    pub level: u32,
    /// At most 2⁵³ − 1.
    pub population: u64,
    /// The position on the campaign's map; finite.
    pub x: f64,
    pub y: f64,
    /// What the rules of the table call for: any JSON object.
    pub variables: Map<String, Value>,
    /// 1 when created, one more with each change.
    pub version: u64,
}

impl Record for SettlementRow {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            campaign_id: columns.parse(0)?,
            id: columns.parse(1)?,
            name: columns.text(2)?.to_owned(),
            level: columns.unsigned(3)?,
            population: columns.unsigned(4)?,
            x: columns.real(5)?,
            y: columns.real(6)?,
            variables: columns.json(7)?,
            version: columns.unsigned(8)?,
        })
    }
}

/// The settlement, if the campaign has it.
pub async fn get(
    from: impl Reads,
    campaign: CampaignId,
    id: SettlementId,
) -> Result<Option<SettlementRow>, StoreError> {
    let sql = "SELECT campaign_id, id, name, level, population, x, y, variables, version FROM settlements
               WHERE campaign_id = $1 AND id = $2";
    from.row(Sql::new(sql).bind(campaign).bind(id)).await
}

/// Those of the settlements that exist, in no particular order; each id with its campaign.
pub async fn by_ids(
    from: impl Reads,
    ids: &[(CampaignId, SettlementId)],
) -> Result<Vec<SettlementRow>, StoreError> {
    let sql = "SELECT campaign_id, id, name, level, population, x, y, variables, version FROM settlements
               WHERE campaign_id IN ({list}) AND id IN ({list})";
    let (campaigns, ids) = super::reads::keys(ids);
    from.rows(Sql::new(sql).list(campaigns).list(ids).bulk()).await
}

/// The campaign's settlements, by id, which is by creation.
pub async fn of_campaign(
    from: impl Reads,
    campaign: CampaignId,
    slice: Slice<SettlementId>,
) -> Result<Vec<SettlementRow>, StoreError> {
    let sql = "SELECT campaign_id, id, name, level, population, x, y, variables, version FROM settlements
               WHERE campaign_id = $1 AND id > $2 ORDER BY id LIMIT $3";
    from.rows(Sql::new(sql).bind(campaign).bind(slice.start()).bind(slice.limit).bulk()).await
}

/// The slice of the settlements of each campaign, by campaign and id.
pub async fn of_campaigns(
    from: impl Reads,
    campaigns: &[CampaignId],
    slice: Slice<SettlementId>,
) -> Result<Vec<SettlementRow>, StoreError> {
    let sql = "SELECT campaign_id, id, name, level, population, x, y, variables, version FROM
                   (SELECT s.*, ROW_NUMBER() OVER (PARTITION BY campaign_id ORDER BY id) AS place
                    FROM settlements s WHERE id > $1 AND campaign_id IN ({list})) numbered
               WHERE place <= $2 ORDER BY campaign_id, id";
    from.rows(Sql::new(sql).bind(slice.start()).bind(slice.limit).list(campaigns).bulk()).await
}

/// Adds the row as it is.
pub async fn insert(tx: &mut Tx, row: &SettlementRow) -> Result<(), StoreError> {
    let sql = "INSERT INTO settlements (name, level, population, x, y, variables, version, campaign_id, id)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    tx.execute(values(sql, row)).await.map(drop)
}

/// Writes the row over its predecessor, whose version must be `row.version - 1`.
///
/// # Errors
/// `Conflict` when it is not: only possible when the root was not locked before the read.
pub async fn update(tx: &mut Tx, row: &SettlementRow) -> Result<(), StoreError> {
    let sql = "UPDATE settlements SET name = $1, level = $2, population = $3, x = $4, y = $5, variables = $6, version = $7
               WHERE campaign_id = $8 AND id = $9 AND version = $7 - 1";
    tx.replace("settlement", values(sql, row)).await
}

/// Deletes the settlement with its structures; to tell their watchers, delete those before, with
/// [`structures::delete_of_settlement`](super::structures::delete_of_settlement). False when it is not there.
pub async fn delete(tx: &mut Tx, campaign: CampaignId, id: SettlementId) -> Result<bool, StoreError> {
    let sql = "DELETE FROM settlements WHERE campaign_id = $1 AND id = $2";
    Ok(tx.execute(Sql::new(sql).bind(campaign).bind(id)).await? > 0)
}

fn values(sql: &'static str, row: &SettlementRow) -> Sql {
    let sql = Sql::new(sql).bind(&*row.name).bind(row.level).bind(row.population).bind(row.x).bind(row.y);
    let variables = serde_json::to_string(&row.variables).unwrap_or_else(|_| "{}".into());
    sql.bind(variables).bind(row.version).bind(row.campaign_id).bind(row.id)
}
