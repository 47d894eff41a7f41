//! Drill 3: the database fails. Sockets stay, requests are answered `unavailable` in time, and service
//! resumes by itself.

use std::time::Duration;

use fanfare::{
    clock::Clock,
    protocol::Room,
    store::{Store, StoreOptions},
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    cluster::{Cluster, Shape},
    drill::{Bounds, Drill, hold},
    viewer::Step,
};

/// An answer of whatever kind; how long it took.
async fn ask(cluster: &Cluster) -> (Duration, Value) {
    let begun = Instant::now();
    let query = json!({ "query": "{ campaigns { edges { node { id } } } }" });
    let request = cluster.http.post(format!("{}/graphql", cluster.url(0))).bearer_auth(cluster.token("ada"));
    let answer = request.json(&query).send().await.expect("an answer");
    (begun.elapsed(), answer.json().await.unwrap_or_default())
}

// req: N36 T21 I6 I12
#[tokio::test(flavor = "multi_thread")]
async fn drill_3_the_database_fails() {
    // Fewer connections than there are writers on each instance, so that a lock takes all of them.
    let shape = Shape { settings: vec![("FANFARE_DATABASE_POOL_SIZE", "2")], ..Shape::default() };
    let Some(mut drill) = Drill::start("3 postgres", shape, 30, 30).await else { return };
    let healed = Bounds::recovered_within(15);
    drill
        .fault(
            "killed and restarted in mid-transaction",
            healed,
            hold(1_000),
            async |cluster| cluster.postgres.end(Signal::SIGQUIT),
            async |cluster| assert!(cluster.postgres.run(), "PostgreSQL starts again"),
        )
        .await;
    drill
        .fault(
            "SIGSTOP",
            healed,
            hold(5_000),
            async |cluster| {
                stop_all(cluster, Signal::SIGSTOP);
                let (took, answer) = ask(cluster).await;
                assert!(took < Duration::from_secs(6), "{took:?}");
                assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{answer}");
            },
            async |cluster| stop_all(cluster, Signal::SIGCONT),
        )
        .await;
    assert!(drill.viewers.iter().all(|viewer| viewer.record().connections == 1), "the sockets stay");
    the_pool_is_exhausted(&mut drill).await;
    restored_from_an_older_dump(&mut drill).await;
    drill.finish().await;
}

/// The server process and those that serve its connections.
fn stop_all(cluster: &Cluster, signal: Signal) {
    for child in cluster.postgres.children() {
        nix::sys::signal::kill(child, signal).ok();
    }
    cluster.postgres.signal(signal);
}

/// Every connection of the instances waits for a lock that somebody else holds. Readers are answered in
/// time that there is none for them.
async fn the_pool_is_exhausted(drill: &mut Drill) {
    let mut options = StoreOptions::new(&drill.cluster.database_url);
    options.max_connections = 2;
    let other = Store::open(options, Clock::system()).await.expect("the database");
    let mut tx = other.begin().await.expect("a transaction");
    let root = drill.cluster.rooms().iter().find_map(Room::as_root).expect("the campaign");
    tx.lock(&[root]).await.expect("the campaign's lock");
    drill
        .fault(
            "the pools are exhausted: every writer waits for one lock",
            Bounds::recovered_within(10),
            hold(2_000),
            async |cluster| {
                let exhausted = async |cluster: &Cluster| {
                    let (took, answer) = ask(cluster).await;
                    assert!(took < Duration::from_secs(6), "{took:?}: {answer}");
                    answer["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
                };
                cluster.until("nothing is left for a reader", Duration::from_secs(20), exhausted).await;
            },
            async |_| drop(tx),
        )
        .await;
}

/// The database comes back as it was some time ago, with a new epoch: every client is told.
async fn restored_from_an_older_dump(drill: &mut Drill) {
    drill.pause_load().await;
    drill.caught_up(Duration::from_secs(10)).await;
    // A new epoch begins without events, so what was acknowledged is looked up now.
    let (_, findings) = drill.settle_requests().await;
    assert_eq!(findings, [""; 0]);
    let cluster = &drill.cluster;
    let saved = cluster.dump();
    let before = cluster.heads().await;
    // What happens now will be lost.
    for n in 0..5 {
        let lost = "mutation($s: ID!, $n: String!) { updateSettlement(id: $s, input: { name: $n }) { id } }";
        let variables = json!({ "s": cluster.world.settlements[0], "n": format!("lost {n}") });
        cluster.graphql(0, "ada", lost, variables).await;
    }
    drill.caught_up(Duration::from_secs(10)).await;
    let begun = Instant::now();
    drill.cluster.restore(&saved);
    let renewed = drill.cluster.store.renew_epoch().await.expect("a new epoch");
    assert_ne!(renewed.to_string(), before[&drill.cluster.campaign_room()].epoch);
    let recovered = drill.caught_up(Duration::from_secs(15)).await;
    assert!(begun.elapsed() < Duration::from_secs(15));
    for viewer in &drill.viewers {
        for seat in viewer.record().seats.values() {
            let told = seat
                .steps
                .iter()
                .any(|step| matches!(step, Step::Stale(reason) if reason == "epoch_changed"));
            assert!(told, "viewer {} is told that the log is another one", viewer.manner.number);
        }
    }
    // What was shown of the lost part is read again.
    drill.viewers.iter().for_each(|viewer| viewer.record().state.clear());
    drill.note("restored from an older dump, epoch renewed", None, recovered, String::new());
    drill.resume_load(20);
    tokio::time::sleep(hold(1_000)).await;
}
