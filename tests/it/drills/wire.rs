//! What viewers are sent, read once however many of them get it.
//!
//! A broadcast is the same text for every viewer, and so are the answers to those that come back from one place.
//! Reading each copy by itself would make the harness the slowest part of a drill.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use fanfare::clock::Clock;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use crate::support::socket::{Packet, parse};

/// How many texts are remembered of each kind.
const REMEMBERED: usize = 64;
/// Events of the connection, which are in no log.
const NOTICES: [&str; 7] =
    ["welcome", "unsubscribed", "room_state_invalidated", "heads", "token_expiring", "draining", "presence"];

/// What a message says to a viewer.
pub enum Heard {
    /// An event of a log.
    Event(Arc<Wire>),
    /// The answer to a join, by its number.
    Answer(u64, Arc<Answer>),
    /// Anything else.
    Packet(Packet),
}

/// An event as it comes.
#[derive(Debug, Deserialize)]
#[serde(from = "Envelope")]
pub struct Wire {
    pub id: String,
    pub epoch: String,
    pub offsets: BTreeMap<String, u64>,
    /// The place in the log of the root, which orders all its rooms.
    pub root_offset: u64,
    /// The settlement as it is after the event.
    pub shows: Option<Shown>,
    /// When it was committed, in milliseconds since 1970.
    committed_at: Option<i64>,
}

/// A settlement as a viewer shows it.
#[derive(Debug)]
pub struct Shown {
    pub settlement: String,
    pub version: u64,
    pub name: String,
}

/// The answer to `subscribe_many`; without results when the whole command failed.
#[derive(Debug, Deserialize)]
pub struct Answer {
    pub results: Option<Vec<Entry>>,
}

/// What it says of one room.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Entry {
    pub success: bool,
    pub epoch: String,
    pub offset: u64,
    pub recovered: bool,
    #[serde(deserialize_with = "each_shared")]
    pub events: Vec<Arc<Wire>>,
    pub code: Option<String>,
    pub retry_after_ms: Option<u64>,
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
    timestamp: String,
    epoch: String,
    offsets: BTreeMap<String, u64>,
    payload: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    settlement_id: Option<String>,
    version: Option<u64>,
    settlement_data: Option<Settlement>,
}

#[derive(Deserialize)]
struct Settlement {
    name: Option<String>,
}

/// Texts and what they say, the newest first.
type Recent<T> = Mutex<VecDeque<(String, Arc<T>)>>;

static EVENTS: Recent<Wire> = Mutex::new(VecDeque::new());
static ANSWERS: Recent<Answer> = Mutex::new(VecDeque::new());

impl Heard {
    /// Reads a message.
    pub fn of(text: &str) -> Self {
        let event = event_of(text).and_then(|json| read(&EVENTS, json));
        if let Some(wire) = event {
            return Self::Event(wire);
        }
        match answer_of(text).and_then(|(number, json)| Some((number, read(&ANSWERS, json)?))) {
            Some((number, answer)) => Self::Answer(number, answer),
            None => Self::Packet(parse(text)),
        }
    }
}

/// The envelope in an event's message.
fn event_of(text: &str) -> Option<&str> {
    let (name, rest) = text.strip_prefix("42[\"")?.split_once('"')?;
    if NOTICES.contains(&name) {
        return None;
    }
    rest.strip_prefix(',')?.strip_suffix(']')
}

/// The number and the argument of an acknowledgement.
fn answer_of(text: &str) -> Option<(u64, &str)> {
    let (number, rest) = text.strip_prefix("43")?.split_once('[')?;
    Some((number.parse().ok()?, rest.strip_suffix(']')?))
}

fn read<T: DeserializeOwned>(recent: &Recent<T>, text: &str) -> Option<Arc<T>> {
    let find = |texts: &VecDeque<(String, Arc<T>)>| {
        texts.iter().find(|(known, _)| known == text).map(|(_, said)| Arc::clone(said))
    };
    if let Some(said) = find(&recent.lock().unwrap_or_else(PoisonError::into_inner)) {
        return Some(said);
    }
    // Several may read the same text at the same time, which does no harm.
    let said: Arc<T> = Arc::new(serde_json::from_str(text).ok()?);
    let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
    recent.push_front((text.to_owned(), Arc::clone(&said)));
    recent.truncate(REMEMBERED);
    Some(said)
}

fn each_shared<'de, D: Deserializer<'de>>(events: D) -> Result<Vec<Arc<Wire>>, D::Error> {
    Vec::<Wire>::deserialize(events).map(|events| events.into_iter().map(Arc::new).collect())
}

impl From<Envelope> for Wire {
    fn from(envelope: Envelope) -> Self {
        let is_root =
            |room: &&String| ["campaign:", "user:", "session:"].iter().any(|kind| room.starts_with(kind));
        let root = envelope.offsets.keys().find(is_root);
        let root_offset = root.and_then(|room| envelope.offsets.get(room)).copied().unwrap_or(0);
        let Payload { settlement_id, version, settlement_data } = envelope.payload;
        let name = settlement_data.and_then(|data| data.name);
        let shows = settlement_id.zip(version).zip(name);
        let shows = shows.map(|((settlement, version), name)| Shown { settlement, version, name });
        let committed_at = envelope.timestamp.parse().ok().map(jiff::Timestamp::as_millisecond);
        Self {
            id: envelope.id,
            epoch: envelope.epoch,
            offsets: envelope.offsets,
            root_offset,
            shows,
            committed_at,
        }
    }
}

impl Wire {
    /// How long ago it was committed, in milliseconds.
    pub fn age(&self) -> Option<u64> {
        u64::try_from(Clock::system().now().as_millisecond() - self.committed_at?).ok()
    }
}
