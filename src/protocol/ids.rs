//! Identifiers. Entities have UUIDv7 ids; users have whatever their token's `sub` says.

use std::{fmt, str::FromStr, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use uuid::Uuid;

/// A string that is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{value}' is not a valid {kind} id")]
pub struct InvalidId {
    /// What kind of id was wanted.
    pub kind: &'static str,
    /// What was given, cut at 80 characters.
    pub value: String,
}

impl InvalidId {
    fn new(kind: &'static str, value: &str) -> Self {
        Self { kind, value: value.chars().take(80).collect() }
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        ///
        /// A UUID in its hyphenated lower-case form on the wire. New ones are version 7, so that
        /// they sort by creation.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[ts(as = "String")]
        #[schemars(with = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that was made or stored as one.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Accepts the hyphenated form only: one id has one spelling, so that a room has one name.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let canonical = text.len() == 36
                    && text.bytes().all(|b| b == b'-' || b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                match Uuid::try_parse(text) {
                    Ok(uuid) if canonical => Ok(Self(uuid)),
                    _ => Err(InvalidId::new($kind, text)),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

uuid_id!(
    /// A campaign: the world that its settlements, its structures and its clock belong to.
    CampaignId,
    "campaign"
);
uuid_id!(
    /// A settlement of a campaign.
    SettlementId,
    "settlement"
);
uuid_id!(
    /// A structure of a settlement.
    StructureId,
    "structure"
);
uuid_id!(
    /// A turn-based session: a game, a draft, a table.
    SessionId,
    "session"
);
uuid_id!(
    /// The public name of one connection. Never the Engine.IO session id, which is a secret.
    ConnectionId,
    "connection"
);
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[ts(as = "String")]
        #[schemars(with = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let printable = text.bytes().all(|b| b.is_ascii_graphic());
                if printable && (1..=$max).contains(&text.len()) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId::new($kind, text))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }
    };
}

text_id!(
    /// A user, as the token's `sub` names them: 1 to 128 printable ASCII characters without spaces.
    UserId,
    "user",
    128
);
text_id!(
    /// What makes a repeated request harmless: 1 to 64 printable ASCII characters, unique per user for 24 hours.
    RequestId,
    "request",
    64
);
text_id!(
    /// The identity of one event: 1 to 64 printable ASCII characters, a UUIDv7 unless a publisher chose its own.
    EventId,
    "event",
    64
);

text_id!(
    /// The identity of the log that offsets count in; new when a database is created or restored.
    Epoch,
    "epoch",
    64
);

impl EventId {
    /// The id of an event that this server records.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid.as_hyphenated().to_string().into())
    }
}

/// A place in a room's log: 1 is the room's first event, 0 is before it. Never above 2⁵³ − 1, so
/// that every JSON reader holds it exactly.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, JsonSchema,
)]
#[serde(try_from = "u64", into = "u64")]
#[ts(as = "f64")]
pub struct Offset(pub u64);

/// A number that is too large to be an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an offset is at most 9007199254740991")]
pub struct OffsetTooLarge;

impl TryFrom<u64> for Offset {
    type Error = OffsetTooLarge;

    /// The bound keeps arithmetic on what a client sends from overflowing.
    fn try_from(number: u64) -> Result<Self, OffsetTooLarge> {
        if number < 1 << 53 { Ok(Self(number)) } else { Err(OffsetTooLarge) }
    }
}

impl From<Offset> for u64 {
    fn from(offset: Offset) -> Self {
        offset.0
    }
}

impl Offset {
    /// Before a room's first event.
    pub const START: Self = Self(0);

    /// The offset that follows.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
