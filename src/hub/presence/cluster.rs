//! Presence between instances: who is in which room, in Redis, for as long as somebody says so.
//!
//! A room's set at Redis, `{prefix}:presence:{room}`, has one member for each user and instance, scored
//! with the instant at which it stops counting. An instance writes its own members when they come and go,
//! once a tick for all of a room, and again every 20 seconds; what a killed instance has written stops
//! counting by itself after 60. Differences are told to the instances on which somebody watches, which
//! read the whole set when they begin to watch, now and then, and when Redis comes back: a lost note is
//! repaired, and nobody is ever asked. Without Redis what is known of others stands still.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::Rng;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Notify, mpsc},
    task::AbortHandle,
    time::{Instant, sleep, sleep_until},
};

use super::Elsewhere;
use crate::{
    bus::{BusHealth, LinkError, RedisLink, commands},
    hub::root::Request,
    protocol::{Room, Root, UserId},
};

/// How long a member counts after it was written last.
const LIFE: Duration = Duration::from_secs(60);
/// How often members are written again, give or take a tenth.
const REFRESH: Duration = Duration::from_secs(20);
/// How long changes of all roots gather for one round trip.
const GATHER: Duration = Duration::from_millis(50);
/// What Redis refused is tried again after so long.
const SECOND_TRY: Duration = Duration::from_millis(500);
/// Changes that wait; more are dropped, and written with the next refresh.
const WAITING: usize = 16_384;
/// Commands in one round trip.
const COMMANDS: usize = 500;
/// Users in one command or note.
const USERS: usize = 500;
/// Members of a room that are read at most.
const MEMBERS: usize = 10_000;
/// A first list does not wait for Redis for longer.
const PATIENCE: Duration = Duration::from_millis(250);

/// This instance's part in the presence of all.
pub struct Cluster {
    link: RedisLink,
    instance: String,
    changes: Mutex<Vec<Change>>,
    changed: Notify,
}

/// Who came to and left a room on one instance: what instances tell each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    pub room: Room,
    pub instance: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<UserId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<UserId>,
}

/// What has to be written.
enum Change {
    News {
        root: Root,
        room: Room,
        joined: Vec<UserId>,
        left: Vec<UserId>,
    },
    /// These users are still in the room.
    Still {
        room: Room,
        users: Vec<UserId>,
    },
}

/// Brings a root's task what other instances tell, until it is dropped.
pub struct Watch(AbortHandle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Cluster {
    /// Over this Redis.
    pub fn new(link: RedisLink) -> Self {
        let instance = link.instance().to_string();
        Self { link, instance, changes: Mutex::default(), changed: Notify::new() }
    }

    /// After how long members that were written have to be written again.
    pub fn refresh_after() -> Duration {
        jittered(REFRESH)
    }

    /// Users came to a room here and left it.
    pub fn changed(&self, root: &Root, room: Room, joined: Vec<UserId>, left: Vec<UserId>) {
        self.put(Change::News { root: root.clone(), room, joined, left });
    }

    /// These users are still in the room here.
    pub fn still_here(&self, room: Room, users: Vec<UserId>) {
        self.put(Change::Still { room, users });
    }

    fn put(&self, change: Change) {
        let mut changes = self.lock_changes();
        if changes.len() < WAITING {
            changes.push(change);
            self.changed.notify_one();
        }
    }

    /// Writes what changes, for as long as there is an instance. `returned` is called when Redis is back,
    /// empty perhaps. Run once.
    pub async fn run(&self, returned: impl Fn()) {
        let mut health = self.link.health();
        loop {
            tokio::select! {
                () = self.changed.notified() => {
                    sleep(GATHER).await;
                    if let Err(error) = self.write_changes().await {
                        tracing::debug!(%error, "Presence was not written; it is tried again.");
                        sleep(SECOND_TRY).await;
                    }
                }
                Ok(()) = health.changed() => {
                    // However short it was: what was told meanwhile was told to nobody.
                    if *health.borrow_and_update() == BusHealth::Sound {
                        returned();
                    }
                }
            }
        }
    }

    /// Writes what has changed, and tells it. What could not be written goes first the next time, unless Redis is
    /// known to be away: then all is written when it is back.
    async fn write_changes(&self) -> Result<(), LinkError> {
        let changes = std::mem::take(&mut *self.lock_changes());
        if let Err(error) = self.write(&changes).await {
            if *self.link.health().borrow() != BusHealth::Degraded {
                let mut waiting = self.lock_changes();
                waiting.splice(0..0, changes);
                waiting.truncate(WAITING);
                self.changed.notify_one();
            }
            return Err(error);
        }
        // Told after it is written: whoever begins to watch in between reads it.
        changes.into_iter().for_each(|change| self.tell(change));
        Ok(())
    }

    async fn write(&self, changes: &[Change]) -> Result<(), LinkError> {
        let until = self.link.server_time().await? + LIFE.as_millis() as i64;
        let mut commands = Vec::new();
        for change in changes {
            match change {
                Change::News { room, joined, left, .. } => {
                    self.leave(room, left, &mut commands);
                    self.enter(room, joined, until, &mut commands);
                }
                Change::Still { room, users } => self.enter(room, users, until, &mut commands),
            }
        }
        for commands in commands.chunks(COMMANDS) {
            self.link.run_each::<i64>(commands).await?;
        }
        Ok(())
    }

    fn lock_changes(&self) -> MutexGuard<'_, Vec<Change>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, room: &Room, users: &[UserId], until: i64, commands: &mut Vec<commands::Cmd>) {
        for users in users.chunks(USERS) {
            let mut add = commands::cmd("ZADD");
            add.arg(self.key(room));
            for user in users {
                add.arg(until).arg(self.member(user));
            }
            commands.push(add);
        }
        if !users.is_empty() {
            let mut expire = commands::cmd("PEXPIRE");
            expire.arg(self.key(room)).arg(LIFE.as_millis() as u64);
            commands.push(expire);
        }
    }

    fn leave(&self, room: &Room, users: &[UserId], commands: &mut Vec<commands::Cmd>) {
        for users in users.chunks(USERS) {
            let mut remove = commands::cmd("ZREM");
            remove.arg(self.key(room));
            for user in users {
                remove.arg(self.member(user));
            }
            commands.push(remove);
        }
    }

    fn tell(&self, change: Change) {
        let Change::News { root, room, joined, left } = change else { return };
        let notes = joined.chunks(USERS).map(|joined| (joined, &[][..]));
        let notes = notes.chain(left.chunks(USERS).map(|left| (&[][..], left)));
        for (joined, left) in notes {
            let (room, instance) = (room.clone(), self.instance.clone());
            let news = News { room, instance, joined: joined.to_vec(), left: left.to_vec() };
            if let Ok(body) = serde_json::to_vec(&news) {
                self.link.tell(&topic(&root), body);
            }
        }
    }

    /// Who is in the room on other instances, for a first list; `None` when Redis does not say at once.
    pub async fn read_at_once(&self, room: &Room) -> Option<Elsewhere> {
        tokio::time::timeout(PATIENCE, self.read(room)).await.ok()?.ok()
    }

    async fn read(&self, room: &Room) -> Result<Elsewhere, LinkError> {
        let now = self.link.server_time().await?;
        let mut range = commands::cmd("ZRANGE");
        range.arg(self.key(room)).arg(format!("({now}")).arg("+inf").arg("BYSCORE");
        range.arg("LIMIT").arg(0).arg(MEMBERS);
        let members = self.link.run::<Vec<String>>(&range).await?;
        let mut elsewhere = Elsewhere::new();
        for member in members {
            if let Some((instance, user)) = member.split_once(' ')
                && instance != self.instance
                && let Ok(user) = user.parse()
            {
                elsewhere.entry(instance.to_owned()).or_default().insert(user);
            }
        }
        Ok(elsewhere)
    }

    /// Brings the root's task what other instances tell of its rooms, and from time to time asks it to say
    /// which rooms have to be read.
    pub fn watch(self: &Arc<Self>, root: &Root, task: mpsc::UnboundedSender<Request>) -> Watch {
        let (cluster, topic) = (self.clone(), topic(root));
        let watching = tokio::spawn(async move {
            let mut notes = cluster.link.listen(&topic).await;
            let mut due = Instant::now();
            loop {
                let request = tokio::select! {
                    note = notes.next() => match serde_json::from_slice(&note) {
                        Ok(news) => Request::PresenceElsewhere(news),
                        Err(_) => continue,
                    },
                    () = sleep_until(due) => {
                        due = Instant::now() + jittered(REFRESH);
                        Request::ReadPresence
                    }
                };
                if task.send(request).is_err() {
                    return;
                }
            }
        });
        Watch(watching.abort_handle())
    }

    /// Reads rooms and brings the root's task what it found.
    pub fn read_for(self: &Arc<Self>, rooms: Vec<Room>, task: mpsc::UnboundedSender<Request>) {
        let cluster = self.clone();
        tokio::spawn(async move {
            for room in rooms {
                if let Ok(elsewhere) = cluster.read(&room).await {
                    task.send(Request::PresenceRead { room, elsewhere }).ok();
                }
            }
        });
    }

    fn key(&self, room: &Room) -> String {
        self.link.key(format_args!("presence:{room}"))
    }

    /// A user's id may hold any printable character, an instance's none but hexadecimal digits and hyphens.
    fn member(&self, user: &UserId) -> String {
        format!("{} {user}", self.instance)
    }
}

fn topic(root: &Root) -> String {
    format!("presence:{root}")
}

fn jittered(period: Duration) -> Duration {
    period.mul_f64(rand::rng().random_range(0.9..1.1))
}
