//! Drill 7: the same thing through two instances at once.

use std::time::Duration;

use fanfare::clock::Clock;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{cluster::Shape, drill::Drill};

const UPDATE: &str = "mutation($s: ID!, $n: String!, $r: ID) {
    updateSettlement(id: $s, input: { name: $n }, requestId: $r) { id version } }";

/// Commits to one campaign from both instances are one order everywhere, and a request that reaches both
/// has one effect and one answer.
// req: T11 T21 I1 I2 I5
#[tokio::test(flavor = "multi_thread")]
async fn drill_7_two_instances_commit_at_once() {
    let Some(mut drill) = Drill::start("7 races", Shape::default(), 16, 20).await else { return };
    let settlement = drill.cluster.world.settlements[0].clone();
    let send = async |index: usize, name: String, request: Option<&str>| -> Value {
        let variables = json!({ "s": settlement, "n": name, "r": request });
        drill.cluster.graphql(index, "ada", UPDATE, variables).await["updateSettlement"].clone()
    };
    let before = drill.cluster.heads().await;

    // Forty at once to one settlement: forty different versions, none lost.
    let answers = join_all((0..40).map(|n| send(n % 2, format!("at once {n}"), None))).await;
    let mut versions: Vec<u64> = answers.iter().map(|answer| answer["version"].as_u64().unwrap()).collect();
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), 40, "{answers:?}");

    // The same request to both, ten times over: the same answer from both.
    for n in 0..10 {
        let request = Clock::system().uuid().to_string();
        let (first, second) = tokio::join!(
            send(0, format!("twice {n}"), Some(&request)),
            send(1, format!("twice {n}"), Some(&request))
        );
        assert_eq!(first, second);
    }
    let room = drill.cluster.campaign_room();
    let committed = drill.cluster.heads().await[&room].offset - before[&room].offset;
    assert!(committed >= 50, "{committed}");
    let recovered = drill.caught_up(Duration::from_secs(10)).await;
    drill.note("concurrent commits, repeated requests", None, recovered, format!("{committed} commits"));
    drill.finish().await;
}
