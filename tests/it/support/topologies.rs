//! Redis in other shapes than one server: a cluster, and a master watched by sentinels. All are plain server processes.

use std::{process::Command, time::Duration};

use tokio::time::{Instant, sleep};

use super::redis::Redis;

/// Three masters that share the slots.
pub struct RedisCluster {
    pub nodes: Vec<Redis>,
}

/// A master, its replica, and three sentinels that name the one or the other.
pub struct Sentinels {
    pub master: Redis,
    pub replica: Redis,
    sentinels: Vec<Redis>,
}

impl RedisCluster {
    /// A cluster that has all slots; `None` when Redis is not installed and nobody insists on it.
    pub async fn start(test: &str) -> Option<Self> {
        let flags = [
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            "3000",
            "--cluster-require-full-coverage",
            "no",
        ];
        let nodes: Vec<Redis> = (0..3).map(|_| Redis::with(test, &flags)).collect::<Option<_>>()?;
        let mut make = Command::new("redis-cli");
        make.args(["--cluster", "create"]).args(nodes.iter().map(address));
        make.args(["--cluster-replicas", "0", "--cluster-yes"]);
        let made = make.output().expect("redis-cli");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        for node in &nodes {
            until(|| node.command::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok")).await;
        }
        Some(Self { nodes })
    }

    /// Where it is, as the setting wants it.
    pub fn url(&self) -> String {
        format!("redis+cluster://{}", self.nodes.iter().map(address).collect::<Vec<_>>().join(","))
    }

    /// How many keys all nodes have together that match a pattern.
    pub fn keys(&self, pattern: &str) -> usize {
        self.nodes.iter().map(|node| node.command::<Vec<String>>(&["KEYS", pattern]).len()).sum()
    }
}

impl Sentinels {
    /// Sentinels that know each other, the master and the replica; `None` as with [`RedisCluster::start`].
    pub async fn start(test: &str) -> Option<Self> {
        let master = Redis::start(test)?;
        let port = master.port().to_string();
        let replica = Redis::with(test, &["--replicaof", "127.0.0.1", &port])?;
        until(|| replica.command::<String>(&["INFO", "replication"]).contains("master_link_status:up")).await;
        let sentinels: Vec<Redis> =
            (0..3).map(|_| Redis::with(test, &["--sentinel"])).collect::<Option<_>>()?;
        for sentinel in &sentinels {
            sentinel.command::<()>(&["SENTINEL", "MONITOR", "main", "127.0.0.1", &port, "2"]);
            sentinel.command::<()>(&["SENTINEL", "SET", "main", "down-after-milliseconds", "2500"]);
            sentinel.command::<()>(&["SENTINEL", "SET", "main", "failover-timeout", "2000"]);
        }
        for sentinel in &sentinels {
            until(|| {
                let state: Vec<String> = sentinel.command(&["SENTINEL", "MASTER", "main"]);
                let value =
                    |name: &str| state.chunks(2).find(|pair| pair[0] == name).map(|pair| pair[1].clone());
                value("num-other-sentinels").as_deref() == Some("2")
                    && value("num-slaves").as_deref() == Some("1")
            })
            .await;
        }
        Some(Self { master, replica, sentinels })
    }

    /// Where it is, as the setting wants it.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.sentinels.iter().map(address).collect();
        format!("redis+sentinel://{}/main", hosts.join(","))
    }
}

fn address(server: &Redis) -> String {
    format!("127.0.0.1:{}", server.port())
}

/// Waits until it is so.
pub async fn until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "it did not become so in time");
        sleep(Duration::from_millis(20)).await;
    }
}
