//! Structures: built, changed, finished by hand, torn down, and what follows for their settlement.

use fanfare::{
    access::Action,
    protocol::{Problem, Room},
    world::{input::StructurePatch, rules::StructureKind as K},
};

use crate::support::services::{TestWorld, at, on_both_databases, request, what};

const TOMORROW: &str = "1372-04-11T08:00:00.000Z";

on_both_databases!(building, under_construction, change, completion_by_hand, deletion, conflict);

async fn building(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    let before = t.head(&campaign).await;
    let wall = t.structure(&settlement, K::Wall, None).await;
    assert!(wall.finished);
    let log = t.log(&campaign, before).await;
    assert_eq!(what(&log), ["structure_updated create 1", "state_invalidated"]);
    assert_eq!(
        (log[0].offset(&campaign), log[0].offset(&settlement), log[0].offset(&wall)),
        (Some(before as u64 + 1), Some(2), Some(1))
    );
    assert_eq!(log[0].0["payload"]["structureData"], serde_json::to_value(&wall).unwrap());
    assert_eq!(log[1].fields(), ["defense"]);
    assert_eq!(log[1].invalidated(), [settlement.id]);
    let view = t.grant("ada", &wall, Action::View).await;
    assert_eq!(t.world.structure(&view).await.unwrap(), wall);
}

/// What is not finished counts for nothing.
async fn under_construction(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    let before = t.head(&campaign).await;
    let wall = t.structure(&settlement, K::Wall, Some(TOMORROW)).await;
    assert!(!wall.finished);
    assert_eq!(wall.completes_at, Some(at(TOMORROW)));
    assert_eq!(what(&t.log(&campaign, before).await), ["structure_updated create 1"]);
    let past = t.structure(&settlement, K::Tower, Some("1372-01-01T00:00:00.000Z")).await;
    assert!(past.finished, "its time had come before it was begun");
}

async fn change(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    let farm = t.structure(&settlement, K::Farm, None).await;
    let before = t.head(&campaign).await;
    let grant = t.grant("ada", &farm, Action::Edit).await;
    let update = |patch| t.world.update_structure(&grant, patch, None, Box::leak(Box::new(request())));

    update(StructurePatch { name: Some("Low Fields".into()), ..Default::default() }).await.unwrap();
    update(StructurePatch { level: Some(2), ..Default::default() }).await.unwrap();
    let market = update(StructurePatch { kind: Some(K::Market), ..Default::default() }).await.unwrap();
    assert_eq!((market.kind, market.level, market.version), (K::Market, 2, 4));
    let log = t.log(&campaign, before).await;
    assert_eq!(
        what(&log),
        [
            "structure_updated update 2",
            "structure_updated update 3",
            "state_invalidated",
            "structure_updated update 4",
            "state_invalidated",
        ]
    );
    assert_eq!(log[0].fields(), ["name"]);
    assert_eq!(log[2].fields(), ["prosperity", "capacity"]);
    assert_eq!(log[3].fields(), ["kind"]);
    assert_eq!(log[3].offset(&farm), Some(4));
}

async fn completion_by_hand(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    let house = t.structure(&settlement, K::House, Some(TOMORROW)).await;
    let before = t.head(&campaign).await;
    let grant = t.grant("ada", &house, Action::Edit).await;
    let update = |patch| t.world.update_structure(&grant, patch, None, Box::leak(Box::new(request())));

    let done = update(StructurePatch { completes_at: Some(None), ..Default::default() }).await.unwrap();
    assert!(done.finished);
    let later = Some(Some(at("1372-05-01T00:00:00.000Z")));
    let rebuilt = update(StructurePatch { completes_at: later, ..Default::default() }).await.unwrap();
    assert!(!rebuilt.finished);
    let log = t.log(&campaign, before).await;
    assert_eq!(
        what(&log),
        [
            "structure_updated update 2",
            "state_invalidated",
            "structure_updated update 3",
            "state_invalidated"
        ]
    );
    assert_eq!(log[0].fields(), ["completesAt", "finished"]);
    assert_eq!(log[1].fields(), ["capacity"]);
    assert_eq!(log[3].fields(), ["capacity"]);
}

async fn deletion(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    let wall = t.structure(&settlement, K::Wall, None).await;
    let planned = t.structure(&settlement, K::Tower, Some(TOMORROW)).await;
    let before = t.head(&campaign).await;
    for structure in [&wall, &planned] {
        let grant = t.grant("ada", structure, Action::Delete).await;
        t.world.delete_structure(&grant, Some(1), &request()).await.unwrap();
        assert_eq!(t.require("ada", structure, Action::View).await, Err(Problem::not_found()));
    }
    let log = t.log(&campaign, before).await;
    assert_eq!(what(&log), ["structure_updated delete 2", "state_invalidated", "structure_updated delete 2"]);
    assert_eq!(log[1].fields(), ["defense"]);
    assert_eq!(log[2].offset(Room::Structure(planned.id)), Some(2));
}

async fn conflict(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    let wall = t.structure(&settlement, K::Wall, None).await;
    let before = t.head(&campaign).await;
    let edit = t.grant("ada", &wall, Action::Edit).await;
    let patch = StructurePatch { level: Some(2), ..Default::default() };
    let refused = t.world.update_structure(&edit, patch, Some(2), &request()).await;
    assert_eq!(refused, Err(Problem::conflict(2, 1)));
    let delete = t.grant("ada", &wall, Action::Delete).await;
    assert_eq!(t.world.delete_structure(&delete, Some(2), &request()).await, Err(Problem::conflict(2, 1)));
    assert_eq!(t.head(&campaign).await, before);
}
