//! The database: the only SQL of the crate, on SQLite and on PostgreSQL.
//!
//! Owns the log (`rooms` with their heads, `events`, `event_rooms`), the remembered requests and the
//! tables of the world. Promises: a change and its events are one transaction ([`Tx`]); what was
//! committed is durable and is the only thing that can be published ([`Committed`]); offsets are dense and
//! in commit order; whatever the database does, the caller has an answer within 5 seconds
//! ([`StoreError::Unavailable`]) and no partial change remains.
//!
//! To add a table: a migration in `migrations/` (and its line in `migrate.rs`), a file named after the table
//! with its row struct and its functions (reads take `impl Reads`, writes `&mut Tx`), every index led by the
//! root. To add a check, see `doctor.rs`. Connections and deadlines are in `database/`.

pub mod campaigns;
mod database;
mod doctor;
mod epoch;
mod error;
mod held_back;
mod log;
mod logged;
pub mod members;
mod migrate;
mod options;
mod reads;
mod record;
mod requests;
mod retention;
pub mod revocations;
mod rooms;
pub mod settlements;
mod sql;
pub mod structures;
pub mod survey;
mod tx;
pub mod users;

use std::{fmt, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::time::Instant;

pub use doctor::Finding;
pub use error::StoreError;
pub use log::Page;
pub use logged::LoggedEvent;
pub use options::StoreOptions;
pub use reads::{Reads, Slice};
pub use record::{NewEvent, Recorded};
pub use retention::{Deleted, Retention};
pub use rooms::{RoomState, Snapshot};
pub use tx::{Committed, Tx};

use crate::{
    clock::Clock,
    protocol::{Epoch, Timestamp},
};
use database::Database;
use sql::{Record, Sql};

/// A handle on the database; clones share its connections.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    database: Database,
    options: StoreOptions,
    clock: Clock,
    epoch: ArcSwap<Epoch>,
    known_roots: rooms::KnownRoots,
}

impl Store {
    /// Opens the database; runs no migration by itself.
    ///
    /// # Errors
    /// `Unusable` for a wrong URL or too old a database, `Unavailable` when it does not answer.
    pub async fn open(options: StoreOptions, clock: Clock) -> Result<Self, StoreError> {
        let database = Database::open(&options).await?;
        let none: Epoch = "none".parse().map_err(|error| StoreError::Corrupt(format!("{error}")))?;
        let (epoch, known_roots) = (ArcSwap::from_pointee(none), rooms::KnownRoots::new());
        let store = Self { shared: Arc::new(Shared { database, options, clock, epoch, known_roots }) };
        // A database that was never migrated has no epoch yet; `migrate` makes one.
        let _ = store.refresh_epoch().await;
        Ok(store)
    }

    /// Starts a transaction. On SQLite it has the only write lock from here on.
    ///
    /// # Errors
    /// `Unavailable` when its turn does not come in time.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        self.begin_within(self.shared.options.transaction_timeout).await
    }

    /// Closes the connections after the transactions in progress; what comes later is `Unavailable`.
    pub async fn close(&self) {
        self.shared.database.close(Instant::now() + self.shared.options.transaction_timeout).await;
    }

    async fn begin_within(&self, limit: Duration) -> Result<Tx, StoreError> {
        let now = Instant::now();
        let wait = now + limit.min(self.shared.options.transaction_timeout);
        let turn = self.shared.database.begin(wait, now + limit).await?;
        Ok(Tx::new(self.clone(), turn))
    }

    async fn read<T: Record>(&self, sql: Sql) -> Result<Vec<T>, StoreError> {
        self.shared.database.read(sql, Instant::now() + self.shared.options.read_timeout).await
    }

    fn shared(&self) -> &Shared {
        &self.shared
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now().into()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}
