//! The program as an operator runs it: a process of its own on free ports, with a folder of its own.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread::JoinHandle,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// How long a start or an end may take; far more than either does.
const PATIENCE: Duration = Duration::from_secs(40);

/// A running `fanfare serve`. Dropping it ends it.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
    pub admin: SocketAddr,
    logs: Option<JoinHandle<String>>,
}

/// The program with these arguments, in `folder`, without any setting of this process's environment.
///
/// `FANFARE_BIN` names another build of it, a release build for a soak.
pub fn fanfare(folder: &Path, args: &[&str]) -> Command {
    let program = std::env::var_os("FANFARE_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_fanfare").into());
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).env_clear();
    command
}

impl Process {
    /// Starts the server in `folder` and waits until it listens.
    pub fn start(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let args = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let mut command = fanfare(folder, &args);
        command.envs(variables.iter().copied());
        Self::of(command)
    }

    /// Starts the server of this command, which leaves the mode at development, and waits until it listens.
    pub fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let logs = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).ok();
            text
        });
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (line, lines) = mpsc::channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|text| line.send(text)));
        let address = |name: &str| loop {
            let text = lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no line '{name}' came"));
            if let Some(url) = text.trim().strip_prefix(name) {
                let host = url.trim().strip_prefix("http://").unwrap().split('/').next().unwrap();
                break host.parse().unwrap();
            }
        };
        let (public, admin) = (address("open"), address("metrics"));
        Self { child, address: public, admin, logs: Some(logs) }
    }

    /// The URL of a path on the public listener.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Ends it at once; everything that it logged.
    pub fn end(mut self) -> String {
        self.child.kill().ok();
        self.child.wait().ok();
        self.logs.take().and_then(|logs| logs.join().ok()).unwrap_or_default()
    }

    /// Waits for its end; how it ended, and everything that it logged.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        let (ended, end) = mpsc::channel::<()>();
        // What must end by itself is ended here when it does not, so that a test fails instead of hanging.
        let watch = std::thread::spawn(move || {
            if end.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                kill(pid, Signal::SIGKILL).ok();
            }
        });
        let status = self.child.wait().unwrap();
        drop(ended);
        watch.join().unwrap();
        (status, self.logs.take().unwrap().join().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
