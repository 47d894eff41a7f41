//! The recent events of one root in memory, so that a short absence costs no database read.

use std::{collections::VecDeque, sync::Arc};

use serde_json::value::RawValue;

use crate::{
    protocol::{Offset, Room},
    store::LoggedEvent,
};

/// An unbroken run of a root's latest events, bounded by number and by bytes.
#[derive(Debug)]
pub struct History {
    events: VecDeque<Arc<LoggedEvent>>,
    bytes: usize,
    max_events: usize,
    max_bytes: usize,
}

impl History {
    /// Empty, holding at most so many events and bytes of envelopes.
    pub fn new(max_events: usize, max_bytes: usize) -> Self {
        Self { events: VecDeque::new(), bytes: 0, max_events, max_bytes }
    }

    /// Adds the event that follows the last one.
    pub fn push(&mut self, event: Arc<LoggedEvent>) {
        self.bytes += event.json.get().len();
        self.events.push_back(event);
        while self.events.len() > self.max_events || self.bytes > self.max_bytes {
            let Some(oldest) = self.events.pop_front() else { return };
            self.bytes -= oldest.json.get().len();
        }
    }

    /// Forgets everything: what follows is not the continuation of what is here.
    pub fn clear(&mut self) {
        self.events.clear();
        self.bytes = 0;
    }

    /// The events of `room` after `position` up to its `head`, or `None` when some of them are not here.
    ///
    /// `limit` events at most; more count as not held.
    pub fn since(
        &self,
        room: &Room,
        position: Offset,
        head: Offset,
        limit: usize,
    ) -> Option<Vec<Arc<RawValue>>> {
        let missing = usize::try_from(head.0.checked_sub(position.0)?).ok()?;
        if missing > limit {
            return None;
        }
        let mut found = Vec::with_capacity(missing);
        let mut wanted = head;
        for event in self.events.iter().rev() {
            if wanted == position {
                break;
            }
            if let Some(offset) = event.offsets.get(room) {
                if offset != wanted {
                    return None;
                }
                found.push(event.json.clone());
                wanted = Offset(wanted.0 - 1);
            }
        }
        found.reverse();
        (wanted == position).then_some(found)
    }
}
