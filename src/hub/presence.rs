//! Who is in a room: the users, each counted once however many tabs they have.
//!
//! Ephemeral: differences are gathered and told to those who asked at the next [`Attendance::tell`],
//! so that a storm of joins is a few messages; a user who left and came back between two is not told.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::outlet::Outlet;
use crate::protocol::{ConnectionId, Notice, Presence, Room, UserId};

/// The attendance of one family's rooms and who watches it.
pub struct Attendance {
    rooms: HashMap<Room, BTreeMap<UserId, u32>>,
    watched: HashMap<Room, Watched>,
    max_members: usize,
}

#[derive(Default)]
struct Watched {
    watchers: HashMap<ConnectionId, Arc<dyn Outlet>>,
    /// The users as the watchers know them, for those that changed since.
    told: BTreeMap<UserId, bool>,
}

impl Attendance {
    /// Nobody anywhere. A full list names at most `max_members` users.
    pub fn new(max_members: usize) -> Self {
        Self { rooms: HashMap::new(), watched: HashMap::new(), max_members }
    }

    /// A connection of the user joined the room.
    pub fn arrived(&mut self, room: &Room, user: &UserId) {
        let count = self.rooms.entry(room.clone()).or_default().entry(user.clone()).or_insert(0);
        *count += 1;
        if *count == 1 {
            self.changed(room, user, false);
        }
    }

    /// A connection of the user left the room.
    pub fn departed(&mut self, room: &Room, user: &UserId) {
        let Some(users) = self.rooms.get_mut(room) else { return };
        let Some(count) = users.get_mut(user) else { return };
        *count -= 1;
        if *count == 0 {
            users.remove(user);
            if users.is_empty() {
                self.rooms.remove(room);
            }
            self.changed(room, user, true);
        }
    }

    fn changed(&mut self, room: &Room, user: &UserId, was_there: bool) {
        if let Some(watched) = self.watched.get_mut(room) {
            watched.told.entry(user.clone()).or_insert(was_there);
        }
    }

    /// Tells the connection who is in the room, and from now on who comes and goes.
    pub fn watch(&mut self, room: &Room, outlet: Arc<dyn Outlet>) {
        self.tell();
        let members = self.users(room).take(self.max_members).cloned().collect();
        outlet.notify(&Notice::Presence(Presence {
            room: room.clone(),
            joined: None,
            left: None,
            members: Some(members),
        }));
        self.watched.entry(room.clone()).or_default().watchers.insert(outlet.connection(), outlet);
    }

    /// The connection no longer wants to know.
    pub fn stop_watching(&mut self, connection: ConnectionId, room: &Room) {
        if let Some(watched) = self.watched.get_mut(room) {
            watched.watchers.remove(&connection);
            if watched.watchers.is_empty() {
                self.watched.remove(room);
            }
        }
    }

    /// The connection has ended.
    pub fn stop_watching_all(&mut self, connection: ConnectionId) {
        self.retain_watchers(|outlet| outlet.connection() != connection);
    }

    /// The user may no longer know.
    pub fn stop_watching_user(&mut self, user: &UserId) {
        self.retain_watchers(|outlet| outlet.user() != user);
    }

    fn retain_watchers(&mut self, keep: impl Fn(&dyn Outlet) -> bool) {
        self.watched.retain(|_, watched| {
            watched.watchers.retain(|_, outlet| keep(outlet.as_ref()));
            !watched.watchers.is_empty()
        });
    }

    /// Whose connections watch.
    pub fn watching(&self) -> impl Iterator<Item = &UserId> {
        self.watched.values().flat_map(|watched| watched.watchers.values().map(|outlet| outlet.user()))
    }

    /// Whether somebody watches.
    pub fn is_watched(&self) -> bool {
        !self.watched.is_empty()
    }

    /// Whether there is a difference to tell.
    pub fn has_news(&self) -> bool {
        self.watched.values().any(|watched| !watched.told.is_empty())
    }

    /// Tells the watchers what has changed since the last time.
    pub fn tell(&mut self) {
        for (room, watched) in &mut self.watched {
            let (mut joined, mut left) = (BTreeSet::new(), BTreeSet::new());
            for (user, was_there) in std::mem::take(&mut watched.told) {
                let is_there = self.rooms.get(room).is_some_and(|users| users.contains_key(&user));
                match (was_there, is_there) {
                    (false, true) => joined.insert(user),
                    (true, false) => left.insert(user),
                    (true, true) | (false, false) => false,
                };
            }
            if joined.is_empty() && left.is_empty() {
                continue;
            }
            let some = |users: BTreeSet<UserId>| (!users.is_empty()).then(|| users.into_iter().collect());
            let notice = Notice::Presence(Presence {
                room: room.clone(),
                joined: some(joined),
                left: some(left),
                members: None,
            });
            watched.watchers.values().for_each(|outlet| outlet.notify(&notice));
        }
    }

    fn users(&self, room: &Room) -> impl Iterator<Item = &UserId> {
        self.rooms.get(room).into_iter().flat_map(BTreeMap::keys)
    }
}
