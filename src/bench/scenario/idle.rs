//! Clients that are connected, authenticated and in three rooms each, and then nothing happens.

use std::time::{Duration, Instant};

use super::{
    connect_all,
    stage::{Contestant, Stage},
};
use crate::bench::{
    error::BenchError,
    report::Run,
    server::target::{ENTERING, Layout},
};

/// How many clients, and how long nothing happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idle {
    pub layout: Layout,
    pub quiet: Duration,
}

impl Idle {
    /// Ten thousand clients in a hundred campaigns, idle for half a minute.
    pub const PRESET: Self = Self {
        layout: Layout { campaigns: 100, clients: 100, three_rooms: true },
        quiet: Duration::from_secs(30),
    };
}

/// Connects them all as fast as the server takes them and measures its memory.
///
/// # Errors
/// When the server cannot be made to take part.
pub fn measure(stage: &Stage, who: &Contestant, name: &str, idle: Idle) -> Result<Run, BenchError> {
    let mut playing = stage.start(who, &[])?;
    let target = &mut playing.target;
    let mut swarm = target.swarm(idle.layout, ENTERING)?;
    let clients = swarm.size() as f64;
    let empty = target.usage();
    let start = Instant::now();
    connect_all(target, &mut swarm, Duration::ZERO)?;
    let seconds = start.elapsed().as_secs_f64();
    let full = target.usage();
    swarm.drive(Instant::now() + idle.quiet, |_| false).map_err(BenchError::machine("wait for events"))?;
    let after = target.usage();

    let each = |usage: Option<crate::bench::server::usage::Usage>| {
        usage
            .zip(empty)
            .map(|(used, empty)| used.resident.saturating_sub(empty.resident) as f64 / 1024.0 / clients)
    };
    let mut run = Run::new(name, target.name());
    let tally = swarm.tally();
    run.figure("connections", "", clients)
        .figure("rooms of each", "", if idle.layout.three_rooms { 3.0 } else { 1.0 })
        .figure("connections/s", "", clients / seconds)
        .measured(
            "CPU of a connection",
            "µs",
            full.zip(empty).map(|(full, empty)| full.since(empty).cpu.as_secs_f64() * 1e6 / clients),
        )
        .measured("memory before", "MiB", empty.map(|usage| usage.resident as f64 / 1_048_576.0))
        .measured("memory of a connection, at once", "KiB", each(full))
        .measured("memory of a connection, idle", "KiB", each(after))
        .measured(
            "memory all told of a connection",
            "KiB",
            after.map(|usage| usage.resident as f64 / 1024.0 / clients),
        )
        .measured(
            "CPU while idle",
            "%",
            after
                .zip(full)
                .map(|(after, full)| after.since(full).cpu.as_secs_f64() * 100.0 / idle.quiet.as_secs_f64()),
        )
        .figure("connections ended", "", tally.ended.values().sum::<u64>() as f64)
        .remark("The kernel's memory for the sockets is not counted");
    for (cause, times) in &tally.ended {
        run.remark(format!("{times} connections ended: {cause}"));
    }
    Ok(run)
}
