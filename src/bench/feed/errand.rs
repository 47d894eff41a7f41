//! What one request asks of the server, and what its answer says.

use std::{collections::HashMap, fmt::Write as _};

use serde::Deserialize;
use serde_json::json;

use super::{Fed, Load};
use crate::bench::{time::monotonic_micros, wire::sighting::stamp};

/// The kind of request that makes events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// `POST /api/events`, several events in a request; each is filled with `pad` bytes.
    Publish { pad: usize },
    /// `updateSettlement` over GraphQL, one a request. The answers carry no offsets: `head` is the campaign's before.
    Update { settlement: String, head: u64 },
}

#[derive(Deserialize)]
struct Published {
    results: Vec<PublishedOne>,
}

#[derive(Deserialize)]
struct PublishedOne {
    offsets: HashMap<String, u64>,
}

/// The server's limit on one request.
const MAX_BATCH: usize = 500;

impl Errand {
    /// Where the request goes.
    pub const fn path(&self) -> &'static str {
        match self {
            Self::Publish { .. } => "/api/events",
            Self::Update { .. } => "/graphql",
        }
    }

    /// How many events one request makes at most.
    pub fn batch(&self, load: &Load) -> usize {
        match self {
            Self::Publish { .. } => load.per_commit.clamp(1, MAX_BATCH),
            Self::Update { .. } => 1,
        }
    }

    /// The request's JSON for these rooms and numbers, stamped now.
    pub fn body(&self, batch: &[(&str, u64)]) -> String {
        match self {
            Self::Publish { pad } => published(batch, *pad),
            Self::Update { settlement, .. } => update(settlement),
        }
    }

    /// Adds what an answer says.
    ///
    /// # Errors
    /// When it is not of the contract's shape, or says that nothing was done.
    pub fn note(&self, answer: &str, rooms: &[String], sum: &mut Fed) -> Result<(), String> {
        match self {
            Self::Publish { .. } => {
                let published: Published = serde_json::from_str(answer)
                    .map_err(|error| format!("an answer to POST /api/events: {error}"))?;
                sum.events += published.results.len() as u64;
                for (room, offset) in published.results.iter().flat_map(|one| &one.offsets) {
                    if let Some(at) = rooms.iter().position(|name| name == room) {
                        sum.heads[at] = sum.heads[at].max(*offset);
                    }
                }
            }
            Self::Update { head, .. } => {
                succeeded(answer)?;
                sum.events += 1;
                sum.heads.fill(head + sum.events);
            }
        }
        Ok(())
    }
}

/// The body of an `updateSettlement` that stamps the settlement's variables.
pub fn update(settlement: &str) -> String {
    json!({
        "query": "mutation($id: ID!, $input: UpdateSettlementInput!) { updateSettlement(id: $id, input: $input) { version } }",
        "variables": { "id": settlement, "input": { "variables": { "bench": stamp(monotonic_micros()) } } },
    })
    .to_string()
}

/// Checks that a GraphQL answer tells of no error.
///
/// # Errors
/// With the answer.
pub fn succeeded(answer: &str) -> Result<(), String> {
    if answer.contains("\"errors\":") { Err(format!("a mutation was refused: {answer}")) } else { Ok(()) }
}

/// One event of an entity outside Fanfare for each room and number.
fn published(batch: &[(&str, u64)], pad: usize) -> String {
    let pad = "x".repeat(pad);
    let mut text = String::with_capacity(batch.len() * (pad.len() + 320) + 2);
    let now = stamp(monotonic_micros());
    text.push('[');
    for (at, (room, number)) in batch.iter().enumerate() {
        let campaign = room.split_once(':').map_or(*room, |(_, id)| id);
        let comma = if at == 0 { "" } else { "," };
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "{comma}{{\"type\":\"entity_updated\",\"payload\":{{\"entityType\":\"item\",\"entityId\":\"bench\",\
             \"campaignId\":\"{campaign}\",\"operation\":\"update\",\"version\":{number},\"changedFields\":[],\
             \"entityData\":{{\"bench\":\"{now}\",\"pad\":\"{pad}\"}}}},\"metadata\":{{\"source\":\"bench\",\"correlationId\":\"bench\"}}}}"
        );
    }
    text.push(']');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::events::Incoming;

    const ROOM: &str = "campaign:0193b5a0-0000-7000-8000-000000000000";

    #[test]
    fn the_request_is_of_the_contracts_shape() {
        let body = Errand::Publish { pad: 2 }.body(&[(ROOM, 1), (ROOM, 2)]);
        let events = Incoming::parse(body.as_bytes()).unwrap();
        assert_eq!(events.len(), 2);
        assert_eq!(format!("campaign:{}", events[1].event.campaign_id().unwrap()), ROOM);
    }

    #[test]
    fn answers_are_added_up() {
        let mut sum = Fed { heads: vec![0], ..Fed::default() };
        let answer = format!(
            r#"{{"results":[{{"id":"1","offsets":{{"{ROOM}":7}},"duplicate":false}},{{"id":"2","offsets":{{"{ROOM}":6}},"duplicate":false}}]}}"#
        );
        Errand::Publish { pad: 0 }.note(&answer, &[ROOM.into()], &mut sum).unwrap();
        assert_eq!((sum.events, sum.heads), (2, vec![7]));
        assert!(Errand::Publish { pad: 0 }.note("{}", &[], &mut Fed::default()).is_err());
    }

    #[test]
    fn a_refused_mutation_is_a_failure() {
        let errand = Errand::Update { settlement: "s".into(), head: 40 };
        let mut sum = Fed { heads: vec![0], ..Fed::default() };
        errand.note(r#"{"data":{"updateSettlement":{"version":2}}}"#, &[ROOM.into()], &mut sum).unwrap();
        assert_eq!((sum.events, &sum.heads[..]), (1, &[41][..]));
        assert!(
            errand.note(r#"{"data":null,"errors":[{"message":"no"}]}"#, &[ROOM.into()], &mut sum).is_err()
        );
    }
}
