//! Data loaders: what the fields of one level of a query need is read in one statement per kind.
//!
//! One set per request, without a cache: a document with two mutations must not read what the first
//! one left behind. A loader reads without asking for permission: its keys come from objects that a
//! grant was given for, and everything in a campaign may be seen by whoever may see one thing in it.

use std::collections::HashMap;

use async_graphql::dataloader::{DataLoader, Loader};

use crate::{
    protocol::{CampaignId, Problem, Role, SettlementId, UserId},
    world::{
        World,
        entity::{Campaign, Member, Settlement, Structure},
        page::{Page, Slice},
        rules::Computed,
    },
};

/// The loaders of one request.
pub(super) type Loaders = DataLoader<Reader>;

/// What the loaders read with.
pub(super) struct Reader {
    world: World,
    viewer: UserId,
}

/// New loaders for a request of `viewer`.
pub(super) fn loaders(world: World, viewer: UserId) -> Loaders {
    DataLoader::new(Reader { world, viewer }, tokio::spawn)
}

/// A settlement's computed values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ComputedOf(pub CampaignId, pub SettlementId);

/// The viewer's own role in a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RoleIn(pub CampaignId);

/// A page of a campaign's settlements.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SettlementsOf(pub CampaignId, pub Page);

/// A page of a settlement's structures.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct StructuresOf(pub (CampaignId, SettlementId), pub Page);

/// A settlement by its own id and its campaign's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SettlementAt(pub CampaignId, pub SettlementId);

/// A page of a campaign's members.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct MembersOf(pub CampaignId, pub Page);

impl Loader<CampaignId> for Reader {
    type Value = Campaign;
    type Error = Problem;

    async fn load(&self, keys: &[CampaignId]) -> Result<HashMap<CampaignId, Campaign>, Problem> {
        self.world.campaigns_by_id(keys).await
    }
}

impl Loader<SettlementAt> for Reader {
    type Value = Settlement;
    type Error = Problem;

    async fn load(&self, keys: &[SettlementAt]) -> Result<HashMap<SettlementAt, Settlement>, Problem> {
        let ids: Vec<_> = keys.iter().map(|SettlementAt(campaign, id)| (*campaign, *id)).collect();
        let settlements = self.world.settlements_by_id(&ids).await?;
        Ok(settlements.into_iter().map(|(id, s)| (SettlementAt(s.campaign_id, id), s)).collect())
    }
}

impl Loader<ComputedOf> for Reader {
    type Value = Computed;
    type Error = Problem;

    async fn load(&self, keys: &[ComputedOf]) -> Result<HashMap<ComputedOf, Computed>, Problem> {
        let ids: Vec<_> = keys.iter().map(|ComputedOf(campaign, id)| (*campaign, *id)).collect();
        let computed = self.world.computed(&ids).await?;
        Ok(keys.iter().filter_map(|key| computed.get(&key.1).map(|values| (*key, *values))).collect())
    }
}

impl Loader<RoleIn> for Reader {
    type Value = Role;
    type Error = Problem;

    async fn load(&self, keys: &[RoleIn]) -> Result<HashMap<RoleIn, Role>, Problem> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let roles = self.world.roles(&self.viewer, &ids).await?;
        Ok(roles.into_iter().map(|(id, role)| (RoleIn(id), role)).collect())
    }
}

impl Loader<SettlementsOf> for Reader {
    type Value = Slice<Settlement>;
    type Error = Problem;

    async fn load(
        &self,
        keys: &[SettlementsOf],
    ) -> Result<HashMap<SettlementsOf, Slice<Settlement>>, Problem> {
        let mut all = HashMap::with_capacity(keys.len());
        for (page, ids) in by_page(keys.iter().map(|SettlementsOf(id, page)| (page, *id))) {
            let slices = self.world.settlements_of(&ids, page).await?;
            all.extend(slices.into_iter().map(|(id, slice)| (SettlementsOf(id, page.clone()), slice)));
        }
        Ok(all)
    }
}

impl Loader<StructuresOf> for Reader {
    type Value = Slice<Structure>;
    type Error = Problem;

    async fn load(&self, keys: &[StructuresOf]) -> Result<HashMap<StructuresOf, Slice<Structure>>, Problem> {
        let mut all = HashMap::with_capacity(keys.len());
        for (page, ids) in by_page(keys.iter().map(|StructuresOf(id, page)| (page, *id))) {
            let mut slices = self.world.structures_of(&ids, page).await?;
            let slice = |of: (CampaignId, SettlementId)| {
                (StructuresOf(of, page.clone()), slices.remove(&of.1).unwrap_or_default())
            };
            all.extend(ids.iter().copied().map(slice));
        }
        Ok(all)
    }
}

impl Loader<MembersOf> for Reader {
    type Value = Slice<Member>;
    type Error = Problem;

    async fn load(&self, keys: &[MembersOf]) -> Result<HashMap<MembersOf, Slice<Member>>, Problem> {
        let mut all = HashMap::with_capacity(keys.len());
        for (page, ids) in by_page(keys.iter().map(|MembersOf(id, page)| (page, *id))) {
            let slices = self.world.members_of(&ids, page).await?;
            all.extend(slices.into_iter().map(|(id, slice)| (MembersOf(id, page.clone()), slice)));
        }
        Ok(all)
    }
}

/// Nested lists of one field share their arguments, so this is one group for each place in the query.
fn by_page<'a, Id>(keys: impl Iterator<Item = (&'a Page, Id)>) -> HashMap<&'a Page, Vec<Id>> {
    let mut groups: HashMap<_, Vec<_>> = HashMap::new();
    for (page, id) in keys {
        groups.entry(page).or_default().push(id);
    }
    groups
}
