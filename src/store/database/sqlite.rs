//! SQLite: one connection that writes, a few that read.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{CachedStatement, Connection, OpenFlags, Rows};
use tokio::time::{Instant, sleep};

use super::{
    super::{
        StoreError, StoreOptions,
        error::LOCKED,
        sql::{Columns, Record, Sql},
    },
    pool::Pool,
    writer::Writer,
};

/// Earlier versions can lose a committed transaction: the "WAL reset" defect, <https://sqlite.org/wal.html>.
const OLDEST: i32 = 3_051_003;

/// Statements kept prepared per connection; every shape that the store uses fits.
const STATEMENTS: usize = 256;

/// A database file in WAL mode.
pub struct Sqlite {
    path: PathBuf,
    writer: Writer,
    readers: Pool<Connection>,
}

impl Sqlite {
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        check_version(rusqlite::version_number(), rusqlite::version())?;
        let path = path(&options.url)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|error| {
                StoreError::Unusable(format!("cannot make the directory {}: {error}", folder.display()))
            })?;
        }
        let connection = connect(&path, options.transaction_timeout)?;
        // synchronous=FULL: an acknowledged change survives the loss of power. A checkpoint at 4,000 pages
        // instead of 1,000 writes the pages that every commit touches, the roots' heads, less often.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
             PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -32768;",
        )?;
        if let Some(bytes) = options.max_bytes {
            let page: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
            let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page.max(1);
            connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
        }
        connection.busy_timeout(Duration::ZERO)?;
        let readers = Pool::new(options.max_connections.saturating_sub(1));
        Ok(Self { path, writer: Writer::new(connection), readers })
    }

    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// A short read runs where it is: it takes some microseconds, the way to another thread and back ten times
    /// as long. A bulky one goes to a thread of its own.
    pub async fn read<T: Record>(&self, sql: Sql, deadline: Instant) -> Result<Vec<T>, StoreError> {
        let (lease, open) = self.readers.acquire(deadline).await?;
        let mut connection = match open {
            Some(connection) => connection,
            None => self.reader()?,
        };
        if sql.is_bulk() {
            let wait = deadline.saturating_duration_since(Instant::now());
            let work = tokio::task::spawn_blocking(move || {
                // Here nobody is held up, so that SQLite itself may wait for a lock.
                connection.busy_timeout(wait)?;
                let rows = rows(&connection, &sql);
                connection.busy_timeout(Duration::ZERO)?;
                lease.give_back(connection);
                rows
            });
            return match tokio::time::timeout_at(deadline, work).await {
                Ok(Ok(rows)) => rows,
                Ok(Err(stopped)) => Err(StoreError::Unavailable(stopped.to_string())),
                Err(_) => Err(StoreError::late("for a read")),
            };
        }
        let held = &mut connection;
        let rows = retry_busy(deadline, move || rows(held, &sql)).await;
        lease.give_back(connection);
        rows
    }

    fn reader(&self) -> Result<Connection, StoreError> {
        let connection = connect(&self.path, Duration::ZERO)?;
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -8192;")?;
        Ok(connection)
    }

    pub async fn close(&self, deadline: Instant) {
        self.readers.close();
        self.writer.close(deadline).await;
    }
}

fn check_version(number: i32, name: &str) -> Result<(), StoreError> {
    if number < OLDEST {
        return Err(StoreError::Unusable(format!(
            "SQLite {name} is too old: versions before 3.51.3 can lose committed changes; build Fanfare with the bundled SQLite"
        )));
    }
    Ok(())
}

/// The file of `sqlite:PATH` or `sqlite://PATH`.
fn path(url: &str) -> Result<PathBuf, StoreError> {
    let rest = url.strip_prefix("sqlite:").unwrap_or(url);
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    if rest.is_empty() || rest.starts_with(":memory:") || rest.contains('?') {
        return Err(StoreError::Unusable(format!(
            "'{url}' names no file; write sqlite: and the file's path, for example sqlite:./data/fanfare.db"
        )));
    }
    Ok(rest.into())
}

fn connect(path: &Path, busy: Duration) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Runs a statement and reads its rows.
pub fn rows<T: Record>(connection: &Connection, sql: &Sql) -> Result<Vec<T>, StoreError> {
    let mut statement = prepare(connection, sql)?;
    let mut rows: Rows<'_> = statement.raw_query();
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(T::read(&Columns::Sqlite(row))?);
    }
    Ok(records)
}

/// Runs a statement that returns no rows.
pub fn execute(connection: &Connection, sql: &Sql) -> Result<u64, StoreError> {
    Ok(prepare(connection, sql)?.raw_execute()? as u64)
}

fn prepare<'c>(connection: &'c Connection, sql: &Sql) -> Result<CachedStatement<'c>, StoreError> {
    let mut statement = connection.prepare_cached(sql.text())?;
    // SQLite numbers `$2` by where it first stands in the text, not by its name.
    for index in 1..=statement.parameter_count() {
        let number: Option<usize> =
            statement.parameter_name(index).and_then(|name| name.get(1..)?.parse().ok());
        let arg = number.and_then(|number| sql.args().get(number.checked_sub(1)?));
        let arg =
            arg.ok_or_else(|| StoreError::Database(format!("argument {index} is missing: {}", sql.text())))?;
        statement.raw_bind_parameter(index, arg)?;
    }
    Ok(statement)
}

/// Repeats what another connection's lock prevents, until the deadline, without holding a thread.
pub async fn retry_busy<T>(
    deadline: Instant,
    mut attempt: impl FnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut pause = Duration::from_millis(1);
    loop {
        match attempt() {
            Err(StoreError::Unavailable(why)) if why == LOCKED => {
                if Instant::now() + pause >= deadline {
                    return Err(StoreError::Unavailable(why));
                }
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(25));
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_that_can_lose_commits_is_refused_by_name() {
        let error = check_version(3_051_002, "3.51.2").unwrap_err();
        assert!(
            matches!(&error, StoreError::Unusable(text) if text.contains("3.51.2") && text.contains("3.51.3"))
        );
        check_version(rusqlite::version_number(), rusqlite::version()).unwrap();
    }

    #[test]
    fn urls_name_files() {
        assert_eq!(path("sqlite:./data/fanfare.db").unwrap(), Path::new("./data/fanfare.db"));
        assert_eq!(path("sqlite:///var/lib/f.db").unwrap(), Path::new("/var/lib/f.db"));
        assert!(path("sqlite::memory:").is_err());
        assert!(path("sqlite:").is_err());
    }
}
