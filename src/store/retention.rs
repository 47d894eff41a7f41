//! How long the log is kept.
//!
//! A room's log is cut at its start: its floor rises. An event's row goes when the last of its rooms has cut it
//! off. A closed room is forgotten with its last event.

use std::{collections::HashMap, time::Duration};

use super::{
    LoggedEvent, Store, StoreError, Tx,
    database::Kind,
    requests,
    sql::{Columns, Record, Sql},
};
use crate::protocol::{Offset, Room, Root, Timestamp};

/// Events or requests that one transaction deletes at most.
const BATCH: u32 = 200;

/// Rooms that one statement looks at.
const ROOMS: u32 = 512;

/// What each room's log holds at least: everything younger than `age`, and the last `count` events.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    pub age: Duration,
    pub count: u32,
}

/// What one round of deletion removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Events that no room holds any more.
    pub events: u64,
    /// Request ids older than 24 hours.
    pub requests: u64,
    /// Closed rooms that were forgotten with their last event.
    pub rooms: u64,
}

impl Default for Retention {
    /// 24 hours and 1,000 events.
    fn default() -> Self {
        Self { age: Duration::from_secs(24 * 3600), count: 1_000 }
    }
}

/// A room whose log may be too long.
struct Candidate {
    room: Room,
    root: Root,
    head: Offset,
    floor: Offset,
    closed: bool,
}

impl Record for Candidate {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            room: columns.parse(0)?,
            root: columns.parse(1)?,
            head: columns.offset(2)?,
            floor: columns.offset(3)?,
            closed: columns.flag(4)?,
        })
    }
}

struct Old(LoggedEvent);

impl Record for Old {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        LoggedEvent::from_text(columns.text(0)?.to_owned()).map(Self)
    }
}

struct Floor(Room, Offset);

impl Record for Floor {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self(columns.parse(0)?, columns.offset(1)?))
    }
}

impl Store {
    /// Deletes what the retention does not hold, in transactions of bounded size between which other
    /// writers get their turn.
    pub async fn delete_expired(&self, keep: Retention, now: Timestamp) -> Result<Deleted, StoreError> {
        let mut deleted = Deleted::default();
        let age = i64::try_from(keep.age.as_millis()).unwrap_or(i64::MAX);
        let cutoff = now.millis().checked_sub(age).and_then(|millis| Timestamp::from_millis(millis).ok());
        if let Some(cutoff) = cutoff {
            let mut after = String::new();
            loop {
                let rooms = self.candidates(&after, keep).await?;
                let Some(last) = rooms.last() else { break };
                after = last.room.to_string();
                for room in &rooms {
                    while !self.cut(&room.room, &room.root, keep, cutoff, &mut deleted).await? {}
                }
            }
        }
        loop {
            let mut tx = self.begin().await?;
            let gone = requests::delete_expired(&mut tx, now, BATCH).await?;
            tx.commit().await?;
            deleted.requests += gone;
            if gone < u64::from(BATCH) {
                return Ok(deleted);
            }
        }
    }

    /// The next rooms with more events than the retention's count, and the closed ones.
    async fn candidates(&self, after: &str, keep: Retention) -> Result<Vec<Candidate>, StoreError> {
        let sql = "SELECT room, root, head_offset, floor_offset, closed FROM rooms
                   WHERE room > $1 AND (head_offset - floor_offset > $2 OR closed = 1) ORDER BY room LIMIT $3";
        self.read(Sql::new(sql).bind(after).bind(keep.count).bind(ROOMS).bulk()).await
    }

    /// Cuts off the start of one room's log, at most one batch. True when nothing is left to cut.
    async fn cut(
        &self,
        room: &Room,
        root: &Root,
        keep: Retention,
        cutoff: Timestamp,
        deleted: &mut Deleted,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        tx.lock(std::slice::from_ref(root)).await?;
        // Another instance may have cut the room in the meantime.
        let Some(state) = tx.candidate(room).await? else { return Ok(true) };
        // A closed room's events tell nobody anything any more once they are old.
        let kept = if state.closed { 0 } else { u64::from(keep.count) };
        let last = state.head.0.saturating_sub(kept);
        let old = tx.oldest(&state, last).await?;
        let complete = old.len() < BATCH as usize;
        let expired: Vec<LoggedEvent> =
            old.into_iter().take_while(|event| event.timestamp < cutoff).collect();
        let floor = expired.last().and_then(|event| event.offsets.get(room)).unwrap_or(state.floor);
        let forget = state.closed && floor == state.head;
        if expired.is_empty() && !forget {
            return Ok(true);
        }
        let gone = tx.cut_off(&state, floor, &expired).await?;
        if forget {
            tx.execute(Sql::new("DELETE FROM rooms WHERE room = $1").bind(room)).await?;
        }
        let done = expired.len() < BATCH as usize || complete;
        tx.commit().await?;
        deleted.events += gone;
        deleted.rooms += u64::from(forget);
        Ok(done)
    }
}

impl Tx {
    async fn candidate(&mut self, room: &Room) -> Result<Option<Candidate>, StoreError> {
        let sql = "SELECT room, root, head_offset, floor_offset, closed FROM rooms WHERE room = $1";
        Ok(self.run(Kind::Read, Sql::new(sql).bind(room)).await?.into_iter().next())
    }

    /// The room's oldest events up to `last`.
    async fn oldest(&mut self, room: &Candidate, last: u64) -> Result<Vec<LoggedEvent>, StoreError> {
        let text = match room.room.as_root() {
            Some(_) => {
                "SELECT envelope FROM events WHERE root = $1 AND root_offset > $2 AND root_offset <= $3
                 ORDER BY root_offset LIMIT $4"
            }
            None => {
                "SELECT e.envelope FROM event_rooms i
                 JOIN events e ON e.root = i.root AND e.root_offset = i.root_offset
                 WHERE i.root = $1 AND i.room_offset > $2 AND i.room_offset <= $3 AND i.room = $5
                 ORDER BY i.room_offset LIMIT $4"
            }
        };
        let sql = Sql::new(text).bind(&room.root).bind(room.floor).bind(last).bind(BATCH);
        let sql = if room.room.as_root().is_some() { sql } else { sql.bind(&room.room) };
        let old: Vec<Old> = self.run(Kind::Read, sql).await?;
        Ok(old.into_iter().map(|Old(event)| event).collect())
    }

    /// Raises the room's floor over the events, and deletes those of them that no other room holds.
    async fn cut_off(
        &mut self,
        room: &Candidate,
        floor: Offset,
        events: &[LoggedEvent],
    ) -> Result<u64, StoreError> {
        let raise = "UPDATE rooms SET floor_offset = $1 WHERE room = $2";
        self.execute(Sql::new(raise).bind(floor).bind(&room.room)).await?;
        let leave = "DELETE FROM event_rooms WHERE root = $1 AND room = $2 AND room_offset <= $3";
        if room.room.as_root().is_none() {
            self.execute(Sql::new(leave).bind(&room.root).bind(&room.room).bind(floor)).await?;
        }
        let floors = self.floors(events).await?;
        let held = |event: &LoggedEvent| {
            // A room that is forgotten holds nothing.
            event.offsets.iter().any(|(room, offset)| floors.get(room).is_some_and(|floor| offset > *floor))
        };
        let gone: Vec<Offset> = events.iter().filter(|event| !held(event)).map(LoggedEvent::offset).collect();
        if gone.is_empty() {
            return Ok(0);
        }
        let delete = "DELETE FROM events WHERE root = $1 AND root_offset IN ({list})";
        self.execute(Sql::new(delete).bind(&room.root).list(gone)).await
    }

    async fn floors(&mut self, events: &[LoggedEvent]) -> Result<HashMap<Room, Offset>, StoreError> {
        let mut rooms: Vec<&Room> =
            events.iter().flat_map(|event| event.offsets.iter().map(|(room, _)| room)).collect();
        rooms.sort_unstable();
        rooms.dedup();
        let sql = "SELECT room, floor_offset FROM rooms WHERE room IN ({list})";
        let floors: Vec<Floor> = self.run(Kind::Read, Sql::new(sql).list(rooms)).await?;
        Ok(floors.into_iter().map(|Floor(room, floor)| (room, floor)).collect())
    }
}
