//! The table `rooms`: which rooms there are, the root of each, and how far its log goes.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use lru::LruCache;

use super::{
    Reads, Store, StoreError,
    sql::{Columns, Record, Sql},
};
use crate::protocol::{Epoch, Offset, Role, Room, Root, UserId};

/// Membership and heads of one instant: what a subscription is decided on.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub epoch: Epoch,
    /// The rooms that exist, closed ones included. A user's own room and the instances' exist always.
    pub rooms: HashMap<Room, RoomState>,
    /// The roles of those of the asked users who are members of the root's campaign. Empty for other roots.
    pub roles: HashMap<UserId, Role>,
}

impl Snapshot {
    /// The room's head; before the first event of a room that has none.
    pub fn head(&self, room: &Room) -> Offset {
        self.rooms.get(room).map_or(Offset::START, |state| state.head)
    }

    /// Whether the room exists and may still get events. A user's room and the instances' exist before their
    /// first event.
    pub fn is_open(&self, room: &Room) -> bool {
        match self.rooms.get(room) {
            Some(state) => !state.closed,
            None => matches!(room, Room::User(_) | Room::Instances),
        }
    }

    /// The user's role in the root's campaign.
    pub fn role(&self, user: &UserId) -> Option<Role> {
        self.roles.get(user).copied()
    }
}

/// One room at one instant. The log holds its events after `floor` up to and including `head`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomState {
    pub root: Root,
    /// The offset of the last event.
    pub head: Offset,
    /// The offset of the last event that the log no longer holds.
    pub floor: Offset,
    /// No further event will come: the entity is deleted, or its campaign.
    pub closed: bool,
}

/// The roots of rooms that were asked for lately. A room never changes its root.
pub struct KnownRoots(Mutex<LruCache<Room, Root>>);

/// How many rooms' roots are kept: about 6 MB.
const KNOWN_ROOTS: std::num::NonZeroUsize = std::num::NonZeroUsize::new(65_536).unwrap();

/// Keys in one statement; more are asked for in several.
const KEYS: usize = 8_192;

struct RootOf {
    room: Room,
    root: Root,
    closed: bool,
}

impl Record for RootOf {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { room: columns.parse(0)?, root: columns.parse(1)?, closed: columns.flag(2)? })
    }
}

/// A line of a snapshot: the epoch, a room or a member.
enum Line {
    Epoch(String),
    Room(Room, RoomState),
    Role(UserId, Role),
}

impl Record for Line {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(match columns.int(0)? {
            0 => Self::Epoch(columns.text(1)?.to_owned()),
            1 => Self::Room(
                columns.parse(1)?,
                RoomState {
                    root: columns.parse(2)?,
                    head: columns.offset(3)?,
                    floor: columns.offset(4)?,
                    closed: columns.flag(5)?,
                },
            ),
            _ => Self::Role(columns.parse(1)?, super::members::role_from_name(columns.text(2)?)?),
        })
    }
}

struct Head {
    epoch: String,
    root: Option<(Root, Offset)>,
}

impl Record for Head {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        let root = match columns.optional_text(1)? {
            Some(_) => Some((columns.parse(1)?, columns.offset(2)?)),
            None => None,
        };
        Ok(Self { epoch: columns.text(0)?.to_owned(), root })
    }
}

impl KnownRoots {
    pub fn new() -> Self {
        Self(Mutex::new(LruCache::new(KNOWN_ROOTS)))
    }

    fn get(&self, room: &Room) -> Option<Root> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(room).cloned()
    }

    fn put(&self, room: Room, root: Root) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(room, root);
    }
}

impl Store {
    /// The root of each room, in order. A room that is a root by itself is answered without a look at the
    /// database, whether it exists or not; another one is `None` when it does not exist. A room never changes
    /// its root, so the answer may come from memory, also for a room that was closed.
    pub async fn resolve(&self, rooms: &[Room]) -> Result<Vec<Option<Root>>, StoreError> {
        let known = &self.shared().known_roots;
        let mut roots: Vec<Option<Root>> =
            rooms.iter().map(|room| room.as_root().or_else(|| known.get(room))).collect();
        let unknown: Vec<&Room> =
            rooms.iter().zip(&roots).filter(|(_, root)| root.is_none()).map(|(room, _)| room).collect();
        if unknown.is_empty() {
            return Ok(roots);
        }
        let found = roots_of(self, unknown).await?;
        for (room, root) in rooms.iter().zip(&mut roots).filter(|(_, root)| root.is_none()) {
            if let Some(row) = found.get(room) {
                known.put(room.clone(), row.root.clone());
                *root = Some(row.root.clone());
            }
        }
        Ok(roots)
    }

    /// Membership and heads of one instant, read with one statement.
    pub async fn snapshot(
        &self,
        root: &Root,
        rooms: &[Room],
        users: &[UserId],
    ) -> Result<Snapshot, StoreError> {
        let campaign = match root {
            Root::Campaign(id) => id.to_string(),
            Root::Session(_) | Root::User(_) | Root::Instances => String::new(),
        };
        let users = if campaign.is_empty() { &[] } else { users };
        let sql = Sql::new(
            "SELECT CAST(0 AS BIGINT), value, '', 0, 0, 0 FROM meta WHERE name = 'epoch'
             UNION ALL
             SELECT 1, room, root, head_offset, floor_offset, closed FROM rooms WHERE room IN ({list})
             UNION ALL
             SELECT 2, user_id, role, 0, 0, 0 FROM members WHERE campaign_id = $1 AND user_id IN ({list})",
        );
        let mut sql = sql.bind(campaign).list(rooms).list(users);
        if rooms.len() + users.len() > 64 {
            sql = sql.bulk();
        }
        let lines: Vec<Line> = self.read(sql).await?;
        let (mut epoch, mut states, mut roles) = (None, HashMap::new(), HashMap::new());
        for line in lines {
            match line {
                Line::Epoch(text) => epoch = Some(self.saw_epoch(&text)?),
                Line::Room(room, state) => drop(states.insert(room, state)),
                Line::Role(user, role) => drop(roles.insert(user, role)),
            }
        }
        for room in rooms {
            if let (Room::User(_) | Room::Instances, Some(root)) = (room, room.as_root()) {
                states.entry(room.clone()).or_insert_with(|| RoomState::empty(root));
            }
        }
        let epoch = epoch.ok_or_else(no_epoch)?;
        Ok(Snapshot { epoch, rooms: states, roles })
    }

    /// The heads of the roots that have events, with the epoch of the same instant. One statement for
    /// up to 8,192 roots.
    pub async fn heads(&self, roots: &[Root]) -> Result<(Epoch, HashMap<Root, Offset>), StoreError> {
        let mut epoch = self.epoch();
        let mut heads = HashMap::with_capacity(roots.len());
        // At least one statement, also for no roots: it tells the epoch and that the database answers.
        for piece in roots.chunks(KEYS).chain(roots.is_empty().then_some(&[][..])) {
            let sql = Sql::new(
                "SELECT m.value, r.room, r.head_offset FROM meta m
                 LEFT JOIN rooms r ON r.room IN ({list}) WHERE m.name = 'epoch'",
            );
            let mut sql = sql.list(piece);
            if piece.len() > 64 {
                sql = sql.bulk();
            }
            let found: Vec<Head> = self.read(sql).await?;
            epoch = self.saw_epoch(&found.first().ok_or_else(no_epoch)?.epoch)?;
            heads.extend(found.into_iter().filter_map(|head| head.root));
        }
        Ok((epoch, heads))
    }
}

impl RoomState {
    fn empty(root: Root) -> Self {
        Self { root, head: Offset::START, floor: Offset::START, closed: false }
    }
}

/// The root of each room, `None` for a room that does not exist or is closed.
pub async fn open_roots(from: impl Reads, rooms: &[Room]) -> Result<Vec<Option<Root>>, StoreError> {
    let found = roots_of(from, rooms).await?;
    let open = |room| found.get(room).filter(|row| !row.closed).map(|row| row.root.clone());
    Ok(rooms.iter().map(open).collect())
}

async fn roots_of(
    from: impl Reads,
    rooms: impl IntoIterator<Item = &Room>,
) -> Result<HashMap<Room, RootOf>, StoreError> {
    let sql = Sql::new("SELECT room, root, closed FROM rooms WHERE room IN ({list})").list(rooms);
    let rows: Vec<RootOf> = from.rows(sql).await?;
    Ok(rows.into_iter().map(|row| (row.room.clone(), row)).collect())
}

fn no_epoch() -> StoreError {
    StoreError::Corrupt("there is no epoch".into())
}
