//! A viewer's connections: one after the other, each from the handshake to its end.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use rand::Rng;
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::Notify,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message},
};

use super::{
    viewer::{Manner, Place, Record, Step},
    wire::{Answer, Heard, Wire},
};
use crate::support::socket::Packet;

/// An answer has to come by then, or the connection counts as lost.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How soon a viewer asks again for a room that it may not be in; where the server could not say, later and later.
const ASK_AGAIN: Duration = Duration::from_millis(500);

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

enum End {
    /// Come back, as after any loss.
    Lost(String),
    /// Come back after so long.
    Later(Duration, String),
}

/// What a viewer does until the test ends.
pub struct Life {
    pub manner: Manner,
    pub record: Arc<Mutex<Record>>,
    pub changed: Arc<Notify>,
}

/// One connection of a viewer.
struct Session<'a> {
    life: &'a Life,
    stream: Stream,
    next_ack: u64,
    /// The rooms of the join that is under way, and when it counts as lost.
    asking: Option<(u64, Vec<String>, Instant)>,
    leave_at: Option<Instant>,
    /// Without a word for so long, the server is gone.
    silence: Duration,
}

impl Life {
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap()
    }

    /// Connects, follows, and comes back.
    pub async fn run(self) {
        let (mut attempt, mut turn) = (0_u32, self.manner.first_url);
        loop {
            let at = turn % self.manner.urls.len();
            turn += 1;
            let end = match timeout(ANSWER_LIMIT, self.connect(&self.manner.urls[at])).await {
                Ok(Ok(mut session)) => {
                    attempt = 0;
                    {
                        let mut record = self.record();
                        record.connections += 1;
                        (record.connected, record.at) = (true, at);
                    }
                    session.ask_for_all();
                    let end = session.follow().await;
                    let mut record = self.record();
                    record.connected = false;
                    for seat in record.seats.values_mut() {
                        seat.live = false;
                        seat.waiting.clear();
                    }
                    end
                }
                Ok(Err(end)) => end,
                Err(_) => End::Lost("no answer to the handshake".into()),
            };
            attempt += 1;
            let (pause, how) = match end {
                End::Lost(how) => (self.backoff(attempt), how),
                End::Later(after, how) => (after, how),
            };
            self.record().last_end = how;
            self.changed.notify_waiters();
            sleep(pause).await;
        }
    }

    /// Full jitter over a delay that doubles, as the protocol asks for.
    fn backoff(&self, attempt: u32) -> Duration {
        let first = self.manner.hurry.unwrap_or(Duration::from_secs(1));
        let cap = (first * 2_u32.pow((attempt - 1).min(5))).min(Duration::from_secs(32));
        cap.mul_f64(rand::rng().random_range(0.0..1.0))
    }

    async fn connect(&self, url: &str) -> Result<Session<'_>, End> {
        let url = format!("{}/socket.io/?EIO=4&transport=websocket", url.replacen("http", "ws", 1));
        let stream = match connect_async(url).await {
            Ok((stream, _)) => stream,
            Err(tungstenite::Error::Http(response)) => {
                let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
                let after = after.and_then(|text| text.parse().ok()).unwrap_or(1);
                let jitter = rand::rng().random_range(1.0..1.5);
                let how = format!("refused with {}", response.status());
                return Err(End::Later(Duration::from_secs(after).mul_f64(jitter), how));
            }
            Err(error) => return Err(End::Lost(error.to_string())),
        };
        let silence = Duration::from_secs(30);
        let mut session = Session { life: self, stream, next_ack: 0, asking: None, leave_at: None, silence };
        loop {
            let Heard::Packet(packet) = session.hear().await? else { continue };
            match packet {
                Packet::Open(open) => {
                    let millis = |name: &str| open[name].as_u64().unwrap_or(20_000);
                    session.silence = Duration::from_millis(millis("pingInterval") + millis("pingTimeout"));
                    let token = json!({ "token": self.manner.token });
                    session.send(format!("40{token}")).await;
                }
                Packet::ConnectError(error) => return Err(End::Lost(format!("refused: {error}"))),
                Packet::Event(name, _) if name == "welcome" => return Ok(session),
                Packet::Connect(_) | Packet::Ping | Packet::Event(..) | Packet::Ack(..) => {}
                Packet::Disconnect | Packet::Close => return Err(End::Lost("closed".into())),
            }
        }
    }
}

impl Session<'_> {
    async fn send(&mut self, text: String) {
        self.stream.send(Message::text(text)).await.ok();
    }

    /// The next message. Pings are answered.
    async fn hear(&mut self) -> Result<Heard, End> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    let heard = Heard::of(&text);
                    if matches!(heard, Heard::Packet(Packet::Ping)) {
                        self.send("3".into()).await;
                    }
                    return Ok(heard);
                }
                Some(Ok(Message::Close(_))) | None => return Err(End::Lost("closed".into())),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(End::Lost(error.to_string())),
            }
        }
    }

    fn ask_for_all(&mut self) {
        for seat in self.life.record().seats.values_mut() {
            seat.ask_at = Some(Instant::now());
        }
    }

    async fn follow(&mut self) -> End {
        let mut heard_at = Instant::now();
        loop {
            if self.asking.is_none() {
                self.ask().await;
            }
            let due = {
                let record = self.life.record();
                let asks = record.seats.values().filter_map(|seat| seat.ask_at).min();
                let asks = if self.asking.is_none() { asks } else { None };
                let answer = self.asking.as_ref().map(|(_, _, limit)| *limit);
                [asks, answer, self.leave_at, Some(heard_at + self.silence)].into_iter().flatten().min()
            };
            let due = due.unwrap_or(heard_at + self.silence);
            let heard = tokio::select! {
                heard = self.hear() => match heard {
                    Ok(heard) => heard,
                    Err(end) => return end,
                },
                () = sleep_until(due) => {
                    let now = Instant::now();
                    if self.leave_at.is_some_and(|at| at <= now) {
                        return End::Later(Duration::ZERO, "told to move".into());
                    }
                    if heard_at + self.silence <= now {
                        return End::Lost("the server is silent".into());
                    }
                    if self.asking.as_ref().is_some_and(|(_, _, limit)| *limit <= now) {
                        return End::Lost("no answer to a join".into());
                    }
                    continue;
                }
            };
            heard_at = Instant::now();
            match heard {
                Heard::Event(wire) => {
                    let mut record = self.life.record();
                    record.latencies.extend(wire.age());
                    record.apply(&wire, true);
                }
                Heard::Answer(number, answer) => self.take_answer(number, &answer),
                Heard::Packet(Packet::Event(name, value)) => self.take_notice(&name, &value),
                Heard::Packet(Packet::Disconnect | Packet::Close) => {
                    return End::Lost("ended by the server".into());
                }
                Heard::Packet(Packet::Ack(..)) => return End::Lost("an answer that says nothing".into()),
                Heard::Packet(
                    Packet::Ping | Packet::Open(_) | Packet::Connect(_) | Packet::ConnectError(_),
                ) => {}
            }
            self.life.changed.notify_waiters();
        }
    }

    /// Asks for the rooms that are due.
    async fn ask(&mut self) {
        let now = Instant::now();
        let mut wishes = Vec::new();
        for (room, seat) in &mut self.life.record().seats {
            if seat.ask_at.is_some_and(|at| at <= now) {
                seat.ask_at = None;
                let position = seat.place.as_ref();
                let position = position.map(|at| json!({ "epoch": at.epoch, "offset": at.offset }));
                wishes.push((room.clone(), position));
            }
        }
        if wishes.is_empty() {
            return;
        }
        self.next_ack += 1;
        let rooms: Vec<Value> = wishes
            .iter()
            .map(|(room, position)| match position {
                Some(position) => json!({ "room": room, "position": position }),
                None => json!({ "room": room }),
            })
            .collect();
        let text = format!("42{}{}", self.next_ack, json!(["subscribe_many", { "rooms": rooms }]));
        let rooms = wishes.into_iter().map(|(room, _)| room).collect();
        self.asking = Some((self.next_ack, rooms, Instant::now() + ANSWER_LIMIT));
        self.send(text).await;
    }

    fn take_answer(&mut self, number: u64, answer: &Answer) {
        let Some((_, rooms, _)) = self.asking.take_if(|(asked, ..)| *asked == number) else { return };
        let mut record = self.life.record();
        let Some(results) = &answer.results else {
            for room in rooms {
                let seat = record.seats.get_mut(&room).expect("its own room");
                seat.ask_at = Some(Instant::now() + ASK_AGAIN);
            }
            return;
        };
        // Recovered events of several rooms go out in the order of their root.
        let mut missed: BTreeMap<u64, &Arc<Wire>> = BTreeMap::new();
        for (room, result) in rooms.iter().zip(results) {
            let seat = record.seats.get_mut(room).expect("its own room");
            if !result.success {
                let code = result.code.clone().unwrap_or_else(|| "none".to_owned());
                let mut wait = result.retry_after_ms.map_or(ASK_AGAIN, Duration::from_millis).max(ASK_AGAIN);
                if code == "not_found" {
                    seat.place = None;
                } else {
                    seat.failures += 1;
                    wait = wait.max(self.life.backoff(seat.failures));
                }
                seat.ask_at = Some(Instant::now() + wait);
                seat.live = false;
                if seat.steps.last() != Some(&Step::Refused(code.clone())) {
                    seat.steps.push(Step::Refused(code));
                }
                continue;
            }
            missed.extend(result.events.iter().map(|wire| (wire.root_offset, wire)));
            let place = Place { epoch: result.epoch.clone(), offset: result.offset };
            let recovered = result.recovered;
            seat.steps.push(Step::Entered { epoch: place.epoch.clone(), offset: place.offset, recovered });
            (seat.live, seat.failures) = (true, 0);
            if !recovered {
                seat.place = Some(place);
                // What it shows may be old: it reads again, which is not part of a drill.
                match room.strip_prefix("settlement:") {
                    Some(settlement) => drop(record.state.remove(settlement)),
                    None => record.state.clear(),
                }
            }
        }
        for wire in missed.into_values() {
            record.apply(wire, false);
        }
        record.settle();
    }

    fn take_notice(&mut self, name: &str, value: &Value) {
        let mut record = self.life.record();
        let room = value["room"].as_str().map(str::to_owned);
        match name {
            "room_state_invalidated" => {
                if let Some(seat) = room.and_then(|room| record.seats.get_mut(&room)) {
                    seat.steps.push(Step::Stale(value["reason"].as_str().unwrap_or_default().to_owned()));
                    seat.place = None;
                    seat.live = false;
                    seat.ask_at = Some(Instant::now());
                }
            }
            "unsubscribed" => {
                if let Some(seat) = room.and_then(|room| record.seats.get_mut(&room)) {
                    seat.steps.push(Step::Removed(value["code"].as_str().unwrap_or_default().to_owned()));
                    seat.place = None;
                    seat.live = false;
                    seat.ask_at = Some(Instant::now() + ASK_AGAIN);
                }
            }
            "heads" => record.compare(value),
            "draining" => {
                let after = Duration::from_millis(value["reconnectAfterMs"].as_u64().unwrap_or(0));
                self.leave_at = Some(Instant::now() + after);
            }
            "welcome" | "token_expiring" | "presence" => {}
            other => panic!("{other} is neither an event nor a notice: {value}"),
        }
    }
}
