//! How much one client may ask for.

use std::{
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter, clock::Clock, clock::DefaultClock};

use crate::protocol::{Code, Problem};

/// Bounds on what clients may do. Every one has a setting.
#[derive(Debug, Clone)]
pub struct Limits {
    pub connections_per_user: u32,
    pub rooms_per_connection: usize,
    /// Rooms that are joined, and other commands that ask as much, a second on average.
    pub subscribes_per_second: NonZeroU32,
    /// How many of them may come before the average counts.
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

/// One connection's allowance of rooms to join.
///
/// A command may ask for more than is left, or else one that asks for more rooms than the burst has could never
/// be obeyed; what it took beyond is owed, and nothing is granted until that is paid.
pub(super) struct CommandLimit {
    rate: DefaultDirectRateLimiter,
    step: Duration,
    owed: Mutex<u32>,
}

impl CommandLimit {
    pub(super) fn new(limits: &Limits) -> Self {
        let quota = Quota::per_second(limits.subscribes_per_second).allow_burst(limits.subscribe_burst);
        Self { rate: RateLimiter::direct(quota), step: quota.replenish_interval(), owed: Mutex::default() }
    }

    /// Uses up `units`, at least one.
    ///
    /// # Errors
    /// `rate_limited` with the time until the next command is obeyed.
    pub(super) fn take(&self, units: u32) -> Result<(), Problem> {
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        let granted = self.pay(&mut owed).and_then(|()| self.pay_one());
        granted.map_err(|wait| {
            metrics::counter!("ws_rate_limited_total", "limit" => "subscribe").increment(1);
            rate_limited(wait + self.step * *owed)
        })?;
        *owed = units.saturating_sub(1);
        // As far as it goes: the rest is due before the next command.
        self.pay(&mut owed).ok();
        Ok(())
    }

    /// Pays what is owed, or what can be paid of it and tells when the next one can.
    fn pay(&self, owed: &mut u32) -> Result<(), Duration> {
        while *owed > 0 {
            self.pay_one()?;
            *owed -= 1;
        }
        Ok(())
    }

    fn pay_one(&self) -> Result<(), Duration> {
        self.rate.check().map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
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

    /// Once a second, so that a slow machine does not change what is granted.
    fn limit(burst: u32) -> CommandLimit {
        CommandLimit::new(&Limits {
            connections_per_user: 1,
            rooms_per_connection: 1,
            subscribes_per_second: NonZeroU32::MIN,
            subscribe_burst: NonZeroU32::new(burst).unwrap(),
            mailbox: 1,
            json_depth: 1,
            unauthenticated_per_address: 1,
            connects_per_second: NonZeroU32::MIN,
            connects_waiting: 1,
        })
    }

    #[test]
    fn a_burst_is_allowed_and_then_the_pace() {
        let limit = limit(40);
        let accepted = (0..50).filter(|_| limit.take(1).is_ok()).count();
        assert!((40..=43).contains(&accepted), "{accepted}");
        let problem = limit.take(1).unwrap_err();
        assert_eq!(problem.code, Code::RateLimited);
        assert!(problem.retry_after.unwrap() <= Duration::from_millis(1_001));
    }

    #[test]
    fn more_than_is_left_is_granted_and_owed() {
        let limit = limit(40);
        assert!(limit.take(32).is_ok() && limit.take(32).is_ok(), "64 rooms, as after a reconnect");
        let wait = limit.take(1).unwrap_err().retry_after.unwrap().as_secs();
        assert!((20..=25).contains(&wait), "24 are owed and one is asked for: {wait}");
    }
}
