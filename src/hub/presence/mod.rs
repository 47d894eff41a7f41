//! Who is in a room: the users, each counted once however many tabs and instances they are on.
//!
//! Ephemeral: differences are gathered and told to those who asked at the next [`Attendance::tell`],
//! so that a storm of joins is a few messages; a user who left and came back between two is not told.
//! Who is on this instance is known here. Who is on others is only known for rooms that somebody here
//! watches, and is what `cluster` brings.

mod cluster;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

pub(super) use cluster::{Cluster, News, Watch};

use super::outlet::Outlet;
use crate::protocol::{ConnectionId, Notice, Presence, Room, UserId};

/// The users in one room on other instances, by instance.
pub type Elsewhere = HashMap<String, BTreeSet<UserId>>;

/// The attendance of one family's rooms and who watches it.
pub struct Attendance {
    rooms: HashMap<Room, BTreeMap<UserId, u32>>,
    watched: HashMap<Room, Watched>,
    /// Whether each user was here when the other instances were told last, for those that changed
    /// since. `None` when there are no others.
    unshared: Option<HashMap<Room, BTreeMap<UserId, bool>>>,
    max_members: usize,
}

#[derive(Default)]
struct Watched {
    watchers: HashMap<ConnectionId, Arc<dyn Outlet>>,
    /// The users as the watchers know them, for those that changed since.
    told: BTreeMap<UserId, bool>,
    elsewhere: Elsewhere,
}

impl Attendance {
    /// Nobody anywhere. A full list names at most `max_members` users. With `shared` other instances
    /// have to be told who is here.
    pub fn new(max_members: usize, shared: bool) -> Self {
        let unshared = shared.then(HashMap::new);
        Self { rooms: HashMap::new(), watched: HashMap::new(), unshared, max_members }
    }

    /// A connection of the user joined the room.
    pub fn arrived(&mut self, room: &Room, user: &UserId) {
        let count = self.rooms.entry(room.clone()).or_default().entry(user.clone()).or_insert(0);
        *count += 1;
        if *count == 1 {
            self.changed_here(room, user, false);
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
            self.changed_here(room, user, true);
        }
    }

    fn changed_here(&mut self, room: &Room, user: &UserId, was_here: bool) {
        if let Some(watched) = self.watched.get_mut(room) {
            let was_there = was_here || watched.is_elsewhere(user);
            watched.told.entry(user.clone()).or_insert(was_there);
        }
        // What the instances tell each other is no room that somebody is in.
        if let (Some(unshared), false) = (&mut self.unshared, matches!(room, Room::Instances)) {
            unshared.entry(room.clone()).or_default().entry(user.clone()).or_insert(was_here);
        }
    }

    /// Users came to and left a room on another instance.
    pub fn changed_elsewhere(&mut self, news: News) {
        let News { room, instance, joined, left } = news;
        let Some(watched) = self.watched.get_mut(&room) else { return };
        let mut there = watched.elsewhere.get(&instance).cloned().unwrap_or_default();
        there.extend(joined);
        for user in &left {
            there.remove(user);
        }
        let here = self.rooms.get(&room);
        watched.replace(here, &instance, there);
    }

    /// Everybody who is in a room on other instances.
    pub fn learned_elsewhere(&mut self, room: &Room, elsewhere: Elsewhere) {
        let Some(watched) = self.watched.get_mut(room) else { return };
        let here = self.rooms.get(room);
        let gone: Vec<String> =
            watched.elsewhere.keys().filter(|instance| !elsewhere.contains_key(*instance)).cloned().collect();
        for instance in gone {
            watched.replace(here, &instance, BTreeSet::new());
        }
        for (instance, users) in elsewhere {
            watched.replace(here, &instance, users);
        }
    }

    /// Tells the connection who is in the room, and from now on who comes and goes. `elsewhere` is who is
    /// there on other instances, where that could be found out. False when it is told already.
    pub fn watch(&mut self, room: &Room, outlet: Arc<dyn Outlet>, elsewhere: Option<Elsewhere>) -> bool {
        self.watched.entry(room.clone()).or_default();
        if let Some(elsewhere) = elsewhere {
            self.learned_elsewhere(room, elsewhere);
        }
        self.tell();
        let watched = self.watched.entry(room.clone()).or_default();
        let here = self.rooms.get(room).into_iter().flat_map(BTreeMap::keys);
        let everybody: BTreeSet<&UserId> = here.chain(watched.elsewhere.values().flatten()).collect();
        let members = everybody.into_iter().take(self.max_members).cloned().collect();
        outlet.notify(&Notice::Presence(Presence {
            room: room.clone(),
            joined: None,
            left: None,
            members: Some(members),
        }));
        watched.watchers.insert(outlet.connection(), outlet).is_none()
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

    /// The rooms that somebody watches.
    pub fn watched_rooms(&self) -> Vec<Room> {
        self.watched.keys().cloned().collect()
    }

    /// Whether there is a difference to tell, to watchers or to other instances.
    pub fn has_news(&self) -> bool {
        self.unshared.as_ref().is_some_and(|unshared| !unshared.is_empty())
            || self.watched.values().any(|watched| !watched.told.is_empty())
    }

    /// Tells the watchers what has changed since the last time.
    pub fn tell(&mut self) {
        for (room, watched) in &mut self.watched {
            let (mut joined, mut left) = (BTreeSet::new(), BTreeSet::new());
            for (user, was_there) in std::mem::take(&mut watched.told) {
                let is_here = self.rooms.get(room).is_some_and(|users| users.contains_key(&user));
                match (was_there, is_here || watched.is_elsewhere(&user)) {
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

    /// Who came here and who left since the other instances were told: room, joined, left.
    pub fn take_unshared(&mut self) -> Vec<(Room, Vec<UserId>, Vec<UserId>)> {
        let unshared = self.unshared.as_mut().map(std::mem::take).unwrap_or_default();
        let difference = |(room, users): (Room, BTreeMap<UserId, bool>)| {
            let (mut joined, mut left) = (Vec::new(), Vec::new());
            for (user, was_here) in users {
                let is_here = self.rooms.get(&room).is_some_and(|users| users.contains_key(&user));
                match (was_here, is_here) {
                    (false, true) => joined.push(user),
                    (true, false) => left.push(user),
                    (true, true) | (false, false) => {}
                }
            }
            (!joined.is_empty() || !left.is_empty()).then_some((room, joined, left))
        };
        unshared.into_iter().filter_map(difference).collect()
    }

    /// Whether somebody is in a room that others may hear of.
    pub fn is_anybody_here(&self) -> bool {
        self.rooms.keys().any(|room| !matches!(room, Room::Instances))
    }

    /// Everybody who is here, by room.
    pub fn here(&self) -> impl Iterator<Item = (&Room, Vec<UserId>)> {
        let shared = self.rooms.iter().filter(|(room, _)| !matches!(room, Room::Instances));
        shared.map(|(room, users)| (room, users.keys().cloned().collect()))
    }
}

impl Watched {
    fn is_elsewhere(&self, user: &UserId) -> bool {
        self.elsewhere.values().any(|users| users.contains(user))
    }

    /// Puts these users in place of an instance's, and notes whose presence that changes.
    fn replace(&mut self, here: Option<&BTreeMap<UserId, u32>>, instance: &str, users: BTreeSet<UserId>) {
        let before = self.elsewhere.get(instance);
        let changed: Vec<UserId> = match before {
            Some(before) => before.symmetric_difference(&users).cloned().collect(),
            None => users.iter().cloned().collect(),
        };
        for user in changed {
            let was_there = here.is_some_and(|here| here.contains_key(&user)) || self.is_elsewhere(&user);
            self.told.entry(user).or_insert(was_there);
        }
        if users.is_empty() {
            self.elsewhere.remove(instance);
        } else {
            self.elsewhere.insert(instance.to_owned(), users);
        }
    }
}

#[cfg(test)]
#[path = "attendance_tests.rs"]
mod tests;
