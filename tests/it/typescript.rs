//! The TypeScript client's view of the wire, made from the Rust types: declarations, JSON Schemas and
//! sample messages. A test compares, `make gen` writes.

use std::{any::TypeId, collections::BTreeMap, fmt::Write as _, sync::Arc};

use fanfare::protocol::{
    Ack, AckFailure, Code, Draining, EntityKind, EntityRef, EntityUpdated, Envelope, Event, EventType,
    FieldError, Heads, InvalidationScope, MembershipChanged, Metadata, Notice, Offset, Offsets, Operation,
    PROTOCOL_VERSION, Position, Presence, Problem, ProblemDocument, ReconnectPolicy, RefreshToken, Role,
    RoomRequest, RoomStateInvalidated, SettlementUpdated, StaleReason, StateInvalidated, StructureUpdated,
    SubscribeMany, SubscribeRoom, Subscribed, TimeSpan, TimeUnit, TokenExpiring, UnsubscribeCode,
    Unsubscribed, Welcome, WorldTimeChanged,
};
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::{Map, Value, json, value::to_raw_value};
use ts_rs::{Config, TS, TypeVisitor};

use crate::support::generated::assert_file;

const CAMPAIGN: &str = "0193a5b2-0000-7000-8000-000000000001";
const SETTLEMENT: &str = "0193a5b2-0000-7000-8000-000000000002";
const STRUCTURE: &str = "0193a5b2-0000-7000-8000-000000000003";
const HEADER: &str = "// Made from src/protocol by `make gen`. Do not edit.\n";

/// Collects the declarations of a type and of everything it mentions.
struct Declarations<'a> {
    config: &'a Config,
    seen: Vec<TypeId>,
    found: BTreeMap<String, String>,
}

impl TypeVisitor for Declarations<'_> {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        let id = TypeId::of::<T>();
        if self.seen.contains(&id) {
            return;
        }
        self.seen.push(id);
        T::visit_dependencies(self);
        T::visit_generics(self);
        // Types without a path of their own are the standard library's.
        if T::output_path().is_some() {
            let text = format!("{}export {}\n", T::docs().unwrap_or_default(), T::decl(self.config));
            self.found.insert(T::ident(self.config), text);
        }
    }
}

#[test]
fn typescript_types_are_current() {
    let config = Config::new().with_large_int("number").with_import_extension(Some("js"));
    let mut types = Declarations { config: &config, seen: Vec::new(), found: BTreeMap::new() };
    types.visit::<Envelope>();
    types.visit::<EventType>();
    types.visit::<Ack>();
    types.visit::<Notice>();
    types.visit::<SubscribeMany>();
    types.visit::<RoomRequest>();
    types.visit::<RefreshToken>();
    types.visit::<ProblemDocument>();
    let mut text = HEADER.to_owned();
    for declaration in types.found.values() {
        text.push('\n');
        text.push_str(declaration);
    }
    text.push_str(
        "\n/** The payload of every event, by the event's name. */\nexport type EventPayloads = {\n",
    );
    for event in events() {
        let name = event.event_type().name();
        writeln!(text, "  {name}: {},", pascal(name)).unwrap();
    }
    text.push_str("};\n\n/** What the server says to one connection, by the notice's name. */\n");
    text.push_str("export type NoticePayloads = {\n");
    for notice in notices() {
        writeln!(text, "  {}: {},", notice.name(), pascal(notice.name())).unwrap();
    }
    text.push_str("};\n\n/** Every event's name. */\nexport const EVENT_TYPES = [\n");
    for event in EventType::ALL {
        writeln!(text, "  \"{}\",", event.name()).unwrap();
    }
    text.push_str("] as const satisfies readonly EventType[];\n\n/** Every notice's name. */\n");
    text.push_str("export const NOTICE_NAMES = [\n");
    for notice in notices() {
        writeln!(text, "  \"{}\",", notice.name()).unwrap();
    }
    text.push_str("] as const satisfies readonly (keyof NoticePayloads)[];\n");
    writeln!(
        text,
        "\n/** The version of the wire contract. */\nexport const PROTOCOL_VERSION = {PROTOCOL_VERSION};"
    )
    .unwrap();
    assert_file("frontend-client/src/generated/protocol.ts", &text);
}

#[test]
fn typescript_schemas_are_current() {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    generator.subschema_for::<Envelope>();
    generator.subschema_for::<Ack>();
    generator.subschema_for::<Welcome>();
    generator.subschema_for::<Unsubscribed>();
    generator.subschema_for::<RoomStateInvalidated>();
    generator.subschema_for::<Heads>();
    generator.subschema_for::<TokenExpiring>();
    generator.subschema_for::<Draining>();
    generator.subschema_for::<Presence>();
    generator.subschema_for::<ProblemDocument>();
    let definitions = serde_json::to_string_pretty(&generator.take_definitions(true)).unwrap();
    let text = format!(
        "{HEADER}\n/** JSON Schemas (2020-12) of what the server sends. */\nexport const definitions = {definitions};\n"
    );
    assert_file("frontend-client/src/generated/schemas.ts", &text);
}

#[test]
fn typescript_samples_are_current() {
    for (index, event) in events().into_iter().enumerate() {
        let name = event.event_type().name();
        sample("events", name, &envelope(event, index as u64 + 1));
    }
    for notice in notices() {
        sample("notices", notice.name(), &notice);
    }
    for (name, ack) in acks() {
        sample("acks", name, &ack);
    }
    sample("problems", "conflict", &Problem::conflict(3, 4).document());
}

/// A type that has no sample would not be replayed by the client's tests.
#[test]
fn every_event_type_has_a_sample() {
    let sampled: Vec<EventType> = events().iter().map(Event::event_type).collect();
    for event in EventType::ALL {
        assert!(sampled.contains(&event), "add a sample of {} to this file", event.name());
    }
}

fn sample(folder: &str, name: &str, value: &impl Serialize) {
    let text = serde_json::to_string_pretty(value).unwrap() + "\n";
    assert_file(&format!("frontend-client/test/samples/{folder}/{name}.json"), &text);
}

fn pascal(name: &str) -> String {
    name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn envelope(event: Event, number: u64) -> Envelope {
    let offsets = event.rooms().into_iter().map(|room| (room, Offset(number))).collect();
    Envelope {
        v: PROTOCOL_VERSION,
        id: format!("0193a5b2-0000-7000-9000-{number:012}").parse().unwrap(),
        event,
        timestamp: "2026-11-20T10:15:30.123Z".parse().unwrap(),
        epoch: "epoch-1".parse().unwrap(),
        offsets: Offsets(offsets),
        metadata: Metadata {
            user_id: "mira".parse().unwrap(),
            source: "api".into(),
            correlation_id: "c-1".into(),
            request_id: (number % 2 == 1).then(|| "r-1".parse().unwrap()),
        },
    }
}

fn events() -> Vec<Event> {
    let campaign_id = CAMPAIGN.parse().unwrap();
    let settlement_id = SETTLEMENT.parse().unwrap();
    let structure_id = STRUCTURE.parse().unwrap();
    vec![
        Event::EntityUpdated(EntityUpdated {
            entity_type: EntityKind::Campaign,
            entity_id: CAMPAIGN.into(),
            campaign_id,
            operation: Operation::Update,
            version: 4,
            changed_fields: vec!["name".into()],
            entity_data: Some(object(json!({ "name": "The Long Winter" }))),
        }),
        Event::SettlementUpdated(SettlementUpdated {
            settlement_id,
            campaign_id,
            operation: Operation::Update,
            version: 12,
            changed_fields: vec!["population".into(), "level".into()],
            settlement_data: Some(object(json!({ "id": SETTLEMENT, "population": 1250, "level": 3 }))),
        }),
        Event::StructureUpdated(StructureUpdated {
            structure_id,
            settlement_id,
            campaign_id,
            operation: Operation::Delete,
            version: 3,
            changed_fields: Vec::new(),
            structure_data: None,
        }),
        Event::WorldTimeChanged(WorldTimeChanged {
            campaign_id,
            previous_time: "1372-03-01T08:00:00.000Z".parse().unwrap(),
            new_time: "1372-03-03T08:00:00.000Z".parse().unwrap(),
            version: 5,
            elapsed: Some(TimeSpan { value: 2, unit: TimeUnit::Days }),
        }),
        Event::StateInvalidated(StateInvalidated {
            campaign_id,
            scope: InvalidationScope::Entity,
            entities: Some(vec![EntityRef {
                entity_type: EntityKind::Settlement,
                entity_id: SETTLEMENT.into(),
            }]),
            entity_ids: Some(vec![SETTLEMENT.into()]),
            fields: Some(vec!["defense".into(), "prosperity".into()]),
            reason: Some("The palisade is finished.".into()),
        }),
        Event::MembershipChanged(MembershipChanged {
            campaign_id,
            user_id: "tomas".parse().unwrap(),
            role: Some(Role::Gm),
        }),
    ]
}

fn notices() -> Vec<Notice> {
    let room = format!("campaign:{CAMPAIGN}").parse().unwrap();
    vec![
        Notice::Welcome(Welcome {
            protocol: PROTOCOL_VERSION,
            connection_id: "0193a5b2-0000-7000-8000-00000000000c".parse().unwrap(),
            user_id: "mira".parse().unwrap(),
            epoch: "epoch-1".parse().unwrap(),
            server_time: "2026-11-20T10:15:30.123Z".parse().unwrap(),
            token_expires_at: "2026-11-20T11:15:30.000Z".parse().unwrap(),
            reconnect: ReconnectPolicy { min_ms: 1000, max_ms: 32_000, jitter: true, max_attempts: 10 },
        }),
        Notice::Unsubscribed(Unsubscribed {
            room: format!("settlement:{SETTLEMENT}").parse().unwrap(),
            code: UnsubscribeCode::MembershipRevoked,
        }),
        Notice::RoomStateInvalidated(RoomStateInvalidated {
            room: format!("settlement:{SETTLEMENT}").parse().unwrap(),
            reason: StaleReason::HistoryTrimmed,
        }),
        Notice::Heads(Heads {
            epoch: "epoch-1".parse().unwrap(),
            rooms: [(room, Offset(44))].into_iter().collect(),
        }),
        Notice::TokenExpiring(TokenExpiring { expires_at: "2026-11-20T11:15:30.000Z".parse().unwrap() }),
        Notice::Draining(Draining { reconnect_after_ms: 1500 }),
        Notice::Presence(Presence {
            room: format!("campaign:{CAMPAIGN}").parse().unwrap(),
            joined: None,
            left: None,
            members: Some(vec!["mira".parse().unwrap(), "tomas".parse().unwrap()]),
        }),
    ]
}

fn acks() -> Vec<(&'static str, Ack)> {
    let room: fanfare::protocol::Room = format!("campaign:{CAMPAIGN}").parse().unwrap();
    let missed: Vec<Envelope> =
        events().into_iter().zip(1..).map(|(event, number)| envelope(event, number)).collect();
    let subscribed = Ack::Subscribed(Subscribed {
        success: true,
        room: room.clone(),
        epoch: "epoch-1".parse().unwrap(),
        offset: Offset(missed.len() as u64),
        recovered: true,
        events: missed.iter().map(|event| Arc::from(to_raw_value(event).unwrap())).collect(),
    });
    let mut refused = Problem::new(Code::RateLimited, "Too many subscriptions at once.");
    refused.details.push(FieldError { field: "rooms[0].room".into(), message: "try again".into() });
    let refused = refused.retry_after(std::time::Duration::from_millis(750));
    vec![
        ("subscribed", subscribed.clone()),
        (
            "subscribed_many",
            Ack::SubscribedMany {
                success: true,
                results: vec![subscribed, Ack::failed(Problem::not_found(), Some(room))],
            },
        ),
        ("pong", Ack::Pong { success: true, server_time: "2026-11-20T10:15:30.123Z".parse().unwrap() }),
        ("done", Ack::done()),
        ("refused", Ack::failed(refused, None)),
    ]
}

/// What a client sends is read back as what it meant.
#[test]
fn a_position_in_a_command_survives_the_wire() {
    let wish = SubscribeRoom {
        room: format!("campaign:{CAMPAIGN}").parse().unwrap(),
        position: Some(Position { epoch: "epoch-1".parse().unwrap(), offset: Offset(41) }),
    };
    let text = serde_json::to_string(&wish).unwrap();
    assert_eq!(serde_json::from_str::<SubscribeRoom>(&text).unwrap(), wish);
    let failure: AckFailure =
        serde_json::from_value(json!({ "success": false, "error": "No.", "code": "forbidden" })).unwrap();
    assert_eq!(failure.code, Code::Forbidden);
}
