//! A server that the bench started and ends.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::pin::{Cores, pin_thread};
use crate::bench::error::BenchError;

/// A running server. It ends with its value, by SIGTERM and, if it does not go, by SIGKILL.
#[derive(Debug)]
pub struct ChildServer {
    pub process: Child,
    log: PathBuf,
}

/// How long a server may take to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(10);

impl ChildServer {
    /// Starts the command with its diagnostics in a file of `folder`, on the server's processor if there is one.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut command: Command, folder: &Path, cores: Option<Cores>) -> Result<Self, BenchError> {
        let log = folder.join("server.log");
        let file = File::create(&log).map_err(BenchError::machine(format!("write {}", log.display())))?;
        command.stderr(Stdio::from(file));
        let doing = format!("start {}", command.get_program().display());
        // A process inherits the processors of the thread that starts it.
        let start = move || {
            if let Some(cores) = cores {
                pin_thread(cores.server)?;
            }
            command.spawn()
        };
        let process = thread::scope(|scope| scope.spawn(start).join())
            .map_err(|_| BenchError::Usage("the thread that starts the server panicked".into()))?
            .map_err(BenchError::machine(doing))?;
        Ok(Self { process, log })
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Why it ended, if it has: its exit code and the last lines that it wrote.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.process.try_wait().ok()??;
        Some(format!("it ended with {status}; its last words: {}", self.last_words()))
    }

    /// The end of what it wrote on standard error.
    pub fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }
}

impl Drop for ChildServer {
    fn drop(&mut self) {
        // A peer ends when its standard input does.
        drop(self.process.stdin.take());
        if let Some(pid) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
            // It may be gone already, which is what is wanted.
            let _ = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
