//! `fanfare bench`: measures a server, so that its users can size their machines.
//!
//! Owns the load client (`swarm` over `wire`), the sources of events (`feed`), the servers under
//! test (`server`), the scenarios (`scenario`) and the report (`report`). Promises that a figure
//! means what its name says: a delivery is counted when a client has read it; its latency begins when the
//! event was sent to the server; an event that was lost, repeated, late or misdirected is counted as such; and
//! what could not be measured is left out or said, never guessed. How to read the figures is in `docs/benchmarks.md`.
//!
//! To add a scenario, see `scenario`; to add a server to compare with, see `server`.

mod error;
mod feed;
mod options;
mod report;
mod scenario;
mod server;
mod swarm;
mod time;
mod wire;

use std::{fs, io};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub use self::{error::BenchError, options::Options};
use self::{
    report::{Machine, Report},
    scenario::{GOALS, Sizes, Stage},
    server::pin::{Cores, pin_thread},
};

/// Measures what the options ask for and prints the table. To be called from a thread without a runtime.
///
/// # Errors
/// When something could not be measured at all. What was measured before is printed nevertheless.
pub fn run(options: &Options) -> Result<(), BenchError> {
    let (contestants, sizes) = (options.contestants()?, options.sizes()?);
    raise_file_limit().map_err(BenchError::machine("raise the limit of open files"))?;
    fs::create_dir_all(&options.data_dir)
        .map_err(BenchError::machine(format!("make {}", options.data_dir.display())))?;
    let data = options
        .data_dir
        .canonicalize()
        .map_err(BenchError::machine(format!("find {}", options.data_dir.display())))?;
    // A server that runs already has its processors from somebody else.
    let pins = !options.no_pinning && options.url.is_none();
    let cores = Cores::of_this_machine().filter(|_| pins);
    let stage = Stage { cores, data };
    let mut report = Report {
        version: env!("CARGO_PKG_VERSION"),
        machine: Machine::here(cores.is_some()),
        runs: Vec::new(),
    };
    if let Some(cores) = cores {
        pin_thread(cores.clients).map_err(BenchError::machine("bind the clients to a processor"))?;
    }

    let mut failure = None;
    'all: for scenario in &options.scenarios {
        for round in 1..=options.rounds {
            for contestant in &contestants {
                if !scenario.is_for(contestant) {
                    continue;
                }
                match scenario.measure(&stage, contestant, &sizes) {
                    Ok(mut run) => {
                        eprintln!(
                            "{}: {} measured, round {round} of {}",
                            run.scenario, run.server, options.rounds
                        );
                        run.round = round;
                        report.runs.push(run);
                    }
                    Err(error) => {
                        failure = Some(error);
                        break 'all;
                    }
                }
            }
        }
    }
    // The goals are those of the presets as they are.
    let goals = if sizes == Sizes::default() && options.url.is_none() { GOALS } else { &[] };
    print!("{}", report.table(goals));
    if let Some(path) = &options.json {
        let text =
            serde_json::to_string_pretty(&report).map_err(|error| BenchError::Usage(error.to_string()))?;
        fs::write(path, text + "\n").map_err(BenchError::machine(format!("write {}", path.display())))?;
    }
    failure.map_or(Ok(()), Err)
}

/// As many files as this process may have: every client is one, and the server inherits the limit.
fn raise_file_limit() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(())
}
