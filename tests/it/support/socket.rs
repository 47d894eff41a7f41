//! A Socket.IO client for tests: speaks the protocol over a real WebSocket and lets a test see,
//! withhold or garble anything. The official clients are tested elsewhere; this one can misbehave.

use std::{collections::VecDeque, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest, http},
};

/// Whatever a test waits for has to come by then.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A connected client. Pings are answered while it waits for something.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    events: VecDeque<(String, Value)>,
    next_ack: u64,
}

/// Why a client could not connect.
#[derive(Debug)]
pub enum Refused {
    /// Before the upgrade, with the problem document.
    Http(u16, Value),
    /// By CONNECT_ERROR, with its message.
    Connect(String),
}

/// What a packet from the server was.
#[derive(Debug, Clone, PartialEq)]
pub enum Packet {
    Open(Value),
    Ping,
    Connect(Value),
    ConnectError(Value),
    Event(String, Value),
    Ack(u64, Value),
    Disconnect,
    Close,
}

impl Socket {
    /// Opens the transport alone: no CONNECT yet.
    pub async fn open(url: &str, headers: &[(&'static str, &str)]) -> Result<Self, Refused> {
        let mut request = format!("{}/socket.io/?EIO=4&transport=websocket", url.replacen("http", "ws", 1))
            .into_client_request()
            .expect("a url");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header value"));
        }
        Self::open_request(request).await
    }

    /// As [`Socket::open`], with a request of the caller's own making.
    pub async fn open_request(request: http::Request<()>) -> Result<Self, Refused> {
        let stream = match timeout(PATIENCE, connect_async(request)).await.expect("an answer to the upgrade")
        {
            Ok((stream, _)) => stream,
            Err(tungstenite::Error::Http(response)) => {
                let body = response.body().as_deref().and_then(|body| serde_json::from_slice(body).ok());
                return Err(Refused::Http(response.status().as_u16(), body.unwrap_or_default()));
            }
            Err(error) => panic!("the upgrade failed: {error}"),
        };
        Ok(Self::over(stream).await)
    }

    /// As [`Socket::open`], over a TCP connection of the caller's own making.
    pub async fn open_over(url: &str, tcp: TcpStream) -> Result<Self, Refused> {
        let url = format!("{}/socket.io/?EIO=4&transport=websocket", url.replacen("http", "ws", 1));
        let (stream, _) = client_async(url, MaybeTlsStream::Plain(tcp)).await.expect("an upgrade");
        Ok(Self::over(stream).await)
    }

    async fn over(stream: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Self {
        let mut socket = Self { stream, events: VecDeque::new(), next_ack: 0 };
        match socket.packet().await {
            Some(Packet::Open(_)) => socket,
            other => panic!("expected OPEN, got {other:?}"),
        }
    }

    /// Connects with a token and waits for `welcome`.
    pub async fn connect(url: &str, token: &str) -> Result<Self, Refused> {
        let mut socket = Self::open(url, &[]).await?;
        socket.authenticate(&json!({ "token": token })).await?;
        Ok(socket)
    }

    /// Sends CONNECT with a payload and waits for the answer and for `welcome`.
    pub async fn authenticate(&mut self, payload: &Value) -> Result<Value, Refused> {
        self.send_text(&format!("40{payload}")).await;
        loop {
            match self.packet().await {
                Some(Packet::Connect(_)) => break,
                Some(Packet::Ping) => {}
                Some(Packet::ConnectError(error)) => {
                    return Err(Refused::Connect(error["message"].as_str().unwrap_or_default().to_owned()));
                }
                other => panic!("expected CONNECT, got {other:?}"),
            }
        }
        Ok(self.event("welcome").await)
    }

    /// Sends a command and waits for its acknowledgement. Events that come before it are kept.
    pub async fn command(&mut self, name: &str, payload: Value) -> Value {
        let number = self.send_command(name, &payload).await;
        self.ack(number).await
    }

    /// Sends a command without waiting; the number of its acknowledgement.
    pub async fn send_command(&mut self, name: &str, payload: &Value) -> u64 {
        self.next_ack += 1;
        let number = self.next_ack;
        self.send_text(&format!("42{number}{}", json!([name, payload]))).await;
        number
    }

    /// Waits for the acknowledgement of that number.
    pub async fn ack(&mut self, number: u64) -> Value {
        loop {
            match self.packet().await {
                Some(Packet::Ack(got, value)) if got == number => return value,
                Some(Packet::Event(name, value)) => self.events.push_back((name, value)),
                Some(Packet::Ping | Packet::Ack(..)) => {}
                other => panic!("expected the acknowledgement {number}, got {other:?}"),
            }
        }
    }

    /// Waits for that many acknowledgements; their numbers as they came.
    pub async fn acks(&mut self, count: usize) -> Vec<u64> {
        let mut numbers = Vec::with_capacity(count);
        while numbers.len() < count {
            match self.packet().await {
                Some(Packet::Ack(number, _)) => numbers.push(number),
                Some(Packet::Event(..) | Packet::Ping) => {}
                other => panic!("expected an acknowledgement, got {other:?}"),
            }
        }
        numbers
    }

    /// Waits for the acknowledgement of that number, or the end of the connection.
    pub async fn ack_or_end(&mut self, number: u64) {
        loop {
            match self.packet().await {
                Some(Packet::Ack(got, _)) if got == number => return,
                Some(Packet::Close | Packet::Disconnect) | None => return,
                Some(_) => {}
            }
        }
    }

    /// The next packet that is not a ping.
    pub async fn packet_but_ping(&mut self) -> Option<Packet> {
        loop {
            let packet = self.packet().await;
            if packet != Some(Packet::Ping) {
                return packet;
            }
        }
    }

    /// Reads without ever answering a ping, until the server has ended the transport.
    pub async fn closed_without_pong(&mut self) {
        let end = async { while matches!(self.stream.next().await, Some(Ok(_))) {} };
        timeout(PATIENCE, end).await.expect("the server closes the connection");
    }

    /// Joins a room and returns the acknowledgement, which must be a success.
    pub async fn subscribe(&mut self, room: &str) -> Value {
        let ack = self.command("subscribe", json!({ "room": room })).await;
        assert_eq!(ack["success"], true, "{ack}");
        ack
    }

    /// The next event of that name; others before it are dropped.
    pub async fn event(&mut self, name: &str) -> Value {
        loop {
            let (got, value) = self.next_event().await;
            if got == name {
                return value;
            }
        }
    }

    /// The next event of whatever name.
    pub async fn next_event(&mut self) -> (String, Value) {
        if let Some(event) = self.events.pop_front() {
            return event;
        }
        loop {
            match self.packet().await {
                Some(Packet::Event(name, value)) => return (name, value),
                Some(Packet::Ping | Packet::Ack(..)) => {}
                other => panic!("expected an event, got {other:?}"),
            }
        }
    }

    /// All events that are here once the server has answered everything sent before: a round trip
    /// through the connection's own order, so that nothing on its way is missed.
    pub async fn events_so_far(&mut self) -> Vec<(String, Value)> {
        let pong = self.command("ping", Value::Null).await;
        assert_eq!(pong["success"], true);
        self.events.drain(..).collect()
    }

    /// Waits until the server has ended the transport.
    pub async fn closed(&mut self) {
        while let Some(packet) = self.packet().await {
            if packet == Packet::Close {
                return;
            }
        }
    }

    /// The next packet; `None` at the end of the connection. Pings are answered.
    pub async fn packet(&mut self) -> Option<Packet> {
        loop {
            let message = timeout(PATIENCE, self.stream.next()).await.expect("a packet in time");
            let text = match message {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(_))) => return Some(Packet::Close),
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return None,
            };
            let packet = parse(&text);
            if packet == Packet::Ping {
                self.send_text("3").await;
            }
            return Some(packet);
        }
    }

    /// Sends one WebSocket text message as it is. A closed connection is not an error here.
    pub async fn send_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.ok();
    }

    /// Sends any WebSocket message.
    pub async fn send(&mut self, message: Message) {
        self.stream.send(message).await.ok();
    }

    /// Ends the TCP connection without a word.
    pub fn cut(self) {
        drop(self);
    }
}

/// What a message from the server says.
pub fn parse(text: &str) -> Packet {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    match (text.as_bytes().first(), text.as_bytes().get(1)) {
        (Some(b'0'), _) => Packet::Open(json(&text[1..])),
        (Some(b'1'), _) => Packet::Close,
        (Some(b'2'), _) => Packet::Ping,
        (Some(b'4'), Some(b'0')) => Packet::Connect(json(&text[2..])),
        (Some(b'4'), Some(b'1')) => Packet::Disconnect,
        (Some(b'4'), Some(b'2')) => match json(&text[2..]) {
            Value::Array(mut parts) if parts.len() == 2 => {
                let value = parts.pop().unwrap_or_default();
                Packet::Event(parts[0].as_str().unwrap_or_default().to_owned(), value)
            }
            other => panic!("not an event: {other}"),
        },
        (Some(b'4'), Some(b'3')) => {
            let digits = text[2..].find('[').expect("an array") + 2;
            let mut args = json(&text[digits..]);
            Packet::Ack(text[2..digits].parse().expect("a number"), args[0].take())
        }
        (Some(b'4'), Some(b'4')) => Packet::ConnectError(json(&text[2..])),
        _ => panic!("unknown packet: {text}"),
    }
}
