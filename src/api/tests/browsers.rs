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

/// What the page's own text names with `src=` or `href=`.
fn needed_by(page: &str) -> Vec<String> {
    let paths = page.split(['"', '\'']).filter(|part| part.starts_with('/') && part.contains('.'));
    paths.map(str::to_owned).collect()
}

async fn fetched(api: &Api, path: &str, header: (&str, &str)) -> Answer {
    let mut request = request("GET", path, None, Body::empty());
    request
        .headers_mut()
        .insert(axum::http::HeaderName::from_bytes(header.0.as_bytes()).unwrap(), header.1.parse().unwrap());
    api.send(request).await
}

// req: T19
#[tokio::test]
async fn the_demo_comes_from_the_binary_whole() {
    let api = Api::start().await;
    let page = api.get("/", None).await;
    assert_eq!(
        (page.status, page.header("content-type"), page.header("cache-control")),
        (StatusCode::OK, Some("text/html; charset=utf-8"), Some("no-cache"))
    );
    assert_eq!(page.header("cross-origin-opener-policy"), Some("same-origin"));
    assert!(!page.text.contains("https://"), "nothing is loaded from elsewhere: {}", page.text);
    let needed = needed_by(&page.text);
    assert!(needed.len() >= 4, "script, style, theme and icon: {needed:?}");
    for path in needed.iter().map(String::as_str).chain(["/favicon.ico", "/LICENSES.txt"]) {
        let file = api.get(path, None).await;
        assert_eq!(file.status, 200, "{path}");
        let policy = file.header("content-security-policy").unwrap();
        assert!(policy.contains("connect-src 'self';") && !policy.contains("unsafe"), "{path}: {policy}");
        let caching = file.header("cache-control").unwrap();
        assert_eq!(caching.contains("immutable"), path.starts_with("/assets/"), "{path}: {caching}");
        let again = fetched(&api, path, ("if-none-match", file.header("etag").unwrap())).await;
        assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""), "{path}");
        assert_eq!(again.header("cache-control"), Some(caching), "{path}");
        assert_eq!(again.header("content-security-policy"), Some(policy), "{path}");
    }
}

#[tokio::test]
async fn the_demo_s_own_addresses_are_the_page_and_no_others() {
    let api = Api::start().await;
    let page = api.get("/", None).await;
    for path in ["/campaigns", "/campaigns/1", "/campaigns/1/settlements/2/structures/3"] {
        let same = api.get(path, None).await;
        assert_eq!((same.status, &same.text), (StatusCode::OK, &page.text), "{path}");
        let again = fetched(&api, path, ("if-none-match", page.header("etag").unwrap())).await;
        assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""), "{path}");
        // A browser keeps the headers of the last answer: with another policy a page that is loaded again is blank.
        for name in ["content-security-policy", "cross-origin-opener-policy", "cache-control"] {
            assert_eq!(again.header(name), page.header(name), "{path}: {name}");
        }
    }
    for path in ["/campaign", "/index.html", "/assets", "/assets/", "/assets/index.html", "/settlements/1"] {
        api.get(path, None).await.problem(404, "not_found");
    }
}

/// A page that cannot sign anybody in must not offer it.
#[tokio::test]
async fn the_page_knows_what_the_server_offers() {
    let page = async |dev_login, graphiql| {
        let api = Api::with(|options| (options.dev_login, options.graphiql) = (dev_login, graphiql)).await;
        let page = api.get("/campaigns/1", None).await;
        let on = |name: &str| page.text.contains(&format!("<meta name=\"fanfare-{name}\" content=\"on\""));
        let off = |name: &str| page.text.contains(&format!("<meta name=\"fanfare-{name}\" content=\"off\""));
        for (name, offered) in [("dev-login", dev_login), ("graphiql", graphiql)] {
            assert_eq!((on(name), off(name)), (offered, !offered), "{name}: {}", page.text);
        }
        page.header("etag").unwrap().to_owned()
    };
    let tags =
        [page(true, true).await, page(true, false).await, page(false, true).await, page(false, false).await];
    assert_eq!(std::collections::BTreeSet::from(tags).len(), 4, "each page has a tag of its own");
}

#[tokio::test]
async fn assets_are_compressed_for_those_who_can_read_it() {
    let api = Api::start().await;
    let page = api.get("/", None).await.text;
    let script = needed_by(&page).into_iter().find(|path| path.ends_with(".js") && path.contains("assets"));
    let script = script.unwrap();
    let plain = api.get(&script, None).await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")));
    for refused in ["br", "gzip;q=0", "gzip; q=0.0", "identity", "x-gzip-not"] {
        let answer = fetched(&api, &script, ("accept-encoding", refused)).await;
        assert_eq!(answer.header("content-encoding"), None, "{refused}");
    }
    for taken in ["gzip", "br, GZIP", "deflate, gzip;q=0.5"] {
        let answer = fetched(&api, &script, ("accept-encoding", taken)).await;
        assert_eq!(answer.header("content-encoding"), Some("gzip"), "{taken}");
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        assert!(length < plain.text.len() / 2, "{length} of {}", plain.text.len());
        assert_ne!(answer.header("etag"), plain.header("etag"));
    }
}

#[tokio::test]
async fn the_documentation_comes_from_the_binary() {
    let api = Api::start().await;
    let moved = api.get("/api/docs", None).await;
    assert_eq!(moved.header("location"), Some("/api/docs/"));
    assert_eq!(api.get("/api/docs/", None).await.status, 200);
    let script = api.get("/api/docs/swagger-initializer.js", None).await;
    assert!(script.text.contains("/api/openapi.json"), "{}", script.text);
    let document = api.get("/api/openapi.json", None).await.json();
    assert_eq!(document["openapi"], "3.1.0");
}
