//! The mutations: parse, require, one service call, view.

use async_graphql::{Context, ID, Object, Result};

use super::{
    call::Call,
    input::{
        CreateCampaignInput, CreateSettlementInput, CreateStructureInput, InvalidateStateInput,
        UpdateCampaignInput, UpdateSettlementInput, UpdateStructureInput,
    },
    object::{Campaign, Member, Settlement, Structure},
    scalar::{Instant, Role, TimeUnit, id},
};
use crate::{
    access::Action,
    protocol::{CampaignId, Room, SettlementId, StructureId, UserId},
    world::{
        Act, Subject,
        input::{ClockMove, NewSettlement, NewStructure},
    },
};

/// What a mutation costs against the complexity limit, so that one document cannot carry hundreds.
const COST: usize = 2_000;

/// The root of mutations. Their fields may be null, so that one that fails does not take the answers of
/// the others in the same document with it.
pub struct Mutation;

/// What can be changed. With `expectedVersion` a change is refused with VERSION_CONFLICT when the entity
/// has another version. With `requestId` (unique per user, remembered for 24 hours) a repetition changes
/// nothing and gets the first answer.
#[Object]
impl Mutation {
    /// The viewer becomes its OWNER.
    #[graphql(complexity = "COST + child_complexity")]
    async fn create_campaign(
        &self,
        ctx: &Context<'_>,
        input: CreateCampaignInput,
        request_id: Option<ID>,
    ) -> Result<Option<Campaign>> {
        let call = Call::new(ctx, request_id)?;
        let campaign = call.world.create_campaign(call.identity, input.into(), &call.request).await?;
        Ok(Some(Campaign(campaign)))
    }

    #[graphql(complexity = "COST + child_complexity")]
    async fn update_campaign(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id")] of: ID,
        input: UpdateCampaignInput,
        expected_version: Option<u64>,
        request_id: Option<ID>,
    ) -> Result<Option<Campaign>> {
        let call = Call::new(ctx, request_id)?;
        let grant = call.require(Room::Campaign(id("id", &of)?), Action::Edit).await?;
        let campaign =
            call.world.update_campaign(&grant, input.into(), expected_version, &call.request).await?;
        Ok(Some(Campaign(campaign)))
    }

    /// Deletes everything in it, too.
    #[graphql(complexity = "COST")]
    async fn delete_campaign(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id")] of: ID,
        expected_version: Option<u64>,
        request_id: Option<ID>,
    ) -> Result<Option<ID>> {
        let call = Call::new(ctx, request_id)?;
        let room = Room::Campaign(id("id", &of)?);
        let deleted: CampaignId = match call.require(room.clone(), Action::Delete).await {
            Ok(grant) => call.world.delete_campaign(&grant, expected_version, &call.request).await?,
            Err(gone) => call.repeated(Subject::of(Act::DeleteCampaign, room), gone).await?,
        };
        Ok(Some(ID(deleted.to_string())))
    }

    /// Makes a user a member, or gives a member another role. The last OWNER keeps the role.
    #[graphql(complexity = "COST + child_complexity")]
    async fn set_member(
        &self,
        ctx: &Context<'_>,
        campaign_id: ID,
        user_id: ID,
        role: Role,
        request_id: Option<ID>,
    ) -> Result<Option<Member>> {
        let call = Call::new(ctx, request_id)?;
        let user = id("userId", &user_id)?;
        let grant = call.require(Room::Campaign(id("campaignId", &campaign_id)?), Action::Administer).await?;
        Ok(Some(call.world.set_member(&grant, user, role.into(), &call.request).await?.into()))
    }

    /// Removes a member. Whoever is a member may also leave; the last OWNER may not.
    #[graphql(complexity = "COST")]
    async fn remove_member(
        &self,
        ctx: &Context<'_>,
        campaign_id: ID,
        user_id: ID,
        request_id: Option<ID>,
    ) -> Result<Option<ID>> {
        let call = Call::new(ctx, request_id)?;
        let room = Room::Campaign(id("campaignId", &campaign_id)?);
        let user: UserId = id("userId", &user_id)?;
        let leaving = user == *call.identity.user_id();
        let action = if leaving { Action::View } else { Action::Administer };
        let removed: UserId = match call.require(room.clone(), action).await {
            Ok(grant) => call.world.remove_member(&grant, user, &call.request).await?,
            Err(gone) => call.repeated(Subject::of_member(Act::RemoveMember, room, user), gone).await?,
        };
        Ok(Some(ID(removed.to_string())))
    }

    #[graphql(complexity = "COST + child_complexity")]
    async fn create_settlement(
        &self,
        ctx: &Context<'_>,
        input: CreateSettlementInput,
        request_id: Option<ID>,
    ) -> Result<Option<Settlement>> {
        let call = Call::new(ctx, request_id)?;
        let input = NewSettlement::try_from(input)?;
        let grant = call.require(Room::Campaign(input.campaign_id), Action::Create).await?;
        Ok(Some(Settlement(call.world.create_settlement(&grant, input, &call.request).await?)))
    }

    #[graphql(complexity = "COST + child_complexity")]
    async fn update_settlement(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id")] of: ID,
        input: UpdateSettlementInput,
        expected_version: Option<u64>,
        request_id: Option<ID>,
    ) -> Result<Option<Settlement>> {
        let call = Call::new(ctx, request_id)?;
        let grant = call.require(Room::Settlement(id("id", &of)?), Action::Edit).await?;
        let settlement =
            call.world.update_settlement(&grant, input.into(), expected_version, &call.request).await?;
        Ok(Some(Settlement(settlement)))
    }

    /// Deletes its structures, too.
    #[graphql(complexity = "COST")]
    async fn delete_settlement(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id")] of: ID,
        expected_version: Option<u64>,
        request_id: Option<ID>,
    ) -> Result<Option<ID>> {
        let call = Call::new(ctx, request_id)?;
        let room = Room::Settlement(id("id", &of)?);
        let deleted: SettlementId = match call.require(room.clone(), Action::Delete).await {
            Ok(grant) => call.world.delete_settlement(&grant, expected_version, &call.request).await?,
            Err(gone) => call.repeated(Subject::of(Act::DeleteSettlement, room), gone).await?,
        };
        Ok(Some(ID(deleted.to_string())))
    }

    #[graphql(complexity = "COST + child_complexity")]
    async fn create_structure(
        &self,
        ctx: &Context<'_>,
        input: CreateStructureInput,
        request_id: Option<ID>,
    ) -> Result<Option<Structure>> {
        let call = Call::new(ctx, request_id)?;
        let input = NewStructure::try_from(input)?;
        let grant = call.require(Room::Settlement(input.settlement_id), Action::Create).await?;
        Ok(Some(Structure(call.world.create_structure(&grant, input, &call.request).await?)))
    }

    #[graphql(complexity = "COST + child_complexity")]
    async fn update_structure(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id")] of: ID,
        input: UpdateStructureInput,
        expected_version: Option<u64>,
        request_id: Option<ID>,
    ) -> Result<Option<Structure>> {
        let call = Call::new(ctx, request_id)?;
        let grant = call.require(Room::Structure(id("id", &of)?), Action::Edit).await?;
        let structure =
            call.world.update_structure(&grant, input.into(), expected_version, &call.request).await?;
        Ok(Some(Structure(structure)))
    }

    #[graphql(complexity = "COST")]
    async fn delete_structure(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id")] of: ID,
        expected_version: Option<u64>,
        request_id: Option<ID>,
    ) -> Result<Option<ID>> {
        let call = Call::new(ctx, request_id)?;
        let room = Room::Structure(id("id", &of)?);
        let deleted: StructureId = match call.require(room.clone(), Action::Delete).await {
            Ok(grant) => call.world.delete_structure(&grant, expected_version, &call.request).await?,
            Err(gone) => call.repeated(Subject::of(Act::DeleteStructure, room), gone).await?,
        };
        Ok(Some(ID(deleted.to_string())))
    }

    /// Sets the world's clock to a later instant. What is due by then is finished.
    #[graphql(complexity = "COST + child_complexity")]
    async fn set_world_time(
        &self,
        ctx: &Context<'_>,
        campaign_id: ID,
        world_time: Instant,
        expected_version: Option<u64>,
        request_id: Option<ID>,
    ) -> Result<Option<Campaign>> {
        let call = Call::new(ctx, request_id)?;
        Ok(Some(move_clock(&call, &campaign_id, ClockMove::Set(world_time.0), expected_version).await?))
    }

    /// Moves the world's clock forward. What is due by then is finished.
    #[graphql(complexity = "COST + child_complexity")]
    async fn advance_world_time(
        &self,
        ctx: &Context<'_>,
        campaign_id: ID,
        amount: i64,
        unit: TimeUnit,
        expected_version: Option<u64>,
        request_id: Option<ID>,
    ) -> Result<Option<Campaign>> {
        let call = Call::new(ctx, request_id)?;
        let advance = ClockMove::Advance { amount, unit: unit.into() };
        Ok(Some(move_clock(&call, &campaign_id, advance, expected_version).await?))
    }

    /// Tells every screen to read values again that a service outside has changed.
    #[graphql(complexity = "COST + child_complexity")]
    async fn invalidate_state(
        &self,
        ctx: &Context<'_>,
        campaign_id: ID,
        input: InvalidateStateInput,
        request_id: Option<ID>,
    ) -> Result<Option<Campaign>> {
        let call = Call::new(ctx, request_id)?;
        let grant = call.require(Room::Campaign(id("campaignId", &campaign_id)?), Action::Invalidate).await?;
        Ok(Some(Campaign(call.world.invalidate(&grant, input.into(), &call.request).await?)))
    }
}

async fn move_clock(
    call: &Call<'_>,
    campaign_id: &ID,
    clock: ClockMove,
    expected_version: Option<u64>,
) -> Result<Campaign> {
    let room = Room::Campaign(id("campaignId", campaign_id)?);
    let grant = call.require(room, Action::AdvanceTime).await?;
    Ok(Campaign(call.world.move_clock(&grant, clock, expected_version, &call.request).await?))
}
