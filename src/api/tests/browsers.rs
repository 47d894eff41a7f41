use super::*;

fn preflight(origin: &str) -> Request<Body> {
    Request::options("/graphql")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,x-request-id")
        .body(Body::empty())
        .unwrap()
}

// req: T01
#[tokio::test]
async fn pages_of_listed_origins_may_call_and_no_others() {
    let api = Api::with(|options| options.allowed_origins = vec!["https://app.example".into()]).await;
    let allowed = api.send(preflight("https://app.example")).await;
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(
        allowed.header("access-control-allow-headers"),
        Some("authorization,content-type,x-request-id")
    );
    assert_eq!(allowed.header("access-control-allow-credentials"), None);
    for other in ["https://evil.example", "http://app.example", "https://app.example.evil", "null"] {
        assert_eq!(api.send(preflight(other)).await.header("access-control-allow-origin"), None, "{other}");
    }
    // An error must be readable by the page as well.
    let mut failing = request("POST", "/api/ws/token", None, Body::empty());
    failing.headers_mut().insert("origin", "https://app.example".parse().unwrap());
    let failed = api.send(failing).await;
    failed.problem(401, "token_missing");
    assert_eq!(failed.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(failed.header("access-control-expose-headers"), Some("retry-after,x-request-id"));

    let none = Api::start().await;
    assert_eq!(none.send(preflight("https://app.example")).await.header("access-control-allow-origin"), None);
    let any = Api::with(|options| options.allowed_origins = vec!["*".into()]).await;
    assert_eq!(
        any.send(preflight("https://x.example")).await.header("access-control-allow-origin"),
        Some("*")
    );
}

#[tokio::test]
async fn every_answer_has_the_headers_that_browsers_heed() {
    let api = Api::start().await;
    for path in ["/", "/healthz", "/api/openapi.json", "/nothing"] {
        let answer = api.get(path, None).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
    }
}

#[tokio::test]
async fn a_request_id_is_kept_or_made() {
    let api = Api::start().await;
    let sent = |id: &str| {
        let mut request = request("GET", "/healthz", None, Body::empty());
        request.headers_mut().insert("x-request-id", id.parse().unwrap());
        request
    };
    assert_eq!(api.send(sent("checkout-7f3")).await.header("x-request-id"), Some("checkout-7f3"));
    for bad in ["", "two words", &"x".repeat(65)] {
        let answer = api.send(sent(bad)).await;
        let made = answer.header("x-request-id").unwrap();
        assert_eq!(made.len(), 36, "{bad} was replaced by a UUID: {made}");
    }
}

#[tokio::test]
async fn the_page_and_the_documentation_come_from_the_binary() {
    let api = Api::start().await;
    let page = api.get("/", None).await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (StatusCode::OK, Some("text/html; charset=utf-8"))
    );
    let mut assets: Vec<_> = page.text.split('"').filter(|part| part.starts_with("/site/")).collect();
    assets.push("/site/socket.io.esm.min.js");
    assets.push("/favicon.ico");
    for asset in &assets {
        let file = api.get(asset, None).await;
        assert_eq!(file.status, 200, "{asset}");
        let mut again = request("GET", asset, None, Body::empty());
        again.headers_mut().insert("if-none-match", file.headers["etag"].clone());
        let again = api.send(again).await;
        assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""), "{asset}");
    }
    for text in
        [page.text, api.get("/site/style.css", None).await.text, api.get("/site/app.js", None).await.text]
    {
        assert!(!text.contains("https://"), "nothing is loaded from elsewhere");
    }

    let moved = api.get("/api/docs", None).await;
    assert_eq!(moved.header("location"), Some("/api/docs/"));
    assert_eq!(api.get("/api/docs/", None).await.status, 200);
    let script = api.get("/api/docs/swagger-initializer.js", None).await;
    assert!(script.text.contains("/api/openapi.json"), "{}", script.text);
    let document = api.get("/api/openapi.json", None).await.json();
    assert_eq!(document["openapi"], "3.1.0");
}
