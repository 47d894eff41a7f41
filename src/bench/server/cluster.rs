//! Two servers of a kind that share a Redis: events are published at one, the clients are at the other.

use std::{fs, path::Path};

use super::{
    fanfare::{Fanfare, new_secret},
    peer::{Peer, PeerCommand},
    pin::Cores,
    postgres::Postgres,
    redis::Redis,
    target::Target,
    usage::Usage,
};
use crate::bench::error::BenchError;

/// Two servers and what is between them. The fields end in this order.
pub struct Cluster {
    /// Where events are published.
    pub publishing: Target,
    /// Where the clients are.
    pub serving: Target,
    redis: Redis,
    postgres: Option<Postgres>,
}

/// Two instances of Fanfare that share a PostgreSQL and a Redis.
pub struct Instances<'a> {
    /// The two of them, the publishing one first.
    pub servers: [&'a Fanfare; 2],
    pub postgres: &'a Postgres,
    pub redis: &'a Redis,
}

impl Cluster {
    /// Two instances of Fanfare with one PostgreSQL. `settings` are for both.
    ///
    /// # Errors
    /// When something is not installed or does not start.
    pub fn of_fanfare(
        folder: &Path,
        cores: Option<Cores>,
        settings: &[(&str, String)],
    ) -> Result<Self, BenchError> {
        let (measured, beside) = (cores.map(|cores| cores.server), cores.map(|cores| cores.clients));
        let redis = Redis::start(&subfolder(folder, "redis")?, beside)?;
        let postgres = Postgres::start(&subfolder(folder, "postgres")?, beside)?;
        let shared = [
            ("FANFARE_DATABASE_URL", postgres.url().to_owned()),
            ("FANFARE_REDIS_URL", redis.url().to_owned()),
        ];
        let settings: Vec<(&str, String)> = settings.iter().cloned().chain(shared).collect();
        let secret = new_secret();
        // One after the other: the first makes the tables.
        let start = |name: &str, core: Option<usize>| {
            Fanfare::start(&subfolder(folder, name)?, core, &secret, &settings).map(Target::Fanfare)
        };
        let (publishing, serving) = (start("publishing", beside)?, start("serving", measured)?);
        Ok(Self { publishing, serving, redis, postgres: Some(postgres) })
    }

    /// Two processes of a peer.
    ///
    /// # Errors
    /// When Redis is not installed or something does not start.
    pub fn of_peers(how: &PeerCommand, folder: &Path, cores: Option<Cores>) -> Result<Self, BenchError> {
        let (measured, beside) = (cores.map(|cores| cores.server), cores.map(|cores| cores.clients));
        let redis = Redis::start(&subfolder(folder, "redis")?, beside)?;
        let start = |name: &str, core: Option<usize>| {
            Peer::start(how, &subfolder(folder, name)?, core, Some(redis.url())).map(Target::Peer)
        };
        let (publishing, serving) = (start("publishing", beside)?, start("serving", measured)?);
        Ok(Self { publishing, serving, redis, postgres: None })
    }

    /// What only a cluster of Fanfare has.
    ///
    /// # Errors
    /// When it is a peer's.
    pub fn instances(&self) -> Result<Instances<'_>, BenchError> {
        let (Target::Fanfare(publishing), Target::Fanfare(serving), Some(postgres)) =
            (&self.publishing, &self.serving, &self.postgres)
        else {
            return Err(BenchError::Usage("a peer has nothing that could be changed".into()));
        };
        Ok(Instances { servers: [publishing, serving], postgres, redis: &self.redis })
    }

    /// What everything but the serving server has used so far, by the name of the figure that tells it.
    pub fn beside(&self) -> Vec<(&'static str, Usage)> {
        let all = [
            ("publishing server's CPU", self.publishing.usage()),
            ("Redis CPU", self.redis.usage()),
            ("PostgreSQL CPU", self.postgres.as_ref().and_then(Postgres::usage)),
        ];
        all.into_iter().filter_map(|(name, usage)| Some((name, usage?))).collect()
    }
}

fn subfolder(folder: &Path, name: &str) -> Result<std::path::PathBuf, BenchError> {
    let path = folder.join(name);
    fs::create_dir_all(&path).map_err(BenchError::machine(format!("make {}", path.display())))?;
    Ok(path)
}
