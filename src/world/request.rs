//! What a change knows about the request that asked for it.

use std::fmt;

use crate::protocol::{Metadata, RequestId, Room, UserId};

/// The request behind a change.
#[derive(Debug, Clone)]
pub struct Request {
    /// Ties the events to the request in logs and on screens. At most 64 characters; more are cut.
    pub correlation_id: String,
    /// Makes a repetition within 24 hours harmless: it changes nothing and gets the first answer.
    pub request_id: Option<RequestId>,
    /// Through what the change came, for `metadata.source`. At most 64 characters; more are cut.
    pub source: String,
}

/// Which change of what: a request id stands for one of these, and using it for another is a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub act: Act,
    /// The entity that is changed, or the one inside which something is created.
    pub room: Option<Room>,
    /// The member that is changed.
    pub user: Option<UserId>,
}

/// Every change that a client can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    CreateCampaign,
    UpdateCampaign,
    DeleteCampaign,
    SetMember,
    RemoveMember,
    CreateSettlement,
    UpdateSettlement,
    DeleteSettlement,
    CreateStructure,
    UpdateStructure,
    DeleteStructure,
    SetWorldTime,
    AdvanceWorldTime,
    InvalidateState,
}

impl Request {
    /// A request that came through this server's own API.
    pub fn api(correlation_id: impl Into<String>) -> Self {
        Self { correlation_id: correlation_id.into(), request_id: None, source: "api".to_owned() }
    }

    /// The metadata of the events that `user` causes with this request.
    pub(super) fn origin(&self, user: &UserId) -> Metadata {
        let cut = |text: &str| text.chars().take(64).collect();
        Metadata {
            user_id: user.clone(),
            source: cut(&self.source),
            correlation_id: cut(&self.correlation_id),
            request_id: self.request_id.clone(),
        }
    }
}

impl Subject {
    /// A change of the entity with this room, or a creation inside it.
    pub fn of(act: Act, room: Room) -> Self {
        Self { act, room: Some(room), user: None }
    }

    /// A change of a member of the campaign with this room.
    pub fn of_member(act: Act, room: Room, user: UserId) -> Self {
        Self { act, room: Some(room), user: Some(user) }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.act.name())?;
        if let Some(room) = &self.room {
            write!(f, " {room}")?;
        }
        if let Some(user) = &self.user {
            write!(f, " {user}")?;
        }
        Ok(())
    }
}

impl Act {
    /// The name of the mutation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateCampaign => "createCampaign",
            Self::UpdateCampaign => "updateCampaign",
            Self::DeleteCampaign => "deleteCampaign",
            Self::SetMember => "setMember",
            Self::RemoveMember => "removeMember",
            Self::CreateSettlement => "createSettlement",
            Self::UpdateSettlement => "updateSettlement",
            Self::DeleteSettlement => "deleteSettlement",
            Self::CreateStructure => "createStructure",
            Self::UpdateStructure => "updateStructure",
            Self::DeleteStructure => "deleteStructure",
            Self::SetWorldTime => "setWorldTime",
            Self::AdvanceWorldTime => "advanceWorldTime",
            Self::InvalidateState => "invalidateState",
        }
    }
}
