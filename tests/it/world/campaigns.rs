//! Campaigns: created, changed, deleted with everything in them.

use fanfare::{
    access::Action,
    protocol::{Code, Problem, Role, Room, Root},
    world::{input::CampaignPatch, rules::StructureKind},
};
use serde_json::json;

use crate::support::services::{TestWorld, identity, new_campaign, on_both_databases, request, user, what};

on_both_databases!(a_campaign_begins_with_its_owner, change, no_change, conflict, deletion, bad_input);

/// req: T08
async fn a_campaign_begins_with_its_owner(t: &TestWorld) {
    let campaign = t.campaign().await;
    assert_eq!(campaign.version, 1);
    let log = t.log(&campaign, 0).await;
    assert_eq!(what(&log), ["entity_updated create 1", "membership_changed OWNER"]);
    assert_eq!((log[0].offset(&campaign), log[1].offset(&campaign)), (Some(1), Some(2)));
    assert_eq!(log[0].0["payload"]["entityType"], "campaign");
    assert_eq!(log[0].0["payload"]["entityData"], serde_json::to_value(&campaign).unwrap());
    assert_eq!(log[0].fields(), ["name", "description", "worldTime"]);
    assert_eq!(log[0].0["metadata"]["userId"], "ada");
    assert_eq!(log[0].0["metadata"]["source"], "api");
    assert_eq!(log[0].0["metadata"]["correlationId"], "test");

    let echo = t.log_of(&Root::User(user("ada")), 0).await;
    assert_eq!(what(&echo), ["membership_changed OWNER"]);
    assert_eq!(echo[0].offset(Room::User(user("ada"))), Some(1));
    assert_ne!(echo[0].0["id"], log[1].0["id"], "the echo is an event of its own");
}

async fn change(t: &TestWorld) {
    let campaign = t.campaign().await;
    let grant = t.grant("ada", &campaign, Action::Edit).await;
    let patch = CampaignPatch { name: Some("Shore".into()), description: Some(String::new()) };
    let changed = t.world.update_campaign(&grant, patch, Some(1), &request()).await.unwrap();
    assert_eq!((changed.name.as_str(), changed.version), ("Shore", 2));
    let log = t.log(&campaign, 2).await;
    assert_eq!(what(&log), ["entity_updated update 2"]);
    assert_eq!(log[0].fields(), ["name"], "the description is as it was");
    assert_eq!(log[0].offset(&campaign), Some(3));
    assert_eq!(log[0].rooms(), 1);
    let view = t.grant("ada", &campaign, Action::View).await;
    assert_eq!(t.world.campaign(&view).await.unwrap(), changed);
}

async fn no_change(t: &TestWorld) {
    let campaign = t.campaign().await;
    let grant = t.grant("ada", &campaign, Action::Edit).await;
    let patch = CampaignPatch { name: Some("Coast".into()), description: None };
    let same = t.world.update_campaign(&grant, patch, Some(1), &request()).await.unwrap();
    assert_eq!(same, campaign);
    assert_eq!(t.head(&campaign).await, 2, "what changes nothing is no event");
}

async fn conflict(t: &TestWorld) {
    let campaign = t.campaign().await;
    let grant = t.grant("ada", &campaign, Action::Edit).await;
    let patch = CampaignPatch { name: Some("Shore".into()), description: None };
    for expected in [0, 2] {
        let refused = t.world.update_campaign(&grant, patch.clone(), Some(expected), &request()).await;
        assert_eq!(refused, Err(Problem::conflict(expected, 1)));
    }
    let delete = t.grant("ada", &campaign, Action::Delete).await;
    let refused = t.world.delete_campaign(&delete, Some(7), &request()).await;
    assert_eq!(refused, Err(Problem::conflict(7, 1)));
    assert_eq!(t.head(&campaign).await, 2);
    let view = t.grant("ada", &campaign, Action::View).await;
    assert_eq!(t.world.campaign(&view).await.unwrap(), campaign);
}

async fn deletion(t: &TestWorld) {
    let campaign = t.campaign().await;
    t.member(&campaign, "ben", Role::Player).await;
    let (first, second) = (t.settlement(&campaign, "A").await, t.settlement(&campaign, "B").await);
    let wall = t.structure(&first, StructureKind::Wall, None).await;
    t.structure(&second, StructureKind::Farm, None).await;
    let before = t.head(&campaign).await;

    let grant = t.grant("ada", &campaign, Action::Delete).await;
    let deleted = t.world.delete_campaign(&grant, None, &request()).await.unwrap();
    assert_eq!(deleted, campaign.id);
    let log = t.log(&campaign, before).await;
    assert_eq!(
        what(&log),
        [
            "structure_updated delete 2",
            "settlement_updated delete 2",
            "structure_updated delete 2",
            "settlement_updated delete 2",
            "entity_updated delete 2",
        ]
    );
    assert_eq!(log[4].0["payload"]["entityData"], json!(null), "a deletion carries no data");
    for room in [Room::Campaign(campaign.id), Room::Settlement(first.id), Room::Structure(wall.id)] {
        for user in ["ada", "ben", "eve"] {
            let refused = t.require(user, room.clone(), Action::View).await.unwrap_err();
            assert_eq!(refused, Problem::not_found(), "{user} in {room}");
        }
    }
    let none = t.world.campaigns_of(&user("ben"), &Default::default()).await.unwrap();
    assert_eq!(none.items, []);
}

async fn bad_input(t: &TestWorld) {
    let refused = t.world.create_campaign(&identity("ada"), new_campaign(""), &request()).await.unwrap_err();
    assert_eq!((refused.code, refused.details[0].field.as_str()), (Code::BadRequest, "name"));
    assert_eq!(t.log_of(&Root::User(user("ada")), 0).await.len(), 0);
}
