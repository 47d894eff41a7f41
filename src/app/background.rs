//! Work that is due by the clock, for as long as the instance is served.

use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{App, options::retention};
use crate::{
    clock::Clock,
    store::{Retention, Store},
    telemetry::Metrics,
};

/// How often the log is trimmed.
const TRIM: Duration = Duration::from_secs(60);
/// How often recorded distributions are folded into their buckets.
const TIDY: Duration = Duration::from_secs(5);

/// Starts all of it. None of the tasks ends by itself: one that does has failed.
pub(super) fn start(app: &App) -> JoinSet<&'static str> {
    let mut tasks = JoinSet::new();
    let hub = app.hub.clone();
    tasks.spawn(async move {
        hub.check_heads().await;
        "the head check"
    });
    if let Some(redis) = app.redis.clone() {
        tasks.spawn(async move {
            redis.run().await;
            "the bus"
        });
    }
    let hub = app.hub.clone();
    tasks.spawn(async move {
        hub.share_presence().await;
        "presence"
    });
    let (gateway, store) = (app.gateway.clone(), app.store.clone());
    tasks.spawn(async move {
        gateway.keep_house(store).await;
        "the gateway's housekeeping"
    });
    let (store, clock, keep) = (app.store.clone(), app.clock.clone(), retention(&app.settings));
    tasks.spawn(trim(store, clock, keep));
    tasks.spawn(tidy(app.metrics.clone()));
    tasks
}

async fn trim(store: Store, clock: Clock, keep: Retention) -> &'static str {
    let mut rounds = interval(TRIM);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        match store.delete_expired(keep, clock.now().into()).await {
            Ok(deleted) if deleted.events > 0 => {
                tracing::info!(events = deleted.events, rooms = deleted.rooms, "The log was trimmed.");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "The log could not be trimmed; the next round tries again."),
        }
    }
}

async fn tidy(metrics: Metrics) -> &'static str {
    let mut rounds = interval(TIDY);
    loop {
        rounds.tick().await;
        metrics.tidy();
    }
}
