//! Where scenarios are played: which servers, on which processors, with which files.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::bench::{
    error::BenchError,
    server::{
        cluster::Cluster,
        fanfare::{Elsewhere, Fanfare, Tokens, new_secret},
        peer::{Peer, PeerCommand},
        pin::Cores,
        target::Target,
    },
};

/// A server that takes part.
#[derive(Debug, Clone)]
pub enum Contestant {
    /// This program, started for each scenario with an empty database.
    Fanfare,
    /// A Fanfare that runs already.
    Elsewhere { place: Elsewhere, login: Login },
    /// Another server.
    Peer(PeerCommand),
    /// Two of another server that share a Redis.
    PeerPair(PeerCommand),
}

/// How to be let in by a server that this program did not start.
#[derive(Debug, Clone)]
pub enum Login {
    Secret(String),
    Token(String),
}

/// What all scenarios share.
#[derive(Debug)]
pub struct Stage {
    pub cores: Option<Cores>,
    /// Where databases are made: on the disk that is to be measured.
    pub data: PathBuf,
}

/// A server that takes part, running. Its files go with it.
pub struct Playing {
    pub target: Target,
    pub folder: TempDir,
}

impl Stage {
    /// The processor of the server that is measured, if it has one of its own.
    pub fn server_core(&self) -> Option<usize> {
        self.cores.map(|cores| cores.server)
    }

    /// An empty folder on the disk that is to be measured.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self) -> Result<TempDir, BenchError> {
        let doing = format!("make a folder in {}", self.data.display());
        std::fs::create_dir_all(&self.data)
            .and_then(|()| tempfile::Builder::new().prefix("bench-").tempdir_in(&self.data))
            // The server works in another folder than this program, so the path must be whole.
            .map_err(BenchError::machine(doing))
    }

    /// Starts the contestant, or reaches it. `settings` are for a Fanfare that is started.
    ///
    /// # Errors
    /// When it does not start or cannot be reached.
    pub fn start(&self, who: &Contestant, settings: &[(&str, String)]) -> Result<Playing, BenchError> {
        let folder = self.folder()?;
        let target = match who {
            Contestant::Fanfare => {
                let secret = new_secret();
                Target::Fanfare(Fanfare::start(folder.path(), self.server_core(), &secret, settings)?)
            }
            Contestant::Elsewhere { place, login } => {
                let tokens = match login {
                    Login::Secret(secret) => Tokens::minted(secret)?,
                    Login::Token(token) => Tokens::Given(token.clone()),
                };
                Target::Fanfare(Fanfare::at(place, tokens)?)
            }
            Contestant::Peer(how) | Contestant::PeerPair(how) => {
                Target::Peer(Peer::start(how, folder.path(), self.server_core(), None)?)
            }
        };
        Ok(Playing { target, folder })
    }

    /// Starts two servers of the contestant with what they need to be a cluster.
    ///
    /// # Errors
    /// When something does not start, or the contestant runs already.
    pub fn start_cluster(&self, who: &Contestant) -> Result<Playing, BenchError> {
        let folder = self.folder()?;
        let cluster = match who {
            Contestant::Fanfare => Cluster::of_fanfare(folder.path(), self.cores, &[])?,
            Contestant::Peer(how) | Contestant::PeerPair(how) => {
                Cluster::of_peers(how, folder.path(), self.cores)?
            }
            Contestant::Elsewhere { .. } => {
                let what =
                    "the cluster scenarios start their own servers, Redis and PostgreSQL: leave --url out";
                return Err(BenchError::Usage(what.into()));
            }
        };
        Ok(Playing { target: Target::Cluster(Box::new(cluster)), folder })
    }
}
