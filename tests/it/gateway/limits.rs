//! What one client, one user or one address may take, and that nobody else notices.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

use crate::support::{
    app::TestApp,
    socket::{Refused, Socket},
    world::SmallWorld,
};

// req: T07
#[tokio::test]
async fn subscribe_commands_have_a_pace_with_a_burst() {
    let app = TestApp::with(&["--subscribe-rate", "1", "--subscribe-burst", "10"]).await;
    let world = SmallWorld::new(&app).await;
    let mut socket = app.connect("ben").await;
    let (mut refused, begun) = (0, std::time::Instant::now());
    for _ in 0..20 {
        let ack = socket.command("subscribe", json!({ "room": world.campaign_room() })).await;
        if ack["success"] == false {
            assert_eq!(ack["code"], "rate_limited");
            assert!((1..=1001).contains(&ack["retryAfterMs"].as_u64().unwrap()), "{ack}");
            refused += 1;
        }
    }
    // One more is let in for each second that it took.
    let more = begun.elapsed().as_secs() + 1;
    assert!((1..=10).contains(&refused) && refused + more >= 10, "{refused} in {:?}", begun.elapsed());
    // Leaving and asking the time are not what the limit is for.
    assert_eq!(
        socket.command("unsubscribe", json!({ "room": world.campaign_room() })).await["success"],
        true
    );
    assert_eq!(socket.command("ping", Value::Null).await["success"], true);
}

/// One command for many rooms is not a way around the pace, and none that is permitted is impossible.
#[tokio::test]
async fn every_room_of_a_command_counts() {
    let app = TestApp::with(&["--subscribe-rate", "1", "--subscribe-burst", "2"]).await;
    let world = SmallWorld::new(&app).await;
    let mut socket = app.connect("ben").await;
    let strangers = (0..30).map(|number| format!("user:nobody{number}"));
    let rooms: Vec<Value> =
        strangers.chain([world.campaign_room()]).map(|room| json!({ "room": room })).collect();
    let ack = socket.command("subscribe_many", json!({ "rooms": rooms })).await;
    assert_eq!(ack["results"][30]["success"], true, "{ack}");
    let ack = socket.command("subscribe", rooms[30].clone()).await;
    assert_eq!(ack["code"], "rate_limited", "29 are owed: {ack}");
    assert!((20_000..=30_001).contains(&ack["retryAfterMs"].as_u64().unwrap()), "{ack}");
}

// req: T25
#[tokio::test]
async fn a_user_has_a_bounded_number_of_connections() {
    let app = TestApp::with(&["--max-connections-per-user", "2"]).await;
    let first = app.connect("ben").await;
    let _second = app.connect("ben").await;
    match Socket::connect(&app.url, &app.token("ben")).await {
        Err(Refused::Connect(message)) => assert_eq!(message, "connection_limit"),
        other => panic!("{:?}", other.map(|_| ())),
    }
    app.connect("ada").await;
    first.cut();
    app.until(async || Socket::connect(&app.url, &app.token("ben")).await.is_ok()).await;
}

#[tokio::test]
async fn a_connection_is_in_a_bounded_number_of_rooms() {
    let app = TestApp::with(&["--max-rooms-per-connection", "2"]).await;
    let world = SmallWorld::new(&app).await;
    let mut socket = app.connect("ben").await;
    let rooms = [world.campaign_room(), world.settlement_room(), world.structure_room()];
    let wishes: Vec<Value> = rooms.iter().map(|room| json!({ "room": room })).collect();
    let ack = socket.command("subscribe_many", json!({ "rooms": wishes })).await;
    assert_eq!(ack["code"], "bad_request", "more than the limit in one command");
    socket.subscribe(&rooms[0]).await;
    let ack = socket.command("subscribe_many", json!({ "rooms": [wishes[1], wishes[0]] })).await;
    assert_eq!(ack["results"][0]["success"], true);
    assert_eq!(ack["results"][1]["success"], true, "one that is joined already takes no place");
    let ack = socket.command("subscribe", json!({ "room": rooms[2] })).await;
    assert_eq!(ack["code"], "limit_exceeded");
    socket.command("unsubscribe", json!({ "room": rooms[0] })).await;
    socket.subscribe(&rooms[2]).await;
}

#[tokio::test]
async fn a_message_above_the_limit_ends_its_connection_alone() {
    let app = TestApp::with(&["--max-message-size", "4KiB"]).await;
    let mut bystander = app.connect("ben").await;
    let mut socket = app.connect("ada").await;
    let fits = "x".repeat(3000);
    assert_eq!(socket.command("ping", json!({ "pad": fits })).await["success"], true);
    socket.send_text(&format!("4299[\"ping\",\"{}\"]", "x".repeat(5000))).await;
    socket.closed().await;
    assert_eq!(bystander.command("ping", Value::Null).await["success"], true);
}

/// A frame that announces more than the limit is refused at its header, before its bytes are kept.
#[tokio::test]
async fn an_announced_monster_is_refused_at_once() {
    let app = TestApp::start().await;
    let mut tcp = app.raw().await;
    let upgrade = format!(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        app.address()
    );
    tcp.write_all(upgrade.as_bytes()).await.unwrap();
    let mut response = [0; 512];
    let read = tcp.read(&mut response).await.unwrap();
    assert!(response[..read].starts_with(b"HTTP/1.1 101"));
    // A masked text frame of 16 MiB, of which only the header is ever sent.
    let mut header = vec![0x81, 0x80 | 127];
    header.extend_from_slice(&(16_u64 << 20).to_be_bytes());
    header.extend_from_slice(&[1, 2, 3, 4]);
    tcp.write_all(&header).await.unwrap();
    app.ends(&mut tcp).await;
}

#[tokio::test]
async fn binary_attachments_are_not_taken() {
    let app = TestApp::start().await;
    let mut socket = app.connect("ada").await;
    socket.send_text("451-5[\"subscribe\",{\"_placeholder\":true,\"num\":0}]").await;
    socket.send(Message::binary(vec![0; 100])).await;
    // The transport refuses it; the connection is over.
    socket.closed().await;
}

// req: T25
#[tokio::test]
async fn one_address_has_a_bounded_number_of_strangers() {
    let app = TestApp::with(&["--max-unauthenticated-per-address", "3"]).await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(Socket::open(&app.url, &[]).await.unwrap());
    }
    match Socket::open(&app.url, &[]).await {
        Err(Refused::Http(429, problem)) => {
            assert_eq!(problem["code"], "rate_limited");
            assert!(problem["retryAfterMs"].as_u64().is_some());
        }
        other => panic!("{:?}", other.map(|_| ())),
    }
    // One that authenticates makes room, and so does one that leaves.
    waiting[0].authenticate(&json!({ "token": app.token("ada") })).await.unwrap();
    let fourth = Socket::open(&app.url, &[]).await.unwrap();
    fourth.cut();
    app.until(async || Socket::open(&app.url, &[]).await.is_ok()).await;
}

// req: T25
/// The transport reads the query to the letter: who reads it otherwise takes a new connection for an old one.
#[tokio::test]
async fn a_query_that_reads_in_two_ways_opens_nothing() {
    let app = TestApp::with(&["--polling", "--max-unauthenticated-per-address", "1"]).await;
    let _stranger = Socket::open(&app.url, &[]).await.unwrap();
    for query in [
        "transport=websocket&%73id=x",
        "transport=websocket&sid",
        "transport=websocket&sid=AAAAAAAAAAAAAAAA&%73id=BBBBBBBBBBBBBBBB",
        "transport=websocket&sid=AAAAAAAAAAAAAAA%41",
        "transport=websocket=polling&sid=AAAAAAAAAAAAAAAA",
        "%74ransport=websocket&transport=polling",
        "%74ransport=polling&transport=websocket",
        "transport=polling&transport=websocket",
    ] {
        let url = format!("{}/socket.io/?EIO=4&{query}", app.url);
        let plain = reqwest::get(&url).await.unwrap();
        assert_eq!(plain.status(), 400, "{query}");
        assert_eq!(plain.json::<Value>().await.unwrap()["code"], "bad_request", "{query}");
        match Socket::open_request(url.replacen("http", "ws", 1).into_client_request().unwrap()).await {
            Err(Refused::Http(400, problem)) => assert_eq!(problem["code"], "bad_request", "{query}"),
            other => panic!("{query}: {:?}", other.map(|_| ())),
        }
    }
}

/// Whoever leaves the namespace is a stranger again: counted as one, and closed unless it comes back in time.
#[tokio::test]
async fn a_client_that_left_comes_back_in_time_or_is_closed() {
    let app = TestApp::with(&["--connect-timeout", "3s"]).await;
    let (mut back, mut gone) = (app.connect("ada").await, app.connect("ben").await);
    back.send_text("41").await;
    app.until_connections(1).await;
    back.authenticate(&json!({ "token": app.token("ada") })).await.unwrap();
    gone.send_text("41").await;
    gone.closed().await;
    assert_eq!(
        back.command("ping", Value::Null).await["success"],
        true,
        "it came back before the other left"
    );
}

// req: T25
#[tokio::test]
async fn clients_that_left_count_among_the_strangers_of_their_address() {
    let app = TestApp::with(&["--max-unauthenticated-per-address", "2", "--connect-timeout", "1m"]).await;
    let mut sockets = [app.connect("ada").await, app.connect("ben").await, app.connect("cyd").await];
    for (index, socket) in sockets.iter_mut().enumerate() {
        socket.send_text("41").await;
        app.until_connections(2 - index).await;
    }
    // The third has no place to wait in.
    sockets[2].closed().await;
    assert!(matches!(Socket::open(&app.url, &[]).await, Err(Refused::Http(429, _))));
    // One that comes back makes room, and so does one that goes.
    sockets[0].authenticate(&json!({ "token": app.token("ada") })).await.unwrap();
    let stranger = Socket::open(&app.url, &[]).await.unwrap();
    assert!(matches!(Socket::open(&app.url, &[]).await, Err(Refused::Http(429, _))));
    let [_ada, ben, _cyd] = sockets;
    ben.cut();
    app.until(async || Socket::open(&app.url, &[]).await.is_ok()).await;
    stranger.cut();
}

#[tokio::test]
async fn strangers_that_were_refused_and_have_gone_take_no_place() {
    let app = TestApp::with(&["--max-unauthenticated-per-address", "3", "--connect-timeout", "1m"]).await;
    for _ in 0..3 {
        let mut socket = Socket::open(&app.url, &[]).await.unwrap();
        assert!(matches!(socket.authenticate(&json!({})).await, Err(Refused::Connect(_))));
        socket.cut();
    }
    app.until(async || Socket::open(&app.url, &[]).await.is_ok()).await;
}

#[tokio::test]
async fn a_client_that_sends_no_request_is_cut_off() {
    let app = TestApp::with(&["--header-timeout", "300ms"]).await;
    let mut silent = app.raw().await;
    let mut slow = app.raw().await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
    app.ends(&mut silent).await;
    app.ends(&mut slow).await;
}

/// An impatient client fills its own mailbox and hears so; it loses no answer.
#[tokio::test]
async fn a_full_mailbox_answers() {
    let app = TestApp::with(&["--mailbox-size", "4"]).await;
    let world = SmallWorld::new(&app).await;
    let mut socket = app.connect("ben").await;
    let mut numbers = Vec::new();
    for _ in 0..200 {
        numbers.push(socket.send_command("unsubscribe", &json!({ "room": world.campaign_room() })).await);
    }
    let mut answered = socket.acks(200).await;
    answered.sort_unstable();
    assert_eq!(answered, numbers);
}
