//! Delivering in order, and reading from the log what the bus did not bring.

use std::sync::atomic::Ordering;

use super::{Place, READ_LIMIT, RootTask};
use crate::{
    bus::Delivery,
    hub::{
        sequencer::{Gap, Sequencer},
        time::{Instant, now, timeout},
    },
    protocol::{Offset, Room, StaleReason, UserId},
    store::Snapshot,
};

/// How many events are queued to everybody before they are written: a bigger burst would stand in the
/// way of slower readers' bounds without saving a system call.
const EVENTS_A_FLUSH: usize = 64;
/// Events a page when a gap is filled.
const PAGE: u32 = 512;
/// How many sockets are written to before other tasks get a turn.
const FLUSHES_A_TURN: usize = 64;

impl RootTask {
    /// Delivers everything that can be delivered in order, up to `limit` if given, and fills gaps
    /// from the log. Without a limit a gap is first given a moment: what is missing is often only
    /// overtaken. False when the limit could not be reached because the log could not be read.
    pub(super) async fn advance(&mut self, limit: Option<Offset>) -> bool {
        let mut may_fill = limit.is_some() || self.state.fill_is_due();
        loop {
            let Some(place) = &mut self.state.place else { return true };
            let mut published = Vec::new();
            let mut count = 0;
            while count < EVENTS_A_FLUSH {
                let passed = match limit {
                    Some(limit) => place.sequencer.pass_upto(limit),
                    None => place.sequencer.pass(),
                };
                let Some(delivery) = passed else { break };
                published.extend(delivery.published_at);
                self.state.family.deliver(delivery.event);
                count += 1;
            }
            self.passed.store(place.sequencer.passed().0, Ordering::Release);
            let gap = place.sequencer.gap();
            let arrived = limit.is_some_and(|limit| place.sequencer.passed() >= limit);
            self.flush(&published).await;
            if count > 0 && !may_fill {
                // What was missing has come; if something is missing now, it is something else.
                self.state.fill_due = None;
            }
            match gap {
                _ if arrived => return true,
                _ if count == EVENTS_A_FLUSH => {}
                None => {
                    self.state.fill_due = None;
                    return true;
                }
                Some(_) if !may_fill => {
                    self.state.fill_due.get_or_insert_with(|| now() + self.options.gap_grace);
                    return true;
                }
                Some(gap) => {
                    if !self.fill(gap).await {
                        self.state.fill_due = Some(now() + self.options.retry);
                        return false;
                    }
                    may_fill = true;
                }
            }
        }
    }

    async fn flush(&mut self, published: &[Instant]) {
        for outlets in self.state.family.take_unflushed().chunks(FLUSHES_A_TURN) {
            outlets.iter().for_each(|outlet| outlet.flush());
            tokio::task::yield_now().await;
        }
        let latency = metrics::histogram!("ws_commit_to_emit_seconds");
        published.iter().for_each(|at| latency.record(at.elapsed()));
    }

    /// Reads a page of what is missing. False when the log could not be read.
    async fn fill(&mut self, gap: Gap) -> bool {
        metrics::counter!("hub_gap_fills_total").increment(1);
        let wanted = u64::from(PAGE).min(gap.upto.0 - gap.after.0) as u32;
        let page = timeout(READ_LIMIT, self.log.page_of_room(&self.root.room(), gap.after, wanted)).await;
        let page = match page {
            Ok(Ok(page)) => page,
            Ok(Err(error)) => {
                tracing::warn!(root = %self.root, %error, "Missed events could not be read from the log.");
                return false;
            }
            Err(_) => {
                tracing::warn!(root = %self.root, "Missed events could not be read from the log in time.");
                return false;
            }
        };
        let Some(place) = &mut self.state.place else { return true };
        let Some(page) = page.filter(|page| page.epoch == place.epoch && page.state.floor <= gap.after)
        else {
            return self.start_over(StaleReason::HistoryTrimmed).await;
        };
        if page.events.is_empty() {
            // Something claimed more than the log holds.
            place.sequencer.forget_beyond(page.state.head);
        }
        for event in page.events {
            place.sequencer.fill(event.offset(), Delivery { event, published_at: None });
        }
        true
    }

    /// What follows our place is not in the log, or it is another log: continues behind the database's
    /// head and tells the subscribers.
    pub(super) async fn start_over(&mut self, reason: StaleReason) -> bool {
        let (rooms, users) = (self.state.family.rooms(), self.state.family.users());
        let Some(snapshot) = self.read(&rooms, &users).await else { return false };
        let head = snapshot.head(&self.root.room());
        let Some(place) = &mut self.state.place else { return true };
        if place.epoch == snapshot.epoch && head == place.sequencer.passed() {
            let passed = place.sequencer.passed();
            place.sequencer.jump(passed);
            return true;
        }
        let reason = if place.epoch == snapshot.epoch { reason } else { StaleReason::EpochChanged };
        tracing::warn!(root = %self.root, ?reason, %head, "Subscribers are told to read again.");
        place.epoch = snapshot.epoch.clone();
        place.sequencer.jump(head);
        self.passed.store(head.0, Ordering::Release);
        for room in &rooms {
            self.state.family.set_head(room, snapshot.head(room));
        }
        self.state.family.history.clear();
        self.apply_what_was_passed_over(&snapshot, &rooms, &users);
        self.state.family.invalidate(reason);
        true
    }

    /// Removals and deletions may be among the events that nobody here gets to see: who may be where
    /// is decided as for a join (I8).
    fn apply_what_was_passed_over(&mut self, snapshot: &Snapshot, rooms: &[Room], users: &[UserId]) {
        let root = self.root.room();
        if !snapshot.is_open(&root) {
            return self.state.family.close_all();
        }
        // Who follows the log of the instances is one, and needs no permission.
        let users = if root == Room::Instances { &[] } else { users };
        for user in users {
            if self.may_view(snapshot, user, &root).is_err() {
                self.state.family.remove_user(user);
            }
        }
        for room in rooms.iter().filter(|room| !snapshot.is_open(room)) {
            self.state.family.close(room);
        }
    }

    pub(super) async fn read(&mut self, rooms: &[Room], users: &[UserId]) -> Option<Snapshot> {
        let mut rooms = rooms.to_vec();
        rooms.push(self.root.room());
        rooms.sort_unstable();
        rooms.dedup();
        self.state.last_read = Some(now());
        match timeout(READ_LIMIT, self.log.snapshot(&self.root, &rooms, users)).await {
            Ok(Ok(snapshot)) => Some(snapshot),
            Ok(Err(error)) => {
                tracing::warn!(root = %self.root, %error, "The place of rooms in the log could not be read.");
                None
            }
            Err(_) => {
                tracing::warn!(root = %self.root, "The place of rooms in the log could not be read in time.");
                None
            }
        }
    }

    /// A snapshot, with everybody here brought up to it.
    pub(super) async fn catch_up(&mut self, rooms: &[Room], users: &[UserId]) -> Option<Snapshot> {
        loop {
            let snapshot = self.read(rooms, users).await?;
            let head = snapshot.head(&self.root.room());
            let Some(place) = &mut self.state.place else {
                self.passed.store(head.0, Ordering::Release);
                self.state.place =
                    Some(Place { epoch: snapshot.epoch.clone(), sequencer: Sequencer::new(head) });
                return Some(snapshot);
            };
            if place.epoch != snapshot.epoch || head < place.sequencer.passed() {
                if !self.start_over(StaleReason::EpochChanged).await {
                    return None;
                }
                continue;
            }
            place.sequencer.observe_head(head);
            if !self.advance(Some(head)).await {
                return None;
            }
            // A jump over trimmed history can lead past this snapshot, and one into another log to an offset that only
            // looks like this snapshot's; then it takes a newer one.
            let is_there = |place: &Place| place.epoch == snapshot.epoch && place.sequencer.passed() == head;
            if self.state.place.as_ref().is_some_and(is_there) {
                return Some(snapshot);
            }
        }
    }
}
