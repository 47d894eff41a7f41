//! The way from the hub to one connection.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;

use crate::{
    protocol::{ConnectionId, Notice, Offset, Room, Root, UnsubscribeCode, UserId},
    store::LoggedEvent,
};

/// A connection as the hub sees it: somewhere to put events, in order.
///
/// Every call returns at once. What is put here arrives in the order of the calls or not at all: a
/// connection that cannot keep up is closed by its owner, never skipped (I11).
pub trait Outlet: Send + Sync + 'static {
    /// The connection's public id.
    fn connection(&self) -> ConnectionId;

    /// Whose connection it is.
    fn user(&self) -> &UserId;

    /// Queues an event. It may wait until [`Outlet::flush`].
    fn deliver(&self, broadcast: &Broadcast);

    /// Writes what was queued.
    fn flush(&self);

    /// Queues and writes a notice.
    fn notify(&self, notice: &Notice);

    /// The connection is in the room from now on; `head` follows what was queued to its subscribers.
    /// Called in order with [`Outlet::withdrawn`] and [`Outlet::removed`].
    fn joined(&self, root: &Root, room: &Room, head: &Arc<RoomHead>);

    /// The last [`Outlet::joined`] of the room is taken back: nobody waited for its answer any more, so the
    /// client does not know of it and is told nothing.
    fn withdrawn(&self, room: &Room);

    /// The hub has taken the connection out of a room for good.
    fn removed(&self, room: &Room, code: UnsubscribeCode);
}

/// One event on its way to many connections, encoded once.
#[derive(Debug)]
pub struct Broadcast {
    pub event: Arc<LoggedEvent>,
    encoded: OnceLock<Bytes>,
}

impl Broadcast {
    pub(super) fn new(event: Arc<LoggedEvent>) -> Self {
        Self { event, encoded: OnceLock::new() }
    }

    /// The bytes that `encode` makes of the event, made by the first connection that needs them.
    pub fn encoded(&self, encode: impl FnOnce(&LoggedEvent) -> Bytes) -> Bytes {
        self.encoded.get_or_init(|| encode(&self.event)).clone()
    }
}

/// The head of a room as its subscribers have been sent it: read by whoever tells a client its heads.
#[derive(Debug, Default)]
pub struct RoomHead(AtomicU64);

impl RoomHead {
    pub(super) fn new(offset: Offset) -> Self {
        Self(AtomicU64::new(offset.0))
    }

    /// The offset of the last event that was queued to the room's subscribers.
    pub fn get(&self) -> Offset {
        Offset(self.0.load(Ordering::Acquire))
    }

    pub(super) fn set(&self, offset: Offset) {
        self.0.store(offset.0, Ordering::Release);
    }
}
