//! One load from its first event to its last delivery, with what it cost.

use std::time::{Duration, Instant};

use crate::bench::{
    error::BenchError,
    feed::{Fed, Load},
    report::Run,
    server::{
        target::{Feed, Target},
        usage::{self, Usage},
    },
    swarm::{Swarm, Tally},
};

/// What a load did to a server and its clients.
#[derive(Debug)]
pub struct Period {
    /// Events a second that were asked for, over all rooms.
    pub asked_rate: f64,
    pub fed: Fed,
    pub tally: Tally,
    /// Deliveries that did not happen.
    pub lost: u64,
    /// From the first event to the last delivery.
    pub seconds: f64,
    /// What the server used meanwhile, where that can be seen.
    pub server: Option<Usage>,
    /// What took part beside the server used, by the name of the figure.
    pub beside: Vec<(&'static str, Usage)>,
    pub client_cpu: Option<Duration>,
}

/// When nothing has come for so long, nothing more is expected.
const QUIET: Duration = Duration::from_secs(3);
/// How much longer than asked a load may take.
const OVERTIME: Duration = Duration::from_secs(60);
/// How much slower than asked publishing may be and still count as having kept its rate.
const RATE_KEPT: f64 = 0.97;

impl Period {
    /// Starts the load, receives until it is over and everything has come, or until nothing more comes.
    ///
    /// # Errors
    /// When the load cannot be started or the event queue fails.
    pub fn run(target: &mut Target, swarm: &mut Swarm, load: &Load, pad: usize) -> Result<Self, BenchError> {
        Self::of(target, swarm, load, |target| target.feed(load, pad))
    }

    /// As [`Period::run`], with another source of the same events.
    ///
    /// # Errors
    /// As [`Period::run`].
    pub fn of(
        target: &mut Target,
        swarm: &mut Swarm,
        load: &Load,
        start_feed: impl FnOnce(&mut Target) -> Result<Feed, BenchError>,
    ) -> Result<Self, BenchError> {
        let failed = || BenchError::machine("wait for events");
        drop(swarm.take_tally());
        let own = std::process::id();
        let before = (target.usage(), usage::of(own));
        let beside = target.beside();
        let feed = start_feed(target)?;
        let start = (Instant::now(), crate::bench::time::monotonic_micros());

        let mut fed = None;
        let deadline = start.0 + load.duration + OVERTIME;
        swarm
            .drive(deadline, |_| {
                fed = fed.take().or_else(|| target.fed(&feed));
                fed.is_some()
            })
            .map_err(failed())?;
        let fed = fed.unwrap_or_else(|| Fed::failed("publishing did not end in time"));
        let heads = heads_of(swarm, load, &fed);
        let (mut seen, mut since) = (swarm.tally().deliveries, Instant::now());
        swarm
            .drive(Instant::now() + OVERTIME, |swarm| {
                if swarm.tally().deliveries != seen {
                    (seen, since) = (swarm.tally().deliveries, Instant::now());
                    return false;
                }
                swarm.missing(&heads) == 0 || since.elapsed() > QUIET
            })
            .map_err(failed())?;

        let after = (target.usage(), usage::of(own));
        let beside_after = target.beside();
        let lost = swarm.missing(&heads);
        let tally = swarm.take_tally();
        let seconds = tally.last_delivery.saturating_sub(start.1) as f64 / 1e6;
        Ok(Self {
            asked_rate: load.rate * load.rooms.len() as f64,
            fed,
            lost,
            seconds,
            beside: beside
                .into_iter()
                .zip(beside_after)
                .map(|((name, before), (_, after))| (name, after.since(before)))
                .collect(),
            server: before.0.zip(after.0).map(|(before, after)| after.since(before)),
            client_cpu: before.1.zip(after.1).map(|(before, after)| after.since(before).cpu),
            tally,
        })
    }

    /// What went wrong: nothing may be lost or out of order, nobody cut off, and the events must come as fast as asked.
    pub fn faults(&self) -> Vec<String> {
        let Self { tally, fed, .. } = self;
        let mut faults = Vec::new();
        let mut note = |wrong: bool, what: String| {
            if wrong {
                faults.push(what);
            }
        };
        note(self.lost > 0, format!("{} deliveries lost", self.lost));
        note(
            tally.order_violations() > 0,
            format!("{} out of order, twice or misdirected", tally.order_violations()),
        );
        note(tally.invalidated > 0, format!("{} rooms told to read again", tally.invalidated));
        note(!tally.ended.is_empty(), format!("connections ended: {:?}", tally.ended));
        note(fed.failures > 0, fed.first_failure.clone().unwrap_or_default());
        note(
            !self.kept_rate(),
            format!("published {:.0} of {:.0} events a second", fed.rate(), self.asked_rate),
        );
        faults
    }

    /// Whether the events came as fast as asked.
    pub fn kept_rate(&self) -> bool {
        self.fed.rate() >= RATE_KEPT * self.asked_rate
    }

    /// A latency in milliseconds.
    pub fn latency(&self, quantile: f64) -> f64 {
        self.tally.latency.value_at_quantile(quantile) as f64 / 1e3
    }

    /// Deliveries a second.
    pub fn delivery_rate(&self) -> f64 {
        self.tally.deliveries as f64 / self.seconds.max(1e-9)
    }

    /// Adds the figures that every load has.
    pub fn describe(&self, run: &mut Run) {
        let Self { tally, fed, .. } = self;
        let deliveries = tally.deliveries.max(1) as f64;
        run.figure("events", "", fed.events as f64)
            .figure("events/s", "", fed.rate())
            .figure("deliveries", "", tally.deliveries as f64)
            .figure("deliveries/s", "", self.delivery_rate())
            .figure("lost", "", self.lost as f64)
            .figure("out of order", "", (tally.late + tally.early) as f64)
            .figure("twice", "", tally.duplicates as f64)
            .figure("misdirected", "", tally.foreign as f64)
            .figure("told to read again", "", tally.invalidated as f64)
            .figure("connections ended", "", tally.ended.values().sum::<u64>() as f64)
            .figure("bytes/delivery", "", tally.bytes as f64 / deliveries)
            .figure("deliveries/read", "", deliveries / tally.reads.max(1) as f64)
            .figure("latency p50", "ms", self.latency(0.5))
            .figure("latency p99", "ms", self.latency(0.99))
            .figure("latency p99.9", "ms", self.latency(0.999))
            .figure("latency max", "ms", tally.latency.max() as f64 / 1e3)
            .measured(
                "server CPU/delivery",
                "µs",
                self.server.map(|used| used.cpu.as_secs_f64() * 1e6 / deliveries),
            )
            .measured(
                "server CPU",
                "%",
                self.server.map(|used| used.cpu.as_secs_f64() * 100.0 / self.seconds),
            )
            .measured("client CPU", "%", self.client_cpu.map(|cpu| cpu.as_secs_f64() * 100.0 / self.seconds))
            .measured("server memory", "MiB", self.server.map(|used| used.resident as f64 / 1_048_576.0));
        for (name, used) in &self.beside {
            run.figure(name, "%", used.cpu.as_secs_f64() * 100.0 / self.seconds);
        }
        if !self.kept_rate() {
            run.remark(format!(
                "Publishing did not keep its rate: {:.0} of {:.0} events a second",
                fed.rate(),
                self.asked_rate
            ));
        }
        if let Some(cause) = &fed.first_failure {
            run.remark(format!("{} requests failed, the first with: {cause}", fed.failures));
        }
        for (cause, times) in &tally.ended {
            run.remark(format!("{times} connections ended: {cause}"));
        }
        if self.client_cpu.is_some_and(|cpu| cpu.as_secs_f64() > 0.9 * self.seconds) {
            run.remark("The clients used up their processor: they were measured, not the server");
        }
    }
}

/// The offset of the last event of each of the swarm's rooms.
fn heads_of(swarm: &Swarm, load: &Load, fed: &Fed) -> Vec<u64> {
    let mut heads = vec![0; swarm.rooms().len()];
    for (room, head) in load.rooms.iter().zip(&fed.heads) {
        if let Some(at) = swarm.rooms().iter().position(|name| name == room) {
            heads[at] = *head;
        }
    }
    heads
}
