//! GraphQL over HTTP: tokens, methods, the page, the schema as text.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::support::app::TestApp;

async fn send(
    app: &TestApp,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> (StatusCode, String, String) {
    let mut request = Client::new().request(method, format!("{}{path}", app.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    (answer.status(), kind.unwrap_or_default(), answer.text().await.unwrap())
}

fn bearer(app: &TestApp) -> String {
    format!("Bearer {}", app.token("ada"))
}

#[tokio::test]
async fn a_document_needs_a_token() {
    let app = TestApp::start().await;
    let body = || Some(json!({ "query": "{ viewer { userId } }" }));
    for (headers, code) in
        [(vec![], "token_missing"), (vec![("authorization", "Bearer x.y.z")], "token_invalid")]
    {
        let (status, kind, text) = send(&app, Method::POST, "/graphql", &headers, body()).await;
        assert_eq!((status, kind.as_str()), (StatusCode::UNAUTHORIZED, "application/problem+json"));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["code"], code);
    }
    let token = bearer(&app);
    let (status, _, text) = send(&app, Method::POST, "/graphql", &[("authorization", &token)], body()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        json!({ "data": { "viewer": { "userId": "ada" } } })
    );
}

/// A link may read, and must not change anything.
#[tokio::test]
async fn get_reads_and_does_not_change() {
    let app = TestApp::start().await;
    let token = bearer(&app);
    let headers = [("authorization", token.as_str())];
    let read = "/graphql?query=%7B%20viewer%20%7B%20userId%20%7D%20%7D";
    let (status, _, text) = send(&app, Method::GET, read, &headers, None).await;
    assert_eq!((status, text.contains("ada")), (StatusCode::OK, true));
    let (status, ..) = send(&app, Method::GET, read, &[], None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let change = "/graphql?query=mutation%7BcreateCampaign(input%3A%7Bname%3A%22X%22%7D)%7Bid%7D%7D";
    let (status, _, text) = send(&app, Method::GET, change, &headers, None).await;
    assert_eq!((status, text.contains("POST")), (StatusCode::BAD_REQUEST, true), "{text}");
    let two = "/graphql?operationName=m&query=query%20q%7Bviewer%7BuserId%7D%7D%20\
               mutation%20m%7BcreateCampaign(input%3A%7Bname%3A%22X%22%7D)%7Bid%7D%7D";
    let (status, ..) = send(&app, Method::GET, two, &headers, None).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "not hidden behind a query either");
    let data = app.graphql("ada", "{ campaigns(first: 100) { nodes { name } } }", json!({})).await;
    assert!(!data.to_string().contains("\"X\""), "{data}");
}

/// The request's own id goes into the events that it causes, and comes back.
#[tokio::test]
async fn the_request_id_is_the_correlation_id() {
    let app = TestApp::start().await;
    let token = bearer(&app);
    let answer = Client::new()
        .post(format!("{}/graphql", app.url))
        .header("authorization", &token)
        .header("x-request-id", "trace-42")
        .json(&json!({ "query": "mutation { createCampaign(input: { name: \"Traced\" }) { id } }" }))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["x-request-id"], "trace-42");
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let id = answer["data"]["createCampaign"]["id"].as_str().unwrap();
    let log = app.get("ada", &format!("/api/rooms/campaign:{id}/events?after=0")).await;
    assert_eq!(log["events"][0]["metadata"]["correlationId"], "trace-42");
}

#[tokio::test]
async fn the_page_is_for_browsers_in_development() {
    let app = TestApp::start().await;
    let browser = [("accept", "text/html,application/xhtml+xml")];
    let (status, kind, page) = send(&app, Method::GET, "/graphql", &browser, None).await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "text/html; charset=utf-8"));
    assert!(!page.contains("http://") && !page.contains("https://"), "nothing is loaded from elsewhere");
    for file in ["/graphql/page.js", "/graphql/page.css"] {
        assert!(page.contains(file));
        assert_eq!(send(&app, Method::GET, file, &[], None).await.0, StatusCode::OK);
    }
    let (status, ..) = send(&app, Method::GET, "/graphql", &[], None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "a program gets no page");
}

#[tokio::test]
async fn production_shows_strangers_neither_page_nor_schema() {
    let secret = "0123456789abcdef0123456789abcdef";
    let app = TestApp::with(&["--mode", "production", "--jwt-secret", secret]).await;
    let browser = [("accept", "text/html")];
    for path in ["/graphql", "/graphql/schema.graphql"] {
        assert_eq!(send(&app, Method::GET, path, &browser, None).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(send(&app, Method::GET, "/graphql/page.js", &browser, None).await.0, StatusCode::NOT_FOUND);
    let token = bearer(&app);
    let headers = [("authorization", token.as_str())];
    let (status, _, text) = send(&app, Method::GET, "/graphql/schema.graphql", &headers, None).await;
    assert_eq!((status, text), (StatusCode::OK, fanfare::api::graphql::sdl()));
    let body = json!({ "query": "{ __schema { queryType { name } } }" });
    let (_, _, text) = send(&app, Method::POST, "/graphql", &headers, Some(body)).await;
    assert!(!text.contains("\"Query\""), "{text}");
}

#[tokio::test]
async fn the_schema_is_served_as_it_is_committed() {
    let app = TestApp::start().await;
    let (status, kind, text) = send(&app, Method::GET, "/graphql/schema.graphql", &[], None).await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "text/plain; charset=utf-8"));
    assert_eq!(text, fanfare::api::graphql::sdl());
}

#[tokio::test]
async fn what_is_no_graphql_request_is_a_problem() {
    let app = TestApp::start().await;
    let token = bearer(&app);
    let headers = [("authorization", token.as_str())];
    for body in [json!([]), json!({ "query": 7 }), json!("{ viewer { userId } }"), json!(null)] {
        let (status, kind, text) = send(&app, Method::POST, "/graphql", &headers, Some(body.clone())).await;
        assert_eq!(
            (status, kind.as_str()),
            (StatusCode::BAD_REQUEST, "application/problem+json"),
            "{body}: {text}"
        );
    }
    let huge = json!({ "query": "#".repeat(100_000) });
    let (status, ..) = send(&app, Method::POST, "/graphql", &headers, Some(huge)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}
