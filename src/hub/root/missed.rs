//! What returning clients missed: from memory, else from the log, each room read once for a batch of joins.
//!
//! What can be asked for is what a client likes to ask for: the same room a thousand times, each time from another
//! position. So one read serves all of them, no more is kept of it than one answer may hold, and all of a batch is
//! read within [`RECOVERY_LIMIT`].

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::value::RawValue;

use super::{Join, RootTask};
use crate::{
    hub::time::{Instant, now, timeout},
    protocol::{Offset, Room},
    store::{LoggedEvent, Snapshot},
};

/// For so long a batch of joins reads what was missed, the reading of places before it included. Whoever would need
/// more is told to read again: nothing is delivered meanwhile, and who waits for the next batch has to be answered, too.
pub(super) const RECOVERY_LIMIT: Duration = Duration::from_secs(2);

/// How many bytes of missed events may still come with one command, whichever roots its rooms have.
#[derive(Clone)]
pub struct Allowance(Arc<AtomicUsize>);

/// What was read from the log for one batch of joins.
pub(super) struct Missed {
    /// The lowest position in each room that somebody can be brought up from.
    lowest: HashMap<Room, Offset>,
    /// `None` for a room of which nothing can be had.
    stretches: HashMap<Room, Option<Stretch>>,
    /// Of the events in `stretches`.
    bytes: usize,
    read_until: Instant,
}

/// The latest events of a room, no more than one answer may hold.
struct Stretch {
    /// The offset before the first one.
    after: Offset,
    events: Vec<Arc<RawValue>>,
}

impl Allowance {
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    /// Uses so much up. False, and nothing is used, when there is not so much left.
    fn take(&self, bytes: usize) -> bool {
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(bytes)).is_ok()
    }
}

impl Missed {
    /// Nothing is read yet. `limit` is how many events come with a join at most.
    pub fn by(joins: &[Join], snapshot: &Snapshot, limit: usize, read_until: Instant) -> Self {
        let mut lowest = HashMap::new();
        for wish in joins.iter().flat_map(|join| &join.rooms) {
            let (Some(position), Some(state)) = (&wish.position, snapshot.rooms.get(&wish.room)) else {
                continue;
            };
            let is_held = position.epoch == snapshot.epoch && position.offset >= state.floor;
            if is_held && is_near(position.offset, state.head, limit) {
                let lowest = lowest.entry(wish.room.clone()).or_insert(position.offset);
                *lowest = position.offset.min(*lowest);
            }
        }
        Self { lowest, stretches: HashMap::new(), bytes: 0, read_until }
    }

    /// Keeps what was read, of all rooms together no more than so many bytes: what is forgotten is read again.
    fn keep(&mut self, room: &Room, stretch: Option<Stretch>, most: usize) {
        let bytes = stretch.as_ref().map_or(0, |stretch| bytes_of(&stretch.events));
        if self.bytes + bytes > most {
            self.stretches.clear();
            self.bytes = 0;
        }
        self.bytes += bytes;
        self.stretches.insert(room.clone(), stretch);
    }
}

impl Stretch {
    /// The last of the events after `after` up to `head` that have together so many bytes at most. `None` when one
    /// of the events is missing (I7).
    fn of(
        room: &Room,
        after: Offset,
        head: Offset,
        events: &[Arc<LoggedEvent>],
        bytes: usize,
    ) -> Option<Self> {
        let mut expected = after;
        let mut found = Vec::new();
        for event in events {
            if expected == head {
                break;
            }
            expected = expected.next();
            if event.offsets.get(room) != Some(expected) {
                return None;
            }
            found.push(event.json.clone());
        }
        if expected != head {
            return None;
        }
        let mut left = bytes;
        let fits = |event: &&Arc<RawValue>| match left.checked_sub(event.get().len()) {
            Some(less) => {
                left = less;
                true
            }
            None => false,
        };
        let too_many = found.len() - found.iter().rev().take_while(fits).count();
        found.drain(..too_many);
        Some(Self { after: Offset(after.0 + too_many as u64), events: found })
    }

    /// The events after the position, if all of them are here.
    fn since(&self, position: Offset) -> Option<Vec<Arc<RawValue>>> {
        let known = usize::try_from(position.0.checked_sub(self.after.0)?).ok()?;
        self.events.get(known..).map(<[_]>::to_vec)
    }
}

impl RootTask {
    /// Everything in the room after the position up to its head, if it can be had without a hole and may still come
    /// with the command. The position is of the snapshot's epoch.
    pub(super) async fn missed_since(
        &self,
        room: &Room,
        position: Offset,
        snapshot: &Snapshot,
        missed: &mut Missed,
        allowance: &Allowance,
    ) -> Option<Vec<Arc<RawValue>>> {
        let (head, limit) = (snapshot.head(room), self.options.recovery_events);
        if position == head {
            return Some(Vec::new());
        }
        if !is_near(position, head, limit) {
            return None;
        }
        let events = match self.state.family.history.since(room, position, head, limit) {
            Some(events) => events,
            None => {
                if !missed.stretches.contains_key(room) {
                    let stretch = self.read_missed(room, snapshot, missed).await;
                    missed.keep(room, stretch, self.options.history_bytes);
                }
                missed.stretches.get(room)?.as_ref()?.since(position)?
            }
        };
        allowance.take(bytes_of(&events)).then_some(events)
    }

    async fn read_missed(&self, room: &Room, snapshot: &Snapshot, missed: &Missed) -> Option<Stretch> {
        let after = *missed.lowest.get(room)?;
        let time_left = missed.read_until.saturating_duration_since(now());
        if time_left.is_zero() {
            return None;
        }
        metrics::counter!("hub_recovery_reads_total").increment(1);
        let limit = self.options.recovery_events as u32;
        let page = timeout(time_left, self.log.page_of_room(room, after, limit)).await;
        // Another epoch would be another log, whose events only look like the missed ones.
        let page = page.ok()?.ok()?.filter(|page| page.epoch == snapshot.epoch)?;
        Stretch::of(room, after, snapshot.head(room), &page.events, self.options.recovery_bytes)
    }
}

/// Whether no more than so many events are missing.
fn is_near(position: Offset, head: Offset, limit: usize) -> bool {
    head.0.checked_sub(position.0).is_some_and(|missing| missing <= limit as u64)
}

fn bytes_of(events: &[Arc<RawValue>]) -> usize {
    events.iter().map(|event| event.get().len()).sum()
}
