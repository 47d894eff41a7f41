//! The comparison that makes a lost hint cost latency and never data: every few seconds, the heads
//! of the followed roots here against those in the database, one query for up to a thousand roots.
//! While the bus may be bringing nothing, twice a second, and at once whenever that changes.

use std::time::Duration;

use tokio::sync::watch;

use super::{
    Hub, lock,
    root::Request,
    time::{Instant, now, sleep, sleep_until, timeout},
};
use crate::{
    bus::BusHealth,
    protocol::{Offset, Root},
};

/// How many roots one query asks for.
const ROOTS_A_QUERY: usize = 1000;
/// The database has to answer by then.
const QUERY_LIMIT: Duration = Duration::from_secs(4);

/// When the heads were last known to agree or to be made to.
pub(super) struct Verification {
    last: watch::Sender<Instant>,
}

impl Verification {
    pub(super) fn new() -> Self {
        Self { last: watch::Sender::new(now()) }
    }

    pub(super) fn is_recent(&self, limit: Duration) -> bool {
        now() - *self.last.borrow() < limit
    }
}

pub(super) async fn run(hub: Hub) {
    tokio::join!(compare(&hub), tell_when_unverified(&hub));
}

async fn compare(hub: &Hub) {
    let mut health = hub.shared.bus.health();
    loop {
        wait(hub, &mut health).await;
        if check(hub).await {
            hub.shared.verification.last.send_replace(now());
        }
    }
}

/// Until the next comparison is due, which it is at once when the bus fails or comes back: what was
/// published in between arrived nowhere.
async fn wait(hub: &Hub, health: &mut watch::Receiver<BusHealth>) {
    let options = &hub.shared.options;
    let period = match *health.borrow_and_update() {
        BusHealth::Sound => options.head_check,
        BusHealth::Doubtful | BusHealth::Degraded => options.head_check.min(options.head_check_degraded),
    };
    tokio::select! {
        biased;
        () = sleep(hub.about(period)) => {}
        changed = health.changed() => if changed.is_err() { sleep(period).await },
    }
}

/// Tells everybody that nothing can be proved as soon as the last comparison is too long ago, however
/// long the database takes to refuse the next one. Once, until comparisons succeed again.
async fn tell_when_unverified(hub: &Hub) {
    let verification = &hub.shared.verification;
    let mut last = verification.last.subscribe();
    metrics::gauge!("hub_unverified").set(0);
    loop {
        let due = *last.borrow_and_update() + hub.shared.options.unverified_after;
        tokio::select! {
            biased;
            _ = last.changed() => continue,
            () = sleep_until(due) => {}
        }
        metrics::gauge!("hub_unverified").set(1);
        tracing::error!("The log could not be compared for too long: clients are told to read again.");
        for handle in lock(&hub.shared.roots).values() {
            handle.requests.send(Request::Unverified).ok();
        }
        last.changed().await.ok();
        metrics::gauge!("hub_unverified").set(0);
        tracing::info!("The log is compared again.");
    }
}

async fn check(hub: &Hub) -> bool {
    metrics::counter!("hub_head_checks_total").increment(1);
    let roots: Vec<Root> = lock(&hub.shared.roots).keys().cloned().collect();
    for roots in roots.chunks(ROOTS_A_QUERY) {
        let (epoch, heads) = match timeout(QUERY_LIMIT, hub.shared.log.heads(roots)).await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => {
                tracing::warn!(%error, "The heads in the database could not be read.");
                return false;
            }
            Err(_) => {
                tracing::warn!("The heads in the database could not be read in time.");
                return false;
            }
        };
        let mut followed = lock(&hub.shared.roots);
        let mut lag = 0;
        for root in roots {
            let (Some(handle), head) =
                (followed.get_mut(root), heads.get(root).copied().unwrap_or(Offset::START))
            else {
                continue;
            };
            lag = lag.max(head.0.saturating_sub(handle.passed()));
            // Another log may end where the root's task is in its own.
            if handle.told.as_ref() != Some(&epoch) || head.0 > handle.passed() {
                handle.told = Some(epoch.clone());
                handle.requests.send(Request::Head { epoch: epoch.clone(), head }).ok();
            }
        }
        metrics::gauge!("hub_head_lag_events").set(lag as f64);
    }
    // Without roots there is nothing to compare, but the database must still answer.
    !roots.is_empty() || matches!(timeout(QUERY_LIMIT, hub.shared.log.heads(&[])).await, Ok(Ok(_)))
}
