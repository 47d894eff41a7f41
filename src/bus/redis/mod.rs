//! The bus between many instances: Redis carries.
//!
//! Owns the connection to Redis and everything that goes over it. One channel a root, `{prefix}:{root}`, to which an
//! instance subscribes when the first listener of the root arrives; in a cluster the channels are sharded, so that
//! a message goes to one node. Promises: nothing waits for Redis ([`Bus::publish`] returns at once, every call ends
//! in time, everything fails at once while there is no connection); the own followers get an event without Redis; a
//! message is only believed with the seal of an instance of ours; the connection comes back by itself, with all
//! subscriptions, and what its health is was seen with a probe through it and not taken from its word.
//!
//! * `target`: where the servers are. `dial`: connections, however the servers stand together.
//! * `seal`, `message`: what goes over a channel.
//! * `channels`: what is wanted of Redis and what is confirmed. `outbox`: what waits to be published.
//! * `keeper`: the task that makes connections and their subscriptions. `probe`, `peers`: whether they carry, and others'.
//! * `link`: Redis for the rest of the process.

mod channels;
mod dial;
mod keeper;
mod link;
mod message;
mod outbox;
mod peers;
mod probe;
mod seal;
mod target;

use std::{fmt::Display, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use channels::{Channel, Channels, Listener};
use dial::{Connection, Dialer, Session};
use futures_util::future::{BoxFuture, FutureExt};
pub use link::{LinkError, Note, Notes, RedisLink};
use outbox::{Outbox, Parcel};
use redis::{PushInfo, PushKind, Value};
use seal::{Opened, Seal};
pub use target::{InvalidTarget, RedisTarget, Topology};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use uuid::Uuid;

use super::{Bus, BusError, BusHealth, Delivery, Hint};
use crate::protocol::Root;

/// What commands are made of, for who uses [`RedisLink`].
pub mod commands {
    pub use redis::{Cmd, FromRedisValue, Pipeline, Script, ScriptInvocation, cmd, pipe};
}

/// How long the goodbye of an instance may take.
const FAREWELL: Duration = Duration::from_millis(200);

/// How Redis is reached and used.
#[derive(Clone)]
pub struct RedisOptions {
    pub target: RedisTarget,
    /// Stands before every key and channel, so that deployments can share a Redis.
    pub prefix: String,
    /// How long one call may take, connecting included.
    pub timeout: Duration,
    /// A PEM file's content: the authority that signed the servers' certificates, instead of the system's.
    pub ca: Option<Vec<u8>>,
    /// What messages are sealed with, the same on every instance. The first signs, all are believed.
    pub secrets: Vec<Vec<u8>>,
    /// This instance's id.
    pub instance: Uuid,
}

/// Carries events between processes.
pub struct RedisBus {
    core: Arc<Core>,
    parcels: std::sync::Mutex<Option<mpsc::Receiver<Parcel>>>,
}

struct Core {
    options: RedisOptions,
    dialer: Dialer,
    seal: Seal,
    channels: Channels,
    outbox: Outbox,
    session: ArcSwapOption<Session>,
    health: watch::Sender<BusHealth>,
    answers: probe::Answers,
    standing: keeper::Standing,
    peers: peers::Peers,
}

impl RedisBus {
    /// A bus that is not connected yet: [`RedisBus::run`] does that.
    ///
    /// # Errors
    /// When the address or the certificate cannot be used. That nobody listens there is no error.
    pub fn new(options: RedisOptions) -> Result<Self, LinkError> {
        let dialer = Dialer::new(&options.target, options.ca.as_deref(), options.timeout)?;
        let seal = Seal::new(options.instance, options.secrets.iter().map(Vec::as_slice));
        let (outbox, parcels) = Outbox::new();
        let core = Core {
            dialer,
            seal,
            channels: Channels::default(),
            outbox,
            session: ArcSwapOption::empty(),
            health: watch::Sender::new(BusHealth::Degraded),
            answers: probe::Answers::new(&options.target),
            standing: keeper::Standing::default(),
            peers: peers::Peers::default(),
            options,
        };
        Ok(Self { core: Arc::new(core), parcels: std::sync::Mutex::new(Some(parcels)) })
    }

    /// Connects and carries, for as long as there is an instance. Run once.
    pub async fn run(&self) {
        let parcels = self.parcels.lock().ok().and_then(|mut parcels| parcels.take());
        let Some(parcels) = parcels else { return };
        tokio::join!(keeper::run(&self.core), outbox::run(&self.core, parcels));
    }

    /// Tells the others that this instance commits nothing any more, so that they need not look after it.
    pub async fn leave(&self) {
        if let Some(mut commands) = self.core.commands() {
            let goodbye = self.core.sign(seal::Kind::Gone);
            timeout(FAREWELL, commands.publish(&[goodbye])).await.ok();
        }
    }

    /// Redis for other uses.
    pub fn link(&self) -> RedisLink {
        RedisLink(self.core.clone())
    }
}

impl Bus for RedisBus {
    fn publish(&self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            let channel = self.core.channel(&delivery.event.root);
            if let Some(Listener::Root { sink, .. }) = self.core.channels.listener(&channel) {
                bring(&sink, Hint::Event(delivery.clone()));
            }
            self.core.outbox.put(Parcel::Event { channel, event: delivery.event.clone() });
        }
    }

    fn follow(&self, root: &Root, sink: mpsc::Sender<Hint>) -> BoxFuture<'_, Result<(), BusError>> {
        let listener = Listener::Root { root: root.clone(), sink };
        let confirmed = self.core.channels.want(self.core.channel(root), listener);
        async {
            if self.core.session.load().is_none() {
                return Err(BusError(LinkError::Down.to_string()));
            }
            match timeout(self.core.options.timeout, confirmed).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(BusError(LinkError::Down.to_string())),
                Err(_) => Err(BusError(LinkError::Timeout.to_string())),
            }
        }
        .boxed()
    }

    fn unfollow(&self, root: &Root, sink: &mpsc::Sender<Hint>) {
        let is_ours = |listener: &Listener| match listener {
            Listener::Root { sink: present, .. } => present.same_channel(sink),
            Listener::Topic(_) | Listener::Probe(_) | Listener::Peers => false,
        };
        self.core.channels.let_go(&self.core.channel(root), is_ours);
    }

    fn health(&self) -> watch::Receiver<BusHealth> {
        self.core.health.subscribe()
    }
}

impl Core {
    fn name(&self, name: impl Display) -> String {
        format!("{}:{name}", self.options.prefix)
    }

    fn channel(&self, root: &Root) -> Channel {
        self.name(root).into()
    }

    fn topic(&self, topic: &str) -> Channel {
        // No root's name begins so.
        self.name(format_args!("topic:{topic}")).into()
    }

    /// Where instances say that they are there.
    fn peers_channel(&self) -> Channel {
        self.name("peers").into()
    }

    /// A message about this instance itself.
    fn sign(&self, kind: seal::Kind) -> (Channel, Vec<u8>) {
        let channel = self.peers_channel();
        let message = self.seal.close(kind, &channel, self.options.instance.as_bytes());
        (channel, message)
    }

    fn commands(&self) -> Option<Connection> {
        self.session.load().as_ref().map(|session| session.commands.clone())
    }

    fn set_health(&self, health: BusHealth) {
        let mut before = health;
        let changed = self.health.send_if_modified(|present| {
            before = std::mem::replace(present, health);
            before != health
        });
        if !changed {
            return;
        }
        metrics::gauge!("bus_degraded").set(f64::from(health == BusHealth::Degraded));
        if before == BusHealth::Degraded {
            tracing::info!(redis = %self.options.target, "Redis carries events.");
        }
    }

    /// Takes what the server sent by itself. Runs in the connection's own task, so it only hands on.
    fn take(&self, push: &PushInfo) {
        let mut texts = push.data.iter().map(|value| match value {
            Value::BulkString(bytes) => Some(bytes.as_slice()),
            Value::SimpleString(text) => Some(text.as_bytes()),
            _ => None,
        });
        let Some(channel) = texts.next().flatten().and_then(|bytes| std::str::from_utf8(bytes).ok()) else {
            return;
        };
        match push.kind {
            PushKind::Message | PushKind::SMessage => {
                if let Some(message) = texts.next().flatten() {
                    self.receive(channel, message);
                }
            }
            PushKind::Unsubscribe | PushKind::SUnsubscribe => self.channels.unconfirm(channel),
            _ => {}
        }
    }

    fn receive(&self, channel: &str, message: &[u8]) {
        let Some(listener) = self.channels.listener(channel) else { return };
        let opened = self.seal.open(channel, message);
        if opened == Opened::Refused {
            metrics::counter!("bus_refused_total").increment(1);
        }
        match (listener, opened) {
            (Listener::Root { root, sink }, Opened::Theirs(kind, body)) => {
                bring(&sink, message::read(kind, body, &root));
            }
            (Listener::Root { sink, .. }, Opened::Refused) => bring(&sink, Hint::Doubt),
            (Listener::Topic(sink), Opened::Theirs(seal::Kind::Note, body)) => {
                sink.try_send(body.to_vec()).ok();
            }
            (Listener::Probe(number), Opened::Own(seal::Kind::Probe, body)) => {
                self.answers.take(number, body)
            }
            (Listener::Peers, Opened::Theirs(kind @ (seal::Kind::Alive | seal::Kind::Gone), body)) => {
                let now = tokio::time::Instant::now();
                match Uuid::from_slice(body) {
                    Ok(peer) if kind == seal::Kind::Alive => self.peers.heard(peer, now),
                    Ok(peer) => self.peers.left(peer, now),
                    Err(_) => {}
                }
            }
            (Listener::Root { .. } | Listener::Topic(_) | Listener::Probe(_) | Listener::Peers, _) => {}
        }
    }
}

/// A full queue loses the hint: the log has what it said.
fn bring(sink: &mpsc::Sender<Hint>, hint: Hint) {
    if sink.try_send(hint).is_err() {
        metrics::counter!("ws_broadcast_fail_total").increment(1);
    }
}
