//! Settlements: founded, changed, deleted with their structures.

use fanfare::{
    access::Action,
    protocol::{Code, Problem, Role, Room},
    world::{
        entity::{MapPosition, Variables},
        input::SettlementPatch,
        rules::StructureKind,
    },
};

use crate::support::services::{TestWorld, on_both_databases, request, what};

on_both_databases!(founding, change, what_is_computed_follows, conflict, deletion, a_foreign_campaign);

async fn founding(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    assert_eq!((settlement.version, settlement.campaign_id), (1, campaign.id));
    let log = t.log(&campaign, 2).await;
    assert_eq!(what(&log), ["settlement_updated create 1"]);
    assert_eq!((log[0].offset(&campaign), log[0].offset(&settlement)), (Some(3), Some(1)));
    assert_eq!(log[0].rooms(), 2);
    assert_eq!(log[0].0["payload"]["settlementData"], serde_json::to_value(&settlement).unwrap());
    let view = t.grant("ada", &settlement, Action::View).await;
    assert_eq!(t.world.settlement(&view).await.unwrap(), settlement);
}

async fn change(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    t.member(&campaign, "cyd", Role::Player).await;
    let before = t.head(&campaign).await;
    let grant = t.grant("cyd", &settlement, Action::Edit).await;
    let patch = SettlementPatch {
        name: Some("Hollow Ford".into()),
        level: Some(1),
        position: Some(MapPosition { x: 1.5, y: -2.25 }),
        variables: Some(Variables::from_iter([("mood".to_owned(), "grim".into())])),
        ..Default::default()
    };
    let changed = t.world.update_settlement(&grant, patch.clone(), Some(1), &request()).await.unwrap();
    assert_eq!(changed.version, 2);
    assert_eq!(changed.position, MapPosition { x: 1.5, y: -2.25 });
    let log = t.log(&campaign, before).await;
    assert_eq!(what(&log), ["settlement_updated update 2"]);
    assert_eq!(log[0].fields(), ["name", "position", "variables"]);
    assert_eq!(log[0].offset(&settlement), Some(2));
    assert_eq!(log[0].0["payload"]["settlementData"], serde_json::to_value(&changed).unwrap());
    assert_eq!(log[0].0["metadata"]["userId"], "cyd");

    let same = t.world.update_settlement(&grant, patch, Some(2), &request()).await.unwrap();
    assert_eq!(same, changed);
    assert_eq!(t.head(&campaign).await, before + 1);
}

/// Level and population reach the computed values; the name does not.
async fn what_is_computed_follows(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    t.settlement(&campaign, "Saltmere").await;
    let before = t.head(&campaign).await;
    let grant = t.grant("ada", &settlement, Action::Edit).await;
    let update = |patch| t.world.update_settlement(&grant, patch, None, Box::leak(Box::new(request())));

    update(SettlementPatch { level: Some(2), ..Default::default() }).await.unwrap();
    update(SettlementPatch { population: Some(90), ..Default::default() }).await.unwrap();
    update(SettlementPatch { population: Some(101), ..Default::default() }).await.unwrap();
    update(SettlementPatch { name: Some("Ford".into()), ..Default::default() }).await.unwrap();
    let log = t.log(&campaign, before).await;
    assert_eq!(
        what(&log),
        [
            "settlement_updated update 2",
            "state_invalidated",
            "settlement_updated update 3",
            "settlement_updated update 4",
            "state_invalidated",
            "settlement_updated update 5",
        ]
    );
    assert_eq!(log[1].fields(), ["defense", "prosperity", "capacity"]);
    assert_eq!(log[4].fields(), ["prosperity"], "101 people crowd a capacity of 100");
    assert_eq!(log[1].invalidated(), [settlement.id]);
    assert_eq!(log[1].0["payload"]["entityIds"][0], settlement.id.to_string());
    assert_eq!(log[1].0["payload"]["scope"], "entity");
    assert_eq!(log[1].rooms(), 1);
}

async fn conflict(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    let before = t.head(&campaign).await;
    let grant = t.grant("ada", &settlement, Action::Edit).await;
    let patch = SettlementPatch { level: Some(9), ..Default::default() };
    let refused = t.world.update_settlement(&grant, patch, Some(5), &request()).await;
    assert_eq!(refused, Err(Problem::conflict(5, 1)));
    assert_eq!(t.head(&campaign).await, before);
}

async fn deletion(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    let wall = t.structure(&settlement, StructureKind::Wall, None).await;
    let farm = t.structure(&settlement, StructureKind::Farm, None).await;
    let before = t.head(&campaign).await;
    let grant = t.grant("ada", &settlement, Action::Delete).await;
    t.world.delete_settlement(&grant, Some(1), &request()).await.unwrap();
    let log = t.log(&campaign, before).await;
    assert_eq!(
        what(&log),
        ["structure_updated delete 2", "structure_updated delete 2", "settlement_updated delete 2"]
    );
    assert_eq!(log[0].0["payload"]["structureId"], wall.id.to_string());
    assert_eq!(log[1].offset(&farm), log[0].offset(&wall).map(|_| 2), "each in its own room");
    let last = log[1].offset(&settlement).unwrap();
    assert_eq!(
        log[2].offset(&settlement),
        Some(last + 1),
        "the settlement's room ends with its own deletion"
    );
    for room in [Room::Settlement(settlement.id), Room::Structure(wall.id), Room::Structure(farm.id)] {
        assert_eq!(t.require("ada", room, Action::View).await, Err(Problem::not_found()));
    }
    let left = t.world.structures_of(&[(campaign.id, settlement.id)], &Default::default()).await.unwrap();
    assert!(left.is_empty());
}

/// Somebody else's settlement looks like one that does not exist.
async fn a_foreign_campaign(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    let absent = Room::Settlement(fanfare::protocol::SettlementId::from_uuid(campaign.id.uuid()));
    for room in [Room::Settlement(settlement.id), absent] {
        for action in Action::ALL {
            assert_eq!(t.require("eve", room.clone(), action).await, Err(Problem::not_found()));
        }
    }
    t.member(&campaign, "dan", Role::Viewer).await;
    let refused = t.require("dan", &settlement, Action::Edit).await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden);
}
