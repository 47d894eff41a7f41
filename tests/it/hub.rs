//! The hub over a real log: joins from one snapshot, recovery, and a bus that does its worst.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use fanfare::{
    bus::{Bus, BusError, Delivery, MemoryBus, Publisher},
    clock::Clock,
    hub::{Broadcast, Hub, HubOptions, Outlet, RoomHead},
    protocol::{
        CampaignId, Code, ConnectionId, EntityKind, EntityUpdated, Epoch, Event, MembershipChanged, Metadata,
        Notice, Offset, Operation, Position, Role, Room, Root, StaleReason, SubscribeRoom, Timestamp,
        UnsubscribeCode, UserId,
    },
    store::{
        Retention, Store, StoreOptions,
        campaigns::{self, CampaignRow},
        members,
    },
};
use futures_util::future::BoxFuture;
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc};
use uuid::Uuid;

/// What a connection was sent.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Event(Offset),
    Removed(Room, UnsubscribeCode),
    Notice(Notice),
}

/// A connection that remembers, and can be waited on.
struct Recorder {
    id: ConnectionId,
    user: UserId,
    seen: Mutex<Vec<Seen>>,
    changed: Notify,
}

impl Recorder {
    fn new(user: &str) -> Arc<Self> {
        Arc::new(Self {
            id: ConnectionId::from_uuid(Clock::system().uuid()),
            user: user.parse().unwrap(),
            seen: Mutex::default(),
            changed: Notify::new(),
        })
    }

    fn push(&self, seen: Seen) {
        self.seen.lock().unwrap().push(seen);
        self.changed.notify_waiters();
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until what was seen satisfies `done`.
    async fn until(&self, done: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
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
    async fn until_event(&self, offset: u64) -> Vec<u64> {
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
        self.push(Seen::Event(broadcast.event.offset()));
    }
    fn flush(&self) {}
    fn notify(&self, notice: &Notice) {
        self.push(Seen::Notice(notice.clone()));
    }
    fn joined(&self, _: &Root, _: &Room, _: &Arc<RoomHead>) {}
    fn removed(&self, room: &Room, code: UnsubscribeCode) {
        self.push(Seen::Removed(room.clone(), code));
    }
}

/// A bus that loses, repeats and delays by a fixed pattern, the same on every run.
#[derive(Default)]
struct BadBus {
    inner: MemoryBus,
    held: Mutex<Vec<Delivery>>,
    count: Mutex<u64>,
}

impl Bus for BadBus {
    fn publish(&self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            let turn = {
                let mut count = self.count.lock().unwrap();
                *count += 1;
                *count
            };
            match turn % 5 {
                0 => {}
                1 => self.held.lock().unwrap().push(delivery.clone()),
                2 => self.inner.publish(&[delivery.clone(), delivery.clone()]),
                _ => {
                    self.inner.publish(std::slice::from_ref(delivery));
                    let late = std::mem::take(&mut *self.held.lock().unwrap());
                    self.inner.publish(&late);
                }
            }
        }
    }

    fn follow(&self, root: &Root, sink: mpsc::Sender<Delivery>) -> BoxFuture<'_, Result<(), BusError>> {
        self.inner.follow(root, sink)
    }

    fn unfollow(&self, root: &Root) {
        self.inner.unfollow(root);
    }
}

/// A bus that carries nothing at all.
struct DeadBus;

impl Bus for DeadBus {
    fn publish(&self, _: &[Delivery]) {}
    fn follow(&self, _: &Root, _: mpsc::Sender<Delivery>) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(std::future::ready(Err(BusError("nobody there".into()))))
    }
    fn unfollow(&self, _: &Root) {}
}

struct Fixture {
    store: Store,
    hub: Hub,
    publisher: Publisher,
    campaign: CampaignId,
    _dir: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        Self::over(Arc::new(MemoryBus::default()), HubOptions::default()).await
    }

    /// A campaign with the members ada (owner) and ben (viewer), and one event.
    async fn over(bus: Arc<dyn Bus>, options: HubOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("test.db").display());
        let clock = Clock::system();
        let store = Store::open(StoreOptions::new(url), clock.clone()).await.unwrap();
        store.migrate().await.unwrap();
        let hub = Hub::new(store.clone(), bus.clone(), options);
        let campaign = CampaignId::from_uuid(clock.uuid());
        let fixture = Self { store, hub, publisher: Publisher::new(bus), campaign, _dir: dir };
        let mut tx = fixture.store.begin().await.unwrap();
        let row = CampaignRow {
            id: campaign,
            name: "Test".into(),
            description: String::new(),
            world_time: Timestamp::from_millis(0).unwrap(),
            version: 1,
        };
        tx.record(fixture.event(), &origin()).await.unwrap();
        campaigns::insert(&mut tx, &row).await.unwrap();
        for (user, role) in [("ada", Role::Owner), ("ben", Role::Viewer)] {
            members::put(&mut tx, campaign, &user.parse().unwrap(), role).await.unwrap();
        }
        fixture.publisher.publish(tx.commit().await.unwrap());
        fixture
    }

    fn event(&self) -> Event {
        Event::EntityUpdated(EntityUpdated {
            entity_type: EntityKind::Campaign,
            entity_id: self.campaign.to_string(),
            campaign_id: self.campaign,
            operation: Operation::Update,
            version: 1,
            changed_fields: vec![],
            entity_data: None,
        })
    }

    async fn record(&self, event: Event) {
        let mut tx = self.store.begin().await.unwrap();
        tx.record(event, &origin()).await.unwrap();
        self.publisher.publish(tx.commit().await.unwrap());
    }

    async fn commit(&self, count: usize) {
        for _ in 0..count {
            self.record(self.event()).await;
        }
    }

    async fn remove(&self, user: &str) {
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

    fn room(&self) -> Room {
        Room::Campaign(self.campaign)
    }

    fn epoch(&self) -> Epoch {
        self.store.epoch()
    }

    /// Joins the campaign's room, at a position if given: offset, recovered, how many events came with it.
    async fn join(
        &self,
        recorder: &Arc<Recorder>,
        position: Option<(Epoch, u64)>,
    ) -> Result<(u64, bool, usize), Code> {
        let position = position.map(|(epoch, offset)| Position { epoch, offset: Offset(offset) });
        self.join_room(recorder, self.room(), position).await
    }

    async fn join_room(
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

fn origin() -> Metadata {
    Metadata {
        user_id: "ada".parse().unwrap(),
        source: "test".into(),
        correlation_id: "test".into(),
        request_id: None,
    }
}

// req: T02 T05 N12
#[tokio::test]
async fn members_join_at_the_head_and_others_cannot_tell_absent_from_forbidden() {
    let fixture = Fixture::new().await;
    let (ada, stranger) = (Recorder::new("ada"), Recorder::new("mallory"));
    assert_eq!(fixture.join(&ada, None).await, Ok((1, false, 0)));
    assert_eq!(fixture.join(&stranger, None).await, Err(Code::NotFound));
    for absent in [
        Room::Campaign(CampaignId::from_uuid(Uuid::from_u128(7))),
        format!("settlement:{}", Uuid::from_u128(7)).parse().unwrap(),
        format!("session:{}", Uuid::from_u128(7)).parse().unwrap(),
        "user:ben".parse().unwrap(),
    ] {
        assert_eq!(fixture.join_room(&ada, absent, None).await, Err(Code::NotFound));
    }
    assert_eq!(fixture.join_room(&ada, "user:ada".parse().unwrap(), None).await, Ok((0, false, 0)));
    fixture.commit(2).await;
    assert_eq!(ada.until_event(3).await, [2, 3]);
    assert_eq!(stranger.seen(), []);
}

// req: T16
#[tokio::test]
async fn a_position_brings_exactly_what_was_missed_from_memory_and_from_the_log() {
    let fixture = Fixture::new().await;
    fixture.commit(9).await;
    let epoch = fixture.epoch();
    let at = |offset| Some((epoch.clone(), offset));
    // Nothing is in memory before the first join: this one reads the log.
    assert_eq!(fixture.join(&Recorder::new("ada"), at(4)).await, Ok((10, true, 6)));
    fixture.commit(5).await;
    assert_eq!(fixture.join(&Recorder::new("ada"), at(12)).await, Ok((15, true, 3)));
    assert_eq!(fixture.join(&Recorder::new("ada"), at(15)).await, Ok((15, true, 0)));
    assert_eq!(fixture.join(&Recorder::new("ada"), at(0)).await, Ok((15, true, 15)));
}

/// How many statements have read from the database, in this thread.
fn reads(metrics: &metrics_exporter_prometheus::PrometheusHandle) -> u64 {
    let text = metrics.render();
    let lines = text.lines().filter(|line| line.starts_with("store_queries_total{kind=\"read\""));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// A storm costs a read of places for each batch of joins, whatever was missed: the events are in memory.
// req: T16 N18
#[tokio::test]
async fn short_absences_read_no_events_from_the_database() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let fixture = Fixture::new().await;
    fixture.join(&Recorder::new("ada"), None).await.unwrap();
    fixture.commit(60).await;
    let (epoch, before) = (fixture.epoch(), reads(&metrics));
    let clients: Vec<_> = (0..600).map(|_| Recorder::new("ben")).collect();
    let storm = clients.iter().zip(0..).map(|(client, number)| {
        // Everybody was away for another while.
        let position = 61 - number % 50;
        let joining = fixture.join(client, Some((epoch.clone(), position)));
        async move { (position, joining.await) }
    });
    for (position, joined) in futures_util::future::join_all(storm).await {
        assert_eq!(joined, Ok((61, true, (61 - position) as usize)));
    }
    let cost = reads(&metrics) - before;
    assert!((1..=4).contains(&cost), "{cost} reads for 600 clients");
}

#[tokio::test]
async fn what_cannot_be_recovered_is_said() {
    let fixture = Fixture::over(
        Arc::new(MemoryBus::default()),
        HubOptions { recovery_events: 20, ..HubOptions::default() },
    )
    .await;
    fixture.commit(30).await;
    let epoch = fixture.epoch();
    let refused = Ok((31, false, 0));
    assert_eq!(fixture.join(&Recorder::new("ada"), Some((epoch.clone(), 10))).await, refused, "too many");
    assert_eq!(
        fixture.join(&Recorder::new("ada"), Some((epoch.clone(), 32))).await,
        refused,
        "from the future"
    );
    assert_eq!(fixture.join(&Recorder::new("ada"), Some(("other".parse().unwrap(), 30))).await, refused);
    // Trimmed: the log keeps five.
    let keep = Retention { age: Duration::ZERO, count: 5 };
    let later = Clock::system().now() + Duration::from_secs(60);
    fixture.store.delete_expired(keep, later.into()).await.unwrap();
    assert_eq!(fixture.join(&Recorder::new("ada"), Some((epoch.clone(), 20))).await, refused, "trimmed");
    assert_eq!(fixture.join(&Recorder::new("ada"), Some((epoch, 26))).await, Ok((31, true, 5)));
}

// req: I2 I4 I5
#[tokio::test]
async fn a_bus_that_loses_repeats_and_reorders_changes_nothing_but_the_time() {
    let options = HubOptions { head_check: Duration::from_millis(50), ..HubOptions::default() };
    let fixture = Fixture::over(Arc::new(BadBus::default()), options).await;
    tokio::spawn(fixture.hub.clone().check_heads());
    let readers = [Recorder::new("ada"), Recorder::new("ben")];
    for reader in &readers {
        fixture.join(reader, None).await.unwrap();
    }
    fixture.commit(203).await;
    for reader in &readers {
        assert_eq!(reader.until_event(204).await, (2..=204).collect::<Vec<_>>());
    }
}

// req: N36 I6
#[tokio::test]
async fn without_any_bus_the_head_check_alone_brings_every_event() {
    let options = HubOptions { head_check: Duration::from_millis(50), ..HubOptions::default() };
    let fixture = Fixture::over(Arc::new(DeadBus), options).await;
    tokio::spawn(fixture.hub.clone().check_heads());
    let ada = Recorder::new("ada");
    fixture.join(&ada, None).await.unwrap();
    fixture.commit(3).await;
    assert_eq!(ada.until_event(4).await, [2, 3, 4]);
}

// req: I8
#[tokio::test]
async fn a_removed_member_is_out_of_every_room_at_the_removals_offset() {
    let fixture = Fixture::new().await;
    let (tab, other_tab, ada) = (Recorder::new("ben"), Recorder::new("ben"), Recorder::new("ada"));
    for recorder in [&tab, &other_tab, &ada] {
        fixture.join(recorder, None).await.unwrap();
    }
    fixture.commit(1).await;
    fixture.remove("ben").await;
    fixture.commit(2).await;
    assert_eq!(ada.until_event(5).await, [2, 3, 4, 5]);
    let removed = Seen::Removed(fixture.room(), UnsubscribeCode::MembershipRevoked);
    for tab in [&tab, &other_tab] {
        let expected = [Seen::Event(Offset(2)), Seen::Event(Offset(3)), removed.clone()];
        assert_eq!(tab.until(|seen| seen.len() >= 3).await, expected);
    }
    assert_eq!(fixture.join(&tab, None).await, Err(Code::NotFound));
}

/// I8 and I9 under a race: whatever the timing, who joins while being removed either is refused, or
/// is in and then taken out, and sees nothing behind the removal.
#[tokio::test]
async fn joining_while_being_removed_never_leaves_somebody_inside() {
    for _ in 0..20 {
        let fixture = Fixture::new().await;
        fixture.join(&Recorder::new("ada"), None).await.unwrap();
        let tabs: Vec<_> = (0..10).map(|_| Recorder::new("ben")).collect();
        let joins =
            async { futures_util::future::join_all(tabs.iter().map(|tab| fixture.join(tab, None))).await };
        let (joined, ()) = tokio::join!(joins, async {
            fixture.commit(1).await;
            fixture.remove("ben").await;
            fixture.commit(1).await;
        });
        let removed = Seen::Removed(fixture.room(), UnsubscribeCode::MembershipRevoked);
        for (tab, joined) in tabs.iter().zip(joined) {
            match joined {
                Err(code) => assert_eq!((code, tab.seen()), (Code::NotFound, vec![])),
                Ok(_) => {
                    let seen = tab.until(|seen| seen.last() == Some(&removed)).await;
                    assert!(!seen.contains(&Seen::Event(Offset(4))), "{seen:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_new_epoch_tells_everybody_to_read_again() {
    let options = HubOptions { head_check: Duration::from_millis(50), ..HubOptions::default() };
    let fixture = Fixture::over(Arc::new(MemoryBus::default()), options).await;
    tokio::spawn(fixture.hub.clone().check_heads());
    let ada = Recorder::new("ada");
    let before = fixture.epoch();
    fixture.join(&ada, None).await.unwrap();
    fixture.store.renew_epoch().await.unwrap();
    let is_stale = |seen: &Seen| match seen {
        Seen::Notice(Notice::RoomStateInvalidated(notice)) => notice.reason == StaleReason::EpochChanged,
        Seen::Notice(_) | Seen::Event(_) | Seen::Removed(..) => false,
    };
    ada.until(|seen| seen.iter().any(is_stale)).await;
    assert_ne!(fixture.epoch(), before);
    assert_eq!(
        fixture.join(&Recorder::new("ada"), Some((before, 1))).await.map(|joined| joined.1),
        Ok(false)
    );
    fixture.commit(1).await;
    assert_eq!(ada.until_event(2).await, [2]);
}

#[tokio::test]
async fn many_joins_at_once_are_all_answered_and_all_follow() {
    let fixture = Fixture::new().await;
    let recorders: Vec<_> = (0..500).map(|_| Recorder::new("ada")).collect();
    let committing = fixture.commit(50);
    let joining =
        futures_util::future::join_all(recorders.iter().map(|recorder| fixture.join(recorder, None)));
    let (joined, ()) = tokio::join!(joining, committing);
    fixture.commit(1).await;
    for (recorder, joined) in recorders.iter().zip(joined) {
        let (offset, ..) = joined.unwrap();
        assert_eq!(recorder.until_event(52).await, (offset + 1..=52).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_root_without_listeners_is_let_go_and_can_come_back() {
    let options = HubOptions { linger: Duration::from_millis(20), ..HubOptions::default() };
    let fixture = Fixture::over(Arc::new(MemoryBus::default()), options).await;
    let mut heads = HashSet::new();
    for _ in 0..5 {
        let ada = Recorder::new("ada");
        let (head, ..) = fixture.join(&ada, None).await.unwrap();
        heads.insert(head);
        fixture.commit(1).await;
        assert_eq!(ada.until_event(head + 1).await, [head + 1]);
        fixture.hub.leave_all(ada.id, &Root::Campaign(fixture.campaign));
        let gone = async {
            while fixture.hub.followed_roots() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), gone).await.expect("the root is let go");
        fixture.commit(1).await;
    }
    assert_eq!(heads, HashSet::from([1, 3, 5, 7, 9]));
}
