//! The table `campaigns`.

use super::{
    Reads, Slice, StoreError, Tx,
    sql::{Columns, Record, Sql},
};
use crate::protocol::{CampaignId, Timestamp, UserId};

/// A row of `campaigns`.
#[derive(Debug, Clone, PartialEq)]
pub struct CampaignRow {
    pub id: CampaignId,
    pub name: String,
    pub description: String,
    /// The world's own clock.
    pub world_time: Timestamp,
    /// 1 when created, one more with each change.
    pub version: u64,
}

impl Record for CampaignRow {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.parse(0)?,
            name: columns.text(1)?.to_owned(),
            description: columns.text(2)?.to_owned(),
            world_time: columns.instant(3)?,
            version: columns.unsigned(4)?,
        })
    }
}

/// The campaign, if it exists.
pub async fn get(from: impl Reads, id: CampaignId) -> Result<Option<CampaignRow>, StoreError> {
    let sql = "SELECT id, name, description, world_time, version FROM campaigns WHERE id = $1";
    from.row(Sql::new(sql).bind(id)).await
}

/// Those of the campaigns that exist, in no particular order.
pub async fn by_ids(from: impl Reads, ids: &[CampaignId]) -> Result<Vec<CampaignRow>, StoreError> {
    let sql = "SELECT id, name, description, world_time, version FROM campaigns WHERE id IN ({list})";
    from.rows(Sql::new(sql).list(ids).bulk()).await
}

/// The campaigns that the user is a member of, by id.
pub async fn of_user(
    from: impl Reads,
    user: &UserId,
    slice: Slice<CampaignId>,
) -> Result<Vec<CampaignRow>, StoreError> {
    let sql = "SELECT c.id, c.name, c.description, c.world_time, c.version
               FROM members m JOIN campaigns c ON c.id = m.campaign_id
               WHERE m.user_id = $1 AND m.campaign_id > $2 ORDER BY m.campaign_id LIMIT $3";
    from.rows(Sql::new(sql).bind(user).bind(slice.start()).bind(slice.limit).bulk()).await
}

/// Whether there is no campaign at all: a new database.
pub async fn none(from: impl Reads) -> Result<bool, StoreError> {
    let found: Option<String> = from.row(Sql::new("SELECT id FROM campaigns LIMIT 1")).await?;
    Ok(found.is_none())
}

/// Adds the row as it is.
pub async fn insert(tx: &mut Tx, row: &CampaignRow) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO campaigns (id, name, description, world_time, version) VALUES ($1, $2, $3, $4, $5)";
    let sql = Sql::new(sql).bind(row.id).bind(&*row.name).bind(&*row.description).bind(row.world_time);
    tx.execute(sql.bind(row.version)).await.map(drop)
}

/// Writes the row over its predecessor, whose version must be `row.version - 1`.
///
/// # Errors
/// `Conflict` when it is not: only possible when the root was not locked before the read.
pub async fn update(tx: &mut Tx, row: &CampaignRow) -> Result<(), StoreError> {
    let sql = "UPDATE campaigns SET name = $1, description = $2, world_time = $3, version = $4
               WHERE id = $5 AND version = $4 - 1";
    let sql = Sql::new(sql).bind(&*row.name).bind(&*row.description).bind(row.world_time);
    tx.replace("campaign", sql.bind(row.version).bind(row.id)).await
}

/// Deletes the campaign with its members, settlements and structures. False when it is not there.
pub async fn delete(tx: &mut Tx, id: CampaignId) -> Result<bool, StoreError> {
    Ok(tx.execute(Sql::new("DELETE FROM campaigns WHERE id = $1").bind(id)).await? > 0)
}
