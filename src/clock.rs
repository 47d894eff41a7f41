//! Time and randomness as a parameter, so that a test or a simulation can replay them.
//!
//! Owns the only calls in the crate to the system's clock and random number generator for ids. A
//! [`Clock`] is cheap to clone; every part that needs the time is given one.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use uuid::{ContextV7, Uuid};

/// Tells the time and makes ids: the system's clock, or one that a test moves by hand.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
    /// Keeps the ids of one clock ascending within a millisecond.
    ids: Arc<Mutex<ContextV7>>,
}

#[derive(Clone, Debug)]
enum Source {
    System,
    /// Milliseconds since 1970.
    Manual(Arc<AtomicI64>),
}

/// The hand that moves a manual clock; all clones of the clock follow it.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self { source: Source::System, ids: Arc::default() }
    }

    /// A clock that stands at `start`, cut to whole milliseconds, until its hand moves it.
    pub fn manual(start: jiff::Timestamp) -> (Self, ManualClock) {
        let millis = Arc::new(AtomicI64::new(start.as_millisecond()));
        let clock = Self { source: Source::Manual(Arc::clone(&millis)), ids: Arc::default() };
        (clock, ManualClock(millis))
    }

    /// The present instant.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for the time")]
    pub fn now(&self) -> jiff::Timestamp {
        match &self.source {
            Source::System => jiff::Timestamp::now(),
            Source::Manual(millis) => {
                jiff::Timestamp::from_millisecond(millis.load(Ordering::SeqCst)).unwrap_or_default()
            }
        }
    }

    /// A new version 7 UUID of the present instant. Ids of one clock ascend while its time does not
    /// go back; its random part comes from the system even on a manual clock.
    pub fn uuid(&self) -> Uuid {
        let now = self.now();
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
        let ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        Uuid::new_v7(uuid::Timestamp::from_unix(&*ids, seconds, nanos))
    }
}

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Puts the clock to `instant`, backwards too.
    pub fn set(&self, instant: jiff::Timestamp) {
        self.0.store(instant.as_millisecond(), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let start: jiff::Timestamp = "2026-11-20T10:15:30.123Z".parse().unwrap();
        let (clock, hand) = Clock::manual(start);
        let other = clock.clone();
        assert_eq!(clock.now(), start);
        hand.advance(Duration::from_millis(1_500));
        assert_eq!(other.now(), "2026-11-20T10:15:31.623Z".parse().unwrap());
        hand.set(start);
        assert_eq!(other.now(), start);
    }

    #[test]
    fn ids_carry_the_time_and_ascend_within_a_millisecond() {
        let (clock, hand) = Clock::manual("2026-11-20T10:15:30.123Z".parse().unwrap());
        let ids: Vec<Uuid> = (0..1_000).map(|_| clock.uuid()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert_eq!(ids[0].get_version_num(), 7);
        assert_eq!(ids[0].get_timestamp().unwrap().to_unix(), (1_795_169_730, 123_000_000));
        hand.advance(Duration::from_millis(1));
        assert!(clock.uuid() > ids[999]);
    }
}
