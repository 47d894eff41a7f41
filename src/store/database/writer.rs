//! SQLite's one writer: transactions take turns on it, and turns that wait for each other share one commit.
//!
//! SQLite has one write lock, and every commit costs a sync of the disk. A turn is therefore a savepoint
//! inside a transaction that it may share with the turns before and after it: when somebody waits, the
//! connection goes on to them, and the group is committed once its last one is done. No turn is told that
//! it is committed before the group is on the disk; a turn that fails undoes its own savepoint only; when
//! the commit fails, every turn of the group fails. The reasons stand in docs/adr/0002.
//!
//! Statements run on the thread that polls the turn, because they take microseconds and the way to another
//! thread takes tens of them. The commit, which waits for the disk, runs on a thread of its own.

use std::sync::Arc;

use rusqlite::Connection;
use tokio::{
    sync::{Mutex, OwnedMutexGuard, oneshot},
    task::spawn_blocking,
    time::{Instant, timeout_at},
};

use super::{
    super::{
        StoreError,
        sql::{Record, Sql},
    },
    pool::Waiting,
    sqlite::{self, retry_busy},
};

/// Turns that may share a commit. Bounds how long the first of them waits for the last.
const MAX_GROUP: usize = 64;

/// The writing connection and the queue before it.
#[derive(Clone)]
pub struct Writer {
    /// A fair lock: who asked first is next.
    shared: Arc<Mutex<Shared>>,
    waiting: Waiting,
}

struct Shared {
    /// `None` after `close`.
    connection: Option<Connection>,
    /// The turns that are done and wait for the commit of the transaction that is open; `None` when none is open.
    group: Option<Vec<oneshot::Sender<Result<(), StoreError>>>>,
    /// A task is on its way that commits the group after those who wait now.
    closing: bool,
}

/// One transaction's time on the connection. Dropped, its changes are undone.
pub struct Turn {
    writer: Writer,
    /// `None` once the turn is over.
    shared: Option<OwnedMutexGuard<Shared>>,
    deadline: Instant,
}

impl Writer {
    pub fn new(connection: Connection) -> Self {
        let shared = Shared { connection: Some(connection), group: None, closing: false };
        Self { shared: Arc::new(Mutex::new(shared)), waiting: Waiting::default() }
    }

    /// Waits for a turn and, when no transaction is open, for the database's write lock.
    pub async fn begin(&self, wait: Instant, deadline: Instant) -> Result<Turn, StoreError> {
        let waiter = self.waiting.enter()?;
        let shared = timeout_at(wait, Arc::clone(&self.shared).lock_owned())
            .await
            .map_err(|_| StoreError::late("to wait for the writers before this one"))?;
        drop(waiter);
        let mut turn = Turn { writer: self.clone(), shared: None, deadline };
        let shared = turn.shared.insert(shared);
        shared.forget_lost_group();
        if shared.group.is_none() {
            let held: &mut Shared = shared;
            retry_busy(wait, move || held.run("BEGIN IMMEDIATE")).await?;
            shared.group = Some(Vec::new());
        }
        shared.run("SAVEPOINT turn")?;
        Ok(turn)
    }

    /// Waits for the turns in progress and closes the connection.
    pub async fn close(&self, deadline: Instant) {
        if let Ok(mut shared) = timeout_at(deadline, Arc::clone(&self.shared).lock_owned()).await {
            let closed = spawn_blocking(move || {
                shared.commit_group();
                shared.connection = None;
            });
            let _ = timeout_at(deadline, closed).await;
        }
    }
}

impl Turn {
    /// Runs a statement and reads its rows.
    pub fn rows<T: Record>(&mut self, sql: &Sql) -> Result<Vec<T>, StoreError> {
        self.run(|connection| sqlite::rows(connection, sql))
    }

    /// Runs a statement that returns no rows.
    pub fn execute(&mut self, sql: &Sql) -> Result<u64, StoreError> {
        self.run(|connection| sqlite::execute(connection, sql))
    }

    /// Runs a script without arguments.
    pub fn script(&mut self, text: &str) -> Result<(), StoreError> {
        self.run(|connection| connection.execute_batch(text).map_err(Into::into))
    }

    fn run<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if Instant::now() >= self.deadline {
            return Err(StoreError::late("for the transaction"));
        }
        let shared = self.shared.as_ref().ok_or_else(over)?;
        // A full disk can end the whole transaction; without this, the next statement would commit by itself.
        if shared.is_lost() {
            return Err(lost());
        }
        work(shared.connection()?)
    }

    /// Ends the turn and waits until its group is on the disk.
    pub async fn commit(self) -> Result<(), StoreError> {
        if Instant::now() >= self.deadline {
            return Err(StoreError::late("for the commit"));
        }
        let shared = self.shared.as_ref().ok_or_else(over)?;
        if shared.is_lost() {
            return Err(lost());
        }
        shared.run("RELEASE turn")?;
        self.join_group().await
    }

    /// Undoes the turn and waits until what it has seen of the turns before it is on the disk.
    pub async fn settle(mut self) -> Result<(), StoreError> {
        let shared = self.shared.as_mut().ok_or_else(over)?;
        if shared.group.as_ref().is_none_or(Vec::is_empty) {
            return Ok(());
        }
        shared.undo_turn();
        shared.forget_lost_group();
        if shared.group.is_none() {
            return Err(lost());
        }
        self.join_group().await
    }

    /// Waits for the group's commit: at once when nobody else waits for a turn, else after those who do.
    async fn join_group(mut self) -> Result<(), StoreError> {
        let Some(mut shared) = self.shared.take() else { return Err(over()) };
        let (done, outcome) = oneshot::channel();
        let group = shared.group.get_or_insert_default();
        group.push(done);
        let full = group.len() >= MAX_GROUP;
        if full || self.writer.waiting.count() == 0 {
            // The guard moves along, so that the commit ends properly even if this future is dropped.
            drop(spawn_blocking(move || shared.commit_group()));
        } else if shared.closing {
            drop(shared);
        } else {
            shared.closing = true;
            let queue = Arc::clone(&self.writer.shared);
            drop(shared);
            // The lock is fair: this task gets it after everybody who waits now.
            tokio::spawn(async move {
                let mut shared = queue.lock_owned().await;
                shared.closing = false;
                drop(spawn_blocking(move || shared.commit_group()));
            });
        }
        timeout_at(self.deadline, outcome)
            .await
            .map_err(|_| StoreError::late("for the commit, which may still succeed"))?
            .map_err(|_| lost())?
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(shared) = &mut self.shared {
            shared.undo_turn();
            shared.forget_lost_group();
        }
    }
}

impl Shared {
    fn connection(&self) -> Result<&Connection, StoreError> {
        self.connection.as_ref().ok_or_else(|| StoreError::Unavailable("the store is closed".into()))
    }

    fn run(&self, text: &str) -> Result<(), StoreError> {
        self.connection()?.prepare_cached(text)?.raw_execute()?;
        Ok(())
    }

    /// Whether SQLite has ended the transaction by itself, as it does when the disk is full.
    fn is_lost(&self) -> bool {
        self.group.is_none() || self.connection.as_ref().is_none_or(Connection::is_autocommit)
    }

    /// Tells the turns of a transaction that SQLite has ended by itself that they failed.
    fn forget_lost_group(&mut self) {
        if self.is_lost() {
            for turn in self.group.take().unwrap_or_default() {
                let _ = turn.send(Err(lost()));
            }
        }
    }

    /// Undoes the turn that has the connection; the whole transaction when it is alone in it.
    fn undo_turn(&mut self) {
        if self.is_lost() {
            return;
        }
        let alone = self.group.as_ref().is_none_or(Vec::is_empty);
        let undone = match alone {
            true => self.run("ROLLBACK"),
            false => self.run("ROLLBACK TO turn").and_then(|()| self.run("RELEASE turn")),
        };
        if let Err(error) = undone {
            tracing::warn!(%error, "A transaction could not be undone alone; its whole group is undone.");
            let _ = self.run("ROLLBACK");
        }
        if alone {
            self.group = None;
        }
    }

    /// Commits the open transaction and tells its turns.
    fn commit_group(&mut self) {
        self.forget_lost_group();
        let Some(turns) = self.group.take() else { return };
        metrics::counter!("store_commits_total").increment(1);
        metrics::histogram!("store_commit_group_size").record(turns.len() as f64);
        let outcome = self.run("COMMIT");
        if let Err(error) = &outcome {
            tracing::warn!(%error, transactions = turns.len(), "A commit failed; its transactions are undone.");
            if self.connection.as_ref().is_some_and(|connection| !connection.is_autocommit()) {
                let _ = self.run("ROLLBACK");
            }
        }
        for turn in turns {
            let _ = turn.send(outcome.clone());
        }
    }
}

fn over() -> StoreError {
    StoreError::Database("the transaction is over".into())
}

fn lost() -> StoreError {
    StoreError::Unavailable("the database ended the transaction".into())
}
