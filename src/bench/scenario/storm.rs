//! Everybody loses the connection at once, misses events, and comes back with a position.

use std::time::{Duration, Instant};

use super::{
    connect_all,
    stage::{Contestant, Stage},
};
use crate::bench::{
    error::BenchError,
    feed::Load,
    report::Run,
    server::target::{Layout, Target},
    time::monotonic_micros,
};

/// How many come back to one campaign, within what time, having missed how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storm {
    pub clients: usize,
    pub within: Duration,
    pub missed: u64,
}

impl Storm {
    /// Ten thousand within ten seconds, each having missed twenty events.
    pub const PRESET: Self = Self { clients: 10_000, within: Duration::from_secs(10), missed: 20 };
}

/// The clients share one address here: more of them may be on their way at once.
const ENTERING: usize = 1024;
/// The part of the time over which they come; the rest is for the last ones to be served.
const SPREAD: f64 = 0.9;

/// Cuts everybody off, publishes, lets everybody come back, and holds every answer to its word.
///
/// # Errors
/// When the server cannot be made to take part.
pub fn measure(stage: &Stage, who: &Contestant, name: &str, storm: Storm) -> Result<Run, BenchError> {
    let mut playing = stage.start(who, &[])?;
    let layout = Layout { campaigns: 1, clients: storm.clients, three_rooms: false };
    let mut swarm = playing.target.swarm(layout, ENTERING)?;
    let target = &mut playing.target;
    let rooms = swarm.rooms().to_vec();
    connect_all(target, &mut swarm, Duration::ZERO)?;
    drop(swarm.take_tally());
    swarm.cut();
    let missed =
        Load { rooms, rate: storm.missed as f64, size: 512, duration: Duration::from_secs(1), per_commit: 1 };
    let Target::Fanfare(server) = target else {
        return Err(BenchError::Usage("only Fanfare knows positions: a peer has no storm to show".into()));
    };
    server.publish_now(&missed)?;

    let queries = server.counter("store_queries_total");
    let before = server.usage();
    let start = (Instant::now(), monotonic_micros());
    let all = swarm
        .connect(storm.within.mul_f64(SPREAD), storm.within * 3)
        .map_err(BenchError::machine("wait for events"))?;
    let seconds = start.0.elapsed().as_secs_f64();
    let used = server.usage().zip(before).map(|(after, before)| after.since(before));
    let asked = server.counter("store_queries_total").zip(queries).map(|(after, before)| after - before);

    let mut run = Run::new(name, target.name());
    let tally = swarm.tally();
    let joins = &tally.joins;
    run.figure("connections", "", swarm.size() as f64)
        .figure("events missed by each", "", storm.missed as f64)
        .figure("back", "", joins.live as f64)
        .figure("seconds until all were back", "s", seconds)
        .figure("recovered", "", joins.recovered as f64)
        .figure("refused honestly", "", joins.refused as f64)
        .figure("recovered with a hole", "", joins.dishonest as f64)
        .figure("events in the answers", "", joins.events as f64)
        .figure("told to try again", "", joins.deferred as f64)
        .measured("database queries", "", asked)
        .measured("server CPU", "%", used.map(|used| used.cpu.as_secs_f64() * 100.0 / seconds))
        .measured("server memory", "MiB", used.map(|used| used.resident as f64 / 1_048_576.0));
    if !all {
        run.remark(format!("Only {} of {} came back", joins.live, swarm.size()));
    }
    for (cause, times) in &tally.ended {
        run.remark(format!("{times} connections ended: {cause}"));
    }
    Ok(run)
}
