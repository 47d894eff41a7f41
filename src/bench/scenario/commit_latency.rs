//! From the commit of a mutation to the sockets of those who watch.

use std::time::Duration;

use super::{
    connect_all,
    period::Period,
    stage::{Contestant, Stage},
};
use crate::{
    bench::{
        error::BenchError,
        feed::{Errand, Load, http::HttpFeed},
        report::Run,
        server::target::{ENTERING, Feed, Layout, Target},
        swarm::CommitClock,
        time::monotonic_micros,
    },
    clock::Clock,
};

/// How many watch how many mutations a second, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CommitLatency {
    pub clients: usize,
    pub rate: f64,
    pub duration: Duration,
}

impl CommitLatency {
    /// A hundred clients, two hundred mutations a second, twenty seconds.
    pub const PRESET: Self = Self { clients: 100, rate: 200.0, duration: Duration::from_secs(20) };
}

/// Changes one settlement at a steady rate over GraphQL while the campaign is watched.
///
/// # Errors
/// When the server cannot be made to take part.
pub fn measure(stage: &Stage, who: &Contestant, name: &str, shape: CommitLatency) -> Result<Run, BenchError> {
    let mut playing = stage.start(who, &[])?;
    let target = &mut playing.target;
    let layout = Layout { campaigns: 1, clients: shape.clients, three_rooms: true };
    let mut swarm = target.swarm(layout, ENTERING)?;
    connect_all(target, &mut swarm, Duration::ZERO)?;
    let unix = Clock::system().now().as_microsecond();
    swarm.time_since_commit(CommitClock { unix_minus_monotonic_micros: unix - monotonic_micros() as i64 });

    let rooms = swarm.rooms().to_vec();
    let settlement = rooms[1].split_once(':').map_or("", |(_, id)| id).to_owned();
    let load = Load {
        rooms: vec![rooms[0].clone()],
        rate: shape.rate,
        size: 0,
        duration: shape.duration,
        per_commit: 1,
    };
    let warm_up = Load { duration: Duration::from_secs(2).min(shape.duration), ..load.clone() };
    let mut period = None;
    for load in [warm_up, load] {
        let errand = Errand::Update { settlement: settlement.clone(), head: swarm.positions()[0] };
        let start = |target: &mut Target| match target {
            Target::Fanfare(server) => {
                HttpFeed::start(server.publishing()?, load.clone(), errand).map(Feed::Http)
            }
            Target::Peer(_) | Target::Cluster(_) => Err(BenchError::Usage("a peer commits nothing".into())),
        };
        period = Some(Period::of(target, &mut swarm, &load, start)?);
    }
    let mut run = Run::new(name, target.name());
    run.figure("connections", "", shape.clients as f64);
    if let Some(period) = period {
        let since = &period.tally.since_commit;
        run.figure("commit to socket p50", "ms", since.value_at_quantile(0.5) as f64 / 1e3)
            .figure("commit to socket p99", "ms", since.value_at_quantile(0.99) as f64 / 1e3)
            .figure("commit to socket p99.9", "ms", since.value_at_quantile(0.999) as f64 / 1e3);
        period.describe(&mut run);
    }
    run.remark(
        "Commit to socket begins at the envelope's timestamp: whole milliseconds, taken inside the transaction; \
         latency begins when the mutation was sent",
    );
    Ok(run)
}
