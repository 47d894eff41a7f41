//! The instances of a schedule, and what happens to them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use super::{
    Defect,
    conn::Place,
    dice::Dice,
    instance::{Instance, Surroundings},
    links::Network,
    model::{self, Change, Model},
    oracle::Oracle,
    screen::Screen,
};
use crate::{
    hub::{HubOptions, lock, time::sleep},
    protocol::{Timestamp, UserId},
};

/// The instances of a schedule and what is around them.
pub struct Cluster {
    pub around: Surroundings,
    instances: Mutex<Vec<Arc<Instance>>>,
    pub users: Vec<UserId>,
    pub campaigns: usize,
    /// The writers' clock, in milliseconds; it jumps.
    clock: AtomicI64,
}

/// How long after the last fault everybody must be at the head: a head check, give or take, with
/// the reads and the reconnects behind it.
pub const SETTLED: Duration = Duration::from_secs(9);

impl Cluster {
    pub fn new(seed: u64, defect: Option<Defect>, with_story: bool) -> Self {
        let dice = Arc::new(Dice::new(seed));
        let users: Vec<UserId> =
            ["ada", "ben", "cleo"].iter().map(|name| name.parse().expect("a user")).collect();
        let campaigns = dice.number(1..3);
        let model = Arc::new(Model::new(campaigns, &users));
        let calm = Arc::new(AtomicBool::new(false));
        let around = Surroundings {
            network: Arc::new(Network::new(Arc::clone(&dice), Arc::clone(&calm))),
            oracle: Arc::new(Oracle::new(Arc::clone(&model), with_story)),
            options: HubOptions {
                recovery_events: dice.number(4..40),
                history_events: dice.number(0..40),
                linger: dice.millis(0..4000),
                join_window: dice.millis(0..60),
                ..HubOptions::default()
            },
            connections: AtomicU64::new(0),
            model,
            dice,
            calm,
            defect,
        };
        let instances = (0..around.dice.number(2..4)).map(|name| Instance::start(name, &around)).collect();
        let clock = AtomicI64::new(1_795_169_730_123);
        Self { around, instances: Mutex::new(instances), users, campaigns, clock }
    }

    /// One of the instances that run.
    pub fn any_instance(&self) -> Option<Arc<Instance>> {
        let instances = self.alive();
        (!instances.is_empty()).then(|| self.around.dice.pick(&instances).clone())
    }

    fn alive(&self) -> Vec<Arc<Instance>> {
        lock(&self.instances).iter().filter(|instance| instance.links.is_alive()).cloned().collect()
    }

    /// Something happens.
    pub async fn act(&self) {
        let dice = &self.around.dice;
        let tell = |what: &str| self.around.oracle.tell(|| what.to_owned());
        match dice.number(0..100) {
            0..50 => self.change(self.ordinary_change()),
            50..58 => {
                for _ in 0..dice.number(5..30) {
                    self.change(self.ordinary_change());
                    sleep(dice.millis(0..4)).await;
                }
            }
            58..66 => self.change(Change::Remove(dice.pick(&self.users).clone())),
            66..74 => self.change(Change::Grant(dice.pick(&self.users).clone())),
            74..79 => self.with_any(|instance| {
                self.around.oracle.tell(|| format!("{} loses redis", instance.name));
                instance.links.set_redis(false);
            }),
            79..82 => self.with_any(|instance| {
                self.around.oracle.tell(|| format!("{} loses the database", instance.name));
                instance.links.set_database(false);
            }),
            82..84 => self.with_any(|instance| {
                self.around.oracle.tell(|| format!("{} goes deaf", instance.name));
                instance.links.set_deaf(true);
            }),
            84..86 => {
                tell("redis goes or comes back");
                self.around.network.set_works(dice.chance(0.5));
            }
            86..92 => self.with_any(|instance| instance.links.heal()),
            92..95 => self.with_any(|instance| {
                self.around.oracle.tell(|| format!("{} crashes", instance.name));
                instance.crash();
            }),
            95..98 => self.restart_the_dead(),
            98 => {
                let number = dice.number(0..self.campaigns);
                let head = self.around.model.look_now(number, model::Campaign::head);
                self.around.model.trim(number, dice.number(0..head + 1));
            }
            _ => {
                tell("the database is restored from a dump");
                self.around.model.restore(|| dice.number(0..8));
            }
        }
    }

    fn ordinary_change(&self) -> Change {
        let dice = &self.around.dice;
        let number = dice.number(0..self.campaigns);
        let settlements = self.around.model.look_now(number, |campaign| campaign.settlements.clone());
        match dice.number(0..100) {
            0..50 => Change::Campaign,
            50..99 => Change::Settlement(*dice.pick(&settlements)),
            _ => Change::DeleteSettlement(*dice.pick(&settlements)),
        }
    }

    /// Commits through one of the instances, which then publishes, unless it crashes in between.
    fn change(&self, change: Change) {
        let around = &self.around;
        let Some(instance) = self.any_instance().filter(|instance| instance.links.has_database()) else {
            return;
        };
        let step = around.dice.millis(0..40_000).as_millis() as i64 - 20_000;
        let step = if around.dice.chance(0.1) { step } else { 1 };
        let at = Timestamp::from_millis(self.clock.fetch_add(step, SeqCst)).expect("a time");
        let campaign = match &change {
            Change::Settlement(id) | Change::DeleteSettlement(id) => (0..self.campaigns)
                .find(|n| around.model.look_now(*n, |campaign| campaign.settlements.contains(id)))
                .expect("a settlement of a campaign"),
            Change::Campaign | Change::Remove(_) | Change::Grant(_) => around.dice.number(0..self.campaigns),
        };
        let Some(event) = around.model.commit(campaign, change, at) else { return };
        around.oracle.tell(|| format!("{} commits {} {}", instance.name, event.id, event.json));
        if !around.calm.load(SeqCst) && around.dice.chance(0.02) {
            around.oracle.tell(|| format!("{} crashes before it publishes", instance.name));
            return instance.crash();
        }
        around.network.send(&instance.links, &event);
    }

    fn with_any(&self, act: impl FnOnce(&Instance)) {
        if let Some(instance) = self.any_instance() {
            act(&instance);
        }
    }

    fn restart_the_dead(&self) {
        for instance in lock(&self.instances).iter_mut().filter(|instance| !instance.links.is_alive()) {
            self.around.oracle.tell(|| format!("{} starts again", instance.name));
            *instance = Instance::start(instance.name, &self.around);
        }
    }

    /// The faults end, but for one: an instance stays cut off from Redis, and a member is removed.
    pub async fn remove_while_partitioned(&self) {
        self.around.calm.store(true, SeqCst);
        self.restart_the_dead();
        self.alive().iter().for_each(|instance| instance.links.heal());
        self.around.network.set_works(true);
        sleep(Duration::from_secs(6)).await;
        self.with_any(|instance| instance.links.set_redis(false));
        let user = self.around.dice.pick(&self.users).clone();
        for number in 0..self.campaigns {
            let at = Timestamp::from_millis(self.clock.load(SeqCst)).expect("a time");
            self.around.model.commit(number, Change::Remove(user.clone()), at);
        }
        sleep(Duration::from_millis(5_600)).await;
        for conn in self.alive().iter().flat_map(|instance| instance.conns()) {
            if *conn.user() == user && !conn.joined().is_empty() {
                self.around.oracle.find("I8", || format!("{user} is still in {:?}", conn.joined()));
            }
        }
        self.alive().iter().for_each(|instance| instance.links.heal());
    }

    /// Everybody who may is at the head, and nobody else is anywhere.
    pub fn check_settled(&self, screens: &[Arc<Screen>]) {
        let around = &self.around;
        let epoch = around.model.epoch();
        for screen in screens {
            for (room, Place { position, live }) in &*lock(&screen.places) {
                let found = around.model.look(&epoch, &screen.root, |campaign| {
                    let now = campaign.now();
                    (now.members.contains(&screen.user) && !now.closed.contains(room), now.heads[room])
                });
                let (permitted, head) = found.expect("a campaign");
                let at_head = position.as_ref().is_some_and(|at| at.epoch == epoch && at.offset.0 == head);
                if permitted && !(*live && at_head) {
                    let name = screen.name;
                    around.oracle.find("I6", || {
                        format!(
                            "screen {name} is at {position:?}, live {live}, in {room}, whose head is {head}"
                        )
                    });
                } else if !permitted && *live {
                    around.oracle.find("I8", || format!("screen {} is still in {room}", screen.name));
                }
            }
        }
    }

    /// Nothing stays behind when everybody has gone.
    pub async fn check_let_go(&self) {
        let conns: Vec<_> = self.alive().iter().flat_map(|instance| instance.conns()).collect();
        conns.iter().for_each(|conn| conn.close());
        for instance in self.alive() {
            if !instance.is_let_go_within(self.around.options.linger + SETTLED).await {
                self.around.oracle.find("I13", || format!("{} still follows rooms", instance.name));
            }
        }
    }
}
