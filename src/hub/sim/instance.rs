//! One instance: a real hub between a simulated database, a simulated bus and simulated connections.

use std::{
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::AbortHandle;
use rand::{SeedableRng, rngs::StdRng};

use uuid::Uuid;

use super::{
    Defect,
    conn::Conn,
    dice::Dice,
    links::{Bypass, Links, LogView, Network},
    model::Model,
    oracle::Oracle,
};
use crate::{
    hub::{
        Broadcast, Hub, HubOptions, Outlet, lock,
        time::{now, sleep, spawn},
    },
    protocol::{ConnectionId, UserId},
};

/// What all instances of a schedule share.
pub struct Surroundings {
    pub model: Arc<Model>,
    pub network: Arc<Network>,
    pub oracle: Arc<Oracle>,
    pub dice: Arc<Dice>,
    pub calm: Arc<AtomicBool>,
    pub options: HubOptions,
    pub defect: Option<Defect>,
    pub connections: AtomicU64,
}

pub struct Instance {
    pub name: usize,
    pub links: Arc<Links>,
    pub hub: Hub,
    pub defect: Option<Defect>,
    conns: Conns,
    tasks: Vec<AbortHandle>,
}

type Conns = Arc<Mutex<Vec<Weak<Conn>>>>;

impl Instance {
    /// Starts an instance.
    pub fn start(name: usize, around: &Surroundings) -> Arc<Self> {
        let links = Arc::new(Links::new());
        let conns = Conns::default();
        let log = LogView {
            model: Arc::clone(&around.model),
            links: Arc::clone(&links),
            dice: Arc::clone(&around.dice),
            defect: around.defect,
            calm: Arc::clone(&around.calm),
            seen: Mutex::new(around.model.epoch()),
        };
        let bypass = (around.defect == Some(Defect::NoInstanceOrder)).then(|| bypass(&conns));
        let bus = around.network.bus(Arc::clone(&links), bypass);
        let random = StdRng::seed_from_u64(around.dice.seed());
        let hub = Hub::over(Arc::new(log), Arc::new(bus), None, around.options.clone(), random);
        let probing = Arc::clone(&links).probe(Arc::clone(&around.network));
        let mut tasks = vec![spawn(tell_heads(Arc::clone(&conns))), spawn(probing)];
        if around.defect != Some(Defect::NoHeadCheck) {
            tasks.push(spawn(hub.clone().check_heads()));
        }
        Arc::new(Self { name, links, hub, defect: around.defect, conns, tasks })
    }

    /// A new connection of the user.
    pub fn connect(self: &Arc<Self>, user: &UserId, around: &Surroundings) -> Arc<Conn> {
        let number = around.connections.fetch_add(1, SeqCst);
        let id = ConnectionId::from_uuid(Uuid::from_u128(u128::from(number) + 1));
        let capacity = around.dice.number(8..60);
        let (oracle, dice) = (Arc::clone(&around.oracle), Arc::clone(&around.dice));
        let conn = Arc::new(Conn::new(id, user.clone(), Arc::clone(self), oracle, dice, capacity));
        lock(&self.conns).push(Arc::downgrade(&conn));
        conn
    }

    /// The connections that somebody holds.
    pub fn conns(&self) -> Vec<Arc<Conn>> {
        upgrade(&self.conns)
    }

    /// Ends the process: nothing more leaves it, and its clients see their connections end.
    pub fn crash(&self) {
        self.links.die();
        self.tasks.iter().for_each(AbortHandle::abort);
        lock(&self.hub.shared.roots).clear();
        self.conns().iter().for_each(|conn| conn.close());
    }

    /// Waits until no root is followed any more.
    pub async fn is_let_go_within(&self, limit: Duration) -> bool {
        let until = now() + limit;
        while self.hub.followed_roots() > 0 && now() < until {
            sleep(Duration::from_millis(100)).await;
        }
        self.hub.followed_roots() == 0
    }
}

fn upgrade(conns: &Conns) -> Vec<Arc<Conn>> {
    let mut conns = lock(conns);
    conns.retain(|conn| conn.strong_count() > 0);
    conns.iter().filter_map(Weak::upgrade).collect()
}

async fn tell_heads(conns: Conns) {
    loop {
        sleep(Duration::from_secs(3)).await;
        upgrade(&conns).iter().for_each(|conn| conn.tell_heads());
    }
}

/// Straight from the bus to whoever is in one of the event's rooms.
fn bypass(conns: &Conns) -> Bypass {
    let conns = Arc::clone(conns);
    Arc::new(move |event| {
        let broadcast = Broadcast::new(Arc::clone(event));
        for conn in upgrade(&conns) {
            if conn.joined().iter().any(|room| event.offsets.get(room).is_some()) {
                conn.deliver(&broadcast);
            }
        }
    })
}
