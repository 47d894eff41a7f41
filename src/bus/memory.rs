//! The bus of a single instance: straight from the commit to the hub of the same process.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::{mpsc, watch};

use super::{Bus, BusError, BusHealth, Delivery, Hint};
use crate::protocol::Root;

/// Carries events within one process.
#[derive(Debug)]
pub struct MemoryBus {
    followers: RwLock<HashMap<Root, mpsc::Sender<Hint>>>,
    health: watch::Sender<BusHealth>,
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self { followers: RwLock::default(), health: watch::Sender::new(BusHealth::Sound) }
    }
}

impl Bus for MemoryBus {
    fn publish(&self, deliveries: &[Delivery]) {
        let followers = self.followers.read().unwrap_or_else(PoisonError::into_inner);
        for delivery in deliveries {
            if let Some(sink) = followers.get(&delivery.event.root)
                && sink.try_send(Hint::Event(delivery.clone())).is_err()
            {
                metrics::counter!("ws_broadcast_fail_total").increment(1);
            }
        }
    }

    fn follow(&self, root: &Root, sink: mpsc::Sender<Hint>) -> BoxFuture<'_, Result<(), BusError>> {
        let mut followers = self.followers.write().unwrap_or_else(PoisonError::into_inner);
        followers.insert(root.clone(), sink);
        std::future::ready(Ok(())).boxed()
    }

    fn unfollow(&self, root: &Root, sink: &mpsc::Sender<Hint>) {
        let mut followers = self.followers.write().unwrap_or_else(PoisonError::into_inner);
        if followers.get(root).is_some_and(|present| present.same_channel(sink)) {
            followers.remove(root);
        }
    }

    fn health(&self) -> watch::Receiver<BusHealth> {
        self.health.subscribe()
    }
}
