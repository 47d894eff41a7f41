//! A root with its rooms and their subscribers. Pure state: no clock, no database, no tasks.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, btree_map::Entry},
    sync::Arc,
};

use slab::Slab;
use smallvec::SmallVec;

use super::{
    history::History,
    outlet::{Broadcast, Outlet, RoomHead},
    presence::Attendance,
};
use crate::{
    protocol::{
        ConnectionId, Effect, Notice, Offset, Room, RoomStateInvalidated, Root, StaleReason, UnsubscribeCode,
        UserId,
    },
    store::LoggedEvent,
};

/// Index of a subscriber in its family.
type Key = usize;

/// Everything on this instance about one root: who is in which of its rooms, and its recent events.
pub struct Family {
    subscribers: Slab<Subscriber>,
    by_connection: HashMap<ConnectionId, Key>,
    /// In one order, so that a simulated run can be repeated.
    rooms: BTreeMap<Room, Membership>,
    pub history: History,
    pub attendance: Attendance,
    /// Subscribers with something queued that is not written yet.
    unflushed: Vec<Key>,
}

struct Subscriber {
    outlet: Arc<dyn Outlet>,
    rooms: SmallVec<[Room; 3]>,
    /// The root's offset of the last event queued, so that an event of several rooms is queued once.
    last: Offset,
    unflushed: bool,
}

struct Membership {
    head: Arc<RoomHead>,
    subscribers: Vec<Key>,
}

impl Family {
    /// Without anybody in it.
    pub fn new(history: History, attendance: Attendance) -> Self {
        Self {
            subscribers: Slab::new(),
            by_connection: HashMap::new(),
            rooms: BTreeMap::new(),
            history,
            attendance,
            unflushed: Vec::new(),
        }
    }

    /// Whether nobody is in any room.
    pub fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// Registers a connection behind `head`. False when it is in the room already: that changes nothing.
    pub fn join(&mut self, root: &Root, outlet: &Arc<dyn Outlet>, room: &Room, head: Offset) -> bool {
        let key = *self.by_connection.entry(outlet.connection()).or_insert_with(|| {
            self.subscribers.insert(Subscriber {
                outlet: outlet.clone(),
                rooms: SmallVec::new(),
                last: Offset::START,
                unflushed: false,
            })
        });
        let membership = match self.rooms.entry(room.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                entry.insert(Membership { head: Arc::new(RoomHead::new(head)), subscribers: Vec::new() })
            }
        };
        let subscriber = &mut self.subscribers[key];
        let is_new = !subscriber.rooms.contains(room);
        if is_new {
            subscriber.rooms.push(room.clone());
            membership.subscribers.push(key);
            metrics::gauge!("ws_subscriptions_active", "kind" => room.kind().name()).increment(1.0);
            subscriber.outlet.joined(root, room, &membership.head);
            self.attendance.arrived(room, subscriber.outlet.user());
        }
        is_new
    }

    /// Takes back a [`Family::join`] that was true: nobody has heard of it.
    pub fn withdraw(&mut self, outlet: &Arc<dyn Outlet>, room: &Room) {
        self.leave(outlet.connection(), room);
        outlet.withdrawn(room);
    }

    /// Takes a connection out of a room, at its own wish.
    pub fn leave(&mut self, connection: ConnectionId, room: &Room) {
        if let Some(&key) = self.by_connection.get(&connection) {
            self.take_out(key, room);
        }
    }

    /// Takes a connection out of everything: it has ended.
    pub fn leave_all(&mut self, connection: ConnectionId) {
        self.attendance.stop_watching_all(connection);
        if let Some(&key) = self.by_connection.get(&connection) {
            for room in self.subscribers[key].rooms.clone() {
                self.take_out(key, &room);
            }
        }
    }

    /// Queues the event to everybody in any of its rooms, each connection once, then applies what
    /// it changes about who gets the next one. [`Family::take_unflushed`] has who must be written to.
    pub fn deliver(&mut self, event: Arc<LoggedEvent>) {
        let broadcast = Broadcast::new(event);
        let event = &broadcast.event;
        let mut queued = 0_u64;
        for (room, _) in event.offsets.iter() {
            let Some(membership) = self.rooms.get(room) else { continue };
            for &key in &membership.subscribers {
                let subscriber = &mut self.subscribers[key];
                if subscriber.last == event.offset() {
                    continue;
                }
                subscriber.last = event.offset();
                subscriber.outlet.deliver(&broadcast);
                queued += 1;
                if !subscriber.unflushed {
                    subscriber.unflushed = true;
                    self.unflushed.push(key);
                }
            }
        }
        // After the event is queued everywhere: whoever reads the head may tell a client of it.
        for (room, offset) in event.offsets.iter() {
            if let Some(membership) = self.rooms.get(room) {
                membership.head.set(offset);
            }
        }
        metrics::counter!("ws_broadcast_total").increment(1);
        metrics::counter!("ws_deliveries_total").increment(queued);
        match &event.effect {
            // In the user's own log the same event is news, and takes nobody out of that.
            Some(Effect::MemberRemoved(user)) if matches!(event.root, Root::Campaign(_)) => {
                self.remove_user(user);
            }
            Some(Effect::RoomClosed(room)) if room.as_root().is_some() => self.close_all(),
            Some(Effect::RoomClosed(room)) => self.close(room),
            // Who follows the log of the instances applies it.
            Some(Effect::MemberRemoved(_) | Effect::AccessRevoked { .. }) | None => {}
        }
        self.history.push(broadcast.event);
    }

    /// Who has something queued, to be written to; each once.
    pub fn take_unflushed(&mut self) -> Vec<Arc<dyn Outlet>> {
        let mut outlets = Vec::with_capacity(self.unflushed.len());
        for key in self.unflushed.drain(..) {
            // A key may have been vacated, or given to another, since it was noted.
            if let Some(subscriber) = self.subscribers.get_mut(key)
                && std::mem::take(&mut subscriber.unflushed)
            {
                outlets.push(subscriber.outlet.clone());
            }
        }
        outlets
    }

    /// Tells everybody in every room that its continuity cannot be proved.
    pub fn invalidate(&mut self, reason: StaleReason) {
        for (room, membership) in &self.rooms {
            let notice = Notice::RoomStateInvalidated(RoomStateInvalidated { room: room.clone(), reason });
            for &key in &membership.subscribers {
                // What follows may count anew.
                self.subscribers[key].last = Offset::START;
                self.subscribers[key].outlet.notify(&notice);
            }
        }
    }

    /// Sets a room's head after a jump over events that could not be read.
    pub fn set_head(&mut self, room: &Room, head: Offset) {
        if let Some(membership) = self.rooms.get(room) {
            membership.head.set(head);
        }
    }

    /// The rooms somebody is in.
    pub fn rooms(&self) -> Vec<Room> {
        self.rooms.keys().cloned().collect()
    }

    /// Who is here, each user once.
    pub fn users(&self) -> Vec<UserId> {
        let subscribed = self.subscribers.iter().map(|(_, subscriber)| subscriber.outlet.user());
        let here: BTreeSet<&UserId> = subscribed.chain(self.attendance.watching()).collect();
        here.into_iter().cloned().collect()
    }

    /// Takes every connection of the user out of the family: the user is no longer a member.
    pub fn remove_user(&mut self, user: &UserId) {
        let keys: Vec<Key> = self
            .subscribers
            .iter()
            .filter(|(_, subscriber)| subscriber.outlet.user() == user)
            .map(|(key, _)| key)
            .collect();
        self.attendance.stop_watching_user(user);
        for key in keys {
            self.remove_from_all(key, UnsubscribeCode::MembershipRevoked);
        }
    }

    /// Takes everybody out of everything: there is no such root any more.
    pub fn close_all(&mut self) {
        let keys: Vec<Key> = self.subscribers.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.remove_from_all(key, UnsubscribeCode::Deleted);
        }
    }

    /// Takes everybody out of a room that is no more.
    pub fn close(&mut self, room: &Room) {
        let keys = self.rooms.get(room).map(|membership| membership.subscribers.clone()).unwrap_or_default();
        for key in keys {
            let outlet = self.subscribers[key].outlet.clone();
            self.take_out(key, room);
            outlet.removed(room, UnsubscribeCode::Deleted);
        }
    }

    fn remove_from_all(&mut self, key: Key, code: UnsubscribeCode) {
        let outlet = self.subscribers[key].outlet.clone();
        for room in self.subscribers[key].rooms.clone() {
            self.take_out(key, &room);
            outlet.removed(&room, code);
        }
    }

    fn take_out(&mut self, key: Key, room: &Room) {
        let subscriber = &mut self.subscribers[key];
        let Some(index) = subscriber.rooms.iter().position(|joined| joined == room) else { return };
        subscriber.rooms.swap_remove(index);
        self.attendance.departed(room, subscriber.outlet.user());
        metrics::gauge!("ws_subscriptions_active", "kind" => room.kind().name()).decrement(1.0);
        if let Entry::Occupied(mut entry) = self.rooms.entry(room.clone()) {
            let subscribers = &mut entry.get_mut().subscribers;
            subscribers.retain(|&other| other != key);
            if subscribers.is_empty() {
                entry.remove();
            }
        }
        if self.subscribers[key].rooms.is_empty() {
            // What is queued is written now: the list of the unflushed must not meet a reused key.
            let gone = self.subscribers.remove(key);
            gone.outlet.flush();
            self.by_connection.remove(&gone.outlet.connection());
        }
    }
}

#[cfg(test)]
#[path = "family_tests.rs"]
mod tests;
