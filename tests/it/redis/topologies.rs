//! A cluster and a master watched by sentinels, made of plain server processes.

use std::{process::Command, sync::Arc, time::Duration};

use fanfare::{bus::BusHealth, hub::HubOptions, protocol::Root};
use tokio::time::{Instant, sleep};

use crate::support::{
    hub::{Carrier, Fixture, Recorder, until_health},
    redis::Redis,
};

/// Three masters that share the slots.
async fn cluster(test: &str) -> Option<Vec<Redis>> {
    let flags = [
        "--cluster-enabled",
        "yes",
        "--cluster-node-timeout",
        "1000",
        "--cluster-require-full-coverage",
        "no",
    ];
    let nodes: Vec<Redis> = (0..3).map(|_| Redis::with(test, &flags)).collect::<Option<_>>()?;
    let addresses: Vec<String> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
    let mut make = Command::new("redis-cli");
    make.args(["--cluster", "create"]).args(&addresses).args(["--cluster-replicas", "0", "--cluster-yes"]);
    let made = make.output().expect("redis-cli");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    for node in &nodes {
        until(|| node.command::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok")).await;
    }
    Some(nodes)
}

async fn until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "it did not become so in time");
        sleep(Duration::from_millis(20)).await;
    }
}

// req: T11 I5 I6
#[tokio::test]
async fn a_cluster_carries_every_root_over_one_of_its_nodes() {
    let Some(nodes) = cluster("a_cluster_carries").await else { return };
    let hosts: Vec<String> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
    let url = format!("redis+cluster://{}", hosts.join(","));
    let carrier = Carrier::between(&url, &url).await;
    let (hub, publisher) = (carrier.hub.clone(), carrier.publisher.clone());
    let fixture = Fixture::over(carrier, HubOptions::default()).await;
    let ada = Recorder::new("ada");
    fixture.join(&ada, None).await.unwrap();
    let channel = format!("test:{}", Root::Campaign(fixture.campaign));
    let owners = |nodes: &[Redis]| -> Vec<u64> {
        nodes
            .iter()
            .map(|node| node.command::<(String, u64)>(&["PUBSUB", "SHARDNUMSUB", &channel]).1)
            .collect()
    };
    assert_eq!(owners(&nodes).iter().sum::<u64>(), 1, "one node has the subscription");
    fixture.commit(200).await;
    assert_eq!(ada.until_event(201).await, (2..=201).collect::<Vec<_>>());

    // The node that carries this root dies: the probe through every node sees it, the head check brings the events.
    tokio::spawn(fixture.hub.clone().check_heads());
    let owner = owners(&nodes).iter().position(|count| *count == 1).unwrap();
    nodes[owner].kill();
    fixture.commit(1).await;
    let committed = Instant::now();
    ada.until_event(202).await;
    println!("a dead node: its roots' events arrive after {:?}", committed.elapsed());
    assert!(committed.elapsed() < Duration::from_secs(1), "{:?}", committed.elapsed());
    until_health(hub.as_ref(), BusHealth::Degraded).await;
    assert!(nodes[owner].run());
    let back = Instant::now();
    until_health(hub.as_ref(), BusHealth::Sound).await;
    until_health(publisher.as_ref(), BusHealth::Sound).await;
    println!("a dead node: healed {:?} after its return", back.elapsed());
    fixture.commit(5).await;
    assert_eq!(ada.until_event(207).await, (2..=207).collect::<Vec<_>>());
    assert_eq!(owners(&nodes)[owner], 1, "subscribed at the node again");
}

// req: T11 I6
#[tokio::test]
async fn sentinels_name_the_master_and_the_next_one_after_it() {
    let test = "sentinels_name_the_master";
    let Some(master) = Redis::start(test) else { return };
    let port = master.port().to_string();
    let replica = Redis::with(test, &["--replicaof", "127.0.0.1", &port]).unwrap();
    until(|| replica.command::<String>(&["INFO", "replication"]).contains("master_link_status:up")).await;
    let sentinels: Vec<Redis> = (0..3).map(|_| Redis::with(test, &["--sentinel"]).unwrap()).collect();
    for sentinel in &sentinels {
        sentinel.command::<()>(&["SENTINEL", "MONITOR", "main", "127.0.0.1", &port, "2"]);
        sentinel.command::<()>(&["SENTINEL", "SET", "main", "down-after-milliseconds", "500"]);
        sentinel.command::<()>(&["SENTINEL", "SET", "main", "failover-timeout", "2000"]);
    }
    for sentinel in &sentinels {
        until(|| {
            let state: Vec<String> = sentinel.command(&["SENTINEL", "MASTER", "main"]);
            let value = |name: &str| state.chunks(2).find(|pair| pair[0] == name).map(|pair| pair[1].clone());
            value("num-other-sentinels").as_deref() == Some("2")
                && value("num-slaves").as_deref() == Some("1")
        })
        .await;
    }
    let hosts: Vec<String> =
        sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port())).collect();
    let url = format!("redis+sentinel://{}/main", hosts.join(","));
    let carrier = Carrier::between(&url, &url).await;
    let (hub, publisher) = (carrier.hub.clone(), carrier.publisher.clone());
    let fixture = Fixture::over(carrier, HubOptions::default()).await;
    tokio::spawn(fixture.hub.clone().check_heads());
    let ada = Recorder::new("ada");
    fixture.join(&ada, None).await.unwrap();
    let channel = format!("test:{}", Root::Campaign(fixture.campaign));
    fixture.commit(10).await;
    assert_eq!(ada.until_event(11).await, (2..=11).collect::<Vec<_>>());
    assert_eq!((master.subscribers(&channel), replica.subscribers(&channel)), (1, 0));

    let master = Arc::new(master);
    master.kill();
    let died = Instant::now();
    until_health(hub.as_ref(), BusHealth::Degraded).await;
    fixture.commit(1).await;
    ada.until_event(12).await;
    until_health(hub.as_ref(), BusHealth::Sound).await;
    until_health(publisher.as_ref(), BusHealth::Sound).await;
    println!("failover: on the next master {:?} after the death of the first", died.elapsed());
    assert_eq!(replica.subscribers(&channel), 1);
    fixture.commit(5).await;
    assert_eq!(ada.until_event(17).await, (2..=17).collect::<Vec<_>>());
}
