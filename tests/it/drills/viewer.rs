//! A client that stays: it follows rooms, applies what arrives in order, notices what is missing, and
//! comes back with its positions, by the rules that the TypeScript client keeps. What it went through
//! is written down for the oracle.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use serde_json::Value;
use tokio::{sync::Notify, task::JoinHandle, time::Instant};

use super::{session::Life, wire::Wire};

/// What a viewer went through in a room, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The answer to a join: where it stands now, and whether it has everything up to there.
    Entered {
        epoch: String,
        offset: u64,
        recovered: bool,
    },
    Event {
        epoch: String,
        offset: u64,
        root_offset: u64,
        id: String,
    },
    /// It was told to read the state again.
    Stale(String),
    /// It was taken out.
    Removed(String),
    /// It was not let in.
    Refused(String),
}

/// A place in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub epoch: String,
    pub offset: u64,
}

/// What is known of one room.
#[derive(Debug, Default)]
pub struct Seat {
    pub place: Option<Place>,
    pub live: bool,
    pub steps: Vec<Step>,
    /// Events that came before their turn. The server promises that there are none.
    pub early: usize,
    /// Heads that named events which should have been here. The server promises that there are none.
    pub behind_heads: usize,
    /// Events that wait for the answer to a join.
    pub waiting: BTreeMap<u64, Arc<Wire>>,
    /// How often in a row the server could not say whether it may be in.
    pub failures: u32,
    /// When to ask for the room.
    pub ask_at: Option<Instant>,
}

/// What is known altogether.
#[derive(Debug, Default)]
pub struct Record {
    pub seats: BTreeMap<String, Seat>,
    /// The name and version of each settlement, as the viewer shows it.
    pub state: HashMap<String, (u64, String)>,
    pub connections: usize,
    pub connected: bool,
    /// Which of its URLs the last connection went to.
    pub at: usize,
    /// How the last connection ended.
    pub last_end: String,
    /// Milliseconds from commit to here, by the wall clock.
    pub latencies: Vec<u64>,
}

/// How a viewer behaves.
#[derive(Clone)]
pub struct Manner {
    pub user: String,
    pub token: String,
    pub number: usize,
    /// Where to connect: one after the other.
    pub urls: Vec<String>,
    pub first_url: usize,
    pub rooms: Vec<String>,
    /// The shortest delay of the first attempt to come back, instead of what `welcome` says.
    pub hurry: Option<Duration>,
}

/// A running viewer. It ends with the test.
pub struct Viewer {
    pub manner: Manner,
    record: Arc<Mutex<Record>>,
    changed: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Viewer {
    /// Begins to connect.
    pub fn start(manner: Manner) -> Self {
        let seats = manner.rooms.iter().map(|room| (room.clone(), Seat::default())).collect();
        let record = Arc::new(Mutex::new(Record { seats, ..Record::default() }));
        let changed = Arc::new(Notify::new());
        let life =
            Life { manner: manner.clone(), record: Arc::clone(&record), changed: Arc::clone(&changed) };
        Self { manner, record, changed, task: tokio::spawn(life.run()) }
    }

    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap()
    }

    /// Waits until it is so; false when it does not become so before the deadline.
    pub async fn until(&self, deadline: Instant, is_so: impl Fn(&Record) -> bool) -> bool {
        loop {
            let changed = self.changed.notified();
            if is_so(&self.record()) {
                return true;
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                return is_so(&self.record());
            }
        }
    }

    /// Whether it has everything of its rooms up to these heads.
    pub fn has(record: &Record, heads: &HashMap<String, Place>) -> bool {
        record.seats.iter().all(|(room, seat)| match (heads.get(room), &seat.place) {
            (None, _) => true,
            (Some(head), Some(place)) => {
                seat.live && place.epoch == head.epoch && place.offset >= head.offset
            }
            (Some(_), None) => false,
        })
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Record {
    /// Hands the event out in every room whose next it is.
    pub fn apply(&mut self, wire: &Arc<Wire>, live: bool) {
        let mut is_next = false;
        for (room, &offset) in &wire.offsets {
            let Some(seat) = self.seats.get_mut(room) else { continue };
            let next = seat.place.as_ref().filter(|at| at.epoch == wire.epoch).map(|at| at.offset + 1);
            match next {
                Some(next) if offset == next && seat.live => {
                    is_next = true;
                    seat.place = Some(Place { epoch: wire.epoch.clone(), offset });
                    let (epoch, id) = (wire.epoch.clone(), wire.id.clone());
                    seat.steps.push(Step::Event { epoch, offset, root_offset: wire.root_offset, id });
                }
                Some(next) if offset < next => {}
                _ => {
                    if seat.live && live {
                        seat.early += 1;
                        seat.ask_at = Some(Instant::now());
                    }
                    seat.waiting.insert(offset, Arc::clone(wire));
                }
            }
        }
        if is_next {
            self.show(wire);
        }
    }

    /// What waited for an answer.
    pub fn settle(&mut self) {
        let waiting: Vec<Arc<Wire>> = self
            .seats
            .values_mut()
            .flat_map(|seat| std::mem::take(&mut seat.waiting).into_values())
            .collect();
        let ordered: BTreeMap<u64, Arc<Wire>> =
            waiting.into_iter().map(|wire| (wire.root_offset, wire)).collect();
        ordered.values().for_each(|wire| self.apply(wire, true));
    }

    pub fn compare(&mut self, heads: &Value) {
        for (room, head) in heads["rooms"].as_object().into_iter().flatten() {
            if let Some(seat) = self.seats.get_mut(room)
                && let Some(place) = &seat.place
                && seat.live
                && heads["epoch"] == place.epoch
                && head.as_u64().is_some_and(|head| head > place.offset)
            {
                seat.behind_heads += 1;
                seat.ask_at = Some(Instant::now());
            }
        }
    }

    fn show(&mut self, wire: &Wire) {
        if let Some(shown) = &wire.shows {
            let known = self.state.entry(shown.settlement.clone()).or_default();
            if shown.version > known.0 {
                *known = (shown.version, shown.name.clone());
            }
        }
    }
}
