//! The identity of the log.

use std::{sync::Arc, time::Duration};

use super::{Store, StoreError, sql::Sql};
use crate::protocol::Epoch;

/// How long emptying the log may take.
const LIMIT: Duration = Duration::from_secs(60);

impl Store {
    /// The epoch as this process last read it. Every transaction that records, every snapshot and every
    /// [`Store::heads`] refreshes it. Before the first migration it is `none`.
    pub fn epoch(&self) -> Epoch {
        Epoch::clone(&self.shared().epoch.load())
    }

    /// Reads the epoch from the database.
    pub async fn refresh_epoch(&self) -> Result<Epoch, StoreError> {
        let found: Vec<String> = self.read(Sql::new("SELECT value FROM meta WHERE name = 'epoch'")).await?;
        let text = found.first().ok_or_else(|| StoreError::Corrupt("there is no epoch".into()))?;
        self.saw_epoch(text)
    }

    /// Starts a new log, as after a restore from a backup: a new epoch, no events. The heads stay, so
    /// that an offset never means two events to a client that did not notice.
    pub async fn renew_epoch(&self) -> Result<Epoch, StoreError> {
        let mut tx = self.begin_within(LIMIT).await?;
        let turn = tx.turn()?;
        // Waits for the transactions that have bumped a head, which carry the old epoch, and keeps new ones
        // from doing so before they can see the new one.
        turn.postgres_script("SET LOCAL statement_timeout = 0; LOCK TABLE rooms IN EXCLUSIVE MODE").await?;
        let epoch = self.new_epoch()?;
        turn.execute(Sql::new("UPDATE meta SET value = $1 WHERE name = 'epoch'").bind(&epoch)).await?;
        turn.execute(Sql::new("DELETE FROM event_rooms")).await?;
        turn.execute(Sql::new("DELETE FROM events")).await?;
        turn.execute(Sql::new("UPDATE rooms SET floor_offset = head_offset")).await?;
        tx.commit().await?;
        self.saw_epoch(epoch.as_str())
    }

    /// Remembers what was read.
    pub(super) fn saw_epoch(&self, text: &str) -> Result<Epoch, StoreError> {
        let known = self.shared().epoch.load();
        if known.as_str() == text {
            return Ok(Epoch::clone(&known));
        }
        let epoch: Epoch = text.parse().map_err(|error| StoreError::Corrupt(format!("{error}")))?;
        self.shared().epoch.store(Arc::new(epoch.clone()));
        Ok(epoch)
    }

    pub(super) fn new_epoch(&self) -> Result<Epoch, StoreError> {
        self.shared()
            .clock
            .uuid()
            .to_string()
            .parse()
            .map_err(|error| StoreError::Corrupt(format!("{error}")))
    }
}
