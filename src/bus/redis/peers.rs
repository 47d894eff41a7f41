//! The other instances, as far as they can be heard over Redis.
//!
//! An instance that is cut off from Redis while this one is not can still commit: its events arrive nowhere, and
//! nothing here would look wrong. So instances say that they are there, and while one that was heard is silent, the
//! log is asked as if the bus itself were in doubt.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use uuid::Uuid;

/// After so long a silence the others' events are looked for in the log: a missed sign of life and some leeway.
const SILENCE: Duration = Duration::from_millis(700);
/// Who is silent for so long and has not said goodbye has died and commits nothing.
const DEATH: Duration = Duration::from_secs(600);

/// When each of them was last heard.
#[derive(Default)]
pub(super) struct Peers(Mutex<HashMap<Uuid, Instant>>);

impl Peers {
    /// A sign of life.
    pub fn heard(&self, peer: Uuid, now: Instant) {
        self.change(|peers| {
            peers.insert(peer, now);
        });
    }

    /// It ends in order, after its last event.
    pub fn left(&self, peer: Uuid) {
        self.change(|peers| {
            peers.remove(&peer);
        });
    }

    /// When the first of them will have been silent for too long, or has been. `None` without others.
    pub fn silent_at(&self, now: Instant) -> Option<Instant> {
        self.change(|peers| {
            peers.retain(|_, heard| now.duration_since(*heard) < DEATH);
            peers.values().min().map(|heard| *heard + SILENCE)
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashMap<Uuid, Instant>) -> T) -> T {
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut peers);
        metrics::gauge!("bus_peers").set(peers.len() as f64);
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_heard_is_missed_until_it_is_heard_again_or_has_left_or_died() {
        let (peers, start) = (Peers::default(), Instant::now());
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let is_silent = |now| peers.silent_at(now).is_some_and(|at| at <= now);
        assert_eq!(peers.silent_at(start), None);
        peers.heard(one, start);
        peers.heard(other, start);
        assert!(!is_silent(start));
        let later = start + SILENCE;
        assert!(is_silent(later));
        peers.heard(one, later);
        assert!(is_silent(later), "the other one still is");
        peers.left(other);
        assert!(!is_silent(later));
        assert_eq!(peers.silent_at(later + DEATH), None);
    }
}
