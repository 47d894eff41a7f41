use axum::body::Bytes;
use futures_util::stream;

use super::*;

const LOGIN: &str = "/api/dev/login";

#[tokio::test]
async fn a_body_has_a_limit_whether_it_announces_its_size_or_not() {
    let api = Api::start().await;
    let large = format!(r#"{{"userId":"ada","name":"{}"}}"#, "x".repeat(64 * 1_024));
    let detail = api.post(LOGIN, None, large.clone()).await.problem(413, "limit_exceeded");
    assert!(detail.contains("65536"), "{detail}");
    let chunks: Vec<_> = large.as_bytes().chunks(1_000).map(Bytes::copy_from_slice).collect();
    let streamed = Body::from_stream(stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>)));
    api.post(LOGIN, None, streamed).await.problem(413, "limit_exceeded");
    api.post("/graphql", None, large).await.problem(413, "limit_exceeded");
    let fits = format!(r#"{{"userId":"ada","name":"{}"}}"#, "x".repeat(60 * 1_024));
    assert_eq!(api.post(LOGIN, None, fits).await.status, 200);
}

#[tokio::test]
async fn a_body_has_a_depth() {
    let api = Api::start().await;
    let nested = |n: usize| format!(r#"{{"userId":"ada","more":{}{}}}"#, "[".repeat(n), "]".repeat(n));
    assert_eq!(api.post(LOGIN, None, nested(31)).await.status, 200);
    for deep in [nested(32), nested(30_000), "[".repeat(60_000)] {
        let detail = api.post(LOGIN, None, deep).await.problem(400, "bad_request");
        assert!(detail.contains("32 levels"), "{detail}");
    }
}

#[tokio::test]
async fn a_body_is_json_and_ends_where_it_should() {
    let api = Api::start().await;
    for wrong in ["{", "nul", "{\"userId\":\"ada\"} {}", "\u{0}", "{\"userId\":\"\\ud800\"}"] {
        api.post(LOGIN, None, wrong).await.problem(400, "bad_request");
    }
    // A text cut in the middle of a character.
    let cut = &r#"{"userId":"ada","name":"é"}"#.as_bytes()[..25];
    api.post(LOGIN, None, cut.to_vec()).await.problem(400, "bad_request");
    let broken = stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("cut"))]);
    api.post(LOGIN, None, Body::from_stream(broken)).await.problem(400, "bad_request");

    for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        let mut form = request("POST", LOGIN, None, Body::from(r#"{"userId":"ada"}"#));
        form.headers_mut().insert(CONTENT_TYPE, media_type.parse().unwrap());
        api.send(form).await.problem(415, "bad_request");
    }
    let mut charset = request("POST", LOGIN, None, Body::from(r#"{"userId":"ada"}"#));
    charset.headers_mut().insert(CONTENT_TYPE, "Application/JSON; charset=utf-8".parse().unwrap());
    assert_eq!(api.send(charset).await.status, 200);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let api = Api::with(|options| options.request_timeout = Duration::from_millis(20)).await;
    let endless = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let answer = api.post(LOGIN, None, endless).await;
    answer.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.json()["retryAfterMs"], 1_000);
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let api = Api::start().await;
    for path in ["/nothing", "/api", "/api/rooms", "/assets/../secret", "/assets/none.js", "/%ff"] {
        api.get(path, None).await.problem(404, "not_found");
    }
    let wrong_method = api.get("/api/ws/token", None).await;
    wrong_method.problem(405, "bad_request");
    assert_eq!(wrong_method.header("allow"), Some("POST"));
    let put = api.send(request("PUT", "/api/events", None, Body::empty())).await;
    put.problem(405, "bad_request");
    let token = api.token("ada", Scopes::default());
    api.get("/api/rooms/%ff/events", Some(&token)).await.problem(400, "bad_request");
}

#[tokio::test]
async fn a_panic_is_a_problem_and_tells_nothing() {
    async fn handler() -> &'static str {
        panic!("the secret reason")
    }
    let api = Api::start().await;
    let options = ApiOptions::default();
    let routes = Router::new().route("/panic", axum::routing::get(handler));
    let router = dress(routes, api.state.clock.clone(), &options);
    let api = Api { router, ..api };
    let detail = api.get("/panic", None).await.problem(500, "internal");
    assert!(!detail.contains("secret"), "{detail}");
}
