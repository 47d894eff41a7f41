//! Grants over a real database: who gets one, and when it no longer holds.

use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::{
    protocol::{
        CampaignId, Code, EntityKind, EntityUpdated, Event, MembershipChanged, Metadata, Operation, Problem,
        Role, Room, Root, SettlementId, SettlementUpdated, UserId,
    },
    store::{Store, StoreOptions, Tx, campaigns, members},
};

/// A campaign with a settlement, and members named after their roles.
struct Realm {
    store: Store,
    access: Access,
    campaign: CampaignId,
    settlement: SettlementId,
    _folder: tempfile::TempDir,
}

impl Realm {
    async fn new() -> Self {
        let (clock, _) = clock();
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let store = Store::open(StoreOptions::new(url), clock.clone()).await.unwrap();
        store.migrate().await.unwrap();
        let campaign = CampaignId::from_uuid(clock.uuid());
        let settlement = SettlementId::from_uuid(clock.uuid());
        let row = campaigns::CampaignRow {
            id: campaign,
            name: "The Shattered Coast".into(),
            description: String::new(),
            world_time: clock.now().into(),
            version: 1,
        };
        let access = Access::new(store.clone());
        let realm = Self { store, access, campaign, settlement, _folder: folder };
        let mut tx = realm.store.begin().await.unwrap();
        campaigns::insert(&mut tx, &row).await.unwrap();
        for role in Role::ALL {
            members::put(&mut tx, campaign, &member(role), role).await.unwrap();
        }
        record(&mut tx, realm.campaign_event(Operation::Create)).await;
        record(&mut tx, realm.settlement_event(Operation::Create)).await;
        tx.commit().await.unwrap();
        realm
    }

    async fn require(&self, user: &str, room: &Room, action: Action) -> Result<Grant, Problem> {
        let identity = Identity::trusted(user.parse().unwrap(), None);
        self.access.require(&identity, room, action).await
    }

    fn rooms(&self) -> [Room; 2] {
        [Room::Campaign(self.campaign), Room::Settlement(self.settlement)]
    }

    fn campaign_event(&self, operation: Operation) -> Event {
        Event::EntityUpdated(EntityUpdated {
            entity_type: EntityKind::Campaign,
            entity_id: self.campaign.to_string(),
            campaign_id: self.campaign,
            operation,
            version: 1,
            changed_fields: Vec::new(),
            entity_data: None,
        })
    }

    fn settlement_event(&self, operation: Operation) -> Event {
        Event::SettlementUpdated(SettlementUpdated {
            settlement_id: self.settlement,
            campaign_id: self.campaign,
            operation,
            version: 1,
            changed_fields: Vec::new(),
            settlement_data: None,
        })
    }
}

fn member(role: Role) -> UserId {
    role.name().to_lowercase().parse().unwrap()
}

async fn record(tx: &mut Tx, event: Event) {
    let origin = Metadata {
        user_id: "owner".parse().unwrap(),
        source: "test".into(),
        correlation_id: "test".into(),
        request_id: None,
    };
    tx.record(event, &origin).await.unwrap();
}

// req: T05 B25
#[tokio::test]
async fn every_role_gets_what_the_table_says_and_no_more() {
    let realm = Realm::new().await;
    for room in realm.rooms() {
        for action in Action::ALL {
            for role in Role::ALL {
                let needed = required_role(room.kind(), action);
                let outcome = realm.require(member(role).as_str(), &room, action).await;
                match outcome {
                    Ok(grant) => {
                        assert!(needed.is_some_and(|needed| role >= needed), "{role:?} {action:?} {room}");
                        assert_eq!((grant.user(), grant.role()), (&member(role), role));
                        assert_eq!((grant.room(), grant.action()), (&room, action));
                        assert_eq!(grant.root(), &Root::Campaign(realm.campaign));
                        assert_eq!(grant.must_be_for(action), Ok(()));
                    }
                    Err(problem) => {
                        assert!(needed.is_none_or(|needed| role < needed), "{role:?} {action:?} {room}");
                        assert_eq!(problem.code, Code::Forbidden, "members may see it, so they are told");
                    }
                }
            }
        }
    }
}

// req: T05 B25
#[tokio::test]
async fn absent_foreign_and_closed_are_the_same_in_body_and_in_timing() {
    let realm = Realm::new().await;
    let nowhere = SettlementId::from_uuid(uuid::Uuid::nil());
    let mut rooms = realm.rooms().to_vec();
    rooms.push(Room::Settlement(nowhere));
    rooms.push("structure:00000000-0000-0000-0000-000000000000".parse().unwrap());
    rooms.push("session:00000000-0000-0000-0000-000000000000".parse().unwrap());
    rooms.push(Room::User("owner".parse().unwrap()));
    for room in &rooms {
        for action in Action::ALL {
            let asked = Instant::now();
            let refused = realm.require("stranger", room, action).await;
            assert_eq!(refused, Err(Problem::not_found()), "{action:?} {room}");
            assert!(asked.elapsed() >= Duration::from_millis(5), "given at a tick, not when it was known");
        }
    }
    // What is deleted is gone for its owner too.
    let mut tx = realm.store.begin().await.unwrap();
    record(&mut tx, realm.settlement_event(Operation::Delete)).await;
    tx.commit().await.unwrap();
    let deleted = Room::Settlement(realm.settlement);
    assert_eq!(realm.require("owner", &deleted, Action::View).await, Err(Problem::not_found()));
    assert!(realm.require("owner", &Room::Campaign(realm.campaign), Action::View).await.is_ok());
}

#[tokio::test]
async fn a_user_has_their_own_room_and_nobody_elses() {
    let realm = Realm::new().await;
    let own = Room::User("ada".parse().unwrap());
    assert!(realm.require("ada", &own, Action::View).await.is_ok(), "before its first event, too");
    for action in [Action::Edit, Action::Administer] {
        let code = realm.require("ada", &own, action).await.map_err(|problem| problem.code);
        assert_eq!(code, Err(Code::Forbidden), "{action:?}");
    }
}

// req: T05 B25
#[tokio::test]
async fn a_removal_that_commits_first_wins_over_a_grant() {
    let realm = Realm::new().await;
    let room = Room::Settlement(realm.settlement);
    let grant = realm.require("player", &room, Action::Edit).await.unwrap();
    let confirmed = async |grant: &Grant| {
        let mut tx = realm.store.begin().await.unwrap();
        realm.access.confirm(grant, &mut tx).await
    };
    assert_eq!(confirmed(&grant).await, Ok(()));

    let player = member(Role::Player);
    let mut tx = realm.store.begin().await.unwrap();
    members::put(&mut tx, realm.campaign, &player, Role::Viewer).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(confirmed(&grant).await.map_err(|problem| problem.code), Err(Code::Forbidden));

    let mut tx = realm.store.begin().await.unwrap();
    members::delete(&mut tx, realm.campaign, &player).await.unwrap();
    let removal = MembershipChanged { campaign_id: realm.campaign, user_id: player.clone(), role: None };
    record(&mut tx, Event::MembershipChanged(removal)).await;
    tx.commit().await.unwrap();
    assert_eq!(confirmed(&grant).await, Err(Problem::not_found()));
    assert_eq!(realm.access.role(&player, &Root::Campaign(realm.campaign)).await.unwrap(), None);
}

#[tokio::test]
async fn a_grant_for_reading_does_not_open_a_door_for_writing() {
    let realm = Realm::new().await;
    let grant = realm.require("owner", &Room::Campaign(realm.campaign), Action::View).await.unwrap();
    assert_eq!(grant.must_be_for(Action::View), Ok(()));
    let code = grant.must_be_for(Action::Delete).map_err(|problem| problem.code);
    assert_eq!(code, Err(Code::Internal), "however strong the role");
}
