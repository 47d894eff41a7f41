//! The policy: one table from a kind of room and an action to the weakest role that may do it.

use crate::protocol::{Problem, Role, Room, RoomKind, Root, UserId};

/// What somebody may want to do in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read it, subscribe to it, see who is present.
    View,
    /// Change the entity that the room belongs to.
    Edit,
    /// Add something inside: a settlement to a campaign, a structure to a settlement.
    Create,
    /// Delete the entity that the room belongs to.
    Delete,
    /// Move the world time.
    AdvanceTime,
    /// Tell every screen to read again.
    Invalidate,
    /// Say who is a member and in which role.
    Administer,
}

impl Action {
    /// Every action, for tables that must have a column for each.
    pub const ALL: [Self; 7] = [
        Self::View,
        Self::Edit,
        Self::Create,
        Self::Delete,
        Self::AdvanceTime,
        Self::Invalidate,
        Self::Administer,
    ];

    /// The verb in a sentence that refuses it.
    const fn verb(self) -> &'static str {
        match self {
            Self::View => "view this",
            Self::Edit => "change this",
            Self::Create => "add to this",
            Self::Delete => "delete this",
            Self::AdvanceTime => "move the world time",
            Self::Invalidate => "invalidate this",
            Self::Administer => "change the members",
        }
    }
}

/// The weakest role that may do `action` in a room of this kind, or `None` when nobody may.
///
/// Settlements and structures go by the user's role in their campaign. In a user's room its user has
/// the role OWNER and everybody else none. Sessions are not there yet, and what the instances tell each
/// other is nobody's business, so nobody may do anything.
pub const fn required_role(kind: RoomKind, action: Action) -> Option<Role> {
    use Action::{Administer, AdvanceTime, Create, Delete, Edit, Invalidate, View};
    match (kind, action) {
        (RoomKind::Campaign, View) => Some(Role::Viewer),
        (RoomKind::Campaign, Edit | Create | AdvanceTime | Invalidate) => Some(Role::Gm),
        (RoomKind::Campaign, Delete | Administer) => Some(Role::Owner),

        (RoomKind::Settlement, View) => Some(Role::Viewer),
        (RoomKind::Settlement, Edit | Create) => Some(Role::Player),
        (RoomKind::Settlement, Delete | Invalidate) => Some(Role::Gm),
        (RoomKind::Settlement, AdvanceTime | Administer) => None,

        (RoomKind::Structure, View) => Some(Role::Viewer),
        (RoomKind::Structure, Edit) => Some(Role::Player),
        (RoomKind::Structure, Delete | Invalidate) => Some(Role::Gm),
        (RoomKind::Structure, Create | AdvanceTime | Administer) => None,

        (RoomKind::User, View) => Some(Role::Owner),
        (RoomKind::User, Edit | Create | Delete | AdvanceTime | Invalidate | Administer) => None,

        (
            RoomKind::Session | RoomKind::Instances,
            View | Edit | Create | Delete | AdvanceTime | Invalidate | Administer,
        ) => None,
    }
}

/// The role of `user` in the family of `root`, given what the table of members says about them.
pub fn role_in(root: &Root, user: &UserId, membership: Option<Role>) -> Option<Role> {
    match root {
        Root::Campaign(_) => membership,
        Root::User(owner) => (owner == user).then_some(Role::Owner),
        Root::Session(_) | Root::Instances => None,
    }
}

/// Whether somebody with `role` in the room's family may do `action` in the room.
///
/// # Errors
/// `not_found` when the room is not even theirs to see, `forbidden` when it is.
pub fn decide(room: &Room, action: Action, role: Option<Role>) -> Result<Role, Problem> {
    let permits = |action| required_role(room.kind(), action).is_some_and(|needed| role >= Some(needed));
    match role {
        Some(role) if permits(action) => Ok(role),
        Some(role) if permits(Action::View) => Err(refusal(room, action, role)),
        Some(_) | None => Err(Problem::not_found()),
    }
}

fn refusal(room: &Room, action: Action, role: Role) -> Problem {
    let verb = action.verb();
    Problem::forbidden(match required_role(room.kind(), action) {
        Some(needed) => {
            format!("To {verb}, your role must be at least {}; it is {}.", needed.name(), role.name())
        }
        None => format!("Nobody can {verb} here."),
    })
}
