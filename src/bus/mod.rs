//! From the commit to every instance that has listeners: a fast hint, nothing more.
//!
//! Owns the carrying of committed events. Promises nothing about arrival: a bus may lose, repeat or
//! reorder, because the receiving hub puts hints back into the log's order and reads what is missing
//! from the database. To add a bus, implement [`Bus`]; the hub's tests run on every implementation.

mod memory;

use std::sync::Arc;

use futures_util::future::BoxFuture;
pub use memory::MemoryBus;
use tokio::{sync::mpsc, time::Instant};

use crate::{
    protocol::Root,
    store::{Committed, LoggedEvent},
};

/// A committed event on its way.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub event: Arc<LoggedEvent>,
    /// When it was published, if that was on this instance.
    pub published_at: Option<Instant>,
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
    fn follow(&self, root: &Root, sink: mpsc::Sender<Delivery>) -> BoxFuture<'_, Result<(), BusError>>;

    /// Ends what [`Bus::follow`] began.
    fn unfollow(&self, root: &Root);
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

    /// Sends what a transaction recorded on its way. Never fails: the log has it, and a lost hint is healed from there.
    pub fn publish(&self, committed: Committed) {
        let published_at = Some(Instant::now());
        let deliveries: Vec<Delivery> =
            committed.events().iter().map(|event| Delivery { event: event.clone(), published_at }).collect();
        self.bus.publish(&deliveries);
    }
}
