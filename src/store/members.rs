//! The table `members`: who may do what in a campaign.

use std::collections::HashMap;

use super::{
    Reads, Slice, StoreError, Tx,
    sql::{Columns, Record, Sql},
};
use crate::protocol::{CampaignId, Role, UserId};

/// A row of `members` with the user's name from `users`, if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    pub campaign_id: CampaignId,
    pub user_id: UserId,
    pub role: Role,
    pub name: Option<String>,
}

impl Record for MemberRow {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            campaign_id: columns.parse(0)?,
            user_id: columns.parse(1)?,
            role: role_from_name(columns.text(2)?)?,
            name: columns.optional_text(3)?.map(str::to_owned),
        })
    }
}

struct RoleIn(CampaignId, Role);

impl Record for RoleIn {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self(columns.parse(0)?, role_from_name(columns.text(1)?)?))
    }
}

/// The role with this name.
pub(super) fn role_from_name(name: &str) -> Result<Role, StoreError> {
    Role::from_name(name).ok_or_else(|| StoreError::Corrupt(format!("there is no role '{name}'")))
}

/// The user's role in the campaign.
pub async fn role(from: impl Reads, campaign: CampaignId, user: &UserId) -> Result<Option<Role>, StoreError> {
    let sql = "SELECT campaign_id, role FROM members WHERE campaign_id = $1 AND user_id = $2";
    let found: Option<RoleIn> = from.row(Sql::new(sql).bind(campaign).bind(user)).await?;
    Ok(found.map(|RoleIn(_, role)| role))
}

/// The user's roles in those of the campaigns that have the user as a member.
pub async fn roles_of_user(
    from: impl Reads,
    user: &UserId,
    campaigns: &[CampaignId],
) -> Result<HashMap<CampaignId, Role>, StoreError> {
    let sql = "SELECT campaign_id, role FROM members WHERE user_id = $1 AND campaign_id IN ({list})";
    let found: Vec<RoleIn> = from.rows(Sql::new(sql).bind(user).list(campaigns)).await?;
    Ok(found.into_iter().map(|RoleIn(campaign, role)| (campaign, role)).collect())
}

/// The campaign's members, by user id.
pub async fn of_campaign(
    from: impl Reads,
    campaign: CampaignId,
    slice: Slice<UserId>,
) -> Result<Vec<MemberRow>, StoreError> {
    let sql = "SELECT m.campaign_id, m.user_id, m.role, u.name
               FROM members m LEFT JOIN users u ON u.id = m.user_id
               WHERE m.campaign_id = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3";
    from.rows(Sql::new(sql).bind(campaign).bind(slice.start()).bind(slice.limit).bulk()).await
}

/// The slice of the members of each campaign, by campaign and user id.
pub async fn of_campaigns(
    from: impl Reads,
    campaigns: &[CampaignId],
    slice: Slice<UserId>,
) -> Result<Vec<MemberRow>, StoreError> {
    let sql = "SELECT m.campaign_id, m.user_id, m.role, u.name FROM
                   (SELECT campaign_id, user_id, role,
                           ROW_NUMBER() OVER (PARTITION BY campaign_id ORDER BY user_id) AS place
                    FROM members WHERE user_id > $1 AND campaign_id IN ({list})) m
               LEFT JOIN users u ON u.id = m.user_id
               WHERE m.place <= $2 ORDER BY m.campaign_id, m.user_id";
    from.rows(Sql::new(sql).bind(slice.start()).bind(slice.limit).list(campaigns).bulk()).await
}

/// How many members of the campaign have the role.
pub async fn count(from: impl Reads, campaign: CampaignId, role: Role) -> Result<u64, StoreError> {
    let sql = "SELECT COUNT(*) FROM members WHERE campaign_id = $1 AND role = $2";
    let count: Option<i64> = from.row(Sql::new(sql).bind(campaign).bind(role.name())).await?;
    Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
}

/// Makes the user a member, or changes the role.
pub async fn put(tx: &mut Tx, campaign: CampaignId, user: &UserId, role: Role) -> Result<(), StoreError> {
    let sql = "INSERT INTO members (campaign_id, user_id, role) VALUES ($1, $2, $3)
               ON CONFLICT (campaign_id, user_id) DO UPDATE SET role = excluded.role";
    tx.execute(Sql::new(sql).bind(campaign).bind(user).bind(role.name())).await.map(drop)
}

/// Ends the membership. False when there was none.
pub async fn delete(tx: &mut Tx, campaign: CampaignId, user: &UserId) -> Result<bool, StoreError> {
    let sql = "DELETE FROM members WHERE campaign_id = $1 AND user_id = $2";
    Ok(tx.execute(Sql::new(sql).bind(campaign).bind(user)).await? > 0)
}
