use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[tokio::test]
async fn ready_is_as_ready_as_its_parts() {
    let api = Api::start().await;
    let (draining, slow) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (drain, lag) = (Arc::clone(&draining), Arc::clone(&slow));
    let readiness = api.state.readiness.clone().with_parts(vec![
        (
            "draining",
            Box::new(move || if drain.load(Ordering::SeqCst) { PartState::Down } else { PartState::Ok }),
        ),
        (
            "bus",
            Box::new(move || if lag.load(Ordering::SeqCst) { PartState::Degraded } else { PartState::Ok }),
        ),
    ]);
    let api = Api { router: router(ApiState { readiness, ..api.state.clone() }), ..api };

    assert_eq!(api.get("/healthz", None).await.json(), json!({ "alive": true }));
    let ready = api.get("/readyz", None).await;
    assert_eq!(ready.status, 200);
    let part = |name: &str, state: &str| json!({ "name": name, "state": state });
    let parts = json!([part("database", "ok"), part("draining", "ok"), part("bus", "ok")]);
    assert_eq!(ready.json(), json!({ "ready": true, "parts": parts }));

    slow.store(true, Ordering::SeqCst);
    let degraded = api.get("/readyz", None).await;
    assert_eq!((degraded.status, &degraded.json()["parts"][2]), (StatusCode::OK, &part("bus", "degraded")));

    draining.store(true, Ordering::SeqCst);
    let down = api.get("/readyz", None).await;
    assert_eq!(down.status, 503);
    assert_eq!((&down.json()["ready"], &down.json()["parts"][1]), (&json!(false), &part("draining", "down")));

    draining.store(false, Ordering::SeqCst);
    api.state.store.close().await;
    let gone = api.get("/readyz", None).await;
    assert_eq!(
        (gone.status, &gone.json()["parts"][0]),
        (StatusCode::SERVICE_UNAVAILABLE, &part("database", "down"))
    );
    assert_eq!(api.get("/healthz", None).await.status, 200, "alive all the same");
}

#[tokio::test]
async fn without_its_database_a_request_is_asked_to_come_back() {
    let api = Api::start().await;
    let campaign = api.campaign().await;
    let token = api.token("ada", Scopes::default());
    api.state.store.close().await;
    let answer = api.get(&format!("/api/rooms/campaign:{campaign}/events"), Some(&token)).await;
    answer.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn the_admin_listener_has_metrics_and_the_public_one_has_not() {
    let api = Api::start().await;
    api.get("/metrics", None).await.problem(404, "not_found");
    let admin = admin_router(|| "ws_connections_active 0\n".to_owned(), api.state.readiness.clone());
    let api = Api { router: admin, ..api };
    let metrics = api.get("/metrics", None).await;
    assert_eq!((metrics.status, metrics.text.as_str()), (StatusCode::OK, "ws_connections_active 0\n"));
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    assert_eq!(api.get("/readyz", None).await.status, 200);
    assert_eq!(api.get("/nothing", None).await.status, 404);
}
