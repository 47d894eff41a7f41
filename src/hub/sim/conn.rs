//! A connection to an instance, as the gateway makes it: a bounded queue in which the answer to a join
//! comes before every event that it promises.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use tokio::sync::Notify;

use super::{Defect, dice::Dice, instance::Instance, oracle::Oracle};
use crate::{
    hub::{
        Broadcast, Outlet, RoomHead, lock,
        time::{sleep, spawn},
    },
    protocol::{
        Code, ConnectionId, Epoch, Notice, Offset, Position, Problem, Room, Root, SubscribeRoom, Subscribed,
        UnsubscribeCode, UserId,
    },
    store::LoggedEvent,
};

/// What a client reads.
pub enum Item {
    Event(Arc<LoggedEvent>),
    /// The answer for each room that was asked for.
    Answers(Vec<(Room, Result<Subscribed, Code>)>),
    Stale(Room),
    Removed(Room),
    Heads(BTreeMap<Room, Offset>),
}

pub struct Conn {
    id: ConnectionId,
    user: UserId,
    pub instance: Arc<Instance>,
    oracle: Arc<Oracle>,
    dice: Arc<Dice>,
    defect: Option<Defect>,
    /// Items that may wait before the connection is closed.
    capacity: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Item>,
    /// What waits for the answer to a join.
    held: VecDeque<Item>,
    joining: bool,
    closed: bool,
    joined: BTreeMap<Room, (Root, Arc<RoomHead>)>,
    /// The last event queued of each root.
    last: BTreeMap<Root, (Epoch, Offset)>,
}

impl Conn {
    pub fn new(
        id: ConnectionId,
        user: UserId,
        instance: Arc<Instance>,
        oracle: Arc<Oracle>,
        dice: Arc<Dice>,
        capacity: usize,
    ) -> Self {
        let (state, changed, defect) = (Mutex::default(), Notify::new(), instance.defect);
        Self { id, user, instance, oracle, dice, defect, capacity, state, changed }
    }

    /// The next item; `None` once the connection is closed, whatever still waits.
    pub async fn next(&self) -> Option<Item> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = lock(&self.state);
                if state.closed {
                    return None;
                }
                if let Some(item) = state.queue.pop_front() {
                    return Some(item);
                }
            }
            changed.await;
        }
    }

    /// Asks for rooms. The answer is read as an item.
    pub fn join(self: &Arc<Self>, root: Root, wishes: Vec<SubscribeRoom>) {
        lock(&self.state).joining = true;
        let conn = Arc::clone(self);
        spawn(async move {
            let begun = conn.oracle.begin(&root);
            let answers = conn.ask(&root, wishes.clone()).await;
            let mut told = Vec::new();
            for (SubscribeRoom { room, position }, answer) in wishes.into_iter().zip(answers) {
                let answer = answer.map_err(|problem| problem.code);
                let judged = answer.as_ref().map_err(|code| *code);
                conn.oracle.answered(&conn.user, &room, position.as_ref(), &begun, judged);
                told.push((room, answer));
            }
            let mut state = lock(&conn.state);
            state.joining = false;
            state.queue.push_back(Item::Answers(told));
            let mut held = std::mem::take(&mut state.held);
            state.queue.append(&mut held);
            let closed = state.closed;
            drop(state);
            conn.changed.notify_one();
            if closed {
                conn.instance.hub.leave_all(conn.id, &root);
            }
        });
    }

    async fn ask(
        self: &Arc<Self>,
        root: &Root,
        wishes: Vec<SubscribeRoom>,
    ) -> Vec<Result<Subscribed, Problem>> {
        let rooms: Vec<Room> = wishes.iter().map(|wish| wish.room.clone()).collect();
        let mut early = None;
        if self.defect == Some(Defect::ReadBeforeRegister) {
            early = self.instance.hub.shared.log.snapshot(root, &rooms, &[]).await.ok();
            sleep(self.dice.millis(0..100)).await;
        }
        let without_position: Vec<bool> = wishes.iter().map(|wish| wish.position.is_none()).collect();
        let outlet: Arc<dyn Outlet> = Arc::clone(self) as _;
        let answers = self.instance.hub.join(&outlet, wishes).await;
        let mut answers: Vec<_> =
            answers.into_iter().map(|answer| answer.map(|joined| joined.subscribed)).collect();
        if let Some(early) = early {
            for ((answer, room), without) in answers.iter_mut().zip(rooms).zip(without_position) {
                if let (Ok(subscribed), true) = (answer, without) {
                    (subscribed.epoch, subscribed.offset) = (early.epoch.clone(), early.head(&room));
                }
            }
        }
        answers
    }

    /// Leaves a room at the client's wish.
    pub async fn leave(&self, root: &Root, room: Room) {
        self.instance.hub.leave(self.id, root, room.clone()).await;
        lock(&self.state).joined.remove(&room);
    }

    /// Ends the connection: what waits is lost.
    pub fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        let roots: Vec<Root> =
            std::mem::take(&mut state.joined).into_values().map(|(root, _)| root).collect();
        drop(state);
        for root in roots {
            self.instance.hub.leave_all(self.id, &root);
        }
        self.changed.notify_one();
    }

    /// The rooms that the instance has this connection in.
    pub fn joined(&self) -> Vec<Room> {
        lock(&self.state).joined.keys().cloned().collect()
    }

    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// Tells the client the heads of its rooms, as housekeeping does.
    pub fn tell_heads(&self) {
        let joined = lock(&self.state).joined.clone();
        let heads = joined.into_iter().map(|(room, (_, head))| (room, head.get())).collect();
        self.push(Item::Heads(heads));
    }

    fn push(&self, item: Item) {
        let mut state = lock(&self.state);
        if state.closed || !self.instance.links.is_alive() {
            return;
        }
        let is_full = state.queue.len() + state.held.len() >= self.capacity;
        if is_full && self.defect == Some(Defect::SilentSlowDrop) {
            return;
        }
        if is_full {
            drop(state);
            self.oracle.tell(|| format!("{} is too slow", self.user));
            return self.close();
        }
        let queue = if state.joining { &mut state.held } else { &mut state.queue };
        queue.push_back(item);
        drop(state);
        self.changed.notify_one();
    }
}

impl Outlet for Conn {
    fn connection(&self) -> ConnectionId {
        self.id
    }

    fn user(&self) -> &UserId {
        &self.user
    }

    fn deliver(&self, broadcast: &Broadcast) {
        let event = &broadcast.event;
        if !self.instance.links.is_alive() {
            return;
        }
        self.oracle.delivered(&self.user, event);
        let place = (event.epoch.clone(), event.offset());
        let last = lock(&self.state).last.insert(event.root.clone(), place.clone());
        if let Some((epoch, offset)) = last
            && epoch == place.0
            && offset >= place.1
        {
            self.oracle.find("I5", || format!("{} is sent {} after {offset}", self.user, event.id));
        }
        self.push(Item::Event(Arc::clone(event)));
    }

    fn flush(&self) {}

    fn notify(&self, notice: &Notice) {
        match notice {
            Notice::RoomStateInvalidated(stale) => self.push(Item::Stale(stale.room.clone())),
            Notice::Unsubscribed(_)
            | Notice::Welcome(_)
            | Notice::Heads(_)
            | Notice::TokenExpiring(_)
            | Notice::Draining(_)
            | Notice::Presence(_) => {}
        }
    }

    fn joined(&self, root: &Root, room: &Room, head: &Arc<RoomHead>) {
        lock(&self.state).joined.insert(room.clone(), (root.clone(), Arc::clone(head)));
    }

    fn withdrawn(&self, room: &Room) {
        lock(&self.state).joined.remove(room);
    }

    fn removed(&self, room: &Room, _: UnsubscribeCode) {
        lock(&self.state).joined.remove(room);
        self.push(Item::Removed(room.clone()));
    }
}

/// What a client knows of its place in a room.
#[derive(Debug, Default)]
pub struct Place {
    pub position: Option<Position>,
    /// Joined, as far as the client knows.
    pub live: bool,
}
