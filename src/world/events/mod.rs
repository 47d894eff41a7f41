//! Events of other services: what `POST /api/events` records.
//!
//! A rules engine or a scheduler states what happened in a campaign; this module checks the statement
//! and records it like any other event. Values (versions, times, fields) are the publisher's word. What an
//! event would *do* to subscriptions must be true: nobody is thrown out of a room by an event alone.
//!
//! A batch is checked and recorded in one transaction, whatever campaigns it is about: all of it or nothing, in
//! the order given. The `id` of an event makes its repetition harmless.

mod check;

use garde::Validate;
use serde::Deserialize;
use serde_json::Value;

use self::check::{check_batch, check_places};
use super::{Request, World, input::invalid};
use crate::{
    access::{Identity, Scope},
    protocol::{Event, EventId, FieldError, Metadata, Offsets, Problem, RequestId, Root, UserId},
    store::{NewEvent, Recorded},
};

/// The most events of one batch.
pub const MAX_BATCH: usize = 500;
/// The largest payload of one event, in bytes of JSON.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024;

/// An event as another service sends it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Incoming {
    /// Makes a repetition harmless; a new one is made when absent.
    #[serde(default)]
    pub id: Option<EventId>,
    #[serde(flatten)]
    pub event: Event,
    #[serde(default)]
    pub metadata: Origin,
}

/// Where another service says its event comes from.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Validate)]
#[serde(rename_all = "camelCase", default)]
pub struct Origin {
    /// Must be the token's own user when given: identity comes from the token alone.
    #[garde(skip)]
    pub user_id: Option<UserId>,
    /// The service's name; `external` when absent.
    #[garde(length(chars, min = 1, max = 64))]
    pub source: Option<String>,
    /// The HTTP request's own when absent.
    #[garde(length(chars, min = 1, max = 64))]
    pub correlation_id: Option<String>,
    #[garde(skip)]
    pub request_id: Option<RequestId>,
}

/// What became of one event of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    pub id: EventId,
    pub offsets: Offsets,
    /// The id was recorded before, at these offsets; nothing was recorded now.
    pub duplicate: bool,
}

impl Incoming {
    /// Reads the body of `POST /api/events`: one event, or an array of at most [`MAX_BATCH`].
    ///
    /// # Errors
    /// `bad_request` that names the events that cannot be read.
    pub fn parse(body: &[u8]) -> Result<Vec<Self>, Problem> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| Problem::bad_request(format!("The body is not valid JSON: {error}.")))?;
        let (values, single) = match body {
            Value::Array(values) => (values, false),
            value => (vec![value], true),
        };
        if values.is_empty() || values.len() > MAX_BATCH {
            return Err(Problem::bad_request(format!("A batch has from 1 to {MAX_BATCH} events.")));
        }
        let mut events = Vec::with_capacity(values.len());
        let mut mistakes = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            match serde_json::from_value(value) {
                Ok(event) => events.push(event),
                Err(error) => {
                    let field = if single { String::new() } else { format!("[{index}]") };
                    mistakes.push(FieldError { field, message: error.to_string() });
                }
            }
        }
        if mistakes.is_empty() { Ok(events) } else { Err(invalid(mistakes)) }
    }
}

impl World {
    /// Records events of another service and publishes them. Answers one result for each, in order.
    ///
    /// # Errors
    /// `forbidden` without the scope `events:publish` or for somebody else's user id; `bad_request` that
    /// names every event that is not valid, with nothing recorded; `unavailable`, after which a repetition
    /// with the same ids is harmless.
    pub async fn publish_events(
        &self,
        identity: &Identity,
        events: Vec<Incoming>,
        request: &Request,
    ) -> Result<Vec<Published>, Problem> {
        identity.require_scope(Scope::EventsPublish)?;
        check_batch(identity.user_id(), &events)?;
        let new_event = |Incoming { id, event, metadata }| NewEvent {
            id: id.unwrap_or_else(|| EventId::from_uuid(self.clock.uuid())),
            event,
            origin: origin(identity.user_id(), metadata, request),
        };
        let events: Vec<NewEvent> = events.into_iter().map(new_event).collect();
        let ids: Vec<EventId> = events.iter().map(|new| new.id.clone()).collect();
        let published = |(id, recorded)| match recorded {
            Recorded::New { offsets } => Published { id, offsets, duplicate: false },
            Recorded::Duplicate { offsets } => Published { id, offsets, duplicate: true },
        };
        Ok(ids.into_iter().zip(self.record_events(events).await?).map(published).collect())
    }

    async fn record_events(&self, events: Vec<NewEvent>) -> Result<Vec<Recorded>, Problem> {
        let mut roots: Vec<Root> = events.iter().map(|new| new.event.root()).collect();
        roots.extend(events.iter().filter_map(|new| new.event.echo_root()));
        roots.sort_unstable();
        roots.dedup();
        let mut tx = self.store.begin().await?;
        tx.lock(&roots).await?;
        check_places(&mut tx, &events).await?;
        let recorded = tx.record_all(events).await?;
        self.publisher.commit(tx).await?;
        Ok(recorded)
    }
}

fn origin(user: &UserId, given: Origin, request: &Request) -> Metadata {
    let Origin { user_id: _, source, correlation_id, request_id } = given;
    Metadata {
        user_id: user.clone(),
        source: source.unwrap_or_else(|| "external".to_owned()),
        correlation_id: correlation_id.unwrap_or_else(|| request.origin(user).correlation_id),
        request_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{
        "id": "rules-1",
        "type": "state_invalidated",
        "payload": { "campaignId": "01936b2e-0000-7000-8000-000000000001", "scope": "campaign" },
        "metadata": { "source": "rules-engine" }
    }"#;

    #[test]
    fn one_event_or_an_array() {
        let one = Incoming::parse(EVENT.as_bytes()).unwrap();
        assert_eq!(one[0].id, Some("rules-1".parse().unwrap()));
        assert_eq!(one[0].metadata.source.as_deref(), Some("rules-engine"));
        assert!(matches!(one[0].event, Event::StateInvalidated(_)));
        assert_eq!(Incoming::parse(format!("[{EVENT},{EVENT}]").as_bytes()).unwrap().len(), 2);
    }

    #[test]
    fn every_unreadable_event_is_named() {
        let body = format!(r#"[{EVENT}, {{}}, {EVENT}, {{"type": "no_such_type", "payload": {{}}}}, 7]"#);
        let problem = Incoming::parse(body.as_bytes()).unwrap_err();
        let fields: Vec<_> = problem.details.iter().map(|detail| detail.field.as_str()).collect();
        assert_eq!(fields, ["[1]", "[3]", "[4]"]);
        assert!(problem.details[1].message.contains("no_such_type"), "{problem:?}");
    }

    #[test]
    fn a_batch_is_bounded() {
        let batch = |n: usize| format!("[{}]", vec![EVENT; n].join(","));
        assert_eq!(Incoming::parse(batch(MAX_BATCH).as_bytes()).unwrap().len(), MAX_BATCH);
        assert!(Incoming::parse(batch(MAX_BATCH + 1).as_bytes()).is_err());
        assert!(Incoming::parse(b"[]").is_err());
        assert!(Incoming::parse(b"{").is_err());
        assert!(Incoming::parse("[".repeat(100_000).as_bytes()).is_err(), "the depth of JSON is bounded");
    }
}
