//! The pace at which new connections are let in.
//!
//! After a restart or a network's outage everybody comes back at once, and the database, the memory and
//! the clients' patience are better served by a steady stream than by a crowd. Connections get turns at
//! equal distances; some wait for theirs, and the rest are told to come back, each at another moment.

use std::{
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rand::Rng;
use tokio::time::Instant;

use crate::protocol::{Code, Problem};

/// How long unused turns are kept: what comes within it at once is let in at once.
const BURST: Duration = Duration::from_millis(100);
/// Who is sent away comes back within so long at the earliest …
const EARLIEST: Duration = Duration::from_secs(1);
/// … and at the latest so much later, or later still when many wait.
const SPREAD: Duration = Duration::from_secs(4);

/// Gives turns. No queue is kept: a turn is an instant, and whoever has one sleeps until then.
pub(super) struct Pace {
    step: Duration,
    /// The longest that anybody waits for a turn.
    patience: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    /// `per_second` turns a second, for which at most `waiting` connections wait.
    pub(super) fn new(per_second: NonZeroU32, waiting: u32) -> Self {
        let step = Duration::from_secs(1) / per_second.get();
        Self { step, patience: step * waiting, next: Mutex::new(Instant::now()) }
    }

    /// The instant of the next turn, perhaps a past one.
    ///
    /// # Errors
    /// `server_busy` when as many wait as may; it says when to come back, everybody at another moment.
    pub(super) fn turn(&self, now: Instant) -> Result<Instant, Problem> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = now.checked_sub(BURST).map_or(*next, |earliest| earliest.max(*next));
        let wait = turn.saturating_duration_since(now);
        if wait > self.patience {
            drop(next);
            let spread = SPREAD.max(wait * 2).mul_f64(rand::rng().random());
            let problem = Problem::new(Code::ServerBusy, "Too many clients connect at once; try again.");
            return Err(problem.retry_after(EARLIEST + spread));
        }
        *next = turn + self.step;
        Ok(turn)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn pace(per_second: u32, waiting: u32) -> Pace {
        Pace::new(NonZeroU32::new(per_second).unwrap(), waiting)
    }

    // req: T25
    #[test]
    fn a_storm_is_let_in_at_the_pace_and_the_rest_is_sent_away_for_a_while() {
        let pace = pace(100, 200);
        let start = Instant::now() + Duration::from_secs(60);
        let turns: Vec<_> = (0..1_000).map(|_| pace.turn(start)).collect();
        let waits: Vec<Duration> =
            turns.iter().flatten().map(|turn| turn.saturating_duration_since(start)).collect();
        // 10 at once, from the tenth of a second that was saved, then one each 10 ms for two seconds.
        assert_eq!(waits.len(), 211);
        assert_eq!(waits.iter().filter(|wait| wait.is_zero()).count(), 11);
        assert_eq!(waits.last(), Some(&Duration::from_secs(2)));
        let delays: BTreeSet<Duration> =
            turns.into_iter().filter_map(|turn| turn.err()?.retry_after).collect();
        assert!(delays.len() > 700, "they do not come back as they came: {}", delays.len());
        assert!(*delays.first().unwrap() >= EARLIEST && *delays.last().unwrap() <= EARLIEST + SPREAD * 2);
        // A second later there is room for a hundred more.
        let later = start + Duration::from_secs(1);
        assert_eq!((0..1_000).filter(|_| pace.turn(later).is_ok()).count(), 100);
    }

    #[test]
    fn below_the_pace_nobody_waits_and_nobody_is_sent_away() {
        let pace = pace(10, 0);
        let mut now = Instant::now();
        for _ in 0..100 {
            now += Duration::from_millis(100);
            assert!(pace.turn(now).unwrap() <= now);
        }
        assert!(pace.turn(now).is_ok(), "a turn was saved");
        assert_eq!(pace.turn(now).unwrap_err().code, Code::ServerBusy);
    }
}
