//! What a store can be told at its opening.

use std::time::Duration;

/// Where the database is and how long it may take. The defaults keep every answer below 5 seconds.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// `sqlite:PATH` (the file and its directory are made when missing) or `postgres://…`.
    pub url: String,
    /// Connections of this process, reading ones included; at least 2.
    pub max_connections: u32,
    /// How long one read outside a transaction may take, the wait for a connection included.
    pub read_timeout: Duration,
    /// How long a transaction may take from its `begin` to the end of its `commit`, every wait included.
    pub transaction_timeout: Duration,
    /// SQLite only: the size in bytes beyond which the database file does not grow. Writes that need more fail
    /// as on a full disk. `None` for as large as the disk allows.
    pub max_bytes: Option<u64>,
}

impl StoreOptions {
    /// The defaults: 10 connections, 2 s for a read, 2.5 s for a transaction.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 10,
            read_timeout: Duration::from_millis(2_000),
            transaction_timeout: Duration::from_millis(2_500),
            max_bytes: None,
        }
    }
}
