//! Changes at the same time: one wins, the log stays dense, nothing is half done.

use fanfare::{
    access::Action,
    protocol::{Code, Role, TimeUnit},
    world::{
        input::{ClockMove, SettlementPatch},
        rules::StructureKind,
    },
};
use tokio::task::JoinSet;

use crate::support::services::{TestWorld, on_both_databases, request, user, what};

on_both_databases!(one_version_has_one_successor, everybody_at_once, the_last_two_owners, removal_and_change);

async fn one_version_has_one_successor(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    for version in 1..=5 {
        let mut all = JoinSet::new();
        for writer in 0..6 {
            let grant = t.grant("ada", &settlement, Action::Edit).await;
            let world = t.world.clone();
            let patch = SettlementPatch { population: Some(version * 1_000 + writer), ..Default::default() };
            all.spawn(async move {
                world.update_settlement(&grant, patch, Some(version as u64), &request()).await
            });
        }
        let answers = all.join_all().await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 5));
        assert!(lost.iter().all(|answer| answer.as_ref().unwrap_err().versions.is_some()), "{lost:?}");
    }
}

/// Without an expected version nobody loses: every change is applied to what the one before it left.
async fn everybody_at_once(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    let before = t.head(&campaign).await;
    let mut all = JoinSet::new();
    for writer in 0..8 {
        let edit = t.grant("ada", &settlement, Action::Edit).await;
        let time = t.grant("ada", &campaign, Action::AdvanceTime).await;
        let world = t.world.clone();
        all.spawn(async move {
            for step in 0..5 {
                let patch = SettlementPatch { name: Some(format!("{writer} {step}")), ..Default::default() };
                world.update_settlement(&edit, patch, None, &request()).await.unwrap();
                let clock = ClockMove::Advance { amount: 1, unit: TimeUnit::Minutes };
                world.move_clock(&time, clock, None, &request()).await.unwrap();
            }
        });
    }
    all.join_all().await;
    let log = t.log(&campaign, before).await;
    assert_eq!(log.len(), 80);
    let versions = |kind: &str| -> Vec<u64> {
        let events = log.iter().filter(|event| event.0["type"] == kind);
        events.map(|event| event.0["payload"]["version"].as_u64().unwrap()).collect()
    };
    assert_eq!(versions("settlement_updated"), (2..=41).collect::<Vec<_>>(), "versions ascend with the log");
    assert_eq!(versions("world_time_changed"), (2..=41).collect::<Vec<_>>());
    let mut offsets = log.iter().map(|event| event.offset(&campaign).unwrap());
    assert!(offsets.by_ref().eq(before as u64 + 1..=before as u64 + 80), "dense");
}

/// Two owners who both leave: one of them has to stay.
async fn the_last_two_owners(t: &TestWorld) {
    for _ in 0..5 {
        let campaign = t.campaign().await;
        t.member(&campaign, "ben", Role::Owner).await;
        let mut all = JoinSet::new();
        for id in ["ada", "ben"] {
            let grant = t.grant(id, &campaign, Action::View).await;
            let world = t.world.clone();
            all.spawn(async move { world.remove_member(&grant, user(id), &request()).await });
        }
        let codes: Vec<_> =
            all.join_all().await.into_iter().filter_map(|left| left.err().map(|p| p.code)).collect();
        assert_eq!(codes, [Code::Conflict]);
    }
}

/// A removal and the removed user's change: in the log, no change follows the removal.
async fn removal_and_change(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    for _ in 0..5 {
        t.member(&campaign, "cyd", Role::Player).await;
        let before = t.head(&campaign).await;
        let build = t.grant("cyd", &settlement, Action::Create).await;
        let admin = t.grant("ada", &campaign, Action::Administer).await;
        let input = crate::support::services::new_structure(settlement.id, StructureKind::Temple, None);
        let (building, removing) = (t.world.clone(), t.world.clone());
        let built = tokio::spawn(async move { building.create_structure(&build, input, &request()).await });
        let removed =
            tokio::spawn(async move { removing.remove_member(&admin, user("cyd"), &request()).await });
        removed.await.unwrap().unwrap();
        let built = built.await.unwrap();
        let log = t.log(&campaign, before).await;
        match built {
            Ok(_) => assert_eq!(
                what(&log),
                ["structure_updated create 1", "state_invalidated", "membership_changed"]
            ),
            Err(refused) => {
                assert_eq!(refused.code, Code::NotFound);
                assert_eq!(what(&log), ["membership_changed"]);
            }
        }
    }
}
