use std::{
    io,
    sync::{Arc, Mutex},
};

use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use super::*;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_log_has_the_request_and_never_its_token() {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("trace"))
        .with_ansi(false)
        .with_writer(captured.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let api = Api::start().await;
    let campaign = api.campaign().await;
    let token = api.token("ada", Scopes::default());
    let room = format!("/api/rooms/campaign:{campaign}/events?token={token}");
    let mut read = request("GET", &room, Some(&token), Body::empty());
    read.headers_mut().insert("x-request-id", "find-me-again".parse().unwrap());
    assert_eq!(api.send(read).await.status, 200);
    let ticket = api.post("/api/ws/token", Some(&token), Body::empty()).await.json();
    let login = api.post("/api/dev/login", None, r#"{"userId":"ada"}"#).await.json();
    let forged = format!("{token}x");
    api.post("/api/ws/token", Some(&forged), Body::empty()).await.problem(401, "token_invalid");
    api.post("/graphql", Some(&token), r#"{"query":"{ viewer { userId } }"}"#).await;

    let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    for expected in
        ["correlationId=\"find-me-again\"", "path=/api/rooms/campaign:", "userId=\"ada\"", "status=401"]
    {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    let signature = |token: &str| token.rsplit('.').next().unwrap().to_owned();
    for secret in [&token, ticket["token"].as_str().unwrap(), login["token"].as_str().unwrap()] {
        assert!(!text.contains(&signature(secret)), "a token is in the log");
        assert!(!text.contains(secret.split('.').nth(1).unwrap()), "a token's claims are in the log");
    }
    assert!(!text.contains("a secret for tests"));
}
