//! Going away without a stampede: every client is told its own moment to come back.

use std::{sync::Arc, time::Duration};

use rand::seq::SliceRandom;
use tokio::time::Instant;

use super::{Gateway, connection::Connection, lane::CloseReason, way::Way};
use crate::{
    hub::Outlet,
    protocol::{Draining, Notice},
};

/// Connections closed between two pauses.
const BATCH: usize = 50;
/// How often it is looked whether all have gone.
const POLL: Duration = Duration::from_millis(20);

/// The pace of going away.
#[derive(Debug, Clone)]
pub struct DrainOptions {
    /// Connections that are sent elsewhere a second.
    pub per_second: u32,
    /// The longest the whole may take.
    pub limit: Duration,
}

pub(super) async fn run(gateway: &Gateway, options: &DrainOptions) {
    let started = Instant::now();
    let mut connections = gateway.registry().all();
    // By chance, so that no user's tabs or room's members all go first.
    connections.shuffle(&mut rand::rng());
    tracing::info!(connections = connections.len(), "Draining.");
    let batches: Vec<&[Arc<Connection>]> = connections.chunks(BATCH).collect();
    let by_pace = Duration::from_secs_f64(f64::from(BATCH as u32) / f64::from(options.per_second.max(1)));
    // The last fifth of the time is for closing handshakes.
    let by_limit = options.limit.mul_f64(0.8) / batches.len().max(1) as u32;
    let step = by_pace.min(by_limit);
    for (index, batch) in batches.iter().enumerate() {
        let delay = step * index as u32;
        for connection in *batch {
            let reconnect_after_ms = delay.as_millis() as u32;
            connection.notify(&Notice::Draining(Draining { reconnect_after_ms }));
        }
        tokio::task::yield_now().await;
    }
    for (index, batch) in batches.iter().enumerate() {
        tokio::time::sleep_until(started + step * (index as u32 + 1)).await;
        batch.iter().for_each(|connection| send_away(connection));
    }
    // Also those that were in their handshake when this began.
    let deadline = started + options.limit;
    while gateway.connection_count() > 0 && Instant::now() < deadline {
        gateway.registry().all().iter().for_each(|connection| send_away(connection));
        tokio::time::sleep(POLL).await;
    }
    for connection in gateway.registry().all() {
        connection.way.kill(CloseReason::Draining);
    }
    tracing::info!(took_ms = started.elapsed().as_millis() as u64, "Drained.");
}

fn send_away(connection: &Connection) {
    if matches!(connection.way, Way::Packets(_)) && !connection.way.is_dead() {
        // Anything at all: it ends the poll that waits, so that the next one is refused.
        connection.notify(&Notice::Draining(Draining { reconnect_after_ms: 0 }));
    }
    connection.way.finish(CloseReason::Draining);
}
