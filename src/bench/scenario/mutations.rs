//! Durable changes a second: through the services alone, and through GraphQL over HTTP.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use super::stage::{Contestant, Stage};
use crate::{
    bench::{
        error::BenchError,
        feed::{http, succeeded, update},
        report::Run,
        server::{fanfare::Fanfare, in_process::InProcess, pin::unpinned, target::Target, world},
        swarm::histogram,
        time::monotonic_micros,
        wire::sighting::stamp,
    },
    protocol::Room,
};

/// How many writers change how many campaigns, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mutations {
    pub writers: usize,
    pub campaigns: usize,
    pub duration: Duration,
}

impl Mutations {
    /// Eight writers, eight campaigns each, ten seconds.
    pub const PRESET: Self = Self { writers: 8, campaigns: 64, duration: Duration::from_secs(10) };
}

/// What one writer did.
pub(super) struct Written {
    times: Histogram<u64>,
    failure: Option<String>,
}

/// `updateSettlement` over GraphQL, each writer its next when it has the answer to the last.
///
/// # Errors
/// When the server cannot be made to take part.
pub fn over_graphql(
    stage: &Stage,
    who: &Contestant,
    name: &str,
    shape: Mutations,
) -> Result<Run, BenchError> {
    let playing = stage.start(who, &[])?;
    let Target::Fanfare(server) = &playing.target else {
        return Err(BenchError::Usage("a peer has nothing that could be changed".into()));
    };
    let before = server.usage();
    let (written, seconds) = of_servers(&[server], shape)?;
    let used = server.usage().zip(before).map(|(after, before)| after.since(before));
    let mut run = Run::new(name, playing.target.name());
    describe(&mut run, shape, written, seconds);
    let mutations = run.value("mutations").unwrap_or(0.0).max(1.0);
    run.measured("server CPU/mutation", "µs", used.map(|used| used.cpu.as_secs_f64() * 1e6 / mutations))
        .measured("server CPU", "%", used.map(|used| used.cpu.as_secs_f64() * 100.0 / seconds))
        .remark("Over GraphQL and HTTP");
    Ok(run)
}

/// The same over several instances of one cluster, among which the writers are dealt out. Answers how long it took as well.
///
/// # Errors
/// When a server refuses the world that is to be changed.
pub(super) fn of_servers(servers: &[&Fanfare], shape: Mutations) -> Result<(Vec<Written>, f64), BenchError> {
    let Some(first) = servers.first() else { return Ok((Vec::new(), 0.0)) };
    let mut settlements = Vec::new();
    for _ in 0..shape.campaigns {
        settlements.push(world::create(first, std::iter::empty())?.settlement);
    }
    let places = servers.iter().map(|server| server.publishing()).collect::<Result<Vec<_>, _>>()?;
    let start = Instant::now();
    let written = first.run(|client, _| async move {
        let mut writers = JoinSet::new();
        for (own, to) in share(settlements, shape.writers).into_iter().zip(places.iter().cycle()) {
            let (client, url, token) = (client.clone(), format!("{}/graphql", to.base), to.token.clone());
            writers.spawn(write(shape.duration, own, move |settlement: &String| {
                let request =
                    client.post(&url).bearer_auth(&token).header("content-type", "application/json");
                let answer = http::send(request.body(update(settlement)));
                async move { succeeded(&answer.await?) }
            }));
        }
        writers.join_all().await
    })?;
    Ok((written, start.elapsed().as_secs_f64()))
}

/// `World::update_settlement` in this process on a new SQLite database; a grant is asked for each time, as the API does.
///
/// # Errors
/// When the database cannot be made.
pub fn of_services(stage: &Stage, name: &str, shape: Mutations) -> Result<Run, BenchError> {
    let folder = stage.folder()?;
    let url = format!("sqlite:{}", folder.path().join("fanfare.db").display());
    // Both processors: here is no client beside the server.
    let (written, seconds) = unpinned(stage.cores.is_some(), || in_this_process(&url, shape))??;
    let mut run = Run::new(name, "fanfare");
    describe(&mut run, shape, written, seconds);
    run.remark("Services called in this process, on all processors");
    Ok(run)
}

fn in_this_process(url: &str, shape: Mutations) -> Result<(Vec<Written>, f64), BenchError> {
    let runtime = tokio::runtime::Runtime::new().map_err(BenchError::machine("start a runtime"))?;
    runtime.block_on(async {
        let services = [InProcess::open(url).await?];
        let settlements = settlements(&services, shape.campaigns).await?;
        Ok(through(&services, settlements, shape).await)
    })
}

/// A settlement in each of so many campaigns.
///
/// # Errors
/// When the services refuse it.
pub(super) async fn settlements(instances: &[InProcess], campaigns: usize) -> Result<Vec<Room>, BenchError> {
    let mut settlements = Vec::new();
    for instance in instances.iter().cycle().take(campaigns) {
        settlements.push(instance.settlement().await?);
    }
    Ok(settlements)
}

/// Changes through the services of several instances in this process, among which the writers are dealt out. Answers how long
/// it took as well.
pub(super) async fn through(
    instances: &[InProcess],
    settlements: Vec<Room>,
    shape: Mutations,
) -> (Vec<Written>, f64) {
    let start = Instant::now();
    let mut writers = JoinSet::new();
    for (own, services) in share(settlements, shape.writers).into_iter().zip(instances.iter().cycle()) {
        let services = services.clone();
        writers.spawn(write(shape.duration, own, move |settlement: &Room| {
            let (services, settlement) = (services.clone(), settlement.clone());
            async move {
                let changed = services.change(&settlement, stamp(monotonic_micros())).await;
                changed.map_err(|problem| problem.detail)
            }
        }));
    }
    (writers.join_all().await, start.elapsed().as_secs_f64())
}

/// Changes one after the other until the time is over or a change fails.
async fn write<T, F>(duration: Duration, own: Vec<T>, mut change: impl FnMut(&T) -> F) -> Written
where
    F: Future<Output = Result<(), String>>,
{
    let mut written = Written { times: histogram(), failure: None };
    let end = Instant::now() + duration;
    for subject in own.iter().cycle() {
        let start = Instant::now();
        if start >= end {
            break;
        }
        if let Err(cause) = change(subject).await {
            written.failure = Some(cause);
            break;
        }
        written.times.saturating_record(start.elapsed().as_micros() as u64);
    }
    written
}

/// Deals the subjects out.
fn share<T>(subjects: Vec<T>, writers: usize) -> Vec<Vec<T>> {
    let mut shares: Vec<Vec<T>> = (0..writers).map(|_| Vec::new()).collect();
    for (at, subject) in subjects.into_iter().enumerate() {
        shares[at % writers].push(subject);
    }
    shares
}

pub(super) fn describe(run: &mut Run, shape: Mutations, written: Vec<Written>, seconds: f64) {
    let mut times = histogram();
    for writer in &written {
        // Histograms of one kind always add up.
        let _ = times.add(&writer.times);
    }
    run.figure("writers", "", shape.writers as f64)
        .figure("campaigns", "", shape.campaigns as f64)
        .figure("mutations", "", times.len() as f64)
        .figure("mutations/s", "", times.len() as f64 / seconds)
        .figure("answer p50", "ms", times.value_at_quantile(0.5) as f64 / 1e3)
        .figure("answer p99", "ms", times.value_at_quantile(0.99) as f64 / 1e3)
        .figure("answer p99.9", "ms", times.value_at_quantile(0.999) as f64 / 1e3);
    let failures: Vec<String> = written.into_iter().filter_map(|writer| writer.failure).collect();
    run.figure("writers that failed", "", failures.len() as f64);
    if let Some(cause) = failures.first() {
        run.remark(format!("A change failed: {cause}"));
    }
}
