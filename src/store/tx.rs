//! The transaction: state, offsets and events together or not at all.

use std::sync::Arc;

use super::{
    LoggedEvent, Store, StoreError,
    database::{Kind, Turn},
    record::Recording,
    requests::Claim,
    sql::{Record, Sql},
};
use crate::protocol::{Room, Root};

/// One change in the making. Dropping it undoes everything; [`Tx::commit`] alone makes a [`Committed`].
///
/// Others wait for its end, on SQLite everybody who writes: await nothing but the store while you have one.
pub struct Tx {
    store: Store,
    /// `None` once it is over.
    turn: Option<Box<Turn>>,
    pub(super) recording: Recording,
    pub(super) claim: Option<Box<Claim>>,
    /// A statement has failed: nothing may be committed.
    failed: bool,
}

/// The events of a committed transaction, in the order they were recorded. Only a commit makes one, so
/// what is published has happened.
#[derive(Debug)]
pub struct Committed {
    events: Vec<Arc<LoggedEvent>>,
}

impl Committed {
    /// The events in commit order; an echo follows its event.
    pub fn events(&self) -> &[Arc<LoggedEvent>] {
        &self.events
    }
}

impl Tx {
    pub(super) fn new(store: Store, turn: Turn) -> Self {
        Self {
            store,
            turn: Some(Box::new(turn)),
            recording: Recording::default(),
            claim: None,
            failed: false,
        }
    }

    /// Locks the roots' logs until the end, so that everything read after it stays true until the
    /// commit. To be called before the reads that a change is decided on. Several roots are locked in
    /// one order, whatever the order given.
    ///
    /// # Errors
    /// `Unavailable` when another transaction holds one of them for too long.
    pub async fn lock(&mut self, roots: &[Root]) -> Result<(), StoreError> {
        let sql = "SELECT room FROM rooms WHERE room IN ({list}) ORDER BY room FOR NO KEY UPDATE";
        let sql = Sql::new(sql).list(roots);
        let locked = self.turn()?.postgres_only(sql).await;
        self.note(locked)
    }

    /// The root of each room, `None` for a room that does not exist or is closed.
    pub async fn resolve(&mut self, rooms: &[Room]) -> Result<Vec<Option<Root>>, StoreError> {
        super::rooms::open_roots(self, rooms).await
    }

    /// Gives every recorded event its offsets, writes the log and commits. When it returns, the change
    /// survives the loss of power.
    ///
    /// # Errors
    /// `Unavailable`: nothing was written, or, when the connection was lost in the commit itself, the
    /// outcome is unknown and a repeat with the same request id is harmless. `RoomRefused`: nothing was written.
    pub async fn commit(mut self) -> Result<Committed, StoreError> {
        self.place().await?;
        self.write_log().await?;
        self.write_claim().await?;
        if self.failed {
            return Err(StoreError::Database("a statement of the transaction has failed".into()));
        }
        self.take_turn()?.commit().await?;
        let events = std::mem::take(&mut self.recording).into_events();
        metrics::counter!("log_appends_total").increment(events.len() as u64);
        Ok(Committed { events })
    }

    /// Undoes everything, and returns when what the transaction has seen survives the loss of power. For an
    /// answer that changes nothing but counts on what is there: on SQLite, the change before this one may still
    /// be on its way to the disk.
    ///
    /// # Errors
    /// `Unavailable` when what it has seen was undone, or the disk is too slow.
    pub async fn settle(mut self) -> Result<(), StoreError> {
        self.take_turn()?.settle().await
    }

    /// Runs a statement that returns rows.
    pub(super) async fn run<T: Record>(&mut self, kind: Kind, sql: Sql) -> Result<Vec<T>, StoreError> {
        let rows = self.turn()?.rows(kind, sql).await;
        self.note(rows)
    }

    /// Runs a statement that returns none; answers how many rows it changed.
    pub(super) async fn execute(&mut self, sql: Sql) -> Result<u64, StoreError> {
        let changed = self.turn()?.execute(sql).await;
        self.note(changed)
    }

    /// Writes one row over its predecessor.
    ///
    /// # Errors
    /// `Conflict` when the predecessor is not there.
    pub(super) async fn replace(&mut self, what: &str, sql: Sql) -> Result<(), StoreError> {
        if self.execute(sql).await? == 1 {
            return Ok(());
        }
        self.failed = true;
        Err(StoreError::Conflict(format!("a {what} is not at the version before this one")))
    }

    /// Keeps in mind that something failed.
    pub(super) fn note<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        self.failed |= outcome.is_err();
        outcome
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn turn(&mut self) -> Result<&mut Turn, StoreError> {
        self.turn.as_deref_mut().ok_or_else(over)
    }

    pub(super) fn take_turn(&mut self) -> Result<Turn, StoreError> {
        self.turn.take().map(|turn| *turn).ok_or_else(over)
    }
}

fn over() -> StoreError {
    StoreError::Database("the transaction is over".into())
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx")
            .field("over", &self.turn.is_none())
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
