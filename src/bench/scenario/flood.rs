//! As fast as it goes: the highest rate at which nothing is lost, order holds and the latency stays bounded.

use std::time::Duration;

use super::{connect_all, load::Shape, period::Period, stage::Playing};
use crate::bench::{
    error::BenchError,
    feed::Load,
    report::Run,
    server::target::{ENTERING, Layout, Target},
    swarm::Swarm,
};

/// The latency that 99 of 100 deliveries must stay under, in milliseconds.
pub const MAX_P99: f64 = 250.0;
/// One room with a thousand clients, from a hundred events a second on, ten of them in a transaction.
pub const ONE_ROOM: Shape =
    Shape { rate: 100.0, per_commit: 10, duration: Duration::from_secs(10), ..Shape::FANOUT };
/// A hundred rooms with ten clients each, from a hundred events a second in each on.
pub const MANY_ROOMS: Shape =
    Shape { layout: Layout { campaigns: 100, clients: 10, three_rooms: false }, per_commit: 500, ..ONE_ROOM };

/// How long one try lasts.
const TRY: Duration = Duration::from_secs(2);
/// The search ends when the best rate and the first that failed are this close.
const CLOSE: f64 = 1.06;
const MAX_TRIES: u32 = 24;

/// A search for the highest rate that holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Search {
    next: f64,
    held: Option<f64>,
    failed: Option<f64>,
}

impl Search {
    /// Begins at `rate`.
    pub fn from(rate: f64) -> Self {
        Self { next: rate, held: None, failed: None }
    }

    /// The rate to try next; `None` when the highest is known well enough.
    pub fn next(&self) -> Option<f64> {
        match (self.held, self.failed) {
            (Some(held), Some(failed)) if failed <= held * CLOSE => None,
            // Nothing holds: there is no rate to find.
            (None, Some(failed)) if failed < 1.0 => None,
            (_, _) => Some(self.next),
        }
    }

    /// The highest rate that held.
    pub fn best(&self) -> Option<f64> {
        self.held
    }

    /// Takes note of a try.
    pub fn note(&mut self, rate: f64, held: bool) {
        if held {
            self.held = Some(self.held.map_or(rate, |best| best.max(rate)));
        } else {
            self.failed = Some(self.failed.map_or(rate, |worst| worst.min(rate)));
        }
        self.next = match (self.held, self.failed) {
            (Some(held), Some(failed)) => (held * failed).sqrt(),
            (Some(held), None) => held * 1.5,
            (None, Some(failed)) => failed / 2.0,
            (None, None) => self.next,
        };
    }
}

/// The highest rate that held, and why the next did not.
pub struct Highest {
    held: Option<(f64, Period)>,
    /// The lowest rate that failed, and what was wrong.
    limit: Option<(f64, String)>,
}

/// Finds the highest rate and measures it for the shape's whole duration. Where that fails although the short try
/// held, a slightly lower one is measured.
///
/// # Errors
/// When the server cannot be made to take part.
pub fn measure(mut playing: Playing, name: &str, shape: Shape) -> Result<Run, BenchError> {
    let target = &mut playing.target;
    let mut swarm = target.swarm(shape.layout, ENTERING)?;
    let load = shape.load(swarm.rooms());
    let pad = target.pad(&load)?;
    connect_all(target, &mut swarm, Duration::ZERO)?;
    let highest = search(shape.rate, shape.duration, |rate, duration| {
        let period = Period::run(target, &mut swarm, &Load { rate, duration, ..load.clone() }, pad)?;
        reset(target, &mut swarm, &period)?;
        Ok(period)
    })?;
    let mut run = Run::new(name, target.name());
    highest.describe(&mut run);
    run.remarks.extend(target.remark().map(str::to_owned));
    Ok(run)
}

/// Tries rates until the highest is found, then measures it for the whole duration.
///
/// # Errors
/// What `attempt` answers.
pub fn search(
    first: f64,
    whole: Duration,
    mut attempt: impl FnMut(f64, Duration) -> Result<Period, BenchError>,
) -> Result<Highest, BenchError> {
    let mut search = Search::from(first);
    let mut highest = Highest { held: None, limit: None };
    for _ in 0..MAX_TRIES {
        let Some(rate) = search.next() else { break };
        let period = attempt(rate, TRY.min(whole))?;
        search.note(rate, highest.held(rate, &period));
    }
    let Some(mut rate) = search.best() else { return Ok(highest) };
    for _ in 0..20 {
        let period = attempt(rate, whole)?;
        if highest.held(rate, &period) {
            highest.held = Some((rate, period));
            break;
        }
        rate *= 0.93;
    }
    Ok(highest)
}

impl Highest {
    /// Whether the rate held; keeps in mind why not.
    fn held(&mut self, rate: f64, period: &Period) -> bool {
        let mut faults = period.faults();
        let latency = period.latency(0.99);
        if latency >= MAX_P99 {
            faults.push(format!("p99 of {latency:.0} ms"));
        }
        if !faults.is_empty() && self.limit.as_ref().is_none_or(|(lowest, _)| rate < *lowest) {
            self.limit = Some((rate, faults.join("; ")));
        }
        faults.is_empty()
    }

    /// Adds the figures of the highest rate.
    pub fn describe(&self, run: &mut Run) {
        if let Some((rate, period)) = &self.held {
            run.figure("asked events/s in each room", "", *rate);
            period.describe(run);
        } else {
            run.remark("No rate held");
        }
        if let Some((rate, faults)) = &self.limit {
            run.remark(format!("What limits: at {rate:.1} events/s in each room, {faults}"));
        }
    }
}

/// After a try that was too much the clients start afresh.
fn reset(target: &mut Target, swarm: &mut Swarm, period: &Period) -> Result<(), BenchError> {
    if period.lost > 0 || !period.tally.ended.is_empty() {
        swarm.cut();
        connect_all(target, swarm, Duration::ZERO)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_closes_in_on_the_limit() {
        for limit in [3.0, 97.0, 100.0, 950.0, 20_000.0] {
            let mut search = Search::from(100.0);
            let mut tries = 0;
            while let Some(rate) = search.next() {
                search.note(rate, rate <= limit);
                tries += 1;
                assert!(tries <= MAX_TRIES, "{limit}");
            }
            let best = search.best().unwrap();
            assert!(best <= limit && best * CLOSE >= limit, "{limit}: {best}");
        }
    }

    #[test]
    fn the_search_gives_up_when_nothing_holds() {
        let mut search = Search::from(100.0);
        while let Some(rate) = search.next() {
            search.note(rate, false);
        }
        assert_eq!(search.best(), None);
    }
}
