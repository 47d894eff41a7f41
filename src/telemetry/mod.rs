//! What the process tells about itself: log lines and metrics.
//!
//! Owns the log format with its filter, and the one list of metrics. Promises that no token can reach
//! a log line through a library's own messages, and that every metric the code counts is described.
//!
//! To add a metric, count it where it happens (`metrics::counter!("…")`) and describe it in
//! `metrics.rs`; a test names the one that is missing.

mod logs;
mod metrics;

pub use logs::init_logs;
pub use metrics::{METRICS, MetricKind, MetricRow, Metrics};
