//! The command line of `fanfare bench`.

use std::{path::PathBuf, time::Duration};

use super::{
    error::BenchError,
    scenario::{Contestant, Login, Scenario, Sizes},
    server::{fanfare::Elsewhere, peer::PeerCommand},
};

/// Measures a server: this one, one that runs already, and others to compare with.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// What to measure, one after the other
    #[arg(value_enum, required = true)]
    pub scenarios: Vec<Scenario>,

    /// Another server to measure in the same way, as NAME=COMMAND; see benches/peers/README.md
    #[arg(long = "peer", value_name = "NAME=COMMAND")]
    pub peers: Vec<PeerCommand>,

    /// The same for the cluster scenarios: it is started twice, and both share a Redis
    #[arg(long = "cluster-peer", value_name = "NAME=COMMAND")]
    pub cluster_peers: Vec<PeerCommand>,

    /// Measure only the peers
    #[arg(long)]
    pub peers_only: bool,

    /// How often each scenario is played with each server, in alternation; the table shows the median
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub rounds: u32,

    /// Clients in all; for `load`, `idle`, `storm` and the cluster scenarios
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub connections: Option<u32>,

    /// Rooms that the clients are spread over, for `load`; campaigns that are changed, for the mutations
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rooms: Option<u32>,

    /// Events a second in each room; for `load`
    #[arg(long, value_name = "EVENTS")]
    pub rate: Option<f64>,

    /// Bytes of an event; for `load`, the fan-outs and the floods
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(400..=60_000))]
    pub size: Option<u32>,

    /// Seconds that a load or the writing lasts, or that `idle` waits; a round of `cluster-revocation` takes a fifth of one
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub seconds: Option<u32>,

    /// A Fanfare that runs already, as http://host:port, instead of one started here. It gets campaigns named Bench
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

    /// The running server's HMAC secret: every ten clients are a user
    #[arg(
        long,
        value_name = "SECRET",
        env = "FANFARE_BENCH_SECRET",
        hide_env_values = true,
        requires = "url"
    )]
    pub secret: Option<String>,

    /// A token of the running server with the scope events:publish, for all clients: its FANFARE_MAX_CONNECTIONS_PER_USER must
    /// allow them
    #[arg(
        long,
        value_name = "TOKEN",
        env = "FANFARE_BENCH_TOKEN",
        hide_env_values = true,
        requires = "url",
        conflicts_with = "secret"
    )]
    pub token: Option<String>,

    /// Where the running server's metrics are, as http://host:port/metrics
    #[arg(long, value_name = "URL", requires = "url")]
    pub metrics_url: Option<String>,

    /// The running server's process, when it is on this machine: its processor time and memory are measured
    #[arg(long, value_name = "PID", requires = "url")]
    pub pid: Option<u32>,

    /// Where databases are made: on the disk that is to be measured
    #[arg(long, value_name = "PATH", default_value = "./data")]
    pub data_dir: PathBuf,

    /// Let server and clients share all processors
    #[arg(long)]
    pub no_pinning: bool,

    /// Also write everything to this file as JSON
    #[arg(long, value_name = "PATH")]
    pub json: Option<PathBuf>,
}

/// As many as `cluster-revocation` plays.
const ROUNDS_PER_SECOND: usize = 5;

impl Options {
    /// The servers to measure.
    ///
    /// # Errors
    /// When a running server is named without a way to be let in.
    pub fn contestants(&self) -> Result<Vec<Contestant>, BenchError> {
        let mut contestants = Vec::new();
        if !self.peers_only {
            contestants.push(self.own()?);
        }
        contestants.extend(self.peers.iter().cloned().map(Contestant::Peer));
        contestants.extend(self.cluster_peers.iter().cloned().map(Contestant::PeerPair));
        if contestants.is_empty() {
            return Err(BenchError::Usage("--peers-only needs --peer or --cluster-peer".into()));
        }
        Ok(contestants)
    }

    fn own(&self) -> Result<Contestant, BenchError> {
        let Some(url) = self.url.clone() else { return Ok(Contestant::Fanfare) };
        let login = match (&self.secret, &self.token) {
            (Some(secret), _) => Login::Secret(secret.clone()),
            (None, Some(token)) => Login::Token(token.clone()),
            (None, None) => {
                let what = "--url needs --secret or --token (or FANFARE_BENCH_SECRET, FANFARE_BENCH_TOKEN)";
                return Err(BenchError::Usage(what.into()));
            }
        };
        Ok(Contestant::Elsewhere {
            place: Elsewhere { url, metrics: self.metrics_url.clone(), pid: self.pid },
            login,
        })
    }

    /// The presets with what was asked for instead.
    ///
    /// # Errors
    /// When a rate is not a number above zero.
    pub fn sizes(&self) -> Result<Sizes, BenchError> {
        let mut sizes = Sizes::default();
        if let Some(rate) = self.rate {
            if !(rate > 0.0 && rate <= 100_000.0) {
                return Err(BenchError::Usage(
                    "--rate is events a second in each room, above 0, at most 100000".into(),
                ));
            }
            sizes.load.rate = rate;
        }
        if let Some(rooms) = self.rooms {
            sizes.load.layout.campaigns = rooms as usize;
            sizes.mutations.campaigns = rooms as usize;
            sizes.cluster_mutations.campaigns = rooms as usize;
        }
        if let Some(connections) = self.connections.map(|count| count as usize) {
            sizes.load.layout.clients = connections.div_ceil(sizes.load.layout.campaigns);
            sizes.idle.layout.clients = connections.div_ceil(sizes.idle.layout.campaigns);
            sizes.storm.clients = connections;
            sizes.cluster_fanout.layout.clients = connections;
            sizes.cluster_flood.layout.clients = connections;
        } else {
            sizes.load.layout.clients = sizes.load.layout.clients.div_ceil(sizes.load.layout.campaigns);
        }
        for shape in [
            &mut sizes.load,
            &mut sizes.fanout,
            &mut sizes.flood,
            &mut sizes.flood_rooms,
            &mut sizes.cluster_fanout,
            &mut sizes.cluster_flood,
        ] {
            shape.size = self.size.map_or(shape.size, |size| size as usize);
            shape.duration = self.duration().unwrap_or(shape.duration);
        }
        sizes.cluster_revocation.rounds = self
            .seconds
            .map_or(sizes.cluster_revocation.rounds, |seconds| seconds as usize * ROUNDS_PER_SECOND);
        sizes.idle.quiet = self.duration().unwrap_or(sizes.idle.quiet);
        for shape in [&mut sizes.mutations, &mut sizes.cluster_mutations] {
            shape.duration = self.duration().unwrap_or(shape.duration);
        }
        sizes.commit_latency.duration = self.duration().unwrap_or(sizes.commit_latency.duration);
        Ok(sizes)
    }

    fn duration(&self) -> Option<Duration> {
        self.seconds.map(|seconds| Duration::from_secs(seconds.into()))
    }
}
