//! Structures: what stands, or is being built, in a settlement.

use super::{
    Act, Request, Subject, World, campaign_of,
    change::{Change, Start, expect_version},
    entity::{Structure, data},
    input::{NewStructure, StructurePatch, check, checked},
    settlement_of, structure_of, within,
};
use crate::{
    access::{Action, Grant},
    protocol::{CampaignId, Event, Operation, Problem, StructureId, StructureUpdated, Timestamp},
    store::{structures, survey},
};

impl World {
    /// Builds a structure in the settlement that the grant is for. Events: `structure_updated`, then
    /// `state_invalidated` when it is finished and a computed value follows.
    ///
    /// # Errors
    /// `bad_request`, `limit_exceeded`, `not_found`, `forbidden`, `unavailable`.
    pub async fn create_structure(
        &self,
        grant: &Grant,
        input: NewStructure,
        request: &Request,
    ) -> Result<Structure, Problem> {
        check(&input)?;
        let subject = Subject::of(Act::CreateStructure, grant.room().clone());
        let mut change = match self.start(grant, Action::Create, subject, request).await? {
            Start::Fresh(change) => change,
            Start::Repeat(first) => return Ok(first),
        };
        let campaign_id = campaign_of(grant)?;
        let world_time = change.campaign(campaign_id).await?.world_time;
        let settlement = change.settlement(campaign_id, settlement_of(grant)?).await?;
        let there = survey::count_structures(&mut change.tx, campaign_id).await?;
        within(there, self.limits.structures_per_campaign, "structures")?;
        let NewStructure { settlement_id: _, name, kind, level, completes_at, variables } = input;
        let structure = Structure {
            id: StructureId::from_uuid(self.clock.uuid()),
            settlement_id: settlement.id,
            campaign_id,
            name,
            kind,
            level: checked(level),
            completes_at,
            finished: Structure::is_finished(completes_at, world_time),
            variables,
            version: 1,
        };
        let fields = ["name", "kind", "level", "completesAt", "finished", "variables"];
        change.record(structure_event(&structure, Operation::Create, &fields)).await?;
        change.structure_changed(&settlement, world_time, None, Some(&structure)).await?;
        structures::insert(&mut change.tx, &structure.clone().into()).await?;
        change.finish(structure).await
    }

    /// Changes a structure. Events: `structure_updated`, then `state_invalidated` when a computed value
    /// follows.
    ///
    /// # Errors
    /// `bad_request`, `conflict`, `not_found`, `forbidden`, `unavailable`.
    pub async fn update_structure(
        &self,
        grant: &Grant,
        patch: StructurePatch,
        expected_version: Option<u64>,
        request: &Request,
    ) -> Result<Structure, Problem> {
        check(&patch)?;
        let subject = Subject::of(Act::UpdateStructure, grant.room().clone());
        let mut change = match self.start(grant, Action::Edit, subject, request).await? {
            Start::Fresh(change) => change,
            Start::Repeat(first) => return Ok(first),
        };
        let campaign_id = campaign_of(grant)?;
        let before = change.structure(campaign_id, structure_of(grant)?).await?;
        expect_version(expected_version, before.version)?;
        let world_time = change.campaign(campaign_id).await?.world_time;
        let (mut after, changed) = patched(before.clone(), patch, world_time);
        if changed.is_empty() {
            return change.finish_unchanged(after).await;
        }
        after.version += 1;
        change.record(structure_event(&after, Operation::Update, &changed)).await?;
        if before.for_rules() != after.for_rules() {
            let settlement = change.settlement(campaign_id, before.settlement_id).await?;
            change.structure_changed(&settlement, world_time, Some(&before), Some(&after)).await?;
        }
        structures::update(&mut change.tx, &after.clone().into()).await?;
        change.finish(after).await
    }

    /// Deletes a structure. Events: `structure_updated`, after which its room is closed, then
    /// `state_invalidated` when a computed value follows.
    ///
    /// # Errors
    /// `conflict`, `not_found`, `forbidden`, `unavailable`.
    pub async fn delete_structure(
        &self,
        grant: &Grant,
        expected_version: Option<u64>,
        request: &Request,
    ) -> Result<StructureId, Problem> {
        let subject = Subject::of(Act::DeleteStructure, grant.room().clone());
        let mut change = match self.start(grant, Action::Delete, subject, request).await? {
            Start::Fresh(change) => change,
            Start::Repeat(first) => return Ok(first),
        };
        let campaign_id = campaign_of(grant)?;
        let mut structure = change.structure(campaign_id, structure_of(grant)?).await?;
        expect_version(expected_version, structure.version)?;
        structure.version += 1;
        change.record(structure_event(&structure, Operation::Delete, &[])).await?;
        if structure.finished {
            let world_time = change.campaign(campaign_id).await?.world_time;
            let settlement = change.settlement(campaign_id, structure.settlement_id).await?;
            change.structure_changed(&settlement, world_time, Some(&structure), None).await?;
        }
        structures::delete(&mut change.tx, campaign_id, structure.id).await?;
        change.finish(structure.id).await
    }
}

impl Change {
    /// The structure as this transaction sees it.
    async fn structure(&mut self, campaign: CampaignId, id: StructureId) -> Result<Structure, Problem> {
        let row = structures::get(&mut self.tx, campaign, id).await?.ok_or_else(Problem::not_found)?;
        Ok(Structure::try_from(row)?)
    }
}

fn patched(
    mut structure: Structure,
    patch: StructurePatch,
    world_time: Timestamp,
) -> (Structure, Vec<&'static str>) {
    let StructurePatch { name, kind, level, completes_at, variables } = patch;
    let mut changed = Vec::new();
    let mut set = |field, differs: bool| {
        if differs {
            changed.push(field);
        }
    };
    if let Some(name) = name {
        set("name", name != structure.name);
        structure.name = name;
    }
    if let Some(kind) = kind {
        set("kind", kind != structure.kind);
        structure.kind = kind;
    }
    if let Some(level) = level.map(checked) {
        set("level", level != structure.level);
        structure.level = level;
    }
    if let Some(completes_at) = completes_at {
        let finished = Structure::is_finished(completes_at, world_time);
        set("completesAt", completes_at != structure.completes_at);
        set("finished", finished != structure.finished);
        structure.completes_at = completes_at;
        structure.finished = finished;
    }
    if let Some(variables) = variables {
        set("variables", variables != structure.variables);
        structure.variables = variables;
    }
    (structure, changed)
}

/// `structure_updated` for a structure as it is after the change.
pub(super) fn structure_event(structure: &Structure, operation: Operation, changed: &[&str]) -> Event {
    Event::StructureUpdated(StructureUpdated {
        structure_id: structure.id,
        settlement_id: structure.settlement_id,
        campaign_id: structure.campaign_id,
        operation,
        version: structure.version,
        changed_fields: changed.iter().map(|&field| field.to_owned()).collect(),
        structure_data: match operation {
            Operation::Create | Operation::Update => data(structure),
            Operation::Delete => None,
        },
    })
}
