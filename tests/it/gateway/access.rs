//! Who may be in a room, and when that ends.

use fanfare::{
    protocol::{CampaignId, Event, MembershipChanged, Role, UserId},
    store::{Store, members},
};
use serde_json::json;

use crate::support::{app::TestApp, hub::origin, world::SmallWorld};

// req: T05
#[tokio::test]
async fn a_room_that_may_not_be_seen_looks_like_one_that_does_not_exist() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let mut stranger = app.connect("mallory").await;
    for (real, absent) in [
        (world.campaign_room(), "campaign:0193d5b0-0000-7000-8000-000000000000"),
        (world.settlement_room(), "settlement:0193d5b0-0000-7000-8000-000000000000"),
        (world.structure_room(), "structure:0193d5b0-0000-7000-8000-000000000000"),
        ("user:ben".to_owned(), "user:nobody"),
    ] {
        let mut forbidden = stranger.command("subscribe", json!({ "room": real })).await;
        let mut missing = stranger.command("subscribe", json!({ "room": absent })).await;
        assert_eq!(forbidden["code"], "not_found");
        // Apart from the name that the client itself gave, the same to the letter.
        for answer in [&mut forbidden, &mut missing] {
            answer.as_object_mut().unwrap().remove("room");
        }
        assert_eq!(forbidden, missing);
    }
}

// req: I8 T05
#[tokio::test]
async fn a_removed_member_gets_the_removal_and_nothing_after_it() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let (mut tab, mut other_tab) = (app.connect("ben").await, app.connect("ben").await);
    tab.subscribe(&world.campaign_room()).await;
    tab.subscribe(&world.settlement_room()).await;
    tab.subscribe("user:ben").await;
    other_tab.subscribe(&world.structure_room()).await;

    world.remove_member(&app, "ben").await;
    world.rename(&app, "Secret").await;

    let mut revoked = [
        tab.event("unsubscribed").await,
        tab.event("unsubscribed").await,
        other_tab.event("unsubscribed").await,
    ];
    revoked.sort_by_key(|notice| notice["room"].as_str().unwrap().to_owned());
    let rooms = [world.campaign_room(), world.settlement_room(), world.structure_room()];
    for (notice, room) in revoked.iter().zip(rooms) {
        assert_eq!(notice, &json!({ "room": room, "code": "membership_revoked" }));
    }
    for socket in [&mut tab, &mut other_tab] {
        let rest = socket.events_so_far().await;
        assert!(!format!("{rest:?}").contains("Secret"), "{rest:?}");
        let again = socket.command("subscribe", json!({ "room": world.campaign_room() })).await;
        assert_eq!(again["code"], "not_found");
    }
}

#[tokio::test]
async fn the_removed_user_is_told_in_the_room_that_stays_theirs() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let mut socket = app.connect("ben").await;
    socket.subscribe("user:ben").await;
    world.remove_member(&app, "ben").await;
    let event = socket.event("membership_changed").await;
    assert_eq!(event["payload"], json!({ "campaignId": world.campaign, "userId": "ben", "role": null }));
    assert_eq!(event["offsets"].as_object().unwrap().keys().collect::<Vec<_>>(), ["user:ben"]);
    world.set_member(&app, "ben", "PLAYER").await;
    let event = socket.event("membership_changed").await;
    assert_eq!(event["payload"]["role"], "PLAYER", "still in it");
}

#[tokio::test]
async fn who_is_let_in_again_can_join_again() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let mut socket = app.connect("ben").await;
    let before = socket.subscribe(&world.campaign_room()).await;
    world.remove_member(&app, "ben").await;
    socket.event("unsubscribed").await;
    world.rename(&app, "Unseen").await;
    world.set_member(&app, "ben", "PLAYER").await;
    let position = json!({ "epoch": before["epoch"], "offset": before["offset"] });
    let ack =
        socket.command("subscribe", json!({ "room": world.campaign_room(), "position": position })).await;
    assert_eq!(ack["recovered"], true, "a member may read the whole log: {ack}");
    world.rename(&app, "Seen").await;
    assert_eq!(socket.event("settlement_updated").await["payload"]["settlementData"]["name"], "Seen");
}

#[tokio::test]
async fn a_deleted_settlement_takes_its_structures_with_it_and_ends_their_rooms() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let mut socket = app.connect("ben").await;
    for room in [world.campaign_room(), world.settlement_room(), world.structure_room()] {
        socket.subscribe(&room).await;
    }
    app.graphql("ada", "mutation($s: ID!) { deleteSettlement(id: $s) }", json!({ "s": world.settlement }))
        .await;
    let mut told = Vec::new();
    while told.len() < 4 {
        let (name, value) = socket.next_event().await;
        match name.as_str() {
            "structure_updated" | "settlement_updated" => {
                told.push(format!("{name} {}", value["payload"]["operation"].as_str().unwrap()));
            }
            "unsubscribed" => told.push(format!(
                "left {} {}",
                value["room"].as_str().unwrap(),
                value["code"].as_str().unwrap()
            )),
            _ => {}
        }
    }
    let position = |what: String| {
        told.iter().position(|line| *line == what).unwrap_or_else(|| panic!("{what}: {told:?}"))
    };
    assert!(
        position("structure_updated delete".into())
            < position(format!("left {} deleted", world.structure_room()))
    );
    assert!(
        position("settlement_updated delete".into())
            < position(format!("left {} deleted", world.settlement_room()))
    );
    let gone = socket.command("subscribe", json!({ "room": world.settlement_room() })).await;
    assert_eq!(gone["code"], "not_found");
}

// req: I8 I9 B25
/// Whatever the timing: who subscribes while being removed is refused, or is in and taken out.
#[tokio::test]
async fn subscribing_while_being_removed_never_leaves_anybody_inside() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    for round in 0..15 {
        world.set_member(&app, "ben", "VIEWER").await;
        let mut socket = app.connect("ben").await;
        let room = world.campaign_room();
        let subscribing = async {
            let ack = socket.command("subscribe", json!({ "room": room })).await;
            (ack, socket)
        };
        let ((ack, mut socket), ()) = tokio::join!(subscribing, world.remove_member(&app, "ben"));
        if ack["success"] == true {
            socket.event("unsubscribed").await;
        }
        world.rename(&app, &format!("Secret {round}")).await;
        let rest = socket.events_so_far().await;
        assert!(!format!("{rest:?}").contains("Secret"), "{ack} {rest:?}");
    }
}

/// The removal and the new admission are in the log, and the instance hears of both only by the join itself.
// req: I8
#[tokio::test]
async fn who_is_removed_and_let_in_again_during_a_join_is_in_and_not_told_otherwise() {
    let app = TestApp::with(&["--head-check-interval", "5s"]).await;
    let world = SmallWorld::new(&app).await;
    let mut socket = app.connect("ben").await;
    let before = socket.subscribe(&world.campaign_room()).await;
    socket.subscribe(&world.settlement_room()).await;
    let store = app.store().await;
    for role in [None, Some(Role::Player)] {
        // Committed, and never published.
        change_member(&store, &world.campaign, "ben", role).await;
    }

    let room = world.campaign_room();
    let position = json!({ "epoch": before["epoch"], "offset": before["offset"] });
    let ack = socket.command("subscribe", json!({ "room": room, "position": position })).await;
    assert_eq!(ack["success"], true, "{ack}");
    assert_eq!(ack["offset"].as_u64(), before["offset"].as_u64().map(|offset| offset + 2));

    world.rename(&app, "New Town").await;
    let told = socket.events_so_far().await;
    let unsubscribed: Vec<&str> = told
        .iter()
        .filter(|(name, _)| name == "unsubscribed")
        .map(|(_, notice)| notice["room"].as_str().unwrap())
        .collect();
    assert_eq!(unsubscribed, [world.settlement_room()], "of the room that was not asked for again: {told:?}");
    assert_eq!(told.last().unwrap().1["payload"]["settlementData"]["name"], "New Town", "{told:?}");
}

async fn change_member(store: &Store, campaign: &str, user: &str, role: Option<Role>) {
    let (campaign_id, user_id): (CampaignId, UserId) = (campaign.parse().unwrap(), user.parse().unwrap());
    let mut tx = store.begin().await.unwrap();
    let event = MembershipChanged { campaign_id, user_id: user_id.clone(), role };
    tx.record(Event::MembershipChanged(event), &origin()).await.unwrap();
    match role {
        Some(role) => members::put(&mut tx, campaign_id, &user_id, role).await.unwrap(),
        None => assert!(members::delete(&mut tx, campaign_id, &user_id).await.unwrap()),
    }
    tx.commit().await.unwrap();
}
