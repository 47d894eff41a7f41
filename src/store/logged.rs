//! An event as the log holds it: the envelope's text, and what the server itself must know of it.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::StoreError;
use crate::protocol::{
    Effect, Envelope, Epoch, Event, EventId, EventType, Offset, Offsets, Operation, Root, Timestamp,
};

/// A committed event with its envelope as text. What is delivered, recovered and answered over HTTP
/// is `json`, byte for byte.
#[derive(Debug, Clone)]
pub struct LoggedEvent {
    /// The root in whose log the event stands.
    pub root: Root,
    /// The log's identity: an offset counts in this one only.
    pub epoch: Epoch,
    pub id: EventId,
    pub event_type: EventType,
    /// When the change was committed.
    pub timestamp: Timestamp,
    /// Its place in every room it was sent to, the root first.
    pub offsets: Offsets,
    /// What it changes about who receives the events after it.
    pub effect: Option<Effect>,
    /// The whole envelope.
    pub json: Arc<RawValue>,
}

/// What every envelope is asked for when it is read.
#[derive(Deserialize)]
struct Head<'a> {
    id: EventId,
    #[serde(rename = "type")]
    event_type: EventType,
    timestamp: Timestamp,
    epoch: Epoch,
    offsets: Offsets,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// What of a payload can tell that the event has no effect, without reading the rest.
#[derive(Deserialize)]
struct Deed {
    operation: Operation,
}

impl LoggedEvent {
    /// The event's offset in its root.
    pub fn offset(&self) -> Offset {
        self.offsets.0.first().map_or(Offset::START, |(_, offset)| *offset)
    }

    /// Serializes an envelope, once. Its first offset names the root.
    ///
    /// # Errors
    /// `Corrupt` when the envelope names no rooms, or a first one that is no root.
    pub fn from_envelope(envelope: &Envelope) -> Result<Self, StoreError> {
        let root = root(&envelope.offsets)?;
        Ok(Self {
            epoch: envelope.epoch.clone(),
            id: envelope.id.clone(),
            event_type: envelope.event.event_type(),
            timestamp: envelope.timestamp,
            offsets: envelope.offsets.clone(),
            effect: if is_echo(&root) { None } else { envelope.event.effect() },
            root,
            json: serde_json::value::to_raw_value(envelope).map_err(unreadable)?.into(),
        })
    }

    /// Reads an envelope's text, without its payload where the event cannot have an effect on subscriptions.
    ///
    /// # Errors
    /// `Corrupt` when the text is not an envelope with a root first.
    pub fn from_json(json: impl Into<Arc<RawValue>>) -> Result<Self, StoreError> {
        let json = json.into();
        let head: Head<'_> = serde_json::from_str(json.get()).map_err(unreadable)?;
        let root = root(&head.offsets)?;
        let effect = match head.event_type {
            EventType::WorldTimeChanged | EventType::StateInvalidated => None,
            EventType::MembershipChanged if is_echo(&root) => None,
            EventType::MembershipChanged | EventType::AccessRevoked => effect(&json)?,
            EventType::EntityUpdated | EventType::SettlementUpdated | EventType::StructureUpdated => {
                let deed: Deed = serde_json::from_str(head.payload.get()).map_err(unreadable)?;
                if deed.operation == Operation::Delete { effect(&json)? } else { None }
            }
        };
        Ok(Self {
            root,
            epoch: head.epoch,
            id: head.id,
            event_type: head.event_type,
            timestamp: head.timestamp,
            offsets: head.offsets,
            effect,
            json,
        })
    }

    /// Reads an envelope's text as it comes from the database or the bus.
    ///
    /// # Errors
    /// As [`LoggedEvent::from_json`].
    pub fn from_text(text: String) -> Result<Self, StoreError> {
        Self::from_json(RawValue::from_string(text).map_err(unreadable)?)
    }
}

fn root(offsets: &Offsets) -> Result<Root, StoreError> {
    let first = offsets.0.first().and_then(|(room, _)| room.as_root());
    first.ok_or_else(|| StoreError::Corrupt("an envelope's first room is no root".into()))
}

/// Whether the event is the second record of a fact, in a user's own log. It changes nothing there: who was
/// removed from a campaign goes on hearing of it in the own room.
fn is_echo(root: &Root) -> bool {
    matches!(root, Root::User(_))
}

fn effect(json: &RawValue) -> Result<Option<Effect>, StoreError> {
    serde_json::from_str::<Event>(json.get()).map(|event| event.effect()).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> StoreError {
    StoreError::Corrupt(format!("an envelope: {error}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::{
        CampaignId, EntityKind, EntityUpdated, MembershipChanged, Metadata, Role, Room, SettlementId,
        SettlementUpdated, StructureId, StructureUpdated,
    };

    fn id(n: u8) -> uuid::Uuid {
        uuid::Uuid::from_bytes([n; 16])
    }

    fn envelope(event: Event, offset: u64) -> Envelope {
        let offsets =
            event.rooms().into_iter().enumerate().map(|(n, room)| (room, Offset(offset + n as u64)));
        Envelope {
            v: 1,
            id: "event-1".parse().unwrap(),
            timestamp: Timestamp::from_millis(1_795_169_730_123).unwrap(),
            epoch: "epoch-1".parse().unwrap(),
            offsets: Offsets(offsets.collect()),
            metadata: Metadata {
                user_id: "u".parse().unwrap(),
                source: "api".into(),
                correlation_id: "c".into(),
                request_id: None,
            },
            event,
        }
    }

    fn operation() -> impl Strategy<Value = Operation> {
        prop_oneof![Just(Operation::Create), Just(Operation::Update), Just(Operation::Delete)]
    }

    fn event() -> impl Strategy<Value = Event> {
        let data = proptest::option::of(".*".prop_map(|text| {
            serde_json::json!({ "operation": "delete", "name": text }).as_object().cloned().unwrap()
        }));
        let campaign_id = CampaignId::from_uuid(id(1));
        prop_oneof![
            (operation(), data.clone()).prop_map(move |(operation, settlement_data)| {
                Event::SettlementUpdated(SettlementUpdated {
                    settlement_id: SettlementId::from_uuid(id(2)),
                    campaign_id,
                    operation,
                    version: 3,
                    changed_fields: vec![],
                    settlement_data,
                })
            }),
            (operation(), data.clone()).prop_map(move |(operation, structure_data)| {
                Event::StructureUpdated(StructureUpdated {
                    structure_id: StructureId::from_uuid(id(3)),
                    settlement_id: SettlementId::from_uuid(id(2)),
                    campaign_id,
                    operation,
                    version: 3,
                    changed_fields: vec!["name".into()],
                    structure_data,
                })
            }),
            (operation(), any::<bool>(), data).prop_map(move |(operation, itself, entity_data)| {
                Event::EntityUpdated(EntityUpdated {
                    entity_type: if itself { EntityKind::Campaign } else { EntityKind::Item },
                    entity_id: "e".into(),
                    campaign_id,
                    operation,
                    version: 3,
                    changed_fields: vec![],
                    entity_data,
                })
            }),
            proptest::option::of(Just(Role::Gm)).prop_map(move |role| {
                let user_id = "someone".parse().unwrap();
                Event::MembershipChanged(MembershipChanged { campaign_id, user_id, role })
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_read_back_is_what_was_written(event in event(), offset in 1_u64..1_000_000) {
            let written = LoggedEvent::from_envelope(&envelope(event, offset)).unwrap();
            let read = LoggedEvent::from_text(written.json.get().to_owned()).unwrap();
            prop_assert_eq!(read.offset(), Offset(offset));
            prop_assert_eq!(&read.root, &written.root);
            prop_assert_eq!(&read.epoch, &written.epoch);
            prop_assert_eq!(&read.id, &written.id);
            prop_assert_eq!(read.event_type, written.event_type);
            prop_assert_eq!(read.timestamp, written.timestamp);
            prop_assert_eq!(&read.offsets, &written.offsets);
            prop_assert_eq!(&read.effect, &written.effect);
            prop_assert_eq!(read.json.get(), written.json.get());
        }

        #[test]
        fn other_texts_are_refused_and_never_panic(text in ".{0,200}") {
            prop_assert!(LoggedEvent::from_text(text).is_err());
        }
    }

    /// In the member's own log a removal is news and nothing more: the member stays in the own room.
    #[test]
    fn an_echo_has_no_effect() {
        let (campaign_id, user_id) = (CampaignId::from_uuid(id(1)), "someone".parse().unwrap());
        let removal = Event::MembershipChanged(MembershipChanged { campaign_id, user_id, role: None });
        let echo_root = removal.echo_root().unwrap();
        let mut envelope = envelope(removal, 1);
        assert!(LoggedEvent::from_envelope(&envelope).unwrap().effect.is_some());
        envelope.offsets = Offsets(smallvec::smallvec![(echo_root.room(), Offset(1))]);
        let written = LoggedEvent::from_envelope(&envelope).unwrap();
        assert_eq!(written.effect, None);
        assert_eq!(LoggedEvent::from_text(written.json.get().to_owned()).unwrap().effect, None);
    }

    #[test]
    fn an_envelope_without_a_root_first_is_refused() {
        let event = Event::SettlementUpdated(SettlementUpdated {
            settlement_id: SettlementId::from_uuid(id(2)),
            campaign_id: CampaignId::from_uuid(id(1)),
            operation: Operation::Update,
            version: 1,
            changed_fields: vec![],
            settlement_data: None,
        });
        let mut wrong = envelope(event, 1);
        wrong.offsets =
            Offsets([(Room::Settlement(SettlementId::from_uuid(id(2))), Offset(1))].into_iter().collect());
        assert!(matches!(LoggedEvent::from_envelope(&wrong), Err(StoreError::Corrupt(_))));
    }
}
