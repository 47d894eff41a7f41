//! The wire: everything a client or another service can see, and nothing else.
//!
//! Owns the ids, the room names, the events, the envelope, the commands with their answers, and the
//! problem codes. Promises that a value of one of these types is valid: whatever arrives is parsed
//! at the edge, and code behind the edge never looks at a raw string again.
//!
//! To add an event, add a variant to [`Event`] with its payload struct and fill in the matches that
//! stop compiling: its name, its rooms, its effect on subscriptions. The TypeScript types follow
//! from the same definition.

mod command;
mod depth;
mod envelope;
mod event;
#[cfg(test)]
mod hostile_tests;
mod ids;
mod notice;
mod problem;
mod room;
mod time_span;
mod timestamp;

pub use command::{
    Ack, AckFailure, Command, Position, RefreshToken, RoomRequest, SubscribeMany, SubscribeRoom, Subscribed,
};
pub use depth::is_deeper;
pub use envelope::{Envelope, Metadata, Offsets};
pub use event::{
    AccessRevoked, Effect, EntityKind, EntityRef, EntityUpdated, Event, EventType, InvalidationScope,
    MembershipChanged, Operation, SettlementUpdated, StateInvalidated, StructureUpdated, WorldTimeChanged,
};
pub use ids::{
    CampaignId, ConnectionId, Epoch, EventId, InvalidId, Offset, OffsetTooLarge, RequestId, SessionId,
    SettlementId, StructureId, UserId,
};
pub use notice::{
    Draining, Heads, Notice, Presence, ReconnectPolicy, RoomStateInvalidated, StaleReason, TokenExpiring,
    UnsubscribeCode, Unsubscribed, Welcome,
};
pub use problem::{Code, FieldError, Problem, ProblemDocument, VersionConflict};
pub use room::{InvalidRoom, Role, Room, RoomKind, Root};
pub use time_span::{TimeSpan, TimeUnit};
pub use timestamp::{InvalidTimestamp, Timestamp};

/// The version of the wire contract: `protocol` in `welcome`, `v` in every envelope.
pub const PROTOCOL_VERSION: u32 = 1;
