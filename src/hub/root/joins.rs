//! Joins: who may enter, where each room stands, and what was missed, all from one snapshot.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::value::RawValue;

use super::{Join, Joined, Purpose, READ_LIMIT, RootTask};
use crate::{
    access::{Action, decide, role_in},
    hub::time::timeout,
    protocol::{Offset, Position, Problem, Room, SubscribeRoom, Subscribed, UserId},
    store::{LoggedEvent, Snapshot},
};

/// How many joins are answered from one read at most.
const JOINS_A_READ: usize = 1000;

/// What was read from the log for one batch of joins: many come back from the same position.
#[derive(Default)]
struct Missed(HashMap<(Room, Offset), Option<Vec<Arc<RawValue>>>>);

impl RootTask {
    /// Answers the joins that wait, all from one snapshot of the database: who may, and where each
    /// room stands. Present subscribers are brought up to that place first, then the new ones are
    /// registered there.
    pub(super) async fn answer_joins(&mut self) {
        // Whoever has stopped waiting has asked again, perhaps: answering them too would keep an instance that is
        // behind from ever catching up.
        self.state.joins.retain(|join| !join.reply.is_closed());
        let count = self.state.joins.len().min(JOINS_A_READ);
        if count == 0 {
            return;
        }
        let joins: Vec<Join> = self.state.joins.drain(..count).collect();
        let rooms: HashSet<&Room> =
            joins.iter().flat_map(|join| &join.rooms).map(|wish| &wish.room).collect();
        let rooms: Vec<Room> = rooms.into_iter().cloned().collect();
        let users: HashSet<&UserId> = joins.iter().map(|join| join.outlet.user()).collect();
        let users: Vec<UserId> = users.into_iter().cloned().collect();
        let Some(snapshot) = self.catch_up(&rooms, &users).await else {
            for join in joins {
                let refusals = join.rooms.iter().map(|_| Err(Problem::unavailable())).collect();
                join.reply.send(refusals).ok();
            }
            return;
        };
        let mut missed = Missed::default();
        for join in joins {
            let mut answers = Vec::with_capacity(join.rooms.len());
            let mut budget = self.options.recovery_bytes;
            for wish in &join.rooms {
                answers.push(self.enter(&join, wish, &snapshot, &mut missed, &mut budget).await);
            }
            if join.reply.send(answers).is_err() {
                // The connection has ended meanwhile, or stopped waiting.
                for wish in &join.rooms {
                    self.state.family.leave(join.outlet.connection(), &wish.room);
                }
            }
        }
    }

    async fn enter(
        &mut self,
        join: &Join,
        wish: &SubscribeRoom,
        snapshot: &Snapshot,
        missed: &mut Missed,
        budget: &mut usize,
    ) -> Result<Joined, Problem> {
        let room = &wish.room;
        if !matches!(join.purpose, Purpose::Follow) {
            self.may_view(snapshot, join.outlet.user(), room)?;
        }
        if !snapshot.is_open(room) {
            return Err(Problem::not_found());
        }
        let offset = snapshot.head(room);
        let recovered = match &wish.position {
            Some(position) if position.epoch == snapshot.epoch => {
                self.missed_since(room, position, offset, missed).await
            }
            Some(_) | None => None,
        };
        let recovered = recovered.filter(|events| {
            let bytes: usize = events.iter().map(|event| event.get().len()).sum();
            let fits = bytes <= *budget;
            *budget = budget.saturating_sub(if fits { bytes } else { 0 });
            fits
        });
        if wish.position.is_some() {
            let outcome = if recovered.is_some() { "recovered" } else { "refused" };
            metrics::counter!("ws_recoveries_total", "outcome" => outcome).increment(1);
        }
        match &join.purpose {
            Purpose::Subscribe | Purpose::Follow => {
                self.state.family.join(&self.root, &join.outlet, room, offset)
            }
            Purpose::Watch(elsewhere) => {
                self.state.family.attendance.watch(room, join.outlet.clone(), elsewhere.clone());
            }
        }
        let subscribed = Subscribed {
            success: true,
            room: room.clone(),
            epoch: snapshot.epoch.clone(),
            offset,
            recovered: recovered.is_some(),
            events: recovered.unwrap_or_default(),
        };
        Ok(Joined { root: self.root.clone(), subscribed })
    }

    /// Whether the user may view the room, by the roles of the snapshot.
    pub(super) fn may_view(&self, snapshot: &Snapshot, user: &UserId, room: &Room) -> Result<(), Problem> {
        decide(room, Action::View, role_in(&self.root, user, snapshot.role(user))).map(|_| ())
    }

    /// Everything after the position, if it can be had without a hole: from memory, else from the log.
    async fn missed_since(
        &self,
        room: &Room,
        position: &Position,
        head: Offset,
        missed: &mut Missed,
    ) -> Option<Vec<Arc<RawValue>>> {
        let limit = self.options.recovery_events;
        if position.offset == head {
            return Some(Vec::new());
        }
        if position.offset > head || head.0 - position.offset.0 > limit as u64 {
            return None;
        }
        if let Some(events) = self.state.family.history.since(room, position.offset, head, limit) {
            return Some(events);
        }
        let key = (room.clone(), position.offset);
        if let Some(known) = missed.0.get(&key) {
            return known.clone();
        }
        metrics::counter!("hub_recovery_reads_total").increment(1);
        let page = timeout(READ_LIMIT, self.log.page_of_room(room, position.offset, limit as u32)).await;
        // Another epoch would be another log, whose events only look like the missed ones.
        let page = page.ok().and_then(Result::ok).flatten().filter(|page| page.epoch == position.epoch);
        let events = page.and_then(|page| unbroken(room, position.offset, head, &page.events));
        missed.0.insert(key, events.clone());
        events
    }
}

/// The events after `position` up to `head`, unless one of them is missing (I7).
fn unbroken(
    room: &Room,
    position: Offset,
    head: Offset,
    events: &[Arc<LoggedEvent>],
) -> Option<Vec<Arc<RawValue>>> {
    let mut expected = position;
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
    (expected == head).then_some(found)
}
