//! Databases for tests: each test has one of its own.

use std::sync::Arc;

use fanfare::{
    clock::Clock,
    store::{Store, StoreOptions},
};
use tempfile::TempDir;

use super::postgres::Server;

/// A new, empty database, gone with the value.
pub struct Database {
    url: String,
    /// What the database lives in.
    _place: Place,
}

enum Place {
    Folder { _folder: TempDir },
    Server { _server: Arc<Server> },
}

impl Database {
    /// A new SQLite file.
    pub fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite:{}", folder.path().join("fanfare.db").display());
        Self { url, _place: Place::Folder { _folder: folder } }
    }

    /// A new database in this server.
    pub async fn postgres(server: &Arc<Server>) -> Self {
        let url = server.database().await.unwrap();
        Self { url, _place: Place::Server { _server: Arc::clone(server) } }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A store over it, with the tables.
    pub async fn store(&self, clock: Clock) -> Store {
        let store = Store::open(StoreOptions::new(&self.url), clock).await.unwrap();
        store.migrate().await.unwrap();
        store
    }
}
