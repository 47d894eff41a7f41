//! The hub over a real log, on every bus: joins from one snapshot, recovery, and a bus that does its worst.

mod abandoned_watching;
mod absent_roots;
mod late_answers;
mod new_epochs;
mod recovery_bounds;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use fanfare::{
    bus::{Bus, BusError, BusHealth, Delivery, Hint, MemoryBus},
    clock::Clock,
    hub::HubOptions,
    protocol::{CampaignId, Code, Notice, Offset, Room, Root, StaleReason, UnsubscribeCode},
    store::Retention,
};
use futures_util::future::BoxFuture;
use nix::sys::signal::{Signal, kill};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use crate::support::{
    hub::{Buses, Carrier, Fixture, Recorder, Seen},
    postgres,
    redis::Redis,
};

/// One suite for every bus: what it promises does not depend on what carries.
macro_rules! on_every_bus {
    ($($name:ident),* $(,)?) => {
        mod memory {
            use super::*;
            $(#[tokio::test] async fn $name() { super::$name(Buses::Memory).await; })*
        }
        mod redis {
            use super::*;
            $(#[tokio::test] async fn $name() {
                let Some(redis) = Redis::start(stringify!($name)) else { return };
                super::$name(Buses::Redis(Arc::new(redis))).await;
            })*
        }
    };
}

on_every_bus!(
    members_join_at_the_head_and_others_cannot_tell_absent_from_forbidden,
    a_position_brings_exactly_what_was_missed_from_memory_and_from_the_log,
    what_cannot_be_recovered_is_said,
    a_removed_member_is_out_of_every_room_at_the_removals_offset,
    joining_while_being_removed_never_leaves_somebody_inside,
    a_new_epoch_tells_everybody_to_read_again,
    many_joins_at_once_are_all_answered_and_all_follow,
    a_root_without_listeners_is_let_go_and_can_come_back,
);

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

    fn follow(&self, root: &Root, sink: mpsc::Sender<Hint>) -> BoxFuture<'_, Result<(), BusError>> {
        self.inner.follow(root, sink)
    }

    fn unfollow(&self, root: &Root, sink: &mpsc::Sender<Hint>) {
        self.inner.unfollow(root, sink);
    }

    fn health(&self) -> watch::Receiver<BusHealth> {
        self.inner.health()
    }
}

/// A bus that carries nothing at all.
struct DeadBus;

impl Bus for DeadBus {
    fn publish(&self, _: &[Delivery]) {}
    fn follow(&self, _: &Root, _: mpsc::Sender<Hint>) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(std::future::ready(Err(BusError("nobody there".into()))))
    }
    fn unfollow(&self, _: &Root, _: &mpsc::Sender<Hint>) {}
    fn health(&self) -> watch::Receiver<BusHealth> {
        watch::Sender::new(BusHealth::Degraded).subscribe()
    }
}

// req: T02 T05 N12
async fn members_join_at_the_head_and_others_cannot_tell_absent_from_forbidden(buses: Buses) {
    let fixture = Fixture::new(buses.carrier().await).await;
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
async fn a_position_brings_exactly_what_was_missed_from_memory_and_from_the_log(buses: Buses) {
    let fixture = Fixture::new(buses.carrier().await).await;
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
    let fixture = Fixture::new(Carrier::memory()).await;
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

async fn what_cannot_be_recovered_is_said(buses: Buses) {
    let fixture =
        Fixture::over(buses.carrier().await, HubOptions { recovery_events: 20, ..HubOptions::default() })
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
    let fixture = Fixture::over(Carrier::of(Arc::new(BadBus::default())), options).await;
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
    let fixture = Fixture::over(Carrier::of(Arc::new(DeadBus)), options).await;
    tokio::spawn(fixture.hub.clone().check_heads());
    let ada = Recorder::new("ada");
    fixture.join(&ada, None).await.unwrap();
    fixture.commit(3).await;
    assert_eq!(ada.until_event(4).await, [2, 3, 4]);
}

// req: I8
async fn a_removed_member_is_out_of_every_room_at_the_removals_offset(buses: Buses) {
    let fixture = Fixture::new(buses.carrier().await).await;
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
async fn joining_while_being_removed_never_leaves_somebody_inside(buses: Buses) {
    for _ in 0..20 {
        let fixture = Fixture::new(buses.carrier().await).await;
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

async fn a_new_epoch_tells_everybody_to_read_again(buses: Buses) {
    let options = HubOptions { head_check: Duration::from_millis(50), ..HubOptions::default() };
    let fixture = Fixture::over(buses.carrier().await, options).await;
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

async fn many_joins_at_once_are_all_answered_and_all_follow(buses: Buses) {
    let fixture = Fixture::new(buses.carrier().await).await;
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

/// An instance that is behind would never catch up if it worked for those who have stopped waiting and asked again.
#[tokio::test]
async fn a_join_that_nobody_waits_for_any_more_is_not_worked_on() {
    let fixture = Fixture::new(Carrier::memory()).await;
    let (ada, ben) = (Recorder::new("ada"), Recorder::new("ben"));
    fixture.join(&ada, None).await.unwrap();
    // Asked, and given up before the root's task has its turn.
    assert!(futures_util::poll!(Box::pin(fixture.join(&ben, None))).is_pending());
    fixture.join(&ada, None).await.unwrap();
    assert_eq!(ben.entered(), 0);
    fixture.join(&ben, None).await.unwrap();
    assert_eq!(ben.entered(), 1);
}

async fn a_root_without_listeners_is_let_go_and_can_come_back(buses: Buses) {
    let options = HubOptions { linger: Duration::from_millis(20), ..HubOptions::default() };
    let fixture = Fixture::over(buses.carrier().await, options).await;
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

/// A bus over which a test says what it likes.
#[derive(Default)]
struct LyingBus {
    inner: MemoryBus,
    sink: Mutex<Option<mpsc::Sender<Hint>>>,
}

impl LyingBus {
    async fn say(&self, hint: Hint) {
        let sink = self.sink.lock().unwrap().clone().expect("a follower");
        sink.send(hint).await.unwrap();
    }
}

impl Bus for LyingBus {
    fn publish(&self, _: &[Delivery]) {}

    fn follow(&self, root: &Root, sink: mpsc::Sender<Hint>) -> BoxFuture<'_, Result<(), BusError>> {
        *self.sink.lock().unwrap() = Some(sink.clone());
        self.inner.follow(root, sink)
    }

    fn unfollow(&self, root: &Root, sink: &mpsc::Sender<Hint>) {
        self.inner.unfollow(root, sink);
    }

    fn health(&self) -> watch::Receiver<BusHealth> {
        self.inner.health()
    }
}

// req: I3 I4 I6
/// What cannot be true is not believed, and delays nothing: every lie is followed by a look into the log.
#[tokio::test]
async fn a_bus_that_lies_is_not_believed_and_wedges_nothing() {
    let bus = Arc::new(LyingBus::default());
    let fixture = Fixture::over(Carrier::of(bus.clone()), HubOptions::default()).await;
    let ada = Recorder::new("ada");
    fixture.join(&ada, None).await.unwrap();
    let lies = |event: &Delivery| {
        let (mut far, mut foreign, mut elsewhere) =
            ((*event.event).clone(), (*event.event).clone(), (*event.event).clone());
        far.offsets.0[0].1 = Offset(1_000_000);
        foreign.epoch = "another-log".parse().unwrap();
        elsewhere.root = Root::Campaign(CampaignId::from_uuid(Uuid::from_u128(9)));
        let hint = |event| Hint::Event(Delivery { event: Arc::new(event), published_at: None });
        [
            hint(far),
            hint(foreign),
            hint(elsewhere),
            Hint::Reached { epoch: fixture.epoch(), offset: Offset(2_000_000) },
            Hint::Reached { epoch: "another-log".parse().unwrap(), offset: Offset(3) },
            Hint::Doubt,
        ]
    };
    for offset in 2..40 {
        fixture.commit(1).await;
        let page = fixture.store.events_of_room(&fixture.room(), Offset(offset - 1), 1).await.unwrap();
        let truth = Delivery { event: page[0].clone(), published_at: None };
        let lies = lies(&truth);
        bus.say(lies[offset as usize % lies.len()].clone()).await;
        assert_eq!(ada.until_event(offset).await, (2..=offset).collect::<Vec<_>>());
    }
    assert!(ada.seen().iter().all(|seen| matches!(seen, Seen::Event(_))), "nobody was told to read again");
}

// req: I8
/// A database that hangs: subscribers are told within the limit that nothing can be proved, the instance
/// says that it is not ready, and both end by themselves.
#[tokio::test]
async fn a_hung_database_is_told_in_time_and_forgotten_when_it_answers() {
    let Some(server) = postgres::Server::start("a_hung_database_is_told_in_time") else { return };
    let server = Arc::new(server);
    let options = HubOptions {
        head_check: Duration::from_millis(50),
        unverified_after: Duration::from_millis(700),
        ..HubOptions::default()
    };
    let fixture = Fixture::on_postgres(Carrier::memory(), options, &server).await;
    tokio::spawn(fixture.hub.clone().check_heads());
    let ada = Recorder::new("ada");
    fixture.join(&ada, None).await.unwrap();
    let processes = server.children();
    processes.iter().for_each(|process| kill(*process, Signal::SIGSTOP).unwrap());
    let hung = tokio::time::Instant::now();
    let is_unverified = |seen: &Seen| match seen {
        Seen::Notice(Notice::RoomStateInvalidated(notice)) => notice.reason == StaleReason::Unverified,
        Seen::Notice(_) | Seen::Event(_) | Seen::Removed(..) => false,
    };
    ada.until(|seen| seen.iter().any(is_unverified)).await;
    assert!(hung.elapsed() < Duration::from_secs(4), "{:?}", hung.elapsed());
    assert!(!fixture.hub.is_verified());
    processes.iter().for_each(|process| kill(*process, Signal::SIGCONT).unwrap());
    let verified = async {
        while !fixture.hub.is_verified() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), verified).await.expect("it resumes");
    fixture.commit(1).await;
    ada.until_event(2).await;
    assert_eq!(ada.seen().iter().filter(|seen| is_unverified(seen)).count(), 1);
}
