//! From an identity, a room and an action to a grant.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{
    grant::Grant,
    identity::Identity,
    policy::{Action, decide, role_in},
};
use crate::{
    protocol::{Code, Problem, Role, Room, Root, UserId},
    store::{Store, StoreError, Tx, members},
};

/// Refusals that must not tell anything are given at multiples of this after the question.
const TICK: Duration = Duration::from_millis(5);

/// Decides who may do what. Cheap to clone. It keeps nothing: every answer comes from the database.
#[derive(Debug, Clone)]
pub struct Access {
    store: Store,
}

impl Access {
    /// Decides by what this store says.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The proof that `identity` may do `action` in `room`, as of now.
    ///
    /// # Errors
    /// `not_found` when the room does not exist, has been closed, or is not the user's to see: the
    /// three are the same, in body and in timing. `forbidden` when it is visible. `unavailable`.
    pub async fn require(&self, identity: &Identity, room: &Room, action: Action) -> Result<Grant, Problem> {
        let asked = Instant::now();
        let decided = self.decide(identity.user_id(), room, action).await;
        if decided.as_ref().is_err_and(|problem| problem.code == Code::NotFound) {
            hide_timing(asked).await;
        }
        decided
    }

    /// The user's role in the family of `root`; `None` for somebody who may not see it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn role(&self, user: &UserId, root: &Root) -> Result<Option<Role>, StoreError> {
        let membership = match root {
            Root::Campaign(id) => members::role(&self.store, *id, user).await?,
            Root::User(_) | Root::Session(_) | Root::Instances => None,
        };
        Ok(role_in(root, user, membership))
    }

    /// Asks again inside the transaction of a change, and locks the root's log first: a removal that
    /// committed before is seen, one that commits later comes after the change.
    ///
    /// # Errors
    /// As [`Access::require`]. That the room has been closed meanwhile shows when its row is read or,
    /// at the latest, at the commit.
    pub async fn confirm(&self, grant: &Grant, tx: &mut Tx) -> Result<(), Problem> {
        tx.lock(std::slice::from_ref(&grant.root)).await?;
        let membership = match &grant.root {
            Root::Campaign(id) => members::role(&mut *tx, *id, &grant.user).await?,
            Root::User(_) | Root::Session(_) | Root::Instances => None,
        };
        decide(&grant.room, grant.action, role_in(&grant.root, &grant.user, membership)).map(drop)
    }

    async fn decide(&self, user: &UserId, room: &Room, action: Action) -> Result<Grant, Problem> {
        let root = match room.as_root() {
            Some(root) => root,
            None => {
                let mut roots = self.store.resolve(std::slice::from_ref(room)).await?;
                roots.pop().flatten().ok_or_else(Problem::not_found)?
            }
        };
        let asked = std::slice::from_ref(room);
        let mut snapshot = self.store.snapshot(&root, asked, std::slice::from_ref(user)).await?;
        let open = snapshot.rooms.get(room).is_some_and(|state| !state.closed);
        let role = role_in(&root, user, snapshot.roles.remove(user)).filter(|_| open);
        let role = decide(room, action, role)?;
        Ok(Grant { user: user.clone(), room: room.clone(), root, role, action })
    }
}

/// Waits until the time since `asked` is a multiple of a few milliseconds. An absent room takes fewer
/// questions to the database than a forbidden one; without this, the difference could be measured.
pub async fn hide_timing(asked: Instant) {
    let ticks = asked.elapsed().as_micros() / TICK.as_micros() + 1;
    sleep_until(asked + TICK * u32::try_from(ticks).unwrap_or(u32::MAX)).await;
}
