use super::*;
use crate::access::Use;

// req: N09 N32
#[tokio::test]
async fn a_token_is_exchanged_for_a_ticket() {
    let api = Api::start().await;
    let token = api.token("ada", Scopes::default());
    let answer = api.post("/api/ws/token", Some(&token), Body::empty()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.json()["expiresAt"], "2026-11-20T10:17:00.000Z");
    let ticket = answer.json()["token"].as_str().unwrap().to_owned();
    let identity = api.state.verifier.verify(&ticket, Use::Ticket).await.unwrap();
    assert_eq!(identity.user_id().as_str(), "ada");

    let ticket_as_token = api.post("/api/ws/token", Some(&ticket), Body::empty()).await;
    ticket_as_token.problem(401, "token_invalid");
}

#[tokio::test]
async fn a_request_without_a_good_token_is_told_why() {
    let api = Api::start().await;
    let none = api.post("/api/ws/token", None, Body::empty()).await;
    none.problem(401, "token_missing");
    assert_eq!(none.header("www-authenticate"), Some("Bearer"));

    let forged = api.post("/api/ws/token", Some("a.b.c"), Body::empty()).await;
    forged.problem(401, "token_invalid");
    assert_eq!(forged.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));

    // In the query a token would end up in logs: it is not read there.
    let token = api.token("ada", Scopes::default());
    api.post(&format!("/api/ws/token?token={token}"), None, Body::empty())
        .await
        .problem(401, "token_missing");

    // Within the leeway a token still works, but not for a ticket that would have ended.
    api.hand.advance(Duration::from_secs(3_610));
    api.post("/api/ws/token", Some(&token), Body::empty()).await.problem(401, "token_expired");
    api.hand.advance(Duration::from_secs(60));
    api.get("/api/rooms/user:ada/events", Some(&token)).await.problem(401, "token_expired");
}

#[tokio::test]
async fn the_development_login_gives_a_token_to_anybody() {
    let api = Api::start().await;
    let answer = api.post("/api/dev/login", None, r#"{"userId":"ada","name":"Ada"}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    let identity = api.state.verifier.verify(&token, Use::Handshake).await.unwrap();
    assert_eq!((identity.user_id().as_str(), identity.name()), ("ada", Some("Ada")));
    assert!(!identity.scopes().contains(Scope::EventsPublish));

    for wrong in ["", "{}", "[]", r#"{"userId":""}"#, r#"{"userId":"two words"}"#, r#"{"userId":7}"#] {
        let body = if wrong.is_empty() { Body::empty() } else { Body::from(wrong) };
        api.post("/api/dev/login", None, body).await.problem(400, "bad_request");
    }
}

#[tokio::test]
async fn without_the_setting_there_is_no_development_login() {
    let api = Api::with(|options| options.dev_login = false).await;
    api.post("/api/dev/login", None, r#"{"userId":"ada"}"#).await.problem(404, "not_found");
    assert!(!api.get("/api/openapi.json", None).await.text.contains("/api/dev/login"));
}
