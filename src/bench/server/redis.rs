//! A Redis for the scenarios with several servers: Debian's program, loopback only, nothing kept.

use std::path::Path;

use super::{
    child::{ChildServer, LOG},
    fanfare::free_address,
    postgres::{bound_to_life, installed},
    usage::{self, Usage},
};
use crate::bench::error::BenchError;

/// A running `redis-server`. It ends with its value.
#[derive(Debug)]
pub struct Redis {
    child: ChildServer,
    url: String,
}

impl Redis {
    /// Starts it with its files in `folder`, bound to a processor if one is named, and waits until it is ready.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub fn start(folder: &Path, core: Option<usize>) -> Result<Self, BenchError> {
        let program = installed("redis-server").ok_or_else(|| BenchError::Server {
            server: "Redis".into(),
            what: "redis-server is not installed: apt-get install redis-server".into(),
        })?;
        let address = free_address()?;
        let mut command = bound_to_life("KILL");
        command
            .arg(program)
            .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no", "--logfile", LOG, "--dir"])
            .arg(folder)
            .current_dir(folder);
        let mut child = ChildServer::start(command, folder, core)?;
        child.wait_until_said("Redis", "Ready to accept connections")?;
        Ok(Self { child, url: format!("redis://{address}") })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it has used so far.
    pub fn usage(&self) -> Option<Usage> {
        usage::of(self.child.pid())
    }
}
