//! A steady load: so many clients, so many rooms, so many events a second.

use std::time::Duration;

use super::{connect_all, period::Period, stage::Playing};
use crate::bench::{
    error::BenchError,
    feed::Load,
    report::Run,
    server::target::{ENTERING, Layout},
};

/// A steady load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    pub layout: Layout,
    /// Events a second in each room.
    pub rate: f64,
    /// Bytes of an event.
    pub size: usize,
    pub duration: Duration,
    /// Events in one transaction at most, where there are transactions.
    pub per_commit: usize,
}

impl Shape {
    /// One room with a thousand clients, fifty events of 512 bytes a second.
    pub const FANOUT: Self = Self {
        layout: Layout { campaigns: 1, clients: 1000, three_rooms: false },
        rate: 50.0,
        size: 512,
        duration: Duration::from_secs(20),
        per_commit: 1,
    };

    /// The load for these rooms.
    pub fn load(&self, rooms: &[String]) -> Load {
        Load {
            rooms: rooms.to_vec(),
            rate: self.rate,
            size: self.size,
            duration: self.duration,
            per_commit: self.per_commit,
        }
    }
}

/// Plays the load and measures it, after a short one that warms everything up.
///
/// # Errors
/// When the server cannot be made to take part.
pub fn measure(mut playing: Playing, name: &str, shape: Shape) -> Result<Run, BenchError> {
    let target = &mut playing.target;
    let mut swarm = target.swarm(shape.layout, ENTERING)?;
    let load = shape.load(swarm.rooms());
    let pad = target.pad(&load)?;
    connect_all(target, &mut swarm, Duration::ZERO)?;
    let warm_up = Load { duration: Duration::from_secs(2).min(load.duration), ..load.clone() };
    Period::run(target, &mut swarm, &warm_up, pad)?;
    let period = Period::run(target, &mut swarm, &load, pad)?;
    let mut run = Run::new(name, target.name());
    run.figure("connections", "", swarm.size() as f64).figure("rooms", "", shape.layout.campaigns as f64);
    period.describe(&mut run);
    run.figure("orders seen", "", swarm.orders() as f64);
    run.remarks.extend(target.remark().map(str::to_owned));
    Ok(run)
}
