//! The handshake: who gets in, with which token from where, and what a refusal looks like.

use serde_json::json;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

use crate::support::{
    app::TestApp,
    socket::{Packet, Refused, Socket},
};

fn refusal<T: std::fmt::Debug>(result: Result<T, Refused>) -> String {
    match result.expect_err("a refusal") {
        Refused::Connect(message) => message,
        Refused::Http(status, body) => format!("{status} {}", body["code"].as_str().unwrap_or("?")),
    }
}

// req: T03 N11 T23
#[tokio::test]
async fn a_token_in_the_payload_is_welcomed() {
    let app = TestApp::start().await;
    let mut socket = Socket::open(&app.url, &[]).await.unwrap();
    let welcome = socket.authenticate(&json!({ "token": app.token("ada") })).await.unwrap();
    assert_eq!(welcome["protocol"], 1);
    assert_eq!(welcome["userId"], "ada");
    assert_eq!(welcome["reconnect"]["maxAttempts"], 10);
    assert_eq!(welcome["reconnect"]["maxMs"], 32_000);
    for instant in ["serverTime", "tokenExpiresAt"] {
        assert!(welcome[instant].as_str().unwrap().ends_with('Z'), "{welcome}");
    }
}

// req: N07
#[tokio::test]
async fn a_token_in_the_authorization_header_is_welcomed() {
    let app = TestApp::start().await;
    let bearer = format!("Bearer {}", app.token("ada"));
    let mut socket = Socket::open(&app.url, &[("authorization", &bearer)]).await.unwrap();
    assert_eq!(socket.authenticate(&json!({})).await.unwrap()["userId"], "ada");
}

// req: N08 N09
#[tokio::test]
async fn the_query_takes_a_ticket_and_nothing_else() {
    let app = TestApp::start().await;
    let ticket = app.ticket("ada").await;
    let open = async |token: &str| {
        let url = format!(
            "{}/socket.io/?EIO=4&transport=websocket&token={token}",
            app.url.replacen("http", "ws", 1)
        );
        Socket::open_request(url.into_client_request().unwrap()).await.unwrap()
    };
    let mut socket = open(&ticket).await;
    assert_eq!(socket.authenticate(&json!({})).await.unwrap()["userId"], "ada");
    let mut socket = open(&app.token("ada")).await;
    assert_eq!(refusal(socket.authenticate(&json!({})).await), "token_invalid");
    let mut socket = open("").await;
    assert_eq!(refusal(socket.authenticate(&json!({ "token": ticket })).await), "token_invalid");
}

// req: T03 N17
#[tokio::test]
async fn a_refused_connection_says_why_and_stays_outside() {
    let app = TestApp::start().await;
    let token = app.token("ada");
    for (payload, code) in [
        (json!({}), "token_missing"),
        (json!({ "token": "not.a.token" }), "token_invalid"),
        (json!({ "token": 7 }), "token_invalid"),
        (json!([1, 2]), "token_invalid"),
        (json!({ "token": app.expired_token("ada") }), "token_expired"),
        (json!({ "token": format!("{token}x") }), "token_invalid"),
        (json!({ "token": token, "userId": "ben" }), "forbidden"),
    ] {
        let mut socket = Socket::open(&app.url, &[]).await.unwrap();
        assert_eq!(refusal(socket.authenticate(&payload).await), code, "{payload}");
        // It may try again with a good token, on the same transport.
        let welcome = socket.authenticate(&json!({ "token": token })).await.unwrap();
        assert_eq!(welcome["userId"], "ada");
    }
    // What it says without having been let in is not heard: its transport is closed.
    let mut socket = Socket::open(&app.url, &[]).await.unwrap();
    assert_eq!(refusal(socket.authenticate(&json!({})).await), "token_missing");
    socket.send_text(r#"421["ping",null]"#).await;
    socket.closed().await;
}

#[tokio::test]
async fn the_session_id_of_the_transport_is_in_nothing_that_is_said() {
    let app = TestApp::start().await;
    let mut socket = Socket::open(&app.url, &[]).await.unwrap();
    socket.send_text(&format!("40{}", json!({ "token": app.token("ada") }))).await;
    let Some(Packet::Connect(connect)) = socket.packet_but_ping().await else { panic!("no CONNECT") };
    let welcome = socket.event("welcome").await;
    let session = connect["sid"].as_str().unwrap();
    assert!(!welcome.to_string().contains(session));
    assert_ne!(welcome["connectionId"], session);
}

#[tokio::test]
async fn commands_sent_together_with_connect_are_answered() {
    let app = TestApp::start().await;
    let mut socket = Socket::open(&app.url, &[]).await.unwrap();
    socket.send_text(&format!("40{}", json!({ "token": app.token("ada") }))).await;
    // A client has to wait for its CONNECT; one that is a little early is still answered.
    let Some(Packet::Connect(_)) = socket.packet_but_ping().await else { panic!("no CONNECT") };
    socket.send_text(r#"427["ping",null]"#).await;
    assert_eq!(socket.ack(7).await["success"], true);
}

#[tokio::test]
async fn a_second_connect_is_ignored() {
    let app = TestApp::start().await;
    let mut socket = app.connect("ada").await;
    socket.send_text(&format!("40{}", json!({ "token": app.token("ben") }))).await;
    assert_eq!(socket.command("ping", json!(null)).await["success"], true);
    assert_eq!(app.connections(), 1);
}

#[tokio::test]
async fn a_client_that_never_says_connect_is_closed() {
    let app = TestApp::with(&["--connect-timeout", "300ms"]).await;
    let mut socket = Socket::open(&app.url, &[]).await.unwrap();
    socket.closed().await;
}

// req: T01 T21
#[tokio::test]
async fn pages_of_foreign_origins_are_refused_before_the_upgrade() {
    let app = TestApp::with(&["--allowed-origins", "https://app.example.org"]).await;
    let foreign = Socket::open(&app.url, &[("origin", "https://evil.example.org")]).await;
    assert_eq!(refusal(foreign.map(|_| ())), "403 origin_denied");
    assert!(Socket::open(&app.url, &[("origin", "https://app.example.org")]).await.is_ok());
    assert!(Socket::open(&app.url, &[]).await.is_ok());
}

// req: T01 T25
#[tokio::test]
async fn pages_of_permitted_origins_may_read_what_polling_answers() {
    let app = TestApp::with(&["--polling", "--allowed-origins", "https://app.example.org"]).await;
    let url = format!("{}/socket.io/?EIO=4&transport=polling", app.url);
    let ask = async |method: reqwest::Method, origin: &str| {
        let request = reqwest::Client::new().request(method, &url).header("origin", origin);
        let answer = request.header("access-control-request-method", "POST").send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let reader = header("access-control-allow-origin");
        (answer.status().as_u16(), reader, header("access-control-allow-headers"))
    };
    let page = "https://app.example.org".to_owned();
    assert_eq!(ask(reqwest::Method::GET, &page).await, (200, Some(page.clone()), None));
    let allowed = Some("authorization,content-type".to_owned());
    assert_eq!(ask(reqwest::Method::OPTIONS, &page).await, (204, Some(page), allowed));
    assert_eq!(ask(reqwest::Method::GET, "https://evil.example.org").await, (403, None, None));
    assert_eq!(ask(reqwest::Method::OPTIONS, "https://evil.example.org").await, (403, None, None));
}

// req: T06 I13
/// A client that vanishes at any moment of its handshake leaves nothing behind (I13).
#[tokio::test]
async fn vanishing_during_the_handshake_leaves_nothing() {
    let app = TestApp::start().await;
    let connect = format!("40{}", json!({ "token": app.token("ada") }));
    for round in 0..60 {
        let mut socket = Socket::open(&app.url, &[]).await.unwrap();
        socket.send_text(&connect).await;
        if round % 3 == 1 {
            tokio::task::yield_now().await;
        }
        if round % 3 == 2 {
            socket.send(Message::Close(None)).await;
        }
        socket.cut();
    }
    app.until_connections(0).await;
    // And the user's seats are free again.
    let sockets = futures_util::future::join_all((0..10).map(|_| app.connect("ada"))).await;
    assert_eq!(sockets.len(), 10);
}

#[tokio::test]
async fn broken_packets_end_their_own_connection_and_no_other() {
    let app = TestApp::start().await;
    let mut bystander = app.connect("ben").await;
    for broken in [
        Message::text("9"),
        Message::text("4"),
        Message::text("49"),
        Message::text("42"),
        Message::text("42{"),
        Message::text("42[\"a"),
        Message::text("42[\"a\",\"\u{1F600}"),
        Message::text("4299999999999999999999[\"a\"]"),
        Message::text("451-[\"a\",{\"_placeholder\":true,\"num\":0}]"),
        Message::text("45999999-[\"a\"]"),
        Message::binary(vec![4, 2, 0xff]),
        Message::text(""),
    ] {
        let shown = format!("{broken:?}");
        let mut socket = app.connect("ada").await;
        socket.send(broken).await;
        // It is either answered, ignored, or its own transport is closed; the bystander sees nothing.
        socket.send_text(r#"4277["ping",null]"#).await;
        socket.ack_or_end(77).await;
        assert_eq!(bystander.command("ping", json!(null)).await["success"], true, "{shown}");
    }
}
