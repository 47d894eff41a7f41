//! Settlements: places on a campaign's map.

use super::{
    Act, Request, Subject, World, campaign_of,
    change::{Change, Start, expect_version},
    entity::{Settlement, Structure, data},
    input::{NewSettlement, SettlementPatch, check, checked},
    must_be_campaign, settlement_of,
    structures::structure_event,
    within,
};
use crate::{
    access::{Action, Grant},
    protocol::{CampaignId, Event, Operation, Problem, SettlementId, SettlementUpdated},
    store::{settlements, structures, survey},
};

impl World {
    /// Founds a settlement in the campaign that the grant is for. Event: `settlement_updated`.
    ///
    /// # Errors
    /// `bad_request`, `limit_exceeded`, `not_found`, `forbidden`, `unavailable`.
    pub async fn create_settlement(
        &self,
        grant: &Grant,
        input: NewSettlement,
        request: &Request,
    ) -> Result<Settlement, Problem> {
        check(&input)?;
        let subject = Subject::of(Act::CreateSettlement, grant.room().clone());
        let mut change = match self.start(grant, Action::Create, subject, request).await? {
            Start::Fresh(change) => change,
            Start::Repeat(first) => return Ok(first),
        };
        let campaign_id = must_be_campaign(grant)?;
        change.campaign(campaign_id).await?;
        let there = survey::count_settlements(&mut change.tx, campaign_id).await?;
        within(there, self.limits.settlements_per_campaign, "settlements")?;
        let NewSettlement { campaign_id: _, name, level, population, position, variables } = input;
        let settlement = Settlement {
            id: SettlementId::from_uuid(self.clock.uuid()),
            campaign_id,
            name,
            level: checked(level),
            population: checked(population),
            position,
            variables,
            version: 1,
        };
        let fields = ["name", "level", "population", "position", "variables"];
        change.record(settlement_event(&settlement, Operation::Create, &fields)).await?;
        settlements::insert(&mut change.tx, &settlement.clone().into()).await?;
        change.finish(settlement).await
    }

    /// Changes a settlement. Events: `settlement_updated`, then `state_invalidated` when a computed value
    /// follows.
    ///
    /// # Errors
    /// `bad_request`, `conflict`, `not_found`, `forbidden`, `unavailable`.
    pub async fn update_settlement(
        &self,
        grant: &Grant,
        patch: SettlementPatch,
        expected_version: Option<u64>,
        request: &Request,
    ) -> Result<Settlement, Problem> {
        check(&patch)?;
        let subject = Subject::of(Act::UpdateSettlement, grant.room().clone());
        let mut change = match self.start(grant, Action::Edit, subject, request).await? {
            Start::Fresh(change) => change,
            Start::Repeat(first) => return Ok(first),
        };
        let before = change.settlement(campaign_of(grant)?, settlement_of(grant)?).await?;
        expect_version(expected_version, before.version)?;
        let (mut after, changed) = patched(before.clone(), patch);
        if changed.is_empty() {
            return change.finish_unchanged(after).await;
        }
        after.version += 1;
        change.record(settlement_event(&after, Operation::Update, &changed)).await?;
        if before.level != after.level || before.population != after.population {
            change.settlement_changed(&before, &after).await?;
        }
        settlements::update(&mut change.tx, &after.clone().into()).await?;
        change.finish(after).await
    }

    /// Deletes a settlement with its structures. Events: `structure_updated` for each, then
    /// `settlement_updated`; their rooms are closed.
    ///
    /// # Errors
    /// `conflict`, `not_found`, `forbidden`, `unavailable`.
    pub async fn delete_settlement(
        &self,
        grant: &Grant,
        expected_version: Option<u64>,
        request: &Request,
    ) -> Result<SettlementId, Problem> {
        let subject = Subject::of(Act::DeleteSettlement, grant.room().clone());
        let mut change = match self.start(grant, Action::Delete, subject, request).await? {
            Start::Fresh(change) => change,
            Start::Repeat(first) => return Ok(first),
        };
        let settlement = change.settlement(campaign_of(grant)?, settlement_of(grant)?).await?;
        expect_version(expected_version, settlement.version)?;
        let id = settlement.id;
        change.delete_settlement(settlement).await?;
        change.finish(id).await
    }
}

impl Change {
    /// The settlement as this transaction sees it.
    pub(super) async fn settlement(
        &mut self,
        campaign: CampaignId,
        id: SettlementId,
    ) -> Result<Settlement, Problem> {
        let row = settlements::get(&mut self.tx, campaign, id).await?;
        row.map(Settlement::from).ok_or_else(Problem::not_found)
    }

    /// Deletes a settlement with its structures, which go first: an event of a structure reaches the
    /// settlement's room, too, and nothing may reach a room after its own end.
    pub(super) async fn delete_settlement(&mut self, mut settlement: Settlement) -> Result<(), Problem> {
        let (campaign, id) = (settlement.campaign_id, settlement.id);
        for row in structures::delete_of_settlement(&mut self.tx, campaign, id).await? {
            let mut structure = Structure::try_from(row)?;
            structure.version += 1;
            self.record(structure_event(&structure, Operation::Delete, &[])).await?;
        }
        settlement.version += 1;
        self.record(settlement_event(&settlement, Operation::Delete, &[])).await?;
        settlements::delete(&mut self.tx, campaign, id).await?;
        Ok(())
    }
}

fn patched(mut settlement: Settlement, patch: SettlementPatch) -> (Settlement, Vec<&'static str>) {
    let SettlementPatch { name, level, population, position, variables } = patch;
    let mut changed = Vec::new();
    let mut set = |field, differs: bool| {
        if differs {
            changed.push(field);
        }
    };
    if let Some(name) = name {
        set("name", name != settlement.name);
        settlement.name = name;
    }
    if let Some(level) = level.map(checked) {
        set("level", level != settlement.level);
        settlement.level = level;
    }
    if let Some(population) = population.map(checked) {
        set("population", population != settlement.population);
        settlement.population = population;
    }
    if let Some(position) = position {
        set("position", position != settlement.position);
        settlement.position = position;
    }
    if let Some(variables) = variables {
        set("variables", variables != settlement.variables);
        settlement.variables = variables;
    }
    (settlement, changed)
}

fn settlement_event(settlement: &Settlement, operation: Operation, changed: &[&str]) -> Event {
    Event::SettlementUpdated(SettlementUpdated {
        settlement_id: settlement.id,
        campaign_id: settlement.campaign_id,
        operation,
        version: settlement.version,
        changed_fields: changed.iter().map(|&field| field.to_owned()).collect(),
        settlement_data: match operation {
            Operation::Create | Operation::Update => data(settlement),
            Operation::Delete => None,
        },
    })
}
