//! Reading the world: what a grant is for, and lists for many parents at once.

use std::{collections::HashMap, hash::Hash, str::FromStr};

use super::{
    World, campaign_of,
    derived::{counted, row_basis},
    entity::{Campaign, Member, Settlement, Structure},
    must_be_campaign,
    page::{Page, Slice},
    rules::{Computed, Finished, compute},
    settlement_of, structure_of,
};
use crate::{
    access::Grant,
    protocol::{CampaignId, InvalidId, Problem, Role, SettlementId, UserId},
    store::{self, campaigns, members, settlements, structures, survey},
};

impl World {
    /// The campaign that the grant is for.
    pub async fn campaign(&self, grant: &Grant) -> Result<Campaign, Problem> {
        let row = campaigns::get(&self.store, must_be_campaign(grant)?).await?;
        row.map(Campaign::from).ok_or_else(Problem::not_found)
    }

    /// The settlement that the grant is for.
    pub async fn settlement(&self, grant: &Grant) -> Result<Settlement, Problem> {
        let row = settlements::get(&self.store, campaign_of(grant)?, settlement_of(grant)?).await?;
        row.map(Settlement::from).ok_or_else(Problem::not_found)
    }

    /// The structure that the grant is for.
    pub async fn structure(&self, grant: &Grant) -> Result<Structure, Problem> {
        let row = structures::get(&self.store, campaign_of(grant)?, structure_of(grant)?).await?;
        Ok(row.ok_or_else(Problem::not_found)?.try_into()?)
    }
}

/// Lists and lookups by id, for readers that hold a grant for a parent of what they ask for.
impl World {
    /// The campaigns that `user` is a member of, in the order of their creation.
    pub async fn campaigns_of(&self, user: &UserId, page: &Page) -> Result<Slice<Campaign>, Problem> {
        let rows = campaigns::of_user(&self.store, user, one_more(page)?).await?;
        Ok(Slice::cut(rows.into_iter().map(Campaign::from).collect(), page.first))
    }

    /// Those of the campaigns that exist.
    pub async fn campaigns_by_id(
        &self,
        ids: &[CampaignId],
    ) -> Result<HashMap<CampaignId, Campaign>, Problem> {
        let rows = campaigns::by_ids(&self.store, ids).await?;
        Ok(rows.into_iter().map(|row| (row.id, row.into())).collect())
    }

    /// Those of the settlements that exist.
    pub async fn settlements_by_id(
        &self,
        ids: &[(CampaignId, SettlementId)],
    ) -> Result<HashMap<SettlementId, Settlement>, Problem> {
        let rows = settlements::by_ids(&self.store, ids).await?;
        Ok(rows.into_iter().map(|row| (row.id, row.into())).collect())
    }

    /// The computed values of those of the settlements that exist.
    pub async fn computed(
        &self,
        ids: &[(CampaignId, SettlementId)],
    ) -> Result<HashMap<SettlementId, Computed>, Problem> {
        let mut finished: HashMap<SettlementId, Vec<Finished>> = HashMap::new();
        for row in survey::finished(&self.store, ids).await? {
            finished.entry(row.settlement_id).or_default().push(counted(&row)?.1);
        }
        let rows = survey::bases(&self.store, ids).await?;
        let computed = |row: survey::BasisRow| {
            let finished = finished.remove(&row.settlement_id).unwrap_or_default();
            (row.settlement_id, compute(row_basis(&row, row.world_time), finished))
        };
        Ok(rows.into_iter().map(computed).collect())
    }

    /// The roles that `user` has in those of the campaigns that have the user as a member.
    pub async fn roles(
        &self,
        user: &UserId,
        campaigns: &[CampaignId],
    ) -> Result<HashMap<CampaignId, Role>, Problem> {
        Ok(members::roles_of_user(&self.store, user, campaigns).await?)
    }

    /// A page of the settlements of each campaign, in the order of their founding.
    pub async fn settlements_of(
        &self,
        of: &[CampaignId],
        page: &Page,
    ) -> Result<HashMap<CampaignId, Slice<Settlement>>, Problem> {
        let rows = settlements::of_campaigns(&self.store, of, one_more(page)?).await?;
        Ok(grouped(rows.into_iter().map(|row| (row.campaign_id, row.into())), page))
    }

    /// A page of the structures of each settlement, in the order in which they were begun.
    pub async fn structures_of(
        &self,
        of: &[(CampaignId, SettlementId)],
        page: &Page,
    ) -> Result<HashMap<SettlementId, Slice<Structure>>, Problem> {
        let rows = structures::of_settlements(&self.store, of, one_more(page)?).await?;
        let structures = rows
            .into_iter()
            .map(|row| Ok((row.settlement_id, Structure::try_from(row)?)))
            .collect::<Result<Vec<_>, store::StoreError>>()?;
        Ok(grouped(structures.into_iter(), page))
    }

    /// A page of the members of each campaign, in the order of their user ids.
    pub async fn members_of(
        &self,
        of: &[CampaignId],
        page: &Page,
    ) -> Result<HashMap<CampaignId, Slice<Member>>, Problem> {
        let rows = members::of_campaigns(&self.store, of, one_more(page)?).await?;
        Ok(grouped(rows.into_iter().map(|row| (row.campaign_id, row.into())), page))
    }
}

/// The page with one entry more, which only shows whether the list goes on.
fn one_more<Id: FromStr<Err = InvalidId>>(page: &Page) -> Result<store::Slice<Id>, Problem> {
    let after = match &page.after {
        None => None,
        Some(cursor) => Some(
            cursor.parse().map_err(|_| Problem::invalid_field("after", "is not a cursor of this list"))?,
        ),
    };
    Ok(store::Slice { after, limit: page.first.saturating_add(1) })
}

fn grouped<Id: Hash + Eq, T>(rows: impl Iterator<Item = (Id, T)>, page: &Page) -> HashMap<Id, Slice<T>> {
    let mut groups: HashMap<Id, Vec<T>> = HashMap::new();
    for (of, item) in rows {
        groups.entry(of).or_default().push(item);
    }
    groups.into_iter().map(|(of, items)| (of, Slice::cut(items, page.first))).collect()
}
