//! Drill 1: instances that are killed, stopped and replaced.

use std::time::Duration;

use fanfare::protocol::Offset;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{
    cluster::Shape,
    drill::{Bounds, Drill, hold, parameter, percentile},
    viewer::Record,
};
use crate::support::proxy::Mode;

/// Killed in the middle of broadcasts: its clients are elsewhere within five seconds, with everything.
// req: N36 T21 T27 I4 I6 I7 I12
#[tokio::test(flavor = "multi_thread")]
async fn drill_1_instances_are_killed() {
    let count = parameter("FANFARE_DRILL_KILL_CLIENTS", 200) as usize;
    let Some(mut drill) = Drill::start("1 kill", Shape::default(), count, 40).await else { return };
    for victim in [0, 1] {
        let times = killed_under_its_viewers(&mut drill, victim).await;
        let (p50, p99, last) = (percentile(&times, 50), percentile(&times, 99), times[times.len() - 1]);
        let note = format!("{} clients back with everything after p50 {p50:.1?}, p99 {p99:.1?}", times.len());
        drill.note(&format!("kill -9 of instance {victim} in mid-broadcast"), None, last, note);
        assert!(p99 < Duration::from_secs(15), "{p99:?}");
        drill.cluster.run(victim);
        drill.caught_up(Duration::from_secs(10)).await;
    }
    killed_between_commit_and_publish(&mut drill).await;
    drill.finish().await;
}

/// Kills the instance; how long each of its viewers needed from then on to be elsewhere with everything that was
/// committed, sorted.
async fn killed_under_its_viewers(drill: &mut Drill, victim: usize) -> Vec<Duration> {
    let there = |record: &Record| record.connected && record.at == victim;
    let begun = Instant::now();
    let lost = drill.now_on(there);
    assert!(lost.len() * 3 >= drill.viewers.len(), "{} viewers are on instance {victim}", lost.len());
    drill.cluster.kill(victim);
    drill.back_with_everything(lost, begun, Duration::from_secs(30)).await
}

/// The event is in the log, and the instance is dead before it hears of that: nobody publishes it. Nothing follows
/// it that would show the gap, so that the comparison of heads alone brings it.
async fn killed_between_commit_and_publish(drill: &mut Drill) {
    drill.pause_load().await;
    drill.caught_up(Duration::from_secs(10)).await;
    let name = "committed, never published";
    let room = drill.cluster.rooms().pop().expect("the campaign");
    let before = drill.cluster.heads().await[&room.to_string()].offset;
    drill.cluster.instances[1].postgres.set(Mode::LoseCommits);
    let body = json!({
        "query": "mutation($s: ID!, $n: String!) { updateSettlement(id: $s, input: { name: $n }) { id } }",
        "variables": { "s": drill.cluster.world.settlements[0], "n": name },
    });
    let cluster = &drill.cluster;
    let request = cluster.http.post(format!("{}/graphql", cluster.url(1))).bearer_auth(cluster.token("ada"));
    let asked = tokio::spawn(request.json(&body).send());
    cluster
        .until("the change is committed", Duration::from_secs(10), async |cluster| {
            let log = cluster.store.events_of_room(&room, Offset(before), 100).await.expect("the log");
            log.iter().any(|event| event.json.get().contains(name))
        })
        .await;
    assert!(!asked.is_finished(), "the instance waits for PostgreSQL's word");
    drill.cluster.kill(1);
    let begun = Instant::now();
    assert!(asked.await.expect("a request").is_err(), "the change is not answered");
    drill.cluster.instances[1].postgres.set(Mode::Open);
    drill.caught_up(Duration::from_secs(15)).await;
    drill.note("kill -9 between commit and publish", None, begun.elapsed(), String::new());
    drill.cluster.run(1);
    drill.resume_load(40);
    sleep(hold(500)).await;
}

/// SIGTERM with many clients: told to move, closed in paced batches, gone within 30 s, nothing lost.
// req: T27 P09 I6 I13
#[tokio::test(flavor = "multi_thread")]
async fn drill_1_sigterm_with_many_clients() {
    let shape = Shape { settings: vec![("FANFARE_DRAIN_TIMEOUT", "20s")], ..Shape::default() };
    let Some(mut drill) = Drill::start("1 drain", shape, 0, 5).await else { return };
    let count = parameter("FANFARE_DRILL_DRAIN_CLIENTS", 1_000) as usize;
    drill.viewers = drill.cluster.viewers(count, &drill.cluster.urls(), |_| 0);
    drill.caught_up(Duration::from_secs(90)).await;
    let (took, logs) = drill.cluster.terminate(0).await;
    assert!(took < Duration::from_secs(30), "{took:?}: {logs}");
    drill.cluster.run(0);
    let recovered = drill.caught_up(Duration::from_secs(60)).await;
    let note = format!("{count} clients, exit after {took:.1?}");
    drill.note("SIGTERM", None, recovered, note);
    drill.finish().await;
}

/// Three instances replaced one after the other under load.
// req: T27 P09 I6
#[tokio::test(flavor = "multi_thread")]
async fn drill_1_rolling_restart() {
    let settings = vec![("FANFARE_DRAIN_TIMEOUT", "3s")];
    let shape = Shape { instances: 3, settings, ..Shape::default() };
    let Some(mut drill) = Drill::start("1 rolling restart", shape, 60, 30).await else { return };
    for index in 0..3 {
        drill
            .fault(
                &format!("restart of instance {index}"),
                Bounds::recovered_within(15),
                hold(200),
                async |cluster| {
                    cluster.terminate(index).await;
                },
                async |cluster| cluster.run(index),
            )
            .await;
    }
    drill.finish().await;
}
