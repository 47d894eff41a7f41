//! The entities as GraphQL objects: their own fields, what is computed, and what is next to them.

use async_graphql::{Context, ID, Object, Result, SimpleObject};

use super::{
    loader::{ComputedOf, Loaders, MembersOf, RoleIn, SettlementAt, SettlementsOf, StructuresOf},
    page::{PageOf, connection, cost, page},
    scalar::{Instant, JsonObject, Role, StructureKind},
};
use crate::{
    access::{Identity, Scope},
    protocol::{CampaignId, Problem, SettlementId},
    world::{entity, page::Page, rules::Computed},
};

/// Who is asking.
pub struct Viewer(pub Identity);

/// Who is asking.
#[Object]
impl Viewer {
    async fn user_id(&self) -> ID {
        ID(self.0.user_id().to_string())
    }

    /// The name in the token, if it has one.
    async fn name(&self) -> Option<&str> {
        self.0.name()
    }

    /// What the token allows beyond rooms.
    async fn scopes(&self) -> Vec<&'static str> {
        Scope::ALL.into_iter().filter(|s| self.0.scopes().contains(*s)).map(Scope::name).collect()
    }

    /// When the token ends.
    async fn expires_at(&self) -> Instant {
        Instant(self.0.expires_at())
    }
}

/// A campaign: a world with its own clock and its own members.
pub struct Campaign(pub entity::Campaign);

/// A campaign: a world with its own clock and its own members.
#[Object]
impl Campaign {
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    async fn name(&self) -> &str {
        &self.0.name
    }

    async fn description(&self) -> &str {
        &self.0.description
    }

    /// Where the world's clock stands. It only moves forward.
    async fn world_time(&self) -> Instant {
        Instant(self.0.world_time)
    }

    /// Grows by one with every change, of the clock too.
    async fn version(&self) -> u64 {
        self.0.version
    }

    /// The viewer's own role.
    async fn my_role(&self, ctx: &Context<'_>) -> Result<Option<Role>> {
        Ok(ctx.data::<Loaders>()?.load_one(RoleIn(self.0.id)).await?.map(Role::from))
    }

    /// In the order of their founding.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn settlements(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<PageOf<Settlement>> {
        settlements(ctx, self.0.id, page(first, after)?).await
    }

    /// In the order of their user ids.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn members(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<PageOf<Member>> {
        members(ctx, self.0.id, page(first, after)?).await
    }
}

/// A user's place in a campaign.
#[derive(SimpleObject)]
pub struct Member {
    pub campaign_id: ID,
    pub user_id: ID,
    pub role: Role,
    /// The name the user is shown under, when it is known.
    pub name: Option<String>,
}

/// A place on the campaign's map.
pub struct Settlement(pub entity::Settlement);

/// A place on the campaign's map. `defense`, `prosperity` and `capacity` are computed from its finished
/// structures and the world time; `state_invalidated` says when they have changed.
#[Object]
impl Settlement {
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    async fn campaign_id(&self) -> ID {
        ID(self.0.campaign_id.to_string())
    }

    async fn name(&self) -> &str {
        &self.0.name
    }

    /// 1 to 20.
    async fn level(&self) -> u32 {
        self.0.level
    }

    async fn population(&self) -> u32 {
        self.0.population
    }

    async fn position(&self) -> MapPosition {
        MapPosition { x: self.0.position.x, y: self.0.position.y }
    }

    /// Whatever the application keeps with the settlement.
    async fn variables(&self) -> JsonObject {
        JsonObject(self.0.variables.clone())
    }

    /// Grows by one with every change.
    async fn version(&self) -> u64 {
        self.0.version
    }

    /// How hard it is to take.
    async fn defense(&self, ctx: &Context<'_>) -> Result<u32> {
        Ok(self.computed(ctx).await?.defense)
    }

    /// How well its people live.
    async fn prosperity(&self, ctx: &Context<'_>) -> Result<u32> {
        Ok(self.computed(ctx).await?.prosperity)
    }

    /// How many people it houses and feeds.
    async fn capacity(&self, ctx: &Context<'_>) -> Result<u32> {
        Ok(self.computed(ctx).await?.capacity)
    }

    async fn campaign(&self, ctx: &Context<'_>) -> Result<Campaign> {
        let campaign = ctx.data::<Loaders>()?.load_one(self.0.campaign_id).await?;
        Ok(Campaign(campaign.ok_or_else(Problem::not_found)?))
    }

    /// In the order in which they were begun.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn structures(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<PageOf<Structure>> {
        structures(ctx, (self.0.campaign_id, self.0.id), page(first, after)?).await
    }
}

/// Where something is on the map, in the map's own unit.
#[derive(SimpleObject)]
pub struct MapPosition {
    pub x: f64,
    pub y: f64,
}

/// Something built, or being built, in a settlement.
pub struct Structure(pub entity::Structure);

/// Something built, or being built, in a settlement.
#[Object]
impl Structure {
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    async fn settlement_id(&self) -> ID {
        ID(self.0.settlement_id.to_string())
    }

    async fn campaign_id(&self) -> ID {
        ID(self.0.campaign_id.to_string())
    }

    async fn name(&self) -> &str {
        &self.0.name
    }

    async fn kind(&self) -> StructureKind {
        self.0.kind.into()
    }

    /// 1 to 10.
    async fn level(&self) -> u32 {
        self.0.level
    }

    /// The world time at which it is finished; null when it always was.
    async fn completes_at(&self) -> Option<Instant> {
        self.0.completes_at.map(Instant)
    }

    /// Whether world time has reached `completesAt`. Only finished structures count in the settlement's
    /// computed values.
    async fn finished(&self) -> bool {
        self.0.finished
    }

    /// Whatever the application keeps with the structure.
    async fn variables(&self) -> JsonObject {
        JsonObject(self.0.variables.clone())
    }

    /// Grows by one with every change, its completion too.
    async fn version(&self) -> u64 {
        self.0.version
    }

    async fn settlement(&self, ctx: &Context<'_>) -> Result<Settlement> {
        let settlement =
            ctx.data::<Loaders>()?.load_one(SettlementAt(self.0.campaign_id, self.0.settlement_id)).await?;
        Ok(Settlement(settlement.ok_or_else(Problem::not_found)?))
    }
}

impl Settlement {
    /// A settlement that was deleted since it was read has no structures; that must not spoil the whole
    /// answer.
    async fn computed(&self, ctx: &Context<'_>) -> Result<Computed> {
        let computed = ctx.data::<Loaders>()?.load_one(ComputedOf(self.0.campaign_id, self.0.id)).await?;
        Ok(computed.unwrap_or_else(|| self.0.computed_without_structures()))
    }
}

impl From<entity::Member> for Member {
    fn from(member: entity::Member) -> Self {
        Self {
            campaign_id: ID(member.campaign_id.to_string()),
            user_id: ID(member.user_id.to_string()),
            role: member.role.into(),
            name: member.name,
        }
    }
}

/// A page of a campaign's settlements. The caller has seen to the permission, here and below.
pub(super) async fn settlements(ctx: &Context<'_>, of: CampaignId, page: Page) -> Result<PageOf<Settlement>> {
    let slice = ctx.data::<Loaders>()?.load_one(SettlementsOf(of, page.clone())).await?.unwrap_or_default();
    Ok(connection(&page, slice, |s| s.id.to_string(), Settlement))
}

/// A page of a settlement's structures.
pub(super) async fn structures(
    ctx: &Context<'_>,
    of: (CampaignId, SettlementId),
    page: Page,
) -> Result<PageOf<Structure>> {
    let slice = ctx.data::<Loaders>()?.load_one(StructuresOf(of, page.clone())).await?.unwrap_or_default();
    Ok(connection(&page, slice, |s| s.id.to_string(), Structure))
}

/// A page of a campaign's members.
pub(super) async fn members(ctx: &Context<'_>, of: CampaignId, page: Page) -> Result<PageOf<Member>> {
    let slice = ctx.data::<Loaders>()?.load_one(MembersOf(of, page.clone())).await?.unwrap_or_default();
    Ok(connection(&page, slice, |m| m.user_id.to_string(), Member::from))
}
