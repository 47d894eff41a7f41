//! Connections that are kept for the next user.
//!
//! A pool of our own because it must answer in bounded time and never hand out a connection whose last
//! user was interrupted: a connection comes back only when its user says that it is clean.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Duration, Instant, timeout_at},
};

use super::super::StoreError;

/// A connection that was idle for longer is closed: a firewall on the way may have forgotten it.
const MAX_IDLE: Duration = Duration::from_secs(300);

/// How many may wait for a connection or for a turn; the next one is refused at once.
pub const MAX_WAITING: usize = 1_024;

/// At most `size` connections, opened when needed.
pub struct Pool<C> {
    idle: Arc<Mutex<Vec<(Instant, C)>>>,
    permits: Arc<Semaphore>,
    waiting: Waiting,
}

/// The right to one connection of the pool. Dropped without [`Lease::give_back`], the connection is not kept.
pub struct Lease<C> {
    idle: Arc<Mutex<Vec<(Instant, C)>>>,
    _permit: OwnedSemaphorePermit,
}

/// Counts who waits for something.
#[derive(Clone, Default)]
pub struct Waiting(Arc<AtomicUsize>);

/// One who waits.
pub struct Waiter(Arc<AtomicUsize>);

impl<C> Pool<C> {
    pub fn new(size: u32) -> Self {
        let permits = Arc::new(Semaphore::new(size.max(1) as usize));
        Self { idle: Arc::default(), permits, waiting: Waiting::default() }
    }

    /// The right to a connection, and one that is open already if there is any.
    ///
    /// # Errors
    /// `Unavailable` at the deadline, when too many wait, and after `close`.
    pub async fn acquire(&self, deadline: Instant) -> Result<(Lease<C>, Option<C>), StoreError> {
        let waiter = self.waiting.enter()?;
        let permit = timeout_at(deadline, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| StoreError::late("to wait for a connection"))?
            .map_err(|_| StoreError::Unavailable("the store is closed".into()))?;
        drop(waiter);
        let lease = Lease { idle: Arc::clone(&self.idle), _permit: permit };
        let mut idle = lease.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(since, _)| since.elapsed() < MAX_IDLE);
        let open = idle.pop().map(|(_, connection)| connection);
        drop(idle);
        Ok((lease, open))
    }

    /// Forgets the idle connections: the server they lead to is gone.
    pub fn clear(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Lets nobody in any more.
    pub fn close(&self) {
        self.permits.close();
        self.clear();
    }
}

impl<C> Lease<C> {
    /// Keeps a connection that is as good as new.
    pub fn give_back(self, connection: C) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), connection));
    }
}

impl Waiting {
    /// Begins to wait.
    ///
    /// # Errors
    /// `Unavailable` when too many wait already.
    pub fn enter(&self) -> Result<Waiter, StoreError> {
        let waiter = Waiter(Arc::clone(&self.0));
        if self.0.fetch_add(1, Ordering::AcqRel) >= MAX_WAITING {
            return Err(StoreError::Unavailable("too many requests wait for the database".into()));
        }
        Ok(waiter)
    }

    /// How many wait.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
