//! Telling every screen to read again: for values that a service outside derives.

use super::{
    Act, Request, Subject, World,
    change::Start,
    entity::Campaign,
    input::{Invalidation, check},
    must_be_campaign,
};
use crate::{
    access::{Action, Grant},
    protocol::{CampaignId, EntityRef, Event, InvalidationScope, Problem, StateInvalidated},
};

impl World {
    /// Says that derived values are out of date. Event: `state_invalidated`; nothing is written.
    ///
    /// # Errors
    /// `bad_request` (also when the scope and the list of entities do not fit), `not_found`, `forbidden`,
    /// `unavailable`.
    pub async fn invalidate(
        &self,
        grant: &Grant,
        input: Invalidation,
        request: &Request,
    ) -> Result<Campaign, Problem> {
        check(&input)?;
        let subject = Subject::of(Act::InvalidateState, grant.room().clone());
        let mut change = match self.start(grant, Action::Invalidate, subject, request).await? {
            Start::Fresh(change) => change,
            Start::Repeat(first) => return Ok(first),
        };
        let campaign = change.campaign(must_be_campaign(grant)?).await?;
        change.record(Event::StateInvalidated(event(campaign.id, input)?)).await?;
        change.finish(campaign).await
    }
}

fn event(campaign_id: CampaignId, input: Invalidation) -> Result<StateInvalidated, Problem> {
    let Invalidation { scope, entities, fields, reason } = input;
    let entities = match (scope, entities.is_empty()) {
        (InvalidationScope::Campaign, true) => None,
        (InvalidationScope::Entity, false) => Some(entities),
        (InvalidationScope::Campaign, false) => {
            return Err(Problem::invalid_field("entities", "must be empty for the scope CAMPAIGN"));
        }
        (InvalidationScope::Entity, true) => {
            return Err(Problem::invalid_field("entities", "must not be empty for the scope ENTITY"));
        }
    };
    let ids = |entities: &Vec<EntityRef>| entities.iter().map(|entity| entity.entity_id.clone()).collect();
    Ok(StateInvalidated {
        campaign_id,
        scope,
        entity_ids: entities.as_ref().map(ids),
        entities,
        fields: (!fields.is_empty()).then_some(fields),
        reason,
    })
}
