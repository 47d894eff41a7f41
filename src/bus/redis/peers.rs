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

#[derive(Default)]
pub(super) struct Peers(Mutex<HashMap<Uuid, Peer>>);

/// Another instance, and when it was last heard.
enum Peer {
    There(Instant),
    /// It has said goodbye. A sign of life that it gave before may still arrive after that.
    Gone(Instant),
}

impl Peers {
    /// A sign of life.
    pub fn heard(&self, peer: Uuid, now: Instant) {
        self.change(|peers| match peers.entry(peer).or_insert(Peer::There(now)) {
            Peer::There(heard) => *heard = now,
            Peer::Gone(_) => {}
        });
    }

    /// It ends in order, after its last event.
    pub fn left(&self, peer: Uuid, now: Instant) {
        self.change(|peers| {
            peers.insert(peer, Peer::Gone(now));
        });
    }

    /// When the first of them will have been silent for too long, or has been. `None` without others.
    pub fn silent_at(&self, now: Instant) -> Option<Instant> {
        self.change(|peers| {
            peers.retain(|_, peer| match peer {
                Peer::There(heard) | Peer::Gone(heard) => now.duration_since(*heard) < DEATH,
            });
            peers.values().filter_map(Peer::there).min().map(|heard| heard + SILENCE)
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashMap<Uuid, Peer>) -> T) -> T {
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut peers);
        metrics::gauge!("bus_peers").set(peers.values().filter_map(Peer::there).count() as f64);
        changed
    }
}

impl Peer {
    /// When it was last heard, unless it has left.
    fn there(&self) -> Option<Instant> {
        match self {
            Self::There(heard) => Some(*heard),
            Self::Gone(_) => None,
        }
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
        peers.left(other, later);
        assert!(!is_silent(later));
        peers.heard(other, later);
        peers.heard(one, later + SILENCE);
        assert!(!is_silent(later + SILENCE), "what was under way when it left is no sign of life");
        assert_eq!(peers.silent_at(later + SILENCE + DEATH), None);
    }
}
