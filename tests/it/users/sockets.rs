//! Revocation on one instance, over HTTP and over sockets.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    app::TestApp,
    socket::{Packet, Refused, Socket},
    world::SmallWorld,
};

/// An instant of the past, as a body for the route: tokens that are older are revoked, new ones are not.
fn up_to(ago: Duration) -> Value {
    let instant = fanfare::clock::Clock::system().now() - ago;
    json!({ "notBefore": instant.to_string(), "reason": "A test" })
}

async fn refusal(app: &TestApp, token: &str) -> String {
    match Socket::connect(&app.url, token).await {
        Err(Refused::Connect(message)) => message,
        other => panic!("{:?}", other.map(|_| ())),
    }
}

// req: T03 T25 N17 I8
#[tokio::test]
async fn a_revoked_user_is_out_and_stays_out_until_there_is_a_newer_token() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let old = app.token_issued("ben", Duration::from_secs(60));
    let mut tabs =
        [Socket::connect(&app.url, &old).await.unwrap(), Socket::connect(&app.url, &old).await.unwrap()];
    let mut ada = app.connect("ada").await;
    for socket in tabs.iter_mut().chain([&mut ada]) {
        socket.subscribe(&world.campaign_room()).await;
    }
    let newer = app.token("ben");
    let mut newer_tab = Socket::connect(&app.url, &newer).await.unwrap();

    let admin = app.token_with_scope("root", "admin");
    let (status, answer) = app.post(&admin, "/api/users/ben/revoke", &up_to(Duration::from_secs(30))).await;
    let answered = Instant::now();
    assert_eq!((status, &answer["userId"]), (200, &json!("ben")), "{answer}");
    for tab in &mut tabs {
        tab.closed().await;
    }
    // How fast it is where nothing else is to be done is shown where several are revoked.
    let took = answered.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    app.until(async || app.metric("ws_disconnect_total{reason=\"revoked\"}").await >= 2.0).await;

    // Everybody else goes on, the user with a newer token among them.
    world.rename(&app, "Still here").await;
    ada.event("settlement_updated").await;
    assert_eq!(newer_tab.command("ping", Value::Null).await["success"], true);

    assert_eq!(refusal(&app, &old).await, "token_revoked");
    let (status, problem) = app.post(&old, "/graphql", &json!({ "query": "{ viewer { userId } }" })).await;
    assert_eq!((status, &problem["code"]), (401, &json!("token_revoked")));
    let (status, problem) = app.post(&old, "/api/ws/token", &json!({})).await;
    assert_eq!((status, &problem["code"]), (401, &json!("token_revoked")));
    let ack = newer_tab.command("refresh_token", json!({ "token": old })).await;
    assert_eq!(ack["code"], "token_revoked");
    Socket::connect(&app.url, &newer).await.unwrap();
}

/// A ticket stands for the token it was asked for with, however fresh the ticket is.
#[tokio::test]
async fn a_ticket_is_as_old_as_its_token() {
    let app = TestApp::start().await;
    let old = app.token_issued("ben", Duration::from_secs(60));
    let (_, body) = app.post(&old, "/api/ws/token", &json!({})).await;
    let ticket = body["token"].as_str().unwrap();
    let admin = app.token_with_scope("root", "admin");
    app.post(&admin, "/api/users/ben/revoke", &up_to(Duration::from_secs(30))).await;
    let url =
        format!("{}/socket.io/?EIO=4&transport=websocket&token={ticket}", app.url.replacen("http", "ws", 1));
    let request =
        tokio_tungstenite::tungstenite::client::IntoClientRequest::into_client_request(url).unwrap();
    app.until(async || {
        let mut socket = Socket::open_request(request.clone()).await.unwrap();
        matches!(socket.authenticate(&json!({})).await, Err(Refused::Connect(message)) if message == "token_revoked")
    })
    .await;
}

/// Whatever the timing, nobody who was let in with an old token stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connecting_while_being_revoked_never_leaves_somebody_inside() {
    let app = TestApp::with(&["--max-connections-per-user", "1000"]).await;
    let admin = app.token_with_scope("root", "admin");
    for round in 0..10 {
        let user = format!("user-{round}");
        let old = app.token_issued(&user, Duration::from_secs(60));
        let storm = (0..20).map(|_| async {
            let mut socket = Socket::open(&app.url, &[]).await.unwrap();
            socket.send_text(&format!("40{}", json!({ "token": old }))).await;
            loop {
                match socket.packet_but_ping().await {
                    None | Some(Packet::Close) => return "ended".to_owned(),
                    Some(Packet::ConnectError(error)) => return error["message"].to_string(),
                    Some(_) => {}
                }
            }
        });
        let path = format!("/api/users/{user}/revoke");
        let body = up_to(Duration::from_secs(30));
        let (outcomes, (status, _)) =
            tokio::join!(futures_util::future::join_all(storm), app.post(&admin, &path, &body));
        assert_eq!(status, 200);
        for outcome in outcomes {
            assert!(["ended", "\"token_revoked\""].contains(&&*outcome), "{outcome}");
        }
        app.until_connections(0).await;
    }
}

#[tokio::test]
async fn a_revocation_survives_a_restart() {
    let mut app = TestApp::start().await;
    let old = app.token_issued("ben", Duration::from_secs(60));
    let admin = app.token_with_scope("root", "admin");
    app.post(&admin, "/api/users/ben/revoke", &up_to(Duration::from_secs(30))).await;
    app.restart().await;
    assert_eq!(refusal(&app, &old).await, "token_revoked");
    app.connect("ben").await;
}

/// What the instances tell each other is not for clients.
#[tokio::test]
async fn nobody_sees_the_log_of_the_instances() {
    let app = TestApp::start().await;
    let admin = app.token_with_scope("root", "admin events:publish");
    app.post(&admin, "/api/users/ben/revoke", &json!({})).await;
    let mut socket = Socket::connect(&app.url, &admin).await.unwrap();
    for command in ["subscribe", "presence_subscribe"] {
        let ack = socket.command(command, json!({ "room": "instances:all" })).await;
        assert_eq!(ack["code"], "not_found", "{command}: {ack}");
    }
    assert_eq!(app.status_of(&admin, "/api/rooms/instances:all/events").await, 404);
    let event = json!({ "type": "access_revoked",
        "payload": { "userId": "ada", "notBefore": "2030-01-01T00:00:00.000Z" } });
    let (status, problem) = app.post(&admin, "/api/events", &event).await;
    assert_eq!((status, &problem["code"]), (400, &json!("bad_request")), "{problem}");
    app.connect("ada").await;
}
