//! A client: follows rooms, applies their events in order, goes away and comes back with its positions.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, atomic::Ordering::SeqCst},
    time::Duration,
};

use super::{
    Cluster,
    conn::{Conn, Item, Place},
    instance::Surroundings,
};
use crate::{
    hub::{
        lock,
        time::{now, sleep, sleep_until},
    },
    protocol::{Position, Room, Root, SubscribeRoom, UserId},
    store::LoggedEvent,
};

/// How long a client waits before it asks again for what it was refused.
const ASK_AGAIN: Duration = Duration::from_millis(700);

pub struct Screen {
    pub name: usize,
    pub user: UserId,
    pub root: Root,
    pub places: Mutex<BTreeMap<Room, Place>>,
    /// What it applied: the oracle's I1, each event once.
    applied: Mutex<BTreeSet<(Room, String)>>,
}

impl Screen {
    pub fn new(name: usize, user: UserId, root: Root, rooms: Vec<Room>) -> Self {
        let places = rooms.into_iter().map(|room| (room, Place::default())).collect();
        Self { name, user, root, places: Mutex::new(places), applied: Mutex::default() }
    }

    /// Connects, follows, and connects again, until the schedule ends.
    pub async fn run(self: Arc<Self>, cluster: Arc<Cluster>) {
        let around = &cluster.around;
        loop {
            sleep(around.dice.millis(0..800)).await;
            let Some(instance) = cluster.any_instance() else { continue };
            let conn = instance.connect(&self.user, around);
            around.oracle.tell(|| format!("screen {} connects to {}", self.name, instance.name));
            self.follow(&conn, around).await;
            conn.close();
            for place in lock(&self.places).values_mut() {
                place.live = false;
            }
        }
    }

    async fn follow(&self, conn: &Arc<Conn>, around: &Surroundings) {
        let mut asking = self.ask(conn);
        let mut ask_at = now() + ASK_AGAIN;
        let mut whim_at = now() + around.dice.millis(200..4000);
        loop {
            let item = tokio::select! {
                biased;
                item = conn.next() => item,
                () = sleep_until(ask_at.min(whim_at)) => {
                    if now() >= ask_at {
                        ask_at = now() + ASK_AGAIN;
                        asking = asking || self.ask(conn);
                    }
                    if now() >= whim_at {
                        whim_at = now() + around.dice.millis(200..4000);
                        if !around.calm.load(SeqCst) && self.has_had_enough(conn, around, asking).await {
                            return;
                        }
                    }
                    continue;
                }
            };
            match item {
                Some(Item::Event(event)) => self.apply(&event, around),
                Some(Item::Answers(answers)) => {
                    asking = false;
                    self.take_answers(answers, around);
                }
                Some(Item::Stale(room)) => {
                    self.lose(&room);
                    around.oracle.tell(|| format!("screen {} is told to read {room} again", self.name));
                    ask_at = now();
                }
                Some(Item::Removed(room)) => {
                    self.lose(&room);
                    around.oracle.tell(|| format!("screen {} is out of {room}", self.name));
                }
                Some(Item::Heads(heads)) => self.compare(&heads, around),
                None => return,
            }
        }
    }

    /// Asks for the rooms that are not live. False when there are none.
    fn ask(&self, conn: &Arc<Conn>) -> bool {
        let places = lock(&self.places);
        let wishes: Vec<SubscribeRoom> = places
            .iter()
            .filter(|(_, place)| !place.live)
            .map(|(room, place)| SubscribeRoom { room: room.clone(), position: place.position.clone() })
            .collect();
        let any = !wishes.is_empty();
        if any {
            conn.join(self.root.clone(), wishes);
        }
        any
    }

    /// Now and then a client goes, stops reading for a while, or leaves a room.
    async fn has_had_enough(&self, conn: &Conn, around: &Surroundings, asking: bool) -> bool {
        match around.dice.number(0..8) {
            0 => return true,
            1 => sleep(around.dice.millis(100..3000)).await,
            2 if !asking => {
                let rooms: Vec<Room> = lock(&self.places).keys().cloned().collect();
                let room = around.dice.pick(&rooms).clone();
                conn.leave(&self.root, room.clone()).await;
                if let Some(place) = lock(&self.places).get_mut(&room) {
                    place.live = false;
                }
            }
            _ => {}
        }
        false
    }

    fn take_answers(
        &self,
        answers: Vec<(Room, Result<crate::protocol::Subscribed, crate::protocol::Code>)>,
        around: &Surroundings,
    ) {
        for (room, answer) in answers {
            match answer {
                Ok(subscribed) => {
                    around.oracle.tell(|| {
                        let (at, recovered) = (subscribed.offset, subscribed.recovered);
                        format!("screen {} enters {room} at {at}, recovered {recovered}", self.name)
                    });
                    let position = Position { epoch: subscribed.epoch, offset: subscribed.offset };
                    self.set(&room, Some(position), true);
                }
                Err(crate::protocol::Code::NotFound) => self.set(&room, None, false),
                // The position stays good for the next attempt.
                Err(_) => {
                    if let Some(place) = lock(&self.places).get_mut(&room) {
                        place.live = false;
                    }
                }
            }
        }
    }

    fn set(&self, room: &Room, position: Option<Position>, live: bool) {
        lock(&self.places).insert(room.clone(), Place { position, live });
    }

    fn lose(&self, room: &Room) {
        self.set(room, None, false);
    }

    fn apply(&self, event: &LoggedEvent, around: &Surroundings) {
        around.oracle.tell(|| format!("screen {} gets {} {:?}", self.name, event.id, event.offsets));
        for (room, offset) in event.offsets.iter() {
            let mut places = lock(&self.places);
            let Some(Place { position: Some(position), live: true }) = places.get_mut(room) else { continue };
            if position.epoch != event.epoch {
                // Sent before the answer that named the new epoch; a client that followed on would not
                // be at the head in the end.
                continue;
            }
            if offset > position.offset.next() {
                let at = position.offset;
                around
                    .oracle
                    .find("I4", || format!("screen {} is sent {offset} in {room} after {at}", self.name));
            } else if offset == position.offset.next() {
                position.offset = offset;
                if !lock(&self.applied).insert((room.clone(), event.id.to_string())) {
                    around.oracle.find("I1", || format!("{} is applied twice in {room}", event.id));
                }
            }
        }
    }

    /// What the instance says it has sent must have arrived before it says so.
    fn compare(&self, heads: &BTreeMap<Room, crate::protocol::Offset>, around: &Surroundings) {
        let places = lock(&self.places);
        for (room, head) in heads {
            if let Some(Place { position: Some(position), live: true }) = places.get(room)
                && position.offset < *head
            {
                let (name, at) = (self.name, position.offset);
                around.oracle.find("I4", || format!("screen {name} is at {at} in {room}, told {head}"));
            }
        }
    }
}
