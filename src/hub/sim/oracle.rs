//! What must hold, whatever happens. Each finding begins with the invariant's number in the design.

use std::sync::{Arc, Mutex};

use super::model::{Campaign, Model};
use crate::{
    hub::{
        lock,
        time::{Instant, now},
    },
    protocol::{Code, Epoch, Position, Room, Root, Subscribed, UserId},
    store::LoggedEvent,
};

/// Compares what clients are sent with the model of the database.
pub struct Oracle {
    model: Arc<Model>,
    began: Instant,
    findings: Mutex<Vec<String>>,
    /// What happened, when somebody wants to read it.
    story: Option<Mutex<Vec<String>>>,
}

/// Where a campaign stood when a client asked to join.
pub struct Begun {
    epoch: Epoch,
    head: usize,
}

impl Oracle {
    pub fn new(model: Arc<Model>, with_story: bool) -> Self {
        let story = with_story.then(Mutex::default);
        Self { model, began: now(), findings: Mutex::default(), story }
    }

    /// Something that must not be.
    pub fn find(&self, invariant: &str, what: impl FnOnce() -> String) {
        let text = format!("{invariant} at {:?}: {}", (now() - self.began), what());
        self.tell(|| text.clone());
        lock(&self.findings).push(text);
    }

    /// Something that happened.
    pub fn tell(&self, what: impl FnOnce() -> String) {
        if let Some(story) = &self.story {
            lock(story).push(format!("{:>9.3} {}", (now() - self.began).as_secs_f64(), what()));
        }
    }

    pub fn findings(&self) -> Vec<String> {
        lock(&self.findings).clone()
    }

    pub fn story(&self) -> Vec<String> {
        self.story.as_ref().map(|story| lock(story).clone()).unwrap_or_default()
    }

    /// A client is about to ask for rooms of the root.
    pub fn begin(&self, root: &Root) -> Begun {
        let epoch = self.model.epoch();
        let head = self.model.look(&epoch, root, Campaign::head).unwrap_or(0);
        Begun { epoch, head }
    }

    /// An instance sends an event to a connection of the user.
    pub fn delivered(&self, user: &UserId, event: &Arc<LoggedEvent>) {
        let place = event.offset().0 as usize;
        let (genuine, permitted) = self
            .model
            .look(&event.epoch, &event.root, |campaign| {
                let logged = campaign.events.get(place - 1);
                let genuine = logged.is_some_and(|logged| logged.json.get() == event.json.get());
                (genuine, genuine && campaign.moments[place - 1].members.contains(user))
            })
            .unwrap_or_default();
        if !genuine {
            self.find("I3", || format!("{user} is sent {}, which was never committed", event.json));
        } else if !permitted {
            self.find("I8", || format!("{user} is sent {} after the removal", event.id));
        }
    }

    /// An instance answers a join.
    pub fn answered(
        &self,
        user: &UserId,
        room: &Room,
        position: Option<&Position>,
        begun: &Begun,
        answer: Result<&Subscribed, Code>,
    ) {
        match answer {
            Ok(subscribed) => self.entered(user, room, position, begun, subscribed),
            Err(Code::NotFound) => self.refused(user, room, begun),
            Err(Code::Unavailable) => {}
            Err(code) => self.find("I9", || format!("{user} is refused {room} for {code:?}")),
        }
    }

    fn entered(
        &self,
        user: &UserId,
        room: &Room,
        position: Option<&Position>,
        begun: &Begun,
        subscribed: &Subscribed,
    ) {
        let Some(root) = self.root(room) else { return };
        let (epoch, offset) = (&subscribed.epoch, subscribed.offset);
        let seen = self.model.look(epoch, &root, |campaign| {
            let from = if *epoch == begun.epoch { begun.head } else { 0 };
            let fits = campaign.moments.iter().skip(from).any(|moment| {
                moment.heads.get(room) == Some(&offset.0)
                    && moment.members.contains(user)
                    && !moment.closed.contains(room)
            });
            let missed = position.map(|position| campaign.envelopes(room, position.offset, offset));
            (fits, missed)
        });
        let Some((fits, missed)) = seen else {
            return self.find("I9", || format!("{user} enters {room} in {epoch}, which never was"));
        };
        if !fits {
            self.find("I9", || format!("{user} enters {room} at {offset}, which was at no one moment so"));
        }
        let texts = |events: &[Arc<serde_json::value::RawValue>]| -> Vec<String> {
            events.iter().map(|event| event.get().to_owned()).collect()
        };
        let right = match (subscribed.recovered, position, missed) {
            (true, Some(position), Some(missed)) => {
                position.epoch == *epoch
                    && position.offset <= offset
                    && texts(&missed) == texts(&subscribed.events)
            }
            (true, ..) => false,
            (false, ..) => subscribed.events.is_empty(),
        };
        if !right {
            self.find("I7", || format!("{user} enters {room} from {position:?} with {subscribed:?}"));
        }
    }

    fn refused(&self, user: &UserId, room: &Room, begun: &Begun) {
        let Some(root) = self.root(room) else { return };
        let justified = self.model.look(&begun.epoch, &root, |campaign| {
            let mut moments = campaign.moments.iter().skip(begun.head);
            moments.any(|moment| !moment.members.contains(user) || moment.closed.contains(room))
        });
        // After a restore the other log decides.
        if justified == Some(false) && begun.epoch == self.model.epoch() {
            self.find("I9", || format!("{user} is refused {room}, which was permitted all the time"));
        }
    }

    fn root(&self, room: &Room) -> Option<Root> {
        self.model.roots_of(std::slice::from_ref(room)).pop().flatten()
    }
}
