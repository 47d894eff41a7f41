//! Everything on one instance between the bus and its sockets.
//!
//! Owns the order of delivery and who gets what: one task per followed root (`root`) with the
//! sequencer that turns hints into the log's order, the rooms with their subscribers, the recent
//! history, and presence. Promises (by the numbers of the design's invariants): a subscriber gets a
//! room's events by ones or is told to read again (I4), all get them in one order (I5), recovery
//! never hides a hole (I7), nothing follows a removal (I8), permission and place come from one
//! snapshot (I9).
//!
//! To add a kind of room, give it its row in the policy table and, when it is not its own root, have
//! the store register it under one; nothing here needs to know.

mod family;
mod head_check;
mod history;
mod log;
mod options;
mod outlet;
mod presence;
mod root;
mod sequencer;
mod time;

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use log::Log;
use lru::LruCache;
pub use options::HubOptions;
pub use outlet::{Broadcast, Outlet, RoomHead};
use rand::{Rng, SeedableRng, rngs::StdRng};
pub use root::Joined;
use root::{Allowance, Join, Purpose, Request, RootTask, Wires};
use time::timeout;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::{
    bus::{Bus, RedisLink},
    protocol::{CampaignId, ConnectionId, Epoch, Problem, Room, Root, SubscribeRoom, UserId},
    store::Store,
};

/// Hints that may wait for one root. More are dropped: the log has them.
const HINTS_WAITING: usize = 8192;
/// How many rooms' roots are remembered.
const KNOWN_ROOTS: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");
/// A join has to be answered by then.
const JOIN_LIMIT: Duration = Duration::from_secs(5);

/// One instance's rooms. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

struct Shared {
    log: Arc<dyn Log>,
    bus: Arc<dyn Bus>,
    /// Who is where on other instances, if there are any.
    presence: Option<Arc<presence::Cluster>>,
    options: HubOptions,
    /// In one order, so that a simulated run can be repeated.
    roots: Mutex<BTreeMap<Root, Handle>>,
    known: Mutex<LruCache<Room, Root>>,
    verification: head_check::Verification,
    /// For what several instances had better not do at the same instant.
    random: Mutex<StdRng>,
}

struct Handle {
    requests: mpsc::UnboundedSender<Request>,
    passed: Arc<AtomicU64>,
    /// The epoch in which the head check has last told the task of a head.
    told: Option<Epoch>,
}

impl Hub {
    /// A hub over the log in `store`, fed by `bus`.
    pub fn new(store: Store, bus: Arc<dyn Bus>, options: HubOptions) -> Self {
        Self::over(Arc::new(store), bus, None, options, StdRng::from_os_rng())
    }

    /// As [`Hub::new`], one of several that share who is present over `redis`.
    pub fn among_others(
        store: Store,
        bus: Arc<dyn Bus>,
        redis: Option<RedisLink>,
        options: HubOptions,
    ) -> Self {
        Self::over(Arc::new(store), bus, redis, options, StdRng::from_os_rng())
    }

    fn over(
        log: Arc<dyn Log>,
        bus: Arc<dyn Bus>,
        redis: Option<RedisLink>,
        options: HubOptions,
        random: StdRng,
    ) -> Self {
        let shared = Shared {
            log,
            bus,
            presence: redis.map(presence::Cluster::new).map(Arc::new),
            options,
            roots: Mutex::default(),
            known: Mutex::new(LruCache::new(KNOWN_ROOTS)),
            verification: head_check::Verification::new(),
            random: Mutex::new(random),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Compares heads with the database until the hub is dropped by everybody else. Run once.
    pub async fn check_heads(self) {
        head_check::run(self).await;
    }

    /// Shares with other instances who is here, for as long as there is an instance. Run once.
    pub async fn share_presence(self) {
        let Some(cluster) = self.shared.presence.clone() else { return std::future::pending().await };
        let returned = || {
            for handle in lock(&self.shared.roots).values() {
                handle.requests.send(Request::SharePresence).ok();
            }
        };
        cluster.run(returned).await;
    }

    /// Whether the followed heads were compared with the database recently enough.
    pub fn is_verified(&self) -> bool {
        self.shared.verification.is_recent(self.shared.options.unverified_after)
    }

    /// How many roots are followed.
    pub fn followed_roots(&self) -> usize {
        lock(&self.shared.roots).len()
    }

    /// The log's identity, as last read.
    pub fn epoch(&self) -> Epoch {
        self.shared.log.epoch()
    }

    /// Enters rooms. The answers are in the order of `rooms`; from each answered offset on, the
    /// outlet has every event. The caller sees to it that the answer reaches the client first.
    pub async fn join(
        &self,
        outlet: &Arc<dyn Outlet>,
        rooms: Vec<SubscribeRoom>,
    ) -> Vec<Result<Joined, Problem>> {
        self.enter(outlet, Purpose::Subscribe, rooms).await
    }

    /// Tells the outlet who is in the room, now and as it changes.
    ///
    /// # Errors
    /// `not_found` when the user may not view the room, `unavailable` when that cannot be found out.
    pub async fn watch(&self, outlet: &Arc<dyn Outlet>, room: Room) -> Result<Root, Problem> {
        let elsewhere = match &self.shared.presence {
            Some(cluster) => cluster.read_at_once(&room).await,
            None => None,
        };
        let answers =
            self.enter(outlet, Purpose::Watch(elsewhere), vec![SubscribeRoom { room, position: None }]).await;
        answers.into_iter().next().unwrap_or_else(|| Err(Problem::internal())).map(|joined| joined.root)
    }

    /// Enters the log of the instances. No client does: what it says is for whoever runs this instance, who
    /// needs no permission for it.
    ///
    /// # Errors
    /// `unavailable` when the log cannot be read.
    pub async fn follow_instances(&self, outlet: &Arc<dyn Outlet>) -> Result<Joined, Problem> {
        let rooms = vec![SubscribeRoom { room: Room::Instances, position: None }];
        let allowance = Allowance::new(0);
        let answers = self.enter_root(outlet, Purpose::Follow, allowance, Root::Instances, rooms).await;
        answers.into_iter().next().unwrap_or_else(|| Err(Problem::internal()))
    }

    /// Ends what [`Hub::watch`] began.
    pub fn stop_watching(&self, connection: ConnectionId, root: &Root, room: Room) {
        self.tell(root, Request::StopWatching { connection, room });
    }

    /// Takes the connection out of one room of the root. Afterwards nothing of the room is queued to it.
    pub async fn leave(&self, connection: ConnectionId, root: &Root, room: Room) {
        let (done, left) = oneshot::channel();
        self.tell(root, Request::Leave { connection, room, done });
        timeout(JOIN_LIMIT, left).await.ok();
    }

    /// Takes the connection out of everything of the root: it has ended.
    pub fn leave_all(&self, connection: ConnectionId, root: &Root) {
        self.tell(root, Request::LeaveAll { connection });
    }

    /// Looks again whether the user may still be in the rooms of the root; if not, they are out.
    ///
    /// # Errors
    /// `unavailable` when the database does not say.
    pub async fn recheck(&self, user: &UserId, root: &Root) -> Result<(), Problem> {
        let (done, rechecked) = oneshot::channel();
        self.tell(root, Request::Recheck { user: user.clone(), done });
        match timeout(JOIN_LIMIT, rechecked).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) if !self.follows(root) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Problem::unavailable()),
        }
    }

    async fn enter(
        &self,
        outlet: &Arc<dyn Outlet>,
        purpose: Purpose,
        rooms: Vec<SubscribeRoom>,
    ) -> Vec<Result<Joined, Problem>> {
        let roots = match timeout(JOIN_LIMIT, self.roots_of(outlet.user(), &rooms)).await {
            Ok(Ok(roots)) => roots,
            Ok(Err(problem)) => return rooms.iter().map(|_| Err(problem.clone())).collect(),
            Err(_) => return rooms.iter().map(|_| Err(Problem::unavailable())).collect(),
        };
        let count = rooms.len();
        let mut by_root: BTreeMap<Root, (Vec<usize>, Vec<SubscribeRoom>)> = BTreeMap::new();
        for (index, (root, wish)) in roots.into_iter().zip(rooms).enumerate() {
            let (indices, wishes) = by_root.entry(root).or_default();
            indices.push(index);
            wishes.push(wish);
        }
        let allowance = Allowance::new(self.shared.options.recovery_bytes);
        let joining = by_root.into_iter().map(|(root, (indices, wishes))| {
            let (purpose, allowance) = (purpose.clone(), allowance.clone());
            async move { (indices, self.enter_root(outlet, purpose, allowance, root, wishes).await) }
        });
        let mut answers: Vec<Result<Joined, Problem>> =
            (0..count).map(|_| Err(Problem::internal())).collect();
        for (indices, part) in futures_util::future::join_all(joining).await {
            for (index, answer) in indices.into_iter().zip(part) {
                answers[index] = answer;
            }
        }
        answers
    }

    async fn enter_root(
        &self,
        outlet: &Arc<dyn Outlet>,
        purpose: Purpose,
        allowance: Allowance,
        root: Root,
        rooms: Vec<SubscribeRoom>,
    ) -> Vec<Result<Joined, Problem>> {
        let count = rooms.len();
        let (reply, mut answer) = oneshot::channel();
        self.ask(&root, Request::Join(Join { outlet: outlet.clone(), purpose, rooms, allowance, reply }));
        let answers = match timeout(JOIN_LIMIT, &mut answer).await {
            Ok(answers) => answers.ok(),
            Err(_) => {
                // From here on the root's task cannot answer, and takes back what it has let in. An answer that
                // it has given by now counts: it will not be taken back.
                answer.close();
                answer.try_recv().ok()
            }
        };
        answers.unwrap_or_else(|| (0..count).map(|_| Err(Problem::unavailable())).collect())
    }

    /// The root of each room. What does not exist, and rooms that cannot be the user's, get a root that has no
    /// rooms: they are refused by the same path as what exists and may not be seen, at the same cost.
    async fn roots_of(&self, user: &UserId, rooms: &[SubscribeRoom]) -> Result<Vec<Root>, Problem> {
        let nowhere = Root::Campaign(CampaignId::from_uuid(Uuid::nil()));
        let mut roots: Vec<Option<Root>> = {
            let mut known = lock(&self.shared.known);
            let root = |wish: &SubscribeRoom| match &wish.room {
                Room::User(owner) if owner == user => wish.room.as_root(),
                Room::User(_) | Room::Instances => Some(nowhere.clone()),
                room => known.get(room).cloned(),
            };
            rooms.iter().map(root).collect()
        };
        let unknown: Vec<Room> = rooms
            .iter()
            .zip(&roots)
            .filter(|(_, root)| root.is_none())
            .map(|(wish, _)| wish.room.clone())
            .collect();
        if !unknown.is_empty() {
            let found = self.shared.log.resolve(&unknown).await.map_err(Problem::from)?;
            let mut known = lock(&self.shared.known);
            let mut found = unknown.into_iter().zip(found);
            for root in roots.iter_mut().filter(|root| root.is_none()) {
                let Some((room, found)) = found.next() else { break };
                if let Some(found) = &found {
                    known.put(room, found.clone());
                }
                *root = found;
            }
        }
        Ok(roots.into_iter().map(|root| root.unwrap_or_else(|| nowhere.clone())).collect())
    }

    /// The period or a little less: by chance, so that instances do not ask in step, and never more than is promised.
    fn about(&self, period: Duration) -> Duration {
        period.mul_f64(lock(&self.shared.random).random_range(0.75..0.95))
    }

    fn follows(&self, root: &Root) -> bool {
        lock(&self.shared.roots).contains_key(root)
    }

    /// Hands a request to the root's task, if there is one.
    fn tell(&self, root: &Root, request: Request) {
        if let Some(handle) = lock(&self.shared.roots).get(root) {
            handle.requests.send(request).ok();
        }
    }

    /// Hands a request to the root's task, which is started when it is the first.
    fn ask(&self, root: &Root, request: Request) {
        let mut roots = lock(&self.shared.roots);
        let request = match roots.get(root) {
            Some(handle) => match handle.requests.send(request) {
                Ok(()) => return,
                // The task has died, which only a panic does; a new one starts from the log.
                Err(unsent) => unsent.0,
            },
            None => request,
        };
        let handle = self.start(root);
        handle.requests.send(request).ok();
        roots.insert(root.clone(), handle);
        metrics::gauge!("hub_roots_followed").set(roots.len() as f64);
    }

    fn start(&self, root: &Root) -> Handle {
        let (requests, requested) = mpsc::unbounded_channel();
        let (hints, hinted) = mpsc::channel(HINTS_WAITING);
        let passed = Arc::new(AtomicU64::new(0));
        let shared = &self.shared;
        let (bus, options) = (shared.bus.clone(), shared.options.clone());
        let task = RootTask::new(
            root.clone(),
            shared.log.clone(),
            bus,
            options,
            shared.presence.clone(),
            Wires { own: requests.downgrade(), requests: requested, hints: hinted, passed: passed.clone() },
        );
        let hub = self.clone();
        // Requests are sent under the same lock, so none can arrive after the task was let go.
        let may_end = move |task: &mut RootTask| {
            let mut roots = lock(&hub.shared.roots);
            let idle = task.requests.is_empty();
            if idle {
                roots.remove(&task.root);
                metrics::gauge!("hub_roots_followed").set(roots.len() as f64);
            }
            idle
        };
        time::spawn(task.run(hints, may_end));
        Handle { requests, passed, told: None }
    }
}

impl Handle {
    fn passed(&self) -> u64 {
        self.passed.load(Ordering::Acquire)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod sim;
