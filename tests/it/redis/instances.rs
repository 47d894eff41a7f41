//! Whole instances on one database and one Redis, through their clients.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{app::TestApp, certificates::Certificates, postgres, redis::Redis, world::SmallWorld};

/// Two instances that share everything.
async fn pair(redis_flags: &[&str], database: &str) -> (TestApp, TestApp) {
    let flags = [&["--database-url", database, "--head-check-interval", "5s"], redis_flags].concat();
    let (first, second) = (TestApp::with(&flags).await, TestApp::with(&flags).await);
    for app in [&first, &second] {
        app.until(async || bus(app).await == "ok").await;
    }
    (first, second)
}

/// What an instance says about its bus; it has to be ready either way.
async fn bus(app: &TestApp) -> String {
    let report: Value = app.get("ops", "/readyz").await;
    let parts = report["parts"].as_array().unwrap();
    let bus = parts.iter().find(|part| part["name"] == "bus").unwrap_or_else(|| panic!("{report}"));
    bus["state"].as_str().unwrap().to_owned()
}

async fn events_cross_in_order(database: &str, redis_flags: &[&str]) {
    let (here, there) = pair(redis_flags, database).await;
    let world = SmallWorld::new(&here).await;
    let room = world.campaign_room();
    let mut ben = there.connect("ben").await;
    let mut ada = here.connect("ada").await;
    let start = ben.subscribe(&room).await["offset"].as_u64().unwrap();
    ada.subscribe(&room).await;
    for turn in 0..10 {
        // Both instances write.
        world.rename(if turn % 2 == 0 { &here } else { &there }, &format!("Town {turn}")).await;
    }
    let mut seen = Vec::new();
    for turn in 0..10 {
        let (at_ben, at_ada) = (ben.event("settlement_updated").await, ada.event("settlement_updated").await);
        assert_eq!(at_ben, at_ada);
        assert_eq!(at_ben["payload"]["settlementData"]["name"], format!("Town {turn}"));
        seen.push(at_ben["offsets"][&room].as_u64().unwrap());
    }
    assert_eq!(seen, (start + 1..=start + 10).collect::<Vec<_>>());
    world.remove_member(&here, "ben").await;
    assert_eq!(ben.event("unsubscribed").await["code"], "membership_revoked");
}

// req: T11 N33 I5 I8
#[tokio::test]
async fn two_instances_on_postgres_show_the_same() {
    let Some(redis) = Redis::start("two_instances_on_postgres") else { return };
    let Some(server) = postgres::shared("two_instances_on_postgres") else { return };
    let database = server.database().await.unwrap();
    events_cross_in_order(&database, &["--redis-url", &redis.url()]).await;
}

/// In development two instances on one machine may share an SQLite file: one writer at a time, like any two programs.
#[tokio::test]
async fn two_instances_on_one_sqlite_file_show_the_same() {
    let Some(redis) = Redis::start("two_instances_on_one_sqlite_file") else { return };
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("shared.db").display());
    events_cross_in_order(&database, &["--redis-url", &redis.url()]).await;
}

// req: T11 N12
#[tokio::test]
async fn over_tls_by_an_authority_of_ones_own() {
    let certificates = Certificates::new();
    let Some(redis) = Redis::over_tls("over_tls", &certificates) else { return };
    let Some(server) = postgres::Server::start("over_tls") else { return };
    server.offer_tls(&certificates);
    let (url, ca) = (format!("rediss://localhost:{}", redis.port()), certificates.ca().display().to_string());
    let database = server.database().await.unwrap().replace("127.0.0.1", "localhost");
    let database = database.replace("sslmode=disable", &format!("sslmode=verify-full&sslrootcert={ca}"));
    events_cross_in_order(&database, &["--redis-url", &url, "--redis-ca", &ca]).await;
    // An authority that nobody trusts is no connection, and no reason to end.
    let app = TestApp::with(&["--redis-url", &url]).await;
    assert_eq!((bus(&app).await.as_str(), app.status("/readyz").await), ("degraded", 200));
}

// req: N12 T01 T21 N36
#[tokio::test]
async fn without_its_redis_an_instance_is_degraded_and_ready() {
    let Some(redis) = Redis::start("without_its_redis_an_instance_is_degraded") else { return };
    redis.kill();
    let app = TestApp::with(&["--redis-url", &redis.url()]).await;
    assert_eq!(bus(&app).await, "degraded");
    let world = SmallWorld::new(&app).await;
    let mut ben = app.connect("ben").await;
    ben.subscribe(&world.campaign_room()).await;
    world.rename(&app, "Alone").await;
    assert_eq!(ben.event("settlement_updated").await["payload"]["settlementData"]["name"], "Alone");
    assert_eq!(app.metric("bus_degraded").await, 1.0);
    assert!(redis.run());
    app.until(async || bus(&app).await == "ok").await;
    assert_eq!((app.metric("bus_degraded").await, app.metric("bus_connected").await), (0.0, 1.0));
    world.rename(&app, "Together").await;
    ben.event("settlement_updated").await;
    app.until(async || app.metric("bus_publish_total").await >= 1.0).await;
    assert_eq!(json!(app.status("/readyz").await), 200);
}

/// A Redis that answers in clear text where TLS was asked for is an outage like any other, told and survived.
#[tokio::test]
async fn a_redis_without_the_tls_that_was_asked_for_is_not_used() {
    let Some(redis) = Redis::start("a_redis_without_the_tls") else { return };
    let url = redis.url().replacen("redis://", "rediss://", 1);
    let app = TestApp::with(&["--redis-url", &url]).await;
    let world = SmallWorld::new(&app).await;
    world.rename(&app, "Plain").await;
    tokio::time::timeout(Duration::from_secs(10), async {
        while redis.command::<String>(&["INFO", "stats"]).contains("total_connections_received:1\r") {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("it tries");
    assert_eq!(bus(&app).await, "degraded");
}
