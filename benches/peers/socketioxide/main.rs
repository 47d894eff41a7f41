//! A plain socketioxide server that broadcasts on command. The contract is in `../README.md`.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Instant,
};

use axum::serve::ListenerExt;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use socketioxide::{
    SocketIo,
    extract::{AckSender, Data, SocketRef},
    handler::ConnectHandler,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    time::{Duration, MissedTickBehavior, interval},
};

#[derive(Deserialize)]
struct SubscribeMany {
    rooms: Vec<SubscribeRoom>,
}

#[derive(Deserialize)]
struct SubscribeRoom {
    room: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Load {
    rooms: Vec<String>,
    rate: f64,
    size: usize,
    seconds: f64,
    tick_ms: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    v: u32,
    id: &'a str,
    r#type: &'a str,
    payload: Payload<'a>,
    timestamp: String,
    epoch: &'a str,
    offsets: HashMap<&'a str, u64>,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    entity_type: &'a str,
    entity_id: &'a str,
    campaign_id: &'a str,
    operation: &'a str,
    version: u64,
    changed_fields: [&'a str; 0],
    entity_data: EntityData<'a>,
}

#[derive(Serialize)]
struct EntityData<'a> {
    bench: String,
    pad: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    user_id: &'a str,
    source: &'a str,
    correlation_id: &'a str,
}

type Heads = Arc<Mutex<HashMap<String, u64>>>;

const EPOCH: &str = "0193b5a0-0000-7000-8000-000000000000";

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let heads = Heads::default();
    let (layer, io) = SocketIo::new_layer();
    let known = Arc::clone(&heads);
    // Before CONNECT is answered: a command that came before its handler would be dropped.
    let prepared = async move |socket: SocketRef| {
        socket.on(
            "subscribe_many",
            move |socket: SocketRef, Data(many): Data<SubscribeMany>, ack: AckSender| {
                let answer = subscribe(&socket, &many, &known);
                async move {
                    if let Err(error) = ack.send(&answer) {
                        eprintln!("an answer was not sent: {error}");
                    }
                }
            },
        );
        Ok::<(), Infallible>(())
    };
    io.ns("/", (async |_: SocketRef| {}).with(prepared));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", json!({ "listening": listener.local_addr()?.port() }));
    let listener = listener.tap_io(|socket| {
        if let Err(error) = socket.set_nodelay(true) {
            eprintln!("TCP_NODELAY was not set: {error}");
        }
    });
    let app = axum::Router::new().layer(layer);
    tokio::spawn(async move { axum::serve(listener, app).await });

    let mut commands = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = commands.next_line().await? {
        println!("{}", run(&io, &heads, &serde_json::from_str(&line)?).await);
    }
    Ok(())
}

fn subscribe(socket: &SocketRef, many: &SubscribeMany, heads: &Heads) -> Value {
    let heads = heads.lock().expect("nobody panics with the heads");
    let join = |SubscribeRoom { room }: &SubscribeRoom| {
        socket.join(room.clone());
        let offset = heads.get(room).copied().unwrap_or(0);
        json!({ "success": true, "room": room, "epoch": EPOCH, "offset": offset, "recovered": false, "events": [] })
    };
    json!({ "success": true, "results": many.rooms.iter().map(join).collect::<Vec<_>>() })
}

async fn run(io: &SocketIo, heads: &Heads, load: &Load) -> Value {
    let base = serde_json::to_string(&envelope(&load.rooms[0], 1, "")).map_or(0, |text| text.len());
    let pad = "x".repeat(load.size.saturating_sub(base));
    let total = (load.rate * load.seconds).round() as u64;
    let start = Instant::now();
    let mut ticks = interval(Duration::from_millis(load.tick_ms));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut sent, mut incomplete) = (0, 0u64);
    while sent < total {
        ticks.tick().await;
        let due = total.min((start.elapsed().as_secs_f64() * load.rate) as u64 + 1);
        while sent < due {
            for room in &load.rooms {
                let offset = next_offset(heads, room);
                // The offset stands in the event twice.
                let longer = 2 * (offset.ilog10() as usize);
                let event = envelope(room, offset, &pad[..pad.len().saturating_sub(longer)]);
                // What did not fit into a socket's buffer is lost; the clients count it.
                incomplete += u64::from(io.to(room.clone()).emit("entity_updated", &event).await.is_err());
            }
            sent += 1;
        }
    }
    if incomplete > 0 {
        eprintln!("{incomplete} broadcasts did not reach everybody");
    }
    let heads = heads.lock().expect("nobody panics with the heads");
    let heads: Vec<u64> = load.rooms.iter().map(|room| heads.get(room).copied().unwrap_or(0)).collect();
    json!({ "heads": heads, "seconds": start.elapsed().as_secs_f64() })
}

fn next_offset(heads: &Heads, room: &str) -> u64 {
    let mut heads = heads.lock().expect("nobody panics with the heads");
    let head = heads.entry(room.to_owned()).or_default();
    *head += 1;
    *head
}

fn envelope<'a>(room: &'a str, offset: u64, pad: &'a str) -> Envelope<'a> {
    let now = clock_gettime(ClockId::Monotonic);
    let micros = now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1_000;
    Envelope {
        v: 1,
        id: "0193b5a0-0000-7000-8000-000000000001",
        r#type: "entity_updated",
        payload: Payload {
            entity_type: "item",
            entity_id: "bench",
            campaign_id: room.split_once(':').map_or(room, |(_, id)| id),
            operation: "update",
            version: offset,
            changed_fields: [],
            entity_data: EntityData { bench: format!("{micros:016}"), pad },
        },
        timestamp: "2026-01-01T00:00:00.000Z".into(),
        epoch: EPOCH,
        offsets: HashMap::from([(room, offset)]),
        metadata: Metadata { user_id: "bench", source: "peer", correlation_id: "bench" },
    }
}
