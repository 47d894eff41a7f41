//! Instances, their PostgreSQL, their Redis, and the proxies between them: processes of their own.

use std::{
    collections::HashMap,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use fanfare::{
    access::{AccessOptions, NewToken, Scopes, Secret, Signer},
    clock::Clock,
    protocol::{Offset, Room},
    store::{LoggedEvent, Store, StoreOptions},
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::viewer::{Manner, Place, Viewer};
use crate::support::{
    postgres,
    process::{Process, fanfare},
    proxy::Proxy,
    redis::Redis,
};

const SECRET: &str = "a-secret-for-drills-that-is-long-enough";

/// How many lines of an instance's log a failed drill shows.
const WARNINGS_SHOWN: usize = 20;

/// What a drill works on.
pub struct Cluster {
    pub instances: Vec<Instance>,
    pub redis: Redis,
    pub postgres: Arc<postgres::Server>,
    pub database_url: String,
    pub world: World,
    /// The database itself, past every proxy.
    pub store: Store,
    pub http: reqwest::Client,
    signer: Signer,
    settings: Vec<(String, String)>,
    folder: TempDir,
}

/// One `fanfare serve`, which may be down.
pub struct Instance {
    pub process: Option<Process>,
    /// Where it listens whenever it runs.
    pub address: SocketAddr,
    pub redis: Proxy,
    pub postgres: Proxy,
}

/// What the mutations change.
#[derive(Clone, Default)]
pub struct World {
    pub campaign: String,
    pub settlements: Vec<String>,
}

/// What a drill wants to begin with.
pub struct Shape {
    pub instances: usize,
    pub redis_runs: bool,
    pub settings: Vec<(&'static str, &'static str)>,
}

impl Default for Shape {
    fn default() -> Self {
        Self { instances: 2, redis_runs: true, settings: Vec::new() }
    }
}

/// The users that may see the world, beside its owner ada.
pub const MEMBERS: [&str; 8] = ["ben", "cleo", "dov", "eve", "fay", "gil", "hana", "ines"];

impl Cluster {
    /// Starts everything; `None` when PostgreSQL or Redis is not installed and nobody insists on it.
    pub async fn start(drill: &str, shape: Shape) -> Option<Self> {
        let postgres = Arc::new(postgres::Server::start_without_disk(drill)?);
        let database_url = postgres.database().await.expect("a database");
        let redis = Redis::start(drill)?;
        if !shape.redis_runs {
            redis.kill();
        }
        let mut options = StoreOptions::new(&database_url);
        options.max_connections = 3;
        let store = Store::open(options, Clock::system()).await.expect("the database");
        store.migrate().await.expect("the tables");
        let keys = AccessOptions::hmac("fanfare", "fanfare", vec![Secret::new(SECRET)]);
        let signer = Signer::new(&keys, Clock::system()).expect("a signer");
        let settings = shape.settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut cluster = Self {
            instances: Vec::new(),
            redis,
            postgres,
            database_url,
            world: World::default(),
            store,
            http: reqwest::Client::builder().timeout(Duration::from_secs(8)).build().expect("a client"),
            signer,
            settings: settings.collect(),
            folder: TempDir::new().expect("a folder"),
        };
        for _ in 0..shape.instances {
            let instance = Instance {
                process: None,
                address: free_address(),
                redis: Proxy::before(cluster.redis.address()).await,
                postgres: Proxy::before(cluster.postgres_address()).await,
            };
            cluster.instances.push(instance);
        }
        for index in 0..shape.instances {
            cluster.run(index);
        }
        cluster.world = cluster.make_world().await;
        Some(cluster)
    }

    fn postgres_address(&self) -> SocketAddr {
        let after = self.database_url.split('@').nth(1).expect("a url");
        after.split('/').next().and_then(|address| address.parse().ok()).expect("an address")
    }

    /// Starts an instance that is down, where it was before.
    pub fn run(&mut self, index: usize) {
        let instance = &self.instances[index];
        let url = self
            .database_url
            .replace(&self.postgres_address().to_string(), &instance.postgres.address.to_string());
        let folder = self.folder.path().join(index.to_string());
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut command = fanfare(&folder, &[]);
        command
            .arg("serve")
            .env("FANFARE_LISTEN", instance.address.to_string())
            .env("FANFARE_ADMIN_LISTEN", "127.0.0.1:0")
            .env("FANFARE_JWT_SECRET", SECRET)
            .env("FANFARE_DATABASE_URL", url)
            .env("FANFARE_REDIS_URL", format!("redis://{}", instance.redis.address))
            .env("FANFARE_SEED", "false")
            .env("FANFARE_RETENTION_COUNT", "1000000")
            .env("FANFARE_MAX_UNAUTHENTICATED_PER_ADDRESS", "100000")
            .env("FANFARE_MAX_CONNECTIONS_PER_USER", "100000")
            .env("FANFARE_LOG_FORMAT", "json");
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        self.instances[index].process = Some(Process::of(command));
    }

    /// Ends an instance without a word.
    pub fn kill(&mut self, index: usize) {
        // Dropping it kills it.
        drop(self.instances[index].process.take());
    }

    /// Asks an instance to end, and waits for it; how long it took and what it logged.
    pub async fn terminate(&mut self, index: usize) -> (Duration, String) {
        let process = self.instances[index].process.take().expect("it runs");
        let begun = Instant::now();
        process.signal(Signal::SIGTERM);
        let ended = tokio::task::spawn_blocking(move || process.wait());
        let (status, logs) = ended.await.expect("an end");
        assert_eq!(status.code(), Some(0), "{logs}");
        (begun.elapsed(), logs)
    }

    pub fn url(&self, index: usize) -> String {
        format!("http://{}", self.instances[index].address)
    }

    /// The URLs of all instances.
    pub fn urls(&self) -> Vec<String> {
        (0..self.instances.len()).map(|index| self.url(index)).collect()
    }

    pub fn token(&self, user: &str) -> String {
        self.token_for(user, Duration::from_secs(6 * 3600))
    }

    pub fn token_for(&self, user: &str, ttl: Duration) -> String {
        let scopes = Scopes::parse("");
        let token = NewToken { user_id: user.parse().expect("a user"), name: None, scopes, ttl };
        self.signer.mint(&token).expect("a token").0
    }

    /// Viewers that follow the campaign and one of its settlements, spread over the members. Which url the
    /// viewer of a number tries first says `first_url`.
    pub fn viewers(&self, count: usize, urls: &[String], first_url: impl Fn(usize) -> usize) -> Vec<Viewer> {
        let tokens = MEMBERS.map(|user| self.token(user));
        let start = |number: usize| {
            let member = number % MEMBERS.len();
            let settlement = &self.world.settlements[number % self.world.settlements.len()];
            Viewer::start(Manner {
                user: MEMBERS[member].to_owned(),
                token: tokens[member].clone(),
                number,
                urls: urls.to_vec(),
                first_url: first_url(number),
                rooms: vec![self.campaign_room(), format!("settlement:{settlement}")],
                hurry: None,
            })
        };
        (0..count).map(start).collect()
    }

    pub fn campaign_room(&self) -> String {
        format!("campaign:{}", self.world.campaign)
    }

    /// The rooms that viewers follow.
    pub fn rooms(&self) -> Vec<Room> {
        let settlements = self.world.settlements.iter().map(|id| format!("settlement:{id}"));
        let names = settlements.chain([self.campaign_room()]);
        names.map(|name| name.parse().expect("a room")).collect()
    }

    /// Where the rooms stand in the database now.
    pub async fn heads(&self) -> HashMap<String, Place> {
        self.heads_if_answered().await.expect("the database")
    }

    /// The same, while the database may be away.
    pub async fn heads_if_answered(&self) -> Option<HashMap<String, Place>> {
        let rooms = self.rooms();
        let root = rooms.last().and_then(Room::as_root).expect("the campaign");
        let snapshot = self.store.snapshot(&root, &rooms, &[]).await.ok()?;
        let epoch = snapshot.epoch.to_string();
        let place = |room: &Room| Place { epoch: epoch.clone(), offset: snapshot.head(room).0 };
        Some(rooms.iter().map(|room| (room.to_string(), place(room))).collect())
    }

    /// All that the log of a room holds.
    pub async fn log(&self, room: &Room) -> Vec<Arc<LoggedEvent>> {
        let page = self.store.page_of_room(room, Offset::START, 1).await.expect("the log");
        let mut after = page.map_or(Offset::START, |page| page.state.floor);
        let mut events: Vec<Arc<LoggedEvent>> = Vec::new();
        loop {
            let page = self.store.events_of_room(room, after, 1000).await.expect("the log");
            let Some(last) = page.last().and_then(|event| event.offsets.get(room)) else { return events };
            after = last;
            events.extend(page);
        }
    }

    /// The data of a GraphQL request to an instance, that must succeed. It is sent again while the answer
    /// is that this makes sense.
    pub async fn graphql(&self, index: usize, user: &str, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let request =
                self.http.post(format!("{}/graphql", self.url(index))).bearer_auth(self.token(user));
            let answer = request.json(&body).send().await.expect("an answer");
            let answer: Value = answer.json().await.expect("JSON");
            if answer["errors"].is_null() {
                return answer["data"].clone();
            }
            let code = &answer["errors"][0]["extensions"]["code"];
            assert!(code == "UNAVAILABLE" && Instant::now() < deadline, "{answer}");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// The sum of a metric of an instance over its labels.
    pub async fn metric(&self, index: usize, name: &str) -> f64 {
        let Some(process) = &self.instances[index].process else { return 0.0 };
        let url = format!("http://{}/metrics", process.admin);
        let Ok(answer) = self.http.get(url).send().await else { return 0.0 };
        let text = answer.text().await.unwrap_or_default();
        text.lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// Waits until it is so.
    pub async fn until(&self, what: &str, limit: Duration, mut is_so: impl AsyncFnMut(&Self) -> bool) {
        let deadline = Instant::now() + limit;
        while !is_so(self).await {
            assert!(Instant::now() < deadline, "{what} within {limit:?}");
            sleep(Duration::from_millis(25)).await;
        }
    }

    async fn make_world(&self) -> World {
        let create = "mutation { createCampaign(input: { name: \"Drill\" }) { id } }";
        let made = self.graphql(0, "ada", create, json!({})).await;
        let campaign = made["createCampaign"]["id"].as_str().expect("an id").to_owned();
        let mut settlements = Vec::new();
        for name in ["North", "South"] {
            let create = "mutation($c: ID!, $n: String!) {
                createSettlement(input: { campaignId: $c, name: $n, population: 100 }) { id } }";
            let made = self.graphql(0, "ada", create, json!({ "c": campaign, "n": name })).await;
            settlements.push(made["createSettlement"]["id"].as_str().expect("an id").to_owned());
        }
        for user in MEMBERS {
            self.set_member(0, &campaign, user).await;
        }
        World { campaign, settlements }
    }

    /// The whole content of the database, as `pg_dump` writes it.
    pub fn dump(&self) -> Vec<u8> {
        self.postgres.tool("pg_dump", &["--data-only", "--inserts", "-n", self.schema()], &[])
    }

    /// Puts the content back, in one transaction.
    pub fn restore(&self, content: &[u8]) {
        let schema = self.schema();
        let mut script = format!(
            "BEGIN; DO $$ DECLARE t text; BEGIN
                 FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = '{schema}'
                 LOOP EXECUTE format('TRUNCATE {schema}.%I CASCADE', t); END LOOP; END $$;
             SET LOCAL session_replication_role = replica;\n"
        )
        .into_bytes();
        script.extend_from_slice(content);
        script.extend_from_slice(b"\nCOMMIT;\n");
        self.postgres.tool("psql", &["-v", "ON_ERROR_STOP=1", "-q", "-f", "-"], &script);
    }

    fn schema(&self) -> &str {
        self.database_url.split("search_path]=").nth(1).expect("a schema")
    }

    /// Makes the user a viewer of the campaign, through an instance.
    pub async fn set_member(&self, index: usize, campaign: &str, user: &str) {
        let set = "mutation($c: ID!, $u: ID!) {
            setMember(campaignId: $c, userId: $u, role: VIEWER) { userId } }";
        self.graphql(index, "ada", set, json!({ "c": campaign, "u": user })).await;
    }

    /// Takes the user out of the campaign, through an instance.
    pub async fn remove_member(&self, index: usize, campaign: &str, user: &str) {
        let remove = "mutation($c: ID!, $u: ID!) { removeMember(campaignId: $c, userId: $u) }";
        self.graphql(index, "ada", remove, json!({ "c": campaign, "u": user })).await;
    }
}

impl Drop for Cluster {
    /// A drill that fails shows what the instances had to say.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for (index, instance) in self.instances.iter_mut().enumerate() {
            let Some(process) = instance.process.take() else { continue };
            let logs = process.end();
            let warnings: Vec<&str> = logs.lines().filter(|line| !line.contains("\"INFO\"")).collect();
            let last = warnings.len().saturating_sub(WARNINGS_SHOWN);
            eprintln!("instance {index}, {} warnings:\n{}", warnings.len(), warnings[last..].join("\n"));
        }
    }
}

/// An address that is free now, and not given out again for a while.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address")
}
