//! Who listens to which channel here, and which subscriptions at Redis are missing or left over.
//!
//! What is wanted and what is confirmed stand side by side, so that one task can always make the
//! second agree with the first, whatever was lost in between.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use tokio::sync::{Notify, mpsc, oneshot};

use super::Note;
use crate::{bus::Hint, protocol::Root};

/// A channel's name at Redis.
pub(super) type Channel = Arc<str>;

/// Who gets what comes over a channel.
#[derive(Clone)]
pub(super) enum Listener {
    /// The followers of a root.
    Root { root: Root, sink: mpsc::Sender<Hint> },
    /// A listener to an ephemeral topic.
    Topic(mpsc::Sender<Note>),
    /// The probe.
    Probe(usize),
    /// The signs of life of other instances.
    Peers,
}

#[derive(Default)]
pub(super) struct Channels {
    listeners: RwLock<HashMap<Channel, Wanted>>,
    /// Subscribed at Redis, or about to be, and no longer wanted.
    leaving: Mutex<HashSet<Channel>>,
    /// Something is missing or left over.
    pub changed: Notify,
}

struct Wanted {
    listener: Listener,
    confirmed: bool,
    /// Who waits for the confirmation.
    waiting: Vec<oneshot::Sender<()>>,
}

/// What is to be done at Redis.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    pub subscribe: Vec<Channel>,
    pub unsubscribe: Vec<Channel>,
}

impl Channels {
    /// Wants a channel for `listener`, who replaces an earlier one. The answer comes when Redis has confirmed it,
    /// and is an error when the connection is lost before.
    pub fn want(&self, channel: Channel, listener: Listener) -> oneshot::Receiver<()> {
        let (confirm, confirmed) = oneshot::channel();
        lock(&self.leaving).remove(&channel);
        match self.write().entry(channel) {
            Entry::Occupied(mut present) => {
                let wanted = present.get_mut();
                wanted.listener = listener;
                // A subscription that stands may be on its way out; asking again does no harm.
                wanted.confirmed = false;
                wanted.waiting.push(confirm);
            }
            Entry::Vacant(place) => {
                place.insert(Wanted { listener, confirmed: false, waiting: vec![confirm] });
            }
        }
        self.changed.notify_one();
        confirmed
    }

    /// Lets go of a channel, unless `is_ours` says that somebody else listens by now.
    pub fn let_go(&self, channel: &str, is_ours: impl Fn(&Listener) -> bool) {
        let mut listeners = self.write();
        if listeners.get(channel).is_some_and(|wanted| is_ours(&wanted.listener))
            && let Some((channel, _)) = listeners.remove_entry(channel)
        {
            lock(&self.leaving).insert(channel);
            self.changed.notify_one();
        }
    }

    /// Who listens to the channel.
    pub fn listener(&self, channel: &str) -> Option<Listener> {
        self.read().get(channel).map(|wanted| wanted.listener.clone())
    }

    /// What is missing and what is left over. The second is forgotten here.
    pub fn work(&self) -> Work {
        let listeners = self.read();
        let missing = listeners.iter().filter(|(_, wanted)| !wanted.confirmed);
        let subscribe = missing.map(|(channel, _)| channel.clone()).collect();
        Work { subscribe, unsubscribe: lock(&self.leaving).drain().collect() }
    }

    /// Redis has confirmed the subscriptions.
    pub fn confirm(&self, channels: &[Channel]) {
        let mut listeners = self.write();
        for channel in channels {
            match listeners.get_mut(channel) {
                Some(wanted) => {
                    wanted.confirmed = true;
                    wanted.waiting.drain(..).for_each(|waiting| {
                        waiting.send(()).ok();
                    });
                }
                // Let go while it was asked for: whoever let go may have been first at Redis.
                None => {
                    lock(&self.leaving).insert(channel.clone());
                }
            }
        }
    }

    /// Subscriptions could not be ended: they are still left over, unless somebody wants them again by now.
    pub fn remain(&self, channels: &[Channel]) {
        let listeners = self.read();
        let unwanted = channels.iter().filter(|channel| !listeners.contains_key(*channel));
        lock(&self.leaving).extend(unwanted.cloned());
    }

    /// Redis has ended a subscription by itself.
    pub fn unconfirm(&self, channel: &str) {
        if let Some(wanted) = self.write().get_mut(channel) {
            wanted.confirmed = false;
            self.changed.notify_one();
        }
    }

    /// The connection is lost, and with it every subscription. Nobody waits any longer.
    pub fn unconfirm_all(&self) {
        for wanted in self.write().values_mut() {
            wanted.confirmed = false;
            wanted.waiting.clear();
        }
        lock(&self.leaving).clear();
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Channel, Wanted>> {
        self.listeners.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Channel, Wanted>> {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(number: usize) -> Listener {
        Listener::Probe(number)
    }

    fn is(number: usize) -> impl Fn(&Listener) -> bool {
        move |listener| matches!(listener, Listener::Probe(present) if *present == number)
    }

    fn names(channels: &[Channel]) -> Vec<&str> {
        channels.iter().map(|channel| &**channel).collect()
    }

    #[test]
    fn what_is_wanted_stays_to_be_done_until_it_is_confirmed() {
        let channels = Channels::default();
        let mut confirmed = channels.want("a".into(), probe(1));
        for _ in 0..2 {
            assert_eq!(names(&channels.work().subscribe), ["a"]);
        }
        assert!(confirmed.try_recv().is_err());
        channels.confirm(&["a".into()]);
        assert_eq!(confirmed.try_recv(), Ok(()));
        assert_eq!(channels.work(), Work::default());
        channels.unconfirm("a");
        assert_eq!(names(&channels.work().subscribe), ["a"]);
    }

    #[test]
    fn whoever_lets_go_late_does_not_take_the_next_ones_channel() {
        let channels = Channels::default();
        drop(channels.want("a".into(), probe(1)));
        drop(channels.want("a".into(), probe(2)));
        channels.let_go("a", is(1));
        assert!(channels.listener("a").is_some_and(|listener| is(2)(&listener)));
        channels.let_go("a", is(2));
        assert!(channels.listener("a").is_none());
        assert_eq!(names(&channels.work().unsubscribe), ["a"]);
        assert_eq!(channels.work(), Work::default());
    }

    #[test]
    fn a_channel_that_was_let_go_while_it_was_asked_for_is_left_again() {
        let channels = Channels::default();
        drop(channels.want("a".into(), probe(1)));
        let asked = channels.work().subscribe;
        channels.let_go("a", is(1));
        assert_eq!(names(&channels.work().unsubscribe), ["a"]);
        channels.confirm(&asked);
        assert_eq!(names(&channels.work().unsubscribe), ["a"]);
    }

    #[test]
    fn what_could_not_be_ended_is_ended_later_unless_it_is_wanted_again() {
        let channels = Channels::default();
        for name in ["a", "b"] {
            drop(channels.want(name.into(), probe(1)));
            channels.let_go(name, is(1));
        }
        let ending = channels.work().unsubscribe;
        drop(channels.want("b".into(), probe(2)));
        channels.remain(&ending);
        let work = channels.work();
        assert_eq!((names(&work.unsubscribe), names(&work.subscribe)), (vec!["a"], vec!["b"]));
    }

    #[test]
    fn a_lost_connection_loses_every_confirmation_and_keeps_every_wish() {
        let channels = Channels::default();
        let mut waiting = channels.want("a".into(), probe(1));
        drop(channels.want("b".into(), probe(2)));
        channels.confirm(&["b".into()]);
        channels.let_go("b", is(2));
        channels.unconfirm_all();
        assert_eq!(waiting.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        let work = channels.work();
        assert_eq!((names(&work.subscribe), work.unsubscribe.len()), (vec!["a"], 0));
    }
}
