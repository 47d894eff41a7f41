//! A connection ends with its token, unless the client brings a newer one.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{app::TestApp, socket::Socket, world::SmallWorld};

// req: T15
#[tokio::test]
async fn an_ending_token_is_announced_and_ends_the_transport() {
    let app = TestApp::start().await;
    let started = Instant::now();
    let mut socket = Socket::connect(&app.url, &app.token_for("ada", Duration::from_secs(3))).await.unwrap();
    let notice = socket.event("token_expiring").await;
    assert!(notice["expiresAt"].as_str().unwrap().ends_with('Z'));
    socket.closed().await;
    let lived = started.elapsed();
    // Tokens count whole seconds, so the token may have had up to one less.
    assert!(lived > Duration::from_millis(1_900) && lived < Duration::from_secs(8), "{lived:?}");
    app.until_connections(0).await;
}

// req: T15 T25
#[tokio::test]
async fn a_refreshed_token_keeps_the_connection_and_its_rooms() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let mut socket = Socket::connect(&app.url, &app.token_for("ben", Duration::from_secs(6))).await.unwrap();
    socket.subscribe(&world.campaign_room()).await;
    socket.event("token_expiring").await;
    let refresh = socket.command("refresh_token", json!({ "token": app.token("ben") })).await;
    assert_eq!(refresh, json!({ "success": true }));
    tokio::time::sleep(Duration::from_secs(7)).await;
    world.rename(&app, "Still here").await;
    socket.event("settlement_updated").await;
}

#[tokio::test]
async fn only_the_same_users_longer_token_refreshes() {
    let app = TestApp::start().await;
    let mut socket = app.connect("ada").await;
    for (token, code) in [
        (app.token("ben"), "forbidden"),
        (app.token_for("ada", Duration::from_secs(5)), "bad_request"),
        (app.expired_token("ada"), "token_expired"),
        ("nonsense".to_owned(), "token_invalid"),
        (app.ticket("ada").await, "token_invalid"),
    ] {
        let ack = socket.command("refresh_token", json!({ "token": token })).await;
        assert_eq!(ack["code"], code, "{ack}");
    }
    assert_eq!(socket.command("ping", json!(null)).await["success"], true);
}

#[tokio::test]
async fn refresh_rechecks_every_room() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let mut socket = app.connect("ben").await;
    socket.subscribe(&world.campaign_room()).await;
    let ack = socket
        .command("refresh_token", json!({ "token": app.token_for("ben", Duration::from_secs(7200)) }))
        .await;
    assert_eq!(ack["success"], true);
    world.rename(&app, "Still a member").await;
    socket.event("settlement_updated").await;
}
