//! What a statement or a transaction can fail with, and what the caller is told.

use std::time::Duration;

use rusqlite::ErrorCode;

use crate::protocol::{Problem, Room};

/// What `Unavailable` says when another connection holds SQLite's lock.
pub(super) const LOCKED: &str = "the database file is locked";

/// Why the store did not do what it was asked. Nothing of a failed transaction remains.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or cannot write right now: pool or lock wait over, disk full,
    /// connection lost. Trying again later makes sense.
    #[error("the database does not answer: {0}")]
    Unavailable(String),
    /// Two transactions met in a way that only one could survive (a deadlock, a row that changed between
    /// its read and its write). Trying again at once makes sense.
    #[error("another transaction changed the same rows: {0}")]
    Conflict(String),
    /// An event was recorded for a room that belongs to another root, or that is closed.
    #[error("room {0} is closed or belongs to another root")]
    RoomRefused(Room),
    /// What the database holds cannot be what this program wrote.
    #[error("the database holds something this program cannot have written: {0}")]
    Corrupt(String),
    /// The database or its settings cannot be used at all: wrong URL, too old a version, migrations
    /// of a newer program.
    #[error("{0}")]
    Unusable(String),
    /// A statement failed for a reason that is a mistake of this program.
    #[error("a statement failed: {0}")]
    Database(String),
}

impl StoreError {
    /// The time for the request is over.
    pub(super) fn late(what: &str) -> Self {
        Self::Unavailable(format!("no time left {what}"))
    }
}

impl From<StoreError> for Problem {
    /// `unavailable` for what may succeed later, `not_found` for a refused room, else `internal`;
    /// the cause goes to the log, never into the answer.
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unavailable(_) | StoreError::Conflict(_) => {
                tracing::warn!(%error, "The store refused a request that may be tried again.");
                Self::unavailable().retry_after(Duration::from_secs(1))
            }
            StoreError::RoomRefused(_) => Self::not_found(),
            StoreError::Corrupt(_) | StoreError::Unusable(_) | StoreError::Database(_) => {
                tracing::error!(%error, "The store failed.");
                Self::internal()
            }
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Unavailable(LOCKED.into()),
            Some(
                ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::OutOfMemory
                | ErrorCode::OperationInterrupted
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::PermissionDenied,
            ) => Self::Unavailable(text),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(text),
            Some(ErrorCode::ConstraintViolation) if text.contains("UNIQUE") => Self::Conflict(text),
            _ => Self::Database(text),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let text = error.to_string();
        match &error {
            sqlx::Error::Database(database) => {
                let code = database.code();
                let code = code.as_deref().unwrap_or_default();
                // Classes and codes: PostgreSQL's manual, appendix "Error Codes".
                match (code.get(..2).unwrap_or_default(), code) {
                    (_, "40001" | "40P01" | "23505") => Self::Conflict(text),
                    // Connection, resources, operator's intervention (shutdown, cancelled by a timeout), system;
                    // a lock that cannot be had; a standby.
                    ("08" | "53" | "57" | "58", _) | (_, "55P03" | "25006" | "25P03") => {
                        Self::Unavailable(text)
                    }
                    // Wrong password or database name: nothing that waiting heals.
                    ("28" | "3D", _) => Self::Unusable(text),
                    ("XX", _) => Self::Corrupt(text),
                    _ => Self::Database(text),
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(text),
            sqlx::Error::Configuration(_) => Self::Unusable(text),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Corrupt(text),
            _ => Self::Database(text),
        }
    }
}
