//! Reading the log.

use std::sync::Arc;

use super::{
    LoggedEvent, RoomState, Store, StoreError,
    sql::{Columns, Record, Sql},
};
use crate::protocol::{Epoch, Offset, Room, Root};

/// A part of a room's log.
#[derive(Debug, Clone)]
pub struct Page {
    pub epoch: Epoch,
    /// The room's state at the instant the events were read.
    pub state: RoomState,
    /// The events after the asked offset, ascending without a hole. Empty when the log no longer
    /// holds the first of them: the asked offset is below `state.floor`.
    pub events: Vec<Arc<LoggedEvent>>,
}

struct Line {
    epoch: String,
    state: RoomState,
    envelope: Option<String>,
}

impl Record for Line {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        let state = RoomState {
            root: columns.parse(1)?,
            head: columns.offset(2)?,
            floor: columns.offset(3)?,
            closed: columns.flag(4)?,
        };
        let envelope = columns.optional_text(5)?.map(str::to_owned);
        Ok(Self { epoch: columns.text(0)?.to_owned(), state, envelope })
    }
}

impl Store {
    /// The root's events after `after`, ascending and dense, at most `limit`. Empty when there are none
    /// or when the log no longer holds the first.
    pub async fn events_of_root(
        &self,
        root: &Root,
        after: Offset,
        limit: u32,
    ) -> Result<Vec<Arc<LoggedEvent>>, StoreError> {
        self.events_of_room(&root.room(), after, limit).await
    }

    /// The room's events after `after`, ascending and dense, at most `limit`. Empty when there are none
    /// or when the log no longer holds the first.
    pub async fn events_of_room(
        &self,
        room: &Room,
        after: Offset,
        limit: u32,
    ) -> Result<Vec<Arc<LoggedEvent>>, StoreError> {
        Ok(self.page_of_room(room, after, limit).await?.map(|page| page.events).unwrap_or_default())
    }

    /// Epoch, state and events of a room read at one instant; `None` for a room that does not exist.
    ///
    /// # Errors
    /// `Corrupt` when the log has a hole, which is never answered as if it had none.
    pub async fn page_of_room(
        &self,
        room: &Room,
        after: Offset,
        limit: u32,
    ) -> Result<Option<Page>, StoreError> {
        let text = match room.as_root() {
            Some(_) => {
                "SELECT m.value, r.root, r.head_offset, r.floor_offset, r.closed, e.envelope
                 FROM rooms r JOIN meta m ON m.name = 'epoch'
                 LEFT JOIN events e
                     ON e.root = r.room AND e.root_offset > $2 AND r.floor_offset <= $2
                 WHERE r.room = $1 ORDER BY e.root_offset LIMIT $3"
            }
            None => {
                "SELECT m.value, r.root, r.head_offset, r.floor_offset, r.closed, e.envelope
                 FROM rooms r JOIN meta m ON m.name = 'epoch'
                 LEFT JOIN event_rooms i
                     ON i.root = r.root AND i.room = r.room AND i.room_offset > $2 AND r.floor_offset <= $2
                 LEFT JOIN events e ON e.root = i.root AND e.root_offset = i.root_offset
                 WHERE r.room = $1 ORDER BY i.room_offset LIMIT $3"
            }
        };
        let sql = Sql::new(text).bind(room).bind(after).bind(limit.max(1));
        let lines: Vec<Line> = self.read(if limit > 8 { sql.bulk() } else { sql }).await?;
        let Some(first) = lines.first() else { return Ok(None) };
        let (epoch, state) = (self.saw_epoch(&first.epoch)?, first.state.clone());
        let mut events = Vec::with_capacity(lines.len());
        for (line, place) in lines.into_iter().zip(after.0 + 1..).take(limit as usize) {
            let Some(text) = line.envelope else { break };
            let event = LoggedEvent::from_text(text)?;
            if event.offsets.get(room) != Some(Offset(place)) {
                return Err(StoreError::Corrupt(format!("the log of {room} has no event {place}")));
            }
            events.push(Arc::new(event));
        }
        Ok(Some(Page { epoch, state, events }))
    }
}
