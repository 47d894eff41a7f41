//! The queries: parse, require, read.

use async_graphql::{Context, ID, Object, Result};

use super::{
    call::Call,
    object::{self, Campaign, Member, Settlement, Structure, Viewer},
    page::{PageOf, connection, cost, page},
    scalar::id,
};
use crate::{
    access::Action,
    protocol::{Problem, Room, Root},
};

/// The root of queries.
pub struct Query;

/// What can be read. An entity that does not exist and one that the viewer may not see are answered
/// alike, with null and NOT_FOUND.
#[Object]
impl Query {
    /// Who is asking.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer> {
        Ok(Viewer(Call::read(ctx)?.identity.clone()))
    }

    /// The campaigns that the viewer is a member of, in the order of their creation.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn campaigns(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Option<PageOf<Campaign>>> {
        let call = Call::read(ctx)?;
        let page = page(first, after)?;
        let slice = call.world.campaigns_of(call.identity.user_id(), &page).await?;
        Ok(Some(connection(&page, slice, |c| c.id.to_string(), Campaign)))
    }

    async fn campaign(&self, ctx: &Context<'_>, #[graphql(name = "id")] of: ID) -> Result<Option<Campaign>> {
        let call = Call::read(ctx)?;
        let grant = call.require(Room::Campaign(id("id", &of)?), Action::View).await?;
        Ok(Some(Campaign(call.world.campaign(&grant).await?)))
    }

    /// The members of a campaign, in the order of their user ids.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn members(
        &self,
        ctx: &Context<'_>,
        campaign_id: ID,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Option<PageOf<Member>>> {
        let of = id("campaignId", &campaign_id)?;
        Call::read(ctx)?.require(Room::Campaign(of), Action::View).await?;
        object::members(ctx, of, page(first, after)?).await.map(Some)
    }

    /// The settlements of a campaign, in the order of their founding.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn settlements(
        &self,
        ctx: &Context<'_>,
        campaign_id: ID,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Option<PageOf<Settlement>>> {
        let of = id("campaignId", &campaign_id)?;
        Call::read(ctx)?.require(Room::Campaign(of), Action::View).await?;
        object::settlements(ctx, of, page(first, after)?).await.map(Some)
    }

    async fn settlement(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id")] of: ID,
    ) -> Result<Option<Settlement>> {
        let call = Call::read(ctx)?;
        let grant = call.require(Room::Settlement(id("id", &of)?), Action::View).await?;
        Ok(Some(Settlement(call.world.settlement(&grant).await?)))
    }

    /// The structures of a settlement, in the order in which they were begun.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn structures(
        &self,
        ctx: &Context<'_>,
        settlement_id: ID,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Option<PageOf<Structure>>> {
        let settlement = id("settlementId", &settlement_id)?;
        let grant = Call::read(ctx)?.require(Room::Settlement(settlement), Action::View).await?;
        let Root::Campaign(campaign) = *grant.root() else { return Err(Problem::not_found().into()) };
        object::structures(ctx, (campaign, settlement), page(first, after)?).await.map(Some)
    }

    async fn structure(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id")] of: ID,
    ) -> Result<Option<Structure>> {
        let call = Call::read(ctx)?;
        let grant = call.require(Room::Structure(id("id", &of)?), Action::View).await?;
        Ok(Some(Structure(call.world.structure(&grant).await?)))
    }
}
