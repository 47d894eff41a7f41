//! The connections of this instance.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    connection::Connection,
    leases::{Full, Lease, Leases},
};
use crate::protocol::{Code, ConnectionId, Problem, UserId};

/// Every live connection, and how many each user has.
pub(super) struct Registry {
    connections: Mutex<HashMap<ConnectionId, Arc<Connection>>>,
    users: Mutex<HashMap<UserId, u32>>,
    /// Counts over all instances, if there are others.
    leases: Option<Leases>,
}

/// One of a user's allowed connections, taken until dropped.
pub(super) struct Seat {
    registry: Arc<Registry>,
    user: UserId,
    lease: Option<Lease>,
}

impl Registry {
    /// Without connections.
    pub(super) fn new(leases: Option<Leases>) -> Self {
        Self { connections: Mutex::default(), users: Mutex::default(), leases }
    }

    pub(super) fn leases(&self) -> Option<&Leases> {
        self.leases.as_ref()
    }

    /// Those of the connections' leases that are due, each with its user.
    pub(super) fn due_leases(&self, is_due: impl Fn(Lease) -> bool) -> Vec<(UserId, Lease)> {
        let connections = lock(&self.connections);
        let leases = connections.values().filter_map(|connection| Some((connection, connection.lease()?)));
        leases.filter(|(_, lease)| is_due(*lease)).map(|(c, lease)| (c.user.clone(), lease)).collect()
    }

    /// Takes one of the user's `limit` connections.
    ///
    /// # Errors
    /// `connection_limit` when all are taken.
    pub(super) async fn take_seat(self: &Arc<Self>, user: &UserId, limit: u32) -> Result<Seat, Problem> {
        let mut seat = self.take_seat_here(user, limit)?;
        if let Some(leases) = &self.leases {
            let lease = leases.take(user, limit).await.map_err(|Full| no_seat(limit))?;
            seat.lease = Some(lease);
        }
        Ok(seat)
    }

    fn take_seat_here(self: &Arc<Self>, user: &UserId, limit: u32) -> Result<Seat, Problem> {
        let mut users = lock(&self.users);
        let count = users.entry(user.clone()).or_insert(0);
        if *count >= limit {
            return Err(no_seat(limit));
        }
        *count += 1;
        Ok(Seat { registry: self.clone(), user: user.clone(), lease: None })
    }

    /// Adds a connection, unless it has already ended.
    pub(super) fn add(&self, connection: Arc<Connection>) {
        let mut connections = lock(&self.connections);
        if !connection.has_ended() {
            connections.insert(connection.id, connection);
        }
        metrics::gauge!("ws_connections_active").set(connections.len() as f64);
    }

    pub(super) fn remove(&self, id: ConnectionId) {
        let mut connections = lock(&self.connections);
        connections.remove(&id);
        if connections.is_empty() {
            connections.shrink_to_fit();
        }
        metrics::gauge!("ws_connections_active").set(connections.len() as f64);
    }

    pub(super) fn count(&self) -> usize {
        lock(&self.connections).len()
    }

    pub(super) fn all(&self) -> Vec<Arc<Connection>> {
        lock(&self.connections).values().cloned().collect()
    }

    /// The connections for which `pick` answers with something, looked at under the lock: it must be quick.
    pub(super) fn pick<T>(&self, pick: impl Fn(&Connection) -> Option<T>) -> Vec<(Arc<Connection>, T)> {
        let connections = lock(&self.connections);
        connections.values().filter_map(|connection| Some((connection.clone(), pick(connection)?))).collect()
    }
}

impl Seat {
    /// Its lease, where connections are counted over all instances.
    pub(super) fn lease(&self) -> Option<Lease> {
        self.lease
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let (Some(leases), Some(lease)) = (&self.registry.leases, self.lease) {
            leases.end(&self.user, lease);
        }
        if let Entry::Occupied(mut entry) = lock(&self.registry.users).entry(self.user.clone()) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

fn no_seat(limit: u32) -> Problem {
    metrics::counter!("ws_rate_limited_total", "limit" => "connections_per_user").increment(1);
    Problem::new(Code::ConnectionLimit, format!("A user may have {limit} connections."))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
