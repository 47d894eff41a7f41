//! Drill 6: members who come and go while everything moves.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{
    cluster::{Cluster, Shape},
    drill::{Drill, hold},
    viewer::Viewer,
};
use crate::support::{proxy::Mode, socket::Socket};

/// How many of a member's viewers are in a room.
fn inside(viewers: &[Viewer], user: &str) -> usize {
    let of_user = viewers.iter().filter(|viewer| viewer.manner.user == user);
    of_user.filter(|viewer| viewer.record().seats.values().any(|seat| seat.live)).count()
}

/// Waits until no viewer of the user is in any room; how long that took.
async fn all_out(cluster: &Cluster, viewers: &[Viewer], user: &str, limit: Duration) -> Duration {
    let begun = Instant::now();
    let what = format!("{user} is out everywhere");
    cluster.until(&what, limit, async |_| inside(viewers, user) == 0).await;
    begun.elapsed()
}

/// Removed and let in again, on three instances, two tabs on each, under load.
// req: T11 T21 I8 I9
#[tokio::test(flavor = "multi_thread")]
async fn drill_6_members_are_removed_under_load() {
    let shape = Shape { instances: 3, ..Shape::default() };
    // Eight members, two tabs of each on every instance.
    let Some(mut drill) = Drill::start("6 members", shape, 48, 40).await else { return };
    let campaign = drill.cluster.world.campaign.clone();
    let mut slowest = Duration::ZERO;
    for (turn, user) in ["ben", "cleo", "ben", "dov"].into_iter().enumerate() {
        assert_eq!(inside(&drill.viewers, user), 6, "{user}");
        drill.cluster.remove_member(turn % 3, &campaign, user).await;
        slowest = slowest.max(all_out(&drill.cluster, &drill.viewers, user, Duration::from_secs(3)).await);
        drill.cluster.set_member((turn + 1) % 3, &campaign, user).await;
        drill.caught_up(Duration::from_secs(10)).await;
    }
    let note = format!("six tabs on three instances out within {slowest:.0?} of the answer");
    drill.note("removal and re-grant under load", None, slowest, note);
    removed_while_partitioned(&mut drill).await;
    one_tab_refreshes_its_token(&mut drill).await;
    drill.finish().await;
}

/// An instance that hears nothing from Redis takes the member out by the head check, within five seconds.
async fn removed_while_partitioned(drill: &mut Drill) {
    let campaign = drill.cluster.world.campaign.clone();
    for (mode, fault) in [
        (Mode::Cut, "removal while an instance is cut off from Redis"),
        (Mode::SwallowAnswers, "removal while an instance hears nothing and has not noticed"),
    ] {
        drill.cluster.instances[2].redis.set(mode);
        drill.cluster.remove_member(0, &campaign, "eve").await;
        let out = all_out(&drill.cluster, &drill.viewers, "eve", Duration::from_millis(6_500)).await;
        drill.note(fault, None, out, String::new());
        drill.cluster.instances[2].redis.set(Mode::Open);
        drill.cluster.set_member(1, &campaign, "eve").await;
        drill.caught_up(Duration::from_secs(10)).await;
    }
}

/// Two tabs with a token that ends soon: the one that refreshes it stays, the other one has to come back.
async fn one_tab_refreshes_its_token(drill: &mut Drill) {
    let short = drill.cluster.token_for("fay", Duration::from_secs(8));
    let url = drill.cluster.url(0);
    let mut stays = Socket::connect(&url, &short).await.expect("let in");
    let mut ends = Socket::connect(&url, &short).await.expect("let in");
    let room = drill.cluster.campaign_room();
    stays.subscribe(&room).await;
    ends.subscribe(&room).await;
    let answer = stays.command("refresh_token", json!({ "token": drill.cluster.token("fay") })).await;
    assert_eq!(answer["success"], true, "{answer}");
    let begun = Instant::now();
    ends.closed().await;
    let ended = begun.elapsed();
    sleep(hold(500)).await;
    let pong = stays.command("ping", json!(null)).await;
    assert_eq!(pong["success"], true, "the refreshed tab stays: {pong}");
    drill.note("token refreshed on one of two tabs", None, ended, "the other tab's end".to_owned());
}
