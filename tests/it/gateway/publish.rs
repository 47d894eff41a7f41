//! Other services publish through HTTP, and the rooms hear it like any other change.

use serde_json::{Value, json};

use crate::support::{app::TestApp, world::SmallWorld};

fn invalidation(world: &SmallWorld, id: &str) -> Value {
    json!({
        "id": id,
        "type": "state_invalidated",
        "payload": { "campaignId": world.campaign, "scope": "campaign", "reason": "A new season." },
        "metadata": { "source": "rules-engine" },
    })
}

// req: T10
#[tokio::test]
async fn a_rules_engine_publishes_and_a_repeat_changes_nothing() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let mut socket = app.connect("ben").await;
    let start = socket.subscribe(&world.campaign_room()).await["offset"].as_u64().unwrap();
    let token = app.token_with_scope("rules", "events:publish");
    let event = invalidation(&world, "season-7");
    let (status, first) = app.post(&token, "/api/events", &event).await;
    assert_eq!(status, 200, "{first}");
    let offsets = json!({ world.campaign_room(): start + 1 });
    assert_eq!(first["results"], json!([{ "id": "season-7", "offsets": offsets, "duplicate": false }]));
    let (_, second) =
        app.post(&token, "/api/events", &json!([event, invalidation(&world, "season-8")])).await;
    assert_eq!(second["results"][0], json!({ "id": "season-7", "offsets": offsets, "duplicate": true }));
    assert_eq!(second["results"][1]["offsets"], json!({ world.campaign_room(): start + 2 }));
    let heard: Vec<Value> =
        vec![socket.event("state_invalidated").await, socket.event("state_invalidated").await];
    assert_eq!(heard[0]["id"], "season-7");
    assert_eq!(heard[0]["metadata"]["source"], "rules-engine");
    assert_eq!(heard[0]["metadata"]["userId"], "rules");
    assert_eq!(heard[1]["id"], "season-8");
    assert!(socket.events_so_far().await.is_empty());
}

#[tokio::test]
async fn without_the_scope_nobody_publishes() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let (status, problem) = app.post(&app.token("ada"), "/api/events", &invalidation(&world, "x")).await;
    assert_eq!((status, &problem["code"]), (403, &json!("forbidden")), "{problem}");
}
