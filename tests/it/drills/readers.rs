//! Drill 5: readers that do not read, connections that are half open, and thousands that come at once.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{
    cluster::{Cluster, MEMBERS, Shape},
    drill::{Drill, hold, parameter, percentile},
    nginx::Nginx,
    viewer::{Manner, Viewer},
};
use crate::support::proxy::{Mode, Proxy};

/// Changes that are large on the wire, through both instances; the last ones are small again.
async fn describe(cluster: &Cluster, count: usize) {
    for n in 0..count {
        let text = "x".repeat(if n + 2 < count { 15 << 10 } else { 1 });
        let change = "mutation($s: ID!, $v: JSONObject!) {
            updateSettlement(id: $s, input: { variables: $v }) { id } }";
        let settlement = &cluster.world.settlements[n % 2];
        let variables = json!({ "s": settlement, "v": { "text": format!("{n}{text}") } });
        cluster.graphql(n % 2, "ada", change, variables).await;
    }
}

/// Each is closed within 15 s, disturbs nobody, and has everything once it reads again.
// req: N33 T21 I11 I13
#[tokio::test(flavor = "multi_thread")]
async fn drill_5_readers_that_do_not_read() {
    let settings = vec![
        ("FANFARE_WRITE_STALL_TIMEOUT", "3s"),
        ("FANFARE_PING_INTERVAL", "3s"),
        ("FANFARE_PING_TIMEOUT", "6s"),
    ];
    let shape = Shape { settings, ..Shape::default() };
    let Some(mut drill) = Drill::start("5 readers", shape, 20, 5).await else { return };
    // They stay to the end: without its proxy a connection would be cut.
    let mut proxies = Vec::new();
    for (mode, fault) in [
        (Mode::Stall, "readers that never read"),
        (Mode::Trickle, "readers of one byte a second"),
        (Mode::Swallow, "half-open connections"),
    ] {
        let begin = proxies.len();
        let mut slow = Vec::new();
        for (number, user) in MEMBERS.into_iter().enumerate().take(6) {
            let proxy = Proxy::before(drill.cluster.instances[number % 2].address).await;
            slow.push(Viewer::start(Manner {
                user: user.to_owned(),
                token: drill.cluster.token(user),
                urls: vec![format!("http://{}", proxy.address)],
                number: 100 + number,
                first_url: 0,
                rooms: vec![drill.cluster.campaign_room()],
                hurry: None,
            }));
            proxies.push(proxy);
        }
        let heads = drill.cluster.heads().await;
        for viewer in &slow {
            let deadline = Instant::now() + Duration::from_secs(10);
            assert!(viewer.until(deadline, |record| Viewer::has(record, &heads)).await);
        }
        let name = "ws_disconnect_total";
        let closed = async |cluster: &Cluster| cluster.metric(0, name).await + cluster.metric(1, name).await;
        let before = closed(&drill.cluster).await;
        proxies[begin..].iter().for_each(|proxy: &Proxy| proxy.set(mode));
        drill.forget_latencies();
        let begun = Instant::now();
        let closing = async {
            let what = format!("{fault} are closed");
            let all_closed = async |cluster: &Cluster| closed(cluster).await - before >= 6.0;
            drill.cluster.until(&what, Duration::from_secs(15), all_closed).await;
            begun.elapsed()
        };
        let (closing, ()) = tokio::join!(closing, describe(&drill.cluster, 60));
        let others = drill.latency(99);
        let healed = Instant::now();
        proxies[begin..].iter().for_each(Proxy::reset);
        let heads = drill.cluster.heads().await;
        for viewer in &slow {
            let deadline = healed + Duration::from_secs(30);
            assert!(viewer.until(deadline, |record| Viewer::has(record, &heads)).await, "{fault}");
        }
        drill.note(fault, others, healed.elapsed(), format!("closed after {closing:.1?}"));
        drill.viewers.extend(slow);
    }
    drill.finish().await;
}

/// Thousands lose nginx at once and come back through it: caught up within ten seconds, and nearly all
/// of them without a read of the database for events.
// req: P09 T27 N33 I6
#[tokio::test(flavor = "multi_thread")]
async fn drill_5_a_storm_of_reconnects() {
    let Some(mut drill) = Drill::start("5 storm", Shape::default(), 0, 5).await else { return };
    let Some(mut nginx) = Nginx::before(&drill.cluster, "a storm of reconnects").await else { return };
    let count = parameter("FANFARE_DRILL_STORM_CLIENTS", 1_000) as usize;
    let limit = Duration::from_secs(parameter("FANFARE_DRILL_STORM_SECONDS", 60));
    drill.viewers = drill.cluster.viewers(count, &[nginx.url()], |_| 0);
    drill.caught_up(Duration::from_secs(120)).await;
    let name = "hub_recovery_reads_total";
    let reads = async |cluster: &Cluster| cluster.metric(0, name).await + cluster.metric(1, name).await;
    let before = reads(&drill.cluster).await;
    let lost = drill.now_on(|record| record.connected);
    assert!(lost.len() >= count - count / 20, "{} of {count} are connected", lost.len());
    nginx.kill();
    sleep(hold(300)).await;
    nginx.run().await;
    let times = drill.back_with_everything(lost, Instant::now(), limit).await;
    let read = reads(&drill.cluster).await - before;
    assert!(read <= count as f64 * 0.05, "{read} of {count} read the database");
    let unread = 100.0 - read * 100.0 / count as f64;
    let (p50, p99, last) = (percentile(&times, 50), percentile(&times, 99), times[times.len() - 1]);
    let note = format!("{count} clients, p50 {p50:.1?}, p99 {p99:.1?}, {unread:.1} % without a read");
    drill.note("everybody at once through nginx", None, last, note);
    drill.finish().await;
}
