//! Everybody at once: who is let in, who waits, and who is told to come back.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::support::{
    app::TestApp,
    socket::{Refused, Socket},
};

// req: T25
#[tokio::test]
async fn a_storm_is_let_in_at_the_set_pace_and_the_rest_is_told_when_to_come_back() {
    let app = TestApp::with(&["--connect-rate", "5", "--connect-queue", "10"]).await;
    let started = Instant::now();
    let storm: Vec<_> = join_all((0..40).map(|_| Socket::open(&app.url, &[]))).await;
    let took = started.elapsed();
    let mut delays = Vec::new();
    for refused in storm.iter().filter_map(|outcome| outcome.as_ref().err()) {
        let Refused::Http(status, problem) = refused else { panic!("{refused:?}") };
        assert_eq!((*status, problem["code"].as_str()), (503, Some("server_busy")), "{problem}");
        delays.push(problem["retryAfterMs"].as_u64().unwrap());
    }
    // One at once and ten that wait; a few more when the storm itself takes its time.
    let admitted = storm.len() - delays.len();
    assert!((11..30).contains(&admitted), "{admitted}");
    assert!(took >= Duration::from_millis(1_500), "the last one waited for its turn: {took:?}");
    delays.sort_unstable();
    delays.dedup();
    assert!(delays.len() > 5 && delays[0] >= 1_000, "not all at once again: {delays:?}");
    // Who is in is served, and who comes back later gets in.
    app.connect("ada").await;
    assert!(app.metric("ws_connects_delayed_total").await >= 9.0);
    assert!(app.metric("ws_connect_total{outcome=\"server_busy\"}").await >= 10.0);
}

#[tokio::test]
async fn whoever_waits_while_the_instance_begins_to_drain_is_sent_elsewhere() {
    let app = TestApp::with(&["--connect-rate", "1", "--connect-queue", "5"]).await;
    // The next turns are seconds away.
    for _ in 0..2 {
        Socket::open(&app.url, &[]).await.unwrap();
    }
    let waiting = join_all((0..3).map(|_| Socket::open(&app.url, &[])));
    let gateway = app.gateway();
    let draining = async {
        app.until(async || app.metric("ws_connects_delayed_total").await >= 3.0).await;
        gateway.drain().await;
    };
    let (outcomes, ()) = tokio::join!(waiting, draining);
    let sent_away = outcomes.iter().filter(
        |outcome| matches!(outcome, Err(Refused::Http(503, problem)) if problem["code"] == "server_draining"),
    );
    assert!(sent_away.count() >= 1);
}
