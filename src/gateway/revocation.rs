//! The instance's own subscriber to the log of the instances: what is revoked anywhere ends here.
//!
//! It does what a client does. It joins, then reads the state, which is the table of revocations; it
//! applies what comes; and when it is told that continuity cannot be proved, it reads the state again. So
//! the hub's promises hold for it: a revocation arrives with its hint, and without any hint by the head
//! check. It is noted before connections are looked at, and a connection looks for itself once it can be
//! found, so none slips through between.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::{Gateway, connection::Connection, lane::CloseReason, way::Way};
use crate::{
    hub::{Broadcast, Outlet, RoomHead},
    protocol::{ConnectionId, Effect, Notice, Room, Root, TokenExpiring, UnsubscribeCode, UserId},
    store::Store,
};

/// Pause after a read of the database that failed.
const RETRY: Duration = Duration::from_secs(1);

/// Hears of revocations.
struct Listener {
    id: ConnectionId,
    /// Whoever subscribes has a name; nobody sees this one.
    name: UserId,
    gateway: Gateway,
    /// Whose connections have to be looked at.
    revoked: Mutex<HashSet<UserId>>,
    /// The table has to be read.
    stale: Notify,
}

/// Follows the log of the instances until the process ends. Run once.
pub(super) async fn follow(gateway: Gateway, store: Store) {
    let Ok(name) = "instance".parse() else { return std::future::pending().await };
    let id = ConnectionId::from_uuid(gateway.clock().uuid());
    let (revoked, stale) = (Mutex::default(), Notify::new());
    let listener = Arc::new(Listener { id, name, gateway: gateway.clone(), revoked, stale });
    let outlet: Arc<dyn Outlet> = listener.clone();
    while let Err(problem) = gateway.hub().follow_instances(&outlet).await {
        tracing::warn!(%problem, "The log of the instances is not followed yet.");
        tokio::time::sleep(RETRY).await;
    }
    loop {
        match gateway.verifier().revocations().load(&store).await {
            Ok(()) => {
                gateway.end_revoked(|_| true);
                listener.stale.notified().await;
            }
            Err(error) => {
                tracing::warn!(%error, "The revocations could not be read; the next round tries again.");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

impl Outlet for Listener {
    fn connection(&self) -> ConnectionId {
        self.id
    }

    fn user(&self) -> &UserId {
        &self.name
    }

    fn deliver(&self, broadcast: &Broadcast) {
        if let Some(Effect::AccessRevoked { user, not_before }) = &broadcast.event.effect {
            self.gateway.verifier().revocations().note(user, *not_before);
            self.revoked.lock().unwrap_or_else(PoisonError::into_inner).insert(user.clone());
        }
    }

    /// One look at all connections, however many users the burst concerned.
    fn flush(&self) {
        let revoked = std::mem::take(&mut *self.revoked.lock().unwrap_or_else(PoisonError::into_inner));
        if !revoked.is_empty() {
            self.gateway.end_revoked(|user| revoked.contains(user));
        }
    }

    fn notify(&self, notice: &Notice) {
        if matches!(notice, Notice::RoomStateInvalidated(_)) {
            self.stale.notify_one();
        }
    }

    fn joined(&self, _: &Root, _: &Room, _: &Arc<RoomHead>) {}

    fn withdrawn(&self, _: &Room) {}

    fn removed(&self, _: &Room, _: UnsubscribeCode) {}
}

impl Gateway {
    /// Ends the connections of the users whose tokens have been revoked. The clients come back by
    /// themselves and are refused.
    fn end_revoked(&self, concerns: impl Fn(&UserId) -> bool) {
        let look =
            |connection: &Connection| (concerns(&connection.user) && self.refuses(connection)).then_some(());
        for (connection, ()) in self.registry().pick(look) {
            self.end_as_revoked(&connection);
        }
    }

    /// Ends the connection if its token was revoked before the connection could be found.
    pub(super) fn end_if_revoked(&self, connection: &Connection) {
        if self.refuses(connection) {
            self.end_as_revoked(connection);
        }
    }

    fn refuses(&self, connection: &Connection) -> bool {
        self.verifier().revocations().refuse(&connection.user, connection.issued_at())
    }

    fn end_as_revoked(&self, connection: &Connection) {
        tracing::info!(connection = %connection.id, user = %connection.user, "The user's access was revoked.");
        if let Way::Packets(_) = &connection.way {
            // Anything at all: it ends the poll that waits, so that the next one is refused.
            let expires_at = self.clock().now().into();
            connection.notify(&Notice::TokenExpiring(TokenExpiring { expires_at }));
        }
        connection.way.finish(CloseReason::Revoked);
    }
}
