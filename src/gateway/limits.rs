//! How much one client may ask for.

use std::{num::NonZeroU32, time::Duration};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter, clock::Clock, clock::DefaultClock};

use crate::protocol::{Code, Problem};

/// Bounds on what clients may do. Every one has a setting.
#[derive(Debug, Clone)]
pub struct Limits {
    pub connections_per_user: u32,
    pub rooms_per_connection: usize,
    /// Commands that join something, a second on average.
    pub subscribes_per_second: NonZeroU32,
    /// How many of them may come at once.
    pub subscribe_burst: NonZeroU32,
    /// Commands that wait for their turn on one connection.
    pub mailbox: usize,
    pub json_depth: usize,
    /// Connections of one address that have not authenticated yet.
    pub unauthenticated_per_address: u32,
    /// New connections that are let in each second.
    pub connects_per_second: NonZeroU32,
    /// New connections that wait for their turn.
    pub connects_waiting: u32,
}

/// One connection's allowance of commands that join something.
pub(super) struct CommandLimit(DefaultDirectRateLimiter);

impl CommandLimit {
    pub(super) fn new(limits: &Limits) -> Self {
        let quota = Quota::per_second(limits.subscribes_per_second).allow_burst(limits.subscribe_burst);
        Self(RateLimiter::direct(quota))
    }

    /// Uses one up.
    ///
    /// # Errors
    /// `rate_limited` with the time until the next one.
    pub(super) fn take(&self) -> Result<(), Problem> {
        self.0.check().map_err(|not_until| {
            metrics::counter!("ws_rate_limited_total", "limit" => "subscribe").increment(1);
            rate_limited(not_until.wait_time_from(DefaultClock::default().now()))
        })
    }
}

pub(super) fn rate_limited(retry_after: Duration) -> Problem {
    // Rounded up, so that a client that waits exactly so long succeeds.
    let retry_after = Duration::from_millis(retry_after.as_millis() as u64 + 1);
    Problem::new(Code::RateLimited, "Too many commands in a short time; wait a moment.")
        .retry_after(retry_after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_the_pace() {
        let limits = Limits {
            connections_per_user: 1,
            rooms_per_connection: 1,
            subscribes_per_second: NonZeroU32::new(20).unwrap(),
            subscribe_burst: NonZeroU32::new(40).unwrap(),
            mailbox: 1,
            json_depth: 1,
            unauthenticated_per_address: 1,
            connects_per_second: NonZeroU32::MIN,
            connects_waiting: 1,
        };
        let limit = CommandLimit::new(&limits);
        let accepted = (0..45).filter(|_| limit.take().is_ok()).count();
        assert!((40..=42).contains(&accepted), "{accepted}");
        let problem = limit.take().unwrap_err();
        assert_eq!(problem.code, Code::RateLimited);
        assert!(problem.retry_after.unwrap() <= Duration::from_millis(51));
    }
}
