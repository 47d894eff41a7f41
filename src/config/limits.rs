//! The bounds on what one client can take.

use std::time::Duration;

use super::{
    mistake::Mistakes,
    values::{ByteSize, duration_between, number_between, size_between},
};

/// Limits per connection, per user and per address.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitSettings {
    /// Most connections of one user, on all instances that share a Redis; another one is refused with `connection_limit`
    #[arg(long, env = "FANFARE_MAX_CONNECTIONS_PER_USER", value_name = "COUNT", default_value = "10",
          value_parser = number_between(1, 1_000_000), hide_short_help = true)]
    pub max_connections_per_user: u32,

    /// Most rooms that one connection is in
    #[arg(long, env = "FANFARE_MAX_ROOMS_PER_CONNECTION", value_name = "COUNT", default_value = "64",
          value_parser = number_between(1, 10_000), hide_short_help = true)]
    pub max_rooms_per_connection: u32,

    /// Rooms that one connection may join each second on average, refused ones included; leaving is free
    #[arg(long, env = "FANFARE_SUBSCRIBE_RATE", value_name = "COUNT", default_value = "20",
          value_parser = number_between(1, 1_000_000), hide_short_help = true)]
    pub subscribe_rate: u32,

    /// Rooms that one connection may join before the rate applies. One command may exceed it; those after it wait for that
    #[arg(long, env = "FANFARE_SUBSCRIBE_BURST", value_name = "COUNT", default_value = "40",
          value_parser = number_between(1, 1_000_000), hide_short_help = true)]
    pub subscribe_burst: u32,

    /// Largest message that a client may send
    #[arg(long, env = "FANFARE_MAX_MESSAGE_SIZE", value_name = "SIZE", default_value = "64KiB",
          value_parser = size_between("1KiB", "16MiB"), hide_short_help = true)]
    pub max_message_size: ByteSize,

    /// Deepest nesting of JSON that a client may send
    #[arg(long, env = "FANFARE_MAX_JSON_DEPTH", value_name = "LEVELS", default_value = "32",
          value_parser = number_between(4, 120), hide_short_help = true)]
    pub max_json_depth: u32,

    /// How long a new connection may take to present its token
    #[arg(long, env = "FANFARE_CONNECT_TIMEOUT", value_name = "DURATION", default_value = "5s",
          value_parser = duration_between("100ms", "1m"), hide_short_help = true)]
    pub connect_timeout: Duration,

    /// Most connections of one address that have not presented a token yet
    #[arg(long, env = "FANFARE_MAX_UNAUTHENTICATED_PER_ADDRESS", value_name = "COUNT", default_value = "20",
          value_parser = number_between(1, 1_000_000), hide_short_help = true)]
    pub max_unauthenticated_per_address: u32,

    /// New connections that this instance lets in each second; in a storm the others wait for their turn
    #[arg(long, env = "FANFARE_CONNECT_RATE", value_name = "COUNT", default_value = "10000",
          value_parser = number_between(1, 1_000_000), hide_short_help = true)]
    pub connect_rate: u32,

    /// Most new connections that wait for their turn; the rest are told to come back, with `server_busy`
    #[arg(long, env = "FANFARE_CONNECT_QUEUE", value_name = "COUNT", default_value = "2000",
          value_parser = number_between(0, 1_000_000), hide_short_help = true)]
    pub connect_queue: u32,

    /// How long a client may take to send the head of an HTTP request
    #[arg(long, env = "FANFARE_HEADER_TIMEOUT", value_name = "DURATION", default_value = "5s",
          value_parser = duration_between("100ms", "1m"), hide_short_help = true)]
    pub header_timeout: Duration,

    /// How often the server pings a connection
    #[arg(long, env = "FANFARE_PING_INTERVAL", value_name = "DURATION", default_value = "20s",
          value_parser = duration_between("100ms", "5m"), hide_short_help = true)]
    pub ping_interval: Duration,

    /// How long it waits for the answer before it closes the connection
    #[arg(long, env = "FANFARE_PING_TIMEOUT", value_name = "DURATION", default_value = "10s",
          value_parser = duration_between("100ms", "5m"), hide_short_help = true)]
    pub ping_timeout: Duration,

    /// Most bytes that wait for a connection whose client reads slowly; beyond it the connection is closed and recovers
    #[arg(long, env = "FANFARE_MAX_OUTBOUND_SIZE", value_name = "SIZE", default_value = "1MiB",
          value_parser = size_between("64KiB", "1GiB"), hide_short_help = true)]
    pub max_outbound_size: ByteSize,

    /// How long a write to a client may make no progress before the connection is closed
    #[arg(long, env = "FANFARE_WRITE_STALL_TIMEOUT", value_name = "DURATION", default_value = "10s",
          value_parser = duration_between("100ms", "5m"), hide_short_help = true)]
    pub write_stall_timeout: Duration,

    /// Most commands of one connection that wait for their turn; beyond it they are answered `rate_limited`
    #[arg(long, env = "FANFARE_MAILBOX_SIZE", value_name = "COUNT", default_value = "64",
          value_parser = number_between(1, 10_000), hide_short_help = true)]
    pub mailbox_size: u32,
}

impl LimitSettings {
    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        if self.subscribe_burst < self.subscribe_rate {
            mistakes.add(
                "FANFARE_SUBSCRIBE_BURST",
                self.subscribe_burst.to_string(),
                format!(
                    "It is below FANFARE_SUBSCRIBE_RATE = {}, which could then never be used",
                    self.subscribe_rate
                ),
                "Make it at least as large as the rate",
            );
        }
        if self.max_outbound_size < self.max_message_size {
            mistakes.add(
                "FANFARE_MAX_OUTBOUND_SIZE",
                self.max_outbound_size.to_string(),
                format!(
                    "It is below FANFARE_MAX_MESSAGE_SIZE = {}: one answer could close a connection",
                    self.max_message_size
                ),
                "Make it several times as large as a message",
            );
        }
    }
}
