//! What is reported as invalidated is exactly what changed: random histories against the values themselves.

use std::collections::{BTreeMap, HashMap};

use fanfare::{
    access::Action,
    protocol::{SettlementId, TimeUnit},
    world::{
        entity::{Campaign, Settlement, Structure},
        input::{ClockMove, SettlementPatch, StructurePatch},
        rules::{Computed, ComputedField, StructureKind},
    },
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::support::services::{TestWorld, at, on_both_databases, request};

on_both_databases!(what_is_invalidated_is_what_changed);

/// One change. Indices are taken modulo what is there.
#[derive(Debug, Clone)]
enum Step {
    Build { settlement: usize, kind: StructureKind, in_days: Option<u32> },
    Change { structure: usize, kind: Option<StructureKind>, level: Option<i64>, in_days: Option<Option<u32>> },
    TearDown { structure: usize },
    Resettle { settlement: usize, level: Option<i64>, population: Option<i64> },
    Wait { amount: i64, unit: TimeUnit },
}

fn any_step() -> impl Strategy<Value = Step> {
    let kind = || prop::sample::select(StructureKind::ALL.to_vec());
    prop_oneof![
        3 => (0..3_usize, kind(), prop::option::of(0..120_u32))
            .prop_map(|(settlement, kind, in_days)| Step::Build { settlement, kind, in_days }),
        2 => (0..20_usize, prop::option::of(kind()), prop::option::of(1..=10_i64),
              prop::option::of(prop::option::of(0..120_u32)))
            .prop_map(|(structure, kind, level, in_days)| Step::Change { structure, kind, level, in_days }),
        1 => (0..20_usize).prop_map(|structure| Step::TearDown { structure }),
        2 => (0..3_usize, prop::option::of(1..=20_i64), prop::option::of(0..500_i64))
            .prop_map(|(settlement, level, population)| Step::Resettle { settlement, level, population }),
        3 => (1..60_i64, prop::sample::select(vec![TimeUnit::Hours, TimeUnit::Days]))
            .prop_map(|(amount, unit)| Step::Wait { amount, unit }),
    ]
}

/// req: T08
async fn what_is_invalidated_is_what_changed(t: &TestWorld) {
    // A fixed seed: the same histories on both databases and on every run.
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = prop::collection::vec(any_step(), 40);
    let mut invalidations = 0;
    for _ in 0..4 {
        let steps = strategy.new_tree(&mut runner).unwrap().current();
        let campaign = t.campaign().await;
        let mut settlements = Vec::new();
        for name in ["A", "B", "C"] {
            settlements.push(t.settlement(&campaign, name).await);
        }
        let mut history = History { t, campaign, settlements, structures: Vec::new() };
        for step in steps {
            invalidations += history.check(step).await;
        }
    }
    assert!(invalidations > 50, "the histories reach the values: {invalidations}");
}

struct History<'t> {
    t: &'t TestWorld,
    campaign: Campaign,
    settlements: Vec<Settlement>,
    structures: Vec<Structure>,
}

impl History<'_> {
    /// Takes the step and compares what was reported with what differs. Answers how many values did.
    async fn check(&mut self, step: Step) -> usize {
        let before = self.values().await;
        let head = self.t.head(&self.campaign).await;
        self.take(&step).await;
        let after = self.values().await;

        let mut reported: BTreeMap<SettlementId, Vec<String>> = BTreeMap::new();
        for event in self.t.log(&self.campaign, head).await {
            if event.0["type"] == "state_invalidated" {
                for id in event.invalidated() {
                    let fields = event.fields().into_iter().map(str::to_owned).collect();
                    assert!(reported.insert(id, fields).is_none(), "a settlement is reported once");
                }
            }
        }
        let differing: BTreeMap<SettlementId, Vec<String>> = before
            .iter()
            .map(|(id, values)| (*id, names(values.changed(after[id]))))
            .filter(|(_, fields)| !fields.is_empty())
            .collect();
        assert_eq!(reported, differing, "{step:?}");
        differing.values().map(Vec::len).sum()
    }

    async fn values(&self) -> HashMap<SettlementId, Computed> {
        let ids: Vec<_> = self.settlements.iter().map(|s| (s.campaign_id, s.id)).collect();
        self.t.world.computed(&ids).await.unwrap()
    }

    async fn take(&mut self, step: &Step) {
        let t = self.t;
        match step.clone() {
            Step::Build { settlement, kind, in_days } => {
                let due = match in_days {
                    Some(days) => Some(self.in_days(days).await),
                    None => None,
                };
                let built = t.structure(&self.settlements[settlement], kind, due.as_deref()).await;
                self.structures.push(built);
            }
            Step::Change { structure, kind, level, in_days } if !self.structures.is_empty() => {
                let completes_at = match in_days {
                    None => None,
                    Some(None) => Some(None),
                    Some(Some(days)) => Some(Some(at(&self.in_days(days).await))),
                };
                let patch = StructurePatch { kind, level, completes_at, ..Default::default() };
                let structure = &self.structures[structure % self.structures.len()];
                let grant = t.grant("ada", structure, Action::Edit).await;
                t.world.update_structure(&grant, patch, None, &request()).await.unwrap();
            }
            Step::TearDown { structure } if !self.structures.is_empty() => {
                let structure = self.structures.swap_remove(structure % self.structures.len());
                let grant = t.grant("ada", &structure, Action::Delete).await;
                t.world.delete_structure(&grant, None, &request()).await.unwrap();
            }
            Step::Change { .. } | Step::TearDown { .. } => {}
            Step::Resettle { settlement, level, population } => {
                let patch = SettlementPatch { level, population, ..Default::default() };
                let grant = t.grant("ada", &self.settlements[settlement], Action::Edit).await;
                t.world.update_settlement(&grant, patch, None, &request()).await.unwrap();
            }
            Step::Wait { amount, unit } => {
                let grant = t.grant("ada", &self.campaign, Action::AdvanceTime).await;
                let clock = ClockMove::Advance { amount, unit };
                t.world.move_clock(&grant, clock, None, &request()).await.unwrap();
            }
        }
    }

    /// So many days after the campaign's present.
    async fn in_days(&self, days: u32) -> String {
        let view = self.t.grant("ada", &self.campaign, Action::View).await;
        let now = self.t.world.campaign(&view).await.unwrap().world_time;
        now.plus_millis(i64::from(days) * TimeUnit::Days.millis()).unwrap().to_string()
    }
}

fn names(fields: Vec<ComputedField>) -> Vec<String> {
    fields.into_iter().map(|field| field.name().to_owned()).collect()
}
