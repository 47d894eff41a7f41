//! What a change does to computed values: found by computing before and after, reported as
//! `state_invalidated` with exactly the settlements and the fields that differ.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    change::Change,
    entity::{Settlement, Structure},
    rows::kind_of,
    rules::{Basis, ComputedField, Finished, compute},
};
use crate::{
    protocol::{
        CampaignId, EntityKind, EntityRef, Event, InvalidationScope, Problem, SettlementId, StateInvalidated,
        StructureId, Timestamp,
    },
    store::survey::{self, BasisRow, FinishedRow},
};

/// Which computed values of which settlements differ after a change.
#[derive(Debug, Default)]
pub(super) struct Differences(BTreeMap<Vec<ComputedField>, Vec<SettlementId>>);

impl Differences {
    fn add(&mut self, settlement: SettlementId, fields: Vec<ComputedField>) {
        if !fields.is_empty() {
            self.0.entry(fields).or_default().push(settlement);
        }
    }
}

impl Change {
    /// Reports what follows from a settlement's new level or population.
    pub(super) async fn settlement_changed(
        &mut self,
        before: &Settlement,
        after: &Settlement,
    ) -> Result<(), Problem> {
        let world_time = self.campaign(before.campaign_id).await?.world_time;
        let finished = self.finished_in(before.campaign_id, before.id).await?;
        let values =
            |settlement: &Settlement| compute(settlement.basis(world_time), finished.iter().map(|f| f.1));
        let mut differences = Differences::default();
        differences.add(before.id, values(before).changed(values(after)));
        self.report(before.campaign_id, differences, "The settlement has changed.").await
    }

    /// Reports what follows from a structure's creation, change or deletion. To be called before the
    /// write: the database still has the structure as it was.
    pub(super) async fn structure_changed(
        &mut self,
        settlement: &Settlement,
        world_time: Timestamp,
        before: Option<&Structure>,
        after: Option<&Structure>,
    ) -> Result<(), Problem> {
        let counted = after.and_then(Structure::for_rules);
        if before.and_then(Structure::for_rules) == counted {
            return Ok(());
        }
        let finished = self.finished_in(settlement.campaign_id, settlement.id).await?;
        let old = compute(settlement.basis(world_time), finished.iter().map(|f| f.1));
        let others = finished.iter().filter(|(id, _)| before.is_none_or(|b| b.id != *id)).map(|f| f.1);
        let new = compute(settlement.basis(world_time), others.chain(counted));
        let mut differences = Differences::default();
        differences.add(settlement.id, old.changed(new));
        self.report(settlement.campaign_id, differences, "A structure has changed.").await
    }

    /// Reports what follows from the clock's way from `before` to `after`, on which `completed` were
    /// finished. With `season` unchanged only their settlements can differ. To be called after they were
    /// written as finished.
    pub(super) async fn clock_moved(
        &mut self,
        campaign: CampaignId,
        before: Timestamp,
        after: Timestamp,
        completed: &[Structure],
        season_changed: bool,
    ) -> Result<(), Problem> {
        if completed.is_empty() && !season_changed {
            return Ok(());
        }
        let mut settlements = survey::bases_of_campaign(&mut self.tx, campaign).await?;
        let mut finished: HashMap<SettlementId, Vec<(StructureId, Finished)>> = HashMap::new();
        for row in survey::finished_of_campaign(&mut self.tx, campaign).await? {
            finished.entry(row.settlement_id).or_default().push(counted(&row)?);
        }
        if !season_changed {
            settlements
                .retain(|row| completed.iter().any(|structure| structure.settlement_id == row.settlement_id));
        }
        let new: HashSet<StructureId> = completed.iter().map(|structure| structure.id).collect();
        let mut differences = Differences::default();
        for row in settlements {
            let all = finished.remove(&row.settlement_id).unwrap_or_default();
            let standing = all.iter().filter(|(id, _)| !new.contains(id)).map(|f| f.1);
            let was = compute(row_basis(&row, before), standing);
            let is = compute(row_basis(&row, after), all.iter().map(|f| f.1));
            differences.add(row.settlement_id, was.changed(is));
        }
        self.report(campaign, differences, "The world time has changed.").await
    }

    async fn finished_in(
        &mut self,
        campaign: CampaignId,
        settlement: SettlementId,
    ) -> Result<Vec<(StructureId, Finished)>, Problem> {
        let rows = survey::finished(&mut self.tx, &[(campaign, settlement)]).await?;
        rows.iter().map(counted).collect()
    }

    /// One event for all settlements with the same changed fields.
    async fn report(
        &mut self,
        campaign: CampaignId,
        differences: Differences,
        reason: &str,
    ) -> Result<(), Problem> {
        for (fields, settlements) in differences.0 {
            let entity = |id: &SettlementId| EntityRef {
                entity_type: EntityKind::Settlement,
                entity_id: id.to_string(),
            };
            let event = StateInvalidated {
                campaign_id: campaign,
                scope: InvalidationScope::Entity,
                entities: Some(settlements.iter().map(entity).collect()),
                entity_ids: Some(settlements.iter().map(ToString::to_string).collect()),
                fields: Some(fields.iter().map(|field| field.name().to_owned()).collect()),
                reason: Some(reason.to_owned()),
            };
            self.record(Event::StateInvalidated(event)).await?;
        }
        Ok(())
    }
}

/// What the rules see of a row.
pub(super) fn counted(row: &FinishedRow) -> Result<(StructureId, Finished), Problem> {
    Ok((row.id, Finished { kind: kind_of(&row.kind)?, level: row.level }))
}

/// What the rules see of a settlement at `world_time`.
pub(super) fn row_basis(row: &BasisRow, world_time: Timestamp) -> Basis {
    let population = u32::try_from(row.population).unwrap_or(u32::MAX);
    Basis { level: row.level, population, world_time }
}
