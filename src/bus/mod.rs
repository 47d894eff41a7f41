//! From the commit to every instance that has listeners: a fast hint, nothing more.
//!
//! Owns the carrying of committed events. Promises nothing about arrival: a bus may lose, repeat or
//! reorder, because the receiving hub puts hints back into the log's order and reads what is missing
//! from the database. What it promises is not to lie: an event it hands over was committed and is
//! unchanged (I3). To add a bus, implement [`Bus`]; the hub's tests run on every implementation.
//!
//! [`MemoryBus`] carries within one process, [`RedisBus`] between many. Other modules that need Redis
//! (presence, leases) use the same connection through [`RedisLink`].

mod memory;
mod redis;

use std::sync::Arc;

use futures_util::future::BoxFuture;
pub use memory::MemoryBus;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tracing::Instrument;

pub use self::redis::{
    InvalidTarget, LinkError, Note, Notes, RedisBus, RedisLink, RedisOptions, RedisTarget, Topology, commands,
};
use crate::{
    protocol::{Epoch, Offset, Root},
    store::{Committed, LoggedEvent, StoreError, Tx},
};

/// A committed event on its way.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub event: Arc<LoggedEvent>,
    /// When it was published, if that was on this instance.
    pub published_at: Option<Instant>,
}

/// What a bus brings to who follows a root.
#[derive(Debug, Clone)]
pub enum Hint {
    /// A committed event of the root.
    Event(Delivery),
    /// The root's log reaches so far; the event itself did not come along.
    Reached { epoch: Epoch, offset: Offset },
    /// Something came that cannot be believed. The log knows what there really is.
    Doubt,
}

/// How well a bus carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusHealth {
    /// What is published arrives, as far as was seen a moment ago.
    Sound,
    /// It may be that nothing arrives.
    Doubtful,
    /// Nothing arrives: only the log brings events.
    Degraded,
}

/// The bus could not confirm that it carries a root's events to here.
#[derive(Debug, thiserror::Error)]
#[error("the bus does not confirm the subscription: {0}")]
pub struct BusError(pub String);

/// Carries committed events to the instances that follow their root.
///
/// Delivery promise: at most a hint. Events may be lost, repeated, reordered and late.
pub trait Bus: Send + Sync + 'static {
    /// Hands events over, in commit order. Returns at once; what cannot be carried is dropped and counted.
    fn publish(&self, deliveries: &[Delivery]);

    /// Has the root's events put into `sink` from when the future resolves. A full sink loses events.
    ///
    /// After an error the bus goes on trying until [`Bus::unfollow`].
    fn follow(&self, root: &Root, sink: mpsc::Sender<Hint>) -> BoxFuture<'_, Result<(), BusError>>;

    /// Ends what [`Bus::follow`] began with the same `sink`. A later follower of the root stays.
    fn unfollow(&self, root: &Root, sink: &mpsc::Sender<Hint>);

    /// How well it carries, now and as it changes.
    fn health(&self) -> watch::Receiver<BusHealth>;
}

/// Where service code hands over what it committed.
#[derive(Clone)]
pub struct Publisher {
    bus: Arc<dyn Bus>,
}

impl Publisher {
    /// Publishes on `bus`.
    pub fn new(bus: Arc<dyn Bus>) -> Self {
        Self { bus }
    }

    /// Commits and publishes, also when nobody waits for the answer any more: a client that goes away while its
    /// change is on its way to the disk must not cost everybody else the hint.
    ///
    /// # Errors
    /// As [`Tx::commit`].
    pub async fn commit(&self, tx: Tx) -> Result<(), StoreError> {
        let publisher = self.clone();
        let work = async move { tx.commit().await.map(|committed| publisher.publish(committed)) };
        let done = tokio::spawn(work.in_current_span()).await;
        done.map_err(|stopped| StoreError::Unavailable(stopped.to_string()))?
    }

    /// Sends what a transaction recorded on its way. Never fails: the log has it, and a lost hint is healed from there.
    pub fn publish(&self, committed: Committed) {
        let published_at = Some(Instant::now());
        let deliveries: Vec<Delivery> =
            committed.events().iter().map(|event| Delivery { event: event.clone(), published_at }).collect();
        self.bus.publish(&deliveries);
    }
}
