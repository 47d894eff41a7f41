//! What makes events come: so many a second in each room, for so long.
//!
//! Owns the description of a load ([`Load`]), what became of it ([`Fed`]), making events through
//! Fanfare's HTTP interface ([`http`], [`Errand`]) and releasing events from a log that was written beforehand
//! ([`log`]). Promises that the moment an event was sent is known, and that a load that could not keep its rate
//! says so instead of slowing down silently.
//!
//! To make events in another way over HTTP, add a variant to [`Errand`].

mod errand;
pub mod http;
pub mod log;

pub use errand::{Errand, succeeded, update};

use std::time::Duration;

/// Events to publish.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// The names of the rooms.
    pub rooms: Vec<String>,
    /// Events a second in each room.
    pub rate: f64,
    /// Bytes of one event: of its envelope, which is what a client receives.
    pub size: usize,
    pub duration: Duration,
    /// How many events of a room one transaction takes at most, where there are transactions.
    pub per_commit: usize,
}

/// What became of a load.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fed {
    /// Events that were published.
    pub events: u64,
    /// How long sending took, at least as long as asked.
    pub seconds: f64,
    /// The offset of each room's last event, in the order of the load's rooms.
    pub heads: Vec<u64>,
    /// Requests that failed, and why the first did.
    pub failures: u64,
    pub first_failure: Option<String>,
}

/// The shortest time between two bursts. A server that is asked a thousand times a second for one event each
/// spends itself on being asked.
const SHORTEST_TICK: Duration = Duration::from_millis(10);
/// The longest that events wait for others to share a transaction with.
const LONGEST_TICK: Duration = Duration::from_millis(100);

impl Load {
    /// The time between two bursts: until a transaction of each room is full, within bounds.
    pub fn tick(&self) -> Duration {
        Duration::from_secs_f64(self.per_commit as f64 / self.rate.max(0.001))
            .clamp(SHORTEST_TICK, LONGEST_TICK)
    }

    /// How many events each room gets.
    pub fn events(&self) -> u64 {
        (self.rate * self.duration.as_secs_f64()).round() as u64
    }

    /// How many events each room should have got after `elapsed`.
    pub fn due(&self, elapsed: Duration) -> u64 {
        ((elapsed.as_secs_f64() * self.rate) as u64 + 1).min(self.events())
    }
}

impl Fed {
    /// A load that broke.
    pub fn failed(cause: impl Into<String>) -> Self {
        Self { failures: 1, first_failure: Some(cause.into()), ..Self::default() }
    }

    /// Events a second over all rooms.
    pub fn rate(&self) -> f64 {
        if self.seconds > 0.0 { self.events as f64 / self.seconds } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_grows_evenly_and_ends() {
        let load = Load {
            rooms: vec!["campaign:a".into()],
            rate: 50.0,
            size: 512,
            duration: Duration::from_secs(2),
            per_commit: 1,
        };
        assert_eq!(load.tick(), Duration::from_millis(20));
        assert_eq!(load.events(), 100);
        assert_eq!(load.due(Duration::ZERO), 1);
        assert_eq!(load.due(Duration::from_millis(999)), 50);
        assert_eq!(load.due(Duration::from_secs(9)), 100);
        assert_eq!(Load { rate: 5000.0, ..load.clone() }.tick(), SHORTEST_TICK);
        assert_eq!(Load { rate: 0.1, ..load.clone() }.tick(), LONGEST_TICK);
        assert_eq!(Load { rate: 1000.0, per_commit: 20, ..load }.tick(), Duration::from_millis(20));
    }
}
