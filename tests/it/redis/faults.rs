//! Redis lost in every way: commits go on, every event arrives within a second, and the bus heals by itself.

use std::{sync::Arc, time::Duration};

use fanfare::{
    bus::{Bus, BusHealth},
    hub::HubOptions,
    protocol::Root,
};
use nix::sys::signal::Signal;
use tokio::time::Instant;

use crate::support::{
    hub::{Carrier, Fixture, Recorder, redis_bus, until_health},
    proxy::{Mode, Proxy},
    redis::Redis,
};

/// An event has to arrive so long after its commit, whatever happens to Redis: three times what is promised, since
/// other tests run beside this one, and less than the head check of a sound bus takes.
const PROMISE: Duration = Duration::from_secs(3);
/// The bus has to be whole again so long after Redis has come back: two seconds, and what other tests cost.
const HEALING: Duration = Duration::from_secs(5);

/// A hub with the default checks and one subscriber, and the publisher of another instance.
struct Scene {
    fixture: Fixture,
    hub: Arc<dyn Bus>,
    publisher: Arc<dyn Bus>,
    ada: Arc<Recorder>,
    last: u64,
}

impl Scene {
    async fn over(carrier: Carrier) -> Self {
        let (hub, publisher) = (carrier.hub.clone(), carrier.publisher.clone());
        let fixture = Fixture::over(carrier, HubOptions::default()).await;
        tokio::spawn(fixture.hub.clone().check_heads());
        let ada = Recorder::new("ada");
        fixture.join(&ada, None).await.unwrap();
        Self { fixture, hub, publisher, ada, last: 1 }
    }

    /// Commits an event and waits until the subscriber has it and everything before it, in order.
    async fn delivers(&mut self) -> Duration {
        self.last += 1;
        self.fixture.commit(1).await;
        let committed = Instant::now();
        assert_eq!(self.ada.until_event(self.last).await, (2..=self.last).collect::<Vec<_>>());
        committed.elapsed()
    }

    async fn delivers_in_time(&mut self, count: usize, when: &str) {
        for _ in 0..count {
            let took = self.delivers().await;
            assert!(took < PROMISE, "{when}: {took:?}");
        }
    }

    async fn heals_in_time(&self, when: &str) {
        let back = Instant::now();
        until_health(self.hub.as_ref(), BusHealth::Sound).await;
        until_health(self.publisher.as_ref(), BusHealth::Sound).await;
        println!("{when}: healed {:?} after the return of Redis", back.elapsed());
        assert!(back.elapsed() < HEALING, "{when}: {:?}", back.elapsed());
    }
}

// req: T11 T21 I6
#[tokio::test]
async fn a_killed_redis_costs_time_and_no_event() {
    let Some(redis) = Redis::start("a_killed_redis_costs_time_and_no_event") else { return };
    let redis = Arc::new(redis);
    let mut scene = Scene::over(Carrier::over(&redis).await).await;
    // A connection that has lived for a while is replaced as soon as a new one.
    let mut signs_of_life = redis.listen("test:peers");
    for _ in 0..24 {
        signs_of_life.recv().await.unwrap();
    }
    scene.delivers_in_time(3, "before").await;
    for round in 0..2 {
        redis.kill();
        scene.delivers_in_time(3, "without Redis").await;
        until_health(scene.hub.as_ref(), BusHealth::Degraded).await;
        assert!(redis.run());
        scene.heals_in_time("restarted empty").await;
        let channel = format!("test:{}", Root::Campaign(scene.fixture.campaign));
        assert_eq!(redis.subscribers(&channel), 1, "round {round}: it has subscribed again");
        scene.delivers_in_time(3, "after").await;
    }
}

// req: T21 I6
#[tokio::test]
async fn a_hung_redis_costs_time_and_no_event() {
    let Some(redis) = Redis::start("a_hung_redis_costs_time_and_no_event") else { return };
    let redis = Arc::new(redis);
    let mut scene = Scene::over(Carrier::over(&redis).await).await;
    scene.delivers_in_time(1, "before").await;
    redis.signal(Signal::SIGSTOP);
    scene.delivers_in_time(4, "while it hangs").await;
    until_health(scene.hub.as_ref(), BusHealth::Degraded).await;
    scene.delivers_in_time(2, "once that is known").await;
    redis.signal(Signal::SIGCONT);
    scene.heals_in_time("goes on").await;
    scene.delivers_in_time(3, "after").await;
}

// req: T21 I6
#[tokio::test]
async fn subscribers_that_are_cut_off_in_a_burst_get_everything_in_order() {
    let Some(redis) = Redis::start("subscribers_that_are_cut_off_in_a_burst") else { return };
    let redis = Arc::new(redis);
    let mut scene = Scene::over(Carrier::over(&redis).await).await;
    for _ in 0..5 {
        scene.fixture.commit(20).await;
        let killed: u64 = redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        assert!(killed > 0);
        scene.fixture.commit(20).await;
        scene.last += 40;
        scene.delivers_in_time(1, "after the cut").await;
        scene.heals_in_time("cut off").await;
    }
}

// req: T21 I6
/// The classic failure after a failover: the connection stands, and nothing comes over it any more.
#[tokio::test]
async fn a_silently_dead_subscription_costs_time_and_no_event() {
    let Some(redis) = Redis::start("a_silently_dead_subscription") else { return };
    let proxy = Proxy::before(redis.address()).await;
    let mut scene =
        Scene::over(Carrier::between(&format!("redis://{}", proxy.address), &redis.url()).await).await;
    scene.delivers_in_time(1, "before").await;
    proxy.set(Mode::SwallowAnswers);
    // The last event before a quiet time is the one that nothing else would reveal.
    scene.delivers_in_time(1, "silence").await;
    until_health(scene.hub.as_ref(), BusHealth::Degraded).await;
    assert_ne!(
        *scene.publisher.health().borrow(),
        BusHealth::Degraded,
        "Redis is well where the other instance is"
    );
    scene.delivers_in_time(2, "degraded").await;
    proxy.set(Mode::Open);
    scene.heals_in_time("speaks again").await;
    scene.delivers_in_time(3, "after").await;
}

// req: T21 I6
#[tokio::test]
async fn a_partition_and_a_far_redis_cost_time_and_no_event() {
    let Some(redis) = Redis::start("a_partition_and_a_far_redis") else { return };
    let proxy = Proxy::before(redis.address()).await;
    let mut scene =
        Scene::over(Carrier::between(&redis.url(), &format!("redis://{}", proxy.address)).await).await;
    // Two rounds of both, so that each has heard the other.
    let mut signs = redis.listen("test:peers");
    for _ in 0..4 {
        signs.recv().await.unwrap();
    }
    proxy.set(Mode::Cut);
    // Only the publisher's instance is cut off. What tells the subscriber's is the other one's silence.
    scene.delivers_in_time(3, "the other instance is cut off").await;
    proxy.set(Mode::Open);
    scene.heals_in_time("reachable again").await;
    scene.delivers_in_time(2, "after").await;
    proxy.set(Mode::Delay(Duration::from_millis(250)));
    scene.delivers_in_time(3, "far away").await;
}

/// Redis is not needed to start: it is used as soon as it is there.
#[tokio::test]
async fn redis_may_come_later_than_the_instances() {
    let Some(redis) = Redis::start("redis_may_come_later") else { return };
    redis.kill();
    let bus = redis_bus(&redis.url());
    let running = bus.clone();
    let _running = tokio::spawn(async move { running.run().await });
    let mut scene = Scene::over(Carrier::of(bus)).await;
    scene.delivers_in_time(2, "before there is a Redis").await;
    assert_eq!(*scene.hub.health().borrow(), BusHealth::Degraded);
    assert!(redis.run());
    scene.heals_in_time("the first time").await;
}
