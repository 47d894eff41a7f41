//! A campaign is bounded, so that its largest single change is.

use fanfare::{
    access::Action,
    protocol::{Code, Role, SettlementId, StructureId},
    store::{
        settlements::{self, SettlementRow},
        structures::{self, StructureRow},
    },
    world::{Limits, entity::Campaign, rules::StructureKind},
};

use crate::support::services::{
    TestWorld, new_settlement, new_structure, on_both_databases, request, user, what,
};

on_both_databases!(bounds, the_largest_deletion);

async fn bounds(t: &TestWorld) {
    let limits = Limits { settlements_per_campaign: 2, structures_per_campaign: 3, members_per_campaign: 2 };
    let world = t.world.clone().with_limits(limits);
    let campaign = t.campaign().await;
    let (first, second) = (t.settlement(&campaign, "A").await, t.settlement(&campaign, "B").await);
    for (settlement, kind) in
        [(&first, StructureKind::Wall), (&first, StructureKind::Farm), (&second, StructureKind::Wall)]
    {
        t.structure(settlement, kind, None).await;
    }
    t.member(&campaign, "ben", Role::Gm).await;
    let before = t.head(&campaign).await;

    let grant = t.grant("ada", &campaign, Action::Create).await;
    let refused = world.create_settlement(&grant, new_settlement(campaign.id, "C"), &request()).await;
    assert_eq!(refused.unwrap_err().code, Code::LimitExceeded);
    let grant = t.grant("ada", &second, Action::Create).await;
    let input = new_structure(second.id, StructureKind::Farm, None);
    assert_eq!(
        world.create_structure(&grant, input, &request()).await.unwrap_err().code,
        Code::LimitExceeded
    );
    let grant = t.grant("ada", &campaign, Action::Administer).await;
    let refused = world.set_member(&grant, user("cyd"), Role::Viewer, &request()).await;
    assert_eq!(refused.unwrap_err().code, Code::LimitExceeded);
    world.set_member(&grant, user("ben"), Role::Viewer, &request()).await.expect("a member may change");
    assert_eq!(t.head(&campaign).await, before + 1);
}

/// A full campaign is deleted in one transaction, within the time that one may take.
async fn the_largest_deletion(t: &TestWorld) {
    let Limits { settlements_per_campaign, structures_per_campaign, .. } = Limits::default();
    let campaign = t.campaign().await;
    let settlements: Vec<_> =
        (0..settlements_per_campaign).map(|_| SettlementId::from_uuid(t.uuid())).collect();
    for chunk in settlements.chunks(250) {
        let mut tx = t.store.begin().await.unwrap();
        for id in chunk {
            settlements::insert(&mut tx, &settlement_row(&campaign, *id)).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
    let structures: Vec<_> = (0..structures_per_campaign).map(|_| StructureId::from_uuid(t.uuid())).collect();
    for (chunk, settlement) in structures.chunks(25).zip(settlements.iter().cycle()) {
        let mut tx = t.store.begin().await.unwrap();
        for id in chunk {
            structures::insert(&mut tx, &structure_row(&campaign, *settlement, *id)).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
    let before = t.head(&campaign).await;
    let grant = t.grant("ada", &campaign, Action::Delete).await;
    let started = std::time::Instant::now();
    // One of five tries in time: the machine may have other work. A refused one changes nothing.
    let mut tries = 0;
    while let Err(problem) = t.world.delete_campaign(&grant, None, &request()).await {
        tries += 1;
        assert!(problem.code == Code::Unavailable && tries < 5, "{problem:?}");
    }
    eprintln!("{} entities deleted in {:?}", settlements.len() + structures.len() + 1, started.elapsed());
    let log = t.log(&campaign, before).await;
    assert_eq!(log.len(), settlements.len() + structures.len() + 1);
    assert_eq!(what(&log[log.len() - 1..]), ["entity_updated delete 2"]);
}

fn settlement_row(campaign: &Campaign, id: SettlementId) -> SettlementRow {
    let (campaign_id, name) = (campaign.id, "Full".to_owned());
    let variables = serde_json::Map::new();
    SettlementRow { campaign_id, id, name, level: 1, population: 0, x: 0.0, y: 0.0, variables, version: 1 }
}

fn structure_row(campaign: &Campaign, settlement_id: SettlementId, id: StructureId) -> StructureRow {
    StructureRow {
        campaign_id: campaign.id,
        settlement_id,
        id,
        name: "Full".to_owned(),
        kind: StructureKind::Temple.name().to_owned(),
        level: 1,
        completes_at: None,
        finished: true,
        variables: serde_json::Map::new(),
        version: 1,
    }
}
