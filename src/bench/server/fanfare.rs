//! Fanfare under test: started by this process, or running somewhere already.

use std::{
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    path::Path,
    process::Command,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    child::{ChildServer, START},
    usage::{self, Usage},
};
use crate::{
    access::{AccessOptions, NewToken, Scope, Scopes, Secret, Signer},
    bench::{
        error::BenchError,
        feed::{
            Errand, Load,
            http::{self, Publishing},
        },
    },
    clock::Clock,
    protocol::UserId,
};

/// A Fanfare server, and what is needed to use it.
pub struct Fanfare {
    pub address: SocketAddr,
    base: String,
    metrics: Option<String>,
    tokens: Tokens,
    child: Option<ChildServer>,
    pid: Option<u32>,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

/// Where tokens come from.
pub enum Tokens {
    /// Made here: every client is a user of its own as far as the limit per user asks for it.
    Minted(Signer),
    /// One for everybody: the server's limit of connections per user must allow it.
    Given(String),
}

/// A server that runs already.
#[derive(Debug, Clone)]
pub struct Elsewhere {
    /// `http://host:port`.
    pub url: String,
    /// Where its `/metrics` are.
    pub metrics: Option<String>,
    /// Its process, when it runs on this machine.
    pub pid: Option<u32>,
}

/// How many clients are one user: the server's default limit.
pub const CLIENTS_PER_USER: usize = 10;
/// Longer than any scenario takes.
const TOKEN_TTL: Duration = Duration::from_secs(6 * 3600);

impl Fanfare {
    /// Starts this program's own server on a free port with its files in `folder`, bound to a processor if one is named.
    /// `settings` are added to its environment; nothing of this process's own reaches it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(
        folder: &Path,
        core: Option<usize>,
        secret: &str,
        settings: &[(&str, String)],
    ) -> Result<Self, BenchError> {
        let program = std::env::current_exe().map_err(BenchError::machine("find this program's own file"))?;
        let (listen, admin) = (free_address()?, free_address()?);
        let mut command = Command::new(program);
        command
            .arg("serve")
            .current_dir(folder)
            .env_clear()
            .env("FANFARE_MODE", "production")
            .env("FANFARE_LISTEN", listen.to_string())
            .env("FANFARE_ADMIN_LISTEN", admin.to_string())
            .env("FANFARE_DATA_DIR", folder)
            .env("FANFARE_JWT_SECRET", secret)
            .env("FANFARE_SEED", "false")
            // All clients come from one address here, as they do not in life.
            .env("FANFARE_MAX_UNAUTHENTICATED_PER_ADDRESS", "100000")
            .stdout(std::process::Stdio::null());
        for (name, value) in settings {
            command.env(name, value);
        }
        let child = ChildServer::start(command, folder, core)?;
        let metrics = Some(format!("http://{admin}/metrics"));
        let pid = Some(child.pid());
        let tokens = Tokens::minted(secret)?;
        let mut server = Self::new(listen, format!("http://{listen}"), metrics, tokens, pid)?;
        server.child = Some(child);
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Uses a server that runs already.
    ///
    /// # Errors
    /// When its URL cannot be used or it is not ready.
    pub fn at(place: &Elsewhere, tokens: Tokens) -> Result<Self, BenchError> {
        let shape = || BenchError::Usage(format!("'{}' is not of the form http://host:port", place.url));
        let authority = place.url.strip_prefix("http://").ok_or_else(shape)?.trim_end_matches('/');
        let address = authority
            .to_socket_addrs()
            .map_err(BenchError::machine(format!("find {authority}")))?
            .next()
            .ok_or_else(shape)?;
        let base = format!("http://{authority}");
        let mut server = Self::new(address, base, place.metrics.clone(), tokens, place.pid)?;
        server.wait_until_ready()?;
        Ok(server)
    }

    fn new(
        address: SocketAddr,
        base: String,
        metrics: Option<String>,
        tokens: Tokens,
        pid: Option<u32>,
    ) -> Result<Self, BenchError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(BenchError::machine("start a runtime"))?;
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(30))
            // The runtime runs only while something is asked: that a server closed a connection meanwhile goes unnoticed.
            .pool_idle_timeout(Duration::from_secs(1))
            .build()
            .map_err(BenchError::server("fanfare", "an HTTP client"))?;
        Ok(Self { address, base, metrics, tokens, child: None, pid, http, runtime })
    }

    /// What the server has used so far, when it runs on this machine.
    pub fn usage(&self) -> Option<Usage> {
        self.pid.and_then(usage::of)
    }

    /// The token of the client with this number.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn token(&self, client: usize) -> Result<Rc<str>, BenchError> {
        self.token_of_user(client / CLIENTS_PER_USER)
    }

    /// The token of the user with this number.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn token_of_user(&self, number: usize) -> Result<Rc<str>, BenchError> {
        self.tokens.of_user(&user_name(number)).map(Rc::from)
    }

    /// Runs requests to this server; they use its HTTP client and its publisher's token.
    ///
    /// # Errors
    /// When the publisher's token cannot be signed.
    pub fn run<T, F: Future<Output = T>>(
        &self,
        work: impl FnOnce(reqwest::Client, Publishing) -> F,
    ) -> Result<T, BenchError> {
        let publishing = self.publishing()?;
        Ok(self.runtime.block_on(work(self.http.clone(), publishing)))
    }

    /// What publishing needs: where, and as whom.
    ///
    /// # Errors
    /// When the publisher's token cannot be signed.
    pub fn publishing(&self) -> Result<Publishing, BenchError> {
        Ok(Publishing { base: self.base.clone(), token: self.tokens.of_user(&user_name(0))? })
    }

    /// Runs one GraphQL operation as the first user and answers its `data`.
    ///
    /// # Errors
    /// When the server refuses it.
    pub fn graphql(&self, query: &str, variables: Value) -> Result<Value, BenchError> {
        let token = self.tokens.of_user(&user_name(0))?;
        let request = self
            .http
            .post(format!("{}/graphql", self.base))
            .bearer_auth(token)
            .json(&json!({ "query": query, "variables": variables }));
        let answer: Value = self
            .runtime
            .block_on(async { request.send().await?.json().await })
            .map_err(|error: reqwest::Error| BenchError::server("fanfare", "a GraphQL request")(error))?;
        match answer.get("errors") {
            Some(errors) => Err(BenchError::server("fanfare", "a GraphQL request")(errors)),
            None => Ok(answer["data"].clone()),
        }
    }

    /// Publishes a small load, waits for it and answers the offset of each room's last event.
    ///
    /// # Errors
    /// When the server refuses an event.
    pub fn publish_now(&self, load: &Load) -> Result<Vec<u64>, BenchError> {
        let errand = Arc::new(Errand::Publish { pad: 0 });
        let fed = self.runtime.block_on(http::publish(&self.publishing()?, load, &errand));
        match fed.first_failure {
            Some(cause) => Err(BenchError::server("fanfare", "publishing an event")(cause)),
            None => Ok(fed.heads),
        }
    }

    /// The bytes of the event at this offset of the room's log, as it is delivered.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn event_size(&self, room: &str, offset: u64) -> Result<usize, BenchError> {
        #[derive(serde::Deserialize)]
        struct Page {
            events: Vec<Box<serde_json::value::RawValue>>,
        }
        let token = self.tokens.of_user(&user_name(0))?;
        let request = {
            let after = offset.saturating_sub(1);
            self.http.get(format!("{}/api/rooms/{room}/events?after={after}&limit=1", self.base))
        }
        .bearer_auth(token);
        let page: Page = self
            .runtime
            .block_on(async { request.send().await?.error_for_status()?.json().await })
            .map_err(|error: reqwest::Error| BenchError::server("fanfare", "reading a room's log")(error))?;
        page.events.last().map(|event| event.get().len()).ok_or_else(|| BenchError::Server {
            server: "fanfare".into(),
            what: "the event that was published last is not in the log".into(),
        })
    }

    /// The sum of a counter over its labels, when the server's metrics can be read.
    pub fn counter(&self, name: &str) -> Option<f64> {
        let request = self.http.get(self.metrics.as_ref()?);
        let text = self.runtime.block_on(async { request.send().await.ok()?.text().await.ok() })?;
        sum_of(&text, name)
    }

    fn wait_until_ready(&mut self) -> Result<(), BenchError> {
        let deadline = Instant::now() + START;
        let ready = format!("{}/readyz", self.base);
        loop {
            let asked = self.runtime.block_on(async {
                let answer = self.http.get(&ready).timeout(Duration::from_secs(1)).send().await;
                if answer.is_err() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                answer
            });
            if asked.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if let Some(cause) = self.child.as_mut().and_then(ChildServer::ended) {
                return Err(BenchError::Server { server: "fanfare".into(), what: cause });
            }
            if Instant::now() > deadline {
                let words = self.child.as_ref().map(ChildServer::last_words).unwrap_or_default();
                let what = format!("it was not ready within {START:?}: {words}");
                return Err(BenchError::Server { server: "fanfare".into(), what });
            }
        }
    }
}

impl Tokens {
    /// Tokens signed with the server's HMAC secret.
    ///
    /// # Errors
    /// When the secret cannot be used.
    pub fn minted(secret: &str) -> Result<Self, BenchError> {
        let options = AccessOptions::hmac("fanfare", "fanfare", vec![Secret::new(secret)]);
        let signer =
            Signer::new(&options, Clock::system()).map_err(BenchError::server("fanfare", "tokens"))?;
        Ok(Self::Minted(signer))
    }

    fn of_user(&self, user: &str) -> Result<String, BenchError> {
        match self {
            Self::Given(token) => Ok(token.clone()),
            Self::Minted(signer) => {
                let failed = BenchError::server::<String>("fanfare", "a token");
                let user_id: UserId = match user.parse() {
                    Ok(id) => id,
                    Err(error) => return Err(failed(format!("{error}"))),
                };
                let scopes = Scopes::parse(&Scope::ALL.map(Scope::name).join(" "));
                let token = NewToken { user_id, name: None, scopes, ttl: TOKEN_TTL };
                signer.mint(&token).map(|(token, _)| token).map_err(|error| failed(error.to_string()))
            }
        }
    }
}

/// The user with this number. The first owns every campaign and publishes.
pub fn user_name(number: usize) -> String {
    format!("bench-{number}")
}

/// A secret to sign tokens with, that nobody used before.
pub fn new_secret() -> String {
    Clock::system().uuid().as_hyphenated().to_string()
}

/// An address that was free a moment ago. Between this and the server's start somebody else may take it; then the
/// server does not start and says why.
pub fn free_address() -> Result<SocketAddr, BenchError> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map_err(BenchError::machine("find a free port"))
}

/// The sum of a metric's samples over its labels, in Prometheus text.
fn sum_of(text: &str, name: &str) -> Option<f64> {
    let samples = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value =
            rest.strip_prefix('{').map_or(rest, |labels| labels.split_once('}').map_or("", |(_, v)| v));
        value.strip_prefix(' ')?.trim().parse::<f64>().ok()
    });
    samples.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_a_counter_over_its_labels() {
        let text = "# TYPE store_queries_total counter\nstore_queries_total{kind=\"read\"} 12\nstore_queries_total{kind=\"write\"} 30\nstore_queries_total_more 5\nplain 2\n";
        assert_eq!(sum_of(text, "store_queries_total"), Some(42.0));
        assert_eq!(sum_of(text, "plain"), Some(2.0));
        assert_eq!(sum_of(text, "absent"), None);
    }
}
