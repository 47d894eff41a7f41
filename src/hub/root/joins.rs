//! Joins: who may enter, where each room stands, and what was missed, all from one snapshot.

use std::{collections::HashSet, sync::Arc};

use super::{
    Join, Joined, Purpose, RootTask,
    missed::{Allowance, Missed, RECOVERY_LIMIT},
};
use crate::{
    access::{Action, decide, role_in},
    hub::{outlet::Outlet, time::now},
    protocol::{Problem, Room, SubscribeRoom, Subscribed, UserId},
    store::Snapshot,
};

/// How many joins are answered from one read at most.
const JOINS_A_READ: usize = 1000;

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
        let read_until = now() + RECOVERY_LIMIT;
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
        let mut missed = Missed::by(&joins, &snapshot, self.options.recovery_events, read_until);
        for join in joins {
            self.answer_join(join, &snapshot, &mut missed).await;
        }
    }

    async fn answer_join(&mut self, join: Join, snapshot: &Snapshot, missed: &mut Missed) {
        let Join { outlet, purpose, rooms, allowance, reply } = join;
        if reply.is_closed() {
            return;
        }
        let mut answers = Vec::with_capacity(rooms.len());
        let mut entered = Vec::new();
        for wish in &rooms {
            let answer = self.answer(&outlet, &purpose, wish, snapshot, missed, &allowance).await;
            if let Ok(joined) = &answer
                && self.enter(&outlet, &purpose, &joined.subscribed)
            {
                entered.push(&wish.room);
            }
            answers.push(answer);
        }
        if reply.send(answers).is_err() {
            // The connection has ended meanwhile, or stopped waiting. Where it was before, it stays.
            entered.into_iter().for_each(|room| self.withdraw(&outlet, &purpose, room));
        }
    }

    /// Decides on one wish, by the snapshot alone. Nobody is let in yet.
    async fn answer(
        &self,
        outlet: &Arc<dyn Outlet>,
        purpose: &Purpose,
        wish: &SubscribeRoom,
        snapshot: &Snapshot,
        missed: &mut Missed,
        allowance: &Allowance,
    ) -> Result<Joined, Problem> {
        let room = &wish.room;
        if !matches!(purpose, Purpose::Follow) {
            self.may_view(snapshot, outlet.user(), room)?;
        }
        if !snapshot.is_open(room) {
            return Err(Problem::not_found());
        }
        let offset = snapshot.head(room);
        let recovered = match &wish.position {
            Some(position) if position.epoch == snapshot.epoch => {
                self.missed_since(room, position.offset, snapshot, missed, allowance).await
            }
            Some(_) | None => None,
        };
        if wish.position.is_some() {
            let outcome = if recovered.is_some() { "recovered" } else { "refused" };
            metrics::counter!("ws_recoveries_total", "outcome" => outcome).increment(1);
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

    /// Lets the connection in where the answer says. False when it was there already.
    fn enter(&mut self, outlet: &Arc<dyn Outlet>, purpose: &Purpose, place: &Subscribed) -> bool {
        self.state.was_entered = true;
        let family = &mut self.state.family;
        match purpose {
            Purpose::Subscribe | Purpose::Follow => {
                family.join(&self.root, outlet, &place.room, place.offset)
            }
            Purpose::Watch(elsewhere) => {
                family.attendance.watch(&place.room, outlet.clone(), elsewhere.clone())
            }
        }
    }

    /// Takes back an entering that nobody has heard of.
    fn withdraw(&mut self, outlet: &Arc<dyn Outlet>, purpose: &Purpose, room: &Room) {
        let family = &mut self.state.family;
        match purpose {
            Purpose::Subscribe | Purpose::Follow => family.withdraw(outlet, room),
            Purpose::Watch(_) => family.attendance.stop_watching(outlet.connection(), room),
        }
    }

    /// Whether the user may view the room, by the roles of the snapshot.
    pub(super) fn may_view(&self, snapshot: &Snapshot, user: &UserId, room: &Room) -> Result<(), Problem> {
        decide(room, Action::View, role_in(&self.root, user, snapshot.role(user))).map(|_| ())
    }
}
