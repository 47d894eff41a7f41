//! Checks a database's invariants: `fanfare doctor`.
//!
//! To add a check that one statement can make, add a line to [`CHECKS`]: the statement answers one text a
//! fault, which says where it is. Each statement sees one instant, so a database in use may be checked.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::{
    LoggedEvent, Store, StoreError,
    sql::{Columns, Record, Sql},
};
use crate::protocol::{Epoch, Room};

/// One broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which check found it: a short fixed name.
    pub check: &'static str,
    /// What is wrong, where, in a sentence.
    pub detail: String,
}

/// Findings of one check that are told; more would tell nothing new.
const MOST: usize = 20;

/// How long one check may take.
const LIMIT: Duration = Duration::from_secs(600);

/// Envelopes that are read at once.
const BATCH: u32 = 500;

/// Name, what is wrong, and the statement that answers where.
const CHECKS: &[(&str, &str, &str)] = &[
    (
        "log_of_root",
        "the events in the log are not those after its floor up to its head, without a hole",
        "SELECT r.room || ' (floor ' || CAST(r.floor_offset AS TEXT) || ', head ' || CAST(r.head_offset AS TEXT)
                || ', events ' || CAST(COUNT(e.root_offset) AS TEXT) || ')'
         FROM rooms r LEFT JOIN events e ON e.root = r.room AND e.root_offset > r.floor_offset
         WHERE r.room = r.root GROUP BY r.room, r.floor_offset, r.head_offset
         HAVING COUNT(e.root_offset) <> r.head_offset - r.floor_offset
             OR COALESCE(MAX(e.root_offset), r.floor_offset) <> r.head_offset",
    ),
    (
        "log_of_room",
        "the events in the log are not those after its floor up to its head, without a hole",
        "SELECT r.room || ' (floor ' || CAST(r.floor_offset AS TEXT) || ', head ' || CAST(r.head_offset AS TEXT)
                || ', events ' || CAST(COUNT(i.room_offset) AS TEXT) || ')'
         FROM rooms r LEFT JOIN event_rooms i ON i.root = r.root AND i.room = r.room
         WHERE r.room <> r.root GROUP BY r.room, r.floor_offset, r.head_offset
         HAVING COUNT(i.room_offset) <> r.head_offset - r.floor_offset
             OR COALESCE(MAX(i.room_offset), r.floor_offset) <> r.head_offset
             OR COALESCE(MIN(i.room_offset), r.floor_offset + 1) <> r.floor_offset + 1",
    ),
    (
        "event_in_no_log",
        "no room's log holds the event",
        "SELECT root || ' ' || CAST(root_offset AS TEXT) FROM
             (SELECT e.root, e.root_offset FROM events e LEFT JOIN rooms r ON r.room = e.root
              WHERE r.room IS NULL OR e.root_offset <= r.floor_offset
              EXCEPT SELECT root, root_offset FROM event_rooms) lost",
    ),
    (
        "event_missing",
        "a room's log names an event that is not there",
        "SELECT root || ' ' || CAST(root_offset AS TEXT) FROM
             (SELECT root, root_offset FROM event_rooms EXCEPT SELECT root, root_offset FROM events) lost",
    ),
    (
        "room_missing",
        "there is a log for a room that is not registered under this root",
        "SELECT DISTINCT i.room || ' of ' || i.root
         FROM event_rooms i LEFT JOIN rooms r ON r.room = i.room AND r.root = i.root WHERE r.room IS NULL",
    ),
    (
        "root_missing",
        "the room's root is not registered",
        "SELECT c.room || ' of ' || c.root
         FROM rooms c LEFT JOIN rooms r ON r.room = c.root WHERE r.room IS NULL AND c.closed = 0",
    ),
    (
        "campaign_without_room",
        "the campaign has no open room",
        "SELECT c.id FROM campaigns c LEFT JOIN rooms r ON r.room = 'campaign:' || c.id AND r.closed = 0
         WHERE r.room IS NULL",
    ),
    (
        "settlement_without_room",
        "the settlement has no open room in its campaign",
        "SELECT s.id FROM settlements s LEFT JOIN rooms r
             ON r.room = 'settlement:' || s.id AND r.root = 'campaign:' || s.campaign_id AND r.closed = 0
         WHERE r.room IS NULL",
    ),
    (
        "structure_without_room",
        "the structure has no open room in its campaign",
        "SELECT s.id FROM structures s LEFT JOIN rooms r
             ON r.room = 'structure:' || s.id AND r.root = 'campaign:' || s.campaign_id AND r.closed = 0
         WHERE r.room IS NULL",
    ),
    (
        "room_without_campaign",
        "the room is open, but its campaign is not there",
        "SELECT r.room FROM rooms r LEFT JOIN campaigns c ON c.id = SUBSTR(r.room, 10)
         WHERE r.room LIKE 'campaign:%' AND r.closed = 0 AND c.id IS NULL",
    ),
    (
        "room_without_settlement",
        "the room is open, but its settlement is not in the campaign",
        "SELECT r.room FROM rooms r
         LEFT JOIN settlements s ON s.campaign_id = SUBSTR(r.root, 10) AND s.id = SUBSTR(r.room, 12)
         WHERE r.room LIKE 'settlement:%' AND r.closed = 0 AND s.id IS NULL",
    ),
    (
        "room_without_structure",
        "the room is open, but its structure is not in the campaign",
        "SELECT r.room FROM rooms r
         LEFT JOIN structures s ON s.campaign_id = SUBSTR(r.root, 10) AND s.id = SUBSTR(r.room, 11)
         WHERE r.room LIKE 'structure:%' AND r.closed = 0 AND s.id IS NULL",
    ),
    (
        "member_without_campaign",
        "the member's campaign is not there",
        "SELECT m.user_id || ' of ' || m.campaign_id
         FROM members m LEFT JOIN campaigns c ON c.id = m.campaign_id WHERE c.id IS NULL",
    ),
    (
        "settlement_without_campaign",
        "the settlement's campaign is not there",
        "SELECT s.id || ' of ' || s.campaign_id
         FROM settlements s LEFT JOIN campaigns c ON c.id = s.campaign_id WHERE c.id IS NULL",
    ),
    (
        "structure_without_settlement",
        "the structure's settlement is not in the campaign",
        "SELECT s.id || ' of ' || s.settlement_id FROM structures s
         LEFT JOIN settlements p ON p.campaign_id = s.campaign_id AND p.id = s.settlement_id WHERE p.id IS NULL",
    ),
    (
        "campaign_without_owner",
        "the campaign has no owner",
        "SELECT c.id FROM campaigns c
         LEFT JOIN members m ON m.campaign_id = c.id AND m.role = 'OWNER' WHERE m.user_id IS NULL",
    ),
    (
        "request_without_result",
        "the remembered request has no result",
        "SELECT user_id || ' ' || request_id FROM requests WHERE result IS NULL",
    ),
];

/// Events in the order of their roots' logs.
const EVENTS: &str = "SELECT e.root, e.root_offset, e.id, m.value, e.envelope, e.root FROM events e
     JOIN meta m ON m.name = 'epoch'
     WHERE e.root > $1 OR (e.root = $1 AND e.root_offset > $2) ORDER BY e.root, e.root_offset LIMIT $3";

/// Places of events in rooms inside their roots.
const PLACES: &str = "SELECT i.room, i.room_offset, e.id, m.value, e.envelope, i.root FROM event_rooms i
     JOIN events e ON e.root = i.root AND e.root_offset = i.root_offset
     JOIN meta m ON m.name = 'epoch'
     WHERE i.root > $1 OR (i.root = $1 AND (i.room > $4 OR (i.room = $4 AND i.room_offset > $2)))
     ORDER BY i.root, i.room, i.room_offset LIMIT $3";

/// One place of one event.
struct Place {
    room: String,
    offset: i64,
    id: String,
    epoch: String,
    envelope: String,
    root: String,
}

impl Record for Place {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            room: columns.text(0)?.to_owned(),
            offset: columns.int(1)?,
            id: columns.text(2)?.to_owned(),
            epoch: columns.text(3)?.to_owned(),
            envelope: columns.text(4)?.to_owned(),
            root: columns.text(5)?.to_owned(),
        })
    }
}

#[derive(Deserialize)]
struct InEpoch {
    epoch: Epoch,
}

impl Store {
    /// Runs every check; at most 20 findings of each. Empty when the database is sound.
    ///
    /// # Errors
    /// When the database cannot be read; what it holds is never an error.
    pub async fn doctor(&self) -> Result<Vec<Finding>, StoreError> {
        let database = &self.shared().database;
        let mut findings = Vec::new();
        for line in database.integrity(Instant::now() + LIMIT).await? {
            findings.push(Finding { check: "integrity", detail: line });
        }
        for (check, wrong, text) in CHECKS {
            let found: Vec<String> = database.read_patiently(Sql::new(text), Instant::now() + LIMIT).await?;
            findings.extend(
                found.into_iter().take(MOST).map(|at| Finding { check, detail: format!("{at}: {wrong}") }),
            );
        }
        self.check_envelopes("envelope_of_root", EVENTS, &mut findings).await?;
        self.check_envelopes("envelope_of_room", PLACES, &mut findings).await?;
        Ok(findings)
    }

    /// Whether every envelope says of itself what the log says of it.
    async fn check_envelopes(
        &self,
        check: &'static str,
        text: &'static str,
        findings: &mut Vec<Finding>,
    ) -> Result<(), StoreError> {
        let (mut root, mut room, mut offset) = (String::new(), String::new(), 0);
        let mut told = 0;
        loop {
            let sql = Sql::new(text).bind(&*root).bind(offset).bind(BATCH);
            let sql = if text == PLACES { sql.bind(&*room) } else { sql };
            let places: Vec<Place> =
                self.shared().database.read_patiently(sql, Instant::now() + LIMIT).await?;
            let Some(last) = places.last() else { return Ok(()) };
            (root, room, offset) = (last.root.clone(), last.room.clone(), last.offset);
            for place in places {
                if let Some(wrong) = place.fault() {
                    told += 1;
                    findings
                        .push(Finding { check, detail: format!("{} {}: {wrong}", place.room, place.offset) });
                }
                if told == MOST {
                    return Ok(());
                }
            }
        }
    }
}

impl Place {
    fn fault(&self) -> Option<&'static str> {
        let Ok(event) = LoggedEvent::from_text(self.envelope.clone()) else {
            return Some("the envelope cannot be read");
        };
        let epoch = serde_json::from_str::<InEpoch>(&self.envelope).ok();
        let place = self.room.parse().ok().and_then(|room: Room| event.offsets.get(&room));
        if event.id.as_str() != self.id || event.root.to_string() != self.root {
            Some("the envelope has another id or root")
        } else if place.is_none_or(|offset| i64::try_from(offset.0) != Ok(self.offset)) {
            Some("the envelope has another offset")
        } else if epoch.is_none_or(|read| read.epoch.as_str() != self.epoch) {
            Some("the envelope has another epoch")
        } else {
            None
        }
    }
}
