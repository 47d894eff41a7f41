//! A whole instance on a free port, with its database in a directory of its own.

use std::{ffi::OsString, net::SocketAddr, time::Duration};

use clap::Parser;
use fanfare::{
    access::{NewToken, Scopes, Signer},
    app::{self, App},
    clock::Clock,
    config::{self, Environment, Settings},
    gateway::Gateway,
    store::{Store, StoreOptions},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::socket::{PATIENCE, Socket};

const SECRET: &str = "a-secret-for-tests-that-is-long-enough";

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
}

/// A running instance. It ends with the test.
pub struct TestApp {
    /// Where it listens, as `http://127.0.0.1:port`.
    pub url: String,
    admin: String,
    address: SocketAddr,
    gateway: Gateway,
    signer: Signer,
    http: reqwest::Client,
    args: Vec<String>,
    stop: CancellationToken,
    serving: Option<JoinHandle<Result<(), app::ServeError>>>,
    dir: TempDir,
}

impl TestApp {
    /// With the defaults.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With flags, as on the command line.
    pub async fn with(args: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self::launch(dir, args, listener).await
    }

    async fn launch(dir: TempDir, args: Vec<String>, listener: TcpListener) -> Self {
        let admin = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (address, admin_address) = (listener.local_addr().unwrap(), admin.local_addr().unwrap());
        let app = App::build(settings(&dir, &args)).await.expect("an instance");
        let (gateway, signer) = (app.gateway.clone(), app.signer.clone());
        let stop = CancellationToken::new();
        let serving = tokio::spawn(app::serve(app, listener, Some(admin), stop.clone()));
        Self {
            url: format!("http://{address}"),
            admin: format!("http://{admin_address}"),
            address,
            gateway,
            signer,
            http: reqwest::Client::new(),
            args,
            stop,
            serving: Some(serving),
            dir,
        }
    }

    /// Ends the instance in order and starts another one on the same database and address.
    pub async fn restart(&mut self) {
        self.stop.cancel();
        let serving = self.serving.take().expect("it runs");
        timeout(Duration::from_secs(30), serving)
            .await
            .expect("an end in time")
            .unwrap()
            .expect("an orderly end");
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().expect("a directory"));
        let listener = self.listen_again().await;
        *self = Self::launch(dir, self.args.clone(), listener).await;
    }

    async fn listen_again(&self) -> TcpListener {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(self.address).expect("the same address");
        socket.listen(1024).unwrap()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn gateway(&self) -> Gateway {
        self.gateway.clone()
    }

    /// The instance's database, opened once more: what is committed here the instance is not told of.
    pub async fn store(&self) -> Store {
        let url = format!("sqlite:{}", self.dir.path().join("fanfare.db").display());
        Store::open(StoreOptions::new(&url), Clock::system()).await.expect("the database")
    }

    /// A token of the user's that lasts an hour.
    pub fn token(&self, user: &str) -> String {
        self.token_for(user, Duration::from_secs(3600))
    }

    pub fn token_for(&self, user: &str, ttl: Duration) -> String {
        self.mint(&self.signer, user, "", ttl)
    }

    /// A token with scopes, separated by spaces.
    pub fn token_with_scope(&self, user: &str, scope: &str) -> String {
        self.mint(&self.signer, user, scope, Duration::from_secs(3600))
    }

    /// A token that has ended an hour ago.
    pub fn expired_token(&self, user: &str) -> String {
        self.token_issued(user, Duration::from_secs(7200))
    }

    /// A token that was issued so long ago, for an hour.
    pub fn token_issued(&self, user: &str, ago: Duration) -> String {
        let past = Clock::system().now() - ago;
        let keys =
            app::access_options(&settings(&self.dir, &self.args), app::MissingKey::Make).expect("keys");
        let signer = Signer::new(&keys, Clock::manual(past).0).expect("a signer");
        self.mint(&signer, user, "", Duration::from_secs(3600))
    }

    fn mint(&self, signer: &Signer, user: &str, scope: &str, ttl: Duration) -> String {
        let token =
            NewToken { user_id: user.parse().unwrap(), name: None, scopes: Scopes::parse(scope), ttl };
        signer.mint(&token).expect("a token").0
    }

    /// A ticket for the handshake's query.
    pub async fn ticket(&self, user: &str) -> String {
        let request = self.http.post(format!("{}/api/ws/token", self.url)).bearer_auth(self.token(user));
        let body: Value = request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap();
        body["token"].as_str().expect("a ticket").to_owned()
    }

    /// A connected client of the user's.
    pub async fn connect(&self, user: &str) -> Socket {
        match Socket::connect(&self.url, &self.token(user)).await {
            Ok(socket) => socket,
            Err(refused) => panic!("{user} was refused: {refused:?}"),
        }
    }

    /// A connected client whose kernel takes little on its behalf.
    pub async fn connect_with_small_buffers(&self, user: &str) -> Socket {
        let tcp = TcpSocket::new_v4().unwrap();
        tcp.set_recv_buffer_size(4096).unwrap();
        let tcp = tcp.connect(self.address).await.unwrap();
        let mut socket = Socket::open_over(&self.url, tcp).await.unwrap();
        socket.authenticate(&json!({ "token": self.token(user) })).await.unwrap();
        socket
    }

    /// A bare TCP connection.
    pub async fn raw(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Waits until the server has ended the TCP connection.
    pub async fn ends(&self, tcp: &mut TcpStream) {
        let mut rest = Vec::new();
        let reading = async {
            // A reset is an end as well.
            while matches!(tcp.read_buf(&mut rest).await, Ok(read) if read > 0) {}
        };
        timeout(PATIENCE, reading).await.expect("the server ends the connection");
    }

    /// The data of a GraphQL request that must succeed.
    pub async fn graphql(&self, user: &str, query: &str, variables: Value) -> Value {
        let body = self.graphql_raw(&self.token(user), query, variables).await;
        assert!(body["errors"].is_null(), "{body}");
        body["data"].clone()
    }

    /// The whole answer to a GraphQL request.
    pub async fn graphql_raw(&self, token: &str, query: &str, variables: Value) -> Value {
        let request = self.http.post(format!("{}/graphql", self.url)).bearer_auth(token);
        let sent = request.json(&json!({ "query": query, "variables": variables })).send().await;
        sent.expect("an answer").json().await.expect("JSON")
    }

    /// The body of a GET that must succeed.
    pub async fn get(&self, user: &str, path: &str) -> Value {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(self.token(user));
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    /// Posts JSON; status and body.
    pub async fn post(&self, token: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(token).json(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    /// The status of a GET with a token.
    pub async fn status_of(&self, token: &str, path: &str) -> u16 {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    }

    pub async fn status(&self, path: &str) -> u16 {
        self.http.get(format!("{}{path}", self.url)).send().await.unwrap().status().as_u16()
    }

    /// The sum of a metric over its labels, 0 before it was first counted.
    pub async fn metric(&self, name: &str) -> f64 {
        let text =
            self.http.get(format!("{}/metrics", self.admin)).send().await.unwrap().text().await.unwrap();
        text.lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    pub fn connections(&self) -> usize {
        self.gateway.connection_count()
    }

    pub async fn until_connections(&self, count: usize) {
        self.until(async || self.connections() == count).await;
    }

    /// Asks again and again until it is so.
    pub async fn until(&self, mut is_so: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE * 3;
        while !is_so().await {
            assert!(Instant::now() < deadline, "it did not become so in time");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn settings(dir: &TempDir, args: &[String]) -> Settings {
    let data = dir.path().display().to_string();
    let own = [
        "fanfare",
        "--data-dir",
        &data,
        "--jwt-secret",
        SECRET,
        "--max-unauthenticated-per-address",
        "1000",
        "--head-check-interval",
        "500ms",
        // The most that the setting takes: few tests are about a slow disk.
        "--database-timeout",
        "3s",
    ];
    // The last one of a flag given twice would be an error, so a test's own flags replace ours.
    let mut all: Vec<OsString> = vec![own[0].into(), "--seed=false".into()];
    for pair in own[1..].chunks(2) {
        if !args.iter().any(|arg| arg == pair[0]) {
            all.extend(pair.iter().map(OsString::from));
        }
    }
    all.extend(args.iter().map(OsString::from));
    let loaded = config::load::<Cli>(all, &Environment::default()).expect("settings");
    assert_eq!(loaded.mistakes, config::Mistakes::default());
    loaded.command.settings
}
