//! What OpenAPI says about bodies whose own types are not its business: the envelope, which is served as
//! stored text, and the events of other services, which the world parses.

use std::collections::BTreeMap;

use utoipa::ToSchema;

/// An event as it goes over the wire. `payload` depends on `type`; `docs/protocol.md` has the table.
#[derive(ToSchema)]
pub(super) struct Envelope {
    /// The version of the contract.
    #[schema(example = 1)]
    v: u32,
    /// Unique; a client drops an id it has seen.
    id: String,
    #[schema(rename = "type", example = "settlement_updated")]
    event_type: String,
    #[schema(format = DateTime)]
    timestamp: String,
    epoch: String,
    /// The event's offset in every room it was sent to.
    #[schema(example = json!({ "campaign:0193a5b2-0000-7000-8000-000000000001": 44 }))]
    offsets: BTreeMap<String, u64>,
    #[schema(value_type = Object)]
    payload: (),
    /// `userId`, `source`, `correlationId` and perhaps `requestId`.
    #[schema(value_type = Object)]
    metadata: (),
}

/// One event, or an array of at most 500.
#[derive(ToSchema)]
#[serde(untagged)]
pub(super) enum NewEvents {
    One(NewEvent),
    Many(Vec<NewEvent>),
}

/// An event as another service sends it.
#[derive(ToSchema)]
pub(super) struct NewEvent {
    /// Makes a repetition harmless: an id that the log holds is not recorded again.
    id: Option<String>,
    #[schema(rename = "type", example = "state_invalidated")]
    event_type: String,
    /// Depends on `type`; `docs/protocol.md` has the table. Always with `campaignId`.
    #[schema(value_type = Object,
        example = json!({ "campaignId": "0193a5b2-0000-7000-8000-000000000001", "scope": "campaign" }))]
    payload: (),
    metadata: Option<EventOrigin>,
}

/// Where an event comes from.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct EventOrigin {
    /// The service's name, at most 64 characters; `external` when absent.
    source: Option<String>,
    /// The HTTP request's own id when absent.
    correlation_id: Option<String>,
    request_id: Option<String>,
}
