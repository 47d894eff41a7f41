//! Every command through a real socket: what it does and how it is answered.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{app::TestApp, world::SmallWorld};

// req: T02 T04 T08 T11 T09 T27 N13
#[tokio::test]
async fn a_mutation_reaches_the_subscribers_of_its_rooms_once() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let mut everything = app.connect("ben").await;
    let mut structure_only = app.connect("ben").await;
    let campaign = everything.subscribe(&world.campaign_room()).await;
    let settlement = everything.subscribe(&world.settlement_room()).await;
    structure_only.subscribe(&world.structure_room()).await;

    let after = world.rename(&app, "City").await;
    let event = everything.event("settlement_updated").await;
    assert_eq!(event["v"], 1);
    assert_eq!(event["type"], "settlement_updated");
    assert_eq!(event["epoch"], campaign["epoch"]);
    assert_eq!(event["payload"]["settlementId"], world.settlement.as_str());
    assert_eq!(event["payload"]["operation"], "update");
    assert_eq!(event["payload"]["changedFields"], json!(["name"]));
    assert_eq!(event["payload"]["version"], after["version"]);
    assert_eq!(event["payload"]["settlementData"]["name"], "City");
    assert_eq!(event["metadata"]["userId"], "ada");
    let next = |ack: &Value| ack["offset"].as_u64().unwrap() + 1;
    assert_eq!(event["offsets"][world.campaign_room()], next(&campaign));
    assert_eq!(event["offsets"][world.settlement_room()], next(&settlement));
    let again = everything.events_so_far().await;
    assert!(again.iter().all(|(name, _)| name != "settlement_updated"), "{again:?}");
    assert!(structure_only.events_so_far().await.is_empty());
}

// req: T04
#[tokio::test]
async fn the_named_commands_take_the_id_under_either_name() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let mut socket = app.connect("ben").await;
    for (command, payload, room) in [
        ("subscribe_campaign", json!({ "campaignId": world.campaign }), world.campaign_room()),
        (
            "subscribe_campaign",
            json!({ "entityId": world.campaign, "type": "campaign" }),
            world.campaign_room(),
        ),
        ("subscribe_settlement", json!({ "settlementId": world.settlement }), world.settlement_room()),
        ("subscribe_structure", json!({ "entityId": world.structure }), world.structure_room()),
    ] {
        let ack = socket.command(command, payload).await;
        assert_eq!((&ack["success"], &ack["room"]), (&json!(true), &json!(room)), "{command}: {ack}");
        assert_eq!((&ack["recovered"], &ack["events"]), (&json!(false), &json!([])));
    }
    for (command, payload) in [
        ("unsubscribe_campaign", json!({ "entityId": world.campaign })),
        ("unsubscribe_settlement", json!({ "settlementId": world.settlement })),
        ("unsubscribe_structure", json!({ "structureId": world.structure })),
    ] {
        assert_eq!(socket.command(command, payload).await, json!({ "success": true }));
    }
    world.rename(&app, "Silent").await;
    assert!(socket.events_so_far().await.is_empty());
}

#[tokio::test]
async fn many_rooms_are_joined_with_one_answer_each_in_order() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let mut socket = app.connect("ben").await;
    let absent = format!("settlement:{}", Uuid::nil());
    let rooms = [world.settlement_room(), absent.clone(), world.campaign_room(), "user:ben".into()];
    let wishes: Vec<Value> = rooms.iter().map(|room| json!({ "room": room })).collect();
    let ack = socket.command("subscribe_many", json!({ "rooms": wishes })).await;
    assert_eq!(ack["success"], true);
    let results = ack["results"].as_array().unwrap();
    let success: Vec<_> = results.iter().map(|result| result["success"].as_bool().unwrap()).collect();
    assert_eq!(success, [true, false, true, true], "{ack}");
    let named: Vec<_> = results.iter().map(|result| result["room"].as_str().unwrap().to_owned()).collect();
    assert_eq!(named, rooms);
    assert_eq!(results[1]["code"], "not_found");
    world.rename(&app, "Seen").await;
    socket.event("settlement_updated").await;
}

#[tokio::test]
async fn what_cannot_be_understood_is_answered_with_what_is_wrong() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let mut socket = app.connect("ben").await;
    let room = world.campaign_room();
    let position = |offset: Value| json!({ "room": room, "position": { "epoch": "e", "offset": offset } });
    for (command, payload, says) in [
        ("subscribe", Value::Null, "payload"),
        ("subscribe", json!({}), "room"),
        ("subscribe", json!({ "room": 7 }), "string"),
        ("subscribe", json!({ "room": "castle:1" }), "campaign:{id}"),
        ("subscribe", json!({ "room": "campaign:" }), "campaign:{id}"),
        ("subscribe", position(json!(-1)), "-1"),
        ("subscribe", position(json!(1.5)), "1.5"),
        ("subscribe", position(json!("1")), "u64"),
        ("subscribe_campaign", json!({}), "entityId"),
        ("subscribe_campaign", json!({ "entityId": "x" }), "campaign"),
        ("subscribe_many", json!({ "rooms": {} }), "sequence"),
        ("presence_subscribe", json!([]), "payload"),
        ("refresh_token", json!({ "token": 1 }), "string"),
        ("conquer", json!({}), "Unknown command 'conquer'"),
        ("subscribe_user", json!({ "entityId": "ben" }), "Unknown command"),
    ] {
        let ack = socket.command(command, payload.clone()).await;
        assert_eq!(
            (&ack["success"], &ack["code"]),
            (&json!(false), &json!("bad_request")),
            "{command} {payload}: {ack}"
        );
        let error = ack["error"].as_str().unwrap();
        assert!(error.contains(says), "{command} {payload}: {error}");
    }
    let deep = format!("4299[\"subscribe\",{}1{}]", "[".repeat(40), "]".repeat(40));
    socket.send_text(&deep).await;
    assert_eq!(socket.ack(99).await["code"], "bad_request");
    let huge = socket.command("subscribe", position(json!(9_007_199_254_740_991_u64))).await;
    assert_eq!((&huge["success"], &huge["recovered"]), (&json!(true), &json!(false)));
}

/// Commands without an acknowledgement work and say nothing.
#[tokio::test]
async fn a_command_without_an_acknowledgement_is_carried_out() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let mut socket = app.connect("ben").await;
    socket.send_text(&format!("42{}", json!(["subscribe", { "room": world.campaign_room() }]))).await;
    socket.send_text(r#"42["nonsense"]"#).await;
    assert!(socket.events_so_far().await.is_empty());
    world.rename(&app, "Heard").await;
    socket.event("settlement_updated").await;
}

/// The transport would run what arrives concurrently; the mailbox keeps the order.
#[tokio::test]
async fn a_thousand_commands_are_answered_in_their_order() {
    let app = TestApp::with(&["--mailbox-size", "2000"]).await;
    let mut socket = app.connect("ada").await;
    let mut numbers = Vec::new();
    for _ in 0..1000 {
        numbers.push(socket.send_command("ping", &json!(null)).await);
    }
    assert_eq!(socket.acks(1000).await, numbers);
}

// req: B06 N21
#[tokio::test]
async fn ping_is_answered_with_the_servers_time() {
    let app = TestApp::start().await;
    let mut socket = app.connect("ada").await;
    let pong = socket.command("ping", json!(null)).await;
    assert_eq!(pong["success"], true);
    assert!(pong["serverTime"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn heads_of_the_joined_rooms_are_told_from_time_to_time() {
    let app = TestApp::with(&["--heads-interval", "200ms"]).await;
    let world = SmallWorld::new(&app).await;
    let mut socket = app.connect("ben").await;
    let ack = socket.subscribe(&world.campaign_room()).await;
    let heads = socket.event("heads").await;
    assert_eq!(heads["epoch"], ack["epoch"]);
    assert_eq!(heads["rooms"], json!({ world.campaign_room(): ack["offset"] }));
    world.rename(&app, "Moved").await;
    let event = socket.event("settlement_updated").await;
    let last = event["offsets"][world.campaign_room()].as_u64().unwrap();
    while socket.event("heads").await["rooms"][world.campaign_room()].as_u64().unwrap() < last {}
}

// req: B21
#[tokio::test]
async fn presence_tells_who_is_there_and_who_comes_and_goes() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let room = world.campaign_room();
    let mut watcher = app.connect("ada").await;
    watcher.subscribe(&room).await;
    let stranger = app.connect("mallory").await.command("presence_subscribe", json!({ "room": room })).await;
    assert_eq!(stranger["code"], "not_found");
    assert_eq!(watcher.command("presence_subscribe", json!({ "room": room })).await["success"], true);
    assert_eq!(watcher.event("presence").await, json!({ "room": room, "members": ["ada"] }));
    let mut first = app.connect("ben").await;
    first.subscribe(&room).await;
    assert_eq!(watcher.event("presence").await, json!({ "room": room, "joined": ["ben"] }));
    let mut second = app.connect("ben").await;
    second.subscribe(&room).await;
    first.cut();
    second.command("unsubscribe", json!({ "room": room })).await;
    assert_eq!(watcher.event("presence").await, json!({ "room": room, "left": ["ben"] }));
    assert_eq!(watcher.command("presence_unsubscribe", json!({ "room": room })).await["success"], true);
}
