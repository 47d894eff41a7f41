//! Several instances in one process, on a simulated clock, with everything around the hub replaced by
//! something that fails: a deterministic search for schedules that break a promise.
//!
//! The code under test is the real one: hubs with their sequencers, families, histories, joins,
//! recoveries and head checks. Simulated are the database (`model`), the way to it and the bus
//! (`links`), the connections (`conn`) and the clients (`screen`). Faults: hints lost, repeated, late
//! and forged; subscriptions that look alive; instances cut off from Redis or from the database;
//! crashes, also between commit and publish; clock steps; slow clients; trimmed and restored logs;
//! removals and deletions. The `oracle` knows what must hold, by the design's numbers. Of I1 and I2 a
//! simulation with a model of the database shows only the client's half; the store's own tests and
//! the fault drills show the rest.
//!
//! Everything random comes from the seed, so `FANFARE_SIM_SEED=7 cargo test simulation` repeats a
//! schedule and tells its story; `FANFARE_SIM_SCHEDULES=20000` searches longer. Defects that such a
//! system typically has are built in, one at a time, to show that the search finds each ([`Defect`]).
//!
//! To add a fault, give [`Cluster::act`] a case; to add a promise, ask the oracle where it shows.

mod cluster;
mod conn;
mod dice;
mod instance;
mod links;
mod model;
mod oracle;
pub mod schedule;
mod screen;

use std::sync::Arc;

use self::{
    cluster::{Cluster, SETTLED},
    screen::Screen,
};
use super::{
    sequencer,
    time::{sleep, spawn},
};
use crate::protocol::Room;

/// A defect that is built in, to show that the search would find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// What is missing is passed over instead of read from the log.
    NoGapCheck,
    /// Heads are never compared with the database.
    NoHeadCheck,
    /// The place that a client is told was read before the client was registered.
    ReadBeforeRegister,
    /// Who may enter is read at another moment than where the room stands.
    SeparatePermissionRead,
    /// A client that is too slow loses what does not fit.
    SilentSlowDrop,
    /// What arrives is handed on as it arrives.
    NoInstanceOrder,
}

/// What came of a schedule.
struct Report {
    findings: Vec<String>,
    story: Vec<String>,
}

async fn run(seed: u64, defect: Option<Defect>, with_story: bool) -> Report {
    let cluster = Arc::new(Cluster::new(seed, defect, with_story));
    let dice = Arc::clone(&cluster.around.dice);
    let screens: Vec<Arc<Screen>> = (0..dice.number(3..8))
        .map(|name| {
            let (id, settlements) = cluster
                .around
                .model
                .look_now(dice.number(0..cluster.campaigns), |at| (at.id, at.settlements.clone()));
            let mut rooms: Vec<Room> = settlements.into_iter().map(Room::Settlement).collect();
            rooms.truncate(dice.number(0..3));
            if rooms.is_empty() || dice.chance(0.7) {
                rooms.push(Room::Campaign(id));
            }
            let user = dice.pick(&cluster.users).clone();
            let root = Room::Campaign(id).as_root().expect("a root");
            Arc::new(Screen::new(name, user, root, rooms))
        })
        .collect();
    let tasks: Vec<_> = screens.iter().map(|screen| spawn(screen.clone().run(cluster.clone()))).collect();
    for _ in 0..dice.number(30..90) {
        sleep(dice.millis(0..500)).await;
        cluster.act().await;
    }
    cluster.remove_while_partitioned().await;
    sleep(SETTLED).await;
    cluster.check_settled(&screens);
    tasks.iter().for_each(futures_util::future::AbortHandle::abort);
    cluster.check_let_go().await;
    let oracle = &cluster.around.oracle;
    Report { findings: oracle.findings(), story: oracle.story() }
}

/// Runs a schedule, on a clock that goes on when nobody has anything to do.
fn simulate(seed: u64, defect: Option<Defect>, with_story: bool) -> Report {
    sequencer::SKIPS_GAPS.set(defect == Some(Defect::NoGapCheck));
    let _named = NamedSeed(seed);
    let report = schedule::run(seed, run(seed, defect, with_story));
    sequencer::SKIPS_GAPS.set(false);
    report
}

/// Names the schedule in which something panicked.
struct NamedSeed(u64);

impl Drop for NamedSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("This was in schedule {}; FANFARE_SIM_SEED={0} repeats it.", self.0);
        }
    }
}

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

fn fail(seed: u64) -> ! {
    let report = simulate(seed, None, true);
    report.story.iter().for_each(|line| eprintln!("{line}"));
    panic!(
        "schedule {seed} breaks a promise; FANFARE_SIM_SEED={seed} repeats it:\n{}",
        report.findings.join("\n")
    );
}

// req: N36 T21 T27 I1 I2 I3 I4 I5 I6 I7 I8 I9 I13
#[test]
fn simulation_no_schedule_of_faults_breaks_a_promise() {
    if let Some(seed) = number_from("FANFARE_SIM_SEED") {
        if !simulate(seed, None, false).findings.is_empty() {
            fail(seed);
        }
        return;
    }
    let began = std::time::Instant::now();
    let schedules = number_from("FANFARE_SIM_SCHEDULES").unwrap_or(150);
    for seed in 0..schedules {
        if !simulate(seed, None, false).findings.is_empty() {
            fail(seed);
        }
    }
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    eprintln!("{schedules} schedules, {:.0} a minute", schedules as f64 / minutes);
}

/// Otherwise a failure could not be looked at.
#[test]
fn simulation_of_a_seed_is_always_the_same() {
    for seed in 0..8 {
        let (first, second) = (simulate(seed, None, true), simulate(seed, None, true));
        assert!(first.story.len() > 10, "{seed}");
        let differs = first.story.iter().zip(&second.story).find(|(first, second)| first != second);
        assert_eq!((differs, first.story.len()), (None, second.story.len()), "{seed}");
    }
}

// req: I3 I4 I6 I7 I8 I9 I11
#[test]
fn simulation_finds_every_defect() {
    for (defect, invariants) in [
        (Defect::NoGapCheck, &["I4"][..]),
        (Defect::NoHeadCheck, &["I6", "I8"]),
        (Defect::ReadBeforeRegister, &["I4", "I9"]),
        (Defect::SeparatePermissionRead, &["I8", "I9"]),
        (Defect::SilentSlowDrop, &["I4", "I6"]),
        (Defect::NoInstanceOrder, &["I4", "I5"]),
    ] {
        let found = (0..300).find_map(|seed| {
            let findings = simulate(seed, Some(defect), false).findings;
            let fits = |finding: &&String| {
                invariants.iter().any(|invariant| finding.starts_with(&format!("{invariant} ")))
            };
            findings.iter().find(fits).map(|finding| (seed, finding.clone()))
        });
        let (seed, finding) = found.unwrap_or_else(|| panic!("{defect:?} is not found"));
        eprintln!("{defect:?}: schedule {seed}: {finding}");
    }
}
