//! Drill 1: instances that are killed, stopped and replaced.

use std::time::Duration;

use fanfare::protocol::Offset;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{
    cluster::Shape,
    drill::{Bounds, Drill, hold, parameter},
    proxy::Mode,
    viewer::Viewer,
};

/// Killed in the middle of broadcasts: its clients are elsewhere within five seconds, with everything.
// req: N36 T21 T27 I4 I6 I7 I12
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a machine of its own: part of `make soak`"]
async fn drill_1_instances_are_killed() {
    let Some(mut drill) = Drill::start("1 kill", Shape::default(), 60, 40).await else { return };
    for victim in [0, 1] {
        let begun = Instant::now();
        drill.cluster.kill(victim);
        // Everybody is back, on the other one.
        let heads = drill.cluster.heads().await;
        let mut times = Vec::new();
        for viewer in &drill.viewers {
            let deadline = begun + Duration::from_secs(20);
            assert!(viewer.until(deadline, |record| Viewer::has(record, &heads)).await, "back in time");
            times.push(begun.elapsed());
        }
        let last = *times.last().expect("viewers");
        drill.note(&format!("kill -9 of instance {victim} in mid-broadcast"), None, last, String::new());
        assert!(last < Duration::from_secs(8), "{last:?}");
        drill.cluster.run(victim);
        drill.caught_up(Duration::from_secs(10)).await;
    }
    killed_between_commit_and_publish(&mut drill).await;
    drill.finish().await;
}

/// The event is in the log, and the instance is dead before it hears of that: nobody publishes it.
async fn killed_between_commit_and_publish(drill: &mut Drill) {
    // What PostgreSQL says takes so long to arrive that the commit is seen here first.
    drill.cluster.instances[0].postgres.set(Mode::Delay(Duration::from_millis(80)));
    let name = "committed, never published";
    let room = drill.cluster.rooms().pop().expect("the campaign");
    let mut seen = drill.cluster.heads().await[&room.to_string()].offset;
    let body = json!({
        "query": "mutation($s: ID!, $n: String!) { updateSettlement(id: $s, input: { name: $n }) { id } }",
        "variables": { "s": drill.cluster.world.settlements[0], "n": name },
    });
    let cluster = &drill.cluster;
    let request = cluster.http.post(format!("{}/graphql", cluster.url(0))).bearer_auth(cluster.token("ada"));
    let asked = tokio::spawn(request.json(&body).send());
    let deadline = Instant::now() + Duration::from_secs(10);
    'committed: loop {
        assert!(Instant::now() < deadline, "the change is committed");
        for event in cluster.store.events_of_room(&room, Offset(seen), 100).await.expect("the log") {
            seen = event.offset().0;
            if event.json.get().contains(name) {
                break 'committed;
            }
        }
        sleep(Duration::from_millis(2)).await;
    }
    drill.cluster.kill(0);
    let begun = Instant::now();
    assert!(asked.await.expect("a request").is_err(), "the change is not answered");
    drill.cluster.instances[0].postgres.set(Mode::Open);
    drill.caught_up(Duration::from_secs(15)).await;
    drill.note("kill -9 between commit and publish", None, begun.elapsed(), String::new());
    drill.cluster.run(0);
}

/// SIGTERM with many clients: told to move, closed in paced batches, gone within 30 s, nothing lost.
// req: T27 P09 I6 I13
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a machine of its own: part of `make soak`"]
async fn drill_1_sigterm_with_many_clients() {
    let shape = Shape { settings: vec![("FANFARE_DRAIN_TIMEOUT", "20s")], ..Shape::default() };
    let Some(mut drill) = Drill::start("1 drain", shape, 0, 5).await else { return };
    let count = parameter("FANFARE_DRILL_DRAIN_CLIENTS", 2_000) as usize;
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
