//! A hub over a real log with connections that remember, fed by whatever bus a test wants.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fanfare::{
    bus::{Bus, BusHealth, MemoryBus, Publisher, RedisBus, RedisLink, RedisOptions},
    clock::Clock,
    hub::{Broadcast, Hub, HubOptions, Outlet, RoomHead},
    protocol::{
        CampaignId, Code, ConnectionId, EntityKind, EntityUpdated, Epoch, Event, MembershipChanged, Metadata,
        Notice, Offset, Operation, Position, Role, Room, Root, SettlementId, SettlementUpdated,
        SubscribeRoom, Timestamp, UnsubscribeCode, UserId,
    },
    store::{
        Store,
        campaigns::{self, CampaignRow},
        members,
    },
};
use tokio::{sync::Notify, task::JoinSet};

use super::{
    database::Database,
    postgres::{self, TableLock},
    redis::Redis,
};

/// What a connection was sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    Event(Offset),
    Removed(Room, UnsubscribeCode),
    Notice(Notice),
}

/// A connection that remembers, and can be waited on.
pub struct Recorder {
    pub id: ConnectionId,
    user: UserId,
    seen: Mutex<Vec<Seen>>,
    texts: Mutex<Vec<String>>,
    entered: AtomicUsize,
    rooms: Mutex<Vec<Room>>,
    changed: Notify,
}

impl Recorder {
    pub fn new(user: &str) -> Arc<Self> {
        Arc::new(Self {
            id: ConnectionId::from_uuid(Clock::system().uuid()),
            user: user.parse().unwrap(),
            seen: Mutex::default(),
            texts: Mutex::default(),
            entered: AtomicUsize::new(0),
            rooms: Mutex::default(),
            changed: Notify::new(),
        })
    }

    pub fn push(&self, seen: Seen) {
        self.seen.lock().unwrap().push(seen);
        self.changed.notify_waiters();
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The texts of the events seen.
    pub fn texts(&self) -> Vec<String> {
        self.texts.lock().unwrap().clone()
    }

    /// How often it was let into a room.
    pub fn entered(&self) -> usize {
        self.entered.load(Ordering::SeqCst)
    }

    /// The rooms that it is in, as a gateway would count them.
    pub fn rooms(&self) -> Vec<Room> {
        self.rooms.lock().unwrap().clone()
    }

    fn forget(&self, room: &Room) {
        let mut rooms = self.rooms.lock().unwrap();
        if let Some(index) = rooms.iter().position(|joined| joined == room) {
            rooms.swap_remove(index);
        }
    }

    /// Waits until what was seen satisfies `done`.
    pub async fn until(&self, done: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                let seen = self.seen();
                if done(&seen) {
                    return seen;
                }
                changed.await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(10), waiting).await {
            Ok(seen) => seen,
            Err(_) => panic!("not in time; seen so far: {:?}", self.seen()),
        }
    }

    /// Waits for the event with the root's offset and returns the offsets of all events seen.
    pub async fn until_event(&self, offset: u64) -> Vec<u64> {
        let seen = self.until(|seen| seen.contains(&Seen::Event(Offset(offset)))).await;
        seen.iter()
            .filter_map(|seen| match seen {
                Seen::Event(offset) => Some(offset.0),
                Seen::Removed(..) | Seen::Notice(_) => None,
            })
            .collect()
    }
}

impl Outlet for Recorder {
    fn connection(&self) -> ConnectionId {
        self.id
    }
    fn user(&self) -> &UserId {
        &self.user
    }
    fn deliver(&self, broadcast: &Broadcast) {
        self.texts.lock().unwrap().push(broadcast.event.json.get().to_owned());
        self.push(Seen::Event(broadcast.event.offset()));
    }
    fn flush(&self) {}
    fn notify(&self, notice: &Notice) {
        self.push(Seen::Notice(notice.clone()));
    }
    fn joined(&self, _: &Root, room: &Room, _: &Arc<RoomHead>) {
        self.entered.fetch_add(1, Ordering::SeqCst);
        self.rooms.lock().unwrap().push(room.clone());
    }
    fn withdrawn(&self, room: &Room) {
        self.forget(room);
    }
    fn removed(&self, room: &Room, code: UnsubscribeCode) {
        self.forget(room);
        self.push(Seen::Removed(room.clone(), code));
    }
}

/// The buses that a suite runs on.
pub enum Buses {
    Memory,
    Redis(Arc<Redis>),
}

impl Buses {
    pub async fn carrier(&self) -> Carrier {
        match self {
            Self::Memory => Carrier::memory(),
            Self::Redis(redis) => Carrier::over(redis).await,
        }
    }
}

/// What carries between the publisher and the hub: one bus, or a bus each and a Redis in between.
pub struct Carrier {
    pub hub: Arc<dyn Bus>,
    pub publisher: Arc<dyn Bus>,
    /// Redis as each of the two has it, when there is one.
    pub links: Vec<RedisLink>,
    _redis: Option<Arc<Redis>>,
    _running: JoinSet<()>,
}

impl Carrier {
    pub fn memory() -> Self {
        Self::of(Arc::new(MemoryBus::default()))
    }

    pub fn of(bus: Arc<dyn Bus>) -> Self {
        Self { hub: bus.clone(), publisher: bus, links: Vec::new(), _redis: None, _running: JoinSet::new() }
    }

    /// Two instances' buses on this Redis.
    pub async fn over(redis: &Arc<Redis>) -> Self {
        let mut carrier = Self::between(&redis.url(), &redis.url()).await;
        carrier._redis = Some(redis.clone());
        carrier
    }

    /// Two instances' buses, the hub's at the first address and the publisher's at the second.
    pub async fn between(hub: &str, publisher: &str) -> Self {
        let mut running = JoinSet::new();
        let (hub, publisher) = (redis_bus(hub), redis_bus(publisher));
        for bus in [&hub, &publisher] {
            let bus = bus.clone();
            running.spawn(async move { bus.run().await });
        }
        until_health(hub.as_ref(), BusHealth::Sound).await;
        until_health(publisher.as_ref(), BusHealth::Sound).await;
        let links = vec![hub.link(), publisher.link()];
        Self { hub, publisher, links, _redis: None, _running: running }
    }
}

/// What the instances of a test seal their messages with.
pub const BUS_SECRET: &[u8] = b"the secret that the instances share";

/// The bus of one more instance.
pub fn redis_bus(url: &str) -> Arc<RedisBus> {
    let options = RedisOptions {
        target: url.parse().unwrap(),
        prefix: "test".into(),
        timeout: Duration::from_secs(1),
        ca: None,
        secrets: vec![BUS_SECRET.to_vec()],
        instance: Clock::system().uuid(),
    };
    Arc::new(RedisBus::new(options).unwrap())
}

/// Waits until the bus is so.
pub async fn until_health(bus: &dyn Bus, health: BusHealth) {
    let mut now = bus.health();
    let waiting = now.wait_for(|now| *now == health);
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("its health in time").unwrap();
}

/// A hub over a real log, and a publisher that may be another instance's.
pub struct Fixture {
    pub store: Store,
    pub hub: Hub,
    pub publisher: Publisher,
    pub campaign: CampaignId,
    _carrier: Carrier,
    database: Database,
}

impl Fixture {
    /// With the defaults.
    pub async fn new(carrier: Carrier) -> Self {
        Self::over(carrier, HubOptions::default()).await
    }

    /// A campaign with the members ada (owner) and ben (viewer), and one event.
    pub async fn over(carrier: Carrier, options: HubOptions) -> Self {
        Self::on(Database::sqlite(), carrier, options).await
    }

    /// As [`Fixture::over`], with the log in this server.
    pub async fn on_postgres(carrier: Carrier, options: HubOptions, server: &Arc<postgres::Server>) -> Self {
        Self::on(Database::postgres(server).await, carrier, options).await
    }

    async fn on(database: Database, carrier: Carrier, options: HubOptions) -> Self {
        let clock = Clock::system();
        let store = database.store(clock.clone()).await;
        let hub = Hub::new(store.clone(), carrier.hub.clone(), options);
        let campaign = CampaignId::from_uuid(clock.uuid());
        let publisher = Publisher::new(carrier.publisher.clone());
        let fixture = Self { store, hub, publisher, campaign, _carrier: carrier, database };
        fixture.add_campaign(campaign).await;
        fixture
    }

    /// One more campaign with the same members, and one event.
    pub async fn add_campaign(&self, campaign: CampaignId) {
        let mut tx = self.store.begin().await.unwrap();
        let row = CampaignRow {
            id: campaign,
            name: "Test".into(),
            description: String::new(),
            world_time: Timestamp::from_millis(0).unwrap(),
            version: 1,
        };
        tx.record(event_of(campaign, None), &origin()).await.unwrap();
        campaigns::insert(&mut tx, &row).await.unwrap();
        for (user, role) in [("ada", Role::Owner), ("ben", Role::Viewer)] {
            members::put(&mut tx, campaign, &user.parse().unwrap(), role).await.unwrap();
        }
        self.publisher.publish(tx.commit().await.unwrap());
    }

    pub fn event(&self) -> Event {
        event_of(self.campaign, None)
    }

    pub async fn record(&self, event: Event) {
        let mut tx = self.store.begin().await.unwrap();
        tx.record(event, &origin()).await.unwrap();
        self.publisher.publish(tx.commit().await.unwrap());
    }

    pub async fn commit(&self, count: usize) {
        for _ in 0..count {
            self.record(self.event()).await;
        }
    }

    /// Commits an event whose hint never leaves.
    pub async fn commit_silently(&self, count: usize) {
        for _ in 0..count {
            let mut tx = self.store.begin().await.unwrap();
            tx.record(self.event(), &origin()).await.unwrap();
            tx.commit().await.unwrap();
        }
    }

    /// Commits an event with so many bytes in it.
    pub async fn commit_large(&self, bytes: usize) {
        self.commit_large_to(self.campaign, bytes).await;
    }

    pub async fn commit_large_to(&self, campaign: CampaignId, bytes: usize) {
        let data = serde_json::json!({ "text": "x".repeat(bytes) });
        self.record(event_of(campaign, data.as_object().cloned())).await;
    }

    /// Has a new settlement's room, with one event in it.
    pub async fn settlement(&self) -> Room {
        let settlement_id = SettlementId::from_uuid(Clock::system().uuid());
        self.record(Event::SettlementUpdated(SettlementUpdated {
            settlement_id,
            campaign_id: self.campaign,
            operation: Operation::Create,
            version: 1,
            changed_fields: vec![],
            settlement_data: None,
        }))
        .await;
        Room::Settlement(settlement_id)
    }

    /// Keeps everybody from reading a table; only with a log in a PostgreSQL.
    pub async fn lock(&self, table: &'static str) -> TableLock {
        TableLock::of(self.database.url(), table).await
    }

    pub async fn remove(&self, user: &str) {
        let mut tx = self.store.begin().await.unwrap();
        let user: UserId = user.parse().unwrap();
        let event = Event::MembershipChanged(MembershipChanged {
            campaign_id: self.campaign,
            user_id: user.clone(),
            role: None,
        });
        tx.record(event, &origin()).await.unwrap();
        assert!(members::delete(&mut tx, self.campaign, &user).await.unwrap());
        self.publisher.publish(tx.commit().await.unwrap());
    }

    pub fn room(&self) -> Room {
        Room::Campaign(self.campaign)
    }

    pub fn epoch(&self) -> Epoch {
        self.store.epoch()
    }

    /// Joins the campaign's room, at a position if given: offset, recovered, how many events came with it.
    pub async fn join(
        &self,
        recorder: &Arc<Recorder>,
        position: Option<(Epoch, u64)>,
    ) -> Result<(u64, bool, usize), Code> {
        let position = position.map(|(epoch, offset)| Position { epoch, offset: Offset(offset) });
        self.join_room(recorder, self.room(), position).await
    }

    pub async fn join_room(
        &self,
        recorder: &Arc<Recorder>,
        room: Room,
        position: Option<Position>,
    ) -> Result<(u64, bool, usize), Code> {
        let outlet: Arc<dyn Outlet> = recorder.clone();
        let mut answers = self.hub.join(&outlet, vec![SubscribeRoom { room, position }]).await;
        let joined = answers.remove(0).map_err(|problem| problem.code)?;
        Ok((joined.subscribed.offset.0, joined.subscribed.recovered, joined.subscribed.events.len()))
    }
}

fn event_of(campaign: CampaignId, entity_data: Option<serde_json::Map<String, serde_json::Value>>) -> Event {
    Event::EntityUpdated(EntityUpdated {
        entity_type: EntityKind::Campaign,
        entity_id: campaign.to_string(),
        campaign_id: campaign,
        operation: Operation::Update,
        version: 1,
        changed_fields: vec![],
        entity_data,
    })
}

pub fn origin() -> Metadata {
    Metadata {
        user_id: "ada".parse().unwrap(),
        source: "test".into(),
        correlation_id: "test".into(),
        request_id: None,
    }
}
