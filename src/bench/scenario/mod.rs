//! The scenarios: what is played, and what is asked of it.
//!
//! Owns the presets and their goals. Promises that every contestant is started afresh for a scenario, gets
//! the same clients, rooms and events, and is measured in the same way.
//!
//! To add a scenario: a variant of [`Scenario`] with its description, a file with a `measure` function, its
//! line in [`Scenario::measure`], its goals in [`GOALS`], and its paragraph in `docs/benchmarks.md`.

mod cluster_mutations;
mod cluster_revocation;
mod commit_latency;
mod flood;
mod flood_rooms;
mod idle;
mod load;
mod mutations;
mod period;
mod stage;
mod storm;

use std::time::Duration;

pub use self::{
    cluster_revocation::Revocation,
    commit_latency::CommitLatency,
    idle::Idle,
    load::Shape,
    mutations::Mutations,
    stage::{Contestant, Login, Stage},
    storm::Storm,
};
use super::{
    error::BenchError,
    report::{Bound, Goal, Run},
    server::target::Target,
    swarm::Swarm,
};

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// As many clients, rooms and events a second as the options say
    Load,
    /// 1 room, 1,000 clients, 50 events a second of 512 bytes
    Fanout,
    /// 1 room, 1,000 clients, as fast as it goes with p99 below 250 ms
    Flood,
    /// 100 rooms, 10 clients each, as fast as it goes, out of a log written beforehand; and what durable publishing sustains
    FloodRooms,
    /// 10,000 authenticated clients with three rooms each, idle for half a minute
    Idle,
    /// 10,000 clients lose the connection and come back with a position within 10 s
    Storm,
    /// Durable changes a second by 8 writers in 64 campaigns, the services called in this process
    Mutations,
    /// The same through GraphQL over HTTP
    GraphqlMutations,
    /// From the commit to 100 clients at 200 mutations a second
    CommitLatency,
    /// As fanout on two instances, published at one with the clients at the other
    ClusterFanout,
    /// As flood on two instances, published at one with the clients at the other
    ClusterFlood,
    /// Durable changes a second by 16 writers over two instances on one PostgreSQL
    ClusterMutations,
    /// How long somebody whose access has ended still hears something, on two instances
    ClusterRevocation,
}

/// The peer that broadcasts with the same library and promises nothing, as `scripts/bench.sh` names it.
const PLAIN: &str = "socketioxide";

/// What Fanfare should reach on the two-processor machine that the presets were made for.
pub const GOALS: &[Goal] = &[
    goal("fanout", "lost", Bound::Ceiling(0.0)),
    goal("fanout", "out of order", Bound::Ceiling(0.0)),
    goal("fanout", "twice", Bound::Ceiling(0.0)),
    goal("fanout", "latency p99", Bound::Ceiling(25.0)),
    goal("fanout", "server CPU/delivery", Bound::Ceiling(9.0)),
    goal("fanout", "latency p99", Bound::CeilingOf { peer: PLAIN, times: 1.15 }),
    goal("fanout", "server CPU/delivery", Bound::CeilingOf { peer: PLAIN, times: 1.15 }),
    goal("flood", "deliveries/s", Bound::Floor(950_000.0)),
    goal("flood", "deliveries/s", Bound::FloorOf { peer: PLAIN, times: 1.0 }),
    goal("flood-rooms", "deliveries/s", Bound::Floor(540_000.0)),
    goal("flood-rooms", "deliveries/s", Bound::FloorOf { peer: PLAIN, times: 1.0 }),
    goal("idle", "memory all told of a connection", Bound::Ceiling(36.0)),
    goal("idle", "connections/s", Bound::Floor(3000.0)),
    goal("storm", "seconds until all were back", Bound::Ceiling(10.0)),
    goal("storm", "recovered with a hole", Bound::Ceiling(0.0)),
    goal("storm", "database queries", Bound::Ceiling(200.0)),
    goal("mutations", "mutations/s", Bound::Floor(3000.0)),
    goal("graphql-mutations", "mutations/s", Bound::Floor(1500.0)),
    goal("commit-latency", "commit to socket p99", Bound::Ceiling(20.0)),
    goal("cluster-fanout", "lost", Bound::Ceiling(0.0)),
    goal("cluster-fanout", "out of order", Bound::Ceiling(0.0)),
    goal("cluster-fanout", "twice", Bound::Ceiling(0.0)),
    goal("cluster-fanout", "orders seen", Bound::Ceiling(1.0)),
    goal("cluster-fanout", "latency p99", Bound::Ceiling(25.0)),
    goal("cluster-flood", "deliveries/s", Bound::Floor(500_000.0)),
    goal("cluster-mutations", "mutations/s", Bound::Floor(2000.0)),
    goal("cluster-revocation", "last event after a removal", Bound::Ceiling(250.0)),
    goal("cluster-revocation", "closed after a revocation", Bound::Ceiling(250.0)),
    goal("cluster-revocation", "connections left open", Bound::Ceiling(0.0)),
];

const fn goal(scenario: &'static str, figure: &'static str, bound: Bound) -> Goal {
    Goal { scenario, figure, bound }
}

impl Scenario {
    /// Its name on the command line and in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Fanout => "fanout",
            Self::Flood => "flood",
            Self::Idle => "idle",
            Self::FloodRooms => "flood-rooms",
            Self::Storm => "storm",
            Self::Mutations => "mutations",
            Self::GraphqlMutations => "graphql-mutations",
            Self::CommitLatency => "commit-latency",
            Self::ClusterFanout => "cluster-fanout",
            Self::ClusterFlood => "cluster-flood",
            Self::ClusterMutations => "cluster-mutations",
            Self::ClusterRevocation => "cluster-revocation",
        }
    }

    /// Whether there is anything for the contestant to do in it.
    pub const fn is_for(self, who: &Contestant) -> bool {
        let (for_peers, for_pairs) = match self {
            Self::Load | Self::Fanout | Self::Flood | Self::FloodRooms | Self::Idle => (true, false),
            Self::ClusterFanout | Self::ClusterFlood => (false, true),
            Self::Storm
            | Self::Mutations
            | Self::GraphqlMutations
            | Self::CommitLatency
            | Self::ClusterMutations
            | Self::ClusterRevocation => (false, false),
        };
        match who {
            Contestant::Fanfare | Contestant::Elsewhere { .. } => true,
            Contestant::Peer(_) => for_peers,
            Contestant::PeerPair(_) => for_pairs,
        }
    }

    /// Plays it with one contestant.
    ///
    /// # Errors
    /// When the contestant cannot be made to take part.
    pub fn measure(self, stage: &Stage, who: &Contestant, sizes: &Sizes) -> Result<Run, BenchError> {
        let name = self.name();
        match self {
            Self::Load => load::measure(stage.start(who, &[])?, name, sizes.load),
            Self::Fanout => load::measure(stage.start(who, &[])?, name, sizes.fanout),
            Self::Flood => flood::measure(stage.start(who, &[])?, name, sizes.flood),
            Self::ClusterFanout => load::measure(stage.start_cluster(who)?, name, sizes.cluster_fanout),
            Self::ClusterFlood => flood::measure(stage.start_cluster(who)?, name, sizes.cluster_flood),
            Self::ClusterMutations => cluster_mutations::measure(stage, who, name, sizes.cluster_mutations),
            Self::ClusterRevocation => {
                cluster_revocation::measure(stage, who, name, sizes.cluster_revocation)
            }
            Self::Idle => idle::measure(stage, who, name, sizes.idle),
            Self::FloodRooms => flood_rooms::measure(stage, who, name, sizes.flood_rooms),
            Self::Storm => storm::measure(stage, who, name, sizes.storm),
            Self::Mutations => mutations::of_services(stage, name, sizes.mutations),
            Self::GraphqlMutations => mutations::over_graphql(stage, who, name, sizes.mutations),
            Self::CommitLatency => commit_latency::measure(stage, who, name, sizes.commit_latency),
        }
    }
}

/// How large the scenarios are played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sizes {
    pub load: Shape,
    pub fanout: Shape,
    pub flood: Shape,
    pub cluster_fanout: Shape,
    pub cluster_flood: Shape,
    pub cluster_mutations: Mutations,
    pub cluster_revocation: Revocation,
    pub flood_rooms: Shape,
    pub idle: Idle,
    pub storm: Storm,
    pub mutations: Mutations,
    pub commit_latency: CommitLatency,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            load: Shape::FANOUT,
            fanout: Shape::FANOUT,
            flood: flood::ONE_ROOM,
            cluster_fanout: Shape::FANOUT,
            cluster_flood: flood::ONE_ROOM,
            cluster_mutations: Mutations::CLUSTER,
            cluster_revocation: Revocation::PRESET,
            flood_rooms: flood::MANY_ROOMS,
            idle: Idle::PRESET,
            storm: Storm::PRESET,
            mutations: Mutations::PRESET,
            commit_latency: CommitLatency::PRESET,
        }
    }
}

/// How long a swarm may take to connect: slow servers are let finish.
const CONNECTING: Duration = Duration::from_secs(120);

/// Connects everybody, or says who is missing and why.
fn connect_all(target: &mut Target, swarm: &mut Swarm, spread: Duration) -> Result<(), BenchError> {
    let all = swarm.connect(spread, CONNECTING).map_err(BenchError::machine("wait for events"))?;
    if all {
        return Ok(());
    }
    let tally = swarm.tally();
    Err(BenchError::Server {
        server: target.name().to_owned(),
        what: format!(
            "{} of {} clients are connected and in their rooms; {} were told to try again; ended: {:?}",
            tally.joins.live,
            swarm.size(),
            tally.joins.deferred,
            tally.ended
        ),
    })
}
