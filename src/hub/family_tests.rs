//! The family against a reference model, and the particular cases by name.

use std::sync::Mutex;

use proptest::prelude::*;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::*;
use crate::{
    hub::sequencer::Sequencer,
    protocol::{CampaignId, EventId, EventType, Offsets, SettlementId, StructureId, Timestamp},
};

/// What a connection was sent, in order.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Event(Offset),
    Removed(Room, UnsubscribeCode),
    Notice(Notice),
}

struct Recorder {
    id: ConnectionId,
    user: UserId,
    seen: Mutex<Vec<Seen>>,
    flushed: Mutex<usize>,
}

impl Recorder {
    fn new(number: u128, user: &str) -> Arc<Self> {
        Arc::new(Self {
            id: ConnectionId::from_uuid(Uuid::from_u128(number)),
            user: user.parse().unwrap(),
            seen: Mutex::default(),
            flushed: Mutex::default(),
        })
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn push(&self, seen: Seen) {
        self.seen.lock().unwrap().push(seen);
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
    fn flush(&self) {
        *self.flushed.lock().unwrap() += 1;
    }
    fn notify(&self, notice: &Notice) {
        self.push(Seen::Notice(notice.clone()));
    }
    fn joined(&self, _: &Root, _: &Room, _: &Arc<RoomHead>) {}
    fn withdrawn(&self, _: &Room) {}
    fn removed(&self, room: &Room, code: UnsubscribeCode) {
        self.push(Seen::Removed(room.clone(), code));
    }
}

fn root() -> Root {
    Root::Campaign(CampaignId::from_uuid(Uuid::nil()))
}

/// Room 0 is the campaign, 1 and 2 a settlement and a structure of it.
fn room(number: usize) -> Room {
    match number {
        0 => root().room(),
        1 => Room::Settlement(SettlementId::from_uuid(Uuid::from_u128(1))),
        _ => Room::Structure(StructureId::from_uuid(Uuid::from_u128(2))),
    }
}

fn family() -> Family {
    Family::new(History::new(1000, 1 << 20), Attendance::new(100, false))
}

fn event(offsets: &[(usize, u64)], effect: Option<Effect>) -> Arc<LoggedEvent> {
    let offsets = offsets.iter().map(|(number, offset)| (room(*number), Offset(*offset))).collect();
    Arc::new(LoggedEvent {
        root: root(),
        epoch: "epoch".parse().unwrap(),
        id: EventId::from_uuid(Uuid::nil()),
        event_type: EventType::EntityUpdated,
        timestamp: Timestamp::from_millis(0).unwrap(),
        offsets: Offsets(offsets),
        effect,
        json: RawValue::from_string("{}".into()).unwrap().into(),
    })
}

fn outlet(recorder: &Arc<Recorder>) -> Arc<dyn Outlet> {
    recorder.clone()
}

#[test]
fn a_connection_in_several_rooms_of_an_event_gets_it_once() {
    let mut family = family();
    let (both, one, none) = (Recorder::new(1, "ada"), Recorder::new(2, "ada"), Recorder::new(3, "ben"));
    family.join(&root(), &outlet(&both), &room(0), Offset(0));
    family.join(&root(), &outlet(&both), &room(1), Offset(0));
    family.join(&root(), &outlet(&one), &room(1), Offset(0));
    family.join(&root(), &outlet(&none), &room(2), Offset(0));
    family.deliver(event(&[(0, 1), (1, 1)], None));
    assert_eq!(both.seen(), [Seen::Event(Offset(1))]);
    assert_eq!(one.seen(), [Seen::Event(Offset(1))]);
    assert_eq!(none.seen(), []);
    assert_eq!(family.take_unflushed().len(), 2);
    assert!(family.take_unflushed().is_empty());
}

/// I8: the removal itself is the last that the removed user's connections get of the family.
#[test]
fn nothing_follows_a_removal_in_any_room_or_tab() {
    let mut family = family();
    let (tab, other_tab, other) = (Recorder::new(1, "ada"), Recorder::new(2, "ada"), Recorder::new(3, "ben"));
    for recorder in [&tab, &other_tab, &other] {
        family.join(&root(), &outlet(recorder), &room(0), Offset(0));
    }
    family.join(&root(), &outlet(&tab), &room(1), Offset(0));
    family.deliver(event(&[(0, 1)], Some(Effect::MemberRemoved("ada".parse().unwrap()))));
    family.deliver(event(&[(0, 2), (1, 1)], None));
    let revoked = |number| Seen::Removed(room(number), UnsubscribeCode::MembershipRevoked);
    assert_eq!(tab.seen(), [Seen::Event(Offset(1)), revoked(0), revoked(1)]);
    assert_eq!(other_tab.seen(), [Seen::Event(Offset(1)), revoked(0)]);
    assert_eq!(other.seen(), [Seen::Event(Offset(1)), Seen::Event(Offset(2))]);
}

/// The removal is recorded in the user's own log, too, which the user stays in.
#[test]
fn a_removal_takes_nobody_out_of_their_own_room() {
    let mut family = family();
    let (ada, own) = (Recorder::new(1, "ada"), Root::User("ada".parse().unwrap()));
    family.join(&own, &outlet(&ada), &own.room(), Offset(0));
    let mut told = event(&[], Some(Effect::MemberRemoved("ada".parse().unwrap())));
    let logged = Arc::get_mut(&mut told).unwrap();
    logged.offsets = Offsets([(own.room(), Offset(1))].into_iter().collect());
    logged.root = own;
    family.deliver(told);
    assert_eq!(ada.seen(), [Seen::Event(Offset(1))]);
    assert!(!family.is_empty());
}

#[test]
fn a_deleted_room_is_left_by_all_and_a_deleted_campaign_takes_everything_with_it() {
    let mut family = family();
    let ada = Recorder::new(1, "ada");
    for number in 0..3 {
        family.join(&root(), &outlet(&ada), &room(number), Offset(0));
    }
    family.deliver(event(&[(0, 1), (1, 1)], Some(Effect::RoomClosed(room(1)))));
    family.deliver(event(&[(0, 2)], Some(Effect::RoomClosed(room(0)))));
    family.deliver(event(&[(0, 3)], None));
    let deleted = |number| Seen::Removed(room(number), UnsubscribeCode::Deleted);
    let expected = [Seen::Event(Offset(1)), deleted(1), Seen::Event(Offset(2)), deleted(0), deleted(2)];
    assert_eq!(ada.seen(), expected);
    assert!(family.is_empty());
}

#[test]
fn presence_counts_users_and_not_tabs_and_is_told_in_batches() {
    let mut family = family();
    let watcher = Recorder::new(9, "eve");
    let tabs = [Recorder::new(1, "ada"), Recorder::new(2, "ada")];
    family.join(&root(), &outlet(&tabs[0]), &room(0), Offset(0));
    family.attendance.watch(&room(0), outlet(&watcher), None);
    family.join(&root(), &outlet(&tabs[1]), &room(0), Offset(0));
    family.join(&root(), &outlet(&Recorder::new(3, "ben")), &room(0), Offset(0));
    family.leave(tabs[0].id, &room(0));
    assert!(family.attendance.has_news());
    family.attendance.tell();
    family.leave_all(tabs[1].id);
    family.attendance.tell();
    let lists: Vec<_> = watcher
        .seen()
        .into_iter()
        .map(|seen| match seen {
            Seen::Notice(Notice::Presence(p)) => (p.members, p.joined, p.left),
            other => panic!("{other:?}"),
        })
        .collect();
    let users = |name: &str| Some(vec![name.parse().unwrap()]);
    assert_eq!(lists, [(users("ada"), None, None), (None, users("ben"), None), (None, None, users("ada"))]);
}

#[test]
fn history_gives_everything_since_a_position_or_nothing() {
    let mut history = History::new(4, 1 << 20);
    // The settlement's offsets 1, 2, 3 at the campaign's 2, 4, 6.
    for offset in 1..=6 {
        let own = [(0, offset), (1, offset / 2)];
        history.push(event(if offset % 2 == 0 { &own } else { &own[..1] }, None));
    }
    let since =
        |position, limit| history.since(&room(1), Offset(position), Offset(3), limit).map(|e| e.len());
    assert_eq!([since(3, 9), since(2, 9), since(1, 9)], [Some(0), Some(1), Some(2)]);
    assert_eq!(since(0, 9), None, "the first event has left the window");
    assert_eq!(since(1, 1), None, "more than the limit");
    assert_eq!(history.since(&room(1), Offset(4), Offset(3), 9).map(|e| e.len()), None, "from the future");
    assert_eq!(history.since(&room(2), Offset(0), Offset(1), 9).map(|e| e.len()), None, "unknown here");
}

#[test]
fn history_is_bounded_by_bytes_too() {
    let mut history = History::new(1000, 10);
    (1..=20).for_each(|offset| history.push(event(&[(0, offset)], None)));
    assert_eq!(history.since(&room(0), Offset(15), Offset(20), 99).map(|e| e.len()), Some(5));
    assert_eq!(history.since(&room(0), Offset(14), Offset(20), 99).map(|e| e.len()), None);
}

/// What can happen to a family, numbers picking whom and where.
#[derive(Debug, Clone)]
enum Step {
    Join {
        connection: usize,
        room: usize,
    },
    Leave {
        connection: usize,
        room: usize,
    },
    End {
        connection: usize,
    },
    Commit {
        rooms: usize,
        remove: Option<usize>,
    },
    /// The hint of a committed event arrives: any, in any order, any number of times.
    Hint {
        which: usize,
    },
    HeadCheck,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..6_usize, 0..3_usize).prop_map(|(connection, room)| Step::Join { connection, room }),
        1 => (0..6_usize, 0..3_usize).prop_map(|(connection, room)| Step::Leave { connection, room }),
        1 => (0..6_usize).prop_map(|connection| Step::End { connection }),
        6 => (0..4_usize, proptest::option::weighted(0.15, 0..3_usize))
            .prop_map(|(rooms, remove)| Step::Commit { rooms, remove }),
        8 => (0..64_usize).prop_map(|which| Step::Hint { which }),
        1 => Just(Step::HeadCheck),
    ]
}

/// The model: for each connection, which rooms it is in and which root offsets it must have seen.
#[derive(Default)]
struct Expected {
    rooms: HashMap<(usize, usize), ()>,
    events: HashMap<usize, Vec<u64>>,
}

struct World {
    family: Family,
    order: Sequencer<Arc<LoggedEvent>>,
    log: Vec<Arc<LoggedEvent>>,
    heads: [u64; 3],
    recorders: Vec<Arc<Recorder>>,
    expected: Expected,
}

impl World {
    fn new() -> Self {
        // Two connections a user.
        let recorders = (0..6).map(|n| Recorder::new(n as u128 + 1, ["ada", "ben", "cleo"][n / 2])).collect();
        Self {
            family: family(),
            order: Sequencer::new(Offset(0)),
            log: Vec::new(),
            heads: [0; 3],
            recorders,
            expected: Expected::default(),
        }
    }

    /// Delivers what is in order, and tells the model the same from the log alone.
    fn drain(&mut self) {
        while let Some(event) = self.order.pass() {
            let rooms: Vec<usize> = (0..3).filter(|n| event.offsets.get(&room(*n)).is_some()).collect();
            for connection in 0..self.recorders.len() {
                if rooms.iter().any(|room| self.expected.rooms.contains_key(&(connection, *room))) {
                    self.expected.events.entry(connection).or_default().push(event.offset().0);
                }
            }
            if let Some(Effect::MemberRemoved(user)) = &event.effect {
                let recorders = &self.recorders;
                self.expected.rooms.retain(|(connection, _), ()| &recorders[*connection].user != user);
            }
            self.family.deliver(event);
        }
    }

    /// Reads what is missing from the log, as after a head check or before a join.
    fn catch_up(&mut self) {
        self.order.observe_head(Offset(self.log.len() as u64));
        while let Some(gap) = self.order.gap() {
            for event in &self.log[gap.after.0 as usize..gap.upto.0 as usize] {
                self.order.fill(event.offset(), event.clone());
            }
            self.drain();
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Join { connection, room: number } => {
                self.catch_up();
                let outlet = outlet(&self.recorders[connection]);
                self.family.join(&root(), &outlet, &room(number), Offset(self.heads[number]));
                self.expected.rooms.insert((connection, number), ());
            }
            Step::Leave { connection, room: number } => {
                self.family.leave(self.recorders[connection].id, &room(number));
                self.expected.rooms.remove(&(connection, number));
            }
            Step::End { connection } => {
                self.family.leave_all(self.recorders[connection].id);
                self.expected.rooms.retain(|(other, _), ()| *other != connection);
            }
            Step::Commit { rooms, remove } => {
                let numbers: Vec<usize> = match rooms {
                    0 => vec![0],
                    1 => vec![0, 1],
                    2 => vec![0, 2],
                    _ => vec![0, 1, 2],
                };
                numbers.iter().for_each(|number| self.heads[*number] += 1);
                let offsets: Vec<(usize, u64)> = numbers.iter().map(|n| (*n, self.heads[*n])).collect();
                let effect =
                    remove.map(|user| Effect::MemberRemoved(["ada", "ben", "cleo"][user].parse().unwrap()));
                self.log.push(event(&offsets, effect));
            }
            Step::Hint { which } => {
                if !self.log.is_empty() {
                    let event = self.log[which % self.log.len()].clone();
                    self.order.offer(event.offset(), event);
                    self.drain();
                }
            }
            Step::HeadCheck => self.catch_up(),
        }
    }

    fn check(&mut self) {
        self.catch_up();
        for (number, recorder) in self.recorders.iter().enumerate() {
            let seen = recorder.seen().into_iter().filter_map(|seen| match seen {
                Seen::Event(offset) => Some(offset.0),
                Seen::Removed(..) | Seen::Notice(_) => None,
            });
            let expected = self.expected.events.remove(&number).unwrap_or_default();
            assert_eq!(seen.collect::<Vec<_>>(), expected, "connection {number}");
        }
        let rooms: usize = self.family.rooms.values().map(|membership| membership.subscribers.len()).sum();
        assert_eq!(rooms, self.expected.rooms.len());
        for number in 0..3 {
            if let Some(membership) = self.family.rooms.get(&room(number)) {
                assert_eq!(membership.head.get(), Offset(self.heads[number]), "head of room {number}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// I2 to I5 and I8: with hints lost, repeated and reordered, with joins, leaves and removals in
    /// between, every connection sees exactly the log's events of its rooms, in the log's order,
    /// from its join to its leaving or removal.
    #[test]
    fn every_connection_sees_the_log_while_it_may(steps in proptest::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        steps.into_iter().for_each(|step| world.take(step));
        world.check();
    }

    /// I13: when everybody has gone nothing is left.
    #[test]
    fn nothing_stays_behind_those_who_leave(steps in proptest::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        steps.into_iter().for_each(|step| world.take(step));
        (0..6).for_each(|connection| world.take(Step::End { connection }));
        let family = &mut world.family;
        prop_assert!(family.is_empty() && family.by_connection.is_empty() && family.rooms.is_empty());
        prop_assert!(family.take_unflushed().is_empty());
    }
}

#[test]
fn a_full_membership_has_an_index_that_survives_reuse_of_its_places() {
    let mut family = family();
    let first = Recorder::new(1, "ada");
    family.join(&root(), &outlet(&first), &room(0), Offset(0));
    family.deliver(event(&[(0, 1)], None));
    // Its place is given to another before what was queued for it is written.
    family.leave_all(first.id);
    let second = Recorder::new(2, "ben");
    family.join(&root(), &outlet(&second), &room(0), Offset(1));
    assert_eq!(*first.flushed.lock().unwrap(), 1);
    assert!(family.take_unflushed().is_empty());
    family.deliver(event(&[(0, 2)], None));
    assert_eq!(family.take_unflushed().len(), 1);
}
