//! Room names. A room is a permission-checked log; its root is the room that orders its family.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::ids::{CampaignId, SessionId, SettlementId, StructureId, UserId};

/// A room: `campaign:{id}`, `settlement:{id}`, `structure:{id}`, `session:{id}` or `user:{id}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[ts(as = "String")]
#[schemars(with = "String")]
pub enum Room {
    Campaign(CampaignId),
    Settlement(SettlementId),
    Structure(StructureId),
    Session(SessionId),
    User(UserId),
    /// `instances:all`, which no client may see: what every instance has to know, whoever is connected to it.
    Instances,
}

/// What sort of room; the row index of the policy table and the label of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RoomKind {
    Campaign,
    Settlement,
    Structure,
    Session,
    User,
    Instances,
}

/// A room that orders a family of rooms: a campaign for its settlements and structures, a session
/// for its views, a user and the instances for themselves. Every event has exactly one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Root {
    Campaign(CampaignId),
    Session(SessionId),
    User(UserId),
    Instances,
}

/// What a member may do in a campaign, weakest first: each role may do what the ones before it may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Role {
    Viewer,
    Player,
    Gm,
    Owner,
}

/// A string that names no room.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a room; a room is campaign:{{id}}, settlement:{{id}}, structure:{{id}}, session:{{id}} or user:{{id}}"
)]
pub struct InvalidRoom(String);

/// The id of the one room of its kind.
const ALL_INSTANCES: &str = "all";

impl RoomKind {
    /// Every kind, for tables that must have a row for each.
    pub const ALL: [Self; 6] =
        [Self::Campaign, Self::Settlement, Self::Structure, Self::Session, Self::User, Self::Instances];

    /// The part of a room's name before the colon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Campaign => "campaign",
            Self::Settlement => "settlement",
            Self::Structure => "structure",
            Self::Session => "session",
            Self::User => "user",
            Self::Instances => "instances",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The room of this kind with this id.
    ///
    /// # Errors
    /// When `id` is not an id of the kind.
    pub fn room(self, id: &str) -> Result<Room, InvalidRoom> {
        let no_room = || InvalidRoom(format!("{}:{id}", self.name()).chars().take(80).collect());
        let invalid = |_| no_room();
        match self {
            Self::Campaign => id.parse().map(Room::Campaign).map_err(invalid),
            Self::Settlement => id.parse().map(Room::Settlement).map_err(invalid),
            Self::Structure => id.parse().map(Room::Structure).map_err(invalid),
            Self::Session => id.parse().map(Room::Session).map_err(invalid),
            Self::User => id.parse().map(Room::User).map_err(invalid),
            Self::Instances if id == ALL_INSTANCES => Ok(Room::Instances),
            Self::Instances => Err(no_room()),
        }
    }
}

impl Room {
    /// The room's kind.
    pub const fn kind(&self) -> RoomKind {
        match self {
            Self::Campaign(_) => RoomKind::Campaign,
            Self::Settlement(_) => RoomKind::Settlement,
            Self::Structure(_) => RoomKind::Structure,
            Self::Session(_) => RoomKind::Session,
            Self::User(_) => RoomKind::User,
            Self::Instances => RoomKind::Instances,
        }
    }

    /// The root this room is by itself, or `None` for a room inside one: which one, the store knows.
    pub fn as_root(&self) -> Option<Root> {
        match self {
            Self::Campaign(id) => Some(Root::Campaign(*id)),
            Self::Session(id) => Some(Root::Session(*id)),
            Self::User(id) => Some(Root::User(id.clone())),
            Self::Instances => Some(Root::Instances),
            Self::Settlement(_) | Self::Structure(_) => None,
        }
    }
}

impl Root {
    /// The root as the room it is.
    pub fn room(&self) -> Room {
        match self {
            Self::Campaign(id) => Room::Campaign(*id),
            Self::Session(id) => Room::Session(*id),
            Self::User(id) => Room::User(id.clone()),
            Self::Instances => Room::Instances,
        }
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind().name();
        match self {
            Self::Campaign(id) => write!(f, "{kind}:{id}"),
            Self::Settlement(id) => write!(f, "{kind}:{id}"),
            Self::Structure(id) => write!(f, "{kind}:{id}"),
            Self::Session(id) => write!(f, "{kind}:{id}"),
            Self::User(id) => write!(f, "{kind}:{id}"),
            Self::Instances => write!(f, "{kind}:{ALL_INSTANCES}"),
        }
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.room().fmt(f)
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Room {
    type Err = InvalidRoom;

    fn from_str(text: &str) -> Result<Self, InvalidRoom> {
        let invalid = || InvalidRoom(text.chars().take(80).collect());
        let (kind, id) = text.split_once(':').ok_or_else(invalid)?;
        RoomKind::from_name(kind).ok_or_else(invalid)?.room(id)
    }
}

impl FromStr for Root {
    type Err = InvalidRoom;

    fn from_str(text: &str) -> Result<Self, InvalidRoom> {
        let room: Room = text.parse()?;
        room.as_root().ok_or_else(|| InvalidRoom(room.to_string()))
    }
}

impl TryFrom<String> for Room {
    type Error = InvalidRoom;
    fn try_from(text: String) -> Result<Self, InvalidRoom> {
        text.parse()
    }
}

impl From<Room> for String {
    fn from(room: Room) -> Self {
        room.to_string()
    }
}

impl Role {
    /// Every role, weakest first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Player, Self::Gm, Self::Owner];

    /// The role's name on the wire and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "VIEWER",
            Self::Player => "PLAYER",
            Self::Gm => "GM",
            Self::Owner => "OWNER",
        }
    }

    /// The role with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}
