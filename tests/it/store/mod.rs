//! The store, on SQLite and on PostgreSQL: one suite for both.
//!
//! A case is an async function that takes a [`Fixture`]; `cases!` at the end of its file makes it a test on
//! SQLite and a part of `every_case_on_postgres`, which starts one server for all of them.

mod doctor;
mod faults;
mod log;
mod requests;
mod retention;
mod speed;
mod tables;

use std::{path::PathBuf, pin::Pin, time::Duration};

use fanfare::{
    clock::{Clock, ManualClock},
    protocol::{
        CampaignId, EntityKind, EntityUpdated, Event, MembershipChanged, Metadata, Operation, Role,
        SettlementId, SettlementUpdated, StructureId, StructureUpdated, Timestamp, UserId,
    },
    store::{
        Store, StoreError, StoreOptions, Tx, campaigns, campaigns::CampaignRow, members, settlements,
        settlements::SettlementRow, structures, structures::StructureRow,
    },
};
use tempfile::TempDir;

use crate::support::postgres;

/// An empty, migrated database.
pub struct Fixture {
    pub store: Store,
    pub clock: Clock,
    pub hand: ManualClock,
    pub options: StoreOptions,
    raw: Raw,
    _folder: Option<TempDir>,
}

enum Raw {
    Sqlite(PathBuf),
    Postgres,
}

type Case = (&'static str, fn(Fixture) -> Pin<Box<dyn Future<Output = ()> + Send>>);

macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        pub const CASES: &[crate::store::Case] = &[$((stringify!($name), |fixture| Box::pin($name(fixture)))),*];

        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(crate::store::Fixture::sqlite().await).await;
                }
            )*
        }
    };
}
pub(crate) use cases;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_on_postgres() {
    let Some(server) = postgres::shared("the store on PostgreSQL") else { return };
    let files = [log::CASES, requests::CASES, retention::CASES, doctor::CASES, tables::CASES];
    for (name, case) in files.concat() {
        let fixture =
            Fixture::open(StoreOptions::new(server.database().await.unwrap()), Raw::Postgres, None).await;
        let store = fixture.store.clone();
        let started = std::time::Instant::now();
        if let Err(failed) = tokio::spawn(case(fixture)).await {
            panic!("{name} on PostgreSQL: {failed}");
        }
        println!("{name} on PostgreSQL: {:?}", started.elapsed());
        store.close().await;
    }
}

impl Fixture {
    pub async fn sqlite() -> Self {
        Self::sqlite_with(|_| {}).await
    }

    pub async fn sqlite_with(change: impl FnOnce(&mut StoreOptions)) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("test.db");
        let mut options = StoreOptions::new(format!("sqlite:{}", path.display()));
        change(&mut options);
        Self::open(options, Raw::Sqlite(path), Some(folder)).await
    }

    async fn open(options: StoreOptions, raw: Raw, folder: Option<TempDir>) -> Self {
        let (clock, hand) = Clock::manual("2026-11-20T10:15:30.123Z".parse().unwrap());
        let store = Store::open(options.clone(), clock.clone()).await.unwrap();
        store.migrate().await.unwrap();
        Self { store, clock, hand, options, raw, _folder: folder }
    }

    /// A second store on the same database, as another instance has it.
    pub async fn another(&self) -> Store {
        Store::open(self.options.clone(), self.clock.clone()).await.unwrap()
    }

    /// Changes the database behind the store's back, constraints between tables not checked.
    pub async fn script(&self, sql: &str) {
        match &self.raw {
            Raw::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path).unwrap();
                connection.execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}")).unwrap();
            }
            Raw::Postgres => {
                use sqlx::Connection;
                let mut connection = sqlx::PgConnection::connect(&self.options.url).await.unwrap();
                let sql = format!("SET session_replication_role = replica; {sql}");
                sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }

    /// Waits until a transaction waits for a row that another one holds. On SQLite a transaction waits for
    /// its turn instead, in which nothing of it has happened yet.
    pub async fn until_somebody_waits(&self) {
        match self.raw {
            Raw::Sqlite(_) => {}
            Raw::Postgres => postgres::until_somebody_waits(&self.options.url).await,
        }
    }

    /// Every row of every table, as text: what must be equal when nothing may have changed.
    pub async fn contents(&self) -> Vec<String> {
        let tables = [
            "rooms",
            "events",
            "event_rooms",
            "requests",
            "campaigns",
            "members",
            "settlements",
            "structures",
        ];
        let mut contents = Vec::new();
        for table in tables {
            match &self.raw {
                Raw::Sqlite(path) => {
                    let connection = rusqlite::Connection::open(path).unwrap();
                    let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
                    let columns = statement.column_count();
                    let mut rows = statement.query([]).unwrap();
                    while let Some(row) = rows.next().unwrap() {
                        let row: Vec<_> =
                            (0..columns).map(|n| row.get_unwrap::<_, rusqlite::types::Value>(n)).collect();
                        contents.push(format!("{table} {row:?}"));
                    }
                }
                Raw::Postgres => {
                    use sqlx::Connection;
                    let mut connection = sqlx::PgConnection::connect(&self.options.url).await.unwrap();
                    let sql = sqlx::AssertSqlSafe(format!("SELECT ROW(t.*)::text FROM {table} t"));
                    let rows: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap();
                    contents.extend(rows.into_iter().map(|row| format!("{table} {row}")));
                    connection.close().await.unwrap();
                }
            }
        }
        contents.sort();
        contents
    }

    /// Fails with what the doctor finds.
    pub async fn assert_sound(&self) {
        assert_eq!(self.store.doctor().await.unwrap(), []);
    }

    /// A campaign with `anna` as its owner, told to its log.
    pub async fn campaign(&self) -> CampaignId {
        let id = CampaignId::from_uuid(self.clock.uuid());
        let mut tx = self.store.begin().await.unwrap();
        campaigns::insert(&mut tx, &campaign_row(id)).await.unwrap();
        members::put(&mut tx, id, &user("anna"), Role::Owner).await.unwrap();
        tx.record(campaign_event(id, Operation::Create, 1), &origin("anna")).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// A settlement of the campaign, told to the log.
    pub async fn settlement(&self, campaign: CampaignId) -> SettlementRow {
        let row = settlement_row(campaign, SettlementId::from_uuid(self.clock.uuid()));
        let mut tx = self.store.begin().await.unwrap();
        settlements::insert(&mut tx, &row).await.unwrap();
        tx.record(settlement_event(&row, Operation::Create), &origin("anna")).await.unwrap();
        tx.commit().await.unwrap();
        row
    }

    /// A structure of the settlement, told to the log.
    pub async fn structure(&self, settlement: &SettlementRow) -> StructureRow {
        let row = structure_row(settlement, StructureId::from_uuid(self.clock.uuid()));
        let mut tx = self.store.begin().await.unwrap();
        structures::insert(&mut tx, &row).await.unwrap();
        tx.record(structure_event(&row, Operation::Create), &origin("anna")).await.unwrap();
        tx.commit().await.unwrap();
        row
    }
}

pub fn user(name: &str) -> UserId {
    name.parse().unwrap()
}

pub fn origin(name: &str) -> Metadata {
    Metadata { user_id: user(name), source: "api".into(), correlation_id: "c-1".into(), request_id: None }
}

pub fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn campaign_row(id: CampaignId) -> CampaignRow {
    CampaignRow {
        id,
        name: "Älmark".into(),
        description: "A \"quiet\" valley".into(),
        world_time: instant("1200-01-01T00:00:00Z"),
        version: 1,
    }
}

pub fn settlement_row(campaign_id: CampaignId, id: SettlementId) -> SettlementRow {
    let variables = serde_json::json!({ "mood": "glad", "walls": [1, 2.5, null] });
    SettlementRow {
        campaign_id,
        id,
        name: "Fjordheim".into(),
        level: 3,
        population: 9_007_199_254_740_991,
        x: -12.5,
        y: 1e-3,
        variables: variables.as_object().cloned().unwrap(),
        version: 1,
    }
}

pub fn structure_row(settlement: &SettlementRow, id: StructureId) -> StructureRow {
    StructureRow {
        campaign_id: settlement.campaign_id,
        settlement_id: settlement.id,
        id,
        name: "Gate".into(),
        kind: "wall".into(),
        level: 1,
        completes_at: None,
        finished: false,
        variables: serde_json::Map::new(),
        version: 1,
    }
}

pub fn campaign_event(id: CampaignId, operation: Operation, version: u64) -> Event {
    Event::EntityUpdated(EntityUpdated {
        entity_type: EntityKind::Campaign,
        entity_id: id.to_string(),
        campaign_id: id,
        operation,
        version,
        changed_fields: vec!["name".into()],
        entity_data: None,
    })
}

pub fn settlement_event(row: &SettlementRow, operation: Operation) -> Event {
    Event::SettlementUpdated(SettlementUpdated {
        settlement_id: row.id,
        campaign_id: row.campaign_id,
        operation,
        version: row.version,
        changed_fields: vec!["name".into()],
        settlement_data: None,
    })
}

pub fn structure_event(row: &StructureRow, operation: Operation) -> Event {
    Event::StructureUpdated(StructureUpdated {
        structure_id: row.id,
        settlement_id: row.settlement_id,
        campaign_id: row.campaign_id,
        operation,
        version: row.version,
        changed_fields: vec![],
        structure_data: None,
    })
}

pub fn membership_event(campaign_id: CampaignId, name: &str, role: Option<Role>) -> Event {
    Event::MembershipChanged(MembershipChanged { campaign_id, user_id: user(name), role })
}

/// Commits one event of the campaign itself.
pub async fn commit_one(
    store: &Store,
    campaign: CampaignId,
) -> Result<fanfare::store::Committed, StoreError> {
    let mut tx: Tx = store.begin().await?;
    tx.record(campaign_event(campaign, Operation::Update, 2), &origin("anna")).await?;
    tx.commit().await
}

/// A limit for what must come; a test that waits longer has failed.
pub const SOON: Duration = Duration::from_secs(30);
