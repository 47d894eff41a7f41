//! Drill 4: what somebody else puts on the bus.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use rand::{Rng, seq::SliceRandom};
use redis::AsyncCommands;
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    cluster::{Cluster, Shape},
    drill::{Drill, hold},
};

/// Listens to every channel and says again what it hears: twice, late, in another order, changed, and in
/// other channels. Ends with the handle; the counter is how much was said.
fn meddle(cluster: &Cluster) -> (JoinHandle<()>, Arc<AtomicUsize>) {
    let said_again = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&said_again);
    let client = redis::Client::open(cluster.redis.url()).expect("a client");
    let meddling = tokio::spawn(async move {
        let mut heard = client.get_async_pubsub().await.expect("Redis");
        heard.psubscribe("*").await.expect("a subscription");
        let mut speaker = client.get_multiplexed_async_connection().await.expect("Redis");
        let mut messages = heard.into_on_message();
        // What was said here comes back here as well.
        let mut known: HashSet<(String, Vec<u8>)> = HashSet::new();
        let mut batch: Vec<(String, Vec<u8>)> = Vec::new();
        loop {
            let Ok(message) = timeout(Duration::from_millis(200), messages.next()).await else {
                batch.clear();
                continue;
            };
            let Some(message) = message else { return };
            let heard = (message.get_channel_name().to_owned(), message.get_payload_bytes().to_vec());
            if !known.insert(heard.clone()) {
                continue;
            }
            batch.push(heard);
            if batch.len() < 5 {
                continue;
            }
            let mut again: Vec<(String, Vec<u8>)> = Vec::new();
            for (channel, payload) in batch.drain(..) {
                again.push((channel.clone(), payload.clone()));
                again.push((channel.clone(), payload.clone()));
                again.push((channel.clone(), changed(&payload)));
                again.push((format!("{channel}0"), payload.clone()));
                again.push((channel, b"not a message at all".to_vec()));
            }
            again.shuffle(&mut rand::rng());
            for (channel, payload) in again {
                known.insert((channel.clone(), payload.clone()));
                let _: Result<(), _> = speaker.publish(&channel, &payload).await;
                counter.fetch_add(1, Ordering::Relaxed);
                if rand::rng().random_bool(0.1) {
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
    });
    (meddling, said_again)
}

/// With a byte in the middle replaced, or a digit by another one.
fn changed(payload: &[u8]) -> Vec<u8> {
    let mut changed = payload.to_vec();
    let digits: Vec<usize> = (0..changed.len()).filter(|index| changed[*index].is_ascii_digit()).collect();
    let mut random = rand::rng();
    let index = match digits.is_empty() {
        true => changed.len() / 2,
        false => digits[random.random_range(0..digits.len())],
    };
    if let Some(byte) = changed.get_mut(index) {
        *byte = if *byte == b'7' { b'3' } else { b'7' };
    }
    changed
}

/// Only what is in the log is delivered, once and in order.
// req: T21 N36 I3 I4 I5
#[tokio::test(flavor = "multi_thread")]
async fn drill_4_messages_are_repeated_delayed_and_forged() {
    let Some(mut drill) = Drill::start("4 messages", Shape::default(), 20, 40).await else { return };
    let (meddling, said_again) = meddle(&drill.cluster);
    drill.forget_latencies();
    sleep(hold(6_000)).await;
    assert!(!meddling.is_finished(), "the meddler heard what is said on the bus");
    let during = drill.latency(99);
    meddling.abort();
    let recovered = drill.caught_up(Duration::from_secs(10)).await;
    let said_again = said_again.load(Ordering::Relaxed);
    assert!(said_again >= 100, "only {said_again} messages");
    let note = format!("{said_again} messages that the instances did not say");
    drill.note("repeated, reordered, delayed, forged", during, recovered, note);
    drill.finish().await;
}
