//! The proof that somebody may do something.

use super::policy::{Action, required_role};
use crate::protocol::{Problem, Role, Room, Root, UserId};

/// The proof that a user may do an action in a room, made by [`Access::require`](super::Access::require) alone.
///
/// It says what the database said when it was made. A change confirms it again inside its own
/// transaction with [`Access::confirm`](super::Access::confirm), so that a removal that commits first wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub(super) user: UserId,
    pub(super) room: Room,
    pub(super) root: Root,
    pub(super) role: Role,
    pub(super) action: Action,
}

impl Grant {
    /// Whom it was given to.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The room it is for.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// The root of that room.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The user's role there.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The action that was asked for.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Checks that the grant was given for `action`: the first line of a service function, so that a
    /// grant for reading does not open a door for writing.
    ///
    /// # Errors
    /// `internal`: the caller asked for the wrong grant, which is a fault of ours.
    pub fn must_be_for(&self, action: Action) -> Result<(), Problem> {
        let same = self.action == action;
        let role_suffices = required_role(self.room.kind(), action).is_some_and(|needed| self.role >= needed);
        if same && role_suffices {
            Ok(())
        } else {
            tracing::error!(granted = ?self.action, used_for = ?action, room = %self.room, "A grant was used for another action.");
            Err(Problem::internal())
        }
    }
}
