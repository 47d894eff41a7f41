//! A steady load: mutations through every instance, each until it is acknowledged.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use fanfare::clock::Clock;
use serde_json::{Value, json};
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::cluster::Cluster;

const UPDATE: &str = "mutation($s: ID!, $n: String!, $r: ID!) {
    updateSettlement(id: $s, input: { name: $n }, requestId: $r) { id } }";

/// Mutations that go on until they are stopped.
pub struct Load {
    stop: CancellationToken,
    writers: Vec<JoinHandle<()>>,
    acknowledged: Arc<Mutex<Vec<String>>>,
}

impl Load {
    /// Four writers for each instance, with so many mutations a second in all, if the machine can.
    pub fn start(cluster: &Cluster, per_second: u32) -> Self {
        let (stop, acknowledged) = (CancellationToken::new(), Arc::default());
        let urls = cluster.urls();
        let count = urls.len() * 4;
        let period = Duration::from_secs(1) * u32::try_from(count).expect("few") / per_second;
        let writers = (0..count)
            .map(|index| {
                let writer = Writer {
                    urls: urls.clone(),
                    index,
                    settlements: cluster.world.settlements.clone(),
                    http: cluster.http.clone(),
                    token: cluster.token("ada"),
                    acknowledged: Arc::clone(&acknowledged),
                    stop: stop.clone(),
                };
                tokio::spawn(writer.run(period))
            })
            .collect();
        Self { stop, writers, acknowledged }
    }

    /// Begins no more mutations and finishes those under way; the request ids of the acknowledged ones.
    pub async fn stop(self) -> Vec<String> {
        self.stop.cancel();
        for writer in self.writers {
            writer.await.expect("a writer");
        }
        self.acknowledged.lock().unwrap().clone()
    }
}

struct Writer {
    urls: Vec<String>,
    index: usize,
    settlements: Vec<String>,
    http: reqwest::Client,
    token: String,
    acknowledged: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
}

impl Writer {
    async fn run(self, period: Duration) {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut count = 0_usize;
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            count += 1;
            let request = Clock::system().uuid().to_string();
            let variables = json!({
                "s": self.settlements[count % self.settlements.len()],
                "n": format!("{}-{count}", self.index),
                "r": request,
            });
            // An answer that did not come says nothing: the same request goes to another instance.
            let mut turn = self.index;
            while !self.send(&self.urls[turn % self.urls.len()], &variables).await {
                turn += 1;
                sleep(Duration::from_millis(100)).await;
            }
            self.acknowledged.lock().unwrap().push(request);
        }
    }

    async fn send(&self, url: &str, variables: &Value) -> bool {
        let request = self.http.post(format!("{url}/graphql")).bearer_auth(&self.token);
        let sent = request.json(&json!({ "query": UPDATE, "variables": variables })).send().await;
        let Ok(answer) = sent else { return false };
        let Ok(body) = answer.json::<Value>().await else { return false };
        body["data"]["updateSettlement"]["id"].is_string()
    }
}
