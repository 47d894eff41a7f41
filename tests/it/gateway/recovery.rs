//! Coming back: exactly what was missed, or an honest no.

use serde_json::{Value, json};

use crate::support::{app::TestApp, world::SmallWorld};

fn at(ack: &Value, offset: u64) -> Value {
    json!({ "epoch": ack["epoch"], "offset": offset })
}

// req: T16 N18 N33 I7
#[tokio::test]
async fn a_cut_client_gets_exactly_what_it_missed() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let room = world.campaign_room();
    let mut socket = app.connect("ben").await;
    let ack = socket.subscribe(&room).await;
    world.rename(&app, "one").await;
    let last = socket.event("settlement_updated").await["offsets"][&room].as_u64().unwrap();
    socket.cut();
    for name in ["two", "three", "four"] {
        world.rename(&app, name).await;
    }
    let mut back = app.connect("ben").await;
    let ack = back.command("subscribe", json!({ "room": room, "position": at(&ack, last) })).await;
    assert_eq!(ack["recovered"], true, "{ack}");
    let events = ack["events"].as_array().unwrap();
    let offsets: Vec<u64> = events.iter().map(|event| event["offsets"][&room].as_u64().unwrap()).collect();
    assert_eq!(offsets, (last + 1..=ack["offset"].as_u64().unwrap()).collect::<Vec<_>>());
    let names: Vec<&str> =
        events.iter().filter_map(|event| event["payload"]["settlementData"]["name"].as_str()).collect();
    assert_eq!(names, ["two", "three", "four"]);
    world.rename(&app, "five").await;
    let live = back.event("settlement_updated").await;
    assert_eq!(live["offsets"][&room], ack["offset"].as_u64().unwrap() + 1);
}

// req: I3
/// The delivered, the recovered and the polled event are the same text (I3).
#[tokio::test]
async fn delivered_recovered_and_polled_are_the_same() {
    let app = TestApp::start().await;
    let world = SmallWorld::new(&app).await;
    let room = world.settlement_room();
    let mut socket = app.connect("ben").await;
    let ack = socket.subscribe(&room).await;
    world.rename(&app, "Same \"quoted\" \u{1F3F0}").await;
    let delivered = socket.event("settlement_updated").await;
    let before = ack["offset"].as_u64().unwrap();
    let again = socket.command("subscribe", json!({ "room": room, "position": at(&ack, before) })).await;
    assert_eq!(again["events"][0], delivered);
    let epoch = ack["epoch"].as_str().unwrap();
    let polled = app.get("ben", &format!("/api/rooms/{room}/events?epoch={epoch}&after={before}")).await;
    assert_eq!(polled["events"][0], delivered);
}

#[tokio::test]
async fn a_position_that_cannot_be_continued_is_refused_honestly() {
    let app = TestApp::with(&["--recovery-max-events", "5"]).await;
    let world = SmallWorld::new(&app).await;
    let room = world.campaign_room();
    let mut socket = app.connect("ben").await;
    let start = socket.subscribe(&room).await;
    let head = start["offset"].as_u64().unwrap();
    for round in 0..6 {
        world.rename(&app, &format!("Name {round}")).await;
    }
    let now = socket.subscribe(&room).await["offset"].as_u64().unwrap();
    for (why, position) in [
        ("more than may be recovered", at(&start, head)),
        ("an offset of the future", at(&start, now + 1)),
        ("another epoch", json!({ "epoch": "another", "offset": now })),
    ] {
        let ack = socket.command("subscribe", json!({ "room": room, "position": position })).await;
        assert_eq!((&ack["success"], &ack["recovered"]), (&json!(true), &json!(false)), "{why}: {ack}");
        assert_eq!((&ack["offset"], &ack["events"]), (&json!(now), &json!([])), "{why}");
    }
}

// req: I4 I7
/// Joins, leaves, comings and goings under a steady load: every subscription is dense from its
/// answered offset (I4, I7).
#[tokio::test]
async fn storms_of_subscribing_and_leaving_never_show_a_hole() {
    let app = TestApp::with(&["--subscribe-rate", "10000", "--subscribe-burst", "10000"]).await;
    let world = SmallWorld::new(&app).await;
    let room = world.campaign_room();
    let writing = async {
        for round in 0..60 {
            world.rename(&app, &format!("Name {round}")).await;
        }
    };
    let reading = async {
        let mut socket = app.connect("ben").await;
        let mut position = Value::Null;
        for round in 0..25 {
            let mut wish = json!({ "room": room });
            if round > 0 {
                wish["position"] = position.clone();
            }
            let ack = socket.command("subscribe", wish).await;
            assert!(round == 0 || ack["recovered"] == true, "{ack}");
            let mut last = ack["offset"].as_u64().unwrap();
            if let Some(start) = position["offset"].as_u64() {
                let events = ack["events"].as_array().unwrap();
                assert_eq!(events.len() as u64, last - start);
            }
            for (name, event) in socket.events_so_far().await {
                if let Some(offset) = event["offsets"][&room].as_u64() {
                    assert_eq!(offset, last + 1, "{name}");
                    last = offset;
                }
            }
            position = at(&ack, last);
            if round % 2 == 0 {
                socket.command("unsubscribe", json!({ "room": room })).await;
                // What came before the answer belongs to the old subscription.
                for (_, event) in socket.events_so_far().await {
                    if let Some(offset) = event["offsets"][&room].as_u64() {
                        assert_eq!(offset, last + 1);
                        last = offset;
                    }
                }
                position = at(&ack, last);
            } else {
                socket.cut();
                socket = app.connect("ben").await;
            }
        }
    };
    tokio::join!(writing, reading);
}
