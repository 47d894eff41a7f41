//! A PostgreSQL server of our own: Debian's programs, a private directory, a free port, loopback only.
//!
//! Tests that run at the same time in one process share a server; each takes a schema of its own in it.
//! The server is ended by its own pid, and by the kernel when this process dies.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, User, getuid},
};
use tempfile::TempDir;

use super::certificates::Certificates;

/// A running server. Dropped, it is ended and its directory deleted.
pub struct Server {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    waits_for_disk: bool,
    running: Mutex<Option<Running>>,
    databases: AtomicU32,
}

struct Running {
    pid: Pid,
    /// Dropped, it lets the thread go on that waits for the process.
    over: mpsc::Sender<()>,
    waiter: thread::JoinHandle<()>,
}

/// The server of this process; `None` when PostgreSQL is not installed and nobody insists on it.
pub fn shared(test: &str) -> Option<Arc<Server>> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap();
    if let Some(server) = shared.upgrade() {
        return Some(server);
    }
    let server = Arc::new(Server::start(test)?);
    *shared = Arc::downgrade(&server);
    Some(server)
}

/// Waits until somebody in the server of this database waits for a lock that somebody else holds.
pub async fn until_somebody_waits(url: &str) {
    use sqlx::Connection;
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    let waits = async {
        let asked = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)";
        while !sqlx::query_scalar::<_, bool>(asked).fetch_one(&mut connection).await.unwrap() {}
    };
    tokio::time::timeout(Duration::from_secs(30), waits).await.expect("somebody waits");
}

impl Server {
    /// A server that nobody else uses, for tests that break it.
    pub fn start(test: &str) -> Option<Self> {
        Self::start_with(test, true)
    }

    /// The same, but it does not wait for the disk, which other tests may keep busy: what it has acknowledged
    /// survives the end of its process, and not that of the machine.
    pub fn start_without_disk(test: &str) -> Option<Self> {
        Self::start_with(test, false)
    }

    fn start_with(test: &str, waits_for_disk: bool) -> Option<Self> {
        let Some(programs) = programs() else {
            let insisted = std::env::var("CI").is_ok_and(|value| value == "true")
                || std::env::var("FANFARE_REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
            assert!(!insisted, "{test} needs PostgreSQL: apt-get install postgresql");
            eprintln!("skipped: {test} (PostgreSQL is not installed: apt-get install postgresql)");
            return None;
        };
        let folder = TempDir::new().unwrap();
        if let Some(user) = other_user() {
            chown(folder.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
        }
        let made = as_user(&programs.join("initdb"))
            .args(["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust", "--username=fanfare", "-D"])
            .arg(folder.path().join("data"))
            .env("LC_ALL", "C")
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut server = Self {
            programs,
            folder,
            port: 0,
            waits_for_disk,
            running: Mutex::new(None),
            databases: AtomicU32::new(0),
        };
        // Between choosing a free port and listening on it somebody else may take it.
        for _ in 0..5 {
            server.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if server.run() {
                return Some(server);
            }
        }
        panic!("PostgreSQL does not start: {}", server.folder.path().display());
    }

    /// Starts the server process. False when it ends instead of listening.
    pub fn run(&self) -> bool {
        let mut command = as_user(&self.programs.join("postgres"));
        command
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="])
            .args(["-c", "max_connections=200", "-c", "logging_collector=off"])
            .args(["-c", if self.waits_for_disk { "fsync=on" } else { "fsync=off" }])
            .env("LC_ALL", "C")
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let (started, ready) = mpsc::channel();
        let (over, ended) = mpsc::channel::<()>();
        // The kernel ends the server when the thread that started it is gone, so this thread stays.
        let waiter = thread::spawn(move || {
            let mut child: Child = command.spawn().unwrap();
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
            let lines = BufReader::new(child.stderr.take().unwrap());
            let reader = thread::spawn(move || {
                for line in lines.lines().map_while(Result::ok) {
                    if line.contains("ready to accept connections") {
                        let _ = started.send(pid);
                    }
                }
            });
            let _ = ended.recv();
            child.wait().unwrap();
            reader.join().unwrap();
        });
        match ready.recv() {
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

    /// Sends the server process a signal: `SIGSTOP` and `SIGCONT` make it hang and go on.
    pub fn signal(&self, signal: Signal) {
        kill(self.running.lock().unwrap().as_ref().unwrap().pid, signal).unwrap();
    }

    /// The processes that serve the server's connections, and its others.
    pub fn children(&self) -> Vec<Pid> {
        let parent = self.running.lock().unwrap().as_ref().unwrap().pid;
        let tasks = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
        tasks.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap())).collect()
    }

    /// Ends the server process and waits until it is gone.
    pub fn end(&self, signal: Signal) {
        let Some(running) = self.running.lock().unwrap().take() else { return };
        let _ = kill(running.pid, signal);
        let _ = kill(running.pid, Signal::SIGCONT);
        drop(running.over);
        let _ = running.waiter.join();
    }

    /// Runs a client program of PostgreSQL on the server, as its superuser; what it writes.
    pub fn tool(&self, program: &str, args: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = Command::new(self.programs.join(program))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "fanfare", "-d", "postgres"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().ok();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Makes the server speak TLS with clients that want it.
    pub fn offer_tls(&self, certificates: &Certificates) {
        let copies = [("ssl_cert_file", certificates.certificate()), ("ssl_key_file", certificates.key())];
        let mut settings = String::new();
        for (setting, file) in copies {
            let copy = self.folder.path().join(setting);
            fs::copy(file, &copy).unwrap();
            if let Some(user) = other_user() {
                chown(&copy, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
            }
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
            settings += &format!("ALTER SYSTEM SET {setting} = '{}';\n", copy.display());
        }
        settings += "ALTER SYSTEM SET ssl = on;\nSELECT pg_reload_conf();\n";
        self.tool("psql", &["-q"], settings.as_bytes());
    }

    /// The URL of a part of the server that is empty and nobody else's: a schema, because making a database takes
    /// the server a second.
    pub async fn database(&self) -> Result<String, sqlx::Error> {
        use sqlx::Connection;
        let url = format!("postgres://fanfare@127.0.0.1:{}/postgres?sslmode=disable", self.port);
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::SeqCst));
        let mut connection = sqlx::PgConnection::connect(&url).await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {name}"))).execute(&mut connection).await?;
        connection.close().await?;
        Ok(format!("{url}&options[search_path]={name}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fast shutdown: connections are closed, the data is written.
        self.end(Signal::SIGINT);
    }
}

/// Nobody reads the table until this is released.
pub struct TableLock {
    table: &'static str,
    holder: sqlx::PgConnection,
    ended: Vec<i32>,
}

impl TableLock {
    pub async fn of(url: &str, table: &'static str) -> Self {
        use sqlx::Connection;
        let mut holder = sqlx::PgConnection::connect(url).await.unwrap();
        let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        sqlx::raw_sql(sqlx::AssertSqlSafe(lock)).execute(&mut holder).await.unwrap();
        Self { table, holder, ended: Vec::new() }
    }

    /// Waits until somebody wants to read the table; the process that serves them.
    pub async fn reader(&mut self) -> i32 {
        let waiting = "SELECT pid FROM pg_locks
                       WHERE NOT granted AND relation = to_regclass($1) AND NOT pid = ANY($2)";
        let found = async {
            loop {
                let query = sqlx::query_scalar(waiting).bind(self.table).bind(self.ended.clone());
                if let Some(pid) = query.fetch_optional(&mut self.holder).await.unwrap() {
                    return pid;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), found).await.expect("a reader")
    }

    /// Waits for the next reader and has it fail.
    pub async fn fail_a_reader(&mut self) {
        let pid = self.reader().await;
        let end = sqlx::query("SELECT pg_terminate_backend($1)").bind(pid);
        end.execute(&mut self.holder).await.unwrap();
        self.ended.push(pid);
    }

    /// Changes what will be read next.
    pub async fn change(&mut self, script: &'static str) {
        sqlx::raw_sql(script).execute(&mut self.holder).await.unwrap();
    }

    /// Lets everybody read again.
    pub async fn release(mut self) {
        sqlx::raw_sql("COMMIT").execute(&mut self.holder).await.unwrap();
    }
}

/// The newest installed server programs.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .collect();
    versions.sort_by_key(|bin| bin.parent().and_then(|v| v.file_name()?.to_str()?.parse::<u32>().ok()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    versions
        .into_iter()
        .rev()
        .chain(std::env::split_paths(&path))
        .find(|bin| ["postgres", "initdb"].iter().all(|program| bin.join(program).is_file()))
}

/// Whom the server runs as: it refuses to run as root.
fn other_user() -> Option<User> {
    if !getuid().is_root() {
        return None;
    }
    let user = ["postgres", "nobody"].iter().find_map(|name| User::from_name(name).ok().flatten());
    Some(user.expect("there is a user 'nobody'"))
}

/// The program, run as an unprivileged user, and ended by the kernel when its parent is.
fn as_user(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]);
    if let Some(user) = other_user() {
        command.args([
            format!("--reuid={}", user.uid),
            format!("--regid={}", user.gid),
            "--clear-groups".into(),
        ]);
    }
    command.arg(program);
    command
}
