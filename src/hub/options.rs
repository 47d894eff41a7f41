//! Bounds and times of the hub.

use std::time::Duration;

/// How much the hub keeps, how long it waits, and how often it looks.
#[derive(Debug, Clone)]
pub struct HubOptions {
    /// At most so many events come with a join; more count as not held.
    pub recovery_events: usize,
    /// At most so many bytes of events come with one command.
    pub recovery_bytes: usize,
    /// Recent events of one root in memory.
    pub history_events: usize,
    /// Bytes of recent events of one root in memory.
    pub history_bytes: usize,
    /// In a storm, joins of one root gather for so long and are answered from one read.
    pub join_window: Duration,
    /// How long a root is followed after its last subscriber left.
    pub linger: Duration,
    /// How long a missing event may be only overtaken before it is read from the log.
    pub gap_grace: Duration,
    /// Pause after a failed read of the log.
    pub retry: Duration,
    /// How often the followed roots' heads are compared with the database, or somewhat sooner.
    pub head_check: Duration,
    /// The same while the bus may be bringing nothing, if that is shorter.
    pub head_check_degraded: Duration,
    /// After so long without a comparison, subscribers are told that nothing can be proved.
    pub unverified_after: Duration,
    /// At most so many users in one presence list.
    pub presence_members: usize,
}

impl Default for HubOptions {
    fn default() -> Self {
        Self {
            recovery_events: 300,
            recovery_bytes: 768 << 10,
            history_events: 1000,
            history_bytes: 4 << 20,
            join_window: Duration::from_millis(50),
            linger: Duration::from_secs(30),
            gap_grace: Duration::from_millis(10),
            retry: Duration::from_millis(250),
            head_check: Duration::from_secs(5),
            head_check_degraded: Duration::from_millis(500),
            unverified_after: Duration::from_secs(15),
            presence_members: 1000,
        }
    }
}
