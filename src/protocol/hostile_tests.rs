//! Whatever a client may send as a room's name or a command: it is read or refused with a sentence, and never more.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Room names and what is nearly one.
fn nearly_a_room() -> impl Strategy<Value = String> {
    let kind = prop_oneof![
        Just("campaign".to_owned()),
        Just("settlement".to_owned()),
        Just("user".to_owned()),
        Just("Campaign".to_owned()),
        "[a-z]{0,12}",
    ];
    let id = prop_oneof![
        any::<[u8; 16]>().prop_map(|bytes| uuid::Uuid::from_bytes(bytes).to_string()),
        any::<[u8; 16]>().prop_map(|bytes| uuid::Uuid::from_bytes(bytes).simple().to_string()),
        "[A-Za-z0-9._@:-]{0,140}",
        any::<String>(),
    ];
    let colon = prop_oneof![Just(":"), Just(""), Just("::"), Just("\u{ff1a}")];
    (kind, colon, id).prop_map(|(kind, colon, id)| format!("{kind}{colon}{id}"))
}

/// JSON of any shape, with the keys that commands look for.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        nearly_a_room().prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("room".to_owned()),
        Just("rooms".to_owned()),
        Just("position".to_owned()),
        Just("epoch".to_owned()),
        Just("offset".to_owned()),
        Just("entityId".to_owned()),
        Just("campaignId".to_owned()),
        Just("token".to_owned()),
        any::<String>(),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key.clone(), inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn command_name() -> impl Strategy<Value = String> {
    prop_oneof![proptest::sample::select(&Command::NAMES[..]).prop_map(str::to_owned), any::<String>()]
}

fn room() -> impl Strategy<Value = Room> {
    (proptest::sample::select(&RoomKind::ALL[..]), any::<[u8; 16]>()).prop_map(|(kind, bytes)| match kind {
        RoomKind::Instances => Room::Instances,
        RoomKind::Campaign
        | RoomKind::Settlement
        | RoomKind::Structure
        | RoomKind::Session
        | RoomKind::User => kind.room(&uuid::Uuid::from_bytes(bytes).to_string()).unwrap(),
    })
}

proptest! {
    /// One room has one name: what is read is written the same.
    #[test]
    fn a_room_is_read_as_it_is_written_or_not_at_all(name in nearly_a_room()) {
        match name.parse::<Room>() {
            Ok(room) => prop_assert_eq!(room.to_string(), name),
            Err(error) => prop_assert!(error.to_string().len() < 600, "{error}"),
        }
    }

    #[test]
    fn every_room_can_be_read_back(room in room()) {
        prop_assert_eq!(room.to_string().parse::<Room>().unwrap(), room.clone());
        let text = serde_json::to_string(&room).unwrap();
        prop_assert_eq!(serde_json::from_str::<Room>(&text).unwrap(), room);
    }

    #[test]
    fn no_command_makes_its_reader_panic(name in command_name(), payload in proptest::option::of(json_value())) {
        let payload = payload.map(|payload| payload.to_string());
        if let Err(problem) = Command::parse(&name, payload.as_deref()) {
            prop_assert_eq!(problem.code, Code::BadRequest);
            prop_assert!(problem.detail.len() < 2_000, "{}", problem.detail.len());
        }
    }

    #[test]
    fn no_text_makes_the_reader_of_commands_panic(name in command_name(), payload in any::<String>()) {
        Command::parse(&name, Some(&payload)).ok();
    }

    #[test]
    fn a_subscription_is_read_with_its_position(room in room(), epoch in any::<[u8; 16]>(), offset in 0_u64..1 << 53) {
        let epoch: Epoch = uuid::Uuid::from_bytes(epoch).to_string().parse().unwrap();
        let payload = json!({ "room": room, "position": { "epoch": epoch, "offset": offset }, "type": "any" });
        let read = Command::parse("subscribe", Some(&payload.to_string())).unwrap();
        let position = Some(Position { epoch, offset: Offset(offset) });
        prop_assert_eq!(read, Command::Subscribe(SubscribeRoom { room, position }));
    }
}
