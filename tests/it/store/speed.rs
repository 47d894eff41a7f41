//! How many durable mutations a second the store takes. Not a part of the suite; to be run alone:
//! `cargo test --release --test it store::speed -- --ignored --nocapture --test-threads=1`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use fanfare::{
    protocol::{Operation, Role, Root},
    store::{NewEvent, Store, StoreOptions, members, settlements, settlements::SettlementRow},
};
use tokio::task::JoinSet;

use super::{Fixture, Raw, origin, settlement_event, user};
use crate::support::postgres;

const CAMPAIGNS: usize = 100;
const PERIOD: Duration = Duration::from_secs(5);

/// What a service does to change a settlement: lock, ask for the role, read, write, record, commit.
async fn mutate(store: &Store, row: &SettlementRow) {
    let mut tx = store.begin().await.unwrap();
    tx.lock(&[Root::Campaign(row.campaign_id)]).await.unwrap();
    assert_eq!(members::role(&mut tx, row.campaign_id, &user("anna")).await.unwrap(), Some(Role::Owner));
    let mut row = settlements::get(&mut tx, row.campaign_id, row.id).await.unwrap().unwrap();
    row.version += 1;
    row.population -= 1;
    settlements::update(&mut tx, &row).await.unwrap();
    tx.record(settlement_event(&row, Operation::Update), &origin("anna")).await.unwrap();
    tx.commit().await.unwrap();
}

async fn rows(fixture: &Fixture) -> Vec<SettlementRow> {
    let mut rows = Vec::new();
    for _ in 0..CAMPAIGNS {
        let campaign = fixture.campaign().await;
        rows.push(fixture.settlement(campaign).await);
    }
    rows
}

async fn measure(name: &str, fixture: &Fixture, writers: usize) {
    let rows = Arc::new(rows(fixture).await);
    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..writers {
        let (store, rows, next) = (fixture.store.clone(), Arc::clone(&rows), Arc::clone(&next));
        tasks.spawn(async move {
            let mut times = Vec::new();
            while started.elapsed() < PERIOD {
                let n = next.fetch_add(1, Ordering::Relaxed) as usize;
                let before = Instant::now();
                mutate(&store, &rows[n % rows.len()]).await;
                times.push(before.elapsed());
            }
            times
        });
    }
    let mut times: Vec<Duration> = tasks.join_all().await.into_iter().flatten().collect();
    let rate = times.len() as f64 / started.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    println!("{name}, {writers} writers: {rate:.0} mutations/s, p50 {:?}, p99 {:?}", at(0.5), at(0.99));
}

async fn measure_batches(name: &str, fixture: &Fixture) {
    let rows = rows(fixture).await;
    let started = Instant::now();
    let mut events = 0;
    while started.elapsed() < PERIOD {
        let new = |n: usize| NewEvent {
            id: format!("{events}-{n}").parse().unwrap(),
            event: settlement_event(&rows[n % rows.len()], Operation::Update),
            origin: origin("rules"),
        };
        let mut tx = fixture.store.begin().await.unwrap();
        tx.record_all((0..500).map(new).collect()).await.unwrap();
        tx.commit().await.unwrap();
        events += 500;
    }
    println!("{name}, batches of 500: {:.0} events/s", events as f64 / started.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn sqlite() {
    let fixture = Fixture::sqlite().await;
    for writers in [1, 8, 64] {
        measure("SQLite", &fixture, writers).await;
    }
    measure_batches("SQLite", &fixture).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn postgres() {
    let Some(server) = postgres::shared("the speed on PostgreSQL") else { return };
    let options = StoreOptions { max_connections: 16, ..StoreOptions::new(server.database().await.unwrap()) };
    let fixture = Fixture::open(options, Raw::Postgres, None).await;
    for writers in [1, 16] {
        measure("PostgreSQL", &fixture, writers).await;
    }
    measure_batches("PostgreSQL", &fixture).await;
}
