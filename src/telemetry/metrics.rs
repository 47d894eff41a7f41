//! Metrics: what there is to count, described in one place, and the text that Prometheus reads.

use std::sync::OnceLock;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows, from the start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution of seconds.
    Seconds,
    /// A distribution of how many there were at once.
    Size,
}

/// One metric: its name, how it behaves, its labels, what it says.
#[derive(Debug, Clone, Copy)]
pub struct MetricRow {
    pub name: &'static str,
    pub kind: MetricKind,
    /// Names of its labels, each with few values.
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// The upper bounds of the buckets of distributions of seconds: fine around the promised
/// latencies (25 ms, 100 ms, 250 ms), coarse above.
const BUCKETS: [f64; 14] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The upper bounds of the buckets of distributions of sizes.
const SIZES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

const fn row(
    name: &'static str,
    kind: MetricKind,
    labels: &'static [&'static str],
    help: &'static str,
) -> MetricRow {
    MetricRow { name, kind, labels, help }
}

/// Every metric.
pub const METRICS: &[MetricRow] = &[
    row("ws_connections_active", MetricKind::Gauge, &[], "Connections that are open and authenticated"),
    row(
        "ws_connect_total",
        MetricKind::Counter,
        &["outcome"],
        "Attempts to connect: accepted, or the code of the refusal",
    ),
    row(
        "ws_connects_delayed_total",
        MetricKind::Counter,
        &[],
        "New connections that waited for their turn in a storm",
    ),
    row(
        "ws_leases_local_total",
        MetricKind::Counter,
        &[],
        "Connections that this instance counted alone, because Redis did not answer",
    ),
    row("ws_disconnect_total", MetricKind::Counter, &["reason"], "Connections that ended, by why"),
    row(
        "ws_heartbeat_failures_total",
        MetricKind::Counter,
        &[],
        "Connections closed because a ping was not answered",
    ),
    row(
        "ws_slow_closes_total",
        MetricKind::Counter,
        &["reason"],
        "Connections closed because their client did not read",
    ),
    row("ws_rate_limited_total", MetricKind::Counter, &["limit"], "Requests refused by a limit, by which"),
    row(
        "ws_mailbox_overflows_total",
        MetricKind::Counter,
        &[],
        "Commands refused because too many waited already",
    ),
    row(
        "ws_subscriptions_active",
        MetricKind::Gauge,
        &["kind"],
        "Rooms joined, summed over connections, by kind of room",
    ),
    row(
        "ws_recoveries_total",
        MetricKind::Counter,
        &["outcome"],
        "Joins with a position, by whether the missed events were at hand",
    ),
    row(
        "ws_broadcast_total",
        MetricKind::Counter,
        &[],
        "Events handed to the connections of this instance, each event once",
    ),
    row(
        "ws_broadcast_fail_total",
        MetricKind::Counter,
        &[],
        "Events that could not be handed on at once; the head check brings them",
    ),
    row(
        "ws_deliveries_total",
        MetricKind::Counter,
        &[],
        "Events queued to connections, each connection counted",
    ),
    row(
        "ws_commit_to_emit_seconds",
        MetricKind::Seconds,
        &[],
        "From the publishing of a committed event to its place in the queues of its subscribers",
    ),
    row("bus_connected", MetricKind::Gauge, &[], "Whether there is a connection to Redis: 1 or 0"),
    row(
        "bus_degraded",
        MetricKind::Gauge,
        &[],
        "Whether nothing comes through Redis, so that events come from the log, up to half a second later: 1 or 0",
    ),
    row(
        "bus_publish_total",
        MetricKind::Counter,
        &[],
        "Messages that Redis took: committed events, each once, and ephemeral notes",
    ),
    row(
        "bus_publish_fail_total",
        MetricKind::Counter,
        &[],
        "Messages that Redis did not take; other instances find the events in the log",
    ),
    row(
        "bus_refused_total",
        MetricKind::Counter,
        &[],
        "Messages that no instance with our secret has sealed so: forged, damaged, or the secrets differ",
    ),
    row(
        "bus_probe_seconds",
        MetricKind::Seconds,
        &[],
        "How long a message takes through Redis and back to the same instance",
    ),
    row(
        "bus_probe_misses_total",
        MetricKind::Counter,
        &[],
        "Probes that had not come back when the next one was due; three in a row end the connection",
    ),
    row(
        "bus_peers",
        MetricKind::Gauge,
        &[],
        "Other instances that are heard over Redis, or fell silent within ten minutes without a goodbye",
    ),
    row("bus_reconnects_total", MetricKind::Counter, &[], "Connections to Redis after the first one"),
    row("hub_roots_followed", MetricKind::Gauge, &[], "Families of rooms that this instance follows"),
    row(
        "hub_gap_fills_total",
        MetricKind::Counter,
        &[],
        "Gaps in what the bus brought that were filled from the log",
    ),
    row(
        "hub_recovery_reads_total",
        MetricKind::Counter,
        &[],
        "Reads of the log for what returning clients missed and memory no longer holds",
    ),
    row(
        "hub_head_checks_total",
        MetricKind::Counter,
        &[],
        "Comparisons of the followed rooms with the database",
    ),
    row(
        "hub_head_lag_events",
        MetricKind::Gauge,
        &[],
        "Events by which this instance was behind the database at the last comparison",
    ),
    row(
        "hub_unverified",
        MetricKind::Gauge,
        &[],
        "1 while the log could not be compared with the database for 15 s: clients were told, and the instance is not ready",
    ),
    row("log_appends_total", MetricKind::Counter, &[], "Events recorded in the log by this instance"),
    row(
        "store_queries_total",
        MetricKind::Counter,
        &["kind"],
        "Statements sent to the database, reading or writing",
    ),
    row(
        "store_commit_group_size",
        MetricKind::Size,
        &[],
        "Transactions that one durable commit of SQLite carried",
    ),
    row(
        "http_requests_total",
        MetricKind::Counter,
        &["method", "route", "status"],
        "HTTP requests that were answered",
    ),
    row("http_request_seconds", MetricKind::Seconds, &["route"], "Time from a request to its answer"),
    row(
        "jwks_reads_total",
        MetricKind::Counter,
        &["result"],
        "Reads of the key set that tokens are checked with",
    ),
    row(
        "store_commits_total",
        MetricKind::Counter,
        &[],
        "Commits on SQLite; transactions that wait for each other share one",
    ),
];

/// The recorder of this process's metrics.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Starts recording, once for the process; later calls return the same recorder.
    ///
    /// # Errors
    /// When something else records the process's metrics already.
    pub fn install() -> Result<Self, String> {
        static INSTALLED: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
        INSTALLED.get_or_init(|| record().map_err(|error| error.to_string())).clone().map(Self)
    }

    /// Every metric in Prometheus text format.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds recorded distributions into their buckets. To be called every few seconds: between two
    /// readings by Prometheus the single observations would otherwise pile up.
    pub fn tidy(&self) {
        self.0.run_upkeep();
    }
}

fn record() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &BUCKETS)?
        .set_buckets_for_metric(Matcher::Suffix("_size".into()), &SIZES)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    for row in METRICS {
        match row.kind {
            MetricKind::Counter => {
                describe_counter!(row.name, row.help);
                // One that appears with its first count would hide that count from every rate.
                if row.labels.is_empty() {
                    metrics::counter!(row.name).increment(0);
                }
            }
            MetricKind::Gauge => describe_gauge!(row.name, row.help),
            MetricKind::Seconds => describe_histogram!(row.name, Unit::Seconds, row.help),
            MetricKind::Size => describe_histogram!(row.name, Unit::Count, row.help),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_metric_is_declared_twice() {
        let names: std::collections::BTreeSet<_> = METRICS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), METRICS.len());
    }

    #[test]
    fn what_is_counted_is_rendered_with_its_description() {
        let first = Metrics::install().unwrap();
        let again = Metrics::install().unwrap();
        metrics::counter!("ws_connect_total", "outcome" => "tested").increment(2);
        metrics::histogram!("ws_commit_to_emit_seconds", "outcome" => "tested").record(0.004);
        first.tidy();
        let text = again.render();
        for part in [
            "# HELP ws_connect_total Attempts to connect",
            "ws_connect_total{outcome=\"tested\"} 2",
            "ws_commit_to_emit_seconds_bucket{outcome=\"tested\",le=\"0.005\"} 1",
            "ws_commit_to_emit_seconds_bucket{outcome=\"tested\",le=\"0.0025\"} 0",
            // which nothing has counted
            "ws_mailbox_overflows_total 0",
        ] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
    }
}
