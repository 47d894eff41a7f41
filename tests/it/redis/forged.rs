//! What others write on the channels: whoever reaches Redis can publish, and is not believed.

use std::{sync::Arc, time::Duration};

use fanfare::{
    bus::Bus,
    hub::HubOptions,
    protocol::{Offset, Root},
};

use crate::support::{
    hub::{Carrier, Fixture, Recorder, Seen, redis_bus},
    redis::Redis,
};

/// No head check runs in these tests: what arrives came over Redis, or was looked up because of a doubt.
async fn scene(redis: &Arc<Redis>) -> (Fixture, Arc<Recorder>, String) {
    let fixture = Fixture::over(Carrier::over(redis).await, HubOptions::default()).await;
    let ada = Recorder::new("ada");
    fixture.join(&ada, None).await.unwrap();
    let channel = format!("test:{}", Root::Campaign(fixture.campaign));
    assert_eq!(redis.subscribers(&channel), 1, "a join is answered after Redis has confirmed");
    (fixture, ada, channel)
}

// req: T11 I2 I5
#[tokio::test]
async fn one_instances_events_arrive_at_another_in_order() {
    let Some(redis) = Redis::start("one_instances_events_arrive_at_another") else { return };
    let (fixture, ada, _) = scene(&Arc::new(redis)).await;
    fixture.commit(500).await;
    assert_eq!(ada.until_event(501).await, (2..=501).collect::<Vec<_>>());
}

// req: I3
#[tokio::test]
async fn a_forged_message_is_never_delivered() {
    let Some(redis) = Redis::start("a_forged_message_is_never_delivered") else { return };
    let redis = Arc::new(redis);
    let (fixture, ada, channel) = scene(&redis).await;
    // The envelope of the next event as it will be, but with another payload, and sealed by nobody or by a stranger.
    let page = fixture.store.events_of_room(&fixture.room(), Offset(0), 1).await.unwrap();
    let next = page[0].json.get().replace(":1}", ":2}").replace("\"update\"", "\"delete\"");
    let mut stranger = vec![b'E'];
    stranger.extend([7; 16]);
    stranger.extend([9; 32]);
    stranger.extend(next.as_bytes());
    for message in [next.as_bytes(), &stranger, b"", b"E", b"PP", &[0xff; 200]] {
        redis.publish(&channel, message);
    }
    fixture.commit(1).await;
    assert_eq!(ada.until_event(2).await, [2]);
    let truth = fixture.store.events_of_room(&fixture.room(), Offset(1), 1).await.unwrap();
    assert_eq!(ada.texts(), [truth[0].json.get()]);
}

// req: I2 I4
#[tokio::test]
async fn repeated_and_reordered_messages_change_nothing() {
    let Some(redis) = Redis::start("repeated_and_reordered_messages") else { return };
    let redis = Arc::new(redis);
    let (fixture, ada, channel) = scene(&redis).await;
    let mut published = redis.listen(&channel);
    fixture.commit(30).await;
    let mut seen = Vec::new();
    while seen.len() < 30 {
        seen.push(published.recv().await.unwrap());
    }
    ada.until_event(31).await;
    // In the worst order, and once more.
    for message in seen.iter().rev().chain(&seen) {
        redis.publish(&channel, message);
    }
    fixture.commit(5).await;
    assert_eq!(ada.until_event(36).await, (2..=36).collect::<Vec<_>>());
}

/// An envelope that is too large for a message is referred to, and read from the log.
#[tokio::test]
async fn a_large_event_goes_by_reference() {
    let Some(redis) = Redis::start("a_large_event_goes_by_reference") else { return };
    let redis = Arc::new(redis);
    let (fixture, ada, channel) = scene(&redis).await;
    let mut published = redis.listen(&channel);
    fixture.commit_large(100 << 10).await;
    let message = published.recv().await.unwrap();
    assert!(message.len() < 1024, "{} bytes", message.len());
    fixture.commit(1).await;
    assert_eq!(ada.until_event(3).await, [2, 3]);
    assert!(ada.texts()[0].len() > 100 << 10);
}

/// An instance with another secret is a stranger: its events are not believed, and still not lost.
#[tokio::test]
async fn an_instance_with_another_secret_only_raises_doubts() {
    let Some(redis) = Redis::start("an_instance_with_another_secret") else { return };
    let redis = Arc::new(redis);
    let (fixture, ada, channel) = scene(&redis).await;
    let mut forged = vec![b'R'];
    forged.extend([3; 300]);
    fixture.commit_silently(1).await;
    redis.publish(&channel, &forged);
    let waited = std::time::Instant::now();
    assert_eq!(ada.until_event(2).await, [2]);
    assert!(waited.elapsed() < Duration::from_secs(5), "the doubt was looked into");
    assert!(ada.seen().iter().all(|seen| matches!(seen, Seen::Event(_))));
}

// req: T11
#[tokio::test]
async fn notes_reach_all_other_instances_and_forged_ones_nobody() {
    let Some(redis) = Redis::start("notes_reach_all_other_instances") else { return };
    let redis = Arc::new(redis);
    let carrier = Carrier::over(&redis).await;
    let (here, there) = (&carrier.links[0], &carrier.links[1]);
    let mut own = here.listen("presence").await;
    let mut notes = there.listen("presence").await;
    redis.publish("test:topic:presence", b"Nforged");
    here.tell("presence", *b"one");
    there.tell("presence", *b"two");
    assert_eq!((notes.next().await, own.next().await), (b"one".to_vec(), b"two".to_vec()));
    drop(notes);
    let left = async {
        while redis.subscribers("test:topic:presence") > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), left)
        .await
        .expect("the subscription ends with its listener");
    let lone = redis_bus("redis://127.0.0.1:1");
    assert!(!lone.link().is_connected());
    assert!(matches!(*lone.health().borrow(), fanfare::bus::BusHealth::Degraded));
}

#[tokio::test]
async fn commands_answer_or_fail_in_time() {
    use fanfare::bus::commands;
    let Some(redis) = Redis::start("commands_answer_or_fail_in_time") else { return };
    let redis = Arc::new(redis);
    let carrier = Carrier::over(&redis).await;
    let link = &carrier.links[0];
    let key = link.key("counter");
    assert_eq!(key, "test:counter");
    let one: u64 = link.run(commands::cmd("INCR").arg(&key)).await.unwrap();
    let script = commands::Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    let six: u64 = link.run_script(script.key(&key).arg(5)).await.unwrap();
    let mut pipeline = commands::pipe();
    pipeline.get(&key).ttl(&key);
    let both: (u64, i64) = link.run_all(&pipeline).await.unwrap();
    assert_eq!((one, six, both), (1, 6, (6, -1)));
}
