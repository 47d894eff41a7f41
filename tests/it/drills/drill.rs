//! A drill: viewers that follow, a load that goes on, faults that come and go, and the verdict.

use std::{collections::HashMap, fs, path::PathBuf, time::Duration};

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{
    cluster::{Cluster, Shape},
    load::Load,
    oracle::{Oracle, wrong_state},
    viewer::{Place, Record, Viewer},
};

/// A cluster with viewers and load, and what the faults on it cost.
pub struct Drill {
    pub name: &'static str,
    pub cluster: Cluster,
    pub viewers: Vec<Viewer>,
    load: Option<Load>,
    /// The request ids of mutations that were acknowledged, as far as their load has ended.
    acknowledged: Vec<String>,
    /// How many of them were found in the log.
    settled: usize,
    rows: Vec<Row>,
}

/// What one fault cost.
#[derive(Debug)]
struct Row {
    fault: String,
    /// From commit to a viewer while the fault lasted, 99th percentile; `None` when nothing arrived.
    during: Option<Duration>,
    /// From the end of the fault until every viewer had everything.
    recovered: Duration,
    /// What else is worth telling.
    note: String,
}

/// What a fault may cost on a machine with other work.
#[derive(Clone, Copy)]
pub struct Bounds {
    pub during_p99: Option<Duration>,
    pub recovered: Duration,
}

impl Bounds {
    /// Everybody has everything so long after the fault.
    pub fn recovered_within(seconds: u64) -> Self {
        Self { during_p99: None, recovered: Duration::from_secs(seconds) }
    }

    /// And while it lasts, events arrive within so many milliseconds.
    pub fn and_meanwhile(self, millis: u64) -> Self {
        Self { during_p99: Some(Duration::from_millis(millis)), ..self }
    }
}

/// How long a fault lasts in a test run, or in a soak: `FANFARE_DRILL_HOLD_PERCENT` scales it.
pub fn hold(millis: u64) -> Duration {
    Duration::from_millis(millis * parameter("FANFARE_DRILL_HOLD_PERCENT", 100) / 100)
}

/// A number from the environment, for soaks.
pub fn parameter(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is no number")),
        Err(_) => default,
    }
}

/// What so many percent of the sorted values, of which there must be some, do not exceed.
pub fn percentile<T: Copy>(sorted: &[T], percent: usize) -> T {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

impl Drill {
    /// Starts the cluster, and viewers that have entered their rooms on all instances, under load.
    pub async fn start(name: &'static str, shape: Shape, viewers: usize, per_second: u32) -> Option<Self> {
        let cluster = Cluster::start(name, shape).await?;
        let urls = cluster.urls();
        let viewers = cluster.viewers(viewers, &urls, |number| number);
        let load = Load::start(&cluster, per_second);
        let drill = Self {
            name,
            cluster,
            viewers,
            load: Some(load),
            acknowledged: Vec::new(),
            settled: 0,
            rows: Vec::new(),
        };
        drill.caught_up(Duration::from_secs(60)).await;
        Some(drill)
    }

    /// Compares the mutations that were acknowledged so far with the log; what cannot be.
    pub async fn settle_requests(&mut self) -> (Oracle, Vec<String>) {
        let acknowledged = std::mem::take(&mut self.acknowledged);
        let oracle = Oracle::read(&self.cluster).await;
        let findings = oracle.judge_requests(&acknowledged);
        self.settled += acknowledged.len();
        (oracle, findings)
    }

    /// Ends the load and finishes the mutations under way.
    pub async fn pause_load(&mut self) {
        if let Some(load) = self.load.take() {
            self.acknowledged.extend(load.stop().await);
        }
    }

    /// Begins another load.
    pub fn resume_load(&mut self, per_second: u32) {
        self.load = Some(Load::start(&self.cluster, per_second));
    }

    /// Waits until every viewer has what is in the log now; how long that took.
    ///
    /// # Panics
    /// When it takes longer than the limit.
    pub async fn caught_up(&self, limit: Duration) -> Duration {
        let heads = self.cluster.heads().await;
        self.reached(&heads, limit).await
    }

    async fn reached(&self, heads: &HashMap<String, Place>, limit: Duration) -> Duration {
        let (begun, deadline) = (Instant::now(), Instant::now() + limit);
        for viewer in &self.viewers {
            if !viewer.until(deadline, |record| Viewer::has(record, heads)).await {
                let behind = self.viewers.iter().filter(|viewer| !Viewer::has(&viewer.record(), heads));
                let stories: Vec<String> = behind.map(describe).collect();
                panic!(
                    "{}: {} viewers are not at {heads:?} after {limit:?}:\n{}",
                    self.name,
                    stories.len(),
                    stories.iter().take(5).cloned().collect::<Vec<_>>().join("\n")
                );
            }
        }
        begun.elapsed()
    }

    /// The viewers of which this is so, by their index, each with the number of its connections so far.
    pub fn now_on(&self, is_so: impl Fn(&Record) -> bool) -> Vec<(usize, usize)> {
        let concerned = self.viewers.iter().enumerate().filter(|(_, viewer)| is_so(&viewer.record()));
        concerned.map(|(index, viewer)| (index, viewer.record().connections)).collect()
    }

    /// Waits until viewers that lost their connection have another one and everything that is in the log now; how
    /// long after `begun` each had it, sorted.
    ///
    /// # Panics
    /// When one needs longer than the limit.
    pub async fn back_with_everything(
        &self,
        lost: Vec<(usize, usize)>,
        begun: Instant,
        limit: Duration,
    ) -> Vec<Duration> {
        let heads = self.cluster.heads().await;
        let back = lost.into_iter().map(async |(index, before)| {
            let viewer = &self.viewers[index];
            let is_back = |record: &Record| record.connections > before && Viewer::has(record, &heads);
            let in_time = viewer.until(begun + limit, is_back).await;
            assert!(in_time, "{}: not back after {limit:?}: {}", self.name, describe(viewer));
            begun.elapsed()
        });
        let mut times = join_all(back).await;
        times.sort_unstable();
        times
    }

    /// A fault: it begins, lasts for a while under load, ends, and then everybody must have everything.
    pub async fn fault(
        &mut self,
        name: &str,
        bounds: Bounds,
        lasts: Duration,
        begin: impl AsyncFnOnce(&mut Cluster),
        end: impl AsyncFnOnce(&mut Cluster),
    ) {
        self.forget_latencies();
        let room = self.cluster.campaign_room();
        let sound = self.cluster.heads().await[&room].offset;
        begin(&mut self.cluster).await;
        sleep(lasts).await;
        let during = self.latency(99);
        let before = self.cluster.heads_if_answered().await.map_or(sound, |heads| heads[&room].offset);
        end(&mut self.cluster).await;
        let begun = Instant::now();
        // Not only what was missed: something new must come through as well.
        self.cluster
            .until("a commit after the fault", bounds.recovered, async |cluster| {
                let head = cluster.heads_if_answered().await.map(|heads| heads[&room].offset);
                self.load.is_none() || head.is_some_and(|head| head > before)
            })
            .await;
        self.caught_up(bounds.recovered).await;
        let recovered = begun.elapsed();
        if let Some(bound) = bounds.during_p99 {
            let p99 = during.unwrap_or(Duration::MAX);
            assert!(p99 <= bound, "{}, {name}: events took {p99:?} meanwhile, not {bound:?}", self.name);
        }
        self.note(name, during, recovered, String::new());
    }

    /// Puts a row into the table.
    pub fn note(&mut self, fault: &str, during: Option<Duration>, recovered: Duration, note: String) {
        let shown = during.map_or_else(|| "nothing".to_owned(), |during| format!("{during:.0?}"));
        println!("drill {} · {fault}: meanwhile p99 {shown}, recovered in {recovered:.0?} {note}", self.name);
        self.rows.push(Row { fault: fault.to_owned(), during, recovered, note });
    }

    /// Begins to measure anew.
    pub fn forget_latencies(&self) {
        self.viewers.iter().for_each(|viewer| viewer.record().latencies.clear());
    }

    /// That percentile of the time from commit to a viewer, of all viewers.
    pub fn latency(&self, percent: usize) -> Option<Duration> {
        let mut all: Vec<u64> = Vec::new();
        self.viewers.iter().for_each(|viewer| all.extend(&viewer.record().latencies));
        all.sort_unstable();
        (!all.is_empty()).then(|| Duration::from_millis(percentile(&all, percent)))
    }

    /// Ends the load, waits for everybody, and compares all that happened with the log.
    ///
    /// # Panics
    /// With everything that a promise forbids.
    pub async fn finish(mut self) {
        self.pause_load().await;
        self.caught_up(Duration::from_secs(20)).await;
        let (oracle, mut findings) = self.settle_requests().await;
        findings.extend(oracle.judge(&self.viewers));
        let truth = self.truth().await;
        for viewer in &self.viewers {
            let wrong = wrong_state(&viewer.record(), &truth);
            findings.extend(wrong.into_iter().map(|what| format!("viewer {}: {what}", viewer.manner.number)));
        }
        let broken = self.cluster.store.doctor().await.expect("the database");
        findings.extend(broken.iter().map(|finding| format!("I2: {finding:?}")));
        assert!(self.settled >= 5, "{}: only {} mutations", self.name, self.settled);
        assert!(findings.is_empty(), "{}:\n{}", self.name, findings.join("\n"));
        println!(
            "drill {}: {} mutations, {} viewers, every event accounted for",
            self.name,
            self.settled,
            self.viewers.len()
        );
        self.write_rows();
    }

    /// The settlements in the database: version and name.
    async fn truth(&self) -> HashMap<String, (u64, String)> {
        let mut truth = HashMap::new();
        for id in &self.cluster.world.settlements {
            let query = "query($s: ID!) { settlement(id: $s) { version name } }";
            let data = self.cluster.graphql(0, "ada", query, json!({ "s": id })).await;
            let settlement = &data["settlement"];
            let version = settlement["version"].as_u64().expect("a version");
            let name = settlement["name"].as_str().expect("a name").to_owned();
            truth.insert(id.clone(), (version, name));
        }
        truth
    }

    /// For the table in `docs/reliability.md`: every drill leaves its rows in a file of its own.
    fn write_rows(&self) {
        let Some(folder) = std::env::var_os("FANFARE_DRILL_REPORT").map(PathBuf::from) else { return };
        fs::create_dir_all(&folder).expect("a folder");
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "fault": row.fault,
                    "duringP99Ms": row.during.map(|during| during.as_millis()),
                    "recoveredMs": row.recovered.as_millis(),
                    "note": row.note,
                })
            })
            .collect();
        let report = json!({ "drill": self.name, "viewers": self.viewers.len(), "rows": rows });
        let file = folder.join(format!("{}.json", self.name.replace(' ', "-")));
        fs::write(file, serde_json::to_string_pretty(&report).expect("JSON")).expect("a file");
    }
}

fn describe(viewer: &Viewer) -> String {
    let record: &Record = &viewer.record();
    let seats: Vec<String> = record
        .seats
        .iter()
        .map(|(room, seat)| {
            let last = seat.steps.iter().rev().take(3).collect::<Vec<_>>();
            format!("{room}: {:?}, live {}, last {last:?}", seat.place, seat.live)
        })
        .collect();
    format!(
        "viewer {} ({}): connected {}, connections {}, last end '{}'; {}",
        viewer.manner.number,
        viewer.manner.user,
        record.connected,
        record.connections,
        record.last_end,
        seats.join("; ")
    )
}
