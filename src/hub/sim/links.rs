//! What connects an instance to the rest, and how it fails.

use std::{
    collections::HashMap,
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::{mpsc, watch};

use super::{Defect, dice::Dice, model::Model};
use crate::{
    bus::{Bus, BusError, BusHealth, Delivery, Hint},
    hub::{
        lock,
        log::{Answer, Log},
        time::{sleep, spawn},
    },
    protocol::{Epoch, Offset, Room, Root, UserId},
    store::{LoggedEvent, Page, Snapshot, StoreError},
};

/// The state of one instance's connections. They work when made.
pub struct Links {
    /// Of the process itself: nothing leaves a dead one.
    alive: AtomicBool,
    database: AtomicBool,
    redis: AtomicBool,
    /// The subscription looks alive and brings nothing.
    deaf: AtomicBool,
    /// What the instance has found out about its way to the others.
    health: watch::Sender<BusHealth>,
}

impl Links {
    pub fn new() -> Self {
        let (on, off) = (|| AtomicBool::new(true), || AtomicBool::new(false));
        Self {
            alive: on(),
            database: on(),
            redis: on(),
            deaf: off(),
            health: watch::Sender::new(BusHealth::Sound),
        }
    }

    pub fn is_alive(&self) -> bool {
        self.alive.load(SeqCst)
    }

    pub fn die(&self) {
        self.alive.store(false, SeqCst);
    }

    pub fn has_database(&self) -> bool {
        self.database.load(SeqCst)
    }

    pub fn set_database(&self, works: bool) {
        self.database.store(works, SeqCst);
    }

    pub fn set_redis(&self, works: bool) {
        self.redis.store(works, SeqCst);
    }

    pub fn set_deaf(&self, deaf: bool) {
        self.deaf.store(deaf, SeqCst);
    }

    pub fn heal(&self) {
        self.set_database(true);
        self.set_redis(true);
        self.set_deaf(false);
    }

    /// Every second, what was said to oneself through the network: three times in vain is enough.
    pub async fn probe(self: Arc<Self>, network: Arc<Network>) {
        let mut in_vain = 0;
        loop {
            sleep(Duration::from_secs(1)).await;
            let hears = self.carries() && !self.deaf.load(SeqCst) && network.works.load(SeqCst);
            in_vain = if hears { 0 } else { in_vain + 1 };
            let health = match in_vain {
                0 => BusHealth::Sound,
                1 | 2 => BusHealth::Doubtful,
                _ => BusHealth::Degraded,
            };
            self.health.send_if_modified(|present| std::mem::replace(present, health) != health);
        }
    }

    fn carries(&self) -> bool {
        self.is_alive() && self.redis.load(SeqCst)
    }
}

/// The log as one instance reads it: late, and not always.
pub struct LogView {
    pub model: Arc<Model>,
    pub links: Arc<Links>,
    pub dice: Arc<Dice>,
    pub defect: Option<Defect>,
    /// Whether reads may fail by themselves.
    pub calm: Arc<AtomicBool>,
    pub seen: Mutex<Epoch>,
}

impl LogView {
    async fn read<T>(&self, at: impl FnOnce(&Model) -> T) -> Result<T, StoreError> {
        self.delay().await;
        if !self.links.is_alive() {
            return pending().await;
        }
        if !self.links.has_database() {
            // Either it is told at once, or nobody answers.
            if self.dice.chance(0.5) {
                return pending().await;
            }
            return Err(StoreError::Unavailable("no route".into()));
        }
        if !self.calm.load(SeqCst) && self.dice.chance(0.01) {
            return Err(StoreError::Unavailable("a connection was lost".into()));
        }
        let answer = at(&self.model);
        *lock(&self.seen) = self.model.epoch();
        self.delay().await;
        Ok(answer)
    }

    async fn delay(&self) {
        let slow = !self.calm.load(SeqCst) && self.dice.chance(0.02);
        sleep(self.dice.millis(if slow { 100..1500 } else { 0..8 })).await;
    }
}

impl Log for LogView {
    fn epoch(&self) -> Epoch {
        lock(&self.seen).clone()
    }

    fn resolve<'a>(&'a self, rooms: &'a [Room]) -> Answer<'a, Vec<Option<Root>>> {
        self.read(|model| model.roots_of(rooms)).boxed()
    }

    fn snapshot<'a>(
        &'a self,
        root: &'a Root,
        rooms: &'a [Room],
        users: &'a [UserId],
    ) -> Answer<'a, Snapshot> {
        async move {
            if self.defect == Some(Defect::SeparatePermissionRead) {
                let roles = self.read(|model| model.snapshot(root, rooms, users)).await?.roles;
                let places = self.read(|model| model.snapshot(root, rooms, users)).await?;
                return Ok(Snapshot { roles, ..places });
            }
            self.read(|model| model.snapshot(root, rooms, users)).await
        }
        .boxed()
    }

    fn heads<'a>(&'a self, roots: &'a [Root]) -> Answer<'a, (Epoch, HashMap<Root, Offset>)> {
        self.read(|model| model.heads(roots)).boxed()
    }

    fn page_of_room<'a>(&'a self, room: &'a Room, after: Offset, limit: u32) -> Answer<'a, Option<Page>> {
        self.read(move |model| model.page_of_room(room, after, limit)).boxed()
    }
}

/// What stands between the instances: it loses, repeats, delays and reorders.
pub struct Network {
    pub dice: Arc<Dice>,
    pub calm: Arc<AtomicBool>,
    works: AtomicBool,
    ends: Mutex<Vec<End>>,
}

/// An instance's end of the network.
struct End {
    links: Arc<Links>,
    sinks: Arc<Mutex<HashMap<Root, mpsc::Sender<Hint>>>>,
    /// Where a defective instance puts what arrives instead.
    bypass: Option<Bypass>,
}

/// Takes an event past the sequencer.
pub type Bypass = Arc<dyn Fn(&Arc<LoggedEvent>) + Send + Sync>;

impl Network {
    pub fn new(dice: Arc<Dice>, calm: Arc<AtomicBool>) -> Self {
        Self { dice, calm, works: AtomicBool::new(true), ends: Mutex::default() }
    }

    pub fn set_works(&self, works: bool) {
        self.works.store(works, SeqCst);
    }

    /// The bus of an instance.
    pub fn bus(self: &Arc<Self>, links: Arc<Links>, bypass: Option<Bypass>) -> SimulatedBus {
        let sinks = Arc::default();
        lock(&self.ends).push(End { links: Arc::clone(&links), sinks: Arc::clone(&sinks), bypass });
        SimulatedBus { network: Arc::clone(self), links, sinks }
    }

    /// Carries an event to every instance that can be reached from this one.
    pub fn send(self: &Arc<Self>, from: &Links, event: &Arc<LoggedEvent>) {
        if !self.works.load(SeqCst) || !from.carries() {
            return;
        }
        let ends = lock(&self.ends);
        for end in ends.iter().filter(|end| end.links.is_alive()) {
            let calm = self.calm.load(SeqCst);
            if !calm && self.dice.chance(0.08) {
                continue;
            }
            let copies = if !calm && self.dice.chance(0.08) { 2 } else { 1 };
            for _ in 0..copies {
                let late = !calm && self.dice.chance(0.05);
                let delay = self.dice.millis(if late { 50..4000 } else { 0..12 });
                let (links, sinks) = (Arc::clone(&end.links), Arc::clone(&end.sinks));
                let (bypass, event) = (end.bypass.clone(), Arc::clone(event));
                let hint = self.hint(&event);
                spawn(async move {
                    sleep(delay).await;
                    if !links.carries() || links.deaf.load(SeqCst) {
                        return;
                    }
                    let sink = lock(&sinks).get(&event.root).cloned();
                    match (bypass, sink) {
                        (Some(bypass), Some(_)) => bypass(&event),
                        (None, Some(sink)) => drop(sink.try_send(hint)),
                        (_, None) => {}
                    }
                });
            }
        }
    }

    /// What arrives of an event: itself, a word that it exists, something that cannot be believed, or
    /// something untrue that can be seen to be.
    fn hint(&self, event: &Arc<LoggedEvent>) -> Hint {
        let (epoch, offset) = (event.epoch.clone(), event.offset());
        let delivery = |event| Hint::Event(Delivery { event, published_at: None });
        if self.calm.load(SeqCst) {
            return delivery(Arc::clone(event));
        }
        match self.dice.number(0..100) {
            0..3 => Hint::Doubt,
            3..8 => Hint::Reached { epoch, offset },
            8..10 => Hint::Reached { epoch, offset: Offset(offset.0 + 1000) },
            10..12 => {
                let epoch = "another".parse().expect("an epoch");
                delivery(Arc::new(LoggedEvent { epoch, ..LoggedEvent::clone(event) }))
            }
            _ => delivery(Arc::clone(event)),
        }
    }
}

/// The network as an instance's hub sees it.
pub struct SimulatedBus {
    network: Arc<Network>,
    links: Arc<Links>,
    sinks: Arc<Mutex<HashMap<Root, mpsc::Sender<Hint>>>>,
}

impl Bus for SimulatedBus {
    fn publish(&self, deliveries: &[Delivery]) {
        deliveries.iter().for_each(|delivery| self.network.send(&self.links, &delivery.event));
    }

    fn follow(&self, root: &Root, sink: mpsc::Sender<Hint>) -> BoxFuture<'_, Result<(), BusError>> {
        let root = root.clone();
        async move {
            sleep(self.network.dice.millis(0..20)).await;
            lock(&self.sinks).insert(root, sink);
            if self.links.carries() { Ok(()) } else { Err(BusError("nobody there".into())) }
        }
        .boxed()
    }

    fn unfollow(&self, root: &Root, sink: &mpsc::Sender<Hint>) {
        let mut sinks = lock(&self.sinks);
        if sinks.get(root).is_some_and(|present| present.same_channel(sink)) {
            sinks.remove(root);
        }
    }

    fn health(&self) -> watch::Receiver<BusHealth> {
        self.links.health.subscribe()
    }
}
