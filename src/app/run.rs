//! From a whole instance to its orderly end.

use std::time::Duration;

use tokio::{net::TcpListener, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;

use super::{App, background, options::listener_options};
use crate::gateway;

/// How long the database's connections may take to close.
const CLOSE: Duration = Duration::from_millis(500);

/// Why serving ended without having been asked to.
#[derive(Debug, thiserror::Error)]
#[error("{0} ended unexpectedly; the instance stopped, so that it can be started again whole")]
pub struct ServeError(String);

/// Serves `app` on `listener`, and its metrics on `admin`, until `shutdown`. Then it goes away in
/// order: not ready, every client told when to come back elsewhere, sockets closed at a pace,
/// requests under way answered, the database closed. Nothing of it runs afterwards.
///
/// # Errors
/// When a part ended that must not; clients were sent away in order all the same.
pub async fn serve(
    app: App,
    listener: TcpListener,
    admin: Option<TcpListener>,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let mut background = background::start(&app);
    let stop = CancellationToken::new();
    let mut listeners = JoinSet::new();

    let (sockets, admission) = app.gateway.layers();
    let service = ServiceBuilder::new().layer(admission).layer(sockets).service(app.http);
    let options = listener_options(&app.settings);
    listeners.spawn(gateway::serve(listener, service, options.clone(), stop.clone()));
    if let Some(admin) = admin {
        // In the same way: an operator's request that never ends must not keep the instance alive either.
        listeners.spawn(gateway::serve(admin, app.admin, options, stop.clone()));
    }

    let failed = tokio::select! {
        () = shutdown.cancelled() => None,
        ended = background.join_next() => Some(name_of(ended)),
        _ = listeners.join_next() => Some("a listener".to_owned()),
    };
    if let Some(part) = &failed {
        tracing::error!(part, "A part of the instance ended unexpectedly; the instance stops.");
    }
    app.gateway.drain().await;
    stop.cancel();
    while listeners.join_next().await.is_some() {}
    if let Some(redis) = &app.redis {
        redis.leave().await;
    }
    background.shutdown().await;
    if timeout(CLOSE, app.store.close()).await.is_err() {
        tracing::warn!("The database's connections did not close in time.");
    }
    failed.map_or(Ok(()), |part| Err(ServeError(part)))
}

fn name_of(ended: Option<Result<&'static str, tokio::task::JoinError>>) -> String {
    match ended {
        Some(Ok(part)) => part.to_owned(),
        Some(Err(error)) => format!("a background task ({error})"),
        None => "the background work".to_owned(),
    }
}
