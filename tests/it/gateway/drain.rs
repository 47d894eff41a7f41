//! Going away: nobody new, everybody told, nothing acknowledged lost.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{
    app::TestApp,
    socket::{Refused, Socket},
    world::SmallWorld,
};

// req: T21
#[tokio::test]
async fn a_draining_server_tells_everybody_and_closes_them_so_that_they_come_back() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let mut sockets = Vec::new();
    for _ in 0..8 {
        let mut socket = app.connect("ben").await;
        socket.subscribe(&world.campaign_room()).await;
        sockets.push(socket);
    }
    let started = Instant::now();
    let gateway = app.gateway();
    let draining = tokio::spawn(async move { gateway.drain().await });
    for socket in &mut sockets {
        assert!(socket.event("draining").await["reconnectAfterMs"].as_u64().is_some());
    }
    match Socket::open(&app.url, &[]).await {
        Err(Refused::Http(503, problem)) => assert_eq!(problem["code"], "server_draining"),
        other => panic!("{:?}", other.map(|_| ())),
    }
    assert_eq!(app.status("/readyz").await, 503);
    for mut socket in sockets {
        socket.closed().await;
    }
    draining.await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(10));
}

/// A change that was acknowledged during the drain is there afterwards, with its event.
#[tokio::test]
async fn what_was_acknowledged_before_the_end_survives_it() {
    let mut app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let mut socket = app.connect("ben").await;
    let ack = socket.subscribe(&world.campaign_room()).await;
    let after = world.rename(&app, "Acknowledged").await;
    app.restart().await;
    let data = app
        .graphql(
            "ben",
            "query($s: ID!) { settlement(id: $s) { name version } }",
            json!({ "s": world.settlement }),
        )
        .await;
    assert_eq!(data["settlement"], json!({ "name": "Acknowledged", "version": after["version"] }));
    let mut back = app.connect("ben").await;
    let position = json!({ "epoch": ack["epoch"], "offset": ack["offset"] });
    let ack = back.command("subscribe", json!({ "room": world.campaign_room(), "position": position })).await;
    assert_eq!(ack["recovered"], true);
    assert_eq!(ack["events"][0]["payload"]["settlementData"]["name"], "Acknowledged");
}
