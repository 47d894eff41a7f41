//! The envelope: the event with its identity, its place in every room it was sent to, and its origin.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::MapAccess, de::Visitor, ser::SerializeMap,
};
use smallvec::SmallVec;
use ts_rs::TS;

use super::{
    event::Event,
    ids::{Epoch, EventId, Offset, RequestId, UserId},
    room::Room,
    timestamp::Timestamp,
};

/// An event as it goes over the wire and into the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct Envelope {
    /// The version of the wire contract that its writer spoke.
    pub v: u32,
    /// Unique; a client drops an id it has seen.
    pub id: EventId,
    #[serde(flatten)]
    pub event: Event,
    /// When the change was committed, real time.
    pub timestamp: Timestamp,
    pub epoch: Epoch,
    pub offsets: Offsets,
    pub metadata: Metadata,
}

/// The event's offset in each of its rooms, the root first.
#[derive(Clone, PartialEq, Default, TS, JsonSchema)]
#[ts(as = "BTreeMap<String, f64>")]
#[schemars(with = "BTreeMap<String, Offset>")]
pub struct Offsets(pub SmallVec<[(Room, Offset); 3]>);

/// Where an event came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Who caused it.
    pub user_id: UserId,
    /// Through what: `api` for this server's own services, otherwise the name that the publisher gave. At most 64 characters.
    pub source: String,
    /// Ties the event to the request that caused it, in logs on both sides. At most 64 characters.
    pub correlation_id: String,
    /// The request id of the mutation, so that its author recognizes the echo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub request_id: Option<RequestId>,
}

impl Offsets {
    /// The offset in `room`, if the event was sent there.
    pub fn get(&self, room: &Room) -> Option<Offset> {
        self.0.iter().find(|(name, _)| name == room).map(|(_, offset)| *offset)
    }

    /// The rooms with their offsets, the root first.
    pub fn iter(&self) -> impl Iterator<Item = (&Room, Offset)> {
        self.0.iter().map(|(room, offset)| (room, *offset))
    }
}

impl fmt::Debug for Offsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Offsets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (room, offset) in self.iter() {
            map.serialize_entry(room, &offset)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Offsets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Offsets;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from room to offset")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Offsets, A::Error> {
                let mut offsets = SmallVec::new();
                while let Some(entry) = map.next_entry()? {
                    offsets.push(entry);
                }
                Ok(Offsets(offsets))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
