//! A cluster and a master watched by sentinels, made of plain server processes.

use std::time::Duration;

use fanfare::{bus::BusHealth, hub::HubOptions, protocol::Root};
use tokio::time::Instant;

use crate::support::{
    hub::{Carrier, Fixture, Recorder, until_health},
    redis::Redis,
    topologies::{RedisCluster, Sentinels},
};

// req: T11 I5 I6
#[tokio::test]
async fn a_cluster_carries_every_root_over_one_of_its_nodes() {
    let Some(cluster) = RedisCluster::start("a_cluster_carries").await else { return };
    let carrier = Carrier::between(&cluster.url(), &cluster.url()).await;
    let nodes = &cluster.nodes;
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
    assert_eq!(owners(nodes).iter().sum::<u64>(), 1, "one node has the subscription");
    fixture.commit(200).await;
    assert_eq!(ada.until_event(201).await, (2..=201).collect::<Vec<_>>());

    // The node that carries this root dies: the probe through every node sees it, the head check brings the events.
    tokio::spawn(fixture.hub.clone().check_heads());
    let owner = owners(nodes).iter().position(|count| *count == 1).unwrap();
    nodes[owner].kill();
    let mut fastest = Duration::MAX;
    for offset in 202..=204 {
        fixture.commit(1).await;
        let committed = Instant::now();
        ada.until_event(offset).await;
        fastest = fastest.min(committed.elapsed());
    }
    println!("a dead node: its roots' events arrive after {fastest:?}");
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");
    until_health(hub.as_ref(), BusHealth::Degraded).await;
    assert!(nodes[owner].run());
    let back = Instant::now();
    until_health(hub.as_ref(), BusHealth::Sound).await;
    until_health(publisher.as_ref(), BusHealth::Sound).await;
    println!("a dead node: healed {:?} after its return", back.elapsed());
    fixture.commit(5).await;
    assert_eq!(ada.until_event(209).await, (2..=209).collect::<Vec<_>>());
    assert_eq!(owners(nodes)[owner], 1, "subscribed at the node again");
}

// req: T11 I6
#[tokio::test]
async fn sentinels_name_the_master_and_the_next_one_after_it() {
    let Some(sentinels) = Sentinels::start("sentinels_name_the_master").await else { return };
    let carrier = Carrier::between(&sentinels.url(), &sentinels.url()).await;
    let (master, replica) = (&sentinels.master, &sentinels.replica);
    let (hub, publisher) = (carrier.hub.clone(), carrier.publisher.clone());
    let fixture = Fixture::over(carrier, HubOptions::default()).await;
    tokio::spawn(fixture.hub.clone().check_heads());
    let ada = Recorder::new("ada");
    fixture.join(&ada, None).await.unwrap();
    let channel = format!("test:{}", Root::Campaign(fixture.campaign));
    fixture.commit(10).await;
    assert_eq!(ada.until_event(11).await, (2..=11).collect::<Vec<_>>());
    assert_eq!((master.subscribers(&channel), replica.subscribers(&channel)), (1, 0));

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
