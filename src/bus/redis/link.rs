//! One instance's connection to Redis, as everything in this process uses it.
//!
//! ```ignore
//! let link: RedisLink = bus.link();                       // cheap to clone
//! let key = link.key("presence:campaign:0193…");          // "{prefix}:presence:campaign:0193…"
//! let n: i64 = link.run(&commands::cmd("INCR").arg(&key)).await?;
//! let script = commands::Script::new("return redis.call('GET', KEYS[1])");
//! let value: Option<String> = link.run_script(script.key(&key)).await?;
//! let mut notes = link.listen("presence").await;          // what other instances tell
//! link.tell("presence", b"arrived");                      // to all others, at most once, never waits
//! ```
//!
//! Every call ends within [`RedisOptions::timeout`](super::RedisOptions::timeout) and fails at once while there is no
//! connection; nothing is queued for later and nothing is repeated. What a caller does without Redis is the
//! caller's own decision: [`RedisLink::health`] says when to make it, and when Redis is back whatever was in it may
//! be gone. In a cluster all keys of a script or pipeline must be in one slot: give them a common `{tag}`.

use std::{fmt::Display, sync::Arc, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use redis::{Cmd, FromRedisValue, Pipeline, ScriptInvocation};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

use super::{
    Core,
    channels::{Channel, Listener},
    outbox::Parcel,
    seal::Kind,
};
use crate::bus::BusHealth;

/// Notes of one topic that may wait. More are dropped: notes are ephemeral.
const NOTES_WAITING: usize = 1024;

/// Commands that are under way to a cluster's nodes at once.
const AT_ONCE: usize = 64;

/// Redis, for everything in this process that needs it. Cheap to clone.
#[derive(Clone)]
pub struct RedisLink(pub(super) Arc<Core>);

/// Why Redis did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("Redis is not connected")]
    Down,
    #[error("Redis did not answer in time")]
    Timeout,
    #[error("Redis refused: {0}")]
    Refused(#[from] redis::RedisError),
}

/// What another instance told on a topic: a body that is known to come from an instance with our secret.
pub type Note = Vec<u8>;

/// Listens to a topic until it is dropped.
pub struct Notes {
    core: Arc<Core>,
    channel: Channel,
    sink: mpsc::Sender<Note>,
    notes: mpsc::Receiver<Note>,
}

impl RedisLink {
    /// A key of this deployment: the prefix, a colon and the name.
    pub fn key(&self, name: impl Display) -> String {
        self.0.name(name)
    }

    /// This instance's id among those that share the Redis.
    pub fn instance(&self) -> uuid::Uuid {
        self.0.options.instance
    }

    /// Whether there is a connection. It may be dead without knowing it yet.
    pub fn is_connected(&self) -> bool {
        self.0.session.load().is_some()
    }

    /// How well Redis carries, now and as it changes.
    pub fn health(&self) -> watch::Receiver<BusHealth> {
        self.0.health.subscribe()
    }

    /// Runs a command.
    ///
    /// # Errors
    /// When there is no connection, no answer in time, or another answer than was expected.
    pub async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, LinkError> {
        let mut connection = self.0.commands().ok_or(LinkError::Down)?;
        self.in_time(command.query_async(&mut connection)).await
    }

    /// Runs commands in one round trip, `atomic()` ones as a transaction.
    ///
    /// # Errors
    /// As [`RedisLink::run`].
    pub async fn run_all<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, LinkError> {
        let mut connection = self.0.commands().ok_or(LinkError::Down)?;
        self.in_time(pipeline.query_async(&mut connection)).await
    }

    /// Runs a script, which is loaded when the server does not know it (any more).
    ///
    /// # Errors
    /// As [`RedisLink::run`].
    pub async fn run_script<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, LinkError> {
        let mut connection = self.0.commands().ok_or(LinkError::Down)?;
        self.in_time(script.invoke_async(&mut connection)).await
    }

    /// Runs commands on whatever keys: in one round trip where one server has them all, in a cluster each at its
    /// own node, many at once. The answers are in order.
    ///
    /// # Errors
    /// The first one; some of the commands may have been done.
    pub async fn run_each<T: FromRedisValue>(&self, commands: &[Cmd]) -> Result<Vec<T>, LinkError> {
        if self.0.dialer.is_single() {
            let mut pipeline = Pipeline::with_capacity(commands.len());
            for command in commands {
                pipeline.add_command(command.clone());
            }
            return self.run_all(&pipeline).await;
        }
        let calls: Vec<_> = commands.iter().map(|command| self.run(command)).collect();
        stream::iter(calls).buffered(AT_ONCE).try_collect().await
    }

    /// The time at Redis, in milliseconds since 1970: what instances score with must not depend on their clocks.
    ///
    /// # Errors
    /// As [`RedisLink::run`].
    pub async fn server_time(&self) -> Result<i64, LinkError> {
        let (seconds, microseconds): (i64, i64) = self.run(&redis::cmd("TIME")).await?;
        Ok(seconds * 1_000 + microseconds / 1_000)
    }

    /// Tells all other instances that listen to the topic. Returns at once; what cannot be carried is dropped.
    pub fn tell(&self, topic: &str, body: impl Into<Vec<u8>>) {
        let channel = self.0.topic(topic);
        self.0.outbox.put(Parcel::Small { channel, kind: Kind::Note, body: body.into() });
    }

    /// Listens to what other instances tell on the topic. Resolves when Redis has confirmed it or has not in time; it
    /// goes on being asked for. One listener a topic: a second one takes the first one's place.
    pub async fn listen(&self, topic: &str) -> Notes {
        let channel = self.0.topic(topic);
        let (sink, notes) = mpsc::channel(NOTES_WAITING);
        let confirmed = self.0.channels.want(channel.clone(), Listener::Topic(sink.clone()));
        // From here on it is let go of, also when nobody waits for the rest.
        let notes = Notes { core: self.0.clone(), channel, sink, notes };
        if self.is_connected() {
            timeout(self.0.options.timeout, confirmed).await.ok();
        }
        notes
    }

    /// How long one call may take.
    pub fn timeout(&self) -> Duration {
        self.0.options.timeout
    }

    async fn in_time<T>(&self, call: impl Future<Output = redis::RedisResult<T>>) -> Result<T, LinkError> {
        match timeout(self.0.options.timeout, call).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) if error.is_timeout() => Err(LinkError::Timeout),
            Ok(Err(error)) => Err(LinkError::Refused(error)),
            Err(_) => Err(LinkError::Timeout),
        }
    }
}

impl Notes {
    /// The next note.
    pub async fn next(&mut self) -> Note {
        match self.notes.recv().await {
            Some(note) => note,
            // Another listener took this one's place.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        let is_ours = |listener: &Listener| match listener {
            Listener::Topic(sink) => sink.same_channel(&self.sink),
            Listener::Root { .. } | Listener::Probe(_) | Listener::Peers => false,
        };
        self.core.channels.let_go(&self.channel, is_ours);
    }
}
