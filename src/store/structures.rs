//! The table `structures`.

use serde_json::{Map, Value};

use super::{
    Reads, Slice, StoreError, Tx,
    database::Kind,
    sql::{Columns, Record, Sql},
};
use crate::protocol::{CampaignId, SettlementId, StructureId, Timestamp};

/// A row of `structures`.
#[derive(Debug, Clone, PartialEq)]
pub struct StructureRow {
    pub campaign_id: CampaignId,
    pub settlement_id: SettlementId,
    pub id: StructureId,
    pub name: String,
    pub kind: String,
    pub level: u32,
    /// When, in world time, it is finished; `None` when that was never planned.
    pub completes_at: Option<Timestamp>,
    pub finished: bool,
    /// What the rules of the table call for: any JSON object.
    pub variables: Map<String, Value>,
    /// 1 when created, one more with each change.
    pub version: u64,
}

impl Record for StructureRow {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        let completes_at = columns.optional_int(6)?.is_some().then(|| columns.instant(6)).transpose()?;
        Ok(Self {
            campaign_id: columns.parse(0)?,
            settlement_id: columns.parse(1)?,
            id: columns.parse(2)?,
            name: columns.text(3)?.to_owned(),
            kind: columns.text(4)?.to_owned(),
            level: columns.unsigned(5)?,
            completes_at,
            finished: columns.flag(7)?,
            variables: columns.json(8)?,
            version: columns.unsigned(9)?,
        })
    }
}

macro_rules! columns {
    () => {
        "campaign_id, settlement_id, id, name, kind, level, completes_at, finished, variables, version"
    };
}

/// The structure, if the campaign has it.
pub async fn get(
    from: impl Reads,
    campaign: CampaignId,
    id: StructureId,
) -> Result<Option<StructureRow>, StoreError> {
    let sql = concat!("SELECT ", columns!(), " FROM structures WHERE campaign_id = $1 AND id = $2");
    from.row(Sql::new(sql).bind(campaign).bind(id)).await
}

/// Those of the structures that exist, in no particular order; each id with its campaign.
pub async fn by_ids(
    from: impl Reads,
    ids: &[(CampaignId, StructureId)],
) -> Result<Vec<StructureRow>, StoreError> {
    let sql =
        concat!("SELECT ", columns!(), " FROM structures WHERE campaign_id IN ({list}) AND id IN ({list})");
    let (campaigns, ids) = super::reads::keys(ids);
    from.rows(Sql::new(sql).list(campaigns).list(ids).bulk()).await
}

/// The settlement's structures, by id, which is by creation.
pub async fn of_settlement(
    from: impl Reads,
    campaign: CampaignId,
    settlement: SettlementId,
    slice: Slice<StructureId>,
) -> Result<Vec<StructureRow>, StoreError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM structures WHERE campaign_id = $1 AND settlement_id = $2 AND id > $3 ORDER BY id LIMIT $4"
    );
    let sql = Sql::new(sql).bind(campaign).bind(settlement).bind(slice.start()).bind(slice.limit);
    from.rows(sql.bulk()).await
}

/// The slice of the structures of each settlement, by settlement and id.
pub async fn of_settlements(
    from: impl Reads,
    settlements: &[(CampaignId, SettlementId)],
    slice: Slice<StructureId>,
) -> Result<Vec<StructureRow>, StoreError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM (SELECT s.*, ROW_NUMBER() OVER (PARTITION BY campaign_id, settlement_id ORDER BY id) AS place
                FROM structures s WHERE id > $1 AND campaign_id IN ({list}) AND settlement_id IN ({list})) numbered
          WHERE place <= $2 ORDER BY settlement_id, id"
    );
    let (campaigns, settlements) = super::reads::keys(settlements);
    from.rows(Sql::new(sql).bind(slice.start()).bind(slice.limit).list(campaigns).list(settlements).bulk())
        .await
}

/// Adds the row as it is.
pub async fn insert(tx: &mut Tx, row: &StructureRow) -> Result<(), StoreError> {
    let sql = "INSERT INTO structures (name, kind, level, completes_at, finished, variables, version,
                                       campaign_id, settlement_id, id)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    tx.execute(values(sql, row)).await.map(drop)
}

/// Writes the row over its predecessor, whose version must be `row.version - 1`.
///
/// # Errors
/// `Conflict` when it is not: only possible when the root was not locked before the read.
pub async fn update(tx: &mut Tx, row: &StructureRow) -> Result<(), StoreError> {
    let sql = "UPDATE structures SET name = $1, kind = $2, level = $3, completes_at = $4, finished = $5,
                                     variables = $6, version = $7
               WHERE campaign_id = $8 AND settlement_id = $9 AND id = $10 AND version = $7 - 1";
    tx.replace("structure", values(sql, row)).await
}

/// Finishes every unfinished structure of the campaign whose time has come at `world_time`, with a new
/// version each. Answers them after the change, by completion time and id.
pub async fn finish_due(
    tx: &mut Tx,
    campaign: CampaignId,
    world_time: Timestamp,
) -> Result<Vec<StructureRow>, StoreError> {
    let sql = concat!(
        "UPDATE structures SET finished = 1, version = version + 1
         WHERE campaign_id = $1 AND finished = 0 AND completes_at <= $2 RETURNING ",
        columns!()
    );
    let mut rows: Vec<StructureRow> =
        tx.run(Kind::Write, Sql::new(sql).bind(campaign).bind(world_time)).await?;
    rows.sort_by_key(|row| (row.completes_at, row.id));
    Ok(rows)
}

/// Deletes the structure. False when it is not there.
pub async fn delete(tx: &mut Tx, campaign: CampaignId, id: StructureId) -> Result<bool, StoreError> {
    let sql = "DELETE FROM structures WHERE campaign_id = $1 AND id = $2";
    Ok(tx.execute(Sql::new(sql).bind(campaign).bind(id)).await? > 0)
}

/// Deletes the settlement's structures and answers them as they were, by id.
pub async fn delete_of_settlement(
    tx: &mut Tx,
    campaign: CampaignId,
    settlement: SettlementId,
) -> Result<Vec<StructureRow>, StoreError> {
    let sql = concat!(
        "DELETE FROM structures WHERE campaign_id = $1 AND settlement_id = $2 RETURNING ",
        columns!()
    );
    let mut rows: Vec<StructureRow> =
        tx.run(Kind::Write, Sql::new(sql).bind(campaign).bind(settlement)).await?;
    rows.sort_by_key(|row| row.id);
    Ok(rows)
}

fn values(sql: &'static str, row: &StructureRow) -> Sql {
    let sql = Sql::new(sql).bind(&*row.name).bind(&*row.kind).bind(row.level).bind(row.completes_at);
    let variables = serde_json::to_string(&row.variables).unwrap_or_else(|_| "{}".into());
    let sql = sql.bind(row.finished).bind(variables).bind(row.version);
    sql.bind(row.campaign_id).bind(row.settlement_id).bind(row.id)
}
