//! What instances know of each other's users when their Redis is a cluster, or a master that sentinels name.

use serde_json::json;

use super::cluster::{Instances, refused, until_refused, watch, watching};
use crate::support::{
    app::TestApp,
    topologies::{RedisCluster, Sentinels},
    world::SmallWorld,
};

const LIMIT: &[&str] = &["--max-connections-per-user", "2"];

/// Who is present, how many connections somebody has, and who is out: across the two.
async fn users_are_known_on_both(instances: &Instances) {
    let (here, there) = (&instances.here, &instances.there);
    let world = SmallWorld::new(here).await;
    let room = world.campaign_room();

    let mut ada = watching(there, "ada", &room).await;
    let mut ben = here.connect("ben").await;
    ben.subscribe(&room).await;
    assert_eq!(ada.event("presence").await, json!({ "room": room, "joined": ["ben"] }));
    // A first list does not wait for a slow Redis: who is missing in it is told as soon as it answers.
    if watch(&mut ben, &room).await["members"] != json!(["ada", "ben"]) {
        assert_eq!(ben.event("presence").await, json!({ "room": room, "joined": ["ada"] }));
    }

    let second = there.connect("ben").await;
    // Two on two instances are two.
    until_refused(here, "ben").await;
    until_refused(there, "ben").await;
    second.cut();
    here.until(async || !refused(here, "ben").await).await;

    let admin = here.token_with_scope("root", "admin");
    assert_eq!(there.post(&admin, "/api/users/ben/revoke", &json!({})).await.0, 200);
    ben.closed().await;
    assert_eq!(ada.event("presence").await, json!({ "room": room, "left": ["ben"] }));
}

/// Every room, user and instance has keys at a node of its own.
// req: B21 T11 T25 I8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_cluster() {
    let test = "users_in_a_cluster";
    let Some(cluster) = RedisCluster::start(test).await else { return };
    let Some(instances) = Instances::over(&cluster.url(), test, LIMIT).await else { return };
    users_are_known_on_both(&instances).await;
    assert!(cluster.keys("fanfare:*") > 0);
}

/// The next master knows nothing that the first had not told it, and is told again.
// req: B21 T11 T25 I6
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_sentinels_before_and_after_a_failover() {
    let test = "users_behind_sentinels";
    let Some(sentinels) = Sentinels::start(test).await else { return };
    let Some(instances) = Instances::over(&sentinels.url(), test, LIMIT).await else { return };
    let (here, there) = (&instances.here, &instances.there);
    let world = SmallWorld::new(here).await;
    let room = world.campaign_room();
    let mut ada = watching(there, "ada", &room).await;
    let degraded = async |app: &TestApp| app.metric("bus_degraded").await == 1.0;

    sentinels.master.kill();
    here.until(async || degraded(here).await && degraded(there).await).await;
    let mut ben = here.connect("ben").await;
    ben.subscribe(&room).await;
    let role = || sentinels.replica.command::<String>(&["INFO", "replication"]);
    here.until(async || role().contains("role:master")).await;
    instances.carried().await;
    // Came without Redis, and is known on the other instance after it.
    assert_eq!(ada.event("presence").await, json!({ "room": room, "joined": ["ben"] }));
    ada.cut();
    ben.cut();
    let leases = || sentinels.replica.command::<Vec<String>>(&["KEYS", "fanfare:connections:*"]);
    here.until(async || leases().is_empty()).await;
    users_are_known_on_both(&instances).await;
}
