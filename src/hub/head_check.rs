//! The comparison that makes a lost hint cost latency and never data: every few seconds, the heads
//! of the followed roots here against those in the database, one query for up to a thousand roots.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::Rng;
use tokio::time::{Instant, timeout};

use super::{Hub, lock, root::Request};
use crate::protocol::{Epoch, Offset, Root};

/// How many roots one query asks for.
const ROOTS_A_QUERY: usize = 1000;
/// The database has to answer by then.
const QUERY_LIMIT: Duration = Duration::from_secs(4);

/// When the heads were last known to agree or to be made to.
pub(super) struct Verification {
    last: Mutex<Instant>,
    told: AtomicBool,
    /// The log's identity at the last comparison.
    epoch: Mutex<Option<Epoch>>,
}

impl Verification {
    pub(super) fn new() -> Self {
        Self { last: Mutex::new(Instant::now()), told: AtomicBool::new(false), epoch: Mutex::default() }
    }

    pub(super) fn is_recent(&self, limit: Duration) -> bool {
        lock(&self.last).elapsed() < limit
    }
}

pub(super) async fn run(hub: Hub) {
    loop {
        let period = hub.shared.options.head_check;
        let jitter = rand::rng().random_range(0.9..1.1);
        tokio::time::sleep(period.mul_f64(jitter)).await;
        let verified = check(&hub).await;
        let verification = &hub.shared.verification;
        if verified {
            *lock(&verification.last) = Instant::now();
            verification.told.store(false, Ordering::Relaxed);
        } else if !hub.is_verified() && !verification.told.swap(true, Ordering::Relaxed) {
            tracing::error!("The log could not be compared for too long: clients are told to read again.");
            for handle in lock(&hub.shared.roots).values() {
                handle.requests.send(Request::Unverified).ok();
            }
        }
    }
}

async fn check(hub: &Hub) -> bool {
    metrics::counter!("hub_head_checks_total").increment(1);
    let roots: Vec<Root> = lock(&hub.shared.roots).keys().cloned().collect();
    let known = lock(&hub.shared.verification.epoch).clone();
    let mut seen = known.clone();
    for roots in roots.chunks(ROOTS_A_QUERY) {
        let (epoch, heads) = match timeout(QUERY_LIMIT, hub.shared.store.heads(roots)).await {
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
        // What happened while nothing could be compared is found by the same comparison.
        let is_new_epoch =
            lock(&hub.shared.verification.epoch).replace(epoch.clone()).as_ref() != Some(&epoch);
        let followed = lock(&hub.shared.roots);
        let mut lag = 0;
        for root in roots {
            let (Some(handle), head) =
                (followed.get(root), heads.get(root).copied().unwrap_or(Offset::START))
            else {
                continue;
            };
            lag = lag.max(head.0.saturating_sub(handle.passed()));
            if is_new_epoch || head.0 > handle.passed() {
                handle.requests.send(Request::Head { epoch: epoch.clone(), head }).ok();
            }
        }
        metrics::gauge!("hub_head_lag_events").set(lag as f64);
        seen = Some(epoch);
    }
    *lock(&hub.shared.verification.epoch) = seen;
    // Without roots there is nothing to compare, but the database must still answer.
    !roots.is_empty() || matches!(timeout(QUERY_LIMIT, hub.shared.store.heads(&[])).await, Ok(Ok(_)))
}
