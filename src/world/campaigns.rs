//! Campaigns: created by anybody, changed by their GM, deleted by their OWNER with all that is in them.

use super::{
    Act, Request, Subject, World,
    change::{Change, Start, expect_version},
    entity::{Campaign, data},
    input::{CampaignPatch, NewCampaign, check},
    must_be_campaign,
};
use crate::{
    access::{Action, Grant, Identity},
    protocol::{
        CampaignId, EntityKind, EntityUpdated, Event, MembershipChanged, Operation, Problem, Role, Root,
    },
    store::{Slice, campaigns, members, settlements, users},
};

impl World {
    /// Creates a campaign whose OWNER is the caller. Events: `entity_updated`, then `membership_changed`.
    ///
    /// # Errors
    /// `bad_request`, `unavailable`.
    pub async fn create_campaign(
        &self,
        identity: &Identity,
        input: NewCampaign,
        request: &Request,
    ) -> Result<Campaign, Problem> {
        check(&input)?;
        let owner = identity.user_id();
        let subject = Subject { act: Act::CreateCampaign, room: None, user: None };
        let mut change = match self.start_unbound(owner, subject, request).await? {
            Start::Fresh(change) => change,
            Start::Repeat(first) => return Ok(first),
        };
        let NewCampaign { name, description, world_time } = input;
        let id = CampaignId::from_uuid(self.clock.uuid());
        let campaign = Campaign { id, name, description, world_time, version: 1 };
        change.tx.lock(&[Root::Campaign(id), Root::User(owner.clone())]).await?;
        let fields = ["name", "description", "worldTime"];
        change.record(campaign_event(&campaign, Operation::Create, &fields)).await?;
        let joined = MembershipChanged { campaign_id: id, user_id: owner.clone(), role: Some(Role::Owner) };
        change.record(Event::MembershipChanged(joined)).await?;
        if let Some(name) = identity.name() {
            let row = users::UserRow { id: owner.clone(), name: name.to_owned() };
            users::put(&mut change.tx, &row).await?;
        }
        campaigns::insert(&mut change.tx, &campaign.clone().into()).await?;
        members::put(&mut change.tx, id, owner, Role::Owner).await?;
        change.finish(campaign).await
    }

    /// Changes a campaign's own fields. Event: `entity_updated`.
    ///
    /// # Errors
    /// `bad_request`, `conflict`, `not_found`, `forbidden`, `unavailable`.
    pub async fn update_campaign(
        &self,
        grant: &Grant,
        patch: CampaignPatch,
        expected_version: Option<u64>,
        request: &Request,
    ) -> Result<Campaign, Problem> {
        check(&patch)?;
        let subject = Subject::of(Act::UpdateCampaign, grant.room().clone());
        let mut change = match self.start(grant, Action::Edit, subject, request).await? {
            Start::Fresh(change) => change,
            Start::Repeat(first) => return Ok(first),
        };
        let before = change.campaign(must_be_campaign(grant)?).await?;
        expect_version(expected_version, before.version)?;
        let (mut after, changed) = patched(before, patch);
        if changed.is_empty() {
            return change.finish_unchanged(after).await;
        }
        after.version += 1;
        change.record(campaign_event(&after, Operation::Update, &changed)).await?;
        campaigns::update(&mut change.tx, &after.clone().into()).await?;
        change.finish(after).await
    }

    /// Deletes a campaign with everything in it. Events: those of every structure and settlement, then
    /// `entity_updated` for the campaign, after which its room is closed.
    ///
    /// # Errors
    /// `conflict`, `not_found`, `forbidden`, `unavailable`.
    pub async fn delete_campaign(
        &self,
        grant: &Grant,
        expected_version: Option<u64>,
        request: &Request,
    ) -> Result<CampaignId, Problem> {
        let subject = Subject::of(Act::DeleteCampaign, grant.room().clone());
        let mut change = match self.start(grant, Action::Delete, subject, request).await? {
            Start::Fresh(change) => change,
            Start::Repeat(first) => return Ok(first),
        };
        let mut campaign = change.campaign(must_be_campaign(grant)?).await?;
        expect_version(expected_version, campaign.version)?;
        let within = settlements::of_campaign(&mut change.tx, campaign.id, Slice::first(u32::MAX)).await?;
        for settlement in within {
            change.delete_settlement(settlement.into()).await?;
        }
        campaign.version += 1;
        change.record(campaign_event(&campaign, Operation::Delete, &[])).await?;
        campaigns::delete(&mut change.tx, campaign.id).await?;
        change.finish(campaign.id).await
    }
}

impl Change {
    /// The campaign as this transaction sees it.
    pub(super) async fn campaign(&mut self, id: CampaignId) -> Result<Campaign, Problem> {
        let row = campaigns::get(&mut self.tx, id).await?;
        row.map(Campaign::from).ok_or_else(Problem::not_found)
    }
}

fn patched(mut campaign: Campaign, patch: CampaignPatch) -> (Campaign, Vec<&'static str>) {
    let CampaignPatch { name, description } = patch;
    let mut changed = Vec::new();
    if let Some(name) = name.filter(|name| *name != campaign.name) {
        campaign.name = name;
        changed.push("name");
    }
    if let Some(description) = description.filter(|text| *text != campaign.description) {
        campaign.description = description;
        changed.push("description");
    }
    (campaign, changed)
}

fn campaign_event(campaign: &Campaign, operation: Operation, changed: &[&str]) -> Event {
    Event::EntityUpdated(EntityUpdated {
        entity_type: EntityKind::Campaign,
        entity_id: campaign.id.to_string(),
        campaign_id: campaign.id,
        operation,
        version: campaign.version,
        changed_fields: changed.iter().map(|&field| field.to_owned()).collect(),
        entity_data: match operation {
            Operation::Create | Operation::Update => data(campaign),
            Operation::Delete => None,
        },
    })
}
