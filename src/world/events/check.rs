//! Whether a batch of other services' events may be recorded.

use std::collections::HashMap;

use super::{Incoming, MAX_PAYLOAD_BYTES};
use crate::{
    protocol::{
        CampaignId, Effect, EntityKind, EntityUpdated, Event, FieldError, InvalidationScope, Problem, Role,
        Room, Root, SettlementId, StateInvalidated, StructureId, UserId,
    },
    store::{NewEvent, Tx, members, structures},
    world::input::{check, invalid},
};

/// Everything that can be said about a batch without the database.
pub(super) fn check_batch(user: &UserId, events: &[Incoming]) -> Result<(), Problem> {
    if events.iter().any(|event| event.metadata.user_id.as_ref().is_some_and(|other| other != user)) {
        return Err(Problem::forbidden("metadata.userId is another user than the token's."));
    }
    let mut mistakes = Vec::new();
    for (index, event) in events.iter().enumerate() {
        let mut found = |place: &str, result: Result<(), Problem>| {
            let details = result.err().into_iter().flat_map(|problem| problem.details);
            mistakes.extend(details.map(|detail| FieldError {
                field: format!("[{index}].{place}.{}", detail.field),
                message: detail.message,
            }));
        };
        found("metadata", check(&event.metadata));
        found("payload", check_payload(&event.event));
    }
    if mistakes.is_empty() { Ok(()) } else { Err(invalid(mistakes)) }
}

fn check_payload(event: &Event) -> Result<(), Problem> {
    match event {
        Event::EntityUpdated(payload) => check(payload).and_then(|()| check_entity(payload)),
        Event::SettlementUpdated(payload) => check(payload),
        Event::StructureUpdated(payload) => check(payload),
        Event::WorldTimeChanged(payload) => check(payload),
        Event::StateInvalidated(payload) => check(payload).and_then(|()| check_scope(payload)),
        Event::MembershipChanged(payload) => check(payload),
        Event::AccessRevoked(_) => {
            Err(Problem::invalid_field("", "access_revoked is not for services to publish"))
        }
    }?;
    let size = serde_json::to_string(event).map_or(usize::MAX, |text| text.len());
    if size > MAX_PAYLOAD_BYTES {
        return Err(invalid(vec![FieldError {
            field: String::new(),
            message: format!("an event is at most {MAX_PAYLOAD_BYTES} bytes of JSON, this one is {size}"),
        }]));
    }
    Ok(())
}

/// An entity with a room of its own must be named by an id of its kind.
fn check_entity(payload: &EntityUpdated) -> Result<(), Problem> {
    let wrong = |message: String| Err(Problem::invalid_field("entityId", message));
    let id = &payload.entity_id;
    match payload.entity_type {
        EntityKind::Campaign if *id != payload.campaign_id.to_string() => {
            wrong("is not the campaignId".into())
        }
        EntityKind::Settlement | EntityKind::Structure if payload_room(payload).is_none() => {
            wrong(format!("'{id}' is not an id of that entityType"))
        }
        EntityKind::Campaign
        | EntityKind::Settlement
        | EntityKind::Structure
        | EntityKind::Location
        | EntityKind::Encounter
        | EntityKind::Event
        | EntityKind::Character
        | EntityKind::Item => Ok(()),
    }
}

/// Clients read again what `entities` names; of `entityIds` alone they cannot know what they are.
fn check_scope(payload: &StateInvalidated) -> Result<(), Problem> {
    let named = payload.entities.as_ref().is_some_and(|entities| !entities.is_empty());
    match payload.scope {
        InvalidationScope::Entity if !named => {
            Err(Problem::invalid_field("entities", "must not be empty for the scope entity"))
        }
        InvalidationScope::Entity | InvalidationScope::Campaign => Ok(()),
    }
}

fn payload_room(payload: &EntityUpdated) -> Option<Room> {
    let rooms = Event::EntityUpdated(payload.clone()).rooms();
    rooms.get(1).cloned()
}

/// What only the database can say: the rooms are the campaign's, and no event closes a room or removes a
/// member that is still there.
pub(super) async fn check_places(tx: &mut Tx, events: &[NewEvent]) -> Result<(), Problem> {
    let rooms: Vec<Vec<Room>> = events.iter().map(|new| new.event.rooms().into_vec()).collect();
    let mut known = Known::read(tx, &rooms, events).await?;
    let mut mistakes = Vec::new();
    for (index, (new, rooms)) in events.iter().zip(&rooms).enumerate() {
        // Those that belong to no campaign are for services of this server, and no batch has one.
        let Some(campaign) = new.event.campaign_id() else { return Err(Problem::internal()) };
        let root = Root::Campaign(campaign);
        let mut mistake = |field: &str, message: String| {
            mistakes.push(FieldError { field: format!("[{index}].payload.{field}"), message });
        };
        if known.roots.get(&rooms[0]) != Some(&root) {
            mistakes.push(no_such_campaign(index));
            continue;
        }
        for room in rooms.iter().filter(|room| known.roots.get(room) != Some(&root)) {
            mistake(field_of(&new.event, room), format!("{room} is not in this campaign"));
        }
        if let Event::StructureUpdated(payload) = &new.event
            && known
                .settlement_of
                .get(&payload.structure_id)
                .is_some_and(|other| *other != payload.settlement_id)
        {
            mistake("settlementId", "is not the structure's settlement".into());
        }
        let untrue = match new.event.effect() {
            None | Some(Effect::AccessRevoked { .. }) => None,
            Some(Effect::RoomClosed(room)) => {
                Some(("operation", format!("{room} still exists; delete it through GraphQL")))
            }
            Some(Effect::MemberRemoved(user)) => {
                let role = known.role(tx, campaign, &user).await?;
                role.map(|_| ("role", format!("{user} is still a member; remove them through GraphQL")))
            }
        };
        if let Some((field, message)) = untrue {
            mistake(field, message);
        }
    }
    if mistakes.is_empty() { Ok(()) } else { Err(invalid(mistakes)) }
}

/// What the database says about the rooms, structures and members that a batch names.
struct Known {
    roots: HashMap<Room, Root>,
    settlement_of: HashMap<StructureId, SettlementId>,
    roles: HashMap<(CampaignId, UserId), Option<Role>>,
}

impl Known {
    async fn read(tx: &mut Tx, rooms: &[Vec<Room>], events: &[NewEvent]) -> Result<Self, Problem> {
        let mut named: Vec<Room> = rooms.iter().flatten().cloned().collect();
        named.sort_unstable();
        named.dedup();
        let roots = tx.resolve(&named).await?;
        let roots = named.into_iter().zip(roots).filter_map(|(room, root)| Some((room, root?))).collect();
        let mut built: Vec<_> = events.iter().filter_map(|new| structure_of(&new.event)).collect();
        built.sort_unstable();
        built.dedup();
        let settlement_of = match built.is_empty() {
            true => HashMap::new(),
            false => {
                let rows = structures::by_ids(&mut *tx, &built).await?;
                rows.into_iter().map(|row| (row.id, row.settlement_id)).collect()
            }
        };
        Ok(Self { roots, settlement_of, roles: HashMap::new() })
    }

    async fn role(
        &mut self,
        tx: &mut Tx,
        campaign: CampaignId,
        user: &UserId,
    ) -> Result<Option<Role>, Problem> {
        let member = (campaign, user.clone());
        if let Some(role) = self.roles.get(&member) {
            return Ok(*role);
        }
        let role = members::role(&mut *tx, campaign, user).await?;
        self.roles.insert(member, role);
        Ok(role)
    }
}

fn structure_of(event: &Event) -> Option<(CampaignId, StructureId)> {
    match event {
        Event::StructureUpdated(payload) => Some((payload.campaign_id, payload.structure_id)),
        Event::EntityUpdated(_)
        | Event::SettlementUpdated(_)
        | Event::WorldTimeChanged(_)
        | Event::StateInvalidated(_)
        | Event::MembershipChanged(_)
        | Event::AccessRevoked(_) => None,
    }
}

fn field_of(event: &Event, room: &Room) -> &'static str {
    match (event, room) {
        (Event::EntityUpdated(_), _) => "entityId",
        (_, Room::Settlement(_)) => "settlementId",
        (_, Room::Structure(_)) => "structureId",
        (_, Room::Campaign(_) | Room::Session(_) | Room::User(_) | Room::Instances) => "campaignId",
    }
}

fn no_such_campaign(index: usize) -> FieldError {
    FieldError {
        field: format!("[{index}].payload.campaignId"),
        message: "there is no such campaign".to_owned(),
    }
}
