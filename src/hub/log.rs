//! What the hub reads of the log: few questions, each answered from one instant of the database.

use std::collections::HashMap;

use futures_util::future::{BoxFuture, FutureExt};

use crate::{
    protocol::{Epoch, Offset, Room, Root, UserId},
    store::{Page, Snapshot, Store, StoreError},
};

/// The log as a hub sees it: the database, or in the simulation a model of one that can be made to fail.
///
/// Promise: each answer is what the log held at one instant between the question and the answer. What
/// the methods say of themselves stands at those of [`Store`].
pub(super) trait Log: Send + Sync + 'static {
    /// The log's identity, as last read.
    fn epoch(&self) -> Epoch;

    /// The root of each room, in order; `None` for one that does not exist.
    fn resolve<'a>(&'a self, rooms: &'a [Room]) -> Answer<'a, Vec<Option<Root>>>;

    /// Membership and heads of one instant.
    fn snapshot<'a>(&'a self, root: &'a Root, rooms: &'a [Room], users: &'a [UserId])
    -> Answer<'a, Snapshot>;

    /// The heads of the roots that have events, with the epoch of the same instant.
    fn heads<'a>(&'a self, roots: &'a [Root]) -> Answer<'a, (Epoch, HashMap<Root, Offset>)>;

    /// Epoch, state and events of a room after `after`, at most `limit`; `None` for a room that does
    /// not exist.
    fn page_of_room<'a>(&'a self, room: &'a Room, after: Offset, limit: u32) -> Answer<'a, Option<Page>>;
}

/// What a question to the log will be answered.
pub(super) type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

impl Log for Store {
    fn epoch(&self) -> Epoch {
        self.epoch()
    }

    fn resolve<'a>(&'a self, rooms: &'a [Room]) -> Answer<'a, Vec<Option<Root>>> {
        self.resolve(rooms).boxed()
    }

    fn snapshot<'a>(
        &'a self,
        root: &'a Root,
        rooms: &'a [Room],
        users: &'a [UserId],
    ) -> Answer<'a, Snapshot> {
        self.snapshot(root, rooms, users).boxed()
    }

    fn heads<'a>(&'a self, roots: &'a [Root]) -> Answer<'a, (Epoch, HashMap<Root, Offset>)> {
        self.heads(roots).boxed()
    }

    fn page_of_room<'a>(&'a self, room: &'a Room, after: Offset, limit: u32) -> Answer<'a, Option<Page>> {
        self.page_of_room(room, after, limit).boxed()
    }
}
