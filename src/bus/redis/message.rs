//! What a message on a root's channel says.

use serde::{Deserialize, Serialize};

use super::seal::{Kind, Seal};
use crate::{
    bus::{Delivery, Hint},
    protocol::{Epoch, EventId, Offset, Room, Root},
    store::LoggedEvent,
};

/// Envelopes above this many bytes are only referred to: whoever follows reads them in the log.
pub(super) const LARGEST_WHOLE: usize = 64 << 10;

/// Refers to an event in the log.
#[derive(Serialize, Deserialize)]
struct Reference {
    root: Room,
    epoch: Epoch,
    offset: Offset,
    id: EventId,
}

/// The message that says `event` on `channel`. The envelope goes as it stands in the log.
pub(super) fn write(seal: &Seal, channel: &str, event: &LoggedEvent) -> Vec<u8> {
    let text = event.json.get();
    if text.len() <= LARGEST_WHOLE {
        return seal.close(Kind::Event, channel, text.as_bytes());
    }
    let reference = Reference {
        root: event.root.room(),
        epoch: event.epoch.clone(),
        offset: event.offset(),
        id: event.id.clone(),
    };
    seal.close(Kind::Reached, channel, &serde_json::to_vec(&reference).unwrap_or_default())
}

/// What the body of a sealed message means to a follower of `root`. What does not fit is a doubt.
pub(super) fn read(kind: Kind, body: &[u8], root: &Root) -> Hint {
    match kind {
        Kind::Event => {
            let text = String::from_utf8(body.to_vec()).ok();
            match text.and_then(|text| LoggedEvent::from_text(text).ok()) {
                Some(event) if event.root == *root => {
                    Hint::Event(Delivery { event: event.into(), published_at: None })
                }
                Some(_) | None => Hint::Doubt,
            }
        }
        Kind::Reached => match serde_json::from_slice::<Reference>(body) {
            Ok(reference) if reference.root == root.room() => {
                Hint::Reached { epoch: reference.epoch, offset: reference.offset }
            }
            Ok(_) | Err(_) => Hint::Doubt,
        },
        Kind::Probe | Kind::Note | Kind::Alive | Kind::Gone => Hint::Doubt,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{bus::redis::seal::Opened, protocol::CampaignId};

    const CHANNEL: &str = "test:campaign";

    fn root() -> Root {
        Root::Campaign(CampaignId::from_uuid(Uuid::from_u128(1)))
    }

    fn event(filling: usize) -> LoggedEvent {
        let text = format!(
            r#"{{"v":1,"id":"e","type":"state_invalidated","timestamp":"2026-11-20T10:15:30.123Z","epoch":"log",
                "offsets":{{"{}":7}},"payload":{{"reason":"{}"}},"metadata":{{}}}}"#,
            root(),
            "x".repeat(filling)
        );
        LoggedEvent::from_text(text).unwrap()
    }

    fn carry(event: &LoggedEvent, to: &Root) -> Hint {
        let seal = |instance| Seal::new(Uuid::from_u128(instance), [b"secret".as_slice()]);
        let message = write(&seal(1), CHANNEL, event);
        match seal(2).open(CHANNEL, &message) {
            Opened::Theirs(kind, body) => read(kind, body, to),
            Opened::Own(..) | Opened::Refused => panic!("it is another instance's"),
        }
    }

    #[test]
    fn an_event_arrives_as_it_stands_in_the_log() {
        let sent = event(100);
        let Hint::Event(delivery) = carry(&sent, &root()) else { panic!("no event") };
        assert_eq!(delivery.event.json.get(), sent.json.get());
        assert_eq!((delivery.event.offset(), delivery.event.epoch.as_str()), (Offset(7), "log"));
    }

    #[test]
    fn a_large_event_arrives_as_the_place_where_it_stands() {
        let sent = event(LARGEST_WHOLE);
        let Hint::Reached { epoch, offset } = carry(&sent, &root()) else { panic!("no reference") };
        assert_eq!((epoch.as_str(), offset), ("log", Offset(7)));
    }

    #[test]
    fn what_belongs_elsewhere_or_says_nothing_is_a_doubt() {
        let elsewhere = Root::Campaign(CampaignId::from_uuid(Uuid::from_u128(2)));
        assert!(matches!(carry(&event(100), &elsewhere), Hint::Doubt));
        assert!(matches!(carry(&event(LARGEST_WHOLE), &elsewhere), Hint::Doubt));
        for kind in [Kind::Event, Kind::Reached, Kind::Probe, Kind::Note, Kind::Alive, Kind::Gone] {
            for body in [b"".as_slice(), b"{}", b"\xff", b"null"] {
                assert!(matches!(read(kind, body, &root()), Hint::Doubt));
            }
        }
    }
}
