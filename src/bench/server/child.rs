//! A server that the bench started and ends.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::pin::on_core;
use crate::bench::error::BenchError;

/// A running server. It ends with its value, by SIGTERM or the signal it prefers and, if it does not go, by SIGKILL.
#[derive(Debug)]
pub struct ChildServer {
    pub process: Child,
    log: PathBuf,
    farewell: Signal,
}

/// The file in a server's folder that its diagnostics go to.
pub const LOG: &str = "server.log";

/// How long a server may take until it is ready.
pub const START: Duration = Duration::from_secs(30);
/// How long a server may take to end after it was asked to.
const PATIENCE: Duration = Duration::from_secs(10);

impl ChildServer {
    /// Starts the command with its diagnostics in a file of `folder`, bound to a processor if one is named.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut command: Command, folder: &Path, core: Option<usize>) -> Result<Self, BenchError> {
        let log = folder.join(LOG);
        let file = File::create(&log).map_err(BenchError::machine(format!("write {}", log.display())))?;
        command.stderr(Stdio::from(file));
        let doing = format!("start {}", command.get_program().display());
        // A process inherits the processors of the thread that starts it.
        let process = on_core(core, || command.spawn()).map_err(BenchError::machine(doing))?;
        Ok(Self { process, log, farewell: Signal::TERM })
    }

    /// The same server, asked to end with this signal.
    pub fn ended_by(mut self, farewell: Signal) -> Self {
        self.farewell = farewell;
        self
    }

    /// Waits until its diagnostics say that it is ready.
    ///
    /// # Errors
    /// When it ends instead or takes longer than a server may take.
    pub fn wait_until_said(&mut self, name: &str, phrase: &str) -> Result<(), BenchError> {
        let deadline = Instant::now() + START;
        let failed = |what| Err(BenchError::Server { server: name.to_owned(), what });
        while !std::fs::read_to_string(&self.log).is_ok_and(|log| log.contains(phrase)) {
            if let Some(cause) = self.ended() {
                return failed(cause);
            }
            if Instant::now() > deadline {
                return failed(format!("it was not ready within {START:?}: {}", self.last_words()));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
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
            let _ = kill_process(pid, self.farewell);
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
