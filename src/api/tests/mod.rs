//! The HTTP surface, route by route, over a database of its own.

mod bodies;
mod browsers;
mod events;
mod health;
mod history;
mod logs;
mod tokens;

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode, header::CONTENT_TYPE},
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::{
    access::{Access, AccessOptions, Action, Identity, NewToken, Scope, Scopes, Secret},
    bus::{MemoryBus, Publisher},
    clock::ManualClock,
    protocol::{CampaignId, Role, Room},
    store::StoreOptions,
    world::input::NewCampaign,
};

/// The surface with everything behind it.
struct Api {
    router: Router,
    state: ApiState,
    hand: ManualClock,
    _folder: tempfile::TempDir,
}

/// An answer, read to its end.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Api {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut ApiOptions)) -> Self {
        let (clock, hand) = Clock::manual("2026-11-20T10:15:30Z".parse().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let store = Store::open(StoreOptions::new(url), clock.clone()).await.unwrap();
        store.migrate().await.unwrap();
        let secret = Secret::new("a secret for tests of 32 bytes or more");
        let keys = AccessOptions::hmac("https://id.example", "fanfare", vec![secret]);
        let publisher = Publisher::new(Arc::new(MemoryBus::default()));
        let world = World::new(store.clone(), Access::new(store.clone()), publisher.clone(), clock.clone());
        let mut options = ApiOptions { dev_login: true, ..ApiOptions::default() };
        change(&mut options);
        let state = ApiState {
            readiness: Readiness::new(store.clone()),
            users: Users::new(store.clone(), publisher, clock.clone()),
            store,
            world,
            verifier: Verifier::new(keys.clone(), clock.clone()).unwrap(),
            signer: Signer::new(&keys, clock.clone()).unwrap(),
            clock,
            options: Arc::new(options),
        };
        Self { router: router(state.clone()), state, hand, _folder: folder }
    }

    /// A token of this user for an hour.
    fn token(&self, user: &str, scopes: Scopes) -> String {
        let user_id = user.parse().unwrap();
        let token = NewToken { user_id, name: None, scopes, ttl: Duration::from_secs(3_600) };
        self.state.signer.mint(&token).unwrap().0
    }

    /// A campaign that `ada` owns and `dan` may see.
    async fn campaign(&self) -> CampaignId {
        let ada = Identity::trusted("ada".parse().unwrap(), None);
        let request = crate::world::Request::api("test");
        let input = NewCampaign {
            name: "The Shattered Coast".into(),
            description: String::new(),
            world_time: "1372-04-10T08:00:00.000Z".parse().unwrap(),
        };
        let campaign = self.state.world.create_campaign(&ada, input, &request).await.unwrap().id;
        let room = Room::Campaign(campaign);
        let grant = self.state.world.access().require(&ada, &room, Action::Administer).await.unwrap();
        let dan = "dan".parse().unwrap();
        self.state.world.set_member(&grant, dan, Role::Viewer, &request).await.unwrap();
        campaign
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        self.send(request("GET", path, token, Body::empty())).await
    }

    async fn post(&self, path: &str, token: Option<&str>, body: impl Into<Body>) -> Answer {
        self.send(request("POST", path, token, body.into())).await
    }
}

fn request(method: &str, path: &str, token: Option<&str>, body: Body) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path).header(CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        builder = builder.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    builder.body(body).unwrap()
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Asserts that this is a whole problem document, and gives its detail.
    #[track_caller]
    fn problem(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert!(self.header("x-request-id").is_some());
        let body = self.json();
        assert_eq!((&body["status"], &body["code"]), (&json!(status), &json!(code)), "{body}");
        assert!(body["type"].is_string() && body["title"].is_string(), "{body}");
        body["detail"].as_str().unwrap().to_owned()
    }
}
