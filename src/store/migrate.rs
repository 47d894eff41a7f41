//! Brings the schema up to this program's.
//!
//! A migration is a file that is never changed after it was released; the next change of the schema is the
//! next file. Its text is kept with its number, so that a database made by another text is recognized.

use std::time::Duration;

use super::{
    Store, StoreError,
    database::Kind,
    sql::{Columns, Record, Sql},
};

/// Every migration, oldest first; its number is its place, from 1.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_log.sql"),
    include_str!("migrations/0002_world.sql"),
    include_str!("migrations/0003_revocations.sql"),
];

/// How long all of it may take. A later migration may have to rewrite a large table.
const LIMIT: Duration = Duration::from_secs(600);

/// Two processes that start at once must not both migrate; the type exists on PostgreSQL only, where a text would
/// otherwise be compared by the rules of the database's language. SQLite sees TEXT in its name.
const PREPARE_POSTGRES: &str = "
    SELECT pg_advisory_xact_lock(7021790842001);
    SET LOCAL statement_timeout = 0;
    DO $$ BEGIN CREATE DOMAIN text_key AS TEXT COLLATE \"C\"; EXCEPTION WHEN duplicate_object THEN NULL; END $$;";

struct Applied {
    number: i64,
    text: String,
}

impl Record for Applied {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { number: columns.int(0)?, text: columns.text(1)?.to_owned() })
    }
}

impl Store {
    /// Brings the schema up to this program's. Harmless to repeat and to run at once in several processes.
    ///
    /// # Errors
    /// `Unusable` when the database was migrated by a newer or a different program.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let mut tx = self.begin_within(LIMIT).await?;
        let turn = tx.turn()?;
        turn.postgres_script(PREPARE_POSTGRES).await?;
        turn.script(
            "CREATE TABLE IF NOT EXISTS migrations (
                 number BIGINT NOT NULL PRIMARY KEY, text TEXT NOT NULL, applied_at BIGINT NOT NULL)",
        )
        .await?;
        let applied: Vec<Applied> =
            turn.rows(Kind::Read, Sql::new("SELECT number, text FROM migrations ORDER BY number")).await?;
        check(&applied)?;
        let now = self.now();
        for (place, text) in MIGRATIONS.iter().enumerate().skip(applied.len()) {
            turn.script(text).await?;
            let insert = Sql::new("INSERT INTO migrations (number, text, applied_at) VALUES ($1, $2, $3)");
            turn.execute(insert.bind(place as i64 + 1).bind(*text).bind(now)).await?;
        }
        let first =
            Sql::new("INSERT INTO meta (name, value) VALUES ('epoch', $1) ON CONFLICT (name) DO NOTHING");
        turn.execute(first.bind(self.new_epoch()?)).await?;
        tx.commit().await?;
        self.refresh_epoch().await?;
        Ok(())
    }

    /// Whether the database answers and has this program's schema.
    ///
    /// # Errors
    /// `Unavailable` when it does not answer, `Unusable` when it has another schema.
    pub async fn check_ready(&self) -> Result<(), StoreError> {
        let newest: Vec<i64> = self.read(Sql::new("SELECT COALESCE(MAX(number), 0) FROM migrations")).await?;
        match newest.first().copied().unwrap_or(0).cmp(&(MIGRATIONS.len() as i64)) {
            std::cmp::Ordering::Less => Err(StoreError::Unusable("the database must be migrated".into())),
            std::cmp::Ordering::Equal => self.refresh_epoch().await.map(drop),
            std::cmp::Ordering::Greater => Err(newer()),
        }
    }
}

fn check(applied: &[Applied]) -> Result<(), StoreError> {
    if applied.len() > MIGRATIONS.len() {
        return Err(newer());
    }
    for (place, (applied, ours)) in applied.iter().zip(MIGRATIONS).enumerate() {
        if applied.number != place as i64 + 1 || applied.text != *ours {
            return Err(StoreError::Unusable(format!(
                "migration {} of the database is not the one of this program",
                applied.number
            )));
        }
    }
    Ok(())
}

fn newer() -> StoreError {
    StoreError::Unusable("the database was migrated by a newer version of this program".into())
}
