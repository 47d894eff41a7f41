//! Revocation on several instances over one database.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{
    app::TestApp,
    postgres,
    socket::{Refused, Socket},
    world::SmallWorld,
};

/// Two instances that nothing connects but the database: what one does the other hears of by its head
/// check alone, which is how an instance is that is cut off from the bus.
// req: I8 T11 T25
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_hears_nothing_acts_within_five_seconds() {
    let Some(server) = postgres::shared(module_path!()) else { return };
    let url = server.database().await.unwrap();
    let args = ["--database-url", &url, "--head-check-interval", "5s"];
    let (here, there) = (TestApp::with(&args).await, TestApp::with(&args).await);
    let world = SmallWorld::new(&here).await;
    let old = here.token_issued("mallory", Duration::from_secs(60));
    world.set_member(&here, "mallory", "VIEWER").await;

    let mut mallory = Socket::connect(&there.url, &old).await.unwrap();
    let mut ben = there.connect("ben").await;
    for socket in [&mut mallory, &mut ben] {
        socket.subscribe(&world.campaign_room()).await;
    }
    let admin = here.token_with_scope("root", "admin");
    let body = json!({});
    let revoked = here.post(&admin, "/api/users/mallory/revoke", &body);
    let removed = world.remove_member(&here, "ben");
    let (revoked, ()) = tokio::join!(revoked, removed);
    let answered = Instant::now();
    assert_eq!(revoked.0, 200);
    mallory.closed().await;
    assert_eq!(ben.event("unsubscribed").await["code"], "membership_revoked");
    let took = answered.elapsed();
    eprintln!("a revocation and a removal reached an instance that hears nothing after {took:?}");
    // Five seconds, and what other tests cost.
    assert!(took < Duration::from_millis(6_500), "{took:?}");
    match Socket::connect(&there.url, &old).await {
        Err(Refused::Connect(message)) => assert_eq!(message, "token_revoked"),
        other => panic!("{:?}", other.map(|_| ())),
    }
}
