//! `fanfare bench` from the outside: what it counts, and what it says when it cannot measure.

use std::{path::PathBuf, process::Command};

use serde_json::Value;

use crate::support::{postgres, redis::Redis};

/// Runs the bench small and unpinned and answers its JSON report.
fn report(arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    let done = Command::new(env!("CARGO_BIN_EXE_fanfare"))
        .args(["bench", "--no-pinning", "--data-dir"])
        .arg(folder.path())
        .arg("--json")
        .arg(&json)
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap()
}

fn figure(run: &Value, name: &str) -> f64 {
    let figures = run["figures"].as_array().unwrap();
    let figure = figures.iter().find(|figure| figure["name"] == name);
    figure.unwrap_or_else(|| panic!("there is no '{name}' in {run}"))["value"].as_f64().unwrap()
}

/// Everything that was sent arrived, once, in order and at the asked rate and size.
fn assert_sound(run: &Value) {
    // 2 rooms × 5 clients × 20 events.
    assert_eq!(figure(run, "deliveries"), 200.0, "{run}");
    assert_eq!(figure(run, "events"), 40.0);
    for nothing in ["lost", "out of order", "twice", "misdirected", "told to read again", "connections ended"]
    {
        assert_eq!(figure(run, nothing), 0.0, "{nothing}");
    }
    let bytes = figure(run, "bytes/delivery");
    assert!((512.0..570.0).contains(&bytes), "{bytes}");
    assert!(figure(run, "latency p99") > 0.0);
}

const SMALL: [&str; 11] =
    ["load", "--connections", "10", "--rooms", "2", "--rate", "20", "--seconds", "1", "--size", "512"];

#[test]
fn a_peer_is_measured() {
    let own = std::env::current_exe().unwrap();
    let peer: PathBuf = own.ancestors().nth(2).unwrap().join("examples/peer-socketioxide");
    assert!(peer.exists(), "build it: cargo build --example peer-socketioxide");
    let peer = format!("plain={}", peer.display());
    let report = report(&[&SMALL[..], &["--peers-only", "--peer", &peer]].concat());
    assert_eq!(report["runs"][0]["server"], "plain");
    assert_sound(&report["runs"][0]);
}

// req: N35
#[test]
fn this_server_is_measured() {
    let report = report(&SMALL);
    assert_eq!(report["runs"][0]["server"], "fanfare");
    assert_sound(&report["runs"][0]);
    if cfg!(target_os = "linux") {
        assert!(figure(&report["runs"][0], "server memory") > 1.0);
    }
}

/// Whether the cluster scenarios can run here; whoever insists on them is told what is missing.
fn has_cluster(test: &str) -> bool {
    // Both answer why they are not there, or insist.
    postgres::shared(test).is_some() && Redis::start(test).is_some()
}

/// Measures one of the cluster scenarios that deliver events, small; `None` where it cannot run.
fn measured_cluster(scenario: &str) -> Option<Value> {
    if !has_cluster(scenario) {
        return None;
    }
    let run = report(&[scenario, "--connections", "20", "--seconds", "1"])["runs"][0].clone();
    for nothing in ["lost", "out of order", "twice", "misdirected", "told to read again", "connections ended"]
    {
        assert_eq!(figure(&run, nothing), 0.0, "{nothing}: {run}");
    }
    for what in ["latency p99", "deliveries/s", "events/s"] {
        assert!(figure(&run, what) > 0.0, "{what}: {run}");
    }
    for beside in ["publishing server's CPU", "Redis CPU", "PostgreSQL CPU"] {
        assert!(figure(&run, beside) >= 0.0, "{run}");
    }
    Some(run)
}

// req: N35
#[test]
fn two_instances_are_measured() {
    let Some(run) = measured_cluster("cluster-fanout") else { return };
    assert_eq!(figure(&run, "deliveries"), 1000.0, "20 clients, 50 events: {run}");
    assert_eq!(figure(&run, "orders seen"), 1.0, "{run}");
}

#[test]
fn the_most_that_two_instances_deliver_is_measured() {
    let Some(run) = measured_cluster("cluster-flood") else { return };
    assert_eq!(figure(&run, "deliveries"), 20.0 * figure(&run, "events"), "{run}");
}

/// The bound is a loose one, for a machine on which all tests run at once.
#[test]
fn changes_and_the_end_of_access_are_measured_on_two_instances() {
    if !has_cluster("changes_and_the_end_of_access_are_measured_on_two_instances") {
        return;
    }
    let report = report(&["cluster-mutations", "cluster-revocation", "--rooms", "16", "--seconds", "1"]);
    let [mutations, revocation] = [&report["runs"][0], &report["runs"][1]];
    for way in ["mutations/s", "over GraphQL: mutations/s"] {
        assert!(figure(mutations, way) > 1.0, "{mutations}");
    }
    for writers in ["writers that failed", "over GraphQL: writers that failed"] {
        assert_eq!(figure(mutations, writers), 0.0, "{mutations}");
    }
    assert_eq!((figure(revocation, "removals"), figure(revocation, "revocations")), (5.0, 5.0));
    assert_eq!(figure(revocation, "connections left open"), 0.0, "{revocation}");
    for last in ["last event after a removal", "last event after a revocation", "closed after a revocation"] {
        assert!(figure(revocation, last) < 5000.0, "{revocation}");
    }
}

#[test]
fn what_cannot_be_measured_is_told() {
    let fails = |arguments: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let done = Command::new(env!("CARGO_BIN_EXE_fanfare"))
            .arg("bench")
            .args(arguments)
            .env_clear()
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(!done.status.success());
        String::from_utf8(done.stderr).unwrap()
    };
    assert!(fails(&["fanout", "--url", "http://127.0.0.1:1"]).contains("--secret or --token"));
    assert!(fails(&["load", "--rate", "0"]).contains("--rate"));
    assert!(fails(&["fanout", "--peers-only"]).contains("--peer"));
    assert!(fails(&["fanout", "--peers-only", "--peer", "x=/nowhere/at-all"]).contains("/nowhere/at-all"));
    assert!(fails(&["fanout", "--peers-only", "--peer", "x=true"]).contains("did not say where it listens"));
}
