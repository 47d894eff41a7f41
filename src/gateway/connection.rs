//! One connection: whose it is, which rooms it is in, and its way to the client.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{
    frame,
    leases::Lease,
    limits::CommandLimit,
    mailbox::Mailbox,
    registry::Seat,
    way::{Reply, Way},
};
use crate::{
    access::Identity,
    hub::{Broadcast, Outlet, RoomHead},
    protocol::{
        Ack, ConnectionId, Epoch, Heads, Notice, Offset, Room, Root, Timestamp, UnsubscribeCode,
        Unsubscribed, UserId,
    },
};

/// An authenticated connection.
pub(super) struct Connection {
    pub id: ConnectionId,
    pub user: UserId,
    pub way: Way,
    pub mailbox: Mailbox,
    pub limit: CommandLimit,
    /// When the token was issued, in milliseconds since 1970; `UNKNOWN` when it did not say.
    issued_at: AtomicI64,
    /// Milliseconds since 1970.
    expires_at: AtomicI64,
    expiry_told: AtomicBool,
    /// When the heads are due next, in milliseconds of the registry's clock.
    pub heads_due: AtomicI64,
    /// Since when the way is dead, by the same clock; 0 while it is not.
    pub dead_since: AtomicI64,
    rooms: Mutex<Rooms>,
    /// Counts against the user's connections while it lives.
    seat: Seat,
}

/// From when to when a token says that it is good.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lifetime {
    pub issued_at: Option<Timestamp>,
    pub expires_at: Timestamp,
}

/// No instant: it is out of range for one.
const UNKNOWN: i64 = i64::MIN;

#[derive(Default)]
struct Rooms {
    joined: Vec<JoinedRoom>,
    /// Rooms whose presence is watched.
    watched: Vec<(Room, Root)>,
    /// While a command that enters rooms runs: what the connection was taken out of and not let into again.
    taken_out: Option<Vec<(Room, UnsubscribeCode)>>,
    ended: bool,
}

struct JoinedRoom {
    room: Room,
    root: Root,
    head: Arc<RoomHead>,
}

impl Connection {
    pub(super) fn new(
        id: ConnectionId,
        user: UserId,
        way: Way,
        limit: CommandLimit,
        token: Lifetime,
        seat: Seat,
    ) -> Self {
        Self {
            id,
            user,
            way,
            mailbox: Mailbox::default(),
            limit,
            issued_at: AtomicI64::new(token.issued_millis()),
            expires_at: AtomicI64::new(token.expires_at.millis()),
            expiry_told: AtomicBool::new(false),
            heads_due: AtomicI64::new(0),
            dead_since: AtomicI64::new(0),
            rooms: Mutex::default(),
            seat,
        }
    }

    /// The lease that stands for it among the user's connections.
    pub(super) fn lease(&self) -> Option<Lease> {
        self.seat.lease()
    }

    /// A command begins that may enter rooms: until [`Connection::answer_join`] everything waits that must not
    /// come before its answer.
    pub(super) fn begin_join(&self) {
        self.way.hold();
        self.rooms().taken_out = Some(Vec::new());
    }

    /// Answers a command that [`Connection::begin_join`] was called for.
    ///
    /// A room that the client was taken out of and let into again meanwhile is not told of as left: after the
    /// answer that it is in, it would have to believe that it is out.
    pub(super) fn answer_join(&self, reply: Reply, ack: &Ack) {
        self.way.answer(reply, &json(ack), true);
        let taken_out = self.rooms().taken_out.take();
        for (room, code) in taken_out.into_iter().flatten() {
            self.notify(&Notice::Unsubscribed(Unsubscribed { room, code }));
        }
    }

    /// Answers any other command.
    pub(super) fn answer(&self, reply: Reply, ack: &Ack) {
        self.way.answer(reply, &json(ack), false);
    }

    /// When the token was issued, if it said so.
    pub(super) fn issued_at(&self) -> Option<Timestamp> {
        Timestamp::from_millis(self.issued_at.load(Ordering::Relaxed)).ok()
    }

    /// When the token ends, in milliseconds since 1970.
    pub(super) fn expires_at(&self) -> i64 {
        self.expires_at.load(Ordering::Relaxed)
    }

    /// The client brought a token that lasts longer.
    pub(super) fn extend(&self, token: Lifetime) {
        self.issued_at.store(token.issued_millis(), Ordering::Relaxed);
        self.expires_at.store(token.expires_at.millis(), Ordering::Relaxed);
        self.expiry_told.store(false, Ordering::Relaxed);
    }

    /// True the first time since the token was extended: the client has to be told that it ends.
    pub(super) fn tell_expiry_once(&self) -> bool {
        !self.expiry_told.swap(true, Ordering::Relaxed)
    }

    /// In how many rooms the connection is.
    pub(super) fn room_count(&self) -> usize {
        self.rooms().joined.len()
    }

    /// Whether it is in the room.
    pub(super) fn is_in(&self, room: &Room) -> bool {
        self.rooms().joined.iter().any(|joined| &joined.room == room)
    }

    /// Forgets a room at the client's wish; the root that has to be told.
    pub(super) fn forget(&self, room: &Room) -> Option<Root> {
        let mut rooms = self.rooms();
        let index = rooms.joined.iter().position(|joined| &joined.room == room)?;
        Some(rooms.joined.swap_remove(index).root)
    }

    /// Remembers that presence is watched.
    pub(super) fn watch(&self, room: Room, root: Root) {
        let mut rooms = self.rooms();
        if !rooms.watched.iter().any(|(watched, _)| watched == &room) {
            rooms.watched.push((room, root));
        }
    }

    /// How many rooms' presence is watched.
    pub(super) fn watch_count(&self) -> usize {
        self.rooms().watched.len()
    }

    /// Forgets that presence is watched; the root that has to be told.
    pub(super) fn stop_watching(&self, room: &Room) -> Option<Root> {
        let mut rooms = self.rooms();
        let index = rooms.watched.iter().position(|(watched, _)| watched == room)?;
        Some(rooms.watched.swap_remove(index).1)
    }

    /// Every root the connection has to do with.
    pub(super) fn roots(&self) -> Vec<Root> {
        let rooms = self.rooms();
        let mut roots: Vec<Root> = rooms.joined.iter().map(|joined| joined.root.clone()).collect();
        roots.extend(rooms.watched.iter().map(|(_, root)| root.clone()));
        roots.sort_unstable();
        roots.dedup();
        roots
    }

    /// The heads of its rooms, unless it is in none.
    pub(super) fn heads(&self, epoch: Epoch) -> Option<Notice> {
        let rooms = self.rooms();
        let heads: BTreeMap<Room, Offset> =
            rooms.joined.iter().map(|joined| (joined.room.clone(), joined.head.get())).collect();
        (!heads.is_empty()).then_some(Notice::Heads(Heads { epoch, rooms: heads }))
    }

    /// The connection is over. True for the first caller.
    pub(super) fn end(&self) -> bool {
        !std::mem::replace(&mut self.rooms().ended, true)
    }

    /// Whether the connection is over.
    pub(super) fn has_ended(&self) -> bool {
        self.rooms().ended
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lifetime {
    pub(super) fn of(identity: &Identity) -> Self {
        Self { issued_at: identity.issued_at(), expires_at: identity.expires_at() }
    }

    fn issued_millis(self) -> i64 {
        self.issued_at.map_or(UNKNOWN, Timestamp::millis)
    }
}

impl Outlet for Connection {
    fn connection(&self) -> ConnectionId {
        self.id
    }

    fn user(&self) -> &UserId {
        &self.user
    }

    fn deliver(&self, broadcast: &Broadcast) {
        let event = &broadcast.event;
        let name = event.event_type.name();
        let encode = || broadcast.encoded(|event| frame::event(name, event.json.get()));
        if !self.way.event(name, &event.json, encode) {
            metrics::counter!("ws_broadcast_fail_total").increment(1);
        }
    }

    fn flush(&self) {
        self.way.flush();
    }

    fn notify(&self, notice: &Notice) {
        self.way.notice(notice.name(), json(notice));
    }

    fn joined(&self, root: &Root, room: &Room, head: &Arc<RoomHead>) {
        let joined = JoinedRoom { room: room.clone(), root: root.clone(), head: head.clone() };
        let mut rooms = self.rooms();
        match rooms.joined.iter_mut().find(|present| &present.room == room) {
            // A root's task that had to start anew lets in again who was in before.
            Some(present) => *present = joined,
            None => rooms.joined.push(joined),
        }
        if let Some(taken_out) = &mut rooms.taken_out {
            taken_out.retain(|(left, _)| left != room);
        }
    }

    fn withdrawn(&self, room: &Room) {
        self.forget(room);
    }

    fn removed(&self, room: &Room, code: UnsubscribeCode) {
        self.forget(room);
        if let Some(taken_out) = &mut self.rooms().taken_out {
            return taken_out.push((room.clone(), code));
        }
        self.notify(&Notice::Unsubscribed(Unsubscribed { room: room.clone(), code }));
    }
}

/// What is serialized here are our own types, whose keys are strings: that cannot fail.
fn json<T: Serialize>(value: &T) -> Box<RawValue> {
    to_raw_value(value).unwrap_or_else(|error| {
        tracing::error!(%error, "A message could not be serialized.");
        RawValue::NULL.to_owned()
    })
}
