//! A server to compare with, driven over standard input: the contract is in `benches/peers/README.md`.

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::Path,
    process::{ChildStdin, Command, Stdio},
    str::FromStr,
    sync::mpsc,
    thread,
    time::Duration,
};

use serde::Deserialize;
use serde_json::json;

use super::child::ChildServer;
use crate::bench::{
    error::BenchError,
    feed::{Fed, Load},
};

/// How a peer is started: `NAME=COMMAND ARGUMENTS…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCommand {
    pub name: String,
    program: String,
    arguments: Vec<String>,
}

/// A running peer.
#[derive(Debug)]
pub struct Peer {
    pub name: String,
    pub address: SocketAddr,
    pub child: ChildServer,
    commands: ChildStdin,
    answers: mpsc::Receiver<String>,
}

#[derive(Deserialize)]
struct Listening {
    listening: u16,
}

#[derive(Deserialize)]
struct Done {
    heads: Vec<u64>,
    seconds: f64,
}

/// How long a peer may take to say where it listens.
const START: Duration = Duration::from_secs(20);

impl FromStr for PeerCommand {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shape = || format!("'{text}' is no peer: write NAME=COMMAND, as in node='node server.js'");
        let (name, command) = text.split_once('=').ok_or_else(shape)?;
        let mut words = command.split_whitespace().map(str::to_owned);
        let program = words.next().filter(|_| !name.is_empty()).ok_or_else(shape)?;
        Ok(Self { name: name.to_owned(), program, arguments: words.collect() })
    }
}

impl Peer {
    /// Starts a peer, bound to a processor if one is named, and waits until it listens. With the address of a Redis it
    /// is one of several that share their broadcasts.
    ///
    /// # Errors
    /// When it does not start or does not keep to the contract.
    pub fn start(
        how: &PeerCommand,
        folder: &Path,
        core: Option<usize>,
        redis: Option<&str>,
    ) -> Result<Self, BenchError> {
        let mut command = Command::new(&how.program);
        command.args(&how.arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(url) = redis {
            command.env("PEER_REDIS_URL", url);
        }
        let mut child = ChildServer::start(command, folder, core)?;
        let broken = |what: String| BenchError::Server { server: how.name.clone(), what };
        let (Some(commands), Some(output)) = (child.process.stdin.take(), child.process.stdout.take()) else {
            return Err(broken("it has no standard input and output".into()));
        };
        let (tell, answers) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        let Ok(line) = answers.recv_timeout(START) else {
            let cause = child.ended().unwrap_or_else(|| child.last_words());
            return Err(broken(format!("it did not say where it listens: {cause}")));
        };
        let Listening { listening } =
            serde_json::from_str(&line).map_err(BenchError::server(&how.name, "its first line"))?;
        let address = SocketAddr::from(([127, 0, 0, 1], listening));
        Ok(Self { name: how.name.clone(), address, child, commands, answers })
    }

    /// Starts a load; [`Peer::fed`] tells when it is over.
    ///
    /// # Errors
    /// When the peer is gone.
    pub fn start_load(&mut self, load: &Load) -> Result<(), BenchError> {
        let line = json!({
            "rooms": load.rooms, "rate": load.rate, "size": load.size,
            "seconds": load.duration.as_secs_f64(), "tickMs": load.tick().as_millis() as u64,
        });
        writeln!(self.commands, "{line}").map_err(BenchError::server(&self.name, "starting a load"))
    }

    /// What was sent, once the load is over.
    pub fn fed(&mut self, load: &Load) -> Option<Fed> {
        let line = match self.answers.try_recv() {
            Ok(line) => line,
            Err(mpsc::TryRecvError::Empty) => return None,
            Err(mpsc::TryRecvError::Disconnected) => {
                let cause = self.child.ended().unwrap_or_else(|| self.child.last_words());
                return Some(Fed::failed(cause));
            }
        };
        Some(match serde_json::from_str(&line) {
            Ok(Done { heads, seconds }) => {
                Fed { events: load.events() * load.rooms.len() as u64, seconds, heads, ..Fed::default() }
            }
            Err(error) => Fed::failed(format!("the answer to a load: {error}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_how_a_peer_is_started() {
        let peer: PeerCommand = "node=node  server.js --x".parse().unwrap();
        assert_eq!((peer.name.as_str(), peer.program.as_str()), ("node", "node"));
        assert_eq!(peer.arguments, ["server.js", "--x"]);
        for wrong in ["node", "=node", "node=", "node= "] {
            assert!(wrong.parse::<PeerCommand>().unwrap_err().contains("NAME=COMMAND"), "{wrong}");
        }
    }
}
