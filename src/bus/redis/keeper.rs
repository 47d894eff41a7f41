//! Keeps the connection: makes it, makes its subscriptions, watches it, and makes the next one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::Rng;
use redis::PushKind;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Core, LinkError,
    channels::{Channel, Work},
    dial::{Connection, Session},
    probe,
};
use crate::bus::BusHealth;

/// The shortest pause between two attempts to connect; it doubles up to the longest one.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest pause: Redis is used again well within two seconds of its return.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Subscriptions that are asked for in one round trip.
const SUBSCRIPTIONS: usize = 512;
/// Pause before refused subscriptions are asked for again.
const RETRY: Duration = Duration::from_millis(500);
/// A cluster and sentinels are asked several things before a connection stands.
const DIALS: u32 = 3;

/// What is known of the subscriptions of the present connection.
#[derive(Default)]
pub(super) struct Standing {
    /// Some could not be made: what comes over their channels does not come here.
    incomplete: AtomicBool,
}

impl Standing {
    pub fn health(&self) -> BusHealth {
        if self.incomplete.load(Ordering::Relaxed) { BusHealth::Doubtful } else { BusHealth::Sound }
    }
}

/// Runs for as long as there is an instance.
pub(super) async fn run(core: &Arc<Core>) {
    let probes = probe::want_channels(core);
    metrics::gauge!("bus_connected").set(0.0);
    metrics::gauge!("bus_degraded").set(1.0);
    let (mut pause, mut probed, mut connections, mut told) = (PAUSE, 0, 0_u64, false);
    loop {
        let lost = CancellationToken::new();
        let error = match dial(core, &lost).await {
            Ok(session) => {
                let _here = Here::enter(core, session.clone());
                metrics::counter!("bus_reconnects_total").increment(u64::from(connections > 0));
                connections += 1;
                let reason = serve(core, session, &lost, &probes, &mut probed).await;
                if *core.health.borrow() != BusHealth::Degraded {
                    (pause, told) = (PAUSE, false);
                }
                reason.to_owned()
            }
            Err(error) => error.to_string(),
        };
        core.channels.unconfirm_all();
        core.set_health(BusHealth::Degraded);
        if std::mem::replace(&mut told, true) {
            tracing::debug!(target = %core.options.target, error, "Redis is still not reached.");
        } else {
            tracing::warn!(redis = %core.options.target, error, "Redis is lost; events come from the log, later.");
        }
        let jitter = rand::rng().random_range(0.5..1.0);
        sleep(pause.mul_f64(jitter)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The connection that everybody uses, for as long as this is held.
struct Here<'a>(&'a Core);

impl<'a> Here<'a> {
    fn enter(core: &'a Core, session: Session) -> Self {
        core.session.store(Some(Arc::new(session)));
        metrics::gauge!("bus_connected").set(1.0);
        Self(core)
    }
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.0.session.store(None);
        metrics::gauge!("bus_connected").set(0.0);
    }
}

async fn dial(core: &Arc<Core>, lost: &CancellationToken) -> Result<Session, LinkError> {
    let (weak, lost) = (Arc::downgrade(core), lost.clone());
    let single = core.dialer.is_single();
    let on_push = Arc::new(move |push| {
        let push: redis::PushInfo = push;
        match (&push.kind, weak.upgrade()) {
            // A cluster's connection finds the lost node, or its successor, and its subscriptions again; whether it
            // does is seen by the probe.
            (PushKind::Disconnection, _) if single => lost.cancel(),
            (PushKind::Disconnection, Some(core)) => core.set_health(BusHealth::Doubtful),
            (_, Some(core)) => core.take(&push),
            (_, None) => {}
        }
    });
    match timeout(core.options.timeout * DIALS, core.dialer.dial(on_push)).await {
        Ok(session) => Ok(session?),
        Err(_) => Err(LinkError::Timeout),
    }
}

/// Uses the connection until it is lost, and says why it is.
async fn serve(
    core: &Core,
    session: Session,
    lost: &CancellationToken,
    probes: &[Channel],
    probed: &mut u64,
) -> &'static str {
    let mut subscriptions = session.subscriptions;
    let serving = async {
        let standing = settle(core, &mut subscriptions).await;
        if standing.is_err() && core.dialer.is_single() {
            return "subscriptions were not confirmed";
        }
        tokio::select! {
            () = keep_subscribed(core, subscriptions, standing) => "the subscriptions ended",
            () = probe::run(core, session.commands, probes, probed) => "messages do not come through",
        }
    };
    tokio::select! {
        reason = serving => reason,
        () = lost.cancelled() => "the connection was closed",
    }
}

async fn keep_subscribed(core: &Core, mut subscriptions: Connection, mut standing: Result<(), String>) {
    loop {
        let was_incomplete = core.standing.incomplete.swap(standing.is_err(), Ordering::Relaxed);
        if let (Err(error), false) = (&standing, was_incomplete) {
            tracing::warn!(
                error,
                "Redis does not confirm some subscriptions; their events come from the log, later."
            );
        }
        let retry_at = Instant::now() + RETRY;
        tokio::select! {
            () = core.channels.changed.notified() => {}
            () = sleep_until(retry_at), if standing.is_err() => {}
        }
        standing = settle(core, &mut subscriptions).await;
    }
}

/// Makes the subscriptions at Redis those that are wanted. An error says why some are missing.
async fn settle(core: &Core, subscriptions: &mut Connection) -> Result<(), String> {
    let Work { subscribe, unsubscribe } = core.channels.work();
    for some in unsubscribe.chunks(SUBSCRIPTIONS) {
        let ended = timeout(core.options.timeout, subscriptions.unsubscribe(some)).await;
        let error = match ended {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => LinkError::Refused(error),
            Err(_) => LinkError::Timeout,
        };
        // What comes over them finds no listener; they are ended with the next that are.
        tracing::debug!(%error, "Subscriptions were not ended.");
        core.channels.remain(some);
    }
    let mut standing = Ok(());
    for some in subscribe.chunks(SUBSCRIPTIONS) {
        let asked = timeout(core.options.timeout * DIALS, subscriptions.subscribe(some)).await;
        let (confirmed, error) = asked.unwrap_or_default();
        core.channels.confirm(&confirmed);
        if confirmed.len() < some.len() {
            standing = Err(error.map_or_else(|| LinkError::Timeout.to_string(), |error| error.to_string()));
            // In a cluster the others may be well; one server that refuses some is not asked for more at once.
            if core.dialer.is_single() {
                break;
            }
        }
    }
    standing
}
