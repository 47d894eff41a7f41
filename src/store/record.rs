//! Recording: how the events of a transaction get their offsets and enter the log.
//!
//! Events are collected while the transaction runs and written together, with one statement for all heads,
//! one for all events and one for all their rooms. The heads are bumped roots first and in one order
//! everywhere, so that two transactions cannot wait for each other; from there to the commit the rows stay
//! locked, which makes commit order offset order (I2).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use smallvec::SmallVec;

use super::{
    LoggedEvent, StoreError, Tx,
    database::Kind,
    sql::{Arg, Columns, Record, Sql, pieces},
};
use crate::protocol::{
    Effect, Envelope, Event, EventId, Metadata, Offset, Offsets, PROTOCOL_VERSION, Room, Root,
};

/// The events of one transaction.
#[derive(Default)]
pub struct Recording {
    /// Recorded, without offsets yet.
    pending: Vec<Pending>,
    /// With offsets; their rows are not written yet.
    placed: Vec<Arc<LoggedEvent>>,
    /// How many of `placed` are in the database.
    written: usize,
}

struct Pending {
    id: EventId,
    event: Event,
    origin: Metadata,
    rooms: SmallVec<[Room; 3]>,
}

/// An event to record under an id that its publisher chose.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub id: EventId,
    pub event: Event,
    pub origin: Metadata,
}

/// What became of an event with a publisher's id.
#[derive(Debug, Clone, PartialEq)]
pub enum Recorded {
    /// It was recorded at these offsets.
    New { offsets: Offsets },
    /// Its root's log already holds the id, at these offsets; nothing was recorded.
    Duplicate { offsets: Offsets },
}

/// How much a room's head grows, and where it then stands.
struct Bump {
    root: Root,
    events: u64,
    closes: bool,
    /// The offset of the room's next event; set once the database has answered.
    next: Option<Offset>,
}

/// A head after it was bumped, with the epoch of the same instant.
struct Bumped {
    room: Room,
    head: Offset,
    epoch: String,
}

impl Record for Bumped {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { room: columns.parse(0)?, head: columns.offset(1)?, epoch: columns.text(2)?.to_owned() })
    }
}

struct Envelopes(LoggedEvent);

impl Record for Envelopes {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        LoggedEvent::from_text(columns.text(0)?.to_owned()).map(Self)
    }
}

impl Recording {
    /// The events with their offsets, once everything is placed.
    pub fn into_events(self) -> Vec<Arc<LoggedEvent>> {
        self.placed
    }

    fn add(&mut self, id: EventId, event: Event, origin: Metadata) {
        let rooms = event.rooms();
        self.pending.push(Pending { id, event, origin, rooms });
    }
}

impl Tx {
    /// Adds an event to the transaction; it gets its offsets, and its echo an event of its own, at the commit.
    ///
    /// # Errors
    /// When the transaction is over.
    pub async fn record(&mut self, event: Event, origin: &Metadata) -> Result<EventId, StoreError> {
        let id = self.new_event_id();
        self.add_with_echo(id.clone(), event, origin.clone());
        Ok(id)
    }

    /// Records an event under its publisher's id, unless the root's log already holds that id.
    ///
    /// # Errors
    /// As [`Tx::record_all`].
    pub async fn record_with_id(
        &mut self,
        id: EventId,
        event: Event,
        origin: Metadata,
    ) -> Result<Recorded, StoreError> {
        let mut recorded = self.record_all(vec![NewEvent { id, event, origin }]).await?;
        recorded.pop().ok_or_else(|| StoreError::Database("an event was not recorded".into()))
    }

    /// Records a batch under its publisher's ids, with a handful of statements for all. Answers one
    /// [`Recorded`] for each, in order; an id that comes twice in the batch is recorded once. The log
    /// knows an id as long as it holds its event.
    ///
    /// # Errors
    /// `RoomRefused` when a room is closed or belongs to another root.
    pub async fn record_all(&mut self, events: Vec<NewEvent>) -> Result<Vec<Recorded>, StoreError> {
        let keys: Vec<(Root, EventId)> =
            events.iter().map(|new| (new.event.root(), new.id.clone())).collect();
        let roots: Vec<Root> =
            keys.iter().map(|(root, _)| root.clone()).collect::<HashSet<_>>().into_iter().collect();
        // Of two publishers with one id at the same time the second must see what the first has written.
        self.lock(&roots).await?;
        let mut known = self.known(&keys).await?;
        let old: HashSet<(Root, EventId)> = known.keys().cloned().collect();
        let first_new = self.recording.placed.len();
        let mut fresh = HashSet::new();
        for (new, key) in events.into_iter().zip(&keys) {
            if !known.contains_key(key) && fresh.insert(key) {
                self.add_with_echo(new.id, new.event, new.origin);
            }
        }
        self.place().await?;
        for event in self.recording.placed.iter().skip(first_new) {
            known.insert((event.root.clone(), event.id.clone()), event.offsets.clone());
        }
        let mut answered = HashSet::new();
        keys.iter()
            .map(|key| {
                let offsets = known.get(key).cloned();
                let offsets =
                    offsets.ok_or_else(|| StoreError::Database("an event was not recorded".into()))?;
                let new = !old.contains(key) && answered.insert(key);
                Ok(if new { Recorded::New { offsets } } else { Recorded::Duplicate { offsets } })
            })
            .collect()
    }

    /// The offsets of those of the ids that their root's log holds.
    async fn known(
        &mut self,
        keys: &[(Root, EventId)],
    ) -> Result<HashMap<(Root, EventId), Offsets>, StoreError> {
        let mut known = HashMap::new();
        for piece in pieces(keys) {
            // In pairs: of a list of roots and a list of ids, the database would look for every combination.
            let sql = Sql::new("SELECT envelope FROM events WHERE (root, id) IN (VALUES {rows})");
            let sql = sql.rows(piece.iter().map(|(root, id)| [root.into(), id.into()]));
            let found: Vec<Envelopes> = self.run(Kind::Read, sql).await?;
            known.extend(found.into_iter().map(|Envelopes(event)| ((event.root, event.id), event.offsets)));
        }
        Ok(known)
    }

    fn add_with_echo(&mut self, id: EventId, event: Event, origin: Metadata) {
        let echo = event.echo_root();
        if let Some(root) = echo {
            self.recording.add(id, event.clone(), origin.clone());
            let id = self.new_event_id();
            let rooms = SmallVec::from_iter([root.room()]);
            self.recording.pending.push(Pending { id, event, origin, rooms });
        } else {
            self.recording.add(id, event, origin);
        }
    }

    fn new_event_id(&self) -> EventId {
        EventId::from_uuid(self.store().shared().clock.uuid())
    }

    /// Gives the pending events their offsets: one bump of every room's head.
    pub(super) async fn place(&mut self) -> Result<(), StoreError> {
        let pending = std::mem::take(&mut self.recording.pending);
        if pending.is_empty() {
            return Ok(());
        }
        let (mut bumps, closed_roots) = bumps(&pending)?;
        let epoch = self.bump(&mut bumps).await?;
        for root in closed_roots {
            self.execute(Sql::new("UPDATE rooms SET closed = 1 WHERE root = $1").bind(root)).await?;
        }
        let epoch = self.store().saw_epoch(&epoch)?;
        let timestamp = self.store().now();
        for Pending { id, event, origin, rooms } in pending {
            let mut offsets = Offsets::default();
            for room in rooms {
                let next = bumps.get_mut(&room).and_then(|bump| bump.next.as_mut());
                let next = next.ok_or_else(|| StoreError::Database(format!("{room} has no head")))?;
                offsets.0.push((room, *next));
                *next = next.next();
            }
            let (v, epoch) = (PROTOCOL_VERSION, epoch.clone());
            let envelope = Envelope { v, id, event, timestamp, epoch, offsets, metadata: origin };
            self.recording.placed.push(Arc::new(LoggedEvent::from_envelope(&envelope)?));
        }
        Ok(())
    }

    /// Bumps the heads, roots first, and answers the epoch.
    async fn bump(&mut self, bumps: &mut HashMap<Room, Bump>) -> Result<String, StoreError> {
        let mut rooms: Vec<Room> = bumps.keys().cloned().collect();
        rooms.sort_by_cached_key(|room| (room.as_root().is_none(), room.to_string()));
        let mut epoch = String::new();
        for piece in pieces(&rooms) {
            let rows = piece.iter().filter_map(|room| {
                let bump = bumps.get(room)?;
                Some([room.into(), (&bump.root).into(), bump.events.into(), bump.closes.into()])
            });
            let sql = Sql::new(
                "INSERT INTO rooms (room, root, head_offset, closed) VALUES {rows}
                 ON CONFLICT (room) DO UPDATE
                     SET head_offset = rooms.head_offset + excluded.head_offset, closed = excluded.closed
                     WHERE rooms.root = excluded.root AND rooms.closed = 0
                 RETURNING room, head_offset, (SELECT value FROM meta WHERE name = 'epoch')",
            );
            let bumped: Vec<Bumped> = self.run(Kind::Write, sql.rows(rows)).await?;
            for Bumped { room, head, epoch: seen } in bumped {
                let bump = bumps.get_mut(&room);
                let bump = bump.ok_or_else(|| StoreError::Database(format!("{room} was not bumped")))?;
                bump.next = Some(Offset(head.0 - bump.events + 1));
                epoch = seen;
            }
        }
        match rooms.into_iter().find(|room| bumps.get(room).is_none_or(|bump| bump.next.is_none())) {
            Some(refused) => Err(StoreError::RoomRefused(refused)),
            None => Ok(epoch),
        }
    }

    /// Writes the rows of the events that have their offsets.
    pub(super) async fn write_log(&mut self) -> Result<(), StoreError> {
        let placed: Vec<_> = self.recording.placed.iter().skip(self.recording.written).cloned().collect();
        for piece in pieces(&placed) {
            let rows = piece.iter().map(|event| -> [Arg; 5] {
                let json = Arg::Json(Arc::clone(&event.json));
                [
                    (&event.root).into(),
                    event.offset().into(),
                    (&event.id).into(),
                    event.timestamp.into(),
                    json,
                ]
            });
            let sql = "INSERT INTO events (root, root_offset, id, created_at, envelope) VALUES {rows}";
            self.execute(Sql::new(sql).rows(rows)).await?;
        }
        let inside: Vec<[Arg; 4]> = placed
            .iter()
            .flat_map(|event| {
                event.offsets.iter().skip(1).map(|(room, offset)| {
                    [(&event.root).into(), room.into(), offset.into(), event.offset().into()]
                })
            })
            .collect();
        for piece in pieces(&inside) {
            let sql = "INSERT INTO event_rooms (root, room, room_offset, root_offset) VALUES {rows}";
            self.execute(Sql::new(sql).rows(piece.iter().cloned())).await?;
        }
        self.recording.written = self.recording.placed.len();
        Ok(())
    }
}

/// How much each room's head grows, and which roots are closed with everything in them.
///
/// # Errors
/// `RoomRefused` when an event follows the one that closes its room.
fn bumps(pending: &[Pending]) -> Result<(HashMap<Room, Bump>, Vec<Root>), StoreError> {
    let mut bumps: HashMap<Room, Bump> = HashMap::new();
    let mut closed_roots = Vec::new();
    for Pending { event, rooms, .. } in pending {
        let root = rooms.first().and_then(Room::as_root);
        let root = root.ok_or_else(|| StoreError::Database("an event's first room is no root".into()))?;
        let is_echo = rooms.first() != event.rooms().first();
        let closes = match event.effect() {
            Some(Effect::RoomClosed(room)) if !is_echo => Some(room),
            Some(Effect::RoomClosed(_) | Effect::MemberRemoved(_) | Effect::AccessRevoked { .. }) | None => {
                None
            }
        };
        for room in rooms {
            let bump = bumps.entry(room.clone());
            let bump =
                bump.or_insert_with(|| Bump { root: root.clone(), events: 0, closes: false, next: None });
            if bump.closes || bump.root != root {
                return Err(StoreError::RoomRefused(room.clone()));
            }
            bump.events += 1;
            bump.closes = closes.as_ref() == Some(room);
        }
        if let Some(root) = closes.and_then(|room| room.as_root()) {
            closed_roots.push(root);
        }
    }
    Ok((bumps, closed_roots))
}
