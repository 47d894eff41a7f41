//! Watching who is present, given up before Redis has confirmed what that takes.

use std::{sync::Arc, time::Duration};

use fanfare::{
    hub::{Hub, HubOptions, Outlet},
    protocol::{Root, SubscribeRoom},
};

use crate::support::{
    hub::{Carrier, Fixture, Recorder},
    proxy::{Mode, Proxy},
    redis::Redis,
};

async fn until_subscribers(redis: &Redis, channel: &str, count: u64) {
    let so_many = async {
        while redis.subscribers(channel) != count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), so_many).await.expect("the subscribers in time");
}

// req: I13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stops_watching_at_once_leaves_no_subscription_at_redis() {
    let Some(redis) = Redis::start("who_stops_watching_at_once") else { return };
    let proxy = Proxy::before(redis.address()).await;
    let carrier = Carrier::between(&format!("redis://{}", proxy.address), &redis.url()).await;
    let (bus, link) = (carrier.hub.clone(), carrier.links[0].clone());
    let fixture = Fixture::new(carrier).await;
    let hub = Hub::among_others(fixture.store.clone(), bus, Some(link), HubOptions::default());
    let ada = Recorder::new("ada");
    let outlet: Arc<dyn Outlet> = ada.clone();
    proxy.set(Mode::Delay(Duration::from_millis(300)));
    hub.watch(&outlet, fixture.room()).await.unwrap();
    let root = Root::Campaign(fixture.campaign);
    let topic = format!("test:topic:presence:{root}");
    // Redis has done it, and its word is on the way.
    until_subscribers(&redis, &topic, 1).await;
    hub.stop_watching(ada.id, &root, fixture.room());
    until_subscribers(&redis, &topic, 0).await;
    // Nor does it come back with the next subscription.
    let own = SubscribeRoom { room: "user:ada".parse().unwrap(), position: None };
    hub.join(&outlet, vec![own]).await.remove(0).unwrap();
    until_subscribers(&redis, "test:user:ada", 1).await;
    assert_eq!(redis.subscribers(&topic), 0);
}
