//! The two databases behind one face: reads on any connection, transactions in turns.
//!
//! Owns connections, deadlines and the difference between SQLite and PostgreSQL; knows no table. Every
//! wait has a deadline. A statement that was interrupted costs its connection, never its neighbour's.

mod pool;
mod postgres;
mod sqlite;
mod writer;

use tokio::time::Instant;

use super::{
    StoreError, StoreOptions,
    sql::{Record, Sql},
};

/// An open database.
pub enum Database {
    Sqlite(sqlite::Sqlite),
    Postgres(Box<postgres::Postgres>),
}

/// A transaction in progress. Dropped, it is undone.
pub enum Turn {
    Sqlite(writer::Turn),
    Postgres(postgres::Turn),
}

/// What a statement is counted as in `store_queries_total`.
#[derive(Clone, Copy)]
pub enum Kind {
    Read,
    Write,
}

impl Database {
    /// Opens what the URL names.
    pub async fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let scheme = options.url.split(':').next().unwrap_or_default();
        match scheme {
            "sqlite" => sqlite::Sqlite::open(options).map(Self::Sqlite),
            "postgres" | "postgresql" => {
                postgres::Postgres::open(options).await.map(|postgres| Self::Postgres(Box::new(postgres)))
            }
            _ => Err(StoreError::Unusable(format!(
                "'{scheme}:' is no database that Fanfare knows; use sqlite:PATH or postgres://…"
            ))),
        }
    }

    /// Reads what is committed, with one statement: one snapshot.
    pub async fn read<T: Record>(&self, sql: Sql, deadline: Instant) -> Result<Vec<T>, StoreError> {
        count(Kind::Read);
        match self {
            Self::Sqlite(sqlite) => sqlite.read(sql, deadline).await,
            Self::Postgres(postgres) => postgres.read(sql, deadline).await,
        }
    }

    /// As `read`, for a statement that may take minutes.
    pub async fn read_patiently<T: Record>(&self, sql: Sql, deadline: Instant) -> Result<Vec<T>, StoreError> {
        match self {
            Self::Sqlite(_) => self.read(sql.bulk(), deadline).await,
            Self::Postgres(postgres) => {
                let mut turn = postgres.begin(deadline, deadline).await?;
                turn.script("SET LOCAL statement_timeout = 0").await?;
                count(Kind::Read);
                turn.rows(sql).await
            }
        }
    }

    /// What the database itself finds wrong with its file.
    pub async fn integrity(&self, deadline: Instant) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Sqlite(_) => {
                let found: Vec<String> =
                    self.read_patiently(Sql::new("SELECT * FROM pragma_integrity_check"), deadline).await?;
                Ok(found.into_iter().filter(|line| line != "ok").collect())
            }
            // PostgreSQL checks its pages as it reads them.
            Self::Postgres(_) => Ok(Vec::new()),
        }
    }

    /// Starts a transaction, waiting no longer than `wait` for its turn; it must end by the deadline.
    pub async fn begin(&self, wait: Instant, deadline: Instant) -> Result<Turn, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.writer().begin(wait, deadline).await.map(Turn::Sqlite),
            Self::Postgres(postgres) => postgres.begin(wait, deadline).await.map(Turn::Postgres),
        }
    }

    /// Ends once the transactions in progress have ended.
    pub async fn close(&self, deadline: Instant) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close(deadline).await,
            Self::Postgres(postgres) => postgres.close(),
        }
    }
}

impl Turn {
    /// Runs a statement and reads the rows it returns.
    pub async fn rows<T: Record>(&mut self, kind: Kind, sql: Sql) -> Result<Vec<T>, StoreError> {
        count(kind);
        match self {
            Self::Sqlite(turn) => turn.rows(&sql),
            Self::Postgres(turn) => turn.rows(sql).await,
        }
    }

    /// Runs a statement that returns no rows; answers how many it changed.
    pub async fn execute(&mut self, sql: Sql) -> Result<u64, StoreError> {
        count(Kind::Write);
        match self {
            Self::Sqlite(turn) => turn.execute(&sql),
            Self::Postgres(turn) => turn.execute(sql).await,
        }
    }

    /// Runs a script without arguments.
    pub async fn script(&mut self, text: &'static str) -> Result<(), StoreError> {
        count(Kind::Write);
        match self {
            Self::Sqlite(turn) => turn.script(text),
            Self::Postgres(turn) => turn.script(text).await,
        }
    }

    /// Runs a statement that only PostgreSQL needs: there several write at once, on SQLite one at a time.
    pub async fn postgres_only(&mut self, sql: Sql) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(turn) => {
                count(Kind::Write);
                turn.execute(sql).await.map(drop)
            }
        }
    }

    /// Runs a script that only PostgreSQL needs.
    pub async fn postgres_script(&mut self, text: &'static str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(turn) => turn.script(text).await,
        }
    }

    /// Commits. When it returns `Ok`, the change is durable.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(turn) => turn.commit().await,
            Self::Postgres(turn) => turn.commit().await,
        }
    }

    /// Undoes everything, and returns when everything that the transaction has seen is durable.
    pub async fn settle(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(turn) => turn.settle().await,
            // PostgreSQL shows nothing that is not durable.
            Self::Postgres(_) => Ok(()),
        }
    }
}

/// One statement is on its way.
fn count(kind: Kind) {
    let kind = match kind {
        Kind::Read => "read",
        Kind::Write => "write",
    };
    metrics::counter!("store_queries_total", "kind" => kind).increment(1);
}
