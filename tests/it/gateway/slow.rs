//! Readers that do not read: closed within the limit, bounded in memory, able to recover (I11).

use serde_json::json;

use crate::support::{app::TestApp, socket::Socket, world::SmallWorld};

// req: N14 I11
#[tokio::test]
async fn a_client_that_never_reads_is_closed_and_others_are_not_slowed() {
    let app = TestApp::with(&["--write-stall-timeout", "30s", "--max-outbound-size", "64KiB"]).await;
    let world = SmallWorld::new(&app).await;
    let room = world.campaign_room();
    let mut reader = app.connect("ada").await;
    reader.subscribe(&room).await;
    let mut stuck = app.connect_with_small_buffers("ben").await;
    let start = stuck.subscribe(&room).await;
    let text = "x".repeat(2000);
    let mut sent = 0;
    // Until the kernel's buffers and the queue are full, and long before anybody's patience is over.
    app.until(async || {
        for _ in 0..20 {
            world.describe(&app, &format!("{sent} {text}")).await;
            sent += 1;
        }
        for _ in 0..20 {
            reader.event("settlement_updated").await;
        }
        app.metric("ws_slow_closes_total").await >= 1.0
    })
    .await;
    app.until_connections(1).await;
    // It comes back by its position and has lost nothing that it was not told of.
    let mut back = Socket::connect(&app.url, &app.token("ben")).await.unwrap();
    let position = json!({ "epoch": start["epoch"], "offset": start["offset"] });
    let ack = back.command("subscribe", json!({ "room": room, "position": position })).await;
    assert_eq!(ack["success"], true);
    if ack["recovered"] == true {
        assert_eq!(ack["events"].as_array().unwrap().len(), sent);
    }
}

// req: N16 T20 D07
#[tokio::test]
async fn a_client_that_does_not_answer_pings_is_closed() {
    let app = TestApp::with(&["--ping-interval", "200ms", "--ping-timeout", "2s"]).await;
    let mut socket = app.connect("ada").await;
    socket.closed_without_pong().await;
    app.until_connections(0).await;
    assert!(app.metric("ws_heartbeat_failures_total").await >= 1.0);
}
