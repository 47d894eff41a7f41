//! A Redis of our own: Debian's program, a private directory, free ports, loopback only.
//!
//! Every server is ended by its own pid, and by the kernel when the thread that started it is gone.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use redis::{Connection, FromRedisValue};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::certificates::Certificates;

/// How long a start may take; far more than it does.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running `redis-server`. Dropped, it is ended and its directory deleted.
pub struct Redis {
    folder: TempDir,
    port: u16,
    args: Vec<String>,
    running: Mutex<Option<Running>>,
}

struct Running {
    pid: Pid,
    /// Dropped, it lets the thread go on that waits for the process.
    over: mpsc::Sender<()>,
    waiter: thread::JoinHandle<()>,
}

impl Redis {
    /// A server; `None` when Redis is not installed and nobody insists on it.
    pub fn start(test: &str) -> Option<Self> {
        Self::with(test, &[])
    }

    /// A server that speaks TLS only.
    pub fn over_tls(test: &str, certificates: &Certificates) -> Option<Self> {
        let files = [certificates.certificate(), certificates.key(), certificates.ca()];
        let [certificate, key, ca] = files.map(|file| file.display().to_string());
        let server = ["--tls-cert-file", &certificate, "--tls-key-file", &key];
        let clients = ["--tls-ca-cert-file", &ca, "--tls-auth-clients", "no"];
        Self::with(test, &[server, clients].concat())
    }

    /// A server with more arguments.
    pub fn with(test: &str, args: &[&str]) -> Option<Self> {
        if !installed("redis-server") {
            let insisted = std::env::var("CI").is_ok_and(|value| value == "true")
                || std::env::var("FANFARE_REQUIRE_REDIS").is_ok_and(|value| value == "1");
            assert!(!insisted, "{test} needs Redis: apt-get install redis-server");
            eprintln!("skipped: {test} (Redis is not installed: apt-get install redis-server)");
            return None;
        }
        let mut redis = Self {
            folder: TempDir::new().unwrap(),
            port: 0,
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            running: Mutex::new(None),
        };
        // Between choosing a free port and listening on it somebody else may take it.
        for _ in 0..5 {
            redis.port = free_port();
            if redis.run() {
                return Some(redis);
            }
        }
        panic!("Redis does not start");
    }

    /// Starts the server process, which knows nothing of what an earlier one held. False when it ends instead of
    /// listening.
    pub fn run(&self) -> bool {
        let sentinel = self.args.iter().any(|arg| arg == "--sentinel");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "redis-server"]);
        if sentinel {
            // A sentinel writes into its configuration, so it needs one.
            let file = self.folder.path().join("sentinel.conf");
            fs::OpenOptions::new().create(true).append(true).open(&file).unwrap();
            command.arg(file);
        }
        let port = self.port.to_string();
        if self.args.iter().any(|arg| arg == "--tls-cert-file") {
            command.args(["--port", "0", "--tls-port", &port]);
        } else {
            command.args(["--port", &port]);
        }
        command
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--dir", &self.folder.path().display().to_string(), "--daemonize", "no"])
            .args(&self.args)
            .current_dir(self.folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let (started, ready) = mpsc::channel();
        let (over, ended) = mpsc::channel::<()>();
        // The kernel ends the server when the thread that started it is gone, so this thread stays.
        let waiter = thread::spawn(move || {
            let mut child = command.spawn().unwrap();
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
            let lines = BufReader::new(child.stdout.take().unwrap());
            let reader = thread::spawn(move || {
                for line in lines.lines().map_while(Result::ok) {
                    if line.contains("Ready to accept connections") || line.contains("Sentinel ID is") {
                        let _ = started.send(pid);
                    }
                }
            });
            let _ = ended.recv();
            child.wait().unwrap();
            reader.join().unwrap();
        });
        match ready.recv_timeout(PATIENCE) {
            Ok(pid) => {
                *self.running.lock().unwrap() = Some(Running { pid, over, waiter });
                true
            }
            Err(_) => {
                drop(over);
                waiter.join().unwrap();
                false
            }
        }
    }

    /// Ends the server process at once and waits until it is gone.
    pub fn kill(&self) {
        let Some(running) = self.running.lock().unwrap().take() else { return };
        kill(running.pid, Signal::SIGKILL).unwrap();
        drop(running.over);
        running.waiter.join().unwrap();
    }

    /// Sends the server process a signal: `SIGSTOP` and `SIGCONT` make it hang and go on.
    pub fn signal(&self, signal: Signal) {
        kill(self.running.lock().unwrap().as_ref().unwrap().pid, signal).unwrap();
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Where it is, as the setting wants it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Runs a command.
    pub fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut self.connection()).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// Publishes bytes, as anybody can who reaches the server.
    pub fn publish(&self, channel: &str, message: &[u8]) {
        redis::cmd("PUBLISH").arg(channel).arg(message).exec(&mut self.connection()).unwrap();
    }

    /// How many subscribers a channel has.
    pub fn subscribers(&self, channel: &str) -> u64 {
        self.command::<(String, u64)>(&["PUBSUB", "NUMSUB", channel]).1
    }

    /// Everything that is published on the channel from now on.
    pub fn listen(&self, channel: &str) -> UnboundedReceiver<Vec<u8>> {
        let (sender, messages) = unbounded_channel();
        let (mut connection, channel) = (self.connection(), channel.to_owned());
        let (listening, listens) = mpsc::channel();
        // It ends with the server, or with the first message that nobody wants.
        thread::spawn(move || {
            let mut listener = connection.as_pubsub();
            listener.subscribe(channel).unwrap();
            listening.send(()).unwrap();
            while let Ok(message) = listener.get_message() {
                if sender.send(message.get_payload_bytes().to_vec()).is_err() {
                    return;
                }
            }
        });
        listens.recv().unwrap();
        messages
    }

    fn connection(&self) -> Connection {
        redis::Client::open(self.url()).unwrap().get_connection_with_timeout(PATIENCE).unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody has at the moment.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder: PathBuf| folder.join(program).is_file())
}
