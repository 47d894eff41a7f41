//! How events reach their subscribers, and how who was away catches up.

use std::time::Duration;

use super::{
    mistake::Mistakes,
    values::{ByteSize, duration_between, number_between, size_between},
};

/// Delivery, recovery and the checks that nothing was lost.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Delivery")]
pub struct DeliverySettings {
    /// How often clients are told the heads of their rooms, so that they notice a lost last event
    #[arg(long, env = "FANFARE_HEADS_INTERVAL", value_name = "DURATION", default_value = "15s",
          value_parser = duration_between("100ms", "10m"), hide_short_help = true)]
    pub heads_interval: Duration,

    /// How often the instance compares the rooms it serves with the database, so that a lost hint is noticed
    #[arg(long, env = "FANFARE_HEAD_CHECK_INTERVAL", value_name = "DURATION", default_value = "5s",
          value_parser = duration_between("50ms", "5s"), hide_short_help = true)]
    pub head_check_interval: Duration,

    /// How long the first of several joins waits for others that one database read can answer with it
    #[arg(long, env = "FANFARE_JOIN_WINDOW", value_name = "DURATION", default_value = "50ms",
          value_parser = duration_between("0ms", "1s"), hide_short_help = true)]
    pub join_window: Duration,

    /// Most events that a returning client is sent; who missed more reads the state again
    #[arg(long, env = "FANFARE_RECOVERY_MAX_EVENTS", value_name = "EVENTS", default_value = "300",
          value_parser = number_between(0, 10_000), hide_short_help = true)]
    pub recovery_max_events: u32,

    /// Last events of each family of rooms that stay in memory, so that short absences need no database
    #[arg(long, env = "FANFARE_RING_EVENTS", value_name = "EVENTS", default_value = "1000",
          value_parser = number_between(0, 1_000_000), hide_short_help = true)]
    pub ring_events: u32,

    /// Most memory for those events
    #[arg(long, env = "FANFARE_RING_SIZE", value_name = "SIZE", default_value = "4MiB",
          value_parser = size_between("0", "1GiB"), hide_short_help = true)]
    pub ring_size: ByteSize,

    /// Most users that the presence of one room lists
    #[arg(long, env = "FANFARE_MAX_PRESENCE_MEMBERS", value_name = "COUNT", default_value = "1000",
          value_parser = number_between(1, 100_000), hide_short_help = true)]
    pub max_presence_members: u32,
}

impl DeliverySettings {
    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        if self.heads_interval < self.head_check_interval {
            mistakes.add(
                "FANFARE_HEADS_INTERVAL",
                format!("{:?}", self.heads_interval),
                format!(
                    "Clients would be told more often than the instance checks, FANFARE_HEAD_CHECK_INTERVAL = {:?}",
                    self.head_check_interval
                ),
                "Make it at least as long as the check's interval",
            );
        }
    }
}
