//! PostgreSQL: several writers at once, ordered by the row locks of the roots they write to.

use std::{str::FromStr, time::Duration};

use sqlx::{
    AssertSqlSafe, ConnectOptions, PgConnection, Row,
    postgres::{PgArguments, PgConnectOptions, PgRow},
    query::Query,
};
use tokio::time::{Instant, timeout_at};

use super::{
    super::{
        StoreError, StoreOptions,
        sql::{Arg, Columns, Record, Sql},
    },
    pool::{Lease, Pool},
};

/// The oldest version that Fanfare is tested with.
const OLDEST: i32 = 150_000;

/// Statements kept prepared per connection; every shape that the store uses fits.
const STATEMENTS: usize = 256;

/// A PostgreSQL server.
pub struct Postgres {
    options: PgConnectOptions,
    /// For how long the server works on one statement at most: it also ends what nobody waits for any more.
    statement_timeout: Duration,
    pool: Pool<PgConnection>,
}

/// One transaction on its own connection. Dropped, it is undone.
pub struct Turn {
    connection: Option<(Lease<PgConnection>, PgConnection)>,
    deadline: Instant,
    /// A statement was sent whose answer has not come: the connection cannot be used any more.
    in_flight: bool,
}

impl Postgres {
    pub async fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let connect = PgConnectOptions::from_str(&options.url)?
            .application_name("fanfare")
            .statement_cache_capacity(STATEMENTS)
            .disable_statement_logging();
        let postgres = Self {
            options: connect,
            statement_timeout: options.transaction_timeout,
            pool: Pool::new(options.max_connections),
        };
        let deadline = Instant::now() + options.read_timeout;
        let (lease, _) = postgres.pool.acquire(deadline).await?;
        lease.give_back(postgres.connect(deadline).await?);
        Ok(postgres)
    }

    /// Opens a connection on which an acknowledged commit is durable and no statement runs for ever.
    async fn connect(&self, deadline: Instant) -> Result<PgConnection, StoreError> {
        let connect = async {
            let mut connection = self.options.connect().await?;
            let row = sqlx::query(
                "SELECT current_setting('server_version_num')::int,
                        set_config('statement_timeout', $1, false), set_config('lock_timeout', $1, false),
                        set_config('idle_in_transaction_session_timeout', '30000', false),
                        CASE WHEN current_setting('synchronous_commit') = 'off'
                             THEN set_config('synchronous_commit', 'on', false) END",
            )
            .bind(self.statement_timeout.as_millis().to_string())
            .fetch_one(&mut connection)
            .await?;
            let version: i32 = row.try_get(0)?;
            if version < OLDEST {
                return Err(StoreError::Unusable(format!(
                    "PostgreSQL {} is too old; Fanfare needs 15 or newer",
                    version / 10_000
                )));
            }
            Ok(connection)
        };
        timeout_at(deadline, connect).await.map_err(|_| StoreError::late("to connect"))?
    }

    /// Reads with one statement. A connection that the server has closed in the meantime is replaced, once.
    pub async fn read<T: Record>(&self, sql: Sql, deadline: Instant) -> Result<Vec<T>, StoreError> {
        let (lease, open) = self.pool.acquire(deadline).await?;
        if let Some(mut connection) = open {
            match fetch(&mut connection, sql.clone(), deadline).await {
                Err(StoreError::Unavailable(_)) if Instant::now() < deadline => self.pool.clear(),
                done => {
                    if is_usable(&done) {
                        lease.give_back(connection);
                    }
                    return read_all(&done?);
                }
            }
        }
        let mut connection = self.connect(deadline).await?;
        let done = fetch(&mut connection, sql, deadline).await;
        if is_usable(&done) {
            lease.give_back(connection);
        }
        read_all(&done?)
    }

    pub async fn begin(&self, wait: Instant, deadline: Instant) -> Result<Turn, StoreError> {
        let (lease, open) = self.pool.acquire(wait).await?;
        if let Some(mut connection) = open {
            match script(&mut connection, "BEGIN", wait).await {
                Ok(()) => return Ok(Turn::new(lease, connection, deadline)),
                // Nothing has happened yet, so a fresh connection may try again.
                Err(StoreError::Unavailable(_)) if Instant::now() < wait => self.pool.clear(),
                Err(error) => return Err(error),
            }
        }
        let mut connection = self.connect(wait).await?;
        script(&mut connection, "BEGIN", wait).await?;
        Ok(Turn::new(lease, connection, deadline))
    }

    pub fn close(&self) {
        self.pool.close();
    }
}

/// Whether the connection is in order after this outcome. An error that the server answered with leaves it so.
fn is_usable<T>(outcome: &Result<T, StoreError>) -> bool {
    !matches!(outcome, Err(StoreError::Unavailable(_)))
}

impl Turn {
    fn new(lease: Lease<PgConnection>, connection: PgConnection, deadline: Instant) -> Self {
        Self { connection: Some((lease, connection)), deadline, in_flight: false }
    }

    /// Runs a statement and reads its rows.
    pub async fn rows<T: Record>(&mut self, sql: Sql) -> Result<Vec<T>, StoreError> {
        let deadline = self.deadline;
        let connection = self.start()?;
        let rows = fetch(connection, sql, deadline).await;
        self.in_flight = !is_usable(&rows);
        read_all(&rows?)
    }

    /// Runs a statement that returns no rows.
    pub async fn execute(&mut self, sql: Sql) -> Result<u64, StoreError> {
        let deadline = self.deadline;
        let connection = self.start()?;
        let done = timeout_at(deadline, query(sql).execute(connection)).await;
        let done = done.map_err(|_| StoreError::late("for the transaction")).and_then(|done| Ok(done?));
        self.in_flight = !is_usable(&done);
        Ok(done?.rows_affected())
    }

    /// Runs a script without arguments.
    pub async fn script(&mut self, text: &'static str) -> Result<(), StoreError> {
        let deadline = self.deadline;
        let connection = self.start()?;
        let done = script(connection, text, deadline).await;
        self.in_flight = !is_usable(&done);
        done
    }

    /// Commits. The caller must not call it after a statement has failed: PostgreSQL would undo everything
    /// and still answer without an error.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        self.script("COMMIT").await?;
        if let Some((lease, connection)) = self.connection.take() {
            lease.give_back(connection);
        }
        Ok(())
    }

    fn start(&mut self) -> Result<&mut PgConnection, StoreError> {
        if self.in_flight {
            return Err(StoreError::Unavailable("the connection was lost".into()));
        }
        self.in_flight = true;
        let (_, connection) =
            self.connection.as_mut().ok_or_else(|| StoreError::Database("the transaction is over".into()))?;
        Ok(connection)
    }
}

impl Drop for Turn {
    /// Undoes the transaction in the background. Without a runtime, or after an interrupted statement, the
    /// connection is dropped instead, and the server undoes it.
    fn drop(&mut self) {
        let Some((lease, mut connection)) = self.connection.take() else { return };
        if let (false, Ok(runtime)) = (self.in_flight, tokio::runtime::Handle::try_current()) {
            let deadline = Instant::now() + Duration::from_secs(1);
            runtime.spawn(async move {
                if script(&mut connection, "ROLLBACK", deadline).await.is_ok() {
                    lease.give_back(connection);
                }
            });
        }
    }
}

async fn script(
    connection: &mut PgConnection,
    text: &'static str,
    deadline: Instant,
) -> Result<(), StoreError> {
    let done = timeout_at(deadline, sqlx::raw_sql(text).execute(connection)).await;
    done.map_err(|_| StoreError::late("for the transaction"))??;
    Ok(())
}

async fn fetch(connection: &mut PgConnection, sql: Sql, deadline: Instant) -> Result<Vec<PgRow>, StoreError> {
    let rows = timeout_at(deadline, query(sql).fetch_all(connection)).await;
    Ok(rows.map_err(|_| StoreError::late("for a statement"))??)
}

fn query(sql: Sql) -> Query<'static, sqlx::Postgres, PgArguments> {
    let (text, args) = sql.into_parts();
    let mut query = sqlx::query(AssertSqlSafe(text));
    for arg in args {
        query = match arg {
            Arg::Int(value) => query.bind(value),
            Arg::Real(value) => query.bind(value),
            Arg::Text(value) => query.bind(value),
            Arg::Json(json) => query.bind(json.get().to_owned()),
        };
    }
    query
}

fn read_all<T: Record>(rows: &[PgRow]) -> Result<Vec<T>, StoreError> {
    rows.iter().map(|row| T::read(&Columns::Postgres(row))).collect()
}
