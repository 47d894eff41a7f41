//! Drill 2: everything that can be wrong with Redis, while commits and deliveries go on.

use std::{collections::HashSet, time::Duration};

use nix::sys::signal::Signal;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{
    cluster::{Cluster, Shape},
    drill::{Bounds, Drill, hold},
};
use crate::support::proxy::Mode;

/// While Redis is away, events arrive by the head check, twice a second. The figure to reach is 1 s at the
/// 99th percentile; a machine with other work gets some more.
const DEGRADED_P99: u64 = 3_500;

// req: N36 N33 T21 I4 I6
#[tokio::test(flavor = "multi_thread")]
async fn drill_2_redis_fails_in_every_way() {
    let Some(mut drill) = Drill::start("2 redis", Shape::default(), 40, 30).await else { return };
    let healed = Bounds::recovered_within(10);

    drill
        .fault(
            "killed and restarted empty",
            healed.and_meanwhile(DEGRADED_P99),
            hold(4_000),
            async |cluster| cluster.redis.kill(),
            async |cluster| assert!(cluster.redis.run(), "Redis starts again"),
        )
        .await;
    drill
        .fault(
            "SIGSTOP",
            healed.and_meanwhile(5_000),
            hold(6_000),
            async |cluster| cluster.redis.signal(Signal::SIGSTOP),
            async |cluster| cluster.redis.signal(Signal::SIGCONT),
        )
        .await;
    drill
        .fault(
            "partitioned from one instance",
            healed.and_meanwhile(DEGRADED_P99),
            hold(4_000),
            async |cluster| cluster.instances[0].redis.set(Mode::Cut),
            async |cluster| cluster.instances[0].redis.set(Mode::Open),
        )
        .await;
    drill
        .fault(
            "messages swallowed, connections stand",
            healed.and_meanwhile(5_000),
            hold(5_000),
            async |cluster| cluster.instances[1].redis.set(Mode::SwallowAnswers),
            async |cluster| cluster.instances[1].redis.set(Mode::Open),
        )
        .await;
    drill
        .fault(
            "CLIENT KILL TYPE pubsub in a burst",
            healed,
            hold(500),
            async |cluster| {
                for _ in 0..20 {
                    cluster.redis.command::<u64>(&["CLIENT", "KILL", "TYPE", "pubsub"]);
                    sleep(Duration::from_millis(50)).await;
                }
            },
            async |_| {},
        )
        .await;
    drill
        .fault(
            "500 ms of latency",
            healed.and_meanwhile(5_000),
            hold(4_000),
            async |cluster| {
                let late = Mode::Delay(Duration::from_millis(500));
                cluster.instances.iter().for_each(|instance| instance.redis.set(late));
            },
            async |cluster| cluster.instances.iter().for_each(|instance| instance.redis.set(Mode::Open)),
        )
        .await;
    drill
        .fault(
            "subscribers killed for their output buffers",
            healed,
            hold(2_000),
            async |cluster| {
                let subscribers = subscribers(cluster);
                limit_output(cluster, "pubsub 1 1 0");
                // Only what is too long for Redis to write at once counts.
                for channel in cluster.redis.command::<Vec<String>>(&["PUBSUB", "CHANNELS"]) {
                    cluster.redis.publish(&channel, &[b'x'; 64 << 10]);
                }
                let all_gone = async |cluster: &Cluster| self::subscribers(cluster).is_disjoint(&subscribers);
                cluster.until("Redis ends all subscribers", Duration::from_secs(10), all_gone).await;
            },
            async |cluster| {
                limit_output(cluster, "pubsub 33554432 8388608 60");
            },
        )
        .await;
    drill
        .fault(
            "FLUSHALL",
            healed,
            hold(500),
            async |cluster| {
                cluster.redis.command::<()>(&["FLUSHALL"]);
            },
            async |_| {},
        )
        .await;
    only_the_last_message_is_lost(&mut drill).await;
    drill.finish().await;
}

/// How much Redis keeps for a subscriber before it ends the connection.
fn limit_output(cluster: &Cluster, limit: &str) {
    cluster.redis.command::<()>(&["CONFIG", "SET", "client-output-buffer-limit", limit]);
}

/// The connections to Redis that are subscribed to something, by Redis's number.
fn subscribers(cluster: &Cluster) -> HashSet<String> {
    let clients: String = cluster.redis.command(&["CLIENT", "LIST", "TYPE", "pubsub"]);
    clients.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// The subscription is silently dead and one message falls into that time; then nothing is said any more.
async fn only_the_last_message_is_lost(drill: &mut Drill) {
    drill.pause_load().await;
    drill.caught_up(Duration::from_secs(10)).await;
    drill.cluster.instances[1].redis.set(Mode::SwallowAnswers);
    let set = "mutation($s: ID!) { updateSettlement(id: $s, input: { name: \"the last\" }) { id } }";
    let settlement = drill.cluster.world.settlements[0].clone();
    let begun = Instant::now();
    drill.cluster.graphql(0, "ada", set, json!({ "s": settlement })).await;
    drill.caught_up(Duration::from_secs(10)).await;
    drill.note("only the last message before a quiet period lost", None, begun.elapsed(), String::new());
    drill.cluster.instances[1].redis.set(Mode::Open);
    drill.resume_load(20);
}

/// Redis is not there when the instances start: they serve, degraded, and use it when it comes.
// req: N36 N33 T01
#[tokio::test(flavor = "multi_thread")]
async fn drill_2_redis_is_down_at_start() {
    let shape = Shape { redis_runs: false, ..Shape::default() };
    let Some(mut drill) = Drill::start("2 redis down at start", shape, 20, 20).await else { return };
    drill
        .fault(
            "down at start",
            Bounds::recovered_within(10).and_meanwhile(DEGRADED_P99),
            hold(3_000),
            async |_| {},
            async |cluster| assert!(cluster.redis.run(), "Redis starts again"),
        )
        .await;
    // It is used again: what is committed arrives faster than any head check.
    drill
        .cluster
        .until("events come at once again", Duration::from_secs(15), async |_| {
            drill.forget_latencies();
            sleep(Duration::from_millis(700)).await;
            drill.latency(90).is_some_and(|p90| p90 < Duration::from_millis(250))
        })
        .await;
    drill.finish().await;
}
