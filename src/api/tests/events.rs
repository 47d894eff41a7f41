use super::*;

fn invalidation(id: &str, campaign: CampaignId) -> Value {
    json!({ "id": id, "type": "state_invalidated", "payload": { "campaignId": campaign, "scope": "campaign" },
        "metadata": { "source": "rules-engine" } })
}

// req: T10
#[tokio::test]
async fn another_service_publishes_and_its_retry_is_harmless() {
    let api = Api::start().await;
    let campaign = api.campaign().await;
    let service = api.token("rules", Scope::EventsPublish.into());
    let batch = json!([invalidation("r-1", campaign), invalidation("r-2", campaign)]).to_string();
    let first = api.post("/api/events", Some(&service), batch.clone()).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let results = first.json()["results"].clone();
    let room = Room::Campaign(campaign).to_string();
    let offset = results[0]["offsets"][&room].as_u64().unwrap();
    assert_eq!((&results[0]["id"], &results[0]["duplicate"]), (&json!("r-1"), &json!(false)));
    assert_eq!(results[1]["offsets"][&room], offset + 1);

    let again = api.post("/api/events", Some(&service), batch).await.json()["results"].clone();
    assert_eq!(again[0]["offsets"], results[0]["offsets"]);
    assert_eq!((&again[0]["duplicate"], &again[1]["duplicate"]), (&json!(true), &json!(true)));

    // The request's id is found in the event.
    let mut single =
        request("POST", "/api/events", Some(&service), invalidation("r-3", campaign).to_string().into());
    single.headers_mut().insert("x-request-id", "nightly-42".parse().unwrap());
    assert_eq!(api.send(single).await.status, 200);
    let viewer = api.token("dan", Scopes::default());
    let log = api.get(&format!("/api/rooms/{room}/events?after={}", offset + 1), Some(&viewer)).await.json();
    assert_eq!(log["events"][0]["metadata"]["correlationId"], "nightly-42");
    assert_eq!(log["events"][0]["metadata"]["userId"], "rules");
    assert_eq!(log["events"][0]["metadata"]["source"], "rules-engine");
}

#[tokio::test]
async fn publishing_needs_the_scope_and_valid_events() {
    let api = Api::start().await;
    let campaign = api.campaign().await;
    let owner = api.token("ada", Scopes::default());
    let event = invalidation("x-1", campaign).to_string();
    let detail = api.post("/api/events", Some(&owner), event.clone()).await.problem(403, "forbidden");
    assert!(detail.contains("events:publish"), "{detail}");
    api.post("/api/events", None, event).await.problem(401, "token_missing");

    let service = api.token("rules", Scope::EventsPublish.into());
    let wrong = json!([invalidation("x-2", campaign), { "type": "no_such_event", "payload": {} }]);
    let answer = api.post("/api/events", Some(&service), wrong.to_string()).await;
    answer.problem(400, "bad_request");
    assert_eq!(answer.json()["details"][0]["field"], "[1]");
    let nowhere: CampaignId = "01936b2e-0000-7000-8000-000000000009".parse().unwrap();
    let answer = api.post("/api/events", Some(&service), invalidation("x-3", nowhere).to_string()).await;
    answer.problem(400, "bad_request");
    let many = vec![invalidation("x-4", campaign); 501];
    api.post("/api/events", Some(&service), json!(many).to_string()).await.problem(400, "bad_request");
}

#[tokio::test]
async fn a_batch_may_be_larger_than_other_bodies() {
    let api = Api::start().await;
    let campaign = api.campaign().await;
    let service = api.token("rules", Scope::EventsPublish.into());
    let batch: Vec<_> =
        (0..500).map(|n| invalidation(&format!("b-{n}-{}", "x".repeat(50)), campaign)).collect();
    let batch = json!(batch).to_string();
    assert!(batch.len() > 64 * 1_024);
    let answer = api.post("/api/events", Some(&service), batch).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["results"].as_array().unwrap().len(), 500);
    let too_large = format!("[{}]", " ".repeat(1_024 * 1_024));
    api.post("/api/events", Some(&service), too_large).await.problem(413, "limit_exceeded");
}
